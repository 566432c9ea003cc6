"""`tf.train.SessionCreator`: how a monitored session makes its sessions."""

from __future__ import annotations

import abc
from typing import Any

from penstock.graph.export import export
from penstock.graph.stacks import default_graph
from penstock.train.scaffold import Scaffold
from penstock.train.session_manager import SessionManager


@export("train.SessionCreator")
class SessionCreator(abc.ABC):
    """Makes the sessions of a monitored session.

    Example:
        >>> class Plain(tf.train.SessionCreator):
        ...     def create_session(self):
        ...         return tf.Session()
        >>> sess = tf.train.MonitoredSession(Plain())
    """

    @abc.abstractmethod
    def create_session(self) -> Any:
        """Makes a `tf.Session` whose variables have values."""
        raise NotImplementedError(f"create_session is not implemented for {self}.")


class _ScaffoldedCreator(SessionCreator):
    """Makes sessions with a scaffold's operations."""

    def __init__(self, scaffold: Scaffold | None, master: str, config: Any) -> None:
        self._scaffold = scaffold or Scaffold()
        self._master = master
        self._config = config
        self._manager: SessionManager | None = None

    def _session_manager(self) -> SessionManager:
        """The manager, made once: its operations are known when the scaffold is finalized."""
        self._scaffold.finalize()
        if self._manager is None:
            self._manager = SessionManager(
                local_init_op=self._scaffold.local_init_op,
                ready_op=self._scaffold.ready_op,
                ready_for_local_init_op=self._scaffold.ready_for_local_init_op,
                graph=default_graph(),
            )
        return self._manager


@export("train.ChiefSessionCreator")
class ChiefSessionCreator(_ScaffoldedCreator):
    """Makes sessions that restore a checkpoint or initialize the variables.

    Args:
        scaffold: the operations; a new `tf.train.Scaffold` where None.
        master: the server; "" is this process.
        config: a `tf.ConfigProto`.
        checkpoint_dir: a folder whose newest checkpoint is restored.
        checkpoint_filename_with_path: a checkpoint to restore, in place of a folder.

    Example:
        >>> creator = tf.train.ChiefSessionCreator(checkpoint_dir="/tmp/model")
        >>> sess = tf.train.MonitoredSession(creator)
    """

    def __init__(
        self,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        checkpoint_dir: str | None = None,
        checkpoint_filename_with_path: str | None = None,
    ) -> None:
        super().__init__(scaffold, master, config)
        self._checkpoint_dir = checkpoint_dir
        self._checkpoint_filename_with_path = checkpoint_filename_with_path

    def create_session(self) -> Any:
        """Finalizes the scaffold, and makes a session."""
        manager, scaffold = self._session_manager(), self._scaffold
        return manager.prepare_session(
            self._master,
            saver=scaffold.saver,
            checkpoint_dir=self._checkpoint_dir,
            checkpoint_filename_with_path=self._checkpoint_filename_with_path,
            config=self._config,
            init_op=scaffold.init_op,
            init_feed_dict=scaffold.init_feed_dict,
            init_fn=scaffold.init_fn,
        )


@export("train.WorkerSessionCreator")
class WorkerSessionCreator(_ScaffoldedCreator):
    """Makes sessions that wait until another has initialized the variables.

    Args:
        scaffold: the operations; a new `tf.train.Scaffold` where None.
        master: the server; "" is this process.
        config: a `tf.ConfigProto`.
        max_wait_secs: how long to wait.
    """

    def __init__(
        self,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        max_wait_secs: float = 30 * 60,
    ) -> None:
        super().__init__(scaffold, master, config)
        self._max_wait_secs = max_wait_secs

    def create_session(self) -> Any:
        """Finalizes the scaffold, and waits for a session that is ready."""
        return self._session_manager().wait_for_session(
            self._master, config=self._config, max_wait_secs=self._max_wait_secs
        )
