"""Graphs as plain data, and the first difference between two of them in words.

A GraphDef becomes a list of nodes, each ``[name, op, inputs, attrs]``, in the graph's order. Inputs
keep their order, control inputs (``^name``) come last, as in the file. Python 3.7 reads this file
too: the oracle records with it.

As a program it runs a TF1 script under penstock and compares its graph with the recorded one:

    python tests/graph_diff.py tests/programs/mlp.py
"""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
import zlib
from typing import Any

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
GRAPHS = os.path.join(HERE, "golden", "graphs")

# Attributes left out of the comparison: they change nothing that a program computes or looks up.
#   _output_shapes   shapes as an exporter wrote them; the shape tests compare those
#   _Xla*            hints to TensorFlow's own compiler about which ops to compile together
#   token            the number of a py_func's Python function in its process
# All others count: _class too, because it decides on which device an op and its neighbour end up.
IGNORED_ATTRS = (
    "_output_shapes",
    "_XlaCompile",
    "_XlaScope",
    "_XlaSeparateCompiledGradients",
    "token",
)

# TensorFlow makes Switch, Merge, Enter, ... of branches and loops, penstock one op that owns them.
# Compared are the names of their results, and all that stands around them.
RESULTS = re.compile(r"(Merge|Exit)(_\d+)?")
LAST_VALUES = re.compile(r"Exit(_\d+)?")  # a loop has Merge nodes too, for its variables
LOOPS = ("While", "StatelessWhile", "LoopCond")
GRADIENTS = re.compile(r"((.*/)?gradients(_\d+)?)/")

# The folder of the parts of a checkpoint has another random name in each sharded saver.
RANDOM_NAME = re.compile(r"_temp_[0-9a-f]{32}/")

# Constants with more elements than this are recorded by their checksum.
MAX_LISTED = 64

# DataType enum of tensorflow/core/framework/types.proto
DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    14: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    20: "resource",
    21: "variant",
    22: "uint32",
    23: "uint64",
}

# Which repeated field of TensorProto holds the values of a dtype that has no tensor_content.
VALUE_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int32": "int_val",
    "uint8": "int_val",
    "int16": "int_val",
    "int8": "int_val",
    "uint16": "int_val",
    "string": "string_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
}


def plain_graph(graph_def: Any) -> list[list[Any]]:
    """The nodes of a GraphDef protobuf as plain lists."""
    return [plain_node(node) for node in graph_def.node]


def gradient_nodes(graph: list[list[Any]], start: int) -> list[list[Any]]:
    """The nodes from `start` on, without the weights' values: they repeat what the case says."""
    return [node[:3] + [{}] if node[0].startswith("cotangent") else node for node in graph[start:]]


def outside_regions(graph: list[list[Any]]) -> list[list[Any]]:
    """The nodes that belong to no branch or loop, and the bare results of these."""
    scopes = region_scopes(graph)
    loops = {scope_of(name) for name, op, _, _ in graph if op in LOOPS}
    outside = []
    inside = set()
    for node in graph:
        scope = next((scope for scope in parents(node[0]) if scope in scopes), None)
        if scope is None:
            outside.append(node)
        elif (LAST_VALUES if scope in loops else RESULTS).fullmatch(
            node[0][len(scope) + 1 :]
        ) and not GRADIENTS.fullmatch(scope + "/"):
            outside.append([node[0], "result", [], {}])
        else:
            inside.add(node[0])
    return [
        [
            name, op, [i for i in inputs if i.lstrip("^").split(":")[0] not in inside],
            beside_others(attrs, inside),
        ]
        for name, op, inputs, attrs in outside
    ]  # fmt: skip


def beside_others(attrs: dict[str, Any], inside: set[str]) -> dict[str, Any]:
    """The attrs of a node, without its colocation with nodes inside."""
    groups = [group for group in attrs.get("_class", ()) if group[len("loc:@") :] not in inside]
    kept = {key: value for key, value in attrs.items() if key != "_class"}
    return {**kept, "_class": groups} if groups else kept


