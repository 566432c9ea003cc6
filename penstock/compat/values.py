"""`tf.compat`: text and bytes, paths and dimensions, whichever way a program has them."""

from __future__ import annotations

import numbers
import os
from typing import Any

import numpy as np

from penstock.graph.export import export, export_as
from penstock.graph.shapes import Dimension, TensorShape

bytes_or_text_types = (bytes, str)
integral_types = (numbers.Integral, np.integer)
real_types = (numbers.Real, np.integer, np.floating)
complex_types = (numbers.Complex, np.number)

export_as("compat.bytes_or_text_types", bytes_or_text_types)
export_as("compat.integral_types", integral_types)
export_as("compat.real_types", real_types)
export_as("compat.complex_types", complex_types)


@export("compat.as_bytes")
def as_bytes(bytes_or_text: bytes | str, encoding: str = "utf-8") -> bytes:
    """Returns text as bytes, and bytes as they are.

    Args:
        bytes_or_text: bytes or a str.
        encoding: of the text.

    Raises:
        TypeError: for anything else.

    Example:
        >>> tf.compat.as_bytes("é") == b"\\xc3\\xa9"
    """
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


@export("compat.as_text", "compat.as_str")
def as_text(bytes_or_text: bytes | str, encoding: str = "utf-8") -> str:
    """Returns bytes as text, and text as it is.

    Args:
        bytes_or_text: bytes or a str.
        encoding: of the bytes.

    Raises:
        TypeError: for anything else.
        UnicodeDecodeError: for bytes that `encoding` cannot read.

    Example:
        >>> tf.compat.as_text(b"abc") == "abc"
    """
    if isinstance(bytes_or_text, str):
        return bytes_or_text
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text.decode(encoding)
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


@export("compat.as_str_any")
def as_str_any(value: Any) -> str:
    """Returns bytes as text, and anything else as str() shows it.

    Args:
        value: anything.

    Example:
        >>> tf.compat.as_str_any(3) == "3"
    """
    return as_text(value) if isinstance(value, bytes) else str(value)


@export("compat.path_to_str")
def path_to_str(path: Any) -> Any:
    """Returns a path object (`os.PathLike`) as its string, and anything else as it is.

    Args:
        path: anything.

    Example:
        >>> tf.compat.path_to_str(pathlib.Path("model")) == "model"
    """
    return os.fspath(path) if isinstance(path, os.PathLike) else path


@export("compat.dimension_value")
def dimension_value(dimension: Dimension | int | None) -> int | None:
    """Returns a static dimension as a number, or None where it is not known.

    Args:
        dimension: a Dimension, an int or None.

    Example:
        >>> tf.compat.dimension_value(x.shape[0])
    """
    return dimension.value if isinstance(dimension, Dimension) else dimension


@export("compat.dimension_at_index")
def dimension_at_index(shape: TensorShape, index: int) -> Dimension:
    """Returns dimension `index` of `shape`; an unknown one where the rank is not known.

    Args:
        shape: a TensorShape.
        index: the place of the dimension; from the end where negative.

    Example:
        >>> tf.compat.dimension_at_index(x.shape, -1)
    """
    dims = shape.dims
    return Dimension(None) if dims is None else dims[index]
