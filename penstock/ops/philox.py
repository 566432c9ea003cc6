"""TensorFlow 1.15's random numbers: Philox 4x32-10 with TF's keys, counters and transforms.

Pure functions over an array namespace `xp` (`numpy` or `jax.numpy`; JAX with x64 enabled). A random
op owns a key, two uint32, and a counter, four uint32 with the lowest word first. One counter value
gives one block of 128 random bits, and a run of the op moves the counter on by what TF reserves,
far more than it uses (`blocks_reserved`): a later run never depends on what an earlier rejected.

Source of the generator: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # a NumPy array or a JAX array, traced or not
_ROUNDS = 10
_WORD_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)  # of words 0 and 2
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)  # added to the key's words after each round
# As arrays, for NumPy converts a Python number anew at each call.
_MULTIPLIER_COLUMN = np.array(_MULTIPLIERS, np.uint64)[:, None]
_MASK_ARRAY = np.array(_WORD_MASK, np.uint64)
_SHIFT_ARRAY = np.array(32, np.uint64)
_WORD_TYPE, _PAIR_TYPE = np.dtype("<u4"), np.dtype("<u8")
_CHUNK_BLOCKS = 16384
_FEW_BLOCKS = 256  # up to here one long integer of Python's is faster than NumPy's calls

_RESERVED_PER_OUTPUT = 256
_BLOCK_WORDS = 4
_FRACTION_BITS = {"bfloat16": 7, "float16": 10, "float32": 23, "float64": 52}
# The smallest uniform number that the normal distributions take the logarithm of: a float32.
_LEAST_UNIFORM = float(np.float32(1e-7))


def op_state(seed: int, seed2: int) -> tuple[np.ndarray, np.ndarray]:
    """The key, and the counter before its first run, of a random op with the attrs given.

    Where both are 0, TF draws two 64-bit seeds by chance: the caller does so and gives them here.

    Args:
        seed: attr `seed`, any 64-bit integer: the key.
        seed2: attr `seed2`, any 64-bit integer: the upper half of the counter.

    Returns:
        The key, uint32 [2], and the counter, uint32 [4], the lowest word first.

    Example:
        >>> op_state(7, 9)
        (array([7, 0], dtype=uint32), array([0, 0, 9, 0], dtype=uint32))
    """
    key = np.array(_words(seed, 2), np.uint32)
    return key, np.array([0, 0, *_words(seed2, 2)], np.uint32)


def blocks_reserved(n_outputs: int) -> int:
    """By how much a run of `n_outputs` numbers moves the counter on.

    It is the same for RandomUniform, RandomUniformInt, RandomStandardNormal, TruncatedNormal,
    RandomGamma and RandomPoissonV2, whatever the dtype.

    Args:
        n_outputs: the number of elements of the op's output.

    Returns:
        A number of 128-bit blocks, for `advance`.

    Example:
        >>> blocks_reserved(5)
        1280
    """
    return n_outputs * _RESERVED_PER_OUTPUT


def advance(xp: ModuleType, counter: Array, blocks: int) -> Array:
    """`counter` moved on by `blocks`, modulo 2**128.

    Args:
        xp: `numpy` or `jax.numpy`.
        counter: uint32 [4].
        blocks: the number of blocks to skip, below 2**64.

    Returns:
        uint32 [4], a new array.

    Example:
        >>> key, counter = op_state(7, 9)
        >>> advance(np, counter, blocks_reserved(5))
        array([1280,    0,    9,    0], dtype=uint32)
    """
    if xp is np:
        return np.array(_words(_as_number(counter) + blocks, 4), np.uint32)
    low, high = _positions(xp, counter, xp.full(1, blocks, xp.uint64))
    return xp.concatenate([low, low >> 32, high, high >> 32]).astype(xp.uint32)


def philox_blocks(xp: ModuleType, key: Array, counter: Array, n_blocks: int) -> Array:
    """The `n_blocks` blocks from `counter` on.

    Args:
        xp: `numpy` or `jax.numpy`.
        key: uint32 [2].
        counter: uint32 [4], the lowest word first.
        n_blocks: how many blocks.

    Returns:
        uint32 [n_blocks, 4].

    Raises:
        TypeError: JAX has 64-bit types disabled.

    Example:
        >>> philox_blocks(np, [0, 0], [0, 0, 0, 0], 1)
        array([[1713891541, 3781805453, 3159862348, 2600524760]], dtype=uint32)
    """
    pairs = philox_pairs(xp, key, counter, block_range(xp, n_blocks))
    return _split_words(xp, pairs).reshape(n_blocks, _BLOCK_WORDS)


def block_range(xp: ModuleType, count: int) -> Array:
    """The numbers 0, 1, … below `count`, for `philox_pairs`.

    Args:
        xp: `numpy` or `jax.numpy`.
        count: how many.

    Returns:
        uint64 [count].

    Raises:
        TypeError: JAX has 64-bit types disabled.
    """
    if xp is not np and xp.arange(0).dtype.itemsize < 8:
        raise TypeError("Philox needs 64-bit integers: trace within jax.enable_x64(True)")
    return xp.arange(count, dtype=xp.uint64)


def philox_pairs(xp: ModuleType, key: Array, counter: Array, offsets: Array) -> Array:
    """The blocks at `counter` + `offsets`, two words in one uint64.

    Args:
        xp: `numpy` or `jax.numpy`.
        key: uint32 [2].
        counter: uint32 [4], the lowest word first.
        offsets: uint64 [n], in blocks.

    Returns:
        uint64 [n, 2]: word 0 with word 1 above it, word 2 with word 3 above it.
    """
    if xp is np and offsets.size <= _FEW_BLOCKS:
        lanes = _lanes_of_positions(_as_number(counter), offsets)
        if lanes is not None:
            return _encrypt_few(key, lanes, offsets.size)
    low, high = _positions(xp, counter, offsets)
    if xp is np:
        return _encrypt_in_chunks(_round_keys(int(key[0]), int(key[1])), low, high)
    return _encrypt(xp, xp.asarray(key, dtype=xp.uint64), low, high)


def random_uniform(
    xp: ModuleType, key: Array, counter: Array, shape: Sequence[int], dtype: Any
) -> Array:
    """Uniform numbers in [0, 1): the op RandomUniform.

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
        >>> key, counter = op_state(7, 9)
        >>> random_uniform(np, key, counter, [2], np.float32)
        array([0.5363449 , 0.47323656], dtype=float32)
    """
    dtype = float_type("RandomUniform", dtype)
    return _raw(xp, key, counter, shape, dtype, lambda bits: unit_fractions(xp, bits, dtype))


def random_uniform_int(
    xp: ModuleType,
    key: Array,
    counter: Array,
    shape: Sequence[int],
    minval: Array,
    maxval: Array,
) -> Array:
    """Uniform integers in [minval, maxval): the op RandomUniformInt.

    As TF, it takes random bits modulo the size of the range. The caller checks minval < maxval.

    Args:
        xp: `numpy` or `jax.numpy`.
        key: uint32 [2].
        counter: uint32 [4].
        shape: the result's shape.
        minval: an int32 or int64 scalar.
        maxval: a scalar of the same dtype.

    Returns:
        An array of `shape` and of the dtype of `minval`.

    Raises:
        TypeError: another dtype, or JAX has 64-bit types disabled.

    Example:
        >>> low, high = np.int32(-100), np.int32(1000)
        >>> key, counter = op_state(7, 9)
        >>> random_uniform_int(np, key, counter, [2], low, high)
        array([231, 920], dtype=int32)
    """
    dtype = np.dtype(minval.dtype)
    if dtype not in (np.int32, np.int64) or maxval.dtype != dtype:
        raise TypeError(
            "RandomUniformInt: expected minval and maxval both int32 or both int64, "
            f"got {minval.dtype} and {maxval.dtype}"
        )
    unsigned = np.dtype(f"uint{dtype.itemsize * 8}")
    # Of rank 1, for NumPy warns when a scalar wraps around, and here it is meant to.
    low = xp.reshape(xp.asarray(minval), (1,)).astype(unsigned)
    size = xp.reshape(xp.asarray(maxval), (1,)).astype(unsigned) - low
    return _raw(xp, key, counter, shape, dtype, lambda bits: (low + bits % size).view(dtype))


def random_normal(
    xp: ModuleType, key: Array, counter: Array, shape: Sequence[int], dtype: Any
) -> Array:
    """Normal numbers of mean 0 and deviation 1: the op RandomStandardNormal.

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
        >>> key, counter = op_state(7, 9)
        >>> random_normal(np, key, counter, [2], np.float32)
        array([ 0.1868204, -1.1004789], dtype=float32)
    """
    dtype = float_type("RandomStandardNormal", dtype)
    n_outputs = math.prod(shape)
    n_blocks = -(-n_outputs // outputs_per_block(dtype))
    pairs = philox_pairs(xp, key, counter, block_range(xp, n_blocks))
    return normals(xp, pairs, dtype).reshape(-1)[:n_outputs].reshape(shape)


def normals(xp: ModuleType, pairs: Array, dtype: np.dtype) -> Array:
    """The normal numbers that TF makes of blocks, by Box and Muller's transform.

    Args:
        xp: `numpy` or `jax.numpy`.
        pairs: uint64 [n, 2], from `philox_pairs`.
        dtype: float16, bfloat16, float32 or float64.

    Returns:
        [n, 4] of `dtype`; [n, 2] where that is float64.
    """
    if dtype == np.float64:
        unit = unit_fractions(xp, pairs, dtype)
        radius = xp.sqrt(-2.0 * xp.log(xp.maximum(unit[:, 0], _LEAST_UNIFORM)))
        angle = 2.0 * math.pi * unit[:, 1]
        return _interleave(xp, radius * xp.sin(angle), radius * xp.cos(angle))
    return _single_normals(xp, pairs).astype(dtype)


def _single_normals(xp: ModuleType, pairs: Array) -> Array:
    """float32 [n, 4]. Each step is rounded to float32, as TF does, but logarithm, sine and cosine
    come from float64: NumPy's and XLA's for float32 err more than the C library's, and differ."""
    single, double = xp.float32, xp.float64
    scale = 2.0**-23
    unit = (pairs & 0x7FFFFF).astype(double) * scale
    log = xp.log(xp.maximum(unit, _LEAST_UNIFORM)).astype(single)
    radius = xp.sqrt(np.float32(-2.0) * log)
    turns = ((pairs >> 32) & 0x7FFFFF).astype(double)
    angle = (turns * (2.0 * math.pi * scale)).astype(single).astype(double)
    sine, cosine = xp.sin(angle).astype(single), xp.cos(angle).astype(single)
    return _interleave(xp, radius * sine, radius * cosine).reshape(-1, _BLOCK_WORDS)


