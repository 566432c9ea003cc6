"""Learning-rate schedules: what they refuse. Their numbers are held by tests/programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
