"""The threads of NumPy's BLAS, and products that do not wait for them.

The threads of OpenBLAS wait for each other by spinning. As soon as another process wants one of the
cores, a product of some microseconds takes up to the scheduler's turn, 4 to 16 milliseconds. For
products that two threads hardly make faster, one does.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# Products in multiplications. Below the first OpenBLAS takes one thread by itself; up to the
# second, two save 0.2 ms at most.
_ONE_THREAD_ANYWAY = 64**3
_FEW = (1 << 26) // (os.cpu_count() or 1)
_NAMES = (  # by how the wheel of NumPy was built
    "scipy_openblas_{}_num_threads64_",
    "scipy_openblas_{}_num_threads",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)


class _Library(NamedTuple):
    get_threads: Callable[[], int]
    set_threads: Callable[[int], None]


def set_threads(count: int) -> None:
    """Sets the threads of NumPy's OpenBLAS, for the process.

    A NumPy with another BLAS takes its threads from that library's own environment variables.
    """
    _one_thread.set_for_others(count)


def dot(a: Any, b: Any) -> Any:
    """The product of two matrices of NumPy, of a type that BLAS knows."""
    if _ONE_THREAD_ANYWAY < a.size * b.shape[1] <= _FEW:
        with _one_thread:
            return np.dot(a, b)
    return np.dot(a, b)


def matmul(x: Any, y: Any) -> Any:
    """The products of matrices in the last two axes of NumPy's arrays."""
    if _ONE_THREAD_ANYWAY < x.shape[-2] * x.shape[-1] * y.shape[-1] <= _FEW:
        with _one_thread:
            return np.matmul(x, y)
    return np.matmul(x, y)


@functools.cache
def _openblas() -> _Library | None:
    """The library that NumPy brought, where it is OpenBLAS."""
    import ctypes  # imported where it is used first

    for path in openblas_files():
        with contextlib.suppress(OSError):  # a file beside NumPy that is no library of ours
            library = ctypes.PyDLL(path)  # loaded already: this finds it
            for name in _NAMES:
                setter = getattr(library, name.format("set"), None)
                getter = getattr(library, name.format("get"), None)
                if setter is not None and getter is not None:
                    setter.argtypes, setter.restype = [ctypes.c_int], None
                    return _Library(getter, setter)
    return None


def openblas_files() -> list[str]:
    """The libraries in the folders where NumPy's wheels have them."""
    package = os.path.dirname(np.__file__)
    folders = (
        os.path.join(os.path.dirname(package), "numpy.libs"),
        os.path.join(package, ".dylibs"),
    )
    return [path for folder in folders for path in glob.glob(os.path.join(folder, "*openblas*"))]


class _OneThread:
    """Within it OpenBLAS uses one thread; after the last of those who were, as many as before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 1

    def set_for_others(self, count: int) -> None:
        """Sets the threads of all that is not within it."""
        library = _openblas()
        if library is None:
            return
        with self._lock:
            if self._inside:
                self._before = count
            else:
                library.set_threads(count)

    def __enter__(self) -> None:
        library = _openblas()
        if library is None:
            return
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = library.get_threads()
                library.set_threads(1)

    def __exit__(self, *_: object) -> None:
        library = _openblas()
        if library is None:
            return
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                library.set_threads(self._before)


_one_thread = _OneThread()
