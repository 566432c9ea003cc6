"""Cells of tf.contrib.rnn alone, layers of bidirectional networks, and a language model."""
import numpy as np
import tensorflow as tf

rnn = tf.contrib.rnn
nest = tf.contrib.framework.nest
tf.set_random_seed(8)
random = np.random.RandomState(6)
x = tf.placeholder(tf.float32, [3, 4, 2], name="x")
n = tf.placeholder(tf.int32, [3], name="n")
feed = {x: random.uniform(-1, 1, (3, 4, 2)).astype(np.float32), n: np.array([4, 1, 2], np.int32)}
networks = {}


def network(name, function):
    with tf.variable_scope(name):
        networks[name] = nest.flatten(function())


def alone(cell):
    return tf.nn.dynamic_rnn(cell, x, n, dtype=tf.float32, parallel_iterations=1)


network("block", lambda: alone(rnn.LSTMBlockCell(3)))
network("block_peepholes", lambda: alone(
    rnn.LSTMBlockCell(3, forget_bias=0.5, cell_clip=0.3, use_peephole=True)))
network("nas", lambda: alone(rnn.NASCell(3)))
network("nas_projection", lambda: alone(rnn.NASCell(3, num_proj=2, use_bias=True)))
network("normal", lambda: alone(rnn.LayerNormBasicLSTMCell(3, norm_gain=0.8, norm_shift=0.1)))
network("normal_dropout", lambda: alone(rnn.LayerNormBasicLSTMCell(
    3, layer_norm=False, dropout_keep_prob=0.5, dropout_prob_seed=4)))
network("stacked", lambda: rnn.stack_bidirectional_dynamic_rnn(
    [rnn.GRUCell(3), rnn.GRUCell(2)], [rnn.LSTMCell(2), rnn.LSTMCell(3)], x, sequence_length=n,
    dtype=tf.float32))
network("stacked_static", lambda: rnn.stack_bidirectional_rnn(
    [rnn.GRUCell(3), rnn.GRUCell(2)], [rnn.BasicRNNCell(2), rnn.BasicRNNCell(3)],
    tf.unstack(x, axis=1), dtype=tf.float32, initial_states_fw=[tf.ones([3, 3]), tf.ones([3, 2])]))

words = tf.placeholder(tf.int32, [2, None], name="words")
following = tf.placeholder(tf.int32, [2, None], name="following")
cell = rnn.MultiRNNCell([
    rnn.DropoutWrapper(rnn.BasicLSTMCell(8, forget_bias=0.0), output_keep_prob=1.0)
    for _ in range(2)])
start = cell.zero_state(2, tf.float32)
with tf.variable_scope("model"):
    weights = tf.get_variable("softmax_w", [8, 5])
    bias = tf.get_variable("softmax_b", [5])
    embedding = tf.get_variable("embedding", [5, 8])
    vectors = tf.nn.embedding_lookup(embedding, words)
outputs, last = tf.nn.dynamic_rnn(cell, vectors, initial_state=start, scope="model")
logits = tf.matmul(tf.reshape(outputs, [-1, 8]), weights) + bias
cost = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(
    labels=tf.reshape(following, [-1]), logits=logits))

gradients = {}
for name in sorted(networks):
    loss = tf.add_n([tf.reduce_sum(tf.square(t)) for t in networks[name]])
    gradients[name] = tf.gradients(loss, [x] + tf.trainable_variables(name + "/"))
trained = tf.trainable_variables("model/")
clipped, _ = tf.clip_by_global_norm(tf.gradients(cost, trained), 5.0)
train = tf.train.AdamOptimizer(0.01).apply_gradients(zip(clipped, trained))

results = {}
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for name in sorted(networks):
        results[name + "/names"] = np.array(
            [v.name.encode() for v in tf.global_variables(name + "/")], object)
        values, slopes = sess.run([networks[name], gradients[name]], feed)
        for k, value in enumerate(values):
            results["%s/%d" % (name, k)] = value
        for k, value in enumerate(slopes):
            results["%s/slope_%d" % (name, k)] = value
    state = sess.run(start)
    costs = []
    for _ in range(5):
        text = random.randint(0, 5, (2, 7))
        value, state, _ = sess.run(
            [cost, last, train], {words: text[:, :-1], following: text[:, 1:], start: state})
        costs.append(value)
    results["costs"] = np.array(costs)
    results["state"] = np.array(state)
    results["sampled"] = sess.run(tf.nn.softmax(logits), {words: [[1], [2]], start: state})
