"""Where operations are written as NodeDef messages: a graph, a function, a branch or a loop.

How a node names what it takes depends on the place: in a graph as "name:1", in a function as
"name:output:1", in a branch or loop of Switch and Enter nodes by the node that lets a value in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.graph import dtypes, protos
from penstock.graph.operation import Operation, Tensor

if TYPE_CHECKING:
    from penstock.graph.opspec import OpSpec
    from penstock.graph.region import Region


class Captures:
    """What the regions of operations take from outside, where all of each operation is written."""

    def __init__(self) -> None:
        self._of_op: dict[Operation, tuple[list[Tensor], list[Operation]]] = {}
        self._members: dict[Region, list[Operation]] = {}

    def tensors(self, op: Operation) -> list[Tensor]:
        """The tensors from outside, in order of creation."""
        return self._of(op)[0]

    def controls(self, op: Operation) -> list[Operation]:
        """The operations outside that those in its regions wait for."""
        return self._of(op)[1]

    def members(self, region: Region) -> list[Operation]:
        """The operations that a region's results and saved values need, in order of creation."""
        if region not in self._members:
            assert region.owner is not None
            self._of(region.owner)
        return self._members[region]

    def inputs(self, op: Operation) -> list[Tensor]:
        """All that an operation takes."""
        if not op.regions:
            return op._inputs
        own = len(op.regions[-1].args) or 1  # the loop variables, or what tells the branch
        return [*op._inputs[:own], *self.tensors(op)]

    def _of(self, op: Operation) -> tuple[list[Tensor], list[Operation]]:
        known = self._of_op.get(op)
        if known is None:
            tensors: dict[Tensor, None] = {}
            controls: dict[Operation, None] = {}
            for region in op.regions:
                self._collect(region, tensors, controls)
            known = self._of_op[op] = (
                sorted(tensors, key=lambda tensor: (tensor.op._id, tensor.value_index)),
                sorted(controls, key=lambda control: control._id),
            )
        return known

    def _collect(
        self, region: Region, tensors: dict[Tensor, None], controls: dict[Operation, None]
    ) -> None:
        members: dict[Operation, None] = {}
        pending: list[Tensor | Operation] = [*region.results, *region.saved, *region.args]
        while pending:
            item = pending.pop()
            op = item.op if isinstance(item, Tensor) else item
            if op.region is not region:
                if isinstance(item, Tensor):
                    tensors[item] = None
                else:
                    controls[op] = None
                continue
            if op in members:
                continue
            members[op] = None
            pending += self.inputs(op)
            pending += op._control_inputs
            if op.regions:
                pending += self.controls(op)
        self._members[region] = sorted(members, key=lambda op: op._id)


