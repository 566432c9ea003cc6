"""The kernels of convolutions in two and three dimensions, and of their gradients.

For NumPy each is a product of matrices over the windows, which needs no compiling; for XLA, its
own convolution. Inside, channels are the last axis.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from penstock.graph.errors import InvalidArgumentError
from penstock.ops import windows

Array = np.ndarray[Any, Any]

_CHUNK_ELEMENTS = 1 << 21  # of windows laid out at a time: what a processor's cache holds


# Geometry


class Layout(NamedTuple):
    """The windows of one convolution: of each spatial axis its place, size, stride and dilation."""

    axes: tuple[windows.Axis, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """How many windows there are along each axis."""
        return tuple([axis.number for axis in self.axes])


def layout_of(
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
    explicit: Sequence[int] = (),
) -> Layout:
    """The windows of a convolution over spatial `sizes`; attrs are as the op holds them.

    Raises:
        InvalidArgumentError: no window fits, or the attrs slide along the batch or the channels.
    """
    rank = len(strides)
    spatial = windows.spatial_axes(rank, data_format)
    if any(strides[axis] != 1 for axis in range(rank) if axis not in spatial):
        raise InvalidArgumentError(
            None,
            None,
            "Current implementation does not yet support strides in the batch and depth "
            "dimensions.",
        )
    pairs = windows.pad_pairs(explicit) or [(0, 0)] * rank
    axes = [
        windows.axis_windows(size, span, strides[axis], padding, dilations[axis], pairs[axis])
        for size, span, axis in zip(sizes, window, spatial, strict=True)
    ]
    return Layout(
        tuple(axes),
        tuple(window),
        tuple([strides[axis] for axis in spatial]),
        tuple([dilations[axis] for axis in spatial]),
    )


def gradient_layout(
    x: Sequence[int],
    w: Sequence[int],
    grad: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
    explicit: Sequence[int] = (),
) -> Layout:
    """The windows of a convolution of `x` with `w` (sizes, channels last) whose gradient is given.

    Raises:
        InvalidArgumentError: `grad` are not the sizes of the convolution's output.
    """
    if not len(x) == len(w) == len(grad) == len(strides):
        wanted = f"input, filter and out_backprop must be {len(strides)}-dimensional"
        raise InvalidArgumentError(None, None, wanted)
    layout = layout_of(x[1:-1], w[:-2], strides, padding, dilations, data_format, explicit)
    problem = _gradient_problem(x, w, grad, layout)
    if problem is not None:
        raise InvalidArgumentError(None, None, problem)
    return layout


def _gradient_problem(
    x: Sequence[int], w: Sequence[int], grad: Sequence[int], layout: Layout
) -> str | None:
    if grad[0] != x[0]:
        return (
            "input and out_backprop must have the same batch size, "
            f"input batch: {x[0]} outbackprop batch: {grad[0]}"
        )
    if grad[-1] != w[-1]:
        return "filter and out_backprop must have the same out_depth"
    for place, (got, wanted) in enumerate(zip(grad[1:-1], layout.counts, strict=True)):
        if got != wanted:
            return (
                f"Size of out_backprop doesn't match computed: actual = {got}, computed = "
                f"{wanted} spatial_dim: {place + 1} input: {x[place + 1]} filter: {w[place]} "
                f"output: {got} stride: {layout.strides[place]} "
                f"dilation: {layout.dilations[place]}"
            )
    return None


def groups_of(channels: int, filter_channels: int) -> int:
    """How many groups of input channels a filter of fewer channels makes.

    Raises:
        InvalidArgumentError: the channels cannot be split that way.
    """
    if filter_channels == 0 or channels % filter_channels:
        raise InvalidArgumentError(
            None,
            None,
            "input depth must be evenly divisible by filter depth: "
            f"{channels} vs {filter_channels}",
        )
    return channels // filter_channels


# NumPy: windows side by side in a matrix


def forward(x: Array, w: Array, layout: Layout) -> Array:
    """The convolution of x [n, spatial…, c] with w [window…, c, o]: [n, counts…, o]."""
    out = np.empty((x.shape[0], *layout.counts, w.shape[-1]), x.dtype)
    matrix = w.reshape(-1, w.shape[-1])
    for part, rows in _window_rows(x, layout):
        np.matmul(rows, matrix, out=out[part].reshape(-1, w.shape[-1]))
    return out


def _window_rows(x: Array, layout: Layout) -> Any:
    """Pairs of a range of images and the matrix whose rows are their windows."""
    x = windows.padded(x, layout.axes)
    length = math.prod(layout.window) * x.shape[-1]
    images = max(1, _CHUNK_ELEMENTS // max(1, math.prod(layout.counts) * length))
    for start in range(0, x.shape[0], images):
        part = slice(start, start + images)
        view = windows.window_view(
            x[part], layout.axes, layout.window, layout.strides, layout.dilations
        )
        yield part, view.reshape(math.prod(view.shape[: 1 + len(layout.axes)]), length)


def input_gradient(sizes: Sequence[int], w: Array, grad: Array, layout: Layout) -> Array:
    """The gradient by x: each position of a window gets its part of the window's gradient."""
    room = [
        size + axis.before + axis.after for size, axis in zip(sizes[1:-1], layout.axes, strict=True)
    ]
    out = np.zeros((sizes[0], *room, w.shape[-2]), grad.dtype)
    for offset in windows.offsets(layout.window):
        where = windows.at_offset(offset, layout.axes, layout.strides, layout.dilations)
        out[where] += grad @ w[offset].T
    return out[windows.inside(sizes[1:-1], layout.axes)]


