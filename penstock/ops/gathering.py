"""Reading by index: gather, gather_nd and their kin.

An index out of range raises in the interpreter. Compiled code cannot raise: as TensorFlow does on a
GPU, reading there gives zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.graph.static_value import constant_value
from penstock.ops.indexed_slices import IndexedSlices
from penstock.ops.repeating import batch_gather_nd

Shape = shapes.Shape

_INDEX = "Tindices: {int32, int64}"


def _position(where: Any, shape: tuple[int, ...]) -> str:
    """How TensorFlow writes the place of the first index that is out of range."""
    if not shape:
        return "indices"
    place = np.unravel_index(int(np.argmax(where)), shape)
    return f"indices[{','.join([str(int(i)) for i in place])}]"


# Gather and GatherV2


def gather_shape(params: Shape, indices: Shape, axis: Any, *, batch_dims: int) -> Shape:
    if params is None:
        return None
    if not params:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    if axis is None:
        return None if indices is None else (None,) * (len(params) + len(indices) - 1 - batch_dims)
    at = int(axis)
    needed = -at if at < 0 else at + 1
    if needed > len(params):
        raise ValueError(f"Shape must be at least rank {needed} but is rank {len(params)}")
    at %= len(params)
    if indices is None:
        return None
    if batch_dims < 0:
        batch_dims += len(indices)
    return (*params[:at], *indices[batch_dims:], *params[at + 1 :])


def _check_range(indices: Any, size: int) -> None:
    if indices.size and (indices.min() < 0 or indices.max() >= size):
        outside = (indices < 0) | (indices >= size)
        value = indices.reshape(-1)[int(np.argmax(outside))]
        text = f"{_position(outside, indices.shape)} = {value} is not in [0, {size})"
        raise InvalidArgumentError(None, None, text)


def _checked_axis(axis: Any, rank: int) -> int:
    at = int(axis)
    if rank == 0:
        raise InvalidArgumentError(None, None, "params must be at least 1 dimensional")
    if not -rank <= at < rank:
        text = f"Expected axis in the range [{-rank}, {rank}), but got {at}"
        raise InvalidArgumentError(None, None, text)
    return at % rank


def _batch_rank(batch_dims: int, indices: Any) -> int:
    """How many axes go together; a negative number counts from the indices' last axis."""
    return batch_dims if batch_dims >= 0 else batch_dims + indices.ndim


def gather_v2_kernel(xp: Any, params: Any, indices: Any, axis: Any, *, batch_dims: int) -> Any:
    at = _checked_axis(axis, params.ndim)
    _check_range(indices, params.shape[at])
    if batch_dims == 0:
        return params.take(indices, at)
    return _batch_gather(
        xp, params, indices, at, _batch_rank(batch_dims, indices), lambda array, index: array[index]
    )


def traced_gather_v2_kernel(
    xp: Any, params: Any, indices: Any, axis: Any, *, batch_dims: int
) -> Any:
    at = _checked_axis(axis, params.ndim)
    # JAX would count negative indices from the end.
    inside = xp.where(indices < 0, params.shape[at], indices)
    if batch_dims == 0:
        return xp.take(params, inside, at, mode="fill", fill_value=0)
    return _batch_gather(
        xp, params, inside, at, _batch_rank(batch_dims, indices),
        lambda array, index: xp.asarray(array).at[index].get(mode="fill", fill_value=0),
    )  # fmt: skip


def _batch_gather(xp: Any, params: Any, indices: Any, axis: int, batch: int, read: Any) -> Any:
    """Gathers with the first `batch` axes of params and indices going together."""
    moved = xp.moveaxis(params, axis, batch)  # [batch…, n, outer…, inner…]
    grid = np.ix_(*[np.arange(size) for size in params.shape[:batch]])
    picks = indices.ndim - batch
    index = tuple([g.reshape(g.shape + (1,) * picks) for g in grid])
    found = read(moved, (*index, indices))  # [batch…, picks…, outer…, inner…]
    outer = axis - batch
    return xp.moveaxis(
        found, list(range(batch + picks, batch + picks + outer)), list(range(batch, batch + outer))
    )


