"""Operations, attrs and tensors as TensorFlow's protobuf messages, and back.

The messages are those that TensorBoard ships; they are imported where they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.large_constants import counted

if TYPE_CHECKING:
    from penstock.graph.graph import Graph
    from penstock.graph.operation import Operation
    from penstock.graph.opspec import OpSpec

_FIELD_OF_DTYPE = {
    "float16": "half_val", "bfloat16": "half_val", "float32": "float_val", "float64": "double_val",
    "complex64": "scomplex_val", "complex128": "dcomplex_val", "string": "string_val",
    "bool": "bool_val", "int8": "int_val", "int16": "int_val", "int32": "int_val",
    "int64": "int64_val", "uint8": "int_val", "uint16": "int_val", "uint32": "uint32_val",
    "uint64": "uint64_val", "qint8": "int_val", "quint8": "int_val", "qint16": "int_val",
    "quint16": "int_val", "qint32": "int_val",
}  # fmt: skip


def tensor_proto(array: np.ndarray[Any, Any], dtype: dtypes.DType) -> Any:
    """A TensorProto message of an array: raw bytes where it has more than one element."""
    from tensorboard.compat.proto import tensor_pb2

    array = np.asarray(array)
    proto = tensor_pb2.TensorProto(
        dtype=dtype.as_datatype_enum, tensor_shape=shapes.TensorShape(array.shape).as_proto()
    )
    if dtype is dtypes.string:
        proto.string_val.extend([as_bytes(item) for item in array.ravel().tolist()])
    elif array.size > 1:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()
    elif dtype.is_complex:
        parts = [part for item in array.ravel().tolist() for part in (item.real, item.imag)]
        getattr(proto, _FIELD_OF_DTYPE[dtype.name]).extend(parts)
    elif dtype.name in ("float16", "bfloat16"):
        proto.half_val.extend(array.ravel().view(np.uint16).tolist())
    elif dtype.is_quantized:
        proto.int_val.extend([item[0] for item in array.ravel().tolist()])
    else:
        getattr(proto, _FIELD_OF_DTYPE[dtype.name]).extend(array.ravel().tolist())
    return proto


def array_from_tensor_proto(proto: Any) -> np.ndarray[Any, Any]:
    """The array that a TensorProto message holds.

    Raises:
        InvalidArgumentError: the message contradicts itself.
    """
    dtype = dtypes.as_dtype(proto.dtype)
    shape = tuple([dim.size for dim in proto.tensor_shape.dim])
    count = int(np.prod(shape, dtype=np.int64)) if shape else 1
    numpy_type = dtype.np_dtype
    if count < 0 or any([size < 0 for size in shape]):
        raise InvalidArgumentError(None, None, f"TensorProto has the invalid shape {list(shape)}")
    if proto.tensor_content:
        if len(proto.tensor_content) != count * numpy_type.itemsize:
            raise InvalidArgumentError(
                None, None,
                f"TensorProto of shape {list(shape)} and type {dtype.name} needs "
                f"{count * numpy_type.itemsize} bytes, has {len(proto.tensor_content)}",
            )  # fmt: skip
        return counted(np.frombuffer(proto.tensor_content, numpy_type).reshape(shape).copy())
    values = _listed_values(proto, dtype, numpy_type)
    if len(values) > count:
        raise InvalidArgumentError(
            None, None, f"TensorProto of shape {list(shape)} holds {len(values)} values"
        )
    if len(values) == count:
        return values.reshape(shape)
    out = np.empty(count, numpy_type)
    if len(values):  # the last value stands for all that follow
        out[: len(values)] = values
        out[len(values) :] = values[-1]
    else:
        out[:] = b"" if dtype is dtypes.string else np.zeros((), numpy_type)
    return out.reshape(shape)


def _listed_values(proto: Any, dtype: dtypes.DType, numpy_type: Any) -> np.ndarray[Any, Any]:
    listed = getattr(proto, _FIELD_OF_DTYPE[dtype.name])
    if dtype is dtypes.string:
        values = np.empty(len(listed), object)
        values[:] = list(listed)
        return values
    if dtype.is_complex:
        pairs = np.array(listed, dtype.real_dtype.np_dtype).reshape(-1, 2)
        return (pairs[:, 0] + 1j * pairs[:, 1]).astype(numpy_type)
    if dtype.name in ("float16", "bfloat16"):
        return np.array(listed, np.uint16).view(numpy_type)
    if dtype.is_quantized:
        return np.array([(item,) for item in listed], numpy_type)
    return np.array(listed, numpy_type)


def as_bytes(value: Any) -> bytes:
    """The bytes of a str (in UTF-8), or of bytes."""
    return value.encode() if isinstance(value, str) else bytes(value)


def attr_value(value: Any, kind: str) -> Any:
    """An attr as an AttrValue message.

    Args:
        value: in the form that operations keep.
        kind: as in the op's spec; "any" where that lacks the attr, and the
            value's own type decides.
    """
    from tensorboard.compat.proto import attr_value_pb2

    if isinstance(value, attr_value_pb2.AttrValue):
        return value
    message = attr_value_pb2.AttrValue()
    if kind == "any":
        kind = _kind_of(value)
    if kind.startswith("list("):
        inner = kind[5:-1]
        message.list.SetInParent()
        for item in value:
            single = attr_value(item, inner)
            field = single.WhichOneof("value")
            stored = getattr(single, field)
            target = getattr(message.list, field)
            if field in ("shape", "tensor", "func"):
                target.add().CopyFrom(stored)
            else:
                target.append(stored)
        return message
    _set_single(message, value, kind)
    return message


def _set_single(message: Any, value: Any, kind: str) -> None:
    if kind == "type":
        message.type = value.as_datatype_enum
    elif kind == "shape":
        message.shape.CopyFrom(shapes.TensorShape(value).as_proto())
    elif kind == "tensor":
        message.tensor.CopyFrom(tensor_proto(value, dtypes.as_dtype(value.dtype)))
    elif kind == "string":
        message.s = as_bytes(value)
    elif kind == "bool":
        message.b = value
    elif kind == "int":
        message.i = value
    elif kind == "float":
        message.f = value
    elif kind == "func":
        message.func.name = value if isinstance(value, str) else value.name
    else:
        raise TypeError(f"an attr cannot be of the kind {kind!r}")


def _kind_of(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"list({_kind_of(value[0])})" if value else "list(string)"
    for types, kind in (
        (bool, "bool"), ((int, np.integer), "int"), (float, "float"), ((str, bytes), "string"),
        (dtypes.DType, "type"), (shapes.TensorShape, "shape"), (np.ndarray, "tensor"),
    ):  # fmt: skip
        if isinstance(value, types):
            return kind
    raise TypeError(f"{value!r} cannot be an attr")


def attr_from_proto(message: Any) -> Any:
    """An AttrValue message in the form that operations keep; any other value as it is."""
    if not hasattr(message, "WhichOneof"):
        return message
    field = message.WhichOneof("value")
    if field == "list":
        return _list_from_proto(message.list)
    if field is None:
        return []
    return _single_from_proto(field, getattr(message, field))


def _list_from_proto(message: Any) -> list[Any]:
    for field in ("s", "i", "f", "b", "type", "shape", "tensor", "func"):
        items = getattr(message, field)
        if len(items):
            return [_single_from_proto(field, item) for item in items]
    return []


def _single_from_proto(field: str, value: Any) -> Any:
    if field == "type":
        return dtypes.as_dtype(value)
    if field == "shape":
        return shapes.as_tuple(value)
    if field == "tensor":
        return array_from_tensor_proto(value)
    return value


def public_attr(value: Any, kind: str) -> Any:
    """An attr as `Operation.get_attr` gives it: DType, bytes, a message for shapes and tensors."""
    message = attr_value(value, kind)
    field = message.WhichOneof("value")
    if field == "list":
        for name in ("s", "i", "f", "b", "type", "shape", "tensor", "func"):
            items = list(getattr(message.list, name))
            if items:
                return [dtypes.as_dtype(item) for item in items] if name == "type" else items
        return []
    stored = getattr(message, field)
    return dtypes.as_dtype(stored) if field == "type" else stored


def node_def(op: Operation) -> Any:
    """An operation as a NodeDef message."""
    from tensorboard.compat.proto import node_def_pb2

    message = node_def_pb2.NodeDef(name=op.name, op=op.type, device=op.device)
    message.input.extend([tensor._as_node_def_input() for tensor in op._inputs])
    message.input.extend([f"^{control.name}" for control in op._control_inputs])
    add_attrs(message, op)
    return message


def sort_controls(node: Any) -> None:
    """Puts the control inputs of a NodeDef message in the order in which a GraphDef has them."""
    count = sum([not name.startswith("^") for name in node.input])
    node.input[count:] = sorted(node.input[count:])


def add_attrs(message: Any, op: Operation) -> None:
    """Puts the attrs of an operation into its NodeDef message."""
    for name, value in op._attrs.items():
        kind = op.spec.attr_kind(name)
        if kind == "tensor":
            dtype = op._attrs.get("dtype") or dtypes.as_dtype(value.dtype)
            message.attr[name].tensor.CopyFrom(tensor_proto(value, dtype))
        else:
            message.attr[name].CopyFrom(attr_value(value, kind))


def add_output_shapes(message: Any, op: Operation) -> None:
    """Puts the static shapes of an operation into its NodeDef message."""
    if op.outputs:
        protos = [tensor.shape.as_proto() for tensor in op.outputs]
        message.attr["_output_shapes"].list.shape.extend(protos)


def graph_def(graph: Graph, from_version: int | None, add_shapes: bool) -> Any:
    """A graph as a GraphDef message; see `Graph.as_graph_def`."""
    from tensorboard.compat.proto import graph_pb2

    message = graph_pb2.GraphDef(versions=graph.graph_def_versions)
    if any([op.regions for op in graph._ops]):
        from penstock.graph.region_export import write_graph

        write_graph(graph, message, from_version or 0, add_shapes)
        return message
    for op in graph._ops[from_version or 0 :]:
        node = node_def(op)
        sort_controls(node)
        if add_shapes:
            add_output_shapes(node, op)
        message.node.append(node)
    return message


def op_def(spec: OpSpec) -> Any:
    """An op's record as an OpDef message."""
    from tensorboard.compat.proto import op_def_pb2

    stateful = spec.stateful or bool(spec.regions)
    message = op_def_pb2.OpDef(name=spec.name, is_stateful=stateful)
    for args, target in (
        (spec.input_args, message.input_arg),
        (spec.output_args, message.output_arg),
    ):
        for arg in args:
            added = target.add(name=arg.name, is_ref=arg.is_ref)
            added.number_attr = arg.number_attr
            if arg.dtype is not None:
                added.type = arg.dtype.as_datatype_enum
            elif arg.type_list:
                added.type_list_attr = arg.type_attr
            else:
                added.type_attr = arg.type_attr
    for attr in spec.attr_specs.values():
        described = message.attr.add(name=attr.name, type=attr.kind)
        if attr.has_default:
            described.default_value.CopyFrom(attr_value(attr.default, attr.kind))
        if attr.minimum is not None:
            described.has_minimum = True
            described.minimum = attr.minimum
        if attr.allowed is not None:
            kind = attr.kind[5:-1] if attr.kind.startswith("list(") else attr.kind
            described.allowed_values.CopyFrom(attr_value(list(attr.allowed), f"list({kind})"))
    return message
