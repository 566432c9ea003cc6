"""Errors of variables in parts; what works is in tests/programs/partitioned_variables.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import penstock as tf
from penstock.ops.partitioned_variables import PartitionedVariable, PartitionInfo

IN_TWO = tf.fixed_size_partitioner(2)


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """A graph of its own for each test."""
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.mark.parametrize(
    ("partitioner", "words"),
    [
        (3, "Partitioner must be callable, but received: 3"),
        (lambda shape, dtype: 3, "Partitioner must return a sequence, but saw: 3"),
        (lambda shape, dtype: [1], r"does not match the Variable's rank: \[1\] vs. \(8, 2\)"),
        (lambda shape, dtype: [0, 1], r"zero partitions for some axes: \[0, 1\]"),
        (lambda shape, dtype: [2, 2], "Can only slice a variable along one dimension"),
        (lambda shape, dtype: [9, 1], "Expected 0 <= offset < shape but found offset=8, shape=8"),
    ],
)
def test_bad_partitioners(partitioner: Any, words: str) -> None:
    """A partitioner must give a count for each axis, of which one may be greater than one."""
    with pytest.raises(ValueError, match=words):
        tf.get_variable("v", [8, 2], partitioner=partitioner)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "must be fully defined, but instead was <unknown>"),
        ({"shape": [None, 2]}, r"must be fully defined, but instead was \(\?, 2\)"),
        ({"shape": [8], "initializer": lambda shape: 1}, "dtype"),
    ],
)
def test_bad_arguments(arguments: Any, words: str) -> None:
    """The shape of the whole must be known."""
    with pytest.raises((ValueError, TypeError), match=words):
        tf.get_variable("v", partitioner=IN_TWO, **arguments)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: tf.variable_axis_size_partitioner(0), ValueError, "must be positive"),
        (lambda: tf.variable_axis_size_partitioner(1, max_shards=-1), ValueError, "max_shards"),
        (
            lambda: tf.variable_axis_size_partitioner(9)([3], tf.float32),
            ValueError,
            "shape is not a TensorShape",
        ),
        (
            lambda: tf.variable_axis_size_partitioner(9)(tf.TensorShape([None]), tf.float32),
            ValueError,
            "shape is not fully defined",
        ),
        (
            lambda: tf.min_max_variable_partitioner(4, axis=1)(tf.TensorShape([3]), tf.float32),
            ValueError,
            r"Can not partition variable along axis 1 when shape is only \(3,\)",
        ),
    ],
)
def test_bad_calls_of_partitioners(make: Any, error: Any, words: str) -> None:
    """Partitioners check their numbers, and the shape that they are asked about."""
    with pytest.raises(error, match=words):
        make()


def test_sharing() -> None:
    """A variable is shared in the way in which it was cut, or not at all."""
    whole = tf.get_variable("whole", [4])
    cut = tf.get_variable("cut", [7, 4], partitioner=IN_TWO)
    with pytest.raises(ValueError, match="Partitioned variable with name cut already exists"):
        tf.get_variable("cut", [7, 4], partitioner=IN_TWO)
    with pytest.raises(ValueError, match="a partitioned version of the variable was found: cut/pa"):
        tf.get_variable("cut", [7, 4])
    with pytest.raises(ValueError, match="Variable cut/part_0 already exists, disallowed"):
        tf.get_variable("cut/part_0", [4, 4])
    with pytest.raises(ValueError, match="an unpartitioned version of the variable was found: who"):
        tf.get_variable("whole", [4], partitioner=IN_TWO)
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        assert tf.get_variable("whole", [4]) is whole
        assert tf.get_variable("cut", [7, 4]) is cut
        for arguments, words in (
            ({"shape": [8, 4]}, r"specified shape \(8, 4\) and found shape \(7, 4\)"),
            (
                {"shape": [7, 4], "dtype": tf.float64},
                "specified dtype float64 and found dtype floa",
            ),
            (
                {"shape": [7, 4], "partitioner": tf.fixed_size_partitioner(3)},
                r"specified partitions \[3, 1\] and found partitions \[2, 1\]",
            ),
        ):
            with pytest.raises(ValueError, match=words):
                tf.get_variable("cut", **{"partitioner": IN_TWO, **arguments})
        with pytest.raises(ValueError, match="PartitionedVariable missing does not exist"):
            tf.get_variable("missing", [7, 4], partitioner=IN_TWO)


def test_parts_made_one_by_one() -> None:
    """Parts that exist as variables of their own are taken, if there are as many as are wanted."""
    with tf.variable_scope("", reuse=tf.AUTO_REUSE) as scope:
        first = tf.get_variable("v/part_0", [2])
        with pytest.raises(ValueError, match="shard v/part_0 was found, but v/part_1 was not"):
            tf.get_variable("v", [4], partitioner=IN_TWO)
        tf.get_variable("v/part_1", [2])
        assert next(iter(tf.get_variable("v", [4], partitioner=IN_TWO))) is first
        tf.get_variable("u/part_0", [2])
        tf.get_variable("u/part_1", [2])
        tf.get_variable("u/part_2", [2])
        with pytest.raises(ValueError, match="but so was the extra shard u/part_2"):
            tf.get_variable("u", [4], partitioner=IN_TWO)
        assert scope.name == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([4, 6], [2], None), "must have the length"),
        (([], [], None), "must have rank at least 1"),
        (([4, 6], [2, 2], None), "Can only slice a variable along one dimension"),
    ],
)
def test_bad_slicings(arguments: Any, words: str) -> None:
    """create_partitioned_variables cuts one axis of what has one."""
    with pytest.raises(ValueError, match=words):
        tf.create_partitioned_variables(*arguments)


def test_custom_getters_are_passed_over() -> None:
    """create_partitioned_variables does not call custom getters, and so refuses to work there."""
    with tf.variable_scope("x", custom_getter=lambda getter, *args, **kwargs: getter(*args)):
        with pytest.raises(ValueError, match="custom getter"):
            tf.create_partitioned_variables([4], [2], tf.zeros_initializer())


def test_custom_getter_of_get_variable() -> None:
    """get_variable gives the partitioner to a custom getter."""
    seen = []

    def getter(getter: Any, name: str, **kwargs: Any) -> Any:
        seen.append((name, kwargs["partitioner"]))
        return getter(name, **kwargs)

    cut = tf.get_variable("v", [4], partitioner=IN_TWO, custom_getter=getter)
    assert seen == [("v", IN_TWO)]
    assert [part.name for part in cut] == ["v/part_0:0", "v/part_1:0"]


def test_what_it_is_not() -> None:
    """A variable in parts is neither fetched nor assigned as a reference, and has no operators."""
    cut = tf.get_variable("v", [4], partitioner=IN_TWO)
    with tf.Session() as sess, pytest.raises(TypeError, match="has invalid type"):
        sess.run(cut)
    with pytest.raises(NotImplementedError, match="doesn't support being used as a reference"):
        tf.gradients(tf.identity(cut), cut)
    with pytest.raises(ValueError, match="Incompatible type conversion requested to type 'int32'"):
        tf.convert_to_tensor(cut, tf.int32)
    with pytest.raises(ValueError, match="2 values are needed, got 1"):
        cut.assign([tf.ones([4])])
    part = next(iter(cut))
    crossed = PartitionedVariable("x", [4, 4], tf.float32, [part, part], [2, 2])
    with pytest.raises(NotImplementedError, match="Cannot concatenate along more than one"):
        crossed.as_tensor()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((3, [1]), TypeError, "variable_list is not a list or tuple"),
        (([], 1), TypeError, "partitions is not a list or tuple"),
        (([], [0]), ValueError, "partition values must be positive"),
        (([], [1]), ValueError, "variable_list may not be empty"),
    ],
)
def test_bad_lists(arguments: Any, error: Any, words: str) -> None:
    """What a variable in parts is put together from is checked."""
    with pytest.raises(error, match=words):
        PartitionedVariable("x", [4], tf.float32, *arguments)
    with pytest.raises(ValueError, match="must have a save_slice_info available"):
        PartitionedVariable("x", [4], tf.float32, [tf.Variable([1.0])], [1])


def test_partition_info() -> None:
    """An initializer can ask where the part is that it makes."""
    info = PartitionInfo([4, 6], [2, 0])
    assert (info.full_shape, info.var_offset) == ([4, 6], [2, 0])
    assert (info.single_slice_dim([2, 6]), info.single_offset([2, 6])) == (0, 2)
    assert PartitionInfo([4, 6], [0, 0]).single_offset([4, 6]) == 0
    for call, error, words in (
        (lambda: info.single_slice_dim(3), TypeError, "`shape` must be a sequence"),
        (lambda: info.single_slice_dim([2]), ValueError, "Expected equal length, but received"),
        (lambda: info.single_slice_dim([3, 6]), ValueError, "would exceed self.full_shape"),
        (lambda: info.single_slice_dim([2, 3]), ValueError, "either dimension 1 or 0"),
        (lambda: PartitionInfo(3, [0]), TypeError, "`full_shape` must be a sequence"),
        (lambda: PartitionInfo([3], "0"), TypeError, "`var_offset` must be a sequence"),
        (lambda: PartitionInfo([3], [0, 0]), ValueError, "Expected equal length"),
        (lambda: PartitionInfo([3], [3]), ValueError, "Expected 0 <= offset < shape"),
    ):
        with pytest.raises(error, match=words):
            call()


def test_saving_parts() -> None:
    """The parts of one tensor go under one name, and nothing else with them."""
    cut = list(tf.get_variable("cut", [4], partitioner=IN_TWO))
    other = list(tf.get_variable("other", [4], partitioner=IN_TWO))
    plain = tf.get_variable("plain", [4])
    for parts, words in (
        ([cut[0], plain], "Slices must all be slices"),
        ([cut[0], 3], "Slices must all be Variables: 3"),
        ([cut[0], other[0]], "Slices must all be from the same tensor: cut != other"),
    ):
        with pytest.raises(ValueError, match=words):
            tf.train.Saver({"name": parts})
    tf.train.Saver([*cut, plain])
