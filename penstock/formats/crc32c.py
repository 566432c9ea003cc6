"""CRC32C (Castagnoli) and the masked form in which TensorFlow's files store it.

A checksum stored beside the data that it covers is masked, so that a checksum over both stays
strong (LevelDB's table format, RFC 3720 for the polynomial).
"""

from __future__ import annotations

from typing import Any

import google_crc32c
import numpy as np

_MASK_DELTA = 0xA282EAD8
_WORD = 0xFFFFFFFF


def crc32c(data: bytes | np.ndarray[Any, Any], start: int = 0) -> int:
    """Returns the CRC32C of bytes, or of a C-contiguous array's bytes.

    Args:
        data: bytes, or an array in one piece of memory.
        start: the checksum of what came before, to go on from.

    Example:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    return google_crc32c.extend(start, data)


def mask(crc: int) -> int:
    """Returns a checksum as it is stored: rotated right by 15 bits, plus a constant.

    Example:
        >>> hex(mask(0xE3069283))
        '0xc78ab0e5'
    """
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & _WORD
