"""Tensors made of a rule: zeros, ones, one value everywhere, ranges."""

from __future__ import annotations

import functools
import math
import operator
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
from penstock.ops.elementwise import same_shape
from penstock.ops.list_values import TensorList
from penstock.ops.shape_ops import shape_internal

Shape = shapes.Shape

SMALL = 1000  # zeros and ones of fewer elements are constants, not operations


# Fill, ZerosLike, OnesLike


def fill_shape(dims: Shape, value: Shape) -> Shape:
    shapes.with_rank(value, 0)
    return dims


def fill_kernel(xp: Any, dims: Any, value: Any, *, T: dtypes.DType) -> Any:
    if dims.ndim != 1:
        text = f"dims must be a vector, got shape {shapes.bracket_text(dims.shape)}"
        raise InvalidArgumentError(None, None, text)
    sizes = dims.tolist()
    if min(sizes, default=0) < 0:
        raise InvalidArgumentError(None, None, f"Dimension {min(sizes)} must be >= 0")
    if value.ndim:
        text = f"value must be a scalar, got shape {shapes.bracket_text(value.shape)}"
        raise InvalidArgumentError(None, None, text)
    return xp.full(sizes, value, T.np_dtype)


def fill_gradient(op: Operation, grad: Tensor) -> Grads:
    return [None, api.reduce_sum(grad)]


FILL = register(
    OpSpec(
        name="Fill", inputs=("dims: index_type", "value: T"), outputs=("output: T",),
        attrs=("T: type", "index_type: {int32, int64} = DT_INT32"), shape_inputs=("dims",),
        shape=fill_shape, kernel=fill_kernel, gradient=fill_gradient,
    )
)  # fmt: skip


def zeros_like_kernel(xp: Any, x: Any) -> Any:
    if isinstance(x, TensorList):
        return x.zeros()
    if x.dtype == object:
        return np.full(x.shape, b"", object)
    return xp.zeros_like(x)


