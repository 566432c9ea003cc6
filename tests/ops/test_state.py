"""Ops on variables hold to TensorFlow's recordings, in both tiers."""

from tests.ops.suite import OpSuite


class TestState(OpSuite):
    """Cases: tests/ops/cases/state.py; recording: tests/golden/ops/state.json."""

    subject = "state"
