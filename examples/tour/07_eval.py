"""Tensor.eval with each kind of session, and with none."""

import tensorflow as tf

a = tf.constant(5)
b = tf.constant(10)
c = tf.add(a, b)

sess = tf.Session()
alone = c.eval()
print("right after tf.Session():", alone)
sess.close()

with tf.Session():
    inside = c.eval()
print("in a with block:", inside)

sess = tf.InteractiveSession()
interactive = c.eval()
print("in an InteractiveSession:", interactive)
sess.close()

try:
    c.eval()
    message = ""
except ValueError as error:
    message = str(error)
print("without a session:", message)

assert alone == inside == interactive == 15
assert "No default session is registered" in message
assert "with sess.as_default()" in message
