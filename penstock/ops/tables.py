"""`tf.tables_initializer`: fills the lookup tables of a graph."""

from __future__ import annotations

from penstock.graph.collections import GraphKeys
from penstock.graph.export import api, export, export_as
from penstock.graph.operation import Operation
from penstock.graph.stacks import default_graph


@export("tables_initializer", "initializers.tables_initializer")
def tables_initializer(name: str = "init_all_tables") -> Operation:
    """An operation that runs all in the collection of the tables' initializers.

    Args:
        name: a name for the operation.

    Returns:
        An Operation.

    Example:
        >>> sess.run(tf.tables_initializer())
    """
    initializers = default_graph().get_collection(GraphKeys.TABLE_INITIALIZERS)
    if initializers:
        return api.group(*initializers, name=name)
    return api.no_op(name=name)


export_as("initialize_all_tables", tables_initializer)
