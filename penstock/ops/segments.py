"""Sums, means, products and extrema of the rows of each segment."""

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
from penstock.ops.row_updates import at_rows

_INDICES = "Tindices: {int32, int64}"
_NUM_SEGMENTS = "Tnumsegments: {int32, int64} = DT_INT32"


# Sorted segments


def segment_shape(data: shapes.Shape, ids: Any) -> shapes.Shape:
    if data is None:
        return None
    if not data:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    rows = None if ids is None else (int(ids[-1]) + 1 if ids.size else 0)
    return (rows, *data[1:])


def check_sorted_ids(rows: int, ids: Any) -> int:
    """The number of segments.

    Raises:
        InvalidArgumentError: the ids are not one for each row, or do not grow from 0 or more.
    """
    if ids.ndim != 1 or ids.size != rows:
        given = f"{shapes.bracket_text(ids.shape)} and {rows} rows"
        message = f"segment_ids should be the same size as dimension 0 of input, got {given}"
        raise InvalidArgumentError(None, None, message)
    if ids.size and ids[0] < 0:
        raise InvalidArgumentError(None, None, f"segment ids must be >= 0, got {ids[0]}")
    if (ids[1:] < ids[:-1]).any():
        raise InvalidArgumentError(None, None, "segment ids are not increasing")
    return int(ids[-1]) + 1 if ids.size else 0


def _reduce_sorted(function: Any, data: Any, ids: Any, count: int, empty: Any) -> Any:
    """`function` over the rows of each segment; `empty` for segments without rows."""
    out = np.full((count, *data.shape[1:]), empty, data.dtype)
    if ids.size:
        starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
        out[ids[starts]] = function.reduceat(data, starts, axis=0, dtype=data.dtype)
    return out


def _row_counts(ids: Any, count: int, data: Any) -> Any:
    """How many rows each segment has, at least 1, to divide rows by."""
    counts = np.maximum(np.bincount(ids, minlength=count), 1).astype(data.dtype)
    return counts.reshape(-1, *[1] * (data.ndim - 1))