def region_scopes(graph: list[list[Any]]) -> set[str]:
    """The name scopes of branches and loops, those of the ops that tell them; of gradients too
    where there are loops, since TensorFlow puts the counters of iterations straight there.
    """
    names = {node[0] for node in graph}
    scopes = {
        scope_of(name)
        for name, op, _, _ in graph
        if op in ("If", "StatelessIf", *LOOPS)
        or (op == "Switch" and scope_of(name) + "/pred_id" in names)
    }
    if any(op in LOOPS for _, op, _, _ in graph):
        found = (GRADIENTS.match(name) for name in names)
        scopes |= {match.group(1) for match in found if match is not None}
    return scopes


def scope_of(name: str) -> str:
    """The name scope that a name stands in."""
    return name.rpartition("/")[0]


def parents(name: str) -> list[str]:
    """The name scopes that a name stands in, from outside in."""
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def plain_node(node: Any) -> list[Any]:
    """One NodeDef as [name, op, inputs, attrs] (and the device, where it has one, as an attr)."""
    attrs = {k: plain_attr(node.attr[k]) for k in sorted(node.attr) if k not in IGNORED_ATTRS}
    if "_gradient_op_type" in attrs:  # of a custom gradient it ends in a number
        attrs["_gradient_op_type"] = attrs["_gradient_op_type"].partition("-")[0]
    if node.device:
        attrs["@device"] = node.device
    return [node.name, node.op, list(node.input), attrs]


def plain_attr(attr: Any) -> Any:
    """An AttrValue as JSON; dtypes by name, unknown sizes as null, functions by their name."""
    kind = attr.WhichOneof("value")
    if kind is None:
        return None
    value = getattr(attr, kind)
    if kind == "list":
        fields = value.ListFields()
        return [plain_value(field.name, item) for field, items in fields for item in items]
    return plain_value(kind, value)


def plain_value(kind: str, value: Any) -> Any:
    """One value of the AttrValue field `kind`."""
    if kind == "s":
        return value.decode("latin-1")
    if kind == "type":
        return dtype_name(value)
    if kind == "shape":
        return (
            "unknown rank"
            if value.unknown_rank
            else [None if d.size < 0 else d.size for d in value.dim]
        )
    if kind == "tensor":
        return plain_tensor(value)
    if kind == "func":
        return "function " + value.name
    if kind == "f":
        return float(str(np.float32(value)))
    return value


def dtype_name(number: int) -> str:
    """The name of a DataType; a reference type (100 more) ends in _ref."""
    return DTYPES[number - 100] + "_ref" if number > 100 else DTYPES.get(number, "invalid")


def plain_tensor(proto: Any) -> dict[str, Any]:
    """A TensorProto as dtype, shape and values, however the values were stored."""
    dtype = dtype_name(proto.dtype)
    shape = [dim.size for dim in proto.tensor_shape.dim]
    plain: dict[str, Any] = {"dtype": dtype, "shape": shape}
    count = int(np.prod(shape, dtype=int))
    if dtype == "string":
        texts = [item.decode("latin-1") for item in proto.string_val]
        flat: list[Any] = [RANDOM_NAME.sub("_temp_/", text) for text in texts]
        content = repr(flat).encode()
    else:
        array = tensor_values(proto, dtype, count)
        flat, content = plain_values(array), array.tobytes()
    if flat and len(flat) < count:
        flat, content = flat + [flat[-1]] * (count - len(flat)), b""
    if count <= MAX_LISTED:
        plain["values"] = flat
    else:
        plain["crc32"] = zlib.crc32(content)
    return plain


def tensor_values(proto: Any, dtype: str, count: int) -> np.ndarray:
    """All `count` numbers of a TensorProto: raw bytes, or a list whose last element repeats."""
    if dtype in ("bfloat16", "float16") or proto.tensor_content:
        raw = np.dtype("uint16" if dtype == "bfloat16" else dtype)
        if proto.tensor_content:
            return np.frombuffer(proto.tensor_content, raw)
        given = np.array(list(proto.half_val), np.uint16).view(raw)
    elif dtype in ("complex64", "complex128"):
        pairs = proto.scomplex_val if dtype == "complex64" else proto.dcomplex_val
        given = np.array(list(pairs)).reshape(-1, 2) @ np.array([1, 1j])
    else:
        given = np.array(list(getattr(proto, VALUE_FIELDS[dtype])), dtype)
    given = given.astype(given.dtype if dtype == "bfloat16" else dtype)
    if not given.size:
        return np.zeros(count, given.dtype)
    return np.concatenate([given, np.repeat(given[-1:], count - given.size)])


