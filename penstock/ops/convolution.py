"""Convolutions in two and three dimensions, and their gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from penstock.graph import shapes
from penstock.graph.export import api
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.ops import windows
from penstock.ops.convolution_kernels import (
    convolve,
    convolve_filter_gradient,
    convolve_filter_gradient_xla,
    convolve_input_gradient,
    convolve_input_gradient_xla,
    convolve_xla,
)

# Shape rules


def convolution_shape(
    x: shapes.Shape,
    w: shapes.Shape,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
    explicit_paddings: Sequence[int],
) -> shapes.Shape:
    """The static shape of a convolution's output."""
    rank = len(strides)
    x, w = shapes.with_rank(x, rank), shapes.with_rank(w, rank)
    channels, depth = x[windows.channel_axis(rank, data_format)], w[-2]
    if channels is not None and depth and channels % depth:
        raise ValueError(
            f"Depth of input ({channels}) is not a multiple of input depth of filter ({depth})"
        )
    pairs = _static_pairs(rank, explicit_paddings, data_format)
    counts = [
        windows.static_count(
            x[axis], w[place], strides[axis], padding, dilations[axis], sum(pairs[axis])
        )
        for place, axis in enumerate(windows.spatial_axes(rank, data_format))
    ]
    if data_format.startswith("NC"):
        return (x[0], w[-1], *counts)
    return (x[0], *counts, w[-1])


def _static_pairs(rank: int, explicit: Sequence[int], data_format: str) -> list[tuple[int, int]]:
    pairs = windows.pad_pairs(explicit) or [(0, 0)] * rank
    if any(number < 0 for number in explicit):
        raise ValueError("All elements of explicit_paddings must be nonnegative")
    fixed = (0, windows.channel_axis(rank, data_format))
    if any(pairs[axis] != (0, 0) for axis in fixed):
        raise ValueError(
            "Nonzero explicit padding in the batch or depth dimensions is not supported"
        )
    return pairs


def input_gradient_shape(
    input_sizes: shapes.Shape, w: shapes.Shape, grad: shapes.Shape, *, strides: Sequence[int]
) -> shapes.Shape:
    """The static shape of a convolution's gradient by its input."""
    for shape in (w, grad):
        shapes.with_rank(shape, len(strides))
    return shapes.with_rank(input_sizes, len(strides))


def filter_gradient_shape(
    x: shapes.Shape, filter_sizes: shapes.Shape, grad: shapes.Shape, *, strides: Sequence[int]
) -> shapes.Shape:
    """The static shape of a convolution's gradient by its filter."""
    return input_gradient_shape(filter_sizes, x, grad, strides=strides)


# Conv2D


def _attrs(op: Operation) -> dict[str, Any]:
    """The attrs that a convolution and its gradients share."""
    shared = [name for name in op._attrs if name in op.spec.attr_specs and name != "T"]
    return {name: op._attrs[name] for name in shared if name != "Tshape"}


def conv2d_gradient(op: Operation, grad: Tensor) -> Grads:
    x, w = op._inputs
    x_shape, w_shape = raw.ShapeN([x, w])
    return [
        raw.Conv2DBackpropInput(x_shape, w, grad, **_attrs(op)),
        raw.Conv2DBackpropFilter(x, w_shape, grad, **_attrs(op)),
    ]


def conv2d_backprop_input_gradient(op: Operation, grad: Tensor) -> Grads:
    _, w, out_grad = op._inputs
    return [
        None,
        raw.Conv2DBackpropFilter(grad, api.shape(w), out_grad, **_attrs(op)),
        raw.Conv2D(grad, w, **_attrs(op)),
    ]


def conv2d_backprop_filter_gradient(op: Operation, grad: Tensor) -> Grads:
    x, _, out_grad = op._inputs
    return [
        raw.Conv2DBackpropInput(api.shape(x), grad, out_grad, **_attrs(op)),
        None,
        raw.Conv2D(x, grad, **_attrs(op)),
    ]


_FLOATS = "T: {half, bfloat16, float, double}"
_CONV2D_ATTRS = (
    _FLOATS,
    "strides: list(int)",
    "use_cudnn_on_gpu: bool = true",
    "padding: {'SAME', 'VALID', 'EXPLICIT'}",
    "explicit_paddings: list(int) = []",
    "data_format: {'NHWC', 'NCHW'} = 'NHWC'",
    "dilations: list(int) = [1, 1, 1, 1]",
)

