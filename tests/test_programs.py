"""Whole programs compute what they compute in TensorFlow 1.15, in both tiers and in auto."""

from __future__ import annotations

import functools
import json
import pathlib

import numpy as np
import pytest

import penstock as tf
from tests.golden.arrays import as_array, from_plain
from tests.ops.suite import tier_config
from tests.running import FOLDERS, programs, run_program

GOLDEN = pathlib.Path(__file__).parent / "golden" / "values"

# A few training steps amplify the last bits of float32.
RTOL, ATOL = 5e-5, 2e-6


@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices to a dense Tensor")
@pytest.mark.parametrize("tier", ["auto", "interpreted", "compiled"])
@pytest.mark.parametrize("program", programs(FOLDERS[1]))
def test_same_values(program: str, tier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All results of the program are the recorded ones."""
    if tier != "auto":
        monkeypatch.setattr(tf, "Session", functools.partial(tf.Session, config=tier_config(tier)))
    expected = json.loads((GOLDEN / f"{program}.json").read_text())
    results = run_program(tf, program)["results"]
    assert sorted(results) == sorted(expected)
    for name, plain in expected.items():
        check(name, as_array(results[name]), from_plain(plain))


def check(name: str, got: np.ndarray, expected: np.ndarray) -> None:
    """One result: shape, dtype, values."""
    assert got.shape == expected.shape, f"{name}: shape {got.shape}, expected {expected.shape}"
    assert got.dtype == expected.dtype, f"{name}: dtype {got.dtype}, expected {expected.dtype}"
    if expected.dtype.kind in "fc":
        np.testing.assert_allclose(got, expected, rtol=RTOL, atol=ATOL, err_msg=name)
    else:
        np.testing.assert_array_equal(got, expected, err_msg=name)
