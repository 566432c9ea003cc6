"""The attrs of stored nodes, as operations keep them.

Ops have got attrs since TensorFlow 1.15, which graphs of later versions name. Where such an attr
has the value that it has by default, the op is what it was in 1.15.

Source of these: the records of TensorFlow 2.21's ops.
"""

from __future__ import annotations

from typing import Any

from penstock.formats.stored_nodes import Node
from penstock.graph import dtypes
from penstock.graph.errors import NotFoundError
from penstock.graph.opspec import OpSpec, lookup
from penstock.graph.protos import attr_from_proto

_ANY = object()  # a hint that changes no value

_LATER: dict[str, Any] = {
    "Tk": dtypes.int32, "Tshape": dtypes.int32, "Tsegmentids": dtypes.int32,
    "allow_missing_files": False, "allowed_devices": [], "bad_indices_policy": b"",
    "debug_name": _ANY, "explicit_paddings": [], "exponential_avg_factor": 1.0, "grad_a": _ANY,
    "grad_b": _ANY, "grad_x": _ANY, "grad_y": _ANY, "index_type": dtypes.int32,
    "multiply_linear_by_lr": False, "resize_if_index_out_of_bounds": False,
    "shape_type": dtypes.int32, "sparse_gradient": _ANY, "validate_shape": _ANY,
}  # fmt: skip


_FIELDS = {
    "int": "i", "float": "f", "bool": "b", "string": "s", "type": "type", "shape": "shape",
    "tensor": "tensor", "func": "func",
}  # fmt: skip


def spec_of(node: Node) -> OpSpec:
    """The record of a node's op.

    Raises:
        NotFoundError: there is none.
    """
    try:
        return lookup(node.op)
    except NotFoundError as error:
        raise NotFoundError(None, None, f"{error.message}, needed by node {node.name!r}") from None


def plain_attrs(node: Node, spec: OpSpec) -> dict[str, Any]:
    """The attrs of a node in the form that operations keep, without those of later versions.

    Raises:
        ValueError: one is of another kind than its op has.
    """
    plain = {}
    for name, value in node.attrs.items():
        kind = "list(string)" if name == "_class" else spec.attr_kind(name)
        found = value.WhichOneof("value")
        expected = "list" if kind.startswith("list(") else _FIELDS.get(kind, found)
        if found != expected and not (found is None and expected == "list"):
            raise ValueError(
                f"Node {node.name!r} ({node.op}): AttrValue had value with type '{found}' when "
                f"'{kind}' expected for attr {name!r}"
            )
        plain[name] = attr_from_proto(value)
    _drop_later_attrs(spec, plain)
    return plain


def _drop_later_attrs(spec: OpSpec, attrs: dict[str, Any]) -> None:
    """Takes out of `attrs` what `spec` does not know and what changes nothing."""
    for name in [name for name in attrs if name not in spec.attr_specs and name in _LATER]:
        if _LATER[name] is _ANY or attrs[name] == _LATER[name]:
            del attrs[name]
