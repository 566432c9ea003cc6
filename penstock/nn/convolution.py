"""The convolutions of `tf.nn`: by number of axes, transposed, and separable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.nn.arguments import is_channels_first, is_sequence, per_axis
from penstock.ops.old_names import renamed

_ONES = (1, 1, 1, 1)


def _channel_axis(data_format: str) -> int:
    return 1 if is_channels_first(data_format) else -1


def _padding_attrs(padding: Any) -> dict[str, Any]:
    """The padding attrs of Conv2D: a word, or explicit numbers from a list of pairs.

    Raises:
        ValueError: the list is not one of four pairs.
    """
    if not is_sequence(padding):
        return {"padding": padding}
    for index, pair in enumerate(padding):
        if not is_sequence(pair):
            raise ValueError(
                "When padding is a list, each element of padding must be a list/tuple of size 2. "
                f"Element with index {index} of padding is not a list/tuple"
            )
        if len(pair) != 2:
            raise ValueError(
                "When padding is a list, each element of padding must be a list/tuple of size 2. "
                f"Element with index {index} of padding has size {len(pair)}"
            )
    if len(padding) != 4:
        raise ValueError(
            f"When padding is a list, it must be of size 4. Got padding of size: {len(padding)}"
        )
    explicit = [number for pair in padding for number in pair]
    return {"padding": "EXPLICIT", "explicit_paddings": explicit}


# Two dimensions


@export("nn.conv2d")
def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str | None = "NHWC",
    dilations: Any = _ONES,
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Slides filters over images: at each place, the sum of filter times image.

    Args:
        input: images of a floating type, in the order of `data_format`.
        filter: filters [height, width, in_channels, out_channels] of the same type.
        strides: how far the filter moves: an int, or 1, 2 or 4 of them.
        padding: "SAME" (with zeros, so that every place counts), "VALID" (none), or pairs of
            numbers of zeros, one for each axis.
        use_cudnn_on_gpu: not used.
        data_format: "NHWC" or "NCHW".
        dilations: the distance of the filter's elements, as `strides`.
        name: a name for the operation.
        filters: the new name of `filter`.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: the shapes do not fit, or an argument has a wrong form.

    Example:
        >>> tf.nn.conv2d(images, filters, strides=[1, 2, 2, 1], padding="SAME")
    """
    filter = renamed("filters", filters, "filter", filter)
    data_format = "NHWC" if data_format is None else data_format
    channels = _channel_axis(data_format)
    return raw.Conv2D(
        input,
        filter,
        strides=per_axis(strides, 2, channels, "strides"),
        use_cudnn_on_gpu=use_cudnn_on_gpu,
        data_format=data_format,
        dilations=per_axis(dilations, 2, channels, "dilations"),
        name=name,
        **_padding_attrs(padding),
    )


@export("nn.conv2d_backprop_input")
def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any = None,
    out_backprop: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = _ONES,
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """The gradient of `conv2d` by its images.

    Args:
        input_sizes: the shape of the images, an int32 vector.
        filter: the filters.
        out_backprop: the gradient of the output.
        strides, padding, use_cudnn_on_gpu, data_format, dilations: as of `conv2d`.
        name: a name for the operation.
        filters: the new name of `filter`.

    Returns:
        A Tensor of the shape `input_sizes`.

    Example:
        >>> tf.nn.conv2d_backprop_input([1, 8, 8, 3], filters, grad, [1, 1, 1, 1], "SAME")
    """
    filter = renamed("filters", filters, "filter", filter)
    channels = _channel_axis(data_format)
    return raw.Conv2DBackpropInput(
        input_sizes,
        filter,
        out_backprop,
        strides=per_axis(strides, 2, channels, "strides"),
        use_cudnn_on_gpu=use_cudnn_on_gpu,
        data_format=data_format,
        dilations=per_axis(dilations, 2, channels, "dilations"),
        name=name,
        **_padding_attrs(padding),
    )


@export("nn.conv2d_backprop_filter")
def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = _ONES,
    name: str | None = None,
) -> Tensor:
    """The gradient of `conv2d` by its filters.

    Args:
        input: the images.
        filter_sizes: the shape of the filters, an int32 vector.
        out_backprop: the gradient of the output.
        strides, padding, use_cudnn_on_gpu, data_format, dilations: as of `conv2d`.
        name: a name for the operation.

    Returns:
        A Tensor of the shape `filter_sizes`.

    Example:
        >>> tf.nn.conv2d_backprop_filter(x, [3, 3, 3, 16], grad, [1, 1, 1, 1], "SAME")
    """
    channels = _channel_axis(data_format)
    return raw.Conv2DBackpropFilter(
        input,
        filter_sizes,
        out_backprop,
        strides=per_axis(strides, 2, channels, "strides"),
        use_cudnn_on_gpu=use_cudnn_on_gpu,
        data_format=data_format,
        dilations=per_axis(dilations, 2, channels, "dilations"),
        name=name,
        **_padding_attrs(padding),
    )


