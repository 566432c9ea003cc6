"""Parts of tensors by position: slices, `x[...]`, and boolean masks."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export, export_as
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.graph.static_value import constant_value, constant_value_as_shape
from penstock.ops.constant import constant

Grads = list[Any]
Shape = shapes.Shape

newaxis = None
export_as("newaxis", newaxis)


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


# StridedSlice


class Masks(NamedTuple):
    """The five bit masks of a strided slice: bit i is about entry i of begin, end and strides."""

    begin: int
    end: int
    ellipsis: int
    new_axis: int
    shrink: int


class Part(NamedTuple):
    """What a strided slice takes from one axis; from None, a new axis."""

    axis: int | None
    start: int | None = None
    stop: int | None = None
    step: int = 1
    is_index: bool = False
    is_known: bool = True


def parts_of(
    rank: int, begin: Any, end: Any, strides: Sequence[int], masks: Masks
) -> Iterator[Part]:
    """The parts that a slice with given bounds takes from a tensor of a given rank, in order.

    Raises:
        ValueError: the spec does not fit the rank.
    """
    count = len(strides)
    if bin(masks.ellipsis & ((1 << count) - 1)).count("1") > 1:
        raise ValueError("Multiple ellipses in slice spec not allowed")
    consumed = sum([not (masks.ellipsis | masks.new_axis) >> i & 1 for i in range(count)])
    if consumed > rank:
        raise ValueError(f"Index out of range using input dim {rank}; input has only {rank} dims")
    axis = 0
    for i, step in enumerate(strides):
        bit = 1 << i
        if masks.ellipsis & bit:
            for _ in range(rank - consumed):
                yield Part(axis)
                axis += 1
        elif masks.new_axis & bit:
            yield Part(None)
        else:
            yield _part(axis, i, begin, end, step, masks)
            axis += 1
    while axis < rank:
        yield Part(axis)
        axis += 1


def _part(axis: int, i: int, begin: Any, end: Any, step: int, masks: Masks) -> Part:
    bit = 1 << i
    if step == 0:
        raise ValueError(f"strides[{axis}] must be non-zero")
    if masks.shrink & bit:
        if step < 0:
            raise ValueError("only stride 1 allowed on non-range indexing.")
        return Part(axis, None if begin is None else begin[i], None, 1, is_index=True)
    start = None if masks.begin & bit or begin is None else begin[i]
    stop = None if masks.end & bit or end is None else end[i]
    known = (begin is not None or bool(masks.begin & bit)) and (
        end is not None or bool(masks.end & bit)
    )
    return Part(axis, start, stop, step, is_known=known)


def _masks(
    begin_mask: int, end_mask: int, ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int
) -> Masks:
    return Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)


def strided_slice_shape(
    x: Shape, begin: Any, end: Any, strides: Any, *, begin_mask: int, end_mask: int,
    ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Shape:  # fmt: skip
    for bound in (begin, end, strides):
        if bound is not None and bound.ndim != 1:
            raise ValueError(f"Shape must be rank 1 but is rank {bound.ndim}")
    known = [bound for bound in (begin, end, strides) if bound is not None]
    for other in known[1:]:
        if other.size != known[0].size:
            a, b = known[0].size, other.size
            raise ValueError(
                f"Dimension 0 in both shapes must be equal, but are {a} and {b}. Shapes "
                f"are [{a}] and [{b}]."
            )
    if x is None or strides is None:
        return None
    masks = _masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    if begin is None or end is None:
        begin = end = None
    else:
        begin, end = begin.tolist(), end.tolist()
    out: list[int | None] = []
    for part in parts_of(len(x), begin, end, strides.tolist(), masks):
        if part.axis is None:
            out.append(1)
            continue
        size = x[part.axis]
        if part.is_index:
            _check_index_in_range(part, size)
        elif size is None or not part.is_known:
            out.append(None)
        else:
            out.append(len(range(*slice(part.start, part.stop, part.step).indices(size))))
    return tuple(out)


def _check_index_in_range(part: Part, size: int | None) -> None:
    if size is not None and part.start is not None and not -size <= part.start < size:
        raise ValueError(f"slice index {part.start} of dimension {part.axis} out of bounds.")


def index_of(
    shape: tuple[int, ...], begin: Any, end: Any, strides: Any, masks: Masks
) -> tuple[Any, ...]:
    """The Python index that takes the slice from an array of a given shape.

    Raises:
        InvalidArgumentError: the spec does not fit the shape.
    """
    if not begin.shape == end.shape == strides.shape or begin.ndim != 1:
        given = [shapes.bracket_text(bound.shape) for bound in (begin, end, strides)]
        raise InvalidArgumentError(
            None, None,
            "Expected begin, end, and strides to be 1D equal size tensors, but got shapes "
            f"{given[0]}, {given[1]}, and {given[2]} instead.",
        )  # fmt: skip
    try:
        return _cached_index(
            shape, tuple(begin.tolist()), tuple(end.tolist()), tuple(strides.tolist()), masks
        )
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None


@functools.lru_cache(maxsize=4096)
def _cached_index(
    shape: tuple[int, ...],
    begin: tuple[int, ...],
    end: tuple[int, ...],
    strides: tuple[int, ...],
    masks: Masks,
) -> tuple[Any, ...]:
    index: list[Any] = []
    for part in parts_of(len(shape), begin, end, strides, masks):
        if part.axis is None:
            index.append(None)
        elif part.is_index:
            _check_index_in_range(part, shape[part.axis])
            index.append(part.start)
        else:
            index.append(slice(part.start, part.stop, part.step))
    return tuple(index)


def strided_slice_kernel(
    xp: Any, x: Any, begin: Any, end: Any, strides: Any, *, begin_mask: int, end_mask: int,
    ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Any:  # fmt: skip
    masks = _masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return x[index_of(x.shape, begin, end, strides, masks)]


def takes_whole_axes_or_single_places(op: Operation) -> tuple[str, ...]:
    """The bounds that may be traced: `x[i]` and `x[:, i]` have one shape whatever `i` is."""
    attrs = op._attrs
    begin = op._inputs[list(op.spec._arg_names).index("begin")]
    count = shapes.element_count(begin._shape)
    if count is None or attrs["ellipsis_mask"] or attrs["new_axis_mask"]:
        return ()
    whole = attrs["begin_mask"] & attrs["end_mask"] & ~attrs["shrink_axis_mask"]
    return ("begin", "end") if whole | attrs["shrink_axis_mask"] == (1 << count) - 1 else ()


def _traced_place(begin: Any, sizes: Sequence[int], shrink_axis_mask: int) -> tuple[list[Any], Any]:
    """Where a slice whose bounds are traced starts, and how long it is on each axis."""
    import jax.numpy as jnp  # what is traced is JAX's

    starts, lengths = [jnp.zeros((), begin.dtype)] * len(sizes), list(sizes)
    for axis in range(begin.shape[0]):
        if shrink_axis_mask >> axis & 1:
            place = begin[axis]
            starts[axis] = jnp.where(place < 0, place + sizes[axis], place)
            lengths[axis] = 1
    return starts, lengths


def traced_strided_slice_kernel(
    x: Any, begin: Any, end: Any, strides: Any, *, begin_mask: int, end_mask: int,
    ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Any:  # fmt: skip
    import jax.numpy as jnp
    from jax.lax import dynamic_slice  # at places that are traced

    if isinstance(begin, np.ndarray) and isinstance(end, np.ndarray):
        masks = _masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
        return x[index_of(x.shape, begin, end, strides, masks)]
    starts, lengths = _traced_place(begin, x.shape, shrink_axis_mask)
    gone = [axis for axis in range(x.ndim) if shrink_axis_mask >> axis & 1]
    return jnp.squeeze(dynamic_slice(x, starts, lengths), gone)


def _mask_attrs(op: Operation) -> dict[str, int]:
    names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return {name: op._attrs[name] for name in names}


def strided_slice_gradient(op: Operation, grad: Tensor) -> Grads:
    x, begin, end, strides = op._inputs
    shape = api.shape(x, out_type=begin.dtype)
    return [
        raw.StridedSliceGrad(shape, begin, end, strides, grad, **_mask_attrs(op)),
        None,
        None,
        None,
    ]


def known_part_of_shape(op: Operation) -> Any:
    """What is known of a slice of a shape, such as `tf.shape(x)[1:]`."""
    shape, *bounds = op._inputs
    if shape.dtype not in (dtypes.int32, dtypes.int64) or len(shape._shape or ()) != 1:
        return None
    begin, end, strides = [constant_value(bound) for bound in bounds]
    attrs = _mask_attrs(op)
    if begin is None or end is None or strides is None or strides.shape != (1,) or strides[0] < 0:
        return None
    if attrs["ellipsis_mask"] or attrs["new_axis_mask"] or attrs["shrink_axis_mask"]:
        return None
    known = constant_value_as_shape(shape)
    return (
        None
        if known is None
        else known[index_of((len(known),), begin, end, strides, _masks(**attrs))[0]]
    )


MASK_ATTRS = (
    "T: type", "Index: {int32, int64}", "begin_mask: int = 0", "end_mask: int = 0",
    "ellipsis_mask: int = 0", "new_axis_mask: int = 0", "shrink_axis_mask: int = 0",
)  # fmt: skip
STRIDED_SLICE = register(
    OpSpec(
        name="StridedSlice", inputs=("input: T", "begin: Index", "end: Index", "strides: Index"),
        outputs=("output: T",), attrs=MASK_ATTRS, static_inputs=("begin", "end", "strides"),
        shape=strided_slice_shape, kernel=strided_slice_kernel, gradient=strided_slice_gradient,
        # Places that are traced need another function of XLA's.
        xla_kernel=traced_strided_slice_kernel, traceable=takes_whole_axes_or_single_places,
        view=True, partial_value=known_part_of_shape,
    )
)  # fmt: skip


def strided_slice_grad_kernel(
    xp: Any, shape: Any, begin: Any, end: Any, strides: Any, dy: Any, *, begin_mask: int,
    end_mask: int, ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Any:  # fmt: skip
    sizes = tuple(shape.tolist())
    masks = _masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    whole = np.zeros(sizes, dy.dtype)
    whole[index_of(sizes, begin, end, strides, masks)] = dy
    return whole


def traced_strided_slice_grad_kernel(
    xp: Any, shape: Any, begin: Any, end: Any, strides: Any, dy: Any, *, begin_mask: int,
    end_mask: int, ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Any:  # fmt: skip
    from jax.lax import dynamic_update_slice  # at places that are traced

    sizes = tuple(shape.tolist())
    whole = xp.zeros(sizes, dy.dtype)
    if isinstance(begin, np.ndarray) and isinstance(end, np.ndarray):
        masks = _masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
        return whole.at[index_of(sizes, begin, end, strides, masks)].set(dy)
    starts, lengths = _traced_place(begin, sizes, shrink_axis_mask)
    return dynamic_update_slice(whole, dy.reshape(lengths), starts)


def strided_slice_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    _, begin, end, strides, _ = op._inputs
    return [None, None, None, None, raw.StridedSlice(grad, begin, end, strides, **_mask_attrs(op))]


STRIDED_SLICE_GRAD = register(
    OpSpec(
        name="StridedSliceGrad",
        inputs=("shape: Index", "begin: Index", "end: Index", "strides: Index", "dy: T"),
        outputs=("output: T",), attrs=MASK_ATTRS, static_inputs=("begin", "end", "strides"),
        shape_inputs=("shape",),
        shape=lambda shape, begin, end, strides, dy: shape, gradient=strided_slice_grad_gradient,
        # JAX arrays are never written to, so its form of the assignment is another.
        kernel=strided_slice_grad_kernel, xla_kernel=traced_strided_slice_grad_kernel,
        traceable=takes_whole_axes_or_single_places,
    )
)  # fmt: skip


@export("strided_slice")
def strided_slice(
    input_: Any, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0,
    ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0, var: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The part of a tensor that a Python index describes, with the index taken apart into numbers.

    Args:
        input_: a tensor.
        begin: int32 or int64 vector: where the slice of each axis starts.
        end: where it ends (without that element).
        strides: its step; 1 where None.
        begin_mask: where bit i is set, `begin[i]` does not count and the slice
            starts at the beginning.
        end_mask: the same for `end`.
        ellipsis_mask: where bit i is set, entry i stands for `...`.
        new_axis_mask: where bit i is set, entry i stands for `tf.newaxis`.
        shrink_axis_mask: where bit i is set, entry i is the index `begin[i]`, and the axis goes.
        var: the variable that `input_` was read from, or None.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: the numbers do not fit the rank, or an index is out of range.

    Example:
        >>> tf.strided_slice([1, 2, 3, 4], [0], [4], [2])  # [1, 3]
    """
    if strides is None:
        strides = api.ones_like(begin)
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return _sliced(input_, (begin, end, strides), masks, var, name)


