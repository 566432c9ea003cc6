"""The protobuf messages of checkpoints that TensorBoard doesn't ship.

Fields and their numbers are those of TensorFlow's `tensor_bundle.proto`, `tensor_slice.proto` and
`checkpoint_state.proto`. The classes are made at their first use, because protobuf takes a tenth of
a second to import.
"""

from __future__ import annotations

import functools
import types
from typing import Any

_FILE = "penstock/formats/checkpoint.proto"
_PACKAGE = "penstock"
_SHAPE = ".tensorboard.TensorShapeProto"
_VERSIONS = ".tensorboard.VersionDef"

# message -> ((field, number, kind), …); a kind in capitals is a scalar, one with a dot a message,
# "*" means repeated, "?" a field whose absence means something.
_FIELDS: dict[str, tuple[tuple[str, int, str], ...]] = {
    "TensorSliceExtent": (("start", 1, "INT64"), ("length", 2, "INT64?")),
    "TensorSliceProto": (("extent", 1, ".penstock.TensorSliceExtent*"),),
    "BundleHeaderProto": (
        ("num_shards", 1, "INT32"),
        ("endianness", 2, "INT32"),
        ("version", 3, _VERSIONS),
    ),
    "BundleEntryProto": (
        ("dtype", 1, "INT32"),
        ("shape", 2, _SHAPE),
        ("shard_id", 3, "INT32"),
        ("offset", 4, "INT64"),
        ("size", 5, "INT64"),
        ("crc32c", 6, "FIXED32"),
        ("slices", 7, ".penstock.TensorSliceProto*"),
    ),
    "CheckpointState": (
        ("model_checkpoint_path", 1, "STRING"),
        ("all_model_checkpoint_paths", 2, "STRING*"),
        ("all_model_checkpoint_timestamps", 3, "DOUBLE*"),
        ("last_preserved_timestamp", 4, "DOUBLE"),
    ),
}


@functools.cache
def messages() -> types.SimpleNamespace:
    """Returns the message classes, each under its name.

    Example:
        >>> messages().BundleHeaderProto(num_shards=1).SerializeToString()
        b'\\x08\\x01'
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from tensorboard.compat.proto import tensor_shape_pb2, versions_pb2

    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=_PACKAGE, syntax="proto3")
    file.dependency.extend([tensor_shape_pb2.DESCRIPTOR.name, versions_pb2.DESCRIPTOR.name])
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            _declare(message, field, number, kind)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    descriptor = pool.FindFileByName(_FILE)
    return types.SimpleNamespace(
        **{
            name: message_factory.GetMessageClass(descriptor.message_types_by_name[name])
            for name in _FIELDS
        }
    )


def _declare(message: Any, name: str, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number)
    label = "LABEL_REPEATED" if kind.endswith("*") else "LABEL_OPTIONAL"
    field.label = field.Label.Value(label)
    if kind.endswith("?"):
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"has_{name}")
    kind = kind.rstrip("*?")
    if kind.startswith("."):
        field.type = field.Type.Value("TYPE_MESSAGE")
        field.type_name = kind
    else:
        field.type = field.Type.Value(f"TYPE_{kind}")