@export("nn.conv2d_transpose")
def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The transpose of `conv2d`, often called deconvolution: it makes images larger.

    Args:
        value: images of a floating type, in the order of `data_format`.
        filter: filters [height, width, out_channels, in_channels] of the same type.
        output_shape: the shape of the result, an int32 vector.
        strides, padding, data_format: as of `conv2d`.
        name: a name for the operation.
        input: the new name of `value`.
        filters: the new name of `filter`.
        dilations: as of `conv2d`.

    Returns:
        A Tensor of the shape `output_shape`.

    Raises:
        ValueError: the shapes do not fit, or an argument is given twice.

    Example:
        >>> tf.nn.conv2d_transpose(images, filters, [batch, 28, 28, 3], strides=2)
    """
    value = renamed("input", input, "value", value)
    filter = renamed("filters", filters, "filter", filter)
    data_format = "NHWC" if data_format is None else data_format
    channels = _channel_axis(data_format)
    with name_scope(name, "conv2d_transpose", [value, filter, output_shape]) as scope:
        return raw.Conv2DBackpropInput(
            output_shape,
            filter,
            value,
            strides=per_axis(strides, 2, channels, "strides"),
            data_format=data_format,
            dilations=per_axis(dilations, 2, channels, "dilations"),
            name=scope,
            **_padding_attrs(padding),
        )


# One dimension, as two of which one has size 1


@export("nn.conv1d")
def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Slides filters over sequences.

    Args:
        value: sequences [batch, width, channels] ("NWC") or [batch, channels, width] ("NCW").
        filters: filters [width, in_channels, out_channels] of the same type.
        stride: how far the filter moves.
        padding: "SAME" or "VALID".
        use_cudnn_on_gpu: not used.
        data_format: "NWC" (as where None) or "NCW".
        name: a name for the operation.
        input: the new name of `value`.
        dilations: the distance of the filter's elements.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: the shapes do not fit, or the data format is neither.

    Example:
        >>> tf.nn.conv1d(sequences, filters, stride=1, padding="SAME")
    """
    value = renamed("input", input, "value", value)
    with name_scope(name, "conv1d", [value, filters]) as scope:
        layout, axis = _image_format(data_format)
        channels = _channel_axis(layout)
        steps = [1, *per_axis(stride, 1, channels, "stride")]
        distances = [1, *per_axis(dilations, 1, channels, "dilations")]
        result = raw.Conv2D(
            api.expand_dims(value, axis),
            api.expand_dims(filters, 0),
            strides=steps,
            use_cudnn_on_gpu=True if use_cudnn_on_gpu is None else use_cudnn_on_gpu,
            data_format=layout,
            dilations=distances,
            name=scope,
            **_padding_attrs(padding),
        )
        return raw.Squeeze(result, squeeze_dims=[axis])


def _image_format(data_format: str | None) -> tuple[str, int]:
    """The format of images for one of sequences, and the axis that is added."""
    if data_format is None or data_format in ("NHWC", "NWC"):
        return "NHWC", 1
    if data_format in ("NCHW", "NCW"):
        return "NCHW", 2
    raise ValueError('data_format must be "NWC" or "NCW".')


