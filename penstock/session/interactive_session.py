"""`tf.InteractiveSession`: the default session of a shell or notebook."""

from __future__ import annotations

import warnings
from typing import Any

from penstock.graph.export import export
from penstock.graph.graph import Graph
from penstock.graph.stacks import drop_session, push_session
from penstock.session.session import BaseSession


@export("InteractiveSession", "compat.v1.InteractiveSession")
class InteractiveSession(BaseSession):
    """A session, for shells and notebooks, that is the default one until it is closed.

    Args:
        target: the server to run on; "" is this process.
        graph: the graph to run; the default one where None.
        config: a `tf.ConfigProto`.

    Example:
        >>> sess = tf.InteractiveSession()
        >>> tf.constant(5.0).eval()
        np.float32(5.0)
        >>> sess.close()
    """

    _open = 0

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        if InteractiveSession._open > 0:
            warnings.warn(
                "An interactive session is already active. This can cause out-of-memory errors in "
                "some cases. You must explicitly call `InteractiveSession.close()` to release "
                "resources held by the other session(s).",
                stacklevel=2,
            )
        InteractiveSession._open += 1
        self._graph_context = None if graph is None else graph.as_default()
        if self._graph_context is not None:
            self._graph_context.__enter__()
        push_session(self)

    def close(self) -> None:
        """Closes it; it is the default session no more."""
        if not self._closed:
            InteractiveSession._open -= 1
            drop_session(self)
            if self._graph_context is not None:
                self._graph_context.__exit__(None, None, None)
        super().close()
