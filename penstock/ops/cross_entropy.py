"""The fused losses: cross entropy with softmax inside, and half the sum of squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.static_value import constant_value
from penstock.ops.shifted_logits import shifted_logits

_FLOATS = "T: {half, bfloat16, float, double}"
_NO_SECOND_DERIVATIVE = (
    "Currently there is no way to take the second derivative of "
    "sparse_softmax_cross_entropy_with_logits due to the fused implementation's interaction with "
    "tf.gradients()"
)


# SoftmaxCrossEntropyWithLogits


def softmax_cross_entropy_shape(features: shapes.Shape, labels: shapes.Shape) -> list[shapes.Shape]:
    both = shapes.broadcast(_matrix_or_unknown(features), _matrix_or_unknown(labels))
    assert both is not None
    if len(both) != 2:
        raise ValueError(f"Shape must be broadcasted with rank 2, but is rank {len(both)}")
    return [(both[0],), both]


def _matrix_or_unknown(shape: shapes.Shape) -> shapes.Shape:
    return (None, None) if shape is None else shape


def softmax_cross_entropy_kernel(xp: Any, features: Any, labels: Any) -> tuple[Any, Any]:
    if features.shape != labels.shape:
        features, labels = _broadcast_together(xp, features, labels)
    if features.ndim != 2:
        raise InvalidArgumentError(
            None,
            None,
            "logits and labels must be either 2-dimensional, or broadcasted to be 2-dimensional",
        )
    shifted, powers, total = _powers(xp, features)
    loss = (labels * (xp.log(total) - shifted)).sum(axis=-1)
    return loss, powers / total - labels


def _broadcast_together(xp: Any, features: Any, labels: Any) -> Any:
    try:
        return xp.broadcast_arrays(features, labels)
    except ValueError:
        raise InvalidArgumentError(
            None,
            None,
            "logits and labels must be broadcastable: "
            f"logits_size={shapes.bracket_text(features.shape)} "
            f"labels_size={shapes.bracket_text(labels.shape)}",
        ) from None


def _powers(xp: Any, logits: Any) -> tuple[Any, Any, Any]:
    """The logits less their maximum (no power overflows then), e to these, and their sum."""
    shifted = shifted_logits(logits)
    powers = xp.exp(shifted)
    return shifted, powers, powers.sum(axis=-1, keepdims=True)


def softmax_cross_entropy_gradient(
    op: Operation, grad_loss: Tensor, grad_backprop: Tensor
) -> Grads:
    """The second output is the loss's gradient by the logits; labels get -log softmax.

    Where a gradient comes to that second output, it is that of a softmax.
    """
    logits = op._inputs[0]
    grad = _times_column(grad_loss, op.outputs[1])
    if not _is_zero(grad_backprop):
        softmax = raw.Softmax(logits)
        row, column = raw.ExpandDims(grad_backprop, 1), raw.ExpandDims(softmax, 2)
        total = raw.Squeeze(raw.BatchMatMulV2(row, column, name="MatMul"), squeeze_dims=[1])
        centred = raw.Sub(grad_backprop, total, name="sub")
        grad = raw.AddV2(grad, raw.Mul(centred, softmax, name="mul"), name="add")
    return [grad, _times_column(grad_loss, raw.Neg(raw.LogSoftmax(logits)))]


def _times_column(vector: Tensor, matrix: Tensor) -> Tensor:
    return raw.Mul(raw.ExpandDims(vector, -1), matrix, name="mul")


def _is_zero(grad: Tensor) -> bool:
    if grad.op.type in ("ZerosLike", "Zeros"):
        return True
    value = constant_value(grad)
    return value is not None and not np.any(value)


SOFTMAX_CROSS_ENTROPY = register(
    OpSpec(
        name="SoftmaxCrossEntropyWithLogits",
        inputs=("features: T", "labels: T"),
        outputs=("loss: T", "backprop: T"),
        attrs=(_FLOATS,),
        shape=softmax_cross_entropy_shape,
        kernel=softmax_cross_entropy_kernel,
        gradient=softmax_cross_entropy_gradient,
    )
)


# SparseSoftmaxCrossEntropyWithLogits


def sparse_softmax_cross_entropy_shape(
    features: shapes.Shape, labels: shapes.Shape
) -> list[shapes.Shape]:
    rows, classes = shapes.with_rank(features, 2)
    (count,) = shapes.with_rank(labels, 1)
    if None not in (rows, count) and rows != count:
        raise ValueError(f"Dimensions must be equal, but are {rows} and {count}")
    rows = count if rows is None else rows
    return [(rows,), (rows, classes)]


def sparse_softmax_cross_entropy_kernel(features: Any, labels: Any) -> tuple[Any, Any]:
    _check_sparse_shapes(features, labels)
    _check_labels(labels, features.shape[1])
    shifted, powers, total = _powers(np, features)
    at_label = (np.arange(len(labels)), labels)
    backprop = powers / total
    loss = np.log(total[:, 0]) - shifted[at_label]
    backprop[at_label] -= 1
    return loss, backprop


def sparse_softmax_cross_entropy_xla(features: Any, labels: Any) -> tuple[Any, Any]:
    import jax.numpy as jnp

    _check_sparse_shapes(features, labels)
    shifted, powers, total = _powers(jnp, features)
    one_hot = jnp.arange(features.shape[1], dtype=labels.dtype) == labels[:, None]
    valid = one_hot.any(axis=-1, keepdims=True)
    loss = jnp.log(total) - jnp.where(one_hot, shifted, 0).sum(axis=-1, keepdims=True)
    backprop = powers / total - one_hot.astype(features.dtype)
    return jnp.where(valid, loss, jnp.nan)[:, 0], jnp.where(valid, backprop, jnp.nan)


def _check_sparse_shapes(features: Any, labels: Any) -> None:
    problem = None
    if features.ndim != 2:
        problem = f"logits must be 2-D, but got shape {shapes.bracket_text(features.shape)}"
    elif labels.ndim != 1:
        problem = f"labels must be 1-D, but got shape {shapes.bracket_text(labels.shape)}"
    elif features.shape[0] != labels.shape[0]:
        problem = (
            "logits and labels must have the same first dimension, got logits shape "
            f"{shapes.bracket_text(features.shape)} "
            f"and labels shape {shapes.bracket_text(labels.shape)}"
        )
    elif features.shape[1] == 0:
        shown = shapes.bracket_text(features.shape)
        problem = f"Must have at least one class, but got logits shape {shown}"
    if problem is not None:
        raise InvalidArgumentError(None, None, problem)


def _check_labels(labels: Any, classes: int) -> None:
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        shown = " ".join([str(label) for label in labels.tolist()])
        raise InvalidArgumentError(
            None,
            None,
            f"Received a label value of {labels[outside][0]} which is outside the valid range of "
            f"[0, {classes}).  Label values: {shown}",
        )


def sparse_softmax_cross_entropy_gradient(
    op: Operation, grad_loss: Tensor, grad_backprop: Tensor
) -> Grads:
    """The second output is the gradient by the logits; nothing may flow back through it."""
    backprop = raw.PreventGradient(op.outputs[1], message=_NO_SECOND_DERIVATIVE)
    return [_times_column(grad_loss, backprop), None]


# Two kernels: the compiled one cannot raise; it gives NaN for a label that is no class, as TF does
# on accelerators.
SPARSE_SOFTMAX_CROSS_ENTROPY = register(
    OpSpec(
        name="SparseSoftmaxCrossEntropyWithLogits",
        inputs=("features: T", "labels: Tlabels"),
        outputs=("loss: T", "backprop: T"),
        attrs=(_FLOATS, "Tlabels: {int32, int64} = DT_INT64"),
        shape=sparse_softmax_cross_entropy_shape,
        kernel=sparse_softmax_cross_entropy_kernel,
        xla_kernel=sparse_softmax_cross_entropy_xla,
        gradient=sparse_softmax_cross_entropy_gradient,
    )
)


# L2Loss


def scalar_shape(t: shapes.Shape) -> shapes.Shape:
    return ()


def l2_loss_kernel(xp: Any, t: Any) -> Any:
    return xp.square(t).sum(dtype=t.dtype) / 2


def l2_loss_gradient(op: Operation, grad: Tensor) -> Grads:
    return [raw.Mul(op._inputs[0], grad, name="mul")]


L2_LOSS = register(
    OpSpec(
        name="L2Loss",
        inputs=("t: T",),
        outputs=("output: T",),
        attrs=(_FLOATS,),
        shape=scalar_shape,
        kernel=l2_loss_kernel,
        gradient=l2_loss_gradient,
    )
)


@export("nn.l2_loss")
def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """Half the sum of the squares of the elements.

    Args:
        t: a tensor of a floating type.
        name: a name for the operation.

    Returns:
        A scalar Tensor of the same type.

    Example:
        >>> tf.nn.l2_loss([3.0, 4.0])  # 12.5
    """
    return L2_LOSS(t, name=name)
