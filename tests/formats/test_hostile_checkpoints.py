"""Checkpoints that are cut off, changed or made to harm: a typed error, soon, in little memory."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.formats.bundle_writer import stage_index
from penstock.formats.checkpoint import BundleReader, BundleWriter
from penstock.formats.table import read_table
from penstock.graph.errors import DataLossError, InvalidArgumentError, OpError, UnimplementedError

ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)
INDEX, DATA = "m.index", "m.data-00000-of-00001"


def write(prefix: Path) -> None:
    with BundleWriter(prefix) as writer:
        writer.add("numbers", ROWS)
        writer.add("strings", np.array([b"a", b"", b"long" * 40], object))
        writer.add_slice("slices", (3, 2), ((0, 2), (0, -1)), ROWS[:2])
        writer.add_slice("slices", (3, 2), ((2, 1), (0, -1)), ROWS[2:])
        writer.add("zero", np.zeros((0, 5), np.int64))
        writer.finish()


def everything(prefix: Path) -> dict[str, list[Any]]:
    with BundleReader(prefix) as reader:
        return {name: reader.get(name).tolist() for name in reader.dtypes_and_shapes()}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    write(folder / "m")
    return folder


@pytest.fixture(scope="module")
def bad(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(good, tmp_path_factory.mktemp("bad") / "m"))


def expect_error_or_the_same(good: Path, bad: Path, file: str, changed: bytes) -> None:
    """Bytes that nothing reads may change; else the change is noticed."""
    (bad / file).write_bytes(changed)
    try:
        found = everything(bad / "m")
    except OpError:
        return
    finally:
        shutil.copy(good / file, bad / file)
    assert found == everything(good / "m")


@given(st.sampled_from([INDEX, DATA]), st.integers(0), st.integers(1, 255))
def test_a_changed_byte_is_noticed(
    good: Path, bad: Path, file: str, where: int, change: int
) -> None:
    contents = bytearray((good / file).read_bytes())
    contents[where % len(contents)] ^= change
    expect_error_or_the_same(good, bad, file, bytes(contents))


@pytest.mark.parametrize("file", [INDEX, DATA])
def test_every_truncation_is_noticed(good: Path, bad: Path, file: str) -> None:
    contents = (good / file).read_bytes()
    for size in range(len(contents)):
        (bad / file).write_bytes(contents[:size])
        with pytest.raises(DataLossError):
            everything(bad / "m")
    (bad / file).write_bytes(contents)


@given(st.sampled_from([INDEX, DATA]), st.integers(0), st.binary(max_size=60), st.integers(0, 60))
def test_a_spliced_file_is_noticed(
    good: Path, bad: Path, file: str, where: int, inserted: bytes, removed: int
) -> None:
    contents = (good / file).read_bytes()
    at = where % len(contents)
    changed = contents[:at] + inserted + contents[at + removed :]
    expect_error_or_the_same(good, bad, file, changed)


@given(st.binary(max_size=300))
@example(b"")
def test_noise_is_noticed(good: Path, bad: Path, noise: bytes) -> None:
    (bad / INDEX).write_bytes(noise + (good / INDEX).read_bytes()[-8:])
    with pytest.raises(OpError):
        everything(bad / "m")
    shutil.copy(good / INDEX, bad / INDEX)


class _Raw(bytes):
    """Bytes in the place of a message."""

    def SerializeToString(self, deterministic: bool) -> bytes:  # protobuf's name
        return bytes(self)


@given(st.integers(0, 6), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1))
def test_an_entry_of_noise_with_right_checksums_does_no_harm(
    good: Path, bad: Path, which: int, changes: list[tuple[int, int]]
) -> None:
    rows = dict(read_table((good / INDEX).read_bytes()))
    entries = {key: _Raw(value) for key, value in rows.items() if key}
    key = sorted(entries)[which % len(entries)]
    value = bytearray(entries[key])
    for where, byte in changes:
        value[where % len(value)] = byte
    entries[key] = _Raw(value)
    stage_index(str(bad / "m"), entries, 1).commit()
    tracemalloc.start()
    try:
        with BundleReader(bad / "m") as reader:
            for name in [key, "slices"]:
                try:
                    reader.get(name)
                except OpError:
                    continue
            reader.dtypes_and_shapes()
    except OpError:
        pass  # an entry without sense makes the listing fail, and that alone
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        shutil.copy(good / INDEX, bad / INDEX)
    assert peak < 4 << 20


Change = Callable[[dict[bytes, Any]], None]


def read_changed(good: Path, folder: Path, change: Change, name: str) -> np.ndarray:
    """Reads a tensor of a checkpoint with changed entries and right checksums."""
    shutil.copytree(good, folder, dirs_exist_ok=True)
    with BundleReader(folder / "m") as reader:
        entries = reader.entries()
    change(entries)
    stage_index(str(folder / "m"), entries, 1).commit()
    with BundleReader(folder / "m") as reader:
        return reader.get(name)


def setting(name: bytes, **fields: int) -> Change:
    def change(entries: dict[bytes, Any]) -> None:
        for field, value in fields.items():
            setattr(entries[name], field, value)

    return change


def shaping(name: bytes, *sizes: int) -> Change:
    def change(entries: dict[bytes, Any]) -> None:
        del entries[name].shape.dim[:]
        for size in sizes:
            entries[name].shape.dim.add(size=size)

    return change


def repeating_slices(entries: dict[bytes, Any]) -> None:
    entries[b"slices"].slices.extend(list(entries[b"slices"].slices) * 50)


def huge_from_few(entries: dict[bytes, Any]) -> None:
    """A tensor as large as all its slices together, all of which are the same bytes of the file."""
    entry = entries[b"slices"]
    piece = next(value for key, value in entries.items() if key.startswith(b"\0"))
    for key in [key for key in entries if key.startswith(b"\0")]:
        del entries[key]
    from penstock.formats.tensor_slice import slice_key

    count = 1000
    shaping(b"slices", 2 * count, 2)(entries)
    del entry.slices[:]
    for number in range(count):
        added = entry.slices.add()
        added.extent.add(start=2 * number, length=2)
        added.extent.add()
        entries[slice_key(b"slices", ((2 * number, 2), (0, -1)))] = piece


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        (setting(b"numbers", size=2**60), "numbers", "Invalid size in bundle entry"),
        (setting(b"numbers", offset=2**60), "numbers", "Read less bytes than requested"),
        (setting(b"numbers", offset=-1), "numbers", "bad bundle entry"),
        (setting(b"numbers", shard_id=1), "numbers", "shard 1 of 1"),
        (setting(b"numbers", dtype=99), "numbers", "99"),
        (setting(b"numbers", dtype=20), "numbers", "resource"),
        (setting(b"numbers", dtype=101), "numbers", "float32_ref"),
        (setting(b"numbers", crc32c=1), "numbers", "Checksum does not match: stored 1 vs"),
        (setting(b"strings", crc32c=1), "strings", "Checksum does not match: stored 1 vs"),
        (setting(b"strings", size=150), "strings", "don't fill"),
        (shaping(b"numbers", 2**40, 2**40), "numbers", "Invalid size in bundle entry"),
        (shaping(b"numbers", 3, -2), "numbers", "bad bundle entry"),
        (shaping(b"numbers", *[1] * 100), "numbers", "100 dimensions"),
        (shaping(b"zero", 0, 2**62, 2**62), "zero", "shape"),
        (shaping(b"strings", 2**40), "strings", "Invalid size in bundle entry"),
        (shaping(b"strings", 160), "strings", r"varint|don't fill"),
        (repeating_slices, "slices", "slices of .* bytes in files of"),
        (huge_from_few, "slices", "slices of .* bytes in files of"),
        (shaping(b"slices", 2, 2), "slices", "out of bounds"),
        (setting(b"slices", dtype=2), "slices", "not what its tensor says"),
    ],
)
def test_an_entry_made_to_harm_is_data_loss(
    good: Path, tmp_path: Path, change: Change, name: str, message: str
) -> None:
    with pytest.raises(DataLossError, match=message):
        read_changed(good, tmp_path, change, name)


def test_a_huge_tensor_of_few_slices_is_refused_before_it_is_made(
    good: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgumentError, match="sufficient slices"):
        read_changed(good, tmp_path, shaping(b"slices", 2**40, 2), "slices")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda header: setattr(header, "endianness", 1), UnimplementedError),
        (lambda header: setattr(header.version, "min_consumer", 2), InvalidArgumentError),
        (lambda header: header.version.bad_consumers.append(1), InvalidArgumentError),
        (lambda header: setattr(header, "num_shards", 0), DataLossError),
    ],
)
def test_a_header_of_another_format_is_refused(
    good: Path, tmp_path: Path, change: Callable[[Any], None], error: type[OpError]
) -> None:
    from penstock.formats.messages import messages
    from penstock.formats.table import write_table

    rows = dict(read_table((good / INDEX).read_bytes()))
    header = messages().BundleHeaderProto.FromString(rows[b""])
    change(header)
    rows[b""] = header.SerializeToString()
    (tmp_path / INDEX).write_bytes(b"".join(write_table(rows.items())))
    with pytest.raises(error, match=r"m\.index"):
        BundleReader(tmp_path / "m")


def test_an_index_without_header_is_data_loss(good: Path, tmp_path: Path) -> None:
    from penstock.formats.table import write_table

    (tmp_path / INDEX).write_bytes(b"".join(write_table([(b"k", b"v")])))
    with pytest.raises(DataLossError, match="no header"):
        BundleReader(tmp_path / "m")
