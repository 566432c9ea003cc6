"""Writes a checkpoint: tensors go to its data file as they come, the index follows at the end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from penstock.formats.crc32c import crc32c, mask
from penstock.formats.messages import messages
from penstock.formats.os_errors import translated
from penstock.formats.staged_file import StagedFile, commit_in_order
from penstock.formats.string_tensor import encode_strings
from penstock.formats.table import write_table
from penstock.formats.tensor_slice import (
    WHOLE,
    Slice,
    intersection,
    is_whole,
    slice_key,
    slice_shape,
    slice_text,
)
from penstock.graph import dtypes
from penstock.graph.errors import FailedPreconditionError, InvalidArgumentError
from penstock.graph.shapes import bracket_text

HEADER_KEY = b""
FORMAT_VERSION = 1
_NOT_STORABLE = (dtypes.resource, dtypes.variant)


def index_path(prefix: str) -> str:
    """Returns the path of a checkpoint's index.

    Example:
        >>> index_path("model-1")
        'model-1.index'
    """
    return f"{prefix}.index"


def data_path(prefix: str, shard: int, shards: int) -> str:
    """Returns the path of one of a checkpoint's data files.

    Example:
        >>> data_path("model-1", 0, 1)
        'model-1.data-00000-of-00001'
    """
    return f"{prefix}.data-{shard:05d}-of-{shards:05d}"


def stage_index(prefix: str, entries: Mapping[bytes, Any], shards: int) -> StagedFile:
    """Returns a checkpoint's index, written but not yet in its place.

    Args:
        prefix: the checkpoint's path without a suffix.
        entries: BundleEntryProto by key.
        shards: the number of data files.
    """
    header = messages().BundleHeaderProto(num_shards=shards)
    header.version.producer = FORMAT_VERSION
    rows = [(HEADER_KEY, header.SerializeToString(deterministic=True))]
    rows += [(key, entries[key].SerializeToString(deterministic=True)) for key in sorted(entries)]
    staged = StagedFile(index_path(prefix))
    try:
        for piece in write_table(rows):
            staged.write(piece)
        staged.close()
    except BaseException:
        staged.discard()
        raise
    return staged


class BundleWriter:
    """Writes the checkpoint `prefix` with one data file.

    The files are written beside their targets and renamed by `finish`, the index last. Any error,
    and leaving a `with` block or dropping the writer before `finish`, removes all that was written.

    Args:
        prefix: the checkpoint's path without a suffix; its folder is made where only that is
            missing.

    Raises:
        OpError: the data file can't be made, such as NotFoundError where a folder is missing.

    Example:
        >>> with BundleWriter("/tmp/model-1") as writer:
        ...     writer.add("w", np.ones((2, 3), np.float32))
        ...     writer.finish()
    """

    def __init__(self, prefix: str | os.PathLike[str]) -> None:
        self._prefix = os.fsdecode(prefix)
        self._made_folder = _make_folder(os.path.dirname(self._prefix))
        self._entries: dict[bytes, Any] = {}
        self._slices: dict[bytes, list[Slice]] = {}
        self._offset = 0
        self._open = True
        self._data = StagedFile(data_path(self._prefix, 0, 1))

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def add(self, name: str | bytes, array: Any) -> None:
        """Writes one tensor.

        Args:
            name: not empty, and not yet in the checkpoint.
            array: of a type that TensorFlow has: bool, numeric, bfloat16, quantized, or strings
                (bytes, or str in UTF-8).

        Raises:
            InvalidArgumentError: the name is taken or empty, or the type can't be stored.
            OpError: writing failed, such as ResourceExhaustedError on a full disk.
        """
        with self._all_or_nothing():
            self._add(_name_key(name), *_storable(name, array))

    def add_slice(
        self, name: str | bytes, full_shape: Sequence[int], piece: Slice, array: Any
    ) -> None:
        """Writes one piece of a partitioned tensor.

        Args:
            name: of the whole tensor.
            full_shape: of the whole tensor.
            piece: which part `array` is: (start, length) for each dimension, -1 for a whole
                dimension.
            array: of the piece's shape.

        Raises:
            InvalidArgumentError: the array's shape is not the piece's, or the piece contradicts an
                earlier one.
            InternalError: the piece doesn't fit the full shape.
        """
        with self._all_or_nothing():
            stored, dtype = _storable(name, array)
            piece = tuple([(int(start), int(length)) for start, length in piece])
            if slice_shape(piece, full_shape) != stored.shape:
                raise InvalidArgumentError(
                    None,
                    None,
                    "Slice in shape_and_slice specification does not match the shape of the tensor "
                    f"to save: {_shown(name)} {bracket_text(full_shape)} {slice_text(piece)}, "
                    f"tensor: {bracket_text(stored.shape)}",
                )
            key = _name_key(name)
            if is_whole(piece, full_shape):
                self._add(key, stored, dtype)
            else:
                self._declare_slice(key, tuple(full_shape), piece, dtype)
                self._add(slice_key(key, piece), stored, dtype)

    def finish(self) -> None:
        """Puts the checkpoint in its place.

        Raises:
            OpError: writing or renaming failed; the checkpoint is then not there.
        """
        with self._all_or_nothing():
            self._data.close()
            index = stage_index(self._prefix, self._entries, shards=1)
            commit_in_order([self._data, index])
            self._open = False

    def discard(self) -> None:
        """Gives the checkpoint up and removes what was written; does nothing after `finish`."""
        if not self._open:
            return
        self._open = False
        self._data.discard()
        if self._made_folder:
            with contextlib.suppress(OSError):  # someone else may have put a file there meanwhile
                os.rmdir(self._made_folder)

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        if not self._open:
            raise FailedPreconditionError(
                None, None, f"The checkpoint {self._prefix} is finished or given up"
            )
        try:
            yield
        except BaseException:
            self.discard()
            raise

    def _declare_slice(
        self, key: bytes, full_shape: tuple[int, ...], piece: Slice, dtype: dtypes.DType
    ) -> None:
        """Adds a slice to its tensor's entry, which lists the slices and holds no data."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _entry(dtype, full_shape)
            self._slices[key] = []
        elif key not in self._slices:
            raise InvalidArgumentError(None, None, f"Adding duplicate key: {_shown(key)}")
        stored_shape = tuple([dim.size for dim in entry.shape.dim])
        if (entry.dtype, stored_shape) != (dtype.as_datatype_enum, full_shape):
            raise InvalidArgumentError(
                None,
                None,
                f"Slices of {_shown(key)} disagree: {dtypes.DType(entry.dtype).name} "
                f"{bracket_text(stored_shape)} and {dtype.name} {bracket_text(full_shape)}",
            )
        for earlier in self._slices[key]:
            if intersection(earlier, piece, full_shape) is not None:
                raise InvalidArgumentError(
                    None,
                    None,
                    f"Overlapping slices of {_shown(key)}: existing slice = "
                    f"{slice_text(earlier)}, new slice = {slice_text(piece)}",
                )
        self._slices[key].append(piece)
        added = entry.slices.add()
        for start, length in piece:
            extent = added.extent.add(start=start)
            if length != WHOLE:
                extent.length = length

    def _add(self, key: bytes, array: np.ndarray[Any, Any], dtype: dtypes.DType) -> None:
        if key in self._entries:
            raise InvalidArgumentError(None, None, f"Adding duplicate key: {_shown(key)}")
        entry = _entry(dtype, array.shape)
        entry.offset = self._offset
        if dtype is dtypes.string:
            pieces, crc = encode_strings(array.ravel().tolist())
            for piece in pieces:
                self._data.write(piece)
            entry.size = sum(map(len, pieces))
        else:
            raw = array.reshape(-1).view(np.uint8)
            self._data.write(raw)
            crc = crc32c(raw)
            entry.size = raw.size
        entry.crc32c = mask(crc)
        self._offset += entry.size
        self._entries[key] = entry


