"""Varints: unsigned integers in groups of seven bits, least first.

The high bit of a byte says that more follow, as in protobuf's wire format and LevelDB's tables.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph.errors import DataLossError

_LONGEST = 9  # bytes read for one number: 63 bits, so that it fits an int64


def encode(value: int) -> bytes:
    """Returns a non-negative integer as a varint.

    Example:
        >>> encode(300)
        b'\\xac\\x02'
    """
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(buffer: bytes, position: int, end: int) -> tuple[int, int]:
    """Returns the varint at `position` and the position after it.

    Raises:
        DataLossError: it doesn't end before `end`, or passes 63 bits.

    Example:
        >>> decode(b"\\xac\\x02", 0, 2)
        (300, 2)
    """
    value = shift = 0
    while position < end and shift < 7 * _LONGEST:
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise DataLossError(None, None, f"a varint is cut off or too long at byte {position}")


def encode_many(values: np.ndarray[Any, Any]) -> bytes:
    """Returns non-negative integers as varints in a row.

    Args:
        values: int64, shape (n,).

    Example:
        >>> encode_many(np.array([1, 300]))
        b'\\x01\\xac\\x02'
    """
    if not values.size:
        return b""
    columns = np.arange(max(1, -(-int(values.max()).bit_length() // 7)))
    groups = values[:, None] >> 7 * columns  # [n, longest]: what is left from each group on
    used = (groups > 0) | (columns == 0)
    more = np.zeros_like(used)
    more[:, :-1] = used[:, 1:]
    return ((groups & 0x7F) | (more * 0x80)).astype(np.uint8)[used].tobytes()


def decode_many(buffer: np.ndarray[Any, Any], count: int) -> tuple[np.ndarray[Any, Any], int]:
    """Returns `count` varints from the start of a buffer, and the number of bytes they take.

    Args:
        buffer: uint8, shape (n,).
        count: how many to read; checked against the buffer before any memory is taken for it.

    Returns:
        int64 array of shape (count,), and the bytes read.

    Raises:
        DataLossError: the buffer ends too early, or a varint passes 63 bits.
    """
    if not count:
        return np.zeros(0, np.int64), 0
    ends = np.flatnonzero(buffer[: _LONGEST * count] < 0x80)[:count]
    if len(ends) < count:
        raise DataLossError(None, None, f"{count} varints expected, {len(ends)} found")
    starts = np.concatenate([[0], ends[:-1] + 1])
    widths = ends - starts + 1
    if widths.max() > _LONGEST:
        raise DataLossError(None, None, f"a varint has {widths.max()} bytes, over {_LONGEST}")
    values = np.zeros(count, np.int64)
    for group in range(int(widths.max())):
        present = widths > group
        bits = buffer[starts[present] + group].astype(np.int64) & 0x7F
        values[present] |= bits << 7 * group
    return values, int(ends[-1]) + 1