def unit_fractions(xp: ModuleType, bits: Array, dtype: np.dtype) -> Array:
    """Random bits as numbers in [0, 1), all of whose steps are exact.

    Args:
        xp: `numpy` or `jax.numpy`.
        bits: uint64, of which each is two words as in `philox_pairs`, for float64; else uint32.
        dtype: float16, bfloat16, float32 or float64.

    Returns:
        An array of the shape of `bits` and of `dtype`.
    """
    if dtype == np.float64:
        # The first word gives the upper 20 bits, the second the lower 32.
        bits = ((bits & 0xFFFFF) << 32) | (bits >> 32)
        return bits.astype(dtype) * 2.0**-52
    fraction = _fraction_bits(dtype)
    bits = bits & ((1 << fraction) - 1)
    return (bits.astype(xp.float32) * np.float32(2.0**-fraction)).astype(dtype, copy=False)


def _words(value: int, count: int) -> list[int]:
    return [(value >> (32 * i)) & _WORD_MASK for i in range(count)]


def _as_number(counter: Array) -> int:
    if type(counter) is np.ndarray and counter.dtype == _WORD_TYPE:
        return int.from_bytes(counter.tobytes(), "little")
    word0, word1, word2, word3 = counter
    return int(word0) | (int(word1) << 32) | (int(word2) << 64) | (int(word3) << 96)


