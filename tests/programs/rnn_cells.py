"""Each cell in tf.nn.dynamic_rnn: outputs, states, gradients, names of variables, trained weights."""
import numpy as np
import tensorflow as tf

cells = tf.nn.rnn_cell
random = np.random.RandomState(3)
batch = random.uniform(-1, 1, (3, 5, 4)).astype(np.float32)
lengths = np.array([5, 2, 0], np.int32)


class Summing(cells.RNNCell):
    """A cell as users write it: variables are made in call."""

    @property
    def state_size(self):
        return 4

    @property
    def output_size(self):
        return 2

    def call(self, inputs, state):
        w = tf.get_variable("w", [4, 2])
        n = tf.get_variable("n", [], initializer=tf.zeros_initializer(), trainable=False)
        state = 0.5 * state + inputs + n
        return tf.matmul(state, w), state


class Old(object):
    """A cell that is no RNNCell."""
    state_size = 4
    output_size = 4

    def zero_state(self, batch_size, dtype):
        return tf.zeros([batch_size, 4], dtype)

    def __call__(self, inputs, state, scope=None):
        with tf.variable_scope(scope or "old"):
            b = tf.get_variable("b", [4], initializer=tf.ones_initializer())
            new = tf.sin(state + inputs * b)
        return new, new


def lstm(**kwargs):
    return lambda: cells.LSTMCell(4, initializer=tf.random_uniform_initializer(-0.5, 0.5), **kwargs)


makers = [
    ("basic", lambda: cells.BasicRNNCell(4)),
    ("relu", lambda: cells.BasicRNNCell(4, activation=tf.nn.relu, name="mine")),
    ("gru", lambda: cells.GRUCell(4)),
    ("gru_given", lambda: cells.GRUCell(
        4, activation=tf.sigmoid, kernel_initializer=tf.constant_initializer(0.1),
        bias_initializer=tf.constant_initializer(-0.2))),
    ("basic_lstm", lambda: cells.BasicLSTMCell(4, forget_bias=0.5)),
    ("basic_lstm_joined", lambda: cells.BasicLSTMCell(4, state_is_tuple=False)),
    ("lstm", lstm()),
    ("lstm_peepholes", lstm(use_peepholes=True, cell_clip=0.4, forget_bias=2.0)),
    ("lstm_projection", lstm(num_proj=3, proj_clip=0.2, use_peepholes=True)),
    ("lstm_joined", lstm(num_proj=3, state_is_tuple=False)),
    ("lstm_shards", lstm(num_unit_shards=2, num_proj=4, num_proj_shards=2)),
    ("multi", lambda: cells.MultiRNNCell(
        [cells.BasicLSTMCell(4), cells.GRUCell(3), cells.BasicRNNCell(2)])),
    ("multi_joined", lambda: cells.MultiRNNCell(
        [cells.GRUCell(4), cells.BasicRNNCell(2)], state_is_tuple=False)),
    ("residual", lambda: cells.ResidualWrapper(cells.GRUCell(4))),
    ("residual_given", lambda: cells.ResidualWrapper(
        cells.GRUCell(4), residual_fn=lambda i, o: i * o)),
    ("device", lambda: cells.DeviceWrapper(cells.GRUCell(4), "/cpu:0")),
    ("dropout", lambda: cells.DropoutWrapper(
        cells.GRUCell(4), input_keep_prob=0.7, output_keep_prob=0.6, state_keep_prob=0.8)),
    ("dropout_lstm", lambda: cells.DropoutWrapper(
        cells.LSTMCell(4), state_keep_prob=0.5, output_keep_prob=tf.constant(0.5), seed=7)),
    ("dropout_variational", lambda: cells.DropoutWrapper(
        cells.LSTMCell(4), input_keep_prob=0.7, output_keep_prob=0.6, state_keep_prob=0.8,
        variational_recurrent=True, input_size=4, dtype=tf.float32, seed=11)),
    ("dropout_filter", lambda: cells.DropoutWrapper(
        cells.MultiRNNCell([cells.GRUCell(4), cells.GRUCell(4)]), state_keep_prob=0.5, seed=3,
        dropout_state_filter_visitor=lambda s: (True, False) if isinstance(s, tuple) else True)),
    ("summing", Summing),
    ("old", Old),
]

results = {}
tf.set_random_seed(42)
x = tf.placeholder(tf.float32, [None, None, 4], name="x")
n = tf.placeholder(tf.int32, [None], name="n")
built = []
for name, make in makers:
    with tf.variable_scope(name):
        cell = make()
        outputs, state = tf.nn.dynamic_rnn(
            cell, x, sequence_length=n, dtype=tf.float32,
            parallel_iterations=1)  # or chance decides which iteration gets which mask
        state = tf.contrib.framework.nest.flatten(state)
        built.append((name, outputs, state))
        for kind in ["trainable_weights", "variables", "non_trainable_variables"]:
            if hasattr(cell, kind) and "shards" not in name:  # TensorFlow forgets parts
                results["%s/%s" % (name, kind)] = np.array(
                    [v.name.encode() for v in getattr(cell, kind)], object)
        results[name + "/names"] = np.array(
            [v.name.encode() for v in tf.global_variables(name + "/")]
            + [t.name.encode() for t in [outputs] + state], object)
        results[name + "/shapes"] = np.array(
            [str(t.get_shape()).encode() for t in [outputs] + state], object)

runs = []
for name, outputs, state in built:
    loss = tf.reduce_sum(tf.square(outputs)) + tf.add_n([tf.reduce_sum(s) for s in state])
    variables = tf.trainable_variables(name + "/")
    gradients = tf.gradients(loss, [x] + variables)
    update = [v.assign_sub(0.1 * g) for v, g in zip(variables, gradients[1:])]
    runs.append((name, outputs, state, loss, variables, gradients, tf.group(*update)))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for name, outputs, state, loss, variables, gradients, update in runs:
        feed = {x: batch, n: lengths}
        fetches = [loss, update, outputs, gradients[0]] + state
        found = [sess.run(fetches, feed) for _ in range(4)]
        results[name + "/losses"] = np.array([values[0] for values in found])
        for what, value in zip(["outputs", "dx", "state", "state_2", "state_3"], found[0][2:]):
            results[name + "/" + what] = value
        for v in variables:
            results["%s/trained/%s" % (name, v.name)] = sess.run(v)
