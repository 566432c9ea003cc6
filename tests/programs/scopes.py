"""Names: name scopes, variable scopes, reuse, regularizers, control edges, devices, colocation."""
import numpy as np
import tensorflow as tf

with tf.name_scope("outer") as outer:
    a = tf.constant(1.0, name="a")
    with tf.name_scope("inner"):
        b = tf.constant([2.0, 3.0], name="b")
    with tf.name_scope("inner"):
        c = tf.add(a, b)
    with tf.name_scope(None):
        d = tf.identity(c, name="d")
    with tf.name_scope(outer):
        e = tf.multiply(c, 2.0)
with tf.name_scope("outer"):
    f = tf.constant(4, name="a")
A = tf.constant(0, name="a")
B = tf.constant(0, name="A")
C = tf.constant(0, name="a")

with tf.variable_scope("layer", initializer=tf.constant_initializer(0.5)) as scope:
    v = tf.get_variable("v", [2])
    w = tf.get_variable("w", [2, 2], initializer=tf.ones_initializer())
    u = tf.Variable([1.0], name="u")
    with tf.variable_scope("nested"):
        n = tf.get_variable("n", [], dtype=tf.float64, initializer=tf.zeros_initializer())
        m = tf.get_variable("m", initializer=tf.constant([7, 8]))
with tf.variable_scope("layer", reuse=True):
    again = tf.get_variable("v", [2])
    sum_again = again + 1.0
with tf.variable_scope(scope, reuse=tf.AUTO_REUSE):
    third = tf.get_variable("v", [2])
    fresh = tf.get_variable("fresh", [3], trainable=False)
    named = tf.add(third, 1.0, name="named")
with tf.variable_scope(scope):
    unnested = tf.constant(0.0, name="k")
with tf.variable_scope("regularized", regularizer=lambda t: 0.01 * tf.reduce_sum(tf.square(t))):
    r = tf.get_variable("r", [2], initializer=tf.constant_initializer([3.0, 4.0]))
penalties = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
with tf.variable_scope(None, default_name="auto"):
    x1 = tf.get_variable("x", [1], initializer=tf.zeros_initializer())
with tf.variable_scope(None, default_name="auto"):
    x2 = tf.get_variable("x", [1], initializer=tf.zeros_initializer())
res = tf.get_variable("resource", [2], initializer=tf.ones_initializer(), use_resource=True)
res_plus = res + 1.0

with tf.control_dependencies([u.initializer, d]):
    after = tf.constant(5.0, name="after")
    with tf.control_dependencies(None):
        free = tf.constant(6.0, name="free")
    with tf.control_dependencies([e]):
        later = tf.identity(d, name="later")
with tf.device("/cpu:0"):
    on_cpu = tf.constant(1.0, name="on_cpu")
    with tf.device(None):
        anywhere = tf.constant(1.0, name="anywhere")
with tf.colocate_with(on_cpu):
    beside = tf.constant(2.0, name="beside")
group = tf.group(v.initializer, w.initializer, name="some")
pair = tf.tuple([a, b], name="pair")

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    results = {
        "c": sess.run(c), "e": sess.run(e), "v": sess.run(v), "sum_again": sess.run(sum_again),
        "penalty": sess.run(penalties[0]), "res_plus": sess.run(res_plus), "later": sess.run(later),
        "fresh": sess.run(fresh), "m": sess.run(m), "pair": sess.run(pair[1]),
    }
