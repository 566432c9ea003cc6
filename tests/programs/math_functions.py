"""Unary functions and activations with first derivatives, and second ones of some."""
import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 3], name="x")
functions = [
    ("sqrt", tf.sqrt), ("rsqrt", tf.rsqrt), ("exp", tf.exp), ("expm1", tf.expm1), ("log", tf.log), ("log1p", tf.log1p),
    ("tanh", tf.tanh), ("sigmoid", tf.sigmoid), ("square", tf.square), ("reciprocal", tf.reciprocal), ("sin", tf.sin),
    ("cos", tf.cos), ("tan", tf.tan), ("atan", tf.atan), ("sinh", tf.sinh), ("cosh", tf.cosh), ("erf", tf.erf),
    ("relu", tf.nn.relu), ("relu6", tf.nn.relu6), ("elu", tf.nn.elu), ("selu", tf.nn.selu), ("softplus", tf.nn.softplus),
    ("softsign", tf.nn.softsign), ("softmax", tf.nn.softmax), ("log_softmax", tf.nn.log_softmax),
    ("leaky", tf.nn.leaky_relu), ("l2_normalize", lambda t: tf.nn.l2_normalize(t, 1)), ("l2_loss", tf.nn.l2_loss),
    ("log_sigmoid", tf.log_sigmoid), ("lgamma", tf.lgamma), ("sign", tf.sign), ("floor", tf.floor),
]
fetches = {}
for name, function in functions:
    y = function(x)
    fetches[name] = y
    grad = tf.gradients(y, x)[0]
    if grad is not None:
        fetches[name + "_grad"] = grad
    if name in ("exp", "tanh", "sigmoid", "square", "sqrt", "log", "softplus", "sin"):
        fetches[name + "_grad2"] = tf.gradients(grad, x)[0]
data = np.random.RandomState(0).rand(4, 3) * 0.8 + 0.1
with tf.Session() as sess:
    results = sess.run(fetches, {x: data})
