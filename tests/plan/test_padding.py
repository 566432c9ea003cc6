"""Sparse updates do not compile anew for each number of different rows."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as tf
from penstock.plan.clusters import ClusterPlan, split
from penstock.plan.rewriter import make_plan

OPTIMIZERS = {
    "Momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    "Adagrad": lambda: tf.train.AdagradOptimizer(0.1),
    "Adam": lambda: tf.train.AdamOptimizer(0.1),
    "Adadelta": lambda: tf.train.AdadeltaOptimizer(0.1),
    "RMSProp": lambda: tf.train.RMSPropOptimizer(0.1),
    "centered RMSProp": lambda: tf.train.RMSPropOptimizer(0.1, centered=True),
    "Ftrl": lambda: tf.train.FtrlOptimizer(0.1),
    "GradientDescent": lambda: tf.train.GradientDescentOptimizer(0.1),
}


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


def jit(level: int) -> tf.ConfigProto:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    return config


def padded_of(fetches, feeds) -> list[str]:
    items = split(make_plan(tf.get_default_graph(), fetches, feeds))
    clusters = [item for item in items if isinstance(item, ClusterPlan)]
    return [tensor.op.type for cluster in clusters for tensor in cluster.padded]


def model(optimizer: str, use_resource: bool = False):
    table = tf.get_variable(
        "table", [7, 3], initializer=tf.constant_initializer(0.5), use_resource=use_resource
    )
    ids = tf.placeholder(tf.int32, [None])
    rows = tf.nn.embedding_lookup(table, ids)
    scale = tf.cast(tf.range(1, tf.size(ids) + 1), tf.float32)
    loss = tf.reduce_sum(tf.square(rows) * tf.expand_dims(scale, 1))
    return table, ids, OPTIMIZERS[optimizer]().minimize(loss)


BATCHES = ([0, 1, 2, 3], [5, 5, 5, 5], [6, 0, 6, 2], [4, 4, 1, 1], [6, 5, 4, 3])


@pytest.mark.parametrize("use_resource", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_one_program_serves_batches_with_any_number_of_different_rows(optimizer, use_resource):
    _, ids, train = model(optimizer, use_resource)
    found = {}
    for level in (-1, 1):
        with tf.Session(config=jit(level)) as sess:
            sess.run(tf.global_variables_initializer())
            for batch in BATCHES:
                sess.run(train, {ids: batch})
            found[level] = sess.run(list(tf.global_variables()))
            if level == 1:
                (stats,) = [row for row in sess.run_stats() if row.feeds]
                assert (stats.compiles, stats.recompiles) == (1, 0)
    for interpreted, compiled in zip(found[-1], found[1], strict=True):
        np.testing.assert_allclose(compiled, interpreted, rtol=2e-6, atol=1e-7)


def test_what_the_updates_need_is_filled_up():
    _, ids, train = model("Adagrad")
    assert padded_of([train], [ids]) == ["Unique"]


def test_values_that_are_fetched_are_as_they_are():
    _, ids, train = model("Adagrad")
    (unique,) = [op for op in tf.get_default_graph().get_operations() if op.type == "Unique"]
    assert padded_of([train, unique.outputs[0]], [ids]) == []
    with tf.Session(config=jit(1)) as sess:
        sess.run(tf.global_variables_initializer())
        for batch in BATCHES:
            _, values = sess.run([train, unique.outputs[0]], {ids: batch})
            assert values.tolist() == list(dict.fromkeys(batch))


@pytest.mark.parametrize("level", [-1, 1])
def test_what_depends_on_how_many_there_are_is_not_filled_up(level):
    table = tf.Variable(tf.zeros([7, 3]))
    ids = tf.placeholder(tf.int32, [None])
    values, places = tf.unique(ids)
    sums = tf.unsorted_segment_sum(tf.ones([tf.size(ids), 3]), places, tf.size(values))
    added = tf.scatter_add(table, values, sums / tf.cast(tf.size(values), tf.float32))
    assert padded_of([added.op], [ids]) == []
    mean = tf.reduce_mean(sums)
    with tf.Session(config=jit(level)) as sess:
        sess.run(table.initializer)
        _, found = sess.run([added.op, mean], {ids: [2, 2, 5, 2]})
        assert found == 2.0
        np.testing.assert_array_equal(sess.run(table)[[2, 5], 0], [1.5, 0.5])
