"""`tf.train.MonitoredSession`: a session that prepares itself, calls hooks, and recovers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from penstock.graph import errors
from penstock.graph.export import export
from penstock.graph.graph import Graph
from penstock.graph.stacks import default_graph
from penstock.train import hooked_session as layers
from penstock.train.scaffold import Scaffold
from penstock.train.session_creator import ChiefSessionCreator, SessionCreator
from penstock.train.session_run_hook import SessionRunHook

_CLEAN_ENDS = (errors.OutOfRangeError, StopIteration)  # the data have come to their end


class _MonitoredSession:
    """What `MonitoredSession` and `SingularMonitoredSession` share."""

    StepContext = layers.StepContext

    def __init__(
        self,
        session_creator: SessionCreator | None,
        hooks: Iterable[SessionRunHook] | None,
        stop_grace_period_secs: float,
    ) -> None:
        self._graph_was_finalized = default_graph().finalized
        self._hooks = list(hooks or ())
        for hook in self._hooks:
            hook.begin()
        self._coordinated_creator = layers.CoordinatedSessionCreator(
            session_creator or ChiefSessionCreator(), self._hooks, stop_grace_period_secs
        )
        self._sess: layers.RecoverableSession | layers.CoordinatedSession | None
        self._sess = self._first_session(self._coordinated_creator)

    def _first_session(
        self, creator: layers.CoordinatedSessionCreator
    ) -> layers.RecoverableSession | layers.CoordinatedSession:
        return creator.create_session()

    def _open(self) -> layers.RecoverableSession | layers.CoordinatedSession:
        if self._sess is None:
            raise RuntimeError("Session is already closed.")
        return self._sess

    @property
    def graph(self) -> Graph | None:
        """The graph that it runs; None after `close`."""
        sess = self._tf_sess()
        return None if sess is None else sess.graph

    def run(
        self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """Runs what `fetches` and the hooks ask for, and calls the hooks.

        Args:
            fetches, feed_dict, options, run_metadata: as for `tf.Session.run`.

        Returns:
            As `tf.Session.run`.

        Raises:
            RuntimeError: the session is closed or should stop, or a tensor is fed twice.

        Example:
            >>> while not sess.should_stop():
            ...     sess.run(train_op)
        """
        return self._open().do(lambda hooked: hooked.run(fetches, feed_dict, options, run_metadata))

    def partial_run_setup(self, fetches: Any, feeds: Any = None, *, strict: bool = False) -> Any:
        """Prepares a run in stages. To the hooks, all of its stages are one run.

        They are called around the stage that fetches the last of what is named here: it fetches
        what they ask for, too, and takes their feeds. Where a handle goes on from batch to batch,
        they are called each time that all has been fetched anew.

        Args:
            fetches: all that the stages will fetch.
            feeds: all tensors that they will feed, those that hooks feed among them.
            strict: as for `tf.Session.partial_run_setup`.

        Returns:
            A handle for `partial_run`.

        Raises:
            RuntimeError: the session is closed or should stop.
            InvalidArgumentError: there is no fetch, or a tensor is fed and fetched.

        Example:
            >>> handle = sess.partial_run_setup([action, train_op], [state, reward])
            >>> act = sess.partial_run(handle, action, {state: observed})
            >>> sess.partial_run(handle, train_op, {reward: step(act)})
        """
        return self._open().do(lambda hooked: hooked.stages.set_up(fetches, feeds, strict))

    def partial_run(
        self,
        handle: Any,
        fetches: Any,
        feed_dict: Any = None,
        *,
        options: Any = None,
        run_metadata: Any = None,
    ) -> Any:
        """Runs the next stage of a run that `partial_run_setup` prepared.

        Where a server has gone, the handle has gone, too: the error is raised, and the next run
        or setup gets a new session.

        Args:
            handle: what `partial_run_setup` gave.
            fetches, feed_dict, options, run_metadata: as for `tf.Session.partial_run`.

        Returns:
            A structure like `fetches`.

        Raises:
            RuntimeError: the session is closed or should stop, or a tensor is fed twice.
            InvalidArgumentError: the handle is of another session, or a fetch or feed was not
                named at setup, or a fetch needs a feed that was not fed.

        Example:
            >>> act = sess.partial_run(handle, action, {state: observed})
        """
        return self._open().do_once(
            lambda hooked: hooked.stages.run(handle, fetches, feed_dict, options, run_metadata)
        )

    def partial_run_close(self, handle: Any) -> None:
        """Frees the values that a handle keeps; it cannot be used any more.

        Args:
            handle: what `partial_run_setup` gave.

        Raises:
            InvalidArgumentError: it is no handle of this session.

        Example:
            >>> sess.partial_run_close(handle)
        """
        self._open().do_once(lambda hooked: hooked._sess.partial_run_close(handle))

    def run_step_fn(self, step_fn: Callable[..., Any]) -> Any:
        """Calls a function that makes runs with and without hooks.

        Args:
            step_fn: takes one argument, `step_context`: its `session` is the `tf.Session`, its
                `run_with_hooks` this session's `run`, its `request_stop` ends the `with` block.

        Returns:
            What `step_fn` returns.

        Raises:
            ValueError: `step_fn` takes other arguments.
            StopIteration: it has called `request_stop`.

        Example:
            >>> def step(step_context):
            ...     state = step_context.session.run(init)
            ...     return step_context.run_with_hooks(train_op, {start: state})
            >>> sess.run_step_fn(step)
        """
        names = tuple(inspect.signature(step_fn).parameters)
        if names not in (("step_context",), ("self", "step_context")):
            raise ValueError(
                "`step_fn` may either have one `step_context` argument, or `self` and "
                f"`step_context` arguments if it's an instance method. Got {names} instead."
            )
        return self._open().run_step_fn(step_fn)

    def should_stop(self) -> bool:
        """Whether to make no more runs: a hook or thread has asked for it, or it is closed."""
        return self._sess is None or self._sess.should_stop()

    def close(self) -> None:
        """Calls the hooks' `end`, and ends the threads and the session.

        Raises:
            RuntimeError: it is closed already.
            BaseException: the error of a thread.
        """
        self._close(None)

    def _close(self, exception_type: type[BaseException] | None) -> None:
        sess = self._open()
        try:
            if exception_type is None:
                for hook in self._hooks:
                    hook.end(self._tf_sess())
        finally:
            try:
                sess.close()
            finally:
                self._sess = None
                self._coordinated_creator.tf_sess = None
                self._coordinated_creator.coord = None
                if not self._graph_was_finalized:
                    default_graph()._unsafe_unfinalize()

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if exception_type in _CLEAN_ENDS:
            exception_type = None
        self._close(exception_type)
        return exception_type is None

    def _tf_sess(self) -> Any:
        """The `tf.Session`; None after `close`. TF1 programs take it from here."""
        return self._coordinated_creator.tf_sess


@export("train.MonitoredSession")
class MonitoredSession(_MonitoredSession):
    """A session that prepares itself, calls hooks, and is made anew where a server has gone.

    It finalizes the default graph, initializes or restores the variables, and starts the queue
    runners. A `with` block closes it, and takes OutOfRangeError and StopIteration for its end.

    Args:
        session_creator: makes its sessions; a `tf.train.ChiefSessionCreator` where None.
        hooks: `tf.train.SessionRunHook`s, in the order in which they are called.
        stop_grace_period_secs: how long threads may go on after `close`.

    Example:
        >>> with tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(1000)]) as sess:
        ...     while not sess.should_stop():
        ...         sess.run(train_op)
    """

    def __init__(
        self,
        session_creator: SessionCreator | None = None,
        hooks: Iterable[SessionRunHook] | None = None,
        stop_grace_period_secs: float = 120,
    ) -> None:
        super().__init__(session_creator, hooks, stop_grace_period_secs)

    def _first_session(
        self, creator: layers.CoordinatedSessionCreator
    ) -> layers.RecoverableSession | layers.CoordinatedSession:
        return layers.RecoverableSession(creator)


@export("train.SingularMonitoredSession")
class SingularMonitoredSession(_MonitoredSession):
    """A `tf.train.MonitoredSession` of one session, which `raw_session` gives.

    Args:
        hooks: `tf.train.SessionRunHook`s, in the order in which they are called.
        scaffold: the operations that start it; a new `tf.train.Scaffold` where None.
        master: the server; "" is this process.
        config: a `tf.ConfigProto`.
        checkpoint_dir: a folder whose newest checkpoint is restored.
        stop_grace_period_secs: how long threads may go on after `close`.
        checkpoint_filename_with_path: a checkpoint to restore, in place of a folder.

    Example:
        >>> with tf.train.SingularMonitoredSession(checkpoint_dir="/tmp/model") as sess:
        ...     saver.save(sess.raw_session(), "/tmp/copy")
    """

    def __init__(
        self,
        hooks: Iterable[SessionRunHook] | None = None,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        checkpoint_dir: str | None = None,
        stop_grace_period_secs: float = 120,
        checkpoint_filename_with_path: str | None = None,
    ) -> None:
        creator = ChiefSessionCreator(
            scaffold, master, config, checkpoint_dir, checkpoint_filename_with_path
        )
        super().__init__(creator, hooks, stop_grace_period_secs)

    def raw_session(self) -> Any:
        """The `tf.Session`: its runs call no hooks. None after `close`."""
        return self._tf_sess()
