"""Several fetches in one run, and a chain of which only the end is fetched."""

import tensorflow as tf

a = tf.constant(10)
b = tf.constant(5)
c = tf.add(a, b)

with tf.Session() as sess:
    values = sess.run([a, b, c])
print([int(value) for value in values])

start = tf.constant(2, name="start")
added = tf.add(start, 3, name="added")
multiplied = tf.multiply(added, 4, name="multiplied")

with tf.Session() as sess:
    end = sess.run(multiplied)
print(end)

assert values == [10, 5, 15]
assert end == 20
