"""How runs are executed: the same results op by op, interpreted and compiled, and the choice."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import penstock as tf
from penstock.graph.stacks import default_graph
from penstock.plan.rewriter import make_plan
from penstock.runtime import interpreter, xla
from penstock.runtime.cost import PlanCost
from penstock.runtime.executor import Executor, Jit
from penstock.runtime.interpreter import Interpreter
from penstock.runtime.state import SessionState


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


def executor_of(fetches, feeds, jit=Jit.AUTO):
    return Executor(
        make_plan(default_graph(), fetches, feeds), SessionState(), jit, [np.asarray] * len(feeds)
    )


@pytest.mark.parametrize("jit", list(Jit))
def test_every_run_of_a_plan_gives_the_same(jit):
    a = tf.placeholder(tf.float32)
    execute = executor_of([tf.multiply(tf.add(a, 1.0), 2.0)], [a], jit)
    for _ in range(6):  # op by op, then measured, then interpreted
        np.testing.assert_array_equal(execute.run(np.float32([1, 2]))[0], [4, 6])


def test_small_work_is_never_compiled():
    a = tf.placeholder(tf.float32)
    execute = executor_of([tf.add(a, 1.0)], [a])
    for _ in range(5000):
        execute.run(np.float32(1))
    assert execute._compiled is None


def test_large_work_that_comes_back_is_compiled_by_count_alone():
    a = tf.placeholder(tf.float32)
    x = a
    for _ in range(60):
        x = tf.multiply(tf.add(x, 1.0), 0.5)
    execute = executor_of([x], [a])
    value = np.ones(100_000, np.float32)
    runs = 0
    while execute._compiled is None:
        execute.run(value)
        runs += 1
        assert runs < 1000
    again = executor_of([x], [a])
    for _ in range(runs - 1):
        again.run(value)
    assert again._compiled is None
    again.run(value)
    assert again._compiled is not None


def test_shapes_that_never_come_back_are_not_compiled():
    a = tf.placeholder(tf.float32)
    x = a
    for _ in range(60):
        x = tf.multiply(tf.add(x, 1.0), 0.5)
    execute = executor_of([x], [a])
    for size in range(20_000, 20_120):
        execute.run(np.ones(size, np.float32))
    assert execute._compiled is None


@pytest.mark.parametrize("jit", [Jit.OFF, Jit.ON])
def test_numpy_warnings_stay_off_and_the_users_setting_stays_on(jit):
    a = tf.placeholder(tf.float32)
    execute = executor_of([tf.log(tf.subtract(a, a))], [a], jit)
    with np.errstate(all="raise"):
        for _ in range(5):
            assert execute.run(np.float32(1))[0] == -np.inf
        with pytest.raises(FloatingPointError):
            np.divide(np.float32(1), np.float32(0))


@pytest.mark.parametrize("jit", [Jit.OFF, Jit.ON])
def test_results_share_no_memory_with_what_was_fed(jit):
    a = tf.placeholder(tf.float32)
    execute = executor_of([tf.reshape(a, [-1]), a], [a], jit)
    fed = np.ones((2, 2), np.float32)
    for _ in range(5):
        flat, same = execute.run(fed)
        flat += 1
        same += 1
        np.testing.assert_array_equal(fed, np.ones((2, 2)))


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_results_share_no_memory_with_variables_and_constants(level):
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    variable = tf.Variable(np.zeros(3, np.float32))
    constant = tf.constant(np.zeros(3, np.float32))
    fetches = [
        variable,
        tf.identity(variable),
        tf.reshape(variable, [3, 1]),
        constant,
        variable.assign_add([0, 0, 0]),
    ]
    with tf.Session(config=config) as session:
        session.run(variable.initializer)
        for _ in range(5):
            for value in session.run(fetches):
                assert value.flags.writeable
                value += 1
            assert session.run(variable).tolist() == [0, 0, 0]


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_an_assigned_feed_is_copied(level):
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    variable = tf.Variable(np.zeros(3, np.float32))
    value = tf.placeholder(tf.float32, [3])
    assign = variable.assign(tf.reshape(value, [3]))
    with tf.Session(config=config) as session:
        for _ in range(5):
            fed = np.ones(3, np.float32)
            session.run(assign.op, {value: fed})
            fed[:] = 7
            assert session.run(variable).tolist() == [1, 1, 1]


@pytest.mark.parametrize("level", [-1, 1])
def test_threads_lose_no_update(level):
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    counter = tf.Variable(0)
    update = counter.assign_add(1).op
    with tf.Session(config=config) as session:
        session.run(counter.initializer)

        def work():
            for _ in range(200):
                session.run(update)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert session.run(counter) == 1600


def test_a_run_inside_a_run():
    a = tf.placeholder(tf.float32)
    inner = tf.exp(a)
    with tf.Session() as session:
        outer = tf.py_func(lambda x: session.run(inner, {a: x}), [a], tf.float32)
        for _ in range(4):
            assert session.run(outer, {a: 0.0}) == 1.0


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_a_variable_fetched_beside_a_feed_is_read_after_the_update(level):
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    step = tf.placeholder(tf.float32)
    total = tf.Variable(0.0)
    update = total.assign_add(step)
    with tf.Session(config=config) as session:
        session.run(total.initializer)
        for number in range(1, 6):
            assert session.run([total, step, update.op], {step: 2.0}) == [2.0 * number, 2.0, None]


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_an_uninitialized_resource_is_told_from_a_reference(level):
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    resource = tf.Variable(1.0, use_resource=True, name="r")
    reference = tf.Variable(1.0, name="w")
    with tf.Session(config=config) as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match="reading resource variable r"):
            session.run(resource + 1.0)
        with pytest.raises(tf.errors.NotFoundError, match="Could not find resource"):
            session.run(resource.assign_add(1.0).op)
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value w"):
            session.run(reference.assign_add(1.0))


def test_long_plans_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions of a long plan pass on what is still needed; errors name the op as ever."""
    monkeypatch.setattr(interpreter, "_LONGEST_FUNCTION", 7)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [3])
        table = tf.Variable([0.0, 0.0, 0.0])
        early = x * 2.0
        y = x
        for _ in range(40):
            y = tf.sin(y) + tf.cos(y) * 0.5
        total = table.assign_add(y + early)
        place = tf.placeholder(tf.int32, [])
        picked = tf.gather(total, place)
        plan = make_plan(x.graph, [y, early, picked], [x, place])
        state = SessionState()
        program = Interpreter(plan, state, plan.steps, [np.asarray, np.asarray])
        assert program.source.count("def run_") > 10
        state.variable(table.op).write(np.zeros(3, np.float32))
        value = np.array([0.1, 0.2, 0.3], np.float32)
        expected = value
        for _ in range(40):
            expected = np.sin(expected) + np.cos(expected) * np.float32(0.5)
        found = program.run(value, 1)
        np.testing.assert_array_equal(found[0], expected)
        np.testing.assert_array_equal(found[1], value * 2)
        np.testing.assert_array_equal(found[2], (expected + value * 2)[1])
        with pytest.raises(Exception, match="7") as caught:
            program.run(value, 7)
        error = program.explain_error(caught.value)
        assert isinstance(error, tf.errors.InvalidArgumentError)
        assert error.op is picked.op


def test_an_accelerator_compiles_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a GPU the first run is compiled, unless the session is told never to."""
    monkeypatch.setattr(xla, "has_accelerator", lambda: True)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [2])
        y = tf.sin(x) * 2.0
        for level, expected in ((0, True), (1, True), (-1, False)):
            config = tf.ConfigProto()
            config.graph_options.optimizer_options.global_jit_level = level
            for given in (config, None) if level == 0 else (config,):
                with tf.Session(config=given) as session:
                    session.run(y, {x: [1.0, 2.0]})
                    (executor,) = session._executors
                    assert (executor._items is not None) is expected
                    assert executor.tier(((2,),), PlanCost()).compiled is expected
