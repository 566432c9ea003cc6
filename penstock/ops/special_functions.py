"""Special functions: the error function, the gamma function and its kin, Bessel functions.

NumPy has none of them: the interpreter calls SciPy's, XLA its own.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.ops.broadcasting import PlainUnbroadcast
from penstock.ops.elementwise import (
    FLOATS,
    broadcast_shape,
    publish_binary,
    publish_unary,
    unary,
)

_REAL = "float, double"
_HALVES = ("float16", "bfloat16")


@functools.cache
def _function(module: str, name: str) -> Callable[..., Any]:
    """Found when first used: SciPy and JAX take long to import."""
    return getattr(importlib.import_module(module), name)


def scipy_kernel(name: str) -> Callable[..., Any]:
    """A kernel that is a function of scipy.special."""

    def kernel(xp: Any, *arrays: Any) -> Any:
        out = _function("scipy.special", name)(*arrays)
        dtype = arrays[0].dtype
        return out if out.dtype == dtype else out.astype(dtype)  # SciPy widens float16

    kernel.__name__ = f"{name}_kernel"
    return kernel


def jax_kernel(name: str) -> Callable[..., Any]:
    """A kernel that is a function of jax.scipy.special, which XLA compiles."""

    def kernel(xp: Any, *arrays: Any) -> Any:
        arrays = tuple([xp.asarray(array) for array in arrays])
        wide = [a.astype(xp.float32) if a.dtype.name in _HALVES else a for a in arrays]
        return _function("jax.scipy.special", name)(*wide).astype(arrays[0].dtype)

    kernel.__name__ = f"{name}_xla_kernel"
    return kernel


def jax_kernel_in_double(name: str) -> Callable[..., Any]:
    """`jax_kernel` in double precision: XLA's approximation in single is good to 1e-5 only."""
    kernel = jax_kernel(name)

    def kernel_in_double(xp: Any, x: Any) -> Any:
        x = xp.asarray(x)
        return kernel(xp, x.astype(xp.float64)).astype(x.dtype)

    return kernel_in_double


# The error function

_SLOPE_AT_0 = 2 / math.sqrt(math.pi)


def erf_gradient(op: Operation, grad: Any) -> Grads:
    """d erf(x) = 2 / √π exp(-x²) dx."""
    return [_bell(op._inputs[0], grad, _SLOPE_AT_0)]


def erfc_gradient(op: Operation, grad: Any) -> Grads:
    return [_bell(op._inputs[0], grad, -_SLOPE_AT_0)]


def _bell(x: Tensor, grad: Any, height: float) -> Any:
    constant = api.constant(height, dtype=grad.dtype.base_dtype)
    product = grad * constant
    with api.control_dependencies([grad]):
        return product * api.exp(-api.square(x))


ERF = unary("Erf", scipy_kernel("erf"), FLOATS, gradient=erf_gradient, xla_kernel=jax_kernel("erf"))
ERFC = unary(
    "Erfc", scipy_kernel("erfc"), FLOATS, gradient=erfc_gradient, xla_kernel=jax_kernel("erfc")
)
publish_unary(ERFC, "erfc math.erfc", "1 - erf(x), exact for large x.", "tf.erfc([0.5])")
publish_unary(ERF, "erf math.erf", "The error function.", "tf.erf([0.5])")


# The gamma function


def lgamma_gradient(op: Operation, grad: Any) -> Grads:
    with api.control_dependencies([grad]):
        return [grad * api.digamma(op._inputs[0])]


def digamma_gradient(op: Operation, grad: Any) -> Grads:
    x = op._inputs[0]
    with api.control_dependencies([grad]):
        one = api.constant(1, dtype=x.dtype.base_dtype)
        return [grad * raw.Polygamma(one, x)]