def _sliced(tensor: Any, bounds: Sequence[Any], masks: Masks, var: Any, name: str | None) -> Tensor:
    """The slice, whose `assign` puts a value into that part of the variable `var`."""
    attrs = {f"{flag}_mask": mask for flag, mask in masks._asdict().items()}
    attrs["shrink_axis_mask"] = attrs.pop("shrink_mask")
    sliced = STRIDED_SLICE(tensor, *bounds, name=name, **attrs)
    sliced.assign = functools.partial(_assign_slice, var, bounds, attrs, name)
    return sliced


def _assign_slice(
    var: Any, bounds: Sequence[Any], attrs: dict[str, int], slice_name: str | None,
    val: Any, name: str | None = None,
) -> Any:  # fmt: skip
    """Assigns `val` to the part of a variable; gives the variable as it is after that.

    Raises:
        ValueError: the slice is none of a variable.
    """
    if var is None:
        raise ValueError("Sliced assignment is only supported for variables")
    if name is None and slice_name is not None:
        name = f"{slice_name}_assign"
    return var._strided_slice_assign(*bounds, val, name=name, **attrs)


# x[...]


def get_item(tensor: Tensor, spec: Any, var: Any = None) -> Tensor:
    """`tensor[spec]`: ints, slices, `...`, None, scalar tensors, or one boolean mask.

    Args:
        tensor: the tensor.
        spec: what stands in the brackets.
        var: the variable that `tensor` is the value of: `v[spec].assign(…)` is for it.

    Raises:
        TypeError: an index is of another type.
    """
    dtype = getattr(spec, "dtype", None)
    if isinstance(spec, (bool, np.bool_)) or dtype in (dtypes.bool, np.dtype(bool)):
        return boolean_mask(tensor, spec)
    entries = spec if isinstance(spec, (list, tuple)) else [spec]
    bounds: list[list[Any]] = [[], [], []]
    masks = dict.fromkeys(Masks._fields, 0)
    for position, entry in enumerate(entries):
        begin, end, step, flags = _entry(entry)
        bounds[0].append(begin)
        bounds[1].append(end)
        bounds[2].append(step)
        for flag in flags:
            masks[flag] |= 1 << position
    with name_scope(None, "strided_slice", [tensor, *bounds[0], *bounds[1], *bounds[2]]) as scope:
        return _sliced(tensor, _packed_bounds(bounds), Masks(**masks), var, scope)


