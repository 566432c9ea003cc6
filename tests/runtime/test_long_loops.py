"""Loops that go round often in the first runs of a plan: their later rounds run as Python code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.plan.plan import all_steps
from penstock.plan.rewriter import make_plan
from penstock.runtime import reference
from penstock.runtime.cost import PlanCost
from penstock.runtime.executor import Executor, Jit
from penstock.runtime.reference import run_plan
from penstock.runtime.state import SessionState

BEFORE = reference._ROUNDS_BEFORE_CODE
ROUNDS = [0, 1, BEFORE - 1, BEFORE, BEFORE + 1, 3 * BEFORE]


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def power(x: Any, rounds: Any) -> Any:
    """x * 0.9 ** rounds."""
    return tf.while_loop(lambda i, _: i < rounds, lambda i, y: (i + 1, y * 0.9), [0, x])[1]


@pytest.mark.parametrize("rounds", ROUNDS)
def test_each_run_gives_the_same(rounds: int) -> None:
    x = tf.constant([1.0, -2.0])
    count = tf.placeholder(tf.int32, [])
    y = power(x, count)
    slope = tf.gradients(y, x)[0]
    with tf.Session() as session:
        for _ in range(4):  # op by op, measured, then as code
            values = session.run([y, slope], {count: rounds})
            np.testing.assert_allclose(values[0], np.float32([1, -2]) * 0.9**rounds, rtol=1e-5)
            np.testing.assert_allclose(values[1], np.float32([1, 1]) * 0.9**rounds, rtol=1e-5)


def test_loops_in_loops_and_branches() -> None:
    def body(i: Any, total: Any) -> Any:
        inner = power(tf.ones([2]), i)
        return i + 1, tf.cond(i % 2 < 1, lambda: total + inner, lambda: total - inner)

    total = tf.while_loop(lambda i, _: i < 40, body, [0, tf.zeros([2])])[1]
    expected = sum([(-1) ** i * 0.9**i for i in range(40)])
    with tf.Session() as session:
        for _ in range(4):
            np.testing.assert_allclose(session.run(total), [expected] * 2, rtol=1e-5)


def test_each_round_has_its_effects_once() -> None:
    seen: list[int] = []
    count = tf.Variable(0)
    steps = tf.Variable(tf.zeros([5]), use_resource=True)

    def note(i: Any) -> Any:
        seen.append(int(i))
        return i

    def body(i: Any) -> Any:
        changed = [count.assign_add(1), steps.assign_add(tf.ones([5])).op]
        with tf.control_dependencies(changed):
            return tf.reshape(tf.py_func(note, [i], tf.int32), []) + 1

    loop = tf.while_loop(lambda i: i < 50, body, [0])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for run in range(1, 5):
            seen.clear()
            assert session.run(loop) == 50
            assert seen == list(range(50))
            assert session.run(count) == 50 * run
            assert session.run(steps).tolist() == [50 * run] * 5


def test_random_numbers_are_those_of_runs_op_by_op(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = tf.map_fn(lambda _: tf.random_uniform([], seed=3), tf.zeros([40]))
    with tf.Session() as session:
        runs = [session.run(drawn) for _ in range(3)]
    assert np.unique(runs).size == 120
    monkeypatch.setattr(reference, "_ROUNDS_BEFORE_CODE", 1000)
    with tf.Session() as session:
        np.testing.assert_array_equal([session.run(drawn) for _ in range(2)], runs[:2])


@pytest.mark.parametrize("run", [1, 2, 3])
def test_a_late_round_that_fails_names_its_op(run: int) -> None:
    rows = tf.placeholder(tf.float32, [None, None])
    most = tf.placeholder(tf.int32, [])

    def body(i: Any, total: Any) -> Any:
        return i + 1, total + tf.gather(rows, i, name="row")

    total = tf.while_loop(lambda i, _: i < most, body, [0, tf.zeros([2])])[1]
    with tf.Session() as session:
        for _ in range(run - 1):
            session.run(total, {rows: np.ones([30, 2]), most: 20})
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[0, 30\)") as caught:
            session.run(total, {rows: np.ones([30, 2]), most: 40})
        assert caught.value.op.name == "while/row"
        assert "in body" in str(caught.value)
        values = session.run(total, {rows: np.ones([30, 2]), most: 30})
        assert values.tolist() == [30, 30]


def test_a_session_that_closes_ends_the_loop() -> None:
    closed = []
    session = tf.Session()

    def close(i: Any) -> Any:
        if i == 30:
            closed.append(i)
            session.close()
        return i

    loop = tf.while_loop(
        lambda i: i < 1000, lambda i: tf.reshape(tf.py_func(close, [i], tf.int32), []) + 1, [0]
    )
    with pytest.raises(tf.errors.CancelledError):
        session.run(loop)
    assert closed == [30]


def nested() -> Any:
    """A loop of 100 rounds with a loop of 50 in each, and one of 3 after it."""

    def body(i: Any, x: Any) -> Any:
        return i + 1, tf.tanh(power(tf.matmul(x, x), 50))

    x = tf.while_loop(lambda i, _: i < 100, body, [0, tf.ones([16, 16])])[1]
    return power(x, 3)


def test_what_a_run_costs_follows_from_its_first_rounds() -> None:
    plan = make_plan(tf.get_default_graph(), [nested()], [])
    whole, part = PlanCost(), PlanCost()
    run_plan(plan, SessionState(), [], whole)
    state = SessionState()
    executor = Executor(plan, state, Jit.AUTO, [])
    run_plan(plan, state, [], part, executor._code_of_body)
    assert part.ops == whole.ops == len(list(all_steps(plan)))
    assert part.compile_seconds == whole.compile_seconds
    for name in ("interpreted", "compiled", "flops", "nbytes"):
        assert getattr(part, name) == pytest.approx(getattr(whole, name), rel=0.05), name


def test_what_bodies_on_the_host_would_save_follows_too() -> None:
    def body(i: Any, x: Any) -> Any:
        noted = tf.py_func(lambda value: value, [x], tf.float32)
        noted.set_shape(x.shape)
        for _ in range(8):
            noted = tf.tanh(noted @ noted)
        return i + 1, noted

    x = tf.while_loop(lambda i, _: i < 64, body, [0, tf.ones([64, 64])])[1]
    plan = make_plan(tf.get_default_graph(), [x], [])
    executor = Executor(plan, SessionState(), Jit.AUTO, [])
    whole, part = executor._new_cost(), executor._new_cost()
    run_plan(plan, SessionState(), [], whole)
    run_plan(plan, SessionState(), [], part, executor._code_of_body)
    assert whole._saved_by
    assert part._saved_by == pytest.approx(whole._saved_by, rel=0.05)
