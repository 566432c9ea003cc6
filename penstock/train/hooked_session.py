"""The layers of a monitored session: around a session its hooks, its coordinator, its recovery.

Each layer has one purpose, and hands an action on to the layer below, `_sess`. The innermost
session is a `tf.Session`.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from penstock.graph.collections import GraphKeys
from penstock.graph.errors import AbortedError, UnavailableError
from penstock.graph.log import LOG
from penstock.graph.stacks import default_graph
from penstock.train.coordinator import Coordinator
from penstock.train.queue_runner import start_queue_runners
from penstock.train.session_creator import SessionCreator
from penstock.train.session_run_hook import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)

_T = TypeVar("_T")

PREEMPTION_ERRORS = (AbortedError, UnavailableError)  # a server has gone: a new session may do


class StepContext:
    """What the function of `run_step_fn` gets.

    Args:
        session: the `tf.Session`.
        run_with_hooks_fn: runs as the monitored session does.
    """

    def __init__(self, session: Any, run_with_hooks_fn: Callable[..., Any]) -> None:
        self._session = session
        self._run_with_hooks_fn = run_with_hooks_fn

    @property
    def session(self) -> Any:
        """The `tf.Session`: its runs call no hooks."""
        return self._session

    def run_with_hooks(self, *args: Any, **kwargs: Any) -> Any:
        """Runs as `MonitoredSession.run` does, with the same arguments."""
        return self._run_with_hooks_fn(*args, **kwargs)

    def request_stop(self) -> None:
        """Ends the function and the `with` block of the session around it.

        Raises:
            StopIteration: always.
        """
        raise StopIteration("step_fn has requested the iterations to stop.")


class HookedSession:
    """Calls hooks around each run of a session.

    Args:
        sess: the `tf.Session`.
        hooks: the hooks, in the order in which they are called.
    """

    def __init__(self, sess: Any, hooks: Sequence[SessionRunHook]) -> None:
        self._sess = sess
        self._hooks = hooks
        self._should_stop = False
        self.stages = HookedStages(self)

    def should_stop(self) -> bool:
        """Whether a hook has asked to stop."""
        return self._should_stop

    def run(
        self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """Runs with what the hooks add; see `Session.run`."""

        def run(also: list[Any], feeds: Any) -> list[Any]:
            # A list of tensors alone is looked up by the session, a nested one taken apart.
            several = type(fetches) is list
            both = [*(fetches if several else [fetches]), *also]
            values = self._sess.run(both, feeds, options, run_metadata)
            count = len(both) - len(also)
            return [values[:count] if several else values[0], *values[count:]]

        self.check_not_stopped()
        if not self._hooks:
            return self._sess.run(fetches, feed_dict, options, run_metadata)
        messages = _messages()
        options = options or messages.RunOptions()
        run_metadata = run_metadata or messages.RunMetadata()
        return self.run_hooked(SessionRunArgs(fetches, feed_dict), options, run_metadata, run)

    def check_not_stopped(self) -> None:
        """Raises RuntimeError after a hook has asked to stop."""
        if self._should_stop:
            raise RuntimeError("Run called even after should_stop requested.")

    def run_hooked(
        self,
        asked: SessionRunArgs,
        options: Any,
        run_metadata: Any,
        run: Callable[[list[Any], Any], list[Any]],
    ) -> Any:
        """Calls the hooks around a run.

        Args:
            asked: what the program asks for.
            options: the RunOptions, into which those of hooks are merged.
            run_metadata: the RunMetadata.
            run: runs with more fetches and all feeds; gives the program's value, then the others'.
        """
        context = SessionRunContext(asked, self._sess)
        requests = [hook.before_run(context) or SessionRunArgs(None) for hook in self._hooks]
        for request in requests:
            if request.options:
                _merge_options(options, request.options)
        also = [request.fetches for request in requests if request.fetches is not None]
        own, *others = run(also, _all_feeds(asked.feed_dict, requests))
        left = iter(others)
        for hook, request in zip(self._hooks, requests, strict=True):
            results = None if request.fetches is None else next(left)
            hook.after_run(context, SessionRunValues(results, options, run_metadata))
        self._should_stop = self._should_stop or context.stop_requested
        return own


class HookedStages:
    """The partial runs of a session with hooks, to which the stages of a handle are one run.

    The hooks are called around the stage that fetches the last of what was named at setup, and
    again around each later one by which all of it has been fetched anew.

    Args:
        hooked: the session with its hooks.
    """

    def __init__(self, hooked: HookedSession) -> None:
        self._hooked = hooked
        self._missing: weakref.WeakKeyDictionary[Any, set[Any]] = weakref.WeakKeyDictionary()
        # What hooks have asked for. Handles name it from the start, and so keep what it needs.
        self._asked: dict[Any, None] = {}

    def set_up(self, fetches: Any, feeds: Any, strict: bool) -> Any:
        """Gives a handle; see `Session.partial_run_setup`."""
        self._hooked.check_not_stopped()
        handle = self._hooked._sess.partial_run_setup(fetches, feeds, strict=strict)
        handle.name_more(self._asked)
        self._missing[handle] = set(handle.named)
        return handle

    def run(
        self, handle: Any, fetches: Any, feed_dict: Any, options: Any, run_metadata: Any
    ) -> Any:
        """Runs a stage; see `Session.partial_run`."""

        def run(also: list[Any], feeds: Any) -> list[Any]:
            self._asked.update(dict.fromkeys(handle.elements(also)))
            given = (fetches, feeds, also, options, run_metadata)
            values: list[Any] = self._hooked._sess._partial_run_also(handle, *given)
            return values

        self._hooked.check_not_stopped()
        missing = self._missing[handle] if handle in self._missing else None
        found = missing.intersection(handle.elements(fetches)) if missing else ()
        if not missing or len(found) < len(missing) or not self._hooked._hooks:
            value = self._hooked._sess.partial_run(
                handle, fetches, feed_dict, options=options, run_metadata=run_metadata
            )
        else:
            messages = _messages()
            options = options or messages.RunOptions()
            run_metadata = run_metadata or messages.RunMetadata()
            asked = SessionRunArgs(fetches, feed_dict)
            value = self._hooked.run_hooked(asked, options, run_metadata, run)
        if missing:
            missing.difference_update(found)
            missing.update(() if missing else handle.named)
        return value


@functools.cache
def _messages() -> Any:
    from tensorboard.compat.proto import config_pb2

    return config_pb2


def _all_feeds(own: Any, requests: Sequence[SessionRunArgs]) -> Any:
    """The feeds of hooks and the program together; RuntimeError where two feed the same."""
    feeds: dict[Any, Any] = {}
    for request in requests:
        if request.feed_dict:
            _check_apart(feeds, request.feed_dict, "Same tensor is fed by two hooks.")
            feeds.update(request.feed_dict)
    if not feeds:
        return own
    if own:
        _check_apart(own, feeds, "Same tensor is fed by a SessionRunHook and user.")
        feeds.update(own)
    return feeds


def _check_apart(one: Mapping[Any, Any], other: Mapping[Any, Any], message: str) -> None:
    both = [key for key in one if key in other]
    if both:
        raise RuntimeError(f"{message} Conflict(s): {both}")


def _merge_options(options: Any, more: Any) -> None:
    """Merges RunOptions into others: the larger number, and true if either is."""
    for field in (
        "trace_level",
        "timeout_in_ms",
        "inter_op_thread_pool",
        "output_partition_graphs",
        "report_tensor_allocations_upon_oom",
    ):
        setattr(options, field, max(getattr(options, field), getattr(more, field)))
    watched = more.debug_options
    options.debug_options.debug_tensor_watch_opts.extend(watched.debug_tensor_watch_opts)
    options.debug_options.reset_disk_byte_usage |= watched.reset_disk_byte_usage


class CoordinatedSession:
    """Ends with its coordinator: an error in a thread ends the runs, too.

    Args:
        sess: the session with its hooks.
        coord: the coordinator.
        stop_grace_period_secs: how long threads may go on after `close`.
    """

    def __init__(
        self, sess: HookedSession, coord: Coordinator, stop_grace_period_secs: float
    ) -> None:
        self._sess = sess
        self._coord = coord
        self._stop_grace_period_secs = stop_grace_period_secs

    def should_stop(self) -> bool:
        """Whether the coordinator or a hook has asked to stop.

        Raises:
            BaseException: the error with which a thread has asked.
        """
        self._coord.raise_requested_exception()
        return self._coord.should_stop() or self._sess.should_stop()

    def do(self, action: Callable[[HookedSession], _T]) -> _T:
        """Does something with the session. Where a thread's server has gone, says so."""
        try:
            return action(self._sess)
        except PREEMPTION_ERRORS:
            raise
        except Exception:
            self._raise_preemption()  # which is then the cause
            raise

    def do_once(self, action: Callable[[HookedSession], _T]) -> _T:
        """The same as `do`."""
        return self.do(action)

    def _raise_preemption(self) -> None:
        try:
            self._coord.raise_requested_exception()
        except PREEMPTION_ERRORS:
            raise
        except Exception as error:
            LOG.info("A thread has failed, too: %r", error)

    def run_step_fn(self, step_fn: Callable[[StepContext], _T]) -> _T:
        """Calls a function with the session; see `MonitoredSession.run_step_fn`."""

        def run(*args: Any, **kwargs: Any) -> Any:
            return self.do(lambda hooked: hooked.run(*args, **kwargs))

        return step_fn(StepContext(self._sess._sess, run))

    def close(self) -> None:
        """Ends the threads and the session.

        Raises:
            BaseException: the error with which a thread has asked to stop.
        """
        self._coord.request_stop()
        try:
            self._coord.join(
                stop_grace_period_secs=self._stop_grace_period_secs, ignore_live_threads=True
            )
        finally:
            self._sess._sess.close()


