"""Makes operations of stored nodes: of branches and loops, operations that own regions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from penstock.formats.branch_paths import MOST_NESTED
from penstock.formats.branch_schedule import Branches, schedule
from penstock.formats.control_flow_v1 import (
    EXIT,
    MERGE,
    PASSED,
    Loop,
    Variable,
    origin,
)
from penstock.formats.loop_shapes import settle_shapes
from penstock.formats.node_attrs import plain_attrs, spec_of
from penstock.formats.stored_nodes import Edge, Node
from penstock.graph import dtypes, shapes
from penstock.graph.devices import canonical_device
from penstock.graph.export import api
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.region import Region, is_visible
from penstock.ops.cond import make_cond
from penstock.ops.while_loop import add_arg, make_loop

Maker = Callable[["Section", Node, "Values"], None]


class Values:
    """What the nodes of a graph, of a function or of one part of a loop have become.

    Args:
        around: the values of the nodes around a loop, which it may take.

    Attributes:
        outputs: tensors by node.
        ops: operations by node.
        merged: for a Merge node, what the branches give it.
    """

    def __init__(self, around: Values | None = None) -> None:
        self.outputs: dict[Node, Sequence[Tensor]] = {}
        self.ops: dict[Node, Operation] = {}
        self.merged: dict[Node, list[Tensor]] = {}
        self._around = around

    def outputs_of(self, node: Node) -> Sequence[Tensor]:
        """The outputs of a node.

        Raises:
            ValueError: it has none here.
        """
        values: Values | None = self
        while values is not None:
            found = values.outputs.get(node)
            if found is not None:
                return found
            values = values._around
        raise ValueError(f"Node {node.name!r} has no value outside of its loop or branch")


class Names:
    """Gives the operations of a section their names.

    Args:
        graph: the graph.
        prefix: stands before each name.
        reserved: full names by the names of nodes, for the first operation of each.
    """

    def __init__(self, graph: Graph, prefix: str, reserved: Mapping[str, str]) -> None:
        self._graph = graph
        self._prefix = prefix
        self._reserved = dict(reserved)

    def of(self, node_name: str) -> str:
        """The exact name for an operation of a node, as functions that make operations take it."""
        known = self._reserved.pop(node_name, None)
        return self.fresh(node_name) if known is None else f"{known}/"

    def fresh(self, name: str) -> str:
        """An exact name that nothing has yet."""
        with self._graph.name_scope(None):
            return self._graph.unique_name(self._prefix + name) + "/"

    def inner(self, prefix: str) -> Names:
        """Names for the operations of a function that is used here."""
        return Names(self._graph, self._prefix + prefix, {})

    def scope(self, node: Node) -> AbstractContextManager[str]:
        """The name scope that a node stands in."""
        scope = node.name.rpartition("/")[0]
        full = f"{self._prefix}{scope}/" if scope else self._prefix
        return self._graph.name_scope(full or None)


class Nesting:
    """Counts how deep regions and functions lie in each other."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_loop = False

    @contextmanager
    def loop(self, graph: Graph) -> Iterator[None]:
        """A loop: when the outermost one is complete, the shapes in it are worked out."""
        outermost, first = not self._in_loop, len(graph._ops)
        self._in_loop = True
        try:
            yield
        finally:
            self._in_loop = not outermost
        if outermost:
            settle_shapes(graph._ops[first:])

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """One deeper.

        Raises:
            ValueError: it is too deep; `name` is the node that makes it so.
        """
        if self._depth >= MOST_NESTED:
            raise ValueError(
                f"Node {name!r}: branches, loops and functions lie more than {MOST_NESTED} deep in "
                "each other"
            )
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1