class Place:
    """Where nodes are written.

    Args:
        nodes: the list of messages that they are added to.
        names: the names that are taken.
        region: the region whose operations are written here; None outside of regions.

    Attributes:
        known: how nodes here name some tensors.
    """

    def __init__(self, nodes: Any, names: set[str], region: Region | None) -> None:
        self.nodes = nodes
        self.region = region
        self.known: dict[Tensor, str] = {}
        self._names = names

    def text(self, tensor: Tensor) -> str:
        """How a node here names a tensor that it takes."""
        known = self.known.get(tensor)
        if known is None:
            if tensor.op.region is self.region:
                known = self._own_output(tensor)
            else:
                known = self._let_in(tensor)
            self.known[tensor] = known
        return known

    def _own_output(self, tensor: Tensor) -> str:
        spec = tensor.op.spec
        return self.output(self.name_of(tensor.op), spec, tensor.value_index, tensor.op._attrs)

    def _let_in(self, tensor: Tensor) -> str:
        raise KeyError(f"{tensor.name} is not known where {self.region} is written")

    def name_of(self, op: Operation) -> str:
        """The name of an operation here."""
        return op.name

    def helper_name(self, name: str) -> str:
        """A name that is not taken, for a node that is no operation."""
        found, count = name, 0
        while found in self._names:
            count += 1
            found = f"{name}_{count}"
        self._names.add(found)
        return found

    def release_name(self, op: Operation) -> str:
        """The name of an operation that is written as other nodes, which may have it."""
        self._names.discard(op.name)
        return op.name

    def output(self, name: str, spec: OpSpec, index: int, attrs: Mapping[str, Any]) -> str:
        """How a node here names an output of the node `name`."""
        return name if index == 0 else f"{name}:{index}"

    def output_of_list(self, name: str, index: int) -> str:
        """How a node here names an output of an If or While node."""
        return f"{name}:{index}"

    def controls(self, op: Operation) -> list[str]:
        """What an operation waits for, among what is written here."""
        own = [control for control in op._control_inputs if control.region is self.region]
        return sorted([f"^{self.name_of(control)}" for control in own if control.type != "_Arg"])

    def colocations(self, groups: Iterable[bytes]) -> list[bytes]:
        """Of the groups that share a device, those whose operations are nodes of the graph."""
        return []

    # Writing

    def new_node(
        self, name: str, op_name: str, inputs: Sequence[str], controls: Sequence[str] = ()
    ) -> Any:
        """Adds a NodeDef message."""
        node = self.nodes.add(name=name, op=op_name)
        node.input.extend(inputs)
        node.input.extend(controls)
        return node

    def add(self, hint: str, op_name: str, inputs: Sequence[str], attrs: Mapping[str, Any]) -> str:
        """Adds a node that is no operation.

        Args:
            hint: the wanted name.
            op_name: its op, a registered one.
            inputs: the texts of what it takes.
            attrs: all its attrs.

        Returns:
            The text of its first output.
        """
        from penstock.graph.opspec import lookup

        spec = lookup(op_name)
        name = self.helper_name(hint)
        node = self.new_node(name, op_name, inputs)
        for key, value in attrs.items():
            node.attr[key].CopyFrom(protos.attr_value(value, spec.attr_kind(key)))
        return self.output(name, spec, 0, attrs)

    def constant(self, hint: str, value: Any, dtype: dtypes.DType = dtypes.int32) -> str:
        """Adds a Const node; returns the text of its output."""
        array = np.asarray(value, dtype.np_dtype)
        name = self.helper_name(hint)
        node = self.new_node(name, "Const", ())
        node.attr["dtype"].type = dtype.as_datatype_enum
        node.attr["value"].tensor.CopyFrom(protos.tensor_proto(array, dtype))
        from penstock.graph.opspec import lookup

        return self.output(name, lookup("Const"), 0, {})

    def add_operation(self, op: Operation) -> Any:
        """Adds the node of an operation without regions."""
        inputs = [self.text(tensor) for tensor in op._inputs]
        node = self.new_node(self.name_of(op), op.type, inputs, self.controls(op))
        node.device = op.device
        protos.add_attrs(node, op)
        if "_class" in node.attr:
            groups = self.colocations(node.attr["_class"].list.s)
            del node.attr["_class"]
            if groups:
                node.attr["_class"].list.s.extend(groups)
        return node


class GraphPlace(Place):
    """The graph itself, or a branch or loop whose nodes stand in it.

    Args:
        nodes, names, region: as for Place.
        outside: the names of the operations that are in no region.
    """

    def __init__(
        self, nodes: Any, names: set[str], region: Region | None, outside: frozenset[str]
    ) -> None:
        super().__init__(nodes, names, region)
        self.outside = outside

    def colocations(self, groups: Iterable[bytes]) -> list[bytes]:
        return [group for group in groups if group[5:].decode() in self.outside]


class FunctionPlace(Place):
    """The body of a function: what it takes from outside are its arguments.

    Args:
        function: the FunctionDef message.
        scope: a name scope that names in it are written without.
        region: the region whose operations it has.
        args: the tensors that it takes.
        names: the names of the arguments.
    """

    def __init__(
        self, function: Any, scope: str, region: Region, args: Sequence[Tensor | None],
        names: Sequence[str],
    ) -> None:  # fmt: skip
        super().__init__(function.node_def, set(names), region)
        self._scope = scope
        self._name_of: dict[Operation, str] = {}
        for tensor, name in zip(args, names, strict=True):
            if tensor is not None:
                self.known.setdefault(tensor, name)

    def name_of(self, op: Operation) -> str:
        known = self._name_of.get(op)
        if known is None:
            known = self._name_of[op] = self.helper_name(op.name)
        return known

    def output(self, name: str, spec: OpSpec, index: int, attrs: Mapping[str, Any]) -> str:
        first = 0
        for arg in spec.output_args:
            count = arg.count(dict(attrs)) if arg.many else 1
            if index < first + count:
                return f"{name}:{arg.name}:{index - first}"
            first += count
        raise IndexError(f"{name} has no output {index}")

    def output_of_list(self, name: str, index: int) -> str:
        return f"{name}:output:{index}"

    def helper_name(self, name: str) -> str:
        short = name.removeprefix(self._scope).lstrip("_./-")  # as no node's name begins
        return super().helper_name(short)
