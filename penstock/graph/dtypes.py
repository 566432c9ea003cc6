"""`tf.DType`: TensorFlow's element types, their names, NumPy twins and enum numbers."""

from __future__ import annotations

import builtins
from typing import Any

import ml_dtypes
import numpy as np

_REF_OFFSET = 100


class DType:
    """The type of a tensor's elements. There is one object for each, so `is` compares them.

    Args:
        type_enum: the number in TensorFlow's DataType enum; over 100 for a reference type.

    Example:
        >>> float32.as_numpy_dtype
        <class 'numpy.float32'>
    """

    __slots__ = ("_ref", "_type_enum", "as_numpy_dtype", "base_dtype", "name", "np_dtype")

    _ref: DType
    _type_enum: int
    as_numpy_dtype: Any
    np_dtype: np.dtype[Any]
    name: str
    base_dtype: DType

    def __new__(cls, type_enum: int) -> DType:
        try:
            return _BY_ENUM[type_enum]
        except KeyError:
            raise TypeError(f"type_enum is not a valid types_pb2.DataType: {type_enum}") from None

    @property
    def _is_ref_dtype(self) -> builtins.bool:
        return self._type_enum > _REF_OFFSET

    @property
    def _as_ref(self) -> DType:
        return self._ref

    @property
    def as_datatype_enum(self) -> int:
        """The number in TensorFlow's DataType enum."""
        return self._type_enum

    @property
    def real_dtype(self) -> DType:
        """float32 or float64 for a complex type, else the type itself."""
        base = self.base_dtype
        return float32 if base is complex64 else float64 if base is complex128 else self

    @property
    def is_numpy_compatible(self) -> builtins.bool:
        """True where NumPy has this type."""
        return self.base_dtype not in (resource, variant)

    @property
    def is_bool(self) -> builtins.bool:
        """True for bool."""
        return self.base_dtype is bool_

    @property
    def is_integer(self) -> builtins.bool:
        """True for the integer types that are not quantized."""
        return self.np_dtype.kind in "iu" and not self.is_quantized

    @property
    def is_floating(self) -> builtins.bool:
        """True for the real floating types."""
        return self.base_dtype in _FLOATS

    @property
    def is_complex(self) -> builtins.bool:
        """True for complex64 and complex128."""
        return self.np_dtype.kind == "c"

    @property
    def is_quantized(self) -> builtins.bool:
        """True for the quantized types."""
        return self.base_dtype.name.startswith(("qint", "quint"))

    @property
    def is_unsigned(self) -> builtins.bool:
        """True for the unsigned integer types."""
        return self.np_dtype.kind == "u" and not self.is_quantized

    @property
    def size(self) -> int:
        """Bytes of one element (1 where NumPy has no such type)."""
        return self.np_dtype.itemsize if self.np_dtype.kind != "O" else 1

    def _limit(self, which: str) -> Any:
        if self.is_floating:
            return getattr(ml_dtypes.finfo(self.np_dtype), which)
        if self.np_dtype.kind in "iu":
            return getattr(np.iinfo(self.np_dtype), which)
        if self.base_dtype is bool_ and which == "max":
            return True
        raise TypeError(f"Cannot find {which}imum value of {self}.")

    @property
    def min(self) -> Any:
        """The least value; TypeError where there is none."""
        return self._limit("min")

    @property
    def max(self) -> Any:
        """The greatest value; TypeError where there is none."""
        return self._limit("max")

    @property
    def limits(self) -> tuple[Any, Any]:
        """(least, greatest) intensity of an image of this type."""
        return (0, 1) if self.is_floating else (0, self.max)

    def is_compatible_with(self, other: Any) -> builtins.bool:
        """True where a tensor of type `other` can be used for this type."""
        other = as_dtype(other)
        return self is other or self is other.base_dtype

    def __eq__(self, other: object) -> builtins.bool:
        if self is other:
            return True
        if other is None:
            return False
        try:
            return self is as_dtype(other)
        except TypeError:
            return False

    def __ne__(self, other: object) -> builtins.bool:
        return not self == other

    def __hash__(self) -> int:
        return self._type_enum

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __int__(self) -> int:
        return self._type_enum

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)


_BY_ENUM: dict[int, DType] = {}
_BY_NAME: dict[str, DType] = {}
_BY_NUMPY: dict[Any, DType] = {}