class Section:
    """Builds the nodes of a graph, or of one use of a function.

    Args:
        graph: the graph that the operations join.
        names: names them.
        makers: what makes operations of nodes whose op is no plain one, by op.
        nesting: shared by all sections of an import.
        clean_attrs: changes the attrs of an operation where they name other nodes.
    """

    def __init__(
        self,
        graph: Graph,
        names: Names,
        makers: Mapping[str, Maker],
        nesting: Nesting,
        clean_attrs: Callable[[dict[str, Any]], None],
    ) -> None:
        self.graph = graph
        self.names = names
        self.nesting = nesting
        self._makers = makers
        self._clean_attrs = clean_attrs

    def inner(self, prefix: str) -> Section:
        """A section for the nodes of a function that is used here."""
        names = self.names.inner(prefix)
        return Section(self.graph, names, self._makers, self.nesting, without_colocation)

    # Values

    def value(self, edge: Edge, values: Values, taker: Node) -> Tensor:
        """The tensor that an edge stands for, by which `taker` can take it here.

        Raises:
            ValueError: there is none.
        """
        if isinstance(edge, Tensor):
            return self._visible(edge)
        source, index = edge
        outputs = values.outputs_of(source)
        if index >= len(outputs):
            raise ValueError(
                f"Node {taker.name!r}: its input '{source.name}:{index}' is no output of "
                f"{source.name!r}, which has {len(outputs)}"
            )
        return self._visible(outputs[index])

    def inputs(self, node: Node, values: Values) -> list[Tensor]:
        """The tensors that a node takes."""
        return [self.value(edge, values, node) for edge in node.inputs]

    def _visible(self, tensor: Tensor) -> Tensor:
        """A tensor, or the output that gives it where it was made in other branches."""
        region = self.graph._scopes.region
        while not is_visible(tensor.op, region):
            home = tensor.op.region
            assert home is not None
            tensor = home.save(tensor)
        return tensor

    def add_controls(self, op: Operation, sources: Iterable[Node], values: Values) -> None:
        """Makes an operation wait for what some nodes have become."""
        controls = self.visible_ops(sources, values, op.region)
        if controls:
            op._add_control_inputs(controls)

    def visible_ops(
        self, sources: Iterable[Node], values: Values, region: Region | None
    ) -> list[Operation]:
        """What operations of `region` wait for where they wait for what some nodes have become."""
        controls = []
        for source in sources:
            control = values.ops.get(source)
            while control is not None and not is_visible(control, region):
                assert control.region is not None
                control = control.region.owner
            if control is not None:
                controls.append(control)
        return controls

    # Nodes

    def add(self, nodes: Iterable[Node], values: Values, depth: int = 0) -> None:
        """Builds nodes, the first `depth` conditions of whose paths hold here."""
        for item in schedule(nodes, depth):
            if isinstance(item, Branches):
                self._add_branches(item, values, depth)
            else:
                self._add_node(item, values)

    def _add_node(self, node: Node, values: Values) -> None:
        if node.op in PASSED:
            return
        if isinstance(node, Loop):
            self._add_loop(node, values)
        elif node.op in MERGE | EXIT:
            self._add_identity(node, values)
        else:
            self._makers.get(node.op, Section.add_plain)(self, node, values)

    def add_plain(self, node: Node, values: Values) -> None:
        """Adds the operation that a node describes."""
        spec = spec_of(node)
        attrs = plain_attrs(node, spec)
        attrs.pop("_output_shapes", None)
        self._clean_attrs(attrs)
        inputs = self.inputs(node, values)
        op = spec.build_flat(self.graph, inputs, attrs, self.names.of(node.name))
        self.register(node, op, values)

    def register(
        self, node: Node, op: Operation, values: Values, outputs: Sequence[Tensor] | None = None
    ) -> None:
        """Notes that `op` stands for a node; `outputs` for its outputs, where not the op's own."""
        if node.device:
            op.device = canonical_device(node.device)
        self.add_controls(op, node.controls, values)
        values.ops[node] = op
        values.outputs[node] = op.outputs if outputs is None else outputs

    def _add_identity(self, node: Node, values: Values) -> None:
        """Adds the operation that stands for a Merge or an Exit."""
        given = values.merged.pop(node, None)
        if given is None:  # an Exit, or a Merge of one input
            given = [self.value(node.inputs[0], values, node)]
        spec = raw.IdentityN if len(given) > 1 else raw.Identity
        op = spec.build_flat(self.graph, given, {}, self.names.of(node.name))
        self.register(node, op, values)

    # Branches

    def _add_branches(self, branches: Branches, values: Values, depth: int) -> None:
        first = branches.first
        pred = self.value(origin(branches.condition.edge), values, first)
        check_bool(pred, first)
        members = set(branches.nodes)
        parts = {
            value: [node for node in branches.nodes if node.path[depth][1] == value]
            for value in (True, False)
        }
        awaited = {
            value: [n for n in part if any([later not in members for later in n.waited_by])]
            for value, part in parts.items()
        }
        regions = []
        for value, part in parts.items():
            region = Region(self.graph)
            with self.nesting.inside(first.name), self.names.scope(first), region:
                self.add(part, values, depth + 1)
                for merge in branches.merges:
                    region.results += self._results(merge, value, values)
                if any(awaited.values()):
                    region.results.append(self._done(awaited[value], values))
            regions.append(region)
        _check_types(branches.merges, regions)
        with self.names.scope(first):
            outputs = make_cond(pred, regions, "If")
        for merge in branches.merges:
            count = 2 if merge.merged.gives_place else 1
            values.merged[merge], outputs = outputs[:count], outputs[count:]

    def _results(self, merge: Node, value: bool, values: Values) -> list[Tensor]:
        """What a branch gives to a Merge node: a value, and where that is asked for its place."""
        merged = merge.merged
        results = [without_ref(self.value(origin(merged.edges[value]), values, merge))]
        if merged.gives_place:
            place = merged.places[value]
            if isinstance(place, Node):
                results.append(self.value((place, 1), values, merge))
            else:
                results.append(api.constant(place, dtypes.int32, name="value_index"))
        return results

    def _done(self, nodes: list[Node], values: Values) -> Tensor:
        """A value that is there when `nodes` have run."""
        done = api.constant(True, name="done")
        self.add_controls(done.op, nodes, values)
        return done

    # Loops

    def _add_loop(self, loop: Loop, values: Values) -> None:
        with self.nesting.loop(self.graph):
            self._build_loop(loop, values)

    def _build_loop(self, loop: Loop, values: Values) -> None:
        variables = loop.variables
        if not variables:
            raise ValueError(f"the loop {loop.frame_name!r} has no variables, and so never ends")
        inits = [without_ref(self.value(v.first, values, v.merge)) for v in variables]
        with self.nesting.inside(loop.cond_node.name):
            condition = Region(self.graph)
            with condition:
                inside = Values(values)
                for variable, init in zip(variables, inits, strict=True):
                    self._add_variable(condition, variable, variable.merge, init, inside)
                self.add(loop.condition, inside)
                test = self.value(loop.test, inside, loop.cond_node)
                check_bool(test, loop.cond_node)
                condition.results = [test]
            body = Region(self.graph, beside=condition)
            with body:
                inside = Values(values)
                for variable, init in zip(variables, inits, strict=True):
                    self._add_variable(
                        body, variable, variable.switch or variable.merge, init, inside
                    )
                _check_repeatable(loop)
                self.add(loop.body, inside)
                body.results = [self._next_value(v, inside) for v in variables]
        with self.names.scope(loop.cond_node):
            outputs = make_loop(self.graph, condition, body, inits, True)
        op = outputs[0].op
        self.add_controls(op, loop.controls, values)
        values.ops[loop] = op
        values.outputs[loop] = outputs

    def _add_variable(
        self, region: Region, variable: Variable, named: Node, init: Tensor, values: Values
    ) -> None:
        shape = _stored_shape(variable.merge)
        if not shapes.compatible(shape, init._shape):
            raise ValueError(
                f"Node {variable.merge.name!r}: its attr _output_shapes tells "
                f"{shapes.shape_text(shape)}, but its first value has the shape "
                f"{shapes.shape_text(init._shape)}"
            )
        arg = add_arg(region, init.dtype.base_dtype, shape, self.names.of(named.name))
        values.outputs[variable.merge] = [arg]
        values.ops[variable.merge] = arg.op

    def _next_value(self, variable: Variable, values: Values) -> Tensor:
        node = variable.next
        value = without_ref(self.value(node.inputs[0], values, node))
        arg = values.outputs[variable.merge][0]
        if value.dtype.base_dtype is not arg.dtype.base_dtype:
            raise ValueError(
                f"Input 1 of node {variable.merge.name} was passed {value.dtype.base_dtype.name} "
                f"from {node.name}:0 incompatible with expected {arg.dtype.base_dtype.name}."
            )
        if not node.controls:
            return value
        kept = raw.Identity.build_flat(self.graph, [value], {}, self.names.of(node.name))
        self.add_controls(kept, node.controls, values)
        return kept.outputs[0]


