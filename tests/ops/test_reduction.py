"""Checks the reduction ops against TensorFlow 1.15."""

from tests.ops.suite import OpSuite


class TestReduction(OpSuite):
    subject = "reduction"
