"""Moments of tensors, and what is normalized by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.ops.old_names import renamed

_LEAST_EPSILON = 1.001e-5  # what cuDNN demands; TensorFlow raises a lesser epsilon to it


# Moments


@export("nn.moments")
def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Mean and variance of `x` over some axes.

    Args:
        x: a tensor of a floating type.
        axes: the axes, an int or a list of ints.
        shift: not used.
        name: a name for the operation.
        keep_dims: the old name of `keepdims`.
        keepdims: keep the axes, with size 1.

    Returns:
        Two Tensors of the type of `x`.

    Example:
        >>> mean, variance = tf.nn.moments(x, axes=[0])
    """
    keep = bool(renamed("keepdims", keepdims, "keep_dims", keep_dims))
    with name_scope(name, "moments", [x, axes]):
        y = api.cast(x, "float32") if x.dtype == dtypes.float16 else x
        mean = api.reduce_mean(y, axes, keepdims=True, name="mean")
        deviations = raw.SquaredDifference(y, api.stop_gradient(mean))
        variance = api.reduce_mean(deviations, axes, keepdims=True, name="variance")
        if not keep:
            mean, variance = api.squeeze(mean, axes), api.squeeze(variance, axes)
        if x.dtype == dtypes.float16:
            return api.cast(mean, "float16"), api.cast(variance, "float16")
        return mean, variance