def filter_gradient(x: Array, shape: Sequence[int], grad: Array, layout: Layout) -> Array:
    """The gradient by w: the windows' elements times the windows' gradients."""
    out = np.zeros((math.prod(shape[:-1]), shape[-1]), grad.dtype)
    for part, rows in _window_rows(x, layout):
        out += rows.T @ grad[part].reshape(-1, shape[-1])
    return out.reshape(shape)


def widened(array: Array) -> Array:
    """float32 instead of the half types, whose sums would lose digits."""
    return array.astype(np.float32) if array.dtype.itemsize < 4 else array


def to_last(array: Array, data_format: str) -> Array:
    """The array with its channels last."""
    if data_format.startswith("NC"):
        return np.ascontiguousarray(array.transpose(windows.channels_last(array.ndim)))
    return array


def as_format(array: Array, data_format: str) -> Array:
    """An array with channels last, as the data format has it."""
    if data_format.startswith("NC"):
        return array.transpose(windows.channels_second(array.ndim))
    return array


def sizes_last(sizes: Any, data_format: str) -> tuple[int, ...]:
    """The sizes of an array, those of channels last."""
    sizes = tuple([int(size) for size in sizes])
    return (sizes[0], *sizes[2:], sizes[1]) if data_format.startswith("NC") else sizes


# Kernels of the general form; the ops below differ in rank and attrs alone


def convolve(
    x: Array,
    w: Array,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
    explicit_paddings: Sequence[int],
) -> Array:
    """NumPy's convolution in any number of dimensions."""
    _require_ranks(x, w, strides)
    last = widened(to_last(x, data_format))
    layout = layout_of(
        last.shape[1:-1], w.shape[:-2], strides, padding, dilations, data_format, explicit_paddings
    )
    groups = groups_of(last.shape[-1], w.shape[-2])
    out = _by_group(
        lambda part, weights: forward(part, weights, layout),
        groups,
        np.split(last, groups, -1),
        np.split(widened(w), groups, -1),
    )
    return as_format(out.astype(x.dtype, copy=False), data_format)


def convolve_input_gradient(
    sizes: Array,
    w: Array,
    grad: Array,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
    explicit_paddings: Sequence[int],
) -> Array:
    """NumPy's gradient of a convolution by its input."""
    shape, last = sizes_last(sizes, data_format), widened(to_last(grad, data_format))
    layout = gradient_layout(
        shape,
        w.shape,
        last.shape,
        strides,
        padding,
        dilations,
        data_format,
        explicit_paddings,
    )
    groups = groups_of(shape[-1], w.shape[-2])
    out = _by_group(
        lambda weights, part: input_gradient(shape, weights, part, layout),
        groups,
        np.split(widened(w), groups, -1),
        np.split(last, groups, -1),
    )
    return as_format(out.astype(grad.dtype, copy=False), data_format)


