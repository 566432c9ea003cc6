"""Slices: their text, what they cut, and the keys under which checkpoints keep them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.formats.tensor_slice import (
    indices,
    intersection,
    is_whole,
    parse_shape_and_slice,
    parse_slice,
    slice_key,
    slice_shape,
    slice_text,
)
from penstock.graph.errors import InternalError, InvalidArgumentError


@given(st.lists(st.just((0, -1)) | st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1))
def test_a_slice_comes_back_from_its_text(extents: list[tuple[int, int]]) -> None:
    assert parse_slice(slice_text(tuple(extents))) == tuple(extents)


@pytest.mark.parametrize(
    ("spec", "message"),
    [  # the messages are TensorFlow's
        ("-:-", "Need least two elements in shape_and_slice specification: -:-"),
        ("4 x -:-", "Non numerical dimension in shape_and_slice: 4 x -:-"),
        ("4 3  -:-", "Non numerical dimension in shape_and_slice"),
        ("4,3 -:-", "Non numerical dimension in shape_and_slice"),
        ("4 3", "Expected a pair of numbers or '-' but got '3': string = 3"),
        ("4 3 1,2,3:-", "Expected a pair of numbers or '-' but got '1,2,3'"),
        ("4 3 -1,2:-", "Expected non-negative start and positive length but got start = -1, l"),
        ("4 3 0,0:-", "Expected non-negative start and positive length but got start = 0, l"),
    ],
)
def test_a_malformed_spec_is_an_invalid_argument(spec: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        parse_shape_and_slice(spec)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("4 3 0,2:0,7", r"Extent in dimension 1 out of bounds: shape = \[4,3\], slice = 0,2:0,7"),
        ("4 3 0,2", r"Mismatching ranks: shape = \[4,3\], slice = 0,2"),
        ("4 3 0,2:-:-", "Mismatching ranks"),
    ],
)
def test_a_slice_that_does_not_fit_is_an_internal_error(spec: str, message: str) -> None:
    with pytest.raises(InternalError, match=message):
        parse_shape_and_slice(spec)


def test_what_a_slice_cuts() -> None:
    assert parse_shape_and_slice("4 3 1,2:-") == ((4, 3), ((1, 2), (0, -1)), (2, 3))
    assert is_whole(((0, 4), (0, -1)), (4, 3))
    assert not is_whole(((0, 3), (0, -1)), (4, 3))
    with pytest.raises(InternalError):
        slice_shape(((-1, 2),), (4,))
    with pytest.raises(InternalError):
        slice_shape(((1, -1),), (4,))


EXTENTS = st.tuples(st.integers(0, 7), st.integers(1, 8))


@given(EXTENTS, EXTENTS)
def test_the_intersection_is_that_of_the_indices(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    numbers = [set(range(start, start + length)) for start, length in (first, second)]
    shared = intersection((first,), (second,), (15,))
    if shared is None:
        assert not numbers[0] & numbers[1]
        return
    [(start, length)] = shared
    assert numbers[0] & numbers[1] == set(range(start, start + length))
    [cut] = indices(shared, (first,))
    assert list(range(first[0], first[0] + first[1]))[cut] == list(range(start, start + length))


# Keys from an index that TensorFlow 1.15 wrote.
@pytest.mark.parametrize(
    ("name", "piece", "key"),
    [
        (b"w", ((2, 2), (0, -1)), b"\0w\0\x01\x01\x02\x82\x82\x80\x7f"),
        (b"w", ((0, 100), (0, 3)), b"\0w\0\x01\x01\x02\x80\xc0d\x80\x83"),
        (b"a\0b\xff", ((1, 2),), b"\0a\0\xffb\xff\0\0\x01\x01\x01\x81\x82"),
        (b"n63", ((63, 1),), b"\0n63\0\x01\x01\x01\xbf\x81"),
        (b"n64", ((64, 1),), b"\0n64\0\x01\x01\x01\xc0\x40\x81"),
        (b"n8191", ((8191, 2),), b"\0n8191\0\x01\x01\x01\xdf\xff\x82"),
        (b"n8192", ((8192, 1),), b"\0n8192\0\x01\x01\x01\xe0\x20\0\x81"),
        (
            b"n36028797018963968",
            ((2**55, 1),),
            b"\0n36028797018963968\0\x01\x01\x01\xff\x80\x80" + bytes(6) + b"\x81",
        ),
    ],
)
def test_keys_are_those_of_tensorflow(
    name: bytes, piece: tuple[tuple[int, int], ...], key: bytes
) -> None:
    assert slice_key(name, piece) == key


@given(st.lists(st.integers(-1, 2**63 - 1), min_size=2, max_size=2, unique=True))
def test_keys_sort_as_their_numbers(numbers: list[int]) -> None:
    low, high = sorted(numbers)
    assert slice_key(b"w", ((low, 1),)) < slice_key(b"w", ((high, 1),))
