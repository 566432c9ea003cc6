"""How many threads the kernels of this process use: those of NumPy's BLAS, and XLA's."""

from __future__ import annotations

import contextlib
import glob
import os
import sys

import numpy as np

_SETTERS = (  # by how the wheel of NumPy was built
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)


def limit_threads(count: int) -> None:
    """Sets the threads of NumPy's OpenBLAS at once, and XLA's where JAX is not yet imported.

    A NumPy with another BLAS takes its threads from that library's own environment variables.
    """
    if "jax" not in sys.modules:
        os.environ["NPROC"] = str(count)  # XLA reads it when it starts
    import ctypes

    for path in _openblas_files():
        with contextlib.suppress(OSError):  # a file beside NumPy that is no library of ours
            library = ctypes.CDLL(path)  # loaded already: this finds it
            for name in _SETTERS:
                if hasattr(library, name):
                    getattr(library, name)(ctypes.c_int(count))
                    break


def _openblas_files() -> list[str]:
    package = os.path.dirname(np.__file__)
    folders = (
        os.path.join(os.path.dirname(package), "numpy.libs"),
        os.path.join(package, ".dylibs"),
    )
    return [path for folder in folders for path in glob.glob(os.path.join(folder, "*openblas*"))]
