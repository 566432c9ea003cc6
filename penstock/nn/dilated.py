"""Convolution and pooling in any number of dimensions, with holes in the windows."""

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
from penstock.nn import convolution as convolutions
from penstock.nn.arguments import is_channels_first
from penstock.nn.space_to_batch import over_space_to_batch
from penstock.ops.old_names import renamed


def _strides_and_rates(count: int, strides: Any, rates: Any) -> tuple[list[int], list[int]]:
    """One stride and one dilation rate for each spatial axis.

    Raises:
        ValueError: there are others, they are not positive, or both are more than 1.
    """
    strides = _one_each(strides, count, "strides")
    rates = _one_each(rates, count, "dilation_rate")
    if any(stride > 1 for stride in strides) and any(rate > 1 for rate in rates):
        raise ValueError("strides > 1 not supported in conjunction with dilation_rate > 1")
    return strides, rates


def _one_each(values: Any, count: int, what: str) -> list[int]:
    if values is None:
        return [1] * count
    numbers = np.asarray(values).ravel().tolist()
    if len(numbers) == 1:
        numbers = numbers * count
    if len(numbers) != count:
        raise ValueError(f"len({what})={len(numbers)} but should be {count}")
    if any(number < 1 for number in numbers):
        raise ValueError(f"all values of {what} must be positive")
    return numbers


