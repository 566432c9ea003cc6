"""`TensorShape`, `Dimension`, and the static shapes of tensors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock as tf
from penstock.graph import shapes

SHAPES = [None, [], [1], [None], [2, 3], [None, 3], [2, None, 4], 5]


# Making


@pytest.mark.parametrize(
    ("dims", "expected"),
    [
        (None, None),
        ([], []),
        ((), []),
        (3, [3]),
        ([2, 3], [2, 3]),
        ((None, 3), [None, 3]),
        ([tf.Dimension(2), tf.Dimension(None)], [2, None]),
        (tf.TensorShape([2, None]), [2, None]),
        (np.array([2, 3]), [2, 3]),
        ([np.int64(2), 3], [2, 3]),
        (range(2), [0, 1]),
    ],
)
def test_what_shapes_are_made_of(dims: Any, expected: Any) -> None:
    shape = tf.TensorShape(dims)
    if expected is None:
        assert shape.dims is None
        assert shape.ndims is None
        assert shape.rank is None
    else:
        assert shape.as_list() == expected
        assert shape.ndims == shape.rank == len(shape) == len(expected)
        assert [d.value for d in shape.dims] == [d.value for d in shape] == expected


def test_a_shape_from_its_message() -> None:
    for dims in SHAPES:
        shape = tf.TensorShape(dims)
        assert repr(tf.TensorShape(shape.as_proto())) == repr(shape)


@pytest.mark.parametrize("dims", [[-2], -1, [2, -3]])
def test_negative_sizes(dims: Any) -> None:
    with pytest.raises(ValueError, match="must be >= 0"):
        tf.TensorShape(dims)


@pytest.mark.parametrize("dims", [["a"], [2.5], [[2, 3]], object()])
def test_what_is_no_shape(dims: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        tf.TensorShape(dims)


# Words


@pytest.mark.parametrize(
    ("dims", "text", "representation"),
    [
        (None, "<unknown>", "TensorShape(None)"),
        ([], "()", "TensorShape([])"),
        ([3], "(3,)", "TensorShape([Dimension(3)])"),
        ([None, 3], "(?, 3)", "TensorShape([Dimension(None), Dimension(3)])"),
    ],
)
def test_words(dims: Any, text: str, representation: str) -> None:
    assert str(tf.TensorShape(dims)) == text
    assert repr(tf.TensorShape(dims)) == representation


# Comparing


def test_equality() -> None:
    assert tf.TensorShape([2, 3]) == [2, 3]
    assert tf.TensorShape([2, 3]) == (2, 3)
    assert tf.TensorShape([2, 3]) == tf.TensorShape([2, 3])
    assert tf.TensorShape([2, 3]) != [2, 4]
    assert not tf.TensorShape([2, None]) == tf.TensorShape([2, None])
    assert tf.TensorShape([2, None]) != tf.TensorShape([2, None])
    assert tf.TensorShape([2, None]) != tf.TensorShape([2, 3])
    assert tf.TensorShape([]) == []
    assert tf.TensorShape([1]) == 1
    assert tf.TensorShape([2]) != "a"


def test_the_inequality_of_unknown_ranks_is_undefined() -> None:
    assert tf.TensorShape(None) == tf.TensorShape(None)
    assert not tf.TensorShape(None) == [2]
    with pytest.raises(ValueError, match="inequality of unknown TensorShapes is undefined"):
        assert tf.TensorShape(None) != [2]


def test_only_unknown_ranks_are_false() -> None:
    assert [bool(tf.TensorShape(dims)) for dims in (None, [], [2], [None])] == [
        False, True, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (None, [2, 3], True),
        ([2, 3], [2, 3], True),
        ([2, None], [None, 3], True),
        ([2, 3], [2, 4], False),
        ([2, 3], [2], False),
        ([], None, True),
        ([], [1], False),
    ],
)
def test_compatibility(one: Any, other: Any, expected: bool) -> None:
    assert tf.TensorShape(one).is_compatible_with(other) is expected
    assert tf.TensorShape(other).is_compatible_with(one) is expected
    if not expected:
        with pytest.raises(ValueError, match=r"Shapes .* are incompatible"):
            tf.TensorShape(one).assert_is_compatible_with(other)


# Taking apart and putting together


def test_items_and_slices() -> None:
    shape = tf.TensorShape([2, None, 4])
    assert shape[0].value == 2
    assert shape[1].value is None
    assert shape[-1].value == 4
    assert shape[1:].as_list() == [None, 4]
    assert shape[:-1].as_list() == [2, None]
    assert isinstance(shape[:1], tf.TensorShape)
    with pytest.raises(IndexError):
        shape[3]


def test_items_of_an_unknown_rank() -> None:
    shape = tf.TensorShape(None)
    assert shape[2].value is None
    assert shape[1:].ndims is None
    assert shape[:-1].ndims is None
    assert shape[1:3].as_list() == [None, None]
    for use in (len, iter, lambda s: s.as_list()):
        with pytest.raises(ValueError):
            list(use(shape))  # type: ignore[operator]


def test_merging() -> None:
    assert tf.TensorShape([2, None]).merge_with([None, 3]).as_list() == [2, 3]
    assert tf.TensorShape(None).merge_with([2, 3]).as_list() == [2, 3]
    assert tf.TensorShape([2, None]).merge_with(None).as_list() == [2, None]
    with pytest.raises(ValueError, match="not compatible"):
        tf.TensorShape([2, 3]).merge_with([2, 4])
    with pytest.raises(ValueError, match=r"must have the same rank|not compatible"):
        tf.TensorShape([2, 3]).merge_with([2])


def test_concatenating() -> None:
    assert tf.TensorShape([2]).concatenate([None, 3]).as_list() == [2, None, 3]
    assert tf.TensorShape([2]).concatenate(None).ndims is None
    assert tf.TensorShape(None).concatenate([2]).ndims is None
    assert tf.TensorShape([2]).concatenate(tf.Dimension(3)).as_list() == [2, 3]


def test_ranks() -> None:
    shape = tf.TensorShape([2, None])
    assert shape.with_rank(2).as_list() == [2, None]
    assert tf.TensorShape(None).with_rank(2).as_list() == [None, None]
    assert shape.with_rank_at_least(1) is shape
    assert shape.with_rank_at_most(2) is shape
    shape.assert_has_rank(2)
    shape.assert_same_rank([1, 1])
    with pytest.raises(ValueError, match="must have rank 3"):
        shape.with_rank(3)
    with pytest.raises(ValueError, match="must have rank at least 3"):
        shape.with_rank_at_least(3)
    with pytest.raises(ValueError, match="must have rank at most 1"):
        shape.with_rank_at_most(1)
    with pytest.raises(ValueError, match="must have rank 1"):
        shape.assert_has_rank(1)
    with pytest.raises(ValueError, match="must have the same rank"):
        shape.assert_same_rank([1])


def test_what_is_wholly_known() -> None:
    assert tf.TensorShape([2, 3]).is_fully_defined()
    assert tf.TensorShape([]).is_fully_defined()
    assert not tf.TensorShape([2, None]).is_fully_defined()
    assert not tf.TensorShape(None).is_fully_defined()
    assert tf.TensorShape([2, 3]).num_elements() == 6
    assert tf.TensorShape([]).num_elements() == 1
    assert tf.TensorShape([2, None]).num_elements() is None
    with pytest.raises(ValueError, match="not fully defined"):
        tf.TensorShape([None]).assert_is_fully_defined()


def test_what_both_know() -> None:
    shape = tf.TensorShape([2, 3])
    assert shape.most_specific_compatible_shape([2, 4]).as_list() == [2, None]
    assert shape.most_specific_compatible_shape([2]).ndims is None


@pytest.mark.parametrize("dims", SHAPES)
def test_copies(dims: Any) -> None:
    shape = tf.TensorShape(dims)
    for other in (copy.copy(shape), copy.deepcopy(shape), pickle.loads(pickle.dumps(shape))):
        assert repr(other) == repr(shape)


# Dimensions


def test_arithmetic_of_dimensions() -> None:
    seven, unknown = tf.Dimension(7), tf.Dimension(None)
    assert (seven + 2).value == (2 + seven).value == 9
    assert (seven - 2).value == 5
    assert (9 - seven).value == 2
    assert (seven * 2).value == (2 * seven).value == 14
    assert (seven // 2).value == 3
    assert (15 // seven).value == 2
    assert (seven % 2).value == 1
    assert (9 % seven).value == 2
    for result in (unknown + 1, 1 + unknown, unknown * 2, unknown // 2, seven - unknown):
        assert result.value is None
    with pytest.raises(TypeError, match="please use // instead"):
        seven / 2


def test_comparisons_of_dimensions() -> None:
    seven, unknown = tf.Dimension(7), tf.Dimension(None)
    assert seven == 7
    assert seven != 8
    assert seven < 8 <= tf.Dimension(8)
    assert seven > 6
    assert seven >= 7
    for result in (unknown == 7, unknown != 7, unknown < 7, seven == unknown, unknown == unknown):
        assert result is None
    assert int(seven) == 7
    assert [10, 20][tf.Dimension(1)] == 20
    assert list(range(tf.Dimension(2))) == [0, 1]


def test_merging_dimensions() -> None:
    assert tf.Dimension(7).merge_with(None).value == 7
    assert tf.Dimension(None).merge_with(7).value == 7
    assert tf.Dimension(7).is_compatible_with(None)
    with pytest.raises(ValueError, match="Dimensions 7 and 8 are not compatible"):
        tf.Dimension(7).merge_with(8)


def test_dimensions_in_words() -> None:
    assert (repr(tf.Dimension(7)), str(tf.Dimension(7))) == ("Dimension(7)", "7")
    assert (repr(tf.Dimension(None)), str(tf.Dimension(None))) == ("Dimension(None)", "?")


# Tensors


def test_knowledge_is_added_to_a_tensor() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32)
        assert x.shape.ndims is None
        x.set_shape([None, 3])
        assert x.shape.as_list() == x.get_shape().as_list() == [None, 3]
        x.set_shape([2, None])
        assert x.shape.as_list() == [2, 3]
        x.set_shape(None)
        assert x.shape.as_list() == [2, 3]
        with pytest.raises(
            ValueError, match=r"Dimension 1 in both shapes must be equal, but are 3 and 4\. Shapes"
        ):
            x.set_shape([2, 4])
        with pytest.raises(ValueError, match="Shapes must be equal rank, but are 2 and 1"):
            x.set_shape([2])
        assert x.shape.as_list() == [2, 3]


def test_sizes_multiply_as_numbers_do() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 2, 3])
        flat = tf.reshape(x, [-1, int(x.shape[1]) * int(x.shape[2])])
        assert flat.shape.as_list() == [None, 6]
        assert tf.reshape(x, [-1, x.shape[1] * x.shape[2]]).shape.as_list() == [None, 6]


def test_a_static_shape_is_told_by_the_op() -> None:
    with tf.Graph().as_default():
        x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [3, 4])
        assert tf.matmul(x, y).shape.as_list() == [None, 4]
        with pytest.raises(ValueError, match="Dimensions must be equal, but are 4 and 3") as caught:
            tf.matmul(y, y)
        assert "(op: 'MatMul') with input shapes: [3,4], [3,4]" in str(caught.value)


# Shapes of rules: what holds for all

sizes = st.none() | st.integers(0, 4)
partial_shapes = st.none() | st.lists(sizes, max_size=4).map(tuple)
full_shapes = st.lists(st.integers(1, 4), max_size=4).map(tuple)


def hidden(shape: tuple[int, ...], mask: list[bool]) -> tuple[int | None, ...]:
    """The shape with the sizes hidden where the mask is true (it repeats)."""
    return tuple([None if mask[i % len(mask)] else size for i, size in enumerate(shape)])


@given(partial_shapes, partial_shapes)
def test_merging_is_symmetric_and_knows_what_either_knows(
    one: shapes.Shape, other: shapes.Shape
) -> None:
    if not shapes.compatible(one, other):
        with pytest.raises(ValueError, match="not compatible"):
            shapes.merge(one, other)
        return
    merged = shapes.merge(one, other)
    assert merged == shapes.merge(other, one)
    assert merged == shapes.merge(merged, one) == shapes.merge(merged, merged)
    for part in (one, other):
        assert shapes.compatible(merged, part)
        if part is not None and merged is not None:
            assert all(p in (None, m) for p, m in zip(part, merged, strict=True))


@given(full_shapes, st.lists(st.booleans(), min_size=1), st.lists(st.booleans(), min_size=1))
def test_parts_of_one_shape_merge_into_a_part_of_it(
    whole: tuple[int, ...], mask: list[bool], other_mask: list[bool]
) -> None:
    merged = shapes.merge(hidden(whole, mask), hidden(whole, other_mask))
    assert shapes.compatible(merged, whole)
    assert shapes.merge(merged, whole) == whole


def broadcast_by_numpy(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...] | None:
    """NumPy's answer, or None where it has none."""
    try:
        return np.broadcast_shapes(one, other)
    except ValueError:
        return None


