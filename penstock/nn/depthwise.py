"""The convolutions of `tf.nn` that filter each channel by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.nn.convolution import conv2d
from penstock.nn.space_to_batch import over_space_to_batch
from penstock.ops.old_names import renamed

_ONES = (1, 1, 1, 1)


@export("nn.depthwise_conv2d_native")
def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    strides: Sequence[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = _ONES,
    name: str | None = None,
) -> Tensor:
    """Filters each channel by itself.

    Args:
        input: images of a floating type, in the order of `data_format`.
        filter: filters [height, width, channels, multiplier] of the same type.
        strides: how far the filter moves along each of the four axes.
        padding: "SAME" or "VALID".
        data_format: "NHWC" or "NCHW".
        dilations: the distance of the filter's elements along each axis.
        name: a name for the operation.

    Returns:
        A Tensor with channels times multiplier channels.

    Example:
        >>> tf.nn.depthwise_conv2d_native(images, filters, [1, 1, 1, 1], "SAME")
    """
    return raw.DepthwiseConv2dNative(
        input,
        filter,
        strides=list(strides),
        padding=padding,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
    )


@export("nn.depthwise_conv2d_native_backprop_input", "nn.depthwise_conv2d_backprop_input")
def depthwise_conv2d_native_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    strides: Sequence[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = _ONES,
    name: str | None = None,
) -> Tensor:
    """The gradient of `depthwise_conv2d_native` by its images.

    Args:
        input_sizes: the shape of the images, an int32 vector.
        filter: the filters.
        out_backprop: the gradient of the output.
        strides, padding, data_format, dilations: as of `depthwise_conv2d_native`.
        name: a name for the operation.

    Returns:
        A Tensor of the shape `input_sizes`.

    Example:
        >>> gradient = tf.nn.depthwise_conv2d_native_backprop_input(
        ...     [1, 8, 8, 3], filters, grad, [1, 1, 1, 1], "SAME"
        ... )
    """
    return raw.DepthwiseConv2dNativeBackpropInput(
        input_sizes,
        filter,
        out_backprop,
        strides=list(strides),
        padding=padding,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
    )


@export("nn.depthwise_conv2d_native_backprop_filter", "nn.depthwise_conv2d_backprop_filter")
def depthwise_conv2d_native_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Sequence[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = _ONES,
    name: str | None = None,
) -> Tensor:
    """The gradient of `depthwise_conv2d_native` by its filters.

    Args:
        input: the images.
        filter_sizes: the shape of the filters, an int32 vector.
        out_backprop: the gradient of the output.
        strides, padding, data_format, dilations: as of `depthwise_conv2d_native`.
        name: a name for the operation.

    Returns:
        A Tensor of the shape `filter_sizes`.

    Example:
        >>> gradient = tf.nn.depthwise_conv2d_native_backprop_filter(
        ...     images, [3, 3, 3, 1], grad, [1, 1, 1, 1], "SAME"
        ... )
    """
    return raw.DepthwiseConv2dNativeBackpropFilter(
        input,
        filter_sizes,
        out_backprop,
        strides=list(strides),
        padding=padding,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
    )


@export("nn.depthwise_conv2d")
def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Sequence[int],
    padding: str,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Filters each channel by itself, with holes in the filter where `rate` is more than 1.

    Args:
        input: images of a floating type, in the order of `data_format`.
        filter: filters [height, width, channels, multiplier] of the same type.
        strides: how far the filter moves along each of the four axes.
        padding: "SAME" or "VALID".
        rate: the distance of the filter's elements along height and width.
        name: a name for the operation.
        data_format: "NHWC" (as where None) or "NCHW".
        dilations: the new name of `rate`.

    Returns:
        A Tensor with channels times multiplier channels.

    Example:
        >>> tf.nn.depthwise_conv2d(images, filters, [1, 1, 1, 1], "SAME")
    """
    rate = renamed("dilations", dilations, "rate", rate)
    with name_scope(name, "depthwise", [input, filter]) as scope:
        input = convert_to_tensor(input, name="tensor_in")
        filter = convert_to_tensor(filter, name="filter_in")
        return _depthwise(input, filter, strides, padding, rate, data_format, scope)


def _depthwise(
    input: Tensor,
    filter: Tensor,
    strides: Sequence[int],
    padding: str,
    rate: Any,
    data_format: str | None,
    name: str,
) -> Tensor:
    def native(images: Tensor, padding: str) -> Tensor:
        layout = "NHWC" if data_format is None else data_format
        return depthwise_conv2d_native(
            images, filter, strides, padding, data_format=layout, name=name
        )

    shape = api.shape(filter)
    return over_space_to_batch(
        native, input, shape, [1, 1] if rate is None else rate, padding, data_format
    )


@export("nn.separable_conv2d")
def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Sequence[int],
    padding: str,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """A depthwise convolution, then one of single points that mixes the channels.

    Args:
        input: images of a floating type, in the order of `data_format`.
        depthwise_filter: filters [height, width, channels, multiplier] of the same type.
        pointwise_filter: filters [1, 1, channels * multiplier, out_channels].
        strides, padding, rate, data_format: as of `depthwise_conv2d`.
        name: a name for the operation.
        dilations: the new name of `rate`.

    Returns:
        A Tensor with `out_channels` channels.

    Raises:
        ValueError: the filters do not fit.

    Example:
        >>> tf.nn.separable_conv2d(images, depthwise, pointwise, [1, 1, 1, 1], "SAME")
    """
    rate = renamed("dilations", dilations, "rate", rate)
    with name_scope(name, "separable_conv2d", [input, depthwise_filter, pointwise_filter]) as scope:
        input = convert_to_tensor(input, name="tensor_in")
        depthwise_filter = convert_to_tensor(depthwise_filter, name="depthwise_filter")
        pointwise_filter = convert_to_tensor(pointwise_filter, name="pointwise_filter")
        shape = pointwise_filter.get_shape().with_rank(4)
        shape[0].assert_is_compatible_with(1)
        shape[1].assert_is_compatible_with(1)
        depthwise = _depthwise(
            input, depthwise_filter, strides, padding, rate, data_format, "depthwise"
        )
        return conv2d(
            depthwise,
            pointwise_filter,
            list(_ONES),
            padding="VALID",
            data_format="NHWC" if data_format is None else data_format,
            name=scope,
        )
