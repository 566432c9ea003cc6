"""Dropout keeps the mean, drops the wanted share, and draws anew in each run."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as tf


def test_share_and_scale() -> None:
    """About the wanted share of elements is 0, and the others are scaled by 1 / (1 - rate)."""
    with tf.Graph().as_default(), tf.Session() as sess:
        y = sess.run(tf.nn.dropout(tf.ones([200, 200]), rate=0.25, seed=1))
    np.testing.assert_allclose(np.unique(y), [0.0, 1 / 0.75], rtol=1e-6)
    assert np.mean(y == 0) == pytest.approx(0.25, abs=0.01)


def test_each_run_draws_anew() -> None:
    """Two runs drop different elements; a new session draws what the first drew."""
    with tf.Graph().as_default() as graph:
        y = tf.nn.dropout(tf.ones([100]), rate=0.5, seed=1)
        with tf.Session() as sess:
            first, second = sess.run(y), sess.run(y)
        with tf.Session(graph=graph) as sess:
            again = sess.run(y)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)


def test_rate_zero_is_the_input() -> None:
    """Nothing is added to the graph where nothing is dropped."""
    with tf.Graph().as_default():
        x = tf.ones([2])
        assert tf.nn.dropout(x, rate=0.0) is x
        assert tf.nn.dropout(x, keep_prob=1.0) is x


def test_gradient_is_dropped_alike() -> None:
    """The gradient passes where the element passed."""
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.ones([100])
        y = tf.nn.dropout(x, rate=0.5, seed=3)
        value, gradient = sess.run([y, tf.gradients(y, x)[0]])
    np.testing.assert_array_equal(value, gradient)
