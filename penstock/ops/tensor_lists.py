"""TensorFlow's lists of tensors, which the loops of its later versions hand their values over in.

A list is a variant tensor. A program does not call these ops, but by `tf.raw_ops`: they stand in
graphs that TensorFlow wrote with While nodes, and in those that penstock writes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.export import api
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, raw, register
from penstock.ops.list_values import TensorList, merge, refuse, shown

_LIST = "input_handle: variant"
_SHAPE = "element_shape: int32"
_TYPED_SHAPE = "element_shape: shape_type"
_DTYPE = "element_dtype: type"
_SHAPE_TYPE = "shape_type: {int32, int64}"


def as_shape(value: Any) -> shapes.Shape:
    """What an input `element_shape` tells: a scalar -1, or a vector with -1 for unknown sizes."""
    if value is None:
        return None
    sizes = np.asarray(value)
    if sizes.ndim == 0:
        if sizes != -1:
            raise refuse(
                "The only valid scalar shape tensor is the fully unknown shape specified as -1."
            )
        return None
    return tuple([None if size < 0 else size for size in sizes.tolist()])


def variant(*unused: Any) -> shapes.Shape:
    """The shape of a list: it is one thing."""
    return ()


def empty_kernel(element_shape: Any, max_num_elements: Any, *, element_dtype: Any) -> TensorList:
    return TensorList([], 0, element_dtype.np_dtype, as_shape(element_shape), int(max_num_elements))


def reserve_kernel(element_shape: Any, num_elements: Any, *, element_dtype: Any) -> TensorList:
    count = int(num_elements)
    if count < 0:
        raise refuse(f"The num_elements to reserve must be a non negative number, but got {count}")
    return TensorList([None] * count, count, element_dtype.np_dtype, as_shape(element_shape))


register(
    OpSpec(
        name="EmptyTensorList", inputs=(_TYPED_SHAPE, "max_num_elements: int32"),
        outputs=("handle: variant",), attrs=(_DTYPE, _SHAPE_TYPE), shape=variant,
        kernel=empty_kernel, gradient=NOT_DIFFERENTIABLE, host=True,
    )
)  # fmt: skip
register(
    OpSpec(
        name="TensorListReserve", inputs=(_TYPED_SHAPE, "num_elements: int32"),
        outputs=("handle: variant",), attrs=(_DTYPE, _SHAPE_TYPE), shape=variant,
        kernel=reserve_kernel, gradient=NOT_DIFFERENTIABLE, host=True,
    )
)  # fmt: skip


def _shape_of(handle: Tensor) -> Tensor:
    return raw.TensorListElementShape(handle, shape_type=dtypes.int32)


def push_kernel(handle: TensorList, tensor: Any) -> TensorList:
    return handle.push(tensor)


def push_gradient(op: Operation, grad: Tensor, *, element_dtype: Any) -> Grads:
    return list(raw.TensorListPopBack(grad, api.shape(op._inputs[1]), element_dtype=element_dtype))


register(
    OpSpec(
        name="TensorListPushBack", inputs=(_LIST, "tensor: element_dtype"),
        outputs=("output_handle: variant",), attrs=(_DTYPE,), shape=variant, kernel=push_kernel,
        gradient=push_gradient, host=True, view=True,
    )
)  # fmt: skip


def pop_kernel(handle: TensorList, element_shape: Any) -> tuple[TensorList, Any]:
    return handle.pop(as_shape(element_shape))


def pop_gradient(op: Operation, rest: Any, item: Any) -> Grads:
    if rest is None:
        rest = raw.ZerosLike(op.outputs[0])
    return [raw.TensorListPushBack(rest, item), None]


register(
    OpSpec(
        name="TensorListPopBack", inputs=(_LIST, _SHAPE),
        outputs=("output_handle: variant", "tensor: element_dtype"), attrs=(_DTYPE,),
        shape=lambda handle, element_shape: [(), as_shape(element_shape)], kernel=pop_kernel,
        gradient=pop_gradient, static_inputs=("element_shape",), host=True, view=True,
    )
)  # fmt: skip


def get_kernel(handle: TensorList, index: Any, element_shape: Any) -> Any:
    return handle.get(int(index), as_shape(element_shape))


def get_gradient(op: Operation, grad: Tensor, *, element_dtype: Any) -> Grads:
    """The gradient of one element of a list is a list of zeros but for that one."""
    handle, index, _ = op._inputs
    length = raw.TensorListLength(handle)
    zeros = raw.TensorListReserve(_shape_of(handle), length, element_dtype=element_dtype)
    return [raw.TensorListSetItem(zeros, index, grad), None, None]


register(
    OpSpec(
        name="TensorListGetItem", inputs=(_LIST, "index: int32", _SHAPE),
        outputs=("item: element_dtype",), attrs=(_DTYPE,),
        shape=lambda handle, index, element_shape: as_shape(element_shape), kernel=get_kernel,
        gradient=get_gradient, static_inputs=("element_shape",), host=True, view=True,
    )
)  # fmt: skip


def set_kernel(handle: TensorList, index: Any, item: Any) -> TensorList:
    return handle.replace(int(index), item)


def set_gradient(op: Operation, grad: Tensor, *, element_dtype: Any) -> Grads:
    _, index, item = op._inputs
    rest = raw.TensorListSetItem(grad, index, api.zeros_like(item))
    shape = api.shape(item)
    return [rest, None, raw.TensorListGetItem(grad, index, shape, element_dtype=element_dtype)]


register(
    OpSpec(
        name="TensorListSetItem", inputs=(_LIST, "index: int32", "item: element_dtype"),
        outputs=("output_handle: variant",), attrs=(_DTYPE,), shape=variant, kernel=set_kernel,
        gradient=set_gradient, host=True, view=True,
    )
)  # fmt: skip


def stack_kernel(
    handle: TensorList, element_shape: Any, *, element_dtype: Any, num_elements: int
) -> Any:
    if num_elements not in (-1, len(handle)):
        raise refuse(
            f"Operation expected a list with {num_elements} elements but got a list with "
            f"{len(handle)} elements."
        )
    shape = handle.merged_shape(as_shape(element_shape))
    items = handle.filled(shape)
    if not items:
        if shape is None or None in shape:
            raise refuse(
                "Tried to stack elements of an empty list with non-fully-defined element_shape: "
                f"{shown(shape)}"
            )
        return np.zeros((0, *shape), handle.dtype)
    for item in items:
        shape = merge(shape, np.shape(item))
    return np.stack(items)


def stack_shape(handle: Any, element_shape: Any, *, num_elements: int) -> shapes.Shape:
    shape = as_shape(element_shape)
    return None if shape is None else (None if num_elements < 0 else num_elements, *shape)


def stack_gradient(op: Operation, grad: Tensor) -> Grads:
    known = None if grad._shape is None else grad._shape[1:]
    shape = -1 if known is None else [-1 if size is None else size for size in known]
    return [raw.TensorListFromTensor(grad, np.array(shape, np.int32)), None]


register(
    OpSpec(
        name="TensorListStack", inputs=(_LIST, _SHAPE), outputs=("tensor: element_dtype",),
        attrs=(_DTYPE, "num_elements: int = -1"), shape=stack_shape, kernel=stack_kernel,
        gradient=stack_gradient,
        static_inputs=("element_shape",), host=True,
    )
)  # fmt: skip


def from_tensor_kernel(tensor: Any, element_shape: Any, *, element_dtype: Any) -> TensorList:
    if np.ndim(tensor) == 0:
        raise refuse("Tensor must be at least a vector, but saw shape: []")
    shape = as_shape(element_shape)
    merge(shape, np.shape(tensor)[1:])
    items = list(tensor)
    return TensorList(items, len(items), element_dtype.np_dtype, shape)


def from_tensor_shape(tensor: shapes.Shape, element_shape: Any) -> shapes.Shape:
    if tensor is not None and element_shape is not None:
        shapes.merge(as_shape(element_shape), tensor[1:])
    return ()


def from_tensor_gradient(op: Operation, grad: Tensor, *, element_dtype: Any) -> Grads:
    tensor = op._inputs[0]
    rest = api.slice(api.shape(tensor), [1], [-1])
    known = tensor._shape[0] if tensor._shape else None
    count = -1 if known is None else known
    stacked = raw.TensorListStack(grad, rest, element_dtype=element_dtype, num_elements=count)
    return [stacked, None]


register(
    OpSpec(
        name="TensorListFromTensor", inputs=("tensor: element_dtype", _TYPED_SHAPE),
        outputs=("output_handle: variant",), attrs=(_DTYPE, _SHAPE_TYPE),
        shape=from_tensor_shape, kernel=from_tensor_kernel, gradient=from_tensor_gradient,
        static_inputs=("element_shape",), host=True, view=True,
    )
)  # fmt: skip


register(
    OpSpec(
        name="TensorListLength", inputs=(_LIST,), outputs=("length: int32",),
        shape=variant, kernel=lambda handle: np.int32(len(handle)), gradient=NOT_DIFFERENTIABLE,
        host=True,
    )
)  # fmt: skip


def element_shape_kernel(handle: TensorList, *, shape_type: Any) -> Any:
    shape = handle.element_shape
    sizes: Any = -1 if shape is None else [-1 if size is None else size for size in shape]
    return np.array(sizes, shape_type.np_dtype)


register(
    OpSpec(
        name="TensorListElementShape", inputs=(_LIST,), outputs=("element_shape: shape_type",),
        attrs=(_SHAPE_TYPE,), shape=lambda handle: None, kernel=element_shape_kernel,
        gradient=NOT_DIFFERENTIABLE, host=True,
    )
)  # fmt: skip


def resize_kernel(handle: TensorList, size: Any) -> TensorList:
    count = int(size)
    if count < 0:
        raise refuse(f"TensorListSlice expects size to be non-negative. Got: {count}")
    items = handle.items[:count]
    return handle.with_items(items + [None] * (count - len(items)))


register(
    OpSpec(
        name="TensorListResize", inputs=(_LIST, "size: int32"),
        outputs=("output_handle: variant",), shape=variant, kernel=resize_kernel,
        gradient=lambda op, grad: [
            raw.TensorListResize(grad, raw.TensorListLength(op._inputs[0])), None
        ],
        host=True, view=True,
    )
)  # fmt: skip


def concat_lists_kernel(one: TensorList, other: TensorList) -> TensorList:
    return one.with_items(one.items + other.items)


register(
    OpSpec(
        name="TensorListConcatLists", inputs=("input_a: variant", "input_b: variant"),
        outputs=("output: variant",), attrs=(_DTYPE,), shape=variant, kernel=concat_lists_kernel,
        gradient=NOT_DIFFERENTIABLE, host=True, view=True,
    )
)  # fmt: skip
