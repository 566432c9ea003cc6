"""`tf.train.QueueRunner`: filling queues from threads, their ends, errors, and stored forms.

That the graph, the threads' names and the values are TensorFlow 1.15's is seen in
tests/programs/queue_runners.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import penstock as tf
from tests.waiting import Started, until


@pytest.fixture(name="session")
def fixture_session() -> Iterator[Any]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def counted(session: Any, limit: int, capacity: int = 5, threads: int = 1) -> Any:
    """A queue, and a runner that fills it with the numbers below `limit`."""
    variable = tf.Variable(0, trainable=False)
    session.run(variable.initializer)
    queue = tf.FIFOQueue(capacity, tf.int32, shapes=[[]])
    enqueue = queue.enqueue(variable.count_up_to(limit))
    return queue, tf.train.QueueRunner(queue, [enqueue] * threads)


def finished(threads: list[threading.Thread]) -> None:
    for thread in threads:
        Started(thread.join).result()


def test_it_fills_and_the_coordinator_stops_it(session: Any) -> None:
    queue, runner = counted(session, 1_000_000, threads=4)
    taken = queue.dequeue()
    coord = tf.train.Coordinator()
    threads = runner.create_threads(session, coord=coord, daemon=True, start=True)
    assert len(threads) == 5
    assert runner.create_threads(session, coord=coord) == []  # they run already
    values = {int(session.run(taken)) for _ in range(50)}
    assert len(values) == 50  # each number once
    coord.request_stop()
    Started(lambda: coord.join(threads, stop_grace_period_secs=5)).result()
    assert session.run(queue.is_closed())
    assert runner.exceptions_raised == []


def test_the_end_closes_the_queue(session: Any) -> None:
    queue, runner = counted(session, 12, threads=3)
    threads = runner.create_threads(session, start=True)
    assert len(threads) == 3
    taken = queue.dequeue_up_to(5)
    values = [value for _ in range(3) for value in Started(session.run, taken).result()]
    assert sorted(values) == list(range(12))
    finished(threads)
    with pytest.raises(tf.errors.OutOfRangeError):
        session.run(taken)
    assert runner.create_threads(session) != []  # they ended, so they can be made again


def test_the_end_of_one_of_several_closes_nothing(session: Any) -> None:
    queue = tf.FIFOQueue(100, tf.int32, shapes=[[]])
    variable = tf.Variable(0, trainable=False)
    session.run(variable.initializer)
    gate = threading.Event()

    def wait_for_the_gate() -> Any:
        gate.wait(5)
        raise StopIteration

    late = tf.py_func(wait_for_the_gate, [], tf.int32)
    late.set_shape([])
    short = queue.enqueue(variable.count_up_to(3))
    runner = tf.train.QueueRunner(queue, [short, queue.enqueue(late)])
    size, closed = queue.size(), queue.is_closed()
    first, second = runner.create_threads(session, start=True, daemon=True)
    finished([first])
    assert session.run([size, closed]) == [3, False]
    gate.set()
    finished([second])
    assert session.run(closed)


def test_an_error_reaches_join_with_its_cause(session: Any) -> None:
    def fail() -> Any:
        raise KeyError("the cause")

    queue = tf.FIFOQueue(2, tf.int32)
    runner = tf.train.QueueRunner(queue, [queue.enqueue(tf.py_func(fail, [], tf.int32))])
    coord = tf.train.Coordinator()
    taking = Started(session.run, queue.dequeue())
    assert taking.waits
    threads = runner.create_threads(session, coord=coord, daemon=True, start=True)
    with pytest.raises(tf.errors.UnknownError) as caught:
        Started(lambda: coord.join(threads, stop_grace_period_secs=5)).result()
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.op.type == "PyFunc"
    with pytest.raises(tf.errors.OutOfRangeError):  # for the queue was closed
        taking.result()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_without_a_coordinator_the_runner_keeps_the_error(session: Any) -> None:
    x = tf.placeholder(tf.float32, [])
    queue = tf.FIFOQueue(2, tf.float32)
    runner = tf.train.QueueRunner(queue, [queue.enqueue(x)])
    finished(runner.create_threads(session, start=True))
    (error,) = runner.exceptions_raised
    assert isinstance(error, tf.errors.InvalidArgumentError)
    assert "You must feed a value for placeholder" in str(error)


def test_other_errors_can_mean_the_end(session: Any) -> None:
    queue = tf.FIFOQueue(2, tf.float32)
    enqueue = queue.enqueue(tf.check_numerics(tf.log(-tf.ones([])), "no number"))
    ends = (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError)
    runner = tf.train.QueueRunner(queue, [enqueue], queue_closed_exception_types=ends)
    finished(runner.create_threads(session, start=True))
    assert runner.exceptions_raised == []
    assert session.run(queue.is_closed())


def test_closing_the_session_ends_the_threads() -> None:
    with tf.Graph().as_default():
        session = tf.Session()
        _, runner = counted(session, 1_000_000)
        coord = tf.train.Coordinator()
        threads = runner.create_threads(session, coord=coord, daemon=True, start=True)
        session.close()
        with pytest.raises((tf.errors.CancelledError, RuntimeError)):
            Started(lambda: coord.join(threads, stop_grace_period_secs=5)).result()


def test_all_runners_of_the_graph_are_started(session: Any) -> None:
    queues = []
    for _ in range(2):
        queue, runner = counted(session, 3)
        tf.train.add_queue_runner(runner)
        queues.append(queue)
    assert tf.get_collection(tf.GraphKeys.QUEUE_RUNNERS) != []
    prepared = tf.train.start_queue_runners(session, start=False)
    assert [thread.daemon for thread in prepared] == [True, True]
    assert not any([thread.is_alive() for thread in prepared])
    for thread in prepared:
        thread.start()
    for queue in queues:
        assert list(Started(session.run, queue.dequeue_many(3)).result()) == [0, 1, 2]
    finished(prepared)


def test_other_collections(session: Any) -> None:
    _, runner = counted(session, 3)
    tf.train.queue_runner.add_queue_runner(runner, collection="mine")
    with session.as_default():
        assert tf.train.queue_runner.start_queue_runners() == []
        threads = tf.train.start_queue_runners(coord=tf.train.Coordinator(), collection="mine")
    assert len(threads) == 2
    until(lambda: not threads[0].is_alive())


def test_no_session_to_start_in() -> None:
    with pytest.raises(ValueError, match="No default session is registered"):
        tf.train.start_queue_runners()
    with pytest.raises(TypeError, match=r"sess must be a `tf.Session` object\. Given class"):
        tf.train.start_queue_runners(sess=3)


def test_runners_that_cannot_be(session: Any) -> None:
    queue = tf.FIFOQueue(2, tf.int32)
    enqueue = queue.enqueue(1)
    for arguments in ([], [queue], [queue, []]):
        with pytest.raises(ValueError, match="Must provide queue and enqueue_ops"):
            tf.train.QueueRunner(*arguments)
    for ends in (ValueError, (ValueError,), ()):
        with pytest.raises(TypeError, match=r"must be a tuple of tf\.error types"):
            tf.train.QueueRunner(queue, [enqueue], queue_closed_exception_types=ends)
    message = tf.train.QueueRunner(queue, [enqueue]).to_proto()
    with pytest.raises(ValueError, match="mutually exclusive"):
        tf.train.QueueRunner(queue, queue_runner_def=message)


# Stored forms

# What TensorFlow 1.15 stores for the runner below.
STORED = (
    b"\n\nfifo_queue\x12\x12fifo_queue_enqueue\x12\x12fifo_queue_enqueue"
    b'\x1a\x10fifo_queue_Close"\x12fifo_queue_Close_1*\x01\x0b'
)


def test_the_stored_form_is_tensorflows(session: Any) -> None:
    queue = tf.FIFOQueue(2, tf.int32)
    runner = tf.train.QueueRunner(queue, [queue.enqueue(1)] * 2)
    assert runner.to_proto().SerializeToString() == STORED
    again = tf.train.QueueRunner.from_proto(tf.train.QueueRunnerDef.FromString(STORED))
    assert again.name == runner.name
    assert again.queue is queue.queue_ref.op
    assert again.enqueue_ops == runner.enqueue_ops
    assert (again.close_op, again.cancel_op) == (runner.close_op, runner.cancel_op)
    assert again.queue_closed_exception_types == (tf.errors.OutOfRangeError,)


def test_scopes_of_stored_forms(session: Any) -> None:
    with tf.name_scope("outer"):
        queue = tf.FIFOQueue(2, tf.int32)
        runner = tf.train.QueueRunner(queue, [queue.enqueue(1)])
    assert runner.to_proto(export_scope="other") is None
    message = runner.to_proto(export_scope="outer")
    assert message.queue_name == "fifo_queue"
    again = tf.train.QueueRunner.from_proto(message, import_scope="outer")
    assert again.close_op is runner.close_op


@pytest.mark.parametrize("scope", [None, "loaded"])
def test_a_runner_in_a_meta_graph_runs(session: Any, scope: str | None) -> None:
    queue, runner = counted(session, 3)
    tf.train.add_queue_runner(runner)
    queue.dequeue_many(3, name="three")
    meta_graph = tf.train.export_meta_graph()
    with tf.Graph().as_default() as graph, tf.Session() as other:
        tf.train.import_meta_graph(meta_graph, import_scope=scope)
        other.run(tf.global_variables_initializer())
        threads = tf.train.start_queue_runners(other)
        three = graph.get_tensor_by_name(f"{scope}/three:0" if scope else "three:0")
        assert list(Started(other.run, three).result()) == [0, 1, 2]
        finished(threads)
