"""Windows with holes, by moving every n-th element into a batch of its own first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.graph.static_value import constant_value
from penstock.nn.arguments import is_channels_first

Operator = Callable[[Tensor, str], Tensor]


@export("nn.with_space_to_batch")
def with_space_to_batch(
    input: Any,
    dilation_rate: Any,
    padding: str,
    op: Callable[..., Tensor],
    filter_shape: Any = None,
    spatial_dims: Any = None,
    data_format: str | None = None,
) -> Tensor:
    """Runs an operation on windows as if these had holes.

    Args:
        input: a tensor with a batch, spatial axes and channels.
        dilation_rate: the distance of a window's elements along each spatial axis.
        padding: "SAME" or "VALID".
        op: `op(input, num_spatial_dims, padding)`, called with "VALID" where there are holes.
        filter_shape: the shape of the windows, needed where padding is "SAME".
        spatial_dims: the spatial axes; those of `data_format` where None.
        data_format: "N...C" (as where None) or "NC...".

    Returns:
        What `op` returns, its parts put in place again.

    Raises:
        ValueError: a rate is not positive, or the padding is neither.

    Example:
        >>> tf.nn.with_space_to_batch(x, [2, 2], "VALID", op, filter_shape=[3, 3])
    """
    with name_scope(None, "with_space_to_batch", [input, dilation_rate]):
        input = convert_to_tensor(input, name="input")

        def operator(tensor: Tensor, word: str) -> Tensor:
            return op(tensor, num_spatial_dims=len(axes), padding=word)

        rate = convert_to_tensor(dilation_rate, dtype="int32", name="dilation_rate")
        count = rate.get_shape().with_rank(1)[0].value
        axes = spatial_axes(count, data_format) if spatial_dims is None else list(spatial_dims)
        return _over(operator, input, filter_shape, rate, padding, axes)


def spatial_axes(count: int, data_format: str | None) -> list[int]:
    """The places of `count` spatial axes."""
    start = 2 if is_channels_first(data_format) else 1
    return list(range(start, start + count))


def over_space_to_batch(
    operator: Operator,
    input: Tensor,
    filter_shape: Any,
    dilation_rate: Any,
    padding: str,
    data_format: str | None,
) -> Tensor:
    """`operator(input, padding)`, its windows with holes as `dilation_rate` says.

    Raises:
        ValueError: a rate is not positive, or the padding is neither "SAME" nor "VALID".
    """
    rate = convert_to_tensor(dilation_rate, dtype="int32", name="dilation_rate")
    if rate.get_shape().ndims not in (None, 1):
        raise ValueError("rate must be rank 1")
    count = rate.get_shape()[0].value
    if count is None:
        raise ValueError("rate must have a static shape")
    axes = spatial_axes(count, data_format)
    return _over(operator, input, filter_shape, rate, padding, axes)


def _over(
    operator: Operator,
    input: Tensor,
    filter_shape: Any,
    rate: Tensor,
    padding: str,
    axes: list[int],
) -> Tensor:
    known_rate = constant_value(rate)
    if known_rate is not None:
        if np.any(known_rate < 1):
            raise ValueError("dilation_rate must be positive")
        if np.all(known_rate == 1):
            return operator(input, padding)
    base = _base_paddings(filter_shape, rate, known_rate, padding, len(axes))
    sizes = _spatial_sizes(input, axes)
    paddings, crops = required_space_to_batch_paddings(sizes, rate, base)
    block = _with_other_axes(rate, 1, axes)
    paddings, crops = _with_other_axes(paddings, 0, axes), _with_other_axes(crops, 0, axes)
    result = operator(raw.SpaceToBatchND(input, block, paddings), "VALID")
    return raw.BatchToSpaceND(result, block, crops)


def _base_paddings(
    filter_shape: Any, rate: Tensor, known_rate: Any, padding: str, count: int
) -> Any:
    """What SAME padding takes on both sides: in all, (filter size - 1) * rate."""
    if padding == "VALID":
        return np.zeros([count, 2], np.int32)
    if padding != "SAME":
        raise ValueError(f"Invalid padding method {padding!r}")
    if filter_shape is None:
        raise ValueError("filter_shape must be specified for SAME padding")
    filter_shape = convert_to_tensor(filter_shape, name="filter_shape")
    known_shape = constant_value(filter_shape)
    window = filter_shape[:count] if known_shape is None else known_shape[:count]
    extra = (window - 1) * (rate if known_rate is None else known_rate)
    start = extra // 2
    end = extra - start
    return api.stack([[start[i], end[i]] for i in range(count)])


def _spatial_sizes(input: Tensor, axes: list[int]) -> Any:
    shape = input.get_shape()
    if shape.ndims is not None:
        sizes = [shape[axis].value for axis in axes]
        if None not in sizes:
            return sizes
    dynamic = api.shape(input)
    return api.stack([dynamic[axis] for axis in axes])


@export("required_space_to_batch_paddings")
def required_space_to_batch_paddings(
    input_shape: Any, block_shape: Any, base_paddings: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Paddings that make spatial sizes multiples of a block, and crops that undo them.

    Args:
        input_shape: the spatial sizes, an int32 vector.
        block_shape: the sizes of a block, an int32 vector.
        base_paddings: the least paddings [axes, 2]; zeros where None.
        name: a name for the operation.

    Returns:
        The paddings and the crops, int32 [axes, 2].

    Raises:
        ValueError: `block_shape` has no static shape.

    Example:
        >>> paddings, crops = tf.required_space_to_batch_paddings([7, 7], [2, 2])
    """
    with name_scope(name, "required_space_to_batch_paddings", [input_shape, block_shape]):
        input_shape = convert_to_tensor(input_shape, dtype="int32", name="input_shape")
        block_shape = convert_to_tensor(block_shape, dtype="int32", name="block_shape")
        axes = block_shape.get_shape().with_rank(1)[0].value
        if axes is None:
            raise ValueError("block_shape must have a static shape")
        if axes == 0:
            none = api.zeros([0, 2], "int32")
            return none, none
        if base_paddings is None:
            base_paddings = np.zeros([axes, 2], np.int32)
        else:
            base_paddings = convert_to_tensor(base_paddings, dtype="int32", name="base_paddings")
        known = _known([input_shape, block_shape, base_paddings])
        if known is not None:
            paddings, crops = _paddings_and_crops(*known)
            return (
                api.constant(paddings, name="paddings"),
                api.constant(crops, name="crops"),
            )
        return _dynamic_paddings_and_crops(input_shape, block_shape, base_paddings, axes)


