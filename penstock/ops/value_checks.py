"""Checks of values, element by element: `tf.assert_equal`, `tf.assert_positive`, and their kin.

A check is done while building where the values are known then, and by an Assert op in each run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.public import name_scope
from penstock.ops.assertions import assert_, known_value
from penstock.ops.control import no_op


def _compare(
    sign: str,
    scope: str,
    compare: Callable[[Any, Any], Tensor],
    compare_known: Callable[[Any, Any], Any],
    x: Any,
    y: Any,
    data: Any,
    summarize: int | None,
    message: str | None,
    name: str | None,
) -> Operation:
    """Checks that `compare` holds for all elements of two tensors."""
    with name_scope(name, scope, [x, y, data]):
        x, y = convert_to_tensor(x, name="x"), convert_to_tensor(y, name="y")
        if data is None:
            data = [
                f"Condition x {sign} y did not hold element-wise:",
                f"x ({x.name}) = ", x, f"y ({y.name}) = ", y,
            ]  # fmt: skip
        if message is not None:
            data = [message, *data]
        condition = api.reduce_all(compare(x, y))
        known = known_value(x), known_value(y)
        if known[0] is not None and known[1] is not None and not np.all(compare_known(*known)):
            raise InvalidArgumentError(None, None, "\n".join([_known_text(item) for item in data]))
        return assert_(condition, data, summarize=summarize)


def _known_text(item: Any) -> str:
    """A value for a message: of a tensor its value, where that is known."""
    if not isinstance(item, Tensor):
        return str(item)
    known = known_value(item)
    return str(item if known is None else known[()])


@export("assert_equal", "debugging.assert_equal")
def assert_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that `x == y` holds for all elements.

    Args:
        x, y: tensors of one type, whose shapes broadcast.
        data: what the error prints instead of both tensors, a list.
        summarize: how many items of each tensor the error prints.
        message: how the error begins.
        name: the name scope of the operations.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        InvalidArgumentError: it fails for values that are known while building.

    Example:
        >>> with tf.control_dependencies([tf.assert_equal(tf.shape(x)[0], n)]): ...
    """
    with name_scope(name, "assert_equal", [x, y, data]):
        if x is y:
            return no_op()
    return _compare("==", "assert_equal", api.equal, np.equal, x, y, data, summarize, message, name)


@export("assert_none_equal", "debugging.assert_none_equal")
def assert_none_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that `x != y` holds for all elements.

    Args:
        x, y: tensors of one type, whose shapes broadcast.
        data, summarize, message, name: as for `tf.assert_equal`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        InvalidArgumentError: it fails for values that are known while building.

    Example:
        >>> tf.assert_none_equal(divisor, 0)
    """
    return _compare(
        "!=", "assert_none_equal", api.not_equal, np.not_equal,
        x, y, data, summarize, message, name,
    )  # fmt: skip


@export("assert_less", "debugging.assert_less")
def assert_less(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that `x < y` holds for all elements.

    Args:
        x, y: tensors of one numeric type, whose shapes broadcast.
        data, summarize, message, name: as for `tf.assert_equal`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        InvalidArgumentError: it fails for values that are known while building.

    Example:
        >>> tf.assert_less(ids, vocabulary_size)
    """
    return _compare("<", "assert_less", api.less, np.less, x, y, data, summarize, message, name)


@export("assert_less_equal", "debugging.assert_less_equal")
def assert_less_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that `x <= y` holds for all elements.

    Args:
        x, y: tensors of one numeric type, whose shapes broadcast.
        data, summarize, message, name: as for `tf.assert_equal`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        InvalidArgumentError: it fails for values that are known while building.

    Example:
        >>> tf.assert_less_equal(lengths, tf.shape(x)[1])
    """
    return _compare(
        "<=", "assert_less_equal", api.less_equal, np.less_equal,
        x, y, data, summarize, message, name,
    )  # fmt: skip


@export("assert_greater", "debugging.assert_greater")
def assert_greater(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that `x > y` holds for all elements.

    Args:
        x, y: tensors of one numeric type, whose shapes broadcast.
        data, summarize, message, name: as for `tf.assert_equal`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        InvalidArgumentError: it fails for values that are known while building.

    Example:
        >>> tf.assert_greater(variance, 0.0)
    """
    return _compare(
        ">", "assert_greater", api.greater, np.greater, x, y, data, summarize, message, name
    )


