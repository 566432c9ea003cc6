"""Something that may wait, run in a thread of its own, for tests that must never hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

MOST = 10.0  # seconds after which a test fails instead of waiting on
SHORT = 0.05  # seconds in which what does not wait has happened


class Started:
    """A call in a daemon thread.

    Args:
        function: what is called.
        args: its arguments.
    """

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self._function = function
        self._args = args
        self._value: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()

    def _call(self) -> None:
        try:
            self._value = self._function(*self._args)
        except BaseException as error:
            self._error = error

    @property
    def waits(self) -> bool:
        """Whether it still waits after a short time."""
        self._thread.join(SHORT)
        return self._thread.is_alive()

    def result(self) -> Any:
        """What the call returned, or its exception raised."""
        self._thread.join(MOST)
        assert not self._thread.is_alive(), "the call still waits"
        if self._error is not None:
            raise self._error
        return self._value


def until(condition: Callable[[], Any]) -> None:
    """Waits until `condition()` is true; fails where that takes too long."""
    end = time.monotonic() + MOST
    while not condition():
        assert time.monotonic() < end, "what the test waits for never came"
        time.sleep(0.001)
