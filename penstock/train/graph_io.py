"""`tf.train.write_graph`: a graph as a file."""

from __future__ import annotations

import os
from typing import Any

from penstock.formats.staged_file import StagedFile
from penstock.graph.export import export
from penstock.graph.graph import Graph


@export("train.write_graph", "io.write_graph")
def write_graph(graph_or_graph_def: Any, logdir: str, name: str, as_text: bool = True) -> str:
    """Writes a graph to a file.

    Args:
        graph_or_graph_def: a Graph, or a GraphDef message.
        logdir: the folder; made where there is none.
        name: the file's name.
        as_text: write protobuf's text form, else its binary form.

    Returns:
        The file's path.

    Example:
        >>> tf.train.write_graph(sess.graph, "/tmp/model", "graph.pbtxt")
        '/tmp/model/graph.pbtxt'
    """
    from google.protobuf import text_format

    message = graph_or_graph_def
    if isinstance(message, Graph):
        message = message.as_graph_def()
    os.makedirs(logdir, exist_ok=True)
    path = os.path.join(logdir, name)
    staged = StagedFile(path)
    try:
        staged.write(
            text_format.MessageToString(message).encode()
            if as_text
            else message.SerializeToString()
        )
        staged.commit()
    finally:
        staged.discard()
    return path
