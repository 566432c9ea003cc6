"""Partial static shapes: `TensorShape` and `Dimension` for users, plain tuples for shape rules.

A shape rule works on `Shape`: None where the rank is unknown, else a tuple whose
unknown sizes are None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Shape = tuple["int | None", ...] | None


class Dimension:
    """One size of a `TensorShape`: an int, or None where it is unknown.

    Args:
        value: an int, None, or a Dimension.

    Example:
        >>> Dimension(3) + 1
        Dimension(4)
    """

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        if value is None:
            self._value: int | None = None
        elif isinstance(value, Dimension):
            self._value = value._value
        else:
            self._value = value.__index__() if hasattr(value, "__index__") else int(value)
            if self._value != value and not isinstance(value, (str, bytes)):
                raise ValueError(f"Ambiguous dimension: {value}")
            if self._value < 0:
                raise ValueError(f"Dimension {self._value} must be >= 0")

    @property
    def value(self) -> int | None:
        """The size, or None."""
        return self._value

    def __repr__(self) -> str:
        return f"Dimension({self._value})"

    def __str__(self) -> str:
        return "?" if self._value is None else str(self._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __eq__(self, other: object) -> Any:
        try:
            other = as_dimension(other)
        except (TypeError, ValueError):
            return NotImplemented
        if self._value is None or other._value is None:
            return None
        return self._value == other._value

    def __ne__(self, other: object) -> Any:
        equal = self.__eq__(other)
        return equal if equal is None or equal is NotImplemented else not equal

    def __int__(self) -> int:
        return self._value  # type: ignore[return-value]  # int(Dimension(None)) is a TypeError, as in TF

    def __index__(self) -> int:
        return self._value  # type: ignore[return-value]

    def is_compatible_with(self, other: Any) -> bool:
        """True unless both sizes are known and differ."""
        other = as_dimension(other)
        return self._value == other._value or self._value is None or other._value is None

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raises ValueError unless compatible."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Dimensions {self} and {other} are not compatible")

    def merge_with(self, other: Any) -> Dimension:
        """The dimension that knows what either knows; ValueError where they differ."""
        other = as_dimension(other)
        self.assert_is_compatible_with(other)
        return Dimension(other._value if self._value is None else self._value)

    def _arithmetic(self, other: Any, function: Any) -> Any:
        try:
            other = as_dimension(other)
        except (TypeError, ValueError):
            return NotImplemented
        if self._value is None or other._value is None:
            return Dimension(None)
        return Dimension(function(self._value, other._value))

    def __add__(self, other: Any) -> Any:
        return self._arithmetic(other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._arithmetic(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._arithmetic(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return self._arithmetic(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return self._arithmetic(other, lambda a, b: a // b)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._arithmetic(other, lambda a, b: b // a)

    __div__ = __floordiv__

    def __truediv__(self, other: Any) -> Any:
        raise TypeError(
            f"unsupported operand type(s) for /: 'Dimension' and '{type(other).__name__}', "
            "please use // instead"
        )

    def __rtruediv__(self, other: Any) -> Any:
        raise TypeError(
            f"unsupported operand type(s) for /: '{type(other).__name__}' and 'Dimension', "
            "please use // instead"
        )

    def __mod__(self, other: Any) -> Any:
        return self._arithmetic(other, lambda a, b: a % b)

    def __rmod__(self, other: Any) -> Any:
        return self._arithmetic(other, lambda a, b: b % a)

    def _compare(self, other: Any, function: Any) -> Any:
        other = as_dimension(other)
        if self._value is None or other._value is None:
            return None
        return function(self._value, other._value)

    def __lt__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a < b)

    def __le__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a <= b)

    def __gt__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a > b)

    def __ge__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a >= b)


def as_dimension(value: Any) -> Dimension:
    """Converts an int, None or Dimension to a Dimension."""
    return value if isinstance(value, Dimension) else Dimension(value)


class TensorShape:
    """A static shape that may be partly or wholly unknown.

    Args:
        dims: None (unknown rank), an int, or a sequence of ints, None and Dimensions.

    Example:
        >>> TensorShape([None, 3]).as_list()
        [None, 3]
    """

    __slots__ = ("_shape",)

    def __init__(self, dims: Any) -> None:
        self._shape: Shape = as_tuple(dims)

    @property
    def dims(self) -> list[Dimension] | None:
        """A list of Dimensions, or None where the rank is unknown."""
        return None if self._shape is None else [Dimension(size) for size in self._shape]

    @property
    def ndims(self) -> int | None:
        """The rank, or None."""
        return None if self._shape is None else len(self._shape)

    rank = ndims

    def __repr__(self) -> str:
        return f"TensorShape({None if self._shape is None else self.dims})"

    def __str__(self) -> str:
        return shape_text(self._shape)

    def __len__(self) -> int:
        if self._shape is None:
            raise ValueError("Cannot take the length of Shape with unknown rank.")
        return len(self._shape)

    def __bool__(self) -> bool:
        return self._shape is not None

    def __iter__(self) -> Iterator[Dimension]:
        if self._shape is None:
            raise ValueError("Cannot iterate over a shape with unknown rank.")
        return iter([Dimension(size) for size in self._shape])

    def __getitem__(self, key: Any) -> Any:
        if self._shape is not None:
            picked = self._shape[key]
            return TensorShape(picked) if isinstance(key, slice) else Dimension(picked)
        if not isinstance(key, slice):
            return Dimension(None)
        start, stop = key.start or 0, key.stop
        if key.step is not None:
            raise ValueError("Steps are not yet handled")
        if stop is None or start < 0 or stop < 0:
            return TensorShape(None)
        return TensorShape([None] * max(0, stop - start))

    def __eq__(self, other: object) -> Any:
        """True where the ranks are equal, and all sizes known and equal; or both ranks unknown."""
        try:
            other = as_shape(other)
        except (TypeError, ValueError):
            return NotImplemented
        if self is other:
            return True
        return self._shape == other._shape and (self._shape is None or None not in self._shape)

    def __ne__(self, other: object) -> Any:
        try:
            other = as_shape(other)
        except (TypeError, ValueError):
            return NotImplemented
        if self._shape is None or other._shape is None:
            raise ValueError("The inequality of unknown TensorShapes is undefined.")
        return not self == other

    def __hash__(self) -> int:
        return hash(self._shape)

    def __reduce__(self) -> tuple[Any, ...]:
        return TensorShape, (self._shape,)

    def num_elements(self) -> int | None:
        """How many elements, or None where that is unknown."""
        return element_count(self._shape)

    def merge_with(self, other: Any) -> TensorShape:
        """The shape that knows what either knows; ValueError where they differ."""
        other = as_shape(other)
        return TensorShape(merge(self._shape, other._shape))

    def concatenate(self, other: Any) -> TensorShape:
        """This shape's sizes followed by the other's."""
        other = as_shape(other)
        if self._shape is None or other._shape is None:
            return TensorShape(None)
        return TensorShape(self._shape + other._shape)

    def assert_same_rank(self, other: Any) -> None:
        """Raises ValueError where both ranks are known and differ."""
        other = as_shape(other)
        if None not in (self.ndims, other.ndims) and self.ndims != other.ndims:
            raise ValueError(f"Shapes {self} and {other} must have the same rank")

    def assert_has_rank(self, rank: int | None) -> None:
        """Raises ValueError unless the rank is, or may be, `rank`."""
        if self.ndims not in (None, rank):
            raise ValueError(f"Shape {self} must have rank {rank}")

    def with_rank(self, rank: int) -> TensorShape:
        """This shape, known to have `rank`; ValueError where it has another."""
        try:
            return self.merge_with(unknown_shape(rank))
        except ValueError as error:
            raise ValueError(f"Shape {self} must have rank {rank}") from error

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """This shape; ValueError where its rank is below `rank`."""
        if self._shape is not None and len(self._shape) < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """This shape; ValueError where its rank is above `rank`."""
        if self._shape is not None and len(self._shape) > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def is_compatible_with(self, other: Any) -> bool:
        """True where some tensor could have both shapes."""
        return compatible(self._shape, as_shape(other)._shape)

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raises ValueError unless compatible."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {other} are incompatible")

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """The shape that knows only what both know."""
        other = as_shape(other)
        if self._shape is None or other._shape is None or self.ndims != other.ndims:
            return TensorShape(None)
        pairs = zip(self._shape, other._shape, strict=True)
        return TensorShape([a if a == b else None for a, b in pairs])

    def is_fully_defined(self) -> bool:
        """True where every size is known."""
        return is_known(self._shape)

    def assert_is_fully_defined(self) -> None:
        """Raises ValueError unless every size is known."""
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def as_list(self) -> list[int | None]:
        """The sizes as a list; ValueError where the rank is unknown."""
        if self._shape is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self._shape)

    def as_proto(self) -> Any:
        """The shape as a TensorShapeProto message."""
        from tensorboard.compat.proto import tensor_shape_pb2

        if self._shape is None:
            return tensor_shape_pb2.TensorShapeProto(unknown_rank=True)
        sizes = [-1 if size is None else size for size in self._shape]
        return tensor_shape_pb2.TensorShapeProto(
            dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in sizes]
        )


def as_tuple(dims: Any) -> Shape:
    """Converts anything that describes a shape to the tuple that shape rules use.

    Raises:
        TypeError, ValueError: `dims` describes no shape.
    """
    if dims is None:
        return None
    if isinstance(dims, TensorShape):
        return dims._shape
    if isinstance(dims, (list, tuple)):
        return tuple(
            [
                d if (type(d) is int and d >= 0) or d is None else as_dimension(d)._value
                for d in dims
            ]
        )
    if hasattr(dims, "unknown_rank") and hasattr(dims, "dim"):  # a TensorShapeProto
        if dims.unknown_rank:
            return None
        return tuple([None if d.size == -1 else d.size for d in dims.dim])
    if isinstance(dims, (str, bytes)):
        raise TypeError(f"{dims!r} is not a shape")
    if isinstance(dims, Iterable):
        return tuple([as_dimension(d)._value for d in dims])
    return (as_dimension(dims)._value,)


def as_shape(shape: Any) -> TensorShape:
    """Converts to a TensorShape."""
    return shape if isinstance(shape, TensorShape) else TensorShape(shape)


def unknown_shape(rank: int | None = None) -> TensorShape:
    """A shape of which only the rank is known, or nothing at all."""
    return TensorShape(None if rank is None else [None] * rank)


def shape_text(shape: Shape) -> str:
    """How TF prints a shape: `<unknown>`, `()`, `(3,)`, `(?, 3)`."""
    if shape is None:
        return "<unknown>"
    sizes = ["?" if size is None else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def bracket_text(shape: Sequence[int | None] | None) -> str:
    """How TF's kernels print a shape: `[2,3]`, unknown sizes as `?`."""
    if shape is None:
        return "<unknown>"
    return "[" + ",".join(["?" if size is None else str(size) for size in shape]) + "]"


