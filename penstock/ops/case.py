"""`tf.case`: the first of some branches whose condition holds, as conds in each other."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from penstock.graph import dtypes
from penstock.graph.export import api, export
from penstock.graph.log import LOG
from penstock.graph.operation import Operation, Tensor
from penstock.graph.public import control_dependencies, name_scope
from penstock.ops.assertions import assert_
from penstock.ops.cond import cond

Function = Callable[[], Any]


@export("case")
def case(
    pred_fn_pairs: Any,
    default: Function | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """What the function of the first true condition gives.

    Args:
        pred_fn_pairs: pairs, or a dictionary, of a boolean scalar tensor and a function without
            arguments. All functions return the same structure of tensors of the same types.
        default: the function where no condition is true; without it, one must be.
        exclusive: the run fails where more than one condition is true.
        strict: keep a list or tuple of one item as it is; otherwise the item is returned.
        name: the name scope of the ops.

    Returns:
        A structure like that of the functions. A run raises InvalidArgumentError where no condition
        is true and there is no `default`, or where several are and `exclusive` is set.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: there is no pair.

    Example:
        >>> tf.case([(x < 0, lambda: -1.0), (x > 0, lambda: 1.0)], default=lambda: 0.0)
    """
    preds, functions = _as_pairs(pred_fn_pairs, exclusive)
    with name_scope(name, "case", [preds]):
        if default is None:
            preds, functions, default = _without_last(preds, functions)
        checks = []
        if exclusive:
            checks.append(_check_at_most(preds, 1, "Input error: exclusive=True"))
        with control_dependencies(checks):
            chosen = default
            for pred, function in zip(reversed(preds), reversed(functions), strict=True):
                chosen = _branch(pred, function, chosen, strict)
            return chosen()


def _as_pairs(given: Any, exclusive: bool) -> tuple[list[Tensor], list[Function]]:
    """The conditions and functions, in the order in which they are tried."""
    if not isinstance(given, (list, tuple, dict)):
        raise TypeError("fns must be a list, tuple, or dict")
    if isinstance(given, OrderedDict):
        pairs = list(given.items())
    elif isinstance(given, dict):
        pairs = sorted(given.items(), key=lambda pair: pair[0].name)
        if not exclusive:
            LOG.warning(
                "%s: Provided dictionary of predicate/fn pairs, but exclusive=False. Order of "
                "conditional tests is not guaranteed.", "case",
            )  # fmt: skip
    else:
        pairs = list(given)
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise TypeError("Each entry in pred_fn_pairs must be a 2-tuple")
        _check_pair(*pair)
    if not pairs:
        raise ValueError("pred_fn_pairs holds no pair: there are not enough values to choose from")
    return [pred for pred, _ in pairs], [function for _, function in pairs]


def _check_pair(pred: Any, function: Any) -> None:
    if not isinstance(pred, Tensor):
        raise TypeError(f"pred must be a Tensor, got: {pred}")
    if pred.dtype.base_dtype is not dtypes.bool:
        raise TypeError(f"pred must be Tensor of type bool: {pred.name}")
    if not callable(function):
        raise TypeError(f"fn for pred {pred.name} must be callable.")


def _branch(pred: Tensor, function: Function, otherwise: Function, strict: bool) -> Function:
    return lambda: cond(pred, true_fn=function, false_fn=otherwise, strict=strict)


def _without_last(
    preds: list[Tensor], functions: list[Function]
) -> tuple[list[Tensor], list[Function], Function]:
    """All pairs but the last, whose function becomes the default that checks its condition."""
    last = len(preds) - 1

    def default() -> Any:
        message = (
            f"Implementation error: selected default action #{last} was called, but some of other "
            "predicates are True: "
        )
        none_true = (
            "Input error: None of conditions evaluated as True:", api.stack(preds, name="preds_c")
        )  # fmt: skip
        checks = [_check_at_most(preds[:last], 0, message), assert_(preds[last], none_true)]
        with control_dependencies(checks):
            return functions[last]()

    return preds[:last], functions[:last], default


def _check_at_most(preds: Sequence[Tensor], most: int, message: str) -> Operation:
    """An operation that fails where more than so many conditions are true."""
    stacked = api.stack(preds, name="preds_c")
    count = api.reduce_sum(api.cast(stacked, dtypes.int32), name="num_true_conds")
    condition = api.less_equal(count, api.constant(most, name="n_true_conds"))
    names = ", ".join([pred.name for pred in preds])
    data = [f"{message}: more than {most} conditions ({names}) evaluated as True:", stacked]
    return assert_(condition, data, summarize=len(preds))
