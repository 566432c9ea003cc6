"""The shapes of broadcasting: ops that compute them, and how gradients undo a broadcast."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from penstock.graph import shapes, static_value
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api
from penstock.graph.graph import Graph
from penstock.graph.operation import Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, raw, register
from penstock.ops.indexed_slices import IndexedSlices


def _broadcast_error(s0: Any, s1: Any) -> InvalidArgumentError:
    given = f"{shapes.bracket_text(s0)} vs. {shapes.bracket_text(s1)}"
    return InvalidArgumentError(None, None, f"Incompatible shapes: {given}")


def gradient_args_shape(s0: Any, s1: Any) -> list[shapes.Shape]:
    return [(None,), (None,)]


def gradient_args_kernel(xp: Any, s0: Any, s1: Any) -> tuple[Any, Any]:
    """For each operand the axes of the broadcast result along which it was repeated."""
    first, second = s0.tolist(), s1.tolist()
    if first == second:
        return np.array([], s0.dtype), np.array([], s1.dtype)
    rank = max(len(first), len(second))
    padded0 = [1] * (rank - len(first)) + first
    padded1 = [1] * (rank - len(second)) + second
    axes0: list[int] = []
    axes1: list[int] = []
    for axis, (size0, size1) in enumerate(zip(padded0, padded1, strict=True)):
        # An axis of 1 in both counts as repeated in both: the sum over it changes nothing.
        if size0 == 1:
            axes0.append(axis)
        if size1 == 1:
            axes1.append(axis)
        if size0 != size1 and size0 != 1 and size1 != 1:
            raise _broadcast_error(first, second)
    return np.array(axes0, s0.dtype), np.array(axes1, s1.dtype)


BROADCAST_GRADIENT_ARGS = register(
    OpSpec(
        name="BroadcastGradientArgs",
        inputs=("s0: T", "s1: T"),
        outputs=("r0: T", "r1: T"),
        attrs=("T: {int32, int64} = DT_INT32",),
        static_inputs=("s0", "s1"),
        shape=gradient_args_shape,
        kernel=gradient_args_kernel,
        gradient=NOT_DIFFERENTIABLE,
    )
)


def broadcast_args_shape(s0: shapes.Shape, s1: shapes.Shape) -> shapes.Shape:
    if s0 is None or s1 is None:
        return (None,)
    return (max(len(s0), len(s1)),)


def broadcast_args_kernel(xp: Any, s0: Any, s1: Any) -> Any:
    try:
        return np.array(np.broadcast_shapes(tuple(s0.tolist()), tuple(s1.tolist())), s0.dtype)
    except ValueError:
        raise _broadcast_error(s0.tolist(), s1.tolist()) from None


BROADCAST_ARGS = register(
    OpSpec(
        name="BroadcastArgs",
        inputs=("s0: T", "s1: T"),
        outputs=("r0: T",),
        attrs=("T: {int32, int64} = DT_INT32",),
        shape_inputs=("s0", "s1"),
        shape=broadcast_args_shape,
        kernel=broadcast_args_kernel,
        gradient=NOT_DIFFERENTIABLE,
    )
)


# What a gradient does

_axes_of_graph: weakref.WeakKeyDictionary[Graph, dict[Any, Any]] = weakref.WeakKeyDictionary()


def same_known_shape(*tensors: Any) -> bool:
    """Whether all are tensors of one fully known shape, so that nothing was broadcast."""
    first = tensors[0]._shape
    if not shapes.is_known(first):
        return False
    return all(isinstance(tensor, Tensor) and tensor._shape == first for tensor in tensors)


class Unbroadcast:
    """Sums the gradients of two operands over the axes along which these were broadcast.

    Making one adds the ops that find the axes; `first` and `second` add the sums. They stand
    apart because TensorFlow makes the ops of a gradient in between.

    Args:
        x, y: the operands.
        grad: the gradient of the result.
    """

    def __init__(self, x: Tensor, y: Tensor, grad: Any) -> None:
        self._reduced = (True, True)
        if isinstance(grad, IndexedSlices):
            self._shapes: tuple[Any, Any] = (api.shape(x), api.shape(y))
            self._axes = raw.BroadcastGradientArgs(*self._shapes)
            return
        if not (shapes.is_known(x._shape) and shapes.is_known(y._shape)):
            self._shapes = (raw.Shape(x), raw.Shape(y))
            self._axes = raw.BroadcastGradientArgs(*self._shapes)
            return
        self._shapes = (x._shape, y._shape)
        grad_shape = getattr(grad, "_shape", None)
        self._reduced = (x._shape != grad_shape, y._shape != grad_shape)
        known = _axes_of_graph.setdefault(x.graph, {})
        if self._shapes not in known:
            found = raw.BroadcastGradientArgs(
                np.array(x._shape, np.int32), np.array(y._shape, np.int32)
            )
            known[self._shapes] = [static_value.constant_value(axes) for axes in found]
        self._axes = known[self._shapes]

    def first(self, grad: Any) -> Any:
        """The gradient of the first operand."""
        return self._sum(0, grad)

    def second(self, grad: Any) -> Any:
        """The gradient of the second operand."""
        return self._sum(1, grad)

    def _sum(self, index: int, grad: Any) -> Any:
        if not self._reduced[index]:
            return grad
        shape = self._shapes[index]
        if isinstance(shape, tuple):
            shape = np.array(shape, np.int32)
        return api.reshape(api.reduce_sum(grad, self._axes[index]), shape)


class PlainUnbroadcast:
    """`Unbroadcast` as TensorFlow writes it for the rarer ops: always both sums.

    Args:
        x, y: the operands, whose shapes are kept as the tensors `shapes`.
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.shapes = (api.shape(x), api.shape(y))
        self._axes = raw.BroadcastGradientArgs(*self.shapes)

    def first(self, grad: Any) -> Tensor:
        """The gradient of the first operand."""
        return api.reshape(api.reduce_sum(grad, self._axes[0]), self.shapes[0])

    def second(self, grad: Any) -> Tensor:
        """The gradient of the second operand."""
        return api.reshape(api.reduce_sum(grad, self._axes[1]), self.shapes[1])