def convolve_filter_gradient(
    x: Array,
    sizes: Array,
    grad: Array,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
    explicit_paddings: Sequence[int],
) -> Array:
    """NumPy's gradient of a convolution by its filter."""
    shape = tuple([int(size) for size in sizes])
    last, grad_last = widened(to_last(x, data_format)), widened(to_last(grad, data_format))
    layout = gradient_layout(
        last.shape,
        shape,
        grad_last.shape,
        strides,
        padding,
        dilations,
        data_format,
        explicit_paddings,
    )
    groups = groups_of(last.shape[-1], shape[-2])
    part_shape = (*shape[:-1], shape[-1] // groups)
    out = _by_group(
        lambda part, part_grad: filter_gradient(part, part_shape, part_grad, layout),
        groups,
        np.split(last, groups, -1),
        np.split(grad_last, groups, -1),
    )
    return out.astype(grad.dtype, copy=False)


def _by_group(function: Callable[..., Array], groups: int, *parts: Sequence[Array]) -> Array:
    """The function of each group of channels, joined along the last axis."""
    if groups == 1:
        return function(*[part[0] for part in parts])
    return np.concatenate([function(*group) for group in zip(*parts, strict=True)], axis=-1)


def _require_ranks(x: Any, w: Any, strides: Sequence[int]) -> None:
    windows.require_rank(x, len(strides), "input")
    windows.require_rank(w, len(strides), "filter")


def convolve_xla(
    x: Any,
    w: Any,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
    explicit_paddings: Sequence[int],
) -> Any:
    """XLA's convolution in any number of dimensions."""
    from jax import lax

    _require_ranks(x, w, strides)
    rank = x.ndim
    sizes = [x.shape[axis] for axis in windows.spatial_axes(rank, data_format)]
    layout = layout_of(
        sizes, w.shape[:-2], strides, padding, dilations, data_format, explicit_paddings
    )
    channels = x.shape[windows.channel_axis(rank, data_format)]
    letters = "DHW"[5 - rank :]
    form = f"NC{letters}" if data_format.startswith("NC") else f"N{letters}C"
    return lax.conv_general_dilated(
        x,
        w,
        layout.strides,
        [(axis.before, axis.after) for axis in layout.axes],
        rhs_dilation=layout.dilations,
        dimension_numbers=(form, f"{letters}IO", form),
        feature_group_count=groups_of(channels, w.shape[-2]),
    )


def convolve_input_gradient_xla(
    sizes: Array,
    w: Any,
    grad: Any,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
    explicit_paddings: Sequence[int],
) -> Any:
    """XLA's gradient by the input: the convolution is linear in it, so JAX can transpose it."""
    import jax

    gradient_layout(
        sizes_last(sizes, data_format),
        w.shape,
        sizes_last(grad.shape, data_format),
        strides,
        padding,
        dilations,
        data_format,
        explicit_paddings,
    )
    like = jax.ShapeDtypeStruct(tuple([int(size) for size in sizes]), grad.dtype)
    convolution = functools.partial(
        convolve_xla,
        w=w,
        strides=strides,
        padding=padding,
        dilations=dilations,
        data_format=data_format,
        explicit_paddings=explicit_paddings,
    )
    return jax.linear_transpose(convolution, like)(grad)[0]


def convolve_filter_gradient_xla(
    x: Any,
    sizes: Array,
    grad: Any,
    *,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
    data_format: str,
    explicit_paddings: Sequence[int],
) -> Any:
    """XLA's gradient by the filter, in which the convolution is linear too."""
    import jax

    gradient_layout(
        sizes_last(x.shape, data_format),
        tuple([int(size) for size in sizes]),
        sizes_last(grad.shape, data_format),
        strides,
        padding,
        dilations,
        data_format,
        explicit_paddings,
    )
    like = jax.ShapeDtypeStruct(tuple([int(size) for size in sizes]), grad.dtype)
    convolution = functools.partial(
        convolve_xla,
        x,
        strides=strides,
        padding=padding,
        dilations=dilations,
        data_format=data_format,
        explicit_paddings=explicit_paddings,
    )
    return jax.linear_transpose(convolution, like)(grad)[0]
