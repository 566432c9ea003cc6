"""Checks the reductions over segments against TensorFlow 1.15."""

from __future__ import annotations

import pytest

import penstock as tf
from tests.ops.suite import OpSuite, tier_config


class TestSegments(OpSuite):
    subject = "segments"


def test_an_id_out_of_range_is_an_error() -> None:
    # Interpreted: XLA drops it, for it has no errors that depend on values.
    with tf.Graph().as_default(), tf.Session(config=tier_config("interpreted")) as session:
        ids = tf.placeholder(tf.int32, [3])
        total = tf.unsorted_segment_sum([1.0, 2.0, 3.0], ids, 2)
        with pytest.raises(tf.errors.InvalidArgumentError, match="= 2 is out of range"):
            session.run(total, {ids: [0, 2, 1]})
