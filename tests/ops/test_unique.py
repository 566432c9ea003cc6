"""What occurs in a vector, in the order of first occurrence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock as tf


def found(x, function=tf.unique):
    with tf.Graph().as_default(), tf.Session() as sess:
        return [part.tolist() for part in sess.run(list(function(x)))]


@given(st.lists(st.integers(-3, 3), max_size=40), st.sampled_from(["i1", "i4", "i8", "f4", "f8"]))
def test_values_in_order_of_first_occurrence(values, kind):
    expected = list(dict.fromkeys(values))
    places = [expected.index(value) for value in values]
    counts = [values.count(value) for value in expected]
    x = np.array(values, kind)
    assert found(x) == [expected, places]
    assert found(x, tf.unique_with_counts) == [expected, places, counts]


def test_strings_and_bools():
    assert found(np.array([b"b", b"a", b"b"])) == [[b"b", b"a"], [0, 1, 0]]
    assert found(np.array([True, False, True])) == [[True, False], [0, 1, 0]]


def test_nans_differ_from_each_other_and_zeros_do_not():
    values, places = found(np.array([np.nan, 1.0, np.nan, 0.0, -0.0]))
    assert places == [0, 1, 2, 3, 3]
    assert np.isnan(values[0])
    assert np.isnan(values[2])


def test_only_vectors():
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.int32)
        y, _ = tf.unique(x)
        with pytest.raises(tf.errors.InvalidArgumentError, match="unique expects a 1D vector"):
            sess.run(y, {x: [[1]]})
