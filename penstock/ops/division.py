"""Element-wise quotients and remainders, of each kind that TensorFlow tells apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, NamespaceFunction, raw
from penstock.graph.public import name_scope
from penstock.ops.broadcasting import PlainUnbroadcast
from penstock.ops.elementwise import (
    COMPLEX,
    FLOATS,
    binary,
    nothing_gradient,
    publish_binary,
)

_DIVIDED = f"{FLOATS}, uint8, int8, uint16, int16, int32, int64, {COMPLEX}"
_FLOORED = "int32, int64, bfloat16, half, float, double"


def check_divisor(x: Any, y: Any) -> None:
    """Raises for a divisor of zero among integers, unless there is nothing to divide.

    A divisor that XLA computes is not known here: the result is then XLA's, -1 for a quotient.
    """
    if isinstance(y, (np.ndarray, np.generic)) and not y.all() and x.size:
        raise InvalidArgumentError(None, None, "Integer division by zero")


def quotient(xp: Any, x: Any, y: Any) -> Any:
    """x / y of floats, rounded once, in XLA too."""
    if xp is np or x.dtype.kind == "c":
        return xp.true_divide(x, y)
    shape = xp.broadcast_shapes(x.shape, y.shape)
    if y.shape == shape and not isinstance(y, np.ndarray):
        return xp.true_divide(x, y)
    from jax import lax

    # XLA multiplies by the reciprocal of a divisor that it sees to be constant or broadcast, and
    # finds 49 / 49 to be less than 1. The barrier hides it until that pass is over.
    return xp.true_divide(x, lax.optimization_barrier(xp.broadcast_to(y, shape)))


def truncate_div_kernel(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind not in "iu":
        return quotient(xp, x, y)
    check_divisor(x, y)
    return (x - xp.fmod(x, y)) // y


def div_kernel(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind not in "iu":
        return quotient(xp, x, y)
    return truncate_div_kernel(xp, x, y)


def floor_div_kernel(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind in "iu":
        check_divisor(x, y)
        return xp.floor_divide(x, y)
    # NumPy's own floor_divide of floats gives 9 for 1 // 0.1.
    return xp.floor(quotient(xp, x, y))


def floor_mod_kernel(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind in "iu":
        check_divisor(x, y)
    return xp.mod(x, y)


def truncate_mod_kernel(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind in "iu":
        check_divisor(x, y)
    return xp.fmod(x, y)


def real_div_gradient(op: Operation, grad: Any) -> Grads:
    """d(x/y) = dx/y - (x/y)/y dy."""
    x, y = op._inputs
    axes = PlainUnbroadcast(x, y)
    x, y = api.conj(x), api.conj(y)
    first = axes.first(raw.RealDiv(grad, y))
    return [first, axes.second(grad * raw.RealDiv(raw.RealDiv(raw.Neg(x), y), y))]


def div_gradient(op: Operation, grad: Any) -> Grads:
    """As of RealDiv, by the division that fits the type."""
    x, y = op._inputs
    axes = PlainUnbroadcast(x, y)
    x, y = api.conj(x), api.conj(y)
    first = axes.first(api.divide(grad, y))
    return [first, axes.second(grad * api.divide(api.divide(raw.Neg(x), y), y))]


DIV = binary("Div", div_kernel, _DIVIDED, gradient=div_gradient)
REAL_DIV = binary(
    "RealDiv",
    NamespaceFunction("true_divide"),
    _DIVIDED,
    gradient=real_div_gradient,
    xla_kernel=quotient,
)
TRUNCATE_DIV = binary("TruncateDiv", truncate_div_kernel, _DIVIDED, gradient=nothing_gradient)
FLOOR_DIV = binary("FloorDiv", floor_div_kernel, _DIVIDED, gradient=nothing_gradient)

publish_binary(REAL_DIV, "realdiv", "x / y for floats.", "tf.realdiv(x, y)")
publish_binary(
    TRUNCATE_DIV,
    "truncatediv",
    "x / y, rounded towards zero where they are integers.",
    "tf.truncatediv([7, -7], 2)",
)
publish_binary(FLOOR_DIV, "floor_div", "x / y, rounded down.", "tf.floor_div([7, -7], 2)")


def div_no_nan_kernel(xp: Any, x: Any, y: Any) -> Any:
    return xp.where(y == 0, xp.zeros_like(y), quotient(xp, x, y))


def div_no_nan_gradient(op: Operation, grad: Any) -> Grads:
    """As of RealDiv, and 0 where y is 0."""
    x, y = op._inputs
    axes = PlainUnbroadcast(x, y)
    x, y = api.conj(x), api.conj(y)
    first = axes.first(api.div_no_nan(grad, y))
    return [
        first,
        axes.second(grad * api.div_no_nan(api.div_no_nan(raw.Neg(x), y), y)),
    ]


DIV_NO_NAN = binary(
    "DivNoNan", div_no_nan_kernel, f"half, float, double, {COMPLEX}", gradient=div_no_nan_gradient
)


def floor_mod_gradient(op: Operation, grad: Any) -> Grads:
    """x mod y = x - floor(x/y) y, of which the floor is flat."""
    x, y = op._inputs
    axes = PlainUnbroadcast(x, y)
    quotient = raw.FloorDiv(x, y)
    first = axes.first(grad)
    return [first, axes.second(grad * raw.Neg(quotient))]


MOD = binary(
    "Mod",
    truncate_mod_kernel,
    "int32, int64, half, half, bfloat16, float, double",
    gradient=None,
)
FLOOR_MOD = binary("FloorMod", floor_mod_kernel, _FLOORED, gradient=floor_mod_gradient)
TRUNCATE_MOD = binary("TruncateMod", truncate_mod_kernel, _FLOORED, gradient=None)

publish_binary(
    FLOOR_MOD,
    "floormod mod math.floormod math.mod",
    "What is left of x by y, with the sign of y.",
    "tf.mod([7, -7], 3)",
)
publish_binary(
    TRUNCATE_MOD,
    "truncatemod",
    "What is left of x by y, with the sign of x.",
    "tf.truncatemod([7, -7], 3)",
)

# What `/` computes integers of each type in.
_QUOTIENT_TYPE = {
    dtypes.uint8: dtypes.float32,
    dtypes.int8: dtypes.float32,
    dtypes.uint16: dtypes.float32,
    dtypes.int16: dtypes.float32,
    dtypes.int32: dtypes.float64,
    dtypes.int64: dtypes.float64,
}
_REAL_TYPES = (
    dtypes.bfloat16,
    dtypes.float16,
    dtypes.float32,
    dtypes.float64,
    dtypes.complex64,
    dtypes.complex128,
)


@export("truediv", "math.truediv")
def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y as Python 3 divides: integers become floats first.

    Args:
        x: a tensor of a number type.
        y: one of the same type, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of the same type; for integers of up to 16 bits float32, for longer ones float64.

    Raises:
        TypeError: the types differ.

    Example:
        >>> tf.truediv(7, 2)
    """
    with name_scope(name, "truediv", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, name="y")
        dtype = x.dtype.base_dtype
        if y.dtype.base_dtype is not dtype:
            raise TypeError(
                f"x and y must have the same dtype, got {dtype!r} != {y.dtype.base_dtype!r}"
            )
        if dtype not in _QUOTIENT_TYPE and dtype not in _REAL_TYPES:
            raise TypeError(f"Invalid dtype {dtype!r} in __truediv__.")
        if dtype in _QUOTIENT_TYPE:
            x = api.cast(x, _QUOTIENT_TYPE[dtype])
            y = api.cast(y, _QUOTIENT_TYPE[dtype])
        return REAL_DIV(x, y, name=scope)


