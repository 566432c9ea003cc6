"""Joining tensors: concat, stack and its inverse, and lists that hold tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor, register_tensor_conversion_function
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.graph.static_value import constant_value, constant_value_as_shape
from penstock.ops.constant import constant
from penstock.ops.indexed_slices import IndexedSlices, is_dense_tensor_like

Shape = shapes.Shape

_SHAPE_TYPES = (dtypes.int32, dtypes.int64)
_MOST_SLICES = 16  # the gradient of a longer concat is one split


def merge_all(inputs: list[Shape]) -> Shape:
    """The one shape that several tensors have.

    Raises:
        ValueError: their shapes differ.
    """
    merged = inputs[-1]
    for index in range(len(inputs) - 2, -1, -1):
        try:
            merged = merge_shapes(inputs[index], merged)
        except ValueError as error:
            raise ValueError(f"{error}\n\tFrom merging shape {index} with other shapes.") from None
    return merged


def merge_shapes(a: Shape, b: Shape) -> Shape:
    """The shape that knows what either knows.

    Raises:
        ValueError: the shapes differ; the message is TensorFlow's.
    """
    if a is None or b is None or shapes.compatible(a, b):
        return shapes.merge(a, b)
    if len(a) != len(b):
        raise ValueError(f"Shapes must be equal rank, but are {len(a)} and {len(b)}")
    axis = next(
        i for i, (x, y) in enumerate(zip(a, b, strict=True)) if None not in (x, y) and x != y
    )
    raise ValueError(
        f"Dimension {axis} in both shapes must be equal, but are {a[axis]} and {b[axis]}. "
        f"Shapes are {shapes.bracket_text(a)} and {shapes.bracket_text(b)}."
    )


# ConcatV2 and ConcatOffset


def concat_shape(values: list[Shape], axis: Any) -> Shape:
    ranks = [len(value) for value in values if value is not None]
    if not ranks:
        return None
    if 0 in ranks:
        raise ValueError("Can't concatenate scalars (use tf.stack instead)")
    rank = ranks[0]
    for other in ranks:
        if other != rank:
            raise ValueError(f"Shape must be rank {rank} but is rank {other}")
    if axis is None:
        return (None,) * rank
    if axis.ndim:
        raise ValueError(f"Shape must be rank 0 but is rank {axis.ndim}")
    at = int(axis)
    needed = -at if at < 0 else at + 1
    if needed > rank:
        raise ValueError(f"Shape must be at least rank {needed} but is rank {rank}")
    at %= rank
    sized = [(None,) * rank if value is None else value for value in values]
    before, after = sized[0][:at], sized[0][at + 1 :]
    total: int | None = 0
    for value in sized:
        before = merge_shapes(before, value[:at]) or ()
        after = merge_shapes(after, value[at + 1 :]) or ()
        total = None if total is None or value[at] is None else total + value[at]  # type: ignore[operator]
    return (*before, total, *after)


def concat_kernel(xp: Any, values: list[Any], axis: Any) -> Any:
    try:
        return xp.concatenate(values, int(axis))
    except (ValueError, TypeError):
        raise _concat_error(values, int(axis)) from None


def _concat_error(values: list[Any], axis: int) -> InvalidArgumentError:
    first = values[0].shape
    rank = len(first)
    if not -rank <= axis < rank:
        text = (
            f"ConcatOp : Expected concatenating dimensions in the range [{-rank}, {rank}), "
            f"but got {axis}"
        )
        return InvalidArgumentError(None, None, text)
    for index, value in enumerate(values):
        pair = (
            f"shape[0] = {shapes.bracket_text(first)} vs. "
            f"shape[{index}] = {shapes.bracket_text(value.shape)}"
        )
        if value.ndim != rank:
            return InvalidArgumentError(
                None, None, f"ConcatOp : Ranks of all input tensors should match: {pair}"
            )
        if any(
            [
                a != b
                for i, (a, b) in enumerate(zip(first, value.shape, strict=True))
                if i != axis % rank
            ]
        ):
            return InvalidArgumentError(
                None, None, f"ConcatOp : Dimensions of inputs should match: {pair}"
            )
    return InvalidArgumentError(None, None, "ConcatOp : the inputs cannot be concatenated")


def known_concat(op: Operation) -> Any:
    """What is known of a concat of shapes."""
    if op.outputs[0].dtype not in _SHAPE_TYPES:
        return None
    sizes: list[int | None] = []
    for tensor in op._inputs[:-1]:
        if tensor._shape is not None and len(tensor._shape) != 1:
            return None
        known = constant_value_as_shape(tensor)
        if known is None:
            return None
        sizes.extend(known)
    return tuple(sizes)


def concat_gradient(op: Operation, grad: Any) -> Grads:
    values, axis = op._inputs[:-1], op._inputs[-1]
    if len(values) == 1:
        return [grad, None]
    positive_axis = axis % api.rank(values[0])
    if isinstance(grad, IndexedSlices):
        return [*_concat_slices_gradient(grad, values, axis, positive_axis), None]
    sizes = _shapes_of(values)
    if len(values) > _MOST_SLICES:
        along_axis = api.squeeze(api.slice(stack(sizes, axis=1), [positive_axis, 0], [1, -1]))
        return [*api.split(grad, along_axis, positive_axis, len(values)), None]
    offsets = raw.ConcatOffset(positive_axis, sizes)
    grads = [api.slice(grad, begin, size) for begin, size in zip(offsets, sizes, strict=True)]
    return [*grads, None]


def _shapes_of(values: list[Tensor]) -> list[Tensor]:
    """The shapes as constants, if all are known; else as one ShapeN beside those tried first."""
    sizes = []
    for value in values:
        size = api.shape(value)
        if size.op.type != "Const":
            return api.shape_n(values)
        sizes.append(size)
    return sizes


def _concat_slices_gradient(
    grad: IndexedSlices, values: list[Tensor], axis: Tensor, positive_axis: Tensor
) -> Grads:
    static_axis = constant_value(axis)
    if static_axis is None:
        raise ValueError("Can only compute IndexedSlices gradient with statically-known concat_dim")
    at = int(static_axis)
    if at < 0:
        rank = values[0]._rank()
        if rank is None:
            raise ValueError(
                "Can only compute IndexedSlices gradient with negative concat_dim when first "
                "value rank is statically-known."
            )
        at %= rank
    sizes = [api.shape(value) for value in values]
    if at == 0:
        return _rows_of_slices(grad, sizes, positive_axis)
    return _columns_of_slices(grad, sizes, positive_axis)


def _rows_of_slices(grad: IndexedSlices, sizes: list[Tensor], axis: Tensor) -> Grads:
    """Each value gets the slices whose indices fall into its rows."""
    start = constant(0, dtype=grad.indices.dtype)
    grads = []
    for size in sizes:
        rows = api.gather(size, axis)
        if rows.dtype != grad.indices.dtype:
            rows = api.cast(rows, dtype=grad.indices.dtype)
        end = start + rows
        inside = api.logical_and(
            api.greater_equal(grad.indices, start), api.less(grad.indices, end)
        )
        selected = api.squeeze(api.where(inside), axis=[1])
        indices = api.gather(grad.indices, selected) - start
        grads.append(IndexedSlices(api.gather(grad.values, selected), indices, size))
        start = end
    return grads


def _columns_of_slices(grad: IndexedSlices, sizes: list[Tensor], axis: Tensor) -> Grads:
    """Each value gets all indices, with its part of every slice."""
    rank = api.shape(sizes[0])
    one_at_axis = api.concat(
        [api.fill(api.expand_dims(axis, 0), 0), [1], api.fill(rank - axis - 1, 0)], 0
    )
    begin = api.fill(rank, 0)
    grads = []
    for size in sizes:
        extent = api.concat([[-1], api.slice(size, [1], [-1])], 0)
        grads.append(IndexedSlices(api.slice(grad.values, begin, extent), grad.indices, size))
        begin = raw.Add(begin, size * one_at_axis)
    return grads


CONCAT_V2 = register(
    OpSpec(
        name="ConcatV2", inputs=("values: N * T", "axis: Tidx"), outputs=("output: T",),
        attrs=("N: int >= 2", "T: type", "Tidx: {int32, int64} = DT_INT32"),
        static_inputs=("axis",),
        shape=concat_shape, kernel=concat_kernel, gradient=concat_gradient,
        partial_value=known_concat,
    )
)  # fmt: skip


def concat_offset_kernel(xp: Any, concat_dim: Any, shape: list[Any]) -> Any:
    rank = shape[0].size
    axis = int(concat_dim) % rank
    offsets = []
    total = np.int32(0)
    for size in shape:
        offset = np.zeros(rank, np.int32)
        offset[axis] = total
        offsets.append(offset)
        total = np.int32(total + size[axis])
    return offsets


CONCAT_OFFSET = register(
    OpSpec(
        name="ConcatOffset", inputs=("concat_dim: int32", "shape: N * int32"),
        outputs=("offset: N * int32",),
        attrs=("N: int >= 2",), static_inputs=("concat_dim", "shape"),
        shape=lambda concat_dim, shape: [None if size is None else size.shape for size in shape],
        kernel=concat_offset_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


@export("concat")
def concat(values: Any, axis: Any, name: str | None = "concat") -> Tensor:
    """Tensors one after the other along an axis.

    Args:
        values: a list of tensors of one type, whose shapes differ along `axis` only.
        axis: an int32 scalar; negative values count from the end.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> tf.concat([[[1, 2]], [[3, 4]]], 0)  # [[1, 2], [3, 4]]
    """
    if not isinstance(values, (list, tuple)):
        values = [values]
    if len(values) == 1:
        with name_scope(name):
            convert_to_tensor(axis, name="concat_dim", dtype=dtypes.int32).shape.assert_has_rank(0)
            return api.identity(values[0], name=name)
    return CONCAT_V2(values, axis, name=name)


# Pack and Unpack


def pack_shape(values: list[Shape], *, axis: int) -> Shape:
    merged = merge_all(values)
    if merged is None:
        return None
    rank = len(merged) + 1
    if not -rank <= axis < rank:
        raise ValueError(f"Invalid axis: {axis}; must be in [{-rank},{rank})")
    at = axis % rank
    return (*merged[:at], len(values), *merged[at:])


def pack_kernel(xp: Any, values: list[Any], *, axis: int) -> Any:
    try:
        if axis == 0 and xp is np and values[0].dtype != object:
            return np.array(values)  # much faster than np.stack, which matters for shapes
        return xp.stack(values, axis)
    except ValueError:
        for index, value in enumerate(values):
            if value.shape != values[0].shape:
                raise InvalidArgumentError(
                    None, None,
                    "Shapes of all inputs must match: values[0].shape = "
                    f"{shapes.bracket_text(values[0].shape)} != values[{index}].shape = "
                    f"{shapes.bracket_text(value.shape)}",
                ) from None  # fmt: skip
        raise


def known_pack(op: Operation) -> Any:
    """What is known of a shape that is packed from scalars."""
    if op.outputs[0].dtype not in _SHAPE_TYPES or any([tensor._shape for tensor in op._inputs]):
        return None
    known = [constant_value(tensor) for tensor in op._inputs]
    return tuple([None if value is None else int(value) for value in known])


def pack_gradient(op: Operation, grad: Tensor, *, N: int, axis: int) -> Grads:
    return unstack(grad, num=N, axis=axis)


PACK = register(
    OpSpec(
        name="Pack", inputs=("values: N * T",), outputs=("output: T",),
        attrs=("N: int >= 1", "T: type", "axis: int = 0"),
        shape=pack_shape, kernel=pack_kernel, gradient=pack_gradient, partial_value=known_pack,
    )
)  # fmt: skip


def unpack_shape(value: Shape, *, num: int, axis: int) -> list[Shape]:
    if value is None:
        return [None] * num
    rank = len(value)
    if not -rank <= axis < rank:
        raise ValueError(f"Invalid axis: {axis}; must be in [{-rank},{rank})")
    at = axis % rank
    if value[at] not in (None, num):
        raise ValueError(f"Dimension must be {num} but is {value[at]}")
    return [value[:at] + value[at + 1 :]] * num


def unpack_kernel(xp: Any, value: Any, *, num: int, axis: int) -> Any:
    if not -value.ndim <= axis < value.ndim or value.shape[axis] != num:
        shape = shapes.bracket_text(value.shape)
        raise InvalidArgumentError(
            None, None, f"Input shape axis {axis} must equal {num}, got shape {shape}"
        )
    if axis:
        value = xp.moveaxis(value, axis, 0)
    return [value[index] for index in range(num)]


def unpack_gradient(op: Operation, *grads: Tensor, axis: int) -> Grads:
    return [stack(grads, axis=axis)]


UNPACK = register(
    OpSpec(
        name="Unpack", inputs=("value: T",), outputs=("output: num * T",),
        attrs=("num: int >= 0", "T: type", "axis: int = 0"),
        shape=unpack_shape, kernel=unpack_kernel, gradient=unpack_gradient, view=True,
    )
)  # fmt: skip


@export("stack")
def stack(values: Any, axis: int = 0, name: str | None = "stack") -> Tensor:
    """Tensors of one shape as the slices of a new one along a new axis.

    Args:
        values: a list of tensors of one type and shape.
        axis: where the new axis stands in the result; negative values count from the end.
        name: a name for the operation.

    Returns:
        A Tensor of one rank more.

    Raises:
        ValueError: the shapes differ, or `axis` is out of range.

    Example:
        >>> tf.stack([[1, 2], [3, 4]], axis=1)  # [[1, 3], [2, 4]]
    """
    if axis == 0:
        try:
            return convert_to_tensor(values, name=name)
        except (TypeError, ValueError):
            pass  # what is wrong with the values, the op says below with TensorFlow's words
    shape = convert_to_tensor(values[0], name=name)._shape
    if shape is not None and not -len(shape) - 1 <= axis <= len(shape):
        raise ValueError(f"axis = {axis} not in [{-len(shape) - 1}, {len(shape) + 1})")
    return PACK(values, axis=axis, name=name)


@export("unstack")
def unstack(
    value: Any, num: int | None = None, axis: int = 0, name: str | None = "unstack"
) -> list[Tensor]:
    """The slices of a tensor along an axis.

    Args:
        value: a tensor.
        num: the size of that axis; taken from the static shape where None.
        axis: an axis; negative values count from the end.
        name: a name for the operation.

    Returns:
        A list of Tensors of one rank less.

    Raises:
        ValueError: the size is not known, or `axis` is out of range.

    Example:
        >>> a, b = tf.unstack([[1, 2], [3, 4]])  # [1, 2] and [3, 4]
    """
    if num is None:
        value = convert_to_tensor(value)
        shape = value._shape
        if shape is not None:
            if not -len(shape) <= axis < len(shape):
                raise ValueError(f"axis = {axis} not in [{-len(shape)}, {len(shape)})")
            num = shape[axis]
        if num is None:
            raise ValueError(f"Cannot infer num from shape {shapes.shape_text(shape)}")
    return UNPACK(value, num=num, axis=axis, name=name)


# Lists that hold tensors


def _pack_list(value: Any, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Any:
    """Converts a nested list in which some elements are tensors: they are packed."""
    found = _dtype_in(value)
    if found is None:
        return NotImplemented
    if dtype is not None and dtype.base_dtype is not found:
        value, found = _cast_in(value, dtype.base_dtype), dtype.base_dtype
    return _packed(value, found, "packed" if name is None else name)


def _dtype_in(value: Any) -> dtypes.DType | None:
    """The type of the first tensor in a nested list."""
    for item in value:
        if isinstance(item, (list, tuple)):
            found = _dtype_in(item)
            if found is not None:
                return found
        elif is_dense_tensor_like(item):
            return item.dtype.base_dtype
    return None


def _cast_in(value: Any, dtype: dtypes.DType) -> Any:
    if isinstance(value, (list, tuple)):
        return [_cast_in(item, dtype) for item in value]
    return api.cast(value, dtype) if is_dense_tensor_like(value) else value


def _packed(value: Any, dtype: dtypes.DType, name: str) -> Any:
    """The Pack of a nested list; the list itself where it holds no tensors."""
    with name_scope(name) as scope:
        items: list[Any] = []
        for index, item in enumerate(value):
            if is_dense_tensor_like(item):
                if item.dtype.base_dtype is not dtype:
                    raise TypeError(
                        f"Cannot convert a list containing a tensor of dtype {item.dtype} to "
                        f"{dtype} (Tensor is: {item!r})"
                    )
                items.append(item)
            else:
                items.append(
                    _packed(item, dtype, str(index)) if isinstance(item, (list, tuple)) else item
                )
        if not any([is_dense_tensor_like(item) for item in items]):
            return items
        tensors = [
            item if is_dense_tensor_like(item) else constant(item, dtype, name=str(index))
            for index, item in enumerate(items)
        ]
        return PACK(tensors, name=scope)


register_tensor_conversion_function((list, tuple), _pack_list, 99)
