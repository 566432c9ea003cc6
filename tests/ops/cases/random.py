"""Cases of the random ops: numbers, names and the seeds that follow from the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import Name, case, const, distinct, fails, floats, ints

# Not of float32 or float64: another last bit of logarithm, sine or cosine.
NORMAL = {"gradient": False, "rtol": 1e-5, "atol": 1e-6}


def after_others(tf: Any) -> Any:
    """The default seed counts all operations made before."""
    tf.add(tf.constant(1.0), tf.constant(2.0))
    first = tf.random_uniform([2])
    tf.no_op()
    return first, tf.random_uniform([2])


def seeded_late(tf: Any) -> Any:
    """The graph's seed is that of the moment when an op is made."""
    tf.set_random_seed(1)
    first = tf.random_uniform([2])
    tf.set_random_seed(2)
    return first, tf.random_uniform([2]), tf.random_uniform([2], seed=1)


def bounded(tf: Any, low: Any, high: Any) -> Any:
    """Bounds that are known in the run only."""
    return tf.random_uniform([4], low, high, dtype=tf.int32, seed=2)


def of_size(tf: Any, x: Any) -> Any:
    """A shape that follows from another tensor's."""
    return tf.random_normal(tf.shape(x), seed=3) * x


def of_sizes(tf: Any, n: Any) -> Any:
    """A list that holds a tensor."""
    return tf.random_uniform([n, 3], seed=4)


def gamma_of(tf: Any, alpha: Any, beta: Any) -> Any:
    """Numbers that gradients flow through."""
    return tf.random_gamma([3], alpha, beta, dtype=alpha.dtype, seed=5)


def gamma_of_two(tf: Any, alpha: Any) -> Any:
    """Draws in two dimensions, of which the gradient is the sum."""
    return tf.random_gamma([2, 2], alpha, seed=5)


def stateless_of_two(tf: Any, seed: Any) -> Any:
    """Equal seeds give equal numbers, in one run too."""
    return tf.random.stateless_uniform([3], seed), tf.random.stateless_uniform([3], seed)


def types(name: str, *args: Any, **kwargs: Any) -> list[Any]:
    """A case for each type of floats."""
    return [
        case(name, *args, dtype=Name(dtype), **kwargs).but(gradient=False)
        for dtype in ("float16", "float32", "float64")
    ]


UNIFORM = [
    case("random_uniform", [2, 3]).but(graph_seed=3),
    case("random_uniform", [2, 3], seed=4),
    case("random_uniform", [2, 3], seed=4).but(graph_seed=3),
    case("random_uniform", [], seed=0).but(graph_seed=0),
    case("random_uniform", (), seed=1),
    case("random_uniform", [0, 3], seed=1),
    case("random_uniform", [4], -2.0, 5.0, seed=2),
    case("random_uniform", [2, 3], [1.0, 2.0, 3.0], [3.0, 4.0, 5.0], seed=2, name="named"),
    case("random_uniform", [2, 3], floats(3), floats(2, 1), seed=2).but(gradient=False),
    case("random_uniform", [300], seed=2),
    case("random_uniform", np.array([2, 3], np.int32), seed=3),
    case("random_uniform", np.array([2, 3], np.int64), seed=3),
    case("random_uniform", const(np.array([5], np.int64)), seed=-3),
    case("random_uniform", [3], seed=2**40 + 5),
    *types("random_uniform", [3, 5], seed=6),
    case("random_uniform", [3], dtype=Name("int32"), maxval=10, seed=6),
    case("random_uniform", [3, 3], -7, 1000, Name("int32")).but(graph_seed=8),
    case("random_uniform", [5], -(2**40), 2**62, Name("int64"), seed=6),
    case("random_uniform", [0], 5, 5, Name("int32"), seed=6),
    case("random_uniform", [], 0, 2**31 - 1, Name("int32"), seed=6),
    case(bounded, np.array(3, np.int32), np.array(9, np.int32)),
    case(of_sizes, np.array(4, np.int32)),
    case(after_others).but(graph_seed=1234),
    case(seeded_late),
    fails("random_uniform", [3], dtype=Name("int32")).but(says="Must specify maxval"),
    fails("random_uniform", [3], 0, 9, Name("uint8")).but(says="Invalid dtype"),
    fails("random_uniform", 3).but(says="Shape must be rank 1 but is rank 0"),
    fails("random_uniform", [-2]).but(says="Invalid value in tensor used for shape: -2"),
    fails("random_uniform", [2.0]).but(says="not in list of allowed values: int32, int64"),
    fails("random_uniform", np.array([-2], np.int32)).but(says="Dimension -2 must be >= 0"),
    fails("random_uniform", np.array([[2]], np.int32)).but(
        shapes="unknown", says="shape must be a vector of {int32,int64}, got shape [1,1]"
    ),
    fails("random_uniform", [2], 5, 5, Name("int32")).but(says="Need minval < maxval, got 5 >= 5"),
    fails("random_uniform", [2], [1, 2], 5, Name("int32")).but(says="must be rank 0"),
    fails(bounded, np.array([1, 2], np.int32), np.array(9, np.int32)).but(
        shapes="unknown", says="minval must be 0-D, got shape [2]"
    ),
    fails(bounded, np.array(9, np.int32), np.array(1, np.int32)).but(says="Need minval < maxval"),
]

