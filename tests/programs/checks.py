"""Checks of values, ranks, types and shapes: which pass, what the errors say, and when they come."""
import collections

import numpy as np
import tensorflow as tf

Case = collections.namedtuple("Case", "name make feeds")
results = {}


def text(value):
    return np.array(str(value).encode(), object)


def first_part(error):
    """The message without the list of nodes and lines that follows it."""
    return str(getattr(error, "message", error)).split("\n\t [[")[0].split("\n\nOriginal")[0].rstrip()


def floats(name="x"):
    return tf.placeholder(tf.float32, [None], name=name)


def any_shape(name="x"):
    return tf.placeholder(tf.float32, name=name)


def ints(name="i"):
    return tf.placeholder(tf.int32, [2], name=name)


good, bad, other = [1.0, 2.5], [-1.0, 1 / 3], [1.0, 3.0]
x, y, u, i, r = floats(), floats("y"), any_shape("u"), ints(), tf.placeholder(tf.int32, [], "r")
cases = [
    Case("assert", lambda: tf.Assert(x[0] > 0, ["x:", x, 3]), [{x: good}, {x: bad}]),
    Case("assert_ints", lambda: tf.Assert(i[0] > 0, ["i:", i], summarize=1), [{i: [1, 2]}, {i: [0, 7]}]),
    Case("assert_all", lambda: tf.Assert(False, [tf.zeros([2, 3]), "a\nb", tf.range(9)], summarize=-1), [{}]),
    Case("equal", lambda: tf.assert_equal(x, y), [{x: good, y: good}, {x: good, y: other}]),
    Case("equal_data", lambda: tf.assert_equal(x, y, ["d", x[0]], 9, "m", "named"), [{x: good, y: other}]),
    Case("equal_itself", lambda: tf.assert_equal(x, x), [{}]),
    Case("equal_broadcast", lambda: tf.assert_equal(x, 1.0), [{x: [1.0, 1.0]}, {x: other}]),
    Case("equal_ints", lambda: tf.assert_equal(i, [1, 2]), [{i: [1, 2]}, {i: [2, 2]}]),
    Case("equal_known", lambda: tf.assert_equal([1, 2], [1, 3]), []),
    Case("equal_folded", lambda: tf.assert_equal(tf.constant(1) + 1, 3), [{}]),
    Case("equal_strings", lambda: tf.assert_equal("a", "b", message="m"), []),
    Case("equal_types", lambda: tf.assert_equal(x, i), []),
    Case("none_equal", lambda: tf.assert_none_equal(x, y), [{x: good, y: [0.0, 0.0]}, {x: good, y: other}]),
    Case("less", lambda: tf.assert_less(x, y), [{x: good, y: [2.0, 3.0]}, {x: good, y: other}]),
    Case("less_known", lambda: tf.assert_less([1, 2], [2, 3]), [{}]),
    Case("less_equal", lambda: tf.assert_less_equal(x, y, message="m"), [{x: good, y: other}, {x: other, y: good}]),
    Case("greater", lambda: tf.assert_greater(x, 0.0), [{x: good}, {x: bad}]),
    Case("greater_equal", lambda: tf.assert_greater_equal(x, y), [{x: other, y: good}, {x: good, y: other}]),
    Case("near", lambda: tf.assert_near(x, y), [{x: good, y: good}, {x: good, y: other}]),
    Case("near_tolerances", lambda: tf.assert_near(x, y, rtol=0.1, atol=0.4), [{x: good, y: other}, {x: bad, y: other}]),
    Case("near_ints", lambda: tf.assert_near(i, i), []),
    Case("positive", lambda: tf.assert_positive(x), [{x: good}, {x: bad}]),
    Case("positive_known", lambda: tf.assert_positive([1, -2], message="m"), []),
    Case("negative", lambda: tf.assert_negative(x, summarize=1), [{x: [-1.0]}, {x: bad}]),
    Case("non_positive", lambda: tf.assert_non_positive(x), [{x: [0.0]}, {x: bad}]),
    Case("non_negative", lambda: tf.assert_non_negative(i), [{i: [0, 1]}, {i: [0, -1]}]),
    Case("rank", lambda: tf.assert_rank(u, 1), [{u: good}, {u: 3.0}]),
    Case("rank_known", lambda: tf.assert_rank(x, 1), [{}]),
    Case("rank_wrong", lambda: tf.assert_rank(x, 2, message="m"), []),
    Case("rank_fed", lambda: tf.assert_rank(x, r), [{x: good, r: 1}, {x: good, r: 2}]),
    Case("rank_vector", lambda: tf.assert_rank(x, [1]), []),
    Case("rank_float", lambda: tf.assert_rank(x, 1.5), []),
    Case("rank_at_least", lambda: tf.assert_rank_at_least(u, 1, message="m"), [{u: [good]}, {u: 3.0}]),
    Case("rank_at_least_wrong", lambda: tf.assert_rank_at_least(x, 2), []),
    Case("rank_in", lambda: tf.assert_rank_in(u, (0, 2)), [{u: 3.0}, {u: good}]),
    Case("rank_in_fed", lambda: tf.assert_rank_in(x, (0, r), data=["d", x]), [{x: good, r: 1}, {x: good, r: 2}]),
    Case("rank_in_none", lambda: tf.assert_rank_in(u, ()), [{u: 3.0}]),
    Case("rank_in_wrong", lambda: tf.assert_rank_in(x, (2, 3)), []),
    Case("type", lambda: tf.assert_type(x, tf.float32), [{}]),
    Case("type_wrong", lambda: tf.assert_type(x, tf.int64, message="m"), []),
    Case("integer", lambda: tf.assert_integer(i), [{}]),
    Case("integer_wrong", lambda: tf.assert_integer(x), []),
    Case("scalar", lambda: tf.assert_scalar(r), [{r: 4}]),
    Case("scalar_wrong", lambda: tf.assert_scalar(x), []),
    Case("same_float", lambda: tf.debugging.assert_same_float_dtype([x, i]), []),
    Case("not_float", lambda: tf.debugging.assert_same_float_dtype([i]), []),
    Case("other_float", lambda: tf.debugging.assert_same_float_dtype([x], tf.float64), []),
    Case("proper_text", lambda: tf.assert_proper_iterable("abc"), []),
    Case("proper_number", lambda: tf.assert_proper_iterable(3), []),
    Case("shapes", lambda: tf.debugging.assert_shapes(collections.OrderedDict([(x, ("N",)), (y, ("N",))])), [{x: good, y: other}, {x: good, y: [1.0]}]),
    Case("shapes_unknown", lambda: tf.debugging.assert_shapes(collections.OrderedDict([(u, ("N", 2)), (x, ("N",))])), [{u: [good], x: [1.0]}, {u: [[1.0]], x: [1.0]}, {u: [good], x: good}]),
    Case("shapes_wrong", lambda: tf.debugging.assert_shapes({i: (3,)}, message="m"), []),
    Case("shapes_last", lambda: tf.debugging.assert_shapes(collections.OrderedDict([(u, (..., "N", 2)), (x, "*N")])), [{u: [good], x: [1.0]}, {u: good, x: [1.0]}, {u: [good], x: good}]),
    Case("shapes_last_wrong", lambda: tf.debugging.assert_shapes({i: ("*", 3)}, message="m"), []),
    Case("shapes_last_too_many", lambda: tf.debugging.assert_shapes({i: "*NM"}), []),
    Case("shapes_open_end", lambda: tf.debugging.assert_shapes({i: "N*"}), []),
    Case("shapes_open", lambda: tf.debugging.assert_shapes({u: "*"}), [{u: 3.0}, {u: good}]),
    Case("shapes_no_shape", lambda: tf.debugging.assert_shapes({i: 3}), []),
    Case("shapes_any", lambda: tf.debugging.assert_shapes(collections.OrderedDict([(x, (None,)), (u, ())])), [{x: good, u: 3.0}, {x: good, u: good}]),
    Case("ensure", lambda: tf.ensure_shape(u, [2, None]), [{u: [good, other]}]),
    Case("ensure_static", lambda: tf.ensure_shape(x, [2]), [{x: good}]),
    Case("ensure_wrong", lambda: tf.ensure_shape(x, [2, None]), []),
    Case("numerics", lambda: tf.check_numerics(x, "numbers"), [{x: good}, {x: [np.inf, 1.0]}, {x: [np.nan, np.inf]}]),
    Case("finite", lambda: tf.verify_tensor_all_finite(x, "all"), [{x: good}, {x: [np.nan]}]),
    Case("finite_twice", lambda: tf.verify_tensor_all_finite(x, "all", x=y), []),
    Case("non_decreasing", lambda: tf.is_non_decreasing(x), [{x: good}, {x: [2.0, 2.0, 1.0]}, {x: [1.0, 1.0]}, {x: []}]),
    Case("strictly", lambda: tf.is_strictly_increasing(x), [{x: good}, {x: [1.0, 1.0]}, {x: [1.0]}]),
    Case("strictly_matrix", lambda: tf.is_strictly_increasing(tf.constant([[1, 2], [3, 4]])), [{}]),
    Case("decreasing_strings", lambda: tf.is_non_decreasing(["a", "b"]), []),
]
graph = tf.get_default_graph()
built = []
for case in cases:
    try:
        built.append((case, case.make()))
    except Exception as error:
        results[case.name + "_refused"] = text(type(error).__name__ + ": " + first_part(error))
    results[case.name + "_count"] = np.array(graph._last_id)
