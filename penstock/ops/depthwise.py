"""Depthwise convolution, which filters each channel by itself, and its gradients."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.ops import windows
from penstock.ops.convolution import filter_gradient_shape, input_gradient_shape
from penstock.ops.convolution_kernels import (
    Layout,
    as_format,
    gradient_layout,
    layout_of,
    sizes_last,
    to_last,
    widened,
)

Array = np.ndarray[Any, Any]

_MOST_FUSED = 25  # elements of a window that are added one by one in compiled code


# Two kernels: for NumPy a sum over the places of a window, for XLA one group for each channel


def _checked(channels: int, filter_channels: int) -> None:
    if channels != filter_channels:
        raise InvalidArgumentError(
            None,
            None,
            f"input and filter must have the same depth: {channels} vs {filter_channels}",
        )


def _places(layout: Layout) -> list[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Each place of a window, and where the windows have it in the padded input."""
    return [
        (offset, windows.at_offset(offset, layout.axes, layout.strides, layout.dilations))
        for offset in windows.offsets(layout.window)
    ]


def depthwise_kernel(
    x: Array,
    w: Array,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
) -> Array:
    windows.require_rank(x, 4, "input")
    windows.require_rank(w, 4, "filter")
    last, filters = widened(to_last(x, data_format)), widened(w)
    _checked(last.shape[-1], w.shape[2])
    layout = layout_of(last.shape[1:-1], w.shape[:2], strides, padding, dilations, data_format)
    data = windows.padded(last, layout.axes)
    out = np.zeros((last.shape[0], *layout.counts, *w.shape[2:]), last.dtype)  # [n, h, w, c, m]
    for offset, where in _places(layout):
        out += data[where][..., None] * filters[offset]
    out = out.reshape(*out.shape[:3], -1)
    return as_format(out.astype(x.dtype, copy=False), data_format)


def depthwise_input_gradient_kernel(
    input_sizes: Array,
    w: Array,
    grad: Array,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
) -> Array:
    sizes = sizes_last(input_sizes, data_format)
    filters = widened(w)
    last, layout = _gradient_by_channel(
        sizes, w.shape, grad, strides, padding, dilations, data_format
    )
    room = [
        size + axis.before + axis.after for size, axis in zip(sizes[1:-1], layout.axes, strict=True)
    ]
    out = np.zeros((sizes[0], *room, sizes[-1]), last.dtype)
    for offset, where in _places(layout):
        out[where] += (last * filters[offset]).sum(axis=-1)
    out = out[windows.inside(sizes[1:-1], layout.axes)]
    return as_format(out.astype(grad.dtype, copy=False), data_format)


def depthwise_filter_gradient_kernel(
    x: Array,
    filter_sizes: Array,
    grad: Array,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
) -> Array:
    shape = tuple([int(size) for size in filter_sizes])
    data = widened(to_last(x, data_format))
    last, layout = _gradient_by_channel(
        data.shape, shape, grad, strides, padding, dilations, data_format
    )
    data = windows.padded(data, layout.axes)
    out = np.empty(shape, last.dtype)
    for offset, where in _places(layout):
        out[offset] = (data[where][..., None] * last).sum(axis=(0, 1, 2))
    return out.astype(grad.dtype, copy=False)


def _gradient_by_channel(
    sizes: Sequence[int],
    filter_shape: Sequence[int],
    grad: Array,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
) -> tuple[Array, Layout]:
    """The gradient as [n, h, w, c, m], and the windows that it belongs to."""
    _checked(sizes[-1], filter_shape[2])
    last = widened(to_last(grad, data_format))
    flat = (*filter_shape[:2], 1, filter_shape[2] * filter_shape[3])
    layout = gradient_layout(sizes, flat, last.shape, strides, padding, dilations, data_format)
    return last.reshape(*last.shape[:3], *filter_shape[2:]), layout


def depthwise_xla(
    x: Any,
    w: Any,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
) -> Any:
    """The sum over the places of a window, which XLA fuses; for large windows its convolution.

    That convolution, in as many groups as channels, takes fifty times as long on CPUs.
    """
    windows.require_rank(x, 4, "input")
    windows.require_rank(w, 4, "filter")
    channels = x.shape[windows.channel_axis(4, data_format)]
    _checked(channels, w.shape[2])
    sizes = [x.shape[axis] for axis in windows.spatial_axes(4, data_format)]
    layout = layout_of(sizes, w.shape[:2], strides, padding, dilations, data_format)
    if math.prod(layout.window) > _MOST_FUSED:
        return _grouped_convolution(x, w, layout, data_format)
    last = x.transpose(windows.channels_last(4)) if data_format == "NCHW" else x
    out = _sum_of_places(last, w, layout)
    return as_format(out, data_format)


def _sum_of_places(x: Any, w: Any, layout: Layout) -> Any:
    import jax.numpy as jnp

    margins = [(0, 0), *[(axis.before, axis.after) for axis in layout.axes], (0, 0)]
    data = jnp.pad(x, margins)
    parts = [data[where][..., None] * w[offset] for offset, where in _places(layout)]
    out = functools.reduce(operator.add, parts)  # [n, h, w, c, m]
    return out.reshape(*out.shape[:3], -1)


