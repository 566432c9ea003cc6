"""Pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import case, distinct, fails, floats, ints

X = distinct(2, 6, 5, 3)
TIES = np.array([1, 1, 2, 2, 1, 1, 2, 2, 3, 0, 3, 0, 0, 3, 0, 3], np.float32).reshape(1, 4, 4, 1)


def max_twice(tf: Any, x: Any) -> Any:
    """Maxima and their gradient, which is differentiated in turn."""
    y = tf.nn.max_pool(x, 2, 2, "SAME")
    return [y, tf.gradients(y**2, x)[0]]


def avg_twice(tf: Any, x: Any) -> Any:
    """Means and their gradient, which is differentiated in turn."""
    y = tf.nn.avg_pool(x, 3, 2, "SAME")
    return [y, tf.gradients(y**2, x)[0]]


def with_argmax(tf: Any, x: Any) -> Any:
    """Maxima and their places, as a list."""
    return list(tf.nn.max_pool_with_argmax(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"))


def windows_as_inputs(tf: Any, x: Any) -> Any:
    """MaxPoolV2, whose windows are tensors."""
    return tf.raw_ops.MaxPoolV2(input=x, ksize=[1, 3, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


def max_3d_twice(tf: Any, x: Any) -> Any:
    """Maxima of volumes and their gradient, which is differentiated in turn."""
    y = tf.nn.max_pool3d(x, 2, 2, "SAME")
    return [y, tf.gradients(y**2, x)[0]]


CASES = [
    case(windows_as_inputs, X),
    case(max_3d_twice, distinct(1, 3, 4, 5, 2)).but(numeric=False),  # no float64 form
    case("nn.max_pool", X, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"),
    case("nn.max_pool", X, 2, 2, "VALID", name="pool"),
    case("nn.max_pool", X, [3, 2], [1, 2], "SAME"),
    case("nn.max_pool", X, 3, 2, "VALID"),
    case("nn.max_pool", distinct(2, 4, 6, 3), 2, 2, "VALID"),
    case("nn.max_pool", TIES, 2, 2, "VALID").but(numeric=False),
    case("nn.max_pool", TIES, 3, 1, "SAME").but(numeric=False),
    case("nn.max_pool", ints(1, 4, 4, 2), 2, 2, "SAME"),
    case("nn.max_pool", distinct(1, 2, 2, 4), [1, 1, 1, 2], [1, 1, 1, 2], "SAME").but(
        gradient=False
    ),
    case("nn.max_pool", distinct(1, 4, 4, 2, dtype="float64"), 2, 2, "SAME"),
    case("nn.max_pool2d", X, 2, 2, "SAME"),
    case("nn.max_pool1d", distinct(2, 7, 3), 2, 2, "SAME"),
    case("nn.max_pool3d", distinct(1, 3, 4, 5, 2), 2, 2, "SAME").but(
        numeric=False  # TensorFlow has no float64 form
    ),
    case(max_twice, X),
    case(with_argmax, X),
    case("nn.avg_pool", X, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"),
    case("nn.avg_pool", floats(2, 6, 5, 3), 3, 1, "SAME"),
    case("nn.avg_pool", floats(2, 6, 5, 3), 3, 2, "VALID", name="mean"),
    case("nn.avg_pool1d", floats(2, 7, 3), 3, 2, "SAME"),
    case("nn.avg_pool3d", floats(1, 3, 4, 5, 2), 2, 2, "SAME"),
    case(avg_twice, floats(2, 5, 5, 2)),
    case("nn.pool", X, [2, 2], "MAX", "SAME", strides=[2, 2]),
    case("nn.pool", floats(2, 7, 3), [3], "AVG", "VALID", name="p"),
    fails("nn.max_pool", X, [1, 2, 2], 2, "SAME").but(says="ksize should be of length 1, 2 or 4"),
    fails("nn.max_pool", X, 0, 2, "SAME").but(says="ksize cannot be zero"),
    fails("nn.max_pool", floats(2, 6, 5), [1, 2, 2, 1], 2, "SAME").but(
        says="Shape must be rank 4 but is rank 3"
    ),
    fails("nn.max_pool", X, 7, 1, "VALID").but(says="Negative dimension size"),
    fails("nn.max_pool", X, 8, 1, "VALID").but(
        shapes="unknown", says="Computed output size would be negative"
    ),
    fails("nn.max_pool", X, [2, 1, 1, 1], 1, "SAME").but(
        says="Pooling is not yet supported on the batch dimension"
    ),
    fails("nn.avg_pool", ints(1, 2, 2, 1), 2, 2, "SAME").but(says="not in list of allowed values"),
    fails("nn.pool", X, [2, 2], "MIN", "SAME").but(says="pooling is not supported"),
]
