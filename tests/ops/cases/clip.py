"""Cases of clipping, and of norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import case, const, fails, floats

ZEROS = np.zeros(3, np.float32)


def together(tf: Any, x: Any, y: Any, limit: float) -> Any:
    """A list with a hole, clipped by one norm."""
    clipped, norm = tf.clip_by_global_norm([x, None, y], limit)
    return [clipped[0], clipped[2], norm]


def by_a_given_norm(tf: Any, x: Any) -> Any:
    return tf.clip_by_global_norm([x], 1.0, use_norm=tf.constant(2.0), name="clipped")[0]


def slices(tf: Any, x: Any) -> Any:
    """Slices stay slices."""
    whole = tf.IndexedSlices(x, tf.constant([0, 2]), tf.constant([4, 3]))
    by_norm = tf.clip_by_norm(whole, 0.5)
    by_value = tf.clip_by_value(whole, -0.5, 0.5)
    return [by_norm.values, by_value.values, tf.global_norm([whole])]


def in_one_op(tf: Any, x: Any, low: Any, high: Any) -> Any:
    return tf.raw_ops.ClipByValue(t=x, clip_value_min=low, clip_value_max=high)


def averaged_slices(tf: Any, x: Any) -> Any:
    return tf.clip_by_average_norm(
        tf.IndexedSlices(x, tf.constant([0, 2]), tf.constant([4, 3])), 0.1
    )


def together_with_slices(tf: Any, x: Any, y: Any) -> Any:
    """Slices stay slices, and count with what they hold."""
    slices = tf.IndexedSlices(x, tf.constant([0, 0]))
    clipped, norm = tf.clip_by_global_norm((slices, y), tf.constant(1.0))
    return [clipped[0].values, clipped[0].indices, clipped[1], norm]


CASES = [
    case(in_one_op, floats(2, 3), floats(high=0), floats(low=0)).but(gradient=False),
    case("clip_by_value", floats(2, 3), -1.0, 1.0),
    case("clip_by_value", floats(2, 3), floats(3, high=0), 0.5, name="clipped"),
    case("clip_by_norm", floats(2, 3), 1.0),
    case("clip_by_norm", floats(2, 3), 1.0, axes=[1], name="clipped"),
    case("clip_by_norm", ZEROS, 1.0).but(numeric=False),
    case("clip_by_norm", floats(2, 3), floats(2, 1, low=1), axes=-1),
    case("clip_by_norm", np.array([np.inf, 4], np.float32), 1.0).but(gradient=False),
    case("clip_by_norm", np.zeros([0, 2], np.float32), 1.0).but(numeric=False),
    case("clip_by_norm", floats(3, dtype="float64"), -1.0),
    case("clip_by_average_norm", floats(2, 3), 0.1),
    case("clip_by_average_norm", floats(2, 3), floats(low=1), name="clipped"),
    case("clip_by_average_norm", ZEROS, 1.0).but(numeric=False),
    case(averaged_slices, floats(2, 3)).but(numeric=False),
    case(together_with_slices, floats(2, 3), floats(3)).but(numeric=False),
    case("clip_by_value", np.array([-1, 0, 5], np.int32), 0, 3),
    case("clip_by_value", np.array([-2, -1, 2, 3], np.float32), -2.0, 2.0).but(numeric=False),
    case("clip_by_value", np.array([-2, -1, 2, 3], np.float32), 2.0, -2.0).but(numeric=False),
    case("global_norm", [floats(2, 3), None, floats(3)]),
    case(together, floats(2, 3), floats(3), 1.0),
    case(together, floats(2, 3), floats(3), 100.0),
    case(together, np.array([np.inf], np.float32), floats(2), 1.0).but(gradient=False),
    case(by_a_given_norm, floats(3)).but(numeric=False),  # no float64 form
    case(slices, floats(2, 3)).but(numeric=False),
    *[case("norm", floats(2, 3), order) for order in ("euclidean", 1, 2, 3, np.inf)],
    *[case("norm", floats(2, 3), order, axis=1) for order in ("euclidean", 1, 2, 3, np.inf)],
    case("norm", floats(2, 3), "fro", axis=[0, 1], keepdims=True),
    case("norm", floats(2, 3), 1, axis=(0, 1), name="size"),
    case("norm", floats(2, 3), np.inf, axis=[-2, -1]),
    case("norm", floats(3, dtype="complex64")),
    fails("clip_by_value", floats(2), floats(3, 2), 1.0).but(says="are not compatible"),
    fails("norm", floats(2), "other"),
    fails("clip_by_norm", floats(2), const(np.ones([2, 1], np.float32))).but(says="not compatible"),
    fails("global_norm", 1.0),
    fails("global_norm", "text").but(says="t_list should be a sequence"),
    fails("global_norm", [floats(2), floats(2, dtype="float64")]),
    fails("clip_by_global_norm", floats(2), 1.0).but(says="t_list should be a sequence"),
]
