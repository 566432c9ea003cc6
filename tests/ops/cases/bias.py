"""Adding biases."""

from __future__ import annotations

from typing import Any

from tests.ops.case import case, fails, floats, ints


def twice(tf: Any, x: Any, bias: Any) -> Any:
    """A bias and its gradient, of which the second derivative is taken."""
    y = tf.nn.bias_add(x, bias) ** 2
    return [y, tf.gradients(y, bias)[0]]


def first_version(tf: Any, x: Any, bias: Any) -> Any:
    """BiasAddV1, which knows one order of axes alone."""
    return tf.raw_ops.BiasAddV1(value=x, bias=bias)


CASES = [
    case(first_version, floats(2, 3, 4), floats(4)),
    case("nn.bias_add", floats(3, 4), floats(4)),
    case("nn.bias_add", floats(2, 3, 4, 5), floats(5), data_format="NHWC", name="b"),
    case("nn.bias_add", floats(2, 3, 4, 5), floats(3), data_format="NCHW").but(
        gradient=False  # no such gradient on TensorFlow's CPU
    ),
    case("nn.bias_add", floats(2, 3, 4), floats(4)),
    case("nn.bias_add", ints(3, 4), ints(4)),
    case("nn.bias_add", floats(0, 4), floats(4)),
    case("nn.bias_add", floats(3, 4, dtype="float64"), floats(4, dtype="float64")),
    case("nn.bias_add", floats(2, 2), [1.0, 2.0]),
    case(twice, floats(3, 4), floats(4)),
    fails("nn.bias_add", floats(2, 3), floats(4)).but(says="Dimensions must be equal"),
    fails("nn.bias_add", floats(2, 3), floats(4)).but(
        shapes="unknown", says="Must provide as many biases as the last dimension"
    ),
    fails("nn.bias_add", floats(3), floats(3)).but(says="Shape must be at least rank 2"),
    fails("nn.bias_add", floats(3), floats(3)).but(shapes="unknown", says="must be at least 2D"),
    fails("nn.bias_add", floats(2, 3), floats(3, 1)).but(says="Shape must be rank 1"),
    fails("nn.bias_add", floats(2, 3), floats(3, 1)).but(
        shapes="unknown", says="Biases must be 1D"
    ),
    fails("nn.bias_add", floats(2, 3), floats(3), data_format="CN").but(
        says="data_format must be of the form"
    ),
]