def plain_values(array: np.ndarray) -> list[Any]:
    """Numbers as JSON: the shortest text of float32 and float16, pairs for complex ones."""
    flat = array.ravel()
    if flat.dtype.kind == "c":
        parts = np.stack([flat.real, flat.imag], axis=-1)
        return [plain_values(pair) for pair in parts]
    if flat.dtype.kind == "f" and flat.dtype.itemsize < 8:
        return [float(str(item)) for item in flat]
    return list(flat.tolist())


def difference(expected: list[list[Any]], actual: list[list[Any]]) -> str | None:
    """The first difference in words, with the nodes around it; None when the graphs are equal."""
    for i in range(max(len(expected), len(actual))):
        want = expected[i] if i < len(expected) else None
        got = actual[i] if i < len(actual) else None
        problem = node_difference(want, got)
        if problem:
            counts = (
                f"{len(actual)} nodes, expected {len(expected)}; the first difference is node {i}"
            )
            return f"{counts}: {problem}\n{surroundings(expected, actual, i)}"
    return None


def node_difference(want: list[Any] | None, got: list[Any] | None) -> str | None:
    """What differs between two nodes at the same place, or None."""
    if want is None or got is None:
        return f"missing: {line(want)}" if got is None else f"not expected: {line(got)}"
    for what, a, b in (("name", want[0], got[0]), ("op type", want[1], got[1])):
        if a != b:
            return f"{what} of {want[0]}: expected {a}, got {b}"
    if want[2] != got[2]:
        return f"inputs of {want[0]} ({want[1]}): expected {want[2]}, got {got[2]}"
    for name in sorted(set(want[3]) | set(got[3])):
        if not same_attr(want[3].get(name), got[3].get(name)) or (name in want[3]) != (
            name in got[3]
        ):
            return (
                f"attr {name} of {want[0]} ({want[1]}): "
                f"expected {shown(want[3], name)}, got {shown(got[3], name)}"
            )
    return None


def same_attr(want: Any, got: Any) -> bool:
    """Equality of plain attr values; NaN equals NaN."""
    return bool(want == got) or json.dumps(want) == json.dumps(got)


def shown(attrs: dict[str, Any], name: str) -> str:
    """An attr's value for a message; attrs that are not there are said to be absent."""
    return json.dumps(attrs[name]) if name in attrs else "absent"


def surroundings(
    expected: list[list[Any]], actual: list[list[Any]], at: int, reach: int = 4
) -> str:
    """The nodes before and after the difference, expected beside actual."""
    lines = []
    for i in range(max(0, at - reach), at + reach + 1):
        want = line(expected[i]) if i < len(expected) else "-"
        got = line(actual[i]) if i < len(actual) else "-"
        if want == got == "-":
            break
        mark = ">" if i == at else " "
        lines.append(f"{mark} {i:4d}  {want}")
        if want != got:
            lines.append(f"{mark}  got  {got}")
    return "\n".join(lines)


def line(node: list[Any] | None) -> str:
    """A node in one line, without attrs."""
    return "-" if node is None else "{} = {}({})".format(node[0], node[1], ", ".join(node[2]))


def dump(graph: list[list[Any]]) -> str:
    """The graph as JSON, one node a line, so that a change of the recording reads as a diff."""
    lines = [json.dumps(node, sort_keys=True, separators=(",", ":")) for node in graph]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def recorded(program: str) -> list[list[Any]]:
    """The recorded graph of a program, by the script's path or bare name."""
    name = os.path.splitext(os.path.basename(program))[0]
    with open(os.path.join(GRAPHS, name + ".json")) as file:
        graph: list[list[Any]] = json.load(file)
    return graph


def main() -> int:
    """Compares the graph of one program under penstock with the recorded one."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python tests/graph_diff.py PROGRAM")
    sys.path.insert(0, os.path.dirname(HERE))
    import penstock as tf
    from tests.running import graph_of

    try:
        graph = graph_of(tf, sys.argv[1])[0]
    except Exception:  # what was built before the error is still worth comparing
        traceback.print_exc()
        graph = plain_graph(tf.get_default_graph().as_graph_def())
    problem = difference(recorded(sys.argv[1]), graph)
    sys.stdout.write((problem or "the same graph") + "\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
