"""Hooks for monitored sessions that stop, wait, feed, and look at values."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from penstock.graph.errors import OutOfRangeError
from penstock.graph.export import export
from penstock.graph.log import LOG
from penstock.train.session_run_hook import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)
from penstock.train.training_util import global_step_read

_LOOK_EVERY = 0.5  # seconds between two looks at another worker's global step


@export("train.SecondOrStepTimer")
class SecondOrStepTimer:
    """Says at which steps something is due that is done each so many seconds, or steps.

    Args:
        every_secs: so many seconds, or
        every_steps: so many steps.

    Raises:
        ValueError: neither is given, or both.

    Example:
        >>> timer = tf.train.SecondOrStepTimer(every_steps=10)
        >>> if timer.should_trigger_for_step(step):
        ...     timer.update_last_triggered_step(step)
    """

    def __init__(self, every_secs: float | None = None, every_steps: int | None = None) -> None:
        if every_secs is None and every_steps is None:
            raise ValueError("Either every_secs or every_steps should be provided.")
        if every_secs is not None and every_steps is not None:
            raise ValueError("Can not provide both every_secs and every_steps.")
        self._every_secs = every_secs
        self._every_steps = every_steps
        self.reset()

    def reset(self) -> None:
        """Forgets when it was done last: it is due at once."""
        self._last_step: int | None = None
        self._last_time: float | None = None

    def should_trigger_for_step(self, step: int) -> bool:
        """Whether it is due at a step; not twice at the same."""
        if self._last_step is None or self._last_time is None:
            return True
        if step == self._last_step:
            return False
        if self._every_secs is not None:
            return time.time() >= self._last_time + self._every_secs
        assert self._every_steps is not None
        return step >= self._last_step + self._every_steps

    def update_last_triggered_step(self, step: int) -> tuple[float | None, int | None]:
        """Notes that it was done at a step.

        Returns:
            The seconds and the steps since the last time; None and None the first time.
        """
        now = time.time()
        passed: tuple[float | None, int | None] = (None, None)
        if self._last_step is not None and self._last_time is not None:
            passed = (now - self._last_time, step - self._last_step)
        self._last_step, self._last_time = step, now
        return passed

    def last_triggered_step(self) -> int | None:
        """The step at which it was done last, or None."""
        return self._last_step


@export("train.StopAtStepHook")
class StopAtStepHook(SessionRunHook):
    """Asks to stop when the global step is reached.

    Args:
        num_steps: after so many steps from where the session starts, or
        last_step: at this step.

    Raises:
        ValueError: neither is given, or both.

    Example:
        >>> sess = tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(last_step=1000)])
    """

    def __init__(self, num_steps: int | None = None, last_step: int | None = None) -> None:
        if num_steps is None and last_step is None:
            raise ValueError("One of num_steps or last_step must be specified.")
        if num_steps is not None and last_step is not None:
            raise ValueError("Only one of num_steps or last_step can be specified.")
        self._num_steps = num_steps
        self._last_step = last_step

    def begin(self) -> None:
        """Adds the reading of the global step."""
        self._global_step = global_step_read("StopAtStepHook")

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Counts from where the first session starts."""
        if self._last_step is None:
            assert self._num_steps is not None
            self._last_step = session.run(self._global_step) + self._num_steps

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Asks for the global step."""
        return SessionRunArgs(self._global_step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Looks again where the run may have reached the step."""
        if (
            run_values.results + 1 >= self._last_step
            and run_context.session.run(self._global_step) >= self._last_step
        ):
            run_context.request_stop()


@export("train.NanLossDuringTrainingError")
class NanLossDuringTrainingError(RuntimeError):
    """The loss is NaN."""

    def __str__(self) -> str:
        return "NaN loss during training."


@export("train.NanTensorHook")
class NanTensorHook(SessionRunHook):
    """Stops where a loss is NaN.

    Args:
        loss_tensor: the loss, a scalar.
        fail_on_nan_loss: raise NanLossDuringTrainingError; only ask to stop where False.

    Example:
        >>> sess = tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(loss)])
    """

    def __init__(self, loss_tensor: Any, fail_on_nan_loss: bool = True) -> None:
        self._loss_tensor = loss_tensor
        self._fail_on_nan_loss = fail_on_nan_loss

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Asks for the loss."""
        return SessionRunArgs(self._loss_tensor)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Looks at the loss."""
        if not np.isnan(run_values.results):
            return
        message = "Model diverged with loss = NaN."
        if self._fail_on_nan_loss:
            LOG.error(message)
            raise NanLossDuringTrainingError
        LOG.warning(message)
        run_context.request_stop()


@export("train.GlobalStepWaiterHook")
class GlobalStepWaiterHook(SessionRunHook):
    """Lets the first run wait until other workers have brought the global step so far.

    Args:
        wait_until_step: the step.

    Example:
        >>> hook = tf.train.GlobalStepWaiterHook(1000 * task_index)
    """

    def __init__(self, wait_until_step: int) -> None:
        self._wait_until_step = wait_until_step

    def begin(self) -> None:
        """Adds the reading of the global step."""
        self._waiting = self._wait_until_step > 0
        self._global_step = global_step_read("_GlobalStepWaiterHook")

    def before_run(self, run_context: SessionRunContext) -> None:
        """Waits."""
        if not self._waiting:
            return
        LOG.info("Waiting for global step %d before starting training.", self._wait_until_step)
        logged = 0
        while (step := run_context.session.run(self._global_step)) < self._wait_until_step:
            if step - logged > 1000:
                LOG.info(
                    "Waiting for global step %d before starting training. Current step is %d.",
                    self._wait_until_step,
                    step,
                )
                logged = step
            time.sleep(_LOOK_EVERY)
        self._waiting = False


@export("train.FinalOpsHook")
class FinalOpsHook(SessionRunHook):
    """Runs something at the end, and keeps its values.

    Args:
        final_ops: what to fetch, structured as for `Session.run`.
        final_ops_feed_dict: what to feed.

    Example:
        >>> hook = tf.train.FinalOpsHook({"accuracy": accuracy})
        >>> with tf.train.MonitoredSession(hooks=[hook]) as sess:
        ...     sess.run(train_op)
        >>> hook.final_ops_values["accuracy"]
    """

    def __init__(self, final_ops: Any, final_ops_feed_dict: Any = None) -> None:
        self._final_ops = final_ops
        self._final_ops_feed_dict = final_ops_feed_dict
        self._final_ops_values: Any = None

    @property
    def final_ops_values(self) -> Any:
        """The values, in the structure of `final_ops`; None before the end."""
        return self._final_ops_values

    def end(self, session: Any) -> None:
        """Runs the final operations."""
        if self._final_ops is None:
            return
        try:
            self._final_ops_values = session.run(self._final_ops, self._final_ops_feed_dict)
        except (OutOfRangeError, StopIteration):
            LOG.warning(
                "The data have come to their end in FinalOpsHook: its operations should read "
                "variables only, not take another batch of the input."
            )
            raise


@export("train.FeedFnHook")
class FeedFnHook(SessionRunHook):
    """Feeds each run what a function returns.

    Args:
        feed_fn: takes nothing and returns a feed_dict.

    Example:
        >>> hook = tf.train.FeedFnHook(lambda: {x: next(batches)})
    """

    def __init__(self, feed_fn: Callable[[], Mapping[Any, Any]]) -> None:
        self.feed_fn = feed_fn

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Feeds what the function returns."""
        return SessionRunArgs(None, self.feed_fn())
