"""Moving averages: the steps that programs import, and errors.

tests/programs/moving_averages.py has the numbers and names of the class.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.train.moving_averages import assign_moving_average, weighted_moving_average
from tests.ops.suite import TIERS, tier_config


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """A graph of its own for each test."""
    with tf.Graph().as_default() as graph:
        yield graph


def names() -> list[str]:
    """The names of all variables."""
    return [variable.op.name for variable in tf.global_variables()]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("resource", [False, True])
def test_biased_steps(resource: bool, tier: str) -> None:
    """Each step goes a part of the way, as TensorFlow 1.15 does."""
    v = tf.Variable([1.0, 2.0], name="v", use_resource=resource)
    update = assign_moving_average(v, [3.0, 5.0], 0.75, zero_debias=False)
    assert update.op.name == (
        "AssignMovingAvg/AssignSubVariableOp" if resource else "AssignMovingAvg"
    )
    with tf.Session(config=tier_config(tier)) as sess:
        sess.run(tf.global_variables_initializer())
        steps = [sess.run(update).tolist() for _ in range(3)]
    assert steps == [[1.5, 2.75], [1.875, 3.3125], [2.15625, 3.734375]]
    assert names() == ["v"]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("resource", [False, True])
def test_debiased_steps(resource: bool, tier: str) -> None:
    """An average that starts at 0 is the mean of what it has seen, weighted by age."""
    v = tf.Variable(7.0, name="v", use_resource=resource)
    value = tf.placeholder(tf.float32, [])
    update = assign_moving_average(v, value, 0.5)
    assert names() == ["v", "v/biased", "v/local_step"]
    with tf.Session(config=tier_config(tier)) as sess:
        sess.run(tf.global_variables_initializer())
        steps = [sess.run(update, {value: number}) for number in (4.0, 8.0, 1.0)]
        assert sess.run(v) == steps[-1]
    assert steps == pytest.approx([4.0, (4 + 2 * 8) / 3, (4 + 2 * 8 + 4 * 1) / 7], rel=1e-6)


def test_names_of_several() -> None:
    """Each debiased average has a count of its own, unless variables are to be found again."""
    v = tf.Variable(1.0, name="v")
    updates = [assign_moving_average(v, 3.0, 0.5, name=name) for name in (None, "other", None)]
    assert [u.op.name for u in updates] == ["AssignMovingAvg", "other", "AssignMovingAvg_1"]
    assert names() == [
        "v", "v/biased", "v/local_step", "v/biased_1", "v/local_step_1", "v/biased_2",
        "v/local_step_2",
    ]  # fmt: skip
    for reuse in (None, True):
        with tf.variable_scope("s", reuse=reuse):
            assign_moving_average(tf.get_variable("w", []), 3.0, 0.5)
    assert names()[-3:] == ["s/w", "s/s/w/biased", "s/s/w/local_step"]


@pytest.mark.parametrize("tier", TIERS)
def test_weighted(tier: str) -> None:
    """The mean of values by weight, of which the later count for more."""
    value, weight = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.float32, [])
    with tf.variable_scope("q"):
        mean = weighted_moving_average(value, 0.5, weight, collections=["kept"])
    assert mean.op.name == "q/WeightedMovingAvg/q/WeightedMovingAvg"
    assert [v.op.name for v in tf.get_collection("kept")] == [
        "q/WeightedMovingAvg/value_x_weight",
        "q/WeightedMovingAvg/weight",
    ]
    with tf.Session(config=tier_config(tier)) as sess:
        sess.run(tf.variables_initializer(tf.get_collection("kept")))
        assert sess.run(mean, {value: [1.0, 2.0], weight: 3.0}).tolist() == [1.0, 2.0]
        second = sess.run(mean, {value: [5.0, 0.0], weight: 1.0})
    np.testing.assert_allclose(second, [(1 * 3 + 2 * 5) / (3 + 2), (2 * 3) / (3 + 2)], rtol=1e-6)


def test_other_types() -> None:
    """Averages are of floats, each in the type of its variable."""
    with pytest.raises(TypeError, match="The variables must be half, float, or double: n:0"):
        tf.train.ExponentialMovingAverage(0.9).apply([tf.Variable(1, name="n")])
    half = tf.Variable(np.float16(2.0), name="half")
    ema = tf.train.ExponentialMovingAverage(0.75)
    update = ema.apply([half])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(half.assign_add(2.0))
        sess.run(update)
        average = sess.run(ema.average(half))
    assert average.dtype == np.float16
    assert average == 2.5


def test_nothing_to_average() -> None:
    """With no variables there is nothing to do; applied twice, an average is kept."""
    ema = tf.train.ExponentialMovingAverage(0.9)
    assert ema.apply().type == "NoOp"
    v = tf.Variable(1.0, name="v")
    ema.apply([v])
    ema.apply([v, v])
    assert names() == ["v", "v/ExponentialMovingAverage"]


def test_a_tensor_of_unknown_shape() -> None:
    """The average of a tensor takes its shape from the value."""
    x = tf.placeholder(tf.float32)
    y = x * 2.0
    ema = tf.train.ExponentialMovingAverage(0.5)
    update = ema.apply([y])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer(), {x: [0.0, 0.0]})
        sess.run(update, {x: [1.0, 2.0]})
        assert sess.run(ema.average(y)).tolist() == [1.0, 2.0]


def test_restoring_averages(tmp_path: Any) -> None:
    """A saver of `variables_to_restore` loads averages into the variables."""
    v = tf.Variable(1.0, name="v")
    ema = tf.train.ExponentialMovingAverage(0.5)
    update = ema.apply([v])
    saver = tf.train.Saver()
    restorer = tf.train.Saver(ema.variables_to_restore())
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(v.assign(5.0))
        sess.run(update)
        path = saver.save(sess, str(tmp_path / "model"))
        restorer.restore(sess, path)
        assert sess.run(v) == 3.0
