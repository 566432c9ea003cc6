"""Reductions over axes: sums, means, products, extrema and logic."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from penstock.graph import shapes, static_value
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, raw, register

Axes = tuple[int, ...]


def reduction_shape(x: shapes.Shape, axes: Any, *, keep_dims: bool) -> shapes.Shape:
    if x is None:
        return None
    if axes is None:
        return (None,) * len(x) if keep_dims else None
    reduced = set()
    for axis in axes.ravel().tolist():
        if not -len(x) <= axis < len(x):
            given = f"{axis} for input with {len(x)} dimensions."
            raise ValueError(f"Invalid reduction dimension {given}")
        reduced.add(axis % len(x))
    if keep_dims:
        return tuple([1 if i in reduced else size for i, size in enumerate(x)])
    return tuple([size for i, size in enumerate(x) if i not in reduced])


def axes_of(axes: Any, rank: int) -> Axes:
    """The axes to reduce, from the front, each once.

    Raises:
        InvalidArgumentError: an axis is out of range.
    """
    found: list[int] = []
    for axis in axes.ravel().tolist():
        if not -rank <= axis < rank:
            raise InvalidArgumentError(
                None,
                None,
                f"Invalid reduction dimension ({axis} for input with {rank} dimension(s)",
            )
        if (axis := axis % rank) not in found:
            found.append(axis)
    return tuple(found)


def reduction(name: str, kernel: Any, *, gradient: Any, argument: str = "T") -> OpSpec:
    """Registers a reduction of numbers, or of bools with `argument` "bool"."""
    types = ("T: numbertype",) if argument == "T" else ()
    return register(
        OpSpec(
            name=name,
            inputs=(f"input: {argument}", "reduction_indices: Tidx"),
            outputs=(f"output: {argument}",),
            attrs=("keep_dims: bool = false", *types, "Tidx: {int32, int64} = DT_INT32"),
            static_inputs=("reduction_indices",),
            shape=reduction_shape,
            kernel=kernel,
            gradient=gradient,
        )
    )


# Kernels: array methods, which NumPy's scalars and JAX's arrays have too


def sum_kernel(xp: Any, x: Any, axes: Any, *, keep_dims: bool) -> Any:
    return x.sum(axes_of(axes, x.ndim), dtype=x.dtype, keepdims=keep_dims)


def prod_kernel(xp: Any, x: Any, axes: Any, *, keep_dims: bool) -> Any:
    return x.prod(axes_of(axes, x.ndim), dtype=x.dtype, keepdims=keep_dims)


def mean_kernel(xp: Any, x: Any, axes: Any, *, keep_dims: bool) -> Any:
    reduced = axes_of(axes, x.ndim)
    if x.dtype.kind not in "iu":
        if x.size:
            return x.mean(reduced, dtype=x.dtype, keepdims=keep_dims)
        return x.sum(reduced, dtype=x.dtype, keepdims=keep_dims) / _count(x, reduced)
    total = x.sum(reduced, dtype=x.dtype, keepdims=keep_dims)
    count = max(_count(x, reduced).item(), 1)
    return xp.sign(total) * (abs(total) // x.dtype.type(count))  # rounded towards zero


def _count(x: Any, axes: Axes) -> Any:
    sizes = [x.shape[axis] for axis in axes]
    return x.dtype.type(np.prod(sizes, dtype=np.int64))


def _limits(dtype: Any) -> tuple[Any, Any]:
    if dtype.kind in "iu":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    return -np.inf, np.inf


def max_kernel(xp: Any, x: Any, axes: Any, *, keep_dims: bool) -> Any:
    reduced = axes_of(axes, x.ndim)
    if x.size:
        return x.max(reduced, keepdims=keep_dims)
    return x.max(reduced, keepdims=keep_dims, initial=x.dtype.type(_limits(x.dtype)[0]))


def min_kernel(xp: Any, x: Any, axes: Any, *, keep_dims: bool) -> Any:
    reduced = axes_of(axes, x.ndim)
    if x.size:
        return x.min(reduced, keepdims=keep_dims)
    return x.min(reduced, keepdims=keep_dims, initial=x.dtype.type(_limits(x.dtype)[1]))


def all_kernel(xp: Any, x: Any, axes: Any, *, keep_dims: bool) -> Any:
    return x.all(axes_of(axes, x.ndim), keepdims=keep_dims)


def any_kernel(xp: Any, x: Any, axes: Any, *, keep_dims: bool) -> Any:
    return x.any(axes_of(axes, x.ndim), keepdims=keep_dims)


def euclidean_norm_kernel(xp: Any, x: Any, axes: Any, *, keep_dims: bool) -> Any:
    squares = (xp.conj(x) if x.dtype.kind == "c" else x) * x
    total = squares.sum(axes_of(axes, x.ndim), dtype=x.dtype, keepdims=keep_dims)
    return xp.sqrt(total).astype(x.dtype)


# Gradients

_kept_shapes_of_graph: weakref.WeakKeyDictionary[Graph, dict[Any, Any]] = (
    weakref.WeakKeyDictionary()
)


def reduced_shape(input_shape: Any, axes: Any) -> Tensor:
    """The shape that a reduction has when it keeps its axes, as a tensor."""
    input_shape = api.cast(input_shape, np.int32)
    axes = api.cast(axes, np.int32)
    rank = api.size(input_shape)
    axes = (axes + rank) % rank
    axes_shape = api.shape(axes)
    return api.dynamic_stitch([api.range(rank), axes], [input_shape, api.fill(axes_shape, 1)])


def _safe_quotient(x: Any, y: Any) -> Tensor:
    return x // api.maximum(y, 1)


def sum_gradient(op: Operation, grad: Any) -> Grads:
    """Each element of the input counts once, so that the gradient is repeated over the axes."""
    x, axes_input = op._inputs
    axes = static_value.constant_value(axes_input)
    if x._shape is not None and axes is not None:
        if np.array_equal(axes, np.arange(len(x._shape))):
            grad = api.reshape(grad, [1] * len(x._shape))
            known = None not in x._shape
            multiples = api.constant(x._shape, dtype=np.int32) if known else api.shape(x)
            return [api.tile(grad, multiples), None]
        if None not in x._shape:
            kept, multiples = _kept_and_multiples(x, axes)
            return [api.tile(api.reshape(grad, kept), multiples), None]
    input_shape = api.shape(x)
    with api.colocate_with(input_shape):
        kept = reduced_shape(input_shape, axes_input)
        multiples = _safe_quotient(input_shape, kept)
    grad = api.reshape(grad, kept)
    return [api.tile(grad, multiples), None]


def _kept_and_multiples(x: Tensor, axes: Any) -> tuple[Any, Any]:
    """The shape with its axes kept, and how often to repeat it: worked out once for a graph."""
    assert x._shape is not None
    key = (x._shape, tuple(axes.reshape(-1)))
    known = _kept_shapes_of_graph.setdefault(x.graph, {})
    if key not in known:
        kept = static_value.constant_value(reduced_shape(np.array(x._shape, np.int32), key[1]))
        sizes = np.array(x._shape, np.int32)
        multiples = static_value.constant_value(
            raw.FloorDiv(sizes, api.maximum(kept, 1), name="floordiv")
        )
        known[key] = (kept, multiples)
    return known[key]


def mean_gradient(op: Operation, grad: Any) -> Grads:
    """The gradient of the sum, over the number of elements that each mean is of."""
    total = sum_gradient(op, grad)[0]
    x, out = op._inputs[0], op.outputs[0]
    dtype = total.dtype.base_dtype
    size, out_size = shapes.element_count(x._shape), shapes.element_count(out._shape)
    if size is not None and out_size is not None:
        count = api.constant(size // max(out_size, 1), dtype=dtype)
    else:
        input_shape, output_shape = api.shape(x), api.shape(out)
        count = _safe_quotient(api.reduce_prod(input_shape), api.reduce_prod(output_shape))
    return [api.truediv(total, api.cast(count, dtype)), None]


def prod_gradient(op: Operation, grad: Any) -> Grads:
    """Each element's slope is the product of the others: of those before it and those behind it.

    A product over the element itself would be 0 / 0 where it is 0.
    """
    x, axes = op._inputs
    input_shape = api.shape(x)
    axes = api.reshape(axes, [-1])
    kept = reduced_shape(input_shape, op._inputs[1])
    multiples = _safe_quotient(input_shape, kept)
    grad = api.tile(api.reshape(grad, kept), multiples)
    with api.device("/cpu:0"):
        rank = api.rank(x)
        axes = (axes + rank) % rank
        reduced = api.cast(axes, np.int32)
        every_axis = api.range(0, rank)
        others, _ = raw.ListDiff(every_axis, reduced)
        order = api.concat([reduced, others], 0)
        reduced_count = api.reduce_prod(api.gather(input_shape, reduced))
        other_count = api.reduce_prod(api.gather(input_shape, others))
    permuted = api.transpose(x, order)
    permuted_shape = api.shape(permuted)
    columns = api.reshape(permuted, [reduced_count, other_count])
    before = api.cumprod(columns, axis=0, exclusive=True)
    behind = api.cumprod(columns, axis=0, exclusive=True, reverse=True)
    slopes = api.reshape(api.conj(before) * api.conj(behind), permuted_shape)
    out = grad * api.transpose(slopes, api.invert_permutation(order))
    return [api.reshape(out, input_shape), None]


def extremum_gradient(op: Operation, grad: Any) -> Grads:
    """The gradient goes to the elements that are the extremum, in equal parts."""
    x, axes = op._inputs
    input_shape = api.shape(x)
    kept = reduced_shape(input_shape, axes)
    extremum = api.reshape(op.outputs[0], kept)
    grad = api.reshape(grad, kept)
    chosen = api.cast(api.equal(extremum, x), grad.dtype.base_dtype)
    count = api.reshape(api.reduce_sum(chosen, axes), kept)
    return [chosen / count * grad, None]


SUM = reduction("Sum", sum_kernel, gradient=sum_gradient)
MEAN = reduction("Mean", mean_kernel, gradient=mean_gradient)
PROD = reduction("Prod", prod_kernel, gradient=prod_gradient)
MAX = reduction("Max", max_kernel, gradient=extremum_gradient)
MIN = reduction("Min", min_kernel, gradient=extremum_gradient)
ALL = reduction("All", all_kernel, gradient=NOT_DIFFERENTIABLE, argument="bool")
ANY = reduction("Any", any_kernel, gradient=NOT_DIFFERENTIABLE, argument="bool")
EUCLIDEAN_NORM = reduction("EuclideanNorm", euclidean_norm_kernel, gradient=NOT_DIFFERENTIABLE)


# The place of the extremum


def arg_extremum_shape(x: shapes.Shape, dimension: Any) -> shapes.Shape:
    if x is None or dimension is None:
        return None if x is None else (None,) * max(len(x) - 1, 0)
    if not x:
        return ()
    axis = int(dimension)
    if not -len(x) <= axis < len(x):
        raise ValueError(
            f"Dimension ({axis}) must be in the range [{-len(x)}, {len(x)}), where {len(x)} is the "
            "number of dimensions in the input."
        )
    axis %= len(x)
    return x[:axis] + x[axis + 1 :]


def _checked_axis(x: Any, dimension: Any) -> int:
    axis = int(dimension)
    if not -x.ndim <= axis < max(x.ndim, 1):
        message = f"Expected dimension in the range [{-x.ndim}, {x.ndim}), but got {axis}"
        raise InvalidArgumentError(None, None, message)
    if x.ndim and x.shape[axis] == 0:
        shape = shapes.bracket_text(x.shape)
        message = f"Reduction axis {axis} is empty in shape {shape}"
        raise InvalidArgumentError(None, None, message)
    return axis


def argmax_kernel(xp: Any, x: Any, dimension: Any, *, output_type: Any) -> Any:
    return xp.argmax(x, _checked_axis(x, dimension)).astype(output_type.np_dtype)


def argmin_kernel(xp: Any, x: Any, dimension: Any, *, output_type: Any) -> Any:
    return xp.argmin(x, _checked_axis(x, dimension)).astype(output_type.np_dtype)


def arg_extremum(name: str, kernel: Any) -> OpSpec:
    """Registers an op that finds the place of an extremum along an axis."""
    return register(
        OpSpec(
            name=name,
            inputs=("input: T", "dimension: Tidx"),
            outputs=("output: output_type",),
            attrs=(
                "T: numbertype",
                "Tidx: {int32, int64} = DT_INT32",
                "output_type: {int32, int64} = DT_INT64",
            ),
            static_inputs=("dimension",),
            shape=arg_extremum_shape,
            kernel=kernel,
            gradient=lambda op, grad: [None, None],
        )
    )


ARG_MAX = arg_extremum("ArgMax", argmax_kernel)
ARG_MIN = arg_extremum("ArgMin", argmin_kernel)
