"""Seeded random ops: with an op's seed, the graph's, both; a second run goes on, a new session starts anew."""
import numpy as np
import tensorflow as tf

before = tf.random_uniform([3], seed=1, name="before")
tf.set_random_seed(1234)
fetches = {
    "before": before,
    "uniform": tf.random_uniform([4]),
    "uniform_range": tf.random_uniform([4], -2.0, 5.0, seed=2),
    "uniform_int": tf.random_uniform([5], 0, 100, dtype=tf.int32),
    "uniform_int64": tf.random_uniform([3], -5, 5, dtype=tf.int64, seed=3),
    "uniform64": tf.random_uniform([3], dtype=tf.float64, seed=4),
    "normal": tf.random_normal([2, 3]),
    "normal_moved": tf.random_normal([5], mean=3.0, stddev=0.5, seed=5),
    "truncated": tf.truncated_normal([6], seed=6),
    "dropout": tf.nn.dropout(tf.ones([2, 4]), 0.5, seed=7),
    "dropout_rate": tf.nn.dropout(tf.ones([8]), rate=0.25),
    "shaped": tf.nn.dropout(tf.ones([2, 4]), 0.5, noise_shape=[2, 1], seed=8),
}
with tf.variable_scope("init", initializer=tf.glorot_uniform_initializer()):
    v = tf.get_variable("v", [3, 2])
    w = tf.get_variable("w", [2, 2], initializer=tf.truncated_normal_initializer(stddev=0.1))
    u = tf.get_variable("u", [3], initializer=tf.random_uniform_initializer(-1, 1, seed=9))
    n = tf.get_variable("n", [3], initializer=tf.random_normal_initializer(seed=10))
init = tf.global_variables_initializer()

results = {}
with tf.Session() as sess:
    sess.run(init)
    results.update((key, value) for key, value in sess.run({"v": v, "w": w, "u": u, "n": n}).items())
    results.update(sess.run(fetches))
    results.update((key + "_again", value) for key, value in sess.run(fetches).items())
with tf.Session() as sess:
    anew = sess.run(fetches)
    assert all(np.array_equal(anew[key], results[key]) for key in fetches)