def _entry(entry: Any) -> tuple[Any, Any, Any, tuple[str, ...]]:
    """One entry of an index as begin, end, step, and the masks that it sets."""
    if entry is Ellipsis:
        return 0, 0, 1, ("ellipsis",)
    if entry is None:
        return 0, 0, 1, ("new_axis",)
    if not isinstance(entry, slice):
        _check_index(entry)
        return entry, entry + 1, 1, ("shrink",)
    flags = []
    bounds = []
    for flag, bound in (("begin", entry.start), ("end", entry.stop)):
        # Not `==`: an unknown Dimension differs from nothing, and so is no bound.
        if bound is None or not (isinstance(bound, Tensor) or bound != sys.maxsize):
            flags.append(flag)
            bound = 0
        else:
            _check_index(bound)
        bounds.append(bound)
    if entry.step is not None:
        _check_index(entry.step)
    return bounds[0], bounds[1], 1 if entry.step is None else entry.step, tuple(flags)


def _check_index(index: Any) -> None:
    if isinstance(index, (int, shapes.Dimension)) and not isinstance(index, bool):
        return
    dtype = getattr(index, "dtype", None)
    scalar = getattr(index, "shape", None) is not None and not (
        index.shape and len(index.shape) == 1
    )
    if (
        dtype is None
        or not scalar
        or dtypes.as_dtype(dtype).base_dtype not in (dtypes.int32, dtypes.int64)
    ):
        raise TypeError(
            "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar "
            f"tf.int32/tf.int64 tensors are valid indices, got {index!r}"
        )


def _packed_bounds(bounds: list[list[Any]]) -> list[Tensor]:
    if not bounds[0]:
        return [constant([], dtypes.int32)] * 3
    packed = [api.stack(values) for values in bounds]
    if all([tensor.dtype is not dtypes.int64 for tensor in packed]):
        return packed
    return [
        tensor if tensor.dtype is dtypes.int64 else api.cast(tensor, dtypes.int64)
        for tensor in packed
    ]


Tensor._override_operator("__getitem__", get_item)


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
