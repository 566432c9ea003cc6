"""Pixels moved between places, channels and batch, patches and repeats against TensorFlow 1.15."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestSpaces(OpSuite):
    """Every case of tests/ops/cases/spaces.py."""

    subject = "spaces"
