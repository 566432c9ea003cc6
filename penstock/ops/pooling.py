"""Pooling: maxima and means of sliding windows, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.export import api
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.ops import pooling_kernels as kernels
from penstock.ops import windows
from penstock.ops.activation import no_gradient_to

_REAL = "{float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}"
_POOLED = "{half, bfloat16, float, double, int32, int64, uint8, int16, int8, uint16, qint8}"
_FLOATS = "{half, bfloat16, float, double}"
_WINDOWS_2D = (
    "ksize: list(int) >= 4",
    "strides: list(int) >= 4",
    "padding: {'SAME', 'VALID'}",
)
_WINDOWS_3D = (
    "ksize: list(int) >= 5",
    "strides: list(int) >= 5",
    "padding: {'SAME', 'VALID'}",
    "data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'",
)
_DATA_FORMAT = "data_format: {'NHWC', 'NCHW'} = 'NHWC'"
_MAX_POOL_FORMAT = "data_format: {'NHWC', 'NCHW', 'NCHW_VECT_C'} = 'NHWC'"


# Shape rules


def pool_shape(
    x: shapes.Shape, *, ksize: Sequence[int], strides: Sequence[int], padding: str
) -> shapes.Shape:
    """The static shape of pooling; `ksize` and `strides` are in the order of the input's axes."""
    x = shapes.with_rank(x, len(ksize))
    windows_of = zip(x, ksize, strides, strict=True)
    return tuple(
        [
            size if window == stride == 1 else windows.static_count(size, window, stride, padding)
            for size, window, stride in windows_of
        ]
    )


def gradient_shape(
    x: shapes.Shape, out: shapes.Shape, grad: shapes.Shape, *, ksize: Sequence[int]
) -> shapes.Shape:
    return shapes.with_rank(x, len(ksize))


def second_gradient_shape(
    x: shapes.Shape, out: shapes.Shape, grad: shapes.Shape, *, ksize: Sequence[int]
) -> shapes.Shape:
    return shapes.with_rank(out, len(ksize))


def avg_pool_grad_shape(
    input_shape: shapes.Shape, grad: shapes.Shape, *, ksize: Sequence[int]
) -> shapes.Shape:
    return shapes.with_rank(input_shape, len(ksize))


# Gradients


def _attrs(op: Operation, *others: str) -> dict[str, Any]:
    return {name: op._attrs[name] for name in ("ksize", "strides", "padding", *others)}


def max_pool_gradient(op: Operation, grad: Tensor) -> Grads:
    x, out = op._inputs[0], op.outputs[0]
    return [raw.MaxPoolGrad(x, out, grad, **_attrs(op, "data_format"))]


def max_pool_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    x, out = op._inputs[:2]
    return [
        no_gradient_to(x),
        no_gradient_to(out),
        raw.MaxPoolGradGrad(x, out, grad, **_attrs(op, "data_format")),
    ]


def max_pool_grad_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    x, out = op._inputs[:2]
    return [
        no_gradient_to(x),
        no_gradient_to(out),
        raw.MaxPoolGrad(x, out, grad, **_attrs(op, "data_format")),
    ]


def max_pool_3d_gradient(op: Operation, grad: Tensor) -> Grads:
    x, out = op._inputs[0], op.outputs[0]
    return [raw.MaxPool3DGrad(x, out, grad, **_attrs(op, "data_format"))]


def max_pool_3d_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    x, out = op._inputs[:2]
    return [
        no_gradient_to(x),
        no_gradient_to(out),
        raw.MaxPool3DGradGrad(x, out, grad, **_attrs(op, "data_format")),
    ]


def max_pool_3d_grad_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    x, out = op._inputs[:2]
    return [
        no_gradient_to(x),
        no_gradient_to(out),
        raw.MaxPool3DGrad(x, out, grad, **_attrs(op, "data_format")),
    ]


