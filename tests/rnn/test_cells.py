"""What recurrent networks refuse, with TensorFlow's classes and phrases, and what they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import TIERS, tier_config

cells = tf.nn.rnn_cell
f32 = tf.float32


@pytest.fixture(autouse=True)
def new_graph() -> None:
    """Each test has a graph of its own."""
    tf.reset_default_graph()


def x(*shape: int | None) -> Any:
    """An input."""
    return tf.placeholder(f32, list(shape) or [3, 5, 4])


def gru() -> Any:
    return cells.GRUCell(2)


def raw(*returned: Any) -> Any:
    return tf.nn.raw_rnn(cells.LSTMCell(2), lambda *_: returned)


MISUSES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no type": (
        lambda: tf.nn.dynamic_rnn(gru(), x()),
        ValueError, "If there is no initial_state, you must give a dtype.",
    ),
    "a number for a cell": (
        lambda: tf.nn.dynamic_rnn(3, x(), dtype=f32),
        TypeError, "is not an RNNCell: 'output_size' property is missing, 'state_size' property",
    ),
    "unknown depth": (
        lambda: tf.nn.dynamic_rnn(gru(), x(3, 5, None), dtype=f32),
        ValueError, "Input size (depth of inputs) must be accessible via shape inference",
    ),
    "a matrix for input": (
        lambda: tf.nn.dynamic_rnn(gru(), x(3, 5), dtype=f32),
        ValueError, "must have rank at least 3",
    ),
    "unknown rank": (
        lambda: tf.nn.dynamic_rnn(gru(), tf.placeholder(f32), dtype=f32), TypeError, "rank",
    ),
    "a matrix of lengths": (
        lambda: tf.nn.dynamic_rnn(gru(), x(), [[1, 2, 3]], dtype=f32),
        ValueError, "sequence_length must be a vector of length batch_size, but saw shape: (1, 3)",
    ),
    "a state of another structure": (
        lambda: tf.nn.dynamic_rnn(cells.LSTMCell(2), x(), initial_state=tf.zeros([3, 2])),
        TypeError, "iterating over `tf.Tensor` is not allowed",
    ),
    "a state of another size": (
        lambda: tf.nn.dynamic_rnn(gru(), x(), initial_state=tf.zeros([3, 7])),
        ValueError, "Dimensions must be equal, but are 11 and 6",
    ),
    "a state of another type": (
        lambda: tf.nn.dynamic_rnn(gru(), x(), dtype=tf.float64),
        TypeError, "in list passed to 'values' of 'ConcatV2' Op have types that do not match",
    ),
    "different times": (
        lambda: tf.nn.dynamic_rnn(gru(), (x(3, 5, 4), x(3, 6, 4)), dtype=f32),
        ValueError, "Time steps is not the same for all the elements in the input in a batch.",
    ),
    "different batches": (
        lambda: tf.nn.dynamic_rnn(gru(), (x(3, 5, 4), x(2, 5, 4)), dtype=f32),
        ValueError, "Batch_size is not the same for all the elements in the input.",
    ),
    "variables that are there": (
        lambda: [tf.nn.dynamic_rnn(gru(), x(), dtype=f32) for _ in range(2)],
        ValueError, "Variable rnn/gru_cell/gates/kernel already exists, disallowed.",
    ),
    "variables that are not there": (
        lambda: cells.BasicRNNCell(2, reuse=True)(x(3, 4), tf.zeros([3, 2])),
        ValueError, "Variable basic_rnn_cell/kernel does not exist",
    ),
    "an input of rank 3 for a cell": (
        lambda: gru()(x(3, 4, 5), tf.zeros([3, 2])),
        ValueError, "Input 0 of layer gru_cell_1 is incompatible with the layer: expected ndim=2, "
        "found ndim=3. Full shape received: [3, 4, 5]",
    ),
    "an input of unknown rank for a cell": (
        lambda: gru()(tf.placeholder(f32), tf.zeros([3, 2])),
        ValueError, "its rank is undefined, but the layer requires a defined rank.",
    ),
    "an input of unknown depth for a cell": (
        lambda: gru()(x(3, None), tf.zeros([3, 2])),
        ValueError, "Expected inputs.shape[-1] to be known, saw shape: (3, None)",
    ),
    "integers": (
        lambda: gru()(tf.zeros([3, 4], tf.int32), tf.zeros([3, 2], tf.int32)),
        ValueError, "RNN cell only supports floating point inputs, but saw dtype: <dtype: 'int32'>",
    ),
    "an unknown activation": (
        lambda: cells.GRUCell(2, activation="foo"), ValueError, "Unknown activation function:foo",
    ),
    "a number for an activation": (
        lambda: cells.GRUCell(2, activation=3),
        TypeError, "Could not interpret activation function identifier: 3",
    ),
    "an unknown argument": (
        lambda: cells.GRUCell(2, foo=1), TypeError, "Keyword argument not understood:",
    ),
    "no size": (lambda: cells.RNNCell().state_size, NotImplementedError, "Abstract method"),
    "no initial state": (
        lambda: gru().get_initial_state(),
        ValueError, "batch_size and dtype cannot be None while constructing initial state: "
        "batch_size=None, dtype=None",
    ),
    "another batch size": (
        lambda: gru().get_initial_state(inputs=x(3, 4), batch_size=5),
        ValueError, "batch size from input tensor is different from the input param. Input tensor "
        "batch: 3, batch_size: 5",
    ),
    "another type": (
        lambda: gru().get_initial_state(inputs=x(3, 4), dtype=tf.float64),
        ValueError, "dtype from input tensor is different from the input param. Input tensor "
        "dtype: <dtype: 'float32'>, dtype: <dtype: 'float64'>",
    ),
    "a scope that is not there yet": (
        lambda: gru().scope_name, ValueError, "has not been used yet",
    ),
    "no cells": (
        lambda: cells.MultiRNNCell([]),
        ValueError, "Must specify at least one cell for MultiRNNCell.",
    ),
    "cells that are none": (
        lambda: cells.MultiRNNCell(gru()),
        TypeError, "cells must be a list or tuple, but saw: ",
    ),
    "joined states of tuples": (
        lambda: cells.MultiRNNCell([cells.LSTMCell(2)], state_is_tuple=False),
        ValueError, "Some cells return tuples of states, but the flag state_is_tuple is not set.",
    ),
    "one state for several cells": (
        lambda: cells.MultiRNNCell([gru()])(x(3, 4), tf.zeros([3, 2])),
        ValueError, "Expected state to be a tuple of length 1, but received: ",
    ),
    "dropout of no cell": (
        lambda: cells.DropoutWrapper(1), TypeError, "The argument 'cell' (1) is not an RNNCell",
    ),
    "too much kept": (
        lambda: cells.DropoutWrapper(gru(), 2.0),
        ValueError, "Parameter input_keep_prob must be between 0 and 1: 2",
    ),
    "one mask without a type": (
        lambda: cells.DropoutWrapper(gru(), variational_recurrent=True),
        ValueError, "When variational_recurrent=True, dtype must be provided",
    ),
    "one mask without a size": (
        lambda: cells.DropoutWrapper(gru(), 0.5, variational_recurrent=True, dtype=f32),
        ValueError, "When variational_recurrent=True and input_keep_prob < 1.0 or is unknown, "
        "input_size must be provided",
    ),
    "a filter that is no function": (
        lambda: cells.DropoutWrapper(gru(), dropout_state_filter_visitor=1),
        TypeError, "dropout_state_filter_visitor must be callable",
    ),
    "a residual of another size": (
        lambda: tf.nn.dynamic_rnn(cells.ResidualWrapper(gru()), x(), dtype=f32),
        ValueError, "Shapes (3, 4) and (3, 2) are incompatible",
    ),
    "states of two types": (
        lambda: cells.LSTMStateTuple(tf.zeros([1]), tf.zeros([1], tf.int32)).dtype,
        TypeError, "Inconsistent internal state: <dtype: 'float32'> vs <dtype: 'int32'>",
    ),
    "static: no list": (
        lambda: tf.nn.static_rnn(gru(), x(), dtype=f32), TypeError, "inputs must be a sequence",
    ),
    "static: an empty list": (
        lambda: tf.nn.static_rnn(gru(), [], dtype=f32), ValueError, "inputs must not be empty",
    ),
    "static: no type": (
        lambda: tf.nn.static_rnn(gru(), [x(3, 4)]),
        ValueError, "If no initial_state is provided, dtype must be specified",
    ),
    "static: unknown depth": (
        lambda: tf.nn.static_rnn(gru(), [x(3, None)], dtype=f32),
        ValueError, "Input size (dimension 0 of inputs) must be accessible via shape inference",
    ),
    "static: different batches": (
        lambda: tf.nn.static_rnn(gru(), [x(3, 4), x(2, 4)], dtype=f32),
        ValueError, "Dimensions 3 and 2 are not compatible",
    ),
    "static: a matrix of lengths": (
        lambda: tf.nn.static_rnn(gru(), [x(3, 4)], dtype=f32, sequence_length=[[1]]),
        ValueError, "sequence_length must be a vector of length batch_size",
    ),
    "both ways: an empty list": (
        lambda: tf.nn.static_bidirectional_rnn(gru(), gru(), [], dtype=f32),
        ValueError, "inputs must not be empty",
    ),
    "both ways: no cell": (
        lambda: tf.nn.bidirectional_dynamic_rnn(gru(), 1, x(), dtype=f32),
        TypeError, "The argument 'cell_bw' (1) is not an RNNCell",
    ),
    "saving: one name for two states": (
        lambda: tf.nn.static_state_saving_rnn(cells.LSTMCell(2), [x(3, 4)], None, "a"),
        ValueError, "state_name should be the same type as cell.state_size.",
    ),
    "saving: three names for two states": (
        lambda: tf.nn.static_state_saving_rnn(cells.LSTMCell(2), [x(3, 4)], None, ("a", "b", "c")),
        ValueError, "#elems(state_name) != #elems(state_size): 3 vs. 2",
    ),
    "raw: no function": (
        lambda: tf.nn.raw_rnn(gru(), 1), TypeError, "loop_fn must be a callable",
    ),
    "raw: a state of another structure": (
        lambda: raw(tf.constant([False] * 3), x(3, 4), tf.zeros([3, 2]), None, None),
        ValueError, "don't have the same nested structure",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(MISUSES))
def test_misuse(name: str) -> None:
    """Building raises the error."""
    build, kind, phrase = MISUSES[name]
    with pytest.raises(kind) as caught:
        build()
    assert phrase in str(caught.value)


@pytest.mark.parametrize("tier", TIERS)
def test_as_many_lengths_as_sequences(tier: str) -> None:
    """Lengths of another batch fail in the run."""
    n = tf.placeholder(tf.int32, [None])
    outputs, _ = tf.nn.dynamic_rnn(gru(), tf.zeros([3, 5, 4]), n, dtype=f32)
    with tf.Session(config=tier_config(tier)) as sess:
        sess.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match="Expected shape for Tensor"):
            sess.run(outputs, {n: [1, 2]})
        assert sess.run(outputs, {n: [1, 2, 9]}).shape == (3, 5, 2)


@pytest.mark.parametrize(
    ("static", "shape"), [([3, None, 4], (3, 0, 4)), ([None, 5, 4], (0, 5, 4))]
)
def test_nothing_to_run_over(static: list[int | None], shape: tuple[int, ...]) -> None:
    """No time steps, and no sequences, give no outputs."""
    inputs = tf.placeholder(f32, static)
    outputs, state = tf.nn.dynamic_rnn(gru(), inputs, dtype=f32)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        values = sess.run([outputs, state], {inputs: np.zeros(shape)})
    assert [value.shape for value in values] == [(*shape[:2], 2), (shape[0], 2)]


class Bare(cells.RNNCell):
    """A cell that leaves out the constructor of its class."""

    def __init__(self, size: int) -> None:
        self._size = size

    state_size = output_size = property(lambda self: self._size)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        with tf.variable_scope(scope or type(self).__name__):
            w = tf.get_variable("w", [4, self._size])
        new = tf.tanh(tf.matmul(inputs, w) + state)
        return new, new


def test_a_cell_without_its_constructor() -> None:
    """Old programs have such cells."""
    tf.nn.dynamic_rnn(Bare(2), x(), dtype=f32)
    assert [v.name for v in tf.global_variables()] == ["rnn/Bare/w:0"]


def test_scopes_of_variables() -> None:
    """The first call decides where variables stand; a scope that is given is not made unique."""
    with tf.variable_scope("foo"):
        one, other = cells.GRUCell(2), cells.GRUCell(2, name="bar")
        one(x(3, 4), tf.zeros([3, 2]), scope="baz")
        other(x(3, 4), tf.zeros([3, 2]))
    one(x(3, 4), tf.zeros([3, 2]), scope="quux")
    names = {v.name.rsplit("/", 2)[0] for v in tf.global_variables()}
    assert names == {"foo/baz", "foo/bar"}
    assert (one.name, other.name, one.scope_name) == ("gru_cell_1", "bar", "foo/baz")
    for expected in ("gru_cell", "gru_cell_1"):
        cell = cells.GRUCell(2)
        cell(x(3, 4), tf.zeros([3, 2]))
        assert cell.scope_name == expected


def test_sharing_of_variables() -> None:
    """A cell that is called again finds its variables; another one by reuse."""
    inputs = x()
    cell = cells.GRUCell(2)
    for scope in ("a", "b"):
        tf.nn.dynamic_rnn(cell, inputs, dtype=f32, scope=scope)
    with tf.variable_scope("a", reuse=True):
        cells.GRUCell(2)(inputs[:, 0], tf.zeros([3, 2]))
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        cells.GRUCell(2)(inputs[:, 0], tf.zeros([3, 2]))
    assert [v.name for v in tf.global_variables()] == [v.name for v in cell.variables]
    assert cell.count_params() == 2 * (6 * 2) + 2 * 2 + 6 * 2 + 2


def test_types() -> None:
    """The first input decides the type of variables, unless the cell has one."""
    doubles = tf.zeros([3, 4], tf.float64)
    cell = cells.GRUCell(2)
    assert cell.dtype is None
    output, _ = cell(doubles, tf.zeros([3, 2], tf.float64))
    assert (cell.dtype, output.dtype) == ("float64", tf.float64)
    assert cells.GRUCell(2, dtype=tf.float64).dtype == "float64"
    output, _ = cells.GRUCell(2)(np.zeros([3, 4], np.float32), np.zeros([3, 2], np.float32))
    assert output.dtype == f32


@pytest.mark.parametrize("cell_class", ["BasicRNNCell", "GRUCell", "BasicLSTMCell", "LSTMCell"])
def test_a_cell_built_by_hand_takes_the_type_of_its_first_variable(cell_class: str) -> None:
    with tf.Graph().as_default():
        cell = getattr(tf.nn.rnn_cell, cell_class)(3)
        assert cell.dtype is None
        cell.build(tf.TensorShape([None, 6]))
        assert cell.dtype == "float32"
        assert {variable.dtype.base_dtype for variable in cell.weights} == {tf.float32}


def test_untrainable_cells() -> None:
    """`trainable=False` keeps the variables from optimizers."""
    cell = cells.GRUCell(2, trainable=False)
    cell(x(3, 4), tf.zeros([3, 2]))
    assert tf.trainable_variables() == []
    assert cell.trainable_weights == []
    assert len(cell.non_trainable_weights) == 4


def test_zero_states() -> None:
    """Zeros of the state's structure, for batches known and unknown."""
    n = tf.placeholder(tf.int32, [])
    state = cells.MultiRNNCell([cells.GRUCell(2), cells.LSTMCell(3)]).zero_state(n, tf.float64)
    assert str(state[1]._fields) == "('c', 'h')"
    leaves = tf.nest.flatten(state)
    assert [leaf.get_shape().as_list() for leaf in leaves] == [[None, 2], [None, 3], [None, 3]]
    assert leaves[0].name == "MultiRNNCellZeroState/GRUCellZeroState/zeros:0"
    with tf.Session() as sess:
        values = sess.run(leaves, {n: 4})
    assert [value.tolist() for value in values] == [np.zeros([4, k]).tolist() for k in (2, 3, 3)]


