"""The rules of order in docs/how-a-run-happens.md: each test fails under another order.

Every rule holds in each way to run: op by op, as Python code, compiled, and item by item.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf

RUNS = 4  # a plan runs op by op at first, and then as Python code


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


@pytest.fixture(name="session", params=["never", "auto", "at once", "traced"])
def fixture_session(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A session that compiles at another time, or that runs item by item."""
    config = tf.ConfigProto()
    level = {"never": -1, "auto": 0, "at once": 1, "traced": -1}[request.param]
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Session(config=config) as session:
        if request.param == "traced":
            options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
            plain = session.run
            session.run = lambda *arguments: plain(*arguments, options=options)
        yield session


@pytest.fixture(name="variable", params=[False, True], ids=["reference", "resource"])
def fixture_variable(request: pytest.FixtureRequest) -> Callable[[float], Any]:
    """Makes a variable of the one kind or the other."""
    return lambda value: tf.Variable(value, use_resource=request.param)


def recorder(calls: list[str]) -> Callable[..., Any]:
    """Makes an op that notes that it ran."""

    def record(name: str, *inputs: Any) -> Any:
        def note(*values: Any) -> Any:
            calls.append(name)
            return np.float32(0)

        return tf.py_func(note, list(inputs), tf.float32)

    return record


# 1. Data and control dependencies come first


def test_inputs_run_before_the_op_that_takes_them(session: Any) -> None:
    calls: list[str] = []
    note = recorder(calls)
    late = note("made first, takes the other")
    early = note("made last")
    late.op._add_control_input(early.op)
    for _ in range(RUNS):
        calls.clear()
        session.run([late, early])
        assert calls == ["made last", "made first, takes the other"]


def test_a_control_dependency_orders_an_update_and_a_read(session: Any, variable: Any) -> None:
    v = variable(1.0)
    update = tf.assign_add(v, 1.0)
    with tf.control_dependencies([update]):
        after = tf.identity(v.read_value())
    session.run(v.initializer)
    for number in range(RUNS):
        assert session.run(after) == 2.0 + number


# 2. Among ops that are free to run, the one made first


def test_free_ops_run_in_the_order_of_their_creation(session: Any) -> None:
    calls: list[str] = []
    note = recorder(calls)
    a, b, c = [note(name) for name in "abc"]
    for fetches in ([c, b, a], [b, c, a], [a, b, c]):
        for _ in range(RUNS):
            calls.clear()
            session.run(fetches)
            assert calls == ["a", "b", "c"]


def test_updates_without_dependencies_happen_in_the_order_of_their_creation(
    session: Any, variable: Any
) -> None:
    v = variable(1.0)
    add = tf.assign_add(v, 1.0)
    scale = v.assign(v.read_value() * 10.0)
    session.run(v.initializer)
    expected = 1.0
    for _ in range(RUNS):
        session.run([scale, add])
        expected = (expected + 1.0) * 10.0
        assert session.run(v) == expected


# 3. A read sees the value at its place in the order


def test_a_read_between_two_updates_sees_the_first_alone(session: Any) -> None:
    v = tf.Variable(1.0, use_resource=True)
    before = v.read_value()
    first = v.assign_add(1.0, read_value=False)
    between = v.read_value()
    second = v.assign_add(10.0, read_value=False)
    after = v.read_value()
    session.run(v.initializer)
    for number in range(RUNS):
        found = session.run([after, before, second, between, first])
        start = 1.0 + 11.0 * number
        assert found == [start + 11, start, None, start + 1, None]


# 4. v/read of a reference variable is no read of its own


def test_what_takes_the_read_of_a_reference_sees_the_value_at_its_own_place(session: Any) -> None:
    v = tf.Variable(1.0, use_resource=False)
    read = v.value()  # v/read, made before both updates
    before = read * 1.0
    first = tf.assign_add(v, 1.0)
    with tf.control_dependencies([first]):
        between = read * 1.0
    second = tf.assign_add(v, 10.0)
    with tf.control_dependencies([second]):
        after = read * 1.0
    session.run(v.initializer)
    for number in range(RUNS):
        start = 1.0 + 11.0 * number
        assert session.run([before, between, after]) == [start, start + 1, start + 11]


