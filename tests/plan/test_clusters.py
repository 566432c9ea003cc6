"""How a plan is split into clusters for XLA and ops of the host."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as tf
from penstock.plan.clusters import ClusterPlan, split
from penstock.plan.rewriter import make_plan


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


def split_of(fetches, feeds=()):
    return split(make_plan(tf.get_default_graph(), fetches, feeds))


def shape_of(items) -> list[object]:
    return [
        [step.op.type for step in item.steps] if isinstance(item, ClusterPlan) else item.op.type
        for item in items
    ]


def test_a_plan_without_host_ops_is_one_cluster():
    a = tf.placeholder(tf.float32)
    (cluster,) = split_of([tf.log(tf.exp(a))], [a])
    assert cluster.inputs == [a]
    assert [t.op.type for t in cluster.outputs] == ["Log"]


def test_a_host_op_splits_a_chain_in_two():
    a = tf.placeholder(tf.float32)
    on_host = tf.py_func(np.cbrt, [tf.exp(a)], tf.float32)
    assert shape_of(split_of([tf.log(on_host)], [a])) == [["Exp"], "PyFunc", ["Log"]]


def test_what_does_not_depend_on_the_host_op_joins_the_first_cluster():
    a = tf.placeholder(tf.float32)
    on_host = tf.py_func(np.cbrt, [a], tf.float32)
    items = split_of([tf.log(on_host), tf.exp(a), tf.sin(a)], [a])
    assert shape_of(items) == ["PyFunc", ["Exp", "Sin"], ["Log"]] or shape_of(items) == [
        "PyFunc",
        ["Log", "Exp", "Sin"],
    ]


def test_an_assignment_stays_behind_the_check_before_it():
    variable = tf.Variable(1.0)
    check = tf.Assert(tf.placeholder_with_default(True, []), [variable])
    with tf.control_dependencies([check]):
        update = tf.assign(variable, 2.0)
    items = split_of([update.op])
    names = [
        s.op.type
        for item in items
        for s in (item.steps if isinstance(item, ClusterPlan) else [item])
    ]
    assert names.index("If") < names.index("Assign")  # the check stands in a branch


def test_a_read_keeps_its_place_between_assignments():
    variable = tf.Variable(1.0)
    first = tf.assign(variable, 2.0)
    with tf.control_dependencies([first]):
        middle = variable.read_value()
    seen = tf.py_func(lambda x: x, [middle], tf.float32)
    with tf.control_dependencies([seen]):
        last = tf.assign(variable, 3.0)
    items = split_of([last.op, seen])
    names = [
        s.op.type
        for item in items
        for s in (item.steps if isinstance(item, ClusterPlan) else [item])
    ]
    assert names == ["Assign", "Identity", "PyFunc", "Assign"]


def test_a_fed_value_that_decides_a_shape_is_known_to_the_cluster():
    shape = tf.placeholder(tf.int32, [2])
    x = tf.placeholder(tf.float32)
    items = split_of([tf.reshape(x, shape)], [x, shape])
    (cluster,) = [item for item in items if isinstance(item, ClusterPlan)]
    assert cluster.known_inputs == {shape}


def test_a_loop_as_long_as_its_input_wants_no_value_of_it_known():
    words = tf.placeholder(tf.int32, [None, None])
    start, weights = tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.float32, [3, 3])
    _, last = tf.while_loop(
        lambda time, state: time < tf.shape(words)[1],
        lambda time, state: (time + 1, tf.tanh(tf.matmul(state, weights))),
        [0, start],
    )
    feeds = [words, start, weights]
    (cluster,) = split_of([last, *tf.gradients(last, weights)], feeds)
    assert isinstance(cluster, ClusterPlan)
    assert cluster.known_inputs == frozenset()


def test_a_shape_that_follows_from_a_variable_stays_on_the_host():
    size = tf.Variable(np.array([2, 3], np.int32))
    x = tf.placeholder(tf.float32)
    items = split_of([tf.exp(tf.reshape(x, size))], [x])
    assert "Reshape" in shape_of(items)


@pytest.mark.parametrize("level", [-1, 1])
def test_a_branch_in_the_place_of_its_owner_waits_for_what_it_takes(level):
    x = tf.placeholder(tf.float32, [2])
    state = tf.Variable(0.0)
    on_host = tf.py_func(lambda a: a + 1, [tf.exp(x)], tf.float32)
    on_host.set_shape([2])
    first = tf.assign_add(state, tf.reduce_sum(on_host))

    def taken():
        inner = tf.cond(on_host[0] > 0, lambda: on_host * 2.0, lambda: on_host)
        with tf.control_dependencies([tf.assign_add(state, 100.0)]):
            return tf.identity(inner)

    with tf.control_dependencies([first]):
        chosen = tf.cond(tf.constant(True), taken, lambda: x)
    with tf.control_dependencies([chosen]):
        last = tf.assign(state, state * 2.0)
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    for settings in ({}, {"options": options, "run_metadata": tf.RunMetadata()}):
        with tf.Session(config=config) as session:
            session.run(state.initializer)
            found, total = session.run([chosen, last], {x: [0.0, 0.0]}, **settings)
            np.testing.assert_array_equal(found, [4.0, 4.0])
            assert total == 208.0
