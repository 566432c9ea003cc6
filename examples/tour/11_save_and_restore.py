"""Train, save, and restore in a new process: the values are the same to the last bit."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 2], name="x")
y = tf.placeholder(tf.float32, [None, 1], name="y")
W = tf.Variable(tf.zeros([2, 1]), name="W")
b = tf.Variable(tf.zeros([1]), name="b")
prediction = tf.matmul(x, W) + b
loss = tf.reduce_mean(tf.square(prediction - y))
train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
saver = tf.train.Saver()

inputs = np.random.RandomState(0).randn(50, 2).astype(np.float32)
targets = inputs.dot([[2.0], [-3.0]]) + 0.5


def report(sess):
    """The weights in hexadecimal: every bit counts."""
    weights, bias = sess.run([W, b])
    return " ".join(float(value).hex() for value in list(weights.ravel()) + list(bias))


def train_and_save(prefix):
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(50):
            sess.run(train, feed_dict={x: inputs, y: targets})
        path = saver.save(sess, prefix, global_step=50)
        weights, bias = sess.run([W, b])
        print("trained: W = [%.3f %.3f], b = %.3f" % (weights[0, 0], weights[1, 0], bias[0]))
        assert np.allclose(weights, [[2.0], [-3.0]], atol=0.01)
        assert np.allclose(bias, [0.5], atol=0.01)
        return path, report(sess)


def restore(path):
    with tf.Session() as sess:
        saver.restore(sess, path)
        print(report(sess))


if len(sys.argv) > 1:
    restore(sys.argv[1])
else:
    folder = tempfile.mkdtemp()
    path, trained = train_and_save(os.path.join(folder, "model"))
    assert os.path.basename(path) == "model-50"
    assert tf.train.latest_checkpoint(folder) == path
    print("saved:", ", ".join(sorted(os.listdir(folder))))

    # The same command line that started this process, and the path to restore from.
    command = getattr(sys, "orig_argv", [sys.executable] + sys.argv)
    output = subprocess.check_output([sys.executable] + command[1:] + [path])
    restored = output.decode().splitlines()[-1].strip()
    print("restored in a new process, the same:", restored == trained)
    assert restored == trained
