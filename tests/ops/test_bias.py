"""Biases against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestBias(OpSuite):
    """Every case of tests/ops/cases/bias.py."""

    subject = "bias"
