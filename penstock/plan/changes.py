"""What making a plan did to the operations that the fetches need: told afterwards, by a replay.

Plans are made often and looked at rarely, so that nothing is noted while one is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from penstock.graph.operation import Operation
from penstock.plan.plan import Constant, Operand, Plan
from penstock.plan.rewriter import Rewriter


class Fate(Enum):
    """What became of an operation that does not run."""

    CONSTANT = "constant"  # its value stands in the graph
    VARIABLE = "variable"  # it only stands for the variable
    FOLDED = "folded"  # its value follows from constants, and was computed when planning
    MERGED = "merged"  # an equal operation gives its value
    IDENTITY = "identity"  # it gives its input, unchanged
    INLINED = "inlined"  # the branch that it takes is known: the ops of that stand in its place


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """An operation that the fetches need and that does not run.

    Attributes:
        op: the operation.
        fate: what became of it.
        operand: what stands for its first output: a Tensor, Constant or Read; None without outputs.
    """

    op: Operation
    fate: Fate
    operand: Operand


def changes(plan: Plan) -> list[Change]:
    """The operations that the fetches of a plan need and that do not run, in order."""
    rewriter = Rewriter(frozenset(plan.feeds), plan.asked)
    for op in plan.ordered:
        rewriter.add(op)
    run = {step.op for step in plan.steps}
    found = []
    for op in plan.ordered:
        if op not in run:
            operand = rewriter.operand(op.outputs[0]) if op.outputs else None
            found.append(Change(op, _fate(op, operand), operand))
    return found


def _fate(op: Operation, operand: Operand) -> Fate:
    if op.spec.variable:
        return Fate.VARIABLE
    if op.spec.name == "Const":
        return Fate.CONSTANT
    if op.spec.identity:
        return Fate.IDENTITY
    if op.regions:
        return Fate.INLINED
    return Fate.FOLDED if type(operand) is Constant else Fate.MERGED
