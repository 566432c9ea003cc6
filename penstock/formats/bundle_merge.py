"""Makes one checkpoint of several, as `Saver(sharded=True)` needs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Any

from penstock.formats.bundle_reader import BundleReader
from penstock.formats.bundle_writer import data_path, index_path, stage_index
from penstock.formats.os_errors import translated
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.shapes import bracket_text


def merge_bundles(prefixes: Sequence[str], destination: str) -> None:
    """Moves the data files of checkpoints under a new prefix, with one index over them all; the
    sources are gone then.

    Slices of one tensor may be spread over the sources. Nothing moves before all indexes have been
    read and found to agree.

    Args:
        prefixes: of the sources; their order numbers the data files.
        destination: the new checkpoint's prefix, in the same file system.

    Raises:
        InvalidArgumentError: there is no source, or two hold the same tensor, or slices that
            disagree.
        OpError: a source can't be read, or a file can't be moved; what was moved is then back in
            its place.

    Example:
        >>> merge_bundles(["/tmp/parts/0", "/tmp/parts/1"], "/tmp/model-1")
    """
    if not prefixes:
        raise InvalidArgumentError(None, None, f"No checkpoint to merge into {destination}")
    merged: dict[bytes, Any] = {}
    sources: list[str] = []
    for prefix in prefixes:
        with BundleReader(prefix) as reader:
            for key, entry in reader.entries().items():
                entry.shard_id += len(sources)
                _add(merged, key, entry)
            shards = reader.shard_count
        sources += [data_path(prefix, shard, shards) for shard in range(shards)]
    index = stage_index(destination, merged, shards=len(sources))
    try:
        with contextlib.ExitStack() as undo:
            for shard, source in enumerate(sources):
                target = data_path(destination, shard, len(sources))
                with translated(source):
                    os.replace(source, target)
                undo.callback(os.replace, target, source)
            index.commit()
            undo.pop_all()
    finally:
        index.discard()
    for prefix in prefixes:
        if prefix != destination:
            with translated(index_path(prefix)):
                os.unlink(index_path(prefix))


def remove_emptied_folders(prefixes: Sequence[str], destination: str) -> None:
    """Removes the folders that `merge_bundles` left empty, the destination's own excepted.

    Example:
        >>> remove_emptied_folders(["/tmp/parts/0", "/tmp/parts/1"], "/tmp/model-1")
    """
    kept = os.path.abspath(os.path.dirname(destination))
    for folder in {os.path.abspath(os.path.dirname(prefix)) for prefix in prefixes} - {kept}:
        if not os.listdir(folder):
            with translated(folder):
                os.rmdir(folder)


def _add(merged: dict[bytes, Any], key: bytes, entry: Any) -> None:
    known = merged.get(key)
    if known is None:
        merged[key] = entry
        return
    name = key.decode("utf-8", "backslashreplace")
    if not (known.slices and entry.slices):
        raise InvalidArgumentError(None, None, f"Adding duplicate key: {name}")
    if (known.dtype, known.shape) != (entry.dtype, entry.shape):
        shapes = [bracket_text([dim.size for dim in each.shape.dim]) for each in (known, entry)]
        raise InvalidArgumentError(
            None,
            None,
            f"Slices of {name} disagree: types {known.dtype} and {entry.dtype}, shapes "
            f"{shapes[0]} and {shapes[1]}",
        )
    known.slices.extend(entry.slices)
