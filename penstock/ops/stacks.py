"""Stacks: what a loop saves of a tensor for its gradient, a value for each iteration.

A stack is a variant tensor. To the interpreter it is a list, to XLA an array with one more axis.
The gradient of a stack has values at some places only; adding gradients up only notes their terms,
and taking a value sorts these once, so that a loop that adds to a gradient takes time as it runs,
not as the square of it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.graph import dtypes
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, raw, register
from penstock.ops.list_values import TensorList


class StackGradient:
    """A stack with values at some places; elsewhere it is zero.

    Args:
        terms: gradients that are added up.
        values: values by their place.
    """

    __slots__ = ("_terms", "_values")

    def __init__(self, terms: Sequence[StackGradient] = (), values: Any = None) -> None:
        self._terms = list(terms)
        self._values: dict[int, Any] | None = values if not terms else None

    def at(self, place: int) -> Any:
        """The value at a place, or None."""
        if self._values is None:
            self._values = self._added_up()
        return self._values.get(place)

    def _added_up(self) -> dict[int, Any]:
        total: dict[int, Any] = {}
        pending = list(self._terms)
        while pending:  # no recursion: sums of sums are as deep as a loop is long
            term = pending.pop()
            if term._values is None:
                pending.extend(term._terms)
                continue
            for place, value in term._values.items():
                total[place] = _plus(total[place], value) if place in total else value
        self._terms.clear()
        return total


def _plus(one: Any, other: Any) -> Any:
    """The sum of two gradients, which are stacks where a loop's iteration has a loop inside."""
    if isinstance(one, StackGradient) or isinstance(other, StackGradient):
        return StackGradient(terms=[one, other])
    return one + other


def take_kernel(stack: Any, index: Any) -> Any:
    return stack[int(index)]


def take_xla_kernel(stack: Any, index: Any) -> Any:
    from jax.lax import dynamic_index_in_dim  # an index that is traced

    return dynamic_index_in_dim(stack, index, keepdims=False)


def take_gradient(op: Operation, grad: Tensor) -> Grads:
    """The gradient of a stack of which one value was taken is zero but at that place."""
    return [raw._StackUnit(op._inputs[0], grad, op._inputs[1]), None]


register(
    OpSpec(
        name="_StackTake", inputs=("stack: variant", "index: int32"), outputs=("value: T",),
        attrs=("T: type",), shape=lambda stack, index: None, kernel=take_kernel,
        xla_kernel=take_xla_kernel, gradient=take_gradient, view=True,
    )
)  # fmt: skip


def take_or_zeros_kernel(stack: Any, index: Any, like: Any) -> Any:
    value = stack.at(int(index)) if isinstance(stack, StackGradient) else stack[int(index)]
    if value is None:
        return StackGradient() if isinstance(like, (list, StackGradient)) else np.zeros_like(like)
    return value


def take_or_zeros_xla_kernel(stack: Any, index: Any, like: Any) -> Any:
    return take_xla_kernel(stack, index)


def take_or_zeros_gradient(op: Operation, grad: Tensor) -> Grads:
    return [raw._StackUnit(op._inputs[0], grad, op._inputs[1]), None, None]


register(
    OpSpec(
        name="_StackTakeOrZeros", inputs=("stack: variant", "index: int32", "like: T"),
        outputs=("value: T",), attrs=("T: type",), shape=lambda stack, index, like: like,
        kernel=take_or_zeros_kernel, xla_kernel=take_or_zeros_xla_kernel,
        gradient=take_or_zeros_gradient, view=True,
    )
)  # fmt: skip


def unit_kernel(like: Any, value: Any, index: Any) -> StackGradient:
    return StackGradient(values={int(index): value})


def unit_xla_kernel(like: Any, value: Any, index: Any) -> Any:
    import jax.numpy as jnp  # a stack is an array there

    return jnp.zeros_like(like).at[index].set(value)


def unit_gradient(op: Operation, grad: Tensor) -> Grads:
    value = op._inputs[1]
    return [None, raw._StackTakeOrZeros(grad, op._inputs[2], value), None]


register(
    OpSpec(
        name="_StackUnit", inputs=("like: variant", "value: T", "index: int32"),
        outputs=("stack: variant",), attrs=("T: type",), shape=lambda like, value, index: None,
        kernel=unit_kernel, xla_kernel=unit_xla_kernel, gradient=unit_gradient,
    )
)  # fmt: skip


def zeros_kernel(like: Any) -> Any:
    if isinstance(like, TensorList):
        return like.zeros()
    return StackGradient(values={})


def zeros_xla_kernel(like: Any) -> Any:
    import jax.numpy as jnp  # a stack is an array there

    return jnp.zeros_like(like)


