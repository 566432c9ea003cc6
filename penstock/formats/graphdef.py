"""`tf.import_graph_def`: puts the nodes of a GraphDef message into a graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.graph.convert import convert_to_tensor
from penstock.graph.devices import canonical_device
from penstock.graph.errors import NotFoundError
from penstock.graph.export import export
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import lookup
from penstock.graph.protos import as_bytes, attr_from_proto
from penstock.graph.stacks import default_graph


@export("import_graph_def", "graph_util.import_graph_def", "compat.v1.import_graph_def")
def import_graph_def(
    graph_def: Any,
    input_map: dict[str, Any] | None = None,
    return_elements: Iterable[str] | None = None,
    name: str | None = None,
    op_dict: Any = None,
    producer_op_list: Any = None,
) -> list[Any] | None:
    """Adds the nodes of a GraphDef to the default graph.

    Args:
        graph_def: a GraphDef protobuf message.
        input_map: tensors of this graph that take the place of tensors of the GraphDef, by name.
        return_elements: names of operations ("conv") and tensors ("conv:0") of
            the GraphDef to return.
        name: the name scope of the new operations, "import" where None; "" for none.
        op_dict, producer_op_list: not needed: ops describe themselves.

    Returns:
        A list with an Operation or Tensor for each of `return_elements`; None where that is None.

    Raises:
        TypeError: an argument has the wrong type.
        NotFoundError: penstock does not have an op that a node names.
        ValueError: a node is malformed, a name is missing, or the nodes form a cycle.

    Example:
        >>> (logits,) = tf.import_graph_def(graph_def, {"x:0": x}, ["logits:0"])
    """
    if not hasattr(graph_def, "node"):
        raise TypeError(f"graph_def must be a GraphDef proto, but got {type(graph_def).__name__}")
    wanted = None if return_elements is None else list(return_elements)
    if wanted is not None and not all([isinstance(item, (str, bytes)) for item in wanted]):
        raise TypeError(f"return_elements must be a list of strings, got {wanted!r}")
    graph = default_graph()
    with graph.name_scope("import" if name is None else name):
        importer = _Importer(graph, graph_def, _mapped_inputs(input_map or {}))
        importer.run()
    importer.check_all_mapped()
    return (
        None if wanted is None else [importer.element(as_bytes(item).decode()) for item in wanted]
    )


def _mapped_inputs(input_map: dict[str, Any]) -> dict[str, Tensor]:
    if not isinstance(input_map, dict):
        raise TypeError("input_map must be a dictionary mapping strings to Tensor objects.")
    return {
        _tensor_name(as_bytes(key).decode()): convert_to_tensor(value)
        for key, value in input_map.items()
    }


def _tensor_name(name: str) -> str:
    """The name with its output index; a control input keeps its ^."""
    return name if name.startswith("^") or ":" in name else f"{name}:0"


class _Importer:
    """Adds nodes, each after those it depends on."""

    def __init__(self, graph: Graph, graph_def: Any, mapped: dict[str, Tensor]) -> None:
        self._graph = graph
        self._nodes = {node.name: node for node in graph_def.node}
        if len(self._nodes) != len(graph_def.node):
            raise ValueError("the GraphDef has two nodes of one name")
        self._mapped = mapped
        self._used: set[str] = set()
        self._ops: dict[str, Operation] = {}
        self._prefix = f"{graph._scopes.name}/" if graph._scopes.name else ""

    def run(self) -> None:
        """Adds all nodes. A loop over a stack: chains can be longer than Python's own."""
        begun: set[str] = set()
        for first in self._nodes:
            pending = [first]
            while pending:
                name = pending[-1]
                if name in self._ops:
                    pending.pop()
                    continue
                missing = [other for other in self._before(name) if other not in self._ops]
                if not missing:
                    self._ops[name] = self._add(self._nodes[name])
                    pending.pop()
                    continue
                if name in begun:
                    raise ValueError(
                        f"the GraphDef has a cycle through {name!r}: loops of Merge and "
                        "NextIteration nodes cannot be imported"
                    )
                begun.add(name)
                pending.extend(missing)

    def _before(self, name: str) -> list[str]:
        before = []
        for text in self._nodes[name].input:
            if _tensor_name(text) in self._mapped:
                continue
            other = text.lstrip("^").partition(":")[0]
            if other not in self._nodes:
                raise ValueError(f"Node {name!r}: Unknown input node {text!r}")
            before.append(other)
        return before

    def _add(self, node: Any) -> Operation:
        try:
            spec = lookup(node.op)
        except NotFoundError as error:
            raise NotFoundError(
                None, None, f"{error.message}, needed by node {node.name!r}"
            ) from None
        inputs = [self._input(node, text) for text in node.input if not text.startswith("^")]
        attrs = {key: attr_from_proto(value) for key, value in node.attr.items()}
        if "_class" in attrs:
            attrs["_class"] = [self._prefixed(group) for group in attrs["_class"]]
        attrs.pop("_output_shapes", None)
        op = spec.build_flat(self._graph, inputs, attrs, node.name)
        if node.device:
            op.device = canonical_device(node.device)
        controls = [self._ops[text[1:]] for text in node.input if text.startswith("^")]
        if controls:
            op._add_control_inputs(controls)
        return op

    def _prefixed(self, group: bytes) -> bytes:
        text = group.decode()
        return f"loc:@{self._prefix}{text[5:]}".encode() if text.startswith("loc:@") else group

    def _input(self, node: Any, text: str) -> Tensor:
        name = _tensor_name(text)
        if name in self._mapped:
            self._used.add(name)
            return self._mapped[name]
        op_name, _, index = name.partition(":")
        outputs = self._ops[op_name].outputs
        if not index.isdigit() or int(index) >= len(outputs):
            raise ValueError(
                f"Node {node.name!r}: its input {text!r} is no output of {op_name!r}, "
                f"which has {len(outputs)}"
            )
        return outputs[int(index)]

    def check_all_mapped(self) -> None:
        """Raises ValueError where `input_map` names what no node takes."""
        unused = [name for name in self._mapped if name not in self._used]
        unknown = [name for name in unused if name.partition(":")[0] not in self._nodes]
        if unknown:
            raise ValueError(
                "Attempted to map inputs that were not found in graph_def: "
                + ", ".join([f"[{name}]" for name in unknown])
            )

    def element(self, name: str) -> Any:
        """The operation or tensor that a name of the GraphDef stands for."""
        op_name, colon, index = name.partition(":")
        op = self._ops.get(op_name)
        if op is None or (colon and (not index.isdigit() or int(index) >= len(op.outputs))):
            raise ValueError(f"Requested return_element {name!r} not found in graph_def.")
        return op.outputs[int(index)] if colon else op
