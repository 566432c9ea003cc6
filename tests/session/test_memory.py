"""What is freed, and when: a closed session's state at once, a graph that nobody has with it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.runtime.executor import Executor
from penstock.runtime.state import SessionState
from penstock.runtime.xla import CompiledCluster

LEVELS = {"interpreted": -1, "chosen": 0, "compiled": 1}


def training() -> tuple[Any, list[Any]]:
    """A step of Adam on a small layer with dropout: what is fed, what is run."""
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    hidden = tf.nn.relu(tf.matmul(x, tf.get_variable("w", [4, 8])) + tf.Variable(tf.ones([8])))
    loss = tf.reduce_mean(tf.square(tf.nn.dropout(hidden, 0.5)))
    return x, [tf.train.AdamOptimizer(0.01).minimize(loss), loss]


def loop() -> tuple[Any, list[Any]]:
    """A loop that reads a variable, and its gradient."""
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    w = tf.get_variable("w", [4, 4])
    _, y = tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, tf.matmul(y, w)), [0, x])
    return x, [y, *tf.gradients(y, [w])]


def branch() -> tuple[Any, list[Any]]:
    """A branch that assigns, and the sum of rows of a table."""
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    table = tf.get_variable("table", [64, 4])
    rows = tf.nn.embedding_lookup(table, tf.cast(tf.reduce_sum(x, 1), tf.int64))
    step = tf.train.AdagradOptimizer(0.1).minimize(tf.reduce_sum(rows))
    total = tf.cond(v < 5.0, lambda: v.assign_add(1.0), lambda: tf.identity(v))
    return x, [total, step]


def host_code() -> tuple[Any, list[Any]]:
    """A Python function and a queue, between ops that may be compiled."""
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    queue = tf.FIFOQueue(10, tf.float32, shapes=[])
    put = queue.enqueue(tf.reduce_sum(x))
    with tf.control_dependencies([put]):
        got = queue.dequeue()
    return x, [tf.py_func(lambda value: value + 1, [got], tf.float32)]


PROGRAMS = [training, loop, branch, host_code]


def run_in(session: Any, x: Any, fetches: list[Any], times: int = 4) -> None:
    """Initializes and runs, whole and in stages."""
    feed = {x: np.ones((2, 4), np.float32)}
    for _ in range(times):
        session.run(fetches, feed)
    handle = session.partial_run_setup(fetches, [x])
    session.partial_run(handle, fetches[0], feed)
    session.make_callable(fetches, [x])(feed[x])


def session_of(graph: Any, level: str) -> Any:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = LEVELS[level]
    session = tf.Session(graph=graph, config=config)
    with graph.as_default():
        session.run(tf.global_variables_initializer())
    return session


def living(*kinds: type) -> list[str]:
    """The types of the objects of some kinds that there are, in order."""
    return sorted([type(t).__name__ for t in gc.get_objects() if type(t) in kinds])


@pytest.fixture(name="no_collection")
def fixture_no_collection() -> Iterator[None]:
    """Leaves cycles alone: what goes goes because nothing holds it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.usefixtures("no_collection")
def test_a_closed_session_lets_go_of_all_at_once(
    program: Callable[[], tuple[Any, list[Any]]], level: str
) -> None:
    with tf.Graph().as_default() as graph:
        x, fetches = program()
    held = (SessionState, Executor, CompiledCluster)
    before = living(*held)  # other tests' own
    session = session_of(graph, level)
    run_in(session, x, fetches)
    assert len(living(*held)) > len(before)
    session.close()
    del session
    assert living(*held) == before


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.usefixtures("no_collection")
def test_the_values_of_variables_go_with_the_session(level: str) -> None:
    with tf.Graph().as_default() as graph:
        x, fetches = training()
        variables = tf.global_variables()
    session = session_of(graph, level)
    run_in(session, x, fetches)
    held = [session._state.variable(v.op).value for v in variables if v.shape.rank]
    values = [weakref.ref(value) for value in held]
    assert len(values) == 6  # two weights, each with two slots
    del held
    assert all(value() is not None for value in values)
    session.close()
    assert [value() for value in values] == [None] * 6


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_graph_that_nobody_has_is_freed(
    program: Callable[[], tuple[Any, list[Any]]], level: str
) -> None:
    with tf.Graph().as_default() as graph:
        x, fetches = program()
    session = session_of(graph, level)
    run_in(session, x, fetches)
    session.close()
    seen = weakref.ref(graph)
    del session, graph, x, fetches
    gc.collect()
    assert seen() is None


def test_a_default_graph_is_freed_when_another_takes_its_place() -> None:
    tf.reset_default_graph()
    x, fetches = training()
    seen = weakref.ref(tf.get_default_graph())
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        run_in(session, x, fetches)
    del session, x, fetches
    tf.reset_default_graph()
    gc.collect()
    assert seen() is None


def test_variables_move_to_the_device_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """At no time are all of them in memory twice."""
    arrays: list[weakref.ref[Any]] = []
    alive = []
    move = CompiledCluster._move

    def watched(cluster: CompiledCluster, slot: Any) -> Any:
        alive.append(sum([array() is not None for array in arrays]))
        return move(cluster, slot)

    monkeypatch.setattr(CompiledCluster, "_move", watched)
    with tf.Graph().as_default() as graph:
        variables = [tf.Variable(np.zeros(100, np.float32)) for _ in range(4)]
        step = tf.group(*[variable.assign_add(tf.ones([100])) for variable in variables])
        with session_of(graph, "compiled") as session:
            session.run(tf.global_variables_initializer())
            for variable in variables:
                slot = session._state.variable(variable.op)
                slot.value = np.ones(100, np.float32)
                arrays.append(weakref.ref(slot.value))
            session.run(step)
            assert session.run(variables[3])[0] == 2.0
    assert alive[-1] <= 2  # JAX may hold the last one a little longer
