"""Activations against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestActivation(OpSuite):
    """Every case of tests/ops/cases/activation.py."""

    subject = "activation"
