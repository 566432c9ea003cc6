"""Ops that take many elements of a TensorFlow list at once, or make a list of parts; and optionals.

See ops/tensor_lists.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.export import api
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, raw, register
from penstock.ops.list_values import Optional, TensorList, merge, refuse, shown
from penstock.ops.tensor_lists import as_shape, variant

_LIST = "input_handle: variant"
_TYPED_SHAPE = "element_shape: shape_type"
_DTYPE = "element_dtype: type"
_SHAPE_TYPE = "shape_type: {int32, int64}"


def gather_kernel(handle: TensorList, indices: Any, element_shape: Any) -> Any:
    shape = handle.merged_shape(as_shape(element_shape))
    places = np.asarray(indices).tolist()
    for place in places:
        if not 0 <= place < len(handle):
            raise refuse(f"Index {place} out o range; list only has {len(handle)} elements.")
    if not places:
        if shape is None or None in shape:
            raise refuse(
                "Tried to gather 0-elements from a list with non-fully-defined shape: "
                f"{shown(shape)}"
            )
        return np.zeros((0, *shape), handle.dtype)
    items = [handle.get(place, shape) for place in places]
    for item in items:
        shape = merge(shape, np.shape(item))
    return np.stack(items)


def gather_gradient(op: Operation, grad: Tensor, *, element_dtype: Any) -> Grads:
    handle, indices, _ = op._inputs
    shape = raw.TensorListElementShape(handle, shape_type=dtypes.int32)
    count = raw.TensorListLength(handle)
    zeros = raw.TensorListReserve(shape, count, element_dtype=element_dtype)
    return [raw.TensorListScatterIntoExistingList(zeros, grad, indices), None, None]


def gather_shape(handle: Any, indices: shapes.Shape, element_shape: Any) -> shapes.Shape:
    shape = as_shape(element_shape)
    return None if shape is None or indices is None else (*indices, *shape)


register(
    OpSpec(
        name="TensorListGather", inputs=(_LIST, "indices: int32", "element_shape: int32"),
        outputs=("values: element_dtype",), attrs=(_DTYPE,), shape=gather_shape,
        kernel=gather_kernel, gradient=gather_gradient, static_inputs=("element_shape",),
        host=True,
    )
)  # fmt: skip


def _scattered(handle: TensorList, tensor: Any, indices: Any) -> TensorList:
    items = handle.items
    for value, place in zip(tensor, np.asarray(indices).tolist(), strict=True):
        handle.check(value)
        items[place] = value
    return handle.with_items(items)


def scatter_kernel(
    tensor: Any, indices: Any, element_shape: Any, num_elements: Any, *, element_dtype: Any
) -> TensorList:
    places = np.asarray(indices).tolist()
    size = int(num_elements)
    count = max(places, default=-1) + 1 if size == -1 else size
    for place in places:
        if place < 0:
            raise refuse("Indices in TensorListScatter must all be non-negative.")
        if place >= count:
            raise refuse(
                f"TensorListScatter: Trying to scatter at index {place} in list with size {count}"
            )
    empty = TensorList([None] * count, count, element_dtype.np_dtype, as_shape(element_shape))
    return _scattered(empty, tensor, indices)


def scatter_gradient(op: Operation, grad: Tensor, *, element_dtype: Any) -> Grads:
    tensor, indices = op._inputs[:2]
    rest = api.slice(api.shape(tensor), [1], [-1])
    values = raw.TensorListGather(grad, indices, rest, element_dtype=element_dtype)
    return [values, *[None] * (len(op._inputs) - 1)]


register(
    OpSpec(
        name="TensorListScatterV2",
        inputs=("tensor: element_dtype", "indices: int32", _TYPED_SHAPE, "num_elements: int32"),
        outputs=("output_handle: variant",), attrs=(_DTYPE, _SHAPE_TYPE), shape=variant,
        kernel=scatter_kernel, gradient=scatter_gradient, host=True, view=True,
    )
)  # fmt: skip
register(
    OpSpec(
        name="TensorListScatter",
        inputs=("tensor: element_dtype", "indices: int32", _TYPED_SHAPE),
        outputs=("output_handle: variant",), attrs=(_DTYPE, _SHAPE_TYPE), shape=variant,
        kernel=lambda tensor, indices, element_shape, *, element_dtype: scatter_kernel(
            tensor, indices, element_shape, -1, element_dtype=element_dtype
        ),
        gradient=scatter_gradient, host=True, view=True,
    )
)  # fmt: skip


def scatter_into_kernel(handle: TensorList, tensor: Any, indices: Any) -> TensorList:
    places = np.asarray(indices).tolist()
    if any([place < 0 for place in places]):
        raise refuse("Indices in TensorListScatter must all be non-negative.")
    missing = max(places, default=-1) + 1 - len(handle)
    grown = handle.with_items(handle.items + [None] * max(0, missing))
    return _scattered(grown, tensor, indices)


def scatter_into_gradient(op: Operation, grad: Tensor, *, element_dtype: Any) -> Grads:
    _, tensor, indices = op._inputs
    rest = api.slice(api.shape(tensor), [1], [-1])
    values = raw.TensorListGather(grad, indices, rest, element_dtype=element_dtype)
    of_list = raw.TensorListScatterIntoExistingList(grad, api.zeros_like(tensor), indices)
    return [of_list, values, None]


register(
    OpSpec(
        name="TensorListScatterIntoExistingList",
        inputs=(_LIST, "tensor: element_dtype", "indices: int32"),
        outputs=("output_handle: variant",), attrs=(_DTYPE,), shape=variant,
        kernel=scatter_into_kernel, gradient=scatter_into_gradient, host=True, view=True,
    )
)  # fmt: skip


def _concatenated(handle: TensorList, shape: shapes.Shape, lengths: list[int]) -> tuple[Any, Any]:
    """All elements, one after the other, and the length of each."""
    rest = None if shape is None else shape[1:]
    if handle.element_shape is not None:
        rest = merge(rest, handle.element_shape[1:])
    if not len(handle) and (rest is None or None in rest):
        raise refuse(
            "All except the first dimension must be fully defined when concating an empty tensor "
            f"list. element_shape: {shown(shape)}"
        )
    items = []
    for place, item in enumerate(handle.items):
        if item is None:
            if rest is None or None in rest or place >= len(lengths):
                raise refuse(
                    "Trying to concat list with only uninitialized tensors but element_shape is "
                    f"not fully defined: {shown(shape)}"
                )
            item = np.zeros((lengths[place], *rest), handle.dtype)
        rest = merge(rest, np.shape(item)[1:])
        items.append(item)
    counts = np.array([len(item) for item in items], np.int64)
    if not items:
        return np.zeros((0, *rest), handle.dtype), counts  # type: ignore[misc]
    return np.concatenate(items), counts


def concat_kernel(handle: TensorList, element_shape: Any, leading_dims: Any) -> tuple[Any, Any]:
    return _concatenated(handle, as_shape(element_shape), np.asarray(leading_dims).tolist())


def concat_gradient(op: Operation, grad: Tensor, lengths: Any) -> Grads:
    shape = raw.TensorListElementShape(op._inputs[0], shape_type=dtypes.int32)
    parts = raw.TensorListSplit(grad, shape, op.outputs[1])
    return [parts, *[None] * (len(op._inputs) - 1)]


def concat_shape(handle: Any, element_shape: Any, leading_dims: Any) -> list[shapes.Shape]:
    shape = as_shape(element_shape)
    return [None if shape is None else (None, *shape[1:]), (None,)]


register(
    OpSpec(
        name="TensorListConcatV2", inputs=(_LIST, _TYPED_SHAPE, "leading_dims: int64"),
        outputs=("tensor: element_dtype", "lengths: int64"), attrs=(_DTYPE, _SHAPE_TYPE),
        shape=concat_shape, kernel=concat_kernel, gradient=concat_gradient,
        static_inputs=("element_shape",), host=True,
    )
)  # fmt: skip
register(
    OpSpec(
        name="TensorListConcat", inputs=(_LIST,),
        outputs=("tensor: element_dtype", "lengths: int64"),
        attrs=(_DTYPE, "element_shape: shape = { unknown_rank: true }"),
        shape=lambda handle, *, element_shape: [
            None if element_shape is None else (None, *element_shape[1:]), (None,)
        ],
        kernel=lambda handle, *, element_shape: _concatenated(handle, element_shape, []),
        gradient=concat_gradient, host=True,
    )
)  # fmt: skip


def split_kernel(
    tensor: Any, element_shape: Any, lengths: Any, *, element_dtype: Any
) -> TensorList:
    if np.ndim(tensor) == 0:
        raise refuse("Tensor must be at least a vector, but saw shape: []")
    shape = as_shape(element_shape)
    items: list[Any] = []
    start = 0
    for length in np.asarray(lengths).tolist():
        end = start + length
        if length < 0 or end > len(tensor):
            raise refuse(
                f"Attempting to slice [{start}, {end}] from tensor with length {len(tensor)}"
            )
        items.append(tensor[start:end])
        start = end
    if start != len(tensor):
        raise refuse(
            f"Unused values in tensor. Length of tensor: {len(tensor)} Values used: {start}"
        )
    split = TensorList(items, len(items), element_dtype.np_dtype, shape)
    for item in items:
        split.check(item)
    return split


def split_gradient(op: Operation, grad: Tensor, *, element_dtype: Any) -> Grads:
    tensor, _, lengths = op._inputs
    rest = api.slice(api.shape(tensor), [1], [-1])
    shape = api.concat([[-1], rest], 0)
    joined = raw.TensorListConcatV2(grad, shape, lengths, element_dtype=element_dtype)
    return [joined[0], None, None]


register(
    OpSpec(
        name="TensorListSplit", inputs=("tensor: element_dtype", _TYPED_SHAPE, "lengths: int64"),
        outputs=("output_handle: variant",), attrs=(_DTYPE, _SHAPE_TYPE), shape=variant,
        kernel=split_kernel, gradient=split_gradient, host=True, view=True,
    )
)  # fmt: skip


# Optional values, by which a branch hands to its gradient what it computed


register(
    OpSpec(
        name="OptionalNone", inputs=(), outputs=("optional: variant",), shape=lambda: (),
        kernel=lambda: Optional(None), gradient=NOT_DIFFERENTIABLE, host=True,
    )
)  # fmt: skip
register(
    OpSpec(
        name="OptionalFromValue", inputs=("components: Toutput_types",),
        outputs=("optional: variant",), attrs=("Toutput_types: list(type) >= 1",), shape=variant,
        kernel=Optional, gradient=lambda op, grad: list(
            raw.OptionalGetValue(
                grad, output_types=op._attrs["Toutput_types"],
                output_shapes=[tensor._shape for tensor in op._inputs],
            )
        ),
        host=True, view=True,
    )
)  # fmt: skip
register(
    OpSpec(
        name="OptionalHasValue", inputs=("optional: variant",), outputs=("has_value: bool",),
        shape=variant, kernel=lambda optional: np.bool_(optional.components is not None),
        gradient=NOT_DIFFERENTIABLE, host=True,
    )
)  # fmt: skip
register(
    OpSpec(
        name="OptionalGetValue", inputs=("optional: variant",),
        outputs=("components: output_types",),
        attrs=("output_types: list(type) >= 1", "output_shapes: list(shape) >= 1"),
        shape=lambda optional, *, output_shapes: list(output_shapes),
        kernel=lambda optional: optional.get(),
        gradient=lambda op, *grads: [raw.OptionalFromValue(list(grads))], host=True, view=True,
    )
)  # fmt: skip
