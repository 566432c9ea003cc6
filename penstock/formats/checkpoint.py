"""TensorFlow's V2 checkpoints: many named tensors under one path prefix.

`PREFIX.index` is a sorted string table (`table.py`). Its empty key holds a BundleHeaderProto, every
other key a BundleEntryProto (`messages.py`): a tensor's type, shape, place in a data file, size,
and masked CRC32C. `PREFIX.data-00000-of-00001` holds the tensors' bytes, little-endian, without
gaps, in the order in which they were saved; strings as `string_tensor.py` says. A partitioned
tensor's entry lists its slices, and each slice has an entry of its own under a key in ordered code
(`tensor_slice.py`). Source: the comments of TensorFlow's `tensor_bundle.proto`, and files that
TensorFlow 1.15 wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.formats.bundle_merge import merge_bundles, remove_emptied_folders
from penstock.formats.bundle_reader import BundleReader, TensorInfo
from penstock.formats.bundle_writer import BundleWriter, data_path, index_path
from penstock.formats.tensor_slice import parse_shape_and_slice
from penstock.graph.dtypes import DType
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.shapes import bracket_text

__all__ = [
    "BundleReader", "BundleWriter", "TensorInfo",
    "save_tensors", "restore_tensors", "merge_bundles", "remove_emptied_folders",
    "data_path", "index_path",
]  # fmt: skip

_NAMES_IN_MESSAGES = {"float32": "float", "float64": "double", "float16": "half"}


def save_tensors(
    prefix: str, names: Sequence[str], shape_and_slices: Sequence[str], arrays: Sequence[Any]
) -> None:
    """Writes a checkpoint: what the op SaveV2 does.

    Args:
        prefix: the checkpoint's path without a suffix.
        names: one for each array.
        shape_and_slices: "" for a whole tensor, else as `parse_shape_and_slice` reads it.
        arrays: of any type that TensorFlow stores.

    Raises:
        InvalidArgumentError: a name comes twice, or a spec is malformed or doesn't fit its array.
        OpError: writing failed. There is no checkpoint then.

    Example:
        >>> save_tensors("model-1", ["w"], [""], [np.zeros(3, np.float32)])
    """
    with BundleWriter(prefix) as writer:
        for name, spec, array in zip(names, shape_and_slices, arrays, strict=True):
            if spec:
                full_shape, piece, _ = parse_shape_and_slice(spec)
                writer.add_slice(name, full_shape, piece, array)
            else:
                writer.add(name, array)
        writer.finish()


def restore_tensors(
    prefix: str, names: Sequence[str], shape_and_slices: Sequence[str], types: Sequence[DType]
) -> list[np.ndarray[Any, Any]]:
    """Reads tensors of a checkpoint: what the op RestoreV2 does.

    Args:
        prefix: the checkpoint's path without a suffix.
        names: of the tensors.
        shape_and_slices: "" for a whole tensor, else as `parse_shape_and_slice` reads it.
        types: that the tensors must have.

    Returns:
        Fresh arrays, one for each name.

    Raises:
        NotFoundError: the checkpoint or a tensor is missing.
        InvalidArgumentError: a tensor has another type or shape than asked for.
        DataLossError: the files are cut off or changed.

    Example:
        >>> save_tensors("model-1", ["w"], [""], [np.zeros(3, np.float32)])
        >>> restore_tensors("model-1", ["w"], [""], [tf.float32])
        [array([0., 0., 0.], dtype=float32)]
    """
    with BundleReader(prefix) as reader:
        requests = list(zip(names, shape_and_slices, types, strict=True))
        for name, _, dtype in requests:
            _check_type(name, dtype.base_dtype, reader.info(name).dtype)
        return [_restored(reader, name, spec) for name, spec, _ in requests]


def _check_type(name: str, expected: DType, stored: DType) -> None:
    if stored is not expected:
        shown = [_NAMES_IN_MESSAGES.get(dtype.name, dtype.name) for dtype in (expected, stored)]
        raise InvalidArgumentError(
            None,
            None,
            f"tensor_name = {name}; expected dtype {shown[0]} does not equal original dtype "
            f"{shown[1]}",
        )


def _restored(reader: BundleReader, name: str, spec: str) -> np.ndarray[Any, Any]:
    if not spec:
        return reader.get(name)
    full_shape, piece, _ = parse_shape_and_slice(spec)
    stored = reader.info(name).shape
    if stored != full_shape:
        raise InvalidArgumentError(
            None,
            None,
            f"tensor_name = {name}; shape in shape_and_slice spec {bracket_text(full_shape)} does "
            f"not match the shape stored in checkpoint: {bracket_text(stored)}",
        )
    return reader.get_slice(name, piece)