@export("nn.convolution")
def convolution(
    input: Any,
    filter: Any,
    padding: str,
    strides: Any = None,
    dilation_rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Slides filters over sequences, images or volumes.

    Args:
        input: a tensor of rank 3, 4 or 5 of a floating type.
        filter: filters [sizes..., in_channels, out_channels] of the same type.
        padding: "SAME" or "VALID".
        strides: how far the filter moves along each spatial axis.
        dilation_rate: the distance of the filter's elements; where it is not 1, strides must be.
        name: a name for the operation.
        data_format: "NWC", "NHWC", "NDHWC" (as where None), or the same with C after N.
        filters: the new name of `filter`.
        dilations: the new name of `dilation_rate`.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: the shapes do not fit, or strides and rates are both not 1.

    Example:
        >>> tf.nn.convolution(images, filters, "SAME", dilation_rate=[2, 2])
    """
    filter = renamed("filters", filters, "filter", filter)
    rate = renamed("dilations", dilations, "dilation_rate", dilation_rate)
    with name_scope(name, "convolution", [input, filter]) as scope:
        input = convert_to_tensor(input, name="input")
        filter = convert_to_tensor(filter, name="filter")
        count = _spatial_count(input, filter)
        steps, rates = _strides_and_rates(count, strides, rate)

        def convolve(tensor: Tensor, word: str) -> Tensor:
            return _convolve(tensor, filter, steps, word, data_format, scope)

        if all(number == 1 for number in rates):
            return convolve(input, padding)
        shape = filter.get_shape()
        window = shape if shape.is_fully_defined() else api.shape(filter)
        return over_space_to_batch(
            convolve, input, window if padding == "SAME" else None, rates, padding, data_format
        )


def _spatial_count(input: Tensor, filter: Tensor) -> int:
    rank = input.get_shape().ndims
    rank = filter.get_shape().ndims if rank is None else rank
    if rank is None:
        raise ValueError("rank of input or filter must be known")
    if rank not in (3, 4, 5):
        raise ValueError(
            "`input` tensor must have rank 3, 4 or 5: it has "
            f"{rank - 2} spatial axes, expected 1, 2 or 3"
        )
    return rank - 2


def _convolve(
    input: Tensor,
    filter: Tensor,
    strides: list[int],
    padding: str,
    data_format: str | None,
    name: str,
) -> Tensor:
    if len(strides) == 1:
        return convolutions.conv1d(
            input, filter, strides[0], padding, data_format=data_format, name=name
        )
    first = is_channels_first(data_format)
    full = [1, 1, *strides] if first else [1, *strides, 1]
    if len(strides) == 2:
        layout = "NCHW" if first else "NHWC"
        return raw.Conv2D(
            input, filter, strides=full, padding=padding, data_format=layout, name=name
        )
    layout = "NCDHW" if first else "NDHWC"
    return raw.Conv3D(input, filter, strides=full, padding=padding, data_format=layout, name=name)


@export("nn.atrous_conv2d")
def atrous_conv2d(
    value: Any, filters: Any, rate: int, padding: str, name: str | None = None
) -> Tensor:
    """Convolution with holes: the filter's elements lie `rate` apart.

    From Chen and others, "Semantic Image Segmentation with Deep Convolutional Nets, Atrous
    Convolution, and Fully Connected CRFs".

    Args:
        value: images [batch, height, width, channels] of a floating type.
        filters: filters [height, width, in_channels, out_channels] of the same type.
        rate: a positive int.
        padding: "SAME" or "VALID".
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Example:
        >>> tf.nn.atrous_conv2d(images, filters, rate=2, padding="SAME")
    """
    rates = np.broadcast_to(rate, [2]).tolist()
    return convolution(value, filters, padding, dilation_rate=rates, name=name)


@export("nn.atrous_conv2d_transpose")
def atrous_conv2d_transpose(
    value: Any,
    filters: Any,
    output_shape: Any,
    rate: int,
    padding: str,
    name: str | None = None,
) -> Tensor:
    """The transpose of `atrous_conv2d`.

    Args:
        value: images [batch, height, width, channels] of a floating type.
        filters: filters [height, width, out_channels, in_channels] of the same type.
        output_shape: the shape of the result, four ints.
        rate: a positive int.
        padding: "SAME" or "VALID".
        name: a name for the operation.

    Returns:
        A Tensor of the shape `output_shape`.

    Raises:
        ValueError: the rate is not positive, or the padding is neither.

    Example:
        >>> tf.nn.atrous_conv2d_transpose(images, filters, [1, 8, 8, 3], rate=2, padding="SAME")
    """
    with name_scope(name, "atrous_conv2d_transpose", [value, filters, output_shape]):
        value = convert_to_tensor(value, name="value")
        filters = convert_to_tensor(filters, name="filters")
        if rate < 1:
            raise ValueError(f"rate {rate} cannot be less than one")
        if rate == 1:
            return convolutions.conv2d_transpose(
                value, filters, output_shape, strides=[1, 1, 1, 1], padding=padding
            )
        shape = convert_to_tensor(output_shape, name="output_shape")
        sizes = _known_sizes(shape)
        margins = _transposed_margins(filters, sizes, rate, padding)
        return _atrous_transpose(value, filters, sizes, rate, margins)


def _known_sizes(shape: Tensor) -> list[int]:
    value = constant_value(shape)
    if value is None or value.shape != (4,):
        raise ValueError("output_shape must be four known sizes")
    return [int(size) for size in value]


def _transposed_margins(
    filters: Tensor, sizes: list[int], rate: int, padding: str
) -> list[tuple[int, int, int]]:
    """For height and width: padding before, padding after, and what completes a block."""
    if padding not in ("SAME", "VALID"):
        raise ValueError(f"padding must be either VALID or SAME: {padding} given.")
    window = filters.get_shape().as_list()[:2]
    margins = []
    for axis, size in enumerate(window):
        if size is None:
            raise ValueError("the filter's height and width must be known")
        total = (size - 1) * rate if padding == "SAME" else 0
        before = total // 2
        after = total - before
        extra = -(sizes[axis + 1] + before + after) % rate
        margins.append((before, after, extra))
    return margins


def _atrous_transpose(
    value: Tensor,
    filters: Tensor,
    sizes: list[int],
    rate: int,
    margins: list[tuple[int, int, int]],
) -> Tensor:
    spread = raw.SpaceToBatchND(value, [rate, rate], [[0, extra] for _, _, extra in margins])
    inner = [
        (sizes[axis + 1] + before + after + extra) // rate
        for axis, (before, after, extra) in enumerate(margins)
    ]
    channels = filters.get_shape()[2].value
    out = raw.Conv2DBackpropInput(
        [sizes[0] * rate * rate, *inner, channels],
        filters,
        spread,
        strides=[1, 1, 1, 1],
        padding="VALID",
        data_format="NHWC",
    )
    crops = [[before, after + extra] for before, after, extra in margins]
    return raw.BatchToSpaceND(out, [rate, rate], crops)


# Pooling


@export("nn.pool")
def pool(
    input: Any,
    window_shape: Sequence[int],
    pooling_type: str,
    padding: str,
    dilation_rate: Any = None,
    strides: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Maxima or means of windows of sequences, images or volumes.

    Args:
        input: a tensor of rank 3, 4 or 5.
        window_shape: the size of the windows along each spatial axis.
        pooling_type: "MAX" or "AVG".
        padding: "SAME" or "VALID".
        dilation_rate: the distance of a window's elements.
        strides: how far the windows move.
        name: a name for the operation.
        data_format: "NWC", "NHWC", "NDHWC" (as where None), or the same with C after N.
        dilations: the new name of `dilation_rate`.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: there is no such pooling, or strides and rates do not go together.

    Example:
        >>> tf.nn.pool(images, [2, 2], "MAX", "SAME", strides=[2, 2])
    """
    rate = renamed("dilations", dilations, "dilation_rate", dilation_rate)
    with name_scope(name, f"{pooling_type.lower()}_pool", [input]) as scope:
        input = convert_to_tensor(input, name="input")
        count = len(window_shape)
        steps, rates = _strides_and_rates(count, strides, rate)
        if padding == "SAME" and any(number > 1 for number in rates):
            raise ValueError("pooling with SAME padding is not implemented for dilation_rate > 1")
        for step, window in zip(steps, window_shape, strict=True):
            if step > window:
                raise ValueError("strides > window_shape not supported due to inconsistency")
        reduce = _pooling(pooling_type, list(window_shape), steps, data_format, scope)
        return over_space_to_batch(reduce, input, None, rates, padding, data_format)


def _pooling(
    kind: str, window: list[int], strides: list[int], data_format: str | None, name: str
) -> Callable[[Tensor, str], Tensor]:
    ops = {
        ("MAX", 1): api.nn.max_pool1d,
        ("AVG", 1): api.nn.avg_pool1d,
        ("MAX", 2): raw.MaxPool,
        ("AVG", 2): raw.AvgPool,
        ("MAX", 3): raw.MaxPool3D,
        ("AVG", 3): raw.AvgPool3D,
    }
    count = len(window)
    if (kind, count) not in ops:
        raise ValueError(f"{count}-D {kind} pooling is not supported.")
    op, first = ops[kind, count], is_channels_first(data_format)
    if count == 1:
        layout = "NCW" if first else "NWC"
        return lambda x, padding: op(x, window, strides, padding, data_format=layout, name=name)
    letters = "DHW"[3 - count :]
    layout = f"NC{letters}" if first else f"N{letters}C"
    full = [[1, 1, *sizes] if first else [1, *sizes, 1] for sizes in (window, strides)]
    return lambda x, padding: op(
        x, ksize=full[0], strides=full[1], padding=padding, data_format=layout, name=name
    )
