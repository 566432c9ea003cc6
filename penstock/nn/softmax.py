"""Softmax along any axis."""

from __future__ import annotations

from typing import Any

from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import OpSpec, raw
from penstock.graph.static_value import constant_value
from penstock.ops.old_names import renamed


@export("nn.softmax", "math.softmax")
def softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """exp(logits) / sum(exp(logits)) along an axis.

    Args:
        logits: a tensor of a floating type, of rank 1 or more.
        axis: the axis; the last one where None.
        name: a name for the operation.
        dim: the old name of `axis`.

    Returns:
        A Tensor of the same type and shape.

    Raises:
        InvalidArgumentError: there is no such axis.

    Example:
        >>> tf.nn.softmax([[1.0, 1.0]])  # [[0.5, 0.5]]
    """
    axis = renamed("axis", axis, "dim", dim)
    return _along(logits, raw.Softmax, -1 if axis is None else axis, name)


@export("nn.log_softmax", "math.log_softmax")
def log_softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """logits - log(sum(exp(logits))) along an axis.

    Args:
        logits: a tensor of a floating type, of rank 1 or more.
        axis: the axis; the last one where None.
        name: a name for the operation.
        dim: the old name of `axis`.

    Returns:
        A Tensor of the same type and shape.

    Raises:
        InvalidArgumentError: there is no such axis.

    Example:
        >>> tf.nn.log_softmax([[1.0, 1.0]])  # [[-0.693, -0.693]]
    """
    axis = renamed("axis", axis, "dim", dim)
    return _along(logits, raw.LogSoftmax, -1 if axis is None else axis, name)


def _along(logits: Any, op: OpSpec, axis: Any, name: str | None) -> Tensor:
    """The op, which works on the last axis, between two swaps of that axis with another."""
    logits = convert_to_tensor(logits)
    rank = logits.get_shape().ndims
    is_number = not isinstance(axis, Tensor)
    if is_number and (axis == -1 or (rank is not None and axis == rank - 1)):
        return op(logits, name=name)
    if rank is None:
        raise TypeError(f"softmax along axis {axis} needs logits of known rank, got {logits}")
    _check_axis(axis if is_number else constant_value(axis), rank)
    dynamic_rank = api.rank(logits)
    if not is_number:
        axis = api.where(axis < 0, axis + dynamic_rank, axis)
    elif axis < 0:
        axis = axis + dynamic_rank
    input_rank = api.rank(logits)
    axis = axis % rank
    swapped = _swap_axes(logits, axis, raw.Sub(input_rank, 1), None)
    out = _swap_axes(op(swapped), axis, raw.Sub(input_rank, 1), name)
    out.set_shape(logits.get_shape())
    return out


def _check_axis(axis: Any, rank: int) -> None:
    if axis is not None and not -rank <= axis < rank:
        raise InvalidArgumentError(
            None,
            None,
            f"Dimension ({axis}) must be in the range [{-rank}, {rank}) where {rank} is the "
            "number of dimensions in the input.",
        )


def _swap_axes(x: Tensor, axis: Any, last: Tensor, name: str | None) -> Tensor:
    order = api.concat([api.range(axis), [last], api.range(axis + 1, last), [axis]], 0)
    return api.transpose(x, order, name=name)
