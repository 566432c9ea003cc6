"""Shapes, views and transposes against TensorFlow 1.15."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import OpSuite, tier_config


class TestShapeOps(OpSuite):
    """Every case of tests/ops/cases/shape_ops.py."""

    subject = "shape_ops"


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        ((0,), [0, -1], (0, 1)),
        ((0,), [2, -1, 0], (2, 0, 0)),
        ((0, 3), [-1, 0], (3, 0)),
        ((0, 3), [2, -1, 0], (2, 1, 0)),
        ((2, 0, 3), [0, -1, 3], (0, 2, 3)),
        ((0, 6), [0, -1, 3], (0, 2, 3)),
    ],
)
def test_a_free_size_beside_a_zero_is_what_the_other_sizes_leave(
    given: tuple[int, ...], wanted: list[int], expected: tuple[int, ...], tier: str
) -> None:
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        x = tf.placeholder(tf.float32, [None] * len(given))
        result = session.run(tf.reshape(x * 2.0, wanted), {x: np.zeros(given)})
    assert result.shape == expected


def test_the_gradient_of_a_gather_along_a_later_axis_takes_an_empty_batch() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 3])
        (gradient,) = tf.gradients(tf.gather(x, [[1, 0], [2, 2]], axis=1), x)
        assert session.run(gradient, {x: np.zeros([0, 3])}).shape == (0, 3)
