"""Error classes of `tf.errors`, with TensorFlow's canonical codes.

An error raised while an op runs carries the op; its text ends with the user's
line that made the op.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from penstock.graph.graph import Operation

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16


class OpError(Exception):
    """An error raised while a graph runs.

    Args:
        node_def: the op's NodeDef protobuf message, or None.
        op: the `Operation` that failed, or None.
        message: what went wrong.
        error_code: one of the codes of this module.

    Example:
        >>> raise OpError(None, None, "went wrong", UNKNOWN)
    """

    code: int = UNKNOWN

    def __init__(
        self, node_def: Any, op: Operation | None, message: str, error_code: int | None = None
    ) -> None:
        super().__init__(message)
        self._node_def = node_def
        self._op = op
        self._message = message
        self._error_code = self.code if error_code is None else error_code
        self._origin = ""  # of an error from another process: what it says of its op

    @property
    def message(self) -> str:
        """What went wrong, without the place."""
        return self._message

    @property
    def op(self) -> Operation | None:
        """The operation that failed, where it is known."""
        return self._op

    @property
    def error_code(self) -> int:
        """The canonical code, an int."""
        return self._error_code

    @property
    def node_def(self) -> Any:
        """The failed op's NodeDef, where it is known."""
        if self._node_def is None and self._op is not None:
            return self._op.node_def
        return self._node_def

    def __str__(self) -> str:
        return self._message + self._told_origin()

    def _told_origin(self) -> str:
        if self._op is None:
            return self._origin
        return f"\n\nOriginal stack trace for {self._op.name!r}:\n{self._op.where()}"

    def __copy__(self) -> Self:
        told = (self._message, self._error_code, self._origin)
        return _again(type(self), self._node_def, self._op, *told)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()  # the op stays the same: it is part of its graph

    def __reduce__(self) -> tuple[Any, ...]:
        # The op does not leave the process; its NodeDef and its line do.
        told = (self._message, self._error_code, self._told_origin())
        return _again, (type(self), self.node_def, None, *told)


def _again(
    kind: Any, node_def: Any, op: Operation | None, message: str, code: int, origin: str = ""
) -> Any:
    """An error of that class, whatever arguments its constructor takes."""
    error = kind.__new__(kind, message)
    OpError.__init__(error, node_def, op, message, code)
    error._origin = origin
    return error


class CancelledError(OpError):
    """An operation or a step was cancelled."""

    code = CANCELLED


class UnknownError(OpError):
    """An error whose kind is not known, such as one raised by a Python function in the graph."""

    code = UNKNOWN


class InvalidArgumentError(OpError):
    """An operation received an invalid argument."""

    code = INVALID_ARGUMENT


class DeadlineExceededError(OpError):
    """A deadline passed before an operation was complete."""

    code = DEADLINE_EXCEEDED


class NotFoundError(OpError):
    """A requested thing, such as a file or a variable, was not found."""

    code = NOT_FOUND


class AlreadyExistsError(OpError):
    """A thing that was to be made is there already."""

    code = ALREADY_EXISTS


class PermissionDeniedError(OpError):
    """The caller may not run the operation."""

    code = PERMISSION_DENIED


class ResourceExhaustedError(OpError):
    """A resource, such as memory, has run out."""

    code = RESOURCE_EXHAUSTED


class FailedPreconditionError(OpError):
    """The system is not in the state that the operation needs."""

    code = FAILED_PRECONDITION


class AbortedError(OpError):
    """An operation was aborted, as by `tf.Session.reset`."""

    code = ABORTED


class OutOfRangeError(OpError):
    """An operation went past the end, as of a file or a queue."""

    code = OUT_OF_RANGE


class UnimplementedError(OpError):
    """An operation is not supported for what it was given."""

    code = UNIMPLEMENTED


class InternalError(OpError):
    """An invariant of the system is broken."""

    code = INTERNAL


class UnavailableError(OpError):
    """The runtime is not available now."""

    code = UNAVAILABLE


class DataLossError(OpError):
    """Data is lost or corrupt, as in a torn checkpoint."""

    code = DATA_LOSS


class UnauthenticatedError(OpError):
    """The request has no valid credentials."""

    code = UNAUTHENTICATED


class InaccessibleTensorError(ValueError):
    """What is fetched belongs to a part of the graph that cannot be fetched from outside."""


_CLASS_OF_CODE: dict[int, type[OpError]] = {cls.code: cls for cls in OpError.__subclasses__()}


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """Returns the error class of a canonical code.

    Args:
        error_code: one of the codes in `tf.errors`.

    Raises:
        KeyError: there is no such code.

    Example:
        >>> exception_type_from_error_code(5).__name__
        'NotFoundError'
    """
    return _CLASS_OF_CODE[error_code]


def error_code_from_exception_type(cls: type[OpError]) -> int:
    """Returns the canonical code of an error class; UNKNOWN, with a warning, for other things.

    Args:
        cls: a class of `tf.errors`.

    Example:
        >>> error_code_from_exception_type(NotFoundError)
        5
    """
    if isinstance(cls, type) and issubclass(cls, OpError):
        return cls.code
    warnings.warn("Unknown class exception", stacklevel=2)
    return UNKNOWN


PACKAGE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
