"""`tf.train.QueueRunner`: threads that fill a queue while others take from it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Any

from penstock.graph.collections import GraphKeys
from penstock.graph.errors import (
    OpError,
    OutOfRangeError,
    error_code_from_exception_type,
    exception_type_from_error_code,
)
from penstock.graph.export import export, export_lazily
from penstock.graph.graph import Graph
from penstock.graph.log import LOG
from penstock.graph.operation import Operation
from penstock.graph.stacks import default_graph, default_session
from penstock.ops.queue_classes import QueueBase
from penstock.train.coordinator import Coordinator

export_lazily("train.QueueRunnerDef", "penstock.formats.queue_runner_def", "QueueRunnerDef")


@export("train.QueueRunner", "train.queue_runner.QueueRunner")
class QueueRunner:
    """Threads that fill a queue, one for each of its enqueue operations.

    Args:
        queue: the queue.
        enqueue_ops: operations, each of which a thread runs again and again.
        close_op: run when all enqueue operations have come to their end; `queue.close()` where
            None.
        cancel_op: run when the coordinator stops; closes at once where None.
        queue_closed_exception_types: the errors that mean an enqueue operation's end; only
            OutOfRangeError where None.
        queue_runner_def: a QueueRunnerDef message that says all of this instead.
        import_scope: a name scope to put before the message's names.

    Raises:
        ValueError: the queue or its enqueue operations are missing.
        TypeError: `queue_closed_exception_types` is no tuple of `tf.errors` classes.

    Example:
        >>> runner = tf.train.QueueRunner(queue, [queue.enqueue(x)] * 4)
        >>> threads = runner.create_threads(sess, coord=coord, start=True)
    """

    def __init__(
        self,
        queue: QueueBase | None = None,
        enqueue_ops: Sequence[Any] | None = None,
        close_op: Any = None,
        cancel_op: Any = None,
        queue_closed_exception_types: tuple[type[OpError], ...] | None = None,
        queue_runner_def: Any = None,
        import_scope: str | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._threads_of: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._exceptions_raised: list[BaseException] = []
        if queue_runner_def is None:
            self._set_up(queue, enqueue_ops, close_op, cancel_op, queue_closed_exception_types)
        elif queue or enqueue_ops:
            raise ValueError("queue_runner_def and queue are mutually exclusive.")
        else:
            self._set_up_from(queue_runner_def, import_scope)

    def _set_up(
        self, queue: Any, enqueue_ops: Any, close_op: Any, cancel_op: Any, ends: Any
    ) -> None:
        if not queue or not enqueue_ops:
            raise ValueError("Must provide queue and enqueue_ops.")
        if ends is None:
            ends = (OutOfRangeError,)
        elif (
            not isinstance(ends, tuple)
            or not ends
            or not all([isinstance(end, type) and issubclass(end, OpError) for end in ends])
        ):
            raise TypeError(
                "queue_closed_exception_types, when provided, must be a tuple of tf.error types, "
                f"but saw: {ends}"
            )
        self._queue = queue
        self._name: str = queue.name
        self._graph: Graph = queue.queue_ref.graph
        self._enqueue_ops = list(enqueue_ops)
        self._close_op = queue.close() if close_op is None else close_op
        self._cancel_op = (
            queue.close(cancel_pending_enqueues=True) if cancel_op is None else cancel_op
        )
        self._queue_closed_exception_types = ends

    def _set_up_from(self, message: Any, import_scope: str | None) -> None:
        def found(name: str) -> Any:
            return graph.as_graph_element(f"{import_scope}/{name}" if import_scope else name)

        graph = default_graph()
        self._queue = found(message.queue_name)
        self._name = self._queue.name
        self._graph = graph
        self._enqueue_ops = [found(name) for name in message.enqueue_op_name]
        self._close_op = found(message.close_op_name)
        self._cancel_op = found(message.cancel_op_name)
        ends = [exception_type_from_error_code(c) for c in message.queue_closed_exception_types]
        self._queue_closed_exception_types = tuple(ends) or (OutOfRangeError,)

    @property
    def queue(self) -> Any:
        """The queue; its operation, where the runner was made from a message."""
        return self._queue

    @property
    def enqueue_ops(self) -> list[Operation]:
        """The operations that the threads run."""
        return self._enqueue_ops

    @property
    def close_op(self) -> Operation:
        """What closes the queue at the end."""
        return self._close_op

    @property
    def cancel_op(self) -> Operation:
        """What closes the queue at once."""
        return self._cancel_op

    @property
    def queue_closed_exception_types(self) -> tuple[type[OpError], ...]:
        """The errors that mean an enqueue operation's end."""
        return self._queue_closed_exception_types

    @property
    def exceptions_raised(self) -> list[BaseException]:
        """The exceptions in threads that no coordinator was told of."""
        return self._exceptions_raised

    @property
    def name(self) -> str:
        """The name of the queue's operation."""
        return self._name

    def create_threads(
        self, sess: Any, coord: Coordinator | None = None, daemon: bool = False, start: bool = False
    ) -> list[threading.Thread]:
        """Makes the threads that fill the queue in a session.

        Args:
            sess: the session.
            coord: what the threads report errors to, and stop with.
            daemon: whether the threads end with the program.
            start: start them.

        Returns:
            The threads: one for each enqueue operation, and one that waits for the coordinator.
            None where those of an earlier call still run.
        """
        with self._lock:
            if self._threads_of.get(sess, 0) > 0:
                return []
            self._threads_of[sess] = len(self._enqueue_ops)
            self._exceptions_raised = []
        prefix = f"QueueRunnerThread-{self._name}-"
        threads = [
            threading.Thread(target=self._fill, args=(sess, op, coord), name=prefix + op.name)
            for op in self._enqueue_ops
        ]
        if coord is not None:
            threads.append(
                threading.Thread(
                    target=self._close_on_stop,
                    args=(sess, coord),
                    name=f"{prefix}close_on_stop",
                )
            )
        for thread in threads:
            if coord is not None:
                coord.register_thread(thread)
            thread.daemon = daemon or thread.daemon
            if start:
                thread.start()
        return threads

    def _fill(self, sess: Any, enqueue_op: Operation, coord: Coordinator | None) -> None:
        """Runs an enqueue operation until its end, an error, or the coordinator's stop."""
        try:
            enqueue = sess.make_callable(enqueue_op)
            while coord is None or not coord.should_stop():
                enqueue()
        except self._queue_closed_exception_types:
            if self._count_down(sess) == 0:
                _run_quietly(sess, self._close_op)
            return
        except Exception as error:
            self._count_down(sess)
            if coord is None:
                with self._lock:
                    self._exceptions_raised.append(error)
                raise
            coord.request_stop(error)
            return
        self._count_down(sess)

    def _count_down(self, sess: Any) -> int:
        """Counts one thread less in a session; how many are left."""
        with self._lock:
            self._threads_of[sess] -= 1
            return self._threads_of[sess]

    def _close_on_stop(self, sess: Any, coord: Coordinator) -> None:
        coord.wait_for_stop()
        _run_quietly(sess, self._cancel_op)

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The QueueRunnerDef message that describes it; None where it lies outside a scope.

        Args:
            export_scope: a name scope, which is left out of the names.
        """
        if export_scope is not None and not self._name.startswith(export_scope):
            return None
        from penstock.formats.queue_runner_def import QueueRunnerDef

        return QueueRunnerDef(
            queue_name=_without_scope(self._name, export_scope),
            enqueue_op_name=[_without_scope(op.name, export_scope) for op in self._enqueue_ops],
            close_op_name=_without_scope(self._close_op.name, export_scope),
            cancel_op_name=_without_scope(self._cancel_op.name, export_scope),
            queue_closed_exception_types=[
                error_code_from_exception_type(end) for end in self._queue_closed_exception_types
            ],
        )

    @staticmethod
    def from_proto(queue_runner_def: Any, import_scope: str | None = None) -> QueueRunner:
        """The runner that a QueueRunnerDef message describes; its operations must be there."""
        return QueueRunner(queue_runner_def=queue_runner_def, import_scope=import_scope)


def stored_queue_runner(stored: bytes, import_scope: str | None = None) -> QueueRunner:
    """The runner that a serialized QueueRunnerDef message describes; see `from_proto`."""
    from penstock.formats.queue_runner_def import QueueRunnerDef

    return QueueRunner.from_proto(QueueRunnerDef.FromString(stored), import_scope)


def _run_quietly(sess: Any, op: Operation) -> None:
    """Runs what closes a queue. That it is closed already, or the session, is no error."""
    try:
        sess.run(op)
    except Exception as error:
        LOG.info("Ignored exception from %s: %s", op.name, error)


def _without_scope(name: str, scope: str | None) -> str:
    return name if scope is None else name.removeprefix(f"{scope}/")


@export("train.add_queue_runner", "train.queue_runner.add_queue_runner")
def add_queue_runner(qr: QueueRunner, collection: str = GraphKeys.QUEUE_RUNNERS) -> None:
    """Adds a QueueRunner to a collection of the default graph, for `start_queue_runners`.

    Args:
        qr: the runner.
        collection: the collection's name.

    Example:
        >>> tf.train.add_queue_runner(tf.train.QueueRunner(queue, [enqueue]))
    """
    default_graph().add_to_collection(collection, qr)


@export("train.start_queue_runners", "train.queue_runner.start_queue_runners")
def start_queue_runners(
    sess: Any = None,
    coord: Coordinator | None = None,
    daemon: bool = True,
    start: bool = True,
    collection: str = GraphKeys.QUEUE_RUNNERS,
) -> list[threading.Thread]:
    """Starts the threads of all queue runners in a collection of the session's graph.

    Args:
        sess: the session; the default one where None.
        coord: what the threads report errors to, and stop with.
        daemon: whether the threads end with the program.
        start: start them; only make them where False.
        collection: the collection's name.

    Returns:
        The threads.

    Raises:
        ValueError: there is no session.
        TypeError: `sess` is no session.

    Example:
        >>> coord = tf.train.Coordinator()
        >>> threads = tf.train.start_queue_runners(sess, coord)
    """
    if sess is None:
        sess = default_session()
        if sess is None:
            raise ValueError(
                "Cannot start queue runners: No default session is registered. Use `with "
                "sess.as_default()` or pass an explicit session to "
                "tf.start_queue_runners(sess=sess)"
            )
    if not hasattr(sess, "make_callable") or not hasattr(sess, "graph"):
        raise TypeError(f"sess must be a `tf.Session` object. Given class: {type(sess)}")
    threads: list[threading.Thread] = []
    with sess.graph.as_default():
        for runner in sess.graph.get_collection(collection):
            threads.extend(runner.create_threads(sess, coord, daemon=daemon, start=start))
    return threads