def _define(name: str, enum: int, numpy_type: Any) -> DType:
    pair = []
    for suffix, offset in (("", 0), ("_ref", _REF_OFFSET)):
        dtype = object.__new__(DType)
        dtype._type_enum = enum + offset
        dtype.name = name + suffix
        dtype.as_numpy_dtype = numpy_type
        dtype.np_dtype = np.dtype(numpy_type)
        _BY_ENUM[enum + offset] = _BY_NAME[name + suffix] = dtype
        pair.append(dtype)
    for dtype in pair:
        dtype.base_dtype, dtype._ref = pair
    _BY_NUMPY.setdefault(pair[0].np_dtype, pair[0])
    return pair[0]


float32 = _define("float32", 1, np.float32)
float64 = _define("float64", 2, np.float64)
int32 = _define("int32", 3, np.int32)
uint8 = _define("uint8", 4, np.uint8)
int16 = _define("int16", 5, np.int16)
int8 = _define("int8", 6, np.int8)
string = _define("string", 7, np.object_)
complex64 = _define("complex64", 8, np.complex64)
int64 = _define("int64", 9, np.int64)
bool_ = _define("bool", 10, np.bool_)
qint8 = _define("qint8", 11, np.dtype([("qint8", np.int8)]))
quint8 = _define("quint8", 12, np.dtype([("quint8", np.uint8)]))
qint32 = _define("qint32", 13, np.dtype([("qint32", np.int32)]))
bfloat16 = _define("bfloat16", 14, ml_dtypes.bfloat16)
qint16 = _define("qint16", 15, np.dtype([("qint16", np.int16)]))
quint16 = _define("quint16", 16, np.dtype([("quint16", np.uint16)]))
uint16 = _define("uint16", 17, np.uint16)
complex128 = _define("complex128", 18, np.complex128)
float16 = _define("float16", 19, np.float16)
resource = _define("resource", 20, np.dtype([("resource", np.uint8)]))
variant = _define("variant", 21, np.dtype([("variant", np.uint8)]))
uint32 = _define("uint32", 22, np.uint32)
uint64 = _define("uint64", 23, np.uint64)
half, double, bool = float16, float64, bool_

_FLOATS = (float16, float32, float64, bfloat16)
_BY_NAME.update(half=float16, float=float32, double=float64)
_BY_PYTHON: dict[Any, DType] = {
    float: float32,
    builtins.bool: bool_,
    object: string,
    str: string,
    bytes: string,
}
_PROTO_NAMES = {"HALF": "float16", "FLOAT": "float32", "DOUBLE": "float64"}

numbertypes = (
    float32, float64, int64, int32, uint8, uint16, int16, int8, complex64, complex128, qint8,
    quint8, qint32, float16, uint32, uint64, bfloat16,
)  # fmt: skip
realnumbertypes = (
    float32, float64, int32, int64, uint8, int16, int8, uint16, float16, uint32, uint64, bfloat16,
)  # fmt: skip
quantizedtypes = (qint8, quint8, qint16, quint16, qint32)


def as_dtype(value: Any) -> DType:
    """Converts a DType, NumPy type, Python type, name or enum number to a DType.

    Args:
        value: what stands for a type.

    Raises:
        TypeError: there is no such type in TensorFlow.

    Example:
        >>> as_dtype("float32")
        tf.float32
    """
    if isinstance(value, DType):
        return value
    try:
        found = _BY_PYTHON.get(value) or _BY_NAME.get(value) or _BY_ENUM.get(value)
    except TypeError:  # not hashable
        found = None
    if found is not None:
        return found
    if isinstance(value, (str, bytes)):  # NumPy has more names, which TensorFlow does not know
        raise TypeError(f"Cannot convert value {value!r} to a TensorFlow DType.")
    try:
        numpy_type = None if value is None else np.dtype(value)  # None would be float64
    except TypeError:
        numpy_type = None
    if numpy_type is not None and numpy_type in _BY_NUMPY:
        return _BY_NUMPY[numpy_type]
    if numpy_type is not None and numpy_type.kind in "SUO":
        return string
    raise TypeError(f"Cannot convert value {value!r} to a TensorFlow DType.")


def of_spec_name(name: str) -> DType:
    """The type of a name in an op spec or attr default: `float`, `DT_INT32`, `int64`."""
    if name.startswith("DT_"):
        name = _PROTO_NAMES.get(name[3:], name[3:].lower())
    return _BY_NAME[name]
