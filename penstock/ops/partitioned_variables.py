"""Variables that are cut into parts along one axis, each of them a variable of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from penstock.graph import dtypes, shapes
from penstock.graph.convert import register_tensor_conversion_function
from penstock.graph.export import api
from penstock.graph.operation import Tensor
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.ops.variables import Variable

Sizes = list[int]


class PartitionInfo:
    """Which part of a whole variable an initializer is to make.

    Args:
        full_shape: the whole variable's shape.
        var_offset: where the part begins.

    Raises:
        TypeError, ValueError: they are no sequences, of different lengths, or the offset lies
            outside.
    """

    def __init__(self, full_shape: Any, var_offset: Any) -> None:
        for name, given in (("full_shape", full_shape), ("var_offset", var_offset)):
            if not isinstance(given, Sequence) or isinstance(given, str):
                raise TypeError(
                    f"`{name}` must be a sequence (like tuple or list) instead of {type(given)}"
                )
        if len(var_offset) != len(full_shape):
            raise ValueError(
                f"Expected equal length, but `var_offset` is of length {len(var_offset)} while "
                f"full_shape is of length {len(full_shape)}."
            )
        for start, size in zip(var_offset, full_shape, strict=True):
            if not 0 <= start < size:
                raise ValueError(
                    f"Expected 0 <= offset < shape but found offset={start}, shape={size} for "
                    f"var_offset={var_offset}, full_shape={full_shape}"
                )
        self._full_shape = full_shape
        self._var_offset = var_offset

    @property
    def full_shape(self) -> Any:
        """The whole variable's shape."""
        return self._full_shape

    @property
    def var_offset(self) -> Any:
        """Where the part begins."""
        return self._var_offset

    def single_offset(self, shape: Any) -> int:
        """Where a part of that shape begins along the axis that is cut; 0 where none is."""
        axis = self.single_slice_dim(shape)
        return 0 if axis is None else self.var_offset[axis]

    def single_slice_dim(self, shape: Any) -> int | None:
        """The axis along which a part of that shape is cut; None where it is the whole.

        Raises:
            TypeError, ValueError: the shape is no part of the whole, or cut along several axes.
        """
        if not isinstance(shape, (tuple, list)):
            raise TypeError(
                f"`shape` must be a sequence (like tuple or list) instead of {type(shape)}"
            )
        if len(shape) != len(self.full_shape):
            raise ValueError(
                f"Expected equal length, but received shape={shape} of length {len(shape)} while "
                f"self.full_shape={self.full_shape} is of length {len(self.full_shape)}."
            )
        for axis, size in enumerate(shape):
            if self.var_offset[axis] + size > self.full_shape[axis]:
                raise ValueError(
                    f"With self.var_offset={self.var_offset}, a partition of shape={shape} would "
                    f"exceed self.full_shape={self.full_shape} in dimension {axis}."
                )
        cut = [axis for axis, size in enumerate(shape) if size != self.full_shape[axis]]
        if len(cut) > 1:
            raise ValueError(
                f"Cannot use single_slice_dim() with shape={shape} and "
                f"self.full_shape={self.full_shape} since slice dim could be either dimension "
                f"{cut[1]} or {cut[0]}."
            )
        return cut[0] if cut else None


