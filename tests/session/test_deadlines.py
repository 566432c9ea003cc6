"""Runs that take too long, and runs under way when their session is closed.

How a deadline ends an op that waits is tested in tests/ops/test_queues.py.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import penstock as tf
from tests.waiting import MOST, Started

LEVELS = {"interpreted": -1, "auto": 0, "compiled": 1}
TOO_LONG = 0.15  # seconds
LIMIT = 100  # milliseconds

levels = pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def config_of(level: int, **fields: Any) -> Any:
    config = tf.ConfigProto(**fields)
    config.graph_options.optimizer_options.global_jit_level = level
    return config


def options(limit: float) -> Any:
    return tf.RunOptions(timeout_in_ms=int(limit))


def delayed(x: Any) -> Any:
    """`x`, after a time that is longer than the limit where `x` is 0."""

    def wait(value: Any) -> Any:
        time.sleep(0 if value else TOO_LONG)
        return value

    result = tf.py_func(wait, [x], tf.float32)
    result.set_shape([])
    return result


def when_compiled(run: Callable[[], Any]) -> Any:
    """What a run gives that takes too long only as long as it has to compile."""
    for _ in range(9):
        with contextlib.suppress(tf.errors.DeadlineExceededError):
            return run()
    return run()


@levels
@pytest.mark.parametrize("then", [tf.identity, lambda y: y * 2.0], ids=["last", "others follow"])
def test_a_run_that_takes_too_long(level: int, then: Any) -> None:
    x = tf.placeholder(tf.float32, [])
    y = then(delayed(x))
    with tf.Session(config=config_of(level)) as session:
        run = session.make_callable(y, [x], accept_options=True)
        for _ in range(2):
            with pytest.raises(tf.errors.DeadlineExceededError, match="Timed out"):
                session.run(y, {x: 0.0}, options=options(LIMIT))
            with pytest.raises(tf.errors.DeadlineExceededError, match="Timed out"):
                run(0.0, options=options(LIMIT))
            assert session.run(y, {x: 1.0}, options=options(MOST * 1000)) > 0
            assert run(1.0, options=options(MOST * 1000)) > 0
        assert session.run(y, {x: 0.0}) == 0  # without a limit


@levels
def test_a_limit_of_all_runs(level: int) -> None:
    x = tf.placeholder(tf.float32, [])
    y = delayed(x) * 2.0
    config = config_of(level, operation_timeout_in_ms=LIMIT)
    with tf.Session(config=config) as session:
        handle = session.partial_run_setup([y], [x])
        run = session.make_callable(y, [x])
        for too_long in (
            lambda: session.run(y, {x: 0.0}),
            lambda: run(0.0),
            lambda: session.partial_run(handle, y, {x: 0.0}),
        ):
            for _ in range(2):
                with pytest.raises(tf.errors.DeadlineExceededError, match="Timed out"):
                    too_long()
        for in_time in (
            lambda: session.run(y, {x: 1.0}),
            lambda: run(1.0),
            lambda: session.partial_run(handle, y, {x: 1.0}),
        ):
            assert when_compiled(in_time) == 2
        assert session.run(y, {x: 0.0}, options=options(MOST * 1000)) == 0


def test_a_run_that_takes_too_long_leaves_what_came_before() -> None:
    before, after = tf.Variable(0.0), tf.Variable(0.0)
    with tf.control_dependencies([before.assign_add(1.0)]):
        y = delayed(tf.constant(0.0))
    with tf.control_dependencies([y]):
        update = after.assign_add(1.0)
    with tf.Session() as session:
        session.run([before.initializer, after.initializer])
        with pytest.raises(tf.errors.DeadlineExceededError):
            session.run(update, options=options(LIMIT))
        assert session.run([before, after]) == [1, 0]


@levels
@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
def test_a_run_under_way_is_cancelled_by_the_end_of_its_session(level: int, resource: bool) -> None:
    """It does not find its variables gone, which would be an error of their own."""
    going, closed = threading.Event(), threading.Event()

    def wait_for_the_end() -> Any:
        going.set()
        closed.wait(MOST)
        return 1.0

    one = tf.py_func(wait_for_the_end, [], tf.float64)
    v = tf.Variable(0.0, use_resource=resource)
    with tf.control_dependencies([one]):
        with tf.control_dependencies([tf.py_func(lambda: 1.0, [], tf.float64)]):
            read = v + tf.random_uniform([])
    session = tf.Session(config=config_of(level))
    session.run(v.initializer)
    running = Started(session.run, read)
    assert going.wait(MOST)
    session.close()
    closed.set()
    try:
        value = running.result()
    except tf.errors.CancelledError:
        return
    assert 0 <= value < 1  # it had all that it needed
