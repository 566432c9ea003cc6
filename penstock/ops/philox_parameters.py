"""TensorFlow 1.15's gamma and Poisson numbers, whose distributions depend on parameters.

Pure functions of a key and a counter, for NumPy: each number takes attempts until one stands, which
suits a processor's core better than XLA. Numbers are made in float64 whatever their dtype, each
from a run of blocks of its own.

Sources: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000; Knuth, "The
art of computer programming", volume 2, 3.4.1; Hörmann, "The transformed rejection method for
generating Poisson random variables", 1993.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.ops.philox import (
    block_range,
    blocks_reserved,
    normals,
    philox_pairs,
    unit_fractions,
)

Array = np.ndarray

_DOUBLE = np.dtype(np.float64)
_LEAST_REJECTION_RATE = 10.0  # for lower rates, Poisson numbers are counted
_ROWS_AT_ONCE = 8192


def _parameter_rows(parameter: Array, shape: Sequence[int]) -> tuple[Array, Array]:
    """For each output its parameter, as float64, and where its blocks begin.

    All draws for the first parameter come first, then those for the second.
    """
    n_draws = math.prod(shape)
    offsets = block_range(np, n_draws * parameter.size) * blocks_reserved(1)
    return np.repeat(np.reshape(parameter, (-1,)).astype(_DOUBLE), n_draws), offsets


def _outputs(rows: Array, parameter: Array, shape: Sequence[int], dtype: Any) -> Array:
    by_parameter = rows.reshape(parameter.size, math.prod(shape))
    return by_parameter.T.astype(dtype).reshape((*shape, *parameter.shape))


# Gamma numbers


def random_gamma(key: Array, counter: Array, shape: Sequence[int], alpha: Array) -> Array:
    """Gamma numbers of scale 1: the op RandomGamma. It reserves `blocks_reserved` of its outputs.

    Args:
        key: uint32 [2].
        counter: uint32 [4].
        shape: the shape of the draws for each alpha.
        alpha: the shape parameters, float16, float32 or float64.

    Returns:
        [*shape, *alpha.shape] of alpha's dtype.
    """
    alphas, offsets = _parameter_rows(alpha, shape)
    nothing = np.zeros(alphas.shape)
    none = np.zeros(alphas.shape, bool)
    out = np.empty(alphas.shape)
    rows = np.arange(alphas.size)
    state: tuple[Array, ...] = (offsets, alphas, nothing, nothing, none, none)
    with np.errstate(all="ignore"):
        while rows.size:
            state, found, done = _gamma_attempt(key, counter, *state)
            out[rows[done]] = found[done]
            rows, state = rows[~done], tuple([part[~done] for part in state])
    return _outputs(out, alpha, shape, alpha.dtype)


def _gamma_attempt(
    key: Array,
    counter: Array,
    offsets: Array,
    alpha: Array,
    kept_normal: Array,
    kept_uniform: Array,
    has_normal: Array,
    has_uniform: Array,
) -> tuple[tuple[Array, ...], Array, Array]:
    """One attempt of Marsaglia and Tsang's method, or, for alpha = 1, an exponential number.

    A block gives two normal or two uniform numbers, the second of which TF uses first; it keeps
    the other for the next time (`kept`, valid if `has`), each kind for itself.

    Returns:
        The state of the next attempt; the numbers; which of them stand.
    """
    pairs = philox_pairs(np, key, counter, np.concatenate([offsets, offsets + np.uint64(1)]))
    normal_pair = normals(np, pairs[: offsets.size], _DOUBLE)
    uniforms = unit_fractions(np, pairs, _DOUBLE)
    uniform_pair, next_uniform_pair = uniforms[: offsets.size], uniforms[offsets.size :]
    exponential, below_one = alpha == 1.0, alpha < 1.0
    d = alpha + np.where(below_one, 2.0 / 3, -1.0 / 3)

    x = np.where(has_normal, kept_normal, normal_pair[:, 1])
    new_normal = ~(has_normal | exponential)
    cube = 1.0 + (1.0 / 3 / np.sqrt(d)) * x
    v = cube * cube * cube
    # The uniform number comes from the next block if this attempt has taken one for its normal.
    pair = np.where(new_normal[:, None], next_uniform_pair, uniform_pair)
    u = np.where(has_uniform, kept_uniform, pair[:, 1])
    accepted = (u < 1.0 - 0.0331 * (x * x) * (x * x)) | (
        np.log(u) < 0.5 * x * x + d * (1.0 - v + np.log(v))
    )
    tried = exponential | ~(cube <= 0.0)
    done = exponential | (tried & accepted)

    # For alpha < 1 the accepted number is multiplied by a power of one more uniform number.
    boost = np.where(has_uniform, pair[:, 1], pair[:, 0])
    scale = np.where(below_one, boost ** (1.0 / alpha), 1.0)
    result = np.where(exponential, -np.log(1.0 - u), d * v * scale)

    new_uniform = tried & ~has_uniform
    after = (
        offsets + new_normal + new_uniform,
        alpha,
        np.where(new_normal, normal_pair[:, 0], kept_normal),
        np.where(new_uniform, pair[:, 0], kept_uniform),
        new_normal,
        np.where(tried, new_uniform, has_uniform),
    )
    return after, result, done


# Poisson numbers


def random_poisson(
    key: Array, counter: Array, shape: Sequence[int], rate: Array, dtype: Any
) -> Array:
    """Poisson numbers: the op RandomPoissonV2. It reserves `blocks_reserved` of its outputs.

    For a rate of NaN, on which TF never returns, the number is NaN, as for an infinite rate.

    Args:
        key: uint32 [2].
        counter: uint32 [4].
        shape: the shape of the draws for each rate.
        rate: the means, of any real dtype.
        dtype: of the result: float16, float32, float64, int32 or int64.

    Returns:
        [*shape, *rate.shape] of `dtype`.
    """
    rates, offsets = _parameter_rows(rate, shape)
    few = rates < _LEAST_REJECTION_RATE
    with np.errstate(all="ignore"):
        if few.all():
            out = _counted_in_chunks(key, counter, rates, offsets)
        else:
            out = np.empty(rates.shape)
            for rows, numbers in ((few, _counted_in_chunks), (~few, _by_rejection)):
                out[rows] = numbers(key, counter, rates[rows], offsets[rows])
        return _outputs(out, rate, shape, dtype)


def _counted_in_chunks(key: Array, counter: Array, rates: Array, offsets: Array) -> Array:
    """`_counted` of some rows at a time, so that what it works on stays in a core's cache."""
    if rates.size <= _ROWS_AT_ONCE:
        return _counted(key, counter, rates, offsets)
    chunks = [slice(start, start + _ROWS_AT_ONCE) for start in range(0, rates.size, _ROWS_AT_ONCE)]
    return np.concatenate([_counted(key, counter, rates[at], offsets[at]) for at in chunks])


