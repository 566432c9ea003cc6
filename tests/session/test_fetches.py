"""What may be fetched, and how the values come back."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.graph.errors import InaccessibleTensorError

Pair = collections.namedtuple("Pair", ["first", "second"])


@pytest.fixture(name="session")
def fixture_session() -> Iterator[Any]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


@pytest.fixture(name="a")
def fixture_a(session: Any) -> Any:
    return tf.constant(1.0, name="a")


@pytest.fixture(name="b")
def fixture_b(session: Any) -> Any:
    return tf.constant([2, 3], name="b")


# Leaves


def test_types_of_values(session: Any) -> None:
    scalar = session.run(tf.constant(1.5))
    assert type(scalar) is np.float32
    assert type(session.run(tf.constant(3, tf.int64))) is np.int64
    assert type(session.run(tf.constant(True))) is np.bool_
    assert type(session.run(tf.constant("a"))) is bytes
    array = session.run(tf.constant([1.5]))
    assert (type(array), array.dtype) == (np.ndarray, np.float32)
    strings = session.run(tf.constant(["a", "b"]))
    assert (strings.dtype, strings.tolist()) == (object, [b"a", b"b"])


def test_an_operation_gives_none(session: Any, a: Any) -> None:
    assert session.run(tf.no_op()) is None
    assert session.run(a.op) is None
    assert session.run([a, a.op]) == [1.0, None]


def test_names(session: Any, a: Any, b: Any) -> None:
    assert session.run("a:0") == 1.0
    assert session.run("a") is None
    assert session.run(b"a:0") == 1.0
    assert session.run(["a:0", "b:0"])[1].tolist() == [2, 3]


def test_variables(session: Any) -> None:
    for use_resource in (False, True):
        v = tf.Variable([1.0, 2.0], use_resource=use_resource)
        session.run(v.initializer)
        assert session.run(v).tolist() == [1.0, 2.0]
        assert session.run([v, v.read_value()])[1].tolist() == [1.0, 2.0]


def test_sparse_tensors(session: Any) -> None:
    found = session.run(tf.SparseTensor([[0, 1]], [3.5], [2, 2]))
    assert isinstance(found, tf.SparseTensorValue)
    assert found.indices.tolist() == [[0, 1]]
    assert found.values.tolist() == [3.5]
    assert found.dense_shape.tolist() == [2, 2]


def test_indexed_slices(session: Any) -> None:
    slices = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([3]), tf.constant([5, 1]))
    found = session.run(slices)
    assert type(found).__name__ == "IndexedSlicesValue"
    assert (found.values.tolist(), found.indices.tolist()) == ([[1.0]], [3])
    assert found.dense_shape.tolist() == [5, 1]
    without = session.run(tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([3])))
    assert without.dense_shape is None


# Structures


def test_lists_and_tuples(session: Any, a: Any, b: Any) -> None:
    found = session.run([a, (b, [a]), []])
    assert found[0] == 1.0
    assert type(found[1]) is tuple
    assert found[1][0].tolist() == [2, 3]
    assert found[1][1] == [1.0]
    assert found[2] == []


def test_dictionaries(session: Any, a: Any, b: Any) -> None:
    found = session.run({"x": a, "y": [b, {"z": a}], 3: a})
    assert list(found) == ["x", "y", 3]
    assert found["x"] == found[3] == found["y"][1]["z"] == 1.0
    ordered = session.run(collections.OrderedDict([("q", a), ("p", b)]))
    assert type(ordered) is collections.OrderedDict
    assert list(ordered) == ["q", "p"]


def test_named_tuples(session: Any, a: Any, b: Any) -> None:
    found = session.run(Pair(a, Pair(b, a)))
    assert type(found) is Pair
    assert found.first == 1.0
    assert found.second.first.tolist() == [2, 3]


@pytest.mark.parametrize("empty", [[], (), {}])
def test_nothing(session: Any, a: Any, empty: Any) -> None:
    found = session.run(empty)
    assert found == empty
    assert type(found) is type(empty)


def test_the_same_tensor_twice(session: Any, a: Any) -> None:
    assert session.run([a, a, [a]]) == [1.0, 1.0, [1.0]]
    x = tf.random_uniform([2])
    one, other = session.run([x, x])
    assert one.tolist() == other.tolist()
    assert session.run([x, {"x": x}])[1]["x"].shape == (2,)


def test_a_structure_may_be_run_again(session: Any) -> None:
    x = tf.placeholder(tf.float32)
    fetches = {"y": x + 1.0, "z": [x * 2.0]}
    for value in (1.0, 2.0, 3.0):
        assert session.run(fetches, {x: value}) == {"y": value + 1, "z": [value * 2]}


# What cannot be fetched


@pytest.mark.parametrize("fetch", [None, 3, 2.5, [None], {"a": None}, object()])
def test_leaves_of_no_kind(session: Any, a: Any, fetch: Any) -> None:
    with pytest.raises(TypeError, match="has invalid type"):
        session.run(fetch)


@pytest.mark.parametrize("name", ["nothing", "nothing:0", "a:1", "a:x"])
def test_names_of_nothing(session: Any, a: Any, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be interpreted as a Tensor"):
        session.run(name)


def test_tensors_of_another_graph(session: Any, a: Any) -> None:
    with tf.Graph().as_default():
        other = tf.constant(1.0)
    with pytest.raises(ValueError, match="is not an element of this graph"):
        session.run(other)
    with pytest.raises(ValueError, match="is not an element of this graph"):
        session.run([a, other.op])


def test_fetching_may_be_prevented(session: Any, a: Any) -> None:
    assert session.graph.is_fetchable(a)
    session.graph.prevent_fetching(a.op)
    assert not session.graph.is_fetchable(a)
    with pytest.raises(ValueError, match="has been marked as not fetchable"):
        session.run(a)
    assert session.run(a + 1.0) == 2.0


def test_an_empty_graph() -> None:
    session = tf.Session(graph=tf.Graph())
    with pytest.raises(RuntimeError, match="graph is empty"):
        session.run([])
    session.close()


def test_equal_structures_of_other_types_keep_their_types():
    """A tuple and a namedtuple of the same tensors are equal, and yet not the same fetch."""
    pair_type = collections.namedtuple("pair_type", ["first", "second"])
    a, b = tf.constant(1.0), tf.constant(2.0)
    with tf.Session() as session:
        for _ in range(3):
            assert type(session.run((a, b))) is tuple
            assert type(session.run(pair_type(a, b))) is pair_type
            assert type(session.run([a, b])) is list


def test_mappings_are_made_anew_and_filled(session: Any, a: Any) -> None:
    class Named(dict):
        pass

    found = session.run(collections.defaultdict(list, {"x": a}))
    assert (type(found), found) == (collections.defaultdict, {"x": 1.0})
    assert type(session.run(Named(x=a))) is Named


class Attributes:
    """What the package attrs puts on a class, as far as fetches look at it."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self._y = x, y

    __attrs_attrs__ = (SimpleNamespace(name="x"), SimpleNamespace(name="_y"))


def test_classes_of_the_package_attrs(session: Any, a: Any, b: Any) -> None:
    found = session.run([Attributes(a, {"z": Attributes(b, a.op)})])[0]
    assert (type(found), found.x) == (Attributes, 1.0)
    assert type(found._y["z"]) is Attributes
    assert found._y["z"].x.tolist() == [2, 3]
    with pytest.raises(TypeError, match="Fetch argument None has invalid type"):
        session.run(Attributes(a, None))


def test_the_package_attrs_itself(session: Any, a: Any) -> None:
    attr = pytest.importorskip("attr")
    pair = attr.make_class("pair", ["first", "second"])
    assert session.run(pair(a, [a])) == pair(1.0, [1.0])


def test_what_may_not_be_fetched_has_tensorflows_class(session: Any, a: Any) -> None:
    session.graph.prevent_fetching(a.op)
    for fetch in (a, a.op, "a:0"):
        with pytest.raises(InaccessibleTensorError, match="'a' has been marked as not fetchable"):
            session.run(fetch)


def test_an_empty_graph_is_told_before_what_is_wrong_with_a_fetch(a: Any) -> None:
    with tf.Session(graph=tf.Graph()) as empty, pytest.raises(RuntimeError, match="graph is empty"):
        empty.run(a)
