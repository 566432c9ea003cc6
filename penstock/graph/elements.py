"""Tensors and operations of a graph, by what stands for them or names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.graph.operation import Operation, Tensor

if TYPE_CHECKING:
    from penstock.graph.graph import Graph


def graph_element(graph: Graph, obj: Any, allow_tensor: bool, allow_operation: bool) -> Any:
    """See `Graph.as_graph_element`."""
    kinds = " or ".join(
        kind
        for kind, allowed in (("Tensor", allow_tensor), ("Operation", allow_operation))
        if allowed
    )
    if not kinds:
        raise ValueError("allow_tensor and allow_operation can't both be False.")
    if hasattr(obj, "_as_graph_element"):
        obj = obj._as_graph_element()
    if isinstance(obj, bytes):
        obj = obj.decode()
    if isinstance(obj, str):
        return _by_name(graph, obj, allow_tensor, allow_operation)
    if (isinstance(obj, Tensor) and allow_tensor) or (
        isinstance(obj, Operation) and allow_operation
    ):
        if obj.graph is not graph:
            kind = "Tensor" if isinstance(obj, Tensor) else "Operation"
            described = str(obj) if isinstance(obj, Tensor) else repr(obj)
            raise ValueError(f"{kind} {described} is not an element of this graph.")
        return obj
    raise TypeError(f"Can not convert a {type(obj).__name__} into a {kinds}.")


def _by_name(graph: Graph, name: str, allow_tensor: bool, allow_operation: bool) -> Any:
    op_name, colon, index = name.partition(":")
    if colon and allow_tensor:
        if not index.isdigit():
            raise ValueError(
                f"The name {name!r} looks a like a Tensor name, but is not a valid one. "
                'Tensor names must be of the form "<op_name>:<output_index>".'
            )
        op = graph._by_name.get(op_name)
        if op is None:
            raise KeyError(
                f"The name {name!r} refers to a Tensor which does not exist. "
                f"The operation, {op_name!r}, does not exist in the graph."
            )
        if int(index) >= len(op.outputs):
            raise KeyError(
                f"The name {name!r} refers to a Tensor which does not exist. "
                f"The operation, {op_name!r}, exists but only has {len(op.outputs)} outputs."
            )
        return op.outputs[int(index)]
    if colon:
        raise ValueError(f"Name {name!r} appears to refer to a Tensor, not a Operation.")
    op = graph._by_name.get(name)
    if not allow_operation:
        if op is not None:
            raise ValueError(
                f"The name {name!r} refers to an Operation, not a Tensor. Tensor names must be "
                'of the form "<op_name>:<output_index>".'
            )
        raise ValueError(
            f"The name {name!r} looks like an (invalid) Operation name, not a Tensor. "
            'Tensor names must be of the form "<op_name>:<output_index>".'
        )
    if op is None:
        raise KeyError(f"The name {name!r} refers to an Operation not in the graph.")
    return op
