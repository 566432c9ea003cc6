"""Branches that are chosen while building where the condition is known then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.static_value import constant_value

Function = Callable[[], Any]


@export("contrib.framework.smart_cond")
def smart_cond(
    pred: Any,
    true_fn: Function | None = None,
    false_fn: Function | None = None,
    name: str | None = None,
) -> Any:
    """What one of two functions gives; `tf.cond` of them where the condition is not known yet.

    Args:
        pred: a boolean scalar tensor, a bool, 1 or 0.
        true_fn, false_fn: functions without arguments.
        name: the name scope of the ops of `tf.cond`.

    Returns:
        What the function returns, or what `tf.cond` does.

    Raises:
        TypeError: an argument has the wrong type.

    Example:
        >>> smart_cond(is_training, lambda: tf.nn.dropout(x, 0.5), lambda: x)
    """
    if not callable(true_fn):
        raise TypeError("`true_fn` must be callable.")
    if not callable(false_fn):
        raise TypeError("`false_fn` must be callable.")
    known = smart_constant_value(pred)
    if known is None:
        return api.cond(pred, true_fn=true_fn, false_fn=false_fn, name=name)
    return true_fn() if known else false_fn()


@export("contrib.framework.smart_constant_value")
def smart_constant_value(pred: Any) -> bool | None:
    """The value of a condition where it is known while building, else None.

    Args:
        pred: a boolean scalar tensor, a bool, 1 or 0.

    Raises:
        TypeError: it is none of these.

    Example:
        >>> smart_constant_value(tf.constant(True))
        True
    """
    if isinstance(pred, Tensor):
        known = constant_value(pred)
        return None if known is None else bool(known)
    if isinstance(pred, bool) or pred in (0, 1):
        return bool(pred)
    raise TypeError(
        f"`pred` must be a Tensor, or a Python bool, or 1 or 0. Found instead: {type(pred)}"
    )


@export("contrib.framework.smart_case")
def smart_case(
    pred_fn_pairs: Any,
    default: Function | None = None,
    exclusive: bool = False,
    name: str = "smart_case",
) -> Any:
    """What the function of the first true condition gives; `tf.case` where they are not known yet.

    Args:
        pred_fn_pairs: pairs, or a dictionary, of a condition as for `smart_cond` and a function
            without arguments.
        default: the function where no condition is true.
        exclusive: as for `tf.case`.
        name: the name scope of the ops of `tf.case`.

    Returns:
        What the function returns, or what `tf.case` does.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: no condition is true, and there is no `default`.

    Example:
        >>> smart_case([(mode_is_a, build_a), (mode_is_b, build_b)], default=build_c)
    """
    pairs = list(pred_fn_pairs.items()) if isinstance(pred_fn_pairs, dict) else pred_fn_pairs
    known = [(smart_constant_value(pred), function) for pred, function in pairs]
    if any([value is None for value, _ in known]):
        return api.case(pred_fn_pairs, default=default, exclusive=exclusive, name=name)
    for value, function in known:
        if value:
            return function()
    if default is None:
        raise ValueError("None of the conditions is true, and there is no default")
    return default()