@functools.cache
def float_type(op_type: str, dtype: Any) -> np.dtype:
    """The dtype of an op's random numbers.

    Raises:
        TypeError: TensorFlow draws none of that dtype.
    """
    found = np.dtype(dtype)
    if found.name not in _FRACTION_BITS:
        raise TypeError(f"{op_type}: expected dtype {', '.join(_FRACTION_BITS)}, got {found.name}")
    return found


@functools.cache
def _fraction_bits(dtype: np.dtype) -> int:
    return _FRACTION_BITS[dtype.name]  # making the name takes NumPy longer than drawing a block


def outputs_per_block(dtype: np.dtype) -> int:
    """How many numbers of a dtype a block gives."""
    return 2 if dtype.itemsize == 8 else _BLOCK_WORDS


def _positions(xp: ModuleType, counter: Array, offsets: Array) -> tuple[Array, Array]:
    """The lower and the upper 64 bits of `counter` + `offsets`."""
    words = xp.asarray(counter, dtype=xp.uint64)
    low = offsets + (words[0] | (words[1] << 32))
    carry = (low < offsets).astype(xp.uint64)
    return low, carry + (words[2] | (words[3] << 32))


@functools.lru_cache(maxsize=4096)
def _round_keys(word0: int, word1: int) -> tuple[Array, ...]:
    """The key of each round as uint64 [2, 1]."""
    first, step = np.array([[word0], [word1]], np.uint64), np.array(_KEY_STEPS, np.uint64)[:, None]
    return tuple((first + step * np.uint64(i)) & _MASK_ARRAY for i in range(_ROUNDS))


