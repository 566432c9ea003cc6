"""Reductions over axes, kept and dropped, of known and unknown shapes, and their gradients."""
import numpy as np
import tensorflow as tf

known = tf.placeholder(tf.float32, [2, 3, 4], name="known")
partly = tf.placeholder(tf.float32, [None, 3], name="partly")
unknown = tf.placeholder(tf.float32, name="unknown")
fetches = {}


def check(name, out, x):
    fetches[name] = out
    fetches[name + "_grad"] = tf.gradients(out, x)[0]


for name, reduce in [("sum", tf.reduce_sum), ("mean", tf.reduce_mean), ("max", tf.reduce_max),
                     ("min", tf.reduce_min), ("prod", tf.reduce_prod), ("logsumexp", tf.reduce_logsumexp)]:
    check(name + "_all", reduce(known), known)
    check(name + "_axis", reduce(known, axis=1), known)
    check(name + "_axes", reduce(known, axis=[0, -1]), known)
    check(name + "_keep", reduce(known, axis=2, keepdims=True), known)
    check(name + "_partly", reduce(partly, axis=0), partly)
    check(name + "_unknown", reduce(unknown), unknown)
mean, variance = tf.nn.moments(known, axes=[0, 2])
check("moments", mean + 2.0 * variance, known)
mean, variance = tf.nn.moments(partly, axes=[0], keep_dims=True)
check("moments_keep", mean * variance, partly)
check("norm", tf.norm(partly, axis=1), partly)
check("cumsum", tf.cumsum(known, axis=1, reverse=True), known)
check("cumprod", tf.cumprod(partly, axis=0, exclusive=True), partly)
values, indices = tf.nn.top_k(partly, 2)
check("top_k", values, partly)
fetches["top_k_indices"] = indices
fetches["argmax"] = tf.argmax(known, 2)
fetches["argmin"] = tf.argmin(partly, output_type=tf.int32)
fetches["any"] = tf.reduce_any(known > 0.9, axis=0)
fetches["all"] = tf.reduce_all(partly > 0.1)

random = np.random.RandomState(0)
feed = {known: random.rand(2, 3, 4), partly: random.rand(4, 3), unknown: random.rand(2, 2)}
with tf.Session() as sess:
    results = sess.run(fetches, feed)
