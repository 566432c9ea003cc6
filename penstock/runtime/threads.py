"""How many threads the kernels of this process use: those of NumPy's BLAS, and XLA's."""

from __future__ import annotations

import os
import sys

from penstock.ops import blas


def limit_threads(count: int) -> None:
    """Sets the threads of NumPy's OpenBLAS at once, and XLA's where JAX is not yet imported."""
    if "jax" not in sys.modules:
        os.environ["NPROC"] = str(count)  # XLA reads it when it starts
    blas.set_threads(count)