class CoordinatedSessionCreator:
    """Makes sessions with their hooks, coordinator and queue runners.

    Args:
        session_creator: makes the `tf.Session`.
        hooks: the hooks.
        stop_grace_period_secs: how long threads may go on after `close`.

    Attributes:
        coord: the coordinator of the newest session.
        tf_sess: the newest `tf.Session`.
    """

    def __init__(
        self,
        session_creator: SessionCreator,
        hooks: Sequence[SessionRunHook],
        stop_grace_period_secs: float,
    ) -> None:
        self._session_creator = session_creator
        self._hooks = hooks
        self._stop_grace_period_secs = stop_grace_period_secs
        self.coord: Coordinator | None = None
        self.tf_sess: Any = None

    def create_session(self) -> CoordinatedSession:
        """Makes a session, starts the queue runners, and tells the hooks."""
        self.tf_sess = self._session_creator.create_session()
        self.coord = Coordinator(clean_stop_exception_types=())  # every error is to be seen
        if default_graph().get_collection(GraphKeys.QUEUE_RUNNERS):
            start_queue_runners(sess=self.tf_sess, coord=self.coord)
        for hook in self._hooks:
            hook.after_create_session(self.tf_sess, self.coord)
        hooked = HookedSession(self.tf_sess, self._hooks)
        return CoordinatedSession(hooked, self.coord, self._stop_grace_period_secs)


