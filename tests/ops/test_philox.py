"""Philox and the four basic distributions: TensorFlow 1.15's numbers, the same in NumPy and XLA."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.ops import philox, philox_truncated

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "random.npz")
RUN_SIZES = (1, 3, 4, 5, 300, 7)
INT_RANGES = {"int32": (-100, 2**31 - 1), "int64": (-(2**62), 2**62 + 12345)}
# Of normal numbers: one unit in the last place of each dtype, and a few in float64.
TOLERANCE = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 1e-6, "float64": 1e-14}
FLOAT_OPS = {
    "RandomUniform": philox.random_uniform,
    "RandomStandardNormal": philox.random_normal,
    "TruncatedNormal": philox_truncated.truncated_normal,
}
SIMPLE = [name for name in GOLDEN.files if name.split("/")[0] in {*FLOAT_OPS, "RandomUniformInt"}]
SOME_TRACED = [name for name in SIMPLE if name.endswith("/7,9")]

# What is compiled on the first example takes longer than hypothesis allows.
patient = settings(deadline=None, max_examples=40)
words = st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 2**32 - 2, 2**32 - 1])
counters = st.lists(words, min_size=4, max_size=4)
keys = st.lists(words, min_size=2, max_size=2)


def draw(op: str, dtype: str) -> Callable[..., Any]:
    """The function of the op as f(xp, key, counter, shape)."""
    if op == "RandomUniformInt":
        low, high = (np.array(limit, dtype) for limit in INT_RANGES[dtype])
        return functools.partial(philox.random_uniform_int, minval=low, maxval=high)
    return functools.partial(FLOAT_OPS[op], dtype=np.dtype(dtype))


def wanted(name: str) -> np.ndarray:
    """What TensorFlow 1.15 gave, all runs in a row."""
    values = GOLDEN[name]
    return values.view(ml_dtypes.bfloat16) if name.split("/")[1] == "bfloat16" else values


def runs(name: str, function: Callable[..., Any]) -> np.ndarray:
    """What `function` of key, counter and size gives for each run of the recording."""
    key, counter = philox.op_state(*map(int, name.split("/")[2].split(",")))
    found = []
    for size in RUN_SIZES:
        found.append(np.asarray(function(key, counter, size)))
        counter = philox.advance(np, counter, philox.blocks_reserved(size))
    return np.concatenate(found)


def check(name: str, found: np.ndarray) -> None:
    op, dtype, _ = name.split("/")
    assert found.dtype == np.dtype(dtype)
    if op.startswith("RandomUniform"):
        np.testing.assert_array_equal(found, wanted(name))
    else:
        found, values = found.astype(np.float64), wanted(name).astype(np.float64)
        np.testing.assert_allclose(found, values, rtol=TOLERANCE[dtype], atol=0)


def reference_blocks(key: list[int], counter: list[int], count: int) -> list[list[int]]:
    """Philox 4x32-10 in Python's own integers."""
    start = sum(word << (32 * i) for i, word in enumerate(counter))
    out = []
    for number in range(start, start + count):
        c0, c1, c2, c3 = ((number >> shift) & 0xFFFFFFFF for shift in (0, 32, 64, 96))
        k0, k1 = key
        for _ in range(10):
            high0, low0 = divmod(c0 * 0xD2511F53, 2**32)
            high2, low2 = divmod(c2 * 0xCD9E8D57, 2**32)
            c0, c1, c2, c3 = high2 ^ c1 ^ k0, low2, high0 ^ c3 ^ k1, low0
            k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
        out.append([c0, c1, c2, c3])
    return out


