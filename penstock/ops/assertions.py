"""Ops that make a run fail where a value is not as it should be: Assert, CheckNumerics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, register
from penstock.graph.public import colocate_with, control_dependencies, name_scope
from penstock.graph.stacks import default_graph
from penstock.graph.static_value import constant_value
from penstock.ops.cond import scalar_predicate
from penstock.ops.control import no_op, with_dependencies
from penstock.ops.old_names import renamed
from penstock.ops.value_text import short_text

_DEFAULT_SUMMARIZE = 3


def assert_kernel(condition: Any, data: list[Any], *, summarize: int) -> tuple[()]:
    if not condition:
        lines = "".join([f" [{short_text(item, summarize)}]" for item in data])
        raise InvalidArgumentError(None, None, f"assertion failed:{lines}")
    return ()


ASSERT = register(
    OpSpec(
        name="Assert", inputs=("condition: bool", "data: T"), outputs=(),
        attrs=("T: list(type) >= 1", "summarize: int = 3"),
        shape=lambda condition, data: [], kernel=assert_kernel,
        gradient=NOT_DIFFERENTIABLE, stateful=True, host=True,
    )
)  # fmt: skip


@export("Assert", "debugging.Assert")
def assert_(
    condition: Any, data: Any, summarize: int | None = None, name: str | None = None
) -> Operation:
    """An operation that fails, printing `data`, where `condition` is false.

    Args:
        condition: a bool scalar.
        data: a list of tensors to print.
        summarize: how many items of each to print.
        name: a name for the operation.

    Returns:
        An Operation. Running it raises InvalidArgumentError where the condition is false.

    Raises:
        TypeError: `data` is no list.

    Example:
        >>> with tf.control_dependencies([tf.Assert(tf.reduce_all(x > 0), [x])]): ...
    """
    if summarize is None:
        summarize = _DEFAULT_SUMMARIZE
    if not isinstance(data, Sequence):
        raise TypeError("values must be a sequence.")
    if isinstance(data, str):
        raise TypeError(f"Expected list for 'data' argument to 'Assert' Op, not {data}.")
    with name_scope(name, "Assert", [condition, data]):
        # As TensorFlow does, which counts for the names and seeds of what follows.
        kinds = {convert_to_tensor(item).dtype.base_dtype for item in data}
        if kinds <= {dtypes.string, dtypes.int32}:
            return ASSERT(condition, data, summarize=summarize)
        test = scalar_predicate(convert_to_tensor(condition, name="Condition"))
        guarded = api.cond(
            test, no_op, lambda: ASSERT(test, data, summarize=summarize), name="AssertGuard"
        )
        return guarded.op


# What TensorFlow works out while building. Checks of anything else are left to the run.
_KNOWN_OPS = frozenset(
    ("Const", "Shape", "Size", "Rank", "Range", "Cast", "Concat", "ConcatV2", "Pack", "Fill",
     "Equal", "NotEqual")
)  # fmt: skip


def known_value(tensor: Tensor) -> Any:
    """The value of a tensor where TensorFlow, too, knows it while building; else None."""
    pending, seen = [tensor.op], {tensor.op}
    while pending:
        op = pending.pop()
        if op.type not in _KNOWN_OPS:
            return None
        if op.type not in ("Shape", "Size", "Rank"):  # these need no value, but a static shape
            new = {t.op for t in op._inputs} - seen
            seen |= new
            pending.extend(new)
    return constant_value(tensor)


# Numbers that are none


def check_numerics_kernel(xp: Any, tensor: Any, *, message: str) -> Any:
    bad = [name for name, test in (("Inf", np.isinf), ("NaN", np.isnan)) if np.any(test(tensor))]
    if bad:
        raise InvalidArgumentError(None, None, f"{message} : Tensor had {' and '.join(bad)} values")
    return tensor


def check_numerics_gradient(op: Operation, grad: Tensor, *, message: str) -> Grads:
    found = "Not a number (NaN) or infinity (Inf) values detected in gradient."
    return [api.check_numerics(grad, f"{found} {message.encode()!r}")]


CHECK_NUMERICS = register(
    OpSpec(
        name="CheckNumerics", inputs=("tensor: T",), outputs=("output: T",),
        attrs=("T: {bfloat16, half, float, double}", "message: string"),
        shape=lambda tensor: tensor, kernel=check_numerics_kernel,
        gradient=check_numerics_gradient,
        stateful=True, host=True, view=True,
    )
)  # fmt: skip


@export("check_numerics", "debugging.check_numerics")
def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """The value of `tensor`; a run fails where it holds NaN or Inf.

    Args:
        tensor: a tensor of a floating type.
        message: how the error begins.
        name: a name for the operation.

    Returns:
        A Tensor. Running it raises InvalidArgumentError where a value is not finite.

    Example:
        >>> loss = tf.check_numerics(loss, "the loss")
    """
    return CHECK_NUMERICS(tensor, message=message, name=name)


@export("verify_tensor_all_finite", "debugging.assert_all_finite")
def verify_tensor_all_finite(
    t: Any = None,
    msg: str | None = None,
    name: str | None = None,
    x: Any = None,
    message: str | None = None,
) -> Tensor:
    """The value of a tensor, once it is known that all of it is finite.

    Args:
        t: a tensor of a floating type.
        msg: how the error begins.
        name: a name for the operations.
        x, message: other names of `t` and `msg`.

    Returns:
        A Tensor like `t`. Running it raises InvalidArgumentError where a value is not finite.

    Raises:
        ValueError: an argument is given under both names, or there is no tensor.
        TypeError: there is no message.

    Example:
        >>> loss = tf.verify_tensor_all_finite(loss, "the loss")
    """
    value = renamed("x", x, "t", t)
    message = renamed("message", message, "msg", msg)
    with name_scope(name, "VerifyFinite", [value]):
        tensor = convert_to_tensor(value, name="x")
        with colocate_with(tensor):
            checked = check_numerics(tensor, message)
        return with_dependencies([checked], tensor)


@export("add_check_numerics_ops")
def add_check_numerics_ops() -> Operation:
    """Adds a check of all tensors of floating types that the default graph has so far.

    Returns:
        An Operation that fails at the first of them, in the order in which they were made, that
        holds NaN or Inf.

    Raises:
        ValueError: there are branches or loops in the graph.

    Example:
        >>> check = tf.add_check_numerics_ops()
        >>> sess.run([loss, check], feeds)
    """
    checks: list[Tensor] = []
    for op in default_graph().get_operations():
        for output in op.outputs:
            if output.dtype not in (dtypes.float16, dtypes.float32, dtypes.float64):
                continue
            if op.region is not None or op.regions:
                raise ValueError(
                    "`tf.add_check_numerics_ops() is not compatible with TensorFlow control flow "
                    "operations such as `tf.cond()` or `tf.while_loop()`."
                )
            with control_dependencies(checks[-1:]):
                checks.append(check_numerics(output, f"{op.name}:{output.value_index}"))
    return api.group(*checks[-1:])