@pytest.mark.parametrize("tier", TIERS)
def test_in_a_loop_and_in_a_branch(tier: str) -> None:
    """A network can be part of a loop's body or of a branch."""
    with tf.variable_scope("v", initializer=tf.constant_initializer(0.1)):
        cell = cells.BasicRNNCell(4)
        alone, _ = tf.nn.dynamic_rnn(cell, tf.ones([3, 5, 4]), dtype=f32)
        twice, _ = tf.nn.dynamic_rnn(cell, alone, dtype=f32)
        _, looped = tf.while_loop(
            lambda i, s: i < 2,
            lambda i, s: (i + 1, tf.nn.dynamic_rnn(cell, s, dtype=f32)[0]),
            [0, tf.ones([3, 5, 4])],
        )
        branch = tf.cond(
            tf.placeholder_with_default(True, []),
            lambda: tf.nn.dynamic_rnn(cell, alone, dtype=f32)[0],
            lambda: alone,
        )
    slopes = [tf.gradients(y, cell.trainable_weights) for y in (twice, looped)]
    with tf.Session(config=tier_config(tier)) as sess:
        sess.run(tf.global_variables_initializer())
        expected, found, taken = sess.run([twice, looped, branch])
        one, other = sess.run(slopes)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(taken, expected, rtol=1e-6)
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)


