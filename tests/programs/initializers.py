"""Initializers with TensorFlow's numbers for a seed, and regularizers."""
import numpy as np
import tensorflow as tf


def texts(items):
    return np.array([str(item).encode() for item in items], object)


tf.set_random_seed(11)
kinds = tf.initializers
layers = tf.contrib.layers
made = {
    "zeros": kinds.zeros(), "ones": tf.ones_initializer(), "constant": tf.constant_initializer(2),
    "listed": tf.constant_initializer([1, 2, 3]), "uniform": tf.random_uniform_initializer(-1, 1, seed=3),
    "normal": tf.random_normal_initializer(stddev=2.0), "truncated": tf.truncated_normal_initializer(0.5, 0.1),
    "unit": tf.uniform_unit_scaling_initializer(1.5), "scaled": tf.variance_scaling_initializer(),
    "scaled_uniform": kinds.variance_scaling(2.0, "fan_avg", "uniform"),
    "scaled_normal": kinds.variance_scaling(2.0, "fan_out", "untruncated_normal"),
    "glorot": tf.glorot_uniform_initializer(), "glorot_normal": tf.glorot_normal_initializer(seed=1),
    "he": kinds.he_normal(), "he_uniform": kinds.he_uniform(seed=5), "lecun": kinds.lecun_normal(),
    "lecun_uniform": kinds.lecun_uniform(), "identity": kinds.identity(2.0), "xavier": layers.xavier_initializer(),
    "xavier_normal": layers.xavier_initializer(False), "contrib": layers.variance_scaling_initializer(),
}
variables = [tf.get_variable(name, [3, 4], initializer=made[name]) for name in made]
variables += [
    tf.get_variable("conv", [3, 3, 2, 4], initializer=kinds.glorot_uniform()),
    tf.get_variable("vector", [4], initializer=kinds.glorot_normal()),
    tf.get_variable("scalar", [], initializer=kinds.glorot_normal()),
    tf.get_variable("integers", [3], tf.int32, initializer=tf.random_uniform_initializer(0, 10)),
    tf.get_variable("strings", [2], tf.string),
    tf.get_variable("double", [2, 3], tf.float64),
    tf.get_variable("flags", [2], tf.bool),
    tf.get_variable("by_class", [2], initializer=tf.ones_initializer),
    tf.get_variable("by_function", initializer=lambda: tf.ones([2])),
    tf.get_variable("value", initializer=3.0),
]
for name, regularizer in [
    ("l1", layers.l1_regularizer(0.1)), ("l2", layers.l2_regularizer(0.1)),
    ("both", layers.l1_l2_regularizer(0.1, 0.2)), ("none", layers.l2_regularizer(0.0)),
]:
    tf.get_variable(name, initializer=tf.constant([3.0, -4.0]), regularizer=regularizer)
penalties = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
configs = [initializer.get_config() for initializer in made.values() if hasattr(initializer, "get_config")]

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    results = {variable.op.name: sess.run(variable) for variable in variables}
    results["penalties"] = np.array(sess.run(penalties))
    results["configs"] = texts([sorted(config.items()) for config in configs])
