"""Branches and loops: values, names, static shapes, and first gradients, of all kinds of results."""
import collections

import numpy as np
import tensorflow as tf

Pair = collections.namedtuple("Pair", "first second")
results = {}
main = tf.get_default_graph()
x = tf.placeholder(tf.float32, [], name="x")
m = tf.placeholder(tf.float32, [None, 2], name="m")
n = tf.placeholder(tf.int32, [], name="n")
w = tf.get_variable("w", [2, 2], initializer=tf.constant_initializer([[0.5, -1.0], [2.0, 0.25]]))
r = tf.get_variable("r", [2], initializer=tf.constant_initializer([1.5, -0.5]), use_resource=True)
table = tf.get_variable("table", [5, 2], initializer=tf.constant_initializer(np.arange(10.0) / 4))
rows = tf.get_variable("rows", [5, 2], initializer=tf.constant_initializer(np.arange(10.0) / 8), use_resource=True)
positive = x > 0
c = tf.constant([[1.0, 2.0]], name="c")
places, full = tf.constant([1, 2], name="places"), tf.constant([4, 2], name="full")


def cond(true_fn, false_fn, **options):
    return tf.cond(positive, true_fn, false_fn, **options)


def loop(body, first, **options):
    """Three steps with a counter, which is left out of the result."""
    first = first if isinstance(first, (list, tuple)) else [first]
    out = tf.while_loop(lambda i, *a: i < 3, lambda i, *a: [i + 1] + list(body(*a)), [0] + list(first), **options)
    return list(out[1:]) if len(first) > 1 else out[1]


conds = {
    "shapes": cond(lambda: m, lambda: tf.concat([m, m], 0)),
    "ranks": cond(lambda: m, lambda: m[0]),
    "structure": cond(lambda: Pair(x, {"b": [m, 3], "a": "text"}), lambda: Pair(-x, {"b": [-m, 4], "a": "other"})),
    "types": cond(
        lambda: [True, np.int8(3), np.uint8(4), np.int64(5), np.float64(0.5), np.complex64(1 + 2j), np.float16(0.5), "s"],
        lambda: [False, np.int8(-3), np.uint8(5), np.int64(6), np.float64(1.5), np.complex64(2j), np.float16(1.5), "t"],
    ),
    "sparse": cond(
        lambda: tf.SparseTensor([[0, 1]], [x], [2, 3]),
        lambda: tf.SparseTensor([[0, 1], [1, 2]], [x, 2.0], [2, 3]),
    ),
    "slices": cond(
        lambda: tf.IndexedSlices(m, places, full), lambda: tf.IndexedSlices(-m, places - 1, full)
    ),
    "matmul": cond(lambda: tf.matmul(m, w) * r, lambda: tf.matmul(m, w, transpose_b=True) + r),
    "one_side": cond(lambda: x * x, lambda: tf.constant(3.0)),
    "captured": cond(lambda: m, lambda: c),
    "gather": cond(lambda: tf.gather(table, [1, 3, 1]) * x, lambda: tf.gather(rows, [0, 4]) * x),
    "gather_one_side": cond(lambda: tf.reduce_sum(tf.gather(table, [1, 3])), lambda: tf.reduce_sum(table) * x),
    "lookup": cond(lambda: tf.nn.embedding_lookup(rows, [n, 0]), lambda: tf.nn.embedding_lookup(table, [n])),
    "nested": cond(
        lambda: tf.cond(x > 2.0, lambda: x * m, lambda: x * x * m), lambda: tf.cond(x < -2.0, lambda: m, lambda: m / x)
    ),
    "none_inside": cond(lambda: tf.stop_gradient(m) * x, lambda: m * tf.stop_gradient(x)),
    "dependent": cond(lambda: tf.tuple([x * 2.0, m])[0], lambda: tf.identity_n([x, m])[0]),
    "python": cond(lambda: tf.py_func(lambda a: a * np.float32(3), [m], tf.float32), lambda: m),
    "strict": cond(lambda: [x], lambda: [m[0, 0]], strict=True),
    "chain": cond(lambda: tf.exp(x), lambda: tf.sin(x)) * cond(lambda: tf.cos(x), lambda: x),
}
loops = {
    "matmul": loop(lambda a: [tf.matmul(a, w) * r], m),
    "tanh": loop(lambda a: [tf.tanh(a * x) + c], m),
    "two": loop(lambda a, b: [a * b, b + x], [m, x]),
    "swap": loop(lambda a, b: [b, a * 2.0], [m, m + 1.0]),
    "unchanged": loop(lambda a, b: [a * b, b], [m, x]),
    "captured_result": loop(lambda a, b: [m * x, b * 2.0], [c + m, x]),
    "fed_count": tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * x + m), [0, m])[1],
    "no_step": tf.while_loop(lambda i, a: i < 0, lambda i, a: (i + 1, a * x), [0, m])[1],
    "by_value": tf.while_loop(lambda a: tf.reduce_sum(a) < 40.0, lambda a: a * 1.5 + 1.0, [tf.abs(m)]),
    "counted": tf.while_loop(lambda a: True, lambda a: a * x, [m], maximum_iterations=2),
    "counted_fed": tf.while_loop(lambda a: True, lambda a: a * x, [m], maximum_iterations=n),
    "counted_less": tf.while_loop(lambda a: tf.reduce_sum(a) < 9.0, lambda a: a + 1.0, [tf.abs(m)], maximum_iterations=50),
    "not_back": loop(lambda a: [a * x], m, back_prop=False),
    "growing": loop(lambda a: [tf.concat([a, a * x], 0)], m, shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 2])]),
    "any_shape": loop(lambda a: [tf.expand_dims(a, 0) * x], m, shape_invariants=[tf.TensorShape([]), tf.TensorShape(None)]),
    "structure": tf.while_loop(
        lambda i, p: i < 3, lambda i, p: (i + 1, Pair(p.second["b"] * x, {"b": p.first, "a": p.second["a"] + 1.0})),
        (0, Pair(m, {"b": m * 2.0, "a": x})),
    )[1],
    "types": loop(
        lambda b, i8, i64, f64, c64, s: [tf.logical_not(b), i8 + np.int8(1), i64 * 2, f64 / 2.0, c64 * 1j, tf.string_join([s, "x"])],
        [True, np.int8(3), np.int64(5), np.float64(0.5), np.complex64(1 + 2j), tf.constant("s")],
    ),
    "sparse": loop(lambda s: [tf.SparseTensor(s.indices, s.values * x, s.dense_shape)], tf.SparseTensor([[0, 1], [1, 2]], [1.0, 2.0], [2, 3])),
    "gather": loop(lambda a: [a + tf.reduce_sum(tf.gather(table, [1, 3, 1]) * tf.gather(rows, [0, 4, 4]))], x),
    "gather_moving": tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * x + tf.reduce_sum(tf.nn.embedding_lookup(rows, [i, 1]))), [0, x])[1],
    "nested": loop(lambda a: [tf.while_loop(lambda j, b: j < 2, lambda j, b: (j + 1, tf.sin(b * x) + a), [0, a])[1]], m),
    "nested_counts": tf.while_loop(
        lambda i, a: i < n, lambda i, a: (i + 1, tf.while_loop(lambda j, b: j < i, lambda j, b: (j + 1, b * x + 0.5), [0, a])[1]), [0, m]
    )[1],
    "nested_captured": loop(lambda a: [tf.while_loop(lambda j, b: j < 2, lambda j, b: (j + 1, tf.matmul(b, w) * a), [0, m])[1]], m),
    "branching": loop(lambda a: [tf.cond(tf.reduce_sum(a) > 2.0, lambda: a * x, lambda: a + m)], m),
    "branching_captured": loop(lambda a: [tf.cond(positive, lambda: tf.matmul(a, w), lambda: a * w[0])], m),
    "in_branch": cond(lambda: loop(lambda a: [a * x + 1.0], m), lambda: m * x),
    "in_branch_of_loop": loop(lambda a: [tf.cond(positive, lambda: loop(lambda b: [b * x], a), lambda: a)], m),
    "inner_gradient": loop(lambda a: [a - 0.1 * tf.gradients(tf.reduce_sum(a * a * x), a)[0]], m),
    "stopped": loop(lambda a: [a * tf.stop_gradient(a) * x], m),
    "dependent": loop(lambda a: [tf.tuple([a * x, a])[0]], m),
    "python": loop(lambda a: [tf.py_func(lambda v: v + np.float32(1), [a], tf.float32)], m, shape_invariants=[tf.TensorShape([]), tf.TensorShape(None)]),
    "shape_inside": loop(lambda a: [tf.reshape(a, tf.reverse(tf.shape(a), [0])) * x], m, shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, None])]),
    "same_structure": tf.while_loop(lambda a: a < 9.0, lambda a: [a + 4.0], [x], return_same_structure=True),
    "complex": loop(lambda a: [a * tf.complex(x, 1.0)], tf.complex(x, x)),
    "half": loop(lambda a: [a * np.float16(1.5)], tf.cast(x, tf.float16)),
}
flat = {}
for kind, values in (("cond", conds), ("loop", loops)):
    for name, value in sorted(values.items()):
        for place, tensor in enumerate(tf.contrib.framework.nest.flatten(value)):
            parts = [tensor.values, tensor.indices] if hasattr(tensor, "indices") else [tensor]
            for part, item in enumerate(parts):
                flat["{}_{}_{}_{}".format(kind, name, place, part)] = item
