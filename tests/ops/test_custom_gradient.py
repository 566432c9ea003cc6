"""Custom gradients beyond what tests/programs/custom_gradients.py compares with TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import tier_config


@pytest.fixture(autouse=True)
def graph():
    """Each test has a graph of its own."""
    with tf.Graph().as_default() as graph:
        yield graph


def run(fetches, feeds=None, tier="interpreted"):
    """Runs with variables initialized."""
    with tf.Session(config=tier_config(tier)) as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(fetches, feeds)


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
def test_recompute_grad(tier):
    """The gradients are those of the function itself, also of variables that it makes."""
    x = tf.placeholder(tf.float64, [3])

    def layer(a):
        v = tf.get_variable("v", [3], tf.float64, tf.constant_initializer([1.0, 2.0, 3.0]))
        return tf.sin(a * v)

    with tf.variable_scope("layer", use_resource=True, reuse=tf.AUTO_REUSE):
        plain = layer(x)
        recomputed = tf.recompute_grad(layer)(x)
    (v,) = tf.trainable_variables()
    sines = len([op for op in tf.get_default_graph().get_operations() if op.type == "Sin"])
    with tf.variable_scope("layer", use_resource=True, reuse=True):
        found = tf.gradients(recomputed, [x, v])
    assert len([op for op in x.graph.get_operations() if op.type == "Sin"]) == sines + 1
    expected = tf.gradients(plain, [x, v])
    values = run([plain, recomputed, *expected, *found], {x: [0.5, -1.0, 2.0]}, tier)
    np.testing.assert_allclose(values[1], values[0])
    np.testing.assert_allclose(values[4:], values[2:4])


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
def test_recompute_grad_in_a_loop(tier):
    x = tf.placeholder(tf.float64, [2])
    with tf.variable_scope("loop", use_resource=True):
        step = tf.recompute_grad(lambda a: tf.tanh(a) * 2.0)
        looped = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, step(a)), [0, x])[1]
        (found,) = tf.gradients(looped, x)
    plain = x
    for _ in range(3):
        plain = tf.tanh(plain) * 2.0
    (expected,) = tf.gradients(plain, x)
    got, wanted = run([found, expected], {x: [0.3, -0.7]}, tier)
    np.testing.assert_allclose(got, wanted)


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
def test_recomputed_layers_that_share_their_variable(tier):
    """The gradients are those of the layers themselves: each way back is taken once."""
    x = tf.placeholder(tf.float64, [2])
    with tf.variable_scope("layer", use_resource=True):
        v = tf.get_variable("v", [2], tf.float64, tf.constant_initializer([0.5, -1.5]))
        layer = tf.recompute_grad(lambda a: tf.tanh(a * v))
        product = tf.recompute_grad(lambda a, b: tf.sin(a * b))
        found = tf.gradients([layer(layer(layer(x))), product(x, x * 3.0)], [x, v])
    plain = tf.tanh(tf.tanh(tf.tanh(x * v) * v) * v)
    expected = tf.gradients([plain, tf.sin(x * x * 3.0)], [x, v])
    values = run([*expected, *found], {x: [0.3, -0.7]}, tier)
    np.testing.assert_allclose(values[2:], values[:2], rtol=1e-12)


def test_nothing_flows_back_to_what_a_recomputed_function_takes_beside_its_arguments():
    """As in TensorFlow: the argument's gradient leaves out the way through `taken`."""
    x = tf.placeholder(tf.float64, [2])
    with tf.variable_scope("layer", use_resource=True):
        v = tf.get_variable("v", [2], tf.float64, tf.constant_initializer([0.5, -1.5]))
        taken = x * v
        y = tf.recompute_grad(lambda a: tf.exp(a) * taken)(x)
        of_x, of_v = tf.gradients(y, [x, v])
    assert of_v is None
    # exp(x) times what was taken, x v
    np.testing.assert_allclose(
        run(of_x, {x: [0.3, -0.7]}), np.exp([0.3, -0.7]) * [0.15, 1.05], rtol=1e-12
    )


def test_a_run_computes_anew():
    """What is recomputed is not what was kept."""
    x = tf.placeholder(tf.float64, [2])
    with tf.variable_scope("layer", use_resource=True):
        y = tf.recompute_grad(lambda a: tf.exp(tf.sin(a)))(x)
    (found,) = tf.gradients(y, x)
    with tf.Session() as sess:
        types = [explained.op.type for explained in sess.explain([y, found]).ops]
    assert types.count("Sin") == types.count("Exp") == 2


def test_a_variable_that_is_no_resource_is_refused():
    @tf.custom_gradient
    def f(a):
        return a * tf.get_variable("v", [2]), lambda dy: dy

    with pytest.raises(TypeError, match="must be `ResourceVariable`s"):
        f(tf.ones([2]))


def test_the_gradient_must_take_variables():
    @tf.custom_gradient
    def f(a):
        return a * tf.get_variable("v", [2], use_resource=True), lambda dy: dy

    with pytest.raises(TypeError, match="must accept a keyword argument 'variables'"):
        f(tf.ones([2]))


def test_variables_without_resources_in_the_scope():
    @tf.custom_gradient
    def f(a):
        return a * 2.0, lambda dy, variables=None: dy

    with pytest.raises(TypeError, match="must have use_resource=True"):
        f(tf.ones([2]))


def test_the_number_of_gradients_is_checked():
    @tf.custom_gradient
    def f(a, b):
        return a * b, lambda dy: dy

    @tf.custom_gradient
    def g(a):
        v = tf.get_variable("v", [2], use_resource=True)
        return a * v, lambda dy, variables: (dy, [])

    x = tf.ones([2])
    with pytest.raises(ValueError, match="Num gradients 2"):
        tf.gradients(f(x, x), x)
    with pytest.raises(ValueError, match="Must return gradient for each variable"):
        tf.gradients(g(x), x)


def test_the_name_and_text_are_those_of_the_function():
    @tf.custom_gradient
    def named(a):
        """What it does."""
        return a, lambda dy: dy

    assert (named.__name__, named.__doc__) == ("named", "What it does.")
