"""Many random numbers at once: TensorFlow 1.15's, which draws them in several threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import penstock as tf
from penstock.graph.opspec import lookup
from tests.ops.suite import TIERS, tier_config

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "random.npz")
LARGE, KEPT = 1000003, 9973
LARGE_DRAWS, KEPT_DRAWS = 20001, 331
INT_RANGES = {"int32": (-100, 2**31 - 1), "int64": (-(2**62), 2**62 + 12345)}
ALPHAS = (0.1, 0.9, 1.0, 1.5, 40.0)
RATES = (0.0, 0.5, 9.5, 10.0, 33.0, 2000.0)
# Of what goes through logarithm, sine or cosine: a unit in the last place, and a few in float64.
TOLERANCE = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 1e-6, "float64": 1e-13}
NAMES = [name for name in GOLDEN.files if name.startswith("large/")]


def made(op: str, dtype: str) -> Any:
    """The op, as tests/golden/record_random.py makes it."""
    seeds = {"seed": 7, "seed2": 9}
    spec = lookup(op)
    if op == "RandomUniformInt":
        low, high = [tf.constant(limit, dtype) for limit in INT_RANGES[dtype]]
        return spec([LARGE], low, high, **seeds)
    if op == "RandomShuffle":
        return spec(tf.range(LARGE), **seeds)
    if op == "RandomGamma":
        return spec([LARGE_DRAWS], tf.constant(ALPHAS, dtype), **seeds)
    if op == "RandomPoissonV2":
        return spec([LARGE_DRAWS], tf.constant(RATES), dtype=dtype, **seeds)
    if op.startswith("Stateless"):
        return spec([LARGE], [7, 9], dtype=dtype)
    return spec([LARGE], dtype=dtype, **seeds)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", NAMES)
def test_the_second_run_of_many(name: str, tier: str) -> None:
    """Every so many-th number is the recorded one."""
    _, op, dtype = name.split("/")
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        numbers = made(op, dtype)
        session.run(numbers.op)
        found = session.run(numbers).ravel()
    want = GOLDEN[name]
    found = found[:: KEPT if found.size == LARGE else KEPT_DRAWS]
    want = want.view(ml_dtypes.bfloat16) if dtype == "bfloat16" else want
    assert found.dtype == want.dtype
    exact = "Uniform" in op or found.dtype.kind == "i"
    np.testing.assert_allclose(
        found.astype(np.float64),
        want.astype(np.float64),
        rtol=0 if exact else TOLERANCE[dtype],
        atol=0,
    )