def gather_v2_gradient(op: Operation, grad: Tensor, *, batch_dims: int) -> Grads:
    params, indices, axis = op._inputs
    with params.graph.colocate_with(params):
        params_shape = api.cast(api.shape(params, out_type=dtypes.int64), dtypes.int32)
    count = api.expand_dims(api.size(indices), 0)
    static_axis = constant_value(axis)
    if static_axis is not None and int(static_axis) == 0:
        return [_slices(grad, indices, count, params_shape), None, None]
    batch = batch_dims if batch_dims >= 0 else batch_dims + len(indices._shape or ())
    return [_dense_gather_gradient(grad, indices, axis, params_shape, batch), None, None]


def _slices(grad: Tensor, indices: Tensor, count: Tensor, params_shape: Tensor) -> IndexedSlices:
    values = api.reshape(grad, api.concat([count, params_shape[1:]], 0))
    return IndexedSlices(values, api.reshape(indices, count), params_shape)


def _dense_gather_gradient(
    grad: Tensor, indices: Tensor, axis: Tensor, params_shape: Tensor, batch: int
) -> Tensor:
    """Brings the gathered axis to the front, behind those of the batch, sums there, and back."""
    outer = params_shape[:axis]
    inner = params_shape[axis:][1:]
    values_shape = api.concat([outer, [-1], inner], 0)
    rank, outer_rank = api.size(values_shape), api.size(outer)
    batch_axes = api.range(batch)
    outer_axes = api.range(batch, outer_rank)
    inner_axes = api.range(outer_rank + 1, rank)
    values = api.reshape(grad, values_shape)
    values = api.transpose(
        values, api.concat([batch_axes, [outer_rank], outer_axes, inner_axes], 0)
    )
    summed = _sum_by_index(values, indices, params_shape, params_shape[axis], batch)
    return api.transpose(summed, api.concat([batch_axes, outer_axes + 1, [batch], inner_axes], 0))


def _sum_by_index(
    values: Tensor, indices: Tensor, params_shape: Tensor, segments: Tensor, batch: int
) -> Tensor:
    count = api.expand_dims(api.size(indices), 0)
    if not batch:
        return api.unsorted_segment_sum(values, api.reshape(indices, count), segments)
    shape = api.shape(values)
    outer = shape[:batch]
    inner = shape[batch:][1:]
    flat_shape_of_batches = raw.Prod(outer, [0], keep_dims=False)
    flat_shape = api.concat([[-1], inner], 0)
    segments = segments * flat_shape_of_batches
    dtype = indices.dtype.base_dtype
    sizes = api.cast(params_shape, dtype)
    stride = api.ones((), dtype=dtype)
    indices = _flat_batch_indices(indices, batch, sizes, stride, api.range)
    values = api.reshape(values, flat_shape)
    summed = api.unsorted_segment_sum(values, api.reshape(indices, count), segments)
    return api.reshape(summed, api.concat([outer, flat_shape], 0))


def _flat_batch_indices(
    indices: Tensor, batch: int, sizes: Tensor, stride: Tensor, range_of: Callable[..., Tensor]
) -> Tensor:
    """Indices into the params with their batch axes and the next one made one axis.

    Args:
        indices: the indices.
        batch: how many batch axes there are.
        sizes: the shape of the params, of the type of the indices.
        stride: 1, of that type.
        range_of: makes a range of (start, limit, step).
    """
    rank = len(indices._shape or ())
    dtype = indices.dtype.base_dtype
    for axis in range(batch, 0, -1):
        size = sizes[axis - 1]
        stride = stride * sizes[axis]
        start, step = api.zeros((), dtype=dtype), api.ones((), dtype=dtype)
        offsets = range_of(start, size, step) * stride
        indices = indices + api.reshape(
            offsets, api.stack([1] * (axis - 1) + [size] + [1] * (rank - axis), axis=0)
        )
    return indices


GATHER_V2 = register(
    OpSpec(
        name="GatherV2", inputs=("params: Tparams", "indices: Tindices", "axis: Taxis"),
        outputs=("output: Tparams",),
        attrs=("batch_dims: int = 0", "Tparams: type", _INDEX, "Taxis: {int32, int64}"),
        static_inputs=("axis",), shape=gather_shape, gradient=gather_v2_gradient,
        # Compiled code cannot raise, and so reads zeros where an index is out of range.
        kernel=gather_v2_kernel, xla_kernel=traced_gather_v2_kernel,
    )
)  # fmt: skip


