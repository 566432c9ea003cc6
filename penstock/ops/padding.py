"""Making tensors larger: pad, mirror, tile."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.static_value import constant_value

Shape = shapes.Shape


# Pad, PadV2


def pad_shape(x: Shape, paddings: Any) -> Shape:
    if paddings is None:
        return None if x is None else (None,) * len(x)
    _check_paddings(x, paddings)
    if x is None:
        return (None,) * len(paddings)
    return tuple([
        None if size is None else size + int(before) + int(after)
        for size, (before, after) in zip(x, paddings, strict=True)
    ])  # fmt: skip


def _check_paddings(x: Shape, paddings: Any) -> None:
    if paddings.ndim != 2:
        raise ValueError(f"Shape must be rank 2 but is rank {paddings.ndim}")
    if paddings.shape[1] != 2:
        raise ValueError(f"Dimension must be 2 but is {paddings.shape[1]}")
    if x is not None and len(x) != len(paddings):
        raise ValueError(f"Shape must be rank {len(paddings)} but is rank {len(x)}")
    if (paddings < 0).any():
        raise ValueError("Paddings must be non-negative")


def padded_sizes(op: Operation) -> None:
    """Where not all paddings are known, those that are give sizes; their number gives the rank."""
    x, paddings = op._inputs[:2]
    out = op.outputs[0]
    if shapes.is_known(out._shape):
        return
    if x._shape is None:
        if paddings._shape and paddings._shape[0] is not None:
            out.set_shape((None,) * paddings._shape[0])
    elif paddings.op.type == "Pack" and len(paddings.op._inputs) == len(x._shape):
        rows = [constant_value(row) for row in paddings.op._inputs]
        out.set_shape([
            None if size is None or row is None else size + int(row.sum())
            for size, row in zip(x._shape, rows, strict=True)
        ])  # fmt: skip


def pad_v2_shape(x: Shape, paddings: Any, constant_values: Shape) -> Shape:
    shapes.with_rank(constant_values, 0)
    return pad_shape(x, paddings)


def _checked(x: Any, paddings: Any) -> list[list[int]]:
    if paddings.ndim != 2 or paddings.shape[1] != 2:
        text = f"paddings must be a matrix with 2 columns: {shapes.bracket_text(paddings.shape)}"
        raise InvalidArgumentError(None, None, text)
    if len(paddings) != x.ndim:
        raise InvalidArgumentError(
            None, None,
            "The first dimension of paddings must be the rank of inputs"
            f"{shapes.bracket_text(paddings.shape)} {shapes.bracket_text(x.shape)}",
        )  # fmt: skip
    pairs: list[list[int]] = paddings.tolist()
    for before, after in pairs:
        if before < 0 or after < 0:
            raise InvalidArgumentError(
                None, None, f"Paddings must be non-negative: {before} {after}"
            )
    return pairs


def pad_kernel(xp: Any, x: Any, paddings: Any) -> Any:
    return pad_v2_kernel(xp, x, paddings, b"" if x.dtype == object else 0)


def pad_v2_kernel(xp: Any, x: Any, paddings: Any, constant_values: Any) -> Any:
    sizes, inner = [], []
    for size, (before, after) in zip(x.shape, _checked(x, paddings), strict=True):
        sizes.append(before + size + after)
        inner.append(slice(before, before + size))
    out = np.full(sizes, constant_values, x.dtype)
    out[tuple(inner)] = x
    return out


def traced_pad_kernel(xp: Any, x: Any, paddings: Any) -> Any:
    pairs = _checked(x, paddings)
    return xp.pad(x, pairs) if pairs else x


def traced_pad_v2_kernel(xp: Any, x: Any, paddings: Any, constant_values: Any) -> Any:
    pairs = _checked(x, paddings)
    return xp.pad(x, pairs, constant_values=constant_values) if pairs else x


def pad_gradient(op: Operation, grad: Tensor) -> Grads:
    x, paddings = op._inputs[:2]
    count = api.stack([api.rank(x), 1])
    begin = api.reshape(api.slice(paddings, [0, 0], count), [-1])
    return [api.slice(grad, begin, api.shape(x)), *[None] * (len(op._inputs) - 1)]


PAD = register(
    OpSpec(
        name="Pad", inputs=("input: T", "paddings: Tpaddings"), outputs=("output: T",),
        attrs=("T: type", "Tpaddings: {int32, int64} = DT_INT32"), static_inputs=("paddings",),
        refine=padded_sizes, shape=pad_shape, gradient=pad_gradient,
        kernel=pad_kernel, xla_kernel=traced_pad_kernel,  # np.pad takes ten times as long
    )
)  # fmt: skip
PAD_V2 = register(
    OpSpec(
        name="PadV2", inputs=("input: T", "paddings: Tpaddings", "constant_values: T"),
        outputs=("output: T",),
        attrs=("T: type", "Tpaddings: {int32, int64} = DT_INT32"), static_inputs=("paddings",),
        refine=padded_sizes, shape=pad_v2_shape, gradient=pad_gradient,
        kernel=pad_v2_kernel, xla_kernel=traced_pad_v2_kernel,  # as for Pad
    )
)  # fmt: skip


# MirrorPad and its gradient


def _repeats_edge(mode: str) -> bool:
    return mode == "SYMMETRIC"


def mirror_pad_kernel(xp: Any, x: Any, paddings: Any, *, mode: str) -> Any:
    pairs = _checked(x, paddings)
    for size, (before, after) in zip(x.shape, pairs, strict=True):
        if _repeats_edge(mode) and max(before, after) > size:
            raise InvalidArgumentError(
                None, None,
                f"paddings must be no greater than the dimension size: {before}, {after} "
                f"greater than {size}",
            )  # fmt: skip
        if not _repeats_edge(mode) and max(before, after) >= size:
            raise InvalidArgumentError(
                None, None,
                f"paddings must be less than the dimension size: {before}, {after} "
                f"not less than {size}",
            )  # fmt: skip
    return xp.pad(x, pairs, mode=mode.lower()) if pairs else x


def mirror_pad_gradient(op: Operation, grad: Tensor, *, mode: str) -> Grads:
    return [raw.MirrorPadGrad(grad, op._inputs[1], mode=mode), None]


MIRROR_PAD = register(
    OpSpec(
        name="MirrorPad", inputs=("input: T", "paddings: Tpaddings"), outputs=("output: T",),
        attrs=("T: type", "Tpaddings: {int32, int64} = DT_INT32", "mode: {'REFLECT', 'SYMMETRIC'}"),
        static_inputs=("paddings",), refine=padded_sizes, shape=pad_shape, kernel=mirror_pad_kernel,
        gradient=mirror_pad_gradient,
    )
)  # fmt: skip


def mirror_pad_grad_shape(x: Shape, paddings: Any) -> Shape:
    if paddings is None:
        return None if x is None else (None,) * len(x)
    _check_paddings(x, paddings)
    if x is None:
        return (None,) * len(paddings)
    return tuple([
        None if size is None else size - int(before) - int(after)
        for size, (before, after) in zip(x, paddings, strict=True)
    ])  # fmt: skip


def mirror_pad_grad_kernel(xp: Any, x: Any, paddings: Any, *, mode: str) -> Any:
    """Adds each mirrored element to the one that it mirrors, axis by axis."""
    offset = 0 if _repeats_edge(mode) else 1
    for axis, (before, after) in enumerate(_checked(x, paddings)):
        x = xp.moveaxis(x, axis, 0)
        size = x.shape[0] - before - after
        inner = x[before : before + size]
        rest = [(0, 0)] * (x.ndim - 1)
        head = xp.pad(x[:before][::-1], [(offset, size - offset - before), *rest])
        tail = xp.pad(x[before + size :][::-1], [(size - offset - after, offset), *rest])
        x = xp.moveaxis(inner + head + tail, 0, axis)
    return x


def mirror_pad_grad_gradient(op: Operation, grad: Tensor, *, mode: str) -> Grads:
    return [raw.MirrorPad(grad, op._inputs[1], mode=mode), None]


MIRROR_PAD_GRAD = register(
    OpSpec(
        name="MirrorPadGrad", inputs=("input: T", "paddings: Tpaddings"), outputs=("output: T",),
        attrs=("T: type", "Tpaddings: {int32, int64} = DT_INT32", "mode: {'REFLECT', 'SYMMETRIC'}"),
        static_inputs=("paddings",), refine=padded_sizes, shape=mirror_pad_grad_shape,
        kernel=mirror_pad_grad_kernel, gradient=mirror_pad_grad_gradient,
    )
)  # fmt: skip


@export("pad")
def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    name: str | None = None,
    constant_values: Any = 0,
) -> Tensor:
    """A tensor with a margin.

    Args:
        tensor: a tensor of rank n.
        paddings: int32 or int64, of shape [n, 2]: how much to add before and after, for each axis.
        mode: "CONSTANT", "REFLECT" (mirrored at the outermost elements) or "SYMMETRIC" (mirrored
            beside them); in any case.
        name: a name for the operation.
        constant_values: the scalar that a constant margin is made of.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: the mode is unknown, or the paddings do not fit.

    Example:
        >>> tf.pad([[1, 2]], [[0, 1], [2, 0]])  # [[0, 0, 1, 2], [0, 0, 0, 0]]
    """
    mode = mode.upper()
    if mode == "CONSTANT":
        if (
            not isinstance(constant_values, Tensor)
            and np.ndim(constant_values) == 0
            and constant_values == 0
        ):
            result = PAD(tensor, paddings, name=name)
        else:
            result = PAD_V2(tensor, paddings, constant_values, name=name)
    elif mode in ("REFLECT", "SYMMETRIC"):
        result = MIRROR_PAD(tensor, paddings, mode=mode, name=name)
    else:
        raise ValueError(f"Unknown padding mode: {mode}")
    return result


# Tile


def tile_shape(x: Shape, multiples: Any) -> Shape:
    if multiples is None:
        return None if x is None else (None,) * len(x)
    if x is None:
        x = (None,) * len(multiples)
    if len(x) != len(multiples):
        raise ValueError(f"Shape must be rank {len(x)} but is rank {len(multiples)}")
    return tuple([
        0 if 0 in (size, count) else None if size is None or count is None else size * count
        for size, count in zip(x, multiples, strict=True)
    ])  # fmt: skip


def tile_kernel(xp: Any, x: Any, multiples: Any) -> Any:
    if multiples.ndim != 1:
        text = f"Expected multiples to be 1-D, but got shape {shapes.bracket_text(multiples.shape)}"
        raise InvalidArgumentError(None, None, text)
    counts = multiples.tolist()
    if len(counts) != x.ndim:
        raise InvalidArgumentError(
            None, None,
            f"Expected multiples argument to be a vector of length {x.ndim} but got "
            f"length {len(counts)}",
        )  # fmt: skip
    for index, count in enumerate(counts):
        if count < 0:
            raise InvalidArgumentError(
                None, None, f"Expected multiples[{index}] >= 0, but got {count}"
            )
    return xp.tile(x, counts)


def tile_gradient(op: Operation, grad: Tensor) -> Grads:
    """The shape is taken apart into (multiple, size) pairs, and summed over the multiples."""
    in_shape = api.shape(op._inputs[0], out_type=op._inputs[1].dtype)
    pairs = api.reshape(api.transpose(api.stack([op._inputs[1], in_shape])), [-1])
    axes = api.range(0, api.size(pairs), 2)
    return [api.reduce_sum(api.reshape(grad, pairs), axes), None]


TILE = register(
    OpSpec(
        name="Tile", inputs=("input: T", "multiples: Tmultiples"), outputs=("output: T",),
        attrs=("T: type", "Tmultiples: {int32, int64} = DT_INT32"), shape_inputs=("multiples",),
        shape=tile_shape, kernel=tile_kernel, gradient=tile_gradient,
    )
)  # fmt: skip


@export("tile", "manip.tile")
def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """A tensor repeated along its axes.

    Args:
        input: a tensor of rank n.
        multiples: int32 or int64, of shape [n]: how often, for each axis.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: `multiples` has another length.

    Example:
        >>> tf.tile([[1, 2]], [2, 2])  # [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    return TILE(input, multiples, name=name)
