"""Checkpoints: what is written is read, and a failure leaves nothing behind."""

from __future__ import annotations

import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from penstock.formats.checkpoint import (
    BundleReader,
    BundleWriter,
    merge_bundles,
    remove_emptied_folders,
    restore_tensors,
    save_tensors,
)
from penstock.graph import dtypes, errors

MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)
FILES = ["m.data-00000-of-00001", "m.index"]


def contents(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def save(prefix: Path, **tensors: object) -> None:
    save_tensors(str(prefix), list(tensors), [""] * len(tensors), list(tensors.values()))


def load(prefix: Path, name: str) -> np.ndarray:
    with BundleReader(prefix) as reader:
        return reader.get(name)


STORED = st.sampled_from([
    np.dtype(kind)
    for kind in "? b h i q B H I Q e f d F D".split()
]) | st.just(np.dtype(ml_dtypes.bfloat16))  # fmt: skip


@given(st.data(), STORED, npst.array_shapes(min_dims=0, min_side=0, max_dims=4))
def test_any_array_comes_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, dtype: np.dtype, shape: tuple
) -> None:
    count = int(np.prod(shape)) * dtype.itemsize
    raw = np.frombuffer(data.draw(st.binary(min_size=count, max_size=count)), np.uint8)
    array = (raw & 1 if dtype.kind == "b" else raw).view(dtype).reshape(shape)
    prefix = tmp_path_factory.getbasetemp() / "any"
    save(prefix, value=array)
    value = load(prefix, "value")
    assert (value.dtype, value.shape) == (dtype, shape)
    assert value.tobytes() == array.tobytes()
    assert value.flags.writeable
    assert value.flags.aligned


@given(st.lists(st.binary(max_size=200)))
def test_any_strings_come_back(
    tmp_path_factory: pytest.TempPathFactory, strings: list[bytes]
) -> None:
    prefix = tmp_path_factory.getbasetemp() / "strings"
    save(prefix, value=np.array(strings, object), first=np.array(strings[:1] or [b""], object))
    assert load(prefix, "value").tolist() == strings


@pytest.mark.parametrize(
    ("given_array", "expected"),
    [
        (MATRIX.T, MATRIX.T),
        (MATRIX[::2], MATRIX[::2]),
        (MATRIX.astype(">f4"), MATRIX),
        (7, np.array(7)),
        (["a", "bç"], np.array([b"a", "bç".encode()], object)),
        ("a\0", np.array(b"a\0", object)),
        (np.array(["x", "yz"]), np.array([b"x", b"yz"], object)),
        (np.array([b"x", b"yz"]), np.array([b"x", b"yz"], object)),
    ],
)
def test_other_forms_are_stored_as_tensorflow_has_them(
    tmp_path: Path, given_array: object, expected: np.ndarray
) -> None:
    save(tmp_path / "m", value=given_array)
    value = load(tmp_path / "m", "value")
    assert value.dtype == expected.dtype
    np.testing.assert_array_equal(value, expected)


def test_names_may_be_any_text(tmp_path: Path) -> None:
    names = ["a/b:0", "schön", "\udcff", " "]
    with BundleWriter(tmp_path / "m") as writer:
        for number, name in enumerate(names):
            writer.add(name, number)
        writer.add(b"raw\xfe", 9)
        writer.finish()
    with BundleReader(tmp_path / "m") as reader:
        assert [int(reader.get(name)) for name in names] == [0, 1, 2, 3]
        assert int(reader.get(b"raw\xfe")) == 9
        assert set(reader.dtypes_and_shapes()) == {*names, "raw\udcfe"}
        assert all(name in reader for name in names)
        assert "" not in reader
        assert 3 not in reader


def test_the_array_belongs_to_the_caller(tmp_path: Path) -> None:
    save(tmp_path / "m", w=MATRIX)
    with BundleReader(tmp_path / "m") as reader:
        first = reader.get("w")
        first += 1
        np.testing.assert_array_equal(reader.get("w"), MATRIX)


def test_threads_may_share_a_reader(tmp_path: Path) -> None:
    tensors = {f"t{number}": np.full(50_000, number) for number in range(8)}
    save(tmp_path / "m", **tensors)
    with BundleReader(tmp_path / "m") as reader, ThreadPoolExecutor(4) as pool:
        for name, value in zip(tensors, pool.map(reader.get, tensors), strict=True):
            np.testing.assert_array_equal(value, tensors[name])


