"""The files of checkpoints and the `checkpoint` file beside them: which there are, which is the
newest.
"""

from __future__ import annotations

import functools
import glob
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from penstock.formats.checkpoint import index_path
from penstock.formats.checkpoint_state import (
    checkpoint_state,
    path_to_store,
    read_checkpoint_state,
    relative_path_to_store,
    write_checkpoint_state,
)
from penstock.formats.os_errors import translated
from penstock.graph.errors import NotFoundError, OpError
from penstock.graph.export import export
from penstock.graph.log import LOG

_STATE_FILE = "checkpoint"
_POLL_SECONDS = 1.0
_WILDCARD = re.compile(r"[*?\[]")
_SHARD_SUFFIX = re.compile(r"-[\d?]+-of-\d+$")


@export("train.generate_checkpoint_state_proto")
def generate_checkpoint_state_proto(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> Any:
    """Returns the CheckpointState message for a folder.

    Args:
        save_dir: the folder; where it is relative, relative paths are counted from it.
        model_checkpoint_path: the newest checkpoint; added to the others where it is missing.
        all_model_checkpoint_paths: all that are kept, oldest first.
        all_model_checkpoint_timestamps: seconds since the epoch, one for each of them.
        last_preserved_timestamp: when a checkpoint was last kept for good.

    Raises:
        ValueError: the timestamps are not as many as the paths.

    Example:
        >>> tf.train.generate_checkpoint_state_proto("logs", "logs/m-1").model_checkpoint_path
        'm-1'
    """
    return _state(
        functools.partial(path_to_store, save_dir),
        model_checkpoint_path,
        all_model_checkpoint_paths,
        all_model_checkpoint_timestamps,
        last_preserved_timestamp,
    )


@export("train.update_checkpoint_state")
def update_checkpoint_state(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> None:
    """Writes the `checkpoint` file of a folder.

    Args:
        save_dir: the folder.
        model_checkpoint_path: the newest checkpoint.
        all_model_checkpoint_paths: all that are kept, oldest first.
        latest_filename: of the file; "checkpoint" if not given.
        all_model_checkpoint_timestamps: seconds since the epoch, one for each of them.
        last_preserved_timestamp: when a checkpoint was last kept for good.

    Raises:
        RuntimeError: the checkpoint's path is that of the file.
        NotFoundError: the folder is missing.
        ValueError: the timestamps are not as many as the paths.

    Example:
        >>> tf.train.update_checkpoint_state(".", "model-1")
    """
    state = generate_checkpoint_state_proto(
        save_dir,
        model_checkpoint_path,
        all_model_checkpoint_paths,
        all_model_checkpoint_timestamps,
        last_preserved_timestamp,
    )
    _write_state(_state_path(save_dir, latest_filename), state)


def update_relative_checkpoint_state(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> None:
    """Writes as `update_checkpoint_state`, with absolute paths, too, counted from the folder.

    This is what `Saver(save_relative_paths=True)` asks for.

    Example:
        >>> update_relative_checkpoint_state(".", "model-1")
    """
    state = _state(
        functools.partial(relative_path_to_store, save_dir),
        model_checkpoint_path,
        all_model_checkpoint_paths,
        all_model_checkpoint_timestamps,
        last_preserved_timestamp,
    )
    _write_state(_state_path(save_dir, latest_filename), state)


def _state(
    stored_form: Callable[[str], str],
    newest: str,
    paths: Sequence[str] | None,
    timestamps: Sequence[float] | None,
    last_preserved: float | None,
) -> Any:
    kept = [stored_form(path) for path in paths or ()]
    return checkpoint_state(stored_form(newest), kept, timestamps or (), last_preserved)


def _write_state(path: str, state: Any) -> None:
    if path == state.model_checkpoint_path:
        raise RuntimeError(
            f"Save path '{path}' conflicts with path used for checkpoint state.  Please use a "
            "different save path."
        )
    write_checkpoint_state(path, state)


def _state_path(folder: str, filename: str | None) -> str:
    return os.path.join(folder, filename or _STATE_FILE)


@export("train.get_checkpoint_state")
def get_checkpoint_state(checkpoint_dir: str, latest_filename: str | None = None) -> Any:
    """Returns the CheckpointState message of a folder, or None where none can be read.

    Args:
        checkpoint_dir: the folder.
        latest_filename: of the file; "checkpoint" if not given.

    Raises:
        ValueError: the file names no newest checkpoint.

    Example:
        >>> tf.train.get_checkpoint_state(".").model_checkpoint_path
        './model-1'
    """
    path = _state_path(checkpoint_dir, latest_filename)
    if not os.path.exists(path):
        return None
    try:
        state = read_checkpoint_state(path)
    except OpError as error:
        LOG.warning("%s: Checkpoint ignored", error.message)
        return None
    if not state.model_checkpoint_path:
        raise ValueError(f"Invalid checkpoint state loaded from {checkpoint_dir}")
    return state


@export("train.latest_checkpoint")
def latest_checkpoint(checkpoint_dir: str, latest_filename: str | None = None) -> str | None:
    """Returns the path of the newest checkpoint of a folder, without a suffix, or None.

    Args:
        checkpoint_dir: the folder.
        latest_filename: of the file that says which it is; "checkpoint" if not given.

    Raises:
        NotFoundError: the folder that the file names is missing.

    Example:
        >>> tf.train.latest_checkpoint(".")
        './model-1'
    """
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None:
        return None
    found: str = state.model_checkpoint_path
    if _files_of(found):
        return found
    LOG.error("Couldn't match files for checkpoint %s", found)
    return None


@export("train.checkpoint_exists")
def checkpoint_exists(checkpoint_prefix: str) -> bool:
    """Returns True where a checkpoint, or a file of the old format, has this prefix or pattern.

    Args:
        checkpoint_prefix: the path that the saver gave.

    Raises:
        NotFoundError: the folder is missing.

    Example:
        >>> tf.train.checkpoint_exists("model-1")
        True
    """
    return bool(_files_of(checkpoint_prefix))


@export("train.get_checkpoint_mtimes")
def get_checkpoint_mtimes(checkpoint_prefixes: Sequence[str]) -> list[float]:
    """Returns when checkpoints were written, in whole seconds since the epoch.

    Missing ones are left out.

    Args:
        checkpoint_prefixes: the paths that savers gave.

    Example:
        >>> tf.train.get_checkpoint_mtimes(["model-1"])
    """
    times = []
    for prefix in checkpoint_prefixes:
        files = _files_of(prefix)
        if files:
            with translated(files[0]):
                times.append(float(int(os.stat(files[0]).st_mtime)))
    return times


@export("train.remove_checkpoint")
def remove_checkpoint(
    checkpoint_prefix: str, checkpoint_format_version: int = 2, meta_graph_suffix: str = "meta"
) -> None:
    """Removes the files of a checkpoint, its MetaGraph file included; missing ones are no error.

    Args:
        checkpoint_prefix: the checkpoint's path without a suffix.
        checkpoint_format_version: 2 for files with an index, 1 for the old single file.
        meta_graph_suffix: of the MetaGraph file.

    Raises:
        OpError: a file can't be removed.

    Example:
        >>> tf.train.remove_checkpoint("model-1")
    """
    meta_graph = meta_graph_filename(checkpoint_prefix, meta_graph_suffix)
    files = [checkpoint_prefix, meta_graph]
    if checkpoint_format_version == 2:
        # The index goes first: without it the rest is no checkpoint, should this be cut off.
        files[:1] = [index_path(checkpoint_prefix), *_data_files(checkpoint_prefix)]
    for file in files:
        for path in matching_files(file):
            with translated(path):
                os.unlink(path)


def _data_files(prefix: str) -> list[str]:
    return glob.glob(f"{glob.escape(prefix)}.data-?????-of-?????")


@export("train.checkpoints_iterator")
def checkpoints_iterator(
    checkpoint_dir: str,
    min_interval_secs: float = 0,
    timeout: float | None = None,
    timeout_fn: Callable[[], bool] | None = None,
) -> Iterator[str]:
    """Yields the newest checkpoint of a folder, and each newer one as it appears.

    Args:
        checkpoint_dir: the folder, which need not exist yet.
        min_interval_secs: at least this long from one to the next.
        timeout: how many seconds to wait for one; for ever if None.
        timeout_fn: called when the time is over; the iteration ends where it returns True, or where
            it is None.

    Example:
        >>> for path in tf.train.checkpoints_iterator(".", timeout=60):
        ...     evaluate(path)
    """
    seen: str | None = None
    while True:
        found = _wait_for_checkpoint(checkpoint_dir, seen, timeout)
        if found is None:
            if timeout_fn is None:
                LOG.info("Timed-out waiting for a checkpoint.")
                return
            if timeout_fn():
                return
            continue
        started = time.monotonic()
        seen = found
        yield found
        time.sleep(max(0.0, started + min_interval_secs - time.monotonic()))


def _wait_for_checkpoint(folder: str, seen: str | None, timeout: float | None) -> str | None:
    """The newest checkpoint once it is another than `seen`; None when the time is over."""
    stop = None if timeout is None else time.monotonic() + timeout
    while True:
        found = latest_checkpoint(folder)
        if found is not None and found != seen:
            return found
        if stop is not None and time.monotonic() + _POLL_SECONDS > stop:
            return None
        time.sleep(_POLL_SECONDS)


def meta_graph_filename(checkpoint_filename: str, meta_graph_suffix: str = "meta") -> str:
    """Returns the path of the MetaGraph file that belongs to a checkpoint.

    Example:
        >>> meta_graph_filename("model-1")
        'model-1.meta'
    """
    return f"{_SHARD_SUFFIX.sub('', checkpoint_filename)}.{meta_graph_suffix}"


def _files_of(prefix: str) -> list[str]:
    """The index of a checkpoint, else a file of the old format; prefixes may be patterns."""
    return matching_files(index_path(prefix)) or matching_files(prefix)


def matching_files(pattern: str) -> list[str]:
    """Returns the paths that a pattern with `*`, `?` and `[…]` matches, sorted.

    Raises:
        NotFoundError: the folder in front of the first wildcard is missing.

    Example:
        >>> matching_files("model-?.index")
        ['model-1.index']
    """
    if os.path.basename(pattern) in ("", os.curdir, os.pardir):
        return []  # no file has such a name
    folder = os.path.dirname(_WILDCARD.split(pattern, maxsplit=1)[0])
    if folder and not os.path.isdir(folder) and not os.path.isdir(os.path.dirname(pattern)):
        raise NotFoundError(None, None, f"{folder}; No such file or directory")
    if os.path.exists(pattern):  # a name that merely looks like a pattern, such as run[1]
        return [pattern]
    return sorted(glob.glob(pattern, include_hidden=True))