@export("nn.conv1d_transpose")
def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transpose of `conv1d`.

    Args:
        input: sequences in the order of `data_format`.
        filters: filters [width, out_channels, in_channels] of the same type.
        output_shape: the shape of the result, an int32 vector.
        strides, padding, data_format, dilations: as of `conv1d`.
        name: a name for the operation.

    Returns:
        A Tensor of the shape `output_shape`.

    Example:
        >>> tf.nn.conv1d_transpose(x, filters, [1, 16, 4], strides=2)
    """
    with name_scope(name, "conv1d_transpose", [input, filters, output_shape]) as scope:
        layout, axis = _image_format(data_format)
        channels = _channel_axis(layout)
        steps = [1, *per_axis(strides, 1, channels, "strides")]
        distances = [1, *per_axis(dilations, 1, channels, "dilations")]
        images, filters = api.expand_dims(input, axis), api.expand_dims(filters, 0)
        before, after = output_shape[:axis], output_shape[axis:]
        result = raw.Conv2DBackpropInput(
            api.concat([before, [1], after], 0),
            filters,
            images,
            strides=steps,
            data_format=layout,
            dilations=distances,
            name=scope,
            **_padding_attrs(padding),
        )
        return raw.Squeeze(result, squeeze_dims=[axis])


# Three dimensions


@export("nn.conv3d")
def conv3d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Slides filters over volumes.

    Args:
        input: volumes of a floating type, in the order of `data_format`.
        filter: filters [depth, height, width, in_channels, out_channels] of the same type.
        strides: how far the filter moves along each of the five axes.
        padding: "SAME" or "VALID".
        data_format: "NDHWC" or "NCDHW".
        dilations: the distance of the filter's elements along each axis.
        name: a name for the operation.
        filters: the new name of `filter`.

    Returns:
        A Tensor of the same type.

    Example:
        >>> tf.nn.conv3d(volumes, filters, strides=[1, 1, 1, 1, 1], padding="SAME")
    """
    filter = renamed("filters", filters, "filter", filter)
    return raw.Conv3D(
        input,
        filter,
        strides=strides,
        padding=padding,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
    )


@export("nn.conv3d_backprop_filter", "nn.conv3d_backprop_filter_v2")
def conv3d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """The gradient of `conv3d` by its filters.

    Args:
        input: the volumes.
        filter_sizes: the shape of the filters, an int32 vector.
        out_backprop: the gradient of the output.
        strides, padding, data_format, dilations: as of `conv3d`.
        name: a name for the operation.

    Returns:
        A Tensor of the shape `filter_sizes`.

    Example:
        >>> tf.nn.conv3d_backprop_filter(x, [3, 3, 3, 1, 4], grad, [1] * 5, "SAME")
    """
    return raw.Conv3DBackpropFilterV2(
        input,
        filter_sizes,
        out_backprop,
        strides=strides,
        padding=padding,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
    )


@export("nn.conv3d_transpose")
def conv3d_transpose(
    value: Any,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str | None = "NDHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The transpose of `conv3d`.

    Args:
        value: volumes in the order of `data_format`.
        filter: filters [depth, height, width, out_channels, in_channels] of the same type.
        output_shape: the shape of the result, an int32 vector.
        strides: an int, or 1, 3 or 5 of them.
        padding, data_format, dilations: as of `conv3d`.
        name: a name for the operation.
        input: the new name of `value`.
        filters: the new name of `filter`.

    Returns:
        A Tensor of the shape `output_shape`.

    Example:
        >>> tf.nn.conv3d_transpose(x, filters, [1, 8, 8, 8, 4], strides=2)
    """
    value = renamed("input", input, "value", value)
    filter = renamed("filters", filters, "filter", filter)
    data_format = "NDHWC" if data_format is None else data_format
    channels = _channel_axis(data_format)
    with name_scope(name, "conv3d_transpose", [value, filter, output_shape]) as scope:
        return raw.Conv3DBackpropInputV2(
            output_shape,
            filter,
            value,
            strides=per_axis(strides, 3, channels, "strides"),
            padding=padding,
            data_format=data_format,
            dilations=per_axis(dilations, 3, channels, "dilations"),
            name=scope,
        )


@export("nn.conv_transpose")
def conv_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transpose of a convolution in one, two or three dimensions.

    Args:
        input: a tensor of rank 3, 4 or 5.
        filters: filters [..., out_channels, in_channels] of the same type.
        output_shape: the shape of the result.
        strides, padding, data_format, dilations: as of `conv2d`.
        name: a name for the operation.

    Returns:
        A Tensor of the shape `output_shape`.

    Raises:
        ValueError: `output_shape` has another number of sizes.

    Example:
        >>> tf.nn.conv_transpose(x, filters, [1, 16, 16, 4], strides=2)
    """
    with name_scope(name, "conv_transpose", [input, filters, output_shape]) as scope:
        count = (
            output_shape.shape[0].value if isinstance(output_shape, Tensor) else len(output_shape)
        )
        functions: dict[Any, Callable[..., Tensor]] = {
            3: conv1d_transpose,
            4: conv2d_transpose,
            5: conv3d_transpose,
        }
        if count not in functions:
            raise ValueError(
                "output_shape must be of length 3, 4, or 5, representing sequences, images or "
                f"volumes, got {count}"
            )
        return functions[count](
            input,
            filters,
            output_shape,
            strides,
            padding=padding,
            data_format=data_format,
            dilations=dilations,
            name=scope,
        )
