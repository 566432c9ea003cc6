"""Ops that pass values on, check them or call Python."""

from tests.ops.suite import OpSuite


class TestControl(OpSuite):
    subject = "control"
