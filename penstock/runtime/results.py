"""What leaves a run: fresh arrays that share no memory with the session's state."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

_ndarray = np.ndarray
_scalars = (np.generic, bytes)
_getrefcount = sys.getrefcount


def own(value: Any) -> Any:
    """The value as the caller may keep and change it: a NumPy scalar, bytes or an own array.

    An array that only the calling frame holds is handed over as it is; any other is copied.
    """
    if type(value) is _ndarray:
        if value.ndim == 0:
            return value[()]
        flags = value.flags
        if _getrefcount(value) <= _LEAST_COUNT and flags.owndata and flags.writeable:
            return value
        return value.copy()
    if isinstance(value, _scalars):
        return value
    return np.array(value)[()]


def as_numpy(value: Any) -> Any:
    """A value that stayed in the session, such as an array on a device, for NumPy's kernels."""
    if isinstance(value, (_ndarray, np.generic)):
        return value
    return np.asarray(value, object if isinstance(value, bytes) else None)


def as_array(value: Any) -> Any:
    """A value that stayed in the session, as an array, on the device or not."""
    return value if hasattr(value, "shape") else as_numpy(value)


def _least_count() -> int:
    """The reference count that `own` sees of an array which one local variable holds."""
    seen: list[int] = []

    def look(value: Any) -> None:
        if type(value) is np.ndarray:
            seen.append(sys.getrefcount(value))

    local = np.empty(1)
    look(local)
    return seen[0]


_LEAST_COUNT = _least_count()
