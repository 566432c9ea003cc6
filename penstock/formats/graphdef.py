"""`tf.import_graph_def`: puts the nodes of a GraphDef message into a graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.formats.branch_paths import ask_for_place
from penstock.formats.control_flow_v1 import PASSED, find_structure
from penstock.formats.functional_ops import FunctionalOps
from penstock.formats.functions import Library
from penstock.formats.graph_builder import Names, Nesting, Section, Values
from penstock.formats.stored_nodes import nodes_of_graph, output_name
from penstock.graph.convert import convert_to_tensor
from penstock.graph.graph import Graph
from penstock.graph.operation import Tensor
from penstock.graph.protos import as_bytes
from penstock.graph.stacks import default_graph


def import_graph_def(
    graph_def: Any,
    input_map: dict[str, Any] | None = None,
    return_elements: Iterable[str] | None = None,
    name: str | None = None,
    op_dict: Any = None,
    producer_op_list: Any = None,
) -> list[Any] | None:
    """Adds the nodes of a GraphDef to the default graph.

    Switch, Merge and loops of Enter, Exit and NextIteration nodes become operations that own their
    branches or bodies, as those of `tf.cond` and `tf.while_loop` do. So do If and While nodes with
    functions; a call of a function becomes the function's nodes.

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
        ValueError: a node is malformed, a name is missing, branches or loops are, or the nodes
            form a cycle.

    Example:
        >>> (logits,) = tf.import_graph_def(graph_def, {"x:0": x}, ["logits:0"])
    """
    if not hasattr(graph_def, "node"):
        raise TypeError(f"graph_def must be a GraphDef proto, but got {type(graph_def).__name__}")
    wanted = None if return_elements is None else list(return_elements)
    if wanted is not None and not all([isinstance(item, (str, bytes)) for item in wanted]):
        raise TypeError(f"return_elements must be a list of strings, got {wanted!r}")
    names = [as_bytes(item).decode() for item in wanted or ()]
    graph = default_graph()
    with graph.name_scope("import" if name is None else name):
        importer = _Importer(graph, graph_def, _mapped_inputs(input_map or {}))
        importer.run(names)
    importer.check_all_mapped()
    return None if wanted is None else [importer.element(name) for name in names]


def _mapped_inputs(input_map: dict[str, Any]) -> dict[str, Tensor]:
    if not isinstance(input_map, dict):
        raise TypeError("input_map must be a dictionary mapping strings to Tensor objects.")
    return {
        output_name(as_bytes(key).decode()): convert_to_tensor(value)
        for key, value in input_map.items()
    }


class _Importer:
    """Adds the nodes of a GraphDef message, each after those it depends on."""

    def __init__(self, graph: Graph, graph_def: Any, mapped: dict[str, Tensor]) -> None:
        self._graph = graph
        self._mapped = mapped
        self._used: set[str] = set()
        self._nodes = nodes_of_graph(graph_def, mapped, self._used)
        self._library = Library(graph_def.library)
        self._functions = [function.signature.name for function in graph_def.library.function]
        self._prefix = f"{graph._scopes.name}/" if graph._scopes.name else ""
        self._values = Values()

    def run(self, wanted: Iterable[str]) -> None:
        """Adds all nodes; `wanted` are the elements that will be asked for."""
        structure = find_structure(self._nodes.values())
        for name in wanted:
            node = self._nodes.get(name.partition(":")[0])
            if node is not None and name.endswith(":1"):
                ask_for_place(node)
        names = {name: self._graph.unique_name(name) for name in self._nodes}
        section = Section(
            self._graph,
            Names(self._graph, self._prefix, names),
            FunctionalOps(self._library).makers(self._functions),
            Nesting(),
            self._clean_attrs,
        )
        with self._graph._counted_as(len(self._nodes)):
            section.add(structure, self._values)

    def _clean_attrs(self, attrs: dict[str, Any]) -> None:
        """Gives colocation groups the new names of their operations; leaves out what became none.

        A Switch, for one, becomes no operation.
        """
        if "_class" not in attrs:
            return
        groups = [self._group(as_bytes(group).decode()) for group in attrs["_class"]]
        attrs["_class"] = [group.encode() for group in groups if group]
        if not attrs["_class"]:
            del attrs["_class"]

    def _group(self, text: str) -> str:
        if not text.startswith("loc:@"):
            return text
        node = self._nodes.get(text[5:])
        passed = node is not None and (node.op in PASSED or node.frame)
        return "" if passed else f"loc:@{self._prefix}{text[5:]}"

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
        """The operation or tensor that a name of the GraphDef stands for.

        Raises:
            ValueError: there is none.
        """
        op_name, colon, index = name.partition(":")
        node = self._nodes.get(op_name)
        op = None if node is None else self._values.ops.get(node)
        if node is None or op is None:
            reason = (
                ""
                if node is None
                else f": it is a {node.op}, which became part of a branch or loop"
            )
            raise ValueError(f"Requested return_element {name!r} not found in graph_def{reason}.")
        if not colon:
            return op
        if not index.isdigit() or int(index) >= len(op.outputs):
            raise ValueError(f"Requested return_element {name!r} not found in graph_def.")
        return op.outputs[int(index)]
