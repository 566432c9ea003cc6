"""A linear map over 1,000 samples: one sample a run, then all of them in one run."""

import time

import numpy as np
import tensorflow as tf

samples = np.random.RandomState(0).rand(1000, 4).astype(np.float32)

x = tf.placeholder(tf.float32, shape=[None, 4], name="x")
W = tf.constant(np.random.RandomState(1).randn(4, 3), dtype=tf.float32, name="W")
b = tf.constant([0.1, 0.2, 0.3], name="b")
y = tf.matmul(x, W) + b

with tf.Session() as sess:
    sess.run(y, feed_dict={x: samples[:1]})  # the first run plans the work; it is timed in neither

    start = time.time()
    outputs = [sess.run(y, feed_dict={x: samples[i : i + 1]}) for i in range(1000)]
    one_by_one = np.concatenate(outputs)
    print("1,000 runs of one sample: %.4f s" % (time.time() - start))

    start = time.time()
    at_once = sess.run(y, feed_dict={x: samples})
    print("one run of 1,000 samples: %.4f s" % (time.time() - start))

assert one_by_one.shape == at_once.shape == (1000, 3)
assert np.allclose(one_by_one, at_once, rtol=1e-5, atol=1e-6)
