"""Files that appear whole or not at all: written beside their target, then renamed onto it."""

from __future__ import annotations

import io
import os
import weakref
from collections.abc import Sequence
from typing import Any

from penstock.formats.os_errors import translated

_BUFFER_SIZE = 256 * 1024


class StagedFile:
    """A file being written beside `target`; `commit` puts it there, and nothing remains without it.

    Args:
        target: where the file is to stand.

    Raises:
        OpError: the file can't be made, such as NotFoundError where its folder is missing.

    Example:
        >>> staged = StagedFile("/tmp/state")
        >>> staged.write(b"whole")
        >>> staged.commit()
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self._temporary = f"{target}.tempstate{os.urandom(8).hex()}"
        with translated(self._temporary):
            self._file = io.BufferedWriter(io.FileIO(self._temporary, "xb"), _BUFFER_SIZE)
        # Also runs when this object or the process ends without commit or discard.
        self._remove = weakref.finalize(self, _remove, self._file, self._temporary)

    def write(self, data: Any) -> None:
        """Appends bytes, or a one-dimensional uint8 array."""
        with translated(self._temporary):
            self._file.write(data)

    def close(self) -> None:
        """Writes out what is buffered, so that a full disk shows before anything is renamed."""
        with translated(self._temporary):
            self._file.close()

    def commit(self) -> None:
        """Moves the file onto its target, in one step that other readers see whole."""
        self.close()
        with translated(self.target):
            os.replace(self._temporary, self.target)
        self._remove.detach()

    def discard(self) -> None:
        """Removes the file; does nothing after `commit` or a first `discard`."""
        self._remove()


def commit_in_order(files: Sequence[StagedFile]) -> None:
    """Puts files in their places one after the other; if one can't be, none remains.

    Raises:
        OpError: a file couldn't be written out or renamed.
    """
    put = []
    try:
        for file in files:
            file.close()
        for file in files:
            file.commit()
            put.append(file.target)
    except BaseException:
        for file in files:
            file.discard()
        for target in put:
            os.unlink(target)
        raise


def _remove(file: io.BufferedWriter[io.FileIO], path: str) -> None:
    file.raw.close()  # without its buffer, which a full disk would refuse
    os.unlink(path)
