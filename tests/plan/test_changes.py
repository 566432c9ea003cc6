"""What became of the operations that a plan leaves out."""

from __future__ import annotations

import penstock as tf
from penstock.plan.changes import Fate, changes
from penstock.plan.clusters import ClusterPlan, host_reasons, split
from penstock.plan.rewriter import make_plan


def test_every_needed_operation_runs_or_has_a_fate() -> None:
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 3], name="x")
        w = tf.get_variable("w", [3, 2])
        loss = tf.reduce_mean(tf.square(tf.matmul(x, w) * (tf.constant(1.0) + 1.0)))
        train = tf.train.AdamOptimizer().minimize(loss)
        plan = make_plan(graph, [loss, train], [x])
    found = changes(plan)
    run = {step.op for step in plan.steps}
    assert run.isdisjoint([change.op for change in found])
    assert run | {change.op for change in found} == set(plan.ordered)
    assert {change.fate for change in found} >= {
        Fate.CONSTANT,
        Fate.VARIABLE,
        Fate.FOLDED,
        Fate.IDENTITY,
        Fate.MERGED,
    }


def test_an_op_has_a_reason_or_a_cluster() -> None:
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [4], name="x")
        positive = tf.gather(tf.sqrt(x), tf.where(x > 0))
        plan = make_plan(graph, [tf.py_func(lambda a: a, [positive], tf.float32)], [x])
    items = split(plan)
    inside = {step.op for item in items if isinstance(item, ClusterPlan) for step in item.steps}
    reasons = host_reasons(plan)
    assert inside.isdisjoint(reasons)
    assert inside | set(reasons) == {step.op for step in plan.steps}
    assert {op.type for op in reasons} == {"Where", "PyFunc"}
