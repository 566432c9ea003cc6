"""Optimizers: errors, gates, constraints, steps, slots. Their numbers are held by
tests/programs/all_optimizers.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """A graph of its own for each test."""
    with tf.Graph().as_default() as graph:
        yield graph


def sgd() -> Any:
    """The simplest of them."""
    return tf.train.GradientDescentOptimizer(0.5)


def trained(train: Any, *fetches: Any, steps: int = 1) -> Any:
    """Some values after some steps."""
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(steps):
            sess.run(train)
        return sess.run(list(fetches))


@pytest.mark.parametrize("gate", [0, 1, 2])
def test_gates(gate: int) -> None:
    """Every gate gives the same step."""
    v = tf.Variable(3.0)
    train = sgd().minimize(v * v, gate_gradients=gate)
    assert trained(train, v) == [0.0]


def test_bad_losses() -> None:
    """What cannot be minimized is an error that says why."""
    with pytest.raises(ValueError, match="No variables to optimize"):
        sgd().minimize(tf.constant(1.0))
    v = tf.Variable(3.0)
    with pytest.raises(
        ValueError, match="No gradients provided for any variable, check your graph"
    ):
        sgd().minimize(tf.constant(1.0))
    with pytest.raises(ValueError, match="No gradients provided for any variable: "):
        sgd().apply_gradients([(None, v)])
    with pytest.raises(ValueError, match="No variables provided"):
        sgd().apply_gradients([])
    with pytest.raises(ValueError, match="gate_gradients must be one of"):
        sgd().minimize(v * v, gate_gradients=7)
    with pytest.raises(ValueError, match=r"Invalid type tf\.int32 for"):
        sgd().minimize(tf.constant(1))
    with pytest.raises(TypeError, match="Gradient must be convertible to a Tensor"):
        sgd().apply_gradients([(object(), v)])
    with pytest.raises(ValueError, match="Must specify the optimizer name"):
        tf.train.Optimizer(False, "")


@pytest.mark.parametrize("resource", [False, True])
def test_constraint(resource: bool) -> None:
    """A constraint holds after the step; with a sparse gradient there can be none."""
    v = tf.Variable([3.0, -1.0], constraint=tf.nn.relu, use_resource=resource)
    train = tf.train.GradientDescentOptimizer(1.0).minimize(tf.reduce_sum(v))
    assert trained(train, v)[0].tolist() == [2.0, 0.0]
    with pytest.raises(RuntimeError, match="Cannot use a constraint function on a sparse variable"):
        sgd().minimize(tf.reduce_sum(tf.gather(v, [0])))


@pytest.mark.parametrize("resource", [False, True])
def test_global_step(resource: bool) -> None:
    """The step is counted after the update, once for each."""
    with tf.variable_scope("", use_resource=resource):
        step = tf.train.get_or_create_global_step()
    assert tf.train.get_global_step() is step
    assert step in tf.get_collection(tf.GraphKeys.GLOBAL_STEP)
    with pytest.raises(ValueError, match="already exists"):
        tf.train.create_global_step()
    v = tf.Variable(3.0)
    train = sgd().minimize(v * v, global_step=step)
    assert trained(train, step, steps=3) == [3]
    assert tf.get_collection(tf.GraphKeys.TRAIN_OP) == [train]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert tf.train.global_step(sess, step) == 0


def test_two_global_steps_are_none(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a", "b"):
        tf.add_to_collection(tf.GraphKeys.GLOBAL_STEP, tf.Variable(0, name=name))
    with caplog.at_level("ERROR", "tensorflow"):
        assert tf.train.get_global_step() is None
    assert "Multiple tensors in global_step collection." in caplog.text


def test_bad_global_steps() -> None:
    """A global step is an integer scalar."""
    assert tf.train.get_global_step() is None
    with pytest.raises(TypeError, match="does not have integer type"):
        tf.train.assert_global_step(tf.Variable(1.0))
    with pytest.raises(TypeError, match="is not scalar"):
        tf.train.assert_global_step(tf.Variable([1]))


def test_slots() -> None:
    """Slots belong to one variable, are not trainable, and have its shape."""
    v = tf.Variable([1.0, 2.0], name="v")
    other = tf.Variable(1.0, name="other")
    adam = tf.train.AdamOptimizer()
    adam.minimize(tf.reduce_sum(v * v))
    assert adam.get_slot_names() == ["m", "v"]
    assert adam.get_slot(v, "m").op.name == "v/Adam"
    assert adam.get_slot(other, "m") is None
    assert adam.get_slot(v, "nonsense") is None
    assert adam.get_name() == "Adam"
    names = ["beta1_power", "beta2_power", "v/Adam", "v/Adam_1"]
    assert [variable.op.name for variable in adam.variables()] == names
    assert tf.trainable_variables() == [v, other]


def test_slot_of_unknown_shape() -> None:
    """A slot takes its shape from the variable's value where that is known only then."""
    x = tf.placeholder(tf.float32)
    v = tf.Variable(x, validate_shape=False)
    train = tf.train.MomentumOptimizer(1.0, 0.5).apply_gradients([(tf.ones_like(v), v)])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer(), {x: [1.0, 2.0, 3.0]})
        sess.run(train)
        assert sess.run(v).tolist() == [0.0, 1.0, 2.0]


