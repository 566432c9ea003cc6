"""Sets of values: what occurs, how often, and what does not."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import OpSpec, register

Shape = shapes.Shape


def unique_shape(x: Shape) -> list[Shape]:
    return [(None,), shapes.with_rank(x, 1)]


def unique_with_counts_shape(x: Shape) -> list[Shape]:
    return [(None,), shapes.with_rank(x, 1), (None,)]


def _unique(x: Any) -> tuple[Any, Any]:
    """The values in order of first occurrence, and the index of each element's.

    NaNs differ from each other.
    """
    if x.ndim != 1:
        raise InvalidArgumentError(None, None, "unique expects a 1D vector.")
    order = np.argsort(x)
    ordered = x[order]
    starts = np.empty(x.size, bool)
    starts[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=starts[1:])
    # Of each value, in the order of values, where it occurs first.
    first = np.minimum.reduceat(order, np.flatnonzero(starts)) if x.size else order
    is_first = np.zeros(x.size, bool)
    is_first[first] = True
    place = np.cumsum(is_first)[first] - 1
    indices = np.empty_like(order)
    indices[order] = place[np.cumsum(starts) - 1]
    return x[is_first], indices


def unique_kernel(xp: Any, x: Any, *, out_idx: dtypes.DType) -> Any:
    values, indices = _unique(x)
    return values, indices.astype(out_idx.np_dtype)


def unique_with_counts_kernel(xp: Any, x: Any, *, out_idx: dtypes.DType) -> Any:
    values, indices = _unique(x)
    counts = np.bincount(indices, minlength=values.size)
    return values, indices.astype(out_idx.np_dtype), counts.astype(out_idx.np_dtype)


UNIQUE = register(
    OpSpec(
        name="Unique", inputs=("x: T",), outputs=("y: T", "idx: out_idx"),
        attrs=("T: type", "out_idx: {int32, int64} = DT_INT32"),
        shape=unique_shape, kernel=unique_kernel, gradient=None, host=True,
    )
)  # fmt: skip
UNIQUE_WITH_COUNTS = register(
    OpSpec(
        name="UniqueWithCounts", inputs=("x: T",),
        outputs=("y: T", "idx: out_idx", "count: out_idx"),
        attrs=("T: type", "out_idx: {int32, int64} = DT_INT32"),
        shape=unique_with_counts_shape, kernel=unique_with_counts_kernel, gradient=None, host=True,
    )
)  # fmt: skip


class Unique(NamedTuple):
    """What `tf.unique` returns."""

    y: Tensor
    idx: Tensor


class UniqueWithCounts(NamedTuple):
    """What `tf.unique_with_counts` returns."""

    y: Tensor
    idx: Tensor
    count: Tensor  # type: ignore[assignment]


@export("unique")
def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Unique:
    """The values of a vector without repetition, in order of first occurrence.

    Args:
        x: a vector.
        out_idx: the type of the indices: int32 or int64.
        name: a name for the operation.

    Returns:
        A named tuple: `y`, the values; and `idx`, for each element of `x` the index
        of its value in `y`.

    Example:
        >>> tf.unique([7, 5, 7])  # y [7, 5], idx [0, 1, 0]
    """
    return Unique(*UNIQUE(x, out_idx=out_idx, name=name))


@export("unique_with_counts")
def unique_with_counts(
    x: Any, out_idx: Any = dtypes.int32, name: str | None = None
) -> UniqueWithCounts:
    """`tf.unique`, with how often each value occurs.

    Args:
        x: a vector.
        out_idx: the type of the indices and counts: int32 or int64.
        name: a name for the operation.

    Returns:
        A named tuple: `y`, `idx` and `count`.

    Example:
        >>> tf.unique_with_counts([7, 5, 7])  # y [7, 5], idx [0, 1, 0], count [2, 1]
    """
    return UniqueWithCounts(*UNIQUE_WITH_COUNTS(x, out_idx=out_idx, name=name))


def list_diff_shape(x: Shape, y: Shape) -> list[Shape]:
    shapes.with_rank(x, 1)
    shapes.with_rank(y, 1)
    return [(None,), (None,)]


def list_diff_kernel(xp: Any, x: Any, y: Any, *, out_idx: dtypes.DType) -> Any:
    kept = np.flatnonzero(~np.isin(x, y))
    return x[kept], kept.astype(out_idx.np_dtype)


LIST_DIFF = register(
    OpSpec(
        name="ListDiff", inputs=("x: T", "y: T"), outputs=("out: T", "idx: out_idx"),
        attrs=("T: type", "out_idx: {int32, int64} = DT_INT32"),
        shape=list_diff_shape, kernel=list_diff_kernel, gradient=None, host=True,
    )
)  # fmt: skip


class ListDiff(NamedTuple):
    """What `tf.setdiff1d` returns."""

    out: Tensor
    idx: Tensor


@export("setdiff1d")
def setdiff1d(x: Any, y: Any, index_dtype: Any = dtypes.int32, name: str | None = None) -> ListDiff:
    """The elements of one vector that another does not have.

    Args:
        x: a vector.
        y: a vector of the same type.
        index_dtype: the type of the indices: int32 or int64.
        name: a name for the operation.

    Returns:
        A named tuple: `out`, the elements, in order; and `idx`, where they stand in `x`.

    Example:
        >>> tf.setdiff1d([1, 2, 3], [2])  # out [1, 3], idx [0, 2]
    """
    return ListDiff(*LIST_DIFF(x, y, out_idx=index_dtype, name=name))
