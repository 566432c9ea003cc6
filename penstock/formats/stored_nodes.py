"""The nodes of a stored graph or function, and the edges between them, before they are operations.

An edge is an output of another node, as (node, index), or a tensor that is there already: one that
`input_map` names, or an argument of a function.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from penstock.graph.operation import Tensor

Edge = Any  # Tensor | tuple[Node, int]

_VALID_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_./-]*")


class Node:
    """A node that is to become an operation.

    Attributes:
        name: its name in its graph or function.
        op: the name of its op.
        number: its place among the nodes.
        attrs: AttrValue messages by name.
        device: where it is to run.
        inputs: the edges that end in it.
        controls: the nodes that it waits for.
        before: the nodes that must be operations before it becomes one.
        frame: the loops around it, from outside in (formats/control_flow_v1.py).
        path: the branches around it, from outside in (formats/branch_paths.py).
        merged: of a node that merges branches, what it merges (formats/branch_paths.py).
        waited_by: of a node in a branch, the nodes that have it among their `controls`.
    """

    __slots__ = (
        "attrs", "before", "controls", "device", "frame", "inputs", "merged", "name", "number",
        "op", "path", "waited_by",
    )  # fmt: skip

    def __init__(self, name: str, op: str, number: int, attrs: Mapping[str, Any]) -> None:
        self.name = name
        self.op = op
        self.number = number
        self.attrs = attrs
        self.device = ""
        self.inputs: list[Edge] = []
        self.controls: list[Node] = []
        self.before: list[Node] = []
        self.frame: tuple[str, ...] = ()
        self.path: tuple[Any, ...] = ()
        self.merged: Any = None
        self.waited_by: list[Node] = []

    def sources(self) -> Iterable[Node]:
        """The nodes that it takes values from or waits for."""
        for edge in self.inputs:
            if not isinstance(edge, Tensor):
                yield edge[0]
        yield from self.controls

    def __repr__(self) -> str:
        return f"<Node {self.name!r} op={self.op}>"


def node_of(message: Any, number: int) -> Node:
    """A node of a NodeDef message, without its edges.

    Raises:
        ValueError: its name is not valid.
    """
    if not _VALID_NAME.fullmatch(message.name):
        raise ValueError(
            f"Node {message.name!r}: Node name contains invalid characters, or none at all"
        )
    node = Node(message.name, message.op, number, message.attr)
    node.device = message.device
    return node


def nodes_by_name(messages: Iterable[Any], what: str) -> dict[str, Node]:
    """The nodes of NodeDef messages by name, without their edges.

    Args:
        messages: the messages.
        what: what they are of, for the error.

    Raises:
        ValueError: two have one name, or a name is not valid.
    """
    nodes: dict[str, Node] = {}
    for number, message in enumerate(messages):
        if message.name in nodes:
            raise ValueError(f"{what} has two nodes of the name {message.name!r}")
        nodes[message.name] = node_of(message, number)
    return nodes


def nodes_of_graph(graph_def: Any, mapped: Mapping[str, Tensor], used: set[str]) -> dict[str, Node]:
    """The nodes of a GraphDef message, by name.

    Args:
        graph_def: the message.
        mapped: tensors that take the place of outputs, by the name of the output.
        used: where the names among `mapped` that an edge has are put.

    Raises:
        ValueError: a node or an edge is malformed.
    """
    nodes = nodes_by_name(graph_def.node, "the GraphDef")
    for node, message in zip(nodes.values(), graph_def.node, strict=True):
        for text in message.input:
            name = output_name(text)
            if name in mapped:
                used.add(name)
                if not text.startswith("^"):
                    node.inputs.append(mapped[name])
                continue
            source_name, colon, index = text.lstrip("^").partition(":")
            source = nodes.get(source_name)
            if source is None:
                raise ValueError(f"Node {node.name!r}: Unknown input node {text!r}")
            if text.startswith("^"):
                node.controls.append(source)
            elif colon and not index.isdigit():
                raise ValueError(
                    f"Node {node.name!r}: its input {text!r} is no output of {source_name!r}"
                )
            else:
                node.inputs.append((source, int(index) if colon else 0))
    return nodes


def output_name(name: str) -> str:
    """The name with its output index; a control input keeps its ^."""
    return name if name.startswith("^") or ":" in name else f"{name}:0"


def in_order(nodes: Iterable[Node], before: Callable[[Node], Iterable[Node]]) -> list[Node]:
    """Nodes in an order in which each comes after those that `before` gives of it.

    Nodes that are not among them count as there already.

    Raises:
        ValueError: they form a cycle.
    """
    waiting: dict[Node, int] = {}
    after: dict[Node, list[Node]] = {}
    for node in nodes:
        waiting[node] = 0
    for node in waiting:
        for source in before(node):
            if source in waiting:
                waiting[node] += 1
                after.setdefault(source, []).append(node)
    queue = deque([node for node, count in waiting.items() if count == 0])
    ordered = []
    while queue:
        node = queue.popleft()
        ordered.append(node)
        for later in after.get(node, ()):
            waiting[later] -= 1
            if waiting[later] == 0:
                queue.append(later)
    if len(ordered) != len(waiting):
        raise cycle({node for node, count in waiting.items() if count > 0}, before)
    return ordered


def cycle(left: set[Node], before: Callable[[Node], Iterable[Node]]) -> ValueError:
    """The error for nodes each of which comes after another one."""
    return ValueError(
        f"the GraphDef has a cycle through {_on_a_cycle(left, before)!r}: only a NextIteration "
        "node can close one, into a Merge"
    )


def _on_a_cycle(left: set[Node], before: Callable[[Node], Iterable[Node]]) -> str:
    node = min(left, key=lambda node: node.number)
    seen: set[Node] = set()
    while node not in seen:
        seen.add(node)
        node = next(source for source in before(node) if source in left)
    return node.name
