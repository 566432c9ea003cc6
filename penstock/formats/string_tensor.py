"""String tensors as checkpoints store them: all lengths, a checksum of the lengths, then the
strings without gaps.

The lengths are varints; their checksum, masked, covers them as 32-bit numbers (64-bit from 4 GiB
on). The checksum in the tensor's entry goes on from there over the stored checksum and the strings.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.formats import varint
from penstock.formats.crc32c import crc32c, mask
from penstock.graph.errors import DataLossError

_LARGEST_WORD = 2**32 - 1
_CHECKSUM_SIZE = 4


def encode_strings(strings: Sequence[bytes]) -> tuple[list[bytes], int]:
    """Returns the pieces of a string tensor's data, and their checksum, not masked.

    Args:
        strings: the elements in row-major order.

    Example:
        >>> b"".join(encode_strings([b"ab"])[0])
        b'\\x02\\xd8\\xd8\\x10sab'
    """
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    crc = crc32c(_length_words(lengths))
    content = b"".join(strings)
    checksum = struct.pack("<I", mask(crc))
    return [varint.encode_many(lengths), checksum, content], crc32c(content, crc32c(checksum, crc))


def decode_strings(data: np.ndarray[Any, Any], count: int) -> tuple[list[bytes], int]:
    """Returns the elements of a string tensor and the checksum of its data, not masked.

    Args:
        data: uint8, shape (n,): all that is stored for the tensor.
        count: how many strings it holds.

    Raises:
        DataLossError: the data contradicts itself or the lengths' checksum.
    """
    lengths, used = varint.decode_many(data, count)
    start = used + _CHECKSUM_SIZE
    # Compared as a float first: the exact sum of hostile lengths could pass 64 bits.
    left = len(data) - start
    if left < 0 or lengths.sum(dtype=np.float64) > 2 * left or int(lengths.sum()) != left:
        raise DataLossError(
            None,
            None,
            f"{count} strings of together {lengths.sum(dtype=np.float64):.0f} bytes "
            f"don't fill the {left} bytes stored for them",
        )
    crc = crc32c(_length_words(lengths))
    (stored,) = struct.unpack("<I", data[used:start].tobytes())
    if stored != mask(crc):
        raise DataLossError(
            None,
            None,
            f"The length checksum does not match: expected {stored} but actual is {mask(crc)}",
        )
    content = data[start:].tobytes()
    ends = np.cumsum(lengths).tolist()
    strings = [content[begin:end] for begin, end in itertools.pairwise([0, *ends])]
    return strings, crc32c(content, crc32c(data[used:start], crc))


def _length_words(lengths: np.ndarray[Any, Any]) -> bytes:
    if not lengths.size or lengths.max() <= _LARGEST_WORD:
        return lengths.astype("<u4").tobytes()
    formats = ["<I" if length <= _LARGEST_WORD else "<Q" for length in lengths.tolist()]
    return b"".join([struct.pack(*pair) for pair in zip(formats, lengths.tolist(), strict=True)])
