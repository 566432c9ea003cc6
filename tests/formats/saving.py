"""Writes the checkpoints that `tests/golden/checkpoints/record.py` makes TensorFlow write."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from penstock.formats.checkpoint import BundleWriter, merge_bundles, save_tensors
from penstock.formats.tensor_slice import Slice
from penstock.graph import dtypes
from penstock.train.checkpoint_management import update_relative_checkpoint_state
from tests.golden.checkpoints import contents

GOLDEN = Path(contents.__file__).parent
RECORDINGS = sorted(GOLDEN.glob("tf-*"))


def write_all(folder: Path) -> None:
    """Writes every checkpoint of the recordings into a folder."""
    rows = contents.of_every_type()
    typed = [array.view(dtypes.as_dtype(dtype).np_dtype) for _, dtype, array in rows]
    save(folder / "types", {name: array for (name, _, _), array in zip(rows, typed, strict=True)})
    save(folder / "strings", contents.strings())
    save(folder / "many", contents.many())
    save_large(folder)
    pieces = variable_pieces()
    write_pieces(folder / "partitioned-3", pieces)
    update_relative_checkpoint_state(str(folder), str(folder / "partitioned-3"))
    parts = [folder / "part-0", folder / "part-1"]
    for shard, part in enumerate(parts):
        write_pieces(part, [piece for piece in pieces if piece.device == shard])
    merge_bundles([str(part) for part in parts], str(folder / "sharded"))


def save_large(folder: Path) -> None:
    save(folder / "large", contents.large())
    lines = []
    for suffix in ("index", "data-00000-of-00001"):
        path = folder / f"large.{suffix}"
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
        path.unlink()
    (folder / "large.sha256").write_text("".join(lines))


def save(prefix: Path, tensors: dict[str, np.ndarray]) -> None:
    save_tensors(str(prefix), list(tensors), [""] * len(tensors), list(tensors.values()))


class Piece(NamedTuple):
    """One part of a variable, or a whole one."""

    name: str
    extents: Slice
    value: np.ndarray
    device: int


def variable_pieces() -> list[Piece]:
    """The variables' parts, in the order in which a Saver writes them."""
    pieces: list[Piece] = []
    partitions = {**contents.PARTITIONS, "step": ()}
    for name, array in contents.variables().items():
        extents = [
            split(size, parts) for size, parts in zip(array.shape, partitions[name], strict=True)
        ]
        for piece in itertools.product(*extents):
            cut = tuple([slice(start, start + length) for start, length in piece])
            pieces.append(Piece(name, piece, array[cut], (len(pieces) + 1) % 2))
    pieces.append(Piece("step", (), np.array(7), (len(pieces) + 1) % 2))
    return sorted(pieces, key=lambda piece: piece.name)


def split(size: int, parts: int) -> list[tuple[int, int]]:
    """Extents of nearly equal length, the longer ones first."""
    lengths = [size // parts + (part < size % parts) for part in range(parts)]
    return [(sum(lengths[:part]), length) for part, length in enumerate(lengths)]


def write_pieces(prefix: Path, pieces: list[Piece]) -> None:
    variables = contents.variables()
    with BundleWriter(prefix) as writer:
        for piece in pieces:
            if piece.extents:
                shape = variables[piece.name].shape
                writer.add_slice(piece.name, shape, piece.extents, piece.value)
            else:
                writer.add(piece.name, piece.value)
        writer.finish()
