"""Lets the C library keep the memory of arrays that were freed, for those of the next op.

Left alone, glibc gives memory above 128 KB back to the system as soon as it is free. An interpreted
run makes and frees arrays of that size with each op, and would have each page of them handed out
and cleared anew: half of its time where arrays have some 100 KB.

What is kept must not pile up: where much has been freed that no next op asks for,
`give_back_freed_memory` is called. The threads keep heaps of their own: where they share some,
XLA's wait for each other, and a small step takes twice as long.
"""

from __future__ import annotations

import functools
import os
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_MOST_KEPT_BYTES = 64 << 20  # free memory at the end of the heap beyond this goes back
_LARGEST_IN_HEAP_BYTES = 32 << 20  # a larger array comes from the system and goes back to it


@functools.cache
def keep_freed_memory() -> bool:
    """Tells the C library, once; False where it is not glibc, or the user has told it already."""
    told = [name for name in os.environ if name.startswith(("MALLOC_", "GLIBC_TUNABLES"))]
    if told or not _is_glibc():
        return False
    mallopt = _library().mallopt
    done = [
        mallopt(_MMAP_THRESHOLD, _LARGEST_IN_HEAP_BYTES),
        mallopt(_TRIM_THRESHOLD, _MOST_KEPT_BYTES),
    ]
    return all(done)


def give_back_freed_memory() -> None:
    """Gives the system what is free in the heaps, also between what is in use.

    That takes some milliseconds for each 100 MB, and what is used again comes page by page.
    """
    if keep_freed_memory():
        _library().malloc_trim(0)


@functools.cache
def _library() -> Any:
    import ctypes  # imported where it is used first

    return ctypes.CDLL(None)


def _is_glibc() -> bool:
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}):
        return False
    return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
