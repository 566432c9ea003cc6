"""Assignments to a part of a variable: `v[1:, 0].assign(…)`, for both kinds of variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import UnimplementedError
from penstock.graph.opspec import OpSpec, register
from penstock.ops.strided_slices import MASK_ATTRS, Masks, index_of


def _index(ref: Any, bounds: tuple[Any, Any, Any], value: Any, masks: Masks) -> tuple[Any, ...]:
    """The Python index of the slice, once it is known to have the value's shape."""
    index = index_of(ref.shape, *bounds, masks)
    wanted = np.broadcast_to(0, ref.shape)[index].shape
    if wanted != value.shape:
        raise UnimplementedError(
            None, None,
            f"sliced l-value shape {shapes.bracket_text(wanted)} does not match r-value shape "
            f"{shapes.bracket_text(value.shape)}. Automatic broadcasting not yet implemented.",
        )  # fmt: skip
    return index


def assign_slice(
    ref: Any, begin: Any, end: Any, strides: Any, value: Any, *, begin_mask: int, end_mask: int,
    ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> None:  # fmt: skip
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    index = _index(ref, (begin, end, strides), value, masks)
    ref[index] = value if value.ndim else value[()]  # a string stays a string


def assigned_slice(
    xp: Any, ref: Any, begin: Any, end: Any, strides: Any, value: Any, *, begin_mask: int,
    end_mask: int, ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Any:  # fmt: skip
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    index = _index(ref, (begin, end, strides), value, masks)
    if xp is not np:
        return ref.at[index].set(value)
    changed = np.array(ref)
    changed[index] = value if value.ndim else value[()]
    return changed


def _spec(name: str, kind: str, outputs: tuple[str, ...], **rest: Any) -> OpSpec:
    return register(
        OpSpec(
            name=name,
            inputs=(f"ref: {kind}", "begin: Index", "end: Index", "strides: Index", "value: T"),
            outputs=outputs, attrs=MASK_ATTRS, static_inputs=("begin", "end", "strides"),
            writes=("ref",), kernel=assigned_slice, in_place=assign_slice,
            gradient=None, **rest,
        )
    )  # fmt: skip


STRIDED_SLICE_ASSIGN = _spec(
    "StridedSliceAssign", "Ref(T)", ("output_ref: Ref(T)",), shape=lambda ref, *rest: ref
)
RESOURCE_STRIDED_SLICE_ASSIGN = _spec(
    "ResourceStridedSliceAssign", "resource", (), shape=lambda ref, *rest: [], stateful=True
)