def is_known(shape: Shape) -> bool:
    """True where every size is known."""
    return shape is not None and None not in shape


def element_count(shape: Shape) -> int | None:
    """The product of the sizes, or None where one is unknown."""
    if shape is None:
        return None
    count = 1
    for size in shape:
        if size is None:
            return None
        count *= size
    return count


def compatible(a: Shape, b: Shape) -> bool:
    """True where some tensor could have both shapes."""
    if a is None or b is None or a == b:
        return True
    if len(a) != len(b):
        return False
    return all([x is None or y is None or x == y for x, y in zip(a, b, strict=True)])


def conflict(a: tuple[int | None, ...], b: tuple[int | None, ...]) -> str:
    """Says why two shapes that are not compatible are not."""
    if len(a) != len(b):
        return f"Shapes must be equal rank, but are {len(a)} and {len(b)}."
    pairs = enumerate(zip(a, b, strict=True))
    axis, (x, y) = next(p for p in pairs if None not in p[1] and p[1][0] != p[1][1])
    return (
        f"Dimension {axis} in both shapes must be equal, but are {x} and {y}. "
        f"Shapes are {bracket_text(a)} and {bracket_text(b)}."
    )


def merge(a: Shape, b: Shape) -> Shape:
    """The shape that knows what either knows.

    Raises:
        ValueError: the shapes are not compatible.
    """
    if a is None or a == b:
        return b
    if b is None:
        return a
    if not compatible(a, b):
        raise ValueError(f"Shapes {shape_text(a)} and {shape_text(b)} are not compatible")
    return tuple([y if x is None else x for x, y in zip(a, b, strict=True)])


