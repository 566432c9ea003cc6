"""tf.gradients: what flows back, how it is summed, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as tf


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


def value(fetches, feed=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed)


def test_several_ys_are_summed():
    x = tf.constant(3.0)
    (grad,) = tf.gradients([x * x, 5.0 * x], x)
    assert value(grad) == 11.0


def test_grad_ys_weigh_the_ys():
    x = tf.constant([1.0, 2.0])
    (grad,) = tf.gradients([x * x, 3.0 * x], [x], grad_ys=[tf.constant([10.0, 100.0]), None])
    assert value(grad).tolist() == [23.0, 403.0]


def test_a_grad_y_of_another_type_is_refused():
    x = tf.constant(3.0)
    with pytest.raises(TypeError, match="must be float32"):
        tf.gradients(x * x, x, grad_ys=tf.constant(1.0, tf.float64))


def test_the_number_of_grad_ys_must_be_that_of_the_ys():
    x = tf.constant(3.0)
    with pytest.raises(ValueError, match="Passed 1 grad_ys for 2 ys"):
        tf.gradients([x, x], x, grad_ys=[None])


def test_unconnected_is_none_or_zeros():
    x, other = tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0])
    assert tf.gradients(x * 2.0, other) == [None]
    (zeros,) = tf.gradients(x * 2.0, other, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert value(zeros).tolist() == [0.0, 0.0]
    assert zeros.op.name == "zeros_like"


def test_stop_gradients_count_as_constants():
    a = tf.constant(2.0)
    b = a * 3.0
    partial = tf.gradients(a + b, [a, b], stop_gradients=[a, b])
    assert value(partial) == [1.0, 1.0]
    assert value(tf.gradients(a + b, [a, b])) == [4.0, 1.0]


def test_stop_gradient_op():
    x = tf.constant(3.0)
    assert value(tf.gradients(x * tf.stop_gradient(x), x)) == [3.0]


def test_the_gradient_of_an_inner_tensor_stops_there():
    x = tf.constant(2.0)
    y = x * x
    z = y * y
    assert value(tf.gradients(z, [y, x])) == [8.0, 32.0]


def test_integer_paths_carry_no_gradient():
    x = tf.constant([1.0, 2.0])
    assert tf.gradients(tf.cast(tf.cast(x, tf.int32), tf.float32), x) == [None]


@pytest.mark.parametrize("method", [None, 0, 1, 2])
def test_aggregation_methods_give_the_same_sum(method):
    x = tf.constant([1.0, 2.0])
    y = tf.exp(x) + x * x + 3.0 * x + tf.sin(x)
    (grad,) = tf.gradients(y, x, aggregation_method=method)
    expected = np.exp([1.0, 2.0]) + 2 * np.array([1.0, 2.0]) + 3 + np.cos([1.0, 2.0])
    np.testing.assert_allclose(value(grad), expected, rtol=1e-6)


def test_an_aggregation_method_that_does_not_exist_is_refused():
    x = tf.constant(3.0)
    with pytest.raises(ValueError, match="Invalid aggregation_method specified 99"):
        tf.gradients(x * x + x, x, aggregation_method=99)


def test_gather_gives_indexed_slices_and_their_sum():
    table = tf.Variable(np.zeros((4, 2), np.float32))
    total = tf.reduce_sum(tf.gather(table, [1, 3])) + 2.0 * tf.reduce_sum(tf.gather(table, [3]))
    (grad,) = tf.gradients(total, [table])
    assert isinstance(grad, tf.IndexedSlices)
    assert value(tf.convert_to_tensor(grad)).tolist() == [[0, 0], [1, 1], [0, 0], [3, 3]]


def test_indexed_slices_and_a_dense_gradient_add_up_to_a_dense_one():
    table = tf.Variable(np.ones((3, 2), np.float32))
    (grad,) = tf.gradients(
        tf.reduce_sum(tf.gather(table, [1])) + tf.reduce_sum(table * table), [table]
    )
    assert isinstance(grad, tf.Tensor)
    assert value(grad).tolist() == [[2, 2], [3, 3], [2, 2]]


def test_second_derivatives():
    x = tf.constant(2.0)
    (first,) = tf.gradients(x * x * x, x)
    (second,) = tf.gradients(first, x)
    (third,) = tf.gradients(second, x)
    assert value([first, second, third]) == [12.0, 12.0, 6.0]


def test_hessians():
    x = tf.constant([1.0, 2.0])
    (hessian,) = tf.hessians(x[0] * x[0] * x[1], x)
    assert value(hessian).tolist() == [[4.0, 2.0], [2.0, 0.0]]


@pytest.mark.parametrize("level", ["OFF", "ON_1"])
def test_hessians_of_a_tensor_of_unknown_size(level):
    x = tf.placeholder(tf.float32, [None])
    (hessian,) = tf.hessians(tf.reduce_sum(x * x * x) + x[0] * x[1], x)
    expected = np.diag([6.0, 12.0, 18.0]) + [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert hessian.shape.as_list() == [None, None] or hessian.shape.ndims is None
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = getattr(tf.OptimizerOptions, level)
    with tf.Session(config=config) as sess:
        assert sess.run(hessian, {x: [1.0, 2.0, 3.0]}).tolist() == expected.tolist()


def test_a_hessian_takes_as_many_operations_for_a_large_tensor_as_for_a_small_one():
    def operations(size):
        with tf.Graph().as_default() as graph:
            x = tf.zeros([size])
            tf.hessians(tf.reduce_sum(x * x), x)
            return len(graph.get_operations())

    assert operations(100) == operations(2)


@pytest.mark.parametrize("use_resource", [False, True])
def test_the_hessian_of_a_variable(use_resource):
    v = tf.Variable([1.0, 2.0], use_resource=use_resource)
    (hessian,) = tf.hessians(tf.reduce_sum(v * v * v), v)
    assert value(hessian).tolist() == [[6.0, 0.0], [0.0, 12.0]]


def test_resource_variables_and_references_have_the_same_gradients():
    for use_resource in (False, True):
        v = tf.Variable([1.0, 2.0], use_resource=use_resource)
        (grad,) = tf.gradients(tf.reduce_sum(v * v), [v])
        assert value(grad).tolist() == [2.0, 4.0]


def test_an_op_without_gradient_is_named():
    x = tf.constant([1.0])
    y = tf.random_shuffle(x, name="shuffled")
    with pytest.raises(
        LookupError,
        match=r"No gradient defined for operation 'shuffled' \(op type: RandomShuffle\)",
    ):
        tf.gradients(y, x)


def test_nothing_flows_back_through_a_python_function():
    x = tf.constant([1.0])
    assert tf.gradients(tf.py_func(np.sin, [x], tf.float32), x) == [None]


def test_a_registered_gradient_overrides_the_ops_own():
    @tf.RegisterGradient("TimesTen")
    def times_ten(op, grad):
        return 10.0 * grad

    x = tf.constant(3.0)
    with tf.get_default_graph().gradient_override_map({"Identity": "TimesTen"}):
        y = tf.identity(x)
    assert value(tf.gradients(y, x)) == [10.0]
    with pytest.raises(KeyError, match="TimesTen"):
        tf.RegisterGradient("TimesTen")(times_ten)


def test_the_name_of_an_op_with_a_gradient_is_taken():
    for name in ("Relu", "Shape"):
        with pytest.raises(KeyError, match=f"Registering two gradient with name '{name}'!"):
            tf.RegisterGradient(name)(lambda op, grad: grad)


def test_an_override_by_an_op_that_reads_other_attrs_is_an_error():
    x = tf.ones([2, 2])
    with tf.get_default_graph().gradient_override_map({"Sub": "MatMul"}):
        y = tf.subtract(x, x)
    with pytest.raises(ValueError, match=r"has no attr named .transpose_a"):
        tf.gradients(y, x)


def test_updates_of_rows_have_no_gradient_where_tensorflow_has_none():
    v = tf.Variable([1.0, 2.0])
    x = tf.constant([1.0])
    for update in (tf.scatter_update, tf.scatter_min, tf.scatter_max):
        with pytest.raises(LookupError, match="No gradient defined for operation"):
            tf.gradients(update(v, [0], x), x)
    with pytest.raises(LookupError, match="No gradient defined for operation"):
        tf.gradients(v[:1].assign(x), x)
    assert tf.gradients(tf.scatter_add(v, [0], x), x) == [None]


def test_a_failed_call_takes_the_name_of_its_scope():
    x = tf.constant([1.0])
    with pytest.raises(ValueError, match="Passed 2 grad_ys for 1 ys"):
        tf.gradients(x, x, grad_ys=[1.0, 2.0])
    with pytest.raises(ValueError, match="Unknown value for unconnected_gradients: 'some'"):
        tf.gradients(x, x, unconnected_gradients="some")
    assert tf.gradients(x, x)[0].op.name.startswith("gradients_1/")


def test_an_unknown_override_is_an_error():
    x = tf.constant(3.0)
    with tf.get_default_graph().gradient_override_map({"Identity": "NobodyRegisteredThis"}):
        y = tf.identity(x)
    with pytest.raises(
        LookupError, match=r"No gradient defined for operation 'Identity'.*NobodyRegisteredThis"
    ):
        tf.gradients(y, x)


def test_a_gradient_of_the_wrong_count_is_refused():
    @tf.RegisterGradient("TooMany")
    def too_many(op, grad):
        return grad, grad

    x = tf.constant(3.0)
    with tf.get_default_graph().gradient_override_map({"Identity": "TooMany"}):
        y = tf.identity(x, name="here")
    with pytest.raises(ValueError, match="Num gradients 2 generated for op 'here'"):
        tf.gradients(y, x)


def test_strings_and_complex_ys_need_grad_ys():
    with pytest.raises(TypeError, match="grad_ys"):
        tf.gradients(tf.constant(1j), tf.constant(1j))
    with pytest.raises(TypeError, match="must be numeric"):
        tf.gradients(tf.constant("a"), tf.constant("a"))


def test_a_chain_longer_than_pythons_stack():
    x = tf.constant(1.0)
    y = x
    for _ in range(3000):
        y = tf.identity(y)
    assert value(tf.gradients(y, x)) == [1.0]


def test_colocation_puts_gradient_ops_with_their_op():
    with tf.device("/cpu:0"):
        x = tf.constant(2.0)
        y = tf.exp(x)
    (grad,) = tf.gradients(y, x, colocate_gradients_with_ops=True)
    assert grad.op.get_attr("_class") == [b"loc:@Exp"]
    assert grad.device == "/device:CPU:0"


def test_gated_gradients_come_out_together():
    a, b = tf.constant(2.0), tf.constant(3.0)
    grads = tf.gradients(a * b, [a, b], gate_gradients=True)
    assert [g.op.type for g in grads] == ["Identity", "Identity"]
    assert value(grads) == [3.0, 2.0]
