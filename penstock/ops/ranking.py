"""Order: the largest elements, sorting, and places in sorted sequences."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.graph.static_value import constant_value
from penstock.ops.constant import constant
from penstock.ops.diagonals import at_least_rank
from penstock.ops.joining import merge_shapes
from penstock.ops.shape_ops import shape_internal

Shape = shapes.Shape


# TopKV2


def top_k_shape(x: Shape, k: Any) -> list[Shape]:
    at_least_rank(x, 1)
    if k is not None and k.ndim:
        raise ValueError(f"Shape must be rank 0 but is rank {k.ndim}")
    if k is not None and k < 0:
        raise ValueError(
            f"Dimension size, given by scalar input 1, must be non-negative but is {int(k)}"
        )
    if x is None:
        return [None, None]
    count = None if k is None else int(k)
    if count is not None and x[-1] is not None and x[-1] < count:
        raise ValueError(f"input must have last dimension >= k = {count} but is {x[-1]}")
    return [(*x[:-1], count)] * 2


def _checked_count(x: Any, k: Any) -> int:
    count = int(k)
    if count < 0:
        raise InvalidArgumentError(None, None, f"Need k >= 0, got {count}")
    if x.ndim < 1:
        text = f"input must be >= 1-D, got shape {shapes.bracket_text(x.shape)}"
        raise InvalidArgumentError(None, None, text)
    if x.shape[-1] < count:
        raise InvalidArgumentError(
            None, None, f"input must have at least k columns. Had {x.shape[-1]}, needed {count}"
        )
    return count


def top_k_kernel(xp: Any, x: Any, k: Any) -> Any:
    count = _checked_count(x, k)
    # A stable sort of the mirrored rows, read backwards: of equal elements, the first comes first.
    order = x.shape[-1] - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    order = order[..., :count]
    return np.take_along_axis(x, order, axis=-1), order.astype(np.int32)


def traced_top_k_kernel(xp: Any, x: Any, k: Any) -> Any:
    from jax import lax

    # XLA takes -0 for less than 0; to TensorFlow they are equal, and the first stands first.
    equal_zeros = xp.where(x == 0, xp.zeros((), x.dtype), x)
    _, indices = lax.top_k(equal_zeros, _checked_count(x, k))
    values = xp.take_along_axis(x, indices, axis=-1)
    return values, indices.astype(np.int32)


def top_k_gradient(op: Operation, grad: Tensor, _: Any) -> Grads:
    """Scatters the gradient to where the values came from, in the input made one vector."""
    x_shape = api.shape(op._inputs[0])
    indices = op.outputs[1]
    out_shape = api.shape(indices)
    width = api.gather(api.cast(out_shape, dtypes.int64), api.size(out_shape) - 1)
    rows = api.reshape(indices, api.stack([-1, width]))
    x_width = api.gather(api.cast(x_shape, dtypes.int64), api.size(x_shape) - 1)
    row_count = api.shape(rows)[0]
    starts = api.range(0, api.cast(row_count, dtypes.int64) * x_width, x_width)
    flat = api.reshape(rows + api.cast(api.expand_dims(starts, -1), dtypes.int32), [-1])
    spread = api.scatter_nd(
        api.expand_dims(flat, -1), api.reshape(grad, [-1]), [api.reduce_prod(x_shape)]
    )
    return [api.reshape(spread, x_shape), api.zeros([], dtype=dtypes.int32)]


TOP_K_V2 = register(
    OpSpec(
        name="TopKV2", inputs=("input: T", "k: int32"), outputs=("values: T", "indices: int32"),
        attrs=("sorted: bool = true", "T: realnumbertype"), static_inputs=("k",),
        shape=top_k_shape, gradient=top_k_gradient,
        # XLA's own top_k is much faster there than a whole sort.
        kernel=top_k_kernel, xla_kernel=traced_top_k_kernel,
    )
)  # fmt: skip


class TopKV2(NamedTuple):
    """What `tf.nn.top_k` returns."""

    values: Tensor
    indices: Tensor


@export("nn.top_k", "math.top_k")
def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> TopKV2:
    """The largest elements of each row, and where they stand.

    Args:
        input: a tensor of rank 1 or more; its last axis is a row.
        k: how many, an int32 scalar.
        sorted: no effect: the result is sorted always, largest first; of equals,
            the first comes first.
        name: a name for the operation.

    Returns:
        A named tuple: `values`, of the type of `input`, and `indices`, int32.

    Raises:
        ValueError: the rows are known to be shorter than `k`.

    Example:
        >>> tf.nn.top_k([3, 1, 2], k=2)  # values [3, 2], indices [0, 2]
    """
    return TopKV2(*TOP_K_V2(input, k, sorted=sorted, name=name))


# InTopKV2


def in_top_k_shape(predictions: Shape, targets: Shape, k: Shape) -> Shape:
    rows = merge_shapes(shapes.with_rank(predictions, 2)[:1], shapes.with_rank(targets, 1))
    shapes.with_rank(k, 0)
    return rows


def in_top_k_kernel(xp: Any, predictions: Any, targets: Any, k: Any) -> Any:
    """True where fewer than k classes have a prediction above the target's, all being finite."""
    rows, classes = predictions.shape
    if rows != targets.shape[0]:
        text = (
            f"First dimension of predictions {rows} must match length of targets {targets.shape[0]}"
        )
        raise InvalidArgumentError(None, None, text)
    inside = (targets >= 0) & (targets < classes)
    chosen = predictions[np.arange(rows), xp.where(inside, targets, 0)]
    above = (predictions > chosen[:, None]).sum(1)
    return inside & xp.isfinite(predictions).all(1) & (above < k)


