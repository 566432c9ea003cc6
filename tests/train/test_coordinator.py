"""`tf.train.Coordinator` and `tf.train.LooperThread`: stopping together, the first error, grace.

The outcomes were seen in TensorFlow 1.15, except where a test says that penstock differs.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

import penstock as tf
from tests.waiting import MOST, Started, until


@pytest.fixture(name="coord")
def fixture_coord() -> Any:
    return tf.train.Coordinator()


@pytest.fixture(name="stuck")
def fixture_stuck() -> Iterator[threading.Thread]:
    """A thread that goes on until the test is over."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait, args=(MOST,), name="stuck", daemon=True)
    thread.start()
    yield thread
    end.set()


def started(function: Any, *args: Any) -> threading.Thread:
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    return thread


# Stopping


def test_a_stop_without_an_error(coord: Any) -> None:
    assert not coord.should_stop()
    assert not coord.wait_for_stop(0.01)
    coord.request_stop()
    assert coord.should_stop()
    assert coord.wait_for_stop(0.01)
    assert not coord.joined
    coord.join()
    assert coord.joined
    coord.request_stop()  # once more is no error


def test_join_waits_for_threads_that_end_by_themselves(coord: Any) -> None:
    done: list[int] = []
    threads = [started(done.append, i) for i in range(3)]
    coord.register_thread(started(lambda: time.sleep(0.05) or done.append(3)))
    coord.join(threads)
    assert sorted(done) == [0, 1, 2, 3]
    assert not coord.should_stop()


def test_join_waits_for_threads_that_are_told_to_stop(coord: Any) -> None:
    ended: list[bool] = []
    threads = [started(lambda: ended.append(coord.wait_for_stop(MOST))) for _ in range(16)]
    joining = Started(coord.join, threads)
    assert joining.waits
    coord.request_stop()
    joining.result()
    assert ended == [True] * 16


def test_threads_that_never_started_are_not_waited_for(coord: Any) -> None:
    coord.join([threading.Thread(target=int)])


def test_a_thread_of_the_group_may_join(coord: Any) -> None:
    """It does not wait for itself after the stop."""
    joining = Started(lambda: (coord.register_thread(threading.current_thread()), coord.join()))
    assert joining.waits
    coord.request_stop()
    with pytest.raises(RuntimeError, match="threads still running"):
        joining.result()


def test_clear_stop_makes_it_as_new(coord: Any) -> None:
    coord.request_stop(ValueError("gone"))
    with pytest.raises(ValueError, match="gone"):
        coord.join()
    coord.clear_stop()
    assert not coord.joined
    assert not coord.should_stop()
    coord.raise_requested_exception()
    coord.join()


# Errors


def test_the_first_error_is_raised(coord: Any) -> None:
    """TensorFlow 1.15 fails where the exception is not being handled at the moment."""
    coord.request_stop(ValueError("first"))
    coord.request_stop(KeyError("second"))
    with pytest.raises(ValueError, match="first"):
        coord.raise_requested_exception()
    for _ in range(2):
        with pytest.raises(ValueError, match="first"):
            coord.join()


def test_an_error_after_the_stop_is_none(coord: Any) -> None:
    coord.request_stop()
    coord.request_stop(ValueError("a consequence"))
    coord.join()


def test_an_error_after_join_is_raised_at_once(coord: Any) -> None:
    coord.request_stop()
    coord.join()
    with pytest.raises(ValueError, match="late"):
        coord.request_stop(ValueError("late"))


def test_the_end_of_a_queue_is_a_clean_stop(coord: Any) -> None:
    coord.request_stop(tf.errors.OutOfRangeError(None, None, "the end"))
    assert coord.should_stop()
    coord.join()


def test_other_clean_stops() -> None:
    coord = tf.train.Coordinator(clean_stop_exception_types=(ValueError,))
    coord.request_stop(ValueError("fine"))
    coord.join()
    coord = tf.train.Coordinator((ValueError,))
    coord.request_stop(tf.errors.OutOfRangeError(None, None, "the end"))
    with pytest.raises(tf.errors.OutOfRangeError):
        coord.join()