@pytest.mark.parametrize("tier", TIERS)
def test_second_gradient(tier: str) -> None:
    """The gradient of a gradient through a network is a difference quotient, also by a weight."""
    random = np.random.RandomState(2)
    inputs = tf.placeholder(tf.float64, [2, 3, 2])
    with tf.variable_scope("v", initializer=tf.constant_initializer(0.3)):
        cell = cells.LSTMCell(2)
        outputs, _ = tf.nn.dynamic_rnn(cell, inputs, [3, 2], dtype=tf.float64)
    kernel = cell.trainable_weights[0]
    slopes = tf.gradients(tf.reduce_sum(tf.square(outputs)), [inputs, kernel])
    total = tf.reduce_sum(tf.sin(slopes[0])) + tf.reduce_sum(tf.square(slopes[1]))
    second = tf.gradients(total, [inputs, kernel])
    at, away = random.uniform(-1, 1, (2, 2, 3, 2))
    start = random.uniform(-1, 1, (4, 8))
    push = random.uniform(-1, 1, (4, 8))
    with tf.Session(config=tier_config(tier)) as sess:
        sess.run(tf.global_variables_initializer())
        ends = []
        for step in (1e-6, -1e-6, 0.0):
            kernel.load(start + step * push, sess)
            ends.append(sess.run(total, {inputs: at + step * away}))
        found = sess.run(second, {inputs: at})
    along = np.sum(found[0] * away) + np.sum(found[1] * push)
    np.testing.assert_allclose(along, (ends[0] - ends[1]) / 2e-6, rtol=1e-6)
