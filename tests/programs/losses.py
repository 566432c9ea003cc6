"""The cross-entropies, with gradients; labels dense and sparse, with and without gradients of their own."""
import numpy as np
import tensorflow as tf

logits = tf.placeholder(tf.float32, [None, 4], name="logits")
dense = tf.placeholder(tf.float32, [None, 4], name="dense")
sparse = tf.placeholder(tf.int32, [None], name="sparse")
fetches = {}


def check(name, out, *inputs):
    fetches[name] = out
    for k, grad in enumerate(tf.gradients(out, inputs)):
        if grad is not None:
            fetches["%s_grad%d" % (name, k)] = grad


check("softmax", tf.nn.softmax_cross_entropy_with_logits(labels=dense, logits=logits), logits, dense)
check("softmax_v2", tf.nn.softmax_cross_entropy_with_logits_v2(labels=dense, logits=logits), logits, dense)
check("sparse", tf.nn.sparse_softmax_cross_entropy_with_logits(labels=sparse, logits=logits), logits)
check("sigmoid", tf.nn.sigmoid_cross_entropy_with_logits(labels=dense, logits=logits), logits)
check("weighted", tf.nn.weighted_cross_entropy_with_logits(targets=dense, logits=logits, pos_weight=2.0), logits)
check("by_hand", -tf.reduce_sum(dense * tf.log(tf.nn.softmax(logits)), 1), logits)
check("log_softmax", -tf.reduce_sum(dense * tf.nn.log_softmax(logits), 1), logits)
check("l2", tf.nn.l2_loss(logits - dense), logits)
check("mean_square", tf.reduce_mean(tf.square(logits - dense)), logits)
fetches["hit"] = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1, output_type=tf.int32), sparse), tf.float32))

random = np.random.RandomState(0)
labels = random.rand(3, 4)
feed = {logits: random.randn(3, 4), dense: labels / labels.sum(1, keepdims=True), sparse: [0, 3, 1]}
with tf.Session() as sess:
    results = sess.run(fetches, feed)
