"""What a training step costs: perceptrons of three sizes, a convolutional net, an embedding."""

from __future__ import annotations

from typing import Any

import numpy as np
from timing import figure, seconds_per_call

WARM_UP = 3.0  # long enough for a compiler to have seen that the step repeats


def variable(tf: Any, random: np.random.RandomState, shape: list[int]) -> Any:
    """A weight variable with small random values."""
    values = random.randn(*shape) / np.sqrt(np.prod(shape[:-1]))
    return tf.Variable(values.astype(np.float32))


def step_time(tf: Any, train: Any, feed: dict[Any, np.ndarray]) -> float:
    """The time of one run of a training operation."""
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return seconds_per_call(lambda: sess.run(train, feed), warm_up=WARM_UP, budget=1.5)


def mlp_step(tf: Any, batch: int, width: int, make_optimizer: Any) -> float:
    """Two hidden layers of `width`, ten classes, fed anew at each step."""
    tf.reset_default_graph()
    random = np.random.RandomState(0)
    x = tf.placeholder(tf.float32, [None, width], name="x")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    hidden = x
    for _ in range(2):
        hidden = tf.nn.relu(
            tf.matmul(hidden, variable(tf, random, [width, width])) + tf.Variable(tf.zeros([width]))
        )
    logits = tf.matmul(hidden, variable(tf, random, [width, 10])) + tf.Variable(tf.zeros([10]))
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
    train = make_optimizer(tf).minimize(loss)
    feed = {
        x: random.randn(batch, width).astype(np.float32),
        labels: random.randint(0, 10, batch),
    }
    return step_time(tf, train, feed)


@figure("MLP step 8×32 Adam", "ms")
def mlp_small(tf: Any) -> float:
    """Overhead of many small kernels."""
    return mlp_step(tf, 8, 32, lambda tf: tf.train.AdamOptimizer(0.001))


@figure("MLP step 64×256 Adam", "ms")
def mlp_middle(tf: Any) -> float:
    """The size of a first own model."""
    return mlp_step(tf, 64, 256, lambda tf: tf.train.AdamOptimizer(0.001))


@figure("MLP step 512×1024 Momentum", "ms")
def mlp_large(tf: Any) -> float:
    """Matrix products and little else."""
    return mlp_step(tf, 512, 1024, lambda tf: tf.train.MomentumOptimizer(0.001, 0.9))


@figure("CNN step (MNIST, batch 64)", "ms")
def cnn(tf: Any) -> float:
    """Two convolutions of 5×5, two poolings, a layer of 1,024: an MNIST tutorial's net."""
    tf.reset_default_graph()
    random = np.random.RandomState(0)
    x = tf.placeholder(tf.float32, [None, 28, 28, 1], name="x")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    image = x
    for channels in ([1, 32], [32, 64]):
        kernel = variable(tf, random, [5, 5] + channels)
        image = tf.nn.conv2d(image, kernel, [1, 1, 1, 1], "SAME")
        image = tf.nn.relu(image + tf.Variable(tf.zeros(channels[1:])))
        image = tf.nn.max_pool(image, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    flat = tf.reshape(image, [-1, 7 * 7 * 64])
    hidden = tf.nn.relu(tf.matmul(flat, variable(tf, random, [7 * 7 * 64, 1024])))
    logits = tf.matmul(hidden, variable(tf, random, [1024, 10]))
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
    train = tf.train.AdamOptimizer(0.0001).minimize(loss)
    images = random.rand(64, 28, 28, 1).astype(np.float32)
    return step_time(tf, train, {x: images, labels: random.randint(0, 10, 64)})


@figure("embedding 50,000×64, Momentum, sparse gradient", "ms")
def embedding(tf: Any) -> float:
    """512 rows of a large table are looked up and updated."""
    tf.reset_default_graph()
    random = np.random.RandomState(0)
    ids = tf.placeholder(tf.int32, [None], name="ids")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    table = variable(tf, random, [50000, 64])
    logits = tf.matmul(tf.nn.embedding_lookup(table, ids), variable(tf, random, [64, 10]))
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
    train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    feed = {ids: random.randint(0, 50000, 512), labels: random.randint(0, 10, 512)}
    return step_time(tf, train, feed)
