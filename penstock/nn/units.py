"""Small compositions: layers of one line, and activations made of ops."""

from __future__ import annotations

from typing import Any

from penstock.gradients import RegisterGradient
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import control_dependencies, name_scope


@export("nn.crelu")
def crelu(features: Any, name: str | None = None, axis: int = -1) -> Tensor:
    """Relu of the features and of their negatives, side by side (Shang and others, 2016).

    Args:
        features: a tensor of a real number type.
        name: a name for the operation.
        axis: the axis along which the two are put together.

    Returns:
        A Tensor of the same type, twice as long along `axis`.

    Example:
        >>> tf.nn.crelu([-1.0, 2.0])  # [0, 2, 1, 0]
    """
    with name_scope(name, "CRelu", [features]) as scope:
        features = convert_to_tensor(features, name="features")
        both = api.concat([features, -features], axis, name=scope)
        return raw.Relu(both)


@export("nn.swish")
def swish(features: Any) -> Tensor:
    """features * sigmoid(features) (Ramachandran and others, "Searching for Activation Functions").

    The gradient computes the sigmoid again, so that it is not kept from the forward pass.

    Args:
        features: a tensor of a floating type.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.nn.swish([0.0, 1.0])  # [0, 0.731]
    """
    features = convert_to_tensor(features)
    product = features * api.sigmoid(features)
    api.identity(product)  # TensorFlow's graph holds it, and seeds of later ops count it
    with features.graph.gradient_override_map({"IdentityN": _SWISH_GRADIENT}):
        return raw.IdentityN([product, features])[0]


_SWISH_GRADIENT = "CustomGradient-swish"


@RegisterGradient(_SWISH_GRADIENT)
def _swish_gradient(op: Operation, grad: Tensor, _: Tensor) -> list[Tensor | None]:
    """The derivative of x s(x) is s(x) (1 + x (1 - s(x)))."""
    features = op.inputs[1]
    with control_dependencies([grad]):
        sigmoid = api.sigmoid(features)
    slope = sigmoid * (1.0 + features * (1.0 - sigmoid))
    return [None, grad * slope]


@export("nn.relu_layer")
def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """relu(x @ weights + biases).

    Args:
        x: a matrix [batch, inputs].
        weights: a matrix [inputs, units].
        biases: a vector [units].
        name: a name for the operation.

    Returns:
        A Tensor [batch, units].

    Example:
        >>> tf.nn.relu_layer([[1.0]], [[2.0]], [-3.0])  # [[0]]
    """
    with name_scope(name, "relu_layer", [x, weights, biases]) as scope:
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(weights, name="weights")
        biases = convert_to_tensor(biases, name="biases")
        return raw.Relu(raw.BiasAdd(api.matmul(x, weights), biases), name=scope)


@export("nn.xw_plus_b")
def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """x @ weights + biases.

    Args:
        x: a matrix [batch, inputs].
        weights: a matrix [inputs, units].
        biases: a vector [units].
        name: a name for the operation.

    Returns:
        A Tensor [batch, units].

    Example:
        >>> tf.nn.xw_plus_b([[1.0]], [[2.0]], [3.0])  # [[5]]
    """
    with name_scope(name, "xw_plus_b", [x, weights, biases]) as scope:
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(weights, name="weights")
        biases = convert_to_tensor(biases, name="biases")
        return raw.BiasAdd(api.matmul(x, weights), biases, name=scope)


@export("nn.zero_fraction", "math.zero_fraction")
def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The share of the elements that are 0.

    Args:
        value: a tensor of a number type.
        name: a name for the operation.

    Returns:
        A float32 scalar; NaN where there is no element.

    Example:
        >>> tf.nn.zero_fraction(tf.nn.relu(x))
    """
    with name_scope(name, "zero_fraction", [value]):
        value = convert_to_tensor(value, name="value")
        size = api.size(value, out_type="int64")
        nonzero = raw.NotEqual(value, api.zeros([], dtype=value.dtype.base_dtype))
        count = api.reduce_sum(api.cast(nonzero, "int64"), name="nonzero_count")
        zeros = api.cast(size - count, "float32")
        return api.identity(zeros / api.cast(size, "float32"), name="fraction")
