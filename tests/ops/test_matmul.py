"""Checks the matmul ops against TensorFlow 1.15."""

from tests.ops.suite import OpSuite


class TestMatmul(OpSuite):
    subject = "matmul"