def gather_v1_shape(params: Shape, indices: Shape) -> Shape:
    return gather_shape(params, indices, np.int32(0), batch_dims=0)


def gather_kernel(xp: Any, params: Any, indices: Any) -> Any:
    return gather_v2_kernel(xp, params, indices, 0, batch_dims=0)


def traced_gather_kernel(xp: Any, params: Any, indices: Any) -> Any:
    return traced_gather_v2_kernel(xp, params, indices, 0, batch_dims=0)


def gather_gradient(op: Operation, grad: Tensor) -> Grads:
    params, indices = op._inputs
    with params.graph.colocate_with(params):
        params_shape = api.cast(api.shape(params, out_type=dtypes.int64), dtypes.int32)
    count = api.expand_dims(api.size(indices), 0)
    return [_slices(grad, indices, count, params_shape), None]


GATHER = register(
    OpSpec(
        name="Gather", inputs=("params: Tparams", "indices: Tindices"),
        outputs=("output: Tparams",),
        attrs=("validate_indices: bool = true", "Tparams: type", _INDEX),
        shape=gather_v1_shape, gradient=gather_gradient,
        kernel=gather_kernel, xla_kernel=traced_gather_kernel,  # as for GatherV2
    )
)  # fmt: skip


@export("gather")
def gather(
    params: Any, indices: Any, validate_indices: bool | None = None, name: str | None = None,
    axis: Any = None, batch_dims: int = 0,
) -> Tensor:  # fmt: skip
    """The slices of a tensor at given indices along an axis.

    Args:
        params: a tensor.
        indices: int32 or int64, of any shape.
        validate_indices: no effect: indices are checked always.
        name: a name for the operation.
        axis: an int32 or int64 scalar; `batch_dims` where None.
        batch_dims: how many leading axes of `params` and `indices` go together.

    Returns:
        A Tensor in which the shape of `indices` stands for the axis.

    Raises:
        ValueError: the axis is out of range.

    Example:
        >>> tf.gather([10, 20, 30], [2, 0])  # [30, 10]
    """
    if axis is None:
        axis = batch_dims
    if isinstance(axis, int) and axis == 0 and hasattr(params, "sparse_read"):
        return params.sparse_read(indices, name=name)
    return GATHER_V2(params, indices, axis, batch_dims=batch_dims, name=name)


@export("batch_gather")
def batch_gather(params: Any, indices: Any, name: str | None = None) -> Tensor:
    """Gathers along the last axis of `indices`, with all axes before it going together.

    Args:
        params: a tensor.
        indices: int32 or int64, of known rank.
        name: a name for the operations.

    Returns:
        A Tensor.

    Raises:
        ValueError: the rank of `indices` is not known.

    Example:
        >>> tf.batch_gather([[1, 2], [3, 4]], [[1], [0]])  # [[2], [3]]
    """
    with name_scope(name, "BatchGather", [params, indices]):
        indices = convert_to_tensor(indices, name="indices")
        params = convert_to_tensor(params, name="params")
        if indices._shape is None:
            raise ValueError("batch_gather does not allow indices with unknown shape.")
        batch = len(indices._shape) - 1
        indices_shape, params_shape = api.shape(indices), api.shape(params)
        dtype = indices.dtype.base_dtype
        stride = api.ones((), dtype=dtype)
        sizes = raw.Cast(params_shape, DstT=dtype)
        flat = _flat_batch_indices(indices, batch, sizes, stride, raw.Range)
        flat = api.reshape(flat, [-1])
        tail = params_shape[batch + 1 :]
        rows = raw.Prod(params_shape[: batch + 1], [0], keep_dims=False)
        flat_params = api.reshape(params, api.concat([[rows], tail], axis=0))
        found = api.reshape(gather(flat_params, flat), api.concat([indices_shape, tail], axis=0))
        known = params._shape
        if known is not None:
            found.set_shape((*indices._shape, *known[batch + 1 :]))
        return found


# GatherNd


