"""Slices of a tensor: which part of a partitioned variable a stored piece is.

A slice has one (start, length) pair for each dimension; the length -1 stands for the whole
dimension. In text it is `0,2:-` (rows 0 and 1, all columns). Stored pieces are found by a key in
TensorFlow's ordered code, whose bytes sort as the numbers do.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.graph.errors import InternalError, InvalidArgumentError
from penstock.graph.shapes import bracket_text

Slice = tuple[tuple[int, int], ...]
Shape = tuple[int, ...]

WHOLE = -1  # the length that stands for a whole dimension
_LARGEST = 2**63 - 1


def parse_slice(text: str) -> Slice:
    """Returns the slice that a text such as `0,2:-` describes.

    Raises:
        InvalidArgumentError: the text is malformed.

    Example:
        >>> parse_slice("0,2:-")
        ((0, 2), (0, -1))
    """
    return tuple([_parse_extent(part) for part in text.split(":")])


def _parse_extent(text: str) -> tuple[int, int]:
    if text == "-":
        return 0, WHOLE
    try:
        start, length = [int(number) for number in text.split(",")]
    except ValueError:
        raise InvalidArgumentError(
            None, None, f"Expected a pair of numbers or '-' but got '{text}': string = {text}"
        ) from None
    if start < 0 or length <= 0 or start + length > _LARGEST:
        raise InvalidArgumentError(
            None,
            None,
            f"Expected non-negative start and positive length but got start = {start}, "
            f"length = {length}: string = {text}",
        )
    return start, length


def parse_shape_and_slice(spec: str) -> tuple[Shape, Slice, Shape]:
    """Returns the full shape, the slice, and the slice's shape of a SaveV2 or RestoreV2 spec.

    Args:
        spec: the dimensions and then the slice, parted by spaces.

    Raises:
        InvalidArgumentError: the text is malformed.
        InternalError: the slice doesn't fit the shape.

    Example:
        >>> parse_shape_and_slice("4 3 0,2:-")
        ((4, 3), ((0, 2), (0, -1)), (2, 3))
    """
    *sizes, text = spec.split(" ")
    if not sizes:
        raise InvalidArgumentError(
            None, None, f"Need least two elements in shape_and_slice specification: {spec}"
        )
    if not all(size.isascii() and size.isdigit() and int(size) <= _LARGEST for size in sizes):
        raise InvalidArgumentError(
            None, None, f"Non numerical dimension in shape_and_slice: {spec}"
        )
    full_shape = tuple([int(size) for size in sizes])
    piece = parse_slice(text)
    return full_shape, piece, slice_shape(piece, full_shape)


def slice_text(piece: Slice) -> str:
    """Returns a slice as text.

    Example:
        >>> slice_text(((0, 2), (0, -1)))
        '0,2:-'
    """
    return ":".join(["-" if length == WHOLE else f"{start},{length}" for start, length in piece])


def slice_shape(piece: Slice, full_shape: Sequence[int]) -> Shape:
    """Returns the shape that a slice cuts from a tensor.

    Raises:
        InternalError: the slice has another rank or reaches past the shape.

    Example:
        >>> slice_shape(((0, 2), (0, -1)), (4, 3))
        (2, 3)
    """
    where = f"shape = {bracket_text(full_shape)}, slice = {slice_text(piece)}"
    if len(piece) != len(full_shape):
        raise InternalError(None, None, f"Mismatching ranks: {where}")
    for axis, ((start, length), size) in enumerate(zip(piece, full_shape, strict=True)):
        whole = length == WHOLE and start == 0
        if not whole and (start < 0 or length < 0 or start + length > size):
            raise InternalError(None, None, f"Extent in dimension {axis} out of bounds: {where}")
    return tuple(
        [
            size if length == WHOLE else length
            for (_, length), size in zip(piece, full_shape, strict=True)
        ]
    )


def is_whole(piece: Slice, full_shape: Sequence[int]) -> bool:
    """True where a slice is the whole tensor.

    Example:
        >>> is_whole(((0, 4), (0, -1)), (4, 3))
        True
    """
    return slice_shape(piece, full_shape) == tuple(full_shape)


def intersection(first: Slice, second: Slice, full_shape: Sequence[int]) -> Slice | None:
    """Returns the slice that two slices of one tensor share, or None.

    Example:
        >>> intersection(((0, 2),), ((1, 3),), (4,))
        ((1, 1),)
    """
    shared = []
    for (start, length), (other, other_length), size in zip(first, second, full_shape, strict=True):
        end = size if length == WHOLE else start + length
        other_end = size if other_length == WHOLE else other + other_length
        low, high = max(start, other), min(end, other_end)
        if low >= high:
            return None
        shared.append((low, high - low))
    return tuple(shared)


def indices(piece: Slice, origin: Slice) -> tuple[slice, ...]:
    """Returns the NumPy index of a slice inside an array that holds the slice `origin`.

    Args:
        piece: lengths given, inside `origin`.
        origin: where the array's first element stands in the whole tensor.

    Example:
        >>> indices(((2, 1),), ((1, 3),))
        (slice(1, 2, None),)
    """
    return tuple(
        [
            slice(start - base, start - base + length)
            for (start, length), (base, _) in zip(piece, origin, strict=True)
        ]
    )


def slice_key(name: bytes, piece: Slice) -> bytes:
    """Returns the key under which a checkpoint's index keeps one slice of a tensor.

    It is, in ordered code: 0, the name, the rank, and each start and length.

    Example:
        >>> slice_key(b"w", ((0, 2), (0, -1)))
        b'\\x00w\\x00\\x01\\x01\\x02\\x80\\x82\\x80\\x7f'
    """
    numbers = [number for extent in piece for number in extent]
    coded = b"".join([_signed(number) for number in numbers])
    return _unsigned(0) + _string(name) + _unsigned(len(piece)) + coded


def _unsigned(value: int) -> bytes:
    """A length byte and then the number, most significant byte first."""
    width = -(-value.bit_length() // 8)
    return bytes([width]) + value.to_bytes(width, "big")


def _string(value: bytes) -> bytes:
    """The bytes with 0x00 and 0xff escaped, and an end mark that sorts before any other byte."""
    parts = [part.replace(b"\x00", b"\x00\xff") for part in value.split(b"\xff")]
    return b"\xff\x00".join(parts) + b"\x00\x01"


def _signed(value: int) -> bytes:
    """Two's complement in the fewest n bytes of 7n - 1 bits, the top n bits turned over."""
    bits = (value if value >= 0 else ~value).bit_length()
    width = bits // 7 + 1
    header = ((1 << width) - 1) << 7 * width
    return ((value & ((1 << 8 * width) - 1)) ^ header).to_bytes(width, "big")
