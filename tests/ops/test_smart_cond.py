"""Branches that are chosen while building, and operations made outside of branches."""

from __future__ import annotations

import pytest

import penstock as tf
from penstock.compat.layers_utils import constant_value
from penstock.compat.layers_utils import smart_cond as layers_smart_cond
from penstock.ops.smart_cond import smart_case, smart_cond, smart_constant_value


@pytest.fixture(autouse=True)
def graph():
    """Each test has a graph of its own."""
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.mark.parametrize(("pred", "chosen"), [(True, "yes"), (False, "no"), (1, "yes"), (0, "no")])
def test_known_conditions_choose_while_building(pred, chosen):
    assert smart_cond(pred, lambda: "yes", lambda: "no") == chosen
    assert smart_cond(tf.constant(bool(pred)), lambda: "yes", lambda: "no") == chosen
    assert smart_constant_value(tf.equal(tf.constant(int(pred)), 1)) is (chosen == "yes")


def test_an_unknown_condition_makes_a_cond(graph):
    pred = tf.placeholder(tf.bool, [])
    result = smart_cond(pred, lambda: 1, lambda: 2)
    assert result.name == "cond/Merge:0"
    assert smart_constant_value(pred) is None
    with tf.Session(graph=graph) as sess:
        assert sess.run([result], {pred: False}) == [2]


@pytest.mark.parametrize("pred", [2, "a", None])
def test_what_is_no_condition_is_refused(pred):
    with pytest.raises(TypeError, match="`pred` must be a Tensor, or a Python bool, or 1 or 0"):
        smart_cond(pred, lambda: 1, lambda: 2)


def test_functions_must_be_functions():
    with pytest.raises(TypeError, match="`true_fn` must be callable"):
        smart_cond(True, 1, lambda: 2)
    with pytest.raises(TypeError, match="`false_fn` must be callable"):
        smart_cond(True, lambda: 1, 2)


def test_smart_case(graph):
    yes, no, fed = tf.constant(True), tf.constant(False), tf.placeholder(tf.bool, [])
    assert smart_case([(no, lambda: "a"), (yes, lambda: "b")], default=lambda: "c") == "b"
    assert smart_case({no: lambda: "a"}, default=lambda: "c") == "c"
    result = smart_case([(fed, lambda: 1), (yes, lambda: 2)], default=lambda: 3)
    assert result.name == "smart_case/cond/Merge:0"
    with pytest.raises(ValueError, match="no default"):
        smart_case([(no, lambda: "a")])
    with tf.Session(graph=graph) as sess:
        assert sess.run(result, {fed: True}) == 1
        assert sess.run(result, {fed: False}) == 2


def test_a_variable_is_never_known():
    variable = tf.Variable(True)
    assert constant_value(variable) is None
    assert constant_value(True) is True
    assert layers_smart_cond(variable, lambda: 1, lambda: 2).name == "cond/Merge:0"
    assert layers_smart_cond(True, lambda: 1, lambda: 2) == 1


def test_init_scope_leaves_branches_and_control_dependencies(graph):
    pred = tf.placeholder(tf.bool, [])
    made = []

    def branch():
        with tf.control_dependencies([tf.no_op()]), tf.init_scope():
            made.append(tf.constant(7.0, name="outside"))
        return made[0] * 2.0

    result = tf.cond(pred, branch, lambda: 0.0)
    assert made[0].name == "cond/outside:0"
    assert made[0].op.control_inputs == []
    with tf.Session(graph=graph) as sess:
        assert sess.run([result, made[0]], {pred: True}) == [14.0, 7.0]
