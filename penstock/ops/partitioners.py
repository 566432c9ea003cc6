"""Partitioners: how `tf.get_variable` is to cut a variable; and variables cut as a list says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from penstock.graph import dtypes, shapes
from penstock.graph.export import export
from penstock.graph.public import name_scope
from penstock.ops.variable_scope import get_variable_scope, variable_scope
from penstock.ops.variable_store import variable_store

Partitioner = Callable[..., list[int]]


def _element_size(dtype: Any, bytes_per_string_element: int) -> int:
    dtype = dtypes.as_dtype(dtype).base_dtype
    return bytes_per_string_element if dtype is dtypes.string else dtype.size


def _size(shape: shapes.TensorShape, axis: int) -> int:
    return int(shape.as_list()[axis] or 0)


def _along(axis: int, count: int, shape: shapes.TensorShape) -> list[int]:
    partitions = [1] * len(shape.as_list())
    partitions[axis] = count
    return partitions


@export("variable_axis_size_partitioner")
def variable_axis_size_partitioner(
    max_shard_bytes: int, axis: int = 0, bytes_per_string_element: int = 16,
    max_shards: int | None = None,
) -> Partitioner:  # fmt: skip
    """A partitioner that keeps each part within a number of bytes.

    Args:
        max_shard_bytes: the bytes.
        axis: the axis to cut.
        bytes_per_string_element: what a string is taken for.
        max_shards: at most so many parts, though they get larger.

    Returns:
        A function of (shape, dtype) that gives a list: for each axis the number of parts.

    Raises:
        ValueError: a number is not positive.

    Example:
        >>> cut = tf.variable_axis_size_partitioner(4 << 20)
        >>> tf.get_variable("table", [1000000, 64], partitioner=cut)
    """
    if max_shard_bytes < 1 or bytes_per_string_element < 1:
        raise ValueError(
            "Both max_shard_bytes and bytes_per_string_element must be positive: "
            f"{max_shard_bytes} and {bytes_per_string_element}."
        )
    if max_shards and max_shards < 1:
        raise ValueError("max_shards must be positive.")

    def partitioner(shape: Any, dtype: Any) -> list[int]:
        if not isinstance(shape, shapes.TensorShape):
            raise ValueError(f"shape is not a TensorShape: {shape}")
        if not shape.is_fully_defined():
            raise ValueError(f"shape is not fully defined: {shape}")
        slices = _size(shape, axis)
        elements = (shape.num_elements() or 0) / slices
        slice_bytes = elements * _element_size(dtype, bytes_per_string_element)
        slices_per_shard = max(1, math.floor(max_shard_bytes / slice_bytes))
        count = math.ceil(slices / slices_per_shard)
        return _along(axis, min(max_shards, count) if max_shards else count, shape)

    return partitioner


@export("min_max_variable_partitioner")
def min_max_variable_partitioner(
    max_partitions: int = 1, axis: int = 0, min_slice_size: int = 256 << 10,
    bytes_per_string_element: int = 16,
) -> Partitioner:  # fmt: skip
    """A partitioner that makes up to a number of parts, none smaller than a number of bytes.

    Args:
        max_partitions: the most parts.
        axis: the axis to cut.
        min_slice_size: the bytes.
        bytes_per_string_element: what a string is taken for.

    Returns:
        A function of (shape, dtype) that gives a list: for each axis the number of parts. It raises
        ValueError where there is no such axis.

    Example:
        >>> cut = tf.min_max_variable_partitioner(max_partitions=8)
        >>> tf.get_variable("table", [1000000, 64], partitioner=cut)
    """

    def partitioner(shape: Any, dtype: Any) -> list[int]:
        if axis >= len(shape):
            raise ValueError(
                f"Can not partition variable along axis {axis} when shape is only {shape}"
            )
        total = shape.num_elements() * _element_size(dtype, bytes_per_string_element)
        count = min(_size(shape, axis), max_partitions, math.ceil(total / min_slice_size))
        return _along(axis, max(1, count), shape)

    return partitioner


@export("fixed_size_partitioner")
def fixed_size_partitioner(num_shards: int, axis: int = 0) -> Partitioner:
    """A partitioner that makes a number of parts, or as many as the axis has elements.

    Args:
        num_shards: the number.
        axis: the axis to cut.

    Returns:
        A function of (shape, dtype) that gives a list: for each axis the number of parts.

    Example:
        >>> tf.get_variable("table", [1000, 64], partitioner=tf.fixed_size_partitioner(4))
    """

    def partitioner(shape: Any, **unused: Any) -> list[int]:
        return _along(axis, min(num_shards, _size(shape, axis)), shape)

    return partitioner


@export("create_partitioned_variables")
def create_partitioned_variables(
    shape: Any,
    slicing: Any,
    initializer: Any,
    dtype: Any = dtypes.float32,
    trainable: bool = True,
    collections: Any = None,
    name: str | None = None,
    reuse: Any = None,
) -> list[Any]:
    """The parts of a new variable, cut as a list says.

    Args:
        shape: the shape of the whole, a list.
        slicing: for each axis the number of parts; one number alone may be greater than 1.
        initializer: an initializer, or the tensor that the parts are cut from.
        dtype: the type.
        trainable, collections: as for `tf.Variable`.
        name: a name for the variable scope that they are made in.
        reuse: as for `tf.variable_scope`.

    Returns:
        A list of variables.

    Raises:
        ValueError: `slicing` does not fit `shape`.

    Example:
        >>> tf.create_partitioned_variables([4, 6], [2, 1], tf.zeros_initializer(), name="table")
    """
    if len(shape) != len(slicing):
        raise ValueError(
            "The 'shape' and 'slicing' of a partitioned Variable must have the length: shape: "
            f"{shape}, slicing: {slicing}"
        )
    if len(shape) < 1:
        raise ValueError(f"A partitioned Variable must have rank at least 1: shape: {shape}")
    with variable_scope(name, "PartitionedVariable", reuse=reuse):
        scope = get_variable_scope()
        if scope.custom_getter is not None:
            raise ValueError(
                "create_partitioned_variables does not work under a custom getter: "
                f"{scope.custom_getter}. Consider get_variable with a partitioner instead."
            )
        with name_scope(None):
            parts = variable_store().get_variable(
                scope.name, shape=shape, dtype=dtype,
                initializer=scope.initializer if initializer is None else initializer,
                regularizer=scope.regularizer, reuse=scope.reuse, trainable=trainable,
                collections=collections, caching_device=scope.caching_device,
                partitioner=lambda **unused: slicing, use_resource=scope.use_resource,
                constraint=scope.constraint,
            )  # fmt: skip
        return list(parts)
