"""Matrix products: all transposes, batches, einsum, tensordot, and their gradients."""
import numpy as np
import tensorflow as tf

random = np.random.RandomState(0)
a = tf.placeholder(tf.float32, [3, 4], name="a")
b = tf.placeholder(tf.float32, [4, 2], name="b")
batch_a = tf.placeholder(tf.float32, [None, 3, 4], name="batch_a")
batch_b = tf.placeholder(tf.float32, [None, 4, 2], name="batch_b")
fetches = {}


def check(name, out, *inputs):
    fetches[name] = out
    for k, grad in enumerate(tf.gradients(tf.square(out), inputs)):
        fetches["%s_grad%d" % (name, k)] = grad


check("plain", tf.matmul(a, b), a, b)
check("ta", tf.matmul(tf.transpose(a), b, transpose_a=True), a, b)
check("tb", tf.matmul(a, tf.transpose(b), transpose_b=True), a, b)
check("tatb", tf.matmul(tf.transpose(a), tf.transpose(b), transpose_a=True, transpose_b=True), a, b)
check("batch", tf.matmul(batch_a, batch_b), batch_a, batch_b)
check("batch_adj", tf.matmul(batch_b, batch_a, adjoint_a=True, adjoint_b=True), batch_a, batch_b)
check("batch_broadcast", tf.matmul(batch_a, b[tf.newaxis]), batch_a, b)
check("einsum", tf.einsum("ij,jk->ik", a, b), a, b)
check("einsum_batch", tf.einsum("bij,bjk->bki", batch_a, batch_b), batch_a, batch_b)
check("tensordot", tf.tensordot(a, b, 1), a, b)
check("tensordot_axes", tf.tensordot(batch_a, b, [[2], [0]]), batch_a, b)

feed = {a: random.rand(3, 4), b: random.rand(4, 2), batch_a: random.rand(2, 3, 4), batch_b: random.rand(2, 4, 2)}
with tf.Session() as sess:
    results = sess.run(fetches, feed)
