"""`tf.train.SessionManager`: makes sessions whose variables have values."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.graph.errors import DeadlineExceededError, FailedPreconditionError
from penstock.graph.export import api, export
from penstock.graph.graph import Graph
from penstock.graph.log import LOG
from penstock.graph.stacks import default_graph
from penstock.train.checkpoint_management import get_checkpoint_state


@export("train.SessionManager")
class SessionManager:
    """Makes sessions: restores a checkpoint, or initializes, and checks that all have values.

    Args:
        local_init_op: run in each new session, as soon as it is ready for it.
        ready_op: a string vector of the names of variables without value; ready if empty.
        ready_for_local_init_op: the same, of those that `local_init_op` needs.
        graph: the graph; the default one where None.
        recovery_wait_secs: the time between two looks at whether another process is done.
        local_init_run_options: a `tf.RunOptions` for the run of `local_init_op`.

    Raises:
        ValueError: there is a `ready_for_local_init_op`, but no `local_init_op`.

    Example:
        >>> manager = tf.train.SessionManager(ready_op=tf.report_uninitialized_variables())
        >>> sess = manager.prepare_session("", init_op=init, saver=saver, checkpoint_dir=folder)
    """

    def __init__(
        self,
        local_init_op: Any = None,
        ready_op: Any = None,
        ready_for_local_init_op: Any = None,
        graph: Graph | None = None,
        recovery_wait_secs: float = 30,
        local_init_run_options: Any = None,
    ) -> None:
        if ready_for_local_init_op is not None and local_init_op is None:
            raise ValueError(
                "If you pass a ready_for_local_init_op you must also pass a local_init_op , "
                f"ready_for_local_init_op [{ready_for_local_init_op}]"
            )
        self._local_init_op = local_init_op
        self._ready_op = ready_op
        self._ready_for_local_init_op = ready_for_local_init_op
        self._graph = default_graph() if graph is None else graph
        self._recovery_wait_secs = recovery_wait_secs
        self._local_init_run_options = local_init_run_options

    def prepare_session(
        self,
        master: str,
        init_op: Any = None,
        saver: Any = None,
        checkpoint_dir: str | None = None,
        checkpoint_filename_with_path: str | None = None,
        wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200,
        config: Any = None,
        init_feed_dict: Any = None,
        init_fn: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Makes a session: from a checkpoint where there is one, else by initializing.

        Args:
            master: the server; "" is this process.
            init_op: initializes the variables.
            saver: restores the checkpoint.
            checkpoint_dir: the folder whose newest checkpoint is restored.
            checkpoint_filename_with_path: the checkpoint, in place of a folder.
            wait_for_checkpoint: wait until there is one.
            max_wait_secs: at most so long.
            config: a `tf.ConfigProto`.
            init_feed_dict: what `init_op` is fed.
            init_fn: called with the session after `init_op`.

        Returns:
            A `tf.Session`.

        Raises:
            RuntimeError: there is nothing to initialize with, or variables still have no value.
            ValueError: a checkpoint and a folder are given.
        """
        sess = api.Session(master, graph=self._graph, config=config)
        try:
            restored = self._restore(
                sess,
                saver,
                checkpoint_dir,
                checkpoint_filename_with_path,
                max_wait_secs if wait_for_checkpoint else 0,
            )
            if not restored:
                self._initialize(sess, init_op, init_feed_dict, init_fn)
            self._check_ready(sess, init_op, init_fn)
        except BaseException:
            sess.close()
            raise
        return sess

    def _initialize(
        self, sess: Any, init_op: Any, feed_dict: Any, init_fn: Callable[[Any], Any] | None
    ) -> None:
        if init_op is None and not init_fn and self._local_init_op is None:
            raise RuntimeError(
                "Model is not initialized and no init_op or init_fn or local_init_op was given"
            )
        if init_op is not None:
            sess.run(init_op, feed_dict=feed_dict)
        if init_fn:
            init_fn(sess)

    def _check_ready(self, sess: Any, init_op: Any, init_fn: Any) -> None:
        """Runs the local initialization; raises RuntimeError where something has no value."""
        given = f"Init op: {_name(init_op)}, init fn: {init_fn}"
        missing = self._initialize_locally(sess)
        if missing is not None:
            raise RuntimeError(
                f"Init operations did not make model ready for local_init.  {given}, "
                f"error: {missing}"
            )
        missing = _missing(self._ready_op, sess)
        if missing is not None:
            raise RuntimeError(
                f"Init operations did not make model ready.  {given}, local_init_op: "
                f"{_name(self._local_init_op)}, error: {missing}"
            )

    def recover_session(
        self,
        master: str,
        saver: Any = None,
        checkpoint_dir: str | None = None,
        checkpoint_filename_with_path: str | None = None,
        wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200,
        config: Any = None,
    ) -> tuple[Any, bool]:
        """Makes a session from a checkpoint, if there is one.

        Args:
            master: the server; "" is this process.
            saver: restores the checkpoint.
            checkpoint_dir: the folder whose newest checkpoint is restored.
            checkpoint_filename_with_path: the checkpoint, in place of a folder.
            wait_for_checkpoint: wait until there is one.
            max_wait_secs: at most so long.
            config: a `tf.ConfigProto`.

        Returns:
            A `tf.Session`, and whether it was restored and all variables have values.

        Raises:
            ValueError: a checkpoint and a folder are given.
        """
        sess = api.Session(master, graph=self._graph, config=config)
        restored = self._restore(
            sess,
            saver,
            checkpoint_dir,
            checkpoint_filename_with_path,
            max_wait_secs if wait_for_checkpoint else 0,
        )
        missing = self._initialize_locally(sess)
        if not restored:
            return sess, False
        source = checkpoint_dir or checkpoint_filename_with_path
        if missing is not None:
            LOG.info(
                "Restoring model from %s did not make model ready for local init: %s",
                source,
                missing,
            )
            return sess, False
        missing = _missing(self._ready_op, sess)
        if missing is not None:
            LOG.info("Restoring model from %s did not make model ready: %s", source, missing)
            return sess, False
        LOG.info("Restored model from %s", source)
        return sess, True

    def _restore(
        self,
        sess: Any,
        saver: Any,
        checkpoint_dir: str | None,
        checkpoint: str | None,
        wait_secs: float,
    ) -> bool:
        """Restores a checkpoint, if there is one; waits for it so long."""
        if checkpoint_dir and checkpoint:
            raise ValueError(
                "Can not provide both checkpoint_dir and checkpoint_filename_with_path."
            )
        if not saver or not (checkpoint_dir or checkpoint):
            return False
        if checkpoint:
            saver.restore(sess, checkpoint)
            return True
        assert checkpoint_dir is not None
        waited: float = 0
        state = get_checkpoint_state(checkpoint_dir)
        while not state or not state.model_checkpoint_path:
            if waited >= wait_secs:
                return False
            LOG.info("Waiting for checkpoint to be available.")
            time.sleep(self._recovery_wait_secs)
            waited += self._recovery_wait_secs
            state = get_checkpoint_state(checkpoint_dir)
        saver.restore(sess, state.model_checkpoint_path)
        saver.recover_last_checkpoints(state.all_model_checkpoint_paths)
        return True

    def wait_for_session(
        self, master: str, config: Any = None, max_wait_secs: float | None = float("Inf")
    ) -> Any:
        """Makes a session, and waits until another has given the variables their values.

        Args:
            master: the server; "" is this process.
            config: a `tf.ConfigProto`.
            max_wait_secs: how long to wait.

        Returns:
            A `tf.Session`.

        Raises:
            DeadlineExceededError: some variables still have no value.
        """
        limit = float("Inf") if max_wait_secs is None else max_wait_secs
        deadline = time.monotonic() + limit
        while True:
            sess = api.Session(master, graph=self._graph, config=config)
            missing = self._initialize_locally(sess)
            if missing is None:
                missing = _missing(self._ready_op, sess)
            if missing is None:
                return sess
            sess.close()
            if time.monotonic() + self._recovery_wait_secs > deadline:
                raise DeadlineExceededError(
                    None, None, f"Session was not ready after waiting {limit:.0f} secs."
                )
            LOG.info("Waiting for model to be ready: %s", missing)
            time.sleep(self._recovery_wait_secs)

    def _initialize_locally(self, sess: Any) -> str | None:
        """Runs the local initialization, if all is ready for it; what is missing, or None."""
        if self._local_init_op is None:
            return None
        missing = _missing(self._ready_for_local_init_op, sess)
        if missing is None:
            LOG.info("Running local_init_op.")
            sess.run(self._local_init_op, options=self._local_init_run_options)
            LOG.info("Done running local_init_op.")
        return missing


def _missing(ready_op: Any, sess: Any) -> str | None:
    """What `ready_op` finds without value; None where all is ready."""
    if ready_op is None:
        return None
    try:
        names = sess.run(ready_op)
    except FailedPreconditionError as error:
        if "uninitialized" not in str(error):
            raise
        return str(error)
    # An operation, or a number, is ready when it has run.
    if names is None or names.dtype == np.int32 or names.size == 0:
        return None
    return "Variables not initialized: " + ", ".join([name.decode("utf-8") for name in names])


def _name(op: Any) -> str:
    if op is None:
        return "None"
    return getattr(op, "name", None) or f"<no name for {type(op)}>"
