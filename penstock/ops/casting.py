"""Changes of type: by value (`tf.cast`) and by bits (`tf.bitcast`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError, UnimplementedError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.ops.constant import proto_name
from penstock.ops.elementwise import same_shape

_DIFFERENTIABLE = (
    dtypes.float16,
    dtypes.float32,
    dtypes.float64,
    dtypes.bfloat16,
    dtypes.complex64,
    dtypes.complex128,
)
_NOT_NUMBERS = frozenset({dtypes.string, dtypes.variant, dtypes.resource})
_FRACTION_BITS = {"bfloat16": 7, "float16": 10, "float32": 23, "float64": 52}


def cast_kernel(xp: Any, x: Any, *, SrcT: Any, DstT: Any, Truncate: bool) -> Any:
    if SrcT is not DstT and not _NOT_NUMBERS.isdisjoint((SrcT, DstT)):
        message = f"Cast {proto_name(SrcT)} to {proto_name(DstT)} is not supported"
        raise UnimplementedError(None, None, message)
    wanted = DstT.np_dtype
    if Truncate:
        x = _without_low_bits(xp, x, wanted)
    if x.dtype.kind == "c" and np.dtype(wanted).kind not in "cb":
        x = x.real
    if wanted == np.uint32 and x.dtype.kind == "f":
        x = x.astype(np.int64)  # NumPy's own result for numbers out of range varies
    return x.astype(wanted)


def cast_xla_kernel(xp: Any, x: Any, *, SrcT: Any, DstT: Any, Truncate: bool) -> Any:
    """XLA's conversion of floats to integers saturates; TensorFlow's is the processor's.

    And XLA takes the product with a converted boolean for a choice: 0 times NaN would be 0.
    """
    wanted = np.dtype(DstT.np_dtype)
    if x.dtype.kind == "b" and wanted.kind in "fVc":
        return xp.where(x, wanted.type(1), wanted.type(0))
    if wanted.kind not in "iu" or x.dtype.kind not in "fVc":
        return cast_kernel(xp, x, SrcT=SrcT, DstT=DstT, Truncate=Truncate)
    if x.dtype.kind == "c":
        x = x.real
    if x.dtype.itemsize < 4:
        x = x.astype(xp.float32)
    via = np.dtype(np.int32 if wanted.itemsize < 4 or wanted == np.int32 else np.int64)
    if wanted == np.uint64:
        # Numbers from 2**63 on are converted less that, which is added again by wrapping.
        high = x >= 2.0**63
        low = _wrapped(xp, xp.where(high, x - 2.0**63, x), via).astype(np.uint64)
        return xp.where(high, low ^ np.uint64(2**63), low)
    return _wrapped(xp, x, via).astype(wanted)


def _wrapped(xp: Any, x: Any, dtype: Any) -> Any:
    """The integer part of floats, and the least integer for what has none of that type."""
    least = np.iinfo(dtype).min
    fits = (x >= float(least)) & (x < -float(least))
    return xp.where(fits, x.astype(dtype), least)


def _without_low_bits(xp: Any, x: Any, wanted: Any) -> Any:
    """Floats whose fraction has only as many bits as that of a shorter type."""
    source, target = np.dtype(x.dtype), np.dtype(wanted)
    bits = _FRACTION_BITS.get(source.name, 0) - _FRACTION_BITS.get(target.name, 99)
    if bits <= 0:
        return x
    words = np.dtype(f"u{source.itemsize}")
    mask = np.array(~((1 << bits) - 1) & ((1 << 8 * source.itemsize) - 1), words)
    return (x.view(words) & mask).view(source)


def cast_gradient(op: Operation, grad: Any) -> Grads:
    source = op._inputs[0].dtype.base_dtype
    if source in _DIFFERENTIABLE and grad.dtype.base_dtype in _DIFFERENTIABLE:
        return [api.cast(grad, source)]
    return [None]


CAST = register(
    OpSpec(
        name="Cast",
        inputs=("x: SrcT",),
        outputs=("y: DstT",),
        attrs=("SrcT: type", "DstT: type", "Truncate: bool = false"),
        shape=same_shape,
        kernel=cast_kernel,
        xla_kernel=cast_xla_kernel,
        gradient=cast_gradient,
    )
)


@export("cast", "dtypes.cast")
def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """Converts the elements to another type.

    Floats become integers by dropping the fraction, complex numbers real ones by dropping the
    imaginary part.

    Args:
        x: a tensor, tf.SparseTensor or tf.IndexedSlices.
        dtype: the type of the result.
        name: a name for the operation.

    Returns:
        A tensor of that type and the shape of `x`: `x` itself where it has the type.

    Raises:
        TypeError: `x` cannot be converted.

    Example:
        >>> tf.cast([1.8, -1.8], tf.int32)
    """
    wanted = dtypes.as_dtype(dtype).base_dtype
    if getattr(x, "dtype", None) is wanted and not hasattr(x, "dense_shape"):
        return x  # a variable that is a resource too, unread
    with name_scope(name, "Cast", [x]) as scope:
        if hasattr(x, "indices") and hasattr(x, "values") and hasattr(x, "dense_shape"):
            values = cast(x.values, wanted, name=scope)
            return _with_values(x, values)
        x = convert_to_tensor(x, name="x")
        if x.dtype.base_dtype is wanted:
            return x
        return CAST(x, DstT=wanted, name=scope)


def _with_values(x: Any, values: Tensor) -> Any:
    """The tf.SparseTensor or tf.IndexedSlices with other values."""
    return type(x)(values=values, indices=x.indices, dense_shape=x.dense_shape)


def _to(dtype: dtypes.DType, public_name: str, default_name: str) -> None:
    def convert(x: Any, name: str = default_name) -> Any:
        return cast(x, dtype, name=name)

    convert.__name__ = convert.__qualname__ = public_name
    convert.__doc__ = (
        f"Converts the elements to {dtype.name}; see `tf.cast`.\n\n"
        "Args:\n    x: a tensor, tf.SparseTensor or tf.IndexedSlices.\n"
        "    name: a name for the operation.\n\n"
        f"Returns:\n    A tensor of {dtype.name} and the shape of `x`.\n\n"
        f"Example:\n    >>> tf.{public_name}([1, 2])\n"
    )
    export(public_name)(convert)


_to(dtypes.float32, "to_float", "ToFloat")
_to(dtypes.float64, "to_double", "ToDouble")
_to(dtypes.int32, "to_int32", "ToInt32")
_to(dtypes.int64, "to_int64", "ToInt64")
_to(dtypes.bfloat16, "to_bfloat16", "ToBFloat16")
_to(dtypes.complex64, "to_complex64", "ToComplex64")
_to(dtypes.complex128, "to_complex128", "ToComplex128")


@export("saturate_cast", "dtypes.saturate_cast")
def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """Converts the elements to another type, those out of its range to its ends.

    Args:
        value: a tensor of a real number type.
        dtype: the type of the result.
        name: a name for the operation.

    Returns:
        A Tensor of that type.

    Example:
        >>> tf.saturate_cast([300.0, -5.0], tf.uint8)
    """
    with name_scope(name, "saturate_cast", [value]) as scope:
        value = convert_to_tensor(value, name="value")
        wanted = dtypes.as_dtype(dtype).base_dtype
        own = value.dtype.base_dtype
        if own.min < wanted.min:
            value = raw.Maximum(value, convert_to_tensor(wanted.min, dtype=own, name="min"))
        if own.max > wanted.max:
            value = raw.Minimum(value, convert_to_tensor(wanted.max, dtype=own, name="max"))
        return cast(value, wanted, name=scope)


# Bits


def bitcast_shape(x: shapes.Shape, *, T: Any, type: Any) -> shapes.Shape:
    if x is None:
        return None
    size, wanted = T.size, type.size
    if size == wanted:
        return x
    if size > wanted:
        return (*x, size // wanted)
    if not x:
        raise ValueError(f"Cannot bitcast from {T.name} to {type.name}: it needs a last dimension")
    if x[-1] is not None and x[-1] != wanted // size:
        raise ValueError(f"Cannot bitcast due to shape. {x[-1]} does not match {wanted // size}")
    return x[:-1]


def bitcast_kernel(xp: Any, x: Any, *, type: Any) -> Any:
    wanted = np.dtype(type.np_dtype)
    size = x.dtype.itemsize
    if size == wanted.itemsize:
        return x.view(wanted)
    if size > wanted.itemsize:
        return x.reshape(*x.shape, 1).view(wanted)
    if not x.ndim or x.shape[-1] != wanted.itemsize // size:
        last = x.shape[-1] if x.ndim else 0
        message = f"Cannot bitcast from {wanted.itemsize // size} to {last}"
        raise InvalidArgumentError(None, None, message)
    return np.ascontiguousarray(x).view(wanted)[..., 0]


def bitcast_xla_kernel(xp: Any, x: Any, *, type: Any) -> Any:
    """A view of a traced array would keep its rank."""
    from jax import lax

    return lax.bitcast_convert_type(x, type.np_dtype)


_BITS = (
    "{bfloat16, half, float, double, int64, int32, uint8, uint16, uint32, uint64, int8, int16, "
    "complex64, complex128, qint8, quint8, qint16, quint16, qint32}"
)
BITCAST = register(
    OpSpec(
        name="Bitcast",
        inputs=("input: T",),
        outputs=("output: type",),
        attrs=(f"T: {_BITS}", f"type: {_BITS}"),
        shape=bitcast_shape,
        kernel=bitcast_kernel,
        xla_kernel=bitcast_xla_kernel,
        gradient=None,
        view=True,
    )
)


@export("bitcast")
def bitcast(input: Any, type: Any, name: str | None = None) -> Tensor:
    """Reads the bytes of the elements as another type, little end first.

    Args:
        input: a tensor of a number type.
        type: the type of the result.
        name: a name for the operation.

    Returns:
        A Tensor: of the same shape where both types have one size, else with one dimension more
        or with the last one less.

    Raises:
        ValueError: the last dimension does not make up one element.

    Example:
        >>> tf.bitcast([1.0], tf.int32)
    """
    return BITCAST(input, type=type, name=name)