def test_a_closed_reader_opens_its_files_again(tmp_path: Path) -> None:
    save(tmp_path / "m", w=MATRIX)
    reader = BundleReader(tmp_path / "m")
    reader.get("w")
    reader.close()
    np.testing.assert_array_equal(reader.get("w"), MATRIX)


# --- slices


def split_rows(prefix: Path, *cuts: tuple[int, int], names: tuple[str, ...] = ("w",)) -> None:
    with BundleWriter(prefix) as writer:
        for name in names:
            for start, length in cuts:
                piece = MATRIX[start : start + length]
                writer.add_slice(name, (4, 3), ((start, length), (0, -1)), piece)
        writer.finish()


def test_slices_are_put_together(tmp_path: Path) -> None:
    split_rows(tmp_path / "m", (0, 1), (1, 2), (3, 1))
    with BundleReader(tmp_path / "m") as reader:
        np.testing.assert_array_equal(reader.get("w"), MATRIX)
        assert reader.dtypes_and_shapes() == {"w": (dtypes.float32, (4, 3))}
        assert [key[:2] for key, _ in reader.stored()] == [b"\0w"] * 3


@pytest.mark.parametrize("stored_whole", [True, False])
@given(
    rows=st.sampled_from([(0, -1), (0, 1), (1, 3), (2, 1)]),
    columns=st.sampled_from([(0, -1), (1, 2)]),
)
def test_any_slice_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, stored_whole: bool, rows: tuple, columns: tuple
) -> None:
    prefix = tmp_path_factory.getbasetemp() / f"slices-{stored_whole}"
    if not prefix.with_suffix(".index").exists():
        split_rows(prefix, *[(0, 4)] if stored_whole else [(0, 2), (2, 2)])
    cut = tuple([
        slice(start, None if length < 0 else start + length) for start, length in (rows, columns)
    ])  # fmt: skip
    with BundleReader(prefix) as reader:
        value = reader.get_slice("w", (rows, columns))
        np.testing.assert_array_equal(value, MATRIX[cut])
        assert value.flags.c_contiguous
        assert value.flags.writeable


def test_partitioned_strings_are_put_together(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "m") as writer:
        writer.add_slice("s", (3,), ((0, 2),), np.array([b"a", b"bc"], object))
        writer.add_slice("s", (3,), ((2, 1),), np.array([b""], object))
        writer.finish()
    assert load(tmp_path / "m", "s").tolist() == [b"a", b"bc", b""]


def test_a_whole_slice_is_stored_as_a_tensor(tmp_path: Path) -> None:
    save(tmp_path / "plain", w=MATRIX)
    split_rows(tmp_path / "m", (0, 4))
    assert (tmp_path / "m.index").read_bytes() == (tmp_path / "plain.index").read_bytes()


def test_missing_slices_are_an_error(tmp_path: Path) -> None:
    split_rows(tmp_path / "m", (0, 2), (3, 1))
    with BundleReader(tmp_path / "m") as reader:
        np.testing.assert_array_equal(reader.get_slice("w", ((0, 1), (0, -1))), MATRIX[:1])
        with pytest.raises(errors.InvalidArgumentError, match=r"sufficient slices .* tensor w"):
            reader.get("w")


def test_a_slice_beyond_the_tensor_is_an_error(tmp_path: Path) -> None:
    save(tmp_path / "m", w=MATRIX)
    with BundleReader(tmp_path / "m") as reader:
        with pytest.raises(errors.InternalError, match="out of bounds"):
            reader.get_slice("w", ((3, 2), (0, -1)))
        with pytest.raises(errors.InternalError, match="Mismatching ranks"):
            reader.get_slice("w", ((0, 1),))


# --- what writing refuses, and what it leaves

