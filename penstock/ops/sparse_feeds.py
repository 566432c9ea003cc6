"""`tf.sparse_placeholder`: a SparseTensor whose parts are fed."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import export
from penstock.graph.operation import Tensor
from penstock.ops.constant import placeholder
from penstock.ops.indexed_slices import SparseTensor


@export("sparse_placeholder", "sparse.placeholder")
def sparse_placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> SparseTensor:
    """A SparseTensor whose value must be fed in each run that needs it.

    Args:
        dtype: the type of its elements.
        shape: the dense shape. It is a part of what is fed where it is None, or knows not all
            sizes.
        name: what the names of the parts start with.

    Returns:
        A SparseTensor. A `SparseTensorValue` is fed for it, or its three parts: indices, values
        and dense shape.

    Raises:
        ValueError: `shape` has an unknown rank, or is a tensor that is not of type int64.
        TypeError: `shape` is no sequence.

    Example:
        >>> x = tf.sparse_placeholder(tf.float32)
        >>> sess.run(x.values, {x: tf.SparseTensorValue([[0, 1]], [3.5], [2, 2])})
    """
    names = [None if name is None else f"{name}/{part}" for part in ("shape", "values", "indices")]
    dense_shape, rank = _dense_shape(shape, names[0])
    values = placeholder(dtype, [None], names[1])
    indices = placeholder(dtypes.int64, [None, rank], names[2])
    return SparseTensor(indices, values, dense_shape)


def _dense_shape(shape: Any, name: str | None) -> tuple[Tensor, int | None]:
    """The dense shape as a tensor, and the rank."""
    if shape is None:
        return placeholder(dtypes.int64, [None], name), None
    if isinstance(shape, Tensor):
        tensor = convert_to_tensor(shape, dtypes.int64, name)
        return tensor, None if tensor._shape is None else tensor._shape[0]
    rank = len(shape)
    if any([size is None for size in shape]):
        return placeholder(dtypes.int64, [rank], name), rank
    return convert_to_tensor(shape, dtypes.int64, name), rank