def polygamma_gradient(op: Operation, grad: Any) -> Grads:
    """None for the order: it is a whole number."""
    order, x = op._inputs
    axes = PlainUnbroadcast(order, x)
    with api.control_dependencies([grad]):
        return [None, axes.second(raw.Polygamma(order + 1, x) * grad)]


def zeta_gradient(op: Operation, grad: Any) -> Grads:
    """d zeta(x, q) = -x zeta(x + 1, q) dq; TensorFlow has none for x."""
    x, q = op._inputs
    axes = PlainUnbroadcast(x, q)
    with api.control_dependencies([grad]):
        slope = -x * raw.Zeta(x + 1, q)
        return [None, axes.second(slope * grad)]


def polygamma_kernel(xp: Any, order: Any, x: Any) -> Any:
    """(-1)^(n+1) n! zeta(n + 1, x), and digamma for order 0."""
    special = functools.partial(_function, "scipy.special")
    value = (-1.0) ** (order + 1) * special("gamma")(order + 1.0) * special("zeta")(order + 1.0, x)
    return np.where(order == 0, special("digamma")(x), value).astype(x.dtype)


def polygamma_xla_kernel(xp: Any, order: Any, x: Any) -> Any:
    """JAX's polygamma takes whole numbers alone for the order: this is its formula for floats."""
    special = functools.partial(_function, "jax.scipy.special")
    order, x = xp.broadcast_arrays(order, x)
    sign = xp.where(order % 2 == 0, -1.0, 1.0).astype(x.dtype)
    factorial = xp.exp(special("gammaln")(order + 1))
    value = sign * factorial * special("zeta")(order + 1, x)
    return xp.where(order == 0, special("digamma")(x), value)


LGAMMA = unary(
    "Lgamma",
    scipy_kernel("gammaln"),
    FLOATS,
    gradient=lgamma_gradient,
    xla_kernel=jax_kernel_in_double("gammaln"),
)
DIGAMMA = unary(
    "Digamma",
    scipy_kernel("digamma"),
    FLOATS,
    gradient=digamma_gradient,
    xla_kernel=jax_kernel_in_double("digamma"),
)


def pair(name: str, first: str, second: str, kernels: tuple[Any, Any], gradient: Any) -> OpSpec:
    """Registers a special function of two operands, in the interpreter and for XLA."""
    return register(
        OpSpec(
            name=name,
            inputs=(f"{first}: T", f"{second}: T"),
            outputs=("z: T",),
            attrs=(f"T: {{{_REAL}}}",),
            shape=broadcast_shape,
            kernel=kernels[0],
            xla_kernel=kernels[1],
            gradient=gradient,
        )
    )


POLYGAMMA = pair(
    "Polygamma", "a", "x", (polygamma_kernel, polygamma_xla_kernel), polygamma_gradient
)
ZETA = pair("Zeta", "x", "q", (scipy_kernel("zeta"), jax_kernel("zeta")), zeta_gradient)

publish_unary(LGAMMA, "lgamma math.lgamma", "The logarithm of |Γ(x)|.", "tf.lgamma([0.5, 3.0])")
publish_unary(DIGAMMA, "digamma math.digamma", "The slope of log Γ(x).", "tf.digamma([0.5, 3.0])")
publish_binary(ZETA, "zeta math.zeta", "The Hurwitz zeta function of x and q.", "tf.zeta(2.0, 1.0)")


