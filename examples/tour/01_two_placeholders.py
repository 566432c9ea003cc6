"""Two placeholders and their sum: the graph says what to compute, the session computes it."""

import tensorflow as tf

a = tf.placeholder(tf.float32, name="a")
b = tf.placeholder(tf.float32, name="b")
c = a + b

sess = tf.Session()
result = sess.run(c, feed_dict={a: 2.0, b: 3.0})
print(result)
sess.close()

assert result == 5.0