def without_colocation(attrs: dict[str, Any]) -> None:
    """Takes the attr out that puts an operation beside others."""
    attrs.pop("_class", None)


def without_ref(tensor: Tensor) -> Tensor:
    """The value that a reference has here; any other tensor as it is."""
    return api.identity(tensor) if tensor.dtype._is_ref_dtype else tensor


def check_bool(tensor: Tensor, node: Node) -> None:
    """Raises ValueError unless a condition is a boolean."""
    if tensor.dtype.base_dtype is not dtypes.bool:
        raise ValueError(
            f"the condition of node {node.name!r} has type {tensor.dtype.base_dtype.name} that "
            "does not match expected type of bool."
        )


def _check_types(merges: list[Node], regions: list[Region]) -> None:
    place = 0
    for merge in merges:
        one, other = [region.results[place].dtype.base_dtype for region in regions]
        if one is not other:
            raise ValueError(
                f"Node {merge.name!r} merges values of different types: {one.name}, {other.name}"
            )
        place += 2 if merge.merged.gives_place else 1


def _check_repeatable(loop: Loop) -> None:
    """Raises ValueError where the body takes from the condition what is not the same again."""
    own = set(loop.condition)
    for node in loop.body:
        if node in own and node.op not in MERGE | PASSED and not spec_of(node).pure:
            raise ValueError(
                f"Node {node.name!r} belongs to the condition of the loop {loop.frame_name!r}, and "
                "has an effect: its value cannot be taken in the loop's body"
            )


def _stored_shape(node: Node) -> shapes.Shape:
    """The shape that the exporter knew of a node's first output; None where it did not say."""
    if "_output_shapes" not in node.attrs:
        return None
    stored = list(node.attrs["_output_shapes"].list.shape)
    return shapes.as_tuple(stored[0]) if stored else None
