"""Gathers, scatters, choices, orders and partitions against TensorFlow 1.15."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import OpSuite, tier_config


class TestGathering(OpSuite):
    """Every case of tests/ops/cases/gathering.py."""

    subject = "gathering"


PARAMS = np.arange(6, dtype=np.float32).reshape(2, 3)

# What is read or written, the indices, the interpreter's words, and what compiled code gives.
OUT_OF_RANGE: list[tuple[Callable[..., Any], Any, str, Any]] = [
    (tf.gather, [0, 5], "indices[1] = 5 is not in [0, 2)", [[0, 1, 2], [0, 0, 0]]),
    (tf.gather, [[0], [-1]], "indices[1,0] = -1 is not in [0, 2)", [[[0, 1, 2]], [[0, 0, 0]]]),
    (tf.gather, 7, "indices = 7 is not in [0, 2)", [0, 0, 0]),
    (
        tf.gather_nd,
        [[0, 1], [2, 0]],
        "indices[1] = [2, 0] does not index into param shape [2,3]",
        [1, 0],
    ),
    (
        lambda x, i: tf.scatter_nd(i, x, [3, 3]),
        [[1], [-1]],
        "indices[1] = [-1] does not index into shape [3,3]",
        [[0, 0, 0], [0, 1, 2], [0, 0, 0]],
    ),
    (
        lambda x, i: tf.tensor_scatter_add(tf.ones([2, 3]), i, x),
        [[9], [0]],
        "indices[0] = [9] does not index into shape [2,3]",
        [[4, 5, 6], [1, 1, 1]],
    ),
]


@pytest.mark.parametrize(("function", "indices", "words", "compiled"), OUT_OF_RANGE)
def test_index_out_of_range(
    function: Callable[..., Any], indices: Any, words: str, compiled: Any
) -> None:
    """The interpreter raises as TensorFlow on a CPU; compiled code gives what it gives on a GPU."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, PARAMS.shape)
        i = tf.placeholder(tf.int32, np.shape(indices))
        result = function(x, i)
        feed = {x: PARAMS, i: np.array(indices, np.int32)}
        with tf.Session(config=tier_config("interpreted")) as sess:
            with pytest.raises(tf.errors.InvalidArgumentError) as caught:
                sess.run(result, feed)
            assert words in caught.value.message
        with tf.Session(config=tier_config("compiled")) as sess:
            np.testing.assert_array_equal(sess.run(result, feed), np.array(compiled, np.float32))


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
def test_zeros_of_both_signs_are_equal_to_top_k(tier: str) -> None:
    x = np.array([[0.0, -0.0, -1.0, 0.0], [-0.0, 0.0, -0.0, 1.0]], np.float32)
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as sess:
        fed = tf.placeholder(tf.float32, [2, 4])
        values, indices = sess.run(list(tf.nn.top_k(fed, 3)), {fed: x})
    assert indices.tolist() == [[0, 1, 3], [3, 0, 1]]
    assert np.signbit(values).tolist() == [[False, True, False], [False, True, False]]