ZEROS_LIKE = register(
    OpSpec(
        name="ZerosLike", inputs=("x: T",), outputs=("y: T",), attrs=("T: type",),
        shape=same_shape, kernel=zeros_like_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip
ONES_LIKE = register(
    OpSpec(
        name="OnesLike", inputs=("x: T",), outputs=("y: T",),
        attrs=(
            "T: {bfloat16, half, float, double, int8, uint8, int16, uint16, int32, int64, "
            "complex64, complex128, bool}",
        ),
        shape=same_shape, kernel=lambda xp, x: xp.ones_like(x), gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


@export("fill")
def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor with one value everywhere.

    Args:
        dims: its shape, int32 or int64.
        value: a scalar.
        name: a name for the operation.

    Returns:
        A Tensor of the type of `value`.

    Example:
        >>> tf.fill([2, 3], 9)  # [[9, 9, 9], [9, 9, 9]]
    """
    return FILL(dims, value, name=name)


@export("zeros")
def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of zeros (of False, or of empty strings).

    Args:
        shape: its shape: ints, a TensorShape, or an int32 or int64 tensor.
        dtype: the type of its elements.
        name: a name for the operation.

    Returns:
        A Tensor; a constant where it has fewer than 1000 elements and a shape known now.

    Example:
        >>> tf.zeros([2, 3], tf.int32)
    """
    dtype = dtypes.as_dtype(dtype).base_dtype
    zero: Any = False if dtype.is_bool else "" if dtype is dtypes.string else 0
    return _filled(zero, shape, dtype, name, "zeros")


@export("ones")
def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of ones (of True).

    Args:
        shape: its shape: ints, a TensorShape, or an int32 or int64 tensor.
        dtype: the type of its elements.
        name: a name for the operation.

    Returns:
        A Tensor; a constant where it has fewer than 1000 elements and a shape known now.

    Example:
        >>> tf.ones([2, 3])
    """
    dtype = dtypes.as_dtype(dtype).base_dtype
    return _filled(True if dtype.is_bool else 1, shape, dtype, name, "ones")


def _filled(
    value: Any, shape: Any, dtype: dtypes.DType, name: str | None, default_name: str
) -> Tensor:
    with name_scope(name, default_name, [shape]) as scope:
        if not isinstance(shape, Tensor):
            if _is_small(shape):
                sizes = _static_sizes(shape)
                if sizes is not None:
                    return constant(value, dtype, shape=sizes, name=scope)
            shape = _shape_tensor(shape)
        if not shape._shape:
            shape = api.reshape(shape, [-1])  # a size on its own is the shape of a vector
        return fill(shape, constant(value, dtype), name=scope)


def _is_small(shape: Any) -> bool:
    """Whether a shape given as a sequence has few elements.

    Sizes that are tensors leave their product and its comparison in the graph, as in TensorFlow.
    """
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    if isinstance(shape, shapes.TensorShape):
        shape = shape.dims
    if not isinstance(shape, (list, tuple)) or any([size is None for size in shape]):
        return False
    small = functools.reduce(operator.mul, shape) < SMALL if len(shape) else True
    return small is not None and not isinstance(small, Tensor) and bool(small)


def _static_sizes(shape: Any) -> Shape:
    try:
        sizes = shapes.as_tuple(shape)
    except (TypeError, ValueError):
        # No shape of plain sizes: the conversion to a tensor says what is wrong with it.
        return None
    return sizes if shapes.is_known(sizes) else None


def _shape_tensor(shape: Any) -> Tensor:
    sizes = _static_sizes(shape)
    if sizes is not None:
        return convert_to_tensor(shapes.TensorShape(sizes))
    return convert_to_tensor(shape, dtypes.int32)


@export("zeros_like")
def zeros_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Zeros in the shape of a tensor.

    Args:
        tensor: a tensor.
        dtype: the type of the result; that of `tensor` where None.
        name: a name for the operation.
        optimize: use the static shape where it is fully known.

    Returns:
        A Tensor.

    Example:
        >>> tf.zeros_like(x)
    """
    with name_scope(name, "zeros_like", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name="tensor")
        own = tensor.dtype.base_dtype
        wanted = own if dtype is None else dtypes.as_dtype(dtype).base_dtype
        if optimize and shapes.is_known(tensor._shape) and wanted is not dtypes.variant:
            return zeros(tensor.shape, wanted, name=scope)
        if wanted is not own and wanted is not dtypes.variant:
            return zeros(shape_internal(tensor, optimize=optimize), wanted, name=scope)
        return ZEROS_LIKE(tensor, name=scope)


@export("ones_like")
def ones_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Ones in the shape of a tensor.

    Args:
        tensor: a tensor.
        dtype: the type of the result; that of `tensor` where None.
        name: a name for the operations.
        optimize: use the static shape where it is fully known.

    Returns:
        A Tensor.

    Example:
        >>> tf.ones_like(x)
    """
    with name_scope(name, "ones_like", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name="tensor")
        dynamic = shape_internal(tensor, optimize=optimize)
        result = ones(dynamic, tensor.dtype.base_dtype if dtype is None else dtype, name=scope)
        result.set_shape(tensor._shape)
        return result


# Range


def range_count(start: Any, limit: Any, delta: Any) -> int:
    """How many elements a range has.

    Raises:
        ValueError: the range has no end.
    """
    if delta == 0:
        raise ValueError("Requires delta != 0")
    if delta > 0 and start > limit:
        raise ValueError(f"Requires start <= limit when delta > 0: {start}/{limit}")
    if delta < 0 and start < limit:
        raise ValueError(f"Requires start >= limit when delta < 0: {start}/{limit}")
    if start.dtype.kind == "i":
        return -((int(start) - int(limit)) // int(delta))
    return math.ceil(abs((limit - start) / delta))


def range_shape(start: Any, limit: Any, delta: Any) -> Shape:
    for what, value in (("start", start), ("limit", limit), ("delta", delta)):
        if value is not None and value.ndim:
            raise ValueError(f"Shape must be rank 0 but is rank {value.ndim}\n\t for '{what}'")
    if start is None or limit is None or delta is None:
        return (None,)
    return (range_count(start[()], limit[()], delta[()]),)


def range_kernel(xp: Any, start: Any, limit: Any, delta: Any) -> Any:
    for what, value in (("start", start), ("limit", limit), ("delta", delta)):
        if value.ndim:
            text = f"{what} must be a scalar, not shape {shapes.bracket_text(value.shape)}"
            raise InvalidArgumentError(None, None, text)
    start, limit, delta = start[()], limit[()], delta[()]
    try:
        count = range_count(start, limit, delta)
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None
    if start.dtype.kind == "i":
        return np.arange(start, limit, delta, dtype=start.dtype)
    steps = np.full(count, delta, start.dtype)
    steps[:1] = start
    # TensorFlow adds up delta, and so keeps its rounding errors.
    return np.add.accumulate(steps, dtype=start.dtype)


RANGE = register(
    OpSpec(
        name="Range", inputs=("start: Tidx", "limit: Tidx", "delta: Tidx"),
        outputs=("output: Tidx",),
        attrs=("Tidx: {bfloat16, float, double, int32, int64} = DT_INT32",),
        static_inputs=("start", "limit", "delta"),
        shape=range_shape, kernel=range_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip

_RANGE_TYPES = (dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64)


@export("range")
def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = "range"
) -> Tensor:
    """The numbers from `start`, in steps of `delta`, up to but without `limit`.

    Args:
        start: a scalar; the limit where no other is given, and the range starts at 0 then.
        limit: a scalar, or None.
        delta: a scalar, not 0.
        dtype: the type of the result; the widest of the arguments' types where None.
        name: a name for the operation.

    Returns:
        A vector.

    Raises:
        ValueError: `delta` is 0 or leads away from `limit`.

    Example:
        >>> tf.range(3, 18, 3)  # [3, 6, 9, 12, 15]
    """
    if limit is None:
        start, limit = 0, start
    with name_scope(name, "Range", [start, limit, delta]) as scope:
        wanted = None if dtype is None else dtypes.as_dtype(dtype)
        first = convert_to_tensor(start, wanted, name="start")
        last = convert_to_tensor(limit, wanted, name="limit")
        step = convert_to_tensor(delta, wanted, name="delta")
        if wanted is None:
            types = [tensor.dtype.base_dtype for tensor in (first, last, step)]
            widest = (
                max(types, key=_RANGE_TYPES.index) if set(types) <= set(_RANGE_TYPES) else types[0]
            )
            first, last, step = [api.cast(tensor, widest) for tensor in (first, last, step)]
        return RANGE(first, last, step, name=scope)


# LinSpace


def lin_space_shape(start: Shape, stop: Shape, num: Any) -> Shape:
    for what, value in (("start", start), ("stop", stop)):
        if value:
            raise ValueError(f"Shape must be rank 0 but is rank {len(value)}\n\t for '{what}'")
    if num is None:
        return (None,)
    if num <= 0:
        raise ValueError(f"Requires num > 0: {num}")
    return (int(num),)


def lin_space_kernel(xp: Any, start: Any, stop: Any, num: Any) -> Any:
    count = int(num)
    if count <= 0:
        raise InvalidArgumentError(None, None, f"Requires num > 0: {count}")
    if count == 1:
        return xp.reshape(start, (1,))
    step = (stop - start) / start.dtype.type(count - 1)
    inner = start + step * np.arange(count - 1, dtype=start.dtype)
    return xp.concatenate([inner, xp.reshape(stop, (1,))])


LIN_SPACE = register(
    OpSpec(
        name="LinSpace", inputs=("start: T", "stop: T", "num: Tidx"), outputs=("output: T",),
        attrs=("T: {bfloat16, float, double}", "Tidx: {int32, int64} = DT_INT32"),
        static_inputs=("num",),
        shape=lin_space_shape, kernel=lin_space_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


@export("lin_space", "linspace")
def lin_space(start: Any, stop: Any, num: Any, name: str | None = None) -> Tensor:
    """Evenly spaced numbers from `start` to `stop`, both included.

    Args:
        start: a float scalar.
        stop: one of the same type.
        num: how many, int32 or int64.
        name: a name for the operation.

    Returns:
        A vector of the type of `start`.

    Raises:
        ValueError: `num` is below 1.

    Example:
        >>> tf.linspace(10.0, 12.0, 3)  # [10, 11, 12]
    """
    return LIN_SPACE(start, stop, num, name=name)
