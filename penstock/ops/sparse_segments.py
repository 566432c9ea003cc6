"""Reductions over segments of some rows of a tensor, which indices pick."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.ops.row_updates import at_rows
from penstock.ops.segments import check_sorted_ids

_TIDX = "Tidx: {int32, int64} = DT_INT32"


def _divisors(ids: Any, count: int, kind: str, dtype: Any) -> Any:
    """What the sum of each segment is divided by."""
    counts = np.maximum(np.bincount(ids, minlength=count), 1).astype(dtype)
    return np.sqrt(counts) if kind == "sqrt_n" else counts


def _reduce(xp: Any, data: Any, indices: Any, ids: Any, rows: int, kind: str) -> Any:
    count = check_sorted_ids(indices.shape[0], ids)
    if count > rows:
        message = f"segment ids must be < num_segments, got {count - 1} for {rows} segments"
        raise InvalidArgumentError(None, None, message)
    out = xp.zeros((rows, *data.shape[1:]), data.dtype)
    if xp is np:
        if indices.size and not 0 <= indices.min() <= indices.max() < data.shape[0]:
            message = f"Bad: indices must be in range [0, {data.shape[0]})"
            raise InvalidArgumentError(None, None, message)
        at_rows(np.add, out, (ids,), data[indices])
    else:
        out = out.at[ids].add(data[indices])
    if kind == "sum":
        return out
    divisors = _divisors(ids, rows, kind, data.dtype)
    return out / divisors.reshape(-1, *[1] * (data.ndim - 1))


def _shape(data: shapes.Shape, indices: shapes.Shape, ids: Any) -> shapes.Shape:
    if data is None:
        return None
    rows = None if ids is None else (int(ids[-1]) + 1 if ids.size else 0)
    return (rows, *data[1:])


def _shape_of_count(
    data: shapes.Shape, indices: shapes.Shape, ids: Any, num_segments: Any
) -> shapes.Shape:
    if data is None:
        return None
    return (None if num_segments is None else int(num_segments), *data[1:])


def _kernels(kind: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def kernel(xp: Any, data: Any, indices: Any, ids: Any) -> Any:
        rows = int(ids[-1]) + 1 if ids.size else 0
        return _reduce(xp, data, indices, ids, rows, kind)

    def kernel_of_count(xp: Any, data: Any, indices: Any, ids: Any, num_segments: Any) -> Any:
        return _reduce(xp, data, indices, ids, int(num_segments), kind)

    return kernel, kernel_of_count


def sum_gradient(op: Operation, grad: Any) -> Grads:
    data, indices, ids = op._inputs[:3]
    rows = api.shape(data)[0]
    flowing = api.unsorted_segment_sum(api.gather(grad, ids), indices, rows)
    return [flowing] + [None] * (len(op._inputs) - 1)


def mean_gradient(op: Operation, grad: Any) -> Grads:
    data, indices, ids = op._inputs[:3]
    flowing = raw.SparseSegmentMeanGrad(grad, indices, ids, api.shape(data)[0])
    return [flowing] + [None] * (len(op._inputs) - 1)


def sqrt_n_gradient(op: Operation, grad: Any) -> Grads:
    data, indices, ids = op._inputs[:3]
    flowing = raw.SparseSegmentSqrtNGrad(grad, indices, ids, api.shape(data)[0])
    return [flowing] + [None] * (len(op._inputs) - 1)


def _register(op: str, kind: str, types: str, gradient: Any) -> None:
    kernel, kernel_of_count = _kernels(kind)
    inputs = ("data: T", "indices: Tidx", "segment_ids: int32")
    register(
        OpSpec(
            name=op,
            inputs=inputs,
            outputs=("output: T",),
            attrs=(f"T: {types}", _TIDX),
            static_inputs=("segment_ids",),
            shape=_shape,
            kernel=kernel,
            gradient=gradient,
        )
    )
    register(
        OpSpec(
            name=f"{op}WithNumSegments",
            inputs=(*inputs, "num_segments: Tnumsegments"),
            outputs=("output: T",),
            attrs=(f"T: {types}", _TIDX, "Tnumsegments: {int32, int64} = DT_INT32"),
            static_inputs=("segment_ids", "num_segments"),
            shape=_shape_of_count,
            kernel=kernel_of_count,
            gradient=gradient,
        )
    )


_register("SparseSegmentSum", "sum", "realnumbertype", sum_gradient)
_register("SparseSegmentMean", "mean", "{float, double}", mean_gradient)
_register("SparseSegmentSqrtN", "sqrt_n", "{float, double}", sqrt_n_gradient)


# The gradients as ops of their own


def grad_shape(
    grad: shapes.Shape, indices: shapes.Shape, ids: Any, output_dim0: Any
) -> shapes.Shape:
    if grad is None:
        return None
    return (None if output_dim0 is None else int(output_dim0), *grad[1:])


def _grad_kernel(kind: str) -> Callable[..., Any]:
    def kernel(xp: Any, grad: Any, indices: Any, ids: Any, output_dim0: Any) -> Any:
        divisors = _divisors(ids, grad.shape[0], kind, grad.dtype)
        rows = (grad / divisors.reshape(-1, *[1] * (grad.ndim - 1)))[ids]
        out = xp.zeros((int(output_dim0), *grad.shape[1:]), grad.dtype)
        if xp is np:
            at_rows(np.add, out, (indices,), rows)
            return out
        return out.at[indices].add(rows)

    return kernel


for _op, _kind in (("SparseSegmentMeanGrad", "mean"), ("SparseSegmentSqrtNGrad", "sqrt_n")):
    register(
        OpSpec(
            name=_op,
            inputs=("grad: T", "indices: Tidx", "segment_ids: int32", "output_dim0: int32"),
            outputs=("output: T",),
            attrs=("T: {float, double}", _TIDX),
            static_inputs=("segment_ids", "output_dim0"),
            shape=grad_shape,
            kernel=_grad_kernel(_kind),
            gradient=None,
        )
    )


def _publish(name: str, op: str, summary: str) -> None:
    def function(
        data: Any,
        indices: Any,
        segment_ids: Any,
        name: str | None = None,
        num_segments: Any = None,
    ) -> Tensor:
        if num_segments is None:
            return getattr(raw, op)(data, indices, segment_ids, name=name)
        return getattr(raw, f"{op}WithNumSegments")(
            data, indices, segment_ids, num_segments, name=name
        )

    public = f"sparse_segment_{name}"
    function.__name__ = function.__qualname__ = public
    function.__doc__ = f"""{summary}, of the rows that indices pick.

    Args:
        data: a tensor of rank 1 or more.
        indices: the rows that are picked.
        segment_ids: for each picked row the number of its segment, in rising order.
        name: a name for the operation.
        num_segments: how many segments there are; the last id + 1 where None.

    Returns:
        A Tensor of the type of `data` with a row for each segment.

    Raises:
        InvalidArgumentError: when run, an index or id is out of range.

    Example:
        >>> tf.{public}([[1.0], [2.0], [4.0]], [0, 2], [0, 0])
    """
    export(public, f"sparse.segment_{name}")(function)


_publish("sum", "SparseSegmentSum", "The sum of the rows of each segment")
_publish("mean", "SparseSegmentMean", "The mean of the rows of each segment")
_publish(
    "sqrt_n", "SparseSegmentSqrtN", "The sum of each segment over the square root of its length"
)
