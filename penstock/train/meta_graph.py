"""`tf.train.export_meta_graph` and `import_meta_graph`: a graph with its collections as one
message.
"""

from __future__ import annotations

import numbers
from typing import Any

from penstock.formats.staged_file import StagedFile
from penstock.graph.collections import GraphKeys
from penstock.graph.export import export
from penstock.graph.graph import Graph
from penstock.graph.log import LOG
from penstock.graph.operation import Operation, Tensor
from penstock.graph.stacks import default_graph
from penstock.ops.variables import Variable
from penstock.train.queue_runner import stored_queue_runner

_VERSION = "1.15.5"  # of the TensorFlow whose GraphDefs these are
# Ops that differ from others in having no state alone, and have no record of their own.
_WITH_STATE = {"StatelessIf": "If", "StatelessWhile": "While"}
# What TensorFlow keeps of branches and loops beside the graph; here the graph itself has it.
_NOT_KEPT = (GraphKeys.COND_CONTEXT, GraphKeys.WHILE_CONTEXT)


def _import_messages() -> Any:
    from tensorboard.compat.proto import meta_graph_pb2

    return meta_graph_pb2


@export("train.export_meta_graph")
def export_meta_graph(
    filename: str | None = None,
    meta_info_def: Any = None,
    graph_def: Any = None,
    saver_def: Any = None,
    collection_list: Any = None,
    as_text: bool = False,
    graph: Graph | None = None,
    export_scope: str | None = None,
    clear_devices: bool = False,
    clear_extraneous_savers: bool = False,
    strip_default_attrs: bool = False,
    save_debug_info: bool = False,
    **kwargs: Any,
) -> Any:
    """A graph and its collections as a MetaGraphDef message, written to a file where one is named.

    Args:
        filename: the file, or None.
        meta_info_def: a MetaInfoDef message to start from.
        graph_def: a GraphDef message in place of the graph's own.
        saver_def: a SaverDef message to store with it.
        collection_list: the names of the collections; all where None.
        as_text: write the file as text.
        graph: the graph; the default one where None.
        export_scope: must be None: whole graphs are exported.
        clear_devices: leave the devices out.
        clear_extraneous_savers: leave other savers' collection out.
        strip_default_attrs: leave out attrs that have their default.
        save_debug_info: must be False.
        kwargs: for `tf.contrib`'s use; ignored.

    Returns:
        A MetaGraphDef protobuf message.

    Raises:
        NotImplementedError: `export_scope` or `save_debug_info` is given.

    Example:
        >>> meta_graph = tf.train.export_meta_graph("/tmp/model.meta")
    """
    if export_scope or save_debug_info:
        raise NotImplementedError(
            "export_meta_graph exports whole graphs, without debug information"
        )
    graph = graph or default_graph()
    message = _import_messages().MetaGraphDef()
    if meta_info_def is not None:
        message.meta_info_def.MergeFrom(meta_info_def)
    message.meta_info_def.tensorflow_version = _VERSION
    message.meta_info_def.stripped_default_attrs = strip_default_attrs
    message.graph_def.MergeFrom(
        graph.as_graph_def(add_shapes=True) if graph_def is None else graph_def
    )
    _store_ops(message, strip_default_attrs)
    if clear_devices:
        for node in message.graph_def.node:
            node.device = ""
    if saver_def is not None:
        message.saver_def.MergeFrom(saver_def)
    names = graph.get_all_collection_keys() if collection_list is None else collection_list
    for name in names:
        if not (clear_extraneous_savers and name == "savers"):
            _store_collection(message, name, graph.get_collection(name))
    if filename:
        _write(message, filename, as_text)
    return message


def _store_ops(message: Any, strip_default_attrs: bool) -> None:
    """Stores the records of the ops of all nodes, those in functions too."""
    from penstock.graph import protos
    from penstock.graph.opspec import registered

    specs = registered()
    nodes = list(message.graph_def.node)
    nodes += [node for function in message.graph_def.library.function for node in function.node_def]
    for name in sorted({node.op for node in nodes}):
        with_state = _WITH_STATE.get(name, name)
        if with_state not in specs:
            continue  # Switch and its like, of which no operation here is made
        described = protos.op_def(specs[with_state])
        if with_state != name:
            described.name, described.is_stateful = name, False
        message.meta_info_def.stripped_op_list.op.append(described)
        if strip_default_attrs:
            defaults = {
                a.name: a.default_value for a in described.attr if a.HasField("default_value")
            }
            _strip_defaults(nodes, name, defaults)


def _strip_defaults(nodes: list[Any], op_type: str, defaults: dict[str, Any]) -> None:
    for node in nodes:
        if node.op == op_type:
            for name, default in defaults.items():
                if name in node.attr and node.attr[name] == default:
                    del node.attr[name]