NORMALS = [
    case("random_normal", [2, 3]).but(graph_seed=3, **NORMAL),
    case("random_normal", [5], mean=3.0, stddev=0.5, seed=5, name="named").but(**NORMAL),
    case("random_normal", [3, 2], floats(2), floats(3, 1), seed=5).but(**NORMAL),
    case("random_normal", [], seed=5).but(**NORMAL),
    case("random_normal", [0], seed=5).but(**NORMAL),
    case("random_normal", [301], seed=5).but(**NORMAL),
    *types("random_normal", [3, 5], seed=6),
    case(of_size, floats(3, 2)).but(numeric=False),
    case("truncated_normal", [2, 3]).but(graph_seed=3, **NORMAL),
    case("truncated_normal", [5], 3.0, 0.5, seed=5, name="named").but(**NORMAL),
    case("truncated_normal", [300], seed=5).but(**NORMAL),
    case("truncated_normal", [], seed=5).but(**NORMAL),
    *types("truncated_normal", [3, 5], seed=6),
    fails("random_normal", [2], dtype=Name("int32")),
    fails("truncated_normal", [2], dtype=Name("int32")),
]

ORDERS = [
    case("random_shuffle", distinct(5)).but(graph_seed=3, gradient=False),
    case("random_shuffle", distinct(4, 3), seed=7, name="named").but(gradient=False),
    case("random_shuffle", ints(20, 2), seed=7),
    case("random_shuffle", [1, 2, 3, 4], seed=7),
    case("random_shuffle", 3, seed=7),
    case("random_shuffle", floats(1, 2), seed=7).but(gradient=False),
    case("random_shuffle", floats(0, 2), seed=7).but(gradient=False),
    case("random_shuffle", floats(3, 0), seed=7).but(gradient=False),
    case("random_shuffle", np.array([b"a", b"b", b"c"], object), seed=1),
    case("random_crop", distinct(4, 6), [2, 3], seed=8).but(gradient=False),
    case("random_crop", distinct(7, 5, 3), [4, 4, 3]).but(graph_seed=8, gradient=False),
    case("image.random_crop", distinct(5), np.array([2], np.int32), seed=8, name="named").but(
        gradient=False
    ),
    fails("random_crop", np.zeros([2, 2], np.float32), [3, 1]).but(
        says="Need value.shape >= size, got"
    ),
]

CLASSES = [
    case("multinomial", floats(2, 4), 5).but(graph_seed=3, gradient=False),
    case("multinomial", floats(3, 4, dtype="float64"), 6, seed=5, name="named").but(gradient=False),
    case("multinomial", [[1.0, 2.0, 3.0]], 5, seed=5, output_dtype=Name("int32")),
    case("multinomial", floats(2, 4, dtype="float16"), 9, seed=5).but(gradient=False),
    case("multinomial", floats(2, 3), np.array(4, np.int32), seed=5).but(gradient=False),
    case("multinomial", floats(2, 3), 0, seed=5).but(gradient=False),
    case("multinomial", np.zeros([0, 3], np.float32), 2, seed=5).but(gradient=False),
    case("multinomial", np.array([[-np.inf, 0, 1, np.nan]], np.float32), 9, seed=5).but(
        gradient=False
    ),
    case("random.categorical", floats(2, 4), 5).but(graph_seed=3, gradient=False),
    case("random.categorical", floats(2, 4), 5, Name("int32"), seed=5, name="named").but(
        gradient=False
    ),
    fails("multinomial", [1.0, 2.0], 5).but(says="Shape must be rank 2 but is rank 1"),
    fails("multinomial", [[1.0, 2.0]], [5]).but(says="Shape must be rank 0 but is rank 1"),
    fails("multinomial", [[1.0, 2.0]], -1).but(says="must be non-negative but is -1"),
    fails("multinomial", floats(3), 3).but(shapes="unknown", says="logits should be a matrix"),
    fails("multinomial", [[1.0]], np.array([1], np.int32)).but(
        shapes="unknown", says="num_samples should be a scalar, got shape [1]"
    ),
    fails("multinomial", [[1.0]], np.array(-1, np.int32)).but(
        says="num_samples should be nonnegative, got -1"
    ),
    fails("multinomial", np.zeros([2, 0], np.float32), 3).but(
        says="num_classes should be positive"
    ),
]

