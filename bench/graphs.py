"""What a graph costs: building it, running a long one first and again, many batch sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from timing import figure, seconds_of, seconds_per_call

CHAIN = 2500
LARGE = 10_000
EARLY = 10  # the place of an operation that needs a few others only


def chain(tf: Any) -> tuple[Any, Any]:
    """A chain of 2,500 operations on 16 elements, as a user writes it: input and output."""
    tf.reset_default_graph()
    x = tf.placeholder(tf.float32, [16], name="x")
    factor = tf.constant(0.999)
    y = x
    for _ in range(CHAIN // 2):
        y = y * factor + x
    return x, y


@figure("building, per op", "µs")
def building(tf: Any) -> float:
    """The time per operation of a graph of 5,000, constants included."""

    def build() -> None:
        tf.reset_default_graph()
        y = x = tf.placeholder(tf.float32, [16], name="x")
        for _ in range(CHAIN // 2):
            y = y * 0.999 + x * 0.5

    seconds = seconds_per_call(build)
    return seconds / len(tf.get_default_graph().get_operations())


@figure("2,500-op chain, first run", "ms")
def chain_first_run(tf: Any) -> float:
    """The first run in a new session, of a graph that was never run."""
    x, y = chain(tf)
    with tf.Session() as sess:
        feed = {x: np.ones(16, np.float32)}
        return seconds_of(lambda: sess.run(y, feed))


@figure("2,500-op chain, run", "ms")
def chain_run(tf: Any) -> float:
    """A run of the chain when all is warm."""
    x, y = chain(tf)
    with tf.Session() as sess:
        feed = {x: np.ones(16, np.float32)}
        return seconds_per_call(lambda: sess.run(y, feed), warm_up=2.0)


@figure("120 runs, 120 different batch sizes", "ms")
def batch_sizes(tf: Any) -> float:
    """A small net on batches none of which has the size of another, nor of the first run."""
    tf.reset_default_graph()
    random = np.random.RandomState(0)
    x = tf.placeholder(tf.float32, [None, 32], name="x")
    w1 = tf.constant(random.randn(32, 64).astype(np.float32))
    w2 = tf.constant(random.randn(64, 10).astype(np.float32))
    y = tf.nn.softmax(tf.matmul(tf.nn.relu(tf.matmul(x, w1)), w2))
    batches = [random.randn(size, 32).astype(np.float32) for size in range(1, 122)]
    with tf.Session() as sess:
        sess.run(y, {x: batches[0]})

        def all_batches() -> None:
            for batch in batches[1:]:
                sess.run(y, {x: batch})

        return seconds_of(all_batches)


def large_graph(tf: Any) -> tuple[Any, Any]:
    """A chain of 10,000 operations on 16 elements, in a graph without any other: input and output.

    The same as `graph_of_size` of growth.py.
    """
    tf.reset_default_graph()
    y = x = tf.placeholder(tf.float32, [16], name="x")
    for number in range(LARGE):
        y = tf.tanh(y) if number % 2 else y + x
    return x, y


@figure("10,000-op graph, build", "ms")
def large_build(tf: Any) -> float:
    """Building it once, as a program does."""
    return seconds_of(lambda: large_graph(tf))


@figure("10,000-op graph, first run", "ms")
def large_first_run(tf: Any) -> float:
    """The first run in a new session, which needs all of its operations."""
    x, y = large_graph(tf)
    with tf.Session() as sess:
        feed = {x: np.ones(16, np.float32)}
        return seconds_of(lambda: sess.run(y, feed))


def early_node(sess: Any, x: Any, y: Any) -> Callable[[], Any]:
    """The run of an early operation, in a session that has run the whole graph."""
    early = x.graph.get_operations()[EARLY].outputs[0]
    feed = {x: np.ones(16, np.float32)}
    sess.run(y, feed)
    return lambda: sess.run(early, feed)


@figure("10,000-op graph, one node's first run", "µs")
def large_one_node(tf: Any) -> float:
    """What the size of the graph costs a small part of it."""
    x, y = large_graph(tf)
    with tf.Session() as sess:
        return seconds_of(early_node(sess, x, y))


@figure("10,000-op graph, one node's run", "µs")
def large_one_node_again(tf: Any) -> float:
    """The same when all is warm."""
    x, y = large_graph(tf)
    with tf.Session() as sess:
        return seconds_per_call(early_node(sess, x, y))
