"""Gamma and Poisson numbers: TensorFlow 1.15's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.ops import philox
from penstock.ops import philox_parameters as parameters

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "random.npz")
ALPHAS = (0.1, 0.9, 1.0, 1.5, 40.0)
RATES = (0.0, 0.5, 9.5, 10.0, 33.0, 2000.0)
DRAWS = (1, 3, 60, 2)
# They are rounded from float64, where the last units may differ.
TOLERANCE = {"float16": 2.0**-10, "float32": 2.0**-23, "float64": 1e-13, "int64": 0}

Sampler = Callable[[Any, Any, int], Any]  # of key, counter and the run's size


def gamma(dtype: str) -> Sampler:
    alpha = np.array(ALPHAS, dtype)
    return lambda key, counter, size: parameters.random_gamma(key, counter, [size], alpha)


def poisson(dtype: str) -> Sampler:
    rate = np.array(RATES, np.float32)
    return lambda key, counter, size: parameters.random_poisson(key, counter, [size], rate, dtype)


CASES = {
    **{f"RandomGamma/{t}": (gamma(t), len(ALPHAS)) for t in ("float16", "float32", "float64")},
    **{f"RandomPoissonV2/{t}": (poisson(t), len(RATES)) for t in TOLERANCE},
}


@pytest.mark.parametrize("name", CASES)
def test_tensorflows_numbers(name: str) -> None:
    sample, n_parameters = CASES[name]
    key, counter = philox.op_state(7, 9)
    found = []
    for size in DRAWS:
        found.append(np.ravel(sample(key, counter, size)))
        counter = philox.advance(np, counter, philox.blocks_reserved(size * n_parameters))
    values, want = np.concatenate(found), GOLDEN[f"{name}/7,9"]
    assert values.dtype == want.dtype
    np.testing.assert_allclose(values, want, rtol=TOLERANCE[name.split("/")[1]], atol=0)


def test_a_poisson_rate_that_is_no_number_ends_in_nan() -> None:
    key, counter = philox.op_state(7, 9)
    rate = np.array([-1.0, np.inf, np.nan])
    found = parameters.random_poisson(key, counter, [3], rate, np.float32)
    np.testing.assert_array_equal(found, [[0.0, np.nan, np.nan]] * 3)


@pytest.mark.parametrize("rate", [0.01, 0.7, 6.0, 9.99, 10.0, 45.5])
def test_poisson_numbers_have_the_rate_as_mean_and_variance(rate: float) -> None:
    key, counter = philox.op_state(7, 9)
    found = parameters.random_poisson(key, counter, [20000], np.array(rate), np.float64)
    assert found.mean() == pytest.approx(rate, abs=5 * (rate / 20000) ** 0.5)
    assert found.var() == pytest.approx(rate, rel=0.2)


def test_each_number_has_a_run_of_blocks_of_its_own() -> None:
    """However many are drawn together, and however long some of them take."""
    key, counter = philox.op_state(7, 9)
    for numbers, parameter in (
        (parameters.random_gamma, np.array([0.05, 3.0])),
        (lambda *args: parameters.random_poisson(*args, np.float64), np.array([8.0, 12.0])),
    ):
        together = numbers(key, counter, [5000], parameter)
        for column in (0, 1):
            begin = philox.advance(np, counter, philox.blocks_reserved(5000 * column + 4321))
            alone = numbers(key, begin, [1], parameter[column])
            assert alone == together[4321, column]


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_shapes_of_draws_come_before_those_of_parameters(shape: tuple[int, ...]) -> None:
    key, counter = philox.op_state(7, 9)
    alpha = np.full((4, 1), 2.5, np.float32)
    found = parameters.random_gamma(key, counter, shape, alpha)
    assert found.shape == (*shape, 4, 1)
    assert found.dtype == np.float32
    found = parameters.random_poisson(key, counter, shape, alpha, np.int64)
    assert found.shape == (*shape, 4, 1)
    assert found.dtype == np.int64
