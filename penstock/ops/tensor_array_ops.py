"""The ops of `tf.TensorArray`, which read and write the array that a handle stands for."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.export import api
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, register
from penstock.ops.array_values import ArrayValue, TracedArray

_HANDLE = "handle: resource"
_FLOW = "flow_in: float"
_ELEMENT_SHAPE = "element_shape: shape = { unknown_rank: true }"


def array_kernel(
    size: Any,
    *,
    dtype: dtypes.DType,
    element_shape: shapes.Shape,
    dynamic_size: bool,
    clear_after_read: bool,
    identical_element_shapes: bool,
    tensor_array_name: str,
) -> tuple[ArrayValue, Any]:
    array = ArrayValue(
        tensor_array_name or "TensorArray", int(size), dtype.np_dtype, element_shape,
        dynamic_size, clear_after_read, identical_element_shapes,
    )  # fmt: skip
    return array, np.float32(0)


def array_xla_kernel(
    size: Any,
    *,
    dtype: dtypes.DType,
    element_shape: shapes.Shape,
    clear_after_read: bool,
    identical_element_shapes: bool,
) -> tuple[TracedArray, Any]:
    array = TracedArray(
        int(size), dtype.np_dtype, element_shape, clear_after_read, identical_element_shapes
    )
    return array, np.float32(0)


def check_size(op: Operation) -> None:
    """The size is a scalar; a shape rule sees its value, and not its shape."""
    try:
        shapes.with_rank(op._inputs[0]._shape, 0)
    except ValueError as error:
        raise op.spec._shape_error(error, op._inputs, op.name) from None


def known_element_shape(handle: Tensor) -> shapes.Shape:
    """What the op that made an array says of the shape of its elements."""
    op = handle.op
    while op.spec.name == "TensorArrayGradV3":
        op = op._inputs[0].op
    if op.spec.name != "TensorArrayV3" or not op._attrs["identical_element_shapes"]:
        return None
    return shapes.as_tuple(op._attrs["element_shape"])


register(
    OpSpec(
        name="TensorArrayV3", inputs=("size: int32",), outputs=(_HANDLE, "flow: float"),
        attrs=(
            "dtype: type", _ELEMENT_SHAPE, "dynamic_size: bool = false",
            "clear_after_read: bool = true", "identical_element_shapes: bool = false",
            "tensor_array_name: string = ''",
        ),
        shape=lambda size: [(2,), ()], kernel=array_kernel, xla_kernel=array_xla_kernel,
        gradient=NOT_DIFFERENTIABLE, static_inputs=("size",), stateful=True, refine=check_size,
    )
)  # fmt: skip


def gradient_array_kernel(handle: Any, flow_in: Any, *, source: str) -> tuple[Any, Any]:
    return handle.gradient(source), flow_in


register(
    OpSpec(
        name="TensorArrayGradV3", inputs=(_HANDLE, _FLOW),
        outputs=("grad_handle: resource", "flow_out: float"), attrs=("source: string",),
        shape=lambda handle, flow: [(2,), ()], kernel=gradient_array_kernel,
        gradient=NOT_DIFFERENTIABLE, stateful=True, view=True,
    )
)  # fmt: skip


def _of(op: Operation, flow: Tensor) -> Any:
    """The array of the gradients of the one that `op` writes.

    Each walk backwards gives an array gradients of its own.
    """
    attr = "dtype" if "dtype" in op._attrs else "T"
    array = api.TensorArray(
        op._attrs[attr], handle=op._inputs[0], flow=flow, colocate_with_first_write_call=False
    )
    return array.grad(op.graph._scopes.gradient_walk, flow)


def _gradients_of(op: Operation, flow: Tensor) -> Any:
    """The array of the gradients of the one that `op` reads."""
    array = api.TensorArray(
        op._attrs["dtype"], handle=op._inputs[0], flow=flow, colocate_with_first_write_call=False
    )
    return array.grad(op.graph._scopes.gradient_walk)


def write_shape(
    handle: shapes.Shape, index: shapes.Shape, value: shapes.Shape, flow: shapes.Shape
) -> shapes.Shape:
    shapes.with_rank(index, 0)
    return ()


def write_kernel(handle: Any, index: Any, value: Any, flow_in: Any) -> Any:
    handle.write(index, value)
    return flow_in


def write_gradient(op: Operation, flow: Tensor) -> Grads:
    return [None, None, _of(op, flow).read(op._inputs[1]), flow]


register(
    OpSpec(
        name="TensorArrayWriteV3", inputs=(_HANDLE, "index: int32", "value: T", _FLOW),
        outputs=("flow_out: float",), attrs=("T: type",), shape=write_shape, kernel=write_kernel,
        gradient=write_gradient, stateful=True, view=True,
    )
)  # fmt: skip


def read_shape(handle: shapes.Shape, index: shapes.Shape, flow: shapes.Shape) -> shapes.Shape:
    shapes.with_rank(index, 0)
    return None


def refine_read(op: Operation) -> None:
    op.outputs[0].set_shape(known_element_shape(op._inputs[0]))


def read_kernel(handle: Any, index: Any, flow_in: Any) -> Any:
    return handle.read(index)


def read_gradient(op: Operation, grad: Tensor) -> Grads:
    written = _gradients_of(op, op._inputs[2]).write(op._inputs[1], grad)
    return [None, None, written.flow]


register(
    OpSpec(
        name="TensorArrayReadV3", inputs=(_HANDLE, "index: int32", _FLOW),
        outputs=("value: dtype",), attrs=("dtype: type",),
        shape=read_shape, kernel=read_kernel, gradient=read_gradient, stateful=True, view=True,
        refine=refine_read,
    )
)  # fmt: skip


def gather_kernel(handle: Any, indices: Any, flow_in: Any, *, element_shape: shapes.Shape) -> Any:
    return handle.gather(indices, element_shape)


def gather_gradient(op: Operation, grad: Tensor) -> Grads:
    written = _gradients_of(op, op._inputs[2]).scatter(op._inputs[1], grad)
    return [None, None, written.flow]


def gather_shape(
    handle: shapes.Shape,
    indices: shapes.Shape,
    flow: shapes.Shape,
    *,
    element_shape: shapes.Shape,
) -> shapes.Shape:
    shapes.with_rank(indices, 1)
    return None if element_shape is None else (None, *element_shape)


def refine_gather(op: Operation) -> None:
    known, indices = known_element_shape(op._inputs[0]), op._inputs[1]._shape
    if known is not None and indices is not None:
        op.outputs[0].set_shape((*indices, *known))


register(
    OpSpec(
        name="TensorArrayGatherV3", inputs=(_HANDLE, "indices: int32", _FLOW),
        outputs=("value: dtype",), attrs=("dtype: type", _ELEMENT_SHAPE),
        shape=gather_shape, kernel=gather_kernel, gradient=gather_gradient, stateful=True,
        view=True, refine=refine_gather,
    )
)  # fmt: skip


def scatter_shape(
    handle: shapes.Shape, indices: shapes.Shape, value: shapes.Shape, flow: shapes.Shape
) -> shapes.Shape:
    (count,) = shapes.with_rank(indices, 1)
    if value == ():
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    if value is not None and None not in (count, value[0]) and count != value[0]:
        raise ValueError(f"Dimensions must be equal, but are {value[0]} and {count}")
    return ()


def scatter_kernel(handle: Any, indices: Any, value: Any, flow_in: Any) -> Any:
    handle.scatter(indices, value)
    return flow_in


def scatter_gradient(op: Operation, flow: Tensor) -> Grads:
    return [None, None, _of(op, flow).gather(op._inputs[1]), flow]


register(
    OpSpec(
        name="TensorArrayScatterV3", inputs=(_HANDLE, "indices: int32", "value: T", _FLOW),
        outputs=("flow_out: float",), attrs=("T: type",), shape=scatter_shape,
        kernel=scatter_kernel, gradient=scatter_gradient, stateful=True, view=True,
    )
)  # fmt: skip


def concat_kernel(
    handle: Any, flow_in: Any, *, element_shape_except0: shapes.Shape
) -> tuple[Any, Any]:
    return handle.concat(element_shape_except0)


def concat_gradient(op: Operation, grad: Tensor, unused: Any) -> Grads:
    written = _gradients_of(op, op._inputs[1]).split(grad, op.outputs[1])
    return [None, written.flow]


def concat_shape(
    handle: Any, flow: Any, *, element_shape_except0: shapes.Shape
) -> list[shapes.Shape]:
    rest = element_shape_except0
    return [None if rest is None else (None, *rest), (None,)]


register(
    OpSpec(
        name="TensorArrayConcatV3", inputs=(_HANDLE, _FLOW),
        outputs=("value: dtype", "lengths: int64"),
        attrs=("dtype: type", "element_shape_except0: shape = { unknown_rank: true }"),
        shape=concat_shape, kernel=concat_kernel, gradient=concat_gradient, stateful=True,
        view=True,
    )
)  # fmt: skip


def split_shape(
    handle: shapes.Shape, value: shapes.Shape, lengths: shapes.Shape, flow: shapes.Shape
) -> shapes.Shape:
    shapes.with_rank(lengths, 1)
    return ()


def split_kernel(handle: Any, value: Any, lengths: Any, flow_in: Any) -> Any:
    handle.split(value, lengths)
    return flow_in


def split_gradient(op: Operation, flow: Tensor) -> Grads:
    return [None, _of(op, flow).concat(), None, flow]


register(
    OpSpec(
        name="TensorArraySplitV3", inputs=(_HANDLE, "value: T", "lengths: int64", _FLOW),
        outputs=("flow_out: float",), attrs=("T: type",), shape=split_shape, kernel=split_kernel,
        gradient=split_gradient, stateful=True, view=True,
    )
)  # fmt: skip


def size_kernel(handle: Any, flow_in: Any) -> Any:
    return handle.size()


register(
    OpSpec(
        name="TensorArraySizeV3", inputs=(_HANDLE, _FLOW), outputs=("size: int32",),
        shape=lambda handle, flow: (), kernel=size_kernel, gradient=NOT_DIFFERENTIABLE,
        stateful=True,
    )
)  # fmt: skip


def close_kernel(handle: Any) -> tuple[()]:
    handle.close()
    return ()


register(
    OpSpec(
        name="TensorArrayCloseV3", inputs=(_HANDLE,), outputs=(), shape=lambda handle: [],
        kernel=close_kernel, gradient=NOT_DIFFERENTIABLE, stateful=True,
    )
)  # fmt: skip