WHOLE = ((0, 2), (0, -1))
REFUSED = [
    (lambda w: w.add("w", MATRIX), "Adding duplicate key: w"),
    (lambda w: w.add("", MATRIX), "needs a name"),
    (lambda w: w.add("o", np.array([b"a", 3], object)), "Tensor o holds 3 of type int"),
    (lambda w: w.add("d", np.array(["2020"], "M8[D]")), "Tensor d: .*M8"),
    (lambda w: w.add_slice("w", (4, 3), WHOLE, MATRIX[:2]), "Adding duplicate key: w"),
    (lambda w: w.add_slice("p", (4, 3), WHOLE, MATRIX), "does not match the shape of the tensor"),
    (lambda w: w.add_slice("q", (4, 3), ((1, 2), (0, -1)), MATRIX[:2]), "Overlapping slices of q"),
    (lambda w: w.add_slice("q", (5, 3), ((2, 2), (0, -1)), MATRIX[:2]), "Slices of q disagree"),
    (lambda w: w.add_slice("q", (4, 3), ((2, 2), (0, -1)), np.ones((2, 3))), "Slices of q disagr"),
    (lambda w: w.add("q", MATRIX), "Adding duplicate key: q"),
]


@pytest.mark.parametrize(("act", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_refused_leaves_nothing(tmp_path: Path, act: object, message: str) -> None:
    writer = BundleWriter(tmp_path / "new" / "m")
    writer.add("w", MATRIX)
    writer.add_slice("q", (4, 3), WHOLE, MATRIX[:2])
    with pytest.raises(errors.InvalidArgumentError, match=message):
        act(writer)
    assert contents(tmp_path) == []
    with pytest.raises(errors.FailedPreconditionError, match="finished or given up"):
        writer.finish()


def test_a_failure_keeps_the_checkpoint_that_was_there(tmp_path: Path) -> None:
    save(tmp_path / "m", w=MATRIX)
    with pytest.raises(errors.InvalidArgumentError):
        save_tensors(str(tmp_path / "m"), ["a", "a"], ["", ""], [1, 2])
    np.testing.assert_array_equal(load(tmp_path / "m", "w"), MATRIX)
    assert contents(tmp_path) == FILES


def test_nothing_is_seen_before_finish(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "m") as writer:
        writer.add("w", MATRIX)
        assert not set(FILES) & set(contents(tmp_path))
        writer.finish()
    assert contents(tmp_path) == FILES


def test_an_exception_in_the_with_block_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with BundleWriter(tmp_path / "m") as writer:
            writer.add("w", MATRIX)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(tmp_path) == []


def test_a_writer_that_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    writer = BundleWriter(tmp_path / "m")
    writer.add("w", MATRIX)
    del writer
    gc.collect()
    assert contents(tmp_path) == []


@pytest.mark.parametrize("size", [1 << 20, 1])  # past the file's buffer, and within it
def test_a_full_disk_leaves_nothing(tmp_path: Path, size: int) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")

    def write() -> None:
        with BundleWriter(tmp_path / "m") as writer:
            with open("/dev/full", "wb", buffering=0) as full:
                os.dup2(full.fileno(), writer._data._file.fileno())
            writer.add("v", MATRIX)
            writer.add("w", np.zeros(size))
            writer.finish()

    with pytest.raises(errors.ResourceExhaustedError, match="No space left"):
        write()
    assert contents(tmp_path) == []


def test_an_index_that_cannot_be_put_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.index").mkdir()
    with pytest.raises(errors.OpError, match=r"m\.index; Is a directory"):
        save(tmp_path / "m", w=MATRIX)
    assert contents(tmp_path) == ["m.index"]


def test_a_folder_is_made_if_its_parent_is_there(tmp_path: Path) -> None:
    save(tmp_path / "new" / "m", w=MATRIX)
    assert contents(tmp_path / "new") == FILES
    with pytest.raises(errors.NotFoundError, match="No such file or directory"):
        save(tmp_path / "other" / "deep" / "m", w=MATRIX)
    assert contents(tmp_path) == ["new"]


def test_one_write_at_a_time_wins(tmp_path: Path) -> None:
    def write(number: int) -> None:
        save(tmp_path / f"m-{number % 2}", w=np.full(1000, number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [name for name in contents(tmp_path) if "tempstate" in name]


# --- what reading refuses


def test_what_is_missing_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFoundError, match=r"Failed to find any matching files for .*none"):
        BundleReader(tmp_path / "none")
    with pytest.raises(errors.InvalidArgumentError, match="Failed to get matching files on"):
        BundleReader(tmp_path / "no-folder" / "none")
    with pytest.raises(errors.DataLossError, match="different file format"):
        BundleReader(tmp_path)
    save(tmp_path / "m", w=MATRIX)
    with BundleReader(tmp_path / "m") as reader:
        with pytest.raises(errors.NotFoundError, match="Key v not found in checkpoint"):
            reader.get("v")
        with pytest.raises(errors.NotFoundError, match="Key v not found in checkpoint"):
            reader.info("v")
    (tmp_path / FILES[0]).unlink()
    with BundleReader(tmp_path / "m") as reader:
        assert "w" in reader
        with pytest.raises(errors.NotFoundError, match=r"m\.data-00000-of-00001; No such file"):
            reader.get("w")


def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.index")
    with pytest.raises(errors.FailedPreconditionError, match="Not a regular file"):
        BundleReader(tmp_path / "m")


def test_a_file_cut_while_it_is_read_is_data_loss(tmp_path: Path) -> None:
    save(tmp_path / "m", w=MATRIX)
    with BundleReader(tmp_path / "m") as reader:
        reader.get("w")  # opens the data file
        os.truncate(tmp_path / FILES[0], 5)
        with pytest.raises(errors.DataLossError, match="Read less bytes than requested: 5 of 48"):
            reader.get("w")


# --- the ops' own functions


def test_restore_checks_type_and_shape(tmp_path: Path) -> None:
    prefix = str(tmp_path / "m")
    save_tensors(prefix, ["w", "w"], ["4 3 0,2:-", "4 3 2,2:-"], [MATRIX[:2], MATRIX[2:]])
    float32 = dtypes.float32
    [value] = restore_tensors(prefix, ["w"], ["4 3 1,2:-"], [float32])
    np.testing.assert_array_equal(value, MATRIX[1:3])
    [value] = restore_tensors(prefix, ["w"], [""], [float32._as_ref])
    np.testing.assert_array_equal(value, MATRIX)
    with pytest.raises(
        errors.InvalidArgumentError,
        match="tensor_name = w; expected dtype double does not equal original dtype float",
    ):
        restore_tensors(prefix, ["w"], [""], [dtypes.float64])
    with pytest.raises(
        errors.InvalidArgumentError,
        match=r"spec \[5,3\] does not match the shape stored in checkpoint: \[4,3\]",
    ):
        restore_tensors(prefix, ["w"], ["5 3 1,2:-"], [float32])


def test_merging_moves_the_data(tmp_path: Path) -> None:
    for name in "ab":
        save(tmp_path / f"tmp_{name}" / "part", **{name: MATRIX})
    prefixes = [str(tmp_path / f"tmp_{name}" / "part") for name in "ab"]
    merge_bundles(prefixes, str(tmp_path / "m"))
    remove_emptied_folders(prefixes, str(tmp_path / "m"))
    assert contents(tmp_path) == [f"m.data-0000{n}-of-00002" for n in range(2)] + ["m.index"]
    for name in "ab":
        np.testing.assert_array_equal(load(tmp_path / "m", name), MATRIX)


@pytest.mark.parametrize(
    "write",
    [
        lambda prefix: save(prefix, w=MATRIX),
        lambda prefix: split_rows(prefix, (0, 2)),
    ],
)
def test_a_merge_of_equal_names_moves_nothing(tmp_path: Path, write: object) -> None:
    for part in "ab":
        save(tmp_path / part, w=MATRIX)
    write(tmp_path / "b")
    before = contents(tmp_path)
    with pytest.raises(errors.InvalidArgumentError, match="Adding duplicate key: w"):
        merge_bundles([str(tmp_path / "a"), str(tmp_path / "b")], str(tmp_path / "m"))
    assert contents(tmp_path) == before


def test_a_merge_that_fails_moves_everything_back(tmp_path: Path) -> None:
    for part in "ab":
        save(tmp_path / part, **{part: MATRIX})
    (tmp_path / "m.data-00001-of-00002").mkdir()
    before = contents(tmp_path)
    with pytest.raises(errors.OpError):
        merge_bundles([str(tmp_path / "a"), str(tmp_path / "b")], str(tmp_path / "m"))
    assert contents(tmp_path) == before
    np.testing.assert_array_equal(load(tmp_path / "a", "a"), MATRIX)


def test_there_must_be_something_to_merge(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="No checkpoint to merge"):
        merge_bundles([], str(tmp_path / "m"))
