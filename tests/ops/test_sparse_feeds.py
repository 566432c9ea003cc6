"""`tf.sparse_placeholder`: its parts, as TensorFlow 1.15 makes them, and what is fed for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


@pytest.mark.parametrize(
    ("arguments", "static", "names"),
    [
        ((tf.float32,), None, ["Placeholder", "Placeholder_1", "Placeholder_2"]),
        ((tf.float32, [2, 3]), [2, 3], ["Const", "Placeholder", "Placeholder_1"]),
        ((tf.string, [-1, 3]), [None, 3], ["Const", "Placeholder", "Placeholder_1"]),
        ((tf.int64, [None, 3]), [None, None], ["Placeholder", "Placeholder_1", "Placeholder_2"]),
        (
            (tf.float32, tf.TensorShape([4])),
            [4],
            ["shape_as_tensor", "Placeholder", "Placeholder_1"],
        ),
        ((tf.float32, None, "x"), None, ["x/shape", "x/values", "x/indices"]),
        ((tf.float32, np.array([2]), "y"), [2], ["y/shape", "y/values", "y/indices"]),
    ],
)
def test_its_parts(arguments: Any, static: Any, names: list[str]) -> None:
    sparse = tf.sparse_placeholder(*arguments)
    assert [op.name for op in tf.get_default_graph().get_operations()] == names
    parts = [sparse.dense_shape, sparse.values, sparse.indices]
    assert [part.op.name for part in parts] == names
    assert [part.dtype for part in parts] == [tf.int64, arguments[0], tf.int64]
    rank = None if static is None else len(static)
    assert [part.shape.as_list() for part in parts] == [[rank], [None], [None, rank]]
    assert sparse.get_shape().as_list() == static if static else sparse.get_shape().ndims is None


def test_a_tensor_as_its_shape() -> None:
    shape = tf.constant([2, 3], tf.int64)
    sparse = tf.sparse_placeholder(tf.float32, shape)
    assert sparse.dense_shape is shape
    assert sparse.indices.shape.as_list() == [None, 2]
    with pytest.raises(ValueError, match="requested dtype int64 for Tensor with dtype int32"):
        tf.sparse_placeholder(tf.float32, tf.constant([2, 3]))


@pytest.mark.parametrize(
    ("shape", "error", "text"),
    [
        (5, TypeError, "has no len"),
        (tf.TensorShape(None), ValueError, "unknown rank"),
    ],
)
def test_shapes_that_are_none(shape: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        tf.sparse_placeholder(tf.float32, shape)


def test_what_is_fed_for_it() -> None:
    sparse = tf.sparse_placeholder(tf.float32, [None, 2])
    with tf.Session() as session:
        value = tf.SparseTensorValue([[0, 1]], [3.5], [2, 2])
        for fed in (value, ([[0, 1]], [3.5], [2, 2]), [np.array([[0, 1]]), [3.5], (2, 2)]):
            found = session.run(sparse, {sparse: fed})
            assert type(found) is tf.SparseTensorValue
            assert [part.tolist() for part in found] == [[[0, 1]], [3.5], [2, 2]]
        with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value"):
            session.run(sparse)
