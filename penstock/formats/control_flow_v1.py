"""Loops of Enter, Merge, Switch, NextIteration and Exit nodes, each taken out as one node.

    init → Enter → Merge ──────────→ … → LoopCond     (what decides whether to go on)
                    ↑ ↘ Switch ─ false → Exit         (the last value)
                    │     └──── true → … → NextIteration (the next value)
                    └──────────────────────────┘

TensorFlow runs the nodes between Enter and Exit in a frame, once for each iteration. Frames lie in
each other as their loops do.

Source: the meaning of these ops is told in "Implementation of Control Flow in TensorFlow"
(Yuan Yu and others, 2017).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from penstock.formats.branch_paths import (
    MOST_NESTED,
    Condition,
    ask_for_place,
    find_paths,
    without_condition,
)
from penstock.formats.stored_nodes import Edge, Node, in_order
from penstock.graph.operation import Tensor
from penstock.graph.protos import array_from_tensor_proto

SWITCH = frozenset({"Switch", "RefSwitch"})
MERGE = frozenset({"Merge", "RefMerge"})
ENTER = frozenset({"Enter", "RefEnter"})
EXIT = frozenset({"Exit", "RefExit"})
NEXT_ITERATION = frozenset({"NextIteration", "RefNextIteration"})
LOOP_COND = frozenset({"LoopCond"})

# Nodes that no operation is made of: what they pass on is taken from its source.
PASSED = SWITCH | ENTER | LOOP_COND | NEXT_ITERATION
CONTROL_FLOW = PASSED | MERGE | EXIT | {"ControlTrigger"}


@dataclass(eq=False)
class Variable:
    """A variable of a loop.

    Attributes:
        merge: its Merge node; as the source of an edge it stands for the variable.
        first: the edge of its first value.
        next: its NextIteration node, which takes the next value.
        switch: its Switch node, or None: the name of the variable in the body.
    """

    merge: Node
    first: Edge
    next: Node
    switch: Node | None = None


class Loop(Node):
    """A loop, as one node of the graph, branch or loop that it stands in.

    Its outputs are the last values of its variables.

    Attributes:
        frame_name: the name that its Enter nodes give it.
        variables: its variables.
        test: the edge that decides whether it goes on.
        condition: the nodes that decide it.
        body: the nodes of an iteration, and those of `condition` that they take values from.
    """

    __slots__ = ("body", "cond_node", "condition", "frame_name", "members", "test", "variables")

    def __init__(self, frame_name: str, members: list[Node], cond_node: Node) -> None:
        super().__init__(frame_name, "loop", min([node.number for node in members]), {})
        self.frame_name = frame_name
        self.members = members
        self.cond_node = cond_node
        self.variables: list[Variable] = []
        self.test: Edge = cond_node.inputs[0]
        self.condition: list[Node] = []
        self.body: list[Node] = []

    def places(self) -> dict[Node | None, int]:
        """The places of its variables, by their Merge nodes."""
        return {variable.merge: place for place, variable in enumerate(self.variables)}


def find_structure(nodes: Iterable[Node]) -> list[Node]:
    """The nodes outside of loops, in any order, ready to be built: loops are nodes among them.

    Fills in `path`, `before` and `merged`, and makes the edges of all nodes end where a value
    comes from: at no Switch, Enter or LoopCond.

    Raises:
        ValueError: loops or branches are malformed; the message names a node.
    """
    nodes = list(nodes)
    if not any([node.op in CONTROL_FLOW for node in nodes]):
        for node in nodes:
            node.before = list(node.sources())
        return nodes
    ordered = in_order(nodes, _before_in_time)
    _check(ordered)
    _find_frames(ordered)
    outside, loops = _take_out_loops(ordered)
    blocks = [outside, *[loop.members for loop in loops]]
    edges = Edges({variable.merge for loop in loops for variable in loop.variables})
    for block in blocks:
        for node in block:
            node.before = [s for s in node.sources() if s.op not in ENTER and s not in edges.merges]
        block[:] = find_paths(in_order(block, lambda node: node.before), edges)
    for loop in loops:
        _split(loop)
    for node in [node for block in blocks for node in block]:
        edges.shorten_controls(node)
    for node in [node for block in blocks for node in block]:
        edges.shorten_inputs(node)
    for loop in loops:
        loop.test = origin(loop.test)
        for variable in loop.variables:
            variable.first = origin(variable.first)
        loop.body += _needed_by_body(loop)
    return outside


def _before_in_time(node: Node) -> Iterable[Node]:
    if node.op in MERGE:
        return [source for source in node.sources() if source.op not in NEXT_ITERATION]
    return node.sources()


def _check(nodes: list[Node]) -> None:
    """Raises ValueError where a node of these ops has not the inputs that it must have."""
    counts = {**dict.fromkeys(SWITCH, 2), **dict.fromkeys(PASSED - SWITCH, 1)}
    counts.update(dict.fromkeys(EXIT, 1))
    counts["ControlTrigger"] = 0
    for node in nodes:
        expected = counts.get(node.op)
        if expected is not None and len(node.inputs) != expected:
            raise ValueError(
                f"Node {node.name!r} ({node.op}) takes {expected} inputs, got {len(node.inputs)}"
            )
        if node.op in MERGE and not node.inputs:
            raise ValueError(f"Node {node.name!r} ({node.op}) has no inputs")
        for edge in node.inputs:
            if isinstance(edge, Tensor):
                continue
            source, index = edge
            if source.op in NEXT_ITERATION and node.op not in MERGE:
                raise ValueError(
                    f"Node {node.name!r} takes {source.name!r}, a NextIteration, which only a "
                    "Merge can take"
                )
            outputs = 2 if source.op in SWITCH | MERGE else 1
            if source.op in CONTROL_FLOW and index >= outputs:
                raise ValueError(
                    f"Node {node.name!r}: its input '{source.name}:{index}' is no output of "
                    f"{source.name!r}, which has {outputs}"
                )


def _find_frames(ordered: list[Node]) -> None:
    for node in ordered:
        before = list(_before_in_time(node))
        frame = before[0].frame if before else ()
        for other in before[1:]:
            if other.frame != frame:
                raise ValueError(
                    f"Node {node.name!r} has inputs from different frames. The input "
                    f"{before[0].name!r} is in frame {_shown(frame)}. The input {other.name!r} is "
                    f"in frame {_shown(other.frame)}."
                )
        if node.op in ENTER:
            frame = (*frame, _frame_name(node))
            if len(frame) > MOST_NESTED:
                raise ValueError(
                    f"Node {node.name!r}: loops lie more than {MOST_NESTED} deep in each other"
                )
        elif node.op in EXIT | NEXT_ITERATION | LOOP_COND and not frame:
            raise ValueError(f"Node {node.name!r} ({node.op}) is in no loop: it needs an Enter")
        node.frame = frame[:-1] if node.op in EXIT else frame
    for node in ordered:
        for source in node.sources() if node.op in MERGE else ():
            if source.frame != node.frame:
                raise ValueError(
                    f"Node {node.name!r} has inputs from different frames: {source.name!r} is in "
                    f"frame {_shown(source.frame)}, the node in {_shown(node.frame)}."
                )


def _shown(frame: tuple[str, ...]) -> str:
    return repr("/".join(frame))


def _frame_name(enter: Node) -> str:
    if "frame_name" not in enter.attrs:
        raise ValueError(f"Node {enter.name!r} ({enter.op}) lacks the attr 'frame_name'")
    return str(enter.attrs["frame_name"].s.decode(errors="replace"))


def _is_constant(enter: Node) -> bool:
    return "is_constant" in enter.attrs and bool(enter.attrs["is_constant"].b)


def _take_out_loops(ordered: list[Node]) -> tuple[list[Node], list[Loop]]:
    """The nodes outside of loops, with the outermost loops, and all loops."""
    members: dict[tuple[str, ...], list[Node]] = {(): []}
    exits: dict[Node, list[Node]] = {}
    for node in ordered:
        members.setdefault(node.frame, []).append(node)
        if node.op in EXIT:
            exits.setdefault(node.inputs[0][0], []).append(node)
    loops = []
    for frame in sorted(members, key=len, reverse=True):
        for part in _connected(members[frame]) if frame else ():
            loop = _loop_of(frame[-1], part)
            if loop is None:
                continue
            loops.append(loop)
            loop.frame = frame[:-1]
            behind = _take_out_last_steps(loop, exits)
            members.setdefault(loop.frame, []).extend([loop, *behind])
    return members[()], loops


def _connected(nodes: list[Node]) -> list[list[Node]]:
    """The nodes by loop: two loops may have the same name, as when a graph is imported twice."""
    root = {node: node for node in nodes}

    def find(node: Node) -> Node:
        while root[node] is not node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for node in nodes:
        for source in node.sources():
            if source in root:
                root[find(node)] = find(source)
    parts: dict[Node, list[Node]] = {}
    for node in nodes:
        parts.setdefault(find(node), []).append(node)
    return list(parts.values())


def _loop_of(frame_name: str, part: list[Node]) -> Loop | None:
    """The loop that some nodes form; None of Enter nodes that nothing takes."""
    enters = [node for node in part if node.op in ENTER]
    tests = [node for node in part if node.op in LOOP_COND]
    if len(enters) == len(part):
        return None
    if len(tests) != 1:
        first = min(part, key=lambda node: node.number).name
        found = " and ".join([repr(node.name) for node in tests]) or "none"
        raise ValueError(
            f"the loop {frame_name!r}, of node {first!r} and others, needs one LoopCond node; it "
            f"has {found}"
        )
    rest = [node for node in part if node.op not in ENTER]
    loop = Loop(frame_name, rest, tests[0])
    loop.inputs = [enter.inputs[0] for enter in enters]
    loop.controls = [control for enter in enters for control in enter.controls]
    loop.variables = [_variable(node) for node in rest if _closes_loop(node)]
    places = loop.places()
    for node in rest:
        place = places.get(_source(node.inputs[0])) if node.op in SWITCH else None
        if place is not None:
            loop.variables[place].switch = node
    _check_first_values(rest, places)
    loop.members = [node for node in rest if node not in places]
    return loop


def _take_out_last_steps(loop: Loop, exits: Mapping[Node, list[Node]]) -> list[Node]:
    """Takes out of a loop what runs once, behind its last test, for its Exit nodes.

    In the body these nodes would never run; they become part of what is around the loop.
    """
    last = _LastValues(loop)
    for node in loop.members:
        if node.op not in PASSED and any([last.is_last(edge) for edge in node.inputs]):
            last.take(node)
    loop.members = [node for node in loop.members if node not in last.taken]
    merges = [variable.merge for variable in loop.variables]
    for node in [*loop.members, *merges, *last.taken]:
        for left in exits.get(node, ()):
            left.inputs = [last.edge(left.inputs[0], left)]
    return list(last.taken)


class _LastValues:
    """The nodes of a loop that take the last values of its variables."""

    def __init__(self, loop: Loop) -> None:
        self.taken: dict[Node, None] = {}
        self._loop = loop
        self._places = loop.places()

    def is_last(self, edge: Edge) -> bool:
        """True of the value of a variable behind the last test, and of what comes of it."""
        if isinstance(edge, Tensor):
            return False
        node, index = edge
        if node in self.taken:
            return True
        return node.op in SWITCH and index == 0 and _source(node.inputs[1]) is self._loop.cond_node

    def take(self, node: Node) -> None:
        """Moves a node out of the loop."""
        node.inputs = [self.edge(edge, node) for edge in node.inputs]
        node.controls = [control for control in node.controls if control in self.taken]
        node.frame = node.frame[:-1]
        self.taken[node] = None

    def edge(self, edge: Edge, taker: Node) -> Edge:
        """The edge outside of the loop that gives what `edge` gives behind the last test."""
        source = _source(edge)
        if source is None or source in self.taken:
            return edge
        if source.op in ENTER:
            return source.inputs[0]
        if self.is_last(edge):
            below = source.inputs[0]
            place = self._places.get(_source(below))
            if place is not None:
                return self._loop, place
            if isinstance(below, Tensor) or below[0].op in ENTER:
                return self.edge(below, taker)
        raise ValueError(
            f"Node {taker.name!r} takes {source.name!r} of the loop {self._loop.frame_name!r}, "
            "which gives its last value through no Switch"
        )


def _closes_loop(node: Node) -> bool:
    return node.op in MERGE and any([source.op in NEXT_ITERATION for source in node.sources()])


def _variable(merge: Node) -> Variable:
    sources = [edge[0] for edge in merge.inputs if not isinstance(edge, Tensor)]
    enters = [source for source in sources if source.op in ENTER]
    back = [source for source in sources if source.op in NEXT_ITERATION]
    if len(merge.inputs) != 2 or len(enters) != 1 or len(back) != 1:
        raise ValueError(
            f"Node {merge.name!r}: the Merge of a loop takes an Enter and a NextIteration, got "
            f"{[source.name for source in sources]}"
        )
    return Variable(merge, enters[0].inputs[0], back[0])


def _check_first_values(nodes: list[Node], merges: Mapping[Node | None, int]) -> None:
    for node in nodes:
        for source in node.sources() if node not in merges else ():
            if source.op in ENTER and not _is_constant(source):
                raise ValueError(
                    f"Node {node.name!r} takes {source.name!r}, an Enter that is not constant: it "
                    "has a value in the first iteration only"
                )


def _source(edge: Edge) -> Node | None:
    return None if isinstance(edge, Tensor) else edge[0]


def _split(loop: Loop) -> None:
    """Tells the nodes of the condition from those of the body."""
    if loop.cond_node.path:
        raise ValueError(f"Node {loop.cond_node.name!r}: a LoopCond cannot be in a branch")
    key = Condition(loop.cond_node, 0)
    for variable in loop.variables:
        if [part for part in variable.next.path if part[0] != key]:
            raise ValueError(f"Node {variable.next.name!r}: a NextIteration cannot be in a branch")
    for node in loop.members:
        if (key, False) in node.path:
            raise ValueError(
                f"Node {node.name!r} takes the last value of the loop {loop.frame_name!r}: only "
                "an Exit can"
            )
        if (key, True) in node.path:
            without_condition(node, key)
            loop.body.append(node)
        else:
            loop.condition.append(node)


def _needed_by_body(loop: Loop) -> list[Node]:
    """The nodes of the condition that the body takes values from; it computes them again."""
    condition = set(loop.condition)
    takers = [*loop.body, *[variable.next for variable in loop.variables]]
    pending = [edge[0] for node in takers for edge in node.inputs if not isinstance(edge, Tensor)]
    pending += [part[0].source for node in takers for part in node.path]
    needed: dict[Node, None] = {}
    while pending:
        node = pending.pop()
        if node in condition and node not in needed:
            needed[node] = None
            pending.extend(node.before)
    return list(needed)


def origin(edge: Edge) -> Edge:
    """The edge that `edge` has its value from, past nodes that pass values on."""
    while not isinstance(edge, Tensor) and edge[0].op in PASSED:
        edge = edge[0].inputs[0]
    return edge


def _of_merge(node: Node) -> tuple[Condition, bool] | None:
    """The condition that an Equal asks again which asks what input a Merge took.

    TensorFlow's gradient of a Merge that a gradient made does so.
    """
    if node.op != "Equal" or len(node.inputs) != 2:
        return None
    asked, number = node.inputs
    if isinstance(asked, Tensor) or isinstance(number, Tensor):
        return None
    merged, constant = asked[0].merged, number[0]
    if merged is None or asked[1] != 1 or constant.op != "Const" or "value" not in constant.attrs:
        return None
    value = array_from_tensor_proto(constant.attrs["value"].tensor)
    for taken, place in merged.places.items():
        if value.shape == () and value.tolist() == place:
            return merged.condition, not taken
    return None


class Edges:
    """Follows edges back to where their values come from.

    Args:
        merges: the Merge nodes of loops, each of which stands for a variable.
    """

    def __init__(self, merges: set[Node]) -> None:
        self.merges = merges

    def base_of(self, edge: Edge) -> tuple[Condition, bool]:
        """What stands for the condition that an edge gives, and whether that is turned round.

        It is the same for the same value.
        """
        while not isinstance(edge, Tensor) and (edge[0].op in ENTER or _only_passes(edge[0])):
            edge = edge[0].inputs[0]
        if isinstance(edge, Tensor):
            return Condition(edge, 0), False
        return _of_merge(edge[0]) or (Condition(*edge), False)

    def shorten_controls(self, node: Node) -> None:
        """Makes a node wait for no node that only stands for a branch or loop."""
        node.controls = [source for source in node.controls if not self._is_pivot(source)]
        for source in node.controls:
            if source.path:
                source.waited_by.append(node)

    def shorten_inputs(self, node: Node) -> None:
        """Makes the edges of a node end where their values come from."""
        if node.op in PASSED - NEXT_ITERATION:
            return
        for edge in node.inputs:
            if not isinstance(edge, Tensor) and edge[0] in self.merges and edge[1] == 1:
                raise ValueError(
                    f"Node {node.name!r} takes '{edge[0].name}:1': which input a loop's Merge "
                    "took is not known"
                )
        node.inputs = [origin(edge) for edge in node.inputs]
        for edge in node.inputs:
            if not isinstance(edge, Tensor) and edge[1] == 1:
                ask_for_place(edge[0])

    def _is_pivot(self, node: Node) -> bool:
        """True of what others wait for to be in its branch or loop, which is all that it does."""
        source = _source(node.inputs[0]) if _only_passes(node) else node
        return source is not None and (source.op in PASSED or source in self.merges)


def _only_passes(node: Node) -> bool:
    return node.op == "Identity" and not node.controls and len(node.inputs) == 1
