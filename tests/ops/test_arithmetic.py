"""Checks the arithmetic ops against TensorFlow 1.15."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import OpSuite, tier_config


class TestArithmetic(OpSuite):
    subject = "arithmetic"


@pytest.mark.parametrize("name", ["floordiv", "mod", "truncatediv", "truncatemod", "div"])
def test_an_integer_divided_by_zero_is_an_error(name: str) -> None:
    # Interpreted: XLA has no errors that depend on values.
    with tf.Graph().as_default(), tf.Session(config=tier_config("interpreted")) as session:
        x, y = tf.placeholder(tf.int32, [2]), tf.placeholder(tf.int32, [2])
        quotient = getattr(tf, name)(x, y)
        with pytest.raises(tf.errors.InvalidArgumentError, match="Integer division by zero"):
            session.run(quotient, {x: [1, 2], y: [1, 0]})


def test_a_negative_power_of_integers_is_an_error() -> None:
    with tf.Graph().as_default(), tf.Session(config=tier_config("interpreted")) as session:
        x = tf.placeholder(tf.int32, [2])
        with pytest.raises(tf.errors.InvalidArgumentError, match="negative integer powers"):
            session.run(x**x, {x: [1, -2]})


def test_a_constant_divisor_of_zero_is_found_by_xla_too() -> None:
    with tf.Graph().as_default(), tf.Session(config=tier_config("compiled")) as session:
        x = tf.placeholder(tf.int32, [2])
        with pytest.raises(tf.errors.InvalidArgumentError, match="Integer division by zero"):
            session.run(x // 0, {x: [1, 2]})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["realdiv", "floor_div", "div_no_nan", "truncatediv"])
def test_quotients_are_rounded_once_by_xla_too(name: str, dtype: str) -> None:
    # A compiler multiplies by 1 / 49, so that 49 / 49 falls below 1.
    numbers = np.arange(200, dtype=dtype)
    expected = np.floor(numbers / 49) if name == "floor_div" else numbers / np.array(49, dtype)
    with tf.Graph().as_default(), tf.Session(config=tier_config("compiled")) as session:
        x, y = tf.placeholder(dtype, [200]), tf.placeholder(dtype, [])
        function = getattr(tf, name)
        quotients = [
            function(x, tf.constant(49, dtype)),
            function(x, y),
            function(tf.reshape(x, [4, 50]), tf.fill([50], y)),
            function(x, tf.constant(49, dtype, [200])),
        ]
        for found in session.run(quotients, {x: numbers, y: 49}):
            np.testing.assert_array_equal(found.ravel(), expected)
        rate = tf.pow(1 - tf.reduce_max(x) / 199, 0.5)
        assert session.run(rate, {x: numbers}) == 0


class Reflecting:
    """Knows what to do with a tensor on its left."""

    def __radd__(self, tensor: object) -> str:
        return "reflected"


def test_an_operand_that_is_no_tensor_may_take_over() -> None:
    with tf.Graph().as_default():
        assert tf.constant(1.0) + Reflecting() == "reflected"


def test_equality_is_identity() -> None:
    with tf.Graph().as_default():
        x, y = tf.constant(1.0), tf.constant(1.0)
        assert x == x
        assert x != y
        assert {x: 1, y: 2}[y] == 2


def test_none_is_no_operand() -> None:
    with tf.Graph().as_default(), pytest.raises(ValueError, match="None values not supported"):
        tf.constant(1.0) + None


@pytest.mark.parametrize("shape", [(2, 3), (3,), ()])
def test_numpy_arrays_leave_the_operator_to_the_tensor(shape: tuple[int, ...]) -> None:
    with tf.Graph().as_default():
        total = np.ones(shape, np.float32) + tf.constant([1.0, 2.0, 3.0])
        assert total.op.type == "AddV2"


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
def test_truncatediv_of_floats_is_the_plain_quotient(tier: str) -> None:
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        x = tf.placeholder(tf.float32, [2])
        assert session.run(tf.truncatediv(x, 2.0), {x: [7.0, -7.0]}).tolist() == [3.5, -3.5]
