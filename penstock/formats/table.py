"""Sorted string tables: the LevelDB-like file of key-value pairs that is a checkpoint's index.

A table is a row of blocks and a footer of 48 bytes that says where the index block is; that one
says where each data block is. A block holds entries in the order of their keys, each without the
prefix that it shares with the one before, and is followed by a type byte (0: not compressed) and a
masked CRC32C of both. Source: LevelDB's doc/table_format.md; block size and restart intervals are
those of TensorFlow's files, so that equal content gives equal bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from penstock.formats import varint
from penstock.formats.crc32c import crc32c, mask
from penstock.graph.errors import DataLossError, UnimplementedError

_MAGIC = 0xDB4775248B80FB57
_FOOTER_SIZE = 48
_TRAILER_SIZE = 5  # type byte and checksum
_BLOCK_SIZE = 256 * 1024  # a data block ends once it is this large
_DATA_RESTARTS = 16  # entries from one key that is stored whole to the next
_INDEX_RESTARTS = 1
# Keys that share prefixes grow when they are read, at most by the restart interval in files of
# TensorFlow's. The bound keeps a small hostile file from filling the memory.
_LARGEST_GROWTH = 64

_NOT_COMPRESSED = 0
_SNAPPY = 1


class _BlockBuilder:
    """One block being filled: its bytes, and the places where a key stands whole."""

    def __init__(self, restart_interval: int) -> None:
        self._restart_interval = restart_interval
        self._since_restart = 0
        self._buffer = bytearray()
        self._restarts = [0]
        self._last_key = b""

    @property
    def size(self) -> int:
        return len(self._buffer) + 4 * len(self._restarts) + 4

    @property
    def empty(self) -> bool:
        return not self._buffer

    def add(self, key: bytes, value: bytes) -> None:
        shared = 0
        if self._since_restart < self._restart_interval:
            shared = _shared_length(self._last_key, key)
        else:
            self._restarts.append(len(self._buffer))
            self._since_restart = 0
        lengths = (shared, len(key) - shared, len(value))
        self._buffer += b"".join([varint.encode(length) for length in lengths])
        self._buffer += key[shared:]
        self._buffer += value
        self._last_key = key
        self._since_restart += 1

    def sealed(self) -> bytes:
        """The block's bytes with its trailer."""
        restarts = [*self._restarts, len(self._restarts)]
        block = bytes(self._buffer) + struct.pack(f"<{len(restarts)}I", *restarts)
        block += bytes([_NOT_COMPRESSED])
        return block + struct.pack("<I", mask(crc32c(block)))