@functools.lru_cache(maxsize=_FEW_BLOCKS)
def _ones(n_lanes: int) -> int:
    """A number of `n_lanes` lanes of 64 bits, each of which holds 1."""
    return int.from_bytes(np.ones(n_lanes, _PAIR_TYPE).tobytes(), "little")


@functools.lru_cache(maxsize=128)
def _lane_keys(word0: int, word1: int, n_lanes: int) -> list[tuple[int, int]]:
    """The words of the key of each round, in every lane."""
    ones = _ones(n_lanes)
    step0, step1 = _KEY_STEPS
    return [
        (((word0 + i * step0) & _WORD_MASK) * ones, ((word1 + i * step1) & _WORD_MASK) * ones)
        for i in range(_ROUNDS)
    ]


def _lanes_of_positions(start: int, offsets: Array) -> tuple[int, ...] | None:
    """The four words of `start` + `offsets`, a lane each; None where one carries into word 1."""
    ones = _ones(offsets.size)
    word0, word1, word2, word3 = _words(start, 4)
    lanes = (
        int.from_bytes(offsets.astype(_PAIR_TYPE, copy=False).tobytes(), "little") + word0 * ones
    )
    if lanes & (_WORD_MASK << 32) * ones:
        return None
    return lanes, word1 * ones, word2 * ones, word3 * ones


def _encrypt_few(key: Array, lanes: tuple[int, ...], n_lanes: int) -> Array:
    """`_encrypt` for NumPy, with a word of all blocks in one long integer of Python's.

    A word fills the lower half of its lane, and no product reaches the next lane: one
    multiplication serves all blocks.
    """
    word0, word1, word2, word3 = lanes
    mask = _WORD_MASK * _ones(n_lanes)
    multiplier0, multiplier2 = _MULTIPLIERS
    for key0, key1 in _lane_keys(int(key[0]), int(key[1]), n_lanes):
        product0, product2 = word0 * multiplier0, word2 * multiplier2
        word0 = (product2 >> 32 & mask) ^ word1 ^ key0
        word2 = (product0 >> 32 & mask) ^ word3 ^ key1
        word1, word3 = product2 & mask, product0 & mask
    out = np.empty((n_lanes, 2), np.uint64)
    out[:, 0] = np.frombuffer((word0 | word1 << 32).to_bytes(8 * n_lanes, "little"), _PAIR_TYPE)
    out[:, 1] = np.frombuffer((word2 | word3 << 32).to_bytes(8 * n_lanes, "little"), _PAIR_TYPE)
    return out


def _encrypt_in_chunks(round_keys: tuple[Array, ...], low: Array, high: Array) -> Array:
    """`_encrypt` for NumPy: in pieces that stay in a core's cache, without new arrays per round."""
    out = np.empty((low.size, 2), np.uint64)
    for start in range(0, low.size, _CHUNK_BLOCKS):
        chunk = slice(start, start + _CHUNK_BLOCKS)
        _encrypt_chunk(round_keys, low[chunk], high[chunk], out[chunk])
    return out