for name, tensor in sorted(flat.items()):
    shape = "unknown" if tensor.shape.ndims is None else str([None if d is None else d for d in tensor.shape.as_list()])
    results["static_" + name] = np.array("{} {}".format(tensor.name, shape).encode(), object)
sources = [x, m, w, r, table, rows]
graph = tf.Graph()  # what is compared: TensorFlow's gradients of loops have other nodes
slopes = {}
for name, tensor in sorted(flat.items()):
    if tensor.dtype.base_dtype in (tf.float32, tf.complex64) and "python" not in name:
        total = tf.reduce_sum(tf.real(tensor) if tensor.dtype.is_complex else tensor * tensor)
        for source, slope in zip(sources, tf.gradients(total, sources)):
            if slope is not None:
                slopes[name + "_by_" + source.op.name] = tf.convert_to_tensor(slope)
results["slopes"] = np.array([name.encode() for name in sorted(slopes)], object)
feeds = [
    {x: 0.75, m: [[1.0, -0.5], [0.25, 2.0]], n: 2},
    {x: -1.5, m: [[0.5, 0.25], [-1.0, 0.125]], n: 3},
]


def run_slopes(sess, feed):
    """All gradients; one by one where TensorFlow's rewriting of the graph breaks one of them."""
    try:
        return sess.run(slopes, feed)
    except tf.errors.InvalidArgumentError:
        return {name: sess.run(slope, feed) for name, slope in slopes.items()}


with tf.Session(graph=main) as sess:
    sess.run(tf.variables_initializer([w, r, table, rows]))
    for number, feed in enumerate(feeds):
        for name, value in sess.run(flat, feed).items():
            results["{}_{}".format(name, number)] = value
        for name, value in run_slopes(sess, feed).items():
            results["slope_{}_{}".format(name, number)] = value
