"""Normalization of activations: fused batch normalization and local response normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.ops import windows

# Batch normalization (Ioffe and Szegedy, 2015):
# y = (x - mean) / sqrt(variance + epsilon) * scale + offset


def _other_axes(data_format: str) -> tuple[int, int, int]:
    """The axes that are not the channels."""
    return (0, 2, 3) if data_format == "NCHW" else (0, 1, 2)


def _along_channels(vector: Any, data_format: str) -> Any:
    """A vector of the channels in a shape that broadcasts with the images."""
    return vector.reshape((-1, 1, 1)) if data_format == "NCHW" else vector


def _channel_count(x: shapes.Shape, vectors: list[shapes.Shape], data_format: str) -> int | None:
    x = shapes.with_rank(x, 4)
    sizes = [shapes.with_rank(vector, 1)[0] for vector in vectors]
    return windows.merged_size([x[windows.channel_axis(4, data_format)], *sizes])


def _with_channels(x: shapes.Shape, channels: int | None, data_format: str) -> shapes.Shape:
    sizes = list(shapes.with_rank(x, 4))
    sizes[windows.channel_axis(4, data_format)] = channels
    return tuple(sizes)


def fused_batch_norm_shape(
    x: shapes.Shape,
    scale: shapes.Shape,
    offset: shapes.Shape,
    mean: shapes.Shape,
    variance: shapes.Shape,
    *,
    data_format: str,
    is_training: bool,
) -> list[shapes.Shape]:
    given = [] if is_training else [mean, variance]
    channels = _channel_count(x, [scale, offset, *given], data_format)
    return [_with_channels(x, channels, data_format), *[(channels,)] * 4]


def fused_batch_norm_v3_shape(
    x: shapes.Shape,
    scale: shapes.Shape,
    offset: shapes.Shape,
    mean: shapes.Shape,
    variance: shapes.Shape,
    *,
    data_format: str,
    is_training: bool,
) -> list[shapes.Shape]:
    outputs = fused_batch_norm_shape(
        x, scale, offset, mean, variance, data_format=data_format, is_training=is_training
    )
    return [*outputs, None]


def fused_batch_norm_kernel(
    xp: Any,
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any,
    variance: Any,
    *,
    epsilon: float,
    data_format: str,
    is_training: bool,
) -> tuple[Any, ...]:
    """y, then mean and unbiased variance of the batch, then mean and variance for the gradient."""
    windows.require_rank(x, 4, "input")
    wide = x.astype(scale.dtype)
    unbiased = variance
    if is_training:
        _require_empty(mean, "estimated_mean")
        _require_empty(variance, "estimated_variance")
        axes = _other_axes(data_format)
        mean = wide.mean(axis=axes, dtype=wide.dtype)
        centred = wide - _along_channels(mean, data_format)
        variance = xp.square(centred).mean(axis=axes, dtype=wide.dtype)
        rows = x.size // max(1, mean.size)
        unbiased = variance * np.float32(rows / max(1, rows - 1))
    else:
        centred = wide - _along_channels(mean, data_format)
    factor = scale / xp.sqrt(variance + np.float32(epsilon))
    y = centred * _along_channels(factor, data_format) + _along_channels(offset, data_format)
    return y.astype(x.dtype), mean, unbiased, mean, variance


def _require_empty(vector: Any, what: str) -> None:
    if vector.size:
        shown = shapes.bracket_text(vector.shape)
        raise InvalidArgumentError(None, None, f"{what} must be empty for training{shown}")


def fused_batch_norm_v3_kernel(
    xp: Any,
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any,
    variance: Any,
    *,
    epsilon: float,
    data_format: str,
    is_training: bool,
) -> tuple[Any, ...]:
    outputs = fused_batch_norm_kernel(
        xp,
        x,
        scale,
        offset,
        mean,
        variance,
        epsilon=epsilon,
        data_format=data_format,
        is_training=is_training,
    )
    return (*outputs, xp.zeros((), scale.dtype))


def fused_batch_norm_grad_shape(
    grad: shapes.Shape,
    x: shapes.Shape,
    scale: shapes.Shape,
    mean: shapes.Shape,
    variance: shapes.Shape,
    *,
    data_format: str,
    is_training: bool,
) -> list[shapes.Shape]:
    channels = _channel_count(x, [scale, mean, variance], data_format)
    x = shapes.merge(shapes.with_rank(x, 4), shapes.with_rank(grad, 4))
    last = (0,) if is_training else (channels,)
    return [_with_channels(x, channels, data_format), (channels,), (channels,), last, last]


def fused_batch_norm_grad_v3_shape(
    grad: shapes.Shape,
    x: shapes.Shape,
    scale: shapes.Shape,
    mean: shapes.Shape,
    variance: shapes.Shape,
    reserve: shapes.Shape,
    *,
    data_format: str,
    is_training: bool,
) -> list[shapes.Shape]:
    return fused_batch_norm_grad_shape(
        grad, x, scale, mean, variance, data_format=data_format, is_training=is_training
    )


def fused_batch_norm_grad_kernel(
    xp: Any,
    grad: Any,
    x: Any,
    scale: Any,
    mean: Any,
    variance: Any,
    *,
    epsilon: float,
    data_format: str,
    is_training: bool,
) -> tuple[Any, ...]:
    """With n = (x - mean) / sqrt(variance + epsilon):

    dscale = sum(grad n), doffset = sum(grad), and dx is scale / sqrt(variance + epsilon) times
    grad, or, where mean and variance depend on x, times grad - mean(grad) - n mean(grad n).
    """
    windows.require_rank(x, 4, "input")
    axes = _other_axes(data_format)
    wide, wide_grad = x.astype(scale.dtype), grad.astype(scale.dtype)
    inverse = 1 / xp.sqrt(variance + np.float32(epsilon))
    normal = (wide - _along_channels(mean, data_format)) * _along_channels(inverse, data_format)
    scale_grad = (wide_grad * normal).sum(axis=axes, dtype=wide.dtype)
    offset_grad = wide_grad.sum(axis=axes, dtype=wide.dtype)
    if is_training:
        rows = np.float32(max(1, x.size // max(1, scale.size)))
        wide_grad = (
            wide_grad
            - _along_channels(offset_grad / rows, data_format)
            - normal * _along_channels(scale_grad / rows, data_format)
        )
    x_grad = (wide_grad * _along_channels(scale * inverse, data_format)).astype(x.dtype)
    nothing = xp.zeros((0,) if is_training else scale.shape, scale.dtype)
    return x_grad, scale_grad, offset_grad, nothing, nothing


def fused_batch_norm_grad_v3_kernel(
    xp: Any,
    grad: Any,
    x: Any,
    scale: Any,
    mean: Any,
    variance: Any,
    reserve: Any,
    *,
    epsilon: float,
    data_format: str,
    is_training: bool,
) -> tuple[Any, ...]:
    return fused_batch_norm_grad_kernel(
        xp,
        grad,
        x,
        scale,
        mean,
        variance,
        epsilon=epsilon,
        data_format=data_format,
        is_training=is_training,
    )


def _build_gradient(op: Operation, grad: Tensor, gradient_op: OpSpec, *reserves: Tensor) -> Grads:
    """The gradient of a batch normalization of any version.

    Outside training, images with the channels second are turned around, as TensorFlow does.
    """
    attrs = {name: op._attrs[name] for name in ("epsilon", "data_format", "is_training")}
    x, scale = op._inputs[:2]
    if attrs["is_training"]:
        used = [op.outputs[3], op.outputs[4], *reserves]
        return list(gradient_op(grad, x, scale, *used, **attrs))
    used = [op._inputs[3], op._inputs[4], *reserves]
    if attrs["data_format"] == "NHWC":
        x_grad, scale_grad, offset_grad, _, _ = gradient_op(grad, x, scale, *used, **attrs)
        return [x_grad, scale_grad, offset_grad, None, None]
    x, grad = api.transpose(x, [0, 2, 3, 1]), api.transpose(grad, [0, 2, 3, 1])
    attrs["data_format"] = "NHWC"
    x_grad, scale_grad, offset_grad, _, _ = gradient_op(grad, x, scale, *used, **attrs)
    return [api.transpose(x_grad, [0, 3, 1, 2]), scale_grad, offset_grad, None, None]


def fused_batch_norm_gradient(op: Operation, grad: Tensor, *others: Tensor) -> Grads:
    return _build_gradient(op, grad, raw.FusedBatchNormGrad)


def fused_batch_norm_v2_gradient(op: Operation, grad: Tensor, *others: Tensor) -> Grads:
    return _build_gradient(op, grad, raw.FusedBatchNormGradV2)


def fused_batch_norm_v3_gradient(op: Operation, grad: Tensor, *others: Tensor) -> Grads:
    return _build_gradient(op, grad, raw.FusedBatchNormGradV3, op.outputs[5])


def second_gradient(op: Operation, *grads: Tensor) -> Grads:
    """The derivative of the gradient: of the same formula, written with ops."""
    grad, x, scale = op._inputs[:3]
    outputs = _gradient_formula(op)
    found = api.gradients(
        outputs,
        [grad, x, scale],
        grad_ys=list(grads[:3]),
        stop_gradients=[grad, x, scale],
    )
    return [*found, *[None] * (len(op._inputs) - 3)]


def _gradient_formula(op: Operation) -> list[Tensor]:
    grad, x, scale = op._inputs[:3]
    data_format, is_training = op._attrs["data_format"], op._attrs["is_training"]
    axes = list(_other_axes(data_format))
    row = [1, -1, 1, 1] if data_format == "NCHW" else [1, 1, 1, -1]
    dtype = scale.dtype.base_dtype
    wide, wide_grad = api.cast(x, dtype), api.cast(grad, dtype)
    if is_training:
        mean = api.reduce_mean(wide, axes, keepdims=True)
        variance = api.reduce_mean(api.squared_difference(wide, mean), axes, keepdims=True)
    else:
        mean, variance = api.reshape(op._inputs[3], row), api.reshape(op._inputs[4], row)
    inverse = api.rsqrt(variance + op._attrs["epsilon"])
    normal = (wide - mean) * inverse
    scale_grad = api.reduce_sum(wide_grad * normal, axes)
    offset_grad = api.reduce_sum(wide_grad, axes)
    if is_training:
        along = api.reduce_mean(wide_grad * normal, axes, keepdims=True)
        wide_grad = wide_grad - api.reduce_mean(wide_grad, axes, keepdims=True) - normal * along
    x_grad = wide_grad * inverse * api.reshape(scale, row)
    return [api.cast(x_grad, x.dtype.base_dtype), scale_grad, offset_grad]


_BATCH_NORM_ATTRS = (
    "epsilon: float = 0.0001",
    "data_format: {'NHWC', 'NCHW'} = 'NHWC'",
    "is_training: bool = true",
)
_HALVES = ("T: {half, bfloat16, float}", "U: {float}", *_BATCH_NORM_ATTRS)


def batch_norm(
    version: str, types: tuple[str, str], attrs: tuple[str, ...], **rules: Any
) -> OpSpec:
    """Registers a version of FusedBatchNorm: its images have one type, its vectors another."""
    image, vector = types
    reserves = ["reserve_space_1", "reserve_space_2", "reserve_space_3"]
    count = 3 if version == "V3" else 2
    vectors = ["scale", "offset", "mean", "variance"]
    outputs = ["batch_mean", "batch_variance", *reserves[:count]]
    return register(
        OpSpec(
            name=f"FusedBatchNorm{version}",
            inputs=(f"x: {image}", *[f"{name}: {vector}" for name in vectors]),
            outputs=(f"y: {image}", *[f"{name}: {vector}" for name in outputs]),
            attrs=attrs,
            **rules,
        )
    )


def batch_norm_grad(
    version: str, types: tuple[str, str], attrs: tuple[str, ...], **rules: Any
) -> OpSpec:
    """Registers a version of FusedBatchNormGrad."""
    image, vector = types
    count = 3 if version == "V3" else 2
    reserves = [f"reserve_space_{number}" for number in range(1, count + 3)]
    outputs = ["scale_backprop", "offset_backprop", *reserves[count:]]
    scale = vector if version == "" else "float"
    return register(
        OpSpec(
            name=f"FusedBatchNormGrad{version}",
            inputs=(
                f"y_backprop: {image}",
                f"x: {image}",
                f"scale: {scale}",
                *[f"{name}: {vector}" for name in reserves[:count]],
            ),
            outputs=(f"x_backprop: {image}", *[f"{name}: {vector}" for name in outputs]),
            attrs=attrs,
            gradient=second_gradient,
            **rules,
        )
    )


FUSED_BATCH_NORM = batch_norm(
    "",
    ("T", "T"),
    ("T: {float}", *_BATCH_NORM_ATTRS),
    shape=fused_batch_norm_shape,
    kernel=fused_batch_norm_kernel,
    gradient=fused_batch_norm_gradient,
)
FUSED_BATCH_NORM_V2 = batch_norm(
    "V2",
    ("T", "U"),
    _HALVES,
    shape=fused_batch_norm_shape,
    kernel=fused_batch_norm_kernel,
    gradient=fused_batch_norm_v2_gradient,
)
FUSED_BATCH_NORM_V3 = batch_norm(
    "V3",
    ("T", "U"),
    _HALVES,
    shape=fused_batch_norm_v3_shape,
    kernel=fused_batch_norm_v3_kernel,
    gradient=fused_batch_norm_v3_gradient,
)
FUSED_BATCH_NORM_GRAD = batch_norm_grad(
    "",
    ("T", "T"),
    ("T: {float}", *_BATCH_NORM_ATTRS),
    shape=fused_batch_norm_grad_shape,
    kernel=fused_batch_norm_grad_kernel,
)
FUSED_BATCH_NORM_GRAD_V2 = batch_norm_grad(
    "V2",
    ("T", "U"),
    _HALVES,
    shape=fused_batch_norm_grad_shape,
    kernel=fused_batch_norm_grad_kernel,
)
FUSED_BATCH_NORM_GRAD_V3 = batch_norm_grad(
    "V3",
    ("T", "U"),
    _HALVES,
    shape=fused_batch_norm_grad_v3_shape,
    kernel=fused_batch_norm_grad_v3_kernel,
)


# Local response normalization (Krizhevsky and others, 2012): y = x / (bias + alpha sum x²)^beta


def lrn_shape(x: shapes.Shape) -> shapes.Shape:
    return shapes.with_rank(x, 4)


def _sum_of_neighbours(xp: Any, x: Any, radius: int) -> Any:
    """The sum over the channels that are at most `radius` away."""
    depth = x.shape[-1]
    radius = min(radius, max(0, depth - 1))
    room = xp.pad(x, [(0, 0)] * (x.ndim - 1) + [(radius, radius)])
    total = room[..., :depth]
    for start in range(1, 2 * radius + 1):
        total = total + room[..., start : start + depth]
    return total


def lrn_kernel(
    xp: Any, x: Any, *, depth_radius: int, bias: float, alpha: float, beta: float
) -> Any:
    windows.require_rank(x, 4, "in")
    return x * _lrn_scale(xp, x, depth_radius, bias, alpha) ** x.dtype.type(-beta)


def _lrn_scale(xp: Any, x: Any, radius: int, bias: float, alpha: float) -> Any:
    number = x.dtype.type
    return number(bias) + number(alpha) * _sum_of_neighbours(xp, xp.square(x), radius)


def lrn_gradient(
    op: Operation, grad: Tensor, *, depth_radius: int, bias: float, alpha: float, beta: float
) -> Grads:
    return [
        raw.LRNGrad(
            grad,
            op._inputs[0],
            op.outputs[0],
            depth_radius=depth_radius,
            bias=bias,
            alpha=alpha,
            beta=beta,
        )
    ]


def lrn_grad_shape(grad: shapes.Shape, x: shapes.Shape, y: shapes.Shape) -> shapes.Shape:
    return shapes.with_rank(shapes.merge(shapes.merge(grad, x), y), 4)


def lrn_grad_kernel(
    xp: Any,
    grad: Any,
    x: Any,
    y: Any,
    *,
    depth_radius: int,
    bias: float,
    alpha: float,
    beta: float,
) -> Any:
    """dx_i = grad_i s_i^-beta - 2 alpha beta x_i sum_j grad_j y_j / s_j, j the neighbours of i."""
    windows.require_rank(x, 4, "in")
    number = x.dtype.type
    scale = _lrn_scale(xp, x, depth_radius, bias, alpha)
    around = _sum_of_neighbours(xp, grad * y / scale, depth_radius)
    return grad * scale ** number(-beta) - number(2 * alpha * beta) * x * around


_LRN_ATTRS = (
    "depth_radius: int = 5",
    "bias: float = 1.0",
    "alpha: float = 1.0",
    "beta: float = 0.5",
    "T: {half, bfloat16, float} = DT_FLOAT",
)
LRN = register(
    OpSpec(
        name="LRN",
        inputs=("input: T",),
        outputs=("output: T",),
        attrs=_LRN_ATTRS,
        shape=lrn_shape,
        kernel=lrn_kernel,
        gradient=lrn_gradient,
    )
)
LRN_GRAD = register(
    OpSpec(
        name="LRNGrad",
        inputs=("input_grads: T", "input_image: T", "output_image: T"),
        outputs=("output: T",),
        attrs=_LRN_ATTRS,
        shape=lrn_grad_shape,
        kernel=lrn_grad_kernel,
        gradient=None,
    )
)


@export("nn.lrn", "nn.local_response_normalization")
def lrn(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
    name: str | None = None,
) -> Tensor:
    """input / (bias + alpha * s)^beta, where s sums the squares of nearby channels.

    From Krizhevsky and others, "ImageNet Classification with Deep Convolutional Neural Networks".

    Args:
        input: images [batch, height, width, channels] of float16 or float32.
        depth_radius: how far away nearby channels are.
        bias: what keeps the divisor from 0.
        alpha: the weight of the squares.
        beta: the exponent.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.nn.lrn(images, depth_radius=4, bias=1.0, alpha=0.001 / 9.0, beta=0.75)
    """
    return LRN(input, depth_radius=depth_radius, bias=bias, alpha=alpha, beta=beta, name=name)
