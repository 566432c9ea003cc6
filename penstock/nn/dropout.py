"""Dropout."""

from __future__ import annotations

import numbers
from typing import Any

from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.public import name_scope
from penstock.graph.shapes import as_shape
from penstock.graph.static_value import constant_value
from penstock.ops.old_names import renamed


@export("nn.dropout")
def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Tensor:
    """Sets each element to 0 with probability `rate`, and scales the others by 1 / (1 - rate).

    From Srivastava and others, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".

    Args:
        x: a tensor of a floating type.
        keep_prob: 1 - rate, a number or scalar tensor; the old way to say it.
        noise_shape: the shape of the coins, broadcast to `x`; None in it is the size of `x`.
        seed: a seed for the coins.
        name: a name for the operation.
        rate: the probability that an element is dropped, a number in [0, 1) or a scalar tensor.

    Returns:
        A Tensor of the type and shape of `x`; `x` itself where `rate` is 0.

    Raises:
        ValueError: the rate is missing, given twice or out of range, or `x` is not floating.

    Example:
        >>> tf.nn.dropout(x, rate=0.5)
    """
    try:
        drop = None if keep_prob is None else 1.0 - keep_prob
    except TypeError:
        raise ValueError(
            f"keep_prob must be a floating point number or Tensor (got {keep_prob!r})"
        ) from None
    rate = renamed("rate", rate, "keep_prob", drop)
    if rate is None:
        raise ValueError("You must provide a rate to dropout.")
    return _dropout(x, rate, noise_shape, seed, name)


def _dropout(x: Any, rate: Any, noise_shape: Any, seed: int | None, name: str | None) -> Tensor:
    with name_scope(name, "dropout", [x]):
        x = convert_to_tensor(x, name="x")
        if not x.dtype.is_floating:
            raise ValueError(
                "x has to be a floating point tensor since it's going to be scaled. Got a "
                f"{x.dtype} tensor instead."
            )
        if isinstance(rate, numbers.Real) and not 0 <= float(rate) < 1:
            raise ValueError(
                f"rate must be a scalar tensor or a float in the range [0, 1), got {float(rate):g}"
            )
        if _is_written_zero(rate):
            return x
        rate = convert_to_tensor(rate, dtype=x.dtype, name="rate")
        rate.get_shape().assert_has_rank(0)
        coins = api.random_uniform(_coins_shape(x, noise_shape), seed=seed, dtype=x.dtype)
        scale = 1 / (1 - rate)
        kept = coins >= rate
        out = x * scale * api.cast(kept, x.dtype)
        out.set_shape(x.get_shape())
        return out


def _is_written_zero(rate: Any) -> bool:
    """Whether the rate is the number 0, or a constant of it; what follows from constants is not."""
    if isinstance(rate, Tensor):
        return rate.op.type == "Const" and bool((constant_value(rate) == 0).all())
    return isinstance(rate, numbers.Real) and rate == 0


def _coins_shape(x: Tensor, noise_shape: Any) -> Any:
    """The shape of the coins: as given, its unknown sizes taken from `x` where that knows them."""
    if noise_shape is None:
        return api.shape(x)
    try:
        wanted = as_shape(noise_shape)
    except (TypeError, ValueError):
        return noise_shape
    shape = x.get_shape()
    if shape.dims is None or wanted.dims is None or len(shape) != len(wanted):
        return noise_shape
    pairs = zip(wanted.as_list(), shape.as_list(), strict=True)
    return as_shape([size if size is not None else known for size, known in pairs])
