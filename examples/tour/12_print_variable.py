"""Printing a variable shows the node of the graph; its value lives in a session."""

import tensorflow as tf

variable = tf.Variable([1.0, 2.0], name="weights")
doubled = variable * 2

print(variable)
print(doubled)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    value = sess.run(variable)
    print(value)
    print(sess.run(doubled))

assert str(variable) == "<tf.Variable 'weights:0' shape=(2,) dtype=float32_ref>"
assert str(doubled) == 'Tensor("mul:0", shape=(2,), dtype=float32)'
assert list(value) == [1.0, 2.0]
