"""Ops are counted around and inside branches and loops as TensorFlow counts: random ops get its seeds."""
import numpy as np
import tensorflow as tf

graph = tf.get_default_graph()
tf.set_random_seed(7)
counts = []


def noted(value):
    """The value; the number of ops so far is written down."""
    counts.append(graph._last_id)
    return value


def draw():
    """Two numbers, of which only the graph's seed and the count of ops decide."""
    return noted(tf.random_uniform([2]))


x = tf.placeholder(tf.float32, [], name="x")
y = tf.placeholder(tf.float32, [], name="y")
c = tf.constant(3.0, name="c")
ref = tf.get_variable("ref", [2], initializer=tf.zeros_initializer())
resource = tf.get_variable("resource", [2], initializer=tf.ones_initializer(), use_resource=True)
test = x > y

fetches = {
    "constants": tf.cond(test, lambda: tf.constant(1.0), lambda: 2.0),
    "captured": tf.cond(test, lambda: noted(x + c * x), lambda: noted(y - c)),
    "captured_results": tf.cond(test, lambda: [x, y, c], lambda: [y, y, x]),
    "drawn": tf.cond(test, lambda: draw() + x, lambda: noted(draw()) - y),
    "pred_inside": tf.cond(test, lambda: tf.cast(test, tf.float32), lambda: noted(x)),
    "ops": tf.cond(test, lambda: tf.no_op(), lambda: tf.group(tf.no_op(), tf.no_op())),
    "variables": tf.cond(test, lambda: noted(ref + x), lambda: noted(resource * y)),
    "variables_themselves": tf.cond(test, lambda: ref, lambda: resource),
    "dictionary": tf.cond(test, lambda: {"a": x, "b": [c]}, lambda: {"a": c, "b": [draw()[0]]}),
    "nested": tf.cond(
        test,
        lambda: noted(tf.cond(x > 2.0, lambda: noted(x + y), lambda: noted(c) + draw()[1])),
        lambda: noted(tf.cond(noted(y > c), lambda: y, lambda: draw()[0] * x)),
    ),
    "nested_pred": tf.cond(
        test, lambda: tf.cond(test, lambda: noted(x), lambda: y), lambda: draw()[0]
    ),
}
fetches["after_conds"] = draw()
fetches.update({
    "one": tf.while_loop(lambda i: noted(i < 4), lambda i: noted(i + 1), [0]),
    "two": tf.while_loop(
        lambda i, a: noted(i < 4), lambda i, a: (noted(i + 1), draw()[0] * x + a), [0, y]
    ),
    "three": tf.while_loop(
        lambda i, a, b: tf.logical_and(i < 4, a < c),
        lambda i, a, b: (i + 1, noted(b), noted(a + b + draw()[1])),
        [0, x, c],
    ),
    "captured_both": tf.while_loop(lambda a: a < c, lambda a: noted(a + c * y), [x]),
    "returns_captured": tf.while_loop(lambda a, b: a < c, lambda a, b: (a + c, y), [x, c]),
    "counted": tf.while_loop(
        lambda i: noted(i < 10), lambda i: noted(i + 1), [0], maximum_iterations=3
    ),
    "counted_two": tf.while_loop(
        lambda i, a: noted(i < 10),
        lambda i, a: [noted(i + 1), a + draw()],
        [0, tf.zeros([2])],
        maximum_iterations=tf.constant(3, tf.int64),
    ),
    "structured": tf.while_loop(
        lambda i, d: i < 3,
        lambda i, d: (i + 1, {"a": d["b"], "b": d["a"] + draw()[0]}),
        (0, {"a": x, "b": y}),
    ),
    "loop_in_loop": tf.while_loop(
        lambda i, a: noted(i < 3),
        lambda i, a: (i + 1, noted(tf.while_loop(
            lambda b: noted(b < c), lambda b: noted(b + y * c + draw()[0]), [noted(a)]
        ))),
        [0, x],
    ),
    "loop_in_loop_from_outside": tf.while_loop(
        lambda i, a: i < 3,
        lambda i, a: (i + 1, tf.while_loop(lambda b: b < c, lambda b: b + c, [x]) + draw()[0]),
        [0, x],
    ),
    "cond_in_loop": tf.while_loop(
        lambda i, a: i < 3,
        lambda i, a: (i + 1, noted(tf.cond(test, lambda: noted(a * y), lambda: noted(x)))),
        [0, x],
    ),
    "cond_in_loop_drawing": tf.while_loop(
        lambda i, a: i < 3,
        lambda i, a: (i + 1, tf.cond(a > y, lambda: a * draw()[0], lambda: x + draw()[1])),
        [0, x],
    ),
    "loop_in_cond": tf.cond(
        test,
        lambda: noted(tf.while_loop(lambda b: noted(b < c), lambda b: b + draw()[0], [x])),
        lambda: noted(x),
    ),
    "variable_in_loop": tf.while_loop(
        lambda i, a: i < 3, lambda i, a: (i + 1, noted(a + ref * resource) + draw()), [0, ref]
    ),
    "unrolled_draws": tf.while_loop(lambda i, a: i < 5, lambda i, a: (i + 1, a + draw()), [0, ref]),
})
fetches["after_loops"] = draw()
init = tf.global_variables_initializer()

results = {"counts": np.array(counts)}
flat, names = [], []
for name, value in sorted(fetches.items()):
    for place, tensor in enumerate(tf.contrib.framework.nest.flatten(value)):
        flat.append(tensor)
        names.append(f"{name}_{place}")
results.update((f"name_{name}", np.array(tensor.name.encode(), object)) for name, tensor in zip(names, flat))
for way, feeds in {"yes": {x: 2.5, y: 0.5}, "no": {x: 0.25, y: 1.5}}.items():
    with tf.Session() as sess:
        sess.run(init)
        values = sess.run(flat, feeds)
        results.update((f"{way}_{name}", value) for name, value in zip(names, values))
        values = sess.run(flat, feeds)
        results.update((f"{way}_again_{name}", value) for name, value in zip(names, values))
