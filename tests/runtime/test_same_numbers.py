"""Compiled runs give what interpreted runs give, where XLA by itself would not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as tf


def in_both_tiers(make: Callable[[], Any], feed: Callable[[], list[Any]]) -> list[Any]:
    """What a new graph gives interpreted, and compiled."""
    found = []
    for level in (-1, 1):
        config = tf.ConfigProto()
        config.graph_options.optimizer_options.global_jit_level = level
        with tf.Graph().as_default(), tf.Session(config=config) as session:
            fetches, feeds = make()
            found.append(session.run(fetches, dict(zip(feeds, feed(), strict=True))))
    return found


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64"])
def test_a_mask_of_zeros_hides_no_nan(dtype: str) -> None:
    numbers = [1.0, np.nan, np.inf, 2.0]

    def make() -> Any:
        x, mask = tf.placeholder(tf.float64, [4]), tf.placeholder(tf.bool, [4])
        return tf.cast(x, dtype) * tf.cast(mask, dtype), [x, mask]

    for found in in_both_tiers(make, lambda: [numbers, [True, False, False, False]]):
        assert found[0] == 1.0
        assert np.isnan(found[1:3]).all()
        assert found[3] == 0.0


def test_the_gradient_of_a_rectifier_hides_no_nan() -> None:
    def make() -> Any:
        grads, features = tf.placeholder(tf.float32, [4]), tf.placeholder(tf.float32, [4])
        ops = [tf.raw_ops.ReluGrad, tf.raw_ops.Relu6Grad]
        return [op(gradients=grads, features=features) for op in ops], [grads, features]

    for found in in_both_tiers(make, lambda: [[np.nan, np.nan, np.inf, 1.0], [-1, 1, 0, np.nan]]):
        for values in found:
            assert np.isnan(values[:3]).all()
            assert values[3] == 0.0


def test_a_large_constant_that_decides_a_shape_is_known_when_compiling() -> None:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = 1
    ids = np.arange(1500) // 2  # too large but as an argument, of whose value nothing is known
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        x = tf.placeholder(tf.float32, [1500])
        total = tf.segment_sum(x, tf.constant(ids))
        found = session.run(total, {x: np.arange(1500)})
        assert found.tolist() == [4.0 * row + 1.0 for row in range(750)]
        assert sum([plan.compiles for plan in session.run_stats()]) == 1
