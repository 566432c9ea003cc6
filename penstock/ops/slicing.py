"""Parts of tensors: `tf.slice` takes them by position, `tf.boolean_mask` by a mask."""

from __future__ import annotations

from typing import Any

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, register
from penstock.graph.public import name_scope
from penstock.graph.static_value import constant_value, constant_value_as_shape

Shape = shapes.Shape

# Slice


def slice_shape(x: Shape, begin: Any, size: Any) -> Shape:
    for index in (begin, size):
        if index is None:
            continue
        if index.ndim != 1:
            raise ValueError(f"Shape must be rank 1 but is rank {index.ndim}")
        if x is not None and len(x) != index.size:
            raise ValueError(f"Shape must be rank {index.size} but is rank {len(x)}")
    if size is None:
        known = x if begin is None else begin
        return None if known is None else (None,) * len(known)
    if (size < -1).any():
        raise ValueError(f"Invalid value in tensor used for shape: {size.min()}")
    total = (None,) * size.size if x is None else x
    starts = [None] * size.size if begin is None else begin.tolist()
    return tuple([
        count if count >= 0 else None if None in (dim, start) else dim - start
        for count, dim, start in zip(size.tolist(), total, starts, strict=True)
    ])  # fmt: skip


def known_sizes(op: Operation) -> None:
    """Where not all sizes are known, those that are count; the length of `begin` gives the rank."""
    _, begin, size = op._inputs
    out = op.outputs[0]
    if out._shape is None and begin._shape and begin._shape[0] is not None:
        out.set_shape((None,) * begin._shape[0])
    if constant_value(size) is None:
        out.set_shape(constant_value_as_shape(size))


def slice_kernel(xp: Any, x: Any, begin: Any, size: Any) -> Any:
    if begin.shape != (x.ndim,) or size.shape != (x.ndim,):
        raise InvalidArgumentError(
            None, None,
            f"Expected begin and size arguments to be 1-D tensors of size {x.ndim}, but got shapes "
            f"{shapes.bracket_text(begin.shape)} and {shapes.bracket_text(size.shape)} instead.",
        )  # fmt: skip
    index = []
    for axis, (start, count, dim) in enumerate(
        zip(begin.tolist(), size.tolist(), x.shape, strict=True)
    ):
        if not 0 <= start <= dim:
            raise InvalidArgumentError(
                None, None, f"Expected begin[{axis}] in [0, {dim}], but got {start}"
            )
        if count == -1:
            count = dim - start
        if not 0 <= count <= dim - start:
            raise InvalidArgumentError(
                None, None, f"Expected size[{axis}] in [0, {dim - start}], but got {count}"
            )
        index.append(slice(start, start + count))
    return x[tuple(index)]


def slice_gradient(op: Operation, grad: Tensor) -> Grads:
    x, begin = op._inputs[:2]
    rank = api.rank(x)
    part = api.shape(op.outputs[0], out_type=begin.dtype)
    column = api.stack([rank, 1])
    before = api.reshape(begin, column)
    after = api.reshape(api.shape(x, out_type=begin.dtype) - part - begin, column)
    return [api.pad(grad, api.concat([before, after], 1)), None, None]


SLICE = register(
    OpSpec(
        name="Slice", inputs=("input: T", "begin: Index", "size: Index"), outputs=("output: T",),
        attrs=("T: type", "Index: {int32, int64}"), static_inputs=("begin", "size"),
        refine=known_sizes,
        shape=slice_shape, kernel=slice_kernel, gradient=slice_gradient, view=True,
    )
)  # fmt: skip


@export("slice")
def slice_(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """A part of a tensor: `size` elements from `begin` on, along each axis.

    Args:
        input_: a tensor of rank n.
        begin: int32 or int64, of shape [n].
        size: of the same type and shape; -1 stands for all that are left.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: the lengths differ from the rank.

    Example:
        >>> tf.slice([[1, 2, 3], [4, 5, 6]], [1, 0], [1, -1])  # [[4, 5, 6]]
    """
    return SLICE(input_, begin, size, name=name)


# Masks


@export("boolean_mask")
def boolean_mask(
    tensor: Any, mask: Any, name: str | None = "boolean_mask", axis: int | None = None
) -> Tensor:
    """The elements, or slices, of a tensor where a mask is True.

    Args:
        tensor: a tensor.
        mask: a boolean tensor of known rank, whose shape is that of a run of axes of `tensor`.
        name: a name for the operations.
        axis: the first of these axes; 0 where None.

    Returns:
        A Tensor in which one axis stands for the masked ones.

    Raises:
        ValueError: the mask is a scalar, its rank is not known, or its shape does not fit.

    Example:
        >>> tf.boolean_mask([0, 1, 2, 3], [True, False, True, False])  # [0, 2]
    """
    with name_scope(name, values=[tensor, mask]):
        tensor = convert_to_tensor(tensor, name="tensor")
        mask = convert_to_tensor(mask, name="mask")
        if mask._shape == ():
            raise ValueError("mask cannot be scalar.")
        if mask._shape is None:
            raise ValueError(
                "Number of mask dimensions must be specified, even if some dimensions are None.  "
                "E.g. shape=[None] is ok, but shape=None is not."
            )
        first = 0 if axis is None else axis
        last = first + len(mask._shape)
        static = tensor.shape
        static[first:last].assert_is_compatible_with(mask.shape)
        masked_size = api.reduce_prod(api.shape(tensor)[first:last], [0])
        before = api.shape(tensor)[:first]
        flat = api.reshape(tensor, api.concat([before, [masked_size], api.shape(tensor)[last:]], 0))
        count = shapes.TensorShape([static[first:last].num_elements()])
        flat.set_shape(static[:first].concatenate(count).concatenate(static[last:]))
        chosen = api.squeeze(api.where(api.reshape(mask, [-1])), axis=[1])
        return api.gather(flat, chosen, axis=first)
