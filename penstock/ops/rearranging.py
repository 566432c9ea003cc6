"""Other orders of the same slices: reverse, roll, partition and stitch, grids, repeat."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.ops.joining import merge_shapes
from penstock.ops.old_names import renamed

Shape = shapes.Shape


# ReverseV2


def _reversed_axes(rank: int, axis: Any) -> list[int]:
    """The axes, counted from the front.

    Raises:
        ValueError: one is out of range, or there twice.
    """
    axes: list[int] = []
    for position, at in enumerate(axis.tolist()):
        positive = at + rank if at < 0 else at
        if not 0 <= positive < rank:
            raise ValueError(f"'axis'[{position}] = {at} is out of valid range [0, {rank - 1}")
        if positive in axes:
            raise ValueError(f"axis {positive} specified more than once.")
        axes.append(positive)
    return axes


def reverse_shape(x: Shape, axis: Any) -> Shape:
    if axis is not None:
        if axis.ndim != 1:
            raise ValueError(f"Shape must be rank 1 but is rank {axis.ndim}")
        if x is not None:
            _reversed_axes(len(x), axis)
    return x


def reverse_kernel(xp: Any, x: Any, axis: Any) -> Any:
    try:
        axes = _reversed_axes(x.ndim, axis)
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None
    backwards, forwards = slice(None, None, -1), slice(None)
    return x[tuple([backwards if i in axes else forwards for i in range(x.ndim)])]


def reverse_gradient(op: Operation, grad: Tensor) -> Grads:
    return [reverse(grad, op._inputs[1]), None]


REVERSE_V2 = register(
    OpSpec(
        name="ReverseV2", inputs=("tensor: T", "axis: Tidx"), outputs=("output: T",),
        attrs=(
            "Tidx: {int32, int64} = DT_INT32",
            "T: {uint8, int8, uint16, int16, int32, int64, bool, bfloat16, half, float, double, "
            "complex64, complex128, string}",
        ),
        static_inputs=("axis",),
        shape=reverse_shape, kernel=reverse_kernel, gradient=reverse_gradient, view=True,
    )
)  # fmt: skip


@export("reverse", "reverse_v2", "manip.reverse")
def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """A tensor with some axes backwards.

    Args:
        tensor: a tensor.
        axis: int32 or int64 vector: the axes.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Raises:
        ValueError: an axis is out of range or given twice.

    Example:
        >>> tf.reverse([1, 2, 3], [0])  # [3, 2, 1]
    """
    return REVERSE_V2(tensor, axis, name=name)


# ReverseSequence


def reverse_sequence_shape(x: Shape, seq_lengths: Shape, *, seq_dim: int, batch_dim: int) -> Shape:
    lengths = shapes.with_rank(seq_lengths, 1)
    if x is None:
        return None
    for what, axis in (("batch_dim", batch_dim), ("seq_dim", seq_dim)):
        if axis >= len(x):
            raise ValueError(f"{what} must be < input rank: {axis} vs. {len(x)}")
    rows = x[batch_dim]
    if rows is not None and lengths[0] is not None and rows != lengths[0]:
        raise ValueError(f"Dimensions must be equal, but are {rows} and {lengths[0]}")
    out = list(x)
    out[batch_dim] = lengths[0] if rows is None else rows
    return tuple(out)


def reverse_sequence_kernel(
    xp: Any, x: Any, seq_lengths: Any, *, seq_dim: int, batch_dim: int
) -> Any:
    if seq_lengths.shape != (x.shape[batch_dim],):
        raise InvalidArgumentError(
            None, None,
            f"len(seq_lens) != input.dims({batch_dim}), ({seq_lengths.size} vs. "
            f"{x.shape[batch_dim]})",
        )  # fmt: skip
    too_long = np.flatnonzero((seq_lengths < 0) | (seq_lengths > x.shape[seq_dim]))
    if too_long.size:
        sign = "< 0" if seq_lengths[too_long[0]] < 0 else f"> input.dims({seq_dim})"
        raise InvalidArgumentError(None, None, f"seq_lens({too_long[0]}) {sign}")
    return traced_reverse_sequence_kernel(xp, x, seq_lengths, seq_dim=seq_dim, batch_dim=batch_dim)


def traced_reverse_sequence_kernel(
    xp: Any, x: Any, seq_lengths: Any, *, seq_dim: int, batch_dim: int
) -> Any:
    rows = xp.moveaxis(x, (batch_dim, seq_dim), (0, 1))
    position = np.arange(rows.shape[1])
    lengths = seq_lengths[:, None]
    source = xp.where(position < lengths, lengths - 1 - position, position)
    picked = rows[np.arange(rows.shape[0])[:, None], source]
    return xp.moveaxis(picked, (0, 1), (batch_dim, seq_dim))


def reverse_sequence_gradient(
    op: Operation, grad: Tensor, *, seq_dim: int, batch_dim: int
) -> Grads:
    lengths = op._inputs[1]
    return [raw.ReverseSequence(grad, lengths, seq_dim=seq_dim, batch_dim=batch_dim), None]


REVERSE_SEQUENCE = register(
    OpSpec(
        name="ReverseSequence", inputs=("input: T", "seq_lengths: Tlen"), outputs=("output: T",),
        attrs=("seq_dim: int", "batch_dim: int = 0", "T: type", "Tlen: {int32, int64} = DT_INT64"),
        shape=reverse_sequence_shape, gradient=reverse_sequence_gradient,
        # Only the interpreter can check the lengths.
        kernel=reverse_sequence_kernel, xla_kernel=traced_reverse_sequence_kernel,
    )
)  # fmt: skip


@export("reverse_sequence")
def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
    seq_dim: int | None = None,
    batch_dim: int | None = None,
) -> Tensor:
    """Rows with their first elements backwards, as many as `seq_lengths` says for each.

    Args:
        input: a tensor.
        seq_lengths: int32 or int64 vector.
        seq_axis: the axis along which elements are reversed.
        batch_axis: the axis of the rows; 0 where None.
        name: a name for the operation.
        seq_dim, batch_dim: old names of the axes.

    Returns:
        A Tensor of the same type and shape.

    Raises:
        ValueError: an argument is given by both names, or the shapes do not fit.

    Example:
        >>> tf.reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 3], 1)  # [[2, 1, 3], [6, 5, 4]]
    """
    seq = renamed("seq_axis", seq_axis, "seq_dim", seq_dim)
    batch = renamed("batch_axis", batch_axis, "batch_dim", batch_dim)
    return REVERSE_SEQUENCE(input, seq_lengths, seq_dim=seq, batch_dim=batch, name=name)


# Roll


def roll_shape(x: Shape, shift: Any, axis: Any) -> Shape:
    return x


def roll_kernel(xp: Any, x: Any, shift: Any, axis: Any) -> Any:
    if shift.shape != axis.shape:
        raise InvalidArgumentError(None, None, "shift and axis must have the same size")
    for at in axis.reshape(-1).tolist():
        if not -x.ndim <= at < x.ndim:
            raise InvalidArgumentError(None, None, f"axis {at} is out of range")
    return xp.roll(x, shift.reshape(-1).tolist(), axis.reshape(-1).tolist())


def roll_gradient(op: Operation, grad: Tensor) -> Grads:
    _, shift, axis = op._inputs
    return [raw.Roll(grad, -shift, axis), None, None]


ROLL = register(
    OpSpec(
        name="Roll", inputs=("input: T", "shift: Tshift", "axis: Taxis"), outputs=("output: T",),
        attrs=("T: type", "Tshift: {int32, int64}", "Taxis: {int32, int64}"),
        static_inputs=("shift", "axis"),
        shape=roll_shape, kernel=roll_kernel, gradient=roll_gradient,
    )
)  # fmt: skip


@export("roll", "manip.roll")
def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """A tensor with its elements moved along axes; what leaves at one end enters at the other.

    Args:
        input: a tensor.
        shift: how far, an integer scalar or vector.
        axis: along which axes, of the same shape.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.roll([0, 1, 2, 3], 1, 0)  # [3, 0, 1, 2]
    """
    return ROLL(input, shift, axis, name=name)


# DynamicPartition and DynamicStitch


def dynamic_partition_shape(data: Shape, partitions: Shape, *, num_partitions: int) -> list[Shape]:
    if data is None or partitions is None:
        return [None] * num_partitions
    if len(data) < len(partitions):
        raise ValueError(f"Shape must be at least rank {len(partitions)} but is rank {len(data)}")
    for a, b in zip(data, partitions, strict=False):  # the data may have more axes
        if a is not None and b is not None and a != b:
            raise ValueError(f"Dimensions must be equal, but are {a} and {b}")
    return [(None, *data[len(partitions) :])] * num_partitions


def dynamic_partition_kernel(xp: Any, data: Any, partitions: Any, *, num_partitions: int) -> Any:
    if data.shape[: partitions.ndim] != partitions.shape:
        raise InvalidArgumentError(
            None, None,
            "data.shape must start with partitions.shape, got data.shape = "
            f"{shapes.bracket_text(data.shape)}, partitions.shape = "
            f"{shapes.bracket_text(partitions.shape)}",
        )  # fmt: skip
    if partitions.size and (partitions.min() < 0 or partitions.max() >= num_partitions):
        outside = (partitions < 0) | (partitions >= num_partitions)
        place = np.unravel_index(int(np.argmax(outside)), partitions.shape)
        raise InvalidArgumentError(
            None, None,
            f"partitions[{','.join([str(int(i)) for i in place])}] = {partitions[place]} is not "
            f"in [0, {num_partitions})",
        )  # fmt: skip
    return [data[partitions == part] for part in range(num_partitions)]


def dynamic_partition_gradient(op: Operation, *grads: Tensor, num_partitions: int) -> Grads:
    data, partitions = op._inputs
    shape = api.shape(partitions)
    places = api.reshape(api.range(api.reduce_prod(shape)), shape)
    parts = dynamic_partition(places, partitions, num_partitions)
    return [api.reshape(dynamic_stitch(parts, list(grads)), api.shape(data)), None]


DYNAMIC_PARTITION = register(
    OpSpec(
        name="DynamicPartition", inputs=("data: T", "partitions: int32"),
        outputs=("outputs: num_partitions * T",),
        attrs=("num_partitions: int >= 1", "T: type"), shape=dynamic_partition_shape,
        kernel=dynamic_partition_kernel, gradient=dynamic_partition_gradient, host=True,
    )
)  # fmt: skip


@export("dynamic_partition")
def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: str | None = None
) -> list[Tensor]:
    """Sorts slices of a tensor into several, by the number of the one that each belongs to.

    Args:
        data: a tensor.
        partitions: int32, of the shape that `data` starts with: numbers in [0, num_partitions).
        num_partitions: an int.
        name: a name for the operation.

    Returns:
        A list of Tensors.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> tf.dynamic_partition([10, 20, 30], [0, 1, 0], 2)  # [[10, 30], [20]]
    """
    return DYNAMIC_PARTITION(data, partitions, num_partitions=num_partitions, name=name)


def dynamic_stitch_shape(indices: list[Any], data: list[Shape]) -> Shape:
    rows: int | None = 0
    slices: Shape = None
    for index, values in zip(indices, data, strict=True):
        if index is None:
            rows = None
            continue
        if rows is not None and index.size:
            rows = max(rows, int(index.max()) + 1)
        if values is not None:
            slices = merge_shapes(slices, values[index.ndim :])
    return None if slices is None else (rows, *slices)


def stitched_slices(op: Operation) -> None:
    """The ranks of the indices tell the shape of the slices, even where no values are known."""
    count = len(op._inputs) // 2
    for index, values in zip(op._inputs[:count], op._inputs[count:], strict=True):
        if index._shape is not None and values._shape is not None:
            op.outputs[0].set_shape((None, *values._shape[len(index._shape) :]))


def dynamic_stitch_kernel(xp: Any, indices: list[Any], data: list[Any]) -> Any:
    flat_indices = np.concatenate([index.reshape(-1) for index in indices])
    tail = data[0].shape[indices[0].ndim :]
    for position, (index, values) in enumerate(zip(indices, data, strict=True)):
        if values.shape != index.shape + tail:
            raise InvalidArgumentError(
                None, None,
                f"data[{position}].shape = {shapes.bracket_text(values.shape)} does not start with "
                f"indices[{position}].shape = {shapes.bracket_text(index.shape)}",
            )  # fmt: skip
    if flat_indices.size and flat_indices.min() < 0:
        place = int(np.argmax(flat_indices < 0))
        raise InvalidArgumentError(None, None, f"indices[{place}] is out of range")
    count = int(flat_indices.max()) + 1 if flat_indices.size else 0
    rows = xp.concatenate(
        [values.reshape((index.size, *tail)) for index, values in zip(indices, data, strict=True)]
    )
    source = np.full(count, flat_indices.size)
    source[flat_indices] = np.arange(flat_indices.size)  # of several, the last one stays
    if (source == flat_indices.size).any():  # rows that nobody gives are zeros
        rows = xp.concatenate([rows, xp.zeros((1, *tail), rows.dtype)])
    return rows[source]


def dynamic_stitch_gradient(op: Operation, grad: Tensor, *, N: int) -> Grads:
    return [None] * N + [api.gather(grad, index) for index in op._inputs[:N]]


def _dynamic_stitch(name: str) -> OpSpec:
    """The op and its twin, which differ in nothing but who may run first."""
    return OpSpec(
        name=name, inputs=("indices: N * int32", "data: N * T"), outputs=("merged: T",),
        attrs=("N: int >= 1", "T: type"), static_inputs=("indices",), refine=stitched_slices,
        shape=dynamic_stitch_shape, kernel=dynamic_stitch_kernel, gradient=dynamic_stitch_gradient,
    )  # fmt: skip


DYNAMIC_STITCH = register(_dynamic_stitch("DynamicStitch"))
PARALLEL_DYNAMIC_STITCH = register(_dynamic_stitch("ParallelDynamicStitch"))


@export("dynamic_stitch")
def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """Slices from several tensors at the places in `indices`; it undoes `tf.dynamic_partition`.

    Args:
        indices: a list of int32 tensors.
        data: a list of as many tensors of one type; each starts with the shape of its indices.
        name: a name for the operation.

    Returns:
        A Tensor; where an index occurs twice, the later slice stands.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> tf.dynamic_stitch([[0, 2], [1]], [[10, 30], [20]])  # [10, 20, 30]
    """
    return DYNAMIC_STITCH(indices, data, name=name)


# meshgrid


@export("meshgrid")
def meshgrid(*args: Any, **kwargs: Any) -> list[Tensor]:
    """The coordinates of the points of a grid.

    Args:
        args: a vector for each axis.
        kwargs: `indexing`: "xy" (the first axis is along columns) or "ij"; `name`: a
            name for the operations.

    Returns:
        A list of Tensors, one for each axis.

    Raises:
        TypeError: another keyword is given.
        ValueError: `indexing` is neither.

    Example:
        >>> tf.meshgrid([1, 2, 3], [4, 5])  # [[1, 2, 3], [1, 2, 3]] and [[4, 4, 4], [5, 5, 5]]
    """
    indexing = kwargs.pop("indexing", "xy")
    name = kwargs.pop("name", "meshgrid")
    if kwargs:
        raise TypeError(f"'{next(iter(kwargs))}' is an invalid keyword argument for this function")
    if indexing not in ("xy", "ij"):
        raise ValueError("indexing parameter must be either 'xy' or 'ij'")
    with name_scope(name, "meshgrid", list(args)):
        rank = len(args)
        coordinates = [api.reshape(api.stack(x), _along(i, rank)) for i, x in enumerate(args)]
        sizes = [api.size(x) for x in args]
        dtype = convert_to_tensor(args[0]).dtype.base_dtype
        if indexing == "xy" and rank > 1:
            coordinates[0] = api.reshape(coordinates[0], _along(1, rank))
            coordinates[1] = api.reshape(coordinates[1], _along(0, rank))
            sizes[0], sizes[1] = sizes[1], sizes[0]
        ones = api.ones(sizes, dtype)
        return [x * ones for x in coordinates]


def _along(axis: int, rank: int) -> list[int]:
    return [-1 if i == axis else 1 for i in range(rank)]
