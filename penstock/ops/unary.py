"""Element-wise functions of one operand: signs, powers, exponentials, trigonometry, rounding.

TensorFlow's gradients run after the gradient that they multiply, by a control edge, so that what
only they need is not computed early: hence the blocks of control dependencies.
"""

from __future__ import annotations

from typing import Any

from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import (
    NOT_DIFFERENTIABLE,
    Grads,
    NamespaceFunction,
    OpSpec,
    raw,
    register,
)
from penstock.graph.public import name_scope
from penstock.ops.elementwise import (
    COMPLEX,
    FLOATS,
    broadcast_shape,
    nothing_gradient,
    publish_unary,
    same_shape,
    unary,
)

_REAL_OR_COMPLEX = f"{FLOATS}, {COMPLEX}"
_NUMBERS = f"{FLOATS}, int32, int64, {COMPLEX}"


# Signs


def neg_gradient(op: Operation, grad: Any) -> Grads:
    return [-grad]


NEG = unary("Neg", NamespaceFunction("negative"), _NUMBERS, gradient=neg_gradient)
publish_unary(NEG, "negative math.negative", "-x.", "tf.negative([1.0, -2.0])")


def abs_gradient(op: Operation, grad: Any) -> Grads:
    return [grad * api.sign(op._inputs[0])]


ABS = unary(
    "Abs",
    NamespaceFunction("abs"),
    f"{FLOATS}, int8, int16, int32, int64",
    gradient=abs_gradient,
)


def sign_gradient(op: Operation, grad: Any) -> Grads:
    x = op._inputs[0]
    return [api.zeros(api.shape(x), dtype=x.dtype.base_dtype)]


SIGN = unary("Sign", NamespaceFunction("sign"), _NUMBERS, gradient=sign_gradient)
publish_unary(
    SIGN, "sign math.sign", "-1, 0 or 1; for complex numbers x / |x|.", "tf.sign([-3.0, 0.0])"
)