@export("assert_greater_equal", "debugging.assert_greater_equal")
def assert_greater_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that `x >= y` holds for all elements.

    Args:
        x, y: tensors of one numeric type, whose shapes broadcast.
        data, summarize, message, name: as for `tf.assert_equal`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        InvalidArgumentError: it fails for values that are known while building.

    Example:
        >>> tf.assert_greater_equal(probabilities, 0.0)
    """
    return _compare(
        ">=", "assert_greater_equal", api.greater_equal, np.greater_equal,
        x, y, data, summarize, message, name,
    )  # fmt: skip


@export("assert_near", "debugging.assert_near")
def assert_near(
    x: Any,
    y: Any,
    rtol: Any = None,
    atol: Any = None,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that `|x - y| < atol + rtol * |y|` holds for all elements.

    Args:
        x, y: tensors of one floating type, whose shapes broadcast.
        rtol, atol: scalars; ten times the type's epsilon where None.
        data, summarize, message, name: as for `tf.assert_equal`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        ValueError: the type is no floating one.

    Example:
        >>> tf.assert_near(tf.reduce_sum(probabilities, -1), 1.0, atol=1e-3)
    """
    with name_scope(name, "assert_near", [x, y, rtol, atol, data]):
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, name="y", dtype=x.dtype.base_dtype)
        small = 10 * np.finfo(x.dtype.as_numpy_dtype).eps
        rtol = convert_to_tensor(
            small if rtol is None else rtol, name="rtol", dtype=x.dtype.base_dtype
        )
        atol = convert_to_tensor(
            small if atol is None else atol, name="atol", dtype=x.dtype.base_dtype
        )
        if data is None:
            data = [
                message or "",
                f"x and y not equal to tolerance rtol = {rtol}, atol = {atol}",
                f"x ({x.name}) = ", x, f"y ({y.name}) = ", y,
            ]  # fmt: skip
        tolerance = atol + rtol * api.abs(y)
        condition = api.reduce_all(api.less(api.abs(x - y), tolerance))
        return assert_(condition, data, summarize=summarize)


def _sign_data(x: Tensor, sign: str, message: str | None) -> list[Any]:
    condition = f"Condition x {sign} 0 did not hold element-wise:"
    return [message or "", condition, f"x ({x.name}) = ", x]


