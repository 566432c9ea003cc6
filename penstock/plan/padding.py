"""Sparse updates whose number of different rows changes from step to step.

They begin with `unique` on the host, whose result has another length each time, and XLA compiles
for fixed shapes. Where all that follows only updates rows, the result may as well be filled up to
the length of what `unique` was given: with an index beyond all rows, which an update leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.graph.operation import Tensor
from penstock.plan.plan import Plan, Step, shape_of

_ROW_BY_ROW = frozenset(
    ("Mul", "Sub", "Add", "AddV2", "RealDiv", "Div", "Neg", "Square", "Sqrt", "Rsqrt", "Maximum",
     "Minimum", "Abs", "Sign", "Cast")
)  # fmt: skip
_UPDATES = ("SparseApply", "ScatterAdd", "ScatterSub", "ScatterUpdate", "ScatterMul")


def padded_tensors(plan: Plan, on_host: Sequence[bool]) -> dict[Tensor, Tensor]:
    """The values of `unique` that may be filled up, each with the tensor that has the length.

    Args:
        plan: the plan.
        on_host: for each step whether the host runs it.
    """
    found: dict[Tensor, Tensor] = {}
    results = frozenset([result for result in plan.results if isinstance(result, Tensor)])
    for number, step in enumerate(plan.steps):
        if step.op.spec.name == "Unique" and on_host[number]:
            values, places = step.outputs
            if _only_updates_rows(plan, on_host, results, step):
                found[values] = places
    return found


def _only_updates_rows(
    plan: Plan, on_host: Sequence[bool], results: frozenset[Tensor], unique: Step
) -> bool:
    """True where nothing but rows that are updated comes of the values of `unique`."""
    values, places = unique.outputs
    rows = {values}  # tensors with a row for each value
    counts: set[Tensor] = set()  # what tells how many there are
    for number, step in enumerate(plan.steps):
        taken = [o for o in step.flat_operands() if isinstance(o, Tensor)]
        if rows.isdisjoint(taken) and counts.isdisjoint(taken):
            continue
        if on_host[number] or step.bodies:
            return False
        if not _note_outputs(step, values, places, rows, counts):
            return False
    return results.isdisjoint(rows) and results.isdisjoint(counts)


def _note_outputs(
    step: Step, values: Tensor, places: Tensor, rows: set[Tensor], counts: set[Tensor]
) -> bool:
    """Adds what a step makes of them to the rows or counts; False where it may do anything else."""
    name = step.op.spec.name.removeprefix("Resource")
    operands = step.operands
    if name == "Shape" and operands[0] is values:
        counts.update(step.outputs)
    elif name == "StridedSlice" and operands[0] in counts:
        counts.update(step.outputs)
    elif name == "UnsortedSegmentSum" and operands[2] in counts and operands[1] is places:
        if operands[0] in rows:
            return False
        rows.update(step.outputs)
    elif name in _ROW_BY_ROW:
        others = [o for o in operands if not (isinstance(o, Tensor) and o in rows)]
        if any([o in counts or shape_of(o) != () for o in others]):
            return False
        rows.update(step.outputs)
    elif name.startswith(_UPDATES):
        return _updates_rows(step, values, rows)
    else:
        return False
    return True


def _updates_rows(step: Step, values: Tensor, rows: set[Tensor]) -> bool:
    """True where a step updates the rows that `values` name, with a row for each or a number."""
    spec = step.op.spec
    taken = [arg for arg in spec.input_args if arg.name not in spec.unread]
    for arg, operand in zip(taken, step.operands, strict=True):
        if not isinstance(operand, Tensor):
            continue
        if arg.name == "indices" and operand is not values:
            return False
        if arg.name in ("grad", "updates") and operand not in rows:
            return False
        if arg.name not in ("indices", "grad", "updates") and operand in rows:
            return False
    return True
