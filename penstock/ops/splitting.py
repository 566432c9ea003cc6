"""Cutting tensors into parts along an axis: split."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, register
from penstock.ops.joining import concat

Shape = shapes.Shape


def split_axis(axis: Any, rank: int) -> int:
    """The axis to split, counted from the front.

    Raises:
        ValueError: it is out of range.
    """
    at = int(axis)
    if not -rank <= at < rank:
        raise ValueError(
            f"Dimension size, given by scalar input {at} must be in range [-{rank}, {rank})"
        )
    return at % rank


def split_shape(split_dim: Any, value: Shape, *, num_split: int) -> list[Shape]:
    if value is None or split_dim is None:
        return [None if value is None else (None,) * len(value)] * num_split
    axis = split_axis(split_dim, len(value))
    size = value[axis]
    if size is not None and size % num_split:
        raise ValueError(
            f"Dimension size must be evenly divisible by {num_split} but is {size}\n\t"
            "Number of ways to split should evenly divide the split dimension"
        )
    part = None if size is None else size // num_split
    return [(*value[:axis], part, *value[axis + 1 :])] * num_split


def split_kernel(split_dim: Any, value: Any, *, num_split: int) -> Any:
    axis = _checked_axis(split_dim, value)
    size = value.shape[axis]
    if size % num_split:
        raise InvalidArgumentError(
            None, None,
            "Number of ways to split should evenly divide the split dimension, but got split_dim "
            f"{axis} (size = {size}) and num_split {num_split}",
        )  # fmt: skip
    before, width = (slice(None),) * axis, size // num_split  # NumPy's split takes ten times longer
    return [value[(*before, slice(k * width, (k + 1) * width))] for k in range(num_split)]


def _checked_axis(axis: Any, value: Any) -> int:
    try:
        return split_axis(axis, value.ndim)
    except ValueError:
        rank, at = value.ndim, int(axis)
        raise InvalidArgumentError(
            None, None, f"-input rank(-{rank}) <= split_dim < input rank ({rank}), but got {at}"
        ) from None


def split_gradient(op: Operation, *grads: Tensor) -> Grads:
    return [None, concat(list(grads), op._inputs[0])]


SPLIT = register(
    OpSpec(
        name="Split", inputs=("split_dim: int32", "value: T"), outputs=("output: num_split * T",),
        attrs=("num_split: int >= 1", "T: type"), static_inputs=("split_dim",),
        shape=split_shape, kernel=split_kernel, gradient=split_gradient, view=True,
    )
)  # fmt: skip


def split_v_shape(value: Shape, size_splits: Any, split_dim: Any, *, num_split: int) -> list[Shape]:
    if value is None:
        return [None] * num_split
    if split_dim is None:
        return [(None,) * len(value)] * num_split
    axis = split_axis(split_dim, len(value))
    sizes: list[int | None] = [None] * num_split
    if size_splits is not None:
        if size_splits.size != num_split:
            raise ValueError("Length of size_splits should be equal to num_outputs")
        sizes = _complete_sizes(size_splits.tolist(), value[axis])
    return [(*value[:axis], size, *value[axis + 1 :]) for size in sizes]


def _complete_sizes(sizes: list[int], total: int | None) -> list[int | None]:
    """The sizes with -1 replaced by what is left of the total, or by None.

    Raises:
        ValueError: they do not add up.
    """
    free = sizes.count(-1)
    if free > 1:
        raise ValueError("Only one dimensions can have unknown size")
    if total is None:
        return [None if size == -1 else size for size in sizes]
    rest = total - sum(sizes) - free
    if rest < 0 or (rest and not free):
        text = ",".join(map(str, sizes))
        raise ValueError(f"can't split axis of size {total} into pieces of size [{text}]")
    return [rest if size == -1 else size for size in sizes]


def split_v_kernel(xp: Any, value: Any, size_splits: Any, split_dim: Any) -> Any:
    axis = _checked_axis(split_dim, value)
    sizes = size_splits.tolist()
    if sizes.count(-1) > 1:
        raise InvalidArgumentError(None, None, "There can only be one -1 in the input.")
    try:
        complete: list[Any] = _complete_sizes(sizes, value.shape[axis])
    except ValueError:
        raise InvalidArgumentError(
            None, None,
            "Determined shape must either match input shape along split_dim exactly if fully "
            "specified, or be less than the size of the input along split_dim if not fully "
            f"specified.  Got: {sum([size for size in sizes if size >= 0])}",
        ) from None  # fmt: skip
    ends = np.cumsum(complete)[:-1]
    return xp.split(value, ends.tolist(), axis)


def split_v_gradient(op: Operation, *grads: Tensor) -> Grads:
    return [concat(list(grads), op._inputs[2]), None, None]


SPLIT_V = register(
    OpSpec(
        name="SplitV", inputs=("value: T", "size_splits: Tlen", "split_dim: int32"),
        outputs=("output: num_split * T",),
        attrs=("num_split: int >= 1", "T: type", "Tlen: {int32, int64} = DT_INT64"),
        static_inputs=("size_splits", "split_dim"),
        shape=split_v_shape, kernel=split_v_kernel, gradient=split_v_gradient, view=True,
    )
)  # fmt: skip


@export("split")
def split(
    value: Any,
    num_or_size_splits: Any,
    axis: Any = 0,
    num: int | None = None,
    name: str | None = "split",
) -> list[Tensor]:
    """Cuts a tensor into parts along an axis.

    Args:
        value: a tensor.
        num_or_size_splits: how many equal parts, an int; or the size of each, a list or
            vector (one may be -1).
        axis: an int32 scalar; negative values count from the end.
        num: how many parts, where `num_or_size_splits` is a vector of unknown length.
        name: a name for the operation.

    Returns:
        A list of Tensors.

    Raises:
        ValueError: the sizes do not fit, or the number of parts is not known.

    Example:
        >>> left, right = tf.split(x, [2, -1], axis=1)
    """
    sizes = convert_to_tensor(num_or_size_splits)
    if isinstance(num_or_size_splits, (int, shapes.Dimension)):
        return SPLIT(axis, value, num_split=int(num_or_size_splits), name=name)
    if sizes._shape == ():
        raise ValueError(
            "Rank-0 tensors are not supported as the num_or_size_splits argument to split. "
            f"Argument provided: {num_or_size_splits}"
        )
    if num is None:
        num = None if sizes._shape is None else sizes._shape[0]
        if num is None:
            raise ValueError(f"Cannot infer num from shape {num_or_size_splits}")
    return SPLIT_V(value, sizes, axis, num_split=num, name=name)
