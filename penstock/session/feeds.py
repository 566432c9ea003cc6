"""Feeds: which tensors they are, and how fed values become arrays of the right type and shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.graph import Graph
from penstock.graph.operation import Tensor
from penstock.graph.protos import as_bytes
from penstock.session.conversions import feed_conversion
from penstock.session.handles import TensorHandle

Convert = Callable[[Any], Any]


def fed_tensor(graph: Graph, key: Any, source: str = "feed_dict") -> Tensor:
    """The tensor that a key of a feed_dict stands for.

    Args:
        graph: the session's graph.
        key: a tensor, its name, or what stands for one.
        source: where the key is from, for the error.

    Raises:
        TypeError: it stands for none of this graph.
        ValueError: the tensor may not be fed.
    """
    try:
        tensor = graph.as_graph_element(key, allow_tensor=True, allow_operation=False)
    except Exception as error:
        raise TypeError(f"Cannot interpret {source} key as Tensor: {error.args[0]}") from None
    if not graph.is_feedable(tensor):
        raise ValueError(f"Tensor {tensor} may not be fed.")
    return tensor


def flatten_feed_dict(feed_dict: Any) -> dict[Any, Any]:
    """The feed_dict, composite keys (SparseTensor, IndexedSlices, tuples of tensors) taken apart.

    Raises:
        TypeError: it is no dictionary.
        ValueError: a composite key and its value have different numbers of parts.
    """
    if not hasattr(feed_dict, "items"):
        raise TypeError("input must be a dictionary")
    flat: dict[Any, Any] = {}
    for key, value in feed_dict.items():
        flat.update(_parts(key, value))
    return flat


def _parts(key: Any, value: Any) -> list[tuple[Any, Any]]:
    converted = feed_conversion(key, value)
    if converted is not None:
        return [part for k, v in converted for part in _parts(k, v)]
    if isinstance(key, tuple):
        if len(key) != len(value):
            raise ValueError(
                f"Could not flatten dictionary. Key had {len(key)} elements, but value had "
                f"{len(value)} elements. Key: {key}, value: {value}."
            )
        return [part for k, v in zip(key, value, strict=True) for part in _parts(k, v)]
    return [(key, value)]


def converter(tensor: Tensor) -> Convert:
    """What turns a value that is fed for `tensor` into an array.

    The function raises TypeError or ValueError where the value cannot be one.
    """
    dtype = tensor.dtype.base_dtype
    if dtype is dtypes.string:
        return _string_converter(tensor)
    numpy_type = dtype.np_dtype
    shape = tensor._shape
    fits = _shape_check(shape)
    asarray, ndarray = np.asarray, np.ndarray
    checks_range = dtype.is_integer or dtype.is_bool
    make_scalar = numpy_type.type if shape in (None, ()) and dtype.is_floating else None

    def convert(value: Any) -> Any:
        kind = type(value)
        if kind is float and make_scalar is not None:
            return make_scalar(value)
        if kind is ndarray and value.dtype is numpy_type:
            array = value
        else:
            if kind is Tensor:
                raise _is_tensor(tensor, value)
            if kind is TensorHandle:
                value = value.fed_value(tensor)
            if checks_range and kind is int:
                _check_range(value, numpy_type)
            try:
                array = asarray(value, numpy_type)
            except OverflowError:
                if not checks_range:
                    raise
                raise _does_not_fit(value, numpy_type) from None
            except NotImplementedError as error:  # there is a tensor in the list
                raise ValueError(
                    f"setting an array element with a sequence: {error} It was fed for "
                    f"{tensor.name}; feed values that a session gave."
                ) from None
        if array.shape != shape and not fits(array.shape):
            raise _wrong_shape(tensor, array.shape)
        return array

    return convert


def _shape_check(shape: shapes.Shape) -> Callable[[tuple[int, ...]], bool]:
    """A function that tells whether an array's shape is one that a static shape allows."""
    if shape is None:
        return lambda found: True
    rank = len(shape)
    fixed = [(axis, size) for axis, size in enumerate(shape) if size is not None]

    def fits(found: tuple[int, ...]) -> bool:
        if len(found) != rank:
            return False
        for axis, size in fixed:
            if found[axis] != size:
                return False
        return True

    return fits


def _string_converter(tensor: Tensor) -> Convert:
    def convert(value: Any) -> Any:
        if isinstance(value, Tensor):
            raise _is_tensor(tensor, value)
        if isinstance(value, TensorHandle):
            value = value.fed_value(tensor)
        nested = np.asarray(value, dtype=object)
        if not shapes.compatible(tensor._shape, nested.shape):
            raise _wrong_shape(tensor, nested.shape)
        out = np.empty(nested.shape, object)
        for place, item in np.ndenumerate(nested):
            if not isinstance(item, (str, bytes)):
                raise TypeError(
                    f"Type of feed value {item!r} with type {type(item)} is not compatible with "
                    "Tensor type <class 'object'>. Try explicitly setting the type of the feed "
                    "tensor to a larger type (e.g. int64)."
                )
            out[place] = as_bytes(item)
        return out

    return convert


def _check_range(value: int, numpy_type: Any) -> None:
    if numpy_type.kind == "b":
        fits = value in (0, 1)
    else:
        limits = np.iinfo(numpy_type)
        fits = limits.min <= value <= limits.max
    if not fits:
        raise _does_not_fit(value, numpy_type)


def _does_not_fit(value: Any, numpy_type: Any) -> TypeError:
    return TypeError(
        f"Type of feed value {value} with type {type(value)} is not compatible with Tensor "
        f"type {numpy_type.type}. Try explicitly setting the type of the feed tensor to a "
        "larger type (e.g. int64)."
    )


def _is_tensor(tensor: Tensor, value: Tensor) -> TypeError:
    return TypeError(
        "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include Python "
        "scalars, strings, lists, numpy ndarrays, or TensorHandles. For reference, the tensor "
        f"object was {value} which was passed to the feed with key {tensor}."
    )


def _wrong_shape(tensor: Tensor, shape: tuple[int, ...]) -> ValueError:
    return ValueError(
        f"Cannot feed value of shape {shape} for Tensor {tensor.name!r}, "
        f"which has shape '{shapes.shape_text(tensor._shape)}'"
    )
