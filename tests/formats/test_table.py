"""Sorted string tables: what was written comes back, and nothing else is taken for one."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.formats import table, varint
from penstock.formats.crc32c import crc32c, mask
from penstock.formats.table import read_table, write_table
from penstock.graph.errors import DataLossError, UnimplementedError

KEYS = st.binary(max_size=6) | st.text("ab", max_size=9).map(str.encode)


def bytes_of(entries: dict[bytes, bytes]) -> bytes:
    return b"".join(write_table(sorted(entries.items())))


@given(st.dictionaries(KEYS, st.binary(max_size=40), max_size=60), st.integers(30, 2000))
def test_entries_come_back(entries: dict[bytes, bytes], block_size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_BLOCK_SIZE", block_size)
        assert list(read_table(bytes_of(entries))) == sorted(entries.items())


def test_a_key_out_of_order_is_refused() -> None:
    with pytest.raises(ValueError, match="b'a' comes after b'b'"):
        list(write_table([(b"b", b""), (b"a", b"")]))


@pytest.mark.parametrize(
    ("last", "following", "separator"),
    [
        (b"abc", b"abf", b"abd"),
        (b"abc", b"abd", b"abc"),  # nothing shorter lies between
        (b"ab", b"abc", b"ab"),
        (b"a\xffz", b"c", b"b"),
        (b"a\xff", b"a\xff\x01", b"a\xff"),
    ],
)
def test_a_separator_lies_between(last: bytes, following: bytes, separator: bytes) -> None:
    assert table._separator(last, following) == separator


def test_a_successor_is_no_smaller() -> None:
    assert table._successor(b"\xff\x01z") == b"\xff\x02"
    assert table._successor(b"\xff\xff") == b"\xff\xff"


def sealed(block: bytes, kind: int = 0) -> bytes:
    block += bytes([kind])
    return block + struct.pack("<I", mask(crc32c(block)))


def file_of(*blocks: bytes, handles: list[tuple[int, int]] | None = None) -> bytes:
    """A table with right checksums, whatever its blocks hold."""
    contents, found = b"", []
    for block in blocks:
        found.append((len(contents), len(block) - 5))
        contents += block
    rows = b""
    for number, (offset, size) in enumerate(handles or found):
        handle = varint.encode(offset) + varint.encode(size)
        rows += bytes([0, 1, len(handle)]) + bytes([number + 1]) + handle
    index = sealed(rows + struct.pack("<II", 0, 1))
    footer = varint.encode(0) * 2 + varint.encode(len(contents)) + varint.encode(len(index) - 5)
    magic = struct.pack("<Q", 0xDB4775248B80FB57)
    return contents + index + footer.ljust(40, b"\0") + magic


def block_of(rows: bytes, restarts: int = 1) -> bytes:
    return sealed(rows + struct.pack("<II", 0, restarts))


GOOD = b"\x00\x01\x01kv"


def test_the_hand_made_file_is_a_table() -> None:
    assert list(read_table(file_of(block_of(GOOD)))) == [(b"k", b"v")]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"short", "too short to be an sstable"),
        (bytes(60), "bad magic number"),
        (file_of(block_of(b"\x01\x01\x01kv")), "bad entry"),  # shares more than there is
        (file_of(block_of(b"\x00\x09\x01kv")), "bad entry"),  # a key past the block
        (file_of(block_of(b"\x00\x01\x7fkv")), "bad entry"),  # a value past the block
        (file_of(block_of(GOOD + b"\x00")), "varint"),
        (file_of(block_of(GOOD, restarts=99)), "99 restarts"),
        (file_of(sealed(b"abc")), "no restarts"),
        (file_of(block_of(GOOD + GOOD)), "comes after"),
        (file_of(block_of(GOOD), handles=[(0, 2**40)]), "truncated block read"),
        (file_of(block_of(b""), handles=[(0, 8), (0, 8)]), "overlaps"),
        (file_of(sealed(GOOD + struct.pack("<II", 0, 1), kind=7)), "bad block type 7"),
    ],
)
def test_what_is_no_table_is_data_loss(contents: bytes, message: str) -> None:
    with pytest.raises(DataLossError, match=message):
        list(read_table(contents))


def test_a_compressed_block_is_not_supported() -> None:
    with pytest.raises(UnimplementedError, match="snappy"):
        list(read_table(file_of(sealed(GOOD, kind=1))))


def growing_rows(values: list[bytes]) -> bytes:
    """Rows whose keys share all of the first one, which is long, and add two bytes."""
    long = 1 << 16
    rows = b"\x00" + varint.encode(long) + bytes([len(values[0])]) + b"a" * long + values[0]
    for number, value in enumerate(values[1:]):
        rows += varint.encode(long) + b"\x02" + bytes([len(value)]) + struct.pack(">H", number)
        rows += value
    return rows


def test_keys_that_grow_beyond_all_bounds_are_data_loss() -> None:
    with pytest.raises(DataLossError, match="the keys take over"):
        list(read_table(file_of(block_of(growing_rows([b""] * 500)))))


def test_so_are_those_of_the_index() -> None:
    empty = block_of(b"")
    handles = [
        varint.encode(number * len(empty)) + varint.encode(len(empty) - 5) for number in range(500)
    ]
    blocks = empty * len(handles)
    index = block_of(growing_rows(handles))
    footer = varint.encode(0) * 2 + varint.encode(len(blocks)) + varint.encode(len(index) - 5)
    contents = blocks + index + footer.ljust(40, b"\0") + file_of()[-8:]
    with pytest.raises(DataLossError, match="the keys take over"):
        list(read_table(contents))
