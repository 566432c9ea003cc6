"""`ufunc.at` on rows, as fast as on single elements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_FEW = 512  # elements: for less, preparing flat indices takes longer


def at_rows(ufunc: Any, whole: Any, index: tuple[Any, ...], updates: Any) -> None:
    """`ufunc.at(whole, index, updates)`, which takes NumPy ten times as long for rows.

    Args:
        ufunc: a NumPy ufunc of two arguments.
        whole: a C-contiguous array, which is changed.
        index: arrays of numbers, none negative, for the first axes of `whole`.
        updates: an array of the shape index[0].shape + whole.shape[len(index):], or a scalar.
    """
    width = math.prod(whole.shape[len(index) :])
    if not index or index[0].size * width < _FEW:
        ufunc.at(whole, index, updates)
        return
    rows = index[0] if len(index) == 1 else np.ravel_multi_index(index, whole.shape[: len(index)])
    if width > 1:
        rows = rows.reshape(-1, 1) * np.intp(width) + np.arange(width)
    flat = updates.reshape(-1) if updates.ndim else updates
    ufunc.at(whole.reshape(-1), rows.reshape(-1), flat)
