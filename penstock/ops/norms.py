"""Norms of vectors and matrices, and the cross product."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, register
from penstock.graph.public import name_scope
from penstock.ops.old_names import renamed

_VECTOR_ORDERS = ("euclidean", 1, 2, np.inf)
_MATRIX_ORDERS = ("euclidean", "fro", 1, np.inf)


@export("norm", "linalg.norm")
def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The norm of vectors, or of matrices.

    Args:
        tensor: a tensor of a float or complex type.
        ord: for vectors "euclidean" or a positive number, inf for the largest; for matrices
            "fro" or "euclidean", 1, or inf.
        axis: None, the whole tensor as one vector; an int, vectors; two ints, matrices.
        keepdims: keep the axes, with size 1.
        name: a name for the operations.
        keep_dims: the old name of `keepdims`.

    Returns:
        A Tensor of the same type, without the axes.

    Raises:
        ValueError: `ord` or `axis` is none of these.
        NotImplementedError: the 2-norm of a matrix is asked for, its largest singular value.

    Example:
        >>> tf.norm([3.0, 4.0])
    """
    keep = bool(renamed("keepdims", keepdims, "keep_dims", keep_dims))
    axis = _checked_axis(axis)
    _check_order(ord, axis)
    with name_scope(name, "norm", [tensor]):
        tensor = convert_to_tensor(tensor)
        if ord in ("fro", "euclidean", 2):
            squares = api.reduce_sum(tensor * api.conj(tensor), axis, keepdims=True)
            result = api.sqrt(squares)
        elif ord == 1:
            result = _sum_norm(api.abs(tensor), axis)
        elif ord == np.inf:
            result = _largest_norm(api.abs(tensor), axis)
        else:
            powers = api.reduce_sum(api.pow(api.abs(tensor), ord), axis, keepdims=True)
            result = api.pow(powers, 1.0 / ord)
        return result if keep else api.squeeze(result, axis)


def _checked_axis(axis: Any) -> tuple[int, ...] | None:
    if axis is None or isinstance(axis, int):
        return None if axis is None else (axis,)
    if isinstance(axis, (list, tuple)) and len(axis) == 2 and axis[0] != axis[1]:
        return tuple(axis)
    raise ValueError("'axis' must be None, an integer, or a tuple of 2 unique integers")


def _check_order(order: Any, axis: tuple[int, ...] | None) -> None:
    matrix = axis is not None and len(axis) == 2
    if matrix and order == 2:
        raise NotImplementedError("the 2-norm of a matrix, its largest singular value")
    allowed = _MATRIX_ORDERS if matrix else _VECTOR_ORDERS
    positive = not isinstance(order, str) and np.isreal(order) and order > 0 and not matrix
    if order not in allowed and not positive:
        kind = "matrix" if matrix else "vector"
        raise ValueError(f"'ord' must be a supported {kind} norm in {list(allowed)}, got {order}")


def _sum_norm(sizes: Tensor, axis: tuple[int, ...] | None) -> Tensor:
    """The sum of a vector; of a matrix the largest sum of a column."""
    total = api.reduce_sum(sizes, None if axis is None else axis[0], keepdims=True)
    if axis is not None and len(axis) == 2:
        return api.reduce_max(total, axis[-1], keepdims=True)
    return total


def _largest_norm(sizes: Tensor, axis: tuple[int, ...] | None) -> Tensor:
    """The largest of a vector; of a matrix the largest sum of a row."""
    if axis is not None and len(axis) == 2:
        sizes = api.reduce_sum(sizes, axis[1], keepdims=True)
    return api.reduce_max(sizes, None if axis is None else axis[0], keepdims=True)


def cross_shape(a: shapes.Shape, b: shapes.Shape) -> shapes.Shape:
    merged = shapes.merge(a, b)
    if merged is not None and (not merged or merged[-1] not in (None, 3)):
        raise ValueError(f"Cross-products are of 3 elements, got {shapes.bracket_text(merged)}")
    return merged


def cross_gradient(op: Operation, grad: Any) -> Grads:
    a, b = op._inputs
    return [api.cross(b, grad), api.cross(grad, a)]


CROSS = register(
    OpSpec(
        name="Cross",
        inputs=("a: T", "b: T"),
        outputs=("product: T",),
        attrs=("T: realnumbertype",),
        shape=cross_shape,
        kernel=lambda xp, a, b: xp.cross(a, b),
        gradient=cross_gradient,
    )
)


@export("cross", "linalg.cross")
def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """The cross products of vectors of 3 elements.

    Args:
        a: a tensor [..., 3] of a real number type.
        b: one of the same type and shape.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Raises:
        ValueError: the shapes differ, or the last dimension is not 3.

    Example:
        >>> tf.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    """
    return CROSS(a, b, name=name)
