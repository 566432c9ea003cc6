"""Checks the reductions over segments against TensorFlow 1.15."""

from __future__ import annotations

import numpy as np
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


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
@pytest.mark.parametrize(("name", "expected"), [("sum", 4.0), ("max", 3.0), ("min", 1.0)])
def test_segments_of_bfloat16(tier: str, name: str, expected: float) -> None:
    bfloat16 = tf.bfloat16.as_numpy_dtype
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        x = tf.placeholder(tf.bfloat16, [2])
        reduced = getattr(tf, f"unsorted_segment_{name}")(x, [0, 0], 1)
        result = session.run(reduced, {x: np.array([1, 3]).astype(bfloat16)})
    assert result.dtype == bfloat16
    assert result.astype(float).tolist() == [expected]
