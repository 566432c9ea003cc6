"""The pooling of `tf.nn`, by number of axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import OpSpec, raw
from penstock.graph.public import name_scope
from penstock.nn.arguments import is_channels_first, per_axis
from penstock.ops.old_names import renamed


class MaxPoolWithArgmax(NamedTuple):
    """What `max_pool_with_argmax` returns."""

    output: Tensor
    argmax: Tensor


def _pool(
    op: OpSpec,
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str,
    name: str | None,
) -> Tensor:
    spatial = len(data_format) - 2
    channels = 1 if is_channels_first(data_format) else -1
    sizes = per_axis(ksize, spatial, channels, "ksize")
    if 0 in sizes:
        raise ValueError("ksize cannot be zero.")
    return op(
        value,
        ksize=sizes,
        strides=per_axis(strides, spatial, channels, "strides"),
        padding=padding,
        data_format=data_format,
        name=name,
    )


@export("nn.max_pool")
def max_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The maximum of each window of images.

    Args:
        value: images of a real number type, in the order of `data_format`.
        ksize: the size of the windows: an int, or 1, 2 or 4 of them.
        strides: how far the windows move, likewise.
        padding: "SAME" or "VALID".
        data_format: "NHWC" or "NCHW".
        name: a name for the operation.
        input: the new name of `value`.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: an argument has a wrong length, or a window does not fit.

    Example:
        >>> tf.nn.max_pool(images, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
    """
    value = renamed("input", input, "value", value)
    with name_scope(name, "MaxPool", [value]) as scope:
        layout = "NHWC" if data_format is None else data_format
        return _pool(raw.MaxPool, value, ksize, strides, padding, layout, scope)


@export("nn.avg_pool", "nn.avg_pool2d")
def avg_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The mean of each window of images; padding does not count.

    Args:
        value: images of a floating type, in the order of `data_format`.
        ksize: the size of the windows: an int, or 1, 2 or 4 of them.
        strides: how far the windows move, likewise.
        padding: "SAME" or "VALID".
        data_format: "NHWC" or "NCHW".
        name: a name for the operation.
        input: the new name of `value`.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: an argument has a wrong length, or a window does not fit.

    Example:
        >>> tf.nn.avg_pool(images, ksize=2, strides=2, padding="VALID")
    """
    value = renamed("input", input, "value", value)
    with name_scope(name, "AvgPool", [value]) as scope:
        layout = "NHWC" if data_format is None else data_format
        return _pool(raw.AvgPool, value, ksize, strides, padding, layout, scope)


@export("nn.max_pool2d")
def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The maximum of each window of images; see `max_pool`.

    Args:
        input, ksize, strides, padding, data_format, name: as for `tf.nn.max_pool`.

    Example:
        >>> tf.nn.max_pool2d(images, 2, 2, "SAME")
    """
    with name_scope(name, "MaxPool2d", [input]) as scope:
        layout = "NHWC" if data_format is None else data_format
        return _pool(raw.MaxPool, input, ksize, strides, padding, layout, scope)


@export("nn.max_pool3d")
def max_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """The maximum of each window of volumes; the arguments are those of `max_pool`.

    Args:
        input, ksize, strides, padding, data_format, name: as for `tf.nn.max_pool`,
            with one axis more.

    Example:
        >>> tf.nn.max_pool3d(volumes, 2, 2, "SAME")
    """
    with name_scope(name, "MaxPool3D", [input]) as scope:
        layout = "NDHWC" if data_format is None else data_format
        return _pool(raw.MaxPool3D, input, ksize, strides, padding, layout, scope)


@export("nn.avg_pool3d")
def avg_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of volumes; the arguments are those of `avg_pool`.

    Args:
        input, ksize, strides, padding, data_format, name: as for `tf.nn.avg_pool`,
            with one axis more.

    Example:
        >>> tf.nn.avg_pool3d(volumes, 2, 2, "SAME")
    """
    with name_scope(name, "AvgPool3D", [input]) as scope:
        layout = "NDHWC" if data_format is None else data_format
        return _pool(raw.AvgPool3D, input, ksize, strides, padding, layout, scope)


@export("nn.max_pool1d")
def max_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:
    """The maximum of each window of sequences [batch, width, channels].

    Args:
        input: sequences of a real number type.
        ksize: the size of the windows.
        strides: how far the windows move.
        padding: "SAME" or "VALID".
        data_format: "NWC" or "NCW".
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Example:
        >>> tf.nn.max_pool1d(sequences, 3, 1, "SAME")
    """
    with name_scope(name, "MaxPool1d", [input]) as scope:
        return _pool_1d(raw.MaxPool, input, ksize, strides, padding, data_format, scope)


@export("nn.avg_pool1d")
def avg_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of sequences; the arguments are those of `max_pool1d`.

    Args:
        input, ksize, strides, padding, data_format, name: as for `tf.nn.max_pool1d`.

    Example:
        >>> tf.nn.avg_pool1d(sequences, 3, 1, "SAME")
    """
    with name_scope(name, "AvgPool1D", [input]) as scope:
        return _pool_1d(raw.AvgPool, input, ksize, strides, padding, data_format, scope)


