"""TensorFlow 1.15's shuffles, categorical, gamma and Poisson numbers, and its stateless seeds.

As `philox`: pure functions over `xp` (`numpy` or `jax.numpy` with x64 enabled) of a key and a
counter. Gamma and Poisson numbers are made in float64 whatever their dtype, each from a run of
blocks of its own.

Sources: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000; Knuth, "The
art of computer programming", volume 2, 3.4.1; Hörmann, "The transformed rejection method for
generating Poisson random variables", 1993.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from penstock.ops.philox import (
    Array,
    State,
    block_range,
    blocks_reserved,
    normals,
    philox_blocks,
    philox_pairs,
    random_uniform,
    unit_fractions,
    until_done,
)

_STATELESS_KEY = np.array([0x3EC8F720, 0x02461E29], np.uint32)
_DOUBLE = np.dtype(np.float64)
_LEAST_REJECTION_RATE = 10.0  # for lower rates, Poisson numbers are counted


def stateless_state(xp: ModuleType, seed: Array) -> tuple[Array, Array]:
    """The key and the counter of a stateless op, to give to the functions of the stateful one.

    Args:
        xp: `numpy` or `jax.numpy`.
        seed: int32 or int64 [2].

    Returns:
        The key, uint32 [2], and the counter, uint32 [4].

    Example:
        >>> key, counter = stateless_state(np, np.array([7, 9]))
        >>> random_uniform(np, key, counter, [2], np.float32)
        array([0.6783272, 0.6667292], dtype=float32)
    """
    seed = xp.asarray(seed).astype(xp.int64).astype(xp.uint64)
    counter = xp.stack([seed, seed >> 32], axis=1).reshape(4).astype(xp.uint32)
    mixed = philox_blocks(xp, _STATELESS_KEY, counter, 1)[0]
    return mixed[:2], xp.concatenate([xp.zeros(2, xp.uint32), mixed[2:]])


def shuffle_blocks_reserved(n_rows: int) -> int:
    """By how many blocks a RandomShuffle of `n_rows` rows moves its counter on.

    Args:
        n_rows: the first dimension; 0 where the input has no elements.

    Returns:
        A number of blocks.
    """
    return (max(n_rows - 1, 0) + 3) // 4


def shuffle_order(xp: ModuleType, key: Array, counter: Array, n_rows: int) -> Array:
    """The order into which the op RandomShuffle brings `n_rows` rows.

    Args:
        xp: `numpy` or `jax.numpy`.
        key: uint32 [2].
        counter: uint32 [4].
        n_rows: the input's first dimension.

    Returns:
        int64 [n_rows]: row i of the output is this row of the input.

    Example:
        >>> from penstock.ops.philox import op_state
        >>> key, counter = op_state(7, 9)
        >>> shuffle_order(np, key, counter, 4)
        array([3, 0, 2, 1])
    """
    if n_rows < 2:
        return xp.arange(n_rows, dtype=xp.int64)
    blocks = philox_blocks(xp, key, counter, shuffle_blocks_reserved(n_rows))
    distances = blocks.reshape(-1)[: n_rows - 1] % xp.arange(n_rows, 1, -1, dtype=xp.uint32)
    if xp is np:
        return _swap(list(range(n_rows)), distances.tolist())
    return _swap_traced(xp, n_rows, distances.astype(xp.int32))


def _swap(order: list[int], distances: list[int]) -> np.ndarray:
    for i, distance in enumerate(distances):
        j = i + distance
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int64)


def _swap_traced(xp: ModuleType, n_rows: int, distances: Array) -> Array:
    from jax import lax

    def swap(i: Array, order: Array) -> Array:
        j = i + distances[i]
        return order.at[i].set(order[j]).at[j].set(order[i])

    return lax.fori_loop(0, distances.shape[0], swap, xp.arange(n_rows, dtype=xp.int64))


def multinomial_blocks_reserved(batch: int, num_samples: int) -> int:
    """By how many blocks a run of Multinomial moves its counter on.

    Args:
        batch: rows of the logits.
        num_samples: draws per row.

    Returns:
        A number of blocks.
    """
    return blocks_reserved(batch * 2 * (-(-num_samples // 4) * 4))


def multinomial(
    xp: ModuleType, key: Array, counter: Array, logits: Array, num_samples: int, dtype: Any
) -> Array:
    """Draws of classes by unnormalized log-probabilities: the op Multinomial.

    Args:
        xp: `numpy` or `jax.numpy`.
        key: uint32 [2].
        counter: uint32 [4].
        logits: float [batch, classes]. What is not finite is never drawn.
        num_samples: draws per row.
        dtype: int32 or int64.

    Returns:
        [batch, num_samples] of `dtype`.

    Example:
        >>> from penstock.ops.philox import op_state
        >>> key, counter = op_state(7, 9)
        >>> multinomial(np, key, counter, np.zeros([1, 4]), 3, np.int64)
        array([[1, 2, 2]])
    """
    cumulative = _cumulative_weights(xp, logits)
    uniform = random_uniform(xp, key, counter, (logits.shape[0], num_samples), np.float64)
    targets = uniform * cumulative[:, -1:]
    if xp is np:
        rows = zip(cumulative, targets, strict=True)
        classes = [np.searchsorted(row, found, side="right") for row, found in rows]
        return np.array(classes, dtype).reshape(targets.shape)
    import jax

    search = jax.vmap(lambda row, found: xp.searchsorted(row, found, side="right"))
    return search(cumulative, targets).astype(dtype)


def _cumulative_weights(xp: ModuleType, logits: Array) -> Array:
    """float64 [batch, classes]: each row's sums of exp(logit - the largest), from the left."""
    finite = xp.isfinite(logits)
    logits = logits.astype(xp.float64)
    largest = xp.max(logits, axis=1, keepdims=True, initial=-xp.inf, where=finite)
    weights = xp.exp(xp.where(finite, logits - xp.where(finite, largest, 0.0), 0.0))
    return xp.cumsum(xp.where(finite, weights, 0.0), axis=1)


