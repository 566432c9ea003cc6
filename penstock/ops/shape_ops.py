"""Shapes and views: the shape of a tensor, and the same elements seen in another shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, register
from penstock.graph.public import name_scope
from penstock.ops.constant import constant
from penstock.ops.old_names import renamed

Shape = shapes.Shape


# Shape, ShapeN, Size, Rank


def shape_of(x: Shape) -> Shape:
    return (None,) if x is None else (len(x),)


def shape_kernel(xp: Any, x: Any, *, out_type: dtypes.DType) -> Any:
    # NumPy always: what is computed from shapes is then constant while XLA traces.
    return np.array(x.shape, out_type.np_dtype)


def known_shape(op: Operation) -> Any:
    return op._inputs[0]._shape


SHAPE = register(
    OpSpec(
        name="Shape", inputs=("input: T",), outputs=("output: out_type",),
        attrs=("T: type", "out_type: {int32, int64} = DT_INT32"),
        shape=shape_of, kernel=shape_kernel, gradient=NOT_DIFFERENTIABLE, partial_value=known_shape,
    )
)  # fmt: skip


def known_shapes(op: Operation) -> list[Any]:
    return [x._shape for x in op._inputs]


def shape_n_kernel(xp: Any, inputs: list[Any], *, out_type: dtypes.DType) -> Any:
    return [np.array(x.shape, out_type.np_dtype) for x in inputs]


SHAPE_N = register(
    OpSpec(
        name="ShapeN", inputs=("input: N * T",), outputs=("output: N * out_type",),
        attrs=("N: int >= 1", "T: type", "out_type: {int32, int64} = DT_INT32"),
        shape=lambda inputs: [shape_of(x) for x in inputs], kernel=shape_n_kernel,
        gradient=NOT_DIFFERENTIABLE, partial_value=known_shapes,
    )
)  # fmt: skip


def size_kernel(xp: Any, x: Any, *, out_type: dtypes.DType) -> Any:
    return np.array(x.size, out_type.np_dtype)


def known_size(op: Operation) -> int | None:
    return shapes.element_count(op._inputs[0]._shape)


SIZE = register(
    OpSpec(
        name="Size", inputs=("input: T",), outputs=("output: out_type",),
        attrs=("T: type", "out_type: {int32, int64} = DT_INT32"),
        shape=lambda x: (), kernel=size_kernel, gradient=NOT_DIFFERENTIABLE,
        partial_value=known_size,
    )
)  # fmt: skip


def rank_kernel(xp: Any, x: Any) -> Any:
    return np.array(x.ndim, np.int32)


def known_rank(op: Operation) -> int | None:
    shape = op._inputs[0]._shape
    return None if shape is None else len(shape)


RANK = register(
    OpSpec(
        name="Rank", inputs=("input: T",), outputs=("output: int32",), attrs=("T: type",),
        shape=lambda x: (), kernel=rank_kernel, gradient=NOT_DIFFERENTIABLE,
        partial_value=known_rank,
    )
)  # fmt: skip


@export("shape")
def shape(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The shape of a tensor, as it is when the graph runs.

    Args:
        input: a tensor, or a SparseTensor.
        name: a name for the operation.
        out_type: int32 or int64.

    Returns:
        A vector with one size for each axis; a constant where the static shape is fully known.

    Example:
        >>> tf.reshape(x, [tf.shape(x)[0], -1])
    """
    return shape_internal(input, name, optimize=True, out_type=out_type)


def shape_internal(
    value: Any, name: str | None = None, *, optimize: bool, out_type: Any = dtypes.int32
) -> Tensor:
    """`tf.shape`, which makes no constant of a known shape unless `optimize` is set."""
    with name_scope(name, "Shape", [value]) as scope:
        if isinstance(value, api.SparseTensor):
            return api.cast(value.dense_shape, out_type)
        tensor = convert_to_tensor(value)
        if optimize and shapes.is_known(tensor._shape):
            return constant(list(tensor._shape or ()), out_type, name=scope)
        return SHAPE(tensor, out_type=out_type, name=scope)


