"""The kernels of pooling. Windows slide along every axis but the first; most are one element wide.

Maxima and sums of windows are taken along one axis after the other, k steps instead of k².
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.graph.errors import InvalidArgumentError, UnimplementedError
from penstock.ops import windows
from penstock.ops.convolution_kernels import Layout

Array = np.ndarray[Any, Any]

_MOST_MASKS = 25  # elements of a window that compiled code compares one by one


def pool_layout(
    shape: Sequence[int], ksize: Sequence[int], strides: Sequence[int], padding: str
) -> Layout:
    """The windows on an array of that shape: of all axes but the first.

    Raises:
        InvalidArgumentError: the array has another rank than the windows, or is smaller.
        UnimplementedError: the windows slide along the batch.
    """
    if len(shape) != len(ksize):
        raise InvalidArgumentError(
            None,
            None,
            f"tensor_in must be {len(ksize)}-dimensional, got the shape {list(shape)}",
        )
    if ksize[0] != 1 or strides[0] != 1:
        raise UnimplementedError(None, None, "Pooling is not yet supported on the batch dimension.")
    rest = list(zip(shape[1:], ksize[1:], strides[1:], strict=True))
    axes = [windows.axis_windows(size, window, stride, padding) for size, window, stride in rest]
    ones = (1,) * len(rest)
    return Layout(tuple(axes), tuple(ksize[1:]), tuple(strides[1:]), ones)


def lowest(dtype: np.dtype[Any]) -> Any:
    """What no element is less than: it fills the padding of maxima."""
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _exact(layout: Layout) -> bool:
    """Whether the windows tile the array: side by side, without padding or rest."""
    return layout.window == layout.strides and not any(
        axis.before or axis.after for axis in layout.axes
    )


def _tiles(x: Array, layout: Layout) -> bool:
    sizes = zip(x.shape[1:], layout.axes, layout.window, strict=True)
    return _exact(layout) and all(size == axis.number * window for size, axis, window in sizes)


# NumPy


def _padded(x: Array, layout: Layout, value: Any) -> Array:
    return windows.padded(x[..., None], layout.axes, value)[..., 0]


def _along(axis: int, start: int, axis_windows: windows.Axis, stride: int) -> tuple[slice, ...]:
    stop = start + (axis_windows.number - 1) * stride + 1 if axis_windows.number else 0
    return (*[slice(None)] * axis, slice(start, stop, stride))


def _reduce(x: Array, layout: Layout, function: np.ufunc) -> Array:
    """`function` over the windows of a padded array."""
    steps = zip(layout.axes, layout.window, layout.strides, strict=True)
    for axis, (places, window, stride) in enumerate(steps, start=1):
        if window == 1 and stride == 1:
            continue
        out = x[_along(axis, 0, places, stride)]
        if window > 1:
            out = function(out, x[_along(axis, 1, places, stride)])
        for start in range(2, window):
            function(out, x[_along(axis, start, places, stride)], out=out)
        x = out
    return x


def _spread(grad: Array, layout: Layout, shape: Sequence[int]) -> Array:
    """The transpose of a sum over windows: each element of a window gets what the window has."""
    steps = zip(layout.axes, layout.window, layout.strides, shape[1:], strict=True)
    for axis, (places, window, stride, size) in enumerate(steps, start=1):
        if window == 1 and stride == 1:
            continue
        room = list(grad.shape)
        room[axis] = size + places.before + places.after
        out = np.zeros(room, grad.dtype)
        for start in range(window):
            out[_along(axis, start, places, stride)] += grad
        grad = out[(*[slice(None)] * axis, slice(places.before, places.before + size))]
    return grad


def max_pool(x: Array, *, ksize: Sequence[int], strides: Sequence[int], padding: str) -> Array:
    """The maximum of each window."""
    layout = pool_layout(x.shape, ksize, strides, padding)
    out = _reduce(_padded(x, layout, lowest(x.dtype)), layout, np.maximum)
    return out if out is not x else x.copy()


def _places(layout: Layout) -> Any:
    """The slices of each place of the windows, in row order."""
    for offset in windows.offsets(layout.window):
        yield windows.at_offset(offset, layout.axes, layout.strides, layout.dilations)


def max_pool_grad(
    x: Array,
    out: Array,
    grad: Array,
    *,
    ksize: Sequence[int],
    strides: Sequence[int],
    padding: str,
) -> Array:
    """Each window's gradient goes to its first maximum, in row order."""
    layout = pool_layout(x.shape, ksize, strides, padding)
    data = windows.padded(x[..., None], layout.axes, lowest(x.dtype))
    result = np.zeros(data.shape, x.dtype)
    out, grad = out[..., None], grad[..., None]
    free = np.ones(out.shape, np.bool_)
    for where in _places(layout):
        hit = (data[where] == out) & free
        result[where] += hit * grad
        free &= ~hit
    return result[windows.inside(x.shape[1:], layout.axes)][..., 0]