def random_gamma(
    xp: ModuleType, key: Array, counter: Array, shape: Sequence[int], alpha: Array
) -> Array:
    """Gamma numbers of scale 1: the op RandomGamma. It reserves `blocks_reserved` of its outputs.

    Args:
        xp: `numpy` or `jax.numpy`.
        key: uint32 [2].
        counter: uint32 [4].
        shape: the shape of the draws for each alpha.
        alpha: the shape parameters, float16, float32 or float64.

    Returns:
        [*shape, *alpha.shape] of alpha's dtype.
    """
    alphas, offsets = _parameter_rows(xp, alpha, shape)
    nothing = xp.zeros(alphas.shape, xp.float64)
    none = xp.zeros(alphas.shape, bool)
    start = (offsets, alphas, nothing, nothing, none, none, nothing)

    def draw(state: State) -> Any:
        offsets = state[0]
        blocks = [philox_pairs(xp, key, counter, offsets + ahead) for ahead in (0, 1)]
        return (
            normals(xp, blocks[0], _DOUBLE),
            unit_fractions(xp, blocks[0], _DOUBLE),
            unit_fractions(xp, blocks[1], _DOUBLE),
        )

    with np.errstate(all="ignore"):
        out = until_done(xp, draw, lambda state, drawn: _gamma_attempt(xp, state, drawn), start)
        return _outputs(out[-1], alpha, shape, alpha.dtype)


def _gamma_attempt(xp: ModuleType, state: State, drawn: Any) -> tuple[State, Array]:
    """One attempt of Marsaglia and Tsang's method, or, for alpha = 1, an exponential number.

    A block gives two normal or two uniform numbers, the second of which TF uses first; it keeps
    the other for the next time (`kept`, valid if `has`), each kind for itself.
    """
    offsets, alpha, kept_normal, kept_uniform, has_normal, has_uniform, _ = state
    normal_pair, uniform_pair, next_uniform_pair = drawn
    exponential, below_one = alpha == 1.0, alpha < 1.0
    d = alpha + xp.where(below_one, 2.0 / 3, -1.0 / 3)

    x = xp.where(has_normal, kept_normal, normal_pair[:, 1])
    new_normal = ~(has_normal | exponential)
    cube = 1.0 + (1.0 / 3 / xp.sqrt(d)) * x
    v = cube * cube * cube
    # The uniform number comes from the next block if this attempt has taken one for its normal.
    pair = xp.where(new_normal[:, None], next_uniform_pair, uniform_pair)
    u = xp.where(has_uniform, kept_uniform, pair[:, 1])
    accepted = (u < 1.0 - 0.0331 * (x * x) * (x * x)) | (
        xp.log(u) < 0.5 * x * x + d * (1.0 - v + xp.log(v))
    )
    tried = exponential | ~(cube <= 0.0)
    done = exponential | (tried & accepted)

    # For alpha < 1 the accepted number is multiplied by a power of one more uniform number.
    boost = xp.where(has_uniform, pair[:, 1], pair[:, 0])
    scale = xp.where(below_one, boost ** (1.0 / alpha), 1.0)
    result = xp.where(exponential, -xp.log(1.0 - u), d * v * scale)

    new_uniform = tried & ~has_uniform
    offsets = offsets + new_normal + new_uniform
    kept_normal = xp.where(new_normal, normal_pair[:, 0], kept_normal)
    kept_uniform = xp.where(new_uniform, pair[:, 0], kept_uniform)
    has_uniform = xp.where(tried, new_uniform, has_uniform)
    return (offsets, alpha, kept_normal, kept_uniform, new_normal, has_uniform, result), done