def _uniforms(key: Array, counter: Array, offsets: Array, n_blocks: int) -> Array:
    """The uniform numbers of runs of blocks, [n, 2 * n_blocks]; TF uses a block's second first."""
    ahead = np.arange(n_blocks, dtype=np.uint64)
    pairs = philox_pairs(np, key, counter, (offsets[:, None] + ahead).reshape(-1))
    return unit_fractions(np, pairs, _DOUBLE)[:, ::-1].reshape(offsets.size, 2 * n_blocks)


def _counted(key: Array, counter: Array, rates: Array, offsets: Array) -> Array:
    """Knuth's method: how many uniform numbers can be multiplied before exp(-rate) is reached."""
    if not rates.size:
        return rates
    highest = max(float(rates.max()), 0.0)
    n_blocks = int((highest + math.sqrt(highest)) / 2) + 1  # enough for most of the rows
    limits, products, counts = np.exp(-rates), np.ones(rates.shape), np.zeros(rates.shape)
    out = np.empty(rates.shape)
    rows = np.arange(rates.size)
    while True:
        factors = _uniforms(key, counter, offsets[rows], n_blocks)
        factors[:, 0] *= products
        reached = np.cumprod(factors, axis=1)
        below = reached <= limits[rows, None]
        out[rows] = counts + np.argmax(below, axis=1)
        pending = ~below[:, -1]
        if not pending.any():
            return out
        rows, products = rows[pending], reached[pending, -1]
        counts = counts[pending] + 2 * n_blocks
        offsets = offsets + np.uint64(n_blocks)


def _by_rejection(key: Array, counter: Array, rates: Array, offsets: Array) -> Array:
    """Hörmann's method, for rates from 10 on: attempts until one stands."""
    out = np.empty(rates.shape)
    rows = np.arange(rates.size)
    while rows.size:
        uniforms = unit_fractions(np, philox_pairs(np, key, counter, offsets), _DOUBLE)
        found, accepted = _poisson_attempts(rates, uniforms[:, 1], uniforms[:, 0])
        out[rows[accepted]] = found[accepted]
        pending = ~accepted
        rows, rates = rows[pending], rates[pending]
        offsets = offsets[pending] + np.uint64(1)
    return out


def _poisson_attempts(rate: Array, first: Array, second: Array) -> tuple[Array, Array]:
    """The numbers that attempts give, and which of them stand."""
    from scipy.special import gammaln

    b = 0.931 + 2.53 * np.sqrt(rate)
    a = -0.059 + 0.02483 * b
    u, v = first - 0.5, second
    edge = 0.5 - np.abs(u)
    k = np.floor((2.0 * a / edge + b) * u + rate + 0.43)
    inside = (edge >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2.0))
    outside = (k < 0.0) | ((edge < 0.013) & (v > edge))
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    height = np.log(v * inverse_alpha / (a / (edge * edge) + b))
    under = height <= k * np.log(rate) - rate - gammaln(k + 1.0)
    accepted = (k != np.inf) & (inside | (~outside & under))
    return k, accepted | np.isnan(rate)
