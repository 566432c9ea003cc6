"""Which sessions are open: threads open, close and look at once."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary


class OpenSessions:
    """Sessions, while they are open and somebody has them.

    A `WeakSet` cannot be walked while another thread, or a destructor, adds to it or takes away.
    """

    def __init__(self) -> None:
        self._sessions: WeakValueDictionary[int, Any] = WeakValueDictionary()

    def add(self, session: Any) -> None:
        """Adds a session."""
        self._sessions[id(session)] = session

    def discard(self, session: Any) -> None:
        """Takes a session out."""
        self._sessions.pop(id(session), None)

    def found(self) -> list[Any]:
        """Those that are open now."""
        sessions = [reference() for reference in self._sessions.valuerefs()]
        return [session for session in sessions if session is not None and not session.closed]