PARAMETERS = [
    case("random_gamma", [2], [1.0, 2.0]).but(graph_seed=3),
    case("random_gamma", [4], [0.3, 1.0, 7.5], beta=3.0, seed=3, name="named"),
    case("random_gamma", [3], floats(2, low=0.1, high=5, dtype="float64"), [[3.0], [4.0]],
         Name("float64"), seed=3).but(gradient=False),
    case("random_gamma", [4], [0.5, 3.0], dtype=Name("float16"), seed=3),
    case("random_gamma", [0], [1.0, 2.0], seed=3),
    case("random_gamma", [], 2.0, seed=3),
    # The slope by alpha is a series that each library cuts off in its own place.
    case(gamma_of, floats(3, low=0.2, high=6), floats(3, low=0.5, high=2)).but(
        numeric=False, rtol=2e-4
    ),
    case(gamma_of, floats(2, 1, low=0.2, high=6, dtype="float64"),
         floats(2, low=0.5, high=2, dtype="float64")).but(rtol=1e-6, numeric=False),
    case(gamma_of_two, floats(3, low=0.2, high=6)).but(numeric=False, rtol=2e-4),
    case("random_poisson", [1.0, 2.0], [3]).but(graph_seed=3),
    case("random_poisson", [0.5, 9.9, 10.0, 300.0], [3], Name("int32"), seed=3, name="named"),
    case("random_poisson", ints(2, 2, low=1, high=50), [4], Name("int64"), seed=3),
    case("random_poisson", floats(3, low=0.1, high=40), [2, 2], Name("float64"), seed=3).but(
        gradient=False
    ),
    case("random_poisson", 4.0, [3], Name("float16"), seed=3),
    case("random_poisson", [-1.0, 0.0], [2], seed=3),
    fails("random_gamma", 5, [1.0]).but(says="Shape must be rank 1 but is rank 0"),
    fails("random_gamma", [-1], [1.0]).but(says="Dimension -1 must be >= 0"),
    fails("random_gamma", np.array(2, np.int32), [1.0]).but(
        shapes="unknown", says="shape must be a vector of {int32,int64}, got shape"
    ),
    fails("random_poisson", [1.0], 5).but(says="Shape must be rank 1 but is rank 0"),
    fails("random_poisson", [1.0], [2], Name("bool")),
]  # fmt: skip

STATELESS = [
    case("random.stateless_uniform", [2, 3], [1, 2]),
    case("random.stateless_uniform", [2, 3], np.array([7, -9], np.int32), -1.0, 5.0, name="named"),
    case("random.stateless_uniform", [4], np.array([2**40, -5], np.int64)),
    case("random.stateless_uniform", [4], [1, 2], -5, 50, Name("int32")),
    case("random.stateless_uniform", [4], ints(2), -5, 2**40, Name("int64"), name="named"),
    case("random.stateless_uniform", np.array([2, 2], np.int32), [1, 2]),
    *types("random.stateless_uniform", [3, 5], [1, 2]),
    case(stateless_of_two, ints(2)),
    case("random.stateless_normal", [2, 3], [1, 2]).but(**NORMAL),
    case("random.stateless_normal", [300], ints(2), 1.0, 2.0, name="named").but(**NORMAL),
    *types("random.stateless_normal", [3, 5], [1, 2]),
    case("random.stateless_truncated_normal", [2, 3], [1, 2]).but(**NORMAL),
    case("random.stateless_truncated_normal", [300], ints(2), 1.0, 2.0, name="named").but(**NORMAL),
    *types("random.stateless_truncated_normal", [3, 5], [1, 2]),
    case("random.stateless_multinomial", floats(2, 4), 5, [1, 2]).but(gradient=False),
    case("random.stateless_multinomial", floats(2, 4), 5, ints(2), Name("int32"), name="named").but(
        gradient=False
    ),
    case("random.stateless_categorical", floats(2, 4), 5, [1, 2]).but(gradient=False),
    fails("random.stateless_uniform", [2], [1, 2, 3]).but(says="Dimension must be 2 but is 3"),
    fails("random.stateless_uniform", [2], 1).but(says="Shape must be rank 1 but is rank 0"),
    fails("random.stateless_uniform", [2], [1.0, 2.0]).but(says="allowed values: int32, int64"),
    fails("random.stateless_uniform", [2], [1, 2], dtype=Name("int32")).but(says="maxval"),
    fails("random.stateless_uniform", [2], [1, 2], 5, 5, Name("int32")).but(says="5 >= 5"),
    fails("random.stateless_uniform", [2], ints(3)).but(
        shapes="unknown", says="seed must have shape [2], not [3]"
    ),
    fails("random.stateless_multinomial", [1.0], 5, [1, 2]).but(says="rank 2 but is rank 1"),
]

CASES = UNIFORM + NORMALS + ORDERS + CLASSES + PARAMETERS + STATELESS