def _known(tensors: Sequence[Any]) -> list[Any] | None:
    values = [
        constant_value(tensor) if isinstance(tensor, Tensor) else tensor for tensor in tensors
    ]
    return None if any(value is None for value in values) else values


def _paddings_and_crops(sizes: Any, block: Any, base: Any) -> tuple[Any, Any]:
    start, end = base[:, 0], base[:, 1]
    extra = -(sizes + start + end) % block
    paddings = np.stack([start, end + extra], axis=1).astype(np.int32)
    crops = np.stack([np.zeros_like(extra), extra], axis=1).astype(np.int32)
    return paddings, crops


def _dynamic_paddings_and_crops(
    sizes: Tensor, block: Tensor, base: Any, axes: int
) -> tuple[Tensor, Tensor]:
    start, original_end = base[:, 0], base[:, 1]
    full = sizes + start + original_end
    extra = (block - full % block) % block
    end = original_end + extra
    paddings = api.stack([[start[i], end[i]] for i in range(axes)], name="paddings")
    crops = api.stack([[0, extra[i]] for i in range(axes)], name="crops")
    return paddings, crops


def _with_other_axes(values: Any, fill: int, axes: list[int]) -> Any:
    """`values` of the spatial axes with rows of `fill` for the axes between batch and these."""
    skipped = axes[0] - 1
    known = _known([values])
    if known is not None:
        array = np.asarray(known[0])
        rows = np.full((skipped, *array.shape[1:]), fill, array.dtype)
        return np.concatenate([rows, array])
    values = values[0 : len(axes)]
    if not skipped:
        return api.concat([values], 0)
    rest = values.get_shape().as_list()[1:]
    return api.concat([np.full((skipped, *rest), fill, np.int32), values], 0)
