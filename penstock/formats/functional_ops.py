"""Makes operations of nodes that use functions: If, While, Case and calls of a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from penstock.formats.functions import RESULTS, Library
from penstock.formats.graph_builder import Maker, Section, Values, without_ref
from penstock.formats.stored_nodes import Node
from penstock.graph import dtypes, shapes
from penstock.graph.export import api
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw, registered
from penstock.graph.region import Region
from penstock.ops.cond import make_cond
from penstock.ops.while_loop import add_arg, make_loop


class FunctionalOps:
    """Makes operations of the nodes that use the functions of a library.

    Args:
        library: the functions.
    """

    def __init__(self, library: Library) -> None:
        self._library = library

    def makers(self, names: Sequence[str]) -> Mapping[str, Maker]:
        """What makes the operations, by op.

        Args:
            names: the names of the functions, which nodes may have as their op.
        """
        known = registered()
        return {
            **dict.fromkeys([name for name in names if name not in known], self._add_named_call),
            "If": self._add_if, "StatelessIf": self._add_if,
            "While": self._add_while, "StatelessWhile": self._add_while,
            "Case": self._add_case, "StatelessCase": self._add_case,
            "PartitionedCall": self._add_call, "StatefulPartitionedCall": self._add_call,
            "ControlTrigger": _add_trigger, RESULTS: _keep_results,
        }  # fmt: skip

    # Functions

    def _use(
        self, section: Section, used: Any, node: Node, args: Sequence[Tensor], part: str
    ) -> tuple[list[Tensor], list[Operation]]:
        """Builds a function here; gives its results, and the operations that must run with it."""
        with self._library.using(used.name, node), section.nesting.inside(node.name):
            body = self._library.use(used, node, args)
            inner = section.inner(f"{node.name}/{part}")
            values = Values()
            inner.add(body.nodes, values)
            effects = [] if body.effects is None else [values.ops[body.effects]]
            return list(values.outputs[body.results]), effects

    def _add_call(self, section: Section, node: Node, values: Values) -> None:
        self._call(section, node, _function(node, "f"), values)

    def _add_named_call(self, section: Section, node: Node, values: Values) -> None:
        self._call(section, node, SimpleNamespace(name=node.op, attr=node.attrs), values)

    def _call(self, section: Section, node: Node, used: Any, values: Values) -> None:
        args = section.inputs(node, values)
        graph = section.graph
        before = section.visible_ops(node.controls, values, graph._scopes.region)
        with graph.control_dependencies(before):
            results, effects = self._use(section, used, node, args, "")
        spec = raw.IdentityN if results else raw.NoOp
        op = spec.build_flat(section.graph, results, {}, section.names.of(node.name))
        if effects:
            op._add_control_inputs(effects)
        handles = (dtypes.resource, dtypes.variant)
        outputs = [
            result if result.dtype.base_dtype in handles else output
            for result, output in zip(results, op.outputs, strict=True)
        ]
        section.register(node, op, values, outputs)

    # Branches

    def _add_if(self, section: Section, node: Node, values: Values) -> None:
        pred, *args = section.inputs(node, values)
        with section.names.scope(node):
            test = as_condition(pred)
        parts = [
            (_function(node, "then_branch"), "then/"),
            (_function(node, "else_branch"), "else/"),
        ]
        regions = [self._branch(section, node, used, args, part) for used, part in parts]
        self._join(section, node, test, regions, section.names.of(node.name), values)

    def _branch(
        self, section: Section, node: Node, used: Any, args: list[Tensor], part: str
    ) -> Region:
        region = Region(section.graph)
        with section.names.scope(node), region:
            results, effects = self._use(section, used, node, args, part)
            region.results = [_after(without_ref(result), effects) for result in results]
            if not results:
                region.results.append(_after(api.constant(True, name="done"), effects))
        return region

    def _join(
        self, section: Section, node: Node, test: Tensor, regions: list[Region], name: str,
        values: Values,
    ) -> None:  # fmt: skip
        wanted = _output_types(node)
        _check_alike(node, regions, wanted)
        outputs = make_cond(test, regions, name)
        section.register(node, outputs[0].op, values, outputs[: len(wanted)])

    def _add_case(self, section: Section, node: Node, values: Values) -> None:
        index, *args = section.inputs(node, values)
        functions = list(node.attrs["branches"].list.func) if "branches" in node.attrs else []
        if not functions:
            raise ValueError(f"Node {node.name!r} (Case) has no branches")
        with section.names.scope(node):
            op = self._case(section, node, index, args, functions, 0, section.names.of(node.name))
        section.register(node, op, values, op.outputs[: len(_output_types(node))])

    def _case(
        self, section: Section, node: Node, index: Tensor, args: list[Tensor], functions: list[Any],
        first: int, name: str,
    ) -> Operation:  # fmt: skip
        """An op for some of the branches, each half of them in a branch of its own.

        An index out of range leads to the last one, as in TensorFlow.
        """
        middle = len(functions) // 2
        test = api.logical_and(index >= 0, index < first + middle)
        regions = []
        for part, start in ((functions[:middle], first), (functions[middle:], first + middle)):
            if len(part) < 2:
                used = part[0] if part else functions[0]
                regions.append(self._branch(section, node, used, args, f"branch_{start}/"))
                continue
            region = Region(section.graph)
            with section.nesting.inside(node.name), region:
                inner = self._case(section, node, index, args, part, start, "If")
                region.results = list(inner.outputs)
            regions.append(region)
        _check_alike(node, regions, _output_types(node))
        return make_cond(test, regions, name)[0].op

    # Loops

    def _add_while(self, section: Section, node: Node, values: Values) -> None:
        with section.nesting.loop(section.graph):
            self._build_while(section, node, values)

    def _build_while(self, section: Section, node: Node, values: Values) -> None:
        given = section.inputs(node, values)
        test, step = _function(node, "cond"), _function(node, "body")
        kept = self._library.passed_through(step.name, node)
        known = _output_shapes(node, given)
        with section.names.scope(node):
            inits = [without_ref(tensor) for tensor in given]
            condition = Region(section.graph)
            with condition:
                args = _add_args(section, condition, node, inits, known)
                taken = [given[k] if k in kept else arg for k, arg in enumerate(args)]
                results, effects = self._use(section, test, node, taken, "cond/")
                condition.results = [_after(_only(results, node), effects)]
            body = Region(section.graph, beside=condition)
            with body:
                args = _add_args(section, body, node, inits, known)
                taken = [given[k] if k in kept else arg for k, arg in enumerate(args)]
                results, effects = self._use(section, step, node, taken, "body/")
                if len(results) != len(args):
                    raise ValueError(
                        f"Node {node.name!r}: the body of the loop gives {len(results)} values "
                        f"for {len(args)} variables"
                    )
                body.results = [
                    args[k] if k in kept else _after(without_ref(result), effects)
                    for k, result in enumerate(results)
                ]
            _check_same_types(node, args, body.results)
            name = section.names.of(node.name)
            outputs = make_loop(section.graph, condition, body, inits, True, name)
        last = [given[k] if k in kept else outputs[k] for k in range(len(given))]
        section.register(node, outputs[0].op, values, last)


def _function(node: Node, attr: str) -> Any:
    """The NameAttrList message of an attr."""
    if attr not in node.attrs or not node.attrs[attr].HasField("func"):
        raise ValueError(f"Node {node.name!r} ({node.op}) lacks the function {attr!r}")
    return node.attrs[attr].func


def _output_types(node: Node) -> list[dtypes.DType]:
    """The types that a node says its outputs have."""
    if "Tout" not in node.attrs:
        raise ValueError(f"Node {node.name!r} ({node.op}) lacks the attr 'Tout'")
    return [dtypes.as_dtype(item) for item in node.attrs["Tout"].list.type]


def as_condition(tensor: Tensor) -> Tensor:
    """What an If or While asks of a tensor that may be no boolean.

    A number is true where it is not zero, a string where it is not empty, and so is an array.
    """
    if tensor._shape is not None and len(tensor._shape) > 0:
        return api.size(tensor) > 0
    dtype = tensor.dtype.base_dtype
    if dtype is dtypes.bool:
        return tensor
    return api.not_equal(tensor, api.constant("" if dtype is dtypes.string else 0, dtype))


def _only(results: list[Tensor], node: Node) -> Tensor:
    if len(results) != 1:
        raise ValueError(
            f"Node {node.name!r}: the condition of the loop gives {len(results)} values, not one"
        )
    return as_condition(results[0])


def _after(tensor: Tensor, effects: list[Operation]) -> Tensor:
    """The value of a tensor, there when some operations have run."""
    if not effects:
        return tensor
    with tensor.graph.control_dependencies(effects):
        return api.identity(tensor)


def _add_args(
    section: Section, region: Region, node: Node, inits: list[Tensor], known: list[shapes.Shape]
) -> list[Tensor]:
    name = f"{node.name}/arg"
    return [
        add_arg(region, init.dtype.base_dtype, shape, section.names.fresh(name))
        for init, shape in zip(inits, known, strict=True)
    ]


def _output_shapes(node: Node, inits: list[Tensor]) -> list[shapes.Shape]:
    """The shapes of a loop's variables, as far as its node tells them."""
    stored = list(node.attrs["output_shapes"].list.shape) if "output_shapes" in node.attrs else []
    if len(stored) != len(inits):
        return [None] * len(inits)
    found = [shapes.as_tuple(shape) for shape in stored]
    for place, (shape, init) in enumerate(zip(found, inits, strict=True)):
        if not shapes.compatible(shape, init._shape):
            raise ValueError(
                f"Node {node.name!r}: its variable {place} has the shape "
                f"{shapes.shape_text(shape)} in its attr output_shapes, and starts with "
                f"{shapes.shape_text(init._shape)}"
            )
    return found


def _check_alike(node: Node, regions: list[Region], wanted: list[dtypes.DType]) -> None:
    for region in regions:
        found = [result.dtype.base_dtype for result in region.results]
        if found != wanted and (wanted or len(found) != 1):
            raise ValueError(
                f"Node {node.name!r}: a branch gives values of the types "
                f"{[dtype.name for dtype in found]}, not {[dtype.name for dtype in wanted]}"
            )


def _check_same_types(node: Node, args: list[Tensor], results: list[Tensor]) -> None:
    for place, (arg, result) in enumerate(zip(args, results, strict=True)):
        if arg.dtype.base_dtype is not result.dtype.base_dtype:
            raise ValueError(
                f"Node {node.name!r}: its variable {place} has the type "
                f"{arg.dtype.base_dtype.name}, and gets a value of {result.dtype.base_dtype.name}"
            )


def _add_trigger(section: Section, node: Node, values: Values) -> None:
    op = raw.NoOp.build_flat(section.graph, [], {}, section.names.of(node.name))
    section.register(node, op, values)


def _keep_results(section: Section, node: Node, values: Values) -> None:
    values.outputs[node] = section.inputs(node, values)
