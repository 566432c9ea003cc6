"""Cross entropies and other losses of logits."""

from __future__ import annotations

import math
from typing import Any

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import control_dependencies, name_scope
from penstock.ops.old_names import renamed

_HALVES = (dtypes.float16, dtypes.bfloat16)


def _require_names(function: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise ValueError(
            f"Only call `{function}` with named arguments (labels=..., logits=..., ...)"
        )
    if labels is None or logits is None:
        raise ValueError("Both labels and logits must be provided.")


# Softmax


@export("nn.softmax_cross_entropy_with_logits_v2")
def softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, axis: Any = None, name: str | None = None, dim: Any = None
) -> Tensor:
    """The cross entropy of class distributions and the softmax of logits; gradients reach both.

    Args:
        labels: the true distribution along `axis`, of the shape of `logits`.
        logits: unscaled log probabilities, of a floating type.
        axis: the axis of the classes; the last one where None.
        name: a name for the operation.
        dim: the old name of `axis`.

    Returns:
        A Tensor of the type of `logits`, without the axis of the classes.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> tf.nn.softmax_cross_entropy_with_logits_v2([[1.0, 0.0]], [[0.0, 0.0]])  # [0.693]
    """
    axis = renamed("axis", axis, "dim", dim)
    axis = -1 if axis is None else axis
    with name_scope(name, "softmax_cross_entropy_with_logits", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        precise = api.cast(logits, "float32") if logits.dtype in _HALVES else logits
        labels = api.cast(labels, precise.dtype)
        rank, shape = api.rank(precise), logits.get_shape()
        if axis != -1:
            precise, labels = _to_end(precise, axis, rank), _to_end(labels, axis, rank)
        full_shape = api.shape(precise)
        precise, labels = _as_matrix(precise), _as_matrix(labels)
        cost, _ = raw.SoftmaxCrossEntropyWithLogits(precise, labels, name=scope)
        cost = api.reshape(cost, api.slice(full_shape, [0], [raw.Sub(rank, 1)]))
        if shape.ndims is not None:
            sizes = shape.as_list()
            del sizes[axis]
            cost.set_shape(sizes)
        return api.cast(cost, logits.dtype)


def _to_end(x: Tensor, axis: int, rank: Tensor) -> Tensor:
    order = api.concat([api.range(axis), api.range(axis + 1, rank), [axis]], 0)
    return api.transpose(x, order)


def _as_matrix(x: Tensor) -> Tensor:
    """All axes but the last made one."""
    rank = api.rank(x)
    last = api.slice(api.shape(x), [raw.Sub(rank, 1)], [1])
    matrix = api.reshape(x, api.concat([[-1], last], 0))
    shape = x.get_shape()
    if shape.ndims is not None:
        matrix.set_shape([shape[:-1].num_elements(), shape[-1]])
    return matrix


@export("nn.softmax_cross_entropy_with_logits")
def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: Any = -1,
    name: str | None = None,
    axis: Any = None,
) -> Tensor:
    """The cross entropy of class distributions and the softmax of logits; labels get no gradient.

    Args:
        _sentinel: catches positional arguments; leave it out.
        labels: the true distribution along `dim`, of the shape of `logits`.
        logits: unscaled log probabilities, of a floating type.
        dim: the axis of the classes.
        name: a name for the operation.
        axis: the new name of `dim`.

    Returns:
        A Tensor of the type of `logits`, without the axis of the classes.

    Raises:
        ValueError: labels and logits were not both given by name, or do not fit.

    Example:
        >>> tf.nn.softmax_cross_entropy_with_logits(labels=[[1.0, 0.0]], logits=[[0.0, 0.0]])
    """
    axis = dim if axis is None else axis
    _require_names("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "softmax_cross_entropy_with_logits_sg", [logits, labels]) as scope:
        labels = api.stop_gradient(labels, name="labels_stop_gradient")
    return softmax_cross_entropy_with_logits_v2(labels, logits, axis=axis, name=scope)


@export("nn.sparse_softmax_cross_entropy_with_logits")
def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """The cross entropy of class numbers and the softmax of logits.

    Args:
        _sentinel: catches positional arguments; leave it out.
        labels: int32 or int64 class numbers, of the shape of `logits` without its last axis.
        logits: unscaled log probabilities [..., classes], of a floating type.
        name: a name for the operation.

    Returns:
        A Tensor of the type of `logits` and the shape of `labels`.

    Raises:
        ValueError: labels and logits were not both given by name, or do not fit.
        InvalidArgumentError: in a run, a label is no class.

    Example:
        >>> tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1], logits=[[0.0, 0.0]])
    """
    _require_names("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "SparseSoftmaxCrossEntropyWithLogits", [labels, logits]):
        labels = convert_to_tensor(labels)
        logits = convert_to_tensor(logits)
        precise = api.cast(logits, "float32") if logits.dtype in _HALVES else logits
        labels_shape = api.shape(labels)
        known = _check_sparse_shapes(labels, logits)
        if logits.get_shape().ndims == 2:
            cost, _ = raw.SparseSoftmaxCrossEntropyWithLogits(precise, labels, name=name)
            return api.cast(cost, logits.dtype)
        checks = []
        if not known:
            checks.append(_assert_equal(api.shape(labels), api.shape(logits)[:-1]))
        with control_dependencies(checks):
            classes = api.shape(logits)[api.rank(logits) - 1]
            rows = api.reshape(precise, [-1, classes])
            flat = api.reshape(labels, [-1])
            cost, _ = raw.SparseSoftmaxCrossEntropyWithLogits(rows, flat, name=name)
            cost = api.reshape(cost, labels_shape)
            cost.set_shape(labels.get_shape())
            return api.cast(cost, logits.dtype)


def _assert_equal(x: Tensor, y: Tensor) -> Operation:
    """An operation that fails where two shapes differ in a run."""
    with name_scope(None, "assert_equal", [x, y]):
        pass  # TensorFlow opens this scope twice: what follows is named assert_equal_1
    with name_scope(None, "assert_equal", [x, y]):
        condition = api.reduce_all(api.equal(x, y))
        shown = ["Condition x == y did not hold element-wise:", f"x ({x.name}) = ", x]
        return api.Assert(condition, [*shown, f"y ({y.name}) = ", y])


def _check_sparse_shapes(labels: Tensor, logits: Tensor) -> bool:
    """Whether all sizes are known; raises ValueError where they do not fit."""
    labels_shape, shape = labels.get_shape(), logits.get_shape()
    if shape.ndims == 0:
        raise ValueError(f"Logits cannot be scalars - received shape {shape}.")
    if shape.ndims is None:
        return False
    if labels_shape.ndims is not None and labels_shape.ndims != shape.ndims - 1:
        raise ValueError(
            f"Rank mismatch: Rank of labels (received {labels_shape.ndims}) should equal rank of "
            f"logits minus 1 (received {shape.ndims})."
        )
    known = labels_shape.is_fully_defined() and shape[:-1].is_fully_defined()
    if known and labels_shape != shape[:-1]:
        raise ValueError(
            f"Shape mismatch: The shape of labels (received {labels_shape}) should equal the "
            f"shape of logits except for the last dimension (received {shape})."
        )
    return known


# Sigmoid


@export("nn.sigmoid_cross_entropy_with_logits")
def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """The cross entropy of labels z and the sigmoid of logits x: max(x, 0) - xz + log(1 + e^-|x|).

    Args:
        _sentinel: catches positional arguments; leave it out.
        labels: probabilities, of the type and shape of `logits`.
        logits: a tensor of a floating type.
        name: a name for the operation.

    Returns:
        A Tensor of the type and shape of `logits`.

    Raises:
        ValueError: labels and logits were not both given by name, or do not fit.

    Example:
        >>> tf.nn.sigmoid_cross_entropy_with_logits(labels=[1.0], logits=[0.0])  # [0.693]
    """
    _require_names("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        _require_same_shape("logits", logits, "labels", labels)
        zeros = api.zeros_like(logits, dtype=logits.dtype)
        positive = logits >= zeros
        relu = api.where(positive, logits, zeros)
        minus_abs = api.where(positive, -logits, logits)
        return raw.Add(relu - logits * labels, raw.Log1p(raw.Exp(minus_abs)), name=scope)


@export("nn.weighted_cross_entropy_with_logits")
def weighted_cross_entropy_with_logits(
    labels: Any = None,
    logits: Any = None,
    pos_weight: Any = None,
    name: str | None = None,
    targets: Any = None,
) -> Tensor:
    """Sigmoid cross entropy whose positive part is weighted: -q z log s(x) - (1 - z) log(1 - s(x)).

    Args:
        labels: probabilities, of the type and shape of `logits`.
        logits: a tensor of a floating type.
        pos_weight: the weight q, a number or tensor.
        name: a name for the operation.
        targets: the old name of `labels`.

    Returns:
        A Tensor of the type and shape of `logits`.

    Raises:
        ValueError: labels and logits do not fit.

    Example:
        >>> tf.nn.weighted_cross_entropy_with_logits([1.0], [0.0], pos_weight=2.0)  # [1.386]
    """
    labels = renamed("labels", labels, "targets", targets)
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        _require_same_shape("logits", logits, "labels", labels)
        weight = 1 + (pos_weight - 1) * labels
        return raw.Add(
            (1 - labels) * logits,
            weight * (raw.Log1p(raw.Exp(-api.abs(logits))) + raw.Relu(-logits)),
            name=scope,
        )


def _require_same_shape(first_name: str, first: Tensor, second_name: str, second: Tensor) -> None:
    shape, other = first.get_shape(), second.get_shape()
    if not shape.is_compatible_with(other):
        raise ValueError(
            f"{first_name} and {second_name} must have the same shape ({shape} vs {other})"
        )


# Poisson


@export("nn.log_poisson_loss")
def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Tensor:
    """The negative log likelihood of counts z with Poisson rates e^c: e^c - z c.

    Args:
        targets: the counts z, of the type and shape of `log_input`.
        log_input: the logarithms c of the rates.
        compute_full_loss: add Stirling's approximation of log(z!), which has no gradient by c.
        name: a name for the operation.

    Returns:
        A Tensor of the type and shape of `log_input`.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> tf.nn.log_poisson_loss([1.0], [0.0])  # [1]
    """
    with name_scope(name, "log_poisson_loss", [log_input, targets]):
        log_input = convert_to_tensor(log_input, name="log_input")
        targets = convert_to_tensor(targets, name="targets")
        _require_same_shape("log_input", log_input, "targets", targets)
        result = raw.Exp(log_input) - log_input * targets
        if compute_full_loss:
            result = result + _log_factorial(targets)
        return result


def _log_factorial(z: Tensor) -> Tensor:
    """Stirling's z log z - z + log(2 pi z) / 2, and 0 where z is from 0 to 1."""
    half = api.constant(0.5, dtype=z.dtype)
    two_pi = api.constant(2 * math.pi, dtype=z.dtype)
    stirling = z * raw.Log(z) - z + half * raw.Log(two_pi * z)
    zeros = api.zeros_like(z, dtype=z.dtype)
    ones = api.ones_like(z, dtype=z.dtype)
    small = raw.LogicalAnd(z >= zeros, z <= ones)
    return api.where(small, zeros, stirling)
