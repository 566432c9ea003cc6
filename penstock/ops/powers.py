"""Element-wise powers, and the functions of two operands that are no plain arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, NamespaceFunction, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.ops.broadcasting import PlainUnbroadcast, Unbroadcast
from penstock.ops.elementwise import (
    COMPLEX,
    FLOATS,
    binary,
    broadcast_shape,
    publish_binary,
)

_NO_NAN = f"half, float, double, {COMPLEX}"


def pow_kernel(xp: Any, x: Any, y: Any) -> Any:
    known = isinstance(y, (np.ndarray, np.generic))  # XLA's own exponents are not
    if known and y.dtype.kind == "i" and y.min(initial=0) < 0:
        message = "Integers to negative integer powers are not allowed"
        raise InvalidArgumentError(None, None, message)
    return xp.power(x, y)


def pow_gradient(op: Operation, grad: Any) -> Grads:
    """d(x**y) = y x**(y-1) dx + x**y log(x) dy, with 0 for the log where x is not positive."""
    x, y = op._inputs
    axes = Unbroadcast(x, y, grad)
    x, y = api.conj(x), api.conj(y)
    first = axes.first(grad * y * api.pow(x, y - 1))
    z = api.conj(op.outputs[0])
    mask = api.not_equal(x, 0) if x.dtype.is_complex else x > 0
    log_x = api.where(mask, api.log(api.where(mask, x, api.ones_like(x))), api.zeros_like(x))
    return [first, axes.second(grad * z * log_x)]


POW = binary(
    "Pow",
    pow_kernel,
    f"bfloat16, float, half, double, int32, int64, {COMPLEX}",
    gradient=pow_gradient,
)


@export("pow", "math.pow")
def pow(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x to the power of y, element by element.

    Args:
        x: a tensor of float32, float64, float16, int32, int64, complex64 or complex128.
        y: one of the same type, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        InvalidArgumentError: when run, an integer's power is negative.

    Example:
        >>> tf.pow([2.0, 3.0], 2.0)
    """
    with name_scope(name, "Pow", [x]) as scope:
        return POW(x, y, name=scope)


def atan2_gradient(op: Operation, grad: Any) -> Grads:
    """The gradient as TensorFlow has it: for operands of one shape."""
    y, x = op._inputs
    with api.control_dependencies([grad]):
        quotient = grad / (api.square(x) + api.square(y))
        first = x * quotient
        return [first, -y * quotient]


ATAN2 = register(
    OpSpec(
        name="Atan2",
        inputs=("y: T", "x: T"),
        outputs=("z: T",),
        attrs=(f"T: {{{FLOATS}}}",),
        shape=broadcast_shape,
        kernel=NamespaceFunction("arctan2"),
        gradient=atan2_gradient,
    )
)


@export("atan2", "math.atan2")
def atan2(y: Any, x: Any, name: str | None = None) -> Tensor:
    """The angle of the point (x, y), in (-π, π].

    Args:
        y: a tensor of a float type.
        x: one of the same type, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        TypeError: the types differ.

    Example:
        >>> tf.atan2(1.0, -1.0)
    """
    return ATAN2(y, x, name=name)


def xlogy_kernel(xp: Any, x: Any, y: Any) -> Any:
    return xp.where(x == 0, xp.zeros_like(x), x * xp.log(y))


def xdivy_kernel(xp: Any, x: Any, y: Any) -> Any:
    return xp.where(x == 0, xp.zeros_like(x), xp.true_divide(x, y))


def _is_not_zero(x: Tensor) -> Tensor:
    dtype = x.dtype.base_dtype
    return api.cast(api.not_equal(x, api.cast(0.0, dtype)), dtype)


def xlogy_gradient(op: Operation, grad: Any) -> Grads:
    x, y = op._inputs
    axes = PlainUnbroadcast(x, y)
    with api.control_dependencies([grad]):
        partial_x = raw.Xlogy(_is_not_zero(x), y)
        partial_y = raw.Xdivy(x, y)
        first = axes.first(partial_x * grad)
        return [first, axes.second(partial_y * grad)]


def xdivy_gradient(op: Operation, grad: Any) -> Grads:
    x, y = op._inputs
    axes = PlainUnbroadcast(x, y)
    with api.control_dependencies([grad]):
        partial_x = raw.Xdivy(_is_not_zero(x), y)
        partial_y = raw.Xdivy(raw.Neg(x), y**2)
        first = axes.first(partial_x * grad)
        return [first, axes.second(partial_y * grad)]


XLOGY = binary("Xlogy", xlogy_kernel, _NO_NAN, gradient=xlogy_gradient)
XDIVY = binary("Xdivy", xdivy_kernel, _NO_NAN, gradient=xdivy_gradient)

publish_binary(XLOGY, "math.xlogy", "x log(y), and 0 where x is 0.", "tf.math.xlogy(p, q)")
publish_binary(XDIVY, "math.xdivy", "x / y, and 0 where x is 0.", "tf.math.xdivy(p, q)")


@export("math.polyval")
def polyval(coeffs: Any, x: Any, name: str | None = None) -> Tensor:
    """The value of a polynomial, by Horner's rule.

    Args:
        coeffs: a list of coefficients, numbers or tensors, of the highest power first.
        x: a tensor of a number type.
        name: a name for the operations.

    Returns:
        A Tensor of the same type.

    Example:
        >>> tf.math.polyval([1.0, 0.0, -2.0], x)  # x² - 2
    """
    with name_scope(name, "polyval", [*coeffs, x]):
        x = convert_to_tensor(x, name="x")
        if not coeffs:
            return api.zeros_like(x, name=name)
        terms = [convert_to_tensor(c, name=f"coeff_{i}") for i, c in enumerate(coeffs)]
        value = terms[0]
        for coefficient in terms[1:]:
            value = coefficient + value * x
        return value
