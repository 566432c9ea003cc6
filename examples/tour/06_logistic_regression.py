"""Logistic regression, trained twice: what else is fetched does not change what is learned."""

import numpy as np
import tensorflow as tf

random = np.random.RandomState(0)
features = random.randn(200, 5).astype(np.float32)
labels = (features.dot(random.randn(5)) + 0.1 * random.randn(200) > 0).astype(np.int64)

x = tf.placeholder(tf.float32, [None, 5], name="x")
y = tf.placeholder(tf.int64, [None], name="y")
W = tf.Variable(tf.zeros([5, 2]), name="W")
b = tf.Variable(tf.zeros([2]), name="b")
logits = tf.matmul(x, W) + b
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
correct = tf.equal(tf.argmax(logits, 1), y)
accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
init = tf.global_variables_initializer()


def train_with_accuracy_every(steps):
    losses, accuracies = [], []
    with tf.Session() as sess:
        sess.run(init)
        for step in range(100):
            feed = {x: features, y: labels}
            if step % steps == 0:
                _, value, acc = sess.run([train, loss, accuracy], feed_dict=feed)
                accuracies.append(acc)
            else:
                _, value = sess.run([train, loss], feed_dict=feed)
            losses.append(value)
    return losses, accuracies


losses, accuracies = train_with_accuracy_every(1)
print("loss %.4f -> %.4f, accuracy %.3f" % (losses[0], losses[-1], accuracies[-1]))
losses_again, accuracies_again = train_with_accuracy_every(10)
print("same losses:", losses == losses_again)

assert len(accuracies) == 100
assert len(accuracies_again) == 10
assert losses == losses_again
assert accuracies[::10] == accuracies_again
assert abs(losses[0] - np.log(2)) < 1e-6
assert losses[-1] < 0.3
assert accuracies[-1] > 0.9