def test_what_sys_exc_info_gives(coord: Any) -> None:
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        coord.request_stop(sys.exc_info())
    with pytest.raises(ZeroDivisionError):
        coord.join()


@pytest.mark.parametrize("reason", ["text", (1, 2), (None, "text", None)])
def test_what_is_no_exception(coord: Any, reason: Any) -> None:
    with pytest.raises(TypeError, match="ex must be an exception"):
        coord.request_stop(reason)
    assert not coord.should_stop()


def test_an_exception_in_the_block_goes_to_join_with_its_cause(coord: Any) -> None:
    def where_it_happens() -> None:
        raise KeyError("inside") from OSError("the cause")

    def thread() -> None:
        with coord.stop_on_exception():
            where_it_happens()

    with pytest.raises(KeyError, match="inside") as caught:
        coord.join([started(thread)])
    assert isinstance(caught.value.__cause__, OSError)
    assert "where_it_happens" in "".join(traceback.format_tb(caught.value.__traceback__))


# Grace


def test_a_thread_that_goes_on_is_named(coord: Any, stuck: threading.Thread) -> None:
    coord.request_stop()
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="Coordinator stopped with threads still running: stuck"):
        coord.join([stuck], stop_grace_period_secs=0.1)
    assert 0.1 <= time.monotonic() - start < MOST / 2
    assert coord.joined


def test_the_grace_period_is_for_all_threads_together(coord: Any) -> None:
    end = threading.Event()
    threads = [started(end.wait, MOST) for _ in range(10)]
    coord.request_stop()
    start = time.monotonic()
    coord.join(threads, stop_grace_period_secs=0.1, ignore_live_threads=True)
    assert time.monotonic() - start < 0.8
    end.set()


def test_an_error_counts_more_than_a_thread_that_goes_on(
    coord: Any, stuck: threading.Thread
) -> None:
    coord.register_thread(stuck)
    coord.request_stop(ValueError("first"))
    with pytest.raises(ValueError, match="first"):
        coord.join(stop_grace_period_secs=0.01)


# Loops


def test_a_loop_goes_on_until_the_stop(coord: Any) -> None:
    seen: list[tuple[int, int]] = []

    def loop(a: int, b: int) -> None:
        seen.append((a, b))
        if len(seen) == 3:
            coord.request_stop()

    looper = tf.train.LooperThread.loop(coord, 0.001, target=loop, args=(1,), kwargs={"b": 2})
    assert looper.daemon
    Started(coord.join).result()
    assert seen == [(1, 2)] * 3


def test_an_error_in_a_loop_stops_all(coord: Any) -> None:
    tf.train.LooperThread.loop(coord, None, target=lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        Started(coord.join).result()


def test_what_a_subclass_does(coord: Any) -> None:
    done: list[str] = []

    class Looper(tf.train.LooperThread):  # type: ignore[misc]
        def start_loop(self) -> None:
            done.append("start")

        def run_loop(self) -> None:
            done.append("run")

        def stop_loop(self) -> None:
            done.append("stop")

    Looper(coord, None).start()
    until(lambda: "run" in done)
    coord.request_stop()
    Started(coord.join).result()
    assert done[0] == "start"
    assert done[-1] == "stop"
    assert set(done[1:-1]) == {"run"}


def test_the_interval_is_kept(coord: Any) -> None:
    starts: list[float] = []
    tf.train.LooperThread.loop(coord, 0.02, target=lambda: starts.append(time.monotonic()))
    until(lambda: len(starts) >= 4)
    coord.request_stop()
    coord.join()
    assert starts[3] - starts[0] >= 0.05


def test_loops_that_cannot_be(coord: Any) -> None:
    with pytest.raises(ValueError, match="'coord' argument must be a Coordinator: 3"):
        tf.train.LooperThread(3, 1)
    with pytest.raises(ValueError, match="require that you also pass 'target'"):
        tf.train.LooperThread(coord, 1, args=(1,))
