"""The variables of a graph by collection, and the operations that initialize them or tell which are
not.
"""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes
from penstock.graph.collections import GraphKeys
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export, export_as
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.ops.state import is_variable_initialized


def _listing(name: str, key: str, what: str) -> Any:
    """Makes and exports the function that lists one collection; they differ in the collection
    alone.
    """

    def variables(scope: str | None = None) -> list[Any]:
        return default_graph().get_collection(key, scope)

    variables.__name__ = variables.__qualname__ = name
    variables.__doc__ = f"""The {what} variables of the default graph.

    Args:
        scope: a regular expression; only variables whose name it matches at the start.

    Returns:
        A list of variables.

    Example:
        >>> tf.{name}("generator/")
    """
    return export(name)(variables)


global_variables = _listing("global_variables", GraphKeys.GLOBAL_VARIABLES, "global")
local_variables = _listing("local_variables", GraphKeys.LOCAL_VARIABLES, "local")
model_variables = _listing("model_variables", GraphKeys.MODEL_VARIABLES, "model")
trainable_variables = _listing("trainable_variables", GraphKeys.TRAINABLE_VARIABLES, "trainable")
moving_average_variables = _listing(
    "moving_average_variables", GraphKeys.MOVING_AVERAGE_VARIABLES, "moving-average"
)


@export("all_variables")
def all_variables() -> list[Any]:
    """The older name of `tf.global_variables`.

    Example:
        >>> tf.all_variables()
    """
    return global_variables()


@export("variables_initializer", "initializers.variables", "initialize_variables")
def variables_initializer(var_list: Any, name: str | None = "init") -> Operation:
    """An operation that gives some variables their initial values.

    Args:
        var_list: a list of variables.
        name: a name for the operation.

    Returns:
        An Operation.

    Example:
        >>> sess.run(tf.variables_initializer([v, w]))
    """
    if var_list:
        return api.group(*[v.initializer for v in var_list], name=name)
    return api.no_op(name=name)


@export("global_variables_initializer", "initializers.global_variables")
def global_variables_initializer() -> Operation:
    """An operation that gives the global variables their initial values.

    Returns:
        An Operation.

    Example:
        >>> sess.run(tf.global_variables_initializer())
    """
    return variables_initializer(global_variables())


@export("local_variables_initializer", "initializers.local_variables")
def local_variables_initializer() -> Operation:
    """An operation that gives the local variables their initial values.

    Returns:
        An Operation.

    Example:
        >>> sess.run(tf.local_variables_initializer())
    """
    return variables_initializer(local_variables())


export_as("initialize_all_variables", global_variables_initializer)
export_as("initialize_local_variables", local_variables_initializer)


@export("report_uninitialized_variables")
def report_uninitialized_variables(
    var_list: Any = None, name: str = "report_uninitialized_variables"
) -> Tensor:
    """The names of the variables that have no value in the session that runs this.

    Args:
        var_list: the variables to look at; the global and local ones where None.
        name: a name scope for the operations.

    Returns:
        A vector of type string.

    Example:
        >>> sess.run(tf.report_uninitialized_variables())
        array([], dtype=object)
    """
    variables = list(global_variables() + local_variables() if var_list is None else var_list)
    if var_list is None and not variables:
        variables = _references()
    with name_scope(name):
        flags = [is_variable_initialized(variable) for variable in variables]
        with default_graph().device("/cpu:0"):
            if not variables:
                return api.constant([], dtype=dtypes.string)
            missing = api.logical_not(api.stack(flags))
            names = api.constant([variable.op.name for variable in variables])
            return api.boolean_mask(names, missing)


@export("assert_variables_initialized")
def assert_variables_initialized(var_list: Any = None) -> Tensor | None:
    """A tensor whose run raises FailedPreconditionError where a variable has no value.

    Args:
        var_list: the variables to look at; the global and local ones where None. Where that is
            none, all reference variables of the graph.

    Returns:
        A Tensor, or None where there are no variables.

    Example:
        >>> sess.run(tf.assert_variables_initialized())
    """
    variables = list(global_variables() + local_variables() if var_list is None else var_list)
    variables = variables or _references()
    if not variables:
        return None
    ranks = []
    for variable in variables:
        with default_graph().colocate_with(variable.op), name_scope(None, "Rank") as scope:
            convert_to_tensor(variable)  # TensorFlow reads it twice, which counts for seeds
            ranks.append(raw.Rank(variable, name=scope))
    return ranks[0] if len(ranks) == 1 else api.stack(ranks)


def _references() -> list[Tensor]:
    """The reference variables of the default graph, whether a collection has them or not."""
    ops = default_graph().get_operations()
    return [op.outputs[0] for op in ops if op.type in ("Variable", "VariableV2")]
