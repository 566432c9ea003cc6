"""LSTMBlockCell and its gradient."""

from __future__ import annotations

from tests.ops.suite import OpSuite


class TestLSTMBlock(OpSuite):
    subject = "lstm_block"
