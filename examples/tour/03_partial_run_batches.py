"""A run in stages over batches: a second batch goes through what the first one left in place."""

import numpy as np
import tensorflow as tf

a = tf.placeholder(tf.float32, shape=[None, 3], name="a")
b = tf.placeholder(tf.float32, shape=[3, 2], name="b")
c = tf.matmul(a, b, name="c")
d = tf.reduce_sum(c, axis=1, name="d")
e = tf.sigmoid(d, name="e")

weights = np.array([[1.0, 0.5], [-0.5, 0.25], [0.0, -1.0]], dtype=np.float32)
batch1 = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=np.float32)
batch2 = np.array([[0.5, 0.5, 0.5], [1.0, 0.0, -1.0], [2.0, 2.0, 1.0]], dtype=np.float32)

with tf.Session() as sess:
    h = sess.partial_run_setup([c, e], [a, b])
    products = sess.partial_run(h, c, feed_dict={a: batch1, b: weights})
    print(products)
    # Only `a` is fed again: the weights are those of the first stage.
    scores = sess.partial_run(h, e, feed_dict={a: batch2})
    print(scores)

assert np.allclose(products, [[0.0, -2.0], [1.5, -2.75]])
assert np.allclose(scores, [0.53120937, 0.92414182, 0.81757448])
