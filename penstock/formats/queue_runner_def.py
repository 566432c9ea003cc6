"""`QueueRunnerDef`: the message that stores a queue runner in a MetaGraph.

Source: the field names, numbers and types of TensorFlow's queue_runner.proto.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_FIELDS = (
    ("queue_name", _FIELD.LABEL_OPTIONAL, _FIELD.TYPE_STRING),
    ("enqueue_op_name", _FIELD.LABEL_REPEATED, _FIELD.TYPE_STRING),
    ("close_op_name", _FIELD.LABEL_OPTIONAL, _FIELD.TYPE_STRING),
    ("cancel_op_name", _FIELD.LABEL_OPTIONAL, _FIELD.TYPE_STRING),
    # An enum of error codes in TensorFlow, which is stored in the same way.
    ("queue_closed_exception_types", _FIELD.LABEL_REPEATED, _FIELD.TYPE_INT32),
)


def _message_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="penstock/queue_runner.proto", package="penstock", syntax="proto3"
    )
    message = file.message_type.add(name="QueueRunnerDef")
    for number, (name, label, kind) in enumerate(_FIELDS, 1):
        message.field.add(name=name, number=number, label=label, type=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("penstock.QueueRunnerDef"))


QueueRunnerDef: Any = _message_class()
