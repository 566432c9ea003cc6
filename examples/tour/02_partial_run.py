"""A run in two stages: the second goes on from the values of the first."""

import tensorflow as tf

a = tf.placeholder(tf.float32, shape=[], name="a")
b = tf.placeholder(tf.float32, shape=[], name="b")
times_computed = tf.Variable(0, trainable=False, name="times_computed")
with tf.control_dependencies([tf.assign_add(times_computed, 1)]):
    c = tf.add(a, b, name="c")
d = tf.multiply(c, 2.0, name="d")

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())

    h = sess.partial_run_setup([c, d], [a, b])
    first = sess.partial_run(h, c, feed_dict={a: 2.0, b: 3.0})
    print(first)
    second = sess.partial_run(h, d)
    print(second)

    count = sess.run(times_computed)
    print("c was computed %d time" % count)

assert first == 5.0
assert second == 10.0
assert count == 1
