"""`tf.register_session_run_conversion_functions`: users' own types as fetches and feeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph.export import export

FetchFunction = Callable[[Any], tuple[list[Any], Callable[[list[Any]], Any]]]
FeedFunction = Callable[[Any, Any], list[tuple[Any, Any]]]

_conversions: list[tuple[type, FetchFunction, FeedFunction | None]] = []


@export("register_session_run_conversion_functions")
def register_session_run_conversion_functions(
    tensor_type: type,
    fetch_function: FetchFunction,
    feed_function: FeedFunction | None = None,
    feed_function_for_partial_run: Callable[[Any], list[Any]] | None = None,
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
        ValueError: the type is registered already.

    Example:
        >>> tf.register_session_run_conversion_functions(
        ...     Squared, lambda s: ([s.tensor], lambda values: values[0] ** 2))
    """
    for known, _, _ in _conversions:
        if issubclass(tensor_type, known):
            raise ValueError(f"{tensor_type} has already been registered so ignore it.")
    _conversions.insert(0, (tensor_type, fetch_function, feed_function))
    if feed_function_for_partial_run is not None:
        _partial_run_feeds[tensor_type] = feed_function_for_partial_run


_partial_run_feeds: dict[type, Callable[[Any], list[Any]]] = {}


def fetch_conversion(fetch: Any) -> tuple[list[Any], Callable[[list[Any]], Any]] | None:
    """What a registered function says of a fetch; None for other types."""
    for tensor_type, fetch_function, _ in _conversions:
        if isinstance(fetch, tensor_type):
            return fetch_function(fetch)
    return None


def feed_conversion(key: Any, value: Any) -> list[tuple[Any, Any]] | None:
    """The tensors and values that a registered function makes of a feed; None for other types."""
    for tensor_type, _, feed_function in _conversions:
        if isinstance(key, tensor_type) and feed_function is not None:
            return feed_function(key, value)
    return None


def partial_run_tensors(key: Any) -> list[Any]:
    """The tensors that a feed named to `partial_run_setup` stands for."""
    for tensor_type, tensors_of in _partial_run_feeds.items():
        if isinstance(key, tensor_type):
            return tensors_of(key)
    return [key]
