"""Runs of one session in several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.plan.rewriter import make_plan
from penstock.runtime.xla import CompiledCluster
from penstock.session import executors
from tests.waiting import Started

LEVELS = {"interpreted": -1, "auto": 0, "compiled": 1}


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


def session_of(level: int) -> tf.Session:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    return tf.Session(config=config)


def in_threads(count: int, work: Callable[[int], Any]) -> None:
    """Runs `work(number)` in so many threads; raises what the first of them to fail raised."""
    failures: list[BaseException] = []
    together = threading.Barrier(count)

    def guarded(number: int) -> None:
        try:
            together.wait()
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())
@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
def test_sixteen_threads_lose_no_update(level: int, resource: bool) -> None:
    count = tf.Variable(0, use_resource=resource)
    total = tf.Variable(np.zeros(3, np.float32), use_resource=resource)
    update = tf.group(count.assign_add(1), total.assign_add([1, 2, 3]))
    with session_of(level) as session:
        session.run([count.initializer, total.initializer])
        in_threads(16, lambda number: [session.run(update) for _ in range(1000)])
        assert session.run(count) == 16_000
        assert session.run(total).tolist() == [16_000, 32_000, 48_000]


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())
@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
def test_what_an_update_gives_is_its_own(level: int, resource: bool) -> None:
    """Each of the values from 1 to 1600 is seen by exactly one of the runs."""
    count = tf.Variable(0, use_resource=resource)
    update = count.assign_add(1)
    seen: list[int] = []
    with session_of(level) as session:
        session.run(count.initializer)
        in_threads(8, lambda number: seen.extend([session.run(update) for _ in range(200)]))
    assert sorted(seen) == list(range(1, 1601))


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())
@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
def test_reads_beside_updates_see_whole_values(level: int, resource: bool) -> None:
    """A reader never sees a value that is half written, or that a compiled update took over."""
    values = tf.Variable(np.zeros(2000, np.float32), use_resource=resource)
    update = values.assign_add(tf.ones([2000])).op
    largest, smallest = tf.reduce_max(values), tf.reduce_min(values)
    with session_of(level) as session:
        session.run(values.initializer)

        def work(number: int) -> None:
            for _ in range(300):
                if number < 2:
                    session.run(update)
                else:
                    read = session.run(values)
                    assert (read == read[0]).all()

        in_threads(6, work)
        assert session.run([largest, smallest]) == [600, 600]


@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
def test_runs_that_only_read_go_on_while_another_compiles(
    resource: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    v = tf.Variable([1.0, 2.0], use_resource=resource)
    update = v.assign_add([1.0, 1.0]).op
    double = v * 2.0
    compiling, read = threading.Event(), threading.Event()
    compile_cluster = CompiledCluster._compile

    def compile_when_read(cluster: CompiledCluster, *arguments: Any) -> Any:
        if any([step.op is update for step in cluster.steps]):
            compiling.set()
            assert read.wait(timeout=30), "the reader waits for the compilation"
        return compile_cluster(cluster, *arguments)

    failures: list[BaseException] = []

    def run_update() -> None:
        try:
            session.run(update)
        except BaseException as error:
            failures.append(error)

    with session_of(LEVELS["compiled"]) as session:
        session.run(v.initializer)
        session.run(double)
        monkeypatch.setattr(CompiledCluster, "_compile", compile_when_read)
        thread = threading.Thread(target=run_update)
        thread.start()
        assert compiling.wait(timeout=30)
        assert session.run(v).tolist() == [1, 2]
        assert session.run(double).tolist() == [2, 4]
        assert session.run(double + 1.0).tolist() == [3, 5]  # is compiled meanwhile, too
        read.set()
        thread.join()
        assert not failures
        assert session.run(v).tolist() == [2, 3]


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())
def test_the_first_runs_may_come_together(level: int) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.reduce_sum(tf.square(x) + 1.0)
    with session_of(level) as session:

        def work(number: int) -> None:
            for size in (1, 2, 3):
                assert session.run(y, {x: [number] * size}) == size * (number**2 + 1)

        in_threads(8, work)


def test_what_all_threads_want_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.reduce_sum(tf.square(x) + 1.0)
    all_plan = threading.Barrier(8)

    def plan_together(*arguments: Any) -> Any:
        all_plan.wait(timeout=30)
        return make_plan(*arguments)

    with session_of(LEVELS["compiled"]) as session:
        monkeypatch.setattr(executors, "make_plan", plan_together)
        in_threads(8, lambda number: session.run(y, {x: [1.0, 2.0]}))
        (stats,) = session.run_stats()
    assert stats.calls == 8
    assert stats.compiles == 1


def while_it_waits_for_the_lock(
    session: tf.Session, run: Callable[[], Any], meanwhile: Callable[[], Any]
) -> Any:
    """What `run` gives, where `meanwhile` comes between it and the lock that updates take."""
    with session._state.lock:
        started = Started(run)
        assert all([started.waits for _ in range(10)])  # it has compiled, if it does so before
        meanwhile()
    return started.result()


@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
def test_two_threads_may_initialize(resource: bool) -> None:
    first = tf.placeholder(tf.float32, [2])
    v = tf.Variable(first * 2.0, use_resource=resource)
    also = tf.group(v.initializer)
    with session_of(LEVELS["compiled"]) as session:
        assert not session.run(tf.is_variable_initialized(v))
        while_it_waits_for_the_lock(
            session,
            lambda: session.run(also, {first: [1, 2]}),
            lambda: session.run(v.initializer, {first: [3, 4]}),
        )
        assert session.run(v).tolist() == [2, 4]


def test_a_variable_may_change_its_shape_before_a_compiled_run_reads_it() -> None:
    v = tf.Variable([1.0, 2.0], validate_shape=False, use_resource=False)
    longer = tf.assign(v, [1.0, 2.0, 3.0], validate_shape=False).op
    total = tf.reduce_sum(v * 2.0)
    with session_of(LEVELS["compiled"]) as session:
        session.run(v.initializer)
        assert session.run(total) == 6
        found = while_it_waits_for_the_lock(
            session, lambda: session.run(total), lambda: session.run(longer)
        )
        assert found == 12
