"""`tf.train.Saver`: saves variables to checkpoints and restores them."""

from __future__ import annotations

import numbers
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from penstock.graph.collections import GraphKeys
from penstock.graph.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
)
from penstock.graph.export import export
from penstock.graph.log import LOG
from penstock.graph.stacks import default_graph
from penstock.ops.save_slices import in_scope
from penstock.train import checkpoint_management as files
from penstock.train import saver_graph
from penstock.train.meta_graph import export_meta_graph
from penstock.train.training_util import global_step as step_in

_V2 = 2

_MISSING = "a Variable name or other graph key that is missing from the checkpoint"
_MISMATCH = "a mismatch between the current graph and the graph from the checkpoint"


def _explained(error: OpError, reason: str) -> OpError:
    return type(error)(
        error.node_def,
        error.op,
        f"Restoring from checkpoint failed. This is most likely due to {reason}. Please ensure "
        "that you have not altered the graph expected based on the checkpoint. "
        f"Original error:\n\n{error.message}",
    )


@export("train.Saver")
class Saver:
    """Saves variables to checkpoints, keeps the newest of them, and restores variables from one.

    Args:
        var_list: variables in a list, or in a dict by their name in the checkpoint; all that can
            be saved where None.
        reshape: restore a tensor whose shape differs, as long as it has as many elements.
        sharded: write one file for each device.
        max_to_keep: how many checkpoints are kept; None or 0 for all.
        keep_checkpoint_every_n_hours: one of the removed is kept each so many hours.
        name: the name scope of its operations.
        restore_sequentially: kept for TensorFlow's signature.
        saver_def: a SaverDef message of a saver whose operations are in the graph already.
        builder: must be None.
        defer_build: add the operations when `build()` is called.
        allow_empty: a graph without variables is no error: nothing is saved then.
        write_version: must be 2.
        pad_step_number: write step numbers with eight digits.
        save_relative_paths: write relative paths to the file that names the newest checkpoint.
        filename: what the path's placeholder holds by default.

    Raises:
        TypeError: `var_list` holds something that is no variable.
        ValueError: there is nothing to save, or two variables have one name.

    Example:
        >>> saver = tf.train.Saver()
        >>> path = saver.save(sess, "/tmp/model", global_step=100)
        >>> saver.restore(sess, path)
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: int = _V2,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:
        if defer_build and var_list:
            raise ValueError(
                "If `var_list` is provided then build cannot be deferred. Either set "
                "defer_build=False or var_list=None."
            )
        if builder is not None or write_version != _V2:
            raise NotImplementedError(
                "a Saver writes TensorFlow's V2 checkpoints, with its own operations"
            )
        self._var_list = var_list
        self._reshape, self._sharded = reshape, sharded
        self._max_to_keep = max_to_keep or 0
        self._keep_checkpoint_every_n_hours = keep_checkpoint_every_n_hours
        self._name = name
        self.saver_def = saver_def
        self._allow_empty, self._is_empty = allow_empty, False
        self._pad_step_number, self._save_relative_paths = pad_step_number, save_relative_paths
        self._filename = filename
        self._kept: list[tuple[str, float]] = []
        self._to_delete: list[tuple[str, float]] = []
        self._next_checkpoint_time = time.time() + keep_checkpoint_every_n_hours * 3600
        if saver_def is not None:
            self._use(saver_def, name)
        elif not defer_build:
            self.build()

    def _use(self, saver_def: Any, scope: str | None) -> None:
        self.saver_def = type(saver_def)()
        self.saver_def.CopyFrom(saver_def)
        if scope:
            for field in ("filename_tensor_name", "save_tensor_name", "restore_op_name"):
                setattr(self.saver_def, field, f"{scope}/{getattr(saver_def, field)}")
        self._max_to_keep = saver_def.max_to_keep
        self._sharded = saver_def.sharded
        self._keep_checkpoint_every_n_hours = saver_def.keep_checkpoint_every_n_hours
        self._next_checkpoint_time = time.time() + saver_def.keep_checkpoint_every_n_hours * 3600

    def build(self) -> None:
        """Adds the saver's operations to the default graph."""
        if self.saver_def is not None:
            return
        graph = default_graph()
        var_list = self._var_list
        if var_list is None:
            var_list = graph.get_collection(GraphKeys.GLOBAL_VARIABLES)
            var_list += graph.get_collection(GraphKeys.SAVEABLE_OBJECTS)
        entries = saver_graph.saved_variables(var_list)
        if not entries:
            if not self._allow_empty:
                raise ValueError("No variables to save")
            self._is_empty = True
            return
        ends = saver_graph.build(entries, self._name, self._filename, self._reshape, self._sharded)
        self.saver_def = _saver_def(
            ends, self._max_to_keep, self._sharded, self._keep_checkpoint_every_n_hours
        )

    # Saving

    def save(
        self,
        sess: Any,
        save_path: str,
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str | None:
        """Saves the variables' values in a session.

        Args:
            sess: the session.
            save_path: the checkpoint's path; the step is added to it.
            global_step: a number, or a variable or tensor, or its name.
            latest_filename: of the file that names the newest checkpoint; "checkpoint" where None.
            meta_graph_suffix: of the file that holds the graph.
            write_meta_graph: write the graph beside the checkpoint.
            write_state: write the file that names the newest checkpoint.
            strip_default_attrs, save_debug_info: as for `tf.train.export_meta_graph`.

        Returns:
            The checkpoint's path; None where there is nothing to save.

        Raises:
            TypeError: `sess` is no session.
            ValueError: the folder is missing, or a name does not fit.
        """
        if self.saver_def is None and not self._is_empty:
            raise RuntimeError("`build()` should be called before save if defer_build==True")
        latest_filename = latest_filename or "checkpoint"
        if os.path.split(latest_filename)[0]:
            raise ValueError("'latest_filename' must not contain path components")
        path = self._checkpoint_path(sess, save_path, global_step, latest_filename)
        if not hasattr(sess, "run") or not hasattr(sess, "graph"):
            raise TypeError(f"'sess' must be a Session; {sess}")
        if not self._is_empty:
            path = self._write(sess, path, save_path)
            if write_state:
                self._record(path, latest_filename, os.path.dirname(save_path), meta_graph_suffix)
        if write_meta_graph:
            with sess.graph.as_default():
                self.export_meta_graph(
                    files.meta_graph_filename(path, meta_graph_suffix=meta_graph_suffix),
                    strip_default_attrs=strip_default_attrs,
                    save_debug_info=save_debug_info,
                )
        return None if self._is_empty else path

    def _checkpoint_path(
        self, sess: Any, save_path: str, global_step: Any, latest_filename: str
    ) -> str:
        if global_step is None:
            if os.path.basename(save_path) == latest_filename and not self._sharded:
                raise ValueError(
                    "'latest_filename' collides with 'save_path': "
                    f"'{latest_filename}' and '{save_path}'"
                )
            return save_path
        if not isinstance(global_step, numbers.Integral):
            global_step = step_in(sess, global_step)
        return (
            f"{save_path}-{int(global_step):08d}"
            if self._pad_step_number
            else f"{save_path}-{int(global_step)}"
        )

    def _write(self, sess: Any, path: str, save_path: str) -> str:
        names = self.saver_def
        try:
            written = sess.run(names.save_tensor_name, {names.filename_tensor_name: path})
        except (FailedPreconditionError, NotFoundError):
            if not os.path.isdir(os.path.dirname(save_path) or "."):
                raise ValueError(
                    f"Parent directory of {save_path} doesn't exist, can't save."
                ) from None
            raise
        return written.decode() if isinstance(written, bytes) else str(written)

    def _record(self, path: str, latest_filename: str, folder: str, meta_graph_suffix: str) -> None:
        if self._max_to_keep:
            self._kept = [entry for entry in self._kept if entry[0] != path]
            self._kept.append((path, time.time()))
            if len(self._kept) > self._max_to_keep:
                self._to_delete.append(self._kept.pop(0))
        update = (
            files.update_relative_checkpoint_state
            if self._save_relative_paths
            else files.update_checkpoint_state
        )
        update(folder, path, self.last_checkpoints, latest_filename)
        self._delete_one(meta_graph_suffix)

    def _delete_one(self, meta_graph_suffix: str) -> None:
        if not self._to_delete:
            return
        path, saved_at = self._to_delete.pop(0)
        if saved_at > self._next_checkpoint_time:
            self._next_checkpoint_time += self._keep_checkpoint_every_n_hours * 3600
            return
        files.remove_checkpoint(path, _V2, meta_graph_suffix)

    def export_meta_graph(
        self,
        filename: str | None = None,
        collection_list: Any = None,
        as_text: bool = False,
        export_scope: str | None = None,
        clear_devices: bool = False,
        clear_extraneous_savers: bool = False,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> Any:
        """The default graph with this saver's SaverDef; see `tf.train.export_meta_graph`."""
        return export_meta_graph(
            filename=filename,
            saver_def=self.saver_def,
            collection_list=collection_list,
            as_text=as_text,
            export_scope=export_scope,
            clear_devices=clear_devices,
            clear_extraneous_savers=clear_extraneous_savers,
            strip_default_attrs=strip_default_attrs,
            save_debug_info=save_debug_info,
        )

    # Restoring

    def restore(self, sess: Any, save_path: str) -> None:
        """Restores the variables in a session. They need not be initialized.

        Args:
            sess: the session.
            save_path: the checkpoint's path, as `save` gave it.

        Raises:
            ValueError: there is no such checkpoint.
            NotFoundError: a variable is not in it.
            InvalidArgumentError: a variable has another shape or type there.
            DataLossError: the checkpoint is cut off or changed.
        """
        if self._is_empty:
            return
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        save_path = os.fsdecode(save_path)
        if not files.checkpoint_exists(save_path):
            raise ValueError(f"The passed save_path is not a valid checkpoint: {save_path}")
        LOG.info("Restoring parameters from %s", save_path)
        names = self.saver_def
        with _explaining():
            sess.run(names.restore_op_name, {names.filename_tensor_name: save_path})

    # Which checkpoints there are

    @property
    def last_checkpoints(self) -> list[str]:
        """The paths of the checkpoints that are kept, oldest first."""
        return [path for path, _ in self._kept]

    def set_last_checkpoints(self, last_checkpoints: Sequence[str]) -> None:
        """Sets the list of kept checkpoints; their times are not known then."""
        if not isinstance(last_checkpoints, list):
            raise TypeError(f"last_checkpoints must be a list, got {last_checkpoints!r}")
        self._kept = [(path, float("nan")) for path in last_checkpoints]

    def set_last_checkpoints_with_time(
        self, last_checkpoints_with_time: list[tuple[str, float]]
    ) -> None:
        """Sets the list of kept checkpoints, pairs of path and time."""
        if not isinstance(last_checkpoints_with_time, list):
            raise TypeError(
                f"last_checkpoints_with_time must be a list, got {last_checkpoints_with_time!r}"
            )
        self._kept = list(last_checkpoints_with_time)

    def recover_last_checkpoints(self, checkpoint_paths: Sequence[str]) -> None:
        """Takes up checkpoints of an earlier process, so that old ones are removed in time."""
        self._kept = []
        for path in checkpoint_paths:
            times = files.get_checkpoint_mtimes([path])
            if times:
                self._kept.append((path, times[0]))

    def as_saver_def(self) -> Any:
        """The SaverDef protobuf message that describes this saver."""
        return self.saver_def

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The SaverDef protobuf message; None where its operations lie outside `export_scope`."""
        if export_scope is None:
            return self.saver_def
        names = ("filename_tensor_name", "save_tensor_name", "restore_op_name")
        if not all(getattr(self.saver_def, name).startswith(export_scope) for name in names):
            return None
        proto = type(self.saver_def)()
        proto.CopyFrom(self.saver_def)
        for name in names:
            setattr(proto, name, in_scope(getattr(proto, name), export_scope))
        return proto

    @staticmethod
    def from_proto(saver_def: Any, import_scope: str | None = None) -> Saver:
        """The saver that a SaverDef message describes; its operations must be in the graph."""
        return Saver(saver_def=saver_def, name=import_scope)


def stored_saver(stored: bytes, import_scope: str | None = None) -> Saver:
    """The saver that a serialized SaverDef message describes; see `Saver.from_proto`."""
    from tensorboard.compat.proto import saver_pb2

    return Saver.from_proto(saver_pb2.SaverDef.FromString(stored), import_scope)


def saver_or_default() -> Any:
    """The only saver in the collection of savers; a new one for all variables is added to it.

    Raises:
        RuntimeError: there are several.
    """
    graph = default_graph()
    savers = graph.get_collection(GraphKeys.SAVERS)
    if len(savers) > 1:
        raise RuntimeError(
            f"More than one item in collection {GraphKeys.SAVERS}. Please indicate which one to "
            "use by passing it to the constructor."
        )
    if savers:
        return savers[0]
    saver = Saver(sharded=True, allow_empty=True)
    graph.add_to_collection(GraphKeys.SAVERS, saver)
    return saver


@contextmanager
def _explaining() -> Iterator[None]:
    """Says what an error while restoring most likely comes from."""
    try:
        yield
    except NotFoundError as error:
        raise _explained(error, _MISSING) from None
    except InvalidArgumentError as error:
        raise _explained(error, _MISMATCH) from None


def _saver_def(ends: saver_graph.SaverGraph, max_to_keep: int, sharded: bool, hours: float) -> Any:
    from tensorboard.compat.proto import saver_pb2

    return saver_pb2.SaverDef(
        filename_tensor_name=ends.filename.name,
        save_tensor_name=ends.save.name,
        restore_op_name=ends.restore.name,
        max_to_keep=max_to_keep,
        sharded=sharded,
        keep_checkpoint_every_n_hours=hours,
        version=saver_pb2.SaverDef.V2,
    )
