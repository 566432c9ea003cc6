"""Normalization and moments against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestNormalization(OpSuite):
    """Every case of tests/ops/cases/normalization.py."""

    subject = "normalization"
