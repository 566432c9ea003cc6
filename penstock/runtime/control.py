"""What ends a run from outside: a deadline, or the session's end."""

from __future__ import annotations

import time

from penstock.graph.errors import DeadlineExceededError
from penstock.runtime.state import SessionState


class RunControl:
    """The limits of one run.

    Args:
        state: the session's state; its end cancels the run.
        timeout: seconds until the run's deadline, or None.
    """

    __slots__ = ("_deadline", "_state", "_timeout")

    def __init__(self, state: SessionState, timeout: float | None = None) -> None:
        self._state = state
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout

    @property
    def has_deadline(self) -> bool:
        """True where the run may not take as long as it likes."""
        return self._deadline is not None

    def check(self) -> None:
        """Raises CancelledError or DeadlineExceededError where the run must end."""
        self._state.check()
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise DeadlineExceededError(
                None,
                None,
                f"Timed out waiting for notification: the run took over {self._timeout} s",
            )

    def wait(self, seen: int) -> None:
        """Waits until something changes that ops wait for, such as a queue.

        Args:
            seen: the state's count of changes when the ops were last tried.
        """
        changed = self._state.changed
        with changed:
            while self._state.changes == seen and not self._state.cancelled:
                left = None if self._deadline is None else self._deadline - time.monotonic()
                if left is not None and left <= 0:
                    break
                changed.wait(left)
        self.check()