CONV2D = register(
    OpSpec(
        name="Conv2D",
        inputs=("input: T", "filter: T"),
        outputs=("output: T",),
        attrs=_CONV2D_ATTRS,
        shape=convolution_shape,
        kernel=convolve,
        xla_kernel=convolve_xla,
        gradient=conv2d_gradient,
    )
)
CONV2D_BACKPROP_INPUT = register(
    OpSpec(
        name="Conv2DBackpropInput",
        inputs=("input_sizes: int32", "filter: T", "out_backprop: T"),
        outputs=("output: T",),
        attrs=_CONV2D_ATTRS,
        shape_inputs=("input_sizes",),
        shape=input_gradient_shape,
        kernel=convolve_input_gradient,
        xla_kernel=convolve_input_gradient_xla,
        gradient=conv2d_backprop_input_gradient,
    )
)
CONV2D_BACKPROP_FILTER = register(
    OpSpec(
        name="Conv2DBackpropFilter",
        inputs=("input: T", "filter_sizes: int32", "out_backprop: T"),
        outputs=("output: T",),
        attrs=_CONV2D_ATTRS,
        shape_inputs=("filter_sizes",),
        shape=filter_gradient_shape,
        kernel=convolve_filter_gradient,
        xla_kernel=convolve_filter_gradient_xla,
        gradient=conv2d_backprop_filter_gradient,
    )
)


# Conv3D: the same without explicit paddings


def without_explicit_paddings(function: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a convolution whose op has no such attr."""

    @functools.wraps(function)
    def rule(
        *values: Any,
        strides: Sequence[int],
        padding: str,
        dilations: Sequence[int],
        data_format: str,
    ) -> Any:
        return function(
            *values,
            strides=strides,
            padding=padding,
            dilations=dilations,
            data_format=data_format,
            explicit_paddings=(),
        )

    del rule.__wrapped__  # signatures are read: this one's own counts
    return rule


def conv3d_gradient(op: Operation, grad: Tensor) -> Grads:
    x, w = op._inputs
    return [
        raw.Conv3DBackpropInputV2(api.shape(x), w, grad, **_attrs(op)),
        raw.Conv3DBackpropFilterV2(x, api.shape(w), grad, **_attrs(op)),
    ]


def conv3d_backprop_input_gradient(op: Operation, grad: Tensor) -> Grads:
    _, w, out_grad = op._inputs
    return [
        None,
        raw.Conv3DBackpropFilterV2(grad, api.shape(w), out_grad, **_attrs(op)),
        raw.Conv3D(grad, w, **_attrs(op)),
    ]


def conv3d_backprop_filter_gradient(op: Operation, grad: Tensor) -> Grads:
    x, _, out_grad = op._inputs
    return [
        raw.Conv3DBackpropInputV2(api.shape(x), grad, out_grad, **_attrs(op)),
        None,
        raw.Conv3D(x, grad, **_attrs(op)),
    ]


_CONV3D_ATTRS = (
    _FLOATS,
    "strides: list(int) >= 5",
    "padding: {'SAME', 'VALID'}",
    "data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'",
    "dilations: list(int) = [1, 1, 1, 1, 1]",
)

CONV3D = register(
    OpSpec(
        name="Conv3D",
        inputs=("input: T", "filter: T"),
        outputs=("output: T",),
        attrs=_CONV3D_ATTRS,
        shape=without_explicit_paddings(convolution_shape),
        kernel=without_explicit_paddings(convolve),
        xla_kernel=without_explicit_paddings(convolve_xla),
        gradient=conv3d_gradient,
    )
)
CONV3D_BACKPROP_INPUT = register(
    OpSpec(
        name="Conv3DBackpropInputV2",
        inputs=("input_sizes: Tshape", "filter: T", "out_backprop: T"),
        outputs=("output: T",),
        attrs=(*_CONV3D_ATTRS, "Tshape: {int32, int64} = DT_INT32"),
        shape_inputs=("input_sizes",),
        shape=input_gradient_shape,
        kernel=without_explicit_paddings(convolve_input_gradient),
        xla_kernel=without_explicit_paddings(convolve_input_gradient_xla),
        gradient=conv3d_backprop_input_gradient,
    )
)
CONV3D_BACKPROP_FILTER = register(
    OpSpec(
        name="Conv3DBackpropFilterV2",
        inputs=("input: T", "filter_sizes: int32", "out_backprop: T"),
        outputs=("output: T",),
        attrs=_CONV3D_ATTRS,
        shape_inputs=("filter_sizes",),
        shape=filter_gradient_shape,
        kernel=without_explicit_paddings(convolve_filter_gradient),
        xla_kernel=without_explicit_paddings(convolve_filter_gradient_xla),
        gradient=conv3d_backprop_filter_gradient,
    )
)
