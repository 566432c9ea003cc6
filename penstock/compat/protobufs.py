"""The protobuf messages that are names of `tf`. TensorBoard has them; they are slow to import."""

from __future__ import annotations

from penstock.graph.export import export_lazily

# By the module that declares them.
_MESSAGES = {
    "attr_value_pb2": ("AttrValue", "NameAttrList"),
    "cluster_pb2": ("train.ClusterDef", "train.JobDef"),
    "config_pb2": (
        "ConfigProto",
        "GPUOptions",
        "GraphOptions",
        "OptimizerOptions",
        "RunMetadata",
        "RunOptions",
    ),
    "event_pb2": ("Event", "LogMessage", "SessionLog"),
    "graph_pb2": ("GraphDef",),
    "histogram_pb2": ("HistogramProto",),
    "meta_graph_pb2": ("MetaGraphDef", "TensorInfo"),
    "node_def_pb2": ("NodeDef",),
    "saver_pb2": ("train.SaverDef",),
    "summary_pb2": ("Summary", "SummaryMetadata"),
}

for _module, _names in _MESSAGES.items():
    for _name in _names:
        for _public in (_name, f"compat.v1.{_name}"):
            _message = _name.rpartition(".")[2]
            export_lazily(_public, f"tensorboard.compat.proto.{_module}", _message)