def _grouped_convolution(x: Any, w: Any, layout: Layout, data_format: str) -> Any:
    from jax import lax

    return lax.conv_general_dilated(
        x,
        w.reshape(*w.shape[:2], 1, -1),
        layout.strides,
        [(axis.before, axis.after) for axis in layout.axes],
        rhs_dilation=layout.dilations,
        dimension_numbers=(data_format, "HWIO", data_format),
        feature_group_count=w.shape[2],
    )


def depthwise_input_gradient_xla(
    input_sizes: Array,
    w: Any,
    grad: Any,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
) -> Any:
    import jax

    def convolution(x: Any) -> Any:
        return depthwise_xla(
            x, w, strides=strides, padding=padding, dilations=dilations, data_format=data_format
        )

    like = jax.ShapeDtypeStruct(tuple([int(size) for size in input_sizes]), grad.dtype)
    return jax.linear_transpose(convolution, like)(grad)[0]


def depthwise_filter_gradient_xla(
    x: Any,
    filter_sizes: Array,
    grad: Any,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
) -> Any:
    import jax

    def convolution(w: Any) -> Any:
        return depthwise_xla(
            x, w, strides=strides, padding=padding, dilations=dilations, data_format=data_format
        )

    like = jax.ShapeDtypeStruct(tuple([int(size) for size in filter_sizes]), grad.dtype)
    return jax.linear_transpose(convolution, like)(grad)[0]


# The ops


def depthwise_shape(
    x: shapes.Shape,
    w: shapes.Shape,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
) -> shapes.Shape:
    x, w = shapes.with_rank(x, 4), shapes.with_rank(w, 4)
    channels = windows.merged_size([x[windows.channel_axis(4, data_format)], w[2]])
    out = None if channels is None or w[3] is None else channels * w[3]
    counts = [
        windows.static_count(x[axis], w[place], strides[axis], padding, dilations[axis])
        for place, axis in enumerate(windows.spatial_axes(4, data_format))
    ]
    return (x[0], out, *counts) if data_format == "NCHW" else (x[0], *counts, out)


def _attrs(op: Operation) -> dict[str, Any]:
    return {name: op._attrs[name] for name in ("strides", "padding", "data_format", "dilations")}


def depthwise_gradient(op: Operation, grad: Tensor) -> Grads:
    x, w = op._inputs
    return [
        raw.DepthwiseConv2dNativeBackpropInput(api.shape(x), w, grad, **_attrs(op)),
        raw.DepthwiseConv2dNativeBackpropFilter(x, api.shape(w), grad, **_attrs(op)),
    ]


def depthwise_input_gradient_gradient(op: Operation, grad: Tensor) -> Grads:
    _, w, out_grad = op._inputs
    return [
        None,
        raw.DepthwiseConv2dNativeBackpropFilter(grad, api.shape(w), out_grad, **_attrs(op)),
        raw.DepthwiseConv2dNative(grad, w, **_attrs(op)),
    ]


def depthwise_filter_gradient_gradient(op: Operation, grad: Tensor) -> Grads:
    x, _, out_grad = op._inputs
    return [
        raw.DepthwiseConv2dNativeBackpropInput(api.shape(x), grad, out_grad, **_attrs(op)),
        None,
        raw.DepthwiseConv2dNative(x, grad, **_attrs(op)),
    ]


_ATTRS = (
    "T: {half, bfloat16, float, double}",
    "strides: list(int)",
    "padding: {'SAME', 'VALID'}",
    "data_format: {'NHWC', 'NCHW'} = 'NHWC'",
    "dilations: list(int) = [1, 1, 1, 1]",
)

DEPTHWISE = register(
    OpSpec(
        name="DepthwiseConv2dNative",
        inputs=("input: T", "filter: T"),
        outputs=("output: T",),
        attrs=_ATTRS,
        shape=depthwise_shape,
        kernel=depthwise_kernel,
        xla_kernel=depthwise_xla,
        gradient=depthwise_gradient,
    )
)
DEPTHWISE_BACKPROP_INPUT = register(
    OpSpec(
        name="DepthwiseConv2dNativeBackpropInput",
        inputs=("input_sizes: int32", "filter: T", "out_backprop: T"),
        outputs=("output: T",),
        attrs=_ATTRS,
        shape_inputs=("input_sizes",),
        shape=input_gradient_shape,
        kernel=depthwise_input_gradient_kernel,
        xla_kernel=depthwise_input_gradient_xla,
        gradient=depthwise_input_gradient_gradient,
    )
)
DEPTHWISE_BACKPROP_FILTER = register(
    OpSpec(
        name="DepthwiseConv2dNativeBackpropFilter",
        inputs=("input: T", "filter_sizes: int32", "out_backprop: T"),
        outputs=("output: T",),
        attrs=_ATTRS,
        shape_inputs=("filter_sizes",),
        shape=filter_gradient_shape,
        kernel=depthwise_filter_gradient_kernel,
        xla_kernel=depthwise_filter_gradient_xla,
        gradient=depthwise_filter_gradient_gradient,
    )
)
