"""Writing slices into new tensors by index: scatter_nd and tensor_scatter_*."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.ops.gathering import _check_index_rows, _index_columns, _nonnegative
from penstock.ops.row_updates import at_rows

Shape = shapes.Shape

_INDEX = "Tindices: {int32, int64}"


def check_updates(shape: Shape, indices: Shape, updates: Shape) -> None:
    """Raises ValueError where updates do not have the shape that the indices ask for."""
    if indices is not None and not indices:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    if shape is None or indices is None or updates is None:
        return
    outer = len(indices) - 1
    if not shapes.compatible(indices[:-1], updates[:outer]):
        raise ValueError(
            f"The outer {outer} dimensions of indices.shape={shapes.bracket_text(indices)} must "
            f"match the outer {outer} dimensions of updates.shape={shapes.bracket_text(updates)}"
        )
    if indices[-1] is None:
        return
    inner = shape[indices[-1] :]
    if not shapes.compatible(inner, updates[outer:]):
        raise ValueError(
            f"The inner {len(inner)} dimensions of output.shape={shapes.bracket_text(shape)} must "
            f"match the inner {len(updates) - outer} dimensions of "
            f"updates.shape={shapes.bracket_text(updates)}"
        )


def _check_update_sizes(sizes: tuple[int, ...], indices: Any, updates: Any) -> None:
    outer = indices.ndim - 1
    if indices.shape[:-1] != updates.shape[:outer]:
        raise InvalidArgumentError(
            None, None,
            "Outer dimensions of indices and update must match. Indices shape: "
            f"{shapes.bracket_text(indices.shape)}, updates "
            f"shape:{shapes.bracket_text(updates.shape)}",
        )  # fmt: skip
    try:
        check_updates(sizes, indices.shape, updates.shape)
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None


def scatter_nd_shape(indices: Shape, updates: Shape, shape: Shape) -> Shape:
    check_updates(shape, indices, updates)
    return shape


def scatter_nd_kernel(xp: Any, indices: Any, updates: Any, shape: Any) -> Any:
    sizes = tuple(shape.tolist())
    _check_update_sizes(sizes, indices, updates)
    _check_index_rows(indices, sizes, "shape")
    whole = np.zeros(sizes, updates.dtype)
    at_rows(np.add, whole, _index_columns(xp, indices), updates)
    return whole


def traced_scatter_nd_kernel(xp: Any, indices: Any, updates: Any, shape: Any) -> Any:
    sizes = tuple(shape.tolist())
    index = _index_columns(xp, _nonnegative(xp, indices, sizes))
    return xp.zeros(sizes, updates.dtype).at[index].add(updates, mode="drop")


def scatter_nd_gradient(op: Operation, grad: Tensor) -> Grads:
    return [None, raw.GatherNd(grad, op._inputs[0]), None]


SCATTER_ND = register(
    OpSpec(
        name="ScatterNd", inputs=("indices: Tindices", "updates: T", "shape: Tindices"),
        outputs=("output: T",),
        attrs=("T: type", _INDEX), shape_inputs=("shape",), shape=scatter_nd_shape,
        gradient=scatter_nd_gradient,
        # JAX arrays are never written to, so its form of the sum is another.
        kernel=scatter_nd_kernel, xla_kernel=traced_scatter_nd_kernel,
    )
)  # fmt: skip


@export("scatter_nd", "manip.scatter_nd")
def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """Zeros, with slices added to them at given index vectors.

    Args:
        indices: int32 or int64; its last axis holds an index into the first axes of the result.
        updates: the slices.
        shape: the shape of the result, of the type of `indices`.
        name: a name for the operation.

    Returns:
        A Tensor of the type of `updates`; slices at the same index add up.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> tf.scatter_nd([[1], [3]], [5, 6], [4])  # [0, 5, 0, 6]
    """
    return SCATTER_ND(indices, updates, shape, name=name)


# TensorScatterUpdate, TensorScatterAdd, TensorScatterSub


def tensor_scatter_shape(tensor: Shape, indices: Shape, updates: Shape) -> Shape:
    check_updates(tensor, indices, updates)
    return tensor


def tensor_scatter_update_kernel(xp: Any, tensor: Any, indices: Any, updates: Any) -> Any:
    _check_update_sizes(tensor.shape, indices, updates)
    _check_index_rows(indices, tensor.shape, "shape")
    whole = np.array(tensor)
    whole[_index_columns(xp, indices)] = updates
    return whole


def traced_tensor_scatter_update_kernel(xp: Any, tensor: Any, indices: Any, updates: Any) -> Any:
    index = _index_columns(xp, _nonnegative(xp, indices, tensor.shape))
    return xp.asarray(tensor).at[index].set(updates, mode="drop")


def tensor_scatter_add_kernel(xp: Any, tensor: Any, indices: Any, updates: Any) -> Any:
    _check_update_sizes(tensor.shape, indices, updates)
    _check_index_rows(indices, tensor.shape, "shape")
    whole = np.array(tensor, order="C")
    at_rows(np.add, whole, _index_columns(xp, indices), updates)
    return whole


def traced_tensor_scatter_add_kernel(xp: Any, tensor: Any, indices: Any, updates: Any) -> Any:
    index = _index_columns(xp, _nonnegative(xp, indices, tensor.shape))
    return xp.asarray(tensor).at[index].add(updates, mode="drop")


def tensor_scatter_sub_kernel(xp: Any, tensor: Any, indices: Any, updates: Any) -> Any:
    return tensor_scatter_add_kernel(xp, tensor, indices, -updates)


def traced_tensor_scatter_sub_kernel(xp: Any, tensor: Any, indices: Any, updates: Any) -> Any:
    return traced_tensor_scatter_add_kernel(xp, tensor, indices, -updates)


def tensor_scatter_update_gradient(op: Operation, grad: Tensor) -> Grads:
    _, indices, updates = op._inputs
    updates_grad = raw.GatherNd(grad, indices)
    kept = api.identity(grad)
    zeros = api.zeros_like(updates, dtype=grad.dtype)
    return [raw.TensorScatterUpdate(kept, indices, zeros), None, updates_grad]


def tensor_scatter_add_gradient(op: Operation, grad: Tensor) -> Grads:
    updates_grad = raw.GatherNd(grad, op._inputs[1])
    return [api.identity(grad), None, updates_grad]


def tensor_scatter_sub_gradient(op: Operation, grad: Tensor) -> Grads:
    updates_grad = raw.GatherNd(grad, op._inputs[1])
    return [api.identity(grad), None, -updates_grad]


def _tensor_scatter(name: str, kernel: Any, xla_kernel: Any, gradient: Any) -> OpSpec:
    """An op that writes updates into a copy; JAX arrays are never written to, hence two kernels."""
    return OpSpec(
        name=name, inputs=("tensor: T", "indices: Tindices", "updates: T"), outputs=("output: T",),
        attrs=("T: type", _INDEX), shape=tensor_scatter_shape, kernel=kernel,
        xla_kernel=xla_kernel, gradient=gradient,
    )  # fmt: skip


TENSOR_SCATTER_UPDATE = register(
    _tensor_scatter(
        "TensorScatterUpdate", tensor_scatter_update_kernel, traced_tensor_scatter_update_kernel,
        tensor_scatter_update_gradient,
    )
)  # fmt: skip
TENSOR_SCATTER_ADD = register(
    _tensor_scatter(
        "TensorScatterAdd",
        tensor_scatter_add_kernel,
        traced_tensor_scatter_add_kernel,
        tensor_scatter_add_gradient,
    )
)
TENSOR_SCATTER_SUB = register(
    _tensor_scatter(
        "TensorScatterSub",
        tensor_scatter_sub_kernel,
        traced_tensor_scatter_sub_kernel,
        tensor_scatter_sub_gradient,
    )
)


@export("tensor_scatter_update", "tensor_scatter_nd_update")
def tensor_scatter_update(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """A copy of a tensor with slices replaced at given index vectors.

    Args:
        tensor: a tensor.
        indices: int32 or int64; its last axis holds an index into the first axes of `tensor`.
        updates: the slices.
        name: a name for the operation.

    Returns:
        A Tensor of the shape of `tensor`.

    Example:
        >>> tf.tensor_scatter_update([1, 2, 3], [[0], [2]], [7, 9])  # [7, 2, 9]
    """
    return TENSOR_SCATTER_UPDATE(tensor, indices, updates, name=name)


@export("tensor_scatter_add", "tensor_scatter_nd_add")
def tensor_scatter_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """A copy of a tensor with slices added at given index vectors; see `tf.tensor_scatter_update`.

    Args:
        tensor: a tensor.
        indices: int32 or int64; its last axis holds an index into the first axes of `tensor`.
        updates: the slices.
        name: a name for the operation.

    Returns:
        A Tensor of the shape of `tensor`.

    Example:
        >>> tf.tensor_scatter_add([1, 2, 3], [[0], [0]], [10, 10])  # [21, 2, 3]
    """
    return TENSOR_SCATTER_ADD(tensor, indices, updates, name=name)


@export("tensor_scatter_sub", "tensor_scatter_nd_sub")
def tensor_scatter_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """A copy of a tensor with slices subtracted; see `tf.tensor_scatter_update`.

    Args:
        tensor: a tensor.
        indices: int32 or int64; its last axis holds an index into the first axes of `tensor`.
        updates: the slices.
        name: a name for the operation.

    Returns:
        A Tensor of the shape of `tensor`.

    Example:
        >>> tf.tensor_scatter_sub([1, 2, 3], [[2]], [3])  # [1, 2, 0]
    """
    return TENSOR_SCATTER_SUB(tensor, indices, updates, name=name)
