"""What TensorFlow's lists and optional values are in a run: variant tensors hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError


def refuse(text: str) -> InvalidArgumentError:
    """The error of an op on lists."""
    return InvalidArgumentError(None, None, text)


class TensorList:
    """A list of tensors of one type. It never changes: what changes it gives another one.

    Lists that were pushed onto each other share their elements, so that pushing takes no time that
    grows with the list.

    Args:
        items: the elements; None where one was never set. They may be more than the list has.
        length: how many of them it has.
        dtype: the NumPy type of the elements.
        element_shape: what is known of their shape.
        most: how many it may have; any number where that is negative.
    """

    __slots__ = ("_items", "_length", "_most", "dtype", "element_shape")

    def __init__(
        self, items: list[Any], length: int, dtype: Any, element_shape: shapes.Shape, most: int = -1
    ) -> None:
        self._items = items
        self._length = length
        self._most = most
        self.dtype = dtype
        self.element_shape = element_shape

    def __len__(self) -> int:
        return self._length

    @property
    def items(self) -> list[Any]:
        """Its elements; None where one was never set."""
        return self._items[: self._length]

    def with_items(self, items: list[Any]) -> TensorList:
        """A list of the same kind."""
        return TensorList(items, len(items), self.dtype, self.element_shape, self._most)

    def merged_shape(self, wanted: shapes.Shape) -> shapes.Shape:
        """What is known of the shape of an element that should have the shape `wanted`.

        Raises:
            InvalidArgumentError: it contradicts that.
        """
        return merge(self.element_shape, wanted)

    def push(self, item: Any) -> TensorList:
        """The list with one more element."""
        self.check(item)
        if 0 <= self._most <= self._length:
            raise refuse(
                f"Tried to push item into a full list list size: {self._length} max_num_elements: "
                f"{self._most}"
            )
        items = self._items
        if len(items) != self._length:  # another list goes on from here
            items = self.items
        items.append(item)
        return TensorList(items, len(items), self.dtype, self.element_shape, self._most)

    def pop(self, wanted: shapes.Shape) -> tuple[TensorList, Any]:
        """The list without its last element, and that element."""
        if not self._length:
            raise refuse("Trying to pop from an empty list.")
        item = self.get(self._length - 1, wanted)
        shorter = TensorList(
            self._items, self._length - 1, self.dtype, self.element_shape, self._most
        )
        return shorter, item

    def get(self, place: int, wanted: shapes.Shape) -> Any:
        """An element; zeros where it was never set."""
        if not 0 <= place < self._length:
            raise refuse(
                f"Trying to access element {place} in a list with {self._length} elements."
            )
        item = self._items[place]
        if item is not None:
            return item
        return np.zeros(self._shape_of_unset(wanted), self.dtype)

    def replace(self, place: int, item: Any) -> TensorList:
        """The list with another element at a place."""
        self.check(item)
        if not 0 <= place < self._length:
            raise refuse(
                f"Trying to modify element {place} in a list with {self._length} elements."
            )
        items = self.items
        items[place] = item
        return self.with_items(items)

    def check(self, item: Any) -> None:
        """Raises InvalidArgumentError unless `item` can be an element."""
        if self.dtype.names:  # of variants or resources, which are no arrays
            return
        if getattr(item, "dtype", self.dtype) != self.dtype:
            raise refuse(
                f"Invalid data types; list elements {self.dtype} but tried to append {item.dtype}"
            )
        if not shapes.compatible(self.element_shape, np.shape(item)):
            raise refuse(
                "Tried to append a tensor with incompatible shape to a list. Op element shape: "
                f"{shapes.bracket_text(np.shape(item))} list shape: {shown(self.element_shape)}"
            )

    def filled(self, wanted: shapes.Shape) -> list[Any]:
        """All elements, with zeros for those that were never set."""
        items = self.items
        if any([item is None for item in items]):
            unset = np.zeros(self._shape_of_unset(wanted), self.dtype)
            items = [unset if item is None else item for item in items]
        return items

    def _shape_of_unset(self, wanted: shapes.Shape) -> tuple[int, ...]:
        shape = self.merged_shape(wanted)
        for item in self.items:
            if item is not None:
                shape = merge(shape, np.shape(item))
        if shape is None or None in shape:
            raise refuse(
                "Trying to read an uninitialized tensor but element_shape is not fully defined: "
                f"{shown(shape)} and no list element is set."
            )
        return tuple([int(size) for size in shape if size is not None])

    # AddN and ZerosLike take lists too

    def __add__(self, other: TensorList) -> TensorList:
        if len(self) != len(other):
            raise refuse(
                "Trying to add two lists of tensors with different lengths. One is "
                f"{len(other)} and the other is {len(self)}"
            )
        pairs = zip(self.items, other.items, strict=True)
        sums = [one if two is None else two if one is None else one + two for one, two in pairs]
        return self.with_items(sums)

    def zeros(self) -> TensorList:
        """A list of zeros."""
        return self.with_items([_zeros_like(item) for item in self.items])


def _zeros_like(item: Any) -> Any:
    if item is None:
        return None
    return item.zeros() if isinstance(item, TensorList) else np.zeros_like(item)


def merge(one: shapes.Shape, other: shapes.Shape) -> shapes.Shape:
    """What two shapes tell together.

    Raises:
        InvalidArgumentError: they contradict each other.
    """
    if not shapes.compatible(one, other):
        raise refuse(
            f"PartialTensorShape: Incompatible shapes during merge: {shown(one)} vs. {shown(other)}"
        )
    return shapes.merge(one, other)


def shown(shape: shapes.Shape) -> str:
    """A shape in the words of messages."""
    return "<unknown>" if shape is None else shapes.bracket_text(shape)


class Optional:
    """A value that may be missing.

    Args:
        components: the tensors of the value; None where it is missing.
    """

    __slots__ = ("components",)

    def __init__(self, components: Sequence[Any] | None) -> None:
        self.components = components

    def get(self) -> list[Any]:
        """The tensors of the value.

        Raises:
            InvalidArgumentError: it is missing.
        """
        if self.components is None:
            raise refuse("The given optional does not have a value.")
        return list(self.components)