def broadcast(a: Shape, b: Shape) -> Shape:
    """The shape of an element-wise op on two operands, by NumPy's broadcasting.

    Raises:
        ValueError: the shapes cannot be broadcast.
    """
    if a == b and (a is None or None not in a):
        return a
    if a is None or b is None:
        return None
    if len(a) < len(b):
        a, b = b, a
    if not b:
        return a
    pad = len(a) - len(b)
    out = list(a[:pad])
    for x, y in zip(a[pad:], b, strict=True):
        if x == 1:
            out.append(y)
        elif y == 1 or x == y:
            out.append(x)
        elif x is None:
            out.append(y)
        elif y is None:
            out.append(x)
        else:
            raise ValueError(f"Dimensions must be equal, but are {x} and {y}")
    return tuple(out)


def with_rank(shape: Shape, rank: int) -> tuple[int | None, ...]:
    """The shape, or unknown sizes of that rank.

    Raises:
        ValueError: the shape has another rank.
    """
    if shape is None:
        return (None,) * rank
    if len(shape) != rank:
        raise ValueError(f"Shape must be rank {rank} but is rank {len(shape)}")
    return shape


def in_common(one: Shape, other: Shape) -> Shape:
    """What is known of a value that has the one shape or the other."""
    if one is None or other is None or len(one) != len(other):
        return None
    return tuple([a if a == b else None for a, b in zip(one, other, strict=True)])
