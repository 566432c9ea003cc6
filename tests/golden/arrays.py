"""Arrays as JSON and back, exactly: numbers as text while there are few, raw bytes beyond that."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from tests.graph_diff import plain_values

MAX_LISTED = 48


def to_plain(array: np.ndarray) -> dict[str, Any]:
    """An array as a dict of dtype, shape and values; strings are kept as latin-1 text."""
    plain: dict[str, Any] = {"dtype": str(array.dtype), "shape": list(array.shape)}
    if array.dtype.kind in "OSU":
        plain["dtype"] = "object"
        plain["values"] = [as_text(item) for item in array.ravel().tolist()]
    elif array.size <= MAX_LISTED:
        plain["values"] = plain_values(array)
    else:
        little = array.astype(array.dtype.newbyteorder("<"))
        plain["base64"] = base64.b64encode(little.tobytes()).decode()
    return plain


def as_array(value: Any) -> np.ndarray:
    """A run's result as an array; strings as objects: NumPy's own drop trailing zero bytes."""
    return np.asarray(value, dtype=object) if isinstance(value, (bytes, str)) else np.asarray(value)


def as_text(item: Any) -> str:
    """Bytes as text, one character a byte."""
    return item.decode("latin-1") if isinstance(item, bytes) else str(item)


def from_plain(plain: dict[str, Any]) -> np.ndarray:
    """The array that `to_plain` was given; strings come back as objects holding bytes."""
    shape = plain["shape"]
    if plain["dtype"] == "object":
        texts = [text.encode("latin-1") for text in plain["values"]]
        return np.array(texts + [None], dtype=object)[:-1].reshape(shape)
    dtype = np.dtype(plain["dtype"])
    if "base64" in plain:
        return (
            np.frombuffer(base64.b64decode(plain["base64"]), dtype.newbyteorder("<"))
            .astype(dtype)
            .reshape(shape)
        )
    values = plain["values"]
    if dtype.kind == "c":
        values = [complex(*pair) for pair in values]
    return np.array(values, dtype=dtype).reshape(shape)
