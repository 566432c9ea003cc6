"""Slicing against TensorFlow 1.15."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import penstock as tf
from tests.ops.suite import OpSuite


class TestSlicing(OpSuite):
    """Every case of tests/ops/cases/slicing.py."""

    subject = "slicing"


BOUNDS = st.none() | st.integers(-6, 6)
SLICES = st.builds(slice, BOUNDS, BOUNDS, st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3]))


@given(
    st.lists(SLICES | st.integers(-2, 1) | st.none(), max_size=4).filter(
        lambda index: sum(entry is not None for entry in index) <= 3
    ),
    st.integers(0, 4),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_index_is_numpys(index: list[Any], ellipsis_at: int, known: list[bool]) -> None:
    """x[index] has NumPy's values, and a static shape that allows them, for any known sizes."""
    if ellipsis_at <= len(index):
        index.insert(ellipsis_at, ...)
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    expected = data[tuple(index)]
    with tf.Graph().as_default():
        static = [size if told else None for size, told in zip(data.shape, known, strict=True)]
        x = tf.placeholder(tf.float32, static)
        part = x[tuple(index)]
        if all(known):
            assert part.shape.as_list() == list(expected.shape)
        assert part.shape.is_compatible_with(expected.shape)
        with tf.Session() as sess:
            np.testing.assert_array_equal(sess.run(part, {x: data}), expected)
