"""Initial values that depend on other variables: the ops copied for them, and seeds after these."""

import tensorflow as tf

tf.set_random_seed(11)
results = {}


def after(name):
    """A random tensor, whose seed counts all ops before."""
    results[name] = tf.random_uniform([2], name=name)


a = tf.Variable(tf.random_uniform([2]), name="a")
b = tf.Variable(a.initialized_value() * 2.0, name="b")
after("after_initialized_value")
c = tf.Variable(tf.square(b.initialized_value()), name="c")
after("after_chain")
d = tf.Variable(b + tf.reduce_sum(c.initialized_value()), name="d")
after("after_sum")
e = tf.get_variable("e", initializer=a.initialized_value())
after("after_get_variable")

r = tf.get_variable("r", [2], use_resource=True)
s = tf.Variable(r.initialized_value() * 2.0, name="s")
after("after_resource")
t = tf.get_variable("t", initializer=b.initialized_value(), use_resource=True)
u = tf.Variable(t.initialized_value(), name="u")
after("after_both")

average = tf.train.ExponentialMovingAverage(0.9)
average.apply([a, b, r])
after("after_averages")

loop = tf.while_loop(lambda i: i < 3.0, lambda i: i + 1.0, [tf.constant(0.0)]) * a
f = tf.Variable(loop, name="f")
after("after_loop")

# One after the other: TensorFlow leaves it to chance which of them comes first.
variables = [a, b, c, d, e, r, s, t, u, f]
variables += [average.average(v) for v in (a, b, r)]
with tf.Session() as sess:
    for variable in variables:
        sess.run(variable.initializer)
        results[variable.op.name] = sess.run(variable)
    results.update(sess.run({key: v for key, v in results.items() if key.startswith("after")}))
