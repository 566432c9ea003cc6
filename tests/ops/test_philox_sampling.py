"""Shuffles, categorical numbers, stateless seeds: TensorFlow 1.15's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.ops import philox, philox_truncated
from penstock.ops import philox_sampling as sampling

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "random.npz")
LOGITS = ((0.0, 1.0, 2.0, -1.0), (0.0, 0.0, -np.inf, 0.0), (3.0, -3.0, 0.5, 0.5))
INT32_RANGE = (np.int32(-100), np.int32(2**31 - 1))

Sampler = Callable[[ModuleType, Any, Any, int], Any]  # of xp, key, counter and the run's size


def shuffle(xp: ModuleType, key: Any, counter: Any, rows: int) -> Any:
    return sampling.shuffle_order(key, counter, rows).astype(xp.int32)


def shuffle_rows(xp: ModuleType, key: Any, counter: Any, rows: int) -> Any:
    order = sampling.shuffle_order(key, counter, rows)
    return xp.arange(rows * 2, dtype=xp.int32).reshape(rows, 2)[order]


def categorical(dtype: str) -> Sampler:
    logits = np.array(LOGITS, dtype)
    return lambda xp, key, counter, size: sampling.multinomial(
        xp, key, counter, xp.asarray(logits), size, np.int64
    )


SHUFFLES = (1, 2, 5, 6, 100, 3)
CATEGORICAL = (1, 3, 4, 5, 60, 7)
CASES = {
    "RandomShuffle/int32": (shuffle, SHUFFLES, sampling.shuffle_blocks_reserved),
    "RandomShuffle/rows": (shuffle_rows, SHUFFLES, sampling.shuffle_blocks_reserved),
    **{
        f"Multinomial/{dtype}": (
            categorical(dtype),
            CATEGORICAL,
            lambda n: sampling.multinomial_blocks_reserved(len(LOGITS), n),
        )
        for dtype in ("float32", "float64")
    },
}
STATELESS: dict[str, Sampler] = {
    "StatelessRandomUniform/float32": lambda xp, key, counter, n: philox.random_uniform(
        xp, key, counter, [n], np.float32
    ),
    "StatelessRandomNormal/float32": lambda xp, key, counter, n: philox.random_normal(
        xp, key, counter, [n], np.float32
    ),
    "StatelessTruncatedNormal/float32": lambda xp, key, counter, n: (
        philox_truncated.truncated_normal(xp, key, counter, [n], np.float32)
    ),
    "StatelessRandomUniformInt/int32": lambda xp, key, counter, n: philox.random_uniform_int(
        xp, key, counter, [n], *INT32_RANGE
    ),
    "StatelessMultinomial/float32": categorical("float32"),
}
STATELESS_NAMES = [name for name in GOLDEN.files if name.startswith("Stateless")]


def check(found: list[Any], want: np.ndarray, rtol: float) -> None:
    values = np.concatenate([np.ravel(part) for part in found])
    assert values.dtype == want.dtype
    np.testing.assert_allclose(values, want, rtol=rtol, atol=0)


@pytest.mark.parametrize("name", CASES)
def test_numpy_gives_tensorflows_numbers(name: str) -> None:
    sample, sizes, reserved = CASES[name]
    key, counter = philox.op_state(7, 9)
    found = []
    for size in sizes:
        found.append(sample(np, key, counter, size))
        counter = philox.advance(np, counter, reserved(size))
    check(found, GOLDEN[f"{name}/7,9"], 0)


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("Multinomial")])
def test_xla_gives_tensorflows_numbers_in_the_longest_run(name: str) -> None:
    sample, sizes, reserved = CASES[name]
    key, counter = philox.op_state(7, 9)
    longest = sizes.index(max(sizes))
    for size in sizes[:longest]:
        counter = philox.advance(np, counter, reserved(size))
    with jax.enable_x64(True):
        run = jax.jit(lambda key, counter: sample(jnp, key, counter, sizes[longest]))
        found = np.asarray(run(key, counter))
    want = GOLDEN[f"{name}/7,9"]
    start = sum(sizes[:longest]) * (want.size // sum(sizes))
    check([found], want[start : start + found.size], 0)


@pytest.mark.parametrize("name", STATELESS_NAMES)
def test_stateless_ops_give_tensorflows_numbers(name: str) -> None:
    op, dtype, seed = name.split("/")
    key, counter = sampling.stateless_state(np, np.array(seed.split(","), np.int64))
    check([STATELESS[f"{op}/{dtype}"](np, key, counter, 33)], GOLDEN[name], 1e-6)


@settings(deadline=None)  # the first example is compiled
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=2))
def test_a_stateless_seed_may_be_traced(seed: list[int]) -> None:
    want = sampling.stateless_state(np, np.array(seed))
    found = _traced_stateless_state(np.array(seed))
    for traced, array in zip(found, want, strict=True):
        np.testing.assert_array_equal(traced, array, strict=True)


def _traced_stateless_state(seed: np.ndarray) -> list[np.ndarray]:
    with jax.enable_x64(True):
        return [np.asarray(part) for part in _stateless_state(seed)]


_stateless_state = jax.jit(lambda seed: sampling.stateless_state(jnp, seed))


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_are_shuffled(rows: int) -> None:
    key, counter = philox.op_state(1, 2)
    order = sampling.shuffle_order(key, counter, rows)
    assert sorted(order.tolist()) == list(range(rows))
    assert order.dtype == np.int64


def test_what_is_not_finite_is_never_drawn() -> None:
    key, counter = philox.op_state(1, 2)
    logits = np.array([[np.nan, 0.0, np.inf, -np.inf, -1e30], [-np.inf] * 5])
    found = sampling.multinomial(np, key, counter, logits, 100, np.int32)
    assert found.dtype == np.int32
    assert set(found[0]) == {1}
    assert set(found[1]) == {5}  # no class is left to draw: their number, as in TensorFlow
