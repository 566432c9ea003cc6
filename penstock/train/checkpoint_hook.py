"""`tf.train.CheckpointSaverHook`: saves checkpoints while a monitored session trains."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from penstock.formats.events import EventFile
from penstock.graph.collections import GraphKeys
from penstock.graph.export import export
from penstock.graph.log import LOG
from penstock.graph.stacks import default_graph
from penstock.train.basic_hooks import SecondOrStepTimer
from penstock.train.graph_io import write_graph
from penstock.train.meta_graph import export_meta_graph
from penstock.train.scaffold import Scaffold
from penstock.train.session_run_hook import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)
from penstock.train.training_util import global_step_read


@export("train.CheckpointSaverListener")
class CheckpointSaverListener:
    """What a `tf.train.CheckpointSaverHook` tells of its checkpoints.

    Each method does nothing until a subclass overrides it.

    Example:
        >>> class Copy(tf.train.CheckpointSaverListener):
        ...     def after_save(self, session, global_step_value):
        ...         copy(tf.train.latest_checkpoint(folder))
        >>> hook = tf.train.CheckpointSaverHook(folder, save_steps=100, listeners=[Copy()])
    """

    def begin(self) -> None:
        """Called before the session is made: it may add to the graph."""

    def before_save(self, session: Any, global_step_value: int) -> None:
        """Called before a checkpoint is saved."""

    def after_save(self, session: Any, global_step_value: int) -> Any:
        """Called after a checkpoint was saved. True asks to stop."""

    def end(self, session: Any, global_step_value: int) -> None:
        """Called at the end, after the last checkpoint."""


@export("train.CheckpointSaverHook")
class CheckpointSaverHook(SessionRunHook):
    """Saves a checkpoint when the session is made, each so many steps or seconds, and at the end.

    It writes the graph beside them, and both into an event file for TensorBoard.

    Args:
        checkpoint_dir: the folder.
        save_secs: save each so many seconds, or
        save_steps: each so many steps.
        saver: saves them, or
        scaffold: has the saver; that of the graph's collection where neither is given.
        checkpoint_basename: the checkpoints' name before the step.
        listeners: told of each checkpoint.

    Raises:
        ValueError: of two arguments that exclude each other both are given, or none.

    Example:
        >>> hook = tf.train.CheckpointSaverHook("/tmp/model", save_steps=1000)
        >>> sess = tf.train.MonitoredSession(hooks=[hook])
    """

    def __init__(
        self,
        checkpoint_dir: str,
        save_secs: float | None = None,
        save_steps: int | None = None,
        saver: Any = None,
        checkpoint_basename: str = "model.ckpt",
        scaffold: Scaffold | None = None,
        listeners: Sequence[CheckpointSaverListener] | None = None,
    ) -> None:
        LOG.info("Create CheckpointSaverHook.")
        if saver is not None and scaffold is not None:
            raise ValueError("You cannot provide both saver and scaffold.")
        self._saver = saver
        self._checkpoint_dir = checkpoint_dir
        self._save_path = os.path.join(checkpoint_dir, checkpoint_basename)
        self._scaffold = scaffold
        self._timer = SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)
        self._listeners = list(listeners or ())
        self._events: EventFile | None = None

    def begin(self) -> None:
        """Adds the reading of the global step, and tells the listeners."""
        self._global_step = global_step_read("CheckpointSaverHook")
        for listener in self._listeners:
            listener.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Writes the graph, and saves the first checkpoint: the graph is whole now."""
        step = session.run(self._global_step)
        graph_def = session.graph.as_graph_def(add_shapes=True)
        write_graph(graph_def, self._checkpoint_dir, "graph.pbtxt")
        meta_graph = export_meta_graph(saver_def=self._get_saver().saver_def, graph=session.graph)
        self._close_events()
        self._events = EventFile(self._checkpoint_dir)
        self._events.add(0, graph_def=graph_def.SerializeToString())
        self._events.add(0, meta_graph_def=meta_graph.SerializeToString())
        self._save(session, step)
        self._timer.update_last_triggered_step(step)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Asks for the global step."""
        return SessionRunArgs(self._global_step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Saves where it is due: looks again at the step, which the run may have raised."""
        if not self._timer.should_trigger_for_step(run_values.results + 1):
            return
        step = run_context.session.run(self._global_step)
        if self._timer.should_trigger_for_step(step):
            self._timer.update_last_triggered_step(step)
            if self._save(run_context.session, step):
                run_context.request_stop()

    def end(self, session: Any) -> None:
        """Saves the last checkpoint, unless its step is saved already."""
        step = session.run(self._global_step)
        if step != self._timer.last_triggered_step():
            self._save(session, step)
        for listener in self._listeners:
            listener.end(session, step)
        self._close_events()

    def _close_events(self) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None

    def _save(self, session: Any, step: int) -> bool:
        """Saves a checkpoint; whether a listener asks to stop."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        LOG.info("Saving checkpoints for %d into %s.", step, self._save_path)
        for listener in self._listeners:
            listener.before_save(session, step)
        self._get_saver().save(session, self._save_path, global_step=step)
        if self._events is not None:
            log = SessionLog(status=SessionLog.CHECKPOINT, checkpoint_path=self._save_path)
            self._events.add(int(step), session_log=log)
        stop = False
        for listener in self._listeners:
            if listener.after_save(session, step):
                LOG.info(
                    "A CheckpointSaverListener requested that training be stopped. listener: %s",
                    listener,
                )
                stop = True
        return stop

    def _get_saver(self) -> Any:
        if self._saver is None:
            self._saver = self._scaffold.saver if self._scaffold else _only_saver()
        return self._saver


def _only_saver() -> Any:
    savers = default_graph().get_collection(GraphKeys.SAVERS)
    if not savers:
        raise RuntimeError(
            f"No items in collection {GraphKeys.SAVERS}. Please add a saver to the collection or "
            "provide a saver or scaffold."
        )
    if len(savers) > 1:
        raise RuntimeError(
            f"More than one item in collection {GraphKeys.SAVERS}. Please indicate which one to "
            "use by passing it to the constructor."
        )
    return savers[0]
