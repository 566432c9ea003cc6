"""Choosing elements: where, select, one_hot, and masks of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.ops.constant import constant
from penstock.ops.joining import merge_shapes

Shape = shapes.Shape


# Where


def where_shape(x: Shape) -> Shape:
    return (None, None if x is None else len(x))


def where_kernel(xp: Any, x: Any) -> Any:
    return np.argwhere(x).astype(np.int64, copy=False)


WHERE = register(
    OpSpec(
        name="Where", inputs=("input: T",), outputs=("index: int64",),
        attrs=(
            "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, "
            "qint32, bfloat16, uint16, complex128, half, uint32, uint64, bool} = DT_BOOL",
        ),
        shape=where_shape, kernel=where_kernel, gradient=None, host=True,
    )
)  # fmt: skip


# Select and SelectV2


def select_shape(condition: Shape, t: Shape, e: Shape) -> Shape:
    data = merge_shapes(t, e)
    if data is None or condition is None or condition == ():
        return data
    if len(condition) == 1 and len(data) >= 1:
        return (*(merge_shapes(condition, data[:1]) or ()), *data[1:])
    return merge_shapes(data, condition)


def select_kernel(xp: Any, condition: Any, t: Any, e: Any) -> Any:
    if t.shape != e.shape:
        raise _size_error(t, e, 2)
    if condition.ndim == 1 and t.ndim > 1:
        if condition.shape[0] != t.shape[0]:
            raise InvalidArgumentError(
                None, None,
                "Number of batches of 'then' must match size of 'cond', but saw: "
                f"{t.shape[0]} vs. {condition.shape[0]}",
            )  # fmt: skip
        condition = condition.reshape((-1,) + (1,) * (t.ndim - 1))
    elif condition.ndim and condition.shape != t.shape:
        raise _size_error(t, condition, 0)
    return xp.where(condition, t, e)


def _size_error(t: Any, other: Any, index: int) -> InvalidArgumentError:
    return InvalidArgumentError(
        None, None,
        "Inputs to operation Select of type Select must have the same size and shape.  Input 0: "
        f"{shapes.bracket_text(t.shape)} != input {index}: {shapes.bracket_text(other.shape)}",
    )  # fmt: skip


def select_gradient(op: Operation, grad: Tensor) -> Grads:
    condition = op._inputs[0]
    zeros = api.zeros_like(op._inputs[1])
    return [None, raw.Select(condition, grad, zeros), raw.Select(condition, zeros, grad)]


SELECT = register(
    OpSpec(
        name="Select", inputs=("condition: bool", "t: T", "e: T"), outputs=("output: T",),
        attrs=("T: type",), shape=select_shape, kernel=select_kernel, gradient=select_gradient,
    )
)  # fmt: skip


def select_v2_shape(condition: Shape, t: Shape, e: Shape) -> Shape:
    return shapes.broadcast(shapes.broadcast(t, e), condition)


def select_v2_kernel(xp: Any, condition: Any, t: Any, e: Any) -> Any:
    try:
        return xp.where(condition, t, e)
    except ValueError:
        c_text, t_text, e_text = [shapes.bracket_text(x.shape) for x in (condition, t, e)]
        text = f"condition {c_text}, then {t_text}, and else {e_text} must be broadcastable"
        raise InvalidArgumentError(None, None, text) from None


def select_v2_gradient(op: Operation, grad: Tensor) -> Grads:
    condition, t, e = op._inputs
    zeros = api.zeros([], dtype=grad.dtype.base_dtype)
    chosen = raw.SelectV2(condition, grad, zeros)
    t_shape, out_shape = api.shape(t), api.shape(op.outputs[0])
    t_axes, _ = raw.BroadcastGradientArgs(t_shape, out_shape)
    t_grad = api.reshape(api.reduce_sum(chosen, keepdims=True, axis=t_axes), t_shape)
    other = raw.SelectV2(condition, zeros, grad)
    e_shape = api.shape(e)
    e_axes, _ = raw.BroadcastGradientArgs(e_shape, out_shape)
    e_grad = api.reshape(api.reduce_sum(other, keepdims=True, axis=e_axes), e_shape)
    return [None, t_grad, e_grad]


SELECT_V2 = register(
    OpSpec(
        name="SelectV2", inputs=("condition: bool", "t: T", "e: T"),
        outputs=("output: T",), attrs=("T: type",),
        shape=select_v2_shape, kernel=select_v2_kernel, gradient=select_v2_gradient,
    )
)  # fmt: skip


@export("where")
def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Elements of `x` where a condition holds, and of `y` elsewhere; or the places where it holds.

    Args:
        condition: a tensor, boolean where `x` and `y` are given: a scalar, a vector with one
            element for each slice of `x`, or of the shape of `x`.
        x: a tensor, or None.
        y: a tensor of the same type and shape, or None.
        name: a name for the operation.

    Returns:
        A Tensor like `x`; without `x` and `y`, int64 of shape [n, rank]: the indices
        of what is not zero.

    Raises:
        ValueError: only one of `x` and `y` is given, or the shapes do not fit.

    Example:
        >>> tf.where([True, False], [1, 2], [3, 4])  # [1, 4]
    """
    if x is None and y is None:
        with name_scope(name, "Where", [condition]) as scope:
            tensor = convert_to_tensor(condition, preferred_dtype=dtypes.bool, name="condition")
            return WHERE(tensor, name=scope)
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    return SELECT(condition, x, y, name=name)


