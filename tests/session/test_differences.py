"""Where a session means to differ from TensorFlow 1.15's; docs/differences.md tells why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import penstock as tf


@pytest.fixture(name="graph")
def fixture_graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


def test_the_one_open_session_evaluates(graph: Any) -> None:
    c = tf.constant(1.0)
    session = tf.Session()
    assert c.eval() == 1.0
    other = tf.Session()
    with pytest.raises(ValueError, match="sessions open on this graph: 2"):
        c.eval()
    other.close()
    assert c.eval() == 1.0
    session.close()
    with pytest.raises(ValueError, match="open on this graph: none"):
        c.eval()


@pytest.mark.parametrize("use_resource", [False, True])
def test_a_fetched_variable_is_read_after_the_updates_of_its_run(
    graph: Any, use_resource: bool
) -> None:
    v = tf.Variable(1.0, use_resource=use_resource)
    update = v.assign_add(1.0)
    with tf.Session() as session:
        session.run(v.initializer)
        assert session.run([update.op, v])[1] == 2.0
        assert session.run([v, update.op])[0] == 3.0


def test_the_order_is_that_of_creation(graph: Any) -> None:
    v = tf.Variable(1.0, use_resource=False)
    first, second = tf.assign(v, v * 2.0), tf.assign_add(v, 1.0)
    with tf.Session() as session:
        session.run(v.initializer)
        for expected in (3.0, 7.0, 15.0):
            session.run([second, first])
            assert session.run(v) == expected


def test_a_fetched_feed_is_a_copy(graph: Any) -> None:
    x = tf.placeholder(tf.float32, [1])
    with tf.Session() as session:
        fed = session.run(tf.constant([1.0]))
        session.run(x, {x: fed})[0] = 5.0
        assert fed.tolist() == [1.0]


def test_a_control_edge_that_is_added_later_counts(graph: Any) -> None:
    v = tf.Variable(0, use_resource=False)
    add = tf.assign_add(v, 1)
    c = tf.constant(1.0) + 1.0
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(c)
        assert session.run(v) == 0
        c.op._add_control_input(add.op)
        session.run(c)
        assert session.run(v) == 1
