"""How TensorFlow writes arrays: one way in errors and `tf.Print`, another in `tf.print`."""

from __future__ import annotations

from typing import Any

import numpy as np

_ESCAPES = {
    ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", ord('"'): '\\"', ord("'"): "\\'",
    ord("\\"): "\\\\",
}  # fmt: skip


def short_text(value: Any, summarize: int) -> str:
    """An array as errors and `tf.Print` show it: "[0 1 2][3...]...".

    Args:
        value: an array; of strings, an object array of bytes.
        summarize: how many items are written at most; all where negative.
    """
    array = np.asarray(value)
    limit = _limit(array, summarize)
    items = [element_text(item, array.dtype) for item in array.ravel()[:limit]]
    ending = "..." if array.size > limit else ""
    if array.ndim == 0 or array.dtype.kind == "c":
        return " ".join(items) + ending
    return _rows_text(items, array.shape, inner=False) + ending


def _limit(array: Any, summarize: int) -> int:
    return array.size if summarize < 0 else min(summarize, array.size)


def _rows_text(items: list[str], shape: tuple[int, ...], inner: bool) -> str:
    """The items left of one dimension; takes them away."""
    if not items:
        return ""
    if len(shape) == 1:
        own = items[: shape[0]]
        del items[: shape[0]]
        return " ".join(own) + ("..." if inner and len(own) < shape[0] else "")
    rows = []
    for _ in range(shape[0]):
        if not items:
            break
        rows.append(f"[{_rows_text(items, shape[1:], inner=True)}]")
    return "".join(rows)


def framed_text(value: Any, summarize: int) -> str:
    """An array as `tf.print` shows it, row by row: "[[0 1 ... 8 9]\n [10 11 ... 18 19]]".

    Args:
        value: an array; of strings, an object array of bytes.
        summarize: how many items are written at each end of each dimension; all where negative.
    """
    array = np.asarray(value)
    if array.dtype.kind == "c":
        return f"[{short_text(array, summarize)}]"
    ends = _limit(array, summarize)
    if array.ndim == 0 and ends == 0:
        return "..."
    return _frame_text(array, ends, 0)


def _frame_text(array: Any, ends: int, depth: int) -> str:
    if not isinstance(array, np.ndarray):
        return _framed_element(array)
    if array.ndim == 0:
        return _framed_element(array[()])
    size = len(array)
    gap = " " if array.ndim == 1 else "\n" * (array.ndim - 1) + " " * (depth + 1)
    parts = [_frame_text(row, ends, depth + 1) for row in array[: min(ends, size)]]
    if size > 2 * ends:
        parts = [gap.join([*(parts or [""]), "..."])]
    parts += [_frame_text(row, ends, depth + 1) for row in array[max(ends, size - ends) :]]
    return f"[{gap.join(parts)}]"


def _framed_element(item: Any) -> str:
    if isinstance(item, bytes):
        return f'"{element_text(item, np.dtype(object))}"'
    return element_text(item, item.dtype)


def element_text(item: Any, dtype: np.dtype[Any]) -> str:
    """One element: a float with as many digits as it needs, a string with escapes."""
    if dtype.kind == "O":
        return "".join([_byte_text(byte) for byte in item])
    if dtype.kind == "c":
        return "?"
    if dtype.kind == "b":
        return str(int(item))
    if dtype.kind not in "fV":  # a bfloat16 is of kind V
        return str(item)
    return _float_text(item) if dtype == np.float64 else _float_text(np.float32(item))


def _float_text(number: Any) -> str:
    """With so many digits as are surely right, or with all that tell it from its neighbours."""
    few, many = (15, 17) if isinstance(number, np.float64) else (6, 9)
    text = f"{number:.{few}g}"
    return text if type(number)(text) == number or number != number else f"{number:.{many}g}"


def _byte_text(byte: int) -> str:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