def test_another_identity_of_a_reference_is_a_read_at_its_place(session: Any) -> None:
    v = tf.Variable(1.0, use_resource=False)
    copy = tf.identity(v)
    update = tf.assign_add(v, 1.0)
    with tf.control_dependencies([update]):
        after = copy * 1.0
    session.run(v.initializer)
    for number in range(RUNS):
        assert session.run(after) == 1.0 + number


# 5. A fetched variable is read last


def test_a_fetched_variable_is_read_after_all_updates_of_the_run(
    session: Any, variable: Any
) -> None:
    v = variable(1.0)
    first, second = tf.assign_add(v, 1.0), tf.assign_add(v, 10.0)
    session.run(v.initializer)
    for number in range(RUNS):
        found = session.run([v, first.op, second.op])
        assert found[0] == 12.0 + 11.0 * number


def test_what_an_update_gives_is_the_value_that_it_left(session: Any, variable: Any) -> None:
    v = variable(1.0)
    first = v.assign_add(1.0)
    second = v.assign_add(10.0)
    session.run(v.initializer)
    for number in range(RUNS):
        start = 1.0 + 11.0 * number
        found = session.run([second, first, v])
        assert found == [start + 11, start + 1, start + 11]


# 6. An op runs once in a run, whoever asks for it


def test_an_update_that_many_need_happens_once(session: Any, variable: Any) -> None:
    v = variable(1.0)
    update = v.assign_add(1.0)
    one, other = update * 1.0, update * 2.0
    session.run(v.initializer)
    for number in range(RUNS):
        value = 2.0 + number
        assert session.run([one, other, update]) == [value, 2 * value, value]


# 7. An update is one step: nothing comes between what it reads and what it writes


@pytest.mark.parametrize("level", [-1, 1])
def test_updates_of_several_threads_are_all_counted(variable: Any, level: int) -> None:
    v = variable(0.0)
    update = tf.assign_add(v, 1.0).op
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Session(config=config) as session:
        session.run([v.initializer])
        session.run(update)

        def work() -> None:
            for _ in range(200):
                session.run(update)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert session.run(v) == 801.0


# 8. A run that fails leaves what came before the op that failed


class Failing:
    """A run that updates `v`, fails, and would then update `w`."""

    def __init__(self, variable: Callable[[float], Any], session: Any) -> None:
        self._session = session
        self._v, self._w = variable(1.0), variable(1.0)
        self._x = tf.placeholder(tf.float32, [])
        before = self._v.assign_add(1.0)
        checked = tf.check_numerics(self._x, "bad")
        after = self._w.assign_add(1.0)
        self._fetches = [after, checked, before]
        session.run([self._v.initializer, self._w.initializer])

    def fail(self) -> Any:
        """Runs it; returns what the variables are then."""
        with pytest.raises(tf.errors.InvalidArgumentError, match="bad : Tensor had NaN"):
            self._session.run(self._fetches, {self._x: np.nan})
        return self._session.run([self._v, self._w])


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_updates_before_the_failing_op_stay_and_those_after_it_do_not_happen(
    variable: Any, level: int
) -> None:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Session(config=config) as session:
        failing = Failing(variable, session)
        for number in range(RUNS):
            assert failing.fail() == [2.0 + number, 1.0]


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_updates_before_a_read_of_no_value_stay_and_those_after_it_do_not_happen(
    variable: Any, level: int
) -> None:
    v, w, missing = variable(1.0), variable(1.0), variable(1.0)
    calls: list[str] = []
    noted = recorder(calls)("before", v.read_value())  # keeps what follows from its cluster
    with tf.control_dependencies([noted]):
        before = v.assign_add(1.0)
    read = missing.read_value() * 2.0
    after = w.assign_add(1.0)
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Session(config=config) as session:
        session.run([v.initializer, w.initializer])
        for number in range(RUNS):
            with pytest.raises(tf.errors.FailedPreconditionError):
                session.run([after, read, before])
            assert session.run([v, w]) == [2.0 + number, 1.0]
        assert calls == ["before"] * RUNS
        session.run(missing.initializer)
        assert session.run([after, read, before]) == [2.0, 2.0, 2.0 + RUNS]
