"""Errors of initializers; their numbers are in tests/programs/initializers.py and
initializer_kinds.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import penstock as tf

KINDS = tf.initializers
KERAS = tf.keras.initializers
REGULARIZERS = tf.keras.regularizers


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """A graph of its own for each test."""
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: KINDS.constant(None), TypeError, "Invalid type for initial value: <class 'NoneT"),
        (lambda: KINDS.constant(tf.constant(1.0)), TypeError, "Invalid type for initial value"),
        (lambda: KINDS.constant([1, 2, 3])([2]), ValueError, "Too many elements provided. Needed"),
        (
            lambda: KINDS.constant([1, 2, 3], verify_shape=True)([2, 2]),
            TypeError,
            r"Expected Tensor's shape: \(2, 2\), got \(3,\)",
        ),
        (
            lambda: KINDS.constant([1, 2, 3])([2, 2], verify_shape=True),
            TypeError,
            "Expected Tensor's shape",
        ),
        (lambda: KINDS.random_normal(dtype=tf.int32), ValueError, "Expected floating point type"),
        (lambda: KINDS.truncated_normal(dtype=tf.int32), ValueError, "Expected floating point typ"),
        (lambda: KINDS.variance_scaling(dtype=tf.int32), ValueError, "Expected floating point typ"),
        (lambda: KINDS.orthogonal(dtype=tf.int32), ValueError, "Expected floating point type"),
        (lambda: KINDS.identity(dtype=tf.int32), ValueError, "Expected floating point type"),
        (lambda: KINDS.uniform_unit_scaling(dtype="int32"), ValueError, "Expected floating point"),
        (lambda: KINDS.variance_scaling(0.0), ValueError, "`scale` must be positive float"),
        (lambda: KINDS.variance_scaling(1.0, "fan"), ValueError, "Invalid `mode` argument"),
        (
            lambda: KINDS.variance_scaling(1.0, "fan_in", "x"),
            ValueError,
            "Invalid `distribution` argument",
        ),
        (lambda: KINDS.orthogonal()([3]), ValueError, "must be at least two-dimensional"),
        (lambda: KINDS.identity()([3]), ValueError, "can only be used for 2D matrices"),
        (lambda: KINDS.random_uniform(0, dtype=tf.int32)([3]), ValueError, "Must specify maxval"),
        (lambda: KERAS.Initializer()([2]), NotImplementedError, "^$"),
        (lambda: KERAS.get("foo"), ValueError, "Unknown initializer:foo"),
        (
            lambda: KERAS.get({"class_name": "foo", "config": {}}),
            ValueError,
            "Unknown initializer:",
        ),
        (lambda: KERAS.get({"foo": 1}), ValueError, "Improper config format: {'foo': 1}"),
        (lambda: KERAS.get(3), ValueError, "Could not interpret initializer identifier: 3"),
        (lambda: KERAS.serialize(3), ValueError, "Cannot serialize"),
        (lambda: KERAS.Zeros.from_config({"foo": 1}), TypeError, "unexpected keyword argument"),
        (lambda: REGULARIZERS.get("foo"), ValueError, "Unknown regularizer:foo"),
        (lambda: REGULARIZERS.get(3), ValueError, "Could not interpret regularizer identifier"),
        (lambda: REGULARIZERS.serialize(3), ValueError, "Cannot serialize"),
    ],
)
def test_bad_calls(call: Callable[[], Any], error: Any, words: str) -> None:
    """Bad arguments raise TensorFlow's errors."""
    with pytest.raises(error, match=words):
        call()


def test_one_thing_of_several_names() -> None:
    """Names that TensorFlow has for one class are one class here."""
    assert tf.zeros_initializer is KINDS.zeros is KERAS.Zeros is KERAS.zeros
    assert tf.orthogonal_initializer is KINDS.orthogonal is KERAS.Orthogonal
    assert tf.glorot_uniform_initializer is KINDS.glorot_uniform is KERAS.glorot_uniform
    assert KINDS.random_normal is not KERAS.random_normal
    assert issubclass(KERAS.RandomNormal, KINDS.random_normal)
    assert isinstance(KINDS.zeros(), KERAS.Initializer)


def test_calls_of_an_own_initializer() -> None:
    """get_variable tells an initializer the shape, the type and, where it asks, the part."""
    seen: list[Any] = []

    def plain(shape: Any, dtype: Any = None) -> Any:
        seen.append((shape, dtype))
        return tf.zeros(shape, dtype)

    def asking(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        seen.append(partition_info)
        return tf.zeros(shape, dtype)

    tf.get_variable("plain", [2, 3], tf.float64, initializer=plain)
    tf.get_variable("asking", [2], initializer=asking)
    assert seen == [([2, 3], tf.float64), None]
    tf.get_variable("parts", [2], initializer=asking, partitioner=tf.fixed_size_partitioner(2))
    assert [info.var_offset for info in seen[2:]] == [[0], [1]]


@pytest.mark.parametrize("kind", [KINDS.glorot_uniform, KINDS.glorot_normal])
def test_glorot_has_no_type_of_its_own(kind: Any) -> None:
    """TensorFlow takes a type for these two, and leaves it aside."""
    initializer = kind(seed=1, dtype=tf.float64)
    assert initializer([2]).dtype is tf.float32
    assert initializer([2], tf.float64).dtype is tf.float64
    assert initializer.get_config() == {"seed": 1, "dtype": "float32"}
    assert kind(dtype=tf.int32)([2]).dtype is tf.float32