def _pool_1d(
    op: OpSpec,
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    name: str,
) -> Tensor:
    """Sequences as images of height 1."""
    layout = "NWC" if data_format is None else data_format
    first = is_channels_first(layout)
    channels, axis = (1, 2) if first else (-1, 1)
    sizes = [1, *per_axis(ksize, 1, channels, "ksize")]
    steps = [1, *per_axis(strides, 1, channels, "strides")]
    pooled = op(
        raw.ExpandDims(value, axis),
        ksize=sizes,
        strides=steps,
        padding=padding,
        data_format="NCHW" if first else "NHWC",
        name=name,
    )
    return raw.Squeeze(pooled, squeeze_dims=[axis])


def _by_rank(
    functions: dict[int, Callable[..., Tensor]],
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    name: str | None,
) -> Tensor:
    rank = len(data_format) if data_format is not None else input.shape.ndims
    if rank not in functions:
        raise ValueError(f"Input tensor must be of rank 3, 4 or 5 but was {rank}.")
    return functions[rank](input, ksize, strides, padding, data_format=data_format, name=name)


@export("nn.max_pool_v2")
def max_pool_v2(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """The maximum of each window of sequences, images or volumes; see `max_pool`.

    Args:
        input: a tensor [batch, …, channels], or [batch, channels, …].
        ksize, strides, padding, data_format, name: as for `tf.nn.max_pool`.

    Example:
        >>> tf.nn.max_pool_v2(images, 2, 2, "SAME")
    """
    functions: dict[int, Callable[..., Tensor]] = {3: max_pool1d, 4: max_pool, 5: max_pool3d}
    return _by_rank(functions, input, ksize, strides, padding, data_format, name)


@export("nn.avg_pool_v2")
def avg_pool_v2(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """The mean of each window of sequences, images or volumes; see `avg_pool`.

    Args:
        input: a tensor [batch, …, channels], or [batch, channels, …].
        ksize, strides, padding, data_format, name: as for `tf.nn.avg_pool`.

    Example:
        >>> tf.nn.avg_pool_v2(images, 2, 2, "SAME")
    """
    functions: dict[int, Callable[..., Tensor]] = {3: avg_pool1d, 4: avg_pool, 5: avg_pool3d}
    return _by_rank(functions, input, ksize, strides, padding, data_format, name)


@export("nn.max_pool_with_argmax")
def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    Targmax: Any = None,
    name: str | None = None,
    output_dtype: Any = None,
    include_batch_in_index: bool = False,
) -> MaxPoolWithArgmax:
    """The maximum of each window of images, and where it is.

    Args:
        input: images [batch, height, width, channels] of a real number type.
        ksize: the size of the windows, four ints.
        strides: how far the windows move, four ints.
        padding: "SAME" or "VALID".
        data_format: "NHWC".
        Targmax: the type of the places, int64 or int32.
        name: a name for the operation.
        output_dtype: the new name of `Targmax`.
        include_batch_in_index: count places through the batch, not in each image.

    Returns:
        Maxima and places: (y * width + x) * channels + c.

    Raises:
        ValueError: the data format is another.

    Example:
        >>> y, places = tf.nn.max_pool_with_argmax(images, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    """
    if data_format != "NHWC":
        raise ValueError("data_format values other  than 'NHWC' are not supported")
    index_type = renamed("output_dtype", output_dtype, "Targmax", Targmax)
    outputs = raw.MaxPoolWithArgmax(
        input,
        ksize=ksize,
        strides=strides,
        padding=padding,
        Targmax=api.int64 if index_type is None else index_type,
        include_batch_in_index=include_batch_in_index,
        name=name,
    )
    return MaxPoolWithArgmax(*outputs)
