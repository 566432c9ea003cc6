"""Checks special functions, counts and cross products against TensorFlow 1.15."""

from tests.ops.suite import OpSuite


class TestSpecialFunctions(OpSuite):
    subject = "special_functions"