def _store_collection(message: Any, name: str, items: list[Any]) -> None:
    """Stores a collection by the kind of its items; one that no kind fits is left out, with a
    warning.
    """
    if not items:
        return
    stored = message.collection_def[name]
    if all(hasattr(item, "to_proto") for item in items):
        stored.bytes_list.value.extend([item.to_proto().SerializeToString() for item in items])
    elif all(isinstance(item, (Tensor, Operation)) for item in items):
        stored.node_list.value.extend([item.name for item in items])
    elif all(isinstance(item, (bytes, str)) for item in items):
        stored.bytes_list.value.extend(
            [item.encode() if isinstance(item, str) else item for item in items]
        )
    elif all(isinstance(item, numbers.Integral) for item in items):
        stored.int64_list.value.extend([int(item) for item in items])
    elif all(isinstance(item, numbers.Real) for item in items):
        stored.float_list.value.extend([float(item) for item in items])
    else:
        del message.collection_def[name]
        LOG.warning(
            "Issue encountered when serializing %s. Type is unsupported, or the types of the items "
            "don't match field type in CollectionDef. Note this is a warning and probably safe to "
            "ignore.",
            name,
        )


def _write(message: Any, filename: str, as_text: bool) -> None:
    from google.protobuf import text_format

    content = (
        text_format.MessageToString(message).encode() if as_text else message.SerializeToString()
    )
    staged = StagedFile(filename)
    try:
        staged.write(content)
        staged.commit()
    finally:
        staged.discard()


def read_meta_graph(path: str) -> Any:
    """The MetaGraphDef message in a file, binary or text.

    Raises:
        IOError: there is no such file, or it holds no MetaGraphDef.
    """
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError

    message = _import_messages().MetaGraphDef()
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        raise OSError(f"File {path} does not exist.") from None
    try:
        message.ParseFromString(content)
    except DecodeError:
        try:
            text_format.Merge(content.decode(), message)
        except (UnicodeDecodeError, text_format.ParseError) as error:
            raise OSError(f"Cannot parse file {path}: {error}") from None
    return message


@export("train.import_meta_graph")
def import_meta_graph(
    meta_graph_or_file: Any,
    clear_devices: bool = False,
    import_scope: str | None = None,
    **kwargs: Any,
) -> Any:
    """Adds a stored graph and its collections to the default graph.

    Args:
        meta_graph_or_file: a MetaGraphDef message, or the path of a file with one.
        clear_devices: leave the devices out.
        import_scope: a name scope for all of it.
        kwargs: input_map, return_elements: as for `tf.import_graph_def`.

    Returns:
        A `tf.train.Saver` for its variables; None where there are none.

    Raises:
        IOError: the file cannot be read.

    Example:
        >>> saver = tf.train.import_meta_graph("/tmp/model-100.meta")
        >>> saver.restore(sess, "/tmp/model-100")
    """
    from penstock.formats.graphdef import import_graph_def  # slow to import
    from penstock.train.saver import Saver

    if isinstance(meta_graph_or_file, (str, bytes)):
        message = read_meta_graph(
            meta_graph_or_file
            if isinstance(meta_graph_or_file, str)
            else meta_graph_or_file.decode()
        )
    else:
        message = meta_graph_or_file
    graph_def = type(message.graph_def)()
    graph_def.CopyFrom(message.graph_def)
    if clear_devices:
        for node in graph_def.node:
            node.device = ""
    scope = graph_scope(import_scope)
    import_graph_def(graph_def, name=scope, input_map=kwargs.get("input_map"))
    for name in sorted(message.collection_def):
        if name not in _NOT_KEPT:
            _restore_collection(name, message.collection_def[name], scope)
    if message.HasField("saver_def"):
        return Saver(saver_def=message.saver_def, name=scope or None)
    if default_graph().get_collection("variables"):
        return Saver()
    LOG.info("Saver not created because there are no variables in the graph to restore")
    return None


def graph_scope(import_scope: str | None) -> str:
    """The name scope, made unique, that an import goes to; "" for none."""
    if not import_scope:
        return ""
    graph = default_graph()
    return graph.unique_name(import_scope, mark_as_used=False)


def _restore_collection(name: str, stored: Any, scope: str) -> None:
    from tensorboard.compat.proto import variable_pb2

    graph = default_graph()
    kind = stored.WhichOneof("kind")
    if kind is None:
        return
    values = getattr(stored, kind).value
    if kind == "bytes_list" and (name.endswith("variables") or name == GraphKeys.GLOBAL_STEP):
        known = {variable.name: variable for variable in graph.get_collection("variables")}
        for value in values:
            definition = variable_pb2.VariableDef.FromString(value)
            full = f"{scope}/{definition.variable_name}" if scope else definition.variable_name
            graph.add_to_collection(
                name, known.get(full) or Variable.from_proto(definition, scope or None)
            )
    elif kind == "bytes_list" and name == GraphKeys.QUEUE_RUNNERS:
        for value in values:
            graph.add_to_collection(name, stored_queue_runner(value, scope or None))
    elif kind == "bytes_list" and name == GraphKeys.SAVERS:
        from penstock.train.saver import stored_saver

        for value in values:
            graph.add_to_collection(name, stored_saver(value, scope or None))
    elif kind == "node_list":
        for value in values:
            graph.add_to_collection(
                name, graph.as_graph_element(f"{scope}/{value}" if scope else value)
            )
    else:
        for value in values:
            graph.add_to_collection(name, value)
