"""Strided slices: `tf.strided_slice`, and `x[...]`, which is made of it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export, export_as
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.graph.static_value import constant_value, constant_value_as_shape
from penstock.ops.constant import constant

Shape = shapes.Shape

newaxis = None
export_as("newaxis", newaxis)


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
        return api.boolean_mask(tensor, spec)
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
