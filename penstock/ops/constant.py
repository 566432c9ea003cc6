"""Constants and placeholders: the tensors that come from outside a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import (
    add_conversion,
    convert_to_tensor,
    register_tensor_conversion_function,
)
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import export, export_as
from penstock.graph.large_constants import counted
from penstock.graph.operation import Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, raw, register
from penstock.graph.protos import as_bytes

export_as("convert_to_tensor", convert_to_tensor)
export_as("register_tensor_conversion_function", register_tensor_conversion_function)

_PYTHON_KINDS: dict[type, tuple[str, ...]] = {
    bool: ("bool", "int", "float", "complex"),
    int: ("int", "float", "complex"),
    float: ("float", "complex"),
    complex: ("complex",),
    str: ("string",),
    bytes: ("string",),
}


# What a number is, for each wanted type, and how large it may be to go there without a closer look.
_NUMBERS: dict[tuple[type, dtypes.DType | None], tuple[dtypes.DType, float]] = {
    (float, None): (dtypes.float32, 1e38),
    (float, dtypes.float32): (dtypes.float32, 1e38),
    (float, dtypes.float64): (dtypes.float64, 1e308),
    (int, None): (dtypes.int32, 2**31 - 1),
    (int, dtypes.int32): (dtypes.int32, 2**31 - 1),
    (int, dtypes.int64): (dtypes.int64, 2**63 - 1),
    (int, dtypes.float32): (dtypes.float32, 2**24),
    (int, dtypes.float64): (dtypes.float64, 2**53),
}

_NUMPY_KINDS: dict[str, tuple[str, ...]] = {
    "b": ("bool",),
    "i": ("int", "float", "complex"),
    "u": ("int", "float", "complex"),
    "f": ("float", "complex"),
    "c": ("complex",),
    "S": ("string",),
    "U": ("string",),
    "O": ("string",),
    "V": ("float", "complex"),  # bfloat16
}


def const_kernel(*, value: Any) -> Any:
    return value


def const_shape(*, value: Any) -> shapes.Shape:
    return value.shape


CONST = register(
    OpSpec(
        name="Const", inputs=(), outputs=("output: dtype",), attrs=("value: tensor", "dtype: type"),
        shape=const_shape, kernel=const_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


def placeholder_shape(*, shape: shapes.Shape) -> shapes.Shape:
    return shape


def placeholder_kernel(ctx: Any) -> Any:
    dtype = ctx.op.outputs[0].dtype
    shape = ctx.op.outputs[0]._shape
    with_shape = "" if not shape else f" and shape {shapes.bracket_text(shape)}"
    raise InvalidArgumentError(
        None, ctx.op,
        f"You must feed a value for placeholder tensor '{ctx.op.name}' with "
        f"dtype {proto_name(dtype)}{with_shape}",
    )  # fmt: skip


def proto_name(dtype: dtypes.DType) -> str:
    """The name of a type as TensorFlow's kernels print it, such as `float` for float32."""
    return {"float32": "float", "float64": "double", "float16": "half"}.get(dtype.name, dtype.name)