def test_rate_from_a_tensor_or_function() -> None:
    """A rate may be a tensor that is fed, or a function."""
    rate = tf.placeholder(tf.float32, [])
    v = tf.Variable(3.0)
    train = tf.train.MomentumOptimizer(rate, lambda: 0.9).minimize(v)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(train, {rate: 2.0})
        assert sess.run(v) == 1.0


def test_variables_of_several_types() -> None:
    """One optimizer trains float32 and float64 variables, given in any structure."""
    a, b = tf.Variable(1.0), tf.Variable(1.0, dtype=tf.float64)
    loss = a * a + tf.cast(b * b, tf.float32)
    train = tf.train.AdamOptimizer(0.5).minimize(loss, var_list={"a": a, "others": [b]})
    values = trained(train, a, b)
    assert values[1].dtype == "float64"
    assert values == pytest.approx([0.5, 0.5], abs=1e-5)


def test_grad_loss() -> None:
    """What the loss is weighted with."""
    v = tf.Variable([3.0, 3.0])
    train = sgd().minimize(v * 1.0, grad_loss=tf.constant([2.0, 4.0]))
    assert trained(train, v)[0].tolist() == [2.0, 1.0]


OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda: tf.train.GradientDescentOptimizer(0.1),
    "momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    "adam": lambda: tf.train.AdamOptimizer(0.1),
    "adagrad": lambda: tf.train.AdagradOptimizer(0.1),
    "adadelta": lambda: tf.train.AdadeltaOptimizer(0.1),
    "rms": lambda: tf.train.RMSPropOptimizer(0.1),
    "centered": lambda: tf.train.RMSPropOptimizer(0.1, centered=True),
    "ftrl": lambda: tf.train.FtrlOptimizer(0.1),
    "proximal": lambda: tf.train.ProximalAdagradOptimizer(0.1),
    "proximal sgd": lambda: tf.train.ProximalGradientDescentOptimizer(0.1),
    "da": lambda: tf.train.AdagradDAOptimizer(0.1, tf.train.get_or_create_global_step()),
}
DENSE_MISFITS = [
    ([], "Shapes must be equal rank, but are 2 and 0"),
    ([3, 2], "Dimension 0 in both shapes must be equal, but are 2 and 3"),
    ([2, 1], "Dimension 1 in both shapes must be equal, but are 2 and 1"),
]
SPARSE_MISFITS = [
    ([1, 3], [1], "Dimension 1 in both shapes must be equal, but are [23] and [32]"),
    ([1], [1], "Shapes must be equal rank, but are [21] and [12]"),
    ([1, 2, 2], [1], "Shapes must be equal rank, but are [23] and [32]"),
]


@pytest.mark.parametrize("resource", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradients_that_do_not_fit(name: str, resource: bool) -> None:
    """A gradient whose shape is known to differ from the variable's is refused when building."""
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]], use_resource=resource)
    for shape, message in DENSE_MISFITS:
        with pytest.raises(ValueError, match=message):
            OPTIMIZERS[name]().apply_gradients([(tf.ones(shape), v)])
    for shape, rows, message in SPARSE_MISFITS:
        slices = tf.IndexedSlices(tf.ones(shape), tf.constant(rows))
        with pytest.raises(ValueError, match=message):
            OPTIMIZERS[name]().apply_gradients([(slices, v)])


