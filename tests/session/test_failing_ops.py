"""A run that fails part-way: what ran before the failing op stays, and the session goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.runtime.cost import PlanCost
from penstock.runtime.reference import run_plan
from penstock.runtime.state import SessionState

FEED = {
    "x:0": np.linspace(-2, 2, 12, dtype=np.float32).reshape(4, 3),
    "t:0": np.array([[1], [3], [-2], [0.5]], np.float32),
}
TRACE = {"trace_level": 3}
# Runs op by op, measured, and as generated code; a compiled step fails while it is traced.
TIERS = {"interpreted": (-1, 4, {}), "auto": (0, 4, {}), "compiled": (1, 1, {})}
TIERS["watched"] = (-1, 2, TRACE)
TIERS["compiled and watched"] = (1, 1, TRACE)


class Switch:
    """Makes a kernel fail while it is on."""

    on = False


class Failing:
    """A kernel that fails while the switch is on."""

    def __init__(self, kernel: Any, switch: Switch) -> None:
        self.__signature__ = inspect.signature(kernel)
        self._kernel = kernel
        self._switch = switch

    def __call__(self, *inputs: Any, **attrs: Any) -> Any:
        if self._switch.on:
            raise ValueError("made to fail")
        return self._kernel(*inputs, **attrs)


@contextlib.contextmanager
def failing(op):
    """While inside, the op fails where its switch is on."""
    switch, spec = Switch(), op.spec
    kernels = {
        name: Failing(kernel, switch)
        for name in ("kernel", "xla_kernel")
        if (kernel := getattr(spec, name)) is not None
    }
    op.spec = dataclasses.replace(spec, **kernels)
    try:
        yield switch
    finally:
        op.spec = spec


def dense(x, name, shape, activation, resource):
    weights = tf.linspace(-1.0, 1.0, shape[0] * shape[1])
    w = tf.Variable(tf.reshape(weights, shape), name=f"{name}_w", use_resource=resource)
    b = tf.Variable(tf.zeros(shape[1:]), name=f"{name}_b", use_resource=resource)
    return activation(tf.matmul(x, w) + b), b


def training_step(resource):
    """Two layers, Momentum, and assignments before and after it; gives what to fetch."""
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    target = tf.placeholder(tf.float32, [None, 1], name="t")
    begun = tf.Variable(0, name="begun", trainable=False, use_resource=resource)
    with tf.control_dependencies([begun.assign_add(1)]):
        x = tf.identity(x)
    hidden, _ = dense(x, "first", [3, 4], tf.nn.relu, resource)
    out, bias = dense(hidden, "second", [4, 1], tf.identity, resource)
    loss = tf.reduce_mean(tf.square(out - target))
    step = tf.train.get_or_create_global_step()
    train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, step)
    last = tf.Variable(0.0, name="last", trainable=False, use_resource=resource)
    with tf.control_dependencies([train]):
        decayed = bias.assign(bias * 0.5)
    with tf.control_dependencies([decayed]):
        return [tf.group(last.assign(loss)), loss]


class Stop(Exception):
    """Ends a run of the reference."""


def run_until(plan, state, number):
    """Runs the plan's steps before the one of that number, op by op."""
    if number == 0:
        return

    class Stopper(PlanCost):
        def observe(self, step, operands, outputs):
            if step is plan.steps[number - 1]:
                raise Stop

    with contextlib.suppress(Stop):
        run_plan(plan, state, list(FEED.values()), Stopper())


def variables(state):
    return {key: np.asarray(slot.value) for key, slot in state._variables.items()}


def check_same(found, expected, name):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(
            found[key], value, rtol=5e-6, atol=1e-6, err_msg=f"{key}, {name}"
        )


def set_to(state, values):
    for key, slot in state._variables.items():
        slot.value = values[key].copy()


