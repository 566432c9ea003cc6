"""Dropout, embeddings and small layers against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestNn(OpSuite):
    """Every case of tests/ops/cases/nn.py."""

    subject = "nn"
