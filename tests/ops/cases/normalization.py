"""Batch normalization, local response normalization, moments."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import case, fails, floats

X = floats(2, 3, 4, 3)
VARIANCE = floats(3, low=0.5, high=2.0)


def trained(tf: Any, x: Any, scale: Any, offset: Any) -> Any:
    """All outputs of a fused batch normalization in training."""
    return list(tf.nn.fused_batch_norm(x, scale, offset, epsilon=0.01))


def trained_images(tf: Any, x: Any, scale: Any, offset: Any) -> Any:
    """The images alone, whose gradient is TensorFlow's own operation."""
    return tf.nn.fused_batch_norm(x, scale, offset, name="norm")[0]


def used(tf: Any, x: Any, scale: Any, offset: Any, mean: Any, variance: Any) -> Any:
    """The images of a fused batch normalization outside training."""
    return tf.nn.fused_batch_norm(x, scale, offset, mean, variance, is_training=False)[0]


def twice(tf: Any, x: Any, scale: Any, offset: Any) -> Any:
    """The gradient of a fused batch normalization, which is differentiated in turn."""
    y = tf.nn.fused_batch_norm(x, scale, offset)[0]
    return tf.gradients(y**3, [x, scale])


def first_version(tf: Any, x: Any, scale: Any, offset: Any) -> Any:
    """Images of FusedBatchNorm, whose vectors have the images' type."""
    empty = tf.constant([], tf.float32)
    return tf.raw_ops.FusedBatchNorm(
        x=x, scale=scale, offset=offset, mean=empty, variance=empty, epsilon=0.01
    )[0]


def second_version(tf: Any, x: Any, scale: Any, offset: Any) -> Any:
    """Images of FusedBatchNormV2."""
    empty = tf.constant([], tf.float32)
    return tf.raw_ops.FusedBatchNormV2(
        x=x, scale=scale, offset=offset, mean=empty, variance=empty, epsilon=0.01
    )[0]


CASES = [
    case(first_version, X, floats(3), floats(3)).but(numeric=False),
    case(second_version, X, floats(3), floats(3)).but(numeric=False),
    case(trained, X, floats(3), floats(3)).but(gradient=False),
    case(trained_images, X, floats(3), floats(3)).but(numeric=False),  # no float64 form
    case(used, X, floats(3), floats(3), floats(3), VARIANCE).but(numeric=False),
    # TensorFlow differentiates another form of the same formula: other nodes, the same numbers.
    case(twice, X, floats(3), floats(3)).but(numeric=False, nodes=False, rtol=1e-3, atol=1e-4),
    case("nn.lrn", floats(1, 2, 2, 7)).but(numeric=False),
    case("nn.lrn", floats(1, 2, 2, 7), 2, 1.5, 0.3, 0.6, name="local").but(numeric=False),
    case("nn.moments", floats(3, 4), [0]),
    case("nn.moments", X, [0, 1, 2], keep_dims=True, name="m"),
    case("nn.weighted_moments", floats(3, 4), [0], floats(3, 1, low=0.1)),
    case("nn.sufficient_statistics", floats(3, 4), [0], shift=1.0).but(
        numeric=False  # the shift is float32
    ),
    case("nn.normalize_moments", np.array(4.0, np.float32), floats(3), floats(3), None),
    case("nn.batch_normalization", X, floats(3), VARIANCE, floats(3), floats(3), 1e-3),
    case("nn.batch_normalization", X, floats(3), VARIANCE, None, None, 1e-3, name="bn"),
    case("nn.l2_normalize", floats(3, 4), 1),
    case("nn.l2_normalize", floats(3, 4), dim=[0, 1], name="unit"),
    fails("nn.fused_batch_norm", X, floats(3), floats(3), floats(3), floats(3)).but(
        says="must be None if is_training is True"
    ),
    fails("nn.fused_batch_norm", X, floats(2), floats(3)).but(says="Dimensions must be equal"),
    fails("nn.lrn", floats(2, 3)).but(says="Shape must be rank 4 but is rank 2"),
]
