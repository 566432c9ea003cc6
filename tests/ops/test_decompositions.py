"""Decompositions of matrices hold to TensorFlow's recordings, in both tiers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import OpSuite, tier_config


class TestDecompositions(OpSuite):
    """Cases: tests/ops/cases/decompositions.py; recording: tests/golden/ops/decompositions.json."""

    subject = "decompositions"


def test_singular() -> None:
    """A zero on the diagonal is an error of interpreted runs."""
    with tf.Graph().as_default(), tf.Session(config=tier_config("interpreted")) as sess:
        solved = tf.linalg.triangular_solve([[1.0, 0.0], [1.0, 0.0]], [[1.0], [1.0]])
        with pytest.raises(tf.errors.InvalidArgumentError, match="Input matrix is not invertible"):
            sess.run(solved)


@pytest.mark.parametrize(
    ("shape", "full", "words"),
    [
        (None, False, "with dynamic shapes"),
        ([None, 3], False, "with dynamic shapes"),
        ([3, 4], False, "when ncols > nrows"),
        ([4, 3], True, "full_matrices is true"),
    ],
)
def test_no_gradient(shape: Any, full: bool, words: str) -> None:
    """What TensorFlow has no gradient for has none here."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, shape)
        with pytest.raises(NotImplementedError, match=words):
            tf.gradients(tf.qr(x, full), x)


def test_gradients_of_qr_along_a_direction() -> None:
    """The first and the second gradient are difference quotients."""
    random = np.random.RandomState(0)
    value, direction = random.rand(2, 4, 3) + np.eye(4, 3), random.rand(2, 4, 3)
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float64, [2, 4, 3])
        q, r = tf.qr(x)
        total = tf.reduce_sum(q**3.0) + tf.reduce_sum(tf.square(r))
        first = tf.gradients(total, x)[0]
        along = tf.reduce_sum(first * direction)
        second = tf.reduce_sum(tf.gradients(along, x)[0] * direction)
        step = 1e-6 * direction
        before, after = [sess.run([total, along], {x: value + s}) for s in (-step, step)]
        slopes = sess.run([along, second], {x: value})
    np.testing.assert_allclose(slopes, (np.array(after) - before) / 2e-6, rtol=1e-6)
