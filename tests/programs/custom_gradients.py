"""Functions that say themselves what flows back through them; gradients by other names."""
import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [2], name="x")
y = tf.placeholder(tf.float32, [2], name="y")


@tf.custom_gradient
def tripled(a):
    """Twice its argument, with a gradient of 3."""
    return a * 2.0, lambda dy: dy * 3.0


@tf.custom_gradient
def several(a, b):
    """A structure of results."""
    return (a * b, {"sum": [a + b]}), lambda d_product, d_sum: (d_product * b, d_sum * 5.0)


@tf.custom_gradient
def half(a, b):
    """Nothing flows back to the first argument."""
    return a * b, lambda dy: (None, dy)


@tf.custom_gradient
def cubed(a):
    """Its second derivative is that of the gradient."""
    return a * a * a, lambda dy: dy * 3.0 * a * a


@tf.custom_gradient
def with_variable(a):
    """A variable made inside."""
    v = tf.get_variable("v", [2], initializer=tf.constant_initializer([2.0, 3.0]), use_resource=True)

    def grad(dy, variables=None):
        assert [variable.op.name for variable in variables] == ["v"]
        return dy * v * 10.0, [dy * a * 7.0]

    return a * v, grad


outside = tf.get_variable("outside", [2], initializer=tf.ones_initializer(), use_resource=True)


@tf.custom_gradient
def with_outside(a):
    """A variable made outside."""
    return a * outside * outside, lambda dy, variables=None: (dy, [dy * 11.0])


try:
    tf.RegisterGradient("Doubled")(lambda op, grad: grad * 2.0)
except KeyError:
    pass  # this program has run in this process before
with tf.get_default_graph().gradient_override_map({"Tanh": "Doubled"}):
    doubled = tf.tanh(x)
    with tf.get_default_graph().gradient_override_map({"Exp": "Doubled"}):
        both = tf.tanh(x) + tf.exp(x)
    one = tf.exp(x)
with tf.variable_scope("passing", use_resource=True):
    rounded = tf.grad_pass_through(lambda a: tf.round(a) * 2.0)(x)


def gradients(values, of):
    """The gradients, as tensors."""
    return [g for g in tf.gradients(values, of) if g is not None]


pair = several(x, y)
fetches = {
    "tripled": [tripled(x)] + gradients(tripled(x) * x, [x]),
    "several": [pair[0], pair[1]["sum"][0]] + gradients([pair[0], pair[1]["sum"][0] * 2.0], [x, y]),
    "half": gradients(half(x, y), [x, y]),
    "cubed": gradients(tf.gradients(cubed(x), x), [x]),
    "with_variable": gradients(with_variable(x), [x] + tf.trainable_variables()),
    "with_outside": gradients(with_outside(x), [x] + tf.trainable_variables()),
    "constant": [tripled([1.0, 2.0])],
    "doubled": gradients(doubled, [x]),
    "both": gradients(both, [x]),
    "one": gradients(one, [x]),
    "rounded": [rounded] + gradients(rounded * x, [x]),
    "stopped": gradients(tf.stop_gradient(x) * x * y, [x, y]),
}
results = {}
refused = {
    "keywords": lambda: tripled(a=x),
    "registered_twice": lambda: tf.RegisterGradient("Doubled")(lambda op, grad: grad),
}
for name, make in sorted(refused.items()):
    try:
        make()
    except (KeyError, ValueError, TypeError) as error:
        results["refused_" + name] = np.array(type(error).__name__.encode(), object)
graph = tf.get_default_graph()

inside = tf.Graph()
with inside.as_default():
    x2 = tf.placeholder(tf.float32, [2], name="x")

    def overridden(a):
        """tanh with another gradient."""
        with tf.get_default_graph().gradient_override_map({"Tanh": "Doubled"}):
            return tf.tanh(a)

    flow = {
        "cond": tf.cond(x2[0] > 0, lambda: tripled(x2) * x2, lambda: cubed(x2)),
        "cond_override": tf.cond(x2[0] > 0, lambda: overridden(x2), lambda: x2),
        "loop": tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tripled(a) * x2), [0, x2])[1],
        "loop_override": tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, overridden(a) * x2), [0, x2])[1],
        "loop_stopped": tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * tf.stop_gradient(a) + x2), [0, x2])[1],
        "loop_cubed": tf.while_loop(lambda i, a: i < 2, lambda i, a: (i + 1, cubed(a) - x2), [0, x2])[1],
    }
    slopes = {name: tf.gradients(value, x2)[0] for name, value in sorted(flow.items())}
with tf.Session(graph=graph) as sess:
    sess.run(tf.global_variables_initializer())
    for name, tensors in sorted(fetches.items()):
        for place, value in enumerate(sess.run(tensors, {x: [0.5, -1.5], y: [3.0, 2.0]})):
            results["{}_{}".format(name, place)] = value
with tf.Session(graph=inside) as sess:
    for name in sorted(flow):
        for number, value in enumerate(([0.5, -1.25], [-0.5, 0.75])):
            results["{}_{}".format(name, number)] = sess.run(flow[name], {x2: value})
            results["{}_{}_slope".format(name, number)] = sess.run(slopes[name], {x2: value})
