"""Works out the static shapes in imported loops: stored loops of Merge nodes do not tell them.

Each loop variable is taken to have the shape that it starts with, then what its next value shows to
be too much is dropped, again and again, until nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.graph import shapes
from penstock.graph.operation import Operation, Tensor

_MOST_PASSES = 10  # a variable that still changes then has no shape that is known

Variable = tuple[Operation, int]  # the loop, and which of its variables


def settle_shapes(ops: Sequence[Operation]) -> None:
    """Sets the static shapes in a loop that is complete, and in those inside it.

    Args:
        ops: the operations, in order of creation. Loop variables that have a shape keep it.
    """
    _Shapes(ops).settle()


class _Shapes:
    """The shapes in a loop while they are worked out."""

    def __init__(self, ops: Sequence[Operation]) -> None:
        self._ops = ops
        self._variable_of: dict[Tensor, Variable] = {}
        self._known: dict[Variable, shapes.Shape] = {}
        self._given_up = False
        for op in ops:
            if op.spec.loops:
                for region in op.regions:
                    for place, arg in enumerate(region.args):
                        if arg._shape is None:
                            self._variable_of[arg] = (op, place)

    def settle(self) -> None:
        for _ in range(_MOST_PASSES):
            if not self._pass():
                return
        self._given_up = True
        self._pass()

    def _pass(self) -> bool:
        """Works out all shapes once; True where that changed what is known of a variable."""
        changed = False
        for op in self._ops:
            if op.type == "_Arg":
                self._set_variable(op.outputs[0])
            elif op.spec.loops:
                changed |= self._finish_loop(op)
            elif op.regions:
                _finish_branches(op)
            elif op._inputs:
                _work_out(op)
        return changed

    def _set_variable(self, arg: Tensor) -> None:
        variable = self._variable_of.get(arg)
        if variable is None:
            return
        op, place = variable
        first = op._inputs[place]._shape
        known = shapes.in_common(self._known.get(variable, first), first)
        self._known[variable] = None if self._given_up else known
        _set(arg, self._known[variable])

    def _finish_loop(self, op: Operation) -> bool:
        changed = False
        body = op.regions[-1]
        for place, (arg, result) in enumerate(zip(body.args, body.results, strict=True)):
            if arg in self._variable_of:
                known = shapes.in_common(arg._shape, result._shape)
                changed |= known != arg._shape
                self._known[op, place] = known
            _set(op.outputs[place], arg._shape)
        return changed


def _finish_branches(op: Operation) -> None:
    one, other = op.regions
    for output, left, right in zip(op.outputs, one.results, other.results, strict=False):
        _set(output, shapes.in_common(left._shape, right._shape))
    for region in op.regions:
        for inner, output in region.saved.items():
            _set(output, inner._shape)


def _work_out(op: Operation) -> None:
    try:
        found = op.spec.shapes_of(op)
    except ValueError:  # of a shape that the variables may not keep
        found = [None] * len(op.outputs)
    for output, shape in zip(op.outputs, found, strict=True):
        _set(output, shape)
    if op.spec.refine is not None:
        op.spec.refine(op)


def _set(tensor: Tensor, shape: shapes.Shape) -> None:
    tensor._shape = shape
    tensor._static = None  # it may have followed from the shape
