"""The public functions that reduce: `tf.reduce_sum` and its kin, `tf.argmax` and more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import OpSpec, raw
from penstock.graph.public import name_scope
from penstock.ops import reduction_ops
from penstock.ops.old_names import renamed


def reduction_axes(x: Any, axis: Any) -> Any:
    """The axes that a reduction gets: all of them where none are given."""
    if axis is not None:
        return axis
    rank = x._rank() if isinstance(x, Tensor) else None
    if rank is not None:
        return api.constant(list(range(rank)), dtype=dtypes.int32)
    return api.range(0, api.rank(x))


_ARGS = """
    Args:
        input_tensor: a tensor of {types}.
        axis: an int, a list of ints, or a tensor of int32 or int64; all axes where None.
        keepdims: keep the reduced axes, with size 1.
        name: a name for the operation.
        reduction_indices, keep_dims: old names of `axis` and `keepdims`.

    Returns:
        A Tensor of the same type, without those axes.

    Raises:
        ValueError: an axis is out of range, or given under both its names.

    Example:
        >>> tf.{name}({example}, axis=1)
    """


def _reduce(spec: OpSpec, name: str, summary: str, types: str, example: str) -> Callable[..., Any]:
    def function(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        name: str | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Tensor:
        axis = renamed("axis", axis, "reduction_indices", reduction_indices)
        keep = renamed("keepdims", keepdims, "keep_dims", keep_dims)
        axes = reduction_axes(input_tensor, axis)
        return _with_known_scalar(
            spec(input_tensor, axes, keep_dims=bool(keep), name=name), axis, keep
        )

    function.__name__ = function.__qualname__ = name
    details = _ARGS.format(types=types, name=name, example=example)
    function.__doc__ = f"{summary}\n{details}"
    return export(name, f"math.{name}")(function)


def _with_known_scalar(output: Tensor, axis: Any, keep: Any) -> Tensor:
    """A reduction over all axes gives a scalar, even where the rank is not known."""
    if axis is None and not keep:
        output.set_shape(())
    return output


_NUMBERS, _MATRIX = "a number type", "[[1.0, 2.0], [3.0, 4.0]]"
reduce_sum = _reduce(reduction_ops.SUM, "reduce_sum", "The sum over axes.", _NUMBERS, _MATRIX)
reduce_mean = _reduce(
    reduction_ops.MEAN,
    "reduce_mean",
    "The mean over axes; of integers, rounded towards zero.",
    _NUMBERS,
    _MATRIX,
)
reduce_prod = _reduce(
    reduction_ops.PROD, "reduce_prod", "The product over axes.", _NUMBERS, _MATRIX
)
reduce_max = _reduce(
    reduction_ops.MAX, "reduce_max", "The largest over axes.", "a real number type", _MATRIX
)
reduce_min = _reduce(
    reduction_ops.MIN, "reduce_min", "The smallest over axes.", "a real number type", _MATRIX
)
reduce_all = _reduce(
    reduction_ops.ALL, "reduce_all", "Whether all are true, over axes.", "bool", "[[True, False]]"
)
reduce_any = _reduce(
    reduction_ops.ANY, "reduce_any", "Whether any is true, over axes.", "bool", "[[True, False]]"
)


@export("math.reduce_euclidean_norm")
def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The square root of the sum of squares over axes.

    Args:
        input_tensor: a tensor of a number type.
        axis: an int, a list of ints, or a tensor of them; all axes where None.
        keepdims: keep the reduced axes, with size 1.
        name: a name for the operation.

    Returns:
        A Tensor of the same type, without those axes. It has no
        gradient, as in TensorFlow.

    Raises:
        ValueError: an axis is out of range.

    Example:
        >>> tf.math.reduce_euclidean_norm([3.0, 4.0])
    """
    axes = reduction_axes(input_tensor, axis)
    output = reduction_ops.EUCLIDEAN_NORM(input_tensor, axes, keep_dims=bool(keepdims), name=name)
    return _with_known_scalar(output, axis, keepdims)


