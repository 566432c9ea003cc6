"""Reads a checkpoint. Its files are not trusted: every length is checked against the files' sizes
before it is used.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from penstock.formats.bundle_writer import FORMAT_VERSION, HEADER_KEY, data_path, index_path
from penstock.formats.crc32c import crc32c, mask
from penstock.formats.messages import messages
from penstock.formats.os_errors import regular_file_size, translated
from penstock.formats.string_tensor import decode_strings
from penstock.formats.table import read_table
from penstock.formats.tensor_slice import (
    WHOLE,
    Shape,
    Slice,
    indices,
    intersection,
    slice_key,
    slice_shape,
    slice_text,
)
from penstock.graph import dtypes
from penstock.graph.errors import (
    DataLossError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
    UnimplementedError,
)
from penstock.graph.shapes import bracket_text

_LITTLE_ENDIAN = 0
_CHUNK = 1 << 20  # bytes read between checksums: they are still in the processor's cache then
_NOT_STORABLE = (dtypes.resource, dtypes.variant)
_LARGEST_RANK = 64  # NumPy's limit
_SLICE_MARK = b"\0"  # the first byte of every slice's key, and of no tensor's name


class TensorInfo(NamedTuple):
    """The type and the shape of a stored tensor."""

    dtype: dtypes.DType
    shape: Shape


class _Entry(NamedTuple):
    """What the index says of one tensor or slice."""

    dtype: dtypes.DType
    shape: Shape
    shard: int
    offset: int
    size: int
    crc: int  # masked
    slices: tuple[Slice, ...]


class BundleReader:
    """Reads the checkpoint `prefix`.

    The index is read and checked at once, tensors when they are asked for; any number of threads
    may ask. Arrays are fresh copies, which their receiver owns and may change. (They are read into,
    not mapped: a file that another process cuts short gives an error here, where a mapped one would
    end the process.)

    Args:
        prefix: the checkpoint's path without a suffix.

    Raises:
        NotFoundError: there is no such checkpoint.
        InvalidArgumentError: its folder is missing, or a newer TensorFlow wrote it.
        DataLossError: the index is cut off or changed.

    Example:
        >>> with BundleReader("/tmp/model-1") as reader:
        ...     weights = reader.get("w")
    """

    def __init__(self, prefix: str | os.PathLike[str]) -> None:
        self._prefix = os.fsdecode(prefix)
        self._lock = threading.Lock()
        self._shards: dict[int, _Shard] = {}
        self._records = _read_index(self._prefix)
        self._shard_count = _check_header(self._prefix, self._records.pop(HEADER_KEY, None))

    def __enter__(self) -> BundleReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __contains__(self, name: object) -> bool:
        return isinstance(name, (str, bytes)) and _key(name) in self._records

    def close(self) -> None:
        """Closes the data files; a later `get` opens them again."""
        with self._lock:
            while self._shards:
                self._shards.popitem()[1].close()

    @property
    def shard_count(self) -> int:
        """The number of data files."""
        return self._shard_count

    def dtypes_and_shapes(self) -> dict[str, TensorInfo]:
        """Returns the type and shape of every tensor, by name in sorted order; partitioned ones
        appear whole.

        Raises:
            DataLossError: an entry of the index makes no sense.
        """
        found = {}
        for key in self._records:
            if not key.startswith(_SLICE_MARK):
                entry = self._entry(key)
                found[key.decode("utf-8", "surrogateescape")] = TensorInfo(entry.dtype, entry.shape)
        return found

    def stored(self) -> Iterator[tuple[bytes, TensorInfo]]:
        """Yields the key, type and shape of all that is stored in one piece: whole tensors, and
        slices under their keys.
        """
        for key in self._records:
            entry = self._entry(key)
            if not entry.slices:
                yield key, TensorInfo(entry.dtype, entry.shape)

    def entries(self) -> dict[bytes, Any]:
        """Returns a BundleEntryProto for every key, slices' keys included."""
        return {key: self._message(key) for key in self._records}

    def info(self, name: str | bytes) -> TensorInfo:
        """Returns the type and shape of one tensor.

        Raises:
            NotFoundError: it isn't in the checkpoint.
        """
        entry = self._entry(_key(name))
        return TensorInfo(entry.dtype, entry.shape)

    def get(self, name: str | bytes) -> np.ndarray[Any, Any]:
        """Returns a tensor as a fresh array; a string tensor is an object array of bytes.

        Raises:
            NotFoundError: it isn't in the checkpoint, or a data file is missing.
            DataLossError: what is stored is cut off or changed.
            InvalidArgumentError: slices of a partitioned tensor are missing.
        """
        key = _key(name)
        entry = self._entry(key)
        if entry.slices:
            return self._assembled(key, entry, tuple([(0, size) for size in entry.shape]))
        return self._read(key, entry)

    def get_slice(self, name: str | bytes, piece: Slice) -> np.ndarray[Any, Any]:
        """Returns part of a tensor as a fresh array.

        Args:
            name: of the whole tensor.
            piece: (start, length) for each dimension, -1 for a whole dimension.

        Raises:
            InternalError: the piece doesn't fit the tensor's shape.
            OpError: as `get`.
        """
        key = _key(name)
        entry = self._entry(key)
        lengths = slice_shape(piece, entry.shape)
        piece = tuple([(start, size) for (start, _), size in zip(piece, lengths, strict=True)])
        if entry.slices:
            return self._assembled(key, entry, piece)
        whole = tuple([(0, size) for size in entry.shape])
        return np.array(self._read(key, entry)[indices(piece, whole)], order="C")

    def _message(self, key: bytes) -> Any:
        from google.protobuf.message import DecodeError

        try:
            return messages().BundleEntryProto.FromString(self._records[key])
        except KeyError:
            raise NotFoundError(
                None, None, f"Key {_shown(key)} not found in checkpoint {self._prefix}"
            ) from None
        except DecodeError as error:
            raise self._loss(key, f"unreadable entry: {error}") from error

    def _entry(self, key: bytes) -> _Entry:
        message = self._message(key)
        try:
            dtype = dtypes.DType(message.dtype)
        except TypeError as error:
            raise self._loss(key, str(error)) from error
        shape = tuple([dim.size for dim in message.shape.dim])
        if len(shape) > _LARGEST_RANK:
            raise self._loss(key, f"{len(shape)} dimensions, over {_LARGEST_RANK}")
        if min((*shape, message.offset, message.size, message.shard_id), default=0) < 0:
            raise self._loss(key, f"bad bundle entry: {message}")
        if message.shape.unknown_rank or dtype in _NOT_STORABLE or dtype is not dtype.base_dtype:
            raise self._loss(key, f"a tensor of type {dtype.name} without data of its own")
        if message.shard_id >= self._shard_count:
            raise self._loss(key, f"shard {message.shard_id} of {self._shard_count}")
        slices = tuple([_slice_of(part) for part in message.slices])
        return _Entry(
            dtype, shape, message.shard_id, message.offset, message.size, message.crc32c, slices
        )

    def _read(self, key: bytes, entry: _Entry) -> np.ndarray[Any, Any]:
        """A tensor, or one slice, that is stored in one piece."""
        count = math.prod(entry.shape)
        is_string = entry.dtype is dtypes.string
        expected = count * entry.dtype.np_dtype.itemsize
        if entry.size != expected and not (is_string and entry.size >= count):
            raise self._loss(
                key,
                f"Invalid size in bundle entry: stored size {entry.size}; expected size {expected}",
            )
        shard = self._shard(entry.shard)
        shard.check_range(entry.offset, entry.size)
        try:
            if not is_string:
                array = self._new_array(key, entry.shape, entry.dtype)
                crc = shard.read_into(array.reshape(-1).view(np.uint8), entry.offset)
            else:
                data = np.empty(entry.size, np.uint8)
                shard.read_into(data, entry.offset)
                strings, crc = decode_strings(data, count)
                array = self._new_array(key, entry.shape, entry.dtype)
                array.reshape(-1)[:] = strings
        except DataLossError as error:
            raise self._loss(key, error.message) from error
        if mask(crc) != entry.crc:
            raise self._loss(
                key,
                f"Checksum does not match: stored {entry.crc} vs. calculated on the restored "
                f"bytes {mask(crc)}",
            )
        return array

    def _assembled(self, key: bytes, entry: _Entry, piece: Slice) -> np.ndarray[Any, Any]:
        """The part `piece`, lengths given, of a partitioned tensor."""
        parts = self._parts(key, entry, piece)
        shape = slice_shape(piece, entry.shape)
        out = self._new_array(key, shape, entry.dtype)
        filled = np.zeros(shape, np.bool_)
        for stored, shared, part in parts:
            place = indices(shared, piece)
            if filled[place].any():
                raise InternalError(
                    None,
                    None,
                    f"Overlapping slices of {_shown(key)}: {slice_text(stored)} covers what "
                    f"another slice covers, in checkpoint {self._prefix}",
                )
            origin = tuple([(start if length != WHOLE else 0, length) for start, length in stored])
            data = self._read(slice_key(key, stored), part)
            out[place] = data[indices(shared, origin)]
            filled[place] = True
        return out

    def _parts(self, key: bytes, entry: _Entry, piece: Slice) -> list[tuple[Slice, Slice, _Entry]]:
        """The stored slices that `piece` needs: each with what both share, and its entry.

        They are checked to be enough, and to be on disk, before anything of the tensor's size is
        made.
        """
        parts, covered, stored_bytes = [], 0, 0
        for stored in entry.slices:
            try:
                shape = slice_shape(stored, entry.shape)
            except InternalError as error:
                raise self._loss(key, error.message) from error
            shared = intersection(stored, piece, entry.shape)
            if shared is None:
                continue
            part = self._entry(slice_key(key, stored))
            if (part.dtype, part.shape, part.slices) != (entry.dtype, shape, ()):
                raise self._loss(key, f"the slice {slice_text(stored)} is not what its tensor says")
            parts.append((stored, shared, part))
            covered += math.prod(length for _, length in shared)
            stored_bytes += part.size
        if covered < math.prod(slice_shape(piece, entry.shape)):
            raise InvalidArgumentError(
                None,
                None,
                f"Does not have sufficient slices for partitioned tensor {_shown(key)} to restore "
                f"in slice_spec: {slice_text(piece)} of shape {bracket_text(entry.shape)} in "
                f"checkpoint {self._prefix}",
            )
        on_disk = sum(self._shard(number).size for number in {part.shard for _, _, part in parts})
        if stored_bytes > on_disk:
            raise self._loss(key, f"slices of {stored_bytes} bytes in files of {on_disk} bytes")
        return parts

    def _new_array(self, key: bytes, shape: Shape, dtype: dtypes.DType) -> np.ndarray[Any, Any]:
        try:
            return np.empty(shape, dtype.np_dtype)
        except ValueError as error:  # huge sizes beside a dimension of 0
            raise self._loss(key, f"shape {bracket_text(shape)}: {error}") from error

    def _shard(self, number: int) -> _Shard:
        with self._lock:
            shard = self._shards.get(number)
            if shard is None:
                path = data_path(self._prefix, number, self._shard_count)
                shard = self._shards[number] = _Shard(path)
            return shard

    def _loss(self, key: bytes, why: str) -> DataLossError:
        return DataLossError(None, None, f"Key {_shown(key)} of checkpoint {self._prefix}: {why}")