@export("where_v2")
def where_v2(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """`tf.where`, with the condition and both choices broadcast to one shape.

    Args:
        condition: a boolean tensor.
        x: a tensor, or None.
        y: a tensor of the same type, or None.
        name: a name for the operation.

    Returns:
        A Tensor; without `x` and `y`, int64 of shape [n, rank]: the indices of what is not zero.

    Raises:
        ValueError: only one of `x` and `y` is given, or the shapes do not fit.

    Example:
        >>> tf.where_v2(x > 0, x, 0.0)
    """
    if x is None and y is None:
        return where(condition, name=name)
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    return SELECT_V2(condition, x, y, name=name)


# OneHot


def one_hot_shape(
    indices: Shape, depth: Any, on_value: Shape, off_value: Shape, *, axis: int
) -> Shape:
    if axis < -1:
        raise ValueError("axis must be >= -1")
    for value in (on_value, off_value):
        shapes.with_rank(value, 0)
    if depth is not None and depth < 0:
        raise ValueError(
            f"Dimension size, given by scalar input 1, must be non-negative but is {int(depth)}"
        )
    if indices is None:
        return None
    if axis > len(indices):
        raise ValueError(f"axis {axis} is outside [-1, {len(indices)}]")
    at = len(indices) if axis == -1 else axis
    return (*indices[:at], None if depth is None else int(depth), *indices[at:])


def one_hot_kernel(
    xp: Any, indices: Any, depth: Any, on_value: Any, off_value: Any, *, axis: int
) -> Any:
    at = indices.ndim if axis == -1 else axis
    if not 0 <= at <= indices.ndim:
        text = f"Expected axis to be -1 or between [0, {indices.ndim + 1}).  But received: {axis}"
        raise InvalidArgumentError(None, None, text)
    if depth < 0:
        raise InvalidArgumentError(None, None, f"depth must be non-negative, got: {int(depth)}")
    dtype = np.int64 if indices.dtype == np.uint8 else indices.dtype  # a depth may be above 255
    columns = np.arange(int(depth), dtype=dtype).reshape((-1,) + (1,) * (indices.ndim - at))
    spread = indices.reshape((*indices.shape[:at], 1, *indices.shape[at:]))
    return xp.where(spread == columns, on_value, off_value)


ONE_HOT = register(
    OpSpec(
        name="OneHot", inputs=("indices: TI", "depth: int32", "on_value: T", "off_value: T"),
        outputs=("output: T",),
        attrs=("axis: int = -1", "T: type", "TI: {uint8, int32, int64} = DT_INT64"),
        static_inputs=("depth",),
        shape=one_hot_shape, kernel=one_hot_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


@export("one_hot")
def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: int | None = None,
    dtype: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Vectors with one value at given indices, and another elsewhere.

    Args:
        indices: uint8, int32 or int64, of any shape; one out of range gives a
            vector without `on_value`.
        depth: an int32 scalar: the length of the vectors.
        on_value: a scalar; 1 where None.
        off_value: a scalar of the same type; 0 where None.
        axis: where the new axis stands; last where None or -1.
        dtype: the type of the result; that of the values where None, or float32.
        name: a name for the operation.

    Returns:
        A Tensor of one rank more than `indices`.

    Raises:
        TypeError: the types of the values differ, or are not `dtype`.

    Example:
        >>> tf.one_hot([0, 2], 3)  # [[1, 0, 0], [0, 0, 1]]
    """
    with name_scope(name, "one_hot", [indices, depth, on_value, off_value, axis, dtype]) as scope:
        on_type = None if on_value is None else convert_to_tensor(on_value).dtype.base_dtype
        off_type = None if off_value is None else convert_to_tensor(off_value).dtype.base_dtype
        if dtype is not None:
            wanted = dtypes.as_dtype(dtype).base_dtype
            for what, found in (("on_value", on_type), ("off_value", off_type)):
                if found not in (None, wanted):
                    raise TypeError(
                        f"dtype {found} of {what} does not match dtype parameter {wanted}"
                    )
        else:
            wanted = on_type or off_type or dtypes.float32
        if on_value is None:
            on_value, on_type = convert_to_tensor(1, wanted, name="on_value"), wanted
        if off_value is None:
            off_value, off_type = convert_to_tensor(0, wanted, name="off_value"), wanted
        if on_type != off_type:
            raise TypeError(
                f"dtype {on_type} of on_value does not match dtype {off_type} of off_value"
            )
        return ONE_HOT(indices, depth, on_value, off_value, axis=axis, name=scope)


@export("sequence_mask")
def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool, name: str | None = None
) -> Tensor:
    """Rows that are True in their first elements, as many as `lengths` says.

    Args:
        lengths: an integer tensor.
        maxlen: the length of the rows, a scalar; the largest of `lengths` where None.
        dtype: the type of the result.
        name: a name for the operations.

    Returns:
        A Tensor of shape lengths.shape + [maxlen].

    Raises:
        ValueError: `maxlen` is no scalar.

    Example:
        >>> tf.sequence_mask([1, 3], 4)  # [[True, False, False, False], [True, True, True, False]]
    """
    with name_scope(name, "SequenceMask", [lengths, maxlen]):
        lengths = convert_to_tensor(lengths)
        if maxlen is None:
            maxlen = raw.Max(lengths, all_axes(lengths), keep_dims=False)
            maxlen = raw.Maximum(constant(0, maxlen.dtype), maxlen)
        else:
            maxlen = convert_to_tensor(maxlen)
        if maxlen._shape:
            raise ValueError("maxlen must be scalar for sequence_mask")
        positions = raw.Range(constant(0, maxlen.dtype), maxlen, constant(1, maxlen.dtype))
        ends = raw.Cast(api.expand_dims(lengths, -1), DstT=maxlen.dtype)
        mask = positions < ends
        if dtype is None or dtypes.as_dtype(dtype).base_dtype is mask.dtype:
            return mask
        return raw.Cast(mask, DstT=dtypes.as_dtype(dtype).base_dtype)


def all_axes(x: Tensor) -> Tensor:
    """The axes of a tensor: a constant where the rank is known."""
    if x._shape is not None:
        return constant(np.arange(len(x._shape)), dtypes.int32)
    return api.range(0, api.rank(x))