@pytest.mark.parametrize(
    ("counter", "key", "block"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([2**32 - 1] * 4, [2**32 - 1] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    ],
)
def test_the_generator_gives_its_authors_numbers(
    counter: list[int], key: list[int], block: list[int]
) -> None:
    assert philox.philox_blocks(np, key, counter, 1).tolist() == [block]


@patient
@given(keys, counters, st.integers(0, 20) | st.sampled_from([255, 256, 257]))
def test_numpy_blocks(key: list[int], counter: list[int], count: int) -> None:
    found = philox.philox_blocks(np, key, counter, count)
    assert found.dtype == np.uint32
    assert found.shape == (count, 4)
    assert found.tolist() == reference_blocks(key, counter, count)


@functools.cache
def traced(function: Callable[..., Any], *args: Any) -> Callable[..., Any]:
    """`function` of key and counter, compiled once."""
    compiled = jax.jit(lambda key, counter: function(jnp, key, counter, *args))

    def call(key: Any, counter: Any) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(compiled(np.array(key, np.uint32), np.array(counter, np.uint32)))

    return call


@patient
@given(keys, counters)
def test_traced_blocks(key: list[int], counter: list[int]) -> None:
    found = traced(philox.philox_blocks, 6)(key, counter)
    assert found.dtype == np.uint32
    assert found.tolist() == reference_blocks(key, counter, 6)


def test_blocks_beyond_one_chunk_go_on_where_the_last_ended() -> None:
    count = philox._CHUNK_BLOCKS + 2
    found = philox.philox_blocks(np, [3, 4], [0xFFFFFFFF, 0, 5, 6], count)
    after = philox.advance(np, np.array([0xFFFFFFFF, 0, 5, 6]), count - 4)
    assert found[-4:].tolist() == reference_blocks([3, 4], after.tolist(), 4)


@patient
@given(counters, st.integers(0, 2**64 - 1))
def test_advance_adds_to_all_128_bits(counter: list[int], blocks: int) -> None:
    position = sum(word << (32 * i) for i, word in enumerate(counter)) + blocks
    want = [(position >> shift) & 0xFFFFFFFF for shift in (0, 32, 64, 96)]
    found = philox.advance(np, np.array(counter, np.uint32), blocks)
    assert found.dtype == np.uint32
    assert found.tolist() == want
    with jax.enable_x64(True):
        found = philox.advance(jnp, jnp.array(counter, jnp.uint32), blocks)
    assert found.dtype == np.uint32
    assert found.tolist() == want


@pytest.mark.parametrize("name", SIMPLE)
def test_numpy_gives_tensorflows_numbers(name: str) -> None:
    function = draw(*name.split("/")[:2])
    check(name, runs(name, lambda key, counter, size: function(np, key, counter, [size])))


@pytest.mark.parametrize("name", SOME_TRACED)
def test_xla_gives_tensorflows_numbers(name: str) -> None:
    # Compiled for the longest run: a shorter one has its first numbers.
    longest = traced(draw(*name.split("/")[:2]), (max(RUN_SIZES),))
    check(name, runs(name, lambda key, counter, size: longest(key, counter)[:size]))


@pytest.mark.parametrize("op", FLOAT_OPS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@patient
@given(keys, counters, st.integers(0, 41))
def test_numpy_and_xla_agree(
    op: str, dtype: str, key: list[int], counter: list[int], size: int
) -> None:
    function = draw(op, dtype)
    numpys = function(np, key, counter, [size])
    xlas = traced(_same(op, dtype), (41,))(key, counter)[:size]
    np.testing.assert_allclose(numpys, xlas, rtol=0 if op == "RandomUniform" else 1e-6, atol=0)


@functools.cache
def _same(op: str, dtype: str) -> Callable[..., Any]:
    """One function object per distribution, so that it is compiled once."""
    return draw(op, dtype)


@pytest.mark.parametrize("op", FLOAT_OPS)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3)])
def test_shapes(op: str, shape: tuple[int, ...]) -> None:
    key, counter = philox.op_state(1, 2)
    flat = FLOAT_OPS[op](np, key, counter, [int(np.prod(shape))], np.float32)
    found = FLOAT_OPS[op](np, key, counter, np.array(shape, np.int32), np.float32)
    np.testing.assert_array_equal(found, flat.reshape(shape), strict=True)


@pytest.mark.parametrize("shape", [(), (3, 0, 2), (2, 3)])
def test_traced_shapes(shape: tuple[int, ...]) -> None:
    key, counter = philox.op_state(1, 2)
    want = philox_truncated.truncated_normal(np, key, counter, shape, np.float32)
    found = traced(philox_truncated.truncated_normal, shape, np.float32)(key, counter)
    np.testing.assert_allclose(found, want, rtol=1e-6, strict=True)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integer_ranges_may_be_traced(dtype: str) -> None:
    key, counter = philox.op_state(1, 2)
    low, high = (np.array(limit, dtype) for limit in INT_RANGES[dtype])
    want = philox.random_uniform_int(np, key, counter, [5], low, high)
    with jax.enable_x64(True):
        found = jax.jit(lambda a, b: philox.random_uniform_int(jnp, key, counter, (5,), a, b))(
            low, high
        )
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("size", [3, 255, 256, 257, 5000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_truncated_numbers_are_the_first_that_fit(dtype: str, size: int) -> None:
    """Each group of outputs takes what fits of the normal numbers of its own run of blocks."""
    key, counter = philox.op_state(3, 4)
    found = philox_truncated.truncated_normal(np, key, counter, [size], np.dtype(dtype))
    group = 4 if dtype == "float32" else 2
    want: list[Any] = []
    for start in range(0, size, group):
        begin = philox.advance(np, counter, philox.blocks_reserved(start) // 4)
        run = philox.random_normal(np, key, begin, [40], np.dtype(dtype))
        want.extend(run[np.abs(run) < 2][:group])
    np.testing.assert_array_equal(found, want[:size])


def test_a_truncated_normal_stays_within_two_deviations() -> None:
    key, counter = philox.op_state(1, 2)
    found = philox_truncated.truncated_normal(np, key, counter, [40000], np.float32)
    assert np.abs(found).max() < 2
    assert np.unique(found).size > 39000


def test_unknown_float_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"RandomStandardNormal: expected dtype .* got int32"):
        philox.random_normal(np, [0, 0], [0] * 4, [1], np.int32)


def test_mixed_integer_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"RandomUniformInt: expected .* got int32 and int64"):
        philox.random_uniform_int(np, [0, 0], [0] * 4, [1], np.int32(0), np.int64(9))


def test_jax_without_64_bits_is_refused() -> None:
    with jax.enable_x64(False), pytest.raises(TypeError, match="enable_x64"):
        philox.random_uniform(jnp, [0, 0], [0] * 4, [1], np.float32)