@export("abs", "math.abs")
def abs(x: Any, name: str | None = None) -> Tensor:
    """The absolute value, of complex numbers too.

    Args:
        x: a tensor of a signed number type.
        name: a name for the operation.

    Returns:
        A Tensor of the same type; for complex64 float32, for complex128 float64.

    Example:
        >>> tf.abs([-1.5, 2.0])
    """
    with name_scope(name, "Abs", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        if x.dtype.is_complex:
            return raw.ComplexAbs(x, Tout=x.dtype.real_dtype, name=scope)
        return ABS(x, name=scope)


# Powers


def square_gradient(op: Operation, grad: Any) -> Grads:
    x = op._inputs[0]
    with api.control_dependencies([grad]):
        x = api.conj(x)
        two = api.constant(2.0, dtype=x.dtype.base_dtype)
        return [api.multiply(grad, api.multiply(x, two))]


SQUARE = unary("Square", NamespaceFunction("square"), _NUMBERS, gradient=square_gradient)
publish_unary(SQUARE, "square math.square", "x squared.", "tf.square([1.0, -2.0])")


def sqrt_gradient(op: Operation, grad: Any) -> Grads:
    return [raw.SqrtGrad(op.outputs[0], grad)]


SQRT = unary("Sqrt", NamespaceFunction("sqrt"), _REAL_OR_COMPLEX, gradient=sqrt_gradient)
publish_unary(SQRT, "sqrt math.sqrt", "The square root of x.", "tf.sqrt([4.0, 2.0])")


def rsqrt_kernel(xp: Any, x: Any) -> Any:
    return xp.reciprocal(xp.sqrt(x))


def rsqrt_gradient(op: Operation, grad: Any) -> Grads:
    return [raw.RsqrtGrad(op.outputs[0], grad)]


RSQRT = unary("Rsqrt", rsqrt_kernel, _REAL_OR_COMPLEX, gradient=rsqrt_gradient)
publish_unary(RSQRT, "rsqrt math.rsqrt", "1 / √x.", "tf.rsqrt([4.0, 2.0])")


def reciprocal_gradient(op: Operation, grad: Any) -> Grads:
    return [raw.ReciprocalGrad(op.outputs[0], grad)]


RECIPROCAL = unary(
    "Reciprocal", NamespaceFunction("reciprocal"), _NUMBERS, gradient=reciprocal_gradient
)
INV = unary("Inv", NamespaceFunction("reciprocal"), _NUMBERS, gradient=reciprocal_gradient)
publish_unary(RECIPROCAL, "reciprocal math.reciprocal", "1 / x.", "tf.reciprocal([4.0, 2.0])")


# Exponentials and logarithms


def exp_gradient(op: Operation, grad: Any) -> Grads:
    y = op.outputs[0]
    with api.control_dependencies([grad]):
        return [grad * api.conj(y)]


EXP = unary("Exp", NamespaceFunction("exp"), _REAL_OR_COMPLEX, gradient=exp_gradient)
publish_unary(EXP, "exp math.exp", "e to the power of x.", "tf.exp([0.0, 1.0])")


def expm1_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        return [grad * api.exp(api.conj(op._inputs[0]))]


EXPM1 = unary("Expm1", NamespaceFunction("expm1"), _REAL_OR_COMPLEX, gradient=expm1_gradient)
publish_unary(EXPM1, "expm1 math.expm1", "exp(x) - 1, exact for small x.", "tf.math.expm1([1e-9])")


def log_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        return [grad * api.reciprocal(api.conj(op._inputs[0]))]


LOG = unary("Log", NamespaceFunction("log"), _REAL_OR_COMPLEX, gradient=log_gradient)
publish_unary(LOG, "log math.log", "The natural logarithm of x.", "tf.log([1.0, 2.0])")


def log1p_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        return [grad * api.reciprocal(1 + api.conj(op._inputs[0]))]


LOG1P = unary("Log1p", NamespaceFunction("log1p"), _REAL_OR_COMPLEX, gradient=log1p_gradient)
publish_unary(LOG1P, "log1p math.log1p", "log(1 + x), exact for small x.", "tf.math.log1p([1e-9])")


# Trigonometry: each slope is a function of x's conjugate, which multiplies the gradient.


def sin_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        return [grad * api.cos(api.conj(op._inputs[0]))]


def cos_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        x = api.conj(op._inputs[0])
        return [-grad * api.sin(x)]


def tan_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        secant = api.reciprocal(api.cos(api.conj(op._inputs[0])))
        return [api.square(secant) * grad]


def _one(x: Tensor) -> Any:
    return api.constant(1, dtype=x.dtype.base_dtype)


def asin_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        squared = api.square(api.conj(op._inputs[0]))
        return [grad * api.reciprocal(api.sqrt(api.subtract(_one(squared), squared)))]


def acos_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        squared = api.square(api.conj(op._inputs[0]))
        slope = api.reciprocal(api.sqrt(api.subtract(_one(squared), squared)))
        return [-grad * slope]


def atan_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        squared = api.square(api.conj(op._inputs[0]))
        return [grad * api.reciprocal(api.add(_one(squared), squared))]


def sinh_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        return [grad * api.cosh(api.conj(op._inputs[0]))]


def cosh_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        return [grad * api.sinh(api.conj(op._inputs[0]))]


def tanh_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        return [raw.TanhGrad(api.conj(op.outputs[0]), grad)]


def asinh_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        return [grad / api.cosh(api.conj(op.outputs[0]))]


def acosh_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        return [grad / api.sinh(api.conj(op.outputs[0]))]


def atanh_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        squared = api.square(api.conj(op._inputs[0]))
        return [grad * api.reciprocal(api.subtract(_one(squared), squared))]


_TRIGONOMETRY = (
    ("Sin", "sin", "sin", _REAL_OR_COMPLEX, sin_gradient, "The sine of x."),
    ("Cos", "cos", "cos", _REAL_OR_COMPLEX, cos_gradient, "The cosine of x."),
    ("Tan", "tan", "tan", _NUMBERS, tan_gradient, "The tangent of x."),
    ("Asin", "arcsin", "asin", _NUMBERS, asin_gradient, "The angle whose sine is x."),
    ("Acos", "arccos", "acos", _NUMBERS, acos_gradient, "The angle whose cosine is x."),
    ("Atan", "arctan", "atan", _NUMBERS, atan_gradient, "The angle whose tangent is x."),
    ("Sinh", "sinh", "sinh", _REAL_OR_COMPLEX, sinh_gradient, "The hyperbolic sine of x."),
    ("Cosh", "cosh", "cosh", _REAL_OR_COMPLEX, cosh_gradient, "The hyperbolic cosine of x."),
    ("Tanh", "tanh", "tanh nn.tanh", _REAL_OR_COMPLEX, tanh_gradient, "sinh(x) / cosh(x)."),
    ("Asinh", "arcsinh", "asinh", _REAL_OR_COMPLEX, asinh_gradient, "The inverse of sinh."),
    ("Acosh", "arccosh", "acosh", _REAL_OR_COMPLEX, acosh_gradient, "The inverse of cosh."),
    ("Atanh", "arctanh", "atanh", _REAL_OR_COMPLEX, atanh_gradient, "The inverse of tanh."),
)
for _op, _function, _names, _types, _gradient, _summary in _TRIGONOMETRY:
    _spec = unary(_op, NamespaceFunction(_function), _types, gradient=_gradient)
    _first = _names.partition(" ")[0]
    publish_unary(_spec, f"{_names} math.{_first}", _summary, f"tf.{_first}([0.5])")


# The logistic function


def sigmoid_kernel(xp: Any, x: Any) -> Any:
    return xp.reciprocal(xp.exp(-x) + 1)


def sigmoid_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        return [raw.SigmoidGrad(api.conj(op.outputs[0]), grad)]


SIGMOID = unary("Sigmoid", sigmoid_kernel, _REAL_OR_COMPLEX, gradient=sigmoid_gradient)


@export("sigmoid", "math.sigmoid", "nn.sigmoid")
def sigmoid(x: Any, name: str | None = None) -> Tensor:
    """1 / (1 + exp(-x)).

    Args:
        x: a tensor of float32, float64, float16, bfloat16, complex64 or complex128.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.sigmoid(logits)
    """
    with name_scope(name, "Sigmoid", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return SIGMOID(x, name=scope)


# Slopes as ops of their own, from the function's value y and the gradient dy, and their gradients


def slope(name: str, kernel: Any, *, gradient: Any) -> OpSpec:
    """Registers the gradient of a function as an op."""
    return register(
        OpSpec(
            name=name,
            inputs=("y: T", "dy: T"),
            outputs=("z: T",),
            attrs=(f"T: {{{_REAL_OR_COMPLEX}}}",),
            shape=broadcast_shape,
            kernel=kernel,
            gradient=gradient,
        )
    )


def _conj(xp: Any, y: Any) -> Any:
    return xp.conj(y) if y.dtype.kind == "c" else y


def sqrt_grad_kernel(xp: Any, y: Any, dy: Any) -> Any:
    return _unless_zero(xp, dy, dy * 0.5 / _conj(xp, y))


def _unless_zero(xp: Any, dy: Any, slope: Any) -> Any:
    """The slope, but 0 where nothing flows back, also where the function is infinitely steep."""
    return xp.where(dy == 0, dy.dtype.type(0), slope)


def sqrt_grad_gradient(op: Operation, grad: Any) -> Grads:
    y = op._inputs[0]
    with api.control_dependencies([grad]):
        quotient = grad / y
        first = -api.conj(quotient) * op.outputs[0]
        return [first, 0.5 * quotient]


def rsqrt_grad_kernel(xp: Any, y: Any, dy: Any) -> Any:
    y = _conj(xp, y)
    return _unless_zero(xp, dy, dy * y * (y * y) * -0.5)


def rsqrt_grad_gradient(op: Operation, grad: Any) -> Grads:
    y, dy = op._inputs
    with api.control_dependencies([grad]):
        y = api.conj(y)
        first = -1.5 * api.conj(grad) * dy * api.square(y)
        return [first, raw.RsqrtGrad(y, grad)]


def reciprocal_grad_kernel(xp: Any, y: Any, dy: Any) -> Any:
    y = _conj(xp, y)
    return _unless_zero(xp, dy, -dy * y * y)


def reciprocal_grad_gradient(op: Operation, grad: Any) -> Grads:
    y, dy = op._inputs
    with api.control_dependencies([grad]):
        y = api.conj(y)
        first = api.conj(grad) * -2.0 * dy * y
        return [first, raw.ReciprocalGrad(y, grad)]


def tanh_grad_kernel(xp: Any, y: Any, dy: Any) -> Any:
    return dy * (1 - y * y)


def tanh_grad_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        y, dy = api.conj(op._inputs[0]), api.conj(op._inputs[1])
        first = grad * -2.0 * dy * y
        return [first, raw.TanhGrad(y, grad)]


def sigmoid_grad_kernel(xp: Any, y: Any, dy: Any) -> Any:
    return dy * y * (1 - y)


def sigmoid_grad_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        y, dy = api.conj(op._inputs[0]), api.conj(op._inputs[1])
        product = grad * dy
        first = product - 2.0 * product * y
        return [first, raw.SigmoidGrad(y, grad)]


SQRT_GRAD = slope("SqrtGrad", sqrt_grad_kernel, gradient=sqrt_grad_gradient)
RSQRT_GRAD = slope("RsqrtGrad", rsqrt_grad_kernel, gradient=rsqrt_grad_gradient)
RECIPROCAL_GRAD = slope("ReciprocalGrad", reciprocal_grad_kernel, gradient=reciprocal_grad_gradient)
INV_GRAD = slope("InvGrad", reciprocal_grad_kernel, gradient=reciprocal_grad_gradient)
TANH_GRAD = slope("TanhGrad", tanh_grad_kernel, gradient=tanh_grad_gradient)
SIGMOID_GRAD = slope("SigmoidGrad", sigmoid_grad_kernel, gradient=sigmoid_grad_gradient)


# Rounding


def round_kernel(xp: Any, x: Any) -> Any:
    return x if x.dtype.kind in "iu" else xp.rint(x)  # halves to even


FLOOR = unary("Floor", NamespaceFunction("floor"), FLOATS, gradient=nothing_gradient)
CEIL = unary("Ceil", NamespaceFunction("ceil"), FLOATS, gradient=nothing_gradient)
RINT = unary("Rint", NamespaceFunction("rint"), FLOATS, gradient=nothing_gradient)
ROUND = register(
    OpSpec(
        name="Round",
        inputs=("x: T",),
        outputs=("y: T",),
        attrs=(f"T: {{{_NUMBERS}}}",),
        shape=same_shape,
        kernel=round_kernel,
        gradient=nothing_gradient,
        view=True,  # of integers
    )
)

publish_unary(FLOOR, "floor math.floor", "x rounded down.", "tf.floor([1.5, -1.5])")
publish_unary(CEIL, "ceil math.ceil", "x rounded up.", "tf.ceil([1.5, -1.5])")
publish_unary(
    RINT, "rint math.rint", "x rounded to a whole number, halves to even.", "tf.rint([0.5, 1.5])"
)


@export("round", "math.round")
def round(x: Any, name: str | None = None) -> Tensor:
    """x rounded to a whole number, halves to even.

    Args:
        x: a tensor of a number type; integers come back as they are.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.round([0.5, 1.5, 2.5])
    """
    x = convert_to_tensor(x, name="x")
    return x if x.dtype.is_integer else ROUND(x, name=name)


# Questions


def predicate(name: str, function: str) -> OpSpec:
    """Registers a question that is asked of each float."""
    return register(
        OpSpec(
            name=name,
            inputs=("x: T",),
            outputs=("y: bool",),
            attrs=(f"T: {{{FLOATS}}}",),
            shape=same_shape,
            kernel=NamespaceFunction(function),
            gradient=NOT_DIFFERENTIABLE,
        )
    )


for _op, _function, _summary in (
    ("IsNan", "is_nan", "Where x is NaN."),
    ("IsInf", "is_inf", "Where x is infinite."),
    ("IsFinite", "is_finite", "Where x is neither infinite nor NaN."),
):
    _spec = predicate(_op, _function.replace("_", ""))
    _names = f"{_function} math.{_function} debugging.{_function}"
    publish_unary(_spec, _names, _summary, f"tf.{_function}([1.0, float('inf')])")
