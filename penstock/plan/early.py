"""What the host works out for its own ops, though XLA could: views, and the arithmetic of shapes.

An op of the host that needs no more than these need not wait for a cluster, and does not cut it in
two. `unique(reshape(ids))`, by which a sparse update begins, then runs before all that is compiled.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.graph import shapes
from penstock.graph.operation import Operation, Tensor
from penstock.plan.plan import Constant, Plan, Step
from penstock.plan.trips import SHAPE_ONLY

_VIEWS = ("Reshape", "ExpandDims", "Squeeze", "StridedSlice", "Slice")  # of NumPy arrays
_MOVES = ("ConcatV2", "Cast")  # cheap for the integers by which rows are looked up
_SMALL = 64  # elements: a NumPy call on so few takes no longer than on one


def early_steps(plan: Plan, on_xla: Sequence[bool], before: Sequence[set[int]]) -> dict[int, str]:
    """The compilable steps that the host runs, each with the op of the host that needs it.

    Args:
        plan: the plan.
        on_xla: for each step whether it can be compiled.
        before: for each step the places of those that it must wait for.
    """
    possible: set[int] = set()
    for number, step in enumerate(plan.steps):
        others = [other for other in before[number] if on_xla[other]]
        if on_xla[number] and possible.issuperset(others) and _is_cheap(step):
            possible.add(number)
    place: dict[Operation, int] = {plan.steps[number].op: number for number in possible}
    needed_by: dict[int, str] = {}
    for number in range(len(plan.steps) - 1, -1, -1):
        if on_xla[number] and number not in needed_by:
            continue
        step = plan.steps[number]
        for operand in step.flat_operands():
            if isinstance(operand, Tensor) and operand.op in place:
                needed_by.setdefault(place[operand.op], needed_by.get(number, step.op.name))
    return needed_by


def _is_cheap(step: Step) -> bool:
    """True of an op that takes the host next to no time, whatever it is given."""
    spec = step.op.spec
    if not spec.pure or step.bodies:
        return False
    operands = step.flat_operands()
    if not all([isinstance(operand, Tensor | Constant) for operand in operands]):
        return False  # a variable's value belongs to a place among its assignments
    if spec.name in _VIEWS or spec.name in SHAPE_ONLY:
        return True
    if spec.name in _MOVES and all([t.dtype.is_integer for t in step.outputs]):
        return True
    return all([_is_small(t) for t in (*step.outputs, *operands) if isinstance(t, Tensor)])


def _is_small(tensor: Tensor) -> bool:
    if tensor.dtype.base_dtype.is_floating or tensor.dtype.base_dtype.is_complex:
        return False  # no arithmetic of shapes
    count = shapes.element_count(tensor._shape)
    return count is not None and count <= _SMALL
