"""`tf.train.SessionRunHook`: what is told of, and may add to, each run of a monitored session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.graph.export import export

if TYPE_CHECKING:
    from penstock.train.coordinator import Coordinator


@export("train.SessionRunArgs")
class SessionRunArgs(NamedTuple):
    """What a hook adds to a run.

    Args:
        fetches: what to fetch, structured as for `Session.run`; None for nothing.
        feed_dict: what to feed, or None.
        options: a `tf.RunOptions` that is merged into that of the run, or None.

    Example:
        >>> tf.train.SessionRunArgs({"loss": loss})
    """

    fetches: Any
    feed_dict: Any = None
    options: Any = None


@export("train.SessionRunValues")
class SessionRunValues(NamedTuple):
    """What came of a run.

    Args:
        results: the values of what the hook asked for, in its structure; None for nothing.
        options: the run's `tf.RunOptions`.
        run_metadata: the run's `tf.RunMetadata`.
    """

    results: Any
    options: Any
    run_metadata: Any


@export("train.SessionRunContext")
class SessionRunContext:
    """The run that a hook is told of.

    Args:
        original_args: what the program asked for.
        session: the session that runs it.
    """

    def __init__(self, original_args: SessionRunArgs, session: Any) -> None:
        self._original_args = original_args
        self._session = session
        self._stop_requested = False

    @property
    def original_args(self) -> SessionRunArgs:
        """What the program asked for, without what hooks added."""
        return self._original_args

    @property
    def session(self) -> Any:
        """The `tf.Session` that runs it: its runs call no hooks."""
        return self._session

    @property
    def stop_requested(self) -> bool:
        """Whether a hook has called `request_stop`."""
        return self._stop_requested

    def request_stop(self) -> None:
        """Makes `should_stop` of the monitored session True after this run."""
        self._stop_requested = True


@export("train.SessionRunHook")
class SessionRunHook:
    """What is told of each run of a `tf.train.MonitoredSession`, and may add to it.

    Each method does nothing until a subclass overrides it.

    Example:
        >>> class CountRuns(tf.train.SessionRunHook):
        ...     count = 0
        ...     def after_run(self, run_context, run_values):
        ...         self.count += 1
        >>> with tf.train.MonitoredSession(hooks=[CountRuns()]) as sess:
        ...     sess.run(train_op)
    """

    def begin(self) -> None:
        """Called once, before the session is made. The last chance to add to the graph."""

    def after_create_session(self, session: Any, coord: Coordinator) -> None:
        """Called when a session was made: also in place of one that an error has ended.

        Args:
            session: the `tf.Session`.
            coord: the coordinator of its threads.
        """

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Called before each run.

        Args:
            run_context: the run.

        Returns:
            What to add to the run, or None.
        """
        return None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Called after each run that raised nothing.

        Args:
            run_context: the run, the same as for `before_run`.
            run_values: what came of it.
        """

    def end(self, session: Any) -> None:
        """Called before the session is closed, unless because of an error.

        Args:
            session: the `tf.Session`.
        """
