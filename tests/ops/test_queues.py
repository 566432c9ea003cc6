"""Queues: waiting, closing, cancelling, deadlines, sharing.

What they hold and in which order they give it is compared with TensorFlow 1.15 by
tests/programs/queues.py. The errors and the orders here were seen in TensorFlow 1.15 too, except
where a test says that penstock differs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.waiting import SHORT, Started


class Numbers:
    """A queue of int32 numbers, with all of its ops made, so that threads only run them."""

    def __init__(self, capacity: int = 3, kind: Any = None, **options: Any) -> None:
        self.session = tf.get_default_session()
        make = kind or tf.FIFOQueue
        self.queue = make(capacity, dtypes=tf.int32, shapes=[[]], **options)
        self.value = tf.placeholder(tf.int32, [])
        self.values = tf.placeholder(tf.int32, [None])
        self.count = tf.placeholder(tf.int32, [])
        self.put_op = self.queue.enqueue(self.value)
        self.put_many_op = self.queue.enqueue_many([self.values])
        self.take_op = self.queue.dequeue()
        self.take_many_op = self.queue.dequeue_many(self.count)
        self.take_up_to_op = self.queue.dequeue_up_to(self.count)
        self.close_op = self.queue.close()
        self.cancel_op = self.queue.close(cancel_pending_enqueues=True)
        self.size_op = self.queue.size()
        self.is_closed_op = self.queue.is_closed()

    def put(self, value: int) -> None:
        self.session.run(self.put_op, {self.value: value})

    def put_many(self, values: Any) -> None:
        self.session.run(self.put_many_op, {self.values: values})

    def take(self) -> int:
        return int(self.session.run(self.take_op))

    def take_many(self, count: int) -> list[int]:
        return list(self.session.run(self.take_many_op, {self.count: count}))

    def take_up_to(self, count: int) -> list[int]:
        return list(self.session.run(self.take_up_to_op, {self.count: count}))

    def close(self) -> None:
        self.session.run(self.close_op)

    def cancel(self) -> None:
        self.session.run(self.cancel_op)

    @property
    def size(self) -> int:
        return int(self.session.run(self.size_op))

    @property
    def closed(self) -> bool:
        return bool(self.session.run(self.is_closed_op))


@pytest.fixture(name="session", params=[-1, 1], ids=["interpreted", "compiled"])
def fixture_session(request: pytest.FixtureRequest) -> Iterator[Any]:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = request.param
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        yield session


@pytest.fixture(name="numbers")
def fixture_numbers(session: Any) -> Numbers:
    return Numbers(name="numbers")


# Waiting


def test_a_full_queue_lets_wait(numbers: Numbers) -> None:
    numbers.put_many([0, 1, 2])
    putting = Started(numbers.put, 9)
    assert putting.waits
    assert numbers.take() == 0
    putting.result()
    assert numbers.take_many(3) == [1, 2, 9]


def test_many_come_in_piece_by_piece(numbers: Numbers) -> None:
    putting = Started(numbers.put_many, range(7))
    assert putting.waits
    assert numbers.size == 3
    assert numbers.take_many(5) == [0, 1, 2, 3, 4]
    putting.result()
    assert numbers.take_up_to(2) == [5, 6]


def test_more_can_be_taken_than_fits(numbers: Numbers) -> None:
    taking = Started(numbers.take_many, 8)
    assert taking.waits
    numbers.put_many(range(8))
    assert taking.result() == list(range(8))


def test_a_waiting_dequeue_collects(numbers: Numbers) -> None:
    taking = Started(numbers.take_many, 3)
    numbers.put_many([1, 2])
    assert taking.waits
    assert numbers.size == 0
    numbers.put(5)
    assert taking.result() == [1, 2, 5]


def test_who_came_first_is_served_first(numbers: Numbers) -> None:
    first = Started(numbers.take_many, 2)
    assert first.waits
    second = Started(numbers.take)
    numbers.put(1)
    assert first.waits
    assert second.waits
    numbers.put_many([2, 3])
    assert first.result() == [1, 2]
    assert second.result() == 3


def test_nothing_never_waits(numbers: Numbers) -> None:
    numbers.put_many([])
    assert numbers.take_many(0) == []
    assert numbers.take_up_to(0) == []


def test_fetched_together_they_meet(session: Any) -> None:
    queue = tf.FIFOQueue(2, tf.int32, shapes=[[]])
    many = [queue.dequeue_many(5), queue.enqueue_many([[1, 2, 3, 4, 5]])]
    value, nothing = Started(session.run, many).result()
    np.testing.assert_array_equal(value, [1, 2, 3, 4, 5])
    assert nothing is None
    one = [queue.dequeue(), queue.enqueue(8)]
    for _ in range(3):  # in whichever way the run is made
        assert Started(session.run, one).result() == [8, None]


def test_control_dependencies_hold_while_others_wait(session: Any) -> None:
    queue = tf.FIFOQueue(2, tf.int32, shapes=[[]])
    taken = queue.dequeue()
    with tf.control_dependencies([taken]):
        size_after = queue.size()
    with tf.control_dependencies([queue.enqueue(4)]):
        doubled = tf.constant(2) * 3
    assert Started(session.run, [size_after, taken, doubled]).result() == [0, 4, 6]


def test_16_threads_lose_nothing(session: Any) -> None:
    numbers = Numbers(capacity=5)
    taken: list[int] = []

    def put(start: int) -> None:
        for value in range(start, start + 25):
            numbers.put(value)

    def take() -> None:
        for _ in range(5):
            taken.extend(numbers.take_many(5))

    threads = [Started(put, 25 * i) for i in range(8)] + [Started(take) for _ in range(8)]
    for thread in threads:
        thread.result()
    assert sorted(taken) == list(range(200))
    assert numbers.size == 0


def test_elements_are_copies(session: Any) -> None:
    queue = tf.FIFOQueue(3, tf.float32, shapes=[[2]])
    fed = tf.placeholder(tf.float32)
    batch = np.array([[1, 2], [3, 4]], np.float32)
    session.run(queue.enqueue_many(fed), {fed: batch})
    session.run(queue.enqueue(fed), {fed: batch[0]})
    batch[:] = 0
    np.testing.assert_array_equal(session.run(queue.dequeue_many(3)), [[1, 2], [3, 4], [1, 2]])


# Closing


def test_a_closed_queue_gives_what_is_left(numbers: Numbers) -> None:
    numbers.put_many([1, 2])
    assert not numbers.closed
    numbers.close()
    assert numbers.closed
    with pytest.raises(tf.errors.CancelledError, match=r"FIFOQueue '_0_numbers' is closed\."):
        numbers.put(3)
    with pytest.raises(
        tf.errors.OutOfRangeError,
        match=r"FIFOQueue '_0_numbers' is closed and has insufficient elements "
        r"\(requested 3, current size 2\)",
    ) as caught:
        numbers.take_many(3)
    assert caught.value.op is numbers.take_many_op.op
    assert numbers.take_up_to(3) == [1, 2]
    for taking in (numbers.take, lambda: numbers.take_up_to(2)):
        with pytest.raises(tf.errors.OutOfRangeError, match="current size 0"):
            taking()
    with pytest.raises(tf.errors.CancelledError, match="Queue '_0_numbers' is already closed"):
        numbers.close()


def test_a_dequeue_cut_short_puts_back(numbers: Numbers) -> None:
    taking = Started(numbers.take_many, 3)
    numbers.put_many([1, 2])
    assert taking.waits
    numbers.close()
    with pytest.raises(tf.errors.OutOfRangeError, match="requested 1, current size 0"):
        taking.result()
    assert numbers.take_many(2) == [1, 2]


def test_up_to_waits_until_the_queue_is_closed(numbers: Numbers) -> None:
    taking = Started(numbers.take_up_to, 3)
    numbers.put(1)
    assert taking.waits
    numbers.close()
    assert taking.result() == [1]


def test_closing_waits_for_those_that_add(numbers: Numbers) -> None:
    numbers.put_many([1, 2, 3])
    one = Started(numbers.put, 4)
    assert one.waits
    many = Started(numbers.put_many, [5, 6])
    assert many.waits
    closing = Started(numbers.close)
    assert closing.waits
    assert not numbers.closed
    late = Started(numbers.put, 7)
    assert late.waits
    assert [numbers.take() for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    for started in (one, many, closing):
        started.result()
    with pytest.raises(tf.errors.CancelledError, match="is closed"):
        late.result()


def test_cancelling_fails_those_that_add(numbers: Numbers) -> None:
    numbers.put_many([1, 2])
    many = Started(numbers.put_many, [4, 5])
    assert many.waits
    closing = Started(numbers.close)
    assert closing.waits
    numbers.cancel()
    for started in (many, closing):
        with pytest.raises(tf.errors.CancelledError, match="Enqueue operation was cancelled"):
            started.result()
    assert numbers.take_many(3) == [1, 2, 4]
    numbers.cancel()  # a second time is no error


# Runs that end early


def test_closing_the_session_ends_a_dequeue() -> None:
    with tf.Graph().as_default():
        session = tf.Session()
        with session.as_default():
            numbers = Numbers()
    taking = Started(numbers.take)
    assert taking.waits
    session.close()
    with pytest.raises(tf.errors.CancelledError, match="Dequeue operation was cancelled") as caught:
        taking.result()
    assert caught.value.op is numbers.take_op.op


def test_a_deadline_ends_a_dequeue(numbers: Numbers) -> None:
    options = tf.RunOptions(timeout_in_ms=30)
    session = numbers.session
    with pytest.raises(tf.errors.DeadlineExceededError, match="Timed out"):
        Started(lambda: session.run(numbers.take_op, options=options)).result()
    numbers.put(1)
    assert numbers.take() == 1


def test_a_deadline_of_all_runs() -> None:
    config = tf.ConfigProto(operation_timeout_in_ms=30)
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        queue = tf.FIFOQueue(2, tf.int32)
        taken, put = queue.dequeue(), queue.enqueue(5)
        with pytest.raises(tf.errors.DeadlineExceededError):
            Started(session.run, taken).result()
        session.run(put)
        assert session.run(taken) == 5


def test_nothing_is_lost_with_a_run_that_ends_early(numbers: Numbers) -> None:
    """TensorFlow 1.15 loses what a cancelled dequeue_many had collected."""
    numbers.put_many([1, 2])
    options = tf.RunOptions(timeout_in_ms=30)
    with pytest.raises(tf.errors.DeadlineExceededError):
        numbers.session.run(numbers.take_many_op, {numbers.count: 3}, options=options)
    assert numbers.size == 2
    numbers.put(3)
    assert numbers.take_many(3) == [1, 2, 3]


def test_what_a_cancelled_dequeue_gives_back_goes_to_the_next(numbers: Numbers) -> None:
    options = tf.RunOptions(timeout_in_ms=200)
    feed = {numbers.count: 3}
    impatient = Started(lambda: numbers.session.run(numbers.take_many_op, feed, options=options))
    assert impatient.waits
    numbers.put(1)
    patient = Started(numbers.take)
    assert patient.waits
    with pytest.raises(tf.errors.DeadlineExceededError):
        impatient.result()
    assert patient.result() == 1


def test_a_failing_op_ends_a_dequeue_of_its_run(numbers: Numbers) -> None:
    x = tf.placeholder(tf.float32, [])
    started = threading.Event()

    def wait_for_the_dequeue(value: Any) -> Any:
        started.set()
        return value

    checked = tf.check_numerics(tf.py_func(wait_for_the_dequeue, [x], tf.float32), "not a number")
    numbers.put(5)
    fetches = [numbers.take_many_op, checked]
    feeds = {numbers.count: 2, x: np.nan}
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a number") as caught:
        Started(numbers.session.run, fetches, feeds).result()
    assert started.is_set()
    assert caught.value.op is checked.op
    assert numbers.take() == 5
    numbers.put_many([6, 7])
    value, one = numbers.session.run(fetches, {numbers.count: 2, x: 1.0})
    assert list(value) == [6, 7]
    assert one == 1.0


def test_the_cause_of_an_error_stays(numbers: Numbers) -> None:
    def fail() -> Any:
        raise KeyError("the cause")

    failing = tf.py_func(fail, [], tf.int32)
    with pytest.raises(tf.errors.UnknownError) as caught:
        Started(numbers.session.run, [numbers.take_op, failing]).result()
    assert isinstance(caught.value.__cause__, KeyError)


# Sharing


def test_a_shared_name_is_one_queue(session: Any) -> None:
    one = Numbers(name="A", shared_name="common")
    other = Numbers(name="B", shared_name="common")
    taking = Started(other.take)
    assert taking.waits
    one.put(4)
    assert taking.result() == 4
    assert Numbers(name="common").size == 0  # an operation of that name is another queue
    with tf.container("elsewhere"):
        apart = tf.FIFOQueue(3, tf.int32, shapes=[[]], shared_name="common")
    one.put(5)
    assert session.run(apart.size()) == 0


def test_sessions_share_nothing(session: Any) -> None:
    numbers = Numbers(shared_name="common")
    numbers.put(1)
    with tf.Session() as other:
        assert other.run(numbers.size_op) == 0


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        ("FIFOQueue", {"capacity": 3}, "has capacity 2 but requested capacity was 3"),
        (
            "FIFOQueue",
            {"dtypes": tf.float32},
            "has component types int32 but requested component types were float",
        ),
        (
            "FIFOQueue",
            {"shapes": [[1]]},
            "has component shapes [[]] but requested component shapes were [[1]]",
        ),
        ("RandomShuffleQueue", {"min_after_dequeue": 0}, "Expected FIFOQueue, found Random"),
        ("PaddingFIFOQueue", {}, "Expected FIFOQueue, found PaddingFIFOQueueV2"),
    ],
)
def test_a_shared_queue_of_another_kind(
    session: Any, kind: str, options: dict[str, Any], text: str
) -> None:
    common = {"capacity": 2, "dtypes": tf.int32, "shapes": [[]], "shared_name": "common"}
    session.run(tf.FIFOQueue(**common).size())
    size = getattr(tf, kind)(**{**common, **options}).size()
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        session.run(size)
    assert text in caught.value.message


def test_shared_shuffling_queues_agree(session: Any) -> None:
    def size(least: int, seed: int | None) -> Any:
        queue = tf.RandomShuffleQueue(4, least, tf.int32, seed=seed, shared_name="common")
        return session.run(queue.size())

    size(1, 3)
    assert size(1, None) == 0
    with pytest.raises(tf.errors.InvalidArgumentError, match="min_after_dequeue 1 but requested"):
        size(2, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"seeds \(87654321, 3\) but"):
        size(1, 4)


# Kinds


def test_shuffling_keeps_some_until_it_is_closed(session: Any) -> None:
    numbers = Numbers(kind=tf.RandomShuffleQueue, capacity=6, min_after_dequeue=2, seed=7)
    numbers.put_many(range(6))
    taken = numbers.take_many(4)
    taking = Started(numbers.take)
    assert taking.waits
    numbers.close()
    taken += [taking.result(), numbers.take()]
    assert taken == [3, 2, 1, 5, 0, 4]  # TensorFlow's order for the seed
    with pytest.raises(tf.errors.OutOfRangeError, match="RandomShuffleQueue"):
        numbers.take()


def test_shuffling_without_a_seed_varies(session: Any) -> None:
    orders = []
    for _ in range(2):
        numbers = Numbers(kind=tf.RandomShuffleQueue, capacity=40, min_after_dequeue=0)
        numbers.put_many(range(40))
        orders.append(numbers.take_many(40))
        assert sorted(orders[-1]) == list(range(40))
    assert orders[0] != orders[1]


def test_shuffling_needs_room_beyond_what_it_keeps(session: Any) -> None:
    queue = tf.RandomShuffleQueue(2, 5, tf.int32, shapes=[[]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="min_after_dequeue 5 must be < cap"):
        session.run(queue.size())


def test_priorities_are_taken_at_once(session: Any) -> None:
    queue = tf.PriorityQueue(9, tf.string, shapes=[[]])
    taken = queue.dequeue_many(2)
    low, high, middle = [queue.enqueue([i, str(i)]) for i in (5, 1, 3)]
    taking = Started(session.run, taken)
    session.run(low)
    assert taking.waits
    assert session.run(queue.size()) == 1
    session.run(high)
    np.testing.assert_array_equal(taking.result()[0], [1, 5])
    session.run([middle])
    session.run(queue.close())
    with pytest.raises(tf.errors.OutOfRangeError, match="requested 2, current size 1"):
        session.run(taken)
    assert session.run(queue.dequeue()) == [3, b"3"]


def test_a_heap_of_many(session: Any) -> None:
    queue = tf.PriorityQueue(-1, tf.int32, shapes=[[]])
    keys = np.random.RandomState(3).randint(-50, 50, 300)
    session.run(queue.enqueue_many([keys, np.arange(300)]))
    priorities, places = session.run(queue.dequeue_many(300))
    np.testing.assert_array_equal(priorities, np.sort(keys))
    np.testing.assert_array_equal(keys[places], priorities)
    assert len(set(places)) == 300


def test_padding_of_nothing(session: Any) -> None:
    queue = tf.PaddingFIFOQueue(5, [tf.int32, tf.string], shapes=[[None], [2, None]])
    numbers, texts = session.run(queue.dequeue_many(0))
    assert (numbers.shape, texts.shape) == ((0, 0), (0, 2, 0))


# Beside computations


def test_a_run_that_computes_beside_queues_is_compiled_too(session: Any) -> None:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    queue = tf.FIFOQueue(4, tf.float32, shapes=[[3]])
    taken = queue.dequeue()
    total = tf.reduce_sum(tf.exp(taken) * 2.0)
    put = queue.enqueue(tf.sqrt(tf.constant([1.0, 4.0, 9.0]) * tf.random_uniform([3], 1.0, 1.0)))
    with tf.Session(config=config) as other:
        for _ in range(3):
            value, _ = Started(other.run, [total, put]).result()
            np.testing.assert_allclose(value, 2 * np.exp([1.0, 2.0, 3.0]).sum(), rtol=1e-5)


def test_waiting_takes_no_processor_time(numbers: Numbers) -> None:
    taking = Started(numbers.take)
    assert taking.waits
    before = time.process_time()
    assert taking.waits
    assert time.process_time() - before < SHORT / 2
    numbers.put(1)
    assert taking.result() == 1
