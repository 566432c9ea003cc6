"""Static, bidirectional, raw and state-saving networks, with lengths and without, time-major too."""
import numpy as np
import tensorflow as tf

cells = tf.nn.rnn_cell
nest = tf.contrib.framework.nest
tf.set_random_seed(5)
random = np.random.RandomState(4)
batch = random.uniform(-1, 1, (3, 4, 2)).astype(np.float32)
x = tf.placeholder(tf.float32, [3, 4, 2], name="x")
n = tf.placeholder(tf.int64, [3], name="n")
feed = {x: batch, n: np.array([4, 1, 2], np.int64)}
steps = tf.unstack(x, axis=1)
major = tf.transpose(x, [1, 0, 2])
start = tf.constant(random.uniform(-1, 1, (3, 3)).astype(np.float32))
networks = {}


class Pair(cells.RNNCell):
    """A cell of two inputs, two outputs and two states."""

    state_size = (2, tf.TensorShape([2]))
    output_size = (2, tf.TensorShape([2]))

    def call(self, inputs, state):
        w = tf.get_variable("w", [2, 2])
        new = (tf.matmul(inputs[0], w) + state[1], tf.tanh(inputs[1] * state[0] + inputs[0]))
        return new, (new[1], new[0] * 0.5)


def network(name, function):
    with tf.variable_scope(name):
        networks[name] = [t for t in nest.flatten(function()) if t is not None]


network("static", lambda: tf.nn.static_rnn(cells.GRUCell(3), steps, dtype=tf.float32))
network("static_lengths", lambda: tf.nn.static_rnn(
    cells.BasicLSTMCell(3), steps, dtype=tf.float32, sequence_length=n))
network("static_start", lambda: tf.nn.static_rnn(
    cells.GRUCell(3), steps, initial_state=start, sequence_length=n, scope="mine"))
network("static_multi", lambda: tf.contrib.rnn.static_rnn(
    cells.MultiRNNCell([cells.GRUCell(3), cells.LSTMCell(2)]), steps, dtype=tf.float32))
network("static_two_inputs", lambda: tf.nn.static_rnn(
    cells.ResidualWrapper(Pair()), [(s, s * 2.0) for s in steps], dtype=tf.float32,
    sequence_length=n))
network("bidirectional", lambda: tf.nn.bidirectional_dynamic_rnn(
    cells.GRUCell(3), cells.BasicRNNCell(2), x, dtype=tf.float32))
network("bidirectional_lengths", lambda: tf.nn.bidirectional_dynamic_rnn(
    cells.LSTMCell(3), cells.LSTMCell(3), major, sequence_length=n, dtype=tf.float32,
    time_major=True, swap_memory=True))
network("bidirectional_start", lambda: tf.nn.bidirectional_dynamic_rnn(
    cells.GRUCell(3), cells.GRUCell(3), x, sequence_length=n, initial_state_fw=start,
    initial_state_bw=-start, scope="both"))
network("static_bidirectional", lambda: tf.nn.static_bidirectional_rnn(
    cells.GRUCell(3), cells.GRUCell(2), steps, dtype=tf.float32))
network("static_bidirectional_lengths", lambda: tf.nn.static_bidirectional_rnn(
    cells.LSTMCell(3), cells.GRUCell(2), steps, dtype=tf.float32, sequence_length=n))
network("dynamic_start", lambda: tf.nn.dynamic_rnn(
    cells.GRUCell(3), major, initial_state=start, time_major=True))
network("dynamic_two_inputs", lambda: tf.nn.dynamic_rnn(
    Pair(), (x, x * 2.0), dtype=tf.float32, sequence_length=n))
network("dynamic_double", lambda: tf.nn.dynamic_rnn(
    cells.LSTMCell(3), tf.cast(x, tf.float64), dtype=tf.float64, sequence_length=n))
network("dynamic_resource", lambda: tf.nn.dynamic_rnn(
    cells.GRUCell(3), x, dtype=tf.float32, sequence_length=[2, 0, 3], scope=tf.VariableScope(
        False, name="resources", use_resource=True,
        initializer=tf.random_uniform_initializer(-0.4, 0.4))))


def raw(with_state):
    cell = cells.LSTMCell(3)
    source = tf.TensorArray(tf.float32, 4).unstack(major)
    lengths = tf.cast(n, tf.int32)

    def loop(time, output, state, carried):
        emit = output
        if output is None:
            state = cell.zero_state(3, tf.float32)
            emit = tf.zeros([2]) if with_state else None
            carried = tf.constant(1.0) if with_state else None
        else:
            emit = output[:, :2] * carried if with_state else output
            carried = carried * 0.5 if with_state else None
        done = time >= lengths
        following = tf.cond(
            tf.reduce_all(done), lambda: tf.zeros([3, 2]), lambda: source.read(time))
        return done, following, state, emit, carried

    arrays, state, carried = tf.nn.raw_rnn(cell, loop)
    return arrays.stack(), state, carried


network("raw", lambda: raw(False))
network("raw_carrying", lambda: raw(True))


class Saver(object):
    """Keeps states in variables."""

    def __init__(self):
        self.variables = {}

    def state(self, name):
        self.variables[name] = tf.get_local_variable(
            "saved_" + name, [3, 3], initializer=tf.constant_initializer(0.25))
        return self.variables[name] * 1.0  # a copy: what is assigned later leaves it alone

    def save_state(self, name, value):
        return self.variables[name].assign(value)


network("saving", lambda: tf.nn.static_state_saving_rnn(
    cells.BasicLSTMCell(3), steps, Saver(), ("c", "h"), sequence_length=n))

losses, gradients = {}, {}
for name in sorted(networks):
    losses[name] = tf.add_n([
        tf.reduce_sum(tf.square(tf.cast(t, tf.float32))) for t in networks[name]])
    gradients[name] = tf.gradients(losses[name], [x] + tf.trainable_variables(name + "/"))

results = {}
with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    for name in sorted(networks):
        results[name + "/names"] = np.array(
            [v.name.encode() for v in tf.global_variables(name + "/")]
            + [t.name.encode() for t in networks[name]]
            + [str(t.get_shape()).encode() for t in networks[name]], object)
        values, slopes = sess.run([networks[name], gradients[name]], feed)
        for k, value in enumerate(values):
            results["%s/%d" % (name, k)] = value
        for k, value in enumerate(slopes):
            results["%s/slope_%d" % (name, k)] = value
    for v in tf.local_variables():
        results[v.name] = sess.run(v)
