"""The ops that checkpoints are saved and restored by: SaveV2, RestoreV2, ShardedFilename,
MergeV2Checkpoints.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.formats.checkpoint import (
    merge_bundles,
    remove_emptied_folders,
    restore_tensors,
    save_tensors,
)
from penstock.formats.tensor_slice import parse_shape_and_slice
from penstock.graph import dtypes, shapes
from penstock.graph.errors import InvalidArgumentError, OpError
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, register


def _text(value: Any) -> str:
    item = np.asarray(value, object).item()
    return item.decode() if isinstance(item, bytes) else str(item)


def _texts(values: Any) -> list[str]:
    return [_text(value) for value in np.asarray(values, object).ravel().tolist()]


def _check_counts(names: list[str], specs: list[str], count: int) -> None:
    if len(names) != count or len(specs) != count:
        raise InvalidArgumentError(
            None,
            None,
            f"tensor_names and shape_and_slices must have one item for each of the {count} "
            f"tensors, got {len(names)} and {len(specs)}",
        )


def save_kernel(
    xp: Any, prefix: Any, tensor_names: Any, shape_and_slices: Any, tensors: list[Any]
) -> Any:
    names, specs = _texts(tensor_names), _texts(shape_and_slices)
    _check_counts(names, specs, len(tensors))
    save_tensors(_text(prefix), names, specs, [np.asarray(tensor) for tensor in tensors])
    return ()


SAVE_V2 = register(
    OpSpec(
        name="SaveV2",
        inputs=(
            "prefix: string", "tensor_names: string", "shape_and_slices: string", "tensors: dtypes",
        ),
        outputs=(), attrs=("dtypes: list(type) >= 1",), stateful=True, host=True,
        shape=lambda *found: [], kernel=save_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


def restore_shape(
    prefix: Any, tensor_names: Any, shape_and_slices: Any, *, dtypes: list[Any]
) -> Any:
    """A slice's spec tells its shape."""
    specs = [""] * len(dtypes) if shape_and_slices is None else _texts(shape_and_slices)
    if len(specs) != len(dtypes):
        return [None] * len(dtypes)
    try:
        return [parse_shape_and_slice(spec)[2] if spec else None for spec in specs]
    except OpError as error:
        raise ValueError(error.message) from None


def restore_kernel(
    xp: Any, prefix: Any, tensor_names: Any, shape_and_slices: Any, *, dtypes: list[dtypes.DType]
) -> Any:
    names, specs = _texts(tensor_names), _texts(shape_and_slices)
    _check_counts(names, specs, len(dtypes))
    return restore_tensors(_text(prefix), names, specs, dtypes)


RESTORE_V2 = register(
    OpSpec(
        name="RestoreV2",
        inputs=("prefix: string", "tensor_names: string", "shape_and_slices: string"),
        outputs=("tensors: dtypes",), attrs=("dtypes: list(type) >= 1",), stateful=True, host=True,
        static_inputs=("shape_and_slices",), shape=restore_shape, kernel=restore_kernel,
        gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


def sharded_filename_kernel(xp: Any, basename: Any, shard: Any, num_shards: Any) -> Any:
    return np.array(f"{_text(basename)}-{int(shard):05d}-of-{int(num_shards):05d}".encode(), object)


def sharded_filename_shape(
    basename: shapes.Shape, shard: shapes.Shape, num_shards: shapes.Shape
) -> shapes.Shape:
    for shape in (basename, shard, num_shards):
        shapes.with_rank(shape, 0)
    return ()


SHARDED_FILENAME = register(
    OpSpec(
        name="ShardedFilename", inputs=("basename: string", "shard: int32", "num_shards: int32"),
        outputs=("filename: string",), host=True,
        shape=sharded_filename_shape, kernel=sharded_filename_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


def merge_kernel(
    xp: Any, checkpoint_prefixes: Any, destination_prefix: Any, *, delete_old_dirs: bool
) -> Any:
    prefixes, destination = _texts(checkpoint_prefixes), _text(destination_prefix)
    merge_bundles(prefixes, destination)
    if delete_old_dirs:
        remove_emptied_folders(prefixes, destination)
    return ()


MERGE_V2_CHECKPOINTS = register(
    OpSpec(
        name="MergeV2Checkpoints",
        inputs=("checkpoint_prefixes: string", "destination_prefix: string"),
        outputs=(), attrs=("delete_old_dirs: bool = true",), stateful=True, host=True,
        shape=lambda prefixes, destination: [], kernel=merge_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip
