"""Composite fetches and feeds: SparseTensor, IndexedSlices, and what users register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from penstock.graph.export import export
from penstock.ops.indexed_slices import (
    IndexedSlices,
    IndexedSlicesValue,
    SparseTensor,
    SparseTensorValue,
)

FetchFunction = Callable[[Any], tuple[list[Any], Callable[[list[Any]], Any]]]
FeedFunction = Callable[[Any, Any], list[tuple[Any, Any]]]
TensorsFunction = Callable[[Any], list[Any]]


@dataclass(frozen=True)
class _Conversion:
    """How objects of one type are fetched and fed."""

    tensor_type: type
    fetch: FetchFunction
    feed: FeedFunction | None
    tensors: TensorsFunction | None


_conversions: list[_Conversion] = []


@export("register_session_run_conversion_functions")
def register_session_run_conversion_functions(
    tensor_type: type,
    fetch_function: FetchFunction,
    feed_function: FeedFunction | None = None,
    feed_function_for_partial_run: TensorsFunction | None = None,
) -> None:
    """Teaches sessions to fetch and feed objects of a type.

    Args:
        tensor_type: the type.
        fetch_function: from an object to (what to fetch for it, a function from the list of these
            values to the object's value).
        feed_function: from (object, fed value) to a list of (tensor, value).
        feed_function_for_partial_run: from an object to the list of its tensors, for
            `partial_run_setup`; `feed_function` does not serve there, since there is no value yet.

    Raises:
        ValueError: the type, or one derived from it, is registered already.

    Example:
        >>> tf.register_session_run_conversion_functions(
        ...     Squared, lambda s: ([s.tensor], lambda values: values[0] ** 2))
    """
    for known in _conversions:
        if issubclass(known.tensor_type, tensor_type):
            raise ValueError(f"{tensor_type} has already been registered so ignore it.")
    _conversions.insert(
        0, _Conversion(tensor_type, fetch_function, feed_function, feed_function_for_partial_run)
    )


def fetch_conversion(fetch: Any) -> tuple[list[Any], Callable[[list[Any]], Any]] | None:
    """What a registered function says of a fetch; None for other types."""
    found = _conversion_of(fetch)
    return None if found is None else found.fetch(fetch)


def is_composite(key: Any) -> bool:
    """True of what is fed as several tensors, or as another value than the one given."""
    return isinstance(key, tuple) or _conversion_of(key) is not None


def feed_conversion(key: Any, value: Any) -> list[tuple[Any, Any]] | None:
    """The tensors and values that a registered function makes of a feed; None for other types.

    Raises:
        TypeError: the type was registered for fetches only.
    """
    found = _conversion_of(key)
    if found is None:
        return None
    if found.feed is None:
        raise TypeError(f"{type(key)} cannot be fed: it was registered without a feed_function.")
    return found.feed(key, value)


def partial_run_tensors(key: Any) -> list[Any]:
    """The tensors that a feed named to `partial_run_setup` stands for.

    Raises:
        TypeError: the type was registered without a function for that.
    """
    found = _conversion_of(key)
    if found is None:
        return [key]
    if found.tensors is None:
        raise TypeError(
            f"{type(key)} cannot be fed in a partial run: it was registered without a "
            "feed_function_for_partial_run."
        )
    return found.tensors(key)


def _conversion_of(thing: Any) -> _Conversion | None:
    for conversion in _conversions:
        if isinstance(thing, conversion.tensor_type):
            return conversion
    return None


# TensorFlow takes a value with too few parts, too: what is missing then fails in the run, as a
# placeholder without a value.


def _sparse_tensors(sparse: SparseTensor) -> list[Any]:
    return [sparse.indices, sparse.values, sparse.dense_shape]


def _slices_tensors(slices: IndexedSlices) -> list[Any]:
    shape = [] if slices.dense_shape is None else [slices.dense_shape]
    return [slices.values, slices.indices, *shape]


def _slices_value(values: list[Any]) -> IndexedSlicesValue:
    return IndexedSlicesValue(*values, *[None] * (3 - len(values)))


register_session_run_conversion_functions(
    SparseTensor,
    lambda sparse: (_sparse_tensors(sparse), lambda values: SparseTensorValue(*values)),
    lambda sparse, value: list(zip(_sparse_tensors(sparse), value, strict=False)),
    _sparse_tensors,
)
register_session_run_conversion_functions(
    IndexedSlices,
    lambda slices: (_slices_tensors(slices), _slices_value),
    lambda slices, value: list(zip(_slices_tensors(slices), value, strict=False)),
    _slices_tensors,
)
