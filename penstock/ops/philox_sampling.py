"""TensorFlow 1.15's shuffles and categorical numbers, and its stateless seeds.

As `philox`: pure functions over `xp` (`numpy` or `jax.numpy` with x64 enabled) of a key and a
counter.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from penstock.ops.philox import Array, blocks_reserved, philox_blocks, random_uniform

_STATELESS_KEY = np.array([0x3EC8F720, 0x02461E29], np.uint32)


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


def shuffle_order(key: Array, counter: Array, n_rows: int) -> np.ndarray:
    """The order into which the op RandomShuffle brings `n_rows` rows: swaps from first to last.

    Args:
        key: uint32 [2].
        counter: uint32 [4].
        n_rows: the input's first dimension.

    Returns:
        int64 [n_rows]: row i of the output is this row of the input.

    Example:
        >>> from penstock.ops.philox import op_state
        >>> key, counter = op_state(7, 9)
        >>> shuffle_order(key, counter, 4)
        array([3, 0, 2, 1])
    """
    order = list(range(n_rows))
    blocks = philox_blocks(np, key, counter, shuffle_blocks_reserved(n_rows))
    distances = blocks.reshape(-1)[: max(n_rows - 1, 0)] % np.arange(n_rows, 1, -1, dtype=np.uint32)
    for i, distance in enumerate(distances.tolist()):
        j = i + distance
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int64)


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
