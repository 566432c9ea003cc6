"""`at_rows` gives, to the last bit, what NumPy's own `at` gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.ops.row_updates import at_rows


@given(
    shape=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    depth=st.integers(0, 4),
    places=st.lists(st.integers(0, 3) | st.just(40), max_size=2),
    ufunc=st.sampled_from([np.add, np.subtract, np.multiply, np.minimum, np.maximum]),
    dtype=st.sampled_from([np.float32, np.float16, np.int8, np.int64, np.complex64]),
    scalar=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=200, deadline=None)
def test_same_as_numpy(
    shape: list[int], depth: int, places: list[int], ufunc: Any, dtype: Any, scalar: bool, seed: int
) -> None:
    """For any shape, any number of indexed axes, and any updates, one number for all too."""
    random = np.random.RandomState(seed)
    depth = min(depth, len(shape))
    if 0 in shape[:depth]:
        places = [0, *places]  # there is nothing to index
    index = tuple([random.randint(0, max(1, size), places) for size in shape[:depth]])
    whole = (random.randn(*shape) * 10).astype(dtype)
    found = np.ones([] if scalar else [*(places if depth else []), *shape[depth:]])
    updates = (random.randn(*found.shape) * found * 10).astype(dtype)
    expected = whole.copy()
    with np.errstate(all="ignore"):  # halves overflow
        ufunc.at(expected, index, updates)
        at_rows(ufunc, whole, index, np.asarray(updates))
    np.testing.assert_array_equal(whole, expected)


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_repeated_rows(index_type: Any) -> None:
    """Rows that are named several times take every update, in order."""
    whole = np.zeros((3, 2), np.float32)
    rows = np.array([1, 1, 2, 1], index_type)
    at_rows(np.add, whole, (rows,), np.array([[1, 2], [3, 4], [5, 6], [7, 8]], np.float32))
    assert whole.tolist() == [[0, 0], [11, 14], [5, 6]]
