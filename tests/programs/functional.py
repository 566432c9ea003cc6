"""map_fn, scan, foldl and foldr with variables, seeds and training inside."""
import numpy as np
import tensorflow as tf

tf.set_random_seed(11)
x = tf.placeholder(tf.float32, [None, 4, 3], name="x")
y = tf.placeholder(tf.float32, [None, 2], name="y")


def dense(value):
    w = tf.get_variable("w", [3, 2])
    b = tf.get_variable("b", [2], initializer=tf.zeros_initializer())
    return tf.matmul(value, w) + b


with tf.variable_scope("mapped"):
    mapped = tf.map_fn(dense, x)
    noisy = tf.map_fn(lambda row: row + tf.random_uniform([2]), y, name="noise")
with tf.variable_scope("scanned"):
    def step(state, value):
        u = tf.get_variable("u", [2, 2])
        return tf.tanh(tf.matmul(state, u) + value[:, :2])
    scanned = tf.scan(step, x, initializer=tf.ones([4, 2]))
    backwards = tf.scan(
        lambda a, v: (a[0] + v, a[1] * 2), y, (tf.zeros([2]), tf.constant(1)), reverse=True)
folded = tf.foldl(lambda a, v: a * 0.5 + v, y)
folded_back = tf.foldr(lambda a, v: a * 0.5 + v, y, initializer=tf.constant([1.0, 2.0]))
captured = tf.map_fn(lambda row: tf.reduce_sum(row * folded), y, swap_memory=True)
drawn = tf.random_uniform([3], name="drawn")

loss = tf.reduce_mean(tf.square(mapped)) + tf.reduce_sum(scanned * folded_back)
loss += tf.reduce_sum(backwards[0]) + tf.reduce_sum(captured)
gradients = tf.gradients(loss, [x, y])
variables = tf.trainable_variables()
train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)

random = np.random.RandomState(0)
feed = {x: random.rand(3, 4, 3).astype(np.float32), y: random.rand(3, 2).astype(np.float32)}
results = {"names": np.array([
    name.encode() for name in [v.name for v in variables] + [
    t.name for t in [mapped, noisy, scanned, folded, folded_back, captured] + list(backwards)]], object)}
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for v in variables:
        results["initial/" + v.name] = sess.run(v)
    for name, tensor in [("mapped", mapped), ("noisy", noisy), ("scanned", scanned),
                         ("backwards", backwards[0]), ("powers", backwards[1]),
                         ("folded", folded), ("folded_back", folded_back),
                         ("captured", captured), ("drawn", drawn),
                         ("dx", gradients[0]), ("dy", gradients[1])]:
        results[name] = sess.run(tensor, feed)
        results[name + "/shape"] = np.array(str(tensor.get_shape()).encode(), object)
    results["losses"] = np.array([sess.run([loss, train], feed)[0] for _ in range(4)])
    for v in variables:
        results["trained/" + v.name] = sess.run(v)
