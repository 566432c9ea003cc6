"""Checks the unary ops against TensorFlow 1.15."""

from tests.ops.suite import OpSuite


class TestUnary(OpSuite):
    subject = "unary"
