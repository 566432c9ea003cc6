"""The functions of a stored graph: FunctionDef messages, each use of which becomes nodes anew.

In a function's body, the inputs of nodes are "node:output name:index", or the name of an argument.

Source: the comments of TensorFlow's function.proto tell the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from penstock.formats.control_flow_v1 import (
    ENTER,
    EXIT,
    LOOP_COND,
    MERGE,
    NEXT_ITERATION,
    SWITCH,
    find_structure,
)
from penstock.formats.node_attrs import spec_of
from penstock.formats.stored_nodes import Edge, Node, nodes_by_name
from penstock.graph import dtypes
from penstock.graph.operation import Tensor
from penstock.graph.protos import attr_from_proto

# Functions that use functions may grow without bound: 2**30 nodes out of 30 functions. So many may
# be made in any case, and so many times the nodes that are stored.
_ANY_NODES = 20_000
_MOST_USES = 20

RESULTS = "results"  # the op of the node whose inputs are what a function gives

_OUTPUTS = {
    **dict.fromkeys(SWITCH, ("output_false", "output_true")),
    **dict.fromkeys(MERGE, ("output", "value_index")),
    **dict.fromkeys(ENTER | EXIT | NEXT_ITERATION | LOOP_COND, ("output",)),
}
_LISTS_OF_OUTPUTS = frozenset({
    "If", "StatelessIf", "While", "StatelessWhile", "Case", "StatelessCase", "PartitionedCall",
    "StatefulPartitionedCall",
})  # fmt: skip


@dataclass(eq=False)
class Body:
    """One use of a function.

    Attributes:
        nodes: its nodes, ready to be built (formats/control_flow_v1.py).
        results: the one among them whose inputs are what it gives.
        effects: the one that waits for all that must run whenever it is called, or None.
    """

    nodes: list[Node]
    results: Node
    effects: Node | None


class Library:
    """The functions of a GraphDef.

    Args:
        message: its FunctionDefLibrary message.
    """

    def __init__(self, message: Any) -> None:
        self._functions = {function.signature.name: function for function in message.function}
        self._in_use: list[str] = []
        stored = sum([len(function.node_def) for function in message.function])
        self._left = _ANY_NODES + _MOST_USES * stored

    def __contains__(self, name: str) -> bool:
        return name in self._functions

    @contextmanager
    def using(self, name: str, node: Node) -> Iterator[None]:
        """Remembers that a function is being built.

        Raises:
            ValueError: it is part of itself; `node` uses it.
        """
        if name in self._in_use:
            raise ValueError(
                f"Node {node.name!r} uses the function {name!r}, which it is itself part of: "
                "functions that call themselves cannot be imported"
            )
        self._in_use.append(name)
        try:
            yield
        finally:
            self._in_use.pop()

    def find(self, name: str, node: Node) -> Any:
        """The FunctionDef message of a name.

        Raises:
            ValueError: there is none; `node` uses it.
        """
        if name not in self._functions:
            raise ValueError(
                f"Node {node.name!r} ({node.op}) uses the function {name!r}, which is not in the "
                "library of the GraphDef"
            )
        return self._functions[name]

    def passed_through(self, name: str, node: Node) -> set[int]:
        """The places of arguments that a function gives back as its results of the same places."""
        function = self.find(name, node)
        nodes = {inner.name: inner for inner in function.node_def}
        arguments = [arg.name for arg in function.signature.input_arg]
        found = set()
        for place, result in enumerate(function.signature.output_arg):
            text = function.ret.get(result.name, "")
            for _ in range(len(nodes)):
                inner = nodes.get(text.partition(":")[0])
                if inner is None or inner.op != "Identity" or not inner.input:
                    break
                text = inner.input[0]
            if place < len(arguments) and text == arguments[place]:
                found.add(place)
        return found

    def use(self, used: Any, node: Node, args: Sequence[Tensor]) -> Body:
        """The nodes of a function, for one use of it.

        Args:
            used: a NameAttrList message: its name, and the attrs that it depends on.
            node: the node that uses it.
            args: the tensors that it takes.

        Raises:
            ValueError: the function is malformed, or does not fit the arguments.
        """
        function = self.find(used.name, node)
        self._left -= 1 + len(function.node_def)
        if self._left < 0:
            raise ValueError(
                f"Node {node.name!r}: the functions that it uses make more nodes than can be meant"
            )
        return _Use(self, function, dict(used.attr), node, args).body()


class _Use:
    """A function on its way to become nodes."""

    def __init__(
        self, library: Library, function: Any, attrs: dict[str, Any], node: Node,
        args: Sequence[Tensor],
    ) -> None:  # fmt: skip
        self._library = library
        self._function = function
        self._attrs = attrs
        self._user = node
        self._name = function.signature.name
        self._args = self._arguments(args)
        self._nodes = nodes_by_name(function.node_def, f"the function {self._name!r}")

    def body(self) -> Body:
        """Its nodes and results."""
        for node, message in zip(self._nodes.values(), self._function.node_def, strict=True):
            node.attrs = self._bound(node, message.attr)
        for node, message in zip(self._nodes.values(), self._function.node_def, strict=True):
            for text in message.input:
                if not text.startswith("^"):
                    node.inputs.append(self._edge(text, node.name))
                elif text[1:] in self._nodes:
                    node.controls.append(self._nodes[text[1:]])
                elif text[1:] not in self._args:
                    raise self._unknown(node.name, text)
        results = Node("results", RESULTS, len(self._nodes), {})
        for result in self._function.signature.output_arg:
            results.inputs.append(self._edge(self._function.ret.get(result.name, ""), result.name))
        nodes = [*self._nodes.values(), results]
        effects = None
        if must_run := self._effects():
            effects = Node("effects", "ControlTrigger", len(nodes), {})
            effects.controls = must_run
            nodes.append(effects)
        found = find_structure(nodes)
        if results.frame or results.path:
            raise ValueError(
                f"the function {self._name!r}, which node {self._user.name!r} uses, gives a value "
                "that is in a loop or in one branch only"
            )
        return Body(found, results, effects)

    def _arguments(self, args: Sequence[Tensor]) -> dict[str, list[Tensor]]:
        """The tensors by the name of the argument."""
        found: dict[str, list[Tensor]] = {}
        left = list(args)
        for arg in self._function.signature.input_arg:
            types = self._types(arg)
            given, left = left[: len(types)], left[len(types) :]
            if len(given) != len(types):
                raise ValueError(
                    f"Node {self._user.name!r} gives {len(args)} arguments to the function "
                    f"{self._name!r}, which takes more"
                )
            for tensor, dtype in zip(given, types, strict=True):
                if tensor.dtype.base_dtype is not dtype:
                    raise ValueError(
                        f"Node {self._user.name!r}: the argument {arg.name!r} of the function "
                        f"{self._name!r} has the type {dtype.name}, got {tensor.dtype.name}"
                    )
            found[arg.name] = given
        if left:
            raise ValueError(
                f"Node {self._user.name!r} gives {len(args)} arguments to the function "
                f"{self._name!r}, which takes {len(args) - len(left)}"
            )
        return found

    def _types(self, arg: Any) -> list[dtypes.DType]:
        """The types of the tensors that an ArgDef message stands for."""
        if arg.type_list_attr:
            return [dtypes.as_dtype(item) for item in self._attr(arg.type_list_attr).list.type]
        dtype = dtypes.as_dtype(self._attr(arg.type_attr).type if arg.type_attr else arg.type)
        return [dtype.base_dtype] * (self._attr(arg.number_attr).i if arg.number_attr else 1)

    def _attr(self, name: str) -> Any:
        if name not in self._attrs:
            raise ValueError(
                f"Node {self._user.name!r}: the function {self._name!r} needs the attr {name!r}"
            )
        return self._attrs[name]

    def _bound(self, node: Node, attrs: Any) -> Mapping[str, Any]:
        """The attrs of a node, those of the function's user in the place of placeholders."""
        if not any([value.WhichOneof("value") == "placeholder" for value in attrs.values()]):
            return attrs
        return {
            key: self._attr(value.placeholder)
            if value.WhichOneof("value") == "placeholder"
            else value
            for key, value in attrs.items()
        }

    def _edge(self, text: str, taker: str) -> Edge:
        name, _, rest = text.partition(":")
        if name in self._args:
            index = int(rest) if rest.isdigit() else 0
            if index >= len(self._args[name]):
                raise self._unknown(taker, text)
            return self._args[name][index]
        node = self._nodes.get(name)
        output, _, number = rest.partition(":")
        if node is None or not (number.isdigit() or not number):
            raise self._unknown(taker, text)
        first = self._first_output(node, output)
        if first is None:
            raise self._unknown(taker, text)
        return node, first + int(number or 0)

    def _unknown(self, taker: str, text: str) -> ValueError:
        return ValueError(
            f"Node {taker!r} of the function {self._name!r}: Unknown input {text!r} (used by node "
            f"{self._user.name!r})"
        )

    def _first_output(self, node: Node, output: str) -> int | None:
        """The index of the first tensor of an output that is known by its name."""
        if node.op in _LISTS_OF_OUTPUTS:
            return 0 if output == "output" else None
        if node.op in _OUTPUTS:
            names = _OUTPUTS[node.op]
            return names.index(output) if output in names else None
        if node.op in self._library:
            return self._first_output_of_call(node, output)
        first = 0
        spec = spec_of(node)
        attrs = {key: attr_from_proto(value) for key, value in node.attrs.items()}
        for arg in spec.output_args:
            if arg.name == output:
                return first
            if arg.many and (arg.number_attr or arg.type_attr) not in attrs:
                raise ValueError(f"Node {node.name!r} ({node.op}) lacks an attr: how many outputs?")
            first += arg.count(attrs)
        return None

    def _first_output_of_call(self, node: Node, output: str) -> int | None:
        signature = self._library.find(node.op, node).signature
        for place, arg in enumerate(signature.output_arg):
            if arg.type_list_attr or arg.number_attr:
                raise ValueError(
                    f"Node {node.name!r}: the function {node.op!r} gives a list, which is not "
                    "supported for functions that are called as ops"
                )
            if arg.name == output:
                return place
        return None

    def _effects(self) -> list[Node]:
        """The nodes that must run whenever the function is called: those that it names as such.

        Functions of TensorFlow 1, which are called as ops, do not name them: all that write.
        """
        named = list(self._function.control_ret.values())
        if named:
            missing = [name for name in named if name not in self._nodes]
            if missing:
                raise self._unknown(self._name, missing[0])
            return [self._nodes[name] for name in named]
        if self._user.op != self._name:
            return []
        return [node for node in self._nodes.values() if has_effect(node, self._library)]


def has_effect(node: Node, library: Library) -> bool:
    """True of a node that does more than give values."""
    if node.op in _OUTPUTS or node.op.startswith("Stateless") or node.op == "PartitionedCall":
        return False
    if node.op in _LISTS_OF_OUTPUTS or node.op in library:
        return True
    spec = spec_of(node)
    return not spec.pure and not spec.wants_rng and not spec.variable and spec.name not in _READS


_READS = frozenset({"ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape"})
