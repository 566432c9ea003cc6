"""Fetches: any nested structure of tensors, operations, variables, names; its values put back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.ops.indexed_slices import (
    IndexedSlices,
    IndexedSlicesValue,
    SparseTensor,
    SparseTensorValue,
)
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
        converted = fetch_conversion(fetch)
        if converted is not None:
            items, combine = converted
            inner = [self._walk(item) for item in items]
            return lambda values: combine([part(values) for part in inner])
        if isinstance(fetch, (list, tuple)):
            return self._walk_sequence(fetch)
        if isinstance(fetch, Mapping):
            keys = list(fetch)
            parts = [self._walk(fetch[key]) for key in keys]
            kind = type(fetch)
            return lambda values: kind(
                (k, part(values)) for k, part in zip(keys, parts, strict=True)
            )  # type: ignore[call-arg]
        if hasattr(type(fetch), "__attrs_attrs__"):
            return self._walk_attrs(fetch)
        if isinstance(fetch, SparseTensor):
            parts = [self._leaf(t) for t in (fetch.indices, fetch.values, fetch.dense_shape)]
            return lambda values: SparseTensorValue(*[part(values) for part in parts])
        if isinstance(fetch, IndexedSlices):
            tensors = [fetch.values, fetch.indices, fetch.dense_shape]
            parts = [(lambda values: None) if t is None else self._leaf(t) for t in tensors]
            return lambda values: IndexedSlicesValue(*[part(values) for part in parts])
        return self._leaf(fetch)

    def _walk_sequence(self, fetch: Any) -> Rebuild:
        parts = [self._walk(item) for item in fetch]
        kind = type(fetch)
        if hasattr(kind, "_fields"):
            return lambda values: kind(*[part(values) for part in parts])
        if kind is list:
            return lambda values: [part(values) for part in parts]
        return lambda values: kind([part(values) for part in parts])

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
            raise ValueError(f"Operation {element.name!r} has been marked as not fetchable.")
        return element
