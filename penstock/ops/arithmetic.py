"""Element-wise arithmetic on two operands, with broadcasting."""

from __future__ import annotations

from typing import Any

from penstock.graph import shapes
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, NamespaceFunction, OpSpec, raw, register

Grads = list[Any]


def broadcast_shape(x: shapes.Shape, y: shapes.Shape) -> shapes.Shape:
    return shapes.broadcast(x, y)


def binary(name: str, kernel: Any, types: str, *, gradient: Any) -> OpSpec:
    """Registers an op on two operands of one type that broadcast."""
    return register(
        OpSpec(
            name=name, inputs=("x: T", "y: T"), outputs=("z: T",), attrs=(f"T: {types}",),
            shape=broadcast_shape, kernel=kernel, gradient=gradient,
        )
    )  # fmt: skip


def add_gradient(op: Operation, grad: Tensor) -> Grads:
    x, y = op._inputs
    return unbroadcast(x, y, grad, grad)


def unbroadcast(x: Tensor, y: Tensor, grad_x: Any, grad_y: Any) -> Grads:
    """Sums the gradients of the two operands over the axes along which these were broadcast."""
    shape_x, shape_y = raw.Shape(x), raw.Shape(y, name="Shape_1")
    axes_x, axes_y = raw.BroadcastGradientArgs(shape_x, shape_y)
    return [
        api.reshape(api.reduce_sum(grad_x, axes_x), shape_x),
        api.reshape(api.reduce_sum(grad_y, axes_y), shape_y),
    ]


ADD = binary("Add", NamespaceFunction("add"), "{bfloat16, half, float, double, uint8, int8, int16, int32, int64, complex64, complex128, string}", gradient=add_gradient)
ADD_V2 = binary("AddV2", NamespaceFunction("add"), "{bfloat16, half, float, double, uint8, int8, int16, int32, int64, complex64, complex128}", gradient=add_gradient)


@export("add", "math.add")
def add(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x + y, element by element, with broadcasting.

    Args:
        x: a tensor of a number type or string.
        y: one of the same type.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Example:
        >>> tf.add([1, 2], 3)
    """
    return ADD(x, y, name=name)  # type: ignore[no-any-return]


_ = NOT_DIFFERENTIABLE
