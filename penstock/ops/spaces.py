"""Pixels moved between places, channels and batch: space_to_depth, space_to_batch back."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register

Shape = shapes.Shape

_BLOCK_ATTRS = (
    "T: type",
    "block_size: int >= 2",
    "data_format: {'NHWC', 'NCHW', 'NCHW_VECT_C'} = 'NHWC'",
)


# SpaceToDepth and DepthToSpace


def _as_nhwc(x: Shape, data_format: str) -> tuple[int | None, ...]:
    n, a, b, c = shapes.with_rank(x, 4)
    return (n, a, b, c) if data_format == "NHWC" else (n, b, c, a)


def _in_format(shape: tuple[int | None, ...], data_format: str) -> Shape:
    n, h, w, c = shape
    return (n, h, w, c) if data_format == "NHWC" else (n, c, h, w)


def _divided(size: int | None, divisor: int) -> int | None:
    if size is not None and size % divisor:
        raise ValueError(f"Dimension size must be evenly divisible by {divisor} but is {size}")
    return None if size is None else size // divisor


def _times(size: int | None, factor: int) -> int | None:
    return None if size is None else size * factor


def space_to_depth_shape(x: Shape, *, block_size: int, data_format: str) -> Shape:
    n, h, w, c = _as_nhwc(x, data_format)
    out = (n, _divided(h, block_size), _divided(w, block_size), _times(c, block_size**2))
    return _in_format(out, data_format)


def depth_to_space_shape(x: Shape, *, block_size: int, data_format: str) -> Shape:
    n, h, w, c = _as_nhwc(x, data_format)
    out = (n, _times(h, block_size), _times(w, block_size), _divided(c, block_size**2))
    return _in_format(out, data_format)


def _checked(rule: Any, x: Any, block_size: int, data_format: str) -> None:
    if data_format == "NCHW_VECT_C":
        raise InvalidArgumentError(
            None, None, "NCHW_VECT_C is for quantized tensors on a GPU only; use NHWC or NCHW"
        )
    try:
        rule(x.shape, block_size=block_size, data_format=data_format)
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None


def space_to_depth_kernel(xp: Any, x: Any, *, block_size: int, data_format: str) -> Any:
    _checked(space_to_depth_shape, x, block_size, data_format)
    nchw = data_format == "NCHW"
    if nchw:
        x = xp.moveaxis(x, 1, 3)
    n, h, w, c = x.shape
    b = block_size
    x = x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(n, h // b, w // b, b * b * c)
    return xp.moveaxis(x, 3, 1) if nchw else x


def depth_to_space_kernel(xp: Any, x: Any, *, block_size: int, data_format: str) -> Any:
    _checked(depth_to_space_shape, x, block_size, data_format)
    nchw = data_format == "NCHW"
    if nchw:
        x = xp.moveaxis(x, 1, 3)
    n, h, w, c = x.shape
    b = block_size
    x = x.reshape(n, h, w, b, b, c // (b * b)).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(n, h * b, w * b, c // (b * b))
    return xp.moveaxis(x, 3, 1) if nchw else x


def space_to_depth_gradient(
    op: Operation, grad: Tensor, *, block_size: int, data_format: str
) -> Grads:
    return [raw.DepthToSpace(grad, block_size=block_size, data_format=data_format)]


def depth_to_space_gradient(
    op: Operation, grad: Tensor, *, block_size: int, data_format: str
) -> Grads:
    return [raw.SpaceToDepth(grad, block_size=block_size, data_format=data_format)]


SPACE_TO_DEPTH = register(
    OpSpec(
        name="SpaceToDepth",
        inputs=("input: T",),
        outputs=("output: T",),
        attrs=_BLOCK_ATTRS,
        shape=space_to_depth_shape,
        kernel=space_to_depth_kernel,
        gradient=space_to_depth_gradient,
    )
)
DEPTH_TO_SPACE = register(
    OpSpec(
        name="DepthToSpace",
        inputs=("input: T",),
        outputs=("output: T",),
        attrs=_BLOCK_ATTRS,
        shape=depth_to_space_shape,
        kernel=depth_to_space_kernel,
        gradient=depth_to_space_gradient,
    )
)


@export("space_to_depth", "nn.space_to_depth")
def space_to_depth(
    input: Any,
    block_size: int,
    name: str | None = None,
    data_format: str = "NHWC",
) -> Tensor:
    """Blocks of pixels as channels of one pixel each.

    Args:
        input: a tensor of shape [n, height, width, channels].
        block_size: the height and width of a block, which divide those of the image.
        name: a name for the operation.
        data_format: "NHWC" or "NCHW".

    Returns:
        A Tensor of shape [n, height / b, width / b, channels * b * b].

    Raises:
        ValueError: the block does not divide the image.

    Example:
        >>> tf.space_to_depth([[[[1], [2]], [[3], [4]]]], 2)  # [[[[1, 2, 3, 4]]]]
    """
    return SPACE_TO_DEPTH(input, block_size=block_size, data_format=data_format, name=name)


@export("depth_to_space", "nn.depth_to_space")
def depth_to_space(
    input: Any,
    block_size: int,
    name: str | None = None,
    data_format: str = "NHWC",
) -> Tensor:
    """Channels as blocks of pixels: what undoes `tf.space_to_depth`.

    Args:
        input: a tensor of shape [n, height, width, channels].
        block_size: the height and width of a block; its square divides the channels.
        name: a name for the operation.
        data_format: "NHWC" or "NCHW".

    Returns:
        A Tensor of shape [n, height * b, width * b, channels / b / b].

    Raises:
        ValueError: the channels do not make whole blocks.

    Example:
        >>> tf.depth_to_space([[[[1, 2, 3, 4]]]], 2)  # [[[[1], [2]], [[3], [4]]]]
    """
    return DEPTH_TO_SPACE(input, block_size=block_size, data_format=data_format, name=name)


# SpaceToBatchND and BatchToSpaceND


def space_to_batch_shape(x: Shape, block_shape: Any, paddings: Any) -> Shape:
    if x is None or block_shape is None:
        return x if x is None else (None,) * len(x)
    out: list[int | None] = [_times(x[0], int(block_shape.prod()))]
    for axis, block in enumerate(block_shape.tolist(), 1):
        if paddings is None or x[axis] is None:
            out.append(None)
        else:
            before, after = paddings[axis - 1].tolist()
            if before < 0 or after < 0:
                raise ValueError("paddings cannot be negative")
            out.append(_divided(x[axis] + before + after, block))
    return (*out, *x[len(out) :])


def batch_to_space_shape(x: Shape, block_shape: Any, crops: Any) -> Shape:
    if x is None or block_shape is None:
        return x if x is None else (None,) * len(x)
    out = [_divided(x[0], int(block_shape.prod()))]
    for axis, block in enumerate(block_shape.tolist(), 1):
        size = _times(x[axis], block)
        if crops is None or size is None:
            out.append(None)
        else:
            before, after = crops[axis - 1].tolist()
            if before < 0 or after < 0:
                raise ValueError("crops cannot be negative")
            if size < before + after:
                raise ValueError(
                    f"Negative dimension size caused by subtracting {before + after} from {size}"
                )
            out.append(size - before - after)
    return (*out, *x[len(out) :])


def _check_run(rule: Any, x: Any, block_shape: Any, margins: Any) -> None:
    if x.ndim < 1 + block_shape.size:
        text = f"input rank should be >= {1 + block_shape.size} instead of {x.ndim}"
        raise InvalidArgumentError(None, None, text)
    try:
        rule(x.shape, block_shape, margins)
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None


def space_to_batch_kernel(xp: Any, x: Any, block_shape: Any, paddings: Any) -> Any:
    _check_run(space_to_batch_shape, x, block_shape, paddings)
    blocks = block_shape.tolist()
    count = len(blocks)
    x = xp.pad(x, [(0, 0), *paddings.tolist(), *[(0, 0)] * (x.ndim - 1 - count)])
    n, rest = x.shape[0], x.shape[1 + count :]
    inner = [part for size, b in zip(x.shape[1:], blocks, strict=False) for part in (size // b, b)]
    x = x.reshape([n, *inner, *rest])
    places = list(range(1, 1 + 2 * count, 2))
    offsets = list(range(2, 2 + 2 * count, 2))
    x = x.transpose([*offsets, 0, *places, *range(1 + 2 * count, x.ndim)])
    return x.reshape([n * int(block_shape.prod()), *inner[::2], *rest])


def batch_to_space_kernel(xp: Any, x: Any, block_shape: Any, crops: Any) -> Any:
    _check_run(batch_to_space_shape, x, block_shape, crops)
    blocks = block_shape.tolist()
    count = len(blocks)
    n = x.shape[0] // int(block_shape.prod())
    sizes, rest = x.shape[1 : 1 + count], x.shape[1 + count :]
    x = x.reshape([*blocks, n, *sizes, *rest])
    order = [count]
    for axis in range(count):
        order += [count + 1 + axis, axis]
    x = x.transpose([*order, *range(2 * count + 1, x.ndim)])
    whole = [size * b for size, b in zip(sizes, blocks, strict=True)]
    x = x.reshape([n, *whole, *rest])
    kept = [
        slice(before, size - after)
        for size, (before, after) in zip(whole, crops.tolist(), strict=True)
    ]
    return x[(slice(None), *kept)]


def space_to_batch_gradient(op: Operation, grad: Tensor) -> Grads:
    return [raw.BatchToSpaceND(grad, *op._inputs[1:]), None, None]


def batch_to_space_gradient(op: Operation, grad: Tensor) -> Grads:
    return [raw.SpaceToBatchND(grad, *op._inputs[1:]), None, None]


SPACE_TO_BATCH_ND = register(
    OpSpec(
        name="SpaceToBatchND",
        inputs=("input: T", "block_shape: Tblock_shape", "paddings: Tpaddings"),
        outputs=("output: T",),
        attrs=(
            "T: type",
            "Tblock_shape: {int32, int64} = DT_INT32",
            "Tpaddings: {int32, int64} = DT_INT32",
        ),
        static_inputs=("block_shape", "paddings"),
        shape=space_to_batch_shape,
        kernel=space_to_batch_kernel,
        gradient=space_to_batch_gradient,
    )
)
BATCH_TO_SPACE_ND = register(
    OpSpec(
        name="BatchToSpaceND",
        inputs=("input: T", "block_shape: Tblock_shape", "crops: Tcrops"),
        outputs=("output: T",),
        attrs=(
            "T: type",
            "Tblock_shape: {int32, int64} = DT_INT32",
            "Tcrops: {int32, int64} = DT_INT32",
        ),
        static_inputs=("block_shape", "crops"),
        shape=batch_to_space_shape,
        kernel=batch_to_space_kernel,
        gradient=batch_to_space_gradient,
    )
)


@export("space_to_batch_nd", "manip.space_to_batch_nd")
def space_to_batch_nd(
    input: Any,
    block_shape: Any,
    paddings: Any,
    name: str | None = None,
) -> Tensor:
    """Blocks of pixels as elements of the batch, after a margin of zeros is added.

    Args:
        input: a tensor of shape [n, spatial axes…, rest…].
        block_shape: integer vector: the size of a block along each spatial axis.
        paddings: integers of shape [len(block_shape), 2]: how many zeros to add before and after.
        name: a name for the operation.

    Returns:
        A Tensor whose batch is larger by the number of pixels in a block.

    Raises:
        ValueError: the blocks do not divide the padded sizes.

    Example:
        >>> tf.space_to_batch_nd(images, [2, 2], [[0, 0], [0, 0]])
    """
    return SPACE_TO_BATCH_ND(input, block_shape, paddings, name=name)


@export("batch_to_space_nd", "manip.batch_to_space_nd")
def batch_to_space_nd(
    input: Any,
    block_shape: Any,
    crops: Any,
    name: str | None = None,
) -> Tensor:
    """Elements of the batch as blocks of pixels: what undoes `tf.space_to_batch_nd`.

    Args:
        input: a tensor of shape [n, spatial axes…, rest…].
        block_shape: integer vector: the size of a block along each spatial axis.
        crops: integers of shape [len(block_shape), 2]: how much to cut off before and after.
        name: a name for the operation.

    Returns:
        A Tensor whose batch is smaller by the number of pixels in a block.

    Raises:
        ValueError: the batch does not make whole blocks, or the crops are too large.

    Example:
        >>> tf.batch_to_space_nd(parts, [2, 2], [[0, 0], [0, 0]])
    """
    return BATCH_TO_SPACE_ND(input, block_shape, crops, name=name)


@export("space_to_batch", "nn.space_to_batch")
def space_to_batch(
    input: Any,
    paddings: Any,
    block_size: int | None = None,
    name: str | None = None,
    block_shape: Any = None,
) -> Tensor:
    """`tf.space_to_batch_nd` on images with square blocks.

    Args:
        input: a tensor of shape [n, height, width, channels].
        paddings: integers of shape [2, 2].
        block_size: the height and width of a block.
        name: a name for the operation.
        block_shape: another name of `block_size`.

    Returns:
        A Tensor.

    Example:
        >>> tf.space_to_batch(images, [[0, 0], [0, 0]], 2)
    """
    size = block_size if block_shape is None else block_shape
    result = space_to_batch_nd(
        input, paddings=paddings, block_shape=np.array([size, size], np.int64), name=name
    )
    result.set_shape(result.shape.with_rank(4))
    return result


@export("batch_to_space")
def batch_to_space(
    input: Any,
    crops: Any,
    block_size: int | None = None,
    name: str | None = None,
    block_shape: Any = None,
) -> Tensor:
    """`tf.batch_to_space_nd` on images with square blocks.

    Args:
        input: a tensor of shape [n, height, width, channels].
        crops: integers of shape [2, 2].
        block_size: the height and width of a block.
        name: a name for the operation.
        block_shape: another name of `block_size`.

    Returns:
        A Tensor.

    Example:
        >>> tf.batch_to_space(parts, [[0, 0], [0, 0]], 2)
    """
    size = block_size if block_shape is None else block_shape
    result = batch_to_space_nd(
        input, crops=crops, block_shape=np.array([size, size], np.int64), name=name
    )
    result.set_shape(result.shape.with_rank(4))
    return result
