"""Fills, ranges and diagonals against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestFilling(OpSuite):
    """Every case of tests/ops/cases/filling.py."""

    subject = "filling"
