"""What staged execution costs, and saves: a stage beside a run, two stages beside two runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from timing import figure, seconds_per_call

CARTS, FEATURES = 64, 2048  # as in examples/actor_critic.py


class Agent:
    """An actor and a critic on random features, as in examples/actor_critic.py."""

    def __init__(self, tf: Any) -> None:
        tf.reset_default_graph()
        random = np.random.RandomState(0)
        self.observed = tf.placeholder(tf.float32, [CARTS, 4])
        self.target = tf.placeholder(tf.float32, [CARTS])
        directions = tf.Variable(random.randn(4, FEATURES).astype(np.float32), trainable=False)
        phases = tf.Variable(random.rand(FEATURES).astype(np.float32) * 6, trainable=False)
        waves = tf.cos(tf.matmul(self.observed, directions) + phases)
        features = waves * np.float32(np.sqrt(2.0 / FEATURES))
        heads = tf.Variable(tf.zeros([FEATURES, 2]))
        preference, self.value = tf.unstack(tf.matmul(features, heads), axis=1)
        right = tf.sigmoid(preference)
        self.action = tf.less(tf.random_uniform([CARTS]), right)
        error = self.target - self.value
        surprise = tf.cast(self.action, tf.float32) - right
        steps = tf.stack([surprise * error, error], axis=1) * np.float32(0.5 / CARTS)
        learned = tf.assign_add(heads, tf.matmul(features, steps, transpose_a=True))
        # TensorFlow's stages give tensors only: an operation is fetched through one.
        with tf.control_dependencies([learned]):
            self.learn = tf.identity(self.target)
        self.observations = random.randn(CARTS, 4).astype(np.float32)
        self.targets = random.rand(CARTS).astype(np.float32)


@figure("act and learn, two stages", "ms")
def two_stages(tf: Any) -> float:
    """The action in one stage, what is learned from the reward in the next."""
    agent = Agent(tf)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())

        def step() -> None:
            handle = sess.partial_run_setup(
                [agent.action, agent.value, agent.learn], [agent.observed, agent.target]
            )
            sess.partial_run(
                handle, [agent.action, agent.value], {agent.observed: agent.observations}
            )
            sess.partial_run(handle, agent.learn, {agent.target: agent.targets})

        return seconds_per_call(step)


@figure("act and learn, two runs", "ms")
def two_runs(tf: Any) -> float:
    """The same in two runs: the second computes the features anew."""
    agent = Agent(tf)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())

        def step() -> None:
            feed = {agent.observed: agent.observations}
            action, _ = sess.run([agent.action, agent.value], feed)
            sess.run(agent.learn, {**feed, agent.action: action, agent.target: agent.targets})

        return seconds_per_call(step)


def small_net(tf: Any) -> tuple[Any, Any, dict[Any, Any]]:
    """A layer on a batch of 64: what is fed, what is fetched, the feed."""
    tf.reset_default_graph()
    random = np.random.RandomState(0)
    x = tf.placeholder(tf.float32, [None, 64])
    weights = tf.constant(random.randn(64, 64).astype(np.float32))
    y = tf.nn.relu(tf.matmul(x, weights))
    return x, y, {x: random.randn(64, 64).astype(np.float32)}


@figure("a layer, as a run", "µs")
def layer_run(tf: Any) -> float:
    """What a stage is to be compared with."""
    _, y, feed = small_net(tf)
    with tf.Session() as sess:
        return seconds_per_call(lambda: sess.run(y, feed))


@figure("a layer, as a stage of a handle", "µs")
def layer_stage(tf: Any) -> float:
    """The handle is made anew each time: TensorFlow takes a fetch once."""
    x, y, feed = small_net(tf)
    with tf.Session() as sess:

        def stage() -> None:
            sess.partial_run(sess.partial_run_setup([y], [x]), y, feed)

        return seconds_per_call(stage)
