"""Joining against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestJoining(OpSuite):
    """Every case of tests/ops/cases/joining.py."""

    subject = "joining"