IN_TOP_K_V2 = register(
    OpSpec(
        name="InTopKV2", inputs=("predictions: float", "targets: T", "k: T"),
        outputs=("precision: bool",),
        attrs=("T: {int32, int64} = DT_INT32",), shape=in_top_k_shape,
        kernel=in_top_k_kernel, gradient=None,
    )
)  # fmt: skip


@export("nn.in_top_k", "math.in_top_k")
def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether each target class is among the k best predictions of its row.

    Args:
        predictions: float32 of shape [n, classes].
        targets: int32 or int64 of shape [n].
        k: a scalar.
        name: a name for the operation.

    Returns:
        A boolean Tensor of shape [n]; False where a number of the row is not finite.

    Example:
        >>> tf.nn.in_top_k([[0.1, 0.9, 0.5]], [2], 2)  # [True]
    """
    with name_scope(name, "in_top_k"):
        return IN_TOP_K_V2(predictions, targets, k, name=name)


# sort and argsort


@export("sort", "contrib.framework.sort")
def sort(
    values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None
) -> Tensor:
    """A tensor sorted along an axis.

    Args:
        values: a tensor of real numbers.
        axis: an axis.
        direction: "ASCENDING" or "DESCENDING".
        name: a name for the operations.

    Returns:
        A Tensor of the same type and shape.

    Raises:
        ValueError: the direction is unknown, or the axis is no constant.

    Example:
        >>> tf.sort([3, 1, 2])  # [1, 2, 3]
    """
    with name_scope(name, "sort"):
        values, at = _sort_arguments(values, axis, direction)
        if direction == "DESCENDING":
            return _descending(values, at, _VALUES)
        return -_descending(-values, at, _VALUES)


@export("argsort", "contrib.framework.argsort")
def argsort(
    values: Any,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Tensor:
    """The indices that sort a tensor along an axis.

    Args:
        values: a tensor of real numbers.
        axis: an axis.
        direction: "ASCENDING" or "DESCENDING".
        stable: no effect: of equal elements, the first comes first always.
        name: a name for the operations.

    Returns:
        An int32 Tensor of the same shape.

    Raises:
        ValueError: the direction is unknown, or the axis is no constant.

    Example:
        >>> tf.argsort([3, 1, 2])  # [1, 2, 0]
    """
    with name_scope(name, "argsort"):
        values, at = _sort_arguments(values, axis, direction)
        return _descending(values if direction == "DESCENDING" else -values, at, _INDICES)


def _sort_arguments(values: Any, axis: Any, direction: str) -> tuple[Tensor, int]:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"{direction} should be one of ASCENDING, DESCENDING")
    static_axis = constant_value(convert_to_tensor(axis, name="axis"))
    if static_axis is None or static_axis.ndim:
        raise ValueError("axis must be a constant scalar")
    return convert_to_tensor(values, name="values"), int(static_axis)


_VALUES, _INDICES = 0, 1


def _descending(values: Tensor, axis: int, output: int) -> Tensor:
    """The values sorted, largest first, or their indices: an output of TopKV2 on the last axis."""
    count = api.shape(values)[axis]
    rank = api.rank(values)
    static_rank = values._rank()
    if axis == -1 or axis + 1 == static_rank:
        return top_k(values, count)[output]
    if static_rank is None:
        positive: Any = axis + rank if axis < 0 else axis
        swap = api.concat(
            [api.range(positive), [rank - 1], api.range(positive + 1, rank - 1), [positive]], axis=0
        )
    else:
        positive = axis % static_rank
        order = [*range(positive), static_rank - 1, *range(positive + 1, static_rank - 1), positive]
        swap = constant(np.array(order), name="transposition")
    found = top_k(api.transpose(values, swap), count)[output]
    return api.transpose(found, swap)


# LowerBound and UpperBound


def bound_shape(sorted_inputs: Shape, values: Shape) -> Shape:
    shapes.with_rank(sorted_inputs, 2)
    return shapes.with_rank(values, 2)


def _bound_kernels(side: Literal["left", "right"]) -> tuple[Any, Any]:
    def bound_kernel(xp: Any, sorted_inputs: Any, values: Any, *, out_type: dtypes.DType) -> Any:
        if len(sorted_inputs) != len(values):
            text = "Leading dim_size of both tensors must match."
            raise InvalidArgumentError(None, None, text)
        rows = [
            np.searchsorted(row, wanted, side)
            for row, wanted in zip(sorted_inputs, values, strict=True)
        ]
        return np.array(rows, out_type.np_dtype).reshape(values.shape)

    def traced_bound_kernel(
        xp: Any, sorted_inputs: Any, values: Any, *, out_type: dtypes.DType
    ) -> Any:
        import jax

        rows = jax.vmap(lambda row, wanted: xp.searchsorted(row, wanted, side))(
            sorted_inputs, values
        )
        return rows.astype(out_type.np_dtype)

    return bound_kernel, traced_bound_kernel


def _bound(name: str, side: Literal["left", "right"]) -> OpSpec:
    """The op that finds places in sorted rows; row by row, which JAX does with vmap."""
    kernel, xla_kernel = _bound_kernels(side)
    return OpSpec(
        name=name, inputs=("sorted_inputs: T", "values: T"), outputs=("output: out_type",),
        attrs=("T: type", "out_type: {int32, int64} = DT_INT32"),
        shape=bound_shape, kernel=kernel, xla_kernel=xla_kernel, gradient=None,
    )  # fmt: skip


LOWER_BOUND = register(_bound("LowerBound", "left"))
UPPER_BOUND = register(_bound("UpperBound", "right"))


@export("searchsorted")
def searchsorted(
    sorted_sequence: Any,
    values: Any,
    side: str = "left",
    out_type: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """Where values would be inserted into sorted rows.

    Args:
        sorted_sequence: a tensor whose rows (along the last axis) are sorted.
        values: a tensor of the same type and number of rows.
        side: "left" (before equal elements) or "right" (after them).
        out_type: int32 or int64.
        name: a name for the operation.

    Returns:
        A Tensor of the shape of `values`.

    Raises:
        ValueError: `side` is neither.

    Example:
        >>> tf.searchsorted([1, 3, 5], [3, 4])  # [1, 2]
    """
    row_size = shape_internal(sorted_sequence, optimize=True)[-1]
    value_size = shape_internal(values, optimize=True)[-1]
    rows = api.reshape(sorted_sequence, [-1, row_size])
    wanted = api.reshape(values, [-1, value_size])
    if side not in ("left", "right"):
        raise ValueError(f"side must be either 'right' or 'left'.  Saw: {side}.")
    find = raw.LowerBound if side == "left" else raw.UpperBound
    found = find(rows, wanted, out_type=out_type, name=name)
    return api.reshape(found, shape_internal(values, optimize=True))
