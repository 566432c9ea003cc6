"""Running sums, products and logarithms of sums along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, register
from penstock.graph.public import name_scope


def scan_shape(x: shapes.Shape, axis: Any) -> shapes.Shape:
    return x  # TensorFlow checks the axis when it runs, not here


def _scan(
    xp: Any, function: Any, x: Any, axis: Any, fill: Any, exclusive: bool, reverse: bool
) -> Any:
    """The running `function` of x, shifted by one to start with `fill` where it is exclusive."""
    if axis.ndim:
        sizes = shapes.bracket_text(axis.shape)
        raise InvalidArgumentError(None, None, f"ScanOp: axis must be a scalar, not {sizes}")
    axis = int(axis)
    if not -x.ndim <= axis < x.ndim:
        raise InvalidArgumentError(
            None,
            None,
            f"ScanOp: Expected scan axis in the range [{-x.ndim}, {x.ndim}), but got {axis}",
        )
    x = xp.moveaxis(x, axis, -1)
    if reverse:
        x = x[..., ::-1]
    if exclusive:  # shifting, for taking x out again would make inf - inf = NaN
        x = xp.concatenate([xp.full_like(x[..., :1], fill), x[..., :-1]], axis=-1)
    out = function(x, axis=-1, dtype=x.dtype)  # NumPy alone would widen int32
    if reverse:
        out = out[..., ::-1]
    return xp.moveaxis(out, -1, axis)


def cumsum_kernel(xp: Any, x: Any, axis: Any, *, exclusive: bool, reverse: bool) -> Any:
    return _scan(xp, xp.cumsum, x, axis, 0, exclusive, reverse)


def cumsum_gradient(op: Operation, grad: Any, *, exclusive: bool, reverse: bool) -> Grads:
    """out_j sums x_i for i <= j, so dx_i sums grad_j for j >= i: the same, the other way."""
    axis = op._inputs[1]
    return [api.cumsum(grad, axis, exclusive=exclusive, reverse=not reverse), None]


def cumprod_kernel(xp: Any, x: Any, axis: Any, *, exclusive: bool, reverse: bool) -> Any:
    return _scan(xp, xp.cumprod, x, axis, 1, exclusive, reverse)


def cumprod_gradient(op: Operation, grad: Any, *, exclusive: bool, reverse: bool) -> Grads:
    """x_i is a factor of out_j for j >= i, so dx_i sums out_j grad_j / x_i over them."""
    x, axis = op._inputs
    product = api.cumprod(x, axis, exclusive=exclusive, reverse=reverse)
    out = api.cumsum(product * grad, axis, exclusive=exclusive, reverse=not reverse)
    return [out / x, None]


def log_of_zero(x: Any) -> Any:
    """What TensorFlow takes for it: the lowest finite number, which also stands for -inf."""
    return np.finfo(x.dtype).min


def cumulative_logsumexp_kernel(
    xp: Any, x: Any, axis: Any, *, exclusive: bool, reverse: bool
) -> Any:
    nothing = log_of_zero(x)
    return _scan(
        xp, np.logaddexp.accumulate, np.maximum(x, nothing), axis, nothing, exclusive, reverse
    )


def cumulative_logsumexp_xla_kernel(
    xp: Any, x: Any, axis: Any, *, exclusive: bool, reverse: bool
) -> Any:
    from jax.lax import cumlogsumexp  # NumPy's way is a method that tracers do not have

    def running(x: Any, axis: int, dtype: Any) -> Any:
        return cumlogsumexp(x, x.ndim + axis)

    nothing = log_of_zero(x)
    return _scan(xp, running, xp.maximum(x, nothing), axis, nothing, exclusive, reverse)


def cumulative_logsumexp_gradient(
    op: Operation, grad: Any, *, exclusive: bool, reverse: bool
) -> Grads:
    """dx_i = Σ exp(x_i - out_j) grad_j over j >= i, summed as logarithms by the sign of grad_j."""
    x, axis = op._inputs
    out = op.outputs[0]
    lowest = grad.dtype.base_dtype.min
    rising = api.where_v2(grad > 0, api.log(grad), lowest)
    falling = api.where_v2(grad < 0, api.log(-grad), lowest)

    def back(part: Any) -> Any:
        summed = CUMULATIVE_LOGSUMEXP(part - out, axis, exclusive=exclusive, reverse=not reverse)
        return api.exp(summed + x)

    return [back(rising) - back(falling), None]


def scan(name: str, types: str, kernel: Any, gradient: Any, xla_kernel: Any = None) -> OpSpec:
    """Registers a running function along an axis."""
    return register(
        OpSpec(
            name=name,
            inputs=("x: T", "axis: Tidx"),
            outputs=("out: T",),
            attrs=(
                "exclusive: bool = false",
                "reverse: bool = false",
                f"T: {types}",
                "Tidx: {int32, int64} = DT_INT32",
            ),
            static_inputs=("axis",),
            shape=scan_shape,
            kernel=kernel,
            xla_kernel=xla_kernel,
            gradient=gradient,
        )
    )


CUMSUM = scan("Cumsum", "numbertype", cumsum_kernel, cumsum_gradient)
CUMPROD = scan("Cumprod", "numbertype", cumprod_kernel, cumprod_gradient)
CUMULATIVE_LOGSUMEXP = scan(
    "CumulativeLogsumexp",
    "{half, float, double}",
    cumulative_logsumexp_kernel,
    cumulative_logsumexp_gradient,
    cumulative_logsumexp_xla_kernel,
)


@export("cumsum", "math.cumsum")
def cumsum(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """The sum of the elements up to each one, along an axis.

    Args:
        x: a tensor of a number type.
        axis: an int or a scalar tensor.
        exclusive: leave the element itself out: the first sum is 0.
        reverse: start from the end.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Raises:
        InvalidArgumentError: when run, the axis is out of range.

    Example:
        >>> tf.cumsum([1, 2, 3])
    """
    with name_scope(name, "Cumsum", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return CUMSUM(x, axis, exclusive=exclusive, reverse=reverse, name=scope)


@export("cumprod", "math.cumprod")
def cumprod(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """The product of the elements up to each one, along an axis.

    Args:
        x: a tensor of a number type.
        axis: an int or a scalar tensor.
        exclusive: leave the element itself out: the first product is 1.
        reverse: start from the end.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Raises:
        InvalidArgumentError: when run, the axis is out of range.

    Example:
        >>> tf.cumprod([1, 2, 3])
    """
    with name_scope(name, "Cumprod", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return CUMPROD(x, axis, exclusive=exclusive, reverse=reverse, name=scope)


@export("math.cumulative_logsumexp")
def cumulative_logsumexp(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """The logarithm of the sum of exp of the elements up to each one, where exp may overflow.

    Args:
        x: a tensor of float16, float32 or float64.
        axis: an int or a scalar tensor.
        exclusive: leave the element itself out: the first result is the lowest number of the type.
        reverse: start from the end.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Raises:
        InvalidArgumentError: when run, the axis is out of range.

    Example:
        >>> tf.math.cumulative_logsumexp([1.0, 2.0, 3.0])
    """
    with name_scope(name, "CumulativeLogsumexp", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return CUMULATIVE_LOGSUMEXP(x, axis, exclusive=exclusive, reverse=reverse, name=scope)
