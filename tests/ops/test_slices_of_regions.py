"""IndexedSlices that flow out of branches and loops: TensorFlow's rows, zeros among them.

Optimizers with a memory move each row that a gradient names, zero or not. The expected values are
those of TensorFlow 1.15.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as tf

RUNS = [(True, [0]), (False, [1, 2]), (False, [3]), (True, [3, 3])]


def total(x: Any) -> Any:
    return tf.reduce_sum(x)


def one_branch(table: Any, chosen: Any, ids: Any) -> Any:
    return tf.cond(chosen, lambda: total(tf.gather(table, ids)), lambda: tf.constant(0.0))


def both_branches(table: Any, chosen: Any, ids: Any) -> Any:
    rows = tf.gather
    return tf.cond(chosen, lambda: total(rows(table, ids)), lambda: total(rows(table, ids)) * 2)


def rows_and_whole(table: Any, chosen: Any, ids: Any) -> Any:
    return tf.cond(chosen, lambda: total(tf.gather(table, ids)), lambda: total(table))


def cases(table: Any, chosen: Any, ids: Any) -> Any:
    return tf.case(
        [
            (chosen, lambda: total(tf.gather(table, ids))),
            (tf.shape(ids)[0] < 2, lambda: total(tf.gather(table, [2]))),
        ],
        default=lambda: tf.constant(0.0),
    )


def loop(table: Any, chosen: Any, ids: Any) -> Any:
    def body(i: Any, found: Any) -> Any:
        return i + 1, found + tf.cast(i + 1, tf.float32) * total(tf.gather(table, ids[i]))

    return tf.while_loop(lambda i, found: i < tf.size(ids), body, [0, 0.0])[1]


def loop_in_branch(table: Any, chosen: Any, ids: Any) -> Any:
    return tf.cond(chosen, lambda: loop(table, chosen, ids), lambda: tf.constant(0.0))


# For each run the indices of the gradient, or None, and the first column after the step.
EXPECTED: dict[Callable[..., Any], list[tuple[list[int] | None, list[float]]]] = {
    one_branch: [
        ([0], [0.9, 1, 1, 1]),
        ([0, 1, 2, 3], [0.81, 1, 1, 1]),
        ([0, 1, 2, 3], [0.729, 1, 1, 1]),
        ([3, 3], [0.729, 1, 1, 0.8]),
    ],
    both_branches: [
        ([0, 0, 1, 2, 3], [0.9, 1, 1, 1]),
        ([0, 1, 2, 3, 1, 2], [0.81, 0.8, 0.8, 1]),
        ([0, 1, 2, 3, 3], [0.729, 0.62, 0.62, 0.8]),
        ([3, 3, 0, 1, 2, 3], [0.6561, 0.458, 0.458, 0.42]),
    ],
    rows_and_whole: [
        (None, [0.9, 1, 1, 1]),
        (None, [0.71, 0.9, 0.9, 0.9]),
        (None, [0.439, 0.71, 0.71, 0.71]),
        (None, [0.1951, 0.539, 0.539, 0.339]),
    ],
    cases: [
        ([0, 0, 1, 2, 3], [0.9, 1, 1, 1]),
        ([0, 1, 2, 3, 0, 1, 2, 3], [0.81, 1, 1, 1]),
        ([0, 1, 2, 3, 2], [0.729, 1, 0.9, 1]),
        ([3, 3, 0, 1, 2, 3], [0.6561, 1, 0.81, 0.8]),
    ],
    loop: [
        ([0, 0], [0.9, 1, 1, 1]),
        ([0, 2, 1], [0.81, 0.9, 0.8, 1]),
        ([0, 3], [0.729, 0.9, 0.8, 0.9]),
        ([0, 3, 3], [0.6561, 0.9, 0.8, 0.51]),
    ],
}


@pytest.mark.parametrize("level", [-1, 0, 1])
@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
@pytest.mark.parametrize("loss", EXPECTED, ids=lambda loss: loss.__name__)
def test_momentum_moves_the_rows_that_tensorflow_moves(
    loss: Callable[..., Any], resource: bool, level: int
) -> None:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        table = tf.get_variable(
            "table", [4, 2], initializer=tf.ones_initializer(), use_resource=resource
        )
        chosen = tf.placeholder(tf.bool, [])
        ids = tf.placeholder(tf.int32, [None])
        value = loss(table, chosen, ids)
        slope = tf.gradients(value, table)[0]
        step = tf.train.MomentumOptimizer(0.1, 0.9).minimize(value)
        session.run(tf.global_variables_initializer())
        for (is_chosen, rows), (indices, column) in zip(RUNS, EXPECTED[loss], strict=True):
            feeds = {chosen: is_chosen, ids: rows}
            if indices is None:
                assert isinstance(slope, tf.Tensor)
            else:
                assert slope.indices.dtype is tf.int32
                assert session.run(slope.indices, feeds).tolist() == indices
            session.run(step, feeds)
            np.testing.assert_allclose(session.run(table)[:, 0], column, rtol=1e-5)


@pytest.mark.parametrize("chosen", [False, True])
def test_a_loop_in_a_branch(chosen: bool) -> None:
    """Of the loop in the branch that is taken come its rows and one of zeros; else all rows."""
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.Variable(tf.ones([4, 2]))
        ids = tf.constant([2, 1])
        slope = tf.gradients(loop_in_branch(table, tf.constant(chosen), ids), table)[0]
        session.run(table.initializer)
        found = session.run(slope)
        assert found.indices.tolist() == ([0, 1, 2] if chosen else [0, 1, 2, 3])
        assert found.values[:, 0].tolist() == ([0, 2, 1] if chosen else [0] * 4)


def test_the_type_of_the_indices_is_that_of_the_ids() -> None:
    with tf.Graph().as_default():
        table = tf.Variable(tf.ones([4, 2]))
        for dtype in (tf.int32, tf.int64):
            ids = tf.placeholder(dtype, [None])
            for loss in (one_branch, both_branches, loop):
                slope = tf.gradients(loss(table, tf.placeholder(tf.bool, []), ids), table)[0]
                assert slope.indices.dtype is dtype


def test_a_loop_of_no_rounds_gives_the_row_of_zeros() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.Variable(tf.ones([4, 2]))
        ids = tf.placeholder(tf.int32, [None])
        slope = tf.gradients(loop(table, None, ids), table)[0]
        session.run(table.initializer)
        found = session.run(slope, {ids: []})
        assert found.indices.tolist() == [0]
        assert found.values.tolist() == [[0, 0]]
