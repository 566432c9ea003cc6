"""What a training step costs: perceptrons of three sizes, a convolutional net, an embedding,
a recurrent net, a transformer."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from timing import figure, seconds_of, seconds_per_call

WARM_UP = 3.0  # long enough for a compiler to have seen that the step repeats
ID_BATCHES = 32


def variable(tf: Any, random: np.random.RandomState, shape: list[int]) -> Any:
    """A weight variable with small random values."""
    values = random.randn(*shape) / np.sqrt(np.prod(shape[:-1]))
    return tf.Variable(values.astype(np.float32))


def step_time(tf: Any, train: Any, *batches: dict[Any, np.ndarray]) -> float:
    """The time of one run of a training operation that is fed the batches in turn."""
    feeds = itertools.cycle(batches)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return seconds_per_call(lambda: sess.run(train, next(feeds)), warm_up=WARM_UP, budget=1.5)


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


def id_batches(random: np.random.RandomState) -> list[tuple[np.ndarray, np.ndarray]]:
    """Batches of 512 ids and labels. Some ids come twice in one, in one more than in another."""
    return [(random.randint(0, 50000, 512), random.randint(0, 10, 512)) for _ in range(ID_BATCHES)]


def embedding_step(tf: Any, make_optimizer: Any) -> float:
    """512 rows of a large table are looked up and updated, others at each step."""
    tf.reset_default_graph()
    random = np.random.RandomState(0)
    ids = tf.placeholder(tf.int32, [None], name="ids")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    table = variable(tf, random, [50000, 64])
    logits = tf.matmul(tf.nn.embedding_lookup(table, ids), variable(tf, random, [64, 10]))
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
    train = make_optimizer(tf).minimize(loss)
    return step_time(tf, train, *[{ids: some, labels: of} for some, of in id_batches(random)])


@figure("embedding 50,000×64, Momentum, sparse gradient", "ms")
def embedding_momentum(tf: Any) -> float:
    """Every row has a momentum, of which a step changes a few."""
    return embedding_step(tf, lambda tf: tf.train.MomentumOptimizer(0.1, 0.9))


@figure("embedding 50,000×64, Adagrad, sparse gradient", "ms")
def embedding_adagrad(tf: Any) -> float:
    """The same with a slot as large as the table."""
    return embedding_step(tf, lambda tf: tf.train.AdagradOptimizer(0.1))


def recurrent_net(tf: Any, steps: int) -> tuple[list[Any], dict[Any, Any]]:
    """A plain cell of 32 units, batch 8, its inputs in a TensorArray: fetches and feeds."""
    tf.reset_default_graph()
    random = np.random.RandomState(0)
    x = tf.placeholder(tf.float32, [steps, 8, 32], name="x")
    weights = variable(tf, random, [32, 32])
    recurrent = variable(tf, random, [32, 32])
    inputs = tf.TensorArray(tf.float32, steps).unstack(x)

    def step(time: Any, state: Any, outputs: Any) -> Any:
        state = tf.tanh(tf.matmul(inputs.read(time), weights) + tf.matmul(state, recurrent))
        return time + 1, state, outputs.write(time, state)

    first = [tf.constant(0), tf.zeros([8, 32]), tf.TensorArray(tf.float32, steps)]
    _, _, outputs = tf.while_loop(lambda time, *_: time < steps, step, first)
    loss = tf.reduce_mean(tf.square(outputs.stack()))
    gradients = tf.gradients(loss, [weights, recurrent])
    return [loss, *gradients], {x: random.randn(steps, 8, 32).astype(np.float32)}


@figure("RNN, 50 steps of while_loop, forward and backward", "ms")
def rnn(tf: Any) -> float:
    """Step after step, when all is warm."""
    return step_time(tf, *recurrent_net(tf, 50))


@figure("RNN, 500 steps, the first two runs", "ms")
def long_rnn(tf: Any) -> float:
    """What a program waits for that makes one or two runs of a long loop."""
    fetches, feeds = recurrent_net(tf, 500)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return seconds_of(lambda: [sess.run(fetches, feeds) for _ in range(2)])


def normalized(tf: Any, x: Any, width: int) -> Any:
    """Layer normalization."""
    mean, variance = tf.nn.moments(x, [-1], keep_dims=True)
    scale, shift = tf.Variable(tf.ones([width])), tf.Variable(tf.zeros([width]))
    return (x - mean) * tf.rsqrt(variance + 1e-6) * scale + shift


def projected(tf: Any, random: np.random.RandomState, x: Any, rows: int, columns: int) -> Any:
    """A dense layer over the last axis of [batch, length, rows]."""
    length = x.shape[1].value
    flat = tf.matmul(tf.reshape(x, [-1, rows]), variable(tf, random, [rows, columns]))
    return tf.reshape(flat + tf.Variable(tf.zeros([columns])), [-1, length, columns])


def attended(tf: Any, random: np.random.RandomState, x: Any, width: int, heads: int) -> Any:
    """Multi-head self-attention."""
    length, depth = x.shape[1].value, width // heads
    query, key, value = [
        tf.transpose(
            tf.reshape(projected(tf, random, x, width, width), [-1, length, heads, depth]),
            [0, 2, 1, 3],
        )
        for _ in range(3)
    ]
    scores = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) / np.sqrt(depth))
    mixed = tf.transpose(tf.matmul(scores, value), [0, 2, 1, 3])
    return projected(tf, random, tf.reshape(mixed, [-1, length, width]), width, width)


@figure("2 transformer layers, training step", "ms")
def transformer(tf: Any) -> float:
    """Width 64, 4 heads, 32 tokens of a vocabulary of 1,000, batch 8, Adam."""
    tf.reset_default_graph()
    random = np.random.RandomState(0)
    width, length = 64, 32
    ids = tf.placeholder(tf.int32, [None, length], name="ids")
    x = tf.nn.embedding_lookup(variable(tf, random, [1000, width]), ids)
    for _ in range(2):
        x = x + attended(tf, random, normalized(tf, x, width), width, 4)
        inner = tf.nn.relu(projected(tf, random, normalized(tf, x, width), width, 4 * width))
        x = x + projected(tf, random, inner, 4 * width, width)
    logits = projected(tf, random, normalized(tf, x, width), width, 1000)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids, logits=logits))
    train = tf.train.AdamOptimizer(0.001).minimize(loss)
    return step_time(tf, train, {ids: random.randint(0, 1000, [8, length])})
