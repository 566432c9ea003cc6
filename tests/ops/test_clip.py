"""Checks the clip ops against TensorFlow 1.15."""

from tests.ops.suite import OpSuite


class TestClip(OpSuite):
    subject = "clip"
