"""Convolutions against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestConvolution(OpSuite):
    """Every case of tests/ops/cases/convolution.py."""

    subject = "convolution"
