"""`tf.IndexedSlices` and `tf.SparseTensor`: a few slices or elements that stand for a tensor."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from penstock.graph import dtypes, shapes
from penstock.graph.convert import (
    convert_to_tensor,
    internal_convert,
    register_tensor_conversion_function,
)
from penstock.graph.export import api, export, export_as
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.graph.static_value import constant_value_as_shape

SparseTensorValue = namedtuple("SparseTensorValue", ["indices", "values", "dense_shape"])
IndexedSlicesValue = namedtuple("IndexedSlicesValue", ["values", "indices", "dense_shape"])
export_as("SparseTensorValue", SparseTensorValue)


@export("IndexedSlices")
class IndexedSlices:
    """Some slices of a tensor along its first axis; the gradient of a gather is one.

    Args:
        values: the slices, of shape [n, ...].
        indices: the index of each slice, of shape [n]; where one occurs twice, its slices add up.
        dense_shape: the shape of the whole tensor, or None.

    Example:
        >>> tf.IndexedSlices(values=[[1.0, 2.0]], indices=[3], dense_shape=[5, 2])
    """

    __array_priority__ = 100

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self._values = values
        self._indices = indices
        self._dense_shape = dense_shape

    @property
    def values(self) -> Any:
        """The slices."""
        return self._values

    @property
    def indices(self) -> Any:
        """The index of each slice."""
        return self._indices

    @property
    def dense_shape(self) -> Any:
        """The shape of the whole tensor, or None."""
        return self._dense_shape

    @property
    def name(self) -> str:
        """The name of the values."""
        return self._values.name

    @property
    def device(self) -> str:
        """The device of the values."""
        return self._values.device

    @property
    def op(self) -> Operation:
        """The operation that makes the values."""
        return self._values.op

    @property
    def dtype(self) -> dtypes.DType:
        """The type of the values."""
        return self._values.dtype

    @property
    def graph(self) -> Any:
        """The graph of the values."""
        return self._values.graph

    @property
    def shape(self) -> shapes.TensorShape:
        """What is known of the shape of the whole tensor."""
        if self._dense_shape is None:
            return shapes.TensorShape(None)
        return shapes.TensorShape(constant_value_as_shape(self._dense_shape))

    def _components(self) -> list[Any]:
        parts = [self._values, self._indices]
        return parts if self._dense_shape is None else [*parts, self._dense_shape]

    def _with_components(self, components: list[Any]) -> IndexedSlices:
        return IndexedSlices(*components)

    def _component_shapes(self, shape: Any) -> list[Any]:
        known = shapes.as_tuple(shape)
        rank = None if known is None else len(known)
        found = [known, None if known is None else (known[0],)]
        return found if self._dense_shape is None else [*found, (rank,)]

    def __neg__(self) -> IndexedSlices:
        return IndexedSlices(-self.values, self.indices, self.dense_shape)

    def __str__(self) -> str:
        shape = f", dense_shape={self._dense_shape}" if self._dense_shape is not None else ""
        return f"IndexedSlices(indices={self._indices}, values={self._values}{shape})"


def sum_of_slices(terms: list[IndexedSlices]) -> IndexedSlices:
    """The sum of IndexedSlices: one after the other, their indices may repeat."""
    values = api.concat([term.values for term in terms], 0)
    indices = api.concat(_of_one_index_type([term.indices for term in terms]), 0)
    return IndexedSlices(values, indices, terms[0].dense_shape)


def _of_one_index_type(indices: list[Tensor]) -> list[Tensor]:
    if all([tensor.dtype.base_dtype is dtypes.int32 for tensor in indices]):
        return indices
    return [t if t.dtype.base_dtype is dtypes.int64 else api.cast(t, dtypes.int64) for t in indices]


def dense_from_slices(
    value: Any, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Tensor:
    """The whole tensor that IndexedSlices stand for.

    Raises:
        ValueError: the type is another, or the shape of the whole is not known.
    """
    if dtype and not dtype.is_compatible_with(value.dtype):
        raise ValueError(
            f"Tensor conversion requested dtype {dtype.name} for IndexedSlices with "
            f"dtype {value.dtype.name}"
        )
    if value.dense_shape is None:
        raise ValueError(
            f"Tensor conversion requested for IndexedSlices without dense_shape: {value}"
        )
    rows = value.dense_shape[0]
    return raw.UnsortedSegmentSum(value.values, value.indices, rows, name=name)


register_tensor_conversion_function(IndexedSlices, dense_from_slices)


@export("convert_to_tensor_or_indexed_slices")
def convert_to_tensor_or_indexed_slices(
    value: Any, dtype: Any = None, name: str | None = None
) -> Any:
    """Converts a value to a Tensor, but leaves IndexedSlices and SparseTensors as they are.

    Args:
        value: what `tf.convert_to_tensor` takes, or IndexedSlices, or a SparseTensor.
        dtype: the type that it must have.
        name: the name of the operation that is made, where one is.

    Returns:
        A Tensor, IndexedSlices or a SparseTensor.

    Raises:
        ValueError: the value has another type.

    Example:
        >>> tf.convert_to_tensor_or_indexed_slices([1.0, 2.0])
    """
    if not isinstance(value, (IndexedSlices, SparseTensor)):
        return internal_convert(value, None if dtype is None else dtypes.as_dtype(dtype), name)
    if dtype is not None and not dtypes.as_dtype(dtype).is_compatible_with(value.dtype):
        raise ValueError(
            f"Tensor conversion requested dtype {dtypes.as_dtype(dtype).name} for Tensor with "
            f"dtype {value.dtype.name}: {str(value)!r}"
        )
    return value


@export("SparseTensor", "sparse.SparseTensor")
class SparseTensor:
    """A tensor of which only the elements that are not zero are held.

    Args:
        indices: int64, of shape [n, rank]: where each element stands.
        values: of shape [n]: the elements.
        dense_shape: int64, of shape [rank]: the shape of the whole.

    Raises:
        ValueError: the static shapes do not fit each other.

    Example:
        >>> tf.SparseTensor(indices=[[0, 0], [1, 2]], values=[1, 2], dense_shape=[3, 4])
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        with name_scope(None, "SparseTensor", [indices, values, dense_shape]):
            self._indices = convert_to_tensor(indices, name="indices", dtype=dtypes.int64)
            self._values = convert_to_tensor(values, name="values")
            self._dense_shape = convert_to_tensor(
                dense_shape, name="dense_shape", dtype=dtypes.int64
            )
        index_shape = self._indices.shape.with_rank(2)
        value_shape = self._values.shape.with_rank(1)
        rank_shape = self._dense_shape.shape.with_rank(1)
        index_shape[0].merge_with(value_shape[0])
        index_shape[1].merge_with(rank_shape[0])

    @classmethod
    def from_value(cls, sparse_tensor_value: Any) -> SparseTensor:
        """A SparseTensor of constants from a SparseTensorValue, or the SparseTensor that it is."""
        if isinstance(sparse_tensor_value, (SparseTensor, SparseTensorValue)):
            return SparseTensor(
                *[getattr(sparse_tensor_value, part) for part in SparseTensorValue._fields]
            )
        raise TypeError(f"Neither a SparseTensor nor SparseTensorValue: {sparse_tensor_value}.")

    def _components(self) -> list[Any]:
        return [self._indices, self._values, self._dense_shape]

    def _with_components(self, components: list[Any]) -> SparseTensor:
        return SparseTensor(*components)

    def _component_shapes(self, shape: Any) -> list[Any]:
        known = shapes.as_tuple(shape)  # that of `dense_shape`, as TensorFlow wants it
        if known is not None and len(known) != 1:
            raise ValueError("Expected a shape with 1 dimension")
        rank = None if known is None else known[0]
        return [(None, rank), (None,), (rank,)]

    @property
    def indices(self) -> Tensor:
        """Where each element stands."""
        return self._indices

    @property
    def values(self) -> Tensor:
        """The elements."""
        return self._values

    @property
    def dense_shape(self) -> Tensor:
        """The shape of the whole."""
        return self._dense_shape

    @property
    def op(self) -> Operation:
        """The operation that makes the values."""
        return self._values.op

    @property
    def dtype(self) -> dtypes.DType:
        """The type of the elements."""
        return self._values.dtype

    @property
    def graph(self) -> Any:
        """The graph of the indices."""
        return self._indices.graph

    @property
    def shape(self) -> shapes.TensorShape:
        """What is known of the shape of the whole."""
        return shapes.TensorShape(constant_value_as_shape(self._dense_shape))

    def get_shape(self) -> shapes.TensorShape:
        """What is known of the shape of the whole."""
        return self.shape

    def consumers(self) -> list[Operation]:
        """The operations that take the indices, the values or the shape."""
        parts = (self._indices, self._values, self._dense_shape)
        return list(dict.fromkeys([op for part in parts for op in part.consumers()]))

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Runs this in `session`, or in the default one, and returns a SparseTensorValue."""
        parts = [self._indices, self._values, self._dense_shape]
        return SparseTensorValue(*[part.eval(feed_dict, session) for part in parts])

    def __str__(self) -> str:
        return (
            f"SparseTensor(indices={self._indices}, values={self._values}, "
            f"dense_shape={self._dense_shape})"
        )

    __repr__ = __str__

    @classmethod
    def _override_operator(cls, operator: str, function: Any) -> None:
        """Sets an overloaded operator, such as `__mul__`."""
        setattr(cls, operator, function)


def _refuse_sparse(
    value: Any, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Any:
    raise TypeError(
        f"Failed to convert object of type {type(value)} to Tensor. Contents: {value}. "
        "Consider casting elements to a supported type."
    )


register_tensor_conversion_function(SparseTensor, _refuse_sparse)


@export("convert_to_tensor_or_sparse_tensor")
def convert_to_tensor_or_sparse_tensor(
    value: Any, dtype: Any = None, name: str | None = None
) -> Any:
    """Converts a value to a Tensor, or a SparseTensorValue to a SparseTensor.

    Args:
        value: what `tf.convert_to_tensor` takes, or a SparseTensor or SparseTensorValue.
        dtype: the type that it must have.
        name: the name of the operation that is made, where one is.

    Returns:
        A Tensor or a SparseTensor.

    Raises:
        RuntimeError: a SparseTensor has another type.

    Example:
        >>> tf.convert_to_tensor_or_sparse_tensor(sess.run(sparse))
    """
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, SparseTensorValue):
        value = SparseTensor.from_value(value)
    if not isinstance(value, SparseTensor):
        return internal_convert(value, wanted, name)
    if wanted is not None and not wanted.is_compatible_with(value.dtype):
        raise RuntimeError(f"Sparse dtype: requested = {wanted.name}, actual = {value.dtype.name}")
    return value


@export("is_tensor", "contrib.framework.is_tensor")
def is_tensor(x: Any) -> bool:
    """Whether a value is a Tensor, SparseTensor, IndexedSlices or Variable.

    Args:
        x: anything.

    Returns:
        True or False.

    Example:
        >>> tf.is_tensor([1, 2])
        False
    """
    return isinstance(x, (SparseTensor, IndexedSlices)) or is_dense_tensor_like(x)


def is_dense_tensor_like(value: Any) -> bool:
    """Whether a value is a Tensor, or a variable that reads as one."""
    if isinstance(value, Tensor):
        return True
    return hasattr(value, "initializer") and hasattr(value, "dtype") and hasattr(value, "graph")