@export("polygamma", "math.polygamma")
def polygamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The derivative of order a of the digamma function at x.

    Args:
        a: the order, a tensor of float32 or float64 that holds whole numbers.
        x: a tensor of the same type, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        TypeError: the types differ.

    Example:
        >>> tf.polygamma(1.0, [0.5, 3.0])
    """
    return POLYGAMMA(a, x, name=name)


# The incomplete gamma and beta functions


def igamma_gradient(op: Operation, grad: Any) -> Grads:
    """The slope in x is x^(a-1) exp(-x) / Γ(a)."""
    a, x = op._inputs
    axes = PlainUnbroadcast(a, x)
    with api.control_dependencies([grad]):
        slope_a = raw.IgammaGradA(a, x)
        slope_x = api.exp(-x + (a - 1) * api.log(x) - api.lgamma(a))
        first = axes.first(slope_a * grad)
        return [first, axes.second(slope_x * grad)]


def igammac_gradient(op: Operation, grad: Any) -> Grads:
    first, second = igamma_gradient(op, grad)
    first = -first
    return [first, -second]


def igamma_grad_a_xla_kernel(xp: Any, a: Any, x: Any) -> Any:
    return _function("jax.lax", "igamma_grad_a")(*xp.broadcast_arrays(a, x))


IGAMMA = pair(
    "Igamma", "a", "x", (scipy_kernel("gammainc"), jax_kernel("gammainc")), igamma_gradient
)
IGAMMAC = pair(
    "Igammac", "a", "x", (scipy_kernel("gammaincc"), jax_kernel("gammaincc")), igammac_gradient
)
IGAMMA_GRAD_A = pair("IgammaGradA", "a", "x", (None, igamma_grad_a_xla_kernel), None)


@export("igamma", "math.igamma")
def igamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The lower regularized incomplete gamma function.

    Args:
        a: a positive tensor of float32 or float64.
        x: one of the same type, not negative, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of the same type, in [0, 1].

    Raises:
        TypeError: the types differ.

    Example:
        >>> tf.igamma(2.0, [0.5, 3.0])
    """
    return IGAMMA(a, x, name=name)


