"""`experimental_ref()`: what stands for a tensor or variable as a key of a dictionary."""

from __future__ import annotations

from typing import Any


class Reference:
    """Stands for one object: equal to another reference where that is to the same object.

    Args:
        wrapped: the object.

    Example:
        >>> seen = {v.experimental_ref(): "v"}
        >>> [reference.deref() for reference in seen]
    """

    __slots__ = ("_wrapped",)

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def deref(self) -> Any:
        """The object."""
        return self._wrapped

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._wrapped is other._wrapped

    def __hash__(self) -> int:
        return id(self._wrapped)

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._wrapped!r}>"
