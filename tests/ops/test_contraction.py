"""Checks the contraction ops against TensorFlow 1.15."""

from tests.ops.suite import OpSuite


class TestContraction(OpSuite):
    subject = "contraction"
