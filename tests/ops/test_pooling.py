"""Pooling against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestPooling(OpSuite):
    """Every case of tests/ops/cases/pooling.py."""

    subject = "pooling"
