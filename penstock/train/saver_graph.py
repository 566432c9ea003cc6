"""The ops that a `tf.train.Saver` adds to the graph, and which variables they save under which
names.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import Any

from penstock.graph.export import api
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.ops.partitioned_variables import PartitionedVariable
from penstock.ops.resource_variables import ResourceVariable
from penstock.ops.variables import Variable

_REFERENCE_OPS = ("Variable", "VariableV2", "AutoReloadVariable")


@dataclass
class Saved:
    """One entry of a checkpoint.

    Attributes:
        name: its name there.
        variable: the variable, or a reference to one.
        tensor: the variable's value, or what refers to it.
        spec: which part of a larger tensor it is, or "".
    """

    name: str
    variable: Any
    tensor: Tensor
    spec: str

    def saved_tensor(self) -> Tensor:
        """What is saved. A resource that is a part is read for it, where it is."""
        if not (self.spec and isinstance(self.variable, ResourceVariable)):
            return self.tensor
        graph = default_graph()
        with graph.device(self.variable.device):
            value = self.variable.read_value()
            with graph.device("/device:CPU:0"):
                return api.identity(value)

    @property
    def device(self) -> str:
        """The device of the variable."""
        return self.variable.device

    def restore(self, value: Tensor, shape: Any) -> Operation:
        """The operation that assigns a restored value, reshaped where a shape is given."""
        if shape is not None:
            value = api.reshape(value, shape)
        variable, graph = self.variable, default_graph()
        if isinstance(variable, ResourceVariable):
            with graph.device(variable.device):
                return raw.AssignVariableOp(variable.handle, raw.Identity(value))
        known = shape is None and variable.get_shape().is_fully_defined()
        return api.assign(variable, value, validate_shape=known).op


def saved_variables(var_list: Any) -> list[Saved]:
    """What to save, sorted by name.

    Args:
        var_list: variables in a list, or in a dict by their name in the checkpoint.

    Raises:
        TypeError: one of them is no variable.
        ValueError: two have the same name.
    """
    named = var_list if isinstance(var_list, dict) else _by_name(var_list)
    entries = []
    for name in sorted(named):
        given = named[name]
        if isinstance(given, (list, tuple, PartitionedVariable)):
            entries.extend([_entry(name, part) for part in _checked_parts(list(given))])
            continue
        if not _is_variable(given):
            raise TypeError(
                "names_to_saveables must be a dict mapping string names to Tensors/Variables. Not "
                f"a variable: {given}"
            )
        entries.append(_entry(name, given))
    seen: set[Any] = set()
    for entry in entries:
        if entry.variable.op in seen:
            raise ValueError(f"The same saveable will be restored with two names: {entry.name}")
        seen.add(entry.variable.op)
    return entries


def _is_variable(thing: Any) -> bool:
    if isinstance(thing, Variable):
        return True
    return isinstance(thing, Tensor) and thing.op.type in _REFERENCE_OPS


def _by_name(var_list: Any) -> dict[str, Any]:
    """The variables by their names in the checkpoint; parts of one tensor as a list.

    Raises:
        TypeError, ValueError: one is no variable, or two have the same name.
    """
    named: dict[str, Any] = {}
    for variable in sorted(var_list, key=lambda variable: variable.name):
        name = _saved_name(variable)
        if getattr(variable, "_save_slice_info", None) is not None:
            parts = named.setdefault(name, [])
            if not isinstance(parts, list):
                raise ValueError(f"Mixing slices and non-slices with the same name: {name}")
            parts.append(variable)
            continue
        if name in named:
            raise ValueError(f"At least two variables have the same name: {name}")
        named[name] = variable
    return named


def _saved_name(variable: Any) -> str:
    if isinstance(variable, PartitionedVariable):
        return variable.name
    if not _is_variable(variable):
        raise TypeError(f"Variable to save is not a Variable: {variable}")
    info = variable._save_slice_info if isinstance(variable, Variable) else None
    return variable.op.name if info is None else info.full_name


def _checked_parts(parts: list[Any]) -> list[Any]:
    """The parts, if they are all of one tensor.

    Raises:
        ValueError: they are not.
    """
    names = []
    for part in parts:
        if not isinstance(part, Variable):
            raise ValueError(f"Slices must all be Variables: {part}")
        if part._save_slice_info is None:
            raise ValueError(f"Slices must all be slices: {part}")
        names.append(part._save_slice_info.full_name)
        if names[0] != names[-1]:
            raise ValueError(f"Slices must all be from the same tensor: {names[0]} != {names[-1]}")
    return parts


def _entry(name: str, variable: Any) -> Saved:
    if not isinstance(variable, Variable):
        return Saved(name, variable, variable, "")
    info = variable._save_slice_info
    if info is None:
        return Saved(name, variable, variable._as_graph_element(), "")
    is_resource = isinstance(variable, ResourceVariable)
    tensor = variable._as_graph_element() if is_resource else variable.value()
    return Saved(name, variable, tensor, info.spec)


@dataclass
class SaverGraph:
    """The ends of a saver's ops: what is fed, fetched and run.

    Attributes:
        filename: the tensor that the checkpoint's path is fed to.
        save: the tensor whose run saves; it gives the path.
        restore: the operation that restores.
    """

    filename: Tensor
    save: Tensor
    restore: Operation


def build(
    entries: list[Saved], name: str | None, filename: str | None, reshape: bool, sharded: bool
) -> SaverGraph:
    """Adds a saver's ops to the default graph."""
    with name_scope(name, "save", [entry.tensor for entry in entries]):
        graph = default_graph()  # the variables', which need not be the default one outside
        path = api.placeholder_with_default(filename or "model", shape=(), name="filename")
        path = api.placeholder_with_default(path, shape=(), name="Const")
        if not sharded:
            save = _save(graph, path, entries)
            restored = _restore(graph, path, entries, reshape)
            return SaverGraph(path, save, api.group(*restored, name="restore_all"))
        groups = _by_device(entries)
        save = _save_shards(graph, path, groups)
        restored = _restore_shards(graph, path, groups, reshape)
        return SaverGraph(path, save, api.group(*restored, name="restore_all"))


