"""Writes graphs with branches and loops: these become If and While nodes with functions.

A function cannot take a reference to a variable, as `tf.Variable` makes it where nothing else is
asked for. A branch or loop that takes one is written in nodes of Switch, Merge, Enter and Exit
(graph/dataflow_export.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock.graph import protos, shapes
from penstock.graph.branch_values import branch_values, missing_value, saved_in_order
from penstock.graph.dataflow_export import write_branches, write_loop
from penstock.graph.list_export import WRITERS, empty_list, push
from penstock.graph.node_places import Captures, FunctionPlace, GraphPlace, Place
from penstock.graph.operation import Operation, Tensor
from penstock.graph.region import Region

if TYPE_CHECKING:
    from penstock.graph.graph import Graph

_STATELESS = {"If": "StatelessIf", "While": "StatelessWhile"}


def write_graph(graph: Graph, message: Any, from_version: int, add_shapes: bool) -> None:
    """Adds the nodes and functions of a graph to a GraphDef message.

    Args:
        graph: the graph.
        message: the message.
        from_version: the operations that were there at that version are left out.
        add_shapes: write static shapes in the attr `_output_shapes`.
    """
    writer = RegionWriter(message.library)
    outside = [op for op in graph._ops if op.region is None]
    names = frozenset([op.name for op in outside])
    place = GraphPlace(message.node, set(graph._by_name), None, names)
    for op in outside:
        first = len(message.node)
        writer.write(place, op)
        if op._id <= from_version:  # those after it name its outputs
            del message.node[first:]
        elif add_shapes and message.node[-1].name == op.name:
            protos.add_output_shapes(message.node[-1], op)


class RegionWriter:
    """Writes operations, with all that is in their regions.

    Args:
        library: the FunctionDefLibrary message that functions are added to.
    """

    def __init__(self, library: Any) -> None:
        self.captures = Captures()
        self._library = library

    def write(self, place: Place, op: Operation) -> None:
        """Adds the nodes of an operation."""
        if op.regions:
            self._write_owner(place, op)
        elif op.type in WRITERS:
            hint = place.release_name(op)
            place.known[op.outputs[0]] = WRITERS[op.type](place, op, hint)
        elif op.type != "_Arg":
            place.add_operation(op)

    def write_members(self, place: Place, region: Region) -> None:
        """Adds the nodes of a region's operations."""
        for op in self.captures.members(region):
            self.write(place, op)

    def _write_owner(self, place: Place, op: Operation) -> None:
        if isinstance(place, GraphPlace) and self._takes_references(op):
            write = write_loop if op.spec.loops else write_branches
            write(self, place, op)
        elif op.spec.loops:
            self._write_while(place, op)
        else:
            self._write_if(place, op)

    def _takes_references(self, op: Operation) -> bool:
        return any([tensor.dtype._is_ref_dtype for tensor in self.captures.tensors(op)])

    def owner_controls(self, place: Place, op: Operation) -> list[str]:
        """What an owner waits for: what its regions wait for outside of them, too."""
        waited = [c for c in self.captures.controls(op) if c.region is place.region]
        more = [f"^{place.name_of(control)}" for control in waited if control.type != "_Arg"]
        return sorted({*place.controls(op), *more})

    # If

    def _write_if(self, place: Place, op: Operation) -> None:
        captured = self.captures.tensors(op)
        outputs = op.outputs
        functions = [
            self._branch_function(op, region, name, captured, outputs)
            for region, name in zip(op.regions, op.spec.regions, strict=True)
        ]
        taken = [op._inputs[0], *captured]
        node = self._owner_node(place, op, [place.text(tensor) for tensor in taken])
        put_types(node, "Tin", captured)
        node.attr["Tcond"].type = op._inputs[0].dtype.base_dtype.as_datatype_enum
        put_types(node, "Tout", outputs)
        for name, function in zip(op.spec.regions, functions, strict=True):
            node.attr[name].func.name = function
        put_shapes(node, outputs)

    def _branch_function(
        self, op: Operation, region: Region, kind: str, captured: list[Tensor],
        outputs: list[Tensor],
    ) -> str:  # fmt: skip
        function, place = self._new_function(op, region, kind, captured, captured)
        self.write_members(place, region)
        texts = [
            place.text(value) if value is not None else missing_value(place, op, output)
            for value, output in zip(branch_values(op, region, outputs), outputs, strict=True)
        ]
        put_results(function, texts, outputs)
        return str(function.signature.name)

    # While

    def _write_while(self, place: Place, op: Operation) -> None:
        condition, body = op.regions
        count = len(body.args)
        captured = self.captures.tensors(op)
        saved = saved_in_order(body)
        lists = [
            empty_list(place, f"{op.name}/stack_{number}", inner)
            for number, inner in enumerate(saved)
        ]
        variables: list[Tensor] = [*op.outputs[: count + len(saved)], *captured]
        functions = [
            self._condition_function(op, condition, variables, captured),
            self._body_function(op, body, variables, captured, saved),
        ]
        inputs = [place.text(tensor) for tensor in op._inputs[:count]]
        inputs += [*lists, *[place.text(tensor) for tensor in captured]]
        node = self._owner_node(place, op, inputs)
        put_types(node, "T", variables)
        for name, function in zip(op.spec.regions, functions, strict=True):
            node.attr[name].func.name = function
        put_shapes(node, variables)
        node.attr["parallel_iterations"].i = 10
        if not op._attrs["_back_prop"]:
            node.attr["_back_prop"].b = False

    def _condition_function(
        self, op: Operation, region: Region, variables: list[Tensor], captured: list[Tensor]
    ) -> str:
        stacks = [None] * (len(variables) - len(region.args) - len(captured))
        args = [*region.args, *stacks, *captured]
        function, place = self._new_function(op, region, "cond", args, variables)
        self.write_members(place, region)
        put_results(function, [place.text(region.results[0])], region.results)
        return str(function.signature.name)

    def _body_function(
        self, op: Operation, region: Region, variables: list[Tensor], captured: list[Tensor],
        saved: list[Tensor],
    ) -> str:  # fmt: skip
        args = [*region.args, *[region.saved[inner] for inner in saved], *captured]
        function, place = self._new_function(op, region, "body", args, variables)
        self.write_members(place, region)
        texts = [place.text(result) for result in region.results]
        texts += [push(place, "push", place.known[region.saved[i]], i) for i in saved]
        texts += [place.known[tensor] for tensor in captured]
        put_results(function, texts, variables)
        return str(function.signature.name)

    # Both

    def _new_function(
        self, op: Operation, region: Region, kind: str, args: Sequence[Tensor | None],
        like: Sequence[Tensor],
    ) -> tuple[Any, FunctionPlace]:  # fmt: skip
        """Adds a function that takes `args`, whose types are those of `like`."""
        function = self._library.function.add()
        name = "".join([c if c.isalnum() else "_" for c in op.name])
        function.signature.name = f"{name}_{kind}_{op._id}"
        names = [f"arg_{number}" for number in range(len(args))]
        for arg_name, tensor in zip(names, like, strict=True):
            dtype = tensor.dtype.base_dtype.as_datatype_enum
            function.signature.input_arg.add(name=arg_name, type=dtype)
        scope = op.name.rpartition("/")[0]
        place = FunctionPlace(function, f"{scope}/" if scope else "", region, args, names)
        return function, place

    def _owner_node(self, place: Place, op: Operation, inputs: list[str]) -> Any:
        stateful = any([self._has_state(region) for region in op.regions])
        kind = op.type if stateful else _STATELESS[op.type]
        name = place.name_of(op)
        node = place.new_node(name, kind, inputs, self.owner_controls(place, op))
        node.device = op.device
        node.attr["_lower_using_switch_merge"].b = True
        for index, output in enumerate(op.outputs):
            place.known[output] = place.output_of_list(name, index)
        return node

    def _has_state(self, region: Region) -> bool:
        for op in self.captures.members(region):
            if op.regions:
                if any([self._has_state(inner) for inner in op.regions]):
                    return True
            elif not op.spec.pure and op.type != "_Arg":
                return True
        return False


def put_types(node: Any, name: str, tensors: Sequence[Tensor]) -> None:
    """Sets an attr that is a list of types."""
    node.attr[name].list.SetInParent()
    types = [tensor.dtype.base_dtype.as_datatype_enum for tensor in tensors]
    node.attr[name].list.type.extend(types)


def put_shapes(node: Any, tensors: Sequence[Tensor]) -> None:
    """Sets the attr that tells the shapes of a node's outputs."""
    node.attr["output_shapes"].list.SetInParent()
    protos_of = [shapes.TensorShape(tensor._shape).as_proto() for tensor in tensors]
    node.attr["output_shapes"].list.shape.extend(protos_of)


def put_results(function: Any, texts: Sequence[str], like: Sequence[Tensor]) -> None:
    """Sets what a function gives."""
    for number, (text, tensor) in enumerate(zip(texts, like, strict=True)):
        name = f"result_{number}"
        dtype = tensor.dtype.base_dtype.as_datatype_enum
        function.signature.output_arg.add(name=name, type=dtype)
        function.ret[name] = text
