"""Complex numbers: their parts, conjugates and angles."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, NamespaceFunction, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.ops.broadcasting import PlainUnbroadcast
from penstock.ops.elementwise import broadcast_shape, same_shape

_TYPES = (
    "T: {complex64, complex128} = DT_COMPLEX64",
    "Tout: {float, double} = DT_FLOAT",
)


def _part(name: str, argument: str, kernel: Any, gradient: Any, view: bool) -> OpSpec:
    return register(
        OpSpec(
            name=name,
            inputs=(f"{argument}: T",),
            outputs=("y: Tout",) if argument == "x" else ("output: Tout",),
            attrs=_TYPES,
            shape=same_shape,
            kernel=kernel,
            gradient=gradient,
            view=view,
        )
    )


def complex_abs_gradient(op: Operation, grad: Any) -> Grads:
    """x / |x| times the gradient, and 0 at 0."""
    output = op.outputs[0]
    grad_as_complex = raw.Complex(
        grad, api.zeros_like(grad), Tout=_complex_of(grad.dtype.base_dtype)
    )
    numerator = grad_as_complex * op._inputs[0]
    length = raw.Complex(output, api.zeros_like(output), Tout=_complex_of(output.dtype.base_dtype))
    return [api.div_no_nan(numerator, length)]


def _complex_of(dtype: dtypes.DType) -> dtypes.DType:
    return dtypes.complex64 if dtype is dtypes.float32 else dtypes.complex128


def real_gradient(op: Operation, grad: Any) -> Grads:
    zero = api.constant(0, dtype=grad.dtype.base_dtype)
    return [api.complex(grad, zero)]


def imag_gradient(op: Operation, grad: Any) -> Grads:
    zero = api.constant(0, dtype=grad.dtype.base_dtype)
    return [api.complex(zero, grad)]


def angle_gradient(op: Operation, grad: Any) -> Grads:
    x = op._inputs[0]
    with api.control_dependencies([grad]):
        real, imaginary = api.real(x), api.imag(x)
        inverse = api.reciprocal(api.complex(imaginary, real))
        zero = api.constant(0, dtype=grad.dtype.base_dtype)
        return [-api.complex(grad, zero) * inverse]


COMPLEX_ABS = _part("ComplexAbs", "x", NamespaceFunction("abs"), complex_abs_gradient, False)
REAL = _part("Real", "input", NamespaceFunction("real"), real_gradient, True)
IMAG = _part("Imag", "input", NamespaceFunction("imag"), imag_gradient, True)
ANGLE = _part("Angle", "input", NamespaceFunction("angle"), angle_gradient, False)


def conj_gradient(op: Operation, grad: Any) -> Grads:
    return [api.conj(grad)]


CONJ = register(
    OpSpec(
        name="Conj",
        inputs=("input: T",),
        outputs=("output: T",),
        attrs=("T: {complex64, complex128, variant} = DT_COMPLEX64",),
        shape=same_shape,
        kernel=NamespaceFunction("conj"),
        gradient=conj_gradient,
    )
)


def complex_kernel(xp: Any, real: Any, imag: Any) -> Any:
    dtype = np.complex64 if real.dtype == np.float32 else np.complex128
    out = np.empty(np.broadcast_shapes(real.shape, imag.shape), dtype)
    out.real = real
    out.imag = imag
    return out


def complex_xla_kernel(xp: Any, real: Any, imag: Any) -> Any:
    """XLA fills no arrays; real + 1j * imag would make inf into NaN."""
    from jax import lax

    return lax.complex(*xp.broadcast_arrays(real, imag))


def complex_gradient(op: Operation, grad: Any) -> Grads:
    axes = PlainUnbroadcast(*op._inputs)
    first = axes.first(api.real(grad))
    return [first, axes.second(api.imag(grad))]


COMPLEX = register(
    OpSpec(
        name="Complex",
        inputs=("real: T", "imag: T"),
        outputs=("out: Tout",),
        attrs=(
            "T: {float, double} = DT_FLOAT",
            "Tout: {complex64, complex128} = DT_COMPLEX64",
        ),
        shape=broadcast_shape,
        kernel=complex_kernel,
        xla_kernel=complex_xla_kernel,
        gradient=complex_gradient,
    )
)


@export("complex", "dtypes.complex")
def complex(real: Any, imag: Any, name: str | None = None) -> Tensor:
    """The complex numbers with these parts.

    Args:
        real: a tensor of float32 or float64.
        imag: one of the same type, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of complex64 or complex128.

    Raises:
        TypeError: the parts have other types.

    Example:
        >>> tf.complex([1.0, 2.0], [0.0, -1.0])
    """
    real = convert_to_tensor(real, name="real")
    imag = convert_to_tensor(imag, name="imag")
    with name_scope(name, "Complex", [real, imag]) as scope:
        types = (real.dtype.base_dtype, imag.dtype.base_dtype)
        if types not in ((dtypes.float32, dtypes.float32), (dtypes.float64, dtypes.float64)):
            raise TypeError(f"real and imag have incorrect types: {types[0].name} {types[1].name}")
        return COMPLEX(real, imag, Tout=_complex_of(types[0]), name=scope)


@export("real", "math.real")
def real(input: Any, name: str | None = None) -> Tensor:
    """The real part; of real numbers the numbers themselves.

    Args:
        input: a tensor of a number type.
        name: a name for the operation.

    Returns:
        A Tensor of the real type that belongs to that type.

    Example:
        >>> tf.real(tf.complex(1.0, 2.0))
    """
    with name_scope(name, "Real", [input]) as scope:
        input = convert_to_tensor(input, name="input")
        if not input.dtype.is_complex:
            return input
        return REAL(input, Tout=input.dtype.real_dtype, name=scope)


@export("imag", "math.imag")
def imag(input: Any, name: str | None = None) -> Tensor:
    """The imaginary part; of real numbers zeros.

    Args:
        input: a tensor of a number type.
        name: a name for the operation.

    Returns:
        A Tensor of the real type that belongs to that type.

    Example:
        >>> tf.imag(tf.complex(1.0, 2.0))
    """
    with name_scope(name, "Imag", [input]) as scope:
        input = convert_to_tensor(input, name="input")
        if not input.dtype.is_complex:
            return api.zeros_like(input)
        return IMAG(input, Tout=input.dtype.real_dtype, name=scope)


@export("angle", "math.angle")
def angle(input: Any, name: str | None = None) -> Tensor:
    """The angle of each number in the complex plane; of real numbers zeros.

    Args:
        input: a tensor of a number type.
        name: a name for the operation.

    Returns:
        A Tensor of the real type that belongs to that type.

    Example:
        >>> tf.angle(tf.complex(0.0, 1.0))
    """
    with name_scope(name, "Angle", [input]) as scope:
        input = convert_to_tensor(input, name="input")
        if not input.dtype.is_complex:
            return api.zeros_like(input)
        return ANGLE(input, Tout=input.dtype.real_dtype, name=scope)


@export("conj", "math.conj")
def conj(x: Any, name: str | None = None) -> Tensor:
    """The complex conjugate; of real numbers the numbers themselves.

    Args:
        x: a tensor of a number type.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Raises:
        TypeError: `x` holds no numbers.

    Example:
        >>> tf.conj(tf.complex(1.0, 2.0))
    """
    if isinstance(x, Tensor) and (x.dtype.is_floating or x.dtype.is_integer):
        return x
    with name_scope(name, "Conj", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        if x.dtype.is_complex:
            return CONJ(x, name=scope)
        if x.dtype.is_floating or x.dtype.is_integer:
            return x
        raise TypeError(f"Expected numeric or variant tensor, got dtype {x.dtype!r}")