class RecoverableSession:
    """Makes the session anew where a server has gone, and goes on.

    Args:
        creator: makes the sessions.
    """

    def __init__(self, creator: CoordinatedSessionCreator) -> None:
        self._creator = creator
        self._sess: CoordinatedSession | None = self._create()

    def _create(self) -> CoordinatedSession:
        while True:
            try:
                return self._creator.create_session()
            except PREEMPTION_ERRORS as error:
                LOG.info("A session could not be made, and is made anew: %s", error)

    def should_stop(self) -> bool:
        """Whether there is an error, or the coordinator or a hook has asked to stop."""
        if self._sess is None:
            return True
        try:
            return self._sess.should_stop()
        except PREEMPTION_ERRORS as error:
            self._drop(error)
            self._sess = self._create()
            return False
        except Exception as error:
            LOG.info("The session should stop: %r", error)  # `close` raises it
            return True

    def do(self, action: Callable[[HookedSession], _T]) -> _T:
        """Does something with the session; again with a new one, where a server has gone."""
        return self._retry(lambda sess: sess.do(action))

    def do_once(self, action: Callable[[HookedSession], _T]) -> _T:
        """Does something that a new session cannot go on with; the next action gets a new one."""
        sess = self._sess = self._sess or self._create()
        try:
            return sess.do(action)
        except PREEMPTION_ERRORS as error:
            self._drop(error)
            raise

    def run_step_fn(self, step_fn: Callable[[StepContext], _T]) -> _T:
        """Calls a function with the session; again with a new one, where a server has gone."""
        return self._retry(lambda sess: sess.run_step_fn(step_fn))

    def _retry(self, action: Callable[[CoordinatedSession], _T]) -> _T:
        while True:
            sess = self._sess = self._sess or self._create()
            try:
                return action(sess)
            except PREEMPTION_ERRORS as error:
                self._drop(error)

    def _drop(self, reason: Exception) -> None:
        LOG.info("The session is closed, and a new one is made: %s", reason)
        self.close()

    def close(self) -> None:
        """Ends the threads and the session."""
        sess, self._sess = self._sess, None
        if sess is None:
            return
        try:
            sess.close()
        except PREEMPTION_ERRORS as error:
            LOG.warning("A server had gone when the session was closed: %s", error)
