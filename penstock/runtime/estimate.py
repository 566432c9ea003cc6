"""What a plan would cost at given shapes of its feeds, found without running it.

Shapes go through the ops' own shape rules; small values that follow from shapes alone (as in
`tf.reshape(x, [tf.shape(x)[0], -1])`) are worked out, because further shapes depend on them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes, static_value
from penstock.graph.argspec import ArgSpec
from penstock.graph.operation import Operation, Tensor
from penstock.plan.plan import Plan, Step
from penstock.runtime.cost import PlanCost

_LARGEST_VALUE = 64  # elements: shapes, axes and the like are smaller
_BYTES_OF_OTHERS = 8  # of a string or handle, as the model counts them


@dataclass(frozen=True)
class Estimate:
    """What a plan would cost.

    Attributes:
        cost: of one run, by the model.
        steps: of each step alone.
        exact: all shapes are known; unknown sizes count as 1.
        shapes: of the tensors of all operations that the fetches need.
    """

    cost: PlanCost
    steps: list[PlanCost]
    exact: bool
    shapes: dict[Tensor, shapes.Shape]


class _Sized:
    """Stands for an array: has its shape and size, and no elements."""

    def __init__(self, shape: shapes.Shape, dtype: dtypes.DType) -> None:
        self.shape = tuple([1 if size is None else size for size in shape or ()])
        self.ndim = len(self.shape)
        self.size = math.prod(self.shape)
        base = dtype.base_dtype
        plain = base not in (dtypes.string, dtypes.resource, dtypes.variant)
        self.nbytes = self.size * (base.size if plain else _BYTES_OF_OTHERS)


def estimate(plan: Plan, fed: Mapping[Tensor, shapes.Shape]) -> Estimate:
    """What a plan would cost, where `fed` are shapes of some of its feeds."""
    found = _Shapes(plan, fed).found
    total, steps, exact = PlanCost(), [], True
    for step in plan.steps:
        sized = [
            _sized(step, found),
            [_Sized(found.get(o, o._shape), o.dtype) for o in step.outputs],
        ]
        own = PlanCost()
        for cost in (own, total):
            cost.observe(step, *sized)
        steps.append(own)
        known = [found.get(t, t._shape) for t in (*step.op._inputs, *step.outputs)]
        exact = exact and all([shapes.is_known(shape) for shape in known])
    return Estimate(total, steps, exact, found)


def _sized(step: Step, found: Mapping[Tensor, shapes.Shape]) -> list[Any]:
    """What stands for the operands that the step's kernel takes."""
    spec = step.op.spec
    if step.bodies:
        tensors = [operand for operand in step.operands if isinstance(operand, Tensor)]
        return [_Sized(_shape_of(tensor, found), tensor.dtype) for tensor in tensors]
    sized: list[Any] = []
    position = 0
    for arg in spec.input_args:
        count = arg.count(step.op._attrs)
        group = step.op._inputs[position : position + count]
        position += count
        if arg.name not in spec.unread:
            sized += [_Sized(_shape_of(tensor, found), tensor.dtype) for tensor in group]
    return sized


def _shape_of(tensor: Tensor, found: Mapping[Tensor, shapes.Shape]) -> shapes.Shape:
    if tensor.op.spec.variable:  # a resource stands for the variable's value
        return tensor.op._attrs.get("shape")
    return found.get(tensor, tensor._shape)


class _Shapes:
    """Walks through the operations of a plan, and finds the shapes of their outputs.

    Attributes:
        found: the shapes.
    """

    def __init__(self, plan: Plan, fed: Mapping[Tensor, shapes.Shape]) -> None:
        self.found: dict[Tensor, shapes.Shape] = {t: fed.get(t, t._shape) for t in plan.feeds}
        self._values: dict[Tensor, Any] = {}
        inlined = [step.op for step in plan.steps]
        for op in dict.fromkeys([*plan.ordered, *inlined]):
            for output, shape in zip(op.outputs, self._outputs(op), strict=True):
                self.found.setdefault(output, shapes.merge(output._shape, shape))
            self._work_out(op)

    def _outputs(self, op: Operation) -> list[shapes.Shape]:
        static = [output._shape for output in op.outputs]
        if op.regions or all([shapes.is_known(shape) for shape in static]):
            return static
        spec = op.spec
        views: list[Any] = []
        position = 0
        for arg in spec.input_args:
            count = arg.count(op._attrs)
            group = [self._view(arg, spec, t) for t in op._inputs[position : position + count]]
            views.append(group if arg.many else group[0])
            position += count
        attrs = {name: op._attrs[name] for name in spec._shape_attrs}
        try:
            result = spec.shape(*views, **attrs)
            found = [result] if spec.single_output else list(result)
            return found if all(map(shapes.compatible, static, found)) else static
        except ValueError:  # the shapes do not fit: it is the run that says so
            return static

    def _view(self, arg: ArgSpec, spec: Any, tensor: Tensor) -> Any:
        value = self._values.get(tensor)
        if arg.name in spec.static_inputs:
            return static_value.constant_value(tensor) if value is None else value
        if arg.name in spec.shape_inputs:
            if value is None:
                return static_value.constant_value_as_shape(tensor)
            return tuple([None if size < 0 else int(size) for size in np.atleast_1d(value)])
        return self.found.get(tensor, tensor._shape)

    def _work_out(self, op: Operation) -> None:
        """Finds the values of an op's outputs where they follow from shapes."""
        spec = op.spec
        if spec.name == "Const":
            if op._attrs["value"].size <= _LARGEST_VALUE:
                self._values[op.outputs[0]] = op._attrs["value"]
            return
        if spec.name in ("Shape", "Size", "Rank"):
            shape = self.found.get(op._inputs[0], op._inputs[0]._shape)
            if not shapes.is_known(shape):
                return
            inputs: list[Any] = [np.broadcast_to(np.int8(0), _Sized(shape, dtypes.int8).shape)]
        else:
            inputs = [self._values.get(tensor) for tensor in op._inputs]
            if not inputs or any([value is None for value in inputs]):
                return
        if spec.pure and not spec.host and spec.kernel is not None:
            results = self._run_kernel(op, inputs)
            for output, value in zip(op.outputs, results, strict=False):
                if getattr(value, "size", _LARGEST_VALUE + 1) <= _LARGEST_VALUE:
                    self._values[output] = np.asarray(value)

    def _run_kernel(self, op: Operation, inputs: list[Any]) -> list[Any]:
        spec = op.spec
        operands: list[Any] = []
        position = 0
        for arg in spec.input_args:
            count = arg.count(op._attrs)
            group = inputs[position : position + count]
            operands.append(group if arg.many else group[0])
            position += count
        try:
            with np.errstate(all="ignore"):
                result = spec.bound_kernel(op, np)(*operands)
        except (ValueError, IndexError, ZeroDivisionError, TypeError):
            return []  # the run will say what is wrong
        return [result] if spec.single_output else list(result)
