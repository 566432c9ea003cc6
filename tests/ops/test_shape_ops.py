"""Shapes, views and transposes against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestShapeOps(OpSuite):
    """Every case of tests/ops/cases/shape_ops.py."""

    subject = "shape_ops"