results["names"] = np.array([getattr(check, "name", "?").encode() for _, check in built], object)
results["numeric"] = np.array([tf.is_numeric_tensor(v) for v in (x, i, u, 3, tf.constant(True), tf.constant("s"))])

inside = tf.while_loop(lambda k, a: k < 3, lambda k, a: (k + 1, tf.identity(a) + 1.0), [0, x])


def checked(k, a):
    """A step of a loop that must not be done for large values."""
    with tf.control_dependencies([tf.assert_less(a, 3.0, message="in the loop")]):
        return k + 1, tf.identity(a) * 2.0


def checked_branch():
    """A branch with a check."""
    with tf.control_dependencies([tf.assert_positive(x, message="in the branch")]):
        return tf.identity(x)


looped = tf.while_loop(lambda k, a: k < 3, checked, [0, x])
branched = tf.cond(r > 0, checked_branch, lambda: -x)
built += [
    (Case("looped", None, [{x: [0.5]}, {x: [2.0]}]), looped[1]),
    (Case("branched", None, [{x: good, r: 1}, {x: bad, r: 1}, {x: bad, r: 0}]), branched),
]
with tf.Session() as sess:
    for case, check in built:
        for number, feeds in enumerate(case.feeds):
            try:
                value = sess.run(check, feeds)
                outcome = text("done") if value is None else np.asarray(value)
            except tf.errors.OpError as error:
                message = first_part(error)
                if "EnsureShape" in case.name or case.name.startswith("ensure"):
                    message = message.replace("_arg_", "")
                outcome = text(type(error).__name__ + ": " + message)
            results["{}_{}".format(case.name, number)] = outcome