def _save(graph: Graph, path: Tensor, entries: list[Saved]) -> Tensor:
    saved = raw.SaveV2(
        path,
        [entry.name for entry in entries],
        [entry.spec for entry in entries],
        [entry.saved_tensor() for entry in entries],
    )
    with graph.control_dependencies([saved]), graph.colocate_with(path.op):
        return raw.Identity(path, name="control_dependency")


def _restore(graph: Graph, path: Tensor, entries: list[Saved], reshape: bool) -> list[Operation]:
    with graph.device("CPU:0"):
        values = raw.RestoreV2(
            path,
            [entry.name for entry in entries],
            [entry.spec for entry in entries],
            dtypes=[entry.tensor.dtype.base_dtype for entry in entries],
        )
    return [
        entry.restore(value, _shape_of(entry) if reshape else None)
        for entry, value in zip(entries, values, strict=True)
    ]


def _shape_of(entry: Saved) -> Any:
    shape = entry.tensor._shape
    return api.shape(entry.tensor) if shape is None or None in shape else list(shape)


def _by_device(entries: list[Saved]) -> list[tuple[str, list[Saved]]]:
    ordered = sorted(entries, key=lambda entry: entry.device)
    groups = itertools.groupby(ordered, key=lambda entry: entry.device)
    return [(device, list(members)) for device, members in groups]


def _on_cpu(device: str) -> str:
    """The CPU of the task that a device belongs to."""
    parts = [
        part
        for part in device.split("/")
        if part and not part.lower().startswith(("device:", "cpu", "gpu"))
    ]
    return "/" + "/".join([*parts, "device:CPU:0"])


def _save_shards(graph: Graph, path: Tensor, groups: list[tuple[str, list[Saved]]]) -> Tensor:
    folder = api.string_join([path, f"_temp_{os.urandom(16).hex()}/part"])
    count = api.constant(len(groups), name="num_shards")
    parts, saves = [], []
    for shard, (device, entries) in enumerate(groups):
        with graph.device(_on_cpu(device)):
            part = raw.ShardedFilename(folder, shard, count)
            parts.append(part)
            saves.append(_save(graph, part, entries))
    with graph.device(_on_cpu(groups[-1][0])), graph.control_dependencies(saves):
        merged = raw.MergeV2Checkpoints(parts, path, delete_old_dirs=True)
        with graph.control_dependencies([merged]):
            return raw.Identity(path)


def _restore_shards(
    graph: Graph, path: Tensor, groups: list[tuple[str, list[Saved]]], reshape: bool
) -> list[Operation]:
    restored = []
    for device, entries in groups:
        with graph.device(device):
            assigned = _restore(graph, path, entries, reshape)
            restored.append(api.group(*assigned, name="restore_shard"))
    return restored