@export("assert_positive", "debugging.assert_positive")
def assert_positive(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that `x > 0` holds for all elements.

    Args:
        x: a tensor of a numeric type.
        data, summarize, message, name: as for `tf.assert_equal`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        InvalidArgumentError: it fails for values that are known while building.

    Example:
        >>> tf.assert_positive(scale)
    """
    with name_scope(name, "assert_positive", [x, data]):
        x = convert_to_tensor(x, name="x")
        data = _sign_data(x, ">", message) if data is None else data
        return assert_less(_zero_like(x), x, data=data, summarize=summarize)


@export("assert_negative", "debugging.assert_negative")
def assert_negative(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that `x < 0` holds for all elements.

    Args:
        x: a tensor of a numeric type.
        data, summarize, message, name: as for `tf.assert_equal`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        InvalidArgumentError: it fails for values that are known while building.

    Example:
        >>> tf.assert_negative(log_probability)
    """
    with name_scope(name, "assert_negative", [x, data]):
        x = convert_to_tensor(x, name="x")
        data = _sign_data(x, "<", message) if data is None else data
        return assert_less(x, _zero_like(x), data=data, summarize=summarize)


@export("assert_non_negative", "debugging.assert_non_negative")
def assert_non_negative(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that `x >= 0` holds for all elements.

    Args:
        x: a tensor of a numeric type.
        data, summarize, message, name: as for `tf.assert_equal`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        InvalidArgumentError: it fails for values that are known while building.

    Example:
        >>> tf.assert_non_negative(counts)
    """
    with name_scope(name, "assert_non_negative", [x, data]):
        x = convert_to_tensor(x, name="x")
        data = _sign_data(x, ">=", message) if data is None else data
        return assert_less_equal(_zero_like(x), x, data=data, summarize=summarize)


@export("assert_non_positive", "debugging.assert_non_positive")
def assert_non_positive(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that `x <= 0` holds for all elements.

    Args:
        x: a tensor of a numeric type.
        data, summarize, message, name: as for `tf.assert_equal`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        InvalidArgumentError: it fails for values that are known while building.

    Example:
        >>> tf.assert_non_positive(log_probability)
    """
    with name_scope(name, "assert_non_positive", [x, data]):
        x = convert_to_tensor(x, name="x")
        if data is None:  # these two are one text in TensorFlow, which counts for names and seeds
            first, condition, tensor_name, value = _sign_data(x, "<=", message)
            data = [first, condition + tensor_name, value]
        return assert_less_equal(x, _zero_like(x), data=data, summarize=summarize)


def _zero_like(x: Tensor) -> Tensor:
    return convert_to_tensor(0, dtype=x.dtype.base_dtype)


@export("is_non_decreasing", "debugging.is_non_decreasing", "math.is_non_decreasing")
def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """True where no element of `x` is smaller than the one before it.

    Args:
        x: a tensor of a numeric type; its elements are taken in row-major order.
        name: the name scope of the operations.

    Returns:
        A bool scalar Tensor.

    Example:
        >>> sess.run(tf.is_non_decreasing([1, 1, 3]))
        np.True_
    """
    with name_scope(name, "is_non_decreasing", [x]):
        steps = _steps(x)
        zero = convert_to_tensor(0, dtype=steps.dtype.base_dtype)
        return api.reduce_all(api.less_equal(zero, steps))


@export("is_strictly_increasing", "debugging.is_strictly_increasing", "math.is_strictly_increasing")
def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """True where each element of `x` is greater than the one before it.

    Args:
        x: a tensor of a numeric type; its elements are taken in row-major order.
        name: the name scope of the operations.

    Returns:
        A bool scalar Tensor.

    Example:
        >>> sess.run(tf.is_strictly_increasing([1, 1, 3]))
        np.False_
    """
    with name_scope(name, "is_strictly_increasing", [x]):
        steps = _steps(x)
        zero = convert_to_tensor(0, dtype=steps.dtype.base_dtype)
        return api.reduce_all(api.less(zero, steps))


def _steps(x: Any) -> Tensor:
    """From each element to the next; nothing where there are less than two."""
    flat = api.reshape(x, [-1])
    if not is_numeric_tensor(flat):
        raise TypeError(f"Expected x to be numeric, instead found: {flat}")
    too_short = api.less(api.size(flat), 2)
    count = api.shape(flat) - 1
    return api.cond(
        too_short,
        lambda: convert_to_tensor([], dtype=flat.dtype.base_dtype),
        lambda: api.strided_slice(flat, [1], [1] + count) - api.strided_slice(flat, [0], count),
    )


_NUMERIC = (
    "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "qint8", "qint32", "quint8",
    "complex64",
)  # fmt: skip


@export("is_numeric_tensor", "debugging.is_numeric_tensor")
def is_numeric_tensor(tensor: Any) -> bool:
    """True of a Tensor of a type that these checks count as numeric.

    Args:
        tensor: any value.

    Example:
        >>> tf.is_numeric_tensor(tf.constant(1.0)), tf.is_numeric_tensor(1.0)
        (True, False)
    """
    return isinstance(tensor, Tensor) and tensor.dtype.base_dtype.name in _NUMERIC
