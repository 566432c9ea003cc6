"""A small convolutional net: strides, paddings, both poolings, dropout, Adam."""
import numpy as np
import tensorflow as tf

tf.set_random_seed(3)
images = tf.placeholder(tf.float32, [None, 64], name="images")
labels = tf.placeholder(tf.int64, [None], name="labels")
keep = tf.placeholder_with_default(1.0, [], name="keep")

x = tf.reshape(images, [-1, 8, 8, 1])
with tf.variable_scope("conv1"):
    w = tf.get_variable("w", [3, 3, 1, 4], initializer=tf.random_normal_initializer(stddev=0.3, seed=5))
    b = tf.get_variable("b", [4], initializer=tf.constant_initializer(0.1))
    x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w, strides=[1, 1, 1, 1], padding="SAME"), b))
    x = tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
with tf.variable_scope("conv2"):
    w = tf.get_variable("w", [2, 2, 4, 6], initializer=tf.random_uniform_initializer(-0.3, 0.3, seed=6))
    x = tf.nn.relu(tf.nn.conv2d(x, w, strides=[1, 2, 2, 1], padding="VALID"))
    x = tf.nn.avg_pool(x, [1, 2, 2, 1], [1, 1, 1, 1], "VALID")
flat = tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])
dropped = tf.nn.dropout(flat, keep_prob=keep, seed=7)
with tf.variable_scope("out"):
    w = tf.get_variable("w", [6, 3], initializer=tf.truncated_normal_initializer(stddev=0.5, seed=8))
    logits = tf.matmul(dropped, w)
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
train = tf.train.AdamOptimizer(0.01).minimize(loss)
probabilities = tf.nn.softmax(logits)

random = np.random.RandomState(0)
feed = {images: random.rand(5, 64).astype(np.float32), labels: random.randint(0, 3, 5)}
losses = []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    first = sess.run(probabilities, feed)
    for _ in range(5):
        losses.append(sess.run([loss, train], feed)[0])
    feed[keep] = 0.5
    dropout_loss = sess.run(loss, feed)
    weights = sess.run("conv2/w:0")

results = {"first": first, "losses": np.array(losses), "dropout_loss": dropout_loss, "weights": weights}
