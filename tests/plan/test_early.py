"""What the host works out itself, so that its ops do not wait for a cluster."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as tf
from penstock.plan.clusters import ClusterPlan, host_reasons, split
from penstock.plan.rewriter import make_plan


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


def items_of(fetches, feeds):
    return split(make_plan(tf.get_default_graph(), fetches, feeds))


def kinds(items) -> list[object]:
    return [
        [step.op.type for step in item.steps] if isinstance(item, ClusterPlan) else item.op.type
        for item in items
    ]


def jit(level: int) -> tf.ConfigProto:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    return config


def test_views_of_feeds_that_an_op_of_the_host_needs_run_before_all_clusters():
    ids = tf.placeholder(tf.int32, [None, 4])
    flat = tf.reshape(ids, [-1])
    rows, _ = tf.unique(flat)
    y = tf.gather(tf.exp(tf.placeholder(tf.float32, [9], name="x")), rows)
    x = tf.get_default_graph().get_tensor_by_name("x:0")
    assert kinds(items_of([y], [ids, x])) == ["Reshape", "Unique", ["Exp", "GatherV2"]]


def test_a_cluster_that_needs_them_too_works_them_out_again():
    ids = tf.placeholder(tf.int32, [None, 4])
    count = tf.size(ids)
    flat = tf.reshape(ids, tf.expand_dims(count, 0))
    on_host = tf.py_func(lambda a: a, [flat], tf.int32)
    on_host.set_shape([None])
    items = items_of([on_host + 1, tf.cast(flat, tf.float32) * 2.0], [ids])
    assert kinds(items[:3]) == ["Size", "ExpandDims", "Reshape"]
    clusters = [item for item in items if isinstance(item, ClusterPlan)]
    assert ["Size", "ExpandDims", "Reshape", "Cast", "Mul"] in kinds(clusters) or any(
        {"Size", "ExpandDims", "Reshape", "Cast", "Mul"} <= set(ops) for ops in kinds(clusters)
    )
    assert not any([t.op.type == "Reshape" for c in clusters for t in (*c.inputs, *c.outputs)])
    fed = np.arange(8, dtype=np.int32).reshape(2, 4)
    for level in (-1, 1):
        with tf.Session(config=jit(level)) as sess:
            one, other = sess.run([on_host + 1, tf.cast(flat, tf.float32) * 2.0], {ids: fed})
            np.testing.assert_array_equal(one, fed.reshape(-1) + 1)
            np.testing.assert_array_equal(other, fed.reshape(-1) * 2.0)


def test_what_depends_on_a_cluster_or_a_variable_is_not_early():
    x = tf.placeholder(tf.float32, [2, 2])
    total = tf.reshape(tf.exp(x), [4])
    held = tf.reshape(tf.Variable(tf.zeros([2, 2])), [4])
    plan = make_plan(
        tf.get_default_graph(), [tf.py_func(lambda a, b: a, [total, held], tf.float32)], [x]
    )
    assert {op.type for op in host_reasons(plan)} == {"PyFunc"}


def test_the_reason_names_the_op_of_the_host():
    ids = tf.placeholder(tf.int32, [None, 4])
    flat = tf.reshape(ids, [-1], name="flat")
    rows, _ = tf.unique(flat, name="rows")
    plan = make_plan(tf.get_default_graph(), [rows], [ids])
    assert host_reasons(plan)[flat.op] == "rows needs it there"


@pytest.mark.parametrize("level", [-1, 1])
def test_a_deadline_and_a_trace_find_the_same(level):
    ids = tf.placeholder(tf.int32, [None, 4])
    rows, _ = tf.unique(tf.reshape(ids, [-1]))
    y = tf.exp(tf.cast(tf.reduce_sum(rows), tf.float32)) + tf.cast(tf.size(ids), tf.float32)
    fed = [[3, 1, 3, 1]]
    options = tf.RunOptions(timeout_in_ms=60_000, trace_level=tf.RunOptions.FULL_TRACE)
    with tf.Session(config=jit(level)) as sess:
        for _ in range(3):
            plain = sess.run(y, {ids: fed})
            watched = sess.run(y, {ids: fed}, options=options, run_metadata=tf.RunMetadata())
            assert plain == watched == pytest.approx(np.exp(4.0) + 4, rel=1e-6)


def test_a_check_about_shapes_is_made_while_compiling():
    x = tf.placeholder(tf.float32, [None])
    y = tf.placeholder(tf.float32, [None])
    with tf.control_dependencies([tf.assert_equal(tf.shape(tf.exp(x)), tf.shape(y))]):
        total = tf.reduce_sum(tf.exp(x) * y)
    state = tf.Variable(0.0)
    update = tf.assign_add(state, total)
    (cluster,) = items_of([update], [x, y])
    assert "Assert" in [step.op.type for step in cluster.steps]
    with tf.Session(config=jit(1)) as sess:
        sess.run(state.initializer)
        assert sess.run(update, {x: [0.0, 0.0], y: [1.0, 2.0]}) == 3.0
        for _ in range(2):
            with pytest.raises(tf.errors.InvalidArgumentError, match="assertion failed"):
                sess.run(update, {x: [0.0, 0.0], y: [1.0]})
        assert sess.run(state) == 3.0
        assert sess.run(update, {x: [0.0], y: [4.0]}) == 7.0


def test_a_check_of_values_stays_on_the_host():
    x = tf.placeholder(tf.int32, [2])
    with tf.control_dependencies([tf.Assert(tf.reduce_all(x > 0), [x])]):
        y = tf.identity(x) * 2
    assert "Assert" in [op.type for op in host_reasons(
        make_plan(tf.get_default_graph(), [y], [x]))]  # fmt: skip