class _Shard:
    """One data file, open for reading."""

    def __init__(self, path: str) -> None:
        self._path = path
        regular_file_size(path)  # before opening: a pipe would block
        with translated(path):
            self._file = open(path, "rb", buffering=0)
            self.size = os.fstat(self._file.fileno()).st_size
        self._lock = threading.Lock()
        self.close = weakref.finalize(self, self._file.close)

    def check_range(self, offset: int, size: int) -> None:
        if offset + size > self.size:
            raise DataLossError(
                None,
                None,
                f"Read less bytes than requested: {size} bytes at {offset} of {self._path}, which "
                f"has {self.size}",
            )

    def read_into(self, out: np.ndarray[Any, Any], offset: int) -> int:
        """Fills a uint8 array from the file and returns its checksum, not masked."""
        crc, done = 0, 0
        view = memoryview(out.data)
        with translated(self._path), self._lock:
            self._file.seek(offset)
            while done < len(out):
                got = self._file.readinto(view[done : done + _CHUNK])
                if not got:
                    raise DataLossError(
                        None,
                        None,
                        f"Read less bytes than requested: {done} of {len(out)} bytes at {offset} "
                        f"of {self._path}",
                    )
                crc = crc32c(out[done : done + got], crc)
                done += got
        return crc


def _read_index(prefix: str) -> dict[bytes, bytes]:
    path = index_path(prefix)
    if not os.path.exists(path):
        raise _not_found(prefix)
    regular_file_size(path)
    with translated(path), open(path, "rb") as file:
        contents = file.read()
    try:
        return dict(read_table(contents))
    except OpError as error:
        message = f"Unable to open table file {path}: {error.message}"
        raise type(error)(None, None, message) from error


