"""What is in a checkpoint, read without a graph: names, shapes, types, values."""

from __future__ import annotations

import os
from typing import Any

from penstock.formats.checkpoint import BundleReader
from penstock.graph.dtypes import DType
from penstock.graph.export import export
from penstock.graph.shapes import bracket_text
from penstock.train.checkpoint_management import latest_checkpoint

_NAMES_IN_ENUM = {"float32": "FLOAT", "float64": "DOUBLE", "float16": "HALF"}


class CheckpointReader:
    """Reads the tensors of a checkpoint by name; made by `tf.train.NewCheckpointReader`.

    Args:
        prefix: the checkpoint's path without a suffix.
    """

    def __init__(self, prefix: str) -> None:
        self._bundle = BundleReader(prefix)

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Returns the shape of every tensor, by name; partitioned ones appear whole."""
        return {name: list(info.shape) for name, info in self._bundle.dtypes_and_shapes().items()}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """Returns the type of every tensor, by name."""
        return {name: info.dtype for name, info in self._bundle.dtypes_and_shapes().items()}

    def has_tensor(self, tensor_str: str | bytes) -> bool:
        """Returns True where a tensor of that name is stored."""
        return _checked_text(tensor_str) in self._bundle

    def get_tensor(self, tensor_str: str | bytes) -> Any:
        """Returns a tensor: a fresh array, or a NumPy scalar or bytes where it has no dimensions.

        Raises:
            NotFoundError: it isn't in the checkpoint.
            DataLossError: what is stored is cut off or changed.
        """
        return self._bundle.get(_checked_text(tensor_str))[()]

    def debug_string(self) -> bytes:
        """Returns a line for each stored tensor and slice: name, type, shape."""
        lines = [
            b"%s (DT_%s) %s\n" % (key, _enum_name(info.dtype), bracket_text(info.shape).encode())
            for key, info in self._bundle.stored()
        ]
        return b"".join(lines)


def _enum_name(dtype: DType) -> bytes:
    return _NAMES_IN_ENUM.get(dtype.name, dtype.name.upper()).encode()


def _checked_text(value: Any) -> Any:
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"Expected binary or unicode string, got {value!r}")
    return value


@export("train.NewCheckpointReader")
def NewCheckpointReader(filepattern: str | bytes) -> CheckpointReader:
    """Returns a reader of a checkpoint.

    Args:
        filepattern: the checkpoint's path without a suffix.

    Raises:
        NotFoundError: there is no such checkpoint.
        InvalidArgumentError: its folder is missing.
        DataLossError: its index is cut off or changed.

    Example:
        >>> tf.train.NewCheckpointReader("model-1").get_variable_to_shape_map()
        {'w': [2, 3]}
    """
    return CheckpointReader(os.fsdecode(_checked_text(filepattern)))


@export("train.load_checkpoint")
def load_checkpoint(ckpt_dir_or_file: str) -> CheckpointReader:
    """Returns a reader of a checkpoint, or of the newest one in a folder.

    Args:
        ckpt_dir_or_file: a folder with a `checkpoint` file, or a checkpoint's path without a
            suffix.

    Raises:
        ValueError: the folder has no checkpoint.
        OpError: as `tf.train.NewCheckpointReader`.

    Example:
        >>> tf.train.load_checkpoint(".").get_tensor("w")
    """
    found: str | None = _checked_text(ckpt_dir_or_file)
    if os.path.isdir(ckpt_dir_or_file):
        found = latest_checkpoint(ckpt_dir_or_file)
    if found is None:
        raise ValueError(
            f"Couldn't find 'checkpoint' file or checkpoints in given directory {ckpt_dir_or_file}"
        )
    return NewCheckpointReader(found)


@export("train.load_variable")
def load_variable(ckpt_dir_or_file: str, name: str) -> Any:
    """Returns the value of one variable of a checkpoint.

    Args:
        ckpt_dir_or_file: as for `tf.train.load_checkpoint`.
        name: of the variable; a `:0` at its end is left out.

    Raises:
        NotFoundError: it isn't in the checkpoint.
        OpError: as `tf.train.load_checkpoint`.

    Example:
        >>> tf.train.load_variable("model-1", "w")
    """
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


@export("train.list_variables")
def list_variables(ckpt_dir_or_file: str) -> list[tuple[str, list[int]]]:
    """Returns (name, shape) of every variable in a checkpoint, in the order of the names.

    Args:
        ckpt_dir_or_file: as for `tf.train.load_checkpoint`.

    Raises:
        OpError: as `tf.train.load_checkpoint`.

    Example:
        >>> tf.train.list_variables("model-1")
        [('w', [2, 3])]
    """
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())
