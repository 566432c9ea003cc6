"""Elements repeated one by one, and gathers that go row by row: functions made of other ops."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.ops.selecting import all_axes


@export("repeat")
def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """The elements, or slices, of a tensor, each as often as `repeats` says.

    Args:
        input: a tensor.
        repeats: an integer, or a vector with one for each element along `axis`.
        axis: an axis; the tensor is flattened first where None.
        name: a name for the operations.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: the sizes do not fit, or `axis` counts from an end that is not known.
        TypeError: there are several counts, and the rank of `input` is not known.

    Example:
        >>> tf.repeat([1, 2], [1, 3], axis=0)  # [1, 2, 2, 2]
    """
    if axis is None:
        input, axis = api.reshape(input, [-1]), 0
    with name_scope(name, "Repeat", [input, repeats]):
        data = convert_to_tensor(input, name="data")
        counts = raw.Cast(convert_to_tensor(repeats, name="repeats"), DstT=dtypes.int32)
        rank = data._rank()
        if rank is None:
            data = _at_least_vector(data)
            if axis < 0:
                raise ValueError("axis may only be negative if ndims is statically known.")
        else:
            axis = axis % rank
        data_shape = api.shape(data)
        if counts._shape == ():
            return _repeat_evenly(data, counts, axis, data_shape)
        return _repeat_each(data, counts, axis, data_shape)


def _at_least_vector(data: Tensor) -> Tensor:
    """A tensor of unknown rank, as a vector where it turns out to be a scalar."""
    shape = api.shape(data)
    rank = api.rank(data)
    return api.reshape(data, api.concat([[1], shape], axis=0)[-rank:])


def _repeat_evenly(data: Tensor, count: Tensor, axis: int, data_shape: Tensor) -> Tensor:
    tiled = _tiled(api.expand_dims(data, axis + 1), axis + 1, count)
    return api.reshape(tiled, api.concat([data_shape[:axis], [-1], data_shape[axis + 1 :]], axis=0))


def _repeat_each(data: Tensor, counts: Tensor, axis: int, data_shape: Tensor) -> Tensor:
    """Repeats all as often as the most repeated one, and masks what is too much."""
    if counts._shape is not None and len(counts._shape) == 1:
        if data._shape is None:
            raise TypeError("tf.repeat with a count for each element needs a tensor of known rank")
        data.shape[axis : axis + 1].assert_is_compatible_with(counts.shape)
    if counts._rank() != axis + 1:
        counts_shape = api.shape(counts)
        wanted = api.concat([data_shape[: axis + 1 - api.rank(counts)], counts_shape], axis=0)
        counts = api.broadcast_to(counts, wanted)
        counts.set_shape([None] * (axis + 1))
    most = raw.Maximum(0, raw.Max(counts, all_axes(counts), keep_dims=False))
    mask = api.sequence_mask(counts, most)
    tiled = _tiled(api.expand_dims(data, axis + 1), axis + 1, most)
    result = api.boolean_mask(tiled, mask)
    if axis:
        result = api.reshape(
            result, api.concat([data_shape[:axis], [-1], data_shape[axis + 1 :]], axis=0)
        )
    if data._shape is not None:
        result.set_shape([None if i == axis else size for i, size in enumerate(data._shape)])
    return result


def _tiled(data: Tensor, axis: int, count: Tensor) -> Tensor:
    rank = data._rank()
    if rank is None:
        ones = api.ones(api.rank(data), dtypes.int32)
        counts = api.concat([ones[:axis], [count], ones[axis + 1 :]], axis=0)
        return api.tile(data, counts)
    return api.tile(data, [1] * axis + [count] + [1] * (rank - axis - 1))


def batch_gather_nd(params: Any, indices: Any, batch_dims: int, name: str | None) -> Tensor:
    """`tf.gather_nd` where the first `batch_dims` axes of params and indices go together.

    Raises:
        ValueError: a rank is not known, or too low for `batch_dims`.
    """
    with name_scope(name, "BatchGatherND", [params, indices]):
        indices = convert_to_tensor(indices, name="indices")
        params = convert_to_tensor(params, name="params")
        ranks = (params._rank(), indices._rank())
        if None in ranks:
            raise ValueError("tf.gather_nd() does not allow indices or params with unknown shape.")
        if batch_dims < 0:
            raise ValueError("tf.gather_nd() does not allow negative batch_dims.")
        if batch_dims >= min(ranks):
            raise ValueError(
                f"batch_dims = {batch_dims} must be less than rank(params) = {ranks[0]} and "
                f"rank(indices) = {ranks[1]}."
            )
        params_shape, indices_shape = api.shape(params), api.shape(indices)
        batch_shape = params_shape[:batch_dims]
        rows = raw.Prod(batch_shape, [0], keep_dims=False)
        inner_rank = api.rank(indices) - batch_dims - 1
        inner_shape = indices_shape[batch_dims:-1]
        numbers = _row_numbers(batch_shape, indices.dtype, batch_dims, inner_rank, inner_shape)
        flat = api.reshape(indices, api.concat(([rows], indices_shape[batch_dims:]), axis=0))
        found = raw.GatherNd(params, api.concat((numbers, flat), axis=-1))
        out_shape = api.concat((batch_shape, api.shape(found)[1:]), axis=0)
        return api.reshape(found, out_shape)


def _row_numbers(
    batch_shape: Tensor, dtype: dtypes.DType, batch_dims: int, inner_rank: Tensor, inner: Tensor
) -> Tensor:
    """The index of each row of the batch, as often as its indices need it."""
    sizes = api.unstack(batch_shape, batch_dims)
    places = [raw.Cast(raw.Range(0, size, 1), DstT=dtype) for size in sizes]
    grid = api.meshgrid(*places, indexing="ij")
    flat = api.transpose(api.stack([api.reshape(part, (-1,)) for part in grid]))
    shape = api.shape(flat)
    spread = api.reshape(
        flat, api.concat((shape[:1], api.ones(inner_rank, dtypes.int32), shape[1:]), axis=0)
    )
    return api.tile(spread, api.concat(([1], inner, [1]), axis=0))