@export("igammac", "math.igammac")
def igammac(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The upper regularized incomplete gamma function, 1 - igamma(a, x).

    Args:
        a: a positive tensor of float32 or float64.
        x: one of the same type, not negative, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of the same type, in [0, 1].

    Raises:
        TypeError: the types differ.

    Example:
        >>> tf.igammac(2.0, [0.5, 3.0])
    """
    return IGAMMAC(a, x, name=name)


def betainc_shape(a: shapes.Shape, b: shapes.Shape, x: shapes.Shape) -> shapes.Shape:
    """Scalars broadcast, other shapes must be equal."""
    found: shapes.Shape = ()
    for shape in (a, b, x):
        if shape is None:
            return None
        if shape:
            found = shapes.merge(found or shape, shape)
    return found


def betainc_gradient(op: Operation, grad: Any) -> Grads:
    """The slope in x is x^(a-1) (1-x)^(b-1) / B(a, b); TensorFlow has none for a and b."""
    a, b, x = op._inputs
    axes = PlainUnbroadcast(a, x)
    log_beta = api.lgamma(a) + api.lgamma(b) - api.lgamma(a + b)
    slope = api.exp((b - 1) * api.log(1 - x) + (a - 1) * api.log(x) - log_beta)
    return [None, None, axes.second(slope * grad)]


BETAINC = register(
    OpSpec(
        name="Betainc",
        inputs=("a: T", "b: T", "x: T"),
        outputs=("z: T",),
        attrs=(f"T: {{{_REAL}}}",),
        shape=betainc_shape,
        kernel=scipy_kernel("betainc"),
        xla_kernel=jax_kernel("betainc"),
        gradient=betainc_gradient,
    )
)


@export("betainc", "math.betainc")
def betainc(a: Any, b: Any, x: Any, name: str | None = None) -> Tensor:
    """The regularized incomplete beta function.

    Args:
        a: a positive tensor of float32 or float64.
        b: one of the same type and shape, or a scalar.
        x: one of the same type and shape, or a scalar, in [0, 1].
        name: a name for the operation.

    Returns:
        A Tensor of the same type, in [0, 1].

    Raises:
        TypeError: the types differ.
        ValueError: the shapes differ.

    Example:
        >>> tf.betainc(2.0, 3.0, [0.25, 0.5])
    """
    return BETAINC(a, b, x, name=name)


@export("lbeta", "math.lbeta")
def lbeta(x: Any, name: str | None = None) -> Tensor:
    """The logarithm of |B(x)|, over the last dimension.

    Args:
        x: a tensor of float32 or float64, of rank 1 or more.
        name: a name for the operations.

    Returns:
        A Tensor of the same type, without the last dimension.

    Example:
        >>> tf.lbeta([1.0, 2.0, 3.0])
    """
    with name_scope(name, "lbeta", [x]):
        x = convert_to_tensor(x, name="x")
        sum_of_logs = api.reduce_sum(api.lgamma(x), axis=[-1])
        log_of_sum = api.lgamma(api.reduce_sum(x, axis=[-1]))
        return sum_of_logs - log_of_sum


# Bessel functions, times exp(-|x|)


def bessel_i0e_gradient(op: Operation, grad: Any) -> Grads:
    x, y = op._inputs[0], op.outputs[0]
    with api.control_dependencies([grad]):
        slope = api.math.bessel_i1e(x) - api.sign(x) * y
        return [grad * slope]


def bessel_i1e_gradient(op: Operation, grad: Any) -> Grads:
    """i0e(x) - i1e(x) (sign(x) + 1/x), and its limit 1/2 where x is next to 0."""
    x, y = op._inputs[0], op.outputs[0]
    dtype = x.dtype.base_dtype
    epsilon = np.finfo(dtype.np_dtype).eps
    with api.control_dependencies([grad]):
        zeros = api.zeros_like(x)
        far = api.abs(x) > epsilon
        safe = api.where(far, x, epsilon + zeros)
        slope = api.math.bessel_i0e(safe) - y * (api.sign(safe) + api.reciprocal(safe))
        return [grad * api.where(far, slope, 0.5 + zeros)]


BESSEL_I0E = unary(
    "BesselI0e",
    scipy_kernel("i0e"),
    FLOATS,
    gradient=bessel_i0e_gradient,
    xla_kernel=jax_kernel("i0e"),
)
BESSEL_I1E = unary(
    "BesselI1e",
    scipy_kernel("i1e"),
    FLOATS,
    gradient=bessel_i1e_gradient,
    xla_kernel=jax_kernel("i1e"),
)
publish_unary(BESSEL_I0E, "math.bessel_i0e", "exp(-|x|) I₀(x).", "tf.math.bessel_i0e([0.5])")
publish_unary(BESSEL_I1E, "math.bessel_i1e", "exp(-|x|) I₁(x).", "tf.math.bessel_i1e([0.5])")


def nextafter_gradient(op: Operation, grad: Any) -> Grads:
    """As that of x1: the step to the next number is as if it were constant."""
    x1, x2 = op._inputs
    axes = PlainUnbroadcast(x1, x2)
    with api.control_dependencies([grad]):
        to_x1 = api.ones(axes.shapes[0], dtype=x1.dtype.base_dtype)
        to_x2 = api.zeros(axes.shapes[1], dtype=x2.dtype.base_dtype)
        return [axes.first(to_x1 * grad), axes.second(to_x2 * grad)]


NEXT_AFTER = register(
    OpSpec(
        name="NextAfter",
        inputs=("x1: T", "x2: T"),
        outputs=("output: T",),
        attrs=("T: {double, float} = DT_FLOAT",),
        shape=broadcast_shape,
        kernel=lambda xp, x1, x2: xp.nextafter(x1, x2),
        gradient=nextafter_gradient,
    )
)


@export("math.nextafter")
def nextafter(x1: Any, x2: Any, name: str | None = None) -> Tensor:
    """The float next to x1 in the direction of x2.

    Args:
        x1: a tensor of float32 or float64.
        x2: one of the same type, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        TypeError: the types differ.

    Example:
        >>> tf.math.nextafter(1.0, 2.0)
    """
    return NEXT_AFTER(x1, x2, name=name)
