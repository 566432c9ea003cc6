"""Switches that ask for TensorFlow 1's behaviour, which is the only one that penstock has."""

from __future__ import annotations

from penstock.graph.export import export


@export("disable_v2_behavior")
def disable_v2_behavior() -> None:
    """Asks for graphs and sessions, which are all there is.

    Example:
        >>> tf.compat.v1.disable_v2_behavior()
    """


@export("disable_eager_execution")
def disable_eager_execution() -> None:
    """Asks for graphs, which are all there is.

    Example:
        >>> tf.compat.v1.disable_eager_execution()
    """


@export("disable_tensor_equality")
def disable_tensor_equality() -> None:
    """Asks that tensors compare and hash by identity, as they do.

    Example:
        >>> tf.compat.v1.disable_tensor_equality()
    """


@export("disable_v2_tensorshape")
def disable_v2_tensorshape() -> None:
    """Asks that a shape's items are Dimension objects, as they are.

    Example:
        >>> tf.compat.v1.disable_v2_tensorshape()
    """


@export("disable_control_flow_v2")
def disable_control_flow_v2() -> None:
    """Asks for TensorFlow 1's control flow, whose meaning penstock keeps.

    Example:
        >>> tf.compat.v1.disable_control_flow_v2()
    """


@export("control_flow_v2_enabled")
def control_flow_v2_enabled() -> bool:
    """Returns False, as TensorFlow 1.15 does.

    Example:
        >>> tf.compat.v1.control_flow_v2_enabled()
    """
    return False
