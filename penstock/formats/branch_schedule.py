"""In which order stored nodes are built, and which of them are built as the branches of one op.

A conditional op needs all that its branches take before it, and what takes its results comes after
it. The nodes under one condition may depend on each other through nodes outside (a gradient comes
back into the branches it came from), so they make as many conditional ops as that needs.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from penstock.formats.branch_paths import Condition
from penstock.formats.stored_nodes import Node, cycle


@dataclass(eq=False)
class Branches:
    """Nodes that are built as the branches of one conditional op.

    Attributes:
        condition: what decides which of them run.
        nodes: the nodes of both branches.
        merges: the Merge nodes that take the results.
    """

    condition: Condition
    nodes: list[Node]
    merges: list[Node]

    @property
    def first(self) -> Node:
        """The node that gives it its name."""
        return min(self.merges or self.nodes, key=lambda node: node.number)


def schedule(nodes: Iterable[Node], depth: int) -> list[Node | Branches]:
    """The order in which nodes are built.

    Args:
        nodes: the nodes; those whose path is longer than `depth` are in branches.
        depth: how many of the conditions in their paths hold where they are built.

    Raises:
        ValueError: they depend on each other in a circle.
    """
    return _Scheduler(nodes, depth).ordered()


@dataclass(eq=False)
class _Scope:
    """The nodes under one condition.

    Attributes:
        left: how many of them are not built.
        ready: those that can be built now, in order.
        first: the least of their numbers.
    """

    condition: Condition
    left: int = 0
    ready: list[Node] = field(default_factory=list)
    first: int = 0


class _Scheduler:
    def __init__(self, nodes: Iterable[Node], depth: int) -> None:
        self._depth = depth
        self._waiting: dict[Node, int] = dict.fromkeys(nodes, 0)
        self._after: dict[Node, list[Node]] = {}
        self._scopes: dict[Condition, _Scope] = {}
        self._scope_of: dict[Node, _Scope] = {}
        self._free: list[tuple[int, int, Node]] = []  # not in branches, and ready
        self._complete: list[tuple[int, int, _Scope]] = []  # all that are left of them are ready
        self._ordered: list[Node | Branches] = []
        for node in self._waiting:
            condition = self._condition_of(node)
            if condition is not None:
                scope = self._scopes.setdefault(condition, _Scope(condition, first=node.number))
                scope.left += 1
                scope.first = min(scope.first, node.number)
                self._scope_of[node] = scope
            for source in dict.fromkeys(node.before):
                if source in self._waiting:
                    self._waiting[node] += 1
                    self._after.setdefault(source, []).append(node)

    def _condition_of(self, node: Node) -> Condition | None:
        if len(node.path) > self._depth:
            return node.path[self._depth][0]
        return None if node.merged is None else node.merged.condition

    def _is_merge(self, node: Node) -> bool:
        return len(node.path) == self._depth

    def ordered(self) -> list[Node | Branches]:
        for node in [node for node, count in self._waiting.items() if count == 0]:
            self._release(node)
        while self._free or self._scopes:
            if self._complete and (not self._free or self._complete[0][0] < self._free[0][0]):
                self._take(heapq.heappop(self._complete)[-1])
            elif self._free:
                node = heapq.heappop(self._free)[-1]
                self._ordered.append(node)
                self._satisfy(self._after.get(node, ()))
            else:
                self._take(self._incomplete_scope())
        left = {node for node, count in self._waiting.items() if count > 0}
        if left:
            raise cycle(left, lambda node: node.before)
        return self._ordered

    def _incomplete_scope(self) -> _Scope:
        """Branches of which some nodes can be built, where nothing else can."""
        ready = [scope for scope in self._scopes.values() if scope.ready]
        if not ready:
            names = sorted([node.name for node, count in self._waiting.items() if count > 0])
            raise ValueError(f"branches and loops wait for each other: {', '.join(names[:5])}")
        return min(ready, key=lambda scope: scope.first)

    def _release(self, node: Node) -> None:
        """Notes that all that a node waits for is built, or can be in the same branches."""
        pending = [node]
        while pending:
            node = pending.pop()
            scope = self._scope_of.get(node)
            if scope is None:
                heapq.heappush(self._free, (node.number, id(node), node))
                continue
            scope.ready.append(node)
            if len(scope.ready) == scope.left:
                heapq.heappush(self._complete, (scope.first, id(scope), scope))
            if self._is_merge(node):
                continue
            for later in self._after.get(node, ()):
                if self._scope_of.get(later) is scope:
                    self._waiting[later] -= 1
                    if self._waiting[later] == 0:
                        pending.append(later)

    def _satisfy(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self._waiting[node] -= 1
            if self._waiting[node] == 0:
                self._release(node)

    def _take(self, scope: _Scope) -> None:
        taken, scope.ready = scope.ready, []
        scope.left -= len(taken)
        if scope.left == 0:
            del self._scopes[scope.condition]
        merges = [node for node in taken if self._is_merge(node)]
        nodes = [node for node in taken if not self._is_merge(node)]
        self._ordered.append(Branches(scope.condition, nodes, merges))
        self._ordered.extend(merges)
        for node in taken:
            later = self._after.get(node, ())
            if not self._is_merge(node):
                later = [other for other in later if self._scope_of.get(other) is not scope]
            self._satisfy(later)
