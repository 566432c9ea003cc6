"""The logits less the maximum of their row, whichever way that is found."""

from __future__ import annotations

import numpy as np
import pytest

from penstock.ops.shifted_logits import shifted_logits

# Few and many rows, short and long ones, ranks 1 to 4, none at all.
SHAPES = [
    (5,), (3, 10), (64, 10), (64, 1), (64, 2), (16, 20), (40, 21), (8, 9, 7), (4, 3, 5, 2),
    (0, 10), (64, 0),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_row_is_less_its_own_maximum(shape: tuple[int, ...], dtype: str) -> None:
    logits = np.random.RandomState(1).randn(*shape).astype(dtype)
    before = logits.copy()
    found = shifted_logits(logits)
    assert found.dtype == dtype
    assert found.shape == shape
    rows = [array.reshape(-1, shape[-1] or 1) for array in (logits, found)]
    for row, shifted in zip(*rows, strict=True):
        np.testing.assert_array_equal(shifted, row - max(row))
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize("rows", [2, 64])
def test_nan_spoils_its_own_row_only(rows: int) -> None:
    logits = np.zeros((rows, 4), np.float32)
    logits[1, 2] = np.nan
    found = shifted_logits(logits)
    assert np.isnan(found[1]).all()
    assert not np.isnan(found[0]).any()
    assert not np.isnan(found[2:]).any()


@pytest.mark.parametrize("rows", [2, 64])
def test_a_strided_array(rows: int) -> None:
    logits = np.random.RandomState(2).randn(8, rows).T[:, ::2]
    np.testing.assert_array_equal(
        shifted_logits(logits), logits - logits.max(axis=1, keepdims=True)
    )