def _not_found(prefix: str) -> OpError:
    start = "Unsuccessful TensorSliceReader constructor: Failed to"
    folder = os.path.dirname(prefix)
    if folder and not os.path.isdir(folder):
        return InvalidArgumentError(
            None,
            None,
            f"{start} get matching files on {prefix}: Not found: {folder}; No such file or "
            "directory",
        )
    if os.path.exists(prefix):
        return DataLossError(
            None,
            None,
            f"Unable to open table file {prefix}: there is no {index_path(prefix)}: perhaps your "
            "file is in a different file format and you need to use a different restore operator?",
        )
    return NotFoundError(None, None, f"{start} find any matching files for {prefix}")


def _check_header(prefix: str, record: bytes | None) -> int:
    """Returns the number of data files that the header states."""
    from google.protobuf.message import DecodeError

    path = index_path(prefix)
    if record is None:
        raise DataLossError(None, None, f"Unable to read file ({path}): it has no header entry")
    try:
        header = messages().BundleHeaderProto.FromString(record)
    except DecodeError as error:
        raise DataLossError(None, None, f"Unable to parse the header of {path}: {error}") from error
    if header.endianness != _LITTLE_ENDIAN:
        raise UnimplementedError(
            None, None, f"{path}: Reading a bundle with different endianness from the reader"
        )
    version = header.version
    if version.min_consumer > FORMAT_VERSION or FORMAT_VERSION in version.bad_consumers:
        raise InvalidArgumentError(
            None,
            None,
            f"{path} has format version {version.producer} and needs a reader of version "
            f"{version.min_consumer}; this one has version {FORMAT_VERSION}",
        )
    if header.num_shards < 1:
        raise DataLossError(None, None, f"{path}: the header states {header.num_shards} data files")
    return header.num_shards


def _slice_of(message: Any) -> Slice:
    return tuple(
        [(part.start, part.length if part.HasField("length") else WHOLE) for part in message.extent]
    )


def _key(name: str | bytes) -> bytes:
    return name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")


def _shown(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")
