"""Element-wise arithmetic with broadcasting, its gradients, with known and unknown shapes."""
import numpy as np
import tensorflow as tf

random = np.random.RandomState(0)
results = {}
pending = []


def check(name, out, *inputs):
    grads = tf.gradients(out, inputs, name="grad_" + name)
    pending.append((name, [out] + list(grads)))


a = tf.placeholder(tf.float32, [3, 4], name="a")
b = tf.placeholder(tf.float32, [4], name="b")
u = tf.placeholder(tf.float32, [None, 4], name="u")
v = tf.placeholder(tf.float32, name="v")
s = tf.constant(2.5, name="s")

check("add", a + b, a, b)
check("sub", a - b, a, b)
check("mul", a * b, a, b)
check("div", a / b, a, b)
check("pow", a ** b, a, b)
check("neg", -a * s, a, s)
check("rsub", 1.0 - a, a)
check("rdiv", 2 / a, a)
check("unknown_add", tf.add(u, v), u, v)
check("unknown_mul", tf.multiply(u, v), u, v)
check("unknown_div", tf.divide(u, v), u, v)
check("unknown_sub", tf.subtract(v, u), u, v)
check("unknown_pow", tf.pow(u, v), u, v)
check("maximum", tf.maximum(a, b), a, b)
check("minimum", tf.minimum(u, s), u, s)
check("squared_difference", tf.squared_difference(a, b), a, b)
check("realdiv", tf.realdiv(a, b), a, b)
check("clip", tf.clip_by_value(a, 0.6, 1.2), a)
check("abs", tf.abs(a - 1.0), a)
check("add_n", tf.add_n([a, a * 2.0, u]), a, u)

floordiv = a // b
mod = tf.floormod(a, b)
comparison = tf.logical_and(tf.less(a, b), tf.logical_not(tf.greater_equal(a, 0.75)))
either = tf.logical_or(tf.equal(a, a), tf.not_equal(a, b))
xor = tf.logical_xor(a > b, a <= b)
ints = tf.constant([7, -7, 5]) // tf.constant([2, 2, -3])
truediv = tf.constant([7, 2]) / tf.constant([2, 4])
remainder = tf.constant([7, -7, 5]) % 3

feed = {a: random.rand(3, 4) + 0.5, b: random.rand(4) + 0.5, u: random.rand(3, 4) + 0.5, v: random.rand(3, 1) + 0.5}
with tf.Session() as sess:
    for name, fetches in pending:
        for i, value in enumerate(sess.run(fetches, feed)):
            results["%s_%d" % (name, i)] = value
    extra = dict(floordiv=floordiv, mod=mod, comparison=comparison, either=either, xor=xor, ints=ints,
                 truediv=truediv, remainder=remainder)
    results.update(sess.run(extra, feed))
