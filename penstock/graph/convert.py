"""`tf.convert_to_tensor`: how Python values, arrays and variables become tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.graph import dtypes
from penstock.graph.graph import Graph
from penstock.graph.operation import Tensor
from penstock.graph.stacks import GraphAsDefault, default_graph

if TYPE_CHECKING:
    from penstock.graph.argspec import ArgSpec

_functions: list[tuple[int, int, Any, Callable[..., Any]]] = []
_functions_of_type: dict[type, list[tuple[Any, Callable[..., Any]]]] = {}


def register_tensor_conversion_function(
    base_type: Any, conversion_func: Callable[..., Any], priority: int = 100
) -> None:
    """Teaches `convert_to_tensor` a type.

    Args:
        base_type: a type or tuple of types.
        conversion_func: `f(value, dtype=None, name=None, as_ref=False)` that gives a
            Tensor or NotImplemented.
        priority: functions of lower priority are tried first.

    Raises:
        TypeError: `base_type` is no type, or one of numbers or arrays, or `conversion_func` is no
            function.

    Example:
        >>> def from_celsius(value, dtype=None, name=None, as_ref=False):
        ...     return tf.constant(value.degrees, dtype, name=name)
        >>> tf.register_tensor_conversion_function(Celsius, from_celsius)
    """
    if not isinstance(base_type, type) and not (
        isinstance(base_type, tuple) and all(isinstance(item, type) for item in base_type)
    ):
        raise TypeError("base_type must be a type or a tuple of types.")
    if not callable(conversion_func):
        raise TypeError("conversion_func must be callable.")
    kinds = base_type if isinstance(base_type, tuple) else (base_type,)
    if any([issubclass(kind, (int, float, np.generic, np.ndarray)) for kind in kinds]):
        raise TypeError(
            "Cannot register conversions for Python numeric types and NumPy scalars and arrays."
        )
    add_conversion(base_type, conversion_func, priority)


def add_conversion(base_type: Any, conversion_func: Callable[..., Any], priority: int) -> None:
    """Teaches `convert_to_tensor` any type; see `register_tensor_conversion_function`."""
    _functions.append((priority, len(_functions), base_type, conversion_func))
    _functions.sort(key=lambda row: row[:2])
    _functions_of_type.clear()


def _functions_for(cls: type) -> list[tuple[Any, Callable[..., Any]]]:
    found = _functions_of_type.get(cls)
    if found is None:
        found = [(base, function) for _, _, base, function in _functions if issubclass(cls, base)]
        _functions_of_type[cls] = found
    return found


def convert_to_tensor(
    value: Any,
    dtype: Any = None,
    name: str | None = None,
    preferred_dtype: Any = None,
    dtype_hint: Any = None,
) -> Tensor:
    """Converts a value to a Tensor.

    Args:
        value: a Tensor, Variable, array, number, string, list of these, or of a registered type.
        dtype: the type that the tensor must have; found out from the value where None.
        name: the name of the op that is made, where one is.
        preferred_dtype, dtype_hint: a type to use where the value can have it.

    Returns:
        A Tensor; `value` itself where it is one.

    Raises:
        TypeError: the value cannot be a tensor.
        ValueError: it is a tensor of another type.

    Example:
        >>> tf.convert_to_tensor([1.0, 2.0])
        <tf.Tensor 'Const:0' shape=(2,) dtype=float32>
    """
    hint = dtype_hint if dtype_hint is not None else preferred_dtype
    return internal_convert(
        value,
        None if dtype is None else dtypes.as_dtype(dtype),
        name,
        preferred=None if hint is None else dtypes.as_dtype(hint),
    )


def internal_convert(
    value: Any,
    dtype: dtypes.DType | None = None,
    name: str | None = None,
    as_ref: bool = False,
    preferred: dtypes.DType | None = None,
) -> Tensor:
    """`convert_to_tensor`, and references to variables where `as_ref` asks for them."""
    if isinstance(value, Tensor):
        if dtype is not None and not dtype.is_compatible_with(value.dtype.base_dtype):
            raise ValueError(
                f"Tensor conversion requested dtype {dtype.name} for Tensor with dtype "
                f"{value.dtype.name}: {str(value)!r}"
            )
        return value
    for base_type, function in _functions_for(type(value)):
        result = NotImplemented
        if dtype is None and preferred is not None:
            try:
                result = function(value, dtype=preferred, name=name, as_ref=as_ref)
            except (TypeError, ValueError):
                result = NotImplemented  # the preference is no demand: tried again without it
        if result is NotImplemented:
            result = function(value, dtype=dtype, name=name, as_ref=as_ref)
        if result is NotImplemented:
            continue
        if not isinstance(result, Tensor):
            raise RuntimeError(
                f"Conversion function {function!r} for type {base_type} returned "
                f"non-Tensor: {result!r}"
            )
        if dtype is not None and not dtype.is_compatible_with(result.dtype.base_dtype):
            raise RuntimeError(
                f"Conversion function {function!r} for type {base_type} returned incompatible "
                f"dtype: requested = {dtype.name}, actual = {result.dtype.name}"
            )
        return result
    raise TypeError(
        f"Cannot convert {value!r} with type {type(value)} to Tensor: no conversion "
        "function registered."
    )


def convert_argument(
    op_name: str, arg: ArgSpec, value: Any, attrs: dict[str, Any], graph: Graph
) -> Any:
    """Converts what was passed for an input of an op: to a Tensor, or to a list of them.

    Raises:
        TypeError, ValueError: it cannot be converted to the type that the op needs here.
    """
    if default_graph() is not graph:
        with GraphAsDefault(graph):
            return convert_argument(op_name, arg, value, attrs, graph)
    if arg.many:
        return _convert_list(op_name, arg, value, attrs)
    dtype = arg.dtype if arg.dtype is not None else attrs.get(arg.type_attr)
    if isinstance(value, Tensor):
        if (
            arg.is_ref
            and not value.dtype._is_ref_dtype
            and value.dtype.base_dtype is not dtypes.resource
        ):
            raise TypeError(
                f"'{op_name}' Op requires that input '{arg.name}' be a mutable tensor "
                "(e.g.: a tf.Variable)"
            )
        return value
    try:
        tensor = internal_convert(value, dtype, arg.name, arg.is_ref, arg.default_dtype)
    except TypeError as error:
        if dtype is None:
            raise
        raise TypeError(
            f"Expected {dtype.name} passed to parameter '{arg.name}' of op '{op_name}', got "
            f"{_shown(value)} of type '{type(value).__name__}' instead. Error: {error}"
        ) from None
    except ValueError as error:
        if dtype is None:
            raise
        raise ValueError(
            f"Tried to convert '{arg.name}' to a tensor and failed. Error: {error}"
        ) from None
    if arg.is_ref and not tensor.dtype._is_ref_dtype:
        raise TypeError(
            f"'{op_name}' Op requires that input '{arg.name}' be a mutable tensor "
            "(e.g.: a tf.Variable)"
        )
    return tensor


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _convert_list(op_name: str, arg: ArgSpec, value: Any, attrs: dict[str, Any]) -> list[Tensor]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"Expected list for '{arg.name}' argument to '{op_name}' Op, not {value}.")
    dtype = arg.dtype
    if dtype is None and not arg.type_list:
        dtype = attrs.get(arg.type_attr)
        for item in value:
            if dtype is None and hasattr(item, "dtype") and hasattr(item, "graph"):
                dtype = item.dtype.base_dtype
    preferred = arg.default_dtype
    tensors: list[Tensor] = []
    for index, item in enumerate(value):
        try:
            tensor = internal_convert(item, dtype, f"{arg.name}_{index}", arg.is_ref, preferred)
        except (TypeError, ValueError) as error:
            if dtype is None:
                raise
            raise TypeError(
                f"Tensors in list passed to '{arg.name}' of '{op_name}' Op have types that do not "
                f"match expected type {dtype.name}: item {index} is {_shown(item)}. Error: {error}"
            ) from None
        if dtype is None and not arg.type_list:
            dtype = tensor.dtype.base_dtype
        tensors.append(tensor)
    return tensors