@export("reduce_logsumexp", "math.reduce_logsumexp")
def reduce_logsumexp(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The logarithm of the sum of exponentials over axes, safe from overflow.

    Args:
        input_tensor: a tensor of a float type.
        axis: an int, a list of ints, or a tensor of them; all axes where None.
        keepdims: keep the reduced axes, with size 1.
        name: a name for the operations.
        reduction_indices, keep_dims: old names of `axis` and `keepdims`.

    Returns:
        A Tensor of the same type, without those axes.

    Raises:
        ValueError: an axis is out of range, or given under both its names.

    Example:
        >>> tf.reduce_logsumexp([1000.0, 1000.0])
    """
    axis = renamed("axis", axis, "reduction_indices", reduction_indices)
    keep = bool(renamed("keepdims", keepdims, "keep_dims", keep_dims))
    input_tensor = convert_to_tensor(input_tensor)
    with name_scope(name, "ReduceLogSumExp", [input_tensor]):
        largest = reduce_max(input_tensor, axis=axis, keepdims=True)
        # exp(x - max) where max is infinite would be NaN.
        shift = api.stop_gradient(
            api.where(api.is_finite(largest), largest, api.zeros_like(largest))
        )
        total = reduce_sum(api.exp(api.subtract(input_tensor, shift)), axis=axis, keepdims=keep)
        result = api.log(total)
        if not keep:
            shift = api.reshape(shift, api.shape(result))
        result = api.add(result, shift)
        return _with_known_scalar(result, axis, keep)


@export("math.reduce_variance")
def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The mean of squared distances from the mean, over axes.

    Args:
        input_tensor: a tensor of a float or complex type.
        axis: an int, a list of ints, or a tensor of them; all axes where None.
        keepdims: keep the reduced axes, with size 1.
        name: a name for the operations.

    Returns:
        A Tensor of the same type, without those axes.

    Raises:
        TypeError: `input_tensor` is of an integer type.

    Example:
        >>> tf.math.reduce_variance([1.0, 3.0])
    """
    with name_scope(name or "reduce_variance"):
        means = reduce_mean(input_tensor, axis=axis, keepdims=True)
        if means.dtype.is_integer:
            raise TypeError("Input must be either real or complex")
        squares = api.square(convert_to_tensor(input_tensor) - means)
        return reduce_mean(squares, axis=axis, keepdims=keepdims)


@export("math.reduce_std")
def reduce_std(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The square root of the variance, over axes; see `tf.math.reduce_variance`.

    Args:
        input_tensor: a tensor of a float or complex type.
        axis: an int, a list of ints, or a tensor of them; all axes where None.
        keepdims: keep the reduced axes, with size 1.
        name: a name for the operations.

    Returns:
        A Tensor of the same type, without those axes.

    Raises:
        TypeError: `input_tensor` is of an integer type.

    Example:
        >>> tf.math.reduce_std([1.0, 3.0])
    """
    with name_scope(name or "reduce_std"):
        variance = reduce_variance(input_tensor, axis=axis, keepdims=keepdims)
        return api.sqrt(variance)


@export("count_nonzero", "math.count_nonzero")
def count_nonzero(
    input_tensor: Any = None,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
    input: Any = None,
) -> Tensor:
    """How many elements are not zero (or false, or empty strings), over axes.

    Args:
        input_tensor: a tensor of a number type, bool or string.
        axis: an int, a list of ints, or a tensor of them; all axes where None.
        keepdims: keep the reduced axes, with size 1.
        dtype: the type of the result.
        name: a name for the operations.
        reduction_indices, keep_dims, input: old names of `axis`, `keepdims` and `input_tensor`.

    Returns:
        A Tensor of `dtype`, without those axes.

    Raises:
        ValueError: an axis is out of range, or an argument is given under both its names.

    Example:
        >>> tf.count_nonzero([[0, 1], [2, 3]], axis=1)
    """
    keep = bool(renamed("keepdims", keepdims, "keep_dims", keep_dims))
    tensor = renamed("input_tensor", input_tensor, "input", input)
    axis = renamed("axis", axis, "reduction_indices", reduction_indices)
    with name_scope(name, "count_nonzero", [tensor]):
        tensor = convert_to_tensor(tensor, name="input")
        zeros = api.zeros([], dtype=tensor.dtype.base_dtype)
        nonzero = api.cast(api.not_equal(tensor, zeros), dtypes.int64)
        return api.cast(reduce_sum(nonzero, axis=axis, keepdims=keep), dtypes.as_dtype(dtype))


# The place of the extremum

_ARG = """
    Args:
        input: a tensor of a number type.
        {dimension}
        output_type: tf.int32 or tf.int64.
        name: a name for the operation.

    Returns:
        A Tensor of `output_type`, without that axis: of equal elements the first counts.

    Raises:
        ValueError: the axis is out of range.

    Example:
        >>> tf.{name}([[1.0, 3.0, 2.0]], 1)
    """


def _arg_extremum(op: str, name: str, old_name: str, summary: str) -> None:
    def function(
        input: Any,
        axis: Any = None,
        name: str | None = None,
        dimension: Any = None,
        output_type: Any = dtypes.int64,
    ) -> Tensor:
        axis = renamed("axis", axis, "dimension", dimension)
        axis = 0 if axis is None else axis
        return getattr(raw, op)(input, axis, output_type=output_type, name=name)

    def old_function(
        input: Any,
        dimension: Any,
        output_type: Any = dtypes.int64,
        name: str | None = None,
    ) -> Tensor:
        return getattr(raw, op)(input, dimension, output_type=output_type, name=name)

    function.__name__ = function.__qualname__ = name
    axis = "axis: an int or a scalar tensor; 0 where None. `dimension` is its old name."
    function.__doc__ = summary + _ARG.format(dimension=axis, name=name)
    export(name, f"math.{name}")(function)
    old_function.__name__ = old_function.__qualname__ = old_name
    dimension = "dimension: an int or a scalar tensor, the axis."
    old_function.__doc__ = summary + _ARG.format(dimension=dimension, name=old_name)
    export(old_name)(old_function)


_arg_extremum("ArgMax", "argmax", "arg_max", "The index of the largest along an axis.\n")
_arg_extremum("ArgMin", "argmin", "arg_min", "The index of the smallest along an axis.\n")