def max_pool_grad_grad(
    xp: Any,
    x: Any,
    out: Any,
    grad: Any,
    *,
    ksize: Sequence[int],
    strides: Sequence[int],
    padding: str,
) -> Any:
    """Of an array shaped as the input, the elements where the windows have their first maximum."""
    layout = pool_layout(x.shape, ksize, strides, padding)
    margins = [(0, 0), *[(axis.before, axis.after) for axis in layout.axes], (0, 0)]
    data = xp.pad(x[..., None], margins, constant_values=lowest(x.dtype))
    source = xp.pad(grad[..., None], margins)
    out = out[..., None]
    free, result = xp.ones(out.shape, bool), xp.zeros(out.shape, grad.dtype)
    for where in _places(layout):
        hit = (data[where] == out) & free
        result = result + hit * source[where]
        free = free & ~hit
    return result[..., 0]


def max_pool_grad_to_all(
    x: Array,
    out: Array,
    grad: Array,
    *,
    ksize: Sequence[int],
    strides: Sequence[int],
    padding: str,
) -> Array:
    """Each window's gradient goes to all its maxima, as TensorFlow does in three dimensions."""
    layout = pool_layout(x.shape, ksize, strides, padding)
    data = windows.padded(x[..., None], layout.axes, lowest(x.dtype))
    result = np.zeros(data.shape, grad.dtype)
    out, grad = out[..., None], grad[..., None]
    for where in _places(layout):
        result[where] += (data[where] == out) * grad
    return result[windows.inside(x.shape[1:], layout.axes)][..., 0]


def window_sizes(shape: Sequence[int], layout: Layout) -> Array:
    """How many elements of data each window has, shaped to divide an array of windows."""
    sizes = np.ones((1,) * len(shape), np.int64)
    steps = zip(layout.axes, layout.window, layout.strides, shape[1:], strict=True)
    for axis, (places, window, stride, size) in enumerate(steps, start=1):
        starts = np.arange(places.number) * stride - places.before
        inside = np.minimum(starts + window, size) - np.maximum(starts, 0)
        sizes = sizes * inside.reshape((-1, *(1,) * (len(shape) - axis - 1)))
    return sizes


def avg_pool(x: Array, *, ksize: Sequence[int], strides: Sequence[int], padding: str) -> Array:
    """The mean of each window's data; padding counts for nothing."""
    layout = pool_layout(x.shape, ksize, strides, padding)
    wide = _wide_type(x.dtype)
    total = _reduce(_padded(x.astype(wide, copy=False), layout, 0), layout, np.add)
    return (total / window_sizes(x.shape, layout).astype(wide)).astype(x.dtype, copy=False)


def avg_pool_grad(
    input_shape: Array,
    grad: Array,
    *,
    ksize: Sequence[int],
    strides: Sequence[int],
    padding: str,
) -> Array:
    """Each window's gradient is shared evenly by its data."""
    shape = tuple([int(size) for size in input_shape])
    layout = pool_layout(shape, ksize, strides, padding)
    wide = _wide_type(grad.dtype)
    shares = grad.astype(wide, copy=False) / window_sizes(shape, layout).astype(wide)
    return _spread(shares, layout, shape).astype(grad.dtype, copy=False)


def _wide_type(dtype: np.dtype[Any]) -> Any:
    return np.dtype(np.float32) if dtype.itemsize < 4 else dtype


# XLA


def _by_window(x: Any, layout: Layout) -> Any:
    """An array that windows tile as [n, number, window, number, window, …]."""
    pairs = zip(layout.axes, layout.window, strict=True)
    sizes = [size for axis, window in pairs for size in (axis.number, window)]
    return x.reshape(x.shape[0], *sizes)


def _reduce_window(x: Any, layout: Layout, first: Any, function: Any) -> Any:
    from jax import lax

    return lax.reduce_window(
        x,
        np.asarray(first, x.dtype),
        function,
        (1, *layout.window),
        (1, *layout.strides),
        [(0, 0), *[(axis.before, axis.after) for axis in layout.axes]],
    )


def max_pool_xla(x: Any, *, ksize: Sequence[int], strides: Sequence[int], padding: str) -> Any:
    """The maximum of each window."""
    from jax import lax

    layout = pool_layout(x.shape, ksize, strides, padding)
    if _tiles(x, layout):
        return _by_window(x, layout).max(axis=tuple(range(2, 2 * x.ndim - 1, 2)))
    return _reduce_window(x, layout, lowest(x.dtype), lax.max)


