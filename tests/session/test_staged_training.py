"""Acting and learning through one handle, batch after batch."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as tf


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


@pytest.mark.parametrize("use_resource", [False, True])
@pytest.mark.parametrize("level", [-1, 0, 1])
def test_each_batch_sees_the_update_of_the_one_before(level, use_resource):
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    seen = tf.placeholder(tf.float32, [3])
    reward = tf.placeholder(tf.float32, [])
    weights = tf.Variable(np.ones(3, np.float32), use_resource=use_resource)
    score = tf.reduce_sum(weights * seen)
    learn = weights.assign_sub(0.1 * tf.gradients(score * reward, [weights])[0])
    with tf.Session(config=config) as session:
        session.run(weights.initializer)
        handle = session.partial_run_setup([score, learn], [seen, reward])
        for number in range(5):
            observed = np.float32([1, 2, number])
            before = session.run(weights)
            first = session.partial_run(handle, score, {seen: observed * 2})
            again = session.partial_run(handle, score, {seen: observed})
            np.testing.assert_allclose(
                [first, again], [2 * before @ observed, before @ observed], rtol=1e-5
            )
            session.partial_run(handle, learn, {reward: 1.0})
            np.testing.assert_allclose(session.run(weights), before - 0.1 * observed, rtol=1e-5)


def test_what_does_not_depend_on_the_new_batch_is_not_computed_again():
    calls = []
    a, b = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])

    def count(x):
        calls.append(float(x))
        return x

    slow = tf.py_func(count, [b], tf.float32)
    total = a + slow
    with tf.Session() as session:
        handle = session.partial_run_setup([total], [a, b])
        assert session.partial_run(handle, total, {a: 1.0, b: 10.0}) == 11.0
        assert session.partial_run(handle, total, {a: 2.0}) == 12.0
        assert session.partial_run(handle, total, {a: 3.0, b: 20.0}) == 23.0
    assert calls == [10.0, 20.0]


def test_what_a_caller_does_to_its_arrays_changes_no_later_stage():
    a, b = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.float32, [2])
    first, second = a * 2.0, a * 2.0 + b
    with tf.Session() as session:
        handle = session.partial_run_setup([first, second], [a, b])
        fed = np.float32([1, 2])
        got = session.partial_run(handle, first, {a: fed})
        fed[:] = got[:] = 100
        assert session.partial_run(handle, second, {b: [0, 0]}).tolist() == [2, 4]