@export("divide", "math.divide")
def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y as Python divides; see `tf.truediv`.

    Args:
        x: a tensor, or a number where `y` is a tensor.
        y: a tensor or number.
        name: a name for the operation.

    Returns:
        A Tensor.

    Raises:
        TypeError: the types differ.

    Example:
        >>> tf.divide(x, 2.0)
    """
    if name is None:
        return x / y
    return truediv(x, y, name=name)


@export("div")
def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y as Python 2 divides: integers are rounded down.

    Args:
        x: a tensor of a number type.
        y: one of the same type, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        TypeError: the types differ.

    Example:
        >>> tf.div(7, 2)
    """
    with name_scope(name, "div", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, name="y", dtype=x.dtype.base_dtype)
        real = x.dtype.is_floating or x.dtype.is_complex
        return (REAL_DIV if real else FLOOR_DIV)(x, y, name=scope)


@export("floordiv", "math.floordiv")
def floordiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, rounded down, as Python's `//`.

    Args:
        x: a tensor of a real number type.
        y: one of the same type, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        TypeError: the types differ.

    Example:
        >>> tf.floordiv([7, -7], 2)
    """
    with name_scope(name, "floordiv", [x, y]) as scope:
        return FLOOR_DIV(x, y, name=scope)


@export("div_no_nan", "math.divide_no_nan")
def div_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, but 0 where y is 0.

    Args:
        x: a tensor of a float or complex type.
        y: one of the same type, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        TypeError: the types differ.

    Example:
        >>> tf.div_no_nan(total, count)
    """
    with name_scope(name, "div_no_nan", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, name="y", dtype=x.dtype.base_dtype)
        return DIV_NO_NAN(x, y, name=scope)
