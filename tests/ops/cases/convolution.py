"""Convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import case, const, fails, floats

X, W = floats(2, 6, 5, 3), floats(3, 2, 3, 4)


def twice(tf: Any, x: Any, w: Any) -> Any:
    """A convolution and its gradients, which are differentiated in turn."""
    y = tf.nn.conv2d(x, w, [1, 2, 1, 1], "SAME")
    return [y, *tf.gradients(y**2, [x, w])]


def depthwise_twice(tf: Any, x: Any, w: Any) -> Any:
    """A depthwise convolution and its gradients, which are differentiated in turn."""
    y = tf.nn.depthwise_conv2d_native(x, w, [1, 1, 1, 1], "SAME")
    return [y, *tf.gradients(y**2, [x, w])]


def conv3d_twice(tf: Any, x: Any, w: Any) -> Any:
    """A convolution of volumes and its gradients, which are differentiated in turn."""
    y = tf.nn.conv3d(x, w, [1, 1, 1, 1, 1], "SAME")
    return [y, *tf.gradients(y**2, [x, w])]


CASES = [
    case("nn.conv2d", X, W, [1, 1, 1, 1], "SAME"),
    case("nn.conv2d", X, W, [1, 2, 2, 1], "SAME", name="conv"),
    case("nn.conv2d", X, W, 2, "VALID"),
    case("nn.conv2d", X, W, [2, 1], "VALID"),
    case("nn.conv2d", X, W, 1, [[0, 0], [2, 1], [0, 3], [0, 0]]),
    case("nn.conv2d", X, filters=W, strides=1, padding="VALID", dilations=[2, 1]).but(
        gradient=False  # TensorFlow's CPU has no gradient with dilations
    ),
    case("nn.conv2d", floats(2, 4, 4, 5), floats(1, 1, 5, 2), 1, "SAME"),
    case("nn.conv2d", floats(0, 4, 4, 1), floats(3, 3, 1, 2), 1, "SAME").but(gradient=False),
    case(
        "nn.conv2d",
        floats(1, 4, 4, 1, dtype="float64"),
        floats(2, 2, 1, 2, dtype="float64"),
        1,
        "SAME",
    ),
    case(twice, floats(1, 4, 5, 2), floats(3, 2, 2, 3)),
    case("nn.conv2d_transpose", floats(2, 3, 3, 4), floats(3, 3, 2, 4), [2, 6, 6, 2], 2),
    case(
        "nn.conv2d_transpose",
        floats(1, 3, 4, 2),
        floats(2, 3, 1, 2),
        [1, 7, 6, 1],
        [1, 2, 1, 1],
        "VALID",
        name="up",
    ),
    case("nn.conv2d_backprop_input", [2, 6, 5, 3], W, floats(2, 6, 5, 4), [1, 1, 1, 1], "SAME"),
    case("nn.conv2d_backprop_filter", X, [3, 2, 3, 4], floats(2, 3, 3, 4), [1, 2, 2, 1], "SAME"),
    case("nn.conv1d", floats(2, 7, 3), floats(3, 3, 4), 2, "SAME"),
    case("nn.conv1d", floats(2, 7, 3), floats(3, 3, 4), stride=1, padding="VALID", name="c"),
    case("nn.conv1d_transpose", floats(2, 4, 3), floats(3, 2, 3), [2, 8, 2], 2),
    case("nn.conv3d", floats(1, 3, 4, 5, 2), floats(2, 3, 2, 2, 3), [1, 1, 2, 1, 1], "SAME"),
    case("nn.conv3d", floats(1, 3, 4, 5, 2), floats(2, 3, 2, 2, 3), [1, 1, 1, 1, 1], "VALID"),
    case(conv3d_twice, floats(1, 2, 3, 2, 2), floats(2, 2, 1, 2, 2)),
    case(
        "nn.conv3d_transpose",
        floats(1, 2, 2, 2, 3),
        floats(2, 2, 2, 1, 3),
        [1, 4, 4, 4, 1],
        [1, 2, 2, 2, 1],
    ),
    case("nn.depthwise_conv2d", X, floats(3, 2, 3, 2), [1, 1, 1, 1], "SAME"),
    case("nn.depthwise_conv2d", X, floats(3, 2, 3, 2), [1, 2, 2, 1], "VALID", name="deep"),
    case(depthwise_twice, floats(1, 3, 4, 2), floats(2, 3, 2, 2)),
    case("nn.separable_conv2d", X, floats(3, 2, 3, 2), floats(1, 1, 6, 4), [1, 1, 1, 1], "SAME"),
    case("nn.convolution", X, W, "SAME"),
    case("nn.convolution", X, W, "VALID", strides=[1, 2], name="c"),
    case("nn.convolution", floats(2, 7, 3), floats(3, 3, 4), "SAME"),
    # TensorFlow refuses filters whose shape is not wholly known here: so a constant.
    case("nn.convolution", X, const(W), "SAME", dilation_rate=[2, 2]),
    case("nn.atrous_conv2d", X, W, 2, "VALID"),
    case("nn.atrous_conv2d", X, W, 1, "SAME"),
    fails("nn.conv2d", X, floats(3, 3, 2, 2), 1, "SAME").but(
        says="Depth of input (3) is not a multiple of input depth of filter (2)"
    ),
    fails("nn.conv2d", X, floats(3, 3, 2, 2), 1, "SAME").but(
        shapes="unknown", says="input depth must be evenly divisible by filter depth: 3 vs 2"
    ),
    fails("nn.conv2d", floats(2, 6, 5), W, 1, "SAME").but(says="Shape must be rank 4"),
    fails("nn.conv2d", floats(2, 6, 5), W, 1, "SAME").but(
        shapes="unknown", says="input must be 4-dimensional"
    ),
    fails("nn.conv2d", X, floats(7, 2, 3, 4), 1, "VALID").but(
        says="Negative dimension size caused by subtracting 7 from 6"
    ),
    fails("nn.conv2d", X, floats(8, 2, 3, 4), 1, "VALID").but(
        shapes="unknown", says="Computed output size would be negative"
    ),
    fails("nn.conv2d", X, W, [1, 1, 1], "SAME").but(
        says="strides should be of length 1, 2 or 4 but was 3"
    ),
    fails("nn.conv2d", X, W, 0, "SAME").but(says="Stride must be > 0"),
    fails("nn.conv2d", X, W, 1, "same").but(says="'padding'"),
    fails("nn.conv2d", X, W, 1, [[0, 0], [1, 1]]).but(says="it must be of size 4"),
    fails("nn.conv2d", X, W, 1, "SAME", filters=np.zeros((3, 2, 3, 4), np.float32)).but(
        says="Cannot specify both 'filter' and 'filters'"
    ),
    fails("nn.conv2d_transpose", floats(2, 3, 3, 4), floats(3, 3, 2, 4), [2, 7, 6, 2], 2).but(
        says="Size of out_backprop doesn't match computed: actual = 3, computed = 4"
    ),
    fails("nn.depthwise_conv2d_native", X, floats(3, 3, 2, 2), [1, 1, 1, 1], "SAME").but(
        says="Dimensions must be equal, but are 3 and 2"
    ),
    fails("nn.convolution", X, W, "SAME", strides=[2, 2], dilation_rate=[2, 2]).but(
        says="strides > 1 not supported in conjunction with dilation_rate > 1"
    ),
]
