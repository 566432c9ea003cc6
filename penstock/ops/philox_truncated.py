"""TensorFlow 1.15's truncated normal numbers.

As `philox`: a pure function over `xp` (`numpy` or `jax.numpy` with x64 enabled) of a key and a
counter.

A group of outputs, as many as a block has numbers, takes the first that fit from a run of blocks of
its own; the run of the next group begins as far on as TF reserves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from penstock.ops.philox import (
    Array,
    block_range,
    blocks_reserved,
    float_type,
    normals,
    outputs_per_block,
    philox_pairs,
)

Draw = Callable[[Array], Array]  # of offsets [n]: the candidates [n, group] of these blocks

_BOUND = 2.0
_WORDS = 4  # of a block


def truncated_normal(
    xp: ModuleType, key: Array, counter: Array, shape: Sequence[int], dtype: Any
) -> Array:
    """Normal numbers, of which those 2 or more deviations away are drawn again: TruncatedNormal.

    Args:
        xp: `numpy` or `jax.numpy`.
        key: uint32 [2].
        counter: uint32 [4].
        shape: the result's shape.
        dtype: float16, bfloat16, float32 or float64.

    Returns:
        An array of `shape` and `dtype`.

    Raises:
        TypeError: another dtype, or JAX has 64-bit types disabled.

    Example:
        >>> from penstock.ops.philox import op_state
        >>> key, counter = op_state(7, 9)
        >>> truncated_normal(np, key, counter, [2], np.float32)
        array([ 0.1868204, -1.1004789], dtype=float32)
    """
    dtype = float_type("TruncatedNormal", dtype)
    working = np.dtype(np.float64 if dtype == np.float64 else np.float32)
    n_outputs, group = math.prod(shape), outputs_per_block(dtype)
    starts = block_range(xp, -(-n_outputs // group)) * (blocks_reserved(group) // _WORDS)

    def draw(offsets: Array) -> Array:
        return normals(xp, philox_pairs(xp, key, counter, offsets), working)

    if xp is np:
        out = _first_that_fit(draw, starts, group, 2 if starts.size <= 64 else 1)
    else:
        out = _first_that_fit_traced(xp, draw, starts, xp.zeros((starts.size, group), working))
    return out.reshape(-1)[:n_outputs].astype(dtype, copy=False).reshape(shape)


def _fits(found: Array) -> Array:
    return (found > -_BOUND) & (found < _BOUND)


def _first_that_fit(draw: Draw, starts: Array, group: int, n_blocks: int) -> Array:
    """The first `group` candidates of each run that fit, from `n_blocks` of it, or from more."""
    ahead = np.arange(n_blocks, dtype=np.uint64)
    found = draw((starts[:, None] + ahead).reshape(-1)).reshape(starts.size, n_blocks * group)
    fits = _fits(found)
    place = np.cumsum(fits, axis=1, dtype=np.int32)
    enough = place[:, -1] >= group
    if enough.all():
        return found[fits & (place <= group)].reshape(starts.size, group)
    out = np.empty((starts.size, group), found.dtype)
    out[enough] = found[fits & (place <= group) & enough[:, None]].reshape(-1, group)
    out[~enough] = _first_that_fit(draw, starts[~enough], group, 2 * n_blocks)
    return out


def _first_that_fit_traced(xp: ModuleType, draw: Draw, starts: Array, out: Array) -> Array:
    """The same for XLA, whose shapes are fixed: all runs go on until the last is done.

    The loop carries the candidates of its next turn, for what is carried is computed once, and what
    is drawn within a turn once for every use of it.
    """
    from jax import lax

    group = out.shape[1]
    slots = xp.arange(group, dtype=xp.int32)

    def body(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        offsets, found, filled, out = carry
        fits = _fits(found)
        for i in range(group):
            here = fits[:, i, None] & (slots == filled[:, None])
            out = xp.where(here, found[:, i, None], out)
            filled = filled + fits[:, i]
        offsets = offsets + 1
        return offsets, draw(offsets), filled, out

    start = (starts, draw(starts), xp.zeros(starts.shape, xp.int32), out)
    return lax.while_loop(lambda carry: xp.any(carry[2] < group), body, start)[3]
