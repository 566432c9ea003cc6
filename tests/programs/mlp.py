"""A two-layer perceptron with nested scopes, trained by Nesterov momentum."""
import numpy as np
import tensorflow as tf

tf.set_random_seed(1)
x = tf.placeholder(tf.float32, [None, 6], name="x")
labels = tf.placeholder(tf.float32, [None, 3], name="labels")


def dense(inputs, units, name, activation=None):
    with tf.variable_scope(name):
        w = tf.get_variable("kernel", [inputs.shape[1].value, units],
                            initializer=tf.truncated_normal_initializer(stddev=0.5))
        b = tf.get_variable("bias", [units], initializer=tf.zeros_initializer())
        out = tf.nn.bias_add(tf.matmul(inputs, w), b)
        return out if activation is None else activation(out)


with tf.variable_scope("net"):
    hidden = dense(x, 8, "hidden", tf.nn.relu)
    with tf.name_scope("inner"):
        second = dense(hidden, 5, "second", tf.nn.tanh)
    logits = dense(second, 3, "logits")

with tf.name_scope("loss"):
    per_example = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    loss = tf.reduce_mean(per_example, name="mean")
with tf.name_scope("accuracy"):
    correct = tf.equal(tf.argmax(logits, 1), tf.argmax(labels, 1))
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))

global_step = tf.Variable(0, trainable=False, name="global_step")
train = tf.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True).minimize(loss, global_step=global_step)

random = np.random.RandomState(0)
data = random.randn(16, 6).astype(np.float32)
classes = np.eye(3, dtype=np.float32)[random.randint(0, 3, 16)]
losses = []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    start = sess.run(tf.trainable_variables())
    for _ in range(10):
        _, value = sess.run([train, loss], {x: data, labels: classes})
        losses.append(value)
    kernel, step, acc = sess.run(["net/logits/kernel:0", global_step, accuracy], {x: data, labels: classes})

results = {"start_kernel": start[0], "losses": np.array(losses), "kernel": kernel, "step": step, "accuracy": acc}
