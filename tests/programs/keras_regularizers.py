"""tf.keras.regularizers: penalties, configs, and weights that carry them."""
import numpy as np
import tensorflow as tf


def texts(items):
    return np.array([str(item).encode() for item in items], object)


kinds = tf.keras.regularizers
x = tf.Variable([[1.0, -2.0], [3.0, 4.0]], name="x")
d = tf.Variable([1.0, 2.0], dtype=tf.float64, name="d")
made = [kinds.l1(), kinds.l1(0.5), kinds.l2(l=0.1), kinds.l1_l2(), kinds.l1_l2(0.1, 0.2), kinds.L1L2(), kinds.L1L2(l2=0.3)]
penalties = [regularizer(x) for regularizer in made]
double = kinds.l1_l2(0.5, 0.25)(d)
w = tf.get_variable("w", [2], initializer=tf.constant_initializer(3.0), regularizer=kinds.l2(0.1))
with tf.variable_scope("scope", regularizer=kinds.get("l1"), initializer=tf.ones_initializer()):
    tf.get_variable("v", [3])
losses = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
seen = [sorted(regularizer.get_config().items()) for regularizer in made]
seen += [sorted(kinds.serialize(regularizer).items()) for regularizer in made[:2]]
names = ["l1", "l2", "l1_l2", "L1L2", {"class_name": "L1L2", "config": {"l1": 0.1, "l2": 0.2}}]
seen += [sorted(kinds.get(name).get_config().items()) for name in names]
seen += [kinds.get(None), kinds.get(len) is len, kinds.get(made[0]) is made[0], kinds.serialize(len)]
seen += [sorted(kinds.deserialize("mine", {"mine": kinds.L1L2}).get_config().items()), kinds.Regularizer()(x)]
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    results = {"penalties": np.array(sess.run(penalties)), "double": sess.run(double)}
    results["losses"] = np.array(sess.run(losses))
results["seen"] = texts(seen)
