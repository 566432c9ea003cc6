"""Slicing against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestSlicing(OpSuite):
    """Every case of tests/ops/cases/slicing.py."""

    subject = "slicing"
