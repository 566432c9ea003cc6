"""What a plan keeps, drops, folds and merges, and in which order it runs."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as tf
from penstock.plan.order import needed_operations
from penstock.plan.plan import Constant, Read
from penstock.plan.rewriter import make_plan


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


def types_of(plan) -> list[str]:
    return [step.op.type for step in plan.steps]


def plan_of(fetches, feeds=()):
    return make_plan(tf.get_default_graph(), fetches, feeds)


def test_only_what_the_fetches_need_is_run():
    a, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    needed = tf.exp(a)
    tf.log(b)
    assert types_of(plan_of([needed], [a])) == ["Exp"]


def test_a_feed_cuts_off_what_makes_it():
    a = tf.placeholder(tf.float32)
    middle = tf.exp(a)
    end = tf.log(middle)
    assert types_of(plan_of([end], [middle])) == ["Log"]


def test_operations_run_in_the_order_of_their_creation():
    a = tf.placeholder(tf.float32)
    first, second, third = tf.exp(a), tf.sin(a), tf.cos(a)
    assert types_of(plan_of([third, first, second], [a])) == ["Exp", "Sin", "Cos"]


def test_a_control_edge_added_later_changes_the_order():
    a = tf.placeholder(tf.float32)
    first, second = tf.exp(a), tf.sin(a)
    first.op._add_control_input(second.op)
    assert types_of(plan_of([first], [a])) == ["Sin", "Exp"]


def test_a_cycle_of_control_edges_is_an_error_that_names_it():
    a = tf.placeholder(tf.float32)
    first, second = tf.exp(a, name="first"), tf.sin(a, name="second")
    first.op._add_control_input(second.op)
    second.op._add_control_input(first.op)
    with pytest.raises(ValueError, match="cycle through first, second"):
        needed_operations([first.op], frozenset([a]), frozenset())


def test_constants_are_folded():
    folded = tf.add(tf.multiply(tf.constant(2.0), 3.0), 1.0)
    plan = plan_of([folded])
    assert plan.steps == []
    assert isinstance(plan.results[0], Constant)
    assert plan.results[0].value == 7.0


def test_a_fed_constant_is_not_folded():
    two = tf.constant(2.0)
    assert types_of(plan_of([tf.multiply(two, 3.0)], [two])) == ["Mul"]


def test_a_constant_expression_that_fails_is_left_for_the_run():
    bad = tf.floordiv(tf.constant(1), tf.constant(0))
    assert types_of(plan_of([bad])) == ["FloorDiv"]


def test_equal_pure_ops_are_merged():
    a = tf.placeholder(tf.float32)
    plan = plan_of([tf.exp(a), tf.exp(a), tf.add(tf.exp(a), 1.0)], [a])
    assert types_of(plan) == ["Exp", "Add"]
    assert plan.results[0] is plan.results[1]


def test_ops_with_other_attrs_are_not_merged():
    a = tf.placeholder(tf.float32, [2, 2])
    plan = plan_of([tf.matmul(a, a), tf.matmul(a, a, transpose_a=True)], [a])
    assert types_of(plan) == ["MatMul", "MatMul"]


def test_ops_with_an_effect_are_never_merged():
    calls = []
    one = tf.py_func(lambda: np.float32(len(calls)), [], tf.float32)
    two = tf.py_func(lambda: np.float32(len(calls)), [], tf.float32)
    assert types_of(plan_of([one, two])) == ["PyFunc", "PyFunc"]


def test_identities_are_dropped_but_reads_of_variables_stay():
    a = tf.placeholder(tf.float32)
    variable = tf.Variable(1.0)
    assert types_of(plan_of([tf.add(tf.identity(a), 1.0)], [a])) == ["Add"]
    assert types_of(plan_of([tf.identity(variable)])) == ["Identity"]  # the read


def test_an_op_that_only_orders_is_kept():
    checked = tf.check_numerics(tf.placeholder_with_default(1.0, []), "bad")
    with tf.control_dependencies([checked]):
        after = tf.no_op()
    assert "CheckNumerics" in types_of(plan_of([after]))


def test_a_fetched_reference_is_read_at_the_end():
    variable = tf.Variable(1.0)
    plan = plan_of([variable.op.outputs[0]])
    assert isinstance(plan.results[0], Read)
