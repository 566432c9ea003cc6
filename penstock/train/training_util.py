"""`tf.train.get_or_create_global_step` and its kin: the variable that counts training steps."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes
from penstock.graph.collections import GraphKeys
from penstock.graph.export import api, export
from penstock.graph.graph import Graph
from penstock.graph.log import LOG
from penstock.graph.operation import Tensor
from penstock.graph.stacks import default_graph
from penstock.ops.variable_kinds import VariableAggregation
from penstock.ops.variables import Variable


@export("train.global_step")
def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The value of a global step in a session.

    Args:
        sess: a session.
        global_step_tensor: the variable or tensor, or its name.

    Returns:
        An int.

    Example:
        >>> step = tf.train.create_global_step()
        >>> sess.run(step.initializer)
        >>> tf.train.global_step(sess, step)
        0
    """
    return int(sess.run(global_step_tensor))


@export("train.get_global_step", "contrib.framework.get_global_step")
def get_global_step(graph: Graph | None = None) -> Any:
    """The global step of a graph.

    Args:
        graph: the graph; the default one where None.

    Returns:
        The variable in the collection of global steps, else the tensor named
        "global_step:0", else None.

    Raises:
        TypeError: it is no integer scalar.

    Example:
        >>> step = tf.train.get_global_step()
    """
    graph = graph or default_graph()
    found = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) == 1:
        step = found[0]
    elif found:
        LOG.error("Multiple tensors in global_step collection.")
        return None
    else:
        try:
            step = graph.get_tensor_by_name("global_step:0")
        except KeyError:
            return None
    assert_global_step(step)
    return step


@export("train.create_global_step", "contrib.framework.create_global_step")
def create_global_step(graph: Graph | None = None) -> Any:
    """Makes the global step of a graph: an int64 variable that starts at 0.

    Args:
        graph: the graph; the default one where None.

    Returns:
        The variable.

    Raises:
        ValueError: there is one already.

    Example:
        >>> step = tf.train.create_global_step()
    """
    graph = graph or default_graph()
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    with graph.as_default(), graph.name_scope(None):
        return api.get_variable(
            GraphKeys.GLOBAL_STEP,
            shape=[],
            dtype=dtypes.int64,
            initializer=api.zeros_initializer(),
            trainable=False,
            aggregation=VariableAggregation.ONLY_FIRST_REPLICA,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


@export("train.get_or_create_global_step", "contrib.framework.get_or_create_global_step")
def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """The global step of a graph, made where there is none.

    Args:
        graph: the graph; the default one where None.

    Returns:
        The variable.

    Example:
        >>> train = optimizer.minimize(loss, global_step=tf.train.get_or_create_global_step())
    """
    graph = graph or default_graph()
    step = get_global_step(graph)
    return create_global_step(graph) if step is None else step


@export("train.assert_global_step", "contrib.framework.assert_global_step")
def assert_global_step(global_step_tensor: Any) -> None:
    """Raises TypeError unless a global step is an integer scalar.

    Args:
        global_step_tensor: a variable or tensor.

    Raises:
        TypeError: it is none.

    Example:
        >>> tf.train.assert_global_step(step)
    """
    if not isinstance(global_step_tensor, (Variable, Tensor)):
        raise TypeError(
            f'Existing "global_step" must be a Variable or Tensor: {global_step_tensor}.'
        )
    if not global_step_tensor.dtype.base_dtype.is_integer:
        raise TypeError(
            f'Existing "global_step" does not have integer type: {global_step_tensor.dtype}'
        )
    shape = global_step_tensor.get_shape()
    if shape.ndims != 0 and shape.is_fully_defined():
        raise TypeError(f'Existing "global_step" is not scalar: {shape}')


_READS = "global_step_read_op_cache"  # TensorFlow's name of the collection


def global_step_read(user: str) -> Tensor:
    """A tensor with the value of the default graph's global step, added where there is none.

    It is the initial value while the variable has none.

    Args:
        user: who needs it, for the error.

    Raises:
        RuntimeError: the graph has no global step.
    """
    graph = default_graph()
    reads = graph.get_collection(_READS)
    if len(reads) > 1:
        raise RuntimeError(
            f"There are multiple items in collection {_READS}. There should be only one."
        )
    if reads:
        return reads[0]
    step = get_global_step(graph)
    if step is None:
        raise RuntimeError(f"Global step should be created to use {user}.")
    with graph.name_scope(None), graph.name_scope(f"{step.op.name}/"):
        value = step.initialized_value() if isinstance(step, Variable) else step
        read: Tensor = value + 0  # a copy, which no later assignment changes
    graph.add_to_collection(_READS, read)
    return read