def _make_folder(path: str) -> str:
    """Makes a folder whose parent is there, as TensorFlow does; returns it, or "" where nothing was
    made.
    """
    if not path or os.path.isdir(path):
        return ""
    with translated(path):
        os.mkdir(path)
    return path


def _entry(dtype: dtypes.DType, shape: Sequence[int]) -> Any:
    entry = messages().BundleEntryProto(dtype=dtype.as_datatype_enum)
    entry.shape.SetInParent()  # a scalar's empty shape is written too
    for size in shape:
        entry.shape.dim.add(size=size)
    return entry


def _name_key(name: str | bytes) -> bytes:
    key = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    if not key:
        raise InvalidArgumentError(None, None, "A tensor in a checkpoint needs a name")
    return key


def _shown(name: str | bytes) -> str:
    return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name


def _storable(name: str | bytes, array: Any) -> tuple[np.ndarray[Any, Any], dtypes.DType]:
    """The array in one piece of memory, in the machine's byte order, and its type; strings as
    objects of bytes.
    """
    if not isinstance(array, np.ndarray):
        converted = np.asarray(array)
        # NumPy's own string types would drop NULs at the end of a string.
        array = np.asarray(array, object) if converted.dtype.kind in "SU" else converted
    if array.dtype.kind in "SUO":
        return _string_array(name, array), dtypes.string
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    try:
        dtype = dtypes.as_dtype(array.dtype)
    except TypeError as error:
        raise InvalidArgumentError(None, None, f"Tensor {_shown(name)}: {error}") from error
    if dtype in _NOT_STORABLE:
        raise InvalidArgumentError(
            None, None, f"Tensor {_shown(name)} has the type {dtype.name}, which can't be stored"
        )
    return np.asarray(array, order="C"), dtype


def _string_array(name: str | bytes, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    strings = np.empty(array.size, object)
    for position, item in enumerate(array.ravel().tolist()):
        if isinstance(item, str):
            item = item.encode()
        elif not isinstance(item, bytes):
            raise InvalidArgumentError(
                None,
                None,
                f"Tensor {_shown(name)} holds {item!r} of type {type(item).__name__} where a "
                "string is expected",
            )
        strings[position] = item
    return strings.reshape(array.shape)