def _encrypt_chunk(round_keys: tuple[Array, ...], low: Array, high: Array, out: Array) -> None:
    """Five NumPy calls a round, each on words 0 and 2 (`even`) or 1 and 3 (`odd`) together."""
    even, odd, product = (np.empty((2, low.size), np.uint64) for _ in range(3))
    np.bitwise_and(low, _MASK_ARRAY, out=even[0])
    np.bitwise_and(high, _MASK_ARRAY, out=even[1])
    # Upside down from here on, as a round leaves it: its product crosses the rows.
    np.right_shift(low, _SHIFT_ARRAY, out=odd[1])
    np.right_shift(high, _SHIFT_ARRAY, out=odd[0])
    for round_key in round_keys:
        np.multiply(even, _MULTIPLIER_COLUMN, out=product)
        np.right_shift(product[::-1], _SHIFT_ARRAY, out=even)
        np.bitwise_xor(even, odd[::-1], out=even)
        np.bitwise_xor(even, round_key, out=even)
        np.bitwise_and(product, _MASK_ARRAY, out=product)
        odd, product = product, odd
    np.left_shift(odd[::-1], _SHIFT_ARRAY, out=product)
    np.bitwise_or(even, product, out=out.T)


def _encrypt(xp: ModuleType, key: Array, low: Array, high: Array) -> Array:
    """The blocks at the positions low + 2**64 * high, as `philox_pairs` gives them."""
    low, high = low[:, None], high[:, None]
    word0, word1, word2, word3 = low & _WORD_MASK, low >> 32, high & _WORD_MASK, high >> 32
    key0, key1 = key[0], key[1]
    for _ in range(_ROUNDS):
        product0, product2 = word0 * _MULTIPLIERS[0], word2 * _MULTIPLIERS[1]
        word0, word1 = (product2 >> 32) ^ word1 ^ key0, product2 & _WORD_MASK
        word2, word3 = (product0 >> 32) ^ word3 ^ key1, product0 & _WORD_MASK
        key0, key1 = (key0 + _KEY_STEPS[0]) & _WORD_MASK, (key1 + _KEY_STEPS[1]) & _WORD_MASK
    # A selection, for XLA runs the rounds once per element of a stack of four, and in scalar code.
    return xp.where(xp.arange(2) == 0, word0 | (word1 << 32), word2 | (word3 << 32))


def _split_words(xp: ModuleType, pairs: Array) -> Array:
    """uint32 [..., 2] of uint64 [...], the lower word first."""
    if xp is np:
        return pairs.astype(_PAIR_TYPE, copy=False).view(_WORD_TYPE).reshape((*pairs.shape, 2))
    return xp.stack([pairs & _WORD_MASK, pairs >> 32], axis=-1).astype(xp.uint32)


def _interleave(xp: ModuleType, first: Array, second: Array) -> Array:
    """Both in a new last dimension of 2."""
    if xp is np:
        return _fill_pairs(first, second, first.dtype)
    # A selection, for XLA vectorizes what it fuses with one, and not what it fuses with a stack.
    return xp.where(xp.arange(2) == 0, first[..., None], second[..., None])


def _fill_pairs(first: Array, second: Array, dtype: Any) -> Array:
    """What np.stack makes of both on a new last axis, cast to `dtype`, in a third of its time."""
    out = np.empty((*first.shape, 2), dtype)
    out[..., 0] = first
    out[..., 1] = second
    return out


def _raw(
    xp: ModuleType,
    key: Array,
    counter: Array,
    shape: Sequence[int],
    dtype: np.dtype,
    transform: Callable[[Array], Array],
) -> Array:
    """`transform` of uint64 where `dtype` has 64 bits, of uint32 where it has fewer."""
    n_outputs = math.prod(shape)
    n_blocks = -(-n_outputs // outputs_per_block(dtype))
    bits = philox_pairs(xp, key, counter, block_range(xp, n_blocks))
    if dtype.itemsize < 8:
        bits = _split_words(xp, bits)
    return transform(bits.reshape(-1)[:n_outputs]).reshape(shape)
