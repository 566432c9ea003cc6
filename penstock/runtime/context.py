"""What a kernel that asks for `ctx` gets: the run it is part of, and its own op."""

from __future__ import annotations

from typing import Any

from penstock.graph.operation import Operation
from penstock.plan.plan import variable_of
from penstock.runtime.state import SessionState


class OpContext:
    """The view that one op's kernel has of the session. Made once for a step, used in every run.

    Attributes:
        op: the operation.
        state: the session's state.
    """

    __slots__ = ("op", "state")

    def __init__(self, op: Operation, state: SessionState) -> None:
        self.op = op
        self.state = state

    def is_initialized(self, input_index: int) -> Any:
        """True where the variable that the input refers to has a value."""
        return self.state.variable(variable_of(self.op._inputs[input_index])).value is not None

    def count_of_runs(self) -> int:
        """How many times this op has asked, in this session, this time included."""
        return self.state.count_run(self.op)
