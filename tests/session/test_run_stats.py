"""`Session.run_stats`: calls, times, compilations and shapes of each kind of run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.runtime.stats import MOST_PENDING, RunRecord, seconds_text


@pytest.fixture(name="graph", autouse=True)
def fixture_graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


def session(level: int) -> Any:
    """A session that compiles always (1), or never (-1)."""
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    return tf.Session(config=config)


def test_counts_each_kind_of_run() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    double, square = tf.multiply(x, 2.0, name="double"), tf.square(x, name="square")
    with tf.Session() as sess:
        for _ in range(5):
            sess.run(double, {x: 1.0})
        for _ in range(3):
            sess.run([double, square], {x: 1.0})
        stats = {(plan.fetches, plan.feeds): plan for plan in sess.run_stats()}
    assert set(stats) == {(("double:0",), ("x:0",)), (("double:0", "square:0"), ("x:0",))}
    assert stats[("double:0",), ("x:0",)].calls == 5
    assert stats[("double:0", "square:0"), ("x:0",)].calls == 3
    assert stats[("double:0",), ("x:0",)].name == "double:0 ← x:0"


def test_times_are_those_of_the_clock() -> None:
    wait = tf.py_func(lambda: time.sleep(0.01), [], [])
    with tf.Session() as sess:
        start = time.perf_counter()
        for _ in range(4):
            sess.run(wait)
        seconds = time.perf_counter() - start
        (plan,) = sess.run_stats()
    assert 0.04 <= plan.total_seconds <= seconds
    assert 0.01 <= plan.median_seconds <= plan.total_seconds


def test_a_run_that_fails_is_not_counted() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    with tf.Session() as sess:
        sess.run(tf.check_numerics(1.0 / x, "inverse", name="inverse"), {x: 1.0})
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run("inverse:0", {x: 0.0})
        (plan,) = sess.run_stats()
    assert plan.calls == 1


def test_callables_and_structures_of_one_plan_are_counted_together() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    y = x + 1.0
    with tf.Session() as sess:
        add = sess.make_callable(y, [x])
        add(1.0)
        sess.run({"sum": y}, {x: 1.0})
        sess.run((y, [y]), {x: 1.0})
        (plan,) = sess.run_stats()
    assert plan.calls == 3


def test_runs_with_options_are_counted() -> None:
    y = tf.placeholder_with_default(1.0, []) + 1.0
    with tf.Session() as sess:
        sess.run(y, options=tf.RunOptions(timeout_in_ms=10_000))
        (plan,) = sess.run_stats()
    assert plan.calls == 1


def test_stages_are_told_as_such() -> None:
    a = tf.placeholder(tf.float32, [], name="a")
    b = tf.placeholder(tf.float32, [], name="b")
    c = tf.add(a, 1.0, name="c")
    d = tf.multiply(c, b, name="d")
    with tf.Session() as sess:
        handle = sess.partial_run_setup([c, d], [a, b])
        for _ in range(3):  # from the second on, batches of one handle
            sess.partial_run(handle, c, {a: 1.0})
            sess.partial_run(handle, d, {b: 2.0})
    stats = {plan.name: plan for plan in sess.run_stats()}
    assert {name: plan.calls for name, plan in stats.items()} == {
        "c:0 ← a:0": 3,
        "d:0 ← b:0": 3,
    }
    assert all(plan.staged for plan in stats.values())


def test_shapes_compilations_and_recompilations() -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    y = tf.nn.relu(tf.matmul(x, tf.ones([3, 3])))
    with session(1) as sess:
        for size in (2, 4, 2, 4):
            sess.run(y, {x: np.ones([size, 3], np.float32)})
        (plan,) = sess.run_stats()
    assert plan.shapes == (((2, 3),), ((4, 3),))
    assert plan.compiles == 2
    assert plan.recompiles == 1
    assert 0 < plan.compile_seconds < plan.total_seconds


@pytest.mark.parametrize("level", [-1, 0])
def test_shapes_of_what_is_interpreted(level: int) -> None:
    x = tf.placeholder(tf.float32, [None], name="x")
    y = x + 1.0
    with session(level) as sess:
        for size in (2, 4, 3, 4):
            sess.run(y, {x: [0.0] * size})
        (plan,) = sess.run_stats()
    assert set(plan.shapes) == {((2,),), ((4,),), ((3,),)}
    assert plan.compiles == 0
    assert plan.compile_seconds == 0


def test_a_changed_graph_keeps_the_counts() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    y = x + 1.0
    with tf.Session() as sess:
        sess.run(y, {x: 1.0})
        y.op._set_device("/cpu:0")  # what was planned is forgotten
        sess.run(y, {x: 1.0})
        (plan,) = sess.run_stats()
    assert plan.calls == 2


def test_threads_lose_no_call() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    y = x + 1.0
    with tf.Session() as sess:
        threads = [
            threading.Thread(target=lambda: [sess.run(y, {x: 1.0}) for _ in range(2000)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (plan,) = sess.run_stats()
    assert plan.calls == 8000


def test_the_median_is_of_the_latest_runs_and_memory_does_not_grow() -> None:
    record = RunRecord((), ())
    for _ in range(MOST_PENDING * 2):
        record.add(1_000)
    for _ in range(200):
        record.add(5_000)
    assert record.calls == MOST_PENDING * 2 + 200
    assert record.total == pytest.approx((MOST_PENDING * 2 + 200 * 5) * 1e-6)
    assert record.median == pytest.approx(5e-6)
    assert len(record.times) <= MOST_PENDING


def test_the_table() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    y = tf.add(x, 1.0, name="y")
    with tf.Session() as sess:
        assert repr(sess.run_stats()) == "no runs yet"
        for _ in range(1200):
            sess.run(y, {x: 1.0})
        stats = sess.run_stats()
    heading, row = str(stats).splitlines()
    assert heading.split() == "run calls total median compiling recompiles shapes".split()
    assert row.startswith("y:0 ← x:0  1,200 ")
    assert len(row) == len(heading)
    assert "<td>y:0 ← x:0</td>" in stats._repr_html_()
    assert len(stats.__rich__().rows) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ns"),
        (2.5e-7, "250 ns"),
        (1.25e-5, "12.5 µs"),
        (9.999e-4, "1 ms"),
        (0.1234, "123 ms"),
        (1.5, "1.5 s"),
        (75.0, "75 s"),
        (1234.0, "1234 s"),
    ],
)
def test_seconds_in_words(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text
