"""What TensorFlow 1 offers beside its core: `tf.compat` here, and the `tensorflow` alias."""

from __future__ import annotations

import numbers
import os
from typing import Any

import numpy as np

from penstock.compat import v1
from penstock.graph.shapes import Dimension, TensorShape

__all__ = [
    "as_bytes",
    "as_str",
    "as_str_any",
    "as_text",
    "bytes_or_text_types",
    "complex_types",
    "dimension_at_index",
    "dimension_value",
    "integral_types",
    "path_to_str",
    "real_types",
    "v1",
]

bytes_or_text_types = (bytes, str)
integral_types = (numbers.Integral, np.integer)
real_types = (numbers.Real, np.integer, np.floating)
complex_types = (numbers.Complex, np.number)


def as_bytes(bytes_or_text: bytes | str, encoding: str = "utf-8") -> bytes:
    """Returns text as bytes, and bytes as they are.

    Raises:
      TypeError: for anything else.

    Example: `tf.compat.as_bytes("é") == b"\\xc3\\xa9"`
    """
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


def as_text(bytes_or_text: bytes | str, encoding: str = "utf-8") -> str:
    """Returns bytes as text, and text as it is.

    Raises:
      TypeError: for anything else.
      UnicodeDecodeError: for bytes that `encoding` cannot read.

    Example: `tf.compat.as_text(b"abc") == "abc"`
    """
    if isinstance(bytes_or_text, str):
        return bytes_or_text
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text.decode(encoding)
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


as_str = as_text  # str is text under Python 3


def as_str_any(value: Any) -> str:
    """Returns bytes as text, and anything else as str() shows it.

    Example: `tf.compat.as_str_any(3) == "3"`
    """
    return as_str(value) if isinstance(value, bytes) else str(value)


def path_to_str(path: Any) -> Any:
    """Returns a path object (`os.PathLike`) as its string, and anything else as it is.

    Example: `tf.compat.path_to_str(pathlib.Path("model")) == "model"`
    """
    return os.fspath(path) if isinstance(path, os.PathLike) else path


def dimension_value(dimension: Dimension | int | None) -> int | None:
    """Returns a static dimension as a number, or None where it is not known.

    Example: `tf.compat.dimension_value(x.shape[0])`
    """
    return dimension.value if isinstance(dimension, Dimension) else dimension


def dimension_at_index(shape: TensorShape, index: int) -> Dimension:
    """Returns dimension `index` of `shape`; an unknown one where the rank is not known.

    Example: `tf.compat.dimension_at_index(x.shape, -1)`
    """
    dims = shape.dims
    return Dimension(None) if dims is None else dims[index]
