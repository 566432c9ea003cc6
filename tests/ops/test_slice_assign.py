"""Assignments to parts of variables hold to TensorFlow's recordings, in both tiers."""

from tests.ops.suite import OpSuite


class TestSliceAssign(OpSuite):
    """Cases: tests/ops/cases/slice_assign.py; recording: tests/golden/ops/slice_assign.json."""

    subject = "slice_assign"
