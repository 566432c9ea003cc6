"""tf.contrib.layers.recompute_grad: computed anew, with the variables of the first time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import tier_config


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
@pytest.mark.parametrize("tupleize", [False, True])
def test_gradients_are_those_of_the_function(tier: str, tupleize: bool) -> None:
    told: list[bool] = []

    def block(x: Any, y: Any, is_recomputing: bool = False) -> Any:
        told.append(is_recomputing)
        w = tf.get_variable("w", [2], tf.float64, tf.constant_initializer([2.0, 3.0]))
        return [tf.sin(x * w), x * y]

    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        x, y = [tf.placeholder(tf.float64, [2]) for _ in range(2)]
        with tf.variable_scope("net", use_resource=True):
            a, b = tf.contrib.layers.recompute_grad(block, tupleize_grads=tupleize)(x, y)
            (w,) = tf.trainable_variables()
            slopes = tf.gradients([a, b], [x, y, w])
        session.run(tf.global_variables_initializer())
        at, other, weights = np.array([1.0, 2.0]), np.array([0.5, 0.25]), np.array([2.0, 3.0])
        found = session.run([a, b, *slopes], {x: at, y: other})
    assert told == [False, True]
    bent = np.cos(at * weights)
    expected = [np.sin(at * weights), at * other, weights * bent + other, at, at * bent]
    np.testing.assert_allclose(found, expected)


def test_what_is_closed_over_gets_no_gradient() -> None:
    with tf.Graph().as_default():
        factor = tf.constant(3.0)
        with pytest.raises(ValueError, match=r"closes over Tensor Const:0 .*factor"):
            tf.contrib.layers.recompute_grad(lambda x: x * factor)


def test_only_tensors_are_arguments() -> None:
    with pytest.raises(ValueError, match="All inputs to function must be Tensors"):
        tf.contrib.layers.recompute_grad(lambda x: x)(3.0)


@pytest.mark.parametrize("options", [{}, {"use_data_dep": True}, {"tupleize_grads": True}])
def test_with_options_it_is_a_decorator(options):
    @tf.contrib.layers.recompute_grad(**options)
    def layer(x):
        return tf.tanh(x)

    with tf.Graph().as_default(), tf.variable_scope("net", use_resource=True), tf.Session() as s:
        x = tf.constant([0.5])
        slope = tf.gradients(layer(x), x)[0]
        np.testing.assert_allclose(s.run(slope), 1 - np.tanh([0.5]) ** 2, rtol=1e-6)