class PartitionedVariable:
    """A variable in parts. It converts to the tensor of all of them.

    Args:
        name: its name.
        shape: the shape of the whole.
        dtype: the type of its elements.
        variable_list: the parts, with their slice infos set, in order.
        partitions: for each axis, into how many parts it is cut.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind.

    Example:
        >>> cut = tf.fixed_size_partitioner(3)
        >>> table = tf.get_variable("table", [1000, 64], partitioner=cut)
        >>> [part.name for part in table]
        ['table/part_0:0', 'table/part_1:0', 'table/part_2:0']
    """

    def __init__(
        self, name: str, shape: Any, dtype: Any, variable_list: Any, partitions: Any
    ) -> None:
        if not isinstance(variable_list, (list, tuple)):
            raise TypeError(f"variable_list is not a list or tuple: {variable_list}")
        if not isinstance(partitions, (list, tuple)):
            raise TypeError(f"partitions is not a list or tuple: {partitions}")
        if not all([count >= 1 for count in partitions]):
            raise ValueError(f"partition values must be positive: {partitions}")
        if not variable_list:
            raise ValueError("variable_list may not be empty")
        if any([part._get_save_slice_info() is None for part in variable_list]):
            names = [part.name for part in variable_list]
            raise ValueError(f"All variables must have a save_slice_info available: {names}")
        self._name = name
        self._shape = shapes.TensorShape(shape)
        self._dtype = dtypes.as_dtype(dtype)
        self._variable_list = variable_list
        self._partitions = partitions

    def __iter__(self) -> Iterator[Any]:
        return iter(self._variable_list)

    def __len__(self) -> int:
        return len(self._variable_list)

    @property
    def name(self) -> str:
        """The name that the parts' names begin with."""
        return self._name

    @property
    def dtype(self) -> dtypes.DType:
        """The type of its elements."""
        return self._dtype

    @property
    def shape(self) -> shapes.TensorShape:
        """The shape of the whole."""
        return self._shape

    def get_shape(self) -> shapes.TensorShape:
        """The shape of the whole."""
        return self._shape

    def _get_variable_list(self) -> Any:
        return self._variable_list

    def _get_partitions(self) -> Any:
        return self._partitions

    def _axis(self, what: str) -> int:
        """The axis that is cut."""
        axes = [axis for axis, count in enumerate(self._partitions) if count > 1] or [0]
        if len(axes) > 1:
            raise NotImplementedError(
                f"Cannot {what} along more than one dimension: {axes}.  Multi-axis partition is "
                "not supported"
            )
        return axes[0]

    def as_tensor(self) -> Tensor:
        """A tensor of the parts' values together.

        Raises:
            NotImplementedError: it is cut along several axes.
        """
        with default_graph().control_dependencies(None):
            whole = self._variable_list[0]
            if len(self._variable_list) > 1:
                axis = self._axis("concatenate")
                with name_scope(f"{self._name}/ConcatPartitions/"):
                    whole = api.concat(self._variable_list, axis)
            with name_scope(None):
                return api.identity(whole, name=self._name)

    def assign(
        self, value: Any, use_locking: bool = False, name: str | None = None,
        read_value: bool = True,
    ) -> list[Any]:  # fmt: skip
        """Assigns `value`: a tensor for the whole, a list with one for each part, or another
        partitioned variable; gives a list with what the parts' `assign` gives.
        """
        return self._to_parts("assign", value, use_locking, name, read_value)

    def assign_add(
        self, value: Any, use_locking: bool = False, name: str | None = None,
        read_value: bool = True,
    ) -> list[Any]:  # fmt: skip
        """Adds `value`, which is as for `assign`."""
        return self._to_parts("assign_add", value, use_locking, name, read_value)

    def assign_sub(
        self, value: Any, use_locking: bool = False, name: str | None = None,
        read_value: bool = True,
    ) -> list[Any]:  # fmt: skip
        """Subtracts `value`, which is as for `assign`."""
        return self._to_parts("assign_sub", value, use_locking, name, read_value)

    def _to_parts(
        self, method: str, value: Any, use_locking: bool, name: str | None, read_value: bool
    ) -> list[Any]:
        axis = self._axis("do assign action")
        if isinstance(value, (list, PartitionedVariable)):
            values = list(value)
        else:
            sizes = [part.shape.as_list()[axis] for part in self._variable_list]
            values = api.split(value, sizes, axis=axis)
        if len(values) != len(self._variable_list):
            raise ValueError(f"{len(self._variable_list)} values are needed, got {len(values)}")
        return [
            getattr(part, method)(one, use_locking, name=name, read_value=read_value)
            for part, one in zip(self._variable_list, values, strict=True)
        ]


def _convert_parts(
    value: PartitionedVariable, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Tensor:
    if dtype is not None and not dtype.is_compatible_with(value.dtype):
        raise ValueError(
            f"Incompatible type conversion requested to type '{dtype.name}' for variable of type "
            f"'{value.dtype.name}'"
        )
    if as_ref:
        raise NotImplementedError("PartitionedVariable doesn't support being used as a reference.")
    return value.as_tensor()


register_tensor_conversion_function(PartitionedVariable, _convert_parts)


def partitions_of(partitioner: Callable[..., Any], shape: shapes.Shape, dtype: Any) -> Any:
    """What a partitioner says: for each axis, into how many parts it is to be cut.

    Raises:
        ValueError: the shape is not known or a scalar's, or the answer is of no use.
    """
    if shape is None or None in shape:
        raise ValueError(
            "Shape of a new partitioned variable must be fully defined, but instead was "
            f"{shapes.TensorShape(shape)}."
        )
    if not shape:
        raise ValueError(f"A partitioned Variable must have rank at least 1, shape: {shape}")
    slicing = partitioner(shape=shapes.TensorShape(shape), dtype=dtype)
    if not isinstance(slicing, Sequence):
        raise ValueError(f"Partitioner must return a sequence, but saw: {slicing}")
    if len(slicing) != len(shape):
        raise ValueError(
            "Partitioner returned a partition list that does not match the Variable's rank: "
            f"{slicing} vs. {shapes.shape_text(shape)}"
        )
    if any([count < 1 for count in slicing]):
        raise ValueError(f"Partitioner returned zero partitions for some axes: {slicing}")
    if sum([count > 1 for count in slicing]) > 1:
        raise ValueError(
            f"Can only slice a variable along one dimension: shape: {shapes.shape_text(shape)}, "
            f"partitioning: {slicing}"
        )
    return slicing


def parts_of(shape: Sizes, partitions: Sequence[int]) -> Iterator[tuple[Sizes, Sizes]]:
    """(offset, shape) of each part. The first ones are longer where it does not come out even."""
    axis = next((axis for axis, count in enumerate(partitions) if count > 1), 0)
    least, longer = divmod(shape[axis], partitions[axis])
    start = 0
    for number in range(partitions[axis]):
        size = least + (number < longer)
        yield (
            [start if i == axis else 0 for i in range(len(shape))],
            [size if i == axis else whole for i, whole in enumerate(shape)],
        )
        start += size


def as_part(variable: Variable, name: str, shape: Sizes, offset: Sizes, part: Sizes) -> None:
    """Notes on a variable which part of which tensor it is in checkpoints."""
    variable._set_save_slice_info(Variable.SaveSliceInfo(name, shape, offset, part))
