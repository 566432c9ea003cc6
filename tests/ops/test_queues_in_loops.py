"""Queues in branches and loops: waiting there, side by side with others, and ending early.

The outcomes were seen in TensorFlow 1.15.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import penstock as tf
from tests.waiting import Started


def new_session(level: int) -> Any:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    return tf.Session(config=config)


@pytest.fixture(name="make", params=[-1, 0, 1], ids=["interpreted", "auto", "compiled"])
def fixture_make(request: pytest.FixtureRequest) -> Iterator[Callable[[], Any]]:
    """Makes sessions of one tier."""
    with tf.Graph().as_default():
        yield lambda: new_session(request.param)


class Loops:
    """A queue, a loop that adds up what it takes, a branch that takes one."""

    def __init__(self) -> None:
        self.queue = tf.FIFOQueue(5, tf.int32, shapes=[[]], name="numbers")
        self.values = tf.placeholder(tf.int32, [None])
        self.put = self.queue.enqueue_many([self.values])
        self.count = tf.placeholder(tf.int32, [])
        _, self.total = tf.while_loop(
            lambda i, total: i < self.count,
            lambda i, total: (i + 1, total + self.queue.dequeue()),
            [0, 0],
        )
        self.wanted = tf.placeholder(tf.bool, [])
        self.taken = tf.cond(self.wanted, self.queue.dequeue, lambda: tf.constant(-1))
        self.size = self.queue.size()
        self.close = self.queue.close()


def test_a_loop_waits_for_each_element(make: Callable[[], Any]) -> None:
    loops = Loops()
    with make() as session:
        adding = Started(session.run, loops.total, {loops.count: 3})
        assert adding.waits
        session.run(loops.put, {loops.values: [1, 2]})
        assert adding.waits
        assert session.run(loops.size) == 0
        session.run(loops.put, {loops.values: [4, 8]})
        assert adding.result() == 7
        assert session.run(loops.size) == 1


def test_a_loop_and_what_it_waits_for_may_be_one_run(make: Callable[[], Any]) -> None:
    loops = Loops()
    feeds = {loops.count: 8, loops.values: range(8)}
    with make() as session:
        for _ in range(3):  # more than the queue holds
            assert Started(session.run, [loops.total, loops.put], feeds).result() == [28, None]


def test_only_the_branch_that_is_taken_takes(make: Callable[[], Any]) -> None:
    loops = Loops()
    with make() as session:
        assert Started(session.run, loops.taken, {loops.wanted: False}).result() == -1
        taking = Started(session.run, loops.taken, {loops.wanted: True})
        assert taking.waits
        session.run(loops.put, {loops.values: [5]})
        assert taking.result() == 5


def test_loops_and_branches_wait_side_by_side(make: Callable[[], Any]) -> None:
    loops = Loops()
    feeds = {loops.count: 3, loops.wanted: True}
    with make() as session:
        both = Started(session.run, [loops.total, loops.taken], feeds)
        assert both.waits
        session.run(loops.put, {loops.values: [1, 10, 100, 1000]})
        assert sum(map(int, both.result())) == 1111


def test_how_a_waiting_loop_ends(make: Callable[[], Any]) -> None:
    loops = Loops()
    session = make()
    start = time.monotonic()
    options = tf.RunOptions(timeout_in_ms=50)
    with pytest.raises(tf.errors.DeadlineExceededError):
        session.run(loops.total, {loops.count: 2}, options=options)
    assert time.monotonic() - start < 5
    adding = Started(session.run, loops.total, {loops.count: 2})
    assert adding.waits
    session.run(loops.close)
    with pytest.raises(tf.errors.OutOfRangeError, match="closed and has insufficient") as caught:
        adding.result()
    assert caught.value.op.type == "QueueDequeueV2"
    other = make()
    adding = Started(other.run, loops.total, {loops.count: 2})
    assert adding.waits
    other.close()
    with pytest.raises(tf.errors.CancelledError, match="Dequeue operation was cancelled"):
        adding.result()
