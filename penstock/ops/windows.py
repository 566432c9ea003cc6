"""Where sliding windows lie: the sizes and paddings of convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError

Sizes = tuple["int | None", ...]


class Axis(NamedTuple):
    """The windows along one axis: how many, and the padding before and after the data."""

    number: int
    before: int
    after: int


def spatial_axes(rank: int, data_format: str) -> range:
    """The axes that windows slide along, for "NHWC" and the like or "NCHW" and the like."""
    return range(2, rank) if data_format.startswith("NC") else range(1, rank - 1)


def channel_axis(rank: int, data_format: str) -> int:
    """The axis of the channels."""
    return 1 if data_format.startswith("NC") else rank - 1


def channels_last(rank: int) -> tuple[int, ...]:
    """The permutation that moves the second axis to the end."""
    return (0, *range(2, rank), 1)


def channels_second(rank: int) -> tuple[int, ...]:
    """The permutation that moves the last axis to the second place."""
    return (0, rank - 1, *range(1, rank - 1))


def pad_pairs(explicit: Sequence[int]) -> list[tuple[int, int]]:
    """The flat list of an `explicit_paddings` attr as pairs, one an axis."""
    return list(zip(explicit[::2], explicit[1::2], strict=True))


def extent(window: int, dilation: int) -> int:
    """How many positions a window of `window` elements spans."""
    return (window - 1) * dilation + 1


def static_count(
    size: int | None,
    window: int | None,
    stride: int,
    padding: str,
    dilation: int = 1,
    explicit: int = 0,
) -> int | None:
    """How many windows fit along an axis, where that is known.

    Args:
        size: elements along the axis.
        window: elements of a window.
        stride: distance between windows.
        padding: "SAME", "VALID" or "EXPLICIT".
        dilation: distance between the elements of a window.
        explicit: the sum of both explicit paddings.

    Raises:
        ValueError: a window is longer than the axis, or the stride is not positive.
    """
    if stride <= 0:
        raise ValueError(f"Stride must be > 0, but got {stride}")
    if dilation < 1:
        raise ValueError(f"Dilation rate must be >= 1, but got {dilation}")
    if size is None:
        return None
    if padding == "SAME":
        return -(-size // stride)
    if window is None:
        return None
    padded, span = size + explicit, extent(window, dilation)
    if span > padded:
        raise ValueError(f"Negative dimension size caused by subtracting {span} from {padded}")
    return (padded - span) // stride + 1


def axis_windows(
    size: int,
    window: int,
    stride: int,
    padding: str,
    dilation: int = 1,
    explicit: tuple[int, int] = (0, 0),
) -> Axis:
    """The windows along an axis in a run; SAME puts the odd element of padding at the end.

    Raises:
        InvalidArgumentError: a window is longer than the axis by more than one.
    """
    span = extent(window, dilation)
    if padding == "SAME":
        count = -(-size // stride)
        total = max((count - 1) * stride + span - size, 0)
        return Axis(count, total // 2, total - total // 2)
    before, after = explicit
    count = (size + before + after - span + stride) // stride
    if count < 0:
        raise InvalidArgumentError(
            None,
            None,
            f"Computed output size would be negative: {count} [input_size: {size}, "
            f"effective_filter_size: {span}, stride: {stride}]",
        )
    return Axis(count, before, after)


def padded(x: np.ndarray[Any, Any], axes: Sequence[Axis], value: Any = 0) -> np.ndarray[Any, Any]:
    """`x` [n, spatial…, c] with the padding of its windows filled with `value`."""
    if not any(axis.before or axis.after for axis in axes):
        return x
    spatial = [
        size + axis.before + axis.after for size, axis in zip(x.shape[1:-1], axes, strict=True)
    ]
    out = np.full((x.shape[0], *spatial, x.shape[-1]), value, x.dtype)
    out[inside(x.shape[1:-1], axes)] = x
    return out


def inside(sizes: Sequence[int], axes: Sequence[Axis]) -> tuple[slice, ...]:
    """The part of a padded array that is data."""
    pairs = zip(sizes, axes, strict=True)
    return (slice(None), *[slice(axis.before, axis.before + size) for size, axis in pairs])


def offsets(window: Sequence[int]) -> list[tuple[int, ...]]:
    """The positions inside a window, row by row."""
    return list(np.ndindex(*window))


def at_offset(
    offset: Sequence[int], axes: Sequence[Axis], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[slice, ...]:
    """The slices of a padded array [n, spatial…, c] that hold one position of every window."""
    slices = [slice(None)]
    for place, axis, stride, dilation in zip(offset, axes, strides, dilations, strict=True):
        start = place * dilation
        slices.append(
            slice(start, start + (axis.number - 1) * stride + 1, stride)
            if axis.number
            else slice(0)
        )
    return tuple(slices)


def window_view(
    x: np.ndarray[Any, Any],
    axes: Sequence[Axis],
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> np.ndarray[Any, Any]:
    """A read-only view [n, counts…, window…, c] of a padded array [n, spatial…, c]."""
    steps = x.strides
    shape = (x.shape[0], *[axis.number for axis in axes], *window, x.shape[-1])
    spatial = steps[1:-1]
    view_steps = (
        steps[0],
        *[step * stride for step, stride in zip(spatial, strides, strict=True)],
        *[step * dilation for step, dilation in zip(spatial, dilations, strict=True)],
        steps[-1],
    )
    return np.lib.stride_tricks.as_strided(x, shape, view_steps, writeable=False)


def merged_size(sizes: Sequence[int | None]) -> int | None:
    """The one size that all of these are, as far as known.

    Raises:
        ValueError: two of them differ.
    """
    known = [size for size in sizes if size is not None]
    for size in known[1:]:
        if size != known[0]:
            raise ValueError(f"Dimensions must be equal, but are {known[0]} and {size}")
    return known[0] if known else None


def require_rank(array: Any, rank: int, what: str) -> None:
    """Raises InvalidArgumentError unless the array has that rank."""
    if array.ndim != rank:
        raise InvalidArgumentError(
            None, None, f"{what} must be {rank}-dimensional: {shapes.bracket_text(array.shape)}"
        )