def random_poisson(
    xp: ModuleType, key: Array, counter: Array, shape: Sequence[int], rate: Array, dtype: Any
) -> Array:
    """Poisson numbers: the op RandomPoissonV2. It reserves `blocks_reserved` of its outputs.

    For a rate of NaN, on which TF never returns, the number is NaN, as for an infinite rate.

    Args:
        xp: `numpy` or `jax.numpy`.
        key: uint32 [2].
        counter: uint32 [4].
        shape: the shape of the draws for each rate.
        rate: the means, of any real dtype.
        dtype: of the result: float16, float32, float64, int32 or int64.

    Returns:
        [*shape, *rate.shape] of `dtype`.
    """
    rates, offsets = _parameter_rows(xp, rate, shape)
    start = (offsets, rates, xp.ones(rates.shape, xp.float64), *[xp.zeros_like(rates)] * 2)

    def draw(state: State) -> Any:
        return unit_fractions(xp, philox_pairs(xp, key, counter, state[0]), _DOUBLE)

    def take(state: State, uniforms: Array) -> tuple[State, Array]:
        offsets, rate, product, count, _ = state
        first, second = uniforms[:, 1], uniforms[:, 0]
        by_first, by_second = product * first, product * first * second
        limit = xp.exp(-rate)
        few = rate < _LEAST_REJECTION_RATE
        many, accepted = _poisson_by_rejection(xp, rate, first, second)
        result = xp.where(few, xp.where(by_first <= limit, count, count + 1.0), many)
        done = xp.where(few, (by_first <= limit) | (by_second <= limit), accepted)
        return (offsets + 1, rate, by_second, count + 2.0, result), done

    with np.errstate(all="ignore"):
        out = until_done(xp, draw, take, start)[-1]
        return _outputs(out, rate, shape, dtype)


def _poisson_by_rejection(
    xp: ModuleType, rate: Array, first: Array, second: Array
) -> tuple[Array, Array]:
    """One attempt of Hörmann's method, for rates from 10 on: the number, and whether it stands."""
    b = 0.931 + 2.53 * xp.sqrt(rate)
    a = -0.059 + 0.02483 * b
    u, v = first - 0.5, second
    edge = 0.5 - xp.abs(u)
    k = xp.floor((2.0 * a / edge + b) * u + rate + 0.43)
    inside = (edge >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2.0))
    outside = (k < 0.0) | ((edge < 0.013) & (v > edge))
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    height = xp.log(v * inverse_alpha / (a / (edge * edge) + b))
    under = height <= k * xp.log(rate) - rate - _log_gamma(xp, k + 1.0)
    accepted = (k != xp.inf) & (inside | (~outside & under))
    return k, accepted | xp.isnan(rate)


def _log_gamma(xp: ModuleType, x: Array) -> Array:
    if xp is np:
        from scipy.special import gammaln

        return gammaln(x)
    from jax.lax import lgamma

    return lgamma(x)


def _parameter_rows(xp: ModuleType, parameter: Array, shape: Sequence[int]) -> tuple[Array, Array]:
    """For each output its parameter, as float64, and where its blocks begin.

    All draws for the first parameter come first, then those for the second.
    """
    n_draws = math.prod(shape)
    offsets = block_range(xp, n_draws * math.prod(parameter.shape)) * blocks_reserved(1)
    return xp.repeat(xp.reshape(parameter, (-1,)).astype(xp.float64), n_draws), offsets


def _outputs(rows: Array, parameter: Array, shape: Sequence[int], dtype: Any) -> Array:
    by_parameter = rows.reshape(parameter.size, math.prod(shape))
    return by_parameter.T.astype(dtype).reshape((*shape, *parameter.shape))
