"""`tf.compat.v1`: all that `penstock` has, and the switches by which TensorFlow 2 is told to behave as 1."""

from __future__ import annotations

from typing import Any

from penstock.compat.switches import (
    control_flow_v2_enabled,
    disable_control_flow_v2,
    disable_eager_execution,
    disable_tensor_equality,
    disable_v2_behavior,
    disable_v2_tensorshape,
    executing_eagerly,
)

__all__ = [
    "control_flow_v2_enabled",
    "disable_control_flow_v2",
    "disable_eager_execution",
    "disable_tensor_equality",
    "disable_v2_behavior",
    "disable_v2_tensorshape",
    "executing_eagerly",
]


def __getattr__(name: str) -> Any:
    import penstock  # not at the top: penstock imports this module

    try:
        return getattr(penstock, name)
    except AttributeError:
        raise AttributeError(f"penstock has no tf.compat.v1.{name}", name=name) from None
