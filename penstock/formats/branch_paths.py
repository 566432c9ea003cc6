"""Branches of Switch and Merge nodes: the conditions under which a node runs, and what is merged.

In TensorFlow, the output of a Switch that is not taken is dead, and so is what takes a dead value;
a Merge passes on the input that is alive. So the Switch nodes on the ways to a node tell under
which conditions it runs: its path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from penstock.formats.stored_nodes import Edge, Node
from penstock.graph.operation import Tensor

MOST_NESTED = 50  # branches, loops and functions in each other: no recursion may overflow


class Condition(NamedTuple):
    """The value that a Switch asks: what it comes from."""

    source: Any  # Node | Tensor
    output: int

    @property
    def edge(self) -> Edge:
        """The edge of that value."""
        return self.source if isinstance(self.source, Tensor) else (self.source, self.output)


Path = tuple[tuple[Condition, bool], ...]


@dataclass(eq=False)
class Merged:
    """What a Merge node merges.

    Attributes:
        condition: tells which of the two.
        edges: the value in either case.
        places: in either case, which input of the node that is, or the node that knows.
        gives_place: that is asked for.
    """

    condition: Condition
    edges: dict[bool, Edge]
    places: dict[bool, int | Node]
    gives_place: bool = False


class EdgeRules(Protocol):
    """What formats/control_flow_v1.py knows of edges."""

    def base_of(self, edge: Edge) -> tuple[Condition, bool]:
        """What stands for the condition that an edge gives, and whether that is turned round."""
        ...


def find_paths(ordered: list[Node], rules: EdgeRules) -> list[Node]:
    """Fills in the paths of nodes, and what Merge nodes merge.

    Args:
        ordered: the nodes, each after those it depends on.
        rules: knows what edges stand for.

    Returns:
        The nodes, with those for the merges inside branches that a Merge of more than two inputs
        needs.

    Raises:
        ValueError: a node takes values that are never there together; the inputs of a Merge are
            not the values of the branches of conditions.
    """
    paths = _Paths(rules)
    for node in ordered:
        if node.op in ("Merge", "RefMerge"):
            paths.merge(node)
        elif node.op == "ControlTrigger":
            node.path = _path_of_trigger(node)
        else:
            node.path = _joined(
                node,
                [paths.of_edge(edge) for edge in node.inputs],
                [control.path for control in node.controls],
            )
    return ordered + paths.added


def _joined(node: Node, of_inputs: Sequence[Path], of_controls: Sequence[Path]) -> Path:
    """The path of a node that needs all its inputs."""
    path: dict[tuple[Condition, bool], None] = {}
    for other in sorted([*of_inputs, *of_controls], key=len, reverse=True):
        path.update(dict.fromkeys(other))
    for condition, value in path:
        if (condition, not value) in path:
            raise ValueError(
                f"Node {node.name!r} takes values of both branches of a condition, which are never "
                "there together"
            )
    if len(path) > MOST_NESTED:
        raise ValueError(
            f"Node {node.name!r}: branches lie more than {MOST_NESTED} deep in each other"
        )
    return tuple(path)


def _path_of_trigger(node: Node) -> Path:
    """A ControlTrigger fires whether or not what it waits for is alive; in a loop, in its body."""
    shared = _shared([control.path for control in node.controls])
    return tuple([part for part in shared if _is_loop(part[0])])


def _is_loop(condition: Condition) -> bool:
    return isinstance(condition.source, Node) and condition.source.op == "LoopCond"


def _shared(paths: Sequence[Path]) -> Path:
    if not paths:
        return ()
    return tuple([part for part in paths[0] if all([part in other for other in paths])])


class _Paths:
    """Finds the paths of edges and Merge nodes.

    Attributes:
        added: nodes for merges inside of branches.
    """

    def __init__(self, rules: EdgeRules) -> None:
        self.added: list[Node] = []
        self._rules = rules

    def of_edge(self, edge: Edge) -> Path:
        """The path of what takes an edge."""
        if isinstance(edge, Tensor):
            return ()
        node, index = edge
        if node.op in ("Switch", "RefSwitch"):
            condition, turned = self._rules.base_of(node.inputs[1])
            own = (condition, (index == 1) != turned)
            return node.path if own in node.path else (*node.path, own)
        return node.path

    def merge(self, node: Node) -> None:
        """Fills in what a Merge node merges, and its path."""
        paths = [self.of_edge(edge) for edge in node.inputs]
        if len(paths) == 1:
            node.path = paths[0]
            return
        node.path = _shared(paths)
        cases = list(zip(paths, node.inputs, range(len(paths)), strict=True))
        self._plan(node, node, cases)

    def _plan(self, node: Node, top: Node, cases: list[tuple[Path, Edge, int]]) -> None:
        """Plans `node`, a part of `top` which merges `cases`."""
        path = node.path
        rests = [[part for part in own if part not in path] for own, _, _ in cases]
        condition = _asked_by_all(rests)
        if condition is None:
            raise _unclear(top)
        edges: dict[bool, Edge] = {}
        places: dict[bool, int | Node] = {}
        for value in (False, True):
            chosen = [
                case for case, rest in zip(cases, rests, strict=True) if (condition, value) in rest
            ]
            inner = (*path, (condition, value))
            if not chosen or (len(chosen) == 1 and set(chosen[0][0]) != set(inner)):
                raise _unclear(top)
            if len(chosen) == 1:
                _, edges[value], places[value] = chosen[0]
                continue
            part = self._part(top, chosen, inner)
            node.before = [*node.before, part]
            self._plan(part, top, chosen)
            edges[value], places[value] = (part, 0), part
        node.merged = Merged(condition, edges, places)

    def _part(self, top: Node, cases: list[tuple[Path, Edge, int]], path: Path) -> Node:
        part = Node(f"{top.name}/merged", "Merge", top.number, top.attrs)
        part.before = [edge[0] for _, edge, _ in cases if not isinstance(edge, Tensor)]
        part.path = path
        part.frame = top.frame
        self.added.append(part)
        return part


def _asked_by_all(rests: list[list[tuple[Condition, bool]]]) -> Condition | None:
    """A condition that is in all of some paths."""
    for condition, _ in rests[0]:
        if all([any([condition == other for other, _ in rest]) for rest in rests]):
            return condition
    return None


def ask_for_place(node: Node) -> None:
    """Notes that which input a Merge node passes on is asked for."""
    if node.merged is not None and not node.merged.gives_place:
        node.merged.gives_place = True
        for place in node.merged.places.values():
            if isinstance(place, Node):
                ask_for_place(place)


def _unclear(node: Node) -> ValueError:
    return ValueError(
        f"Node {node.name!r}: a Merge takes one value from each branch of a condition; of its "
        "inputs, several or none may be there"
    )


def without_condition(node: Node, condition: Condition) -> None:
    """Takes a condition, which is true, out of the path of a node."""
    node.path = tuple([part for part in node.path if part[0] != condition])
