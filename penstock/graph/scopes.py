"""The scopes that new operations are made in: each thread has its own stacks for each graph."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.graph.graph import Graph
    from penstock.graph.operation import Operation
    from penstock.graph.region import Region


class ScopeStacks:
    """What holds for the next operation that a thread adds to a graph."""

    __slots__ = (
        "attrs", "colocations", "container", "controls", "devices", "gradient_overrides",
        "gradient_walk", "name", "region", "variable_creators", "variable_store",
    )  # fmt: skip

    def __init__(self) -> None:
        self.name = ""  # the current name scope, without a slash at its end
        self.controls: list[ControlDependencies] = []
        self.region: Region | None = None  # the branch or loop body that is being made
        self.devices: list[Callable[[Any], Any]] = []
        self.colocations: list[Operation] = []
        self.attrs: dict[str, Any] = {}
        self.gradient_overrides: dict[str, str] = {}
        self.gradient_walk = ""  # the name of the walk backwards whose ops are being made
        self.container = ""
        self.variable_creators: list[Callable[..., Any]] = []
        self.variable_store: Any = None  # the variable scopes' part: ops/variable_scope.py


class ThreadScopes(threading.local):
    """The `ScopeStacks` of each thread. Their attributes are faster to reach than its own."""

    def __init__(self) -> None:
        self.scopes = ScopeStacks()


class ControlDependencies:
    """One `with control_dependencies(...)` block.

    It remembers the ops made inside it: an op that takes one of them as input is already ordered.
    """

    def __init__(self, graph: Graph, control_inputs: list[Operation] | None) -> None:
        self._graph = graph
        self._new_stack = control_inputs is None
        self.control_inputs: list[Operation] = control_inputs or []
        self.seen: set[Operation] = set()
        self._outer: tuple[list[ControlDependencies], Region | None] = ([], None)

    def __enter__(self) -> None:
        stacks = self._graph._scopes
        self._outer = (stacks.controls, stacks.region)
        if self._new_stack:  # outside of branches and loops too, as in TensorFlow
            stacks.controls, stacks.region = [self], None
        else:
            stacks.controls = [*stacks.controls, self]

    def __exit__(self, *unused: object) -> None:
        stacks = self._graph._scopes
        stacks.controls, stacks.region = self._outer


def control_inputs_for(stack: list[ControlDependencies], inputs: set[Operation]) -> list[Operation]:
    """The control inputs that the open blocks give an op which takes values from `inputs`."""
    found: dict[Operation, None] = {}
    for block in stack:
        if inputs and not block.seen.isdisjoint(inputs):
            continue
        for op in block.control_inputs:
            if op not in inputs:
                found[op] = None
    return list(found)


class NameScope:
    """`with graph.name_scope(name)`: yields the scope's name with a slash at its end.

    A slash at the end of `name` enters exactly that scope again; None or '' leaves all scopes.
    """

    __slots__ = ("_graph", "_name", "_outer")

    def __init__(self, graph: Graph, name: str | None) -> None:
        self._graph = graph
        self._name = name

    def __enter__(self) -> str:
        graph, name = self._graph, self._name
        stacks = graph._scopes
        self._outer = stacks.name
        if not name:
            stacks.name = ""
            return ""
        if isinstance(name, bytes):
            name = name.decode()
        graph.check_name(name, "scope")
        stacks.name = name[:-1] if name[-1] == "/" else graph._unused_name(name)
        return stacks.name + "/"

    def __exit__(self, *unused: object) -> None:
        self._graph._scopes.name = self._outer


class StackSetting:
    """Sets one attribute of the thread's stacks inside a `with` block."""

    __slots__ = ("_attribute", "_graph", "_outer", "_value")

    def __init__(self, graph: Graph, attribute: str, value: Any) -> None:
        self._graph = graph
        self._attribute = attribute
        self._value = value

    def __enter__(self) -> None:
        self._outer = getattr(self._graph._scopes, self._attribute)
        setattr(self._graph._scopes, self._attribute, self._value)

    def __exit__(self, *unused: object) -> None:
        setattr(self._graph._scopes, self._attribute, self._outer)