def avg_pool_gradient(op: Operation, grad: Tensor) -> Grads:
    shape = api.shape(op._inputs[0])
    return [raw.AvgPoolGrad(shape, grad, **_attrs(op, "data_format"))]


def avg_pool_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    shape = api.stop_gradient(op._inputs[0])
    return [shape, raw.AvgPool(grad, **_attrs(op, "data_format"))]


def avg_pool_3d_gradient(op: Operation, grad: Tensor) -> Grads:
    shape = api.shape(op._inputs[0])
    return [raw.AvgPool3DGrad(shape, grad, **_attrs(op, "data_format"))]


def avg_pool_3d_grad_gradient(op: Operation, grad: Tensor) -> Grads:
    shape = api.stop_gradient(op._inputs[0])
    return [shape, raw.AvgPool3D(grad, **_attrs(op, "data_format"))]


# The ops


def pooling(name: str, tensor: str, attrs: tuple[str, ...], rules: tuple[Any, ...]) -> OpSpec:
    """Registers an op from an array to one number a window; rules: NumPy, XLA, gradient."""
    kernel, xla_kernel, gradient = rules
    return register(
        OpSpec(
            name=name,
            inputs=(f"{tensor}: T",),
            outputs=("output: T",),
            attrs=attrs,
            shape=pool_shape,
            kernel=kernel,
            xla_kernel=xla_kernel,
            gradient=gradient,
        )
    )


MAX_POOL = pooling(
    "MaxPool",
    "input",
    (f"T: {_POOLED} = DT_FLOAT", *_WINDOWS_2D, _MAX_POOL_FORMAT),
    (kernels.max_pool, kernels.max_pool_xla, max_pool_gradient),
)
AVG_POOL = pooling(
    "AvgPool",
    "value",
    (*_WINDOWS_2D, _DATA_FORMAT, f"T: {_FLOATS}"),
    (kernels.avg_pool, kernels.avg_pool_xla, avg_pool_gradient),
)
MAX_POOL_3D = pooling(
    "MaxPool3D",
    "input",
    (*_WINDOWS_3D, "T: {half, bfloat16, float}"),
    (kernels.max_pool, kernels.max_pool_xla, max_pool_3d_gradient),
)
AVG_POOL_3D = pooling(
    "AvgPool3D",
    "input",
    (*_WINDOWS_3D, f"T: {_FLOATS}"),
    (kernels.avg_pool, kernels.avg_pool_xla, avg_pool_3d_gradient),
)

