"""What the cost model says of plans, and so which are compiled: by counts, never by the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.graph.opspec import lookup
from penstock.plan.rewriter import make_plan
from penstock.runtime import cost
from penstock.runtime.executor import Executor, Jit, Tier
from penstock.runtime.reference import run_plan
from penstock.runtime.state import SessionState

LARGE = (64, 2048)


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def tier_of(y: Any, *fed: Any) -> Tier:
    """How a plan is run after its first runs, which measure what it costs."""
    graph = y.graph
    feeds = [op.outputs[0] for op in graph.get_operations() if op.type == "Placeholder"]
    plan = make_plan(graph, [y], feeds)
    executor = Executor(plan, SessionState(), Jit.AUTO, [np.asarray] * len(feeds))
    for _ in range(3):
        executor.run(*fed)
    return executor.tier(tuple([value.shape for value in fed]), cost.PlanCost())


def layer(function: Callable[[Any], Any], dtype: Any = tf.float32) -> Tier:
    """A layer like those of a small net, with `function` for its activation."""
    with tf.Graph().as_default():
        x = tf.placeholder(dtype, LARGE)
        y = x
        for _ in range(3):
            y = function(y * 0.5 + 0.25)
        return tier_of(tf.reduce_sum(y), np.ones(LARGE, dtype.as_numpy_dtype))


@pytest.mark.parametrize("function", [tf.nn.relu, tf.tanh, tf.sigmoid, tf.exp, tf.square, tf.erf])
def test_what_xla_computes_fast_is_compiled(function: Any) -> None:
    assert layer(function).runs_left is not None


@pytest.mark.parametrize("function", [tf.cos, tf.sin, tf.tan, tf.atan, lambda x: tf.pow(x, x)])
def test_what_numpy_computes_faster_is_not(function: Any) -> None:
    assert layer(function) == Tier(False, None)


def test_a_square_is_no_power() -> None:
    assert layer(lambda x: tf.pow(x, 2.0)).runs_left is not None


def test_the_precision_counts() -> None:
    assert layer(tf.log).runs_left is not None
    assert layer(tf.log, tf.float64) == Tier(False, None)


def test_drawing_random_numbers_is_dear_in_numpy() -> None:
    assert tier_of(tf.reduce_sum(tf.random_normal(LARGE))).runs_left is not None


def test_large_arrays_are_dearer_to_move() -> None:
    """An array that no cache holds costs more than many that one does."""
    runs = []
    for rows in (1, 32):
        with tf.Graph().as_default():
            x = tf.placeholder(tf.float32, [None, 65_536])
            y = x
            for _ in range(10 * 32 // rows):
                y = tf.maximum(y, 0.5) - 0.25
            runs.append(tier_of(tf.reduce_sum(y), np.ones([rows, 65_536], np.float32)).runs_left)
    few, many = runs[1], runs[0]
    assert few is not None
    assert many is not None
    assert few < many


def compile_seconds(y: Any) -> float:
    plan = make_plan(y.graph, [y], [])
    found = cost.PlanCost()
    run_plan(plan, SessionState(), [], found)
    return found.compile_seconds


def test_elementwise_ops_in_a_row_compile_as_one() -> None:
    x = tf.random_uniform([8, 8])
    fused = kernels = x
    for _ in range(100):
        fused = tf.tanh(fused + x)
        kernels = tf.tanh(tf.matmul(kernels, x))
    assert 10 * (compile_seconds(fused) - compile_seconds(x)) < compile_seconds(kernels)


def test_the_ops_that_have_prices_of_their_own_are_there() -> None:
    tables = (*cost._ELEMENT_SECONDS.values(), cost._CALLS, cost._COMPILE_SECONDS_OF)
    for table in tables:
        for name in table:
            assert lookup(name).name == name
