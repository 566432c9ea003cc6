"""The stacks of default graphs and default sessions, one of each to a thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.graph.graph import Graph


class _Stacks(threading.local):
    def __init__(self) -> None:
        self.graphs: list[Graph] = []
        self.sessions: list[Any] = []


_stacks = _Stacks()
_global_graph: list[Graph] = []
_global_lock = threading.Lock()


def default_graph() -> Graph:
    """The graph that new operations join in this thread.

    Example:
        >>> tf.get_default_graph()
    """
    if _stacks.graphs:
        return _stacks.graphs[-1]
    return _global_graph[-1] if _global_graph else _make_global_graph()


def _make_global_graph() -> Graph:
    from penstock.graph.graph import Graph

    with _global_lock:
        if not _global_graph:
            _global_graph.append(Graph())
    return _global_graph[-1]


def reset_default_graph() -> None:
    """Puts an empty graph in the place of the global default graph.

    Raises:
        AssertionError: called inside `with graph.as_default()`.

    Example:
        >>> tf.reset_default_graph()
    """
    if _stacks.graphs:
        raise AssertionError(
            "Do not use tf.reset_default_graph() to clear nested graphs. If you need a cleared "
            "graph, exit the nesting and create a new graph."
        )
    with _global_lock:
        _global_graph.clear()


class GraphAsDefault:
    """`with GraphAsDefault(graph)`: makes it the default one in this thread, inside the block."""

    __slots__ = ("_graph",)

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __enter__(self) -> Graph:
        _stacks.graphs.append(self._graph)
        return self._graph

    def __exit__(self, *unused: object) -> None:
        stack = _stacks.graphs
        if not stack or stack[-1] is not self._graph:
            raise AssertionError(
                f"Nesting violated for default stack of {type(self._graph)} objects"
            )
        stack.pop()


def default_session() -> Any:
    """The innermost default session of this thread, or None.

    Example:
        >>> tf.get_default_session()
    """
    return _stacks.sessions[-1] if _stacks.sessions else None


def push_session(session: Any) -> None:
    """Makes `session` the default one in this thread."""
    _stacks.sessions.append(session)


def pop_session(session: Any) -> None:
    """Undoes `push_session`.

    Raises:
        AssertionError: another session was made the default since.
    """
    if not _stacks.sessions or _stacks.sessions[-1] is not session:
        raise AssertionError(f"Nesting violated for default stack of {type(session)} objects")
    _stacks.sessions.pop()


def drop_session(session: Any) -> None:
    """Takes `session` off the stack, wherever it stands there."""
    _stacks.sessions[:] = [other for other in _stacks.sessions if other is not session]
