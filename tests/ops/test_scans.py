"""Checks running sums and their kin against TensorFlow 1.15."""

from tests.ops.suite import OpSuite


class TestScans(OpSuite):
    subject = "scans"
