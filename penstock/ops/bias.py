"""Adding a vector along the channels of a tensor."""

from __future__ import annotations

from typing import Any

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.public import name_scope

_DATA_FORMAT = "data_format: {'NHWC', 'NCHW'} = 'NHWC'"


def bias_add_shape(value: shapes.Shape, bias: shapes.Shape, *, data_format: str) -> shapes.Shape:
    channels = shapes.with_rank(bias, 1)[0]
    if value is None:
        return None
    least = 3 if data_format == "NCHW" else 2
    if len(value) < least:
        raise ValueError(f"Shape must be at least rank {least} but is rank {len(value)}")
    axis = 1 if data_format == "NCHW" else len(value) - 1
    size = value[axis]
    if None not in (size, channels) and size != channels:
        raise ValueError(f"Dimensions must be equal, but are {size} and {channels}")
    return (*value[:axis], channels if size is None else size, *value[axis + 1 :])


def bias_add_kernel(value: Any, bias: Any, *, data_format: str) -> Any:
    _check_bias(value, bias, data_format)
    if data_format == "NCHW":
        bias = bias.reshape(bias.shape + (1,) * (value.ndim - 2))
    return value + bias


def _check_bias(value: Any, bias: Any, data_format: str) -> None:
    if value.ndim < 2:
        raise InvalidArgumentError(
            None, None, f"Input tensor must be at least 2D: {shapes.bracket_text(value.shape)}"
        )
    if bias.ndim != 1:
        raise InvalidArgumentError(
            None, None, f"Biases must be 1D: {shapes.bracket_text(bias.shape)}"
        )
    if bias.shape[0] != value.shape[1 if data_format == "NCHW" else -1]:
        which = "channel" if data_format == "NCHW" else "last"
        raise InvalidArgumentError(
            None,
            None,
            f"Must provide as many biases as the {which} dimension of the input tensor: "
            f"{shapes.bracket_text(bias.shape)} vs. {shapes.bracket_text(value.shape)}",
        )


def bias_add_gradient(op: Operation, grad: Tensor, *, data_format: str) -> Grads:
    return [grad, raw.BiasAddGrad(grad, data_format=data_format)]


def bias_add_v1_kernel(value: Any, bias: Any) -> Any:
    return bias_add_kernel(value, bias, data_format="NHWC")


def bias_add_v1_shape(value: shapes.Shape, bias: shapes.Shape) -> shapes.Shape:
    return bias_add_shape(value, bias, data_format="NHWC")


def bias_add_v1_gradient(op: Operation, grad: Tensor) -> Grads:
    axes = api.range(raw.Sub(api.rank(grad), 1, name="sub"))
    return [grad, raw.Sum(grad, axes)]


def bias_add_grad_shape(out_backprop: shapes.Shape, *, data_format: str) -> shapes.Shape:
    if out_backprop is None:
        return (None,)
    least = 3 if data_format == "NCHW" else 2
    if len(out_backprop) < least:
        raise ValueError(f"Shape must be at least rank {least} but is rank {len(out_backprop)}")
    return (out_backprop[1 if data_format == "NCHW" else -1],)


def bias_add_grad_kernel(xp: Any, grad: Any, *, data_format: str) -> Any:
    if grad.ndim < 2:
        raise InvalidArgumentError(
            None, None, f"Input tensor must be at least 2D: {shapes.bracket_text(grad.shape)}"
        )
    if data_format == "NCHW":
        axes = (0, *range(2, grad.ndim))
        return grad.sum(axis=axes, dtype=grad.dtype)
    # NumPy adds along two axes faster than along four.
    rows = grad.size // grad.shape[-1] if grad.shape[-1] else 0
    return grad.reshape(rows, grad.shape[-1]).sum(axis=0, dtype=grad.dtype)


def bias_add_grad_gradient(op: Operation, grad: Tensor, *, data_format: str) -> Grads:
    """Each element adds to its channel's sum: the channel's gradient goes to all of them."""
    shape = api.shape(op._inputs[0])
    channels = api.shape(grad)
    if data_format == "NCHW":
        ones_like = [api.ones_like(shape[:1]), channels, api.ones_like(shape[2:])]
        expanded = api.concat(ones_like, 0)
        repeats = api.concat([shape[:1], [1], shape[2:]], 0)
    else:
        expanded = api.concat([api.ones_like(shape[:-1]), channels], 0)
        repeats = api.concat([shape[:-1], [1]], 0)
    return [api.tile(api.reshape(grad, expanded), repeats)]


BIAS_ADD = register(
    OpSpec(
        name="BiasAdd",
        inputs=("value: T", "bias: T"),
        outputs=("output: T",),
        attrs=("T: numbertype", _DATA_FORMAT),
        shape=bias_add_shape,
        kernel=bias_add_kernel,
        gradient=bias_add_gradient,
    )
)
BIAS_ADD_V1 = register(
    OpSpec(
        name="BiasAddV1",
        inputs=("value: T", "bias: T"),
        outputs=("output: T",),
        attrs=("T: numbertype",),
        shape=bias_add_v1_shape,
        kernel=bias_add_v1_kernel,
        gradient=bias_add_v1_gradient,
    )
)
BIAS_ADD_GRAD = register(
    OpSpec(
        name="BiasAddGrad",
        inputs=("out_backprop: T",),
        outputs=("output: T",),
        attrs=("T: numbertype", _DATA_FORMAT),
        shape=bias_add_grad_shape,
        kernel=bias_add_grad_kernel,
        gradient=bias_add_grad_gradient,
    )
)


@export("nn.bias_add")
def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """Adds a vector to each position of `value`, one number a channel.

    Args:
        value: a tensor of rank 2 or more, of a number type.
        bias: a vector of the same type, as long as `value` has channels.
        data_format: "N...C" or None (the channels come last), or "NC..." (they come second).
        name: a name for the operation.

    Returns:
        A Tensor of the type and shape of `value`.

    Raises:
        ValueError: the data format is neither, or the shapes do not fit.

    Example:
        >>> tf.nn.bias_add([[1.0, 2.0]], [10.0, 20.0])  # [[11, 22]]
    """
    with name_scope(name, "BiasAdd", [value, bias]) as scope:
        layout = "NHWC"
        if data_format is not None:
            if data_format.startswith("NC"):
                layout = "NCHW"
            elif not (data_format.startswith("N") and data_format.endswith("C")):
                raise ValueError("data_format must be of the form `N...C` or `NC...`")
        value = convert_to_tensor(value, name="input")
        bias = convert_to_tensor(bias, dtype=value.dtype.base_dtype, name="bias")
        return BIAS_ADD(value, bias, data_format=layout, name=scope)