def segment_kernels(function: str, empty: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The kernels of a sorted reduction: NumPy's by runs of rows, XLA's by scattering."""

    def kernel(xp: Any, data: Any, ids: Any) -> Any:
        count = check_sorted_ids(data.shape[0], ids)
        return _reduce_sorted(getattr(np, function), data, ids, count, empty)

    def xla_kernel(xp: Any, data: Any, ids: Any) -> Any:
        count = check_sorted_ids(data.shape[0], ids)
        return _scatter_rows(xp, function, data, ids, count, empty)

    return kernel, xla_kernel


_SCATTERS = {"add": "add", "multiply": "multiply", "maximum": "max", "minimum": "min"}


def _identity_of(function: str, dtype: Any) -> Any:
    limits = dtypes.as_dtype(dtype)  # knows those of bfloat16 too, which NumPy does not
    return {"add": 0, "multiply": 1, "maximum": limits.min, "minimum": limits.max}[function]


def _scatter_rows(xp: Any, function: str, data: Any, ids: Any, count: int, empty: Any) -> Any:
    identity = 1 if function == "multiply" else 0
    if function in ("maximum", "minimum"):
        identity = _identity_of(function, np.dtype(data.dtype))
    out = xp.full((count, *data.shape[1:]), identity, data.dtype)
    out = getattr(out.at[ids], _SCATTERS[function])(data)
    if empty == identity:
        return out
    filled = np.zeros(count, bool)
    filled[ids] = True
    return xp.where(filled.reshape(-1, *[1] * (data.ndim - 1)), out, xp.asarray(empty, data.dtype))


def segment_mean_kernel(xp: Any, data: Any, ids: Any) -> Any:
    count = check_sorted_ids(data.shape[0], ids)
    return _reduce_sorted(np.add, data, ids, count, 0) / _row_counts(ids, count, data)


def segment_mean_xla_kernel(xp: Any, data: Any, ids: Any) -> Any:
    count = check_sorted_ids(data.shape[0], ids)
    return _scatter_rows(xp, "add", data, ids, count, 0) / _row_counts(ids, count, data)


def segment_sum_gradient(op: Operation, grad: Any) -> Grads:
    return [api.gather(grad, op._inputs[1]), None]


def segment_mean_gradient(op: Operation, grad: Any) -> Grads:
    data, ids = op._inputs
    rank = api.rank(data)
    ones_shape = api.concat([api.shape(ids), api.fill(api.expand_dims(rank - 1, 0), 1)], 0)
    ones = api.fill(ones_shape, api.constant(1, dtype=grad.dtype.base_dtype))
    scaled = api.divide(grad, api.segment_sum(ones, ids))
    return [api.gather(scaled, ids), None]


def segment_extremum_gradient(op: Operation, grad: Any) -> Grads:
    """The gradient goes to the rows that are the extremum, in equal parts."""
    data, ids = op._inputs
    zeros = api.zeros_like(data, dtype=data.dtype.base_dtype)
    chosen = api.equal(data, api.gather(op.outputs[0], ids))
    count = api.segment_sum(api.cast(chosen, grad.dtype.base_dtype), ids)
    shared = api.divide(grad, count)
    return [api.where(chosen, api.gather(shared, ids), zeros), None]


def segment(name: str, types: str, kernels: tuple[Any, Any], gradient: Any) -> None:
    """Registers a reduction over sorted segments, and makes it public."""
    spec = register(
        OpSpec(
            name=f"Segment{name.capitalize()}",
            inputs=("data: T", "segment_ids: Tindices"),
            outputs=("output: T",),
            attrs=(f"T: {types}", _INDICES),
            static_inputs=("segment_ids",),
            shape=segment_shape,
            kernel=kernels[0],
            xla_kernel=kernels[1],
            gradient=gradient,
        )
    )

    def function(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
        return spec(data, segment_ids, name=name)

    public = f"segment_{name}"
    function.__name__ = function.__qualname__ = public
    function.__doc__ = f"""The {name} of the rows of each segment.

    Args:
        data: a tensor of rank 1 or more.
        segment_ids: for each row the number of its segment, in rising order: int32 or int64.
        name: a name for the operation.

    Returns:
        A Tensor of the type of `data` with a row for each segment.

    Raises:
        InvalidArgumentError: when run, the segment ids do not rise from 0 or more.

    Example:
        >>> tf.{public}([[1.0], [2.0], [4.0]], [0, 0, 1])
    """
    export(public, f"math.{public}")(function)


segment("sum", "numbertype", segment_kernels("add", 0), segment_sum_gradient)
segment("mean", "numbertype", (segment_mean_kernel, segment_mean_xla_kernel), segment_mean_gradient)
segment("prod", "numbertype", segment_kernels("multiply", 1), None)
segment("max", "realnumbertype", segment_kernels("maximum", 0), segment_extremum_gradient)
segment("min", "realnumbertype", segment_kernels("minimum", 0), segment_extremum_gradient)


# Unsorted segments


def unsorted_segment_shape(
    data: shapes.Shape, ids: shapes.Shape, num_segments: Any
) -> shapes.Shape:
    if data is None or ids is None:
        return None
    if not shapes.compatible(data[: len(ids)], ids):
        raise ValueError(
            f"Shapes {shapes.bracket_text(data)} and {shapes.bracket_text(ids)}: segment_ids must "
            "have the first dimensions of data"
        )
    rows = None if num_segments is None else int(num_segments)
    return (rows, *data[len(ids) :])


def unsorted_kernels(function: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The kernels of an unsorted reduction; rows with negative ids are left out."""

    def kernel(xp: Any, data: Any, ids: Any, num_segments: Any) -> Any:
        count = int(num_segments)
        _check_ids(data, ids, count)
        rows = ids.reshape(-1)
        values = data.reshape(rows.size, *data.shape[ids.ndim :])
        if rows.size and rows.min() < 0:
            values, rows = values[rows >= 0], rows[rows >= 0]
        empty = _identity_of(function, np.dtype(data.dtype)) if data.dtype.kind != "c" else 0
        empty = 1 if function == "multiply" else empty
        out = np.full((count, *values.shape[1:]), empty, data.dtype)
        at_rows(getattr(np, function), out, (rows,), values)
        return out

    def xla_kernel(xp: Any, data: Any, ids: Any, num_segments: Any) -> Any:
        count = int(num_segments)
        rows = xp.where(ids < 0, count, ids).reshape(-1)  # out of range: dropped
        values = data.reshape(rows.size, *data.shape[ids.ndim :])
        empty = _identity_of(function, np.dtype(data.dtype)) if data.dtype.kind != "c" else 0
        empty = 1 if function == "multiply" else empty
        out = xp.full((count, *values.shape[1:]), empty, data.dtype)
        return getattr(out.at[rows], _SCATTERS[function])(values, mode="drop")

    return kernel, xla_kernel


def _check_ids(data: Any, ids: Any, count: int) -> None:
    if data.shape[: ids.ndim] != ids.shape:
        raise InvalidArgumentError(
            None,
            None,
            f"data.shape = {shapes.bracket_text(data.shape)} does not start with "
            f"segment_ids.shape = {shapes.bracket_text(ids.shape)}",
        )
    if ids.size and ids.max() >= count:
        place = np.argwhere(ids >= count)[0].tolist()
        value = ids[tuple(place)]
        where = shapes.bracket_text(place)
        message = f"segment_ids{where} = {value} is out of range [0, {count})"
        raise InvalidArgumentError(None, None, message)


def _gather_and_drop(values: Tensor, ids: Tensor) -> tuple[Any, Any, Any]:
    """The row of each id, and 0 where an id is negative; the ids made positive; where they were."""
    clipped = api.maximum(ids, api.zeros_like(ids))
    gathered = api.gather(values, clipped)
    positive = api.greater_equal(ids, 0)
    rank = gathered._rank()
    if rank is None:
        raise ValueError("the gradient of an unsorted segment reduction needs a known rank")
    for _ in range(rank - (ids._rank() or 0)):
        positive = api.expand_dims(positive, -1)
    positive = positive & api.ones_like(gathered, dtype=np.bool_)
    return api.where(positive, gathered, api.zeros_like(gathered)), clipped, positive


def unsorted_segment_sum_gradient(op: Operation, grad: Any) -> Grads:
    return [_gather_and_drop(grad, op._inputs[1])[0], None, None]


def unsorted_segment_extremum_gradient(op: Operation, grad: Any) -> Grads:
    data, ids, num_segments = op._inputs
    gathered, clipped, positive = _gather_and_drop(op.outputs[0], ids)
    chosen = api.logical_and(api.equal(data, gathered), positive)
    count = api.unsorted_segment_sum(api.cast(chosen, grad.dtype.base_dtype), ids, num_segments)
    shared = api.gather(api.divide(grad, count), clipped)
    shared = api.where(positive, shared, api.zeros_like(shared))
    return [api.where(chosen, shared, api.zeros_like(shared)), None, None]


def unsorted_segment_prod_gradient(op: Operation, grad: Any) -> Grads:
    """prod / x_i, and where x_i is 0 the product of the others: 0 if there is another 0."""
    data, ids, num_segments = op._inputs
    is_zero = api.equal(data, 0)
    zeros_count = api.unsorted_segment_sum(api.cast(is_zero, np.int32), ids, num_segments)
    grad = api.where(api.greater(zeros_count, 1), api.zeros_like(grad), grad)
    without_zeros = api.where(is_zero, api.ones_like(data), data)
    product = api.unsorted_segment_prod(without_zeros, ids, num_segments)
    clipped = api.maximum(ids, api.zeros_like(ids))
    of_all = api.gather(op.outputs[0], clipped)
    of_nonzero = api.gather(product, clipped)
    partial = api.where(is_zero, of_nonzero, of_all / data)
    gathered = _rows_or_zeros(grad, ids, clipped)
    return [gathered * partial, None, None]


def _rows_or_zeros(values: Tensor, ids: Tensor, clipped: Tensor) -> Any:
    gathered = api.gather(values, clipped)
    positive = api.greater_equal(ids, 0)
    for _ in range((gathered._rank() or 0) - (ids._rank() or 0)):
        positive = api.expand_dims(positive, -1)
    positive = positive & api.ones_like(gathered, dtype=np.bool_)
    return api.where(positive, gathered, api.zeros_like(gathered))


def unsorted_segment(name: str, types: str, function_name: str, gradient: Any) -> None:
    """Registers a reduction over unsorted segments, and makes it public."""
    kernel, xla_kernel = unsorted_kernels(function_name)
    spec = register(
        OpSpec(
            name=f"UnsortedSegment{name.capitalize()}",
            inputs=("data: T", "segment_ids: Tindices", "num_segments: Tnumsegments"),
            outputs=("output: T",),
            attrs=(f"T: {types}", _INDICES, _NUM_SEGMENTS),
            static_inputs=("num_segments",),
            shape=unsorted_segment_shape,
            kernel=kernel,
            xla_kernel=xla_kernel,
            gradient=gradient,
        )
    )

    def function(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
        return spec(data, segment_ids, num_segments, name=name)

    public = f"unsorted_segment_{name}"
    function.__name__ = function.__qualname__ = public
    function.__doc__ = f"""The {name} of the rows of each segment, whose ids need no order.

    Args:
        data: a tensor.
        segment_ids: int32 or int64, with the first dimensions of `data`; negative: left out.
        num_segments: how many segments there are.
        name: a name for the operation.

    Returns:
        A Tensor of the type of `data` with a row for each segment.

    Raises:
        InvalidArgumentError: when run by the interpreter, an id is not below `num_segments`.

    Example:
        >>> tf.{public}([[1.0], [2.0], [4.0]], [1, 0, 1], 2)
    """
    export(public, f"math.{public}")(function)


unsorted_segment("sum", "numbertype", "add", unsorted_segment_sum_gradient)
unsorted_segment("prod", "numbertype", "multiply", unsorted_segment_prod_gradient)
unsorted_segment("max", "realnumbertype", "maximum", unsorted_segment_extremum_gradient)
unsorted_segment("min", "realnumbertype", "minimum", unsorted_segment_extremum_gradient)


def _unsorted_counts(data: Tensor, ids: Tensor, num_segments: Any) -> Tensor:
    """How many rows each segment has, at least 1, in a shape that broadcasts to rows."""
    ones = api.ones(api.shape(ids), dtype=data.dtype.base_dtype)
    counts = api.unsorted_segment_sum(ones, ids, num_segments)
    data_rank, ids_rank = data._rank(), ids._rank()
    if data_rank is None or ids_rank is None:
        raise TypeError("data and segment_ids must be of known rank")
    extra = data_rank - ids_rank
    counts = api.reshape(counts, [num_segments] + [1] * extra)
    return api.maximum(counts, 1)


@export("unsorted_segment_mean", "math.unsorted_segment_mean")
def unsorted_segment_mean(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """The mean of the rows of each segment, whose ids need no order.

    Args:
        data: a tensor of a float or complex type.
        segment_ids: int32 or int64, with the first dimensions of `data`; negative: left out.
        num_segments: how many segments there are.
        name: a name for the operations.

    Returns:
        A Tensor of the type of `data` with a row for each segment, 0 for those without rows.

    Example:
        >>> tf.unsorted_segment_mean([[1.0], [2.0], [4.0]], [1, 0, 1], 2)
    """
    with name_scope(name, "UnsortedSegmentMean"):
        data, segment_ids = convert_to_tensor(data), convert_to_tensor(segment_ids)
        counts = _unsorted_counts(data, segment_ids, num_segments)
        return raw.UnsortedSegmentSum(data, segment_ids, num_segments) / counts


@export("unsorted_segment_sqrt_n", "math.unsorted_segment_sqrt_n")
def unsorted_segment_sqrt_n(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """The sum of the rows of each segment over the square root of their number.

    Args:
        data: a tensor of a float or complex type.
        segment_ids: int32 or int64, with the first dimensions of `data`; negative: left out.
        num_segments: how many segments there are.
        name: a name for the operations.

    Returns:
        A Tensor of the type of `data` with a row for each segment, 0 for those without rows.

    Example:
        >>> tf.unsorted_segment_sqrt_n([[1.0], [2.0], [4.0]], [1, 0, 1], 2)
    """
    with name_scope(name, "UnsortedSegmentSqrtN"):
        data, segment_ids = convert_to_tensor(data), convert_to_tensor(segment_ids)
        counts = _unsorted_counts(data, segment_ids, num_segments)
        total = raw.UnsortedSegmentSum(data, segment_ids, num_segments)
        return total / api.sqrt(counts)
