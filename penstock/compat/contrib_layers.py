"""What programs use of tf.contrib.layers beside layers: its initializers and regularizers."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

from penstock.graph import dtypes
from penstock.graph.collections import GraphKeys
from penstock.graph.export import api, export, export_as
from penstock.graph.operation import Tensor
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.ops.init_ops import fans


@export("contrib.layers.variance_scaling_initializer")
def variance_scaling_initializer(
    factor: float = 2.0,
    mode: str = "FAN_IN",
    uniform: bool = False,
    seed: Any = None,
    dtype: Any = dtypes.float32,
) -> Callable[..., Tensor]:
    """An initializer whose random numbers have the variance factor / n.

    Args:
        factor: the factor.
        mode: what n is: "FAN_IN", "FAN_OUT" or "FAN_AVG".
        uniform: draw evenly; else from a truncated normal distribution.
        seed: a seed; see `tf.set_random_seed`.
        dtype: the floating type where the call gives none.

    Returns:
        A function of (shape, dtype, partition_info).

    Raises:
        TypeError: `dtype` is no floating type, or the mode is none of those.

    Example:
        >>> w = tf.get_variable("w", [3, 4], initializer=variance_scaling_initializer())
    """
    if not dtypes.as_dtype(dtype).is_floating:
        raise TypeError("Cannot create initializer for non-floating point type.")
    if mode not in ("FAN_IN", "FAN_OUT", "FAN_AVG"):
        raise TypeError("Unknown mode %s [FAN_IN, FAN_OUT, FAN_AVG]", mode)
    default_dtype = dtype

    def initializer(shape: Any, dtype: Any = default_dtype, partition_info: Any = None) -> Tensor:
        inputs, outputs = fans(shape)
        size = {"FAN_IN": inputs, "FAN_OUT": outputs, "FAN_AVG": (inputs + outputs) / 2.0}[mode]
        if uniform:
            limit = math.sqrt(3.0 * factor / size)
            return api.random_uniform(shape, -limit, limit, dtype, seed=seed)
        # 1.3 makes up for the variance that the cut-off tails take away
        stddev = math.sqrt(1.3 * factor / size)
        return api.truncated_normal(shape, 0.0, stddev, dtype, seed=seed)

    return initializer


@export("contrib.layers.xavier_initializer")
def xavier_initializer(
    uniform: bool = True, seed: Any = None, dtype: Any = dtypes.float32
) -> Callable[..., Tensor]:
    """An initializer with variance 2 / (inputs + outputs) (Glorot and Bengio, 2010).

    Args:
        uniform: draw evenly; else from a truncated normal distribution.
        seed: a seed; see `tf.set_random_seed`.
        dtype: the floating type where the call gives none.

    Returns:
        A function of (shape, dtype, partition_info).

    Example:
        >>> w = tf.get_variable("w", [3, 4], initializer=xavier_initializer())
    """
    return variance_scaling_initializer(1.0, "FAN_AVG", uniform, seed, dtype)


export_as("contrib.layers.xavier_initializer_conv2d", xavier_initializer)


def _check_scale(scale: Any, name: str = "scale") -> None:
    if isinstance(scale, numbers.Integral):
        raise ValueError(f"{name} cannot be an integer: {scale}")
    if isinstance(scale, numbers.Real) and scale < 0.0:
        raise ValueError(f"Setting a scale less than 0 on a regularizer: {scale}.")


def _nothing(_: Any) -> None:
    return None


@export("contrib.layers.l1_regularizer")
def l1_regularizer(scale: Any, scope: str | None = None) -> Callable[[Any], Tensor | None]:
    """A regularizer that adds scale * sum(|w|).

    Args:
        scale: a float, not negative; 0.0 adds nothing.
        scope: a name scope for its operations.

    Returns:
        A function from weights to a scalar.

    Raises:
        ValueError: the scale is negative or an integer.

    Example:
        >>> w = tf.get_variable("w", [3, 4], regularizer=l1_regularizer(0.01))
    """
    _check_scale(scale)
    if scale == 0.0:
        return _nothing

    def l1(weights: Any) -> Tensor:
        with name_scope(scope, "l1_regularizer", [weights]) as name:
            factor = api.convert_to_tensor(scale, dtype=weights.dtype.base_dtype, name="scale")
            return api.multiply(factor, api.reduce_sum(api.abs(weights)), name=name)

    return l1


@export("contrib.layers.l2_regularizer")
def l2_regularizer(scale: Any, scope: str | None = None) -> Callable[[Any], Tensor | None]:
    """A regularizer that adds scale * sum(w * w) / 2.

    Args:
        scale: a float, not negative; 0.0 adds nothing.
        scope: a name scope for its operations.

    Returns:
        A function from weights to a scalar.

    Raises:
        ValueError: the scale is negative or an integer.

    Example:
        >>> w = tf.get_variable("w", [3, 4], regularizer=l2_regularizer(0.01))
    """
    _check_scale(scale)
    if scale == 0.0:
        return _nothing

    def l2(weights: Any) -> Tensor:
        with name_scope(scope, "l2_regularizer", [weights]) as name:
            factor = api.convert_to_tensor(scale, dtype=weights.dtype.base_dtype, name="scale")
            return api.multiply(factor, api.nn.l2_loss(weights), name=name)

    return l2


@export("contrib.layers.l1_l2_regularizer")
def l1_l2_regularizer(
    scale_l1: Any = 1.0, scale_l2: Any = 1.0, scope: str | None = None
) -> Callable[[Any], Tensor | None]:
    """A regularizer that adds scale_l1 * sum(|w|) + scale_l2 * sum(w * w) / 2.

    Args:
        scale_l1, scale_l2: floats, not negative; 0.0 leaves a term out.
        scope: a name scope for its operations.

    Returns:
        A function from weights to a scalar.

    Raises:
        ValueError: a scale is negative or an integer.

    Example:
        >>> w = tf.get_variable("w", [3, 4], regularizer=l1_l2_regularizer(0.01, 0.001))
    """
    _check_scale(scale_l1, "scale_l1")
    _check_scale(scale_l2, "scale_l2")
    scope = scope or "l1_l2_regularizer"
    if scale_l1 == 0.0:
        return l2_regularizer(scale_l2, scope)
    if scale_l2 == 0.0:
        return l1_regularizer(scale_l1, scope)
    return sum_regularizer([l1_regularizer(scale_l1), l2_regularizer(scale_l2)], scope)


@export("contrib.layers.sum_regularizer")
def sum_regularizer(
    regularizer_list: Any, scope: str | None = None
) -> Callable[[Any], Tensor | None]:
    """A regularizer that adds what several add.

    Args:
        regularizer_list: regularizers; None stands for one that adds nothing.
        scope: a name scope for its operations.

    Returns:
        A function from weights to a scalar, or to None.

    Example:
        >>> both = sum_regularizer([l1_regularizer(0.01), l2_regularizer(0.1)])
    """
    regularizers = [regularizer for regularizer in regularizer_list if regularizer is not None]
    if not regularizers:
        return _nothing

    def total(weights: Any) -> Tensor | None:
        with name_scope(scope, "sum_regularizer", [weights]) as name:
            terms = [term for term in (r(weights) for r in regularizers) if term is not None]
            return api.add_n(terms, name=name) if terms else None

    return total


@export("contrib.layers.apply_regularization")
def apply_regularization(regularizer: Any, weights_list: Any = None) -> Tensor:
    """The sum of what a regularizer adds for several weights; also put in the collection of losses.

    Args:
        regularizer: a function from weights to a scalar or None.
        weights_list: the weights; the collection "weights" where None or empty.

    Returns:
        A scalar Tensor.

    Raises:
        ValueError: the regularizer gave something that is no scalar.

    Example:
        >>> penalty = apply_regularization(l2_regularizer(0.01), [w1, w2])
    """
    graph = default_graph()
    weights_list = weights_list or graph.get_collection(GraphKeys.WEIGHTS)
    with name_scope("get_regularization_penalty", values=weights_list) as scope:
        penalties = [regularizer(weights) for weights in weights_list]
        penalties = [api.constant(0.0) if penalty is None else penalty for penalty in penalties]
        for penalty in penalties:
            if penalty._shape != ():
                raise ValueError(
                    "regularizer must return a scalar Tensor instead of a Tensor with "
                    f"rank {penalty._rank()}."
                )
        if penalties:
            total = api.add_n(penalties, name=scope)
        else:
            total = api.constant(0.0, name=scope)
    graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, total)
    return total