def _shared_length(first: bytes, second: bytes) -> int:
    limit = min(len(first), len(second))
    if first[:limit] == second[:limit]:
        return limit
    low, high = 0, limit  # halving compares slices, which is faster than byte by byte
    while low < high:
        middle = (low + high + 1) // 2
        if first[:middle] == second[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def write_table(entries: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Yields the pieces of a table's file.

    Args:
        entries: (key, value) pairs in strictly increasing order of their keys.

    Raises:
        ValueError: a key is out of order.

    Example:
        >>> dict(read_table(b"".join(write_table([(b"k", b"v")]))))
        {b'k': b'v'}
    """
    index = _BlockBuilder(_INDEX_RESTARTS)
    block = _BlockBuilder(_DATA_RESTARTS)
    offset = 0
    last_key: bytes | None = None
    handle: bytes | None = None  # of the last block, until it is known which key comes after it
    for key, value in entries:
        if last_key is not None and key <= last_key:
            raise ValueError(f"keys of a table must increase: {key!r} comes after {last_key!r}")
        if handle is not None and last_key is not None:
            index.add(_separator(last_key, key), handle)
            handle = None
        block.add(key, value)
        last_key = key
        if block.size >= _BLOCK_SIZE:
            sealed = block.sealed()
            yield sealed
            handle = _handle(offset, sealed)
            offset += len(sealed)
            block = _BlockBuilder(_DATA_RESTARTS)
    if not block.empty:
        sealed = block.sealed()
        yield sealed
        handle = _handle(offset, sealed)
        offset += len(sealed)
    if handle is not None and last_key is not None:
        index.add(_successor(last_key), handle)
    yield from _ending(offset, index)


def _ending(offset: int, index: _BlockBuilder) -> Iterator[bytes]:
    """What follows the data blocks: an empty block for metadata, the index block, the footer."""
    meta = _BlockBuilder(_DATA_RESTARTS).sealed()
    sealed = index.sealed()
    handles = _handle(offset, meta) + _handle(offset + len(meta), sealed)
    yield meta + sealed + handles.ljust(_FOOTER_SIZE - 8, b"\0") + struct.pack("<Q", _MAGIC)


def _handle(offset: int, sealed: bytes) -> bytes:
    return varint.encode(offset) + varint.encode(len(sealed) - _TRAILER_SIZE)


def _separator(last: bytes, following: bytes) -> bytes:
    """A short key k with last <= k < following, for the index."""
    shared = _shared_length(last, following)
    if shared < len(last) and last[shared] < 0xFF and last[shared] + 1 < following[shared]:
        return last[:shared] + bytes([last[shared] + 1])
    return last


def _successor(last: bytes) -> bytes:
    """A short key k with last <= k."""
    for position, byte in enumerate(last):
        if byte != 0xFF:
            return last[:position] + bytes([byte + 1])
    return last


class _KeyBudget:
    """How many bytes the keys of one file may still take, written out whole."""

    def __init__(self, limit: int) -> None:
        self._limit = self._left = limit

    def spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise DataLossError(None, None, f"the keys take over {self._limit} bytes")


def read_table(contents: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the (key, value) pairs of a table, in the order of their keys.

    Work and memory stay within a multiple of the file's size, whatever it holds.

    Args:
        contents: the whole file.

    Raises:
        DataLossError: the file is cut off, changed or not a table.
        UnimplementedError: a block is compressed.

    Example:
        >>> list(read_table(b"".join(write_table([(b"", b"header")]))))
        [(b'', b'header')]
    """
    budget = _KeyBudget(_LARGEST_GROWTH * len(contents))
    reached = 0
    last_key: bytes | None = None
    for _, handle in _entries(_block(contents, *_index_handle(contents)), budget):
        offset, position = varint.decode(handle, 0, len(handle))
        size, _ = varint.decode(handle, position, len(handle))
        if offset < reached:
            raise DataLossError(None, None, f"the block at {offset} overlaps the one before it")
        for key, value in _entries(_block(contents, offset, size), budget):
            if last_key is not None and key <= last_key:
                raise DataLossError(None, None, f"key {key!r} comes after {last_key!r}")
            yield key, value
            last_key = key
        reached = offset + size + _TRAILER_SIZE


def _index_handle(contents: bytes) -> tuple[int, int]:
    if len(contents) < _FOOTER_SIZE:
        raise DataLossError(None, None, "file is too short to be an sstable")
    footer = contents[-_FOOTER_SIZE:]
    if struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise DataLossError(None, None, "not an sstable (bad magic number)")
    end = _FOOTER_SIZE - 8
    numbers, position = [], 0
    for _ in range(4):  # offset and size of the metadata block, then of the index block
        number, position = varint.decode(footer, position, end)
        numbers.append(number)
    return numbers[2], numbers[3]


def _block(contents: bytes, offset: int, size: int) -> bytes:
    """The entries and restarts of a block whose checksum holds."""
    end = offset + size
    if end + _TRAILER_SIZE > len(contents) - _FOOTER_SIZE:
        raise DataLossError(
            None,
            None,
            f"truncated block read: {size} bytes at {offset} in a file of {len(contents)} bytes",
        )
    (stored,) = struct.unpack("<I", contents[end + 1 : end + _TRAILER_SIZE])
    if mask(crc32c(contents[offset : end + 1])) != stored:
        raise DataLossError(None, None, f"block checksum mismatch at {offset}")
    kind = contents[end]
    if kind == _SNAPPY:
        raise UnimplementedError(
            None, None, f"the block at {offset} is compressed by snappy, which is not supported"
        )
    if kind != _NOT_COMPRESSED:
        raise DataLossError(None, None, f"bad block type {kind} at {offset}")
    return contents[offset:end]


def _entries(block: bytes, budget: _KeyBudget) -> Iterator[tuple[bytes, bytes]]:
    if len(block) < 4:
        raise DataLossError(None, None, f"a block of {len(block)} bytes has no restarts")
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise DataLossError(None, None, f"{restarts} restarts in a block of {len(block)} bytes")
    position, key = 0, b""
    while position < end:
        shared, position = varint.decode(block, position, end)
        added, position = varint.decode(block, position, end)
        length, position = varint.decode(block, position, end)
        value_at = position + added
        if shared > len(key) or value_at + length > end:
            raise DataLossError(None, None, f"bad entry in block before byte {position}")
        budget.spend(shared + added)
        key = key[:shared] + block[position:value_at]
        position = value_at + length
        yield key, block[value_at:position]
