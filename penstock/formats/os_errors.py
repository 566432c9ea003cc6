"""The operating system's errors as TensorFlow's: a missing file is a NotFoundError."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from penstock.graph import errors

_CLASS_OF_ERRNO: dict[int, type[errors.OpError]] = {
    errno.ENOENT: errors.NotFoundError,
    errno.EEXIST: errors.AlreadyExistsError,
    errno.EACCES: errors.PermissionDeniedError,
    errno.EPERM: errors.PermissionDeniedError,
    errno.EROFS: errors.PermissionDeniedError,
    errno.EISDIR: errors.FailedPreconditionError,
    errno.ENOTDIR: errors.FailedPreconditionError,
    errno.ENOTEMPTY: errors.FailedPreconditionError,
    errno.EBUSY: errors.FailedPreconditionError,
    errno.EINVAL: errors.InvalidArgumentError,
    errno.ENAMETOOLONG: errors.InvalidArgumentError,
    errno.ENOSPC: errors.ResourceExhaustedError,
    errno.EMFILE: errors.ResourceExhaustedError,
    errno.ENFILE: errors.ResourceExhaustedError,
}


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Turns an OSError inside the block into TensorFlow's error for `path`.

    Raises:
        OpError: of the class that the system's error number calls for; UnknownError for the rest.

    Example:
        >>> with translated("missing"):
        ...     open("missing")
        Traceback (most recent call last):
        penstock.graph.errors.NotFoundError: missing; No such file or directory
    """
    try:
        yield
    except OSError as error:
        cls = _CLASS_OF_ERRNO.get(error.errno or 0, errors.UnknownError)
        raise cls(None, None, f"{path}; {error.strerror or error}") from error
    except ValueError as error:
        if "\0" not in path:  # Python refuses such a path before the system does
            raise
        raise errors.InvalidArgumentError(None, None, f"{path!r}; {error}") from error


def regular_file_size(path: str) -> int:
    """Returns the size of a file in bytes, and refuses what isn't a file: a pipe would block its
    reader forever.

    Raises:
        NotFoundError: there is no such file.
        FailedPreconditionError: it is a directory, a pipe or a device.

    Example:
        >>> regular_file_size(os.devnull)
        Traceback (most recent call last):
        penstock.graph.errors.FailedPreconditionError: /dev/null; Not a regular file
    """
    with translated(path):
        status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise errors.FailedPreconditionError(None, None, f"{path}; Is a directory")
    if not stat.S_ISREG(status.st_mode):
        raise errors.FailedPreconditionError(None, None, f"{path}; Not a regular file")
    return status.st_size
