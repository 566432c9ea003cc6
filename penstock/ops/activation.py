"""Activation functions of neural networks, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.public import control_dependencies, name_scope
from penstock.ops.shifted_logits import shifted_logits

_REAL = "float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64"
_FLOATS = "half, bfloat16, float, double"

# The two constants of Klambauer and others, "Self-Normalizing Neural Networks" (2017), equation 2.
_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_SCALE_ALPHA = 1.7580993408473768599402175208123


def unary_shape(x: shapes.Shape) -> shapes.Shape:
    return x


def merged_shape(x: shapes.Shape, y: shapes.Shape) -> shapes.Shape:
    return shapes.merge(x, y)


def activation(name: str, kernel: Any, types: str, gradient: Any, *attrs: str) -> OpSpec:
    """Registers an op from features to activations of the same shape."""
    return register(
        OpSpec(
            name=name,
            inputs=("features: T",),
            outputs=("activations: T",),
            attrs=(*attrs, f"T: {{{types}}}"),
            shape=unary_shape,
            kernel=kernel,
            gradient=gradient,
        )
    )


def activation_gradient(
    name: str, second_input: str, kernel: Any, types: str, gradient: Any, *attrs: str
) -> OpSpec:
    """Registers the op that takes gradients through an activation."""
    return register(
        OpSpec(
            name=name,
            inputs=("gradients: T", f"{second_input}: T"),
            outputs=("backprops: T",),
            attrs=(*attrs, f"T: {{{types}}}"),
            shape=merged_shape,
            kernel=kernel,
            gradient=gradient,
        )
    )


def no_gradient_to(x: Tensor) -> Tensor:
    """Zeros of the shape of `x`: TensorFlow writes out the second derivative of what is linear."""
    return api.zeros(shape=api.shape(x), dtype=x.dtype.base_dtype)


# Rectifiers


def relu_kernel(xp: Any, x: Any) -> Any:
    return xp.maximum(x, 0)


def where_true(xp: Any, grad: Any, mask: Any) -> Any:
    """The gradient times the mask: NaN times 0 is NaN."""
    if xp is np:
        return grad * mask
    # XLA takes the product with a boolean for a choice, but not this one.
    return grad * xp.where(mask, grad.dtype.type(1), grad.dtype.type(0))


def relu_grad_kernel(xp: Any, grad: Any, features: Any) -> Any:
    return where_true(xp, grad, features > 0)


def relu_gradient(op: Operation, grad: Tensor) -> Grads:
    """Where the output is positive the slope is 1, elsewhere, 0 included, it is 0."""
    return [raw.ReluGrad(grad, op.outputs[0])]


def relu_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    features = op._inputs[1]
    return [raw.ReluGrad(grad, features), no_gradient_to(features)]


def relu6_kernel(xp: Any, x: Any) -> Any:
    return xp.minimum(xp.maximum(x, 0), 6)


def relu6_grad_kernel(xp: Any, grad: Any, features: Any) -> Any:
    return where_true(xp, grad, (features > 0) & (features < 6))


def relu6_gradient(op: Operation, grad: Tensor) -> Grads:
    return [raw.Relu6Grad(grad, op.outputs[0])]


def relu6_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    features = op._inputs[1]
    return [raw.Relu6Grad(grad, features), no_gradient_to(features)]


def leaky_relu_kernel(xp: Any, x: Any, *, alpha: float) -> Any:
    return xp.maximum(x, x * x.dtype.type(np.float32(alpha)))


def leaky_relu_grad_kernel(xp: Any, grad: Any, features: Any, *, alpha: float) -> Any:
    return xp.where(features > 0, grad, grad * grad.dtype.type(np.float32(alpha)))


def leaky_relu_gradient(op: Operation, grad: Tensor, *, alpha: float) -> Grads:
    return [raw.LeakyReluGrad(grad, op._inputs[0], alpha=alpha)]


def leaky_relu_grad_gradient(op: Operation, grad: Tensor, *, alpha: float) -> Grads:
    features = op._inputs[1]
    return [raw.LeakyReluGrad(grad, features, alpha=alpha), no_gradient_to(features)]


# Smooth units


def elu_kernel(xp: Any, x: Any) -> Any:
    return xp.where(x < 0, xp.exp(x) - 1, x)


def elu_grad_kernel(xp: Any, grad: Any, outputs: Any) -> Any:
    return xp.where(outputs < 0, grad * (outputs + 1), grad)


def elu_gradient(op: Operation, grad: Tensor) -> Grads:
    """For x < 0, y = e^x - 1, so dy/dx = e^x = y + 1."""
    return [raw.EluGrad(grad, op.outputs[0])]


def elu_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    outputs = op._inputs[1]
    return [raw.EluGrad(grad, outputs), _where_negative(outputs, grad, op._inputs[0])]


def selu_kernel(xp: Any, x: Any) -> Any:
    number = x.dtype.type
    return xp.where(x < 0, number(_SELU_SCALE_ALPHA) * (xp.exp(x) - 1), number(_SELU_SCALE) * x)


def selu_grad_kernel(xp: Any, grad: Any, outputs: Any) -> Any:
    number = grad.dtype.type
    return xp.where(
        outputs < 0, grad * (outputs + number(_SELU_SCALE_ALPHA)), grad * number(_SELU_SCALE)
    )


def selu_gradient(op: Operation, grad: Tensor) -> Grads:
    """For x < 0, y = sa (e^x - 1), so dy/dx = y + sa; elsewhere the slope is the scale s."""
    return [raw.SeluGrad(grad, op.outputs[0])]


def selu_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    outputs = op._inputs[1]
    return [raw.SeluGrad(grad, outputs), _where_negative(outputs, grad, op._inputs[0])]


def _where_negative(outputs: Tensor, grad: Tensor, first_grad: Tensor) -> Tensor:
    """The derivative of g·(y + c) by y is g, where y < 0."""
    negative = raw.Less(outputs, 0)
    product = raw.Mul(grad, first_grad, name="mul")
    return raw.Select(negative, product, api.zeros_like(outputs))


def softplus_kernel(xp: Any, x: Any) -> Any:
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-abs(x)))  # e^x alone would overflow


def softplus_grad_kernel(xp: Any, grad: Any, features: Any) -> Any:
    return grad / (xp.exp(-features) + 1)


def softplus_gradient(op: Operation, grad: Tensor) -> Grads:
    return [raw.Mul(grad, raw.Sigmoid(op._inputs[0]), name="mul")]


def softplus_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    """The derivative of 1 / (1 + e^-x) is 1 / (e^-x + 2 + e^x)."""
    first_grad, x = op._inputs
    with control_dependencies([grad]):
        passed = raw.SoftplusGrad(grad, x)
        product = raw.Mul(grad, first_grad, name="mul")
        around = raw.AddV2(raw.Exp(raw.Neg(x)), 2.0, name="add")
        around = raw.AddV2(around, raw.Exp(x), name="add")
        return [passed, raw.RealDiv(product, around, name="truediv")]


def softsign_kernel(xp: Any, x: Any) -> Any:
    return x / (abs(x) + 1)


def softsign_grad_kernel(xp: Any, grad: Any, features: Any) -> Any:
    return grad / xp.square(abs(features) + 1)


def softsign_gradient(op: Operation, grad: Tensor) -> Grads:
    return [raw.SoftsignGrad(grad, op._inputs[0])]


RELU = activation("Relu", relu_kernel, f"{_REAL}, qint8", relu_gradient)
RELU_GRAD = activation_gradient("ReluGrad", "features", relu_grad_kernel, _REAL, relu_grad_gradient)
RELU6 = activation("Relu6", relu6_kernel, _REAL, relu6_gradient)
RELU6_GRAD = activation_gradient(
    "Relu6Grad", "features", relu6_grad_kernel, _REAL, relu6_grad_gradient
)
ELU = activation("Elu", elu_kernel, _FLOATS, elu_gradient)
ELU_GRAD = activation_gradient("EluGrad", "outputs", elu_grad_kernel, _FLOATS, elu_grad_gradient)
SELU = activation("Selu", selu_kernel, _FLOATS, selu_gradient)
SELU_GRAD = activation_gradient(
    "SeluGrad", "outputs", selu_grad_kernel, _FLOATS, selu_grad_gradient
)
SOFTPLUS = activation("Softplus", softplus_kernel, _FLOATS, softplus_gradient)
SOFTPLUS_GRAD = activation_gradient(
    "SoftplusGrad", "features", softplus_grad_kernel, _FLOATS, softplus_grad_gradient
)
SOFTSIGN = activation("Softsign", softsign_kernel, _FLOATS, softsign_gradient)
SOFTSIGN_GRAD = activation_gradient("SoftsignGrad", "features", softsign_grad_kernel, _FLOATS, None)

LEAKY_RELU = register(
    OpSpec(
        name="LeakyRelu",
        inputs=("features: T",),
        outputs=("activations: T",),
        attrs=("alpha: float = 0.2", f"T: {{{_FLOATS}}} = DT_FLOAT"),
        shape=unary_shape,
        kernel=leaky_relu_kernel,
        gradient=leaky_relu_gradient,
    )
)
LEAKY_RELU_GRAD = register(
    OpSpec(
        name="LeakyReluGrad",
        inputs=("gradients: T", "features: T"),
        outputs=("backprops: T",),
        attrs=("alpha: float = 0.2", f"T: {{{_FLOATS}}} = DT_FLOAT"),
        shape=merged_shape,
        kernel=leaky_relu_grad_kernel,
        gradient=leaky_relu_grad_gradient,
    )
)


# Softmax


def softmax_shape(logits: shapes.Shape) -> shapes.Shape:
    if logits is not None and not logits:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    return logits


def softmax_kernel(xp: Any, logits: Any) -> Any:
    powers = xp.exp(shifted_logits(logits))
    return powers / powers.sum(axis=-1, keepdims=True)


def log_softmax_kernel(xp: Any, logits: Any) -> Any:
    shifted = shifted_logits(logits)
    return shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))


def softmax_gradient(op: Operation, grad: Tensor) -> Grads:
    """dx_i = (grad_i - sum_j grad_j y_j) y_i."""
    y = op.outputs[0]
    total = raw.Sum(raw.Mul(grad, y, name="mul"), -1, keep_dims=True)
    return [raw.Mul(raw.Sub(grad, total, name="sub"), y, name="mul")]


def log_softmax_gradient(op: Operation, grad: Tensor) -> Grads:
    """dx_i = grad_i - softmax_i sum_j grad_j."""
    softmax_of = raw.Exp(op.outputs[0])
    total = raw.Sum(grad, -1, keep_dims=True)
    return [raw.Sub(grad, raw.Mul(total, softmax_of, name="mul"), name="sub")]


SOFTMAX = register(
    OpSpec(
        name="Softmax",
        inputs=("logits: T",),
        outputs=("softmax: T",),
        attrs=(f"T: {{{_FLOATS}}}",),
        shape=softmax_shape,
        kernel=softmax_kernel,
        gradient=softmax_gradient,
    )
)
LOG_SOFTMAX = register(
    OpSpec(
        name="LogSoftmax",
        inputs=("logits: T",),
        outputs=("logsoftmax: T",),
        attrs=(f"T: {{{_FLOATS}}}",),
        shape=softmax_shape,
        kernel=log_softmax_kernel,
        gradient=log_softmax_gradient,
    )
)


# Public functions (softmax and log_softmax, which move axes, are in penstock.nn.softmax)


@export("nn.relu")
def relu(features: Any, name: str | None = None) -> Tensor:
    """max(features, 0), element by element.

    Args:
        features: a tensor of a real number type.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.nn.relu([-1.0, 2.0])  # [0, 2]
    """
    return RELU(features, name=name)


@export("nn.relu6")
def relu6(features: Any, name: str | None = None) -> Tensor:
    """min(max(features, 0), 6), element by element.

    From Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10" (2010).

    Args:
        features: a tensor of a real number type.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.nn.relu6([-1.0, 2.0, 9.0])  # [0, 2, 6]
    """
    with name_scope(name, "Relu6", [features]) as scope:
        return RELU6(convert_to_tensor(features, name="features"), name=scope)


@export("nn.leaky_relu")
def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """max(features, alpha * features), element by element.

    Args:
        features: a tensor of a floating type; of an integer type, it is cast to float32.
        alpha: the slope below zero.
        name: a name for the operation.

    Returns:
        A Tensor of the shape of `features`.

    Example:
        >>> tf.nn.leaky_relu([-1.0, 2.0])  # [-0.2, 2]
    """
    with name_scope(name, "LeakyRelu", [features, alpha]) as scope:
        tensor = convert_to_tensor(features, name="features")
        if tensor.dtype.is_integer:
            tensor = api.cast(tensor, "float32")
        return LEAKY_RELU(tensor, alpha=alpha, name=scope)


@export("nn.elu")
def elu(features: Any, name: str | None = None) -> Tensor:
    """exp(features) - 1 where negative, features elsewhere (Clevert and others, 2015).

    Args:
        features: a tensor of a floating type.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.nn.elu([-1.0, 2.0])  # [-0.632, 2]
    """
    return ELU(features, name=name)


@export("nn.selu")
def selu(features: Any, name: str | None = None) -> Tensor:
    """The scaled exponential linear unit (Klambauer and others, 2017).

    Args:
        features: a tensor of a floating type.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.nn.selu([-1.0, 2.0])  # [-1.111, 2.101]
    """
    return SELU(features, name=name)


@export("nn.softplus", "math.softplus")
def softplus(features: Any, name: str | None = None) -> Tensor:
    """log(exp(features) + 1), element by element.

    Args:
        features: a tensor of a floating type.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.nn.softplus([0.0])  # [0.693]
    """
    return SOFTPLUS(features, name=name)


@export("log_sigmoid", "math.log_sigmoid")
def log_sigmoid(x: Any, name: str | None = None) -> Tensor:
    """log(1 / (1 + exp(-x))), element by element, without overflow: -softplus(-x).

    Args:
        x: a tensor of a floating type.
        name: a name for the operation.

    Returns:
        A Tensor like `x`.

    Example:
        >>> tf.log_sigmoid(logits)
    """
    with name_scope(name, "LogSigmoid", [x]) as scope:
        return api.negative(api.nn.softplus(-convert_to_tensor(x, name="x")), name=scope)


@export("nn.softsign", "math.softsign")
def softsign(features: Any, name: str | None = None) -> Tensor:
    """features / (abs(features) + 1), element by element.

    Args:
        features: a tensor of a floating type.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.nn.softsign([-1.0, 3.0])  # [-0.5, 0.75]
    """
    return SOFTSIGN(features, name=name)
