"""map_fn, scan, foldl and foldr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import TIERS, OpSuite, tier_config


class TestFunctional(OpSuite):
    subject = "functional"


SECOND: dict[str, Callable[[Any, Any], Any]] = {
    "map_fn": lambda x, c: tf.map_fn(lambda row: tf.sin(row) * tf.reduce_sum(row * c), x),
    "scan": lambda x, c: tf.scan(lambda a, row: tf.tanh(a * c + row), x),
    "scan_from": lambda x, c: tf.scan(lambda a, row: tf.tanh(a * c) * row, x, c, reverse=True),
    "foldl": lambda x, c: tf.foldl(lambda a, row: tf.sin(a * row) + c, x),
    "foldr": lambda x, c: tf.foldr(lambda a, row: tf.sin(a * row) + a * c, x, c),
    "map_of_scan": lambda x, c: tf.map_fn(
        lambda row: tf.scan(lambda a, v: tf.sin(a) * v + c[0], row), x
    ),
}


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", sorted(SECOND))
def test_second_gradient(name: str, tier: str) -> None:
    """The gradient of a gradient is the difference quotient of the gradient."""
    x = tf.placeholder(tf.float64, [4, 3])
    c = tf.placeholder(tf.float64, [3])
    random = np.random.RandomState(1)
    values = [random.uniform(-1, 1, shape) for shape in [(4, 3), (3,)]]
    away = [random.uniform(-1, 1, shape) for shape in [(4, 3), (3,)]]
    total = tf.reduce_sum(tf.square(SECOND[name](x, c)))
    slope = tf.add_n([tf.reduce_sum(g * tf.sin(v)) for g, v in zip(
        tf.gradients(total, [x, c]), [x, c], strict=True)])  # fmt: skip
    second = tf.gradients(slope, [x, c])
    with tf.Session(config=tier_config(tier)) as sess:
        found = sess.run(second, {x: values[0], c: values[1]})
        ends = [
            sess.run(slope, {x: values[0] + h * away[0], c: values[1] + h * away[1]})
            for h in (1e-6, -1e-6)
        ]
    along = sum(np.sum(part * way) for part, way in zip(found, away, strict=True))
    np.testing.assert_allclose(along, (ends[0] - ends[1]) / 2e-6, rtol=1e-6)


def test_scope_keeps_no_caching_device() -> None:
    """While the function builds variables these are cached beside what reads them; not after."""
    scope = tf.get_variable_scope()
    seen = []
    tf.map_fn(lambda row: seen.append(scope.caching_device) or row, tf.ones([2]))
    assert seen[0] is not None
    assert scope.caching_device is None
    with pytest.raises(ZeroDivisionError):
        tf.map_fn(lambda row: 1 // 0, tf.ones([2]))
    assert scope.caching_device is None


def test_a_loop_is_one_op() -> None:
    """A scan's loop is a While, whose regions hold its variables and what its function makes."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [3])
        tf.scan(lambda a, v: tf.cond(v > 0, lambda: a + v, lambda: a), x)
    (loop,) = [op for op in graph.get_operations() if op.type == "While"]
    (branch,) = [op for op in graph.get_operations() if op.type == "If"]
    assert loop.region is None
    assert branch.region is loop.regions[1]
    for region in loop.regions:
        assert all(arg.op.type == "_Arg" and arg.op.region is region for arg in region.args)
