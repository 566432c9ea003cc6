"""Shapes to be reached or held to: broadcast_to and ensure_shape."""

from __future__ import annotations

from typing import Any

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register

Shape = shapes.Shape


def broadcast_to_shape(x: Shape, wanted: Any) -> Shape:
    if wanted is None:
        return None
    if x is not None:
        if len(x) > len(wanted):
            raise ValueError(f"Shape must be at most rank {len(wanted)} but is rank {len(x)}")
        # The wanted shape may be longer.
        for size, target in zip(reversed(x), reversed(wanted), strict=False):
            if None not in (size, target) and size not in (1, target):
                raise ValueError(f"Dimensions must be equal, but are {size} and {target}")
        return shapes.broadcast(wanted, x)
    return wanted


def broadcast_to_kernel(xp: Any, x: Any, shape: Any) -> Any:
    sizes = tuple(shape.tolist())
    if x.ndim > len(sizes):
        text = (
            f"Rank of input ({x.ndim}) must be no greater than rank of output shape ({len(sizes)})."
        )
        raise InvalidArgumentError(None, None, text)
    try:
        return xp.broadcast_to(x, sizes)
    except ValueError:
        raise InvalidArgumentError(
            None, None,
            f"Incompatible shapes: {shapes.bracket_text(x.shape)} vs. {shapes.bracket_text(sizes)}",
        ) from None  # fmt: skip


def broadcast_to_gradient(op: Operation, grad: Tensor) -> Grads:
    in_shape = api.shape(op._inputs[0])
    _, axes = raw.BroadcastGradientArgs(op._inputs[1], in_shape)
    return [api.reshape(api.reduce_sum(grad, axes, keepdims=True), in_shape), None]


BROADCAST_TO = register(
    OpSpec(
        name="BroadcastTo", inputs=("input: T", "shape: Tidx"), outputs=("output: T",),
        attrs=("T: type", "Tidx: {int32, int64} = DT_INT32"), shape_inputs=("shape",),
        shape=broadcast_to_shape, kernel=broadcast_to_kernel,
        gradient=broadcast_to_gradient, view=True,
    )
)  # fmt: skip


@export("broadcast_to")
def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """A tensor repeated along new axes, and along those of size 1, until it has a shape.

    Args:
        input: a tensor.
        shape: the wanted shape, int32 or int64.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: a known size is neither 1 nor the wanted one.

    Example:
        >>> tf.broadcast_to([1, 2], [3, 2])  # [[1, 2], [1, 2], [1, 2]]
    """
    return BROADCAST_TO(input, shape, name=name)


@export("broadcast_static_shape")
def broadcast_static_shape(shape_x: Any, shape_y: Any) -> shapes.TensorShape:
    """The static shape of an element-wise operation on two tensors.

    Args:
        shape_x: a TensorShape.
        shape_y: another one.

    Returns:
        A TensorShape.

    Raises:
        ValueError: the shapes cannot be broadcast.

    Example:
        >>> tf.broadcast_static_shape(x.shape, y.shape)
    """
    x, y = shapes.as_tuple(shape_x), shapes.as_tuple(shape_y)
    try:
        return shapes.TensorShape(shapes.broadcast(x, y))
    except ValueError:
        raise ValueError(
            f"Incompatible shapes for broadcasting: {shapes.shape_text(x)} and "
            f"{shapes.shape_text(y)}"
        ) from None


@export("broadcast_dynamic_shape")
def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """The shape of an element-wise operation on two tensors, computed in the run.

    Args:
        shape_x: an int32 or int64 vector.
        shape_y: one of the same type.

    Returns:
        A vector of the same type.

    Example:
        >>> tf.broadcast_dynamic_shape(tf.shape(x), tf.shape(y))
    """
    x = convert_to_tensor(shape_x, name="shape_x")
    return raw.BroadcastArgs(x, convert_to_tensor(shape_y, name="shape_y"))


def ensured_shape(x: Shape, *, shape: Shape) -> Shape:
    if x is not None and (shape is None or len(shape) != len(x)):
        rank = -1 if shape is None else len(shape)
        raise ValueError(f"Shape must be rank {rank} but is rank {len(x)}")
    if x is not None and shape is not None and not shapes.compatible(shape, x):
        raise ValueError(shapes.conflict(shape, x))
    return shapes.merge(x, shape)


def ensure_shape_kernel(xp: Any, x: Any, *, shape: Shape) -> Any:
    if not shapes.compatible(x.shape, shape):
        raise InvalidArgumentError(
            None, None,
            f"Shape of tensor {shapes.bracket_text(x.shape)} is not compatible with expected shape "
            f"{shapes.bracket_text(shape)}.",
        )  # fmt: skip
    return x


ENSURE_SHAPE = register(
    OpSpec(
        name="EnsureShape", inputs=("input: T",), outputs=("output: T",),
        attrs=("shape: shape", "T: type"),
        shape=ensured_shape, kernel=ensure_shape_kernel, gradient=lambda op, grad: [grad],
        view=True,
    )
)  # fmt: skip


@export("ensure_shape")
def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """The tensor itself, after a check of its shape in the run.

    Args:
        x: a tensor.
        shape: what its shape must be; None stands for unknown sizes.
        name: a name for the operation.

    Returns:
        A Tensor with that static shape. The run raises InvalidArgumentError
        where the shape differs.

    Raises:
        ValueError: the static shape differs already.

    Example:
        >>> images = tf.ensure_shape(images, [None, 28, 28])
    """
    return ENSURE_SHAPE(x, shape=shape, name=name)