MAX_POOL_GRAD = register(
    OpSpec(
        name="MaxPoolGrad",
        inputs=("orig_input: T", "orig_output: T", "grad: T"),
        outputs=("output: T",),
        attrs=(*_WINDOWS_2D, _DATA_FORMAT, f"T: {_REAL} = DT_FLOAT"),
        shape=gradient_shape,
        kernel=kernels.max_pool_grad,
        xla_kernel=kernels.max_pool_grad_xla,
        gradient=max_pool_grad_gradient,
    )
)
MAX_POOL_GRAD_GRAD = register(
    OpSpec(
        name="MaxPoolGradGrad",
        inputs=("orig_input: T", "orig_output: T", "grad: T"),
        outputs=("output: T",),
        attrs=(*_WINDOWS_2D, _DATA_FORMAT, f"T: {_REAL}"),
        shape=second_gradient_shape,
        kernel=kernels.max_pool_grad_grad,
        gradient=max_pool_grad_grad_gradient,
    )
)
MAX_POOL_3D_GRAD = register(
    OpSpec(
        name="MaxPool3DGrad",
        inputs=("orig_input: TInput", "orig_output: TInput", "grad: T"),
        outputs=("output: T",),
        attrs=(
            *_WINDOWS_3D,
            "T: {half, bfloat16, float} = DT_FLOAT",
            "TInput: {half, bfloat16, float} = DT_FLOAT",
        ),
        shape=gradient_shape,
        kernel=kernels.max_pool_grad_to_all,
        xla_kernel=kernels.max_pool_grad_to_all_xla,
        gradient=max_pool_3d_grad_gradient,
    )
)
MAX_POOL_3D_GRAD_GRAD = register(
    OpSpec(
        name="MaxPool3DGradGrad",
        inputs=("orig_input: T", "orig_output: T", "grad: T"),
        outputs=("output: T",),
        attrs=(*_WINDOWS_3D, f"T: {_REAL}"),
        shape=second_gradient_shape,
        kernel=kernels.max_pool_grad_grad,
        gradient=max_pool_3d_grad_grad_gradient,
    )
)
AVG_POOL_GRAD = register(
    OpSpec(
        name="AvgPoolGrad",
        inputs=("orig_input_shape: int32", "grad: T"),
        outputs=("output: T",),
        attrs=(*_WINDOWS_2D, _DATA_FORMAT, f"T: {_FLOATS}"),
        shape_inputs=("orig_input_shape",),
        shape=avg_pool_grad_shape,
        kernel=kernels.avg_pool_grad,
        xla_kernel=kernels.avg_pool_grad_xla,
        gradient=avg_pool_grad_gradient,
    )
)
AVG_POOL_3D_GRAD = register(
    OpSpec(
        name="AvgPool3DGrad",
        inputs=("orig_input_shape: int32", "grad: T"),
        outputs=("output: T",),
        attrs=(*_WINDOWS_3D, f"T: {_FLOATS}"),
        shape_inputs=("orig_input_shape",),
        shape=avg_pool_grad_shape,
        kernel=kernels.avg_pool_grad,
        xla_kernel=kernels.avg_pool_grad_xla,
        gradient=avg_pool_3d_grad_gradient,
    )
)


# MaxPoolV2: windows as inputs


def max_pool_v2_shape(x: shapes.Shape, ksize: Any, strides: Any, *, padding: str) -> shapes.Shape:
    if ksize is None or strides is None:
        return None
    return pool_shape(x, ksize=ksize.tolist(), strides=strides.tolist(), padding=padding)


def max_pool_v2_kernel(x: Any, ksize: Any, strides: Any, *, padding: str) -> Any:
    return kernels.max_pool(x, ksize=ksize.tolist(), strides=strides.tolist(), padding=padding)


def max_pool_v2_xla(x: Any, ksize: Any, strides: Any, *, padding: str) -> Any:
    return kernels.max_pool_xla(x, ksize=ksize.tolist(), strides=strides.tolist(), padding=padding)


def max_pool_v2_gradient(op: Operation, grad: Tensor, *, padding: str, data_format: str) -> Grads:
    x, ksize, strides = op._inputs
    out = op.outputs[0]
    passed = raw.MaxPoolGradV2(
        x, out, grad, ksize, strides, padding=padding, data_format=data_format
    )
    return [passed, None, None]


def images_shape(x: shapes.Shape, *others: Any) -> shapes.Shape:
    return shapes.with_rank(x, 4)


def max_pool_grad_v2_kernel(
    x: Any, out: Any, grad: Any, ksize: Any, strides: Any, *, padding: str
) -> Any:
    return kernels.max_pool_grad(
        x, out, grad, ksize=ksize.tolist(), strides=strides.tolist(), padding=padding
    )


def max_pool_grad_v2_xla(
    x: Any, out: Any, grad: Any, ksize: Any, strides: Any, *, padding: str
) -> Any:
    return kernels.max_pool_grad_xla(
        x, out, grad, ksize=ksize.tolist(), strides=strides.tolist(), padding=padding
    )


