"""Cross entropies and other losses against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestCrossEntropy(OpSuite):
    """Every case of tests/ops/cases/cross_entropy.py."""

    subject = "cross_entropy"
