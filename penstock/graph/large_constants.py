"""Frees graphs that nobody has when many bytes of new constants are made.

A graph and its operations hold each other: they stay until Python looks for cycles. Python does so
by the number of new objects and knows nothing of their bytes, so that a dozen graphs of a hundred
operations each, with a gigabyte of weights in their constants, would all wait.
"""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LARGE_BYTES = 1 << 20  # smaller ones are not counted
_LEAST_NEW_BYTES = 32 << 20  # what is new since Python looked last, before it looks again


class _Watch:
    """The large constants that there are, and how many bytes of them are new."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrays: list[weakref.ref[Array]] = []
        self._new = 0
        self._old = 0

    def add(self, array: Array) -> None:
        """Counts an array; looks for graphs that nobody has where as much is new as was old."""
        with self._lock:
            self._arrays.append(weakref.ref(array))
            self._new += array.nbytes
            if self._new < max(_LEAST_NEW_BYTES, self._old):
                return
            self._new = 0
        if gc.isenabled():
            gc.collect()
        with self._lock:
            alive = [(reference, reference()) for reference in self._arrays]
            self._arrays = [reference for reference, there in alive if there is not None]
            self._old = sum([there.nbytes for _, there in alive if there is not None])


_watch = _Watch()


def counted(array: Array) -> Array:
    """The same array, counted where it is large: it is a new constant's value."""
    if array.nbytes >= LARGE_BYTES:
        _watch.add(array)
    return array
