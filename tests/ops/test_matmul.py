"""Checks the matmul ops against TensorFlow 1.15."""

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import OpSuite, tier_config


class TestMatmul(OpSuite):
    subject = "matmul"


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
@pytest.mark.parametrize("shape", [(2, 2), (1, 2, 2)])
def test_the_product_of_bfloat16_is_bfloat16(tier: str, shape: tuple[int, ...]) -> None:
    bfloat16 = tf.bfloat16.as_numpy_dtype
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        x = tf.placeholder(tf.bfloat16, shape)
        matrix = np.array([1, 2, 3, 4]).astype(bfloat16).reshape(shape)
        product = session.run(tf.matmul(x, x), {x: matrix})
    assert product.dtype == bfloat16
    assert product.astype(float).ravel().tolist() == [7.0, 10.0, 15.0, 22.0]
