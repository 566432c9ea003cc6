"""Checks the comparison ops against TensorFlow 1.15."""

from tests.ops.suite import OpSuite


class TestComparison(OpSuite):
    subject = "comparison"
