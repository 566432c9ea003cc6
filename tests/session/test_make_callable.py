"""`make_callable`: a run as a Python function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf


@pytest.fixture(name="session")
def fixture_session() -> Iterator[Any]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def test_arguments_feed_in_their_order(session: Any) -> None:
    a, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    call = session.make_callable(a - b, [a, b])
    for x, y in ((5.0, 3.0), (1.0, 2.0), (0.0, 0.0)):
        assert call(x, y) == x - y
    assert session.make_callable(a - b, (b, a))(1.0, 3.0) == 2.0


def test_without_feeds(session: Any) -> None:
    assert session.make_callable(tf.constant(2.0) * 3.0)() == 6.0
    assert session.make_callable(tf.constant(2.0), [])() == 2.0


def test_structures(session: Any) -> None:
    a = tf.placeholder(tf.float32)
    call = session.make_callable({"sum": a + 1, "more": [a * 2, tf.no_op(), (a,)]}, [a])
    assert call(3.0) == {"sum": 4.0, "more": [6.0, None, (3.0,)]}


def test_an_operation(session: Any) -> None:
    v = tf.Variable(0, use_resource=False)
    session.run(v.initializer)
    call = session.make_callable(tf.assign_add(v, 1).op)
    for _ in range(3):
        assert call() is None
    assert session.run(v) == 3


def test_names_of_tensors(session: Any) -> None:
    a = tf.placeholder(tf.float32, name="a")
    tf.add(a, 1.0, name="b")
    assert session.make_callable("b:0", ["a:0"])(2.0) == 3.0


def test_any_tensor_may_be_fed(session: Any) -> None:
    x = tf.constant(1.0) * 2.0
    y = x + 1.0
    assert session.make_callable(y, [x])(5.0) == 6.0
    assert session.make_callable(y)() == 3.0


def test_values_are_converted(session: Any) -> None:
    a, i = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.int32)
    call = session.make_callable(a * 2.0, [a])
    assert call([1, 2]).tolist() == [2, 4]
    assert call((np.float64(1), 2)).tolist() == [2, 4]
    assert call(np.array([1, 2], np.int64)).tolist() == [2, 4]
    whole = session.make_callable(i + 1, [i])
    assert whole(1.7) == 2
    assert whole(np.array([1, 2])).tolist() == [2, 3]
    with pytest.raises(TypeError, match="is not compatible with Tensor type"):
        whole(2**40)


def test_values_that_do_not_fit(session: Any) -> None:
    a = tf.placeholder(tf.float32, [2], name="a")
    call = session.make_callable(a * 2.0, [a])
    with pytest.raises(ValueError, match=r"Cannot feed value of shape \(3,\) for Tensor 'a:0'"):
        call([1, 2, 3])
    with pytest.raises(TypeError, match=r"cannot be a tf.Tensor object"):
        call(tf.constant([1.0, 2.0]))
    assert call([1, 2]).tolist() == [2, 4]


def test_a_missing_argument_is_a_missing_feed(session: Any) -> None:
    a, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32, name="b")
    call = session.make_callable(a - b, [a, b])
    with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value") as caught:
        call(1.0)
    assert "'b'" in caught.value.message
    with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value"):
        session.make_callable(a + 1.0)()


def test_keywords_are_no_feeds(session: Any) -> None:
    a = tf.placeholder(tf.float32, name="a")
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        session.make_callable(a + 1.0, [a])(a=1.0)


@pytest.mark.parametrize("feeds", [3, "a:0", {}])
def test_feeds_must_be_a_list(session: Any, feeds: Any) -> None:
    with pytest.raises(TypeError, match="`feed_list` must be a list or tuple"):
        session.make_callable(tf.constant(1.0), feeds)


def test_fetches_that_are_none(session: Any) -> None:
    tf.constant(1.0)
    with pytest.raises(TypeError, match="has invalid type"):
        session.make_callable(None)
    with pytest.raises(ValueError, match="cannot be interpreted as a Tensor"):
        session.make_callable("nothing:0")


def test_options(session: Any) -> None:
    a = tf.placeholder(tf.float32)
    call = session.make_callable(a + 1.0, [a], accept_options=True)
    assert call(1.0) == 2.0
    assert call(1.0, options=tf.RunOptions(), run_metadata=tf.RunMetadata()) == 2.0


def test_it_sees_the_state_of_its_session(session: Any) -> None:
    v = tf.Variable(1.0)
    read = session.make_callable(v + 0.0)
    with pytest.raises(tf.errors.FailedPreconditionError):
        read()
    session.run(v.initializer)
    assert read() == 1.0
    session.run(tf.assign(v, 5.0))
    assert read() == 5.0


def test_the_graph_may_grow_meanwhile(session: Any) -> None:
    a = tf.placeholder(tf.float32)
    call = session.make_callable(a + 1.0, [a])
    assert call(1.0) == 2.0
    b = a * 3.0
    assert session.run(b, {a: 2.0}) == 6.0
    assert call(2.0) == 3.0


def test_results_may_be_changed(session: Any) -> None:
    c = tf.constant([1.0, 2.0])
    call = session.make_callable(c)
    call()[:] = 100
    assert call().tolist() == [1.0, 2.0]
