"""What programs import from `tensorflow.python.layers.utils`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph.export import api
from penstock.graph.operation import Tensor
from penstock.ops.smart_cond import smart_cond as known_or_cond
from penstock.ops.smart_cond import smart_constant_value

__all__ = ["constant_value", "smart_cond"]


def smart_cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    name: str | None = None,
) -> Any:
    """`smart_cond` that also takes a variable as its condition."""
    if hasattr(pred, "initializer"):
        return api.cond(pred, true_fn=true_fn, false_fn=false_fn, name=name)
    return known_or_cond(pred, true_fn, false_fn, name)


def constant_value(pred: Any) -> bool | None:
    """The value of a condition where it is known while building; of a variable it never is."""
    if isinstance(pred, (bool, Tensor)) or not hasattr(pred, "initializer"):
        return smart_constant_value(pred)
    return None