def gather_nd_shape(params: Shape, indices: Shape) -> Shape:
    if indices is not None and not indices:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    if params is None or indices is None or indices[-1] is None:
        return None
    depth = indices[-1]
    if depth > len(params):
        raise ValueError(
            "indices.shape[-1] must be <= params.rank, but saw indices shape: "
            f"{shapes.bracket_text(indices)} and params shape: {shapes.bracket_text(params)}"
        )
    return (*indices[:-1], *params[depth:])


def _index_columns(xp: Any, indices: Any) -> tuple[Any, ...]:
    return tuple([indices[..., column] for column in range(indices.shape[-1])])


def _check_index_rows(indices: Any, shape: tuple[int, ...], what: str) -> None:
    depth = indices.shape[-1]
    if depth > len(shape):
        raise InvalidArgumentError(
            None, None,
            "index innermost dimension length must be <= params rank; "
            f"saw: {depth} vs. {len(shape)}",
        )  # fmt: skip
    if not indices.size:
        return
    outside = ((indices < 0) | (indices >= np.array(shape[:depth]))).any(-1)
    if outside.any():
        row = indices.reshape(-1, depth)[int(np.argmax(outside))]
        place = _position(outside, outside.shape) if outside.ndim else "indices"
        raise InvalidArgumentError(
            None, None,
            f"{place} = [{', '.join([str(int(i)) for i in row])}] does not index into {what} "
            f"{shapes.bracket_text(shape)}",
        )  # fmt: skip


def gather_nd_kernel(xp: Any, params: Any, indices: Any) -> Any:
    _check_index_rows(indices, params.shape, "param shape")
    if indices.shape[-1] == 0:
        return np.broadcast_to(params, indices.shape[:-1] + params.shape)
    return params[_index_columns(xp, indices)]


def traced_gather_nd_kernel(xp: Any, params: Any, indices: Any) -> Any:
    depth = indices.shape[-1]
    if depth == 0:
        return xp.broadcast_to(params, indices.shape[:-1] + params.shape)
    inside = _nonnegative(xp, indices, params.shape)
    return xp.asarray(params).at[_index_columns(xp, inside)].get(mode="fill", fill_value=0)


def _nonnegative(xp: Any, indices: Any, shape: tuple[int, ...]) -> Any:
    """The indices with negative ones moved past the end, because JAX counts them from the end."""
    return xp.where(indices < 0, np.array(shape[: indices.shape[-1]], indices.dtype), indices)


def gather_nd_gradient(op: Operation, grad: Tensor) -> Grads:
    params, indices = op._inputs
    shape = api.shape(params, out_type=indices.dtype)
    if indices._shape is not None and len(indices._shape) == 2 and indices._shape[-1] == 1:
        return [IndexedSlices(grad, api.squeeze(indices, axis=-1), shape), None]
    return [raw.ScatterNd(indices, grad, shape), None]


GATHER_ND = register(
    OpSpec(
        name="GatherNd", inputs=("params: Tparams", "indices: Tindices"),
        outputs=("output: Tparams",),
        attrs=("Tparams: type", _INDEX), shape=gather_nd_shape, gradient=gather_nd_gradient,
        kernel=gather_nd_kernel, xla_kernel=traced_gather_nd_kernel,  # as for GatherV2
    )
)  # fmt: skip


@export("gather_nd", "manip.gather_nd")
def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: int = 0) -> Tensor:
    """The elements, or slices, of a tensor at given index vectors.

    Args:
        params: a tensor.
        indices: int32 or int64; its last axis holds an index into the first axes of `params`.
        name: a name for the operation.
        batch_dims: how many leading axes of `params` and `indices` go together.

    Returns:
        A Tensor of shape indices.shape[:-1] + params.shape[indices.shape[-1]:].

    Raises:
        ValueError: the index vectors are longer than the rank of `params`.

    Example:
        >>> tf.gather_nd([[1, 2], [3, 4]], [[0, 1], [1, 0]])  # [2, 3]
    """
    if batch_dims != 0:
        return batch_gather_nd(params, indices, batch_dims, name)
    if isinstance(params, Tensor) or not hasattr(params, "gather_nd"):
        return GATHER_ND(params, indices, name=name)
    return params.gather_nd(indices, name=name)
