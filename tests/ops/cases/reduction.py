"""Cases of reductions and scans."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import Name, bools, case, distinct, fails, floats, ints

NAMES = ("reduce_sum", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min", "reduce_logsumexp")
TIES = np.array([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0]], np.float32)


def twice(tf: Any, x: Any) -> Any:
    """Two reductions alike share what their gradients need of shapes."""
    return [tf.reduce_sum(x, 1), tf.reduce_sum(x * 2.0, 1), tf.reduce_mean(x, 0)]


def of_unknown_rank(tf: Any, x: Any) -> Any:
    """All axes of a tensor of which not even the rank is known."""
    hidden = tf.placeholder_with_default(x, None)
    total, mean = tf.reduce_sum(hidden), tf.reduce_mean(hidden)
    assert total.shape == mean.shape == []
    return [tf.reshape(total, [1]), tf.reshape(mean, [1]), tf.reduce_sum(hidden, -1, keepdims=True)]


def along(tf: Any, x: Any, axis: Any) -> Any:
    """Axes that only the run knows."""
    return tf.reduce_sum(x, axis)


def placed(tf: Any, x: Any, axis: Any) -> Any:
    return tf.argmax(x, axis)


CASES = [
    *[case(name, distinct(2, 3)) for name in NAMES],
    *[case(name, distinct(2, 3), 1) for name in NAMES],
    *[case(name, distinct(2, 3, 2), [0, -1], keepdims=True) for name in NAMES],
    *[case(name, distinct(2, 3), axis=[]) for name in NAMES],
    *[case(name, floats()) for name in NAMES],
    *[
        case(name, floats(3, dtype="complex64"), 0)
        for name in ("reduce_sum", "reduce_mean", "reduce_prod")
    ],
    *[case(name, ints(2, 3), 1) for name in NAMES[:5]],
    *[case(name, floats(0, 3), 0).but(numeric=False) for name in NAMES[:5]],
    case("reduce_max", ints(0, 3), 0),
    case("reduce_max", TIES, 1).but(numeric=False),
    case("reduce_min", TIES).but(numeric=False),
    case("reduce_prod", np.array([[0.0, 2.0], [3.0, 4.0]], np.float32), 0).but(numeric=False),
    case("reduce_sum", distinct(2, 3), reduction_indices=[1], keep_dims=True, name="total"),
    case("reduce_logsumexp", distinct(2, 3), reduction_indices=[1], keep_dims=True, name="total"),
    case("reduce_logsumexp", np.array([-np.inf, -np.inf], np.float32)).but(gradient=False),
    case("reduce_all", bools(2, 3), 1),
    case("reduce_any", bools(2, 3)),
    case("math.reduce_std", floats(2, 3), 1),
    case("math.reduce_variance", floats(2, 3)),
    case("math.reduce_variance", floats(2, 3), 0, keepdims=True, name="spread"),
    case("math.reduce_euclidean_norm", floats(2, 3), 1),
    case("math.reduce_euclidean_norm", floats(3, dtype="complex64")).but(gradient=False),
    case("math.reduce_euclidean_norm", ints(4)),
    case("count_nonzero", ints(2, 3, low=0, high=2)),
    case("count_nonzero", floats(2, 3), 1, keepdims=True, dtype=Name("int32")).but(numeric=False),
    case("count_nonzero", bools(4)),
    case("count_nonzero", np.array([b"", b"a"], object)),
    case(twice, floats(2, 3)),
    case(of_unknown_rank, floats(2, 3)),
    case(along, floats(2, 3), np.array([0, -2], np.int32)),
    case("argmax", distinct(2, 3), 1),
    case("argmin", distinct(2, 3), output_type=Name("int32")),
    case("argmax", TIES, dimension=1, name="where"),
    case("arg_max", distinct(2, 3), 0),
    case("arg_min", distinct(2, 3), -1),
    case(placed, distinct(2, 3), np.array(1, np.int32)),
    fails("reduce_sum", floats(2, 3), 2).but(
        says="Invalid reduction dimension 2 for input with 2 dimensions."
    ),
    fails(along, floats(2, 3), np.array(5, np.int32)).but(
        says="Invalid reduction dimension (5 for input with 2 dimension(s)"
    ),
    fails("reduce_sum", floats(2), axis=0, reduction_indices=[0]).but(says="Cannot specify both"),
    fails("argmax", floats(2, 3), 2).but(says="Dimension (2) must be in the range [-2, 2)"),
    fails("argmax", floats(0, 3), 0).but(says="Reduction axis 0 is empty in shape [0,3]"),
    fails("reduce_logsumexp", floats(3, dtype="complex64"), 0).but(
        says="not in list of allowed values"
    ),
]
