"""Counts: `tf.bincount` and `tf.confusion_matrix`."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import OpSpec, raw, register
from penstock.graph.public import name_scope


def bincount_shape(arr: shapes.Shape, size: Any, weights: shapes.Shape) -> shapes.Shape:
    return (None if size is None else int(size),)


def bincount_kernel(xp: Any, arr: Any, size: Any, weights: Any) -> Any:
    flat = arr.ravel()
    if flat.size and flat.min() < 0:
        raise InvalidArgumentError(None, None, "Input arr must be non-negative!")
    counted = flat < size
    weight = weights.ravel()[counted] if weights.size else None
    counts = np.bincount(flat[counted], weight, minlength=int(size))
    return counts.astype(weights.dtype)


def bincount_xla_kernel(xp: Any, arr: Any, size: Any, weights: Any) -> Any:
    """XLA scatters, and drops what is out of range."""
    weight = weights.ravel() if weights.size else 1
    zeros = xp.zeros(int(size), weights.dtype)
    return zeros.at[arr.ravel()].add(weight, mode="drop")


BINCOUNT = register(
    OpSpec(
        name="Bincount",
        inputs=("arr: int32", "size: int32", "weights: T"),
        outputs=("bins: T",),
        attrs=("T: {int32, int64, float, double}",),
        static_inputs=("size",),
        shape=bincount_shape,
        kernel=bincount_kernel,
        xla_kernel=bincount_xla_kernel,
        gradient=None,
    )
)


@export("bincount", "math.bincount")
def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = dtypes.int32,
) -> Tensor:
    """How often each number from 0 on occurs.

    Args:
        arr: a tensor of int32 that holds no negative numbers.
        weights: what each occurrence counts, of the shape of `arr`; 1 where None.
        minlength: count at least up to this number.
        maxlength: leave out this number and larger ones.
        dtype: the type of the result where there are no weights.

    Returns:
        A vector of `dtype`, or of the type of `weights`.

    Raises:
        InvalidArgumentError: when run, a number is negative.

    Example:
        >>> tf.bincount([1, 1, 3])  # [0, 2, 0, 1]
    """
    with name_scope(None, "bincount", [arr, weights]):
        arr = convert_to_tensor(arr, name="arr", dtype=dtypes.int32)
        not_empty = api.reduce_prod(api.shape(arr)) > 0
        size = api.cast(not_empty, dtypes.int32) * (api.reduce_max(arr) + 1)
        if minlength is not None:
            least = convert_to_tensor(minlength, name="minlength", dtype=dtypes.int32)
            size = raw.Maximum(least, size)
        if maxlength is not None:
            most = convert_to_tensor(maxlength, name="maxlength", dtype=dtypes.int32)
            size = raw.Minimum(most, size)
        if weights is None:
            return BINCOUNT(arr, size, api.constant([], dtypes.as_dtype(dtype)))
        weights = convert_to_tensor(weights, name="weights")
        return raw.UnsortedSegmentSum(weights, arr, size)


@export("confusion_matrix", "math.confusion_matrix")
def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
    weights: Any = None,
) -> Tensor:
    """How often each class was predicted for each label.

    Unlike TensorFlow's, the graph holds no assertions: a class out of range fails in the scatter.

    Args:
        labels: a vector of classes, integers from 0 on.
        predictions: a vector of the same length.
        num_classes: how many classes there are; the largest + 1 where None.
        dtype: the type of the counts.
        name: a name for the operations.
        weights: what each row counts; 1 where None.

    Returns:
        A matrix of `dtype`, with a row for each label and a column for each prediction.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> tf.confusion_matrix([0, 1, 1], [0, 0, 1])
    """
    with name_scope(name, "confusion_matrix", [predictions, labels, num_classes, weights]) as scope:
        labels, predictions = convert_to_tensor(labels), convert_to_tensor(predictions)
        if not shapes.compatible(labels._shape, predictions._shape):
            given = f"{shapes.shape_text(labels._shape)}, {shapes.shape_text(predictions._shape)}"
            raise ValueError(f"labels and predictions must have one shape, got {given}")
        predictions = api.cast(predictions, dtypes.int64)
        labels = api.cast(labels, dtypes.int64)
        if num_classes is None:
            num_classes = api.maximum(api.reduce_max(predictions), api.reduce_max(labels)) + 1
        else:
            num_classes = api.cast(num_classes, dtypes.int64)
        wanted = dtypes.as_dtype(dtype)
        shape = api.stack([num_classes, num_classes])
        indices = api.stack([labels, predictions], axis=1)
        values = api.ones_like(predictions, wanted)
        if weights is not None:
            values = values * api.cast(weights, wanted)
        return api.scatter_nd(indices, values, api.cast(shape, dtypes.int64), name=scope)
