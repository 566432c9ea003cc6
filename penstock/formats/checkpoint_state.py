"""The `checkpoint` file of a folder: which checkpoint is the newest, and which older ones are kept.

It is a CheckpointState message in protobuf's text form. Paths in it that are not absolute start at
the folder of the file, so that the folder can be moved.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from penstock.formats.messages import messages
from penstock.formats.os_errors import regular_file_size, translated
from penstock.formats.staged_file import StagedFile
from penstock.graph.errors import DataLossError


def checkpoint_state(
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] = (),
    all_model_checkpoint_timestamps: Sequence[float] = (),
    last_preserved_timestamp: float | None = None,
) -> Any:
    """Returns a CheckpointState message.

    Args:
        model_checkpoint_path: the newest checkpoint; added to the others where it is missing.
        all_model_checkpoint_paths: all that are kept, oldest first.
        all_model_checkpoint_timestamps: seconds since the epoch; none, or one for each of them.
        last_preserved_timestamp: when a checkpoint was last kept for good.

    Raises:
        ValueError: the timestamps are not as many as the paths.

    Example:
        >>> checkpoint_state("model-1").all_model_checkpoint_paths
        ['model-1']
    """
    paths = list(all_model_checkpoint_paths)
    if model_checkpoint_path not in paths:
        paths.append(model_checkpoint_path)
    timestamps = list(all_model_checkpoint_timestamps)
    if timestamps and len(timestamps) != len(paths):
        raise ValueError(
            "Checkpoint timestamps, if provided, must match checkpoint paths (got paths "
            f"{paths} and timestamps {timestamps})"
        )
    return messages().CheckpointState(
        model_checkpoint_path=model_checkpoint_path,
        all_model_checkpoint_paths=paths,
        all_model_checkpoint_timestamps=timestamps,
        last_preserved_timestamp=last_preserved_timestamp,
    )


def path_to_store(folder: str, path: str) -> str:
    """Returns a path as the `checkpoint` file of a folder holds it: counted from the folder if both
    are relative.

    Example:
        >>> path_to_store("logs", "logs/model-1")
        'model-1'
    """
    if os.path.isabs(folder) or os.path.isabs(path):
        return path
    return os.path.relpath(path, folder)


def relative_path_to_store(folder: str, path: str) -> str:
    """Returns a path as `path_to_store` does, but counted from the folder where it is absolute,
    too.

    Example:
        >>> relative_path_to_store("/logs", "/logs/model-1")
        'model-1'
    """
    return os.path.relpath(path, folder) if os.path.isabs(path) else path_to_store(folder, path)


def write_checkpoint_state(path: str, state: Any) -> None:
    """Writes a CheckpointState message; readers see the old file or the new one, never a part.

    Raises:
        OpError: the file can't be written, such as NotFoundError where its folder is missing.
    """
    from google.protobuf import text_format

    text = text_format.MessageToString(state, as_utf8=False)
    staged = StagedFile(path)
    try:
        staged.write(text.encode())
        staged.commit()
    finally:
        staged.discard()


def read_checkpoint_state(path: str) -> Any:
    """Returns the CheckpointState message of a file, its paths made to start at the file's folder.

    Raises:
        NotFoundError: there is no such file.
        DataLossError: the file is not the text form of the message.
    """
    from google.protobuf import text_format

    regular_file_size(path)
    with translated(path), open(path, "rb") as file:
        contents = file.read()
    try:
        state = text_format.Parse(contents.decode(), messages().CheckpointState())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise DataLossError(None, None, f"{path} is not a checkpoint state: {error}") from error
    folder = os.path.dirname(path)
    if state.model_checkpoint_path:
        state.model_checkpoint_path = os.path.join(folder, state.model_checkpoint_path)
    for position, stored in enumerate(state.all_model_checkpoint_paths):
        state.all_model_checkpoint_paths[position] = os.path.join(folder, stored)
    return state