RUN_MISFITS = [
    (np.ones([1, 3]), [0], r"var and grad must match in dimension 1|Must have updates.shape"),
    (
        np.ones([1, 2]),
        [7],
        r"Index 7 at offset 0 in indices is out of range|indices\[0\] = 7 is not",
    ),
    (np.ones([1, 2]), [-1], r"Index -1 at offset 0 in indices is out|indices\[0\] = -1 is not in"),
]


@pytest.mark.parametrize("resource", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_slices_that_do_not_fit(name: str, resource: bool) -> None:
    """What is known in the run only is an error then, and leaves the variable as it was."""
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]], use_resource=resource)
    grad, rows = tf.placeholder(tf.float32), tf.placeholder(tf.int32)
    train = OPTIMIZERS[name]().apply_gradients([(tf.IndexedSlices(grad, rows), v)])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for values, places, message in RUN_MISFITS:
            with pytest.raises(tf.errors.InvalidArgumentError, match=message):
                sess.run(train, {grad: values, rows: places})
        assert sess.run(v).tolist() == [[1.0, 2.0], [3.0, 4.0]]
        sess.run(train, {grad: np.zeros([0, 2]), rows: []})
        sess.run(train, {grad: np.ones([2, 2]), rows: [1, 1]})
        changed = sess.run(v)
        assert changed[0].tolist() == [1.0, 2.0]
        assert (changed[1] != [3.0, 4.0]).all()


def test_numbers_that_are_no_scalars() -> None:
    """A rate is a scalar, known when building or in the run."""
    v = tf.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match="Shape must be rank 0 but is rank 1"):
        tf.train.MomentumOptimizer([0.1, 0.2], 0.9).minimize(v * v)
    rate = tf.placeholder(tf.float32)
    train = tf.train.MomentumOptimizer(rate, 0.9).minimize(v * v)
    ftrl = tf.train.FtrlOptimizer(rate).minimize(v * v)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"lr is not a scalar: \[1\]"):
            sess.run(train, {rate: [0.1]})
        with pytest.raises(tf.errors.InvalidArgumentError, match="lr is not a positive scalar"):
            sess.run(ftrl, {rate: 0.0})


def test_what_cannot_be_updated() -> None:
    """A tensor has a gradient and no slot; other things have neither."""
    v = tf.Variable(3.0)
    x = v * 2.0
    assert [pair[1] for pair in sgd().compute_gradients(x * x, [x])] == [x]
    with pytest.raises(NotImplementedError, match="Trying to update a Tensor"):
        sgd().minimize(x * x, var_list=[x])
    with pytest.raises(AttributeError, match="no attribute 'op'"):
        sgd().apply_gradients([(tf.constant(1.0), 2.0)])
    assert tf.train.AdamOptimizer().get_slot(None, "m") is None
    abstract = tf.train.Optimizer(False, "abstract")
    with pytest.raises(NotImplementedError):
        abstract.minimize(v * v)


def test_wrong_gradient_shape() -> None:
    """A gradient of another shape than the variable's fails, while building where it can be seen
    then.
    """
    v = tf.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match="Dimension 0 in both shapes must be equal"):
        sgd().apply_gradients([(tf.constant([1.0, 2.0, 3.0]), v)])
    x = tf.placeholder(tf.float32)
    train = sgd().apply_gradients([(x, v)])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match="do not have the same shape"):
            sess.run(train, {x: [1.0]})
        assert sess.run(v).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("AdagradOptimizer", {"initial_accumulator_value": 0.0}),
        ("ProximalAdagradOptimizer", {"initial_accumulator_value": -1.0}),
        ("FtrlOptimizer", {"learning_rate_power": 0.5}),
        ("FtrlOptimizer", {"l1_regularization_strength": -0.5}),
        (
            "AdagradDAOptimizer",
            {"global_step": None, "initial_gradient_squared_accumulator_value": 0.0},
        ),
    ],
)
def test_bad_numbers(name: str, arguments: Any) -> None:
    """Numbers of the wrong sign are refused when the optimizer is made."""
    with pytest.raises(ValueError, match=r"positive|negative"):
        getattr(tf.train, name)(0.1, **arguments)