def max_pool_grad_xla(
    x: Any, out: Any, grad: Any, *, ksize: Sequence[int], strides: Sequence[int], padding: str
) -> Any:
    """Each window's gradient goes to its first maximum.

    XLA's own gradient serves large windows that overlap; for others, masks take a fraction of its
    time: on CPUs a twentieth where the windows tile the array, a sixth where they are small.
    """
    import jax

    layout = pool_layout(x.shape, ksize, strides, padding)
    if _tiles(x, layout):
        return _max_pool_grad_of_tiles(x, grad, layout)
    if math.prod(layout.window) <= _MOST_MASKS:
        hits = []
        free: Any = True
        for place in _looked_at(x, layout, lowest(x.dtype)):
            hit = place == out[..., None]
            hits.append(hit & free)
            free = ~hit & free
        return _routed(x, grad, hits, layout)
    pool = functools.partial(max_pool_xla, ksize=ksize, strides=strides, padding=padding)
    return jax.vjp(pool, x)[1](grad)[0]


def _looked_at(x: Any, layout: Layout, fill: Any) -> list[Any]:
    """Each place of all windows of an array padded with `fill`."""
    import jax.numpy as jnp

    margins = [(0, 0), *[(axis.before, axis.after) for axis in layout.axes], (0, 0)]
    data = jnp.pad(x[..., None], margins, constant_values=fill)
    return [data[where] for where in _places(layout)]


def _routed(x: Any, grad: Any, hits: list[Any], layout: Layout) -> Any:
    """The windows' gradients at the places that are hit: the transpose of looking at places."""
    import jax
    import jax.numpy as jnp

    parts = [jnp.where(hit, grad[..., None], 0) for hit in hits]
    like = jax.ShapeDtypeStruct(x.shape, grad.dtype)
    return jax.linear_transpose(lambda values: _looked_at(values, layout, 0), like)(parts)[0]


def _max_pool_grad_of_tiles(x: Any, grad: Any, layout: Layout) -> Any:
    import jax.numpy as jnp

    rank = x.ndim - 1
    numbers, places = list(range(1, 2 * rank, 2)), list(range(2, 2 * rank + 1, 2))
    order = [0, *numbers, *places]
    tiles = _by_window(x, layout)
    elements = math.prod(layout.window)
    rows = tiles.transpose(order).reshape(grad.shape + (elements,))
    first = jnp.argmax(rows, axis=-1, keepdims=True)
    routed = jnp.where(jnp.arange(elements) == first, grad[..., None], 0)
    back = routed.reshape(grad.shape + layout.window).transpose(np.argsort(order))
    return back.reshape(x.shape)


def max_pool_grad_to_all_xla(
    x: Any, out: Any, grad: Any, *, ksize: Sequence[int], strides: Sequence[int], padding: str
) -> Any:
    """Each window's gradient goes to all its maxima."""
    layout = pool_layout(x.shape, ksize, strides, padding)
    places = _looked_at(x, layout, lowest(x.dtype))
    return _routed(x, grad, [place == out[..., None] for place in places], layout)


def avg_pool_xla(x: Any, *, ksize: Sequence[int], strides: Sequence[int], padding: str) -> Any:
    """The mean of each window's data."""
    from jax import lax

    layout = pool_layout(x.shape, ksize, strides, padding)
    total = _reduce_window(x, layout, 0, lax.add)
    return total / window_sizes(x.shape, layout).astype(x.dtype)


def avg_pool_grad_xla(
    input_shape: Array,
    grad: Any,
    *,
    ksize: Sequence[int],
    strides: Sequence[int],
    padding: str,
) -> Any:
    """Each window's gradient is shared evenly by its data: the transpose of the mean."""
    import jax

    pool = functools.partial(avg_pool_xla, ksize=ksize, strides=strides, padding=padding)
    like = jax.ShapeDtypeStruct(tuple([int(size) for size in input_shape]), grad.dtype)
    return jax.linear_transpose(pool, like)(grad)[0]


# Where the maxima are


def max_pool_with_argmax(
    xp: Any,
    x: Any,
    *,
    ksize: Sequence[int],
    strides: Sequence[int],
    padding: str,
    Targmax: Any,
    include_batch_in_index: bool,
) -> tuple[Any, Any]:
    """The maximum of each window, and its place in the flat image or batch."""
    layout = pool_layout(x.shape, ksize, strides, padding)
    margins = [(0, 0), *[(axis.before, axis.after) for axis in layout.axes], (0, 0)]
    data = xp.pad(x[..., None], margins, constant_values=lowest(x.dtype))
    numbers = np.arange(math.prod(x.shape), dtype=np.int64).reshape(x.shape)
    if not include_batch_in_index:
        numbers = np.broadcast_to(numbers[:1], x.shape)
    flat = np.pad(numbers[..., None], margins)
    best: Any = None
    place: Any = None
    for where in _places(layout):
        value, number = data[where], flat[where]
        if best is None:
            best, place = value, xp.asarray(number)
        else:
            better = value > best
            best, place = xp.where(better, value, best), xp.where(better, number, place)
    return best[..., 0], place[..., 0].astype(Targmax.np_dtype)