@export("shape_n")
def shape_n(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> list[Tensor]:
    """The shapes of several tensors of one type.

    Args:
        input: a list of tensors.
        out_type: int32 or int64.
        name: a name for the operation.

    Returns:
        A list of vectors.

    Example:
        >>> shape_a, shape_b = tf.shape_n([a, b])
    """
    return SHAPE_N(input, out_type=out_type, name=name)


@export("size")
def size(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """How many elements a tensor has.

    Args:
        input: a tensor, or a SparseTensor.
        name: a name for the operation.
        out_type: int32 or int64.

    Returns:
        A scalar; a constant where the static shape is fully known.

    Example:
        >>> tf.size([[1, 2, 3], [4, 5, 6]])  # 6
    """
    with name_scope(name, "Size", [input]) as scope:
        if isinstance(input, api.SparseTensor):
            return api.reduce_prod(api.cast(input.dense_shape, out_type), 0, name=scope)
        tensor = convert_to_tensor(input)
        count = shapes.element_count(tensor._shape)
        if count is not None:
            return constant(count, out_type, name=scope)
        return SIZE(tensor, out_type=out_type, name=scope)


@export("rank")
def rank(input: Any, name: str | None = None) -> Tensor:
    """How many axes a tensor has.

    Args:
        input: a tensor, or a SparseTensor.
        name: a name for the operation.

    Returns:
        An int32 scalar; a constant where the rank is known.

    Example:
        >>> tf.rank([[1, 2], [3, 4]])  # 2
    """
    with name_scope(name, "Rank", [input]) as scope:
        if isinstance(input, api.SparseTensor):
            return SIZE(input.dense_shape, name=scope)
        tensor = convert_to_tensor(input)
        if tensor._shape is not None:
            return constant(len(tensor._shape), dtypes.int32, name=scope)
        return RANK(input, name=scope)


# Reshape


def reshape_shape(tensor: Shape, wanted: Any) -> Shape:
    if wanted is None or tensor is None:
        return wanted
    out_count, out_unknown = _count(wanted)
    in_count, in_unknown = _count(tensor)
    if len(out_unknown) > 1 or len(in_unknown) > 1:
        return wanted
    if not in_unknown and not out_unknown:
        if in_count != out_count:
            raise ValueError(
                f"Cannot reshape a tensor with {in_count} elements to shape "
                f"{shapes.bracket_text(wanted)} ({out_count} elements)"
            )
    elif not in_unknown and out_count > 0:
        sizes = list(wanted)
        sizes[out_unknown[0]] = _exact_quotient(in_count, out_count)
        return tuple(sizes)
    elif not out_unknown and in_count > 0:
        _exact_quotient(out_count, in_count)
    return wanted


def _count(shape: tuple[int | None, ...]) -> tuple[int, list[int]]:
    """The product of the known sizes, and the axes of the others."""
    product = 1
    unknown = []
    for axis, size in enumerate(shape):
        if size is None:
            unknown.append(axis)
        else:
            product *= size
    return product, unknown


def _exact_quotient(total: int, divisor: int) -> int:
    if total % divisor:
        raise ValueError(f"Dimension size must be evenly divisible by {divisor} but is {total}")
    return total // divisor


def reshape_kernel(xp: Any, tensor: Any, shape: Any) -> Any:
    if shape.ndim != 1:
        raise InvalidArgumentError(
            None, None, f"sizes input must be 1-D, not {shapes.bracket_text(shape.shape)}"
        )
    sizes = shape.tolist()
    if 0 in sizes and sizes.count(-1) == 1 and tensor.size == 0:
        sizes[sizes.index(-1)] = _size_beside_zero(tensor.shape, sizes)
    try:
        result = tensor.reshape(sizes)
    except (ValueError, TypeError):
        raise _reshape_error(tensor.size, sizes) from None
    if -1 in sizes or min(sizes, default=0) >= 0:
        return result
    raise _reshape_error(tensor.size, sizes)


def _size_beside_zero(given: tuple[int, ...], sizes: list[int]) -> int:
    """The size that -1 stands for where another one is zero: what the sizes other than 0 leave."""
    return math.prod(filter(None, given)) // -math.prod(filter(None, sizes))


def _reshape_error(count: int, sizes: list[int]) -> InvalidArgumentError:
    free = [axis for axis, size in enumerate(sizes) if size == -1]
    product = 1
    for axis, size in enumerate(sizes):
        if size < -1:
            return InvalidArgumentError(None, None, f"Size {axis} must be non-negative, not {size}")
        product *= 1 if size == -1 else size
    if len(free) > 1:
        return InvalidArgumentError(
            None, None, f"Only one input size may be -1, not both {free[0]} and {free[1]}"
        )
    wanted = f"requires a multiple of {product}" if free else f"has {product}"
    return InvalidArgumentError(
        None,
        None,
        f"Input to reshape is a tensor with {count} values, but the requested shape {wanted}",
    )


def restored_shape(op: Operation, grad: Tensor) -> Tensor:
    """The gradient in the shape of the op's first input."""
    return reshape(grad, shape(op._inputs[0]))


def reshape_gradient(op: Operation, grad: Tensor) -> Grads:
    return [restored_shape(op, grad), None]


RESHAPE = register(
    OpSpec(
        name="Reshape", inputs=("tensor: T", "shape: Tshape"), outputs=("output: T",),
        attrs=("T: type", "Tshape: {int32, int64} = DT_INT32"), shape_inputs=("shape",),
        shape=reshape_shape, kernel=reshape_kernel, gradient=reshape_gradient, view=True,
    )
)  # fmt: skip


@export("reshape", "manip.reshape")
def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The elements of a tensor, in row-major order, in another shape.

    Args:
        tensor: a tensor.
        shape: the sizes, int32 or int64; at most one may be -1 and is found from the others.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: the static shapes show that the numbers of elements differ (InvalidArgumentError
            in the run where only that shows it).

    Example:
        >>> tf.reshape([1, 2, 3, 4, 5, 6], [2, -1])  # [[1, 2, 3], [4, 5, 6]]
    """
    return RESHAPE(tensor, shape, name=name)


# ExpandDims and Squeeze


def expand_dims_shape(x: Shape, dim: Any) -> Shape:
    if dim is not None and dim.size != 1:
        raise ValueError("'dim' input must be a tensor with a single value")
    if x is None or dim is None:
        return None
    rank = len(x)
    axis = int(dim.item())
    if not -rank - 1 <= axis <= rank:
        raise ValueError(f"dim {axis} not in the interval [{-rank - 1}, {rank}].")
    axis = axis + rank + 1 if axis < 0 else axis
    return x[:axis] + (1,) + x[axis:]


def expand_dims_kernel(xp: Any, x: Any, dim: Any) -> Any:
    rank = x.ndim
    axis = dim.item()
    if not -rank - 1 <= axis <= rank:
        raise InvalidArgumentError(
            None, None, f"Tried to expand dim index {axis} for tensor with {rank} dimensions."
        )
    sizes = list(x.shape)
    sizes.insert(axis + rank + 1 if axis < 0 else axis, 1)
    return x.reshape(sizes)


EXPAND_DIMS = register(
    OpSpec(
        name="ExpandDims", inputs=("input: T", "dim: Tdim"), outputs=("output: T",),
        attrs=("T: type", "Tdim: {int32, int64} = DT_INT32"), static_inputs=("dim",),
        shape=expand_dims_shape, kernel=expand_dims_kernel, gradient=reshape_gradient, view=True,
    )
)  # fmt: skip


@export("expand_dims")
def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """Inserts an axis of size 1.

    Args:
        input: a tensor.
        axis: where the new axis stands in the result; negative values count from the end.
        name: a name for the operation.
        dim: the old name of `axis`.

    Returns:
        A Tensor of the same type, of one rank more.

    Raises:
        ValueError: no axis is given, or both names are used, or it is out of range.

    Example:
        >>> tf.expand_dims([1, 2], 0)  # [[1, 2]]
    """
    axis = renamed("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError("Must specify an axis argument to tf.expand_dims()")
    return EXPAND_DIMS(input, axis, name=name)


def squeeze_shape(x: Shape, *, squeeze_dims: list[int]) -> Shape:
    if x is None:
        return None
    if not squeeze_dims:
        return None if None in x else tuple([size for size in x if size != 1])
    axes = set()
    for position, axis in enumerate(squeeze_dims):
        if not -len(x) <= axis < len(x):
            raise ValueError(f"squeeze_dims[{position}] not in [{-len(x)},{len(x)}).")
        axes.add(axis % len(x))
    for axis in sorted(axes):
        if x[axis] not in (None, 1):
            raise ValueError(
                f"Can not squeeze dim[{axis}], expected a dimension of 1, got {x[axis]}"
            )
    return tuple([size for axis, size in enumerate(x) if axis not in axes])


def squeeze_kernel(xp: Any, x: Any, *, squeeze_dims: list[int]) -> Any:
    for axis in squeeze_dims:
        if not -x.ndim <= axis < x.ndim:
            text = f"Tried to squeeze dim index {axis} for tensor with {x.ndim} dimensions."
            raise InvalidArgumentError(None, None, text)
    try:
        return x.reshape(squeeze_shape(x.shape, squeeze_dims=squeeze_dims))
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None


def squeeze_gradient(op: Operation, grad: Tensor) -> Grads:
    return [restored_shape(op, grad)]


SQUEEZE = register(
    OpSpec(
        name="Squeeze", inputs=("input: T",), outputs=("output: T",),
        attrs=("T: type", "squeeze_dims: list(int) = []"),
        shape=squeeze_shape, kernel=squeeze_kernel, gradient=squeeze_gradient, view=True,
    )
)  # fmt: skip


@export("squeeze")
def squeeze(
    input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None
) -> Tensor:
    """Removes axes of size 1.

    Args:
        input: a tensor.
        axis: an int or list of ints: the axes to remove; all of size 1 where None.
        name: a name for the operation.
        squeeze_dims: the old name of `axis`.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: an axis in `axis` is known to have another size.

    Example:
        >>> tf.squeeze([[[1], [2]]])  # [1, 2]
    """
    axis = renamed("axis", axis, "squeeze_dims", squeeze_dims)
    if isinstance(axis, (int, np.integer)):
        axis = [axis]
    return SQUEEZE(input, squeeze_dims=axis, name=name)