PLACEHOLDER = register(
    OpSpec(
        name="Placeholder", inputs=(), outputs=("output: dtype",),
        attrs=("dtype: type", "shape: shape = { unknown_rank: true }"),
        shape=placeholder_shape, kernel=placeholder_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip

PLACEHOLDER_WITH_DEFAULT = register(
    OpSpec(
        name="PlaceholderWithDefault", inputs=("input: dtype",), outputs=("output: dtype",),
        attrs=("dtype: type", "shape: shape"),
        shape=lambda value, *, shape: shape, kernel=lambda xp, value: value,
        gradient=lambda op, grad: [grad], view=True, stateful=True,
    )
)  # fmt: skip


@export("placeholder", "compat.v1.placeholder")
def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor whose value must be fed in each run that needs it.

    Args:
        dtype: the type of its elements.
        shape: what is known of its shape; anything may be fed where None.
        name: a name for the operation.

    Returns:
        A Tensor. Running it without a feed raises InvalidArgumentError.

    Example:
        >>> x = tf.placeholder(tf.float32, [None, 3])
        >>> sess.run(x * 2, feed_dict={x: [[1, 2, 3]]})
    """
    return PLACEHOLDER(dtype=dtype, shape=shape, name=name)


@export("placeholder_with_default", "compat.v1.placeholder_with_default")
def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """A tensor that has the value of `input` in runs that do not feed it.

    Args:
        input: the default value.
        shape: what is known of the shape of what may be fed.
        name: a name for the operation.

    Returns:
        A Tensor of the type of `input`.

    Example:
        >>> rate = tf.placeholder_with_default(0.1, shape=[])
    """
    return PLACEHOLDER_WITH_DEFAULT(input, shape=shape, name=name)


@export("constant", "compat.v1.constant")
def constant(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str = "Const",
    verify_shape: bool = False,
) -> Tensor:
    """A tensor with a fixed value.

    Args:
        value: a number, string, bool, list of these, or array.
        dtype: the type of its elements; found out from `value` where None.
        shape: the shape; a value with fewer elements is filled up with its last one.
        name: a name for the operation.
        verify_shape: demand that `value` has exactly `shape`.

    Returns:
        A Tensor.

    Raises:
        TypeError: `value` cannot have that type.
        ValueError: `value` has more elements than `shape`.

    Example:
        >>> tf.constant([[1, 2], [3, 4]])
        <tf.Tensor 'Const:0' shape=(2, 2) dtype=int32>
    """
    wanted = None if dtype is None else dtypes.as_dtype(dtype).base_dtype
    array, found = as_array(value, wanted)
    if shape is not None:
        array = _with_shape(array, shape, verify_shape)
    return raw.Const(value=array, dtype=found, name=name)


def _with_shape(
    array: np.ndarray[Any, Any], shape: Any, verify_shape: bool
) -> np.ndarray[Any, Any]:
    wanted = shapes.as_tuple(shape)
    count = shapes.element_count(wanted)
    if count is None or wanted is None:
        raise ValueError(f"a constant needs a fully known shape, got {shapes.shape_text(wanted)}")
    if verify_shape and array.shape != wanted:
        raise TypeError(f"Expected Tensor's shape: {wanted}, got {array.shape}.")
    if count == 0:
        return np.empty(wanted, array.dtype)
    if array.size == count:
        return array.reshape(wanted)
    if array.size > count:
        raise ValueError(
            f"Too many elements provided. Needed at most {count}, but received {array.size}"
        )
    if array.size == 0:
        return np.zeros(wanted, array.dtype)
    filled = np.full(count, array.ravel()[-1], array.dtype)
    filled[: array.size] = array.ravel()
    return counted(filled.reshape(wanted))


def as_array(
    value: Any, dtype: dtypes.DType | None = None
) -> tuple[np.ndarray[Any, Any], dtypes.DType]:
    """The array of a constant, a private copy, and its type, by TensorFlow's rules.

    Python ints are int32 (int64 where they are too large), floats float32; arrays keep their type.
    Nothing is cast silently: a float where an int is wanted is a TypeError.

    Raises:
        TypeError: the value, or an element of it, cannot have the type.
        ValueError: the value is ragged, or None.
    """
    number = _NUMBERS.get((type(value), dtype))
    if number is not None:
        found, limit = number
        if -limit <= value <= limit:
            return np.array(value, found.np_dtype), found
    if value is None:
        raise ValueError("None values not supported.")
    if isinstance(value, (np.ndarray, np.generic)):
        return _from_numpy(value, dtype)
    if dtype is dtypes.string or (dtype is None and isinstance(value, (str, bytes))):
        return _string_array(value), dtypes.string
    if dtype is not None and isinstance(
        value, (list, tuple, int, float, complex, bool, str, bytes, Tensor)
    ):
        _check_elements(value, dtype)
    return _from_python(value, dtype)


def _from_numpy(
    value: Any, dtype: dtypes.DType | None
) -> tuple[np.ndarray[Any, Any], dtypes.DType]:
    if not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    if dtype is not None and value.dtype == np.longdouble:
        value = value.astype(np.float64)
    found = dtypes.as_dtype(value.dtype)
    if found is dtypes.string:
        if dtype not in (None, dtypes.string):
            return _from_python(value.tolist(), dtype)
        return _string_array(
            value.tolist() if value.dtype.kind != "S" else value.astype(object)
        ), dtypes.string
    if dtype is None or dtype is found:
        return counted(np.array(value, order="C")), found
    if dtype is dtypes.string:
        raise TypeError(f"Expected string, got an array of type {found.name}.")
    return counted(np.asarray(value).astype(dtype.np_dtype)), dtype


def _string_array(value: Any) -> np.ndarray[Any, Any]:
    nested = np.array(value, dtype=object)
    flat = nested.ravel()
    out = np.empty(flat.shape, object)
    for index, item in enumerate(flat.tolist()):
        if not isinstance(item, (str, bytes)):
            raise TypeError(
                f"Expected string, got {item!r} of type '{type(item).__name__}' instead."
            )
        out[index] = as_bytes(item)
    return out.reshape(nested.shape)


def _check_elements(value: Any, dtype: dtypes.DType) -> None:
    """Raises TypeError at the first scalar that does not fit the type."""
    if isinstance(value, (list, tuple)):
        for item in value:
            _check_elements(item, dtype)
        return
    kind = (
        "bool" if dtype.is_bool else "string" if dtype is dtypes.string
        else "float" if dtype.is_floating else "complex" if dtype.is_complex else "int"
    )  # fmt: skip
    if isinstance(value, (np.generic, np.ndarray)):
        kinds: tuple[str, ...] | None = (
            _NUMPY_KINDS.get(value.dtype.kind, ()) if value.ndim == 0 else ()
        )
    elif value is None or isinstance(value, Tensor):
        kinds = ()
    else:
        kinds = _PYTHON_KINDS.get(type(value))
    if kinds is not None and kind not in kinds:
        raise _unexpected(value, dtype)


def _unexpected(value: Any, dtype: dtypes.DType) -> TypeError:
    return TypeError(
        f"Expected {dtype.name}, got {value!r} of type '{type(value).__name__}' instead."
    )


def _from_python(
    value: Any, dtype: dtypes.DType | None
) -> tuple[np.ndarray[Any, Any], dtypes.DType]:
    if dtype is not None and dtype.is_quantized:
        return np.array(value, dtype.np_dtype), dtype
    try:
        array = np.array(value)
    except ValueError as error:
        raise ValueError(
            f"Can't convert non-rectangular Python sequence to Tensor: {value!r}"
        ) from error
    except NotImplementedError as error:  # a tensor has no value yet
        raise TypeError("List of Tensors when single Tensor expected") from error
    kind = array.dtype.kind
    if kind in "US" or (kind == "O" and _all_strings(array)):
        if dtype is not None and dtype is not dtypes.string:
            raise TypeError(f"Expected {dtype.name}, got {value!r} of type 'str' instead.")
        return _string_array(value), dtypes.string
    if kind == "O" and dtype is not None and (dtype.is_integer or dtype.is_floating):
        # Dimensions count as ints where ints are wanted, and ints of any size as floats.
        try:
            array = np.array(value, dtype.np_dtype)
        except (TypeError, ValueError) as error:  # one of them is a variable, say
            numbers = (int, float, shapes.Dimension)
            odd = [item for item in array.ravel().tolist() if not isinstance(item, numbers)]
            raise _unexpected((odd or [value])[0], dtype) from error
    elif kind == "O":
        raise TypeError(
            f"Failed to convert object of type {type(value)} to Tensor. Contents: {value!r}. "
            "Consider casting elements to a supported type."
        )
    if dtype is None:
        dtype = _natural_dtype(value, array)
    with np.errstate(all="ignore"):
        converted = array.astype(dtype.np_dtype)
    if kind in "iu" and dtype.is_integer and not np.array_equal(converted, array):
        raise TypeError(f"Value {value!r} is out of range for {dtype.name}")
    return converted, dtype


def _all_strings(array: np.ndarray[Any, Any]) -> bool:
    return array.size > 0 and all(
        [isinstance(item, (str, bytes)) for item in array.ravel().tolist()]
    )


def _natural_dtype(value: Any, array: np.ndarray[Any, Any]) -> dtypes.DType:
    """The type of the array, but float32 for float64, and int32 for int64 where that fits.

    Raises:
        ValueError: the value is a list of arrays.
    """
    if list(array.shape) != (dense := _dense_shape(value)):
        raise ValueError(
            f"Argument must be a dense tensor: {value} - got shape "
            f"{list(array.shape)}, but wanted {dense}."
        )
    if array.dtype == np.float64:
        return dtypes.float32
    if array.dtype == np.int64:
        fits = array.size == 0 or (array.min() >= -(2**31) and array.max() < 2**31)
        return dtypes.int32 if fits else dtypes.int64
    return dtypes.as_dtype(array.dtype)


def _dense_shape(value: Any) -> list[int]:
    """The shape that the lists themselves have, arrays in them not counted."""
    shape = []
    while isinstance(value, (list, tuple)):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return shape


def _convert_value(
    value: Any, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Tensor:
    return constant(value, dtype, name=name or "Const")


def _convert_shape(
    value: Any, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Any:
    if not value.is_fully_defined():
        raise ValueError(f"Cannot convert a partially known TensorShape to a Tensor: {value}")
    sizes = value.as_list()
    if dtype is None:
        dtype = dtypes.int64 if any([size >= 2**31 for size in sizes]) else dtypes.int32
    elif dtype not in (dtypes.int32, dtypes.int64):
        raise TypeError(f"Cannot convert a TensorShape to dtype {dtype.name}")
    return constant(np.array(sizes, dtype.np_dtype), name=name or "shape_as_tensor")


def _convert_dimension(
    value: Any, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Any:
    if value.value is None:
        raise ValueError(f"Cannot convert an unknown Dimension to a Tensor: {value}")
    if dtype not in (None, dtypes.int32, dtypes.int64):
        raise TypeError(f"Cannot convert a TensorShape to dtype {dtype.name}")
    return constant(value.value, dtype, name=name or "shape_as_tensor")


add_conversion(object, _convert_value, 200)
add_conversion((list, tuple, np.ndarray, np.generic), _convert_value, 100)
register_tensor_conversion_function(shapes.TensorShape, _convert_shape, 100)
register_tensor_conversion_function(shapes.Dimension, _convert_dimension, 100)