@export("nn.weighted_moments")
def weighted_moments(
    x: Any,
    axes: Any,
    frequency_weights: Any,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Mean and variance of `x` over some axes, each element counted as often as its weight says.

    Args:
        x: a tensor of a floating type.
        axes: the axes, a list of ints.
        frequency_weights: weights that broadcast with `x`.
        name: a name for the operation.
        keep_dims: the old name of `keepdims`.
        keepdims: keep the axes, with size 1.

    Returns:
        Two Tensors of the type of `x`.

    Example:
        >>> mean, variance = tf.nn.weighted_moments(x, [0], weights)
    """
    keep = bool(renamed("keepdims", keepdims, "keep_dims", keep_dims))
    with name_scope(name, "weighted_moments", [x, frequency_weights, axes]):
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(frequency_weights, name="frequency_weights")
        half = x.dtype == dtypes.float16
        if half:
            x = api.cast(x, "float32")
        if weights.dtype != x.dtype:
            weights = api.cast(weights, x.dtype)
        total = _sum(weights * x, axes, "weighted_input_sum")
        spread_weights = weights + api.zeros_like(x)
        inverse = api.reciprocal(
            _sum(spread_weights, axes, "sum_of_weights"), name="inv_weight_sum"
        )
        mean = raw.Mul(total, inverse)
        deviations = weights * raw.SquaredDifference(x, mean)
        variance = raw.Mul(_sum(deviations, axes, "weighted_distsq"), inverse)
        if not keep:
            mean, variance = api.squeeze(mean, axis=axes), api.squeeze(variance, axis=axes)
        if half:
            return api.cast(mean, "float16"), api.cast(variance, "float16")
        return mean, variance


def _sum(x: Tensor, axes: Any, name: str) -> Tensor:
    return api.reduce_sum(x, axes, name=name, keepdims=True)


@export("nn.sufficient_statistics")
def sufficient_statistics(
    x: Any,
    axes: Any,
    shift: Any = None,
    keep_dims: bool | None = None,
    name: str | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor, Tensor, Any]:
    """What mean and variance can be computed from: count, sum and sum of squares.

    Args:
        x: a tensor of a floating type.
        axes: the axes, a list of ints.
        shift: a value near the mean to subtract first, for precision.
        keep_dims: the old name of `keepdims`.
        name: a name for the operation.
        keepdims: keep the axes, with size 1.

    Returns:
        The count, the sum, the sum of squares, and the shift.

    Example:
        >>> count, total, squares, shift = tf.nn.sufficient_statistics(x, [0])
    """
    keep = bool(renamed("keepdims", keepdims, "keep_dims", keep_dims))
    axes = sorted(set(axes))
    with name_scope(name, "sufficient_statistics", [x, shift]):
        x = convert_to_tensor(x, name="x")
        count = _count(x, axes)
        if shift is None:
            values, squares = x, raw.Square(x)
        else:
            shift = convert_to_tensor(shift, name="shift")
            values = raw.Sub(x, shift)
            squares = raw.SquaredDifference(x, shift)
        total = api.reduce_sum(values, axes, keepdims=keep, name="mean_ss")
        total_squares = api.reduce_sum(squares, axes, keepdims=keep, name="var_ss")
    return count, total, total_squares, shift


def _count(x: Tensor, axes: Sequence[int]) -> Tensor:
    shape = x.get_shape()
    sizes = None if shape.ndims is None else [shape[axis].value for axis in axes]
    if sizes is not None and None not in sizes:
        count = 1
        for size in sizes:
            count *= size
        return api.constant(count, dtype=x.dtype)
    chosen = api.gather(api.cast(api.shape(x), x.dtype), list(axes))
    return api.reduce_prod(chosen, name="count")


@export("nn.normalize_moments")
def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and variance from `sufficient_statistics`.

    Args:
        counts: a scalar of a floating type.
        mean_ss: the sums.
        variance_ss: the sums of squares.
        shift: what was subtracted first, or None.
        name: a name for the operation.

    Returns:
        Two Tensors: mean and variance.

    Example:
        >>> mean, variance = tf.nn.normalize_moments(*tf.nn.sufficient_statistics(x, [0]))
    """
    with name_scope(name, "normalize", [counts, mean_ss, variance_ss, shift]):
        divisor = api.reciprocal(counts, name="divisor")
        if shift is None:
            shifted = mean = raw.Mul(mean_ss, divisor, name="mean")
        else:
            shifted = raw.Mul(mean_ss, divisor, name="shifted_mean")
            mean = raw.Add(shifted, shift, name="mean")
        squares = raw.Mul(variance_ss, divisor)
        variance = raw.Sub(squares, raw.Square(shifted), name="variance")
    return mean, variance


# Normalization


@export("nn.batch_normalization")
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: float,
    name: str | None = None,
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset (Ioffe and Szegedy, 2015).

    Args:
        x: a tensor of a floating type.
        mean: the mean, of a shape that broadcasts with `x`.
        variance: the variance, likewise.
        offset: what is added at the end, or None.
        scale: what is multiplied with, or None.
        variance_epsilon: what keeps the divisor from 0.
        name: a name for the operation.

    Returns:
        A Tensor of the type and shape of `x`.

    Example:
        >>> tf.nn.batch_normalization(x, *tf.nn.moments(x, [0]), None, None, 1e-3)
    """
    with name_scope(name, "batchnorm", [x, mean, variance, scale, offset]):
        inverse = api.rsqrt(variance + variance_epsilon)
        if scale is not None:
            inverse = inverse * scale
        scaled = x * api.cast(inverse, x.dtype)
        shift = offset - mean * inverse if offset is not None else -mean * inverse
        return scaled + api.cast(shift, x.dtype)


@export("nn.batch_norm_with_global_normalization")
def batch_norm_with_global_normalization(
    t: Any = None,
    m: Any = None,
    v: Any = None,
    beta: Any = None,
    gamma: Any = None,
    variance_epsilon: Any = None,
    scale_after_normalization: bool | None = None,
    name: str | None = None,
    input: Any = None,
    mean: Any = None,
    variance: Any = None,
) -> Tensor:
    """Batch normalization by the older names of the arguments; see `batch_normalization`.

    Args:
        t, input: the images.
        m, mean: the means.
        v, variance: the variances.
        beta: the offset.
        gamma: the scale.
        variance_epsilon: what keeps the divisor from 0.
        scale_after_normalization: multiply with `gamma`.
        name: a name for the operation.

    Returns:
        A Tensor of the type and shape of the images.

    Example:
        >>> tf.nn.batch_norm_with_global_normalization(x, mean, var, beta, gamma, 1e-3, True)
    """
    t = renamed("input", input, "t", t)
    m = renamed("mean", mean, "m", m)
    v = renamed("variance", variance, "v", v)
    scale = gamma if scale_after_normalization else None
    return batch_normalization(t, m, v, beta, scale, variance_epsilon, name)


@export("nn.fused_batch_norm")
def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str = "NHWC",
    is_training: bool = True,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalization of images in one operation.

    Args:
        x: images of float16 or float32, in the order of `data_format`.
        scale: a float32 vector, one number a channel.
        offset: likewise.
        mean: the mean to use outside training; None in training.
        variance: the variance to use outside training; None in training.
        epsilon: what keeps the divisor from 0.
        data_format: "NHWC" or "NCHW".
        is_training: use the mean and variance of the batch itself.
        name: a name for the operation.

    Returns:
        The normalized images, and the mean and (unbiased) variance of the batch.

    Raises:
        ValueError: a mean or variance is given in training, or shapes do not fit.

    Example:
        >>> y, mean, variance = tf.nn.fused_batch_norm(images, scale, offset)
    """
    if is_training and (mean is not None or variance is not None):
        raise ValueError("Both 'mean' and 'variance' must be None if is_training is True.")
    x = convert_to_tensor(x, name="input")
    scale = convert_to_tensor(scale, name="scale")
    offset = convert_to_tensor(offset, name="offset")
    mean = api.constant([], dtype="float32") if mean is None else mean
    variance = api.constant([], dtype="float32") if variance is None else variance
    outputs = raw.FusedBatchNormV3(
        x,
        scale,
        offset,
        mean,
        variance,
        epsilon=max(epsilon, _LEAST_EPSILON),
        data_format=data_format,
        is_training=is_training,
        name=name,
    )
    return outputs[0], outputs[1], outputs[2]


@export("nn.l2_normalize", "linalg.l2_normalize", "math.l2_normalize")
def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None
) -> Tensor:
    """x / sqrt(max(sum(x²), epsilon)), the sum taken over `axis`.

    Args:
        x: a tensor of a floating type.
        axis: an axis, a list of them, or None for all.
        epsilon: the least that is divided by the root of.
        name: a name for the operation.
        dim: the old name of `axis`.

    Returns:
        A Tensor of the type and shape of `x`.

    Example:
        >>> tf.nn.l2_normalize([3.0, 4.0], 0)  # [0.6, 0.8]
    """
    axis = renamed("axis", axis, "dim", dim)
    with name_scope(name, "l2_normalize", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        squares = api.reduce_sum(raw.Square(x), axis, keepdims=True)
        inverse = api.rsqrt(raw.Maximum(squares, epsilon))
        return raw.Mul(x, inverse, name=scope)