MAX_POOL_V2 = register(
    OpSpec(
        name="MaxPoolV2",
        inputs=("input: T", "ksize: int32", "strides: int32"),
        outputs=("output: T",),
        attrs=(f"T: {_POOLED} = DT_FLOAT", "padding: {'SAME', 'VALID'}", _MAX_POOL_FORMAT),
        static_inputs=("ksize", "strides"),
        shape=max_pool_v2_shape,
        kernel=max_pool_v2_kernel,
        xla_kernel=max_pool_v2_xla,
        gradient=max_pool_v2_gradient,
    )
)
MAX_POOL_GRAD_V2 = register(
    OpSpec(
        name="MaxPoolGradV2",
        inputs=(
            "orig_input: T",
            "orig_output: T",
            "grad: T",
            "ksize: int32",
            "strides: int32",
        ),
        outputs=("output: T",),
        attrs=("padding: {'SAME', 'VALID'}", _DATA_FORMAT, f"T: {_REAL} = DT_FLOAT"),
        static_inputs=("ksize", "strides"),
        shape=images_shape,
        kernel=max_pool_grad_v2_kernel,
        xla_kernel=max_pool_grad_v2_xla,
        gradient=None,
    )
)


# MaxPoolWithArgmax


def argmax_shape(
    x: shapes.Shape, *, ksize: Sequence[int], strides: Sequence[int], padding: str
) -> list[shapes.Shape]:
    out = pool_shape(x, ksize=ksize, strides=strides, padding=padding)
    return [out, out]


def max_pool_with_argmax_gradient(op: Operation, grad: Tensor, grad_argmax: Any) -> Grads:
    others = _attrs(op, "include_batch_in_index")
    return [raw.MaxPoolGradWithArgmax(op._inputs[0], grad, op.outputs[1], **others)]


def _image_starts(x: Any, include_batch_in_index: bool) -> Any:
    """What is added to places in an image to get places in the flat batch."""
    if include_batch_in_index:
        return np.zeros((x.shape[0], 1), np.int64)
    return (np.arange(x.shape[0], dtype=np.int64) * (x.size // max(1, x.shape[0])))[:, None]


def max_pool_grad_with_argmax_kernel(
    x: Any, grad: Any, argmax: Any, *, include_batch_in_index: bool
) -> Any:
    out = np.zeros(x.size, grad.dtype)
    places = argmax.reshape(x.shape[0], -1) + _image_starts(x, include_batch_in_index)
    np.add.at(out, places.ravel(), grad.ravel())
    return out.reshape(x.shape)


def max_pool_grad_with_argmax_xla(
    x: Any, grad: Any, argmax: Any, *, include_batch_in_index: bool
) -> Any:
    import jax.numpy as jnp

    places = argmax.reshape(x.shape[0], -1) + _image_starts(x, include_batch_in_index)
    flat = jnp.zeros(x.size, grad.dtype).at[places.ravel()].add(grad.ravel())
    return flat.reshape(x.shape)


_INCLUDE_BATCH = "include_batch_in_index: bool = false"

MAX_POOL_WITH_ARGMAX = register(
    OpSpec(
        name="MaxPoolWithArgmax",
        inputs=("input: T",),
        outputs=("output: T", "argmax: Targmax"),
        attrs=(
            *_WINDOWS_2D,
            "Targmax: {int32, int64} = DT_INT64",
            _INCLUDE_BATCH,
            f"T: {_REAL}",
        ),
        shape=argmax_shape,
        kernel=kernels.max_pool_with_argmax,
        gradient=max_pool_with_argmax_gradient,
    )
)
MAX_POOL_GRAD_WITH_ARGMAX = register(
    OpSpec(
        name="MaxPoolGradWithArgmax",
        inputs=("input: T", "grad: T", "argmax: Targmax"),
        outputs=("output: T",),
        attrs=(*_WINDOWS_2D, _INCLUDE_BATCH, "Targmax: {int32, int64}", f"T: {_REAL}"),
        shape=images_shape,
        kernel=max_pool_grad_with_argmax_kernel,
        xla_kernel=max_pool_grad_with_argmax_xla,
        gradient=None,
    )
)
