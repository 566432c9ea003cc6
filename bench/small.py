"""What a call costs when the arithmetic is nothing: runs, callables, stages, state, threads."""

from __future__ import annotations

import threading
from typing import Any

from timing import figure, seconds_of, seconds_per_call


def two_placeholders(tf: Any) -> tuple[Any, Any, Any]:
    """The placeholders a and b, and their sum."""
    tf.reset_default_graph()
    a = tf.placeholder(tf.float32, [], name="a")
    b = tf.placeholder(tf.float32, [], name="b")
    return a, b, a + b


@figure("first run of a + b", "ms", fresh=True)
def first_run(tf: Any) -> float:
    """The first run of the first session of a process, the session already made."""
    a, b, c = two_placeholders(tf)
    with tf.Session() as sess:
        return seconds_of(lambda: sess.run(c, {a: 2.0, b: 3.0}))


@figure("run a + b, two feeds", "µs")
def run_two_feeds(tf: Any) -> float:
    """Session.run of a sum of two fed scalars."""
    a, b, c = two_placeholders(tf)
    with tf.Session() as sess:
        feed = {a: 2.0, b: 3.0}
        return seconds_per_call(lambda: sess.run(c, feed))


@figure("make_callable of it", "µs")
def callable_two_feeds(tf: Any) -> float:
    """The same sum through Session.make_callable."""
    a, b, c = two_placeholders(tf)
    with tf.Session() as sess:
        add = sess.make_callable(c, feed_list=[a, b])
        return seconds_per_call(lambda: add(2.0, 3.0))


@figure("partial_run: setup and two stages", "µs")
def partial_run(tf: Any) -> float:
    """A handle, a stage that feeds both placeholders, a stage that feeds none."""
    a, b, c = two_placeholders(tf)
    d = c * 2.0
    with tf.Session() as sess:
        feed = {a: 2.0, b: 3.0}

        def stages() -> None:
            handle = sess.partial_run_setup([c, d], [a, b])
            sess.partial_run(handle, c, feed)
            sess.partial_run(handle, d)

        return seconds_per_call(stages)


@figure("assign_add on a scalar variable", "µs")
def assign_add(tf: Any) -> float:
    """Counting up."""
    tf.reset_default_graph()
    counter = tf.Variable(0, name="counter")
    count = tf.assign_add(counter, 1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return seconds_per_call(lambda: sess.run(count))


@figure("4 threads × 250 runs", "ms")
def threads(tf: Any) -> float:
    """Four threads share a session and run the sum of two scalars."""
    a, b, c = two_placeholders(tf)
    with tf.Session() as sess:
        feed = {a: 2.0, b: 3.0}

        def work() -> None:
            for _ in range(250):
                sess.run(c, feed)

        def all_threads() -> None:
            workers = [threading.Thread(target=work) for _ in range(4)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()

        return seconds_per_call(all_threads)