@given(full_shapes, full_shapes)
def test_known_shapes_broadcast_as_numpys(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    expected = broadcast_by_numpy(one, other)
    if expected is None:
        with pytest.raises(ValueError, match="Dimensions must be equal"):
            shapes.broadcast(one, other)
    else:
        assert shapes.broadcast(one, other) == expected


@given(
    full_shapes,
    full_shapes,
    st.lists(st.booleans(), min_size=1),
    st.lists(st.booleans(), min_size=1),
)
def test_hidden_sizes_broadcast_to_what_allows_the_truth(
    one: tuple[int, ...], other: tuple[int, ...], mask: list[bool], other_mask: list[bool]
) -> None:
    truth = broadcast_by_numpy(one, other)
    if truth is None:
        return
    found = shapes.broadcast(hidden(one, mask), hidden(other, other_mask))
    assert shapes.compatible(found, truth)
    assert found is not None
    assert len(found) == len(truth)
    assert shapes.broadcast(hidden(other, other_mask), hidden(one, mask)) == found
    assert shapes.broadcast(None, one) is None


def test_what_two_shapes_have_in_common() -> None:
    assert shapes.in_common((2, 3), (2, 4)) == (2, None)
    assert shapes.in_common((2,), (2, 4)) is None
    assert shapes.in_common(None, (2,)) is None