register(
    OpSpec(
        name="_StackZeros", inputs=("like: variant",), outputs=("stack: variant",),
        shape=lambda like: None, kernel=zeros_kernel, xla_kernel=zeros_xla_kernel,
        gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


def sum_kernel(stacks: list[Any]) -> Any:
    if isinstance(stacks[0], TensorList):
        return functools.reduce(operator.add, stacks)
    return StackGradient(terms=stacks)


def sum_xla_kernel(stacks: list[Any]) -> Any:
    total = stacks[0]
    for stack in stacks[1:]:
        total = total + stack
    return total


register(
    OpSpec(
        name="_StackSum", inputs=("stacks: N * variant",), outputs=("sum: variant",),
        attrs=("N: int >= 1",), shape=lambda stacks: None, kernel=sum_kernel,
        xla_kernel=sum_xla_kernel, gradient=lambda op, grad: [grad] * len(op._inputs),
    )
)  # fmt: skip


def concat_kernel(stack: Any, like: Any) -> Any:
    return np.concatenate(stack) if stack else like[:0]


def concat_xla_kernel(stack: Any, like: Any) -> Any:
    return stack.reshape((-1, *stack.shape[2:]))


def concat_gradient(op: Operation, grad: Tensor) -> Grads:
    return [raw._StackSplit(op._inputs[0], grad), None]


register(
    OpSpec(
        name="_StackConcat", inputs=("stack: variant", "like: T"), outputs=("value: T",),
        attrs=("T: type",), kernel=concat_kernel, xla_kernel=concat_xla_kernel,
        shape=lambda stack, like: None if like is None else (None, *like[1:]),
        gradient=concat_gradient,
    )
)  # fmt: skip


def split_kernel(like: Any, value: Any) -> StackGradient:
    ends = np.cumsum([len(part) for part in like])[:-1]
    return StackGradient(values=dict(enumerate(np.split(value, ends))) if len(like) else {})


def split_xla_kernel(like: Any, value: Any) -> Any:
    return value.reshape(like.shape)


def split_gradient(op: Operation, grad: Tensor) -> Grads:
    return [None, raw._StackJoin(op._inputs[0], grad, op._inputs[1])]


register(
    OpSpec(
        name="_StackSplit", inputs=("like: variant", "value: T"), outputs=("stack: variant",),
        attrs=("T: type",), shape=lambda like, value: None, kernel=split_kernel,
        xla_kernel=split_xla_kernel, gradient=split_gradient,
    )
)  # fmt: skip


def join_kernel(parts: Any, stack: Any, like: Any) -> Any:
    out = np.zeros_like(like)
    start = 0
    for place, part in enumerate(parts):
        value = stack.at(place)
        if value is not None:
            out[start : start + len(part)] = value
        start += len(part)
    return out


def join_xla_kernel(parts: Any, stack: Any, like: Any) -> Any:
    return stack.reshape(like.shape)


register(
    OpSpec(
        name="_StackJoin", inputs=("parts: variant", "stack: variant", "like: T"),
        outputs=("value: T",), attrs=("T: type",), shape=lambda parts, stack, like: like,
        kernel=join_kernel, xla_kernel=join_xla_kernel,
        gradient=lambda op, grad: [None, raw._StackSplit(op._inputs[0], grad), None],
    )
)  # fmt: skip


def take_saved(stack: Tensor, index: Tensor, like: Tensor) -> Tensor:
    """The value of a saved tensor in one iteration.

    Args:
        stack: the stack.
        index: the iteration, int32.
        like: the tensor that was saved.
    """
    value = raw._StackTake(stack, index, T=like.dtype.base_dtype)
    value._shape = like._shape
    if is_stack(like):
        mark_stack(value)
    if may_lack_value(like):
        value.op._attrs["_may_lack_value"] = True
    return value


def may_lack_value(tensor: Tensor) -> bool:
    """True of what a branch saves for its gradient: where it is not taken, there is no value."""
    op = tensor.op
    if op.regions and not op.spec.loops:
        return tensor.value_index >= len(op.regions[-1].results)
    return bool(op._attrs.get("_may_lack_value"))


def mark_stack(tensor: Tensor) -> None:
    """Says of a loop variable, or of what was taken of a stack, that it is a stack itself."""
    tensor.op._attrs["_stack"] = True


def is_stack(tensor: Tensor) -> bool:
    """True of what a loop saves and what comes of it; no list of TensorFlow's is one."""
    if tensor.dtype.base_dtype is not dtypes.variant:
        return False
    op = tensor.op
    if op.regions:
        inner = _inner_tensor(tensor)
        return op.spec.loops if inner is None else is_stack(inner)
    if op.type == "_StackTakeOrZeros":
        return is_stack(op._inputs[2])
    return op.type in _MAKE_STACKS or bool(op._attrs.get("_stack"))


_MAKE_STACKS = ("_StackUnit", "_StackZeros", "_StackSum", "_StackSplit")


def _inner_tensor(tensor: Tensor) -> Tensor | None:
    """The tensor inside that an op with regions gives out; None of what a loop saves."""
    op = tensor.op
    results = op.regions[-1].results
    if tensor.value_index < len(results):
        return results[tensor.value_index]
    if op.spec.loops:
        return None
    return next(t for region in op.regions for t, out in region.saved.items() if out is tensor)