@pytest.fixture(scope="module", params=["references", "resources"])
def step(request):
    """(graph, fetches, the variables' first values, plan)."""
    with tf.Graph().as_default() as graph:
        fetches = training_step(request.param == "resources")
        init = tf.global_variables_initializer()
        with tf.Session() as session:
            session.run(init)
            first = variables(session._state)
            assert session.run(fetches, FEED)[1] > 0
            (plan,) = [e.plan for e in session._executors if e.plan.feeds]
    return graph, fetches, first, plan


def reference(first, plan):
    """A state like that of a session, for runs op by op."""
    state = SessionState()
    for operation in plan.graph.get_operations():
        if operation.spec.variable:
            state.variable(operation)
    set_to(state, first)
    return state


@pytest.mark.parametrize("tier", TIERS)
def test_each_op_fails_in_turn(step, tier):
    graph, fetches, first, plan = step
    level, count, options = TIERS[tier]
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    options = {"options": tf.RunOptions(**options), "run_metadata": tf.RunMetadata()}
    assert len(plan.steps) > 30
    for number, at in enumerate(plan.steps):
        op = at.op
        expected = reference(first, plan)
        with failing(op) as switch, tf.Session(graph=graph, config=config) as session:
            for operation in graph.get_operations():
                if operation.spec.variable:
                    session._state.variable(operation)
            set_to(session._state, first)
            switch.on = True
            for _ in range(count):
                with pytest.raises(tf.errors.InvalidArgumentError, match="made to fail") as caught:
                    session.run(fetches, FEED, **options)
                assert caught.value.op is op
                assert f"Original stack trace for '{op.name}'" in str(caught.value)
                assert __file__ in str(caught.value)
                switch.on = False
                run_until(plan, expected, number)
                switch.on = True
                check_same(variables(session._state), variables(expected), op.name)
            switch.on = False
            _, loss = session.run(fetches, FEED, **options)
            _, expected_loss = run_plan(plan, expected, list(FEED.values()))
            np.testing.assert_allclose(loss, expected_loss, rtol=1e-6, err_msg=op.name)
            check_same(variables(session._state), variables(expected), op.name)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("resource", [False, True], ids=["references", "resources"])
def test_a_loop_that_fails_leaves_its_earlier_rounds(tier, resource):
    level, count, options = TIERS[tier]
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        v = tf.Variable(np.zeros(4, np.float32), use_resource=resource)
        most = tf.placeholder(tf.int32, [])

        def body(i):
            with tf.control_dependencies([v.assign_add(tf.ones([4]))]):
                in_time = tf.Assert(i < most, ["too late", i])
            with tf.control_dependencies([in_time]):
                return i + 1

        loop = tf.while_loop(lambda i: i < 5, body, [0])
        session.run(v.initializer)
        expected = 0
        run_options = tf.RunOptions(**options)
        for _ in range(count):
            with pytest.raises(tf.errors.InvalidArgumentError, match="too late") as caught:
                session.run(loop, {most: 2}, run_options, tf.RunMetadata())
            assert "in body" in str(caught.value)
            expected += 3
            assert session.run(v).tolist() == [expected] * 4
            assert session.run(loop, {most: 9}, run_options, tf.RunMetadata()) == 5
            expected += 5
            assert session.run(v).tolist() == [expected] * 4


@pytest.mark.parametrize("level", [-1, 1])
def test_an_op_fails_though_nothing_takes_its_value(level: int) -> None:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        x = tf.placeholder(tf.float32, [])
        missing = tf.Variable(1.0)
        fails = missing.read_value() * 2.0
        passed, _ = tf.identity_n([x, fails])
        with tf.control_dependencies([tf.identity(fails)]):
            waits = x + 1.0
        branch = tf.cond(tf.constant(True), lambda: x * 2.0, lambda: fails)
        for fetch in (passed, waits, branch):
            for _ in range(4):
                with pytest.raises(tf.errors.FailedPreconditionError):
                    session.run(fetch, {x: 1.0})
        session.run(missing.initializer)
        assert session.run([passed, waits, branch], {x: 1.0}) == [1.0, 2.0, 2.0]
