"""Learning-rate schedules: what they refuse. Their numbers are held by tests/programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """A graph of its own for each test."""
    with tf.Graph().as_default() as graph:
        yield graph


SCHEDULES: dict[str, Any] = {
    "exponential": lambda rate, step, steps: tf.train.exponential_decay(rate, step, steps, 0.9),
    "natural": lambda rate, step, steps: tf.train.natural_exp_decay(rate, step, steps, 0.9),
    "inverse": lambda rate, step, steps: tf.train.inverse_time_decay(rate, step, steps, 0.9),
    "polynomial": tf.train.polynomial_decay,
    "cosine": tf.train.cosine_decay,
    "restarts": tf.train.cosine_decay_restarts,
    "linear cosine": tf.train.linear_cosine_decay,
    "noisy linear cosine": tf.train.noisy_linear_cosine_decay,
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_bad_arguments(name: str) -> None:
    """A step is needed; numbers are numbers, no functions."""
    schedule = SCHEDULES[name]
    step = tf.placeholder(tf.int32, [])
    with pytest.raises(ValueError, match="None values not supported"):
        schedule(0.1, None, 10)
    with pytest.raises(TypeError, match="Failed to convert object of type <class 'function'>"):
        schedule(lambda: 0.1, step, 10)
    with pytest.raises(TypeError, match="Failed to convert object of type <class 'function'>"):
        schedule(0.1, step, lambda: 10)


def test_pieces_that_do_not_fit() -> None:
    """Boundaries lie between values, in the type of the step; values have one type."""
    step = tf.placeholder(tf.int32, [])
    pieces = tf.train.piecewise_constant
    for boundaries, values in (([1], [1.0, 2.0, 3.0]), ([1, 2], [1.0, 2.0]), ([], [])):
        with pytest.raises(ValueError, match="should be 1 less than the length of values"):
            pieces(step, boundaries, values)
    with pytest.raises(ValueError, match=r"Boundaries \(<dtype: 'float32'>\) must have the same"):
        pieces(step, [1.5], [1.0, 2.0])
    with pytest.raises(
        ValueError, match=r"'int64'>\) must have the same dtype as x \(<dtype: 'int3"
    ):
        pieces(step, [tf.constant(1, tf.int64)], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"all with the same dtype \(<dtype: 'float32'> vs <dtype"):
        pieces(step, [1], [1.0, 2])
    with pytest.raises(ValueError, match="None values not supported"):
        pieces(None, [1], [1.0, 2.0])
    with pytest.raises(TypeError, match="values must be a sequence"):
        pieces(step, np.array([1]), [1.0, 2.0])
    with pytest.raises(IndexError):
        pieces(step, [], [1.0])


def test_types_that_do_not_fit() -> None:
    """All computes in the type of the first rate; the cosines, like TensorFlow's, in float32."""
    step = tf.placeholder(tf.int32, [])
    with pytest.raises(TypeError, match="does not match type int32"):
        tf.train.exponential_decay(1, step, 10, 0.9)
    with pytest.raises(TypeError, match="does not match type float32"):
        tf.train.polynomial_decay(0.1, step, tf.constant(10))
    with pytest.raises(TypeError, match="does not match type float32"):
        tf.train.cosine_decay(tf.constant(0.1, tf.float64), step, 10)
    assert tf.train.inverse_time_decay(tf.constant(0.1, tf.float64), step, 10, 0.5).dtype == (
        tf.float64
    )
