"""Fetches: any nested structure of tensors, operations, variables, names; its values put back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from penstock.graph.errors import InaccessibleTensorError
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.session.conversions import fetch_conversion

Element = Tensor | Operation
# From the values of all elements to the part of the structure that one fetch is.
Rebuild = Callable[[Sequence[Any]], Any]


class Fetches:
    """The elements of a fetch structure, each once, and the way back.

    Args:
        graph: the session's graph.
        structure: what was passed to `run`.

    Raises:
        TypeError: a leaf is nothing that can be fetched.
        ValueError: it is not in the graph, or may not be fetched.
    """

    def __init__(self, graph: Graph, structure: Any) -> None:
        self._graph = graph
        self._places: dict[Element, int] = {}
        self.late_reads: set[Tensor] = set()
        self.rebuild = self._walk(structure)

    @property
    def elements(self) -> tuple[Element, ...]:
        """The tensors and operations, each once."""
        return tuple(self._places)

    def _walk(self, fetch: Any) -> Rebuild:
        if fetch is None:
            raise TypeError(f"Fetch argument {fetch!r} has invalid type {type(fetch)!r}")
        if isinstance(fetch, (list, tuple)):
            return self._walk_sequence(fetch)
        if hasattr(fetch, "items") and isinstance(fetch, Mapping):  # the latter alone is slow
            return self._walk_mapping(fetch)
        if hasattr(type(fetch), "__attrs_attrs__"):
            return self._walk_attrs(fetch)
        converted = fetch_conversion(fetch)
        if converted is not None:
            items, combine = converted
            inner = [self._walk(item) for item in items]
            return lambda values: combine([part(values) for part in inner])
        return self._leaf(fetch)

    def _walk_sequence(self, fetch: Any) -> Rebuild:
        parts = [self._walk(item) for item in fetch]
        kind = type(fetch)
        if hasattr(kind, "_fields"):
            return lambda values: kind(*[part(values) for part in parts])
        if kind is list:
            return lambda values: [part(values) for part in parts]
        return lambda values: kind([part(values) for part in parts])

    def _walk_mapping(self, fetch: Mapping[Any, Any]) -> Rebuild:
        kind: Any = type(fetch)
        parts = [(key, self._walk(value)) for key, value in fetch.items()]

        def rebuild(values: Sequence[Any]) -> Any:
            found = kind()
            for key, part in parts:
                found[key] = part(values)
            return found

        return rebuild

    def _walk_attrs(self, fetch: Any) -> Rebuild:
        kind = type(fetch)
        names = [attribute.name for attribute in kind.__attrs_attrs__]
        parts = [self._walk(getattr(fetch, name)) for name in names]
        return lambda values: kind(*[part(values) for part in parts])

    def _leaf(self, fetch: Any) -> Rebuild:
        element = self._element(fetch)
        place = self._places.setdefault(element, len(self._places))
        if (
            isinstance(element, Tensor)
            and element is not fetch
            and element.op.type == "ReadVariableOp"
        ):
            # A resource variable itself is read after the run's assignments; what an assignment
            # gave is read after that one.
            if not isinstance(fetch, str) and not element.op._control_inputs:
                self.late_reads.add(element)
        return lambda values: values[place]

    def _element(self, fetch: Any) -> Element:
        try:
            element = self._graph.as_graph_element(fetch, allow_tensor=True, allow_operation=True)
        except TypeError as error:
            raise TypeError(
                f"Fetch argument {fetch!r} has invalid type {type(fetch)!r}, must be a string "
                f"or Tensor. ({error})"
            ) from None
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"Fetch argument {fetch!r} cannot be interpreted as a Tensor. ({error})"
            ) from None
        if not self._graph.is_fetchable(element):
            name = (element.op if isinstance(element, Tensor) else element).name
            raise InaccessibleTensorError(f"Operation {name!r} has been marked as not fetchable.")
        return element


def with_fed_arrays(fetches: Fetches, feeds: Sequence[Tensor], rebuild: Rebuild) -> Rebuild:
    """`rebuild`, where what is fed and fetched comes back as an array, a number too.

    TensorFlow hands back the very array that it made of the fed value.
    """
    fed = [place for place, element in enumerate(fetches.elements) if element in feeds]
    if not fed:
        return rebuild

    def rebuild_with_fed_arrays(values: Sequence[Any]) -> Any:
        listed = list(values)
        for place in fed:
            value = listed[place]
            listed[place] = np.asarray(value, object if isinstance(value, bytes) else None)
        return rebuild(listed)

    return rebuild_with_fed_arrays
