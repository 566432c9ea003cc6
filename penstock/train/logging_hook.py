"""`tf.train.LoggingTensorHook`: writes values of tensors to the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from penstock.graph.export import export
from penstock.graph.log import LOG
from penstock.graph.stacks import default_graph
from penstock.train.basic_hooks import SecondOrStepTimer
from penstock.train.session_run_hook import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)


@export("train.LoggingTensorHook")
class LoggingTensorHook(SessionRunHook):
    """Writes values of tensors to the log, at the level INFO.

    Args:
        tensors: tensors or their names, or a dict of them by the names to be written.
        every_n_iter: write in the first run and each so many runs after it, or
        every_n_secs: each so many seconds.
        at_end: write at the end, too.
        formatter: makes the text from a dict of the values.

    Raises:
        ValueError: when to write is not given, or given twice.

    Example:
        >>> tf.logging.set_verbosity(tf.logging.INFO)
        >>> hook = tf.train.LoggingTensorHook({"loss": loss}, every_n_iter=100)
    """

    def __init__(
        self,
        tensors: Mapping[str, Any] | Iterable[Any],
        every_n_iter: int | None = None,
        every_n_secs: float | None = None,
        at_end: bool = False,
        formatter: Callable[[Any], str] | None = None,
    ) -> None:
        only_at_end = at_end and every_n_iter is None and every_n_secs is None
        if not only_at_end and (every_n_iter is None) == (every_n_secs is None):
            raise ValueError(
                "either at_end and/or exactly one of every_n_iter and every_n_secs must be "
                "provided."
            )
        if every_n_iter is not None and every_n_iter <= 0:
            raise ValueError(f"invalid every_n_iter={every_n_iter}.")
        if isinstance(tensors, dict):
            self._tag_order: list[Any] = sorted(tensors)
            self._tensors = dict(tensors)
        else:
            self._tag_order = list(tensors)
            self._tensors = {item: item for item in self._tag_order}
        self._formatter = formatter
        self._timer = None if only_at_end else SecondOrStepTimer(every_n_secs, every_n_iter)
        self._log_at_end = at_end

    def begin(self) -> None:
        """Finds the tensors in the default graph."""
        if self._timer is not None:
            self._timer.reset()
        self._runs = 0
        graph = default_graph()
        self._found = {tag: graph.as_graph_element(item) for tag, item in self._tensors.items()}

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Asks for the tensors where they are to be written."""
        self._due = self._timer is not None and self._timer.should_trigger_for_step(self._runs)
        return SessionRunArgs(self._found) if self._due else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Writes them."""
        if self._due:
            self._log(run_values.results)
        self._runs += 1

    def end(self, session: Any) -> None:
        """Writes them at the end."""
        if self._log_at_end:
            self._log(session.run(self._found))

    def _log(self, values: Mapping[Any, Any]) -> None:
        seconds = None
        if self._timer is not None:
            seconds, _ = self._timer.update_last_triggered_step(self._runs)
        with np.printoptions(suppress=True):
            if self._formatter:
                LOG.info(self._formatter(values))
                return
            text = ", ".join([f"{tag} = {values[tag]}" for tag in self._tag_order])
        if seconds is None:
            LOG.info("%s", text)
        else:
            LOG.info("%s (%.3f sec)", text, seconds)
