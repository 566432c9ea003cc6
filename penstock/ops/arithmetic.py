"""Element-wise sums and products, and sums of many tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, NamespaceFunction, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.ops.broadcasting import PlainUnbroadcast, Unbroadcast, same_known_shape
from penstock.ops.elementwise import COMPLEX, FLOATS, binary, publish_binary
from penstock.ops.indexed_slices import IndexedSlices
from penstock.ops.list_values import TensorList

_ADDED = f"{FLOATS}, uint8, int8, int16, int32, int64, {COMPLEX}"
_MULTIPLIED = f"{FLOATS}, uint8, int8, uint16, int16, int32, int64, {COMPLEX}"


def add_gradient(op: Operation, grad: Any) -> Grads:
    x, y = op._inputs
    if same_known_shape(x, y, grad):
        return [grad, grad]
    axes = Unbroadcast(x, y, grad)
    return [axes.first(grad), axes.second(grad)]


def add_kernel(xp: Any, x: Any, y: Any) -> Any:
    total = xp.add(x, y)
    # Two scalar strings make Python bytes.
    return np.asarray(total, object) if x.dtype == object else total


ADD = binary("Add", add_kernel, f"{_ADDED}, string", gradient=add_gradient)
ADD_V2 = binary("AddV2", NamespaceFunction("add"), _ADDED, gradient=add_gradient)

publish_binary(
    ADD, "add math.add", "x + y, element by element; strings are joined.", "tf.add([1, 2], 3)"
)


def sub_gradient(op: Operation, grad: Any) -> Grads:
    x, y = op._inputs
    if same_known_shape(x, y, grad):
        return [grad, raw.Neg(grad)]
    axes = Unbroadcast(x, y, grad)
    first = axes.first(grad)
    return [first, axes.second(raw.Neg(grad))]


SUB = binary("Sub", NamespaceFunction("subtract"), _MULTIPLIED, gradient=sub_gradient)

publish_binary(
    SUB, "subtract math.subtract", "x - y, element by element.", "tf.subtract([1, 2], 3)"
)


def mul_gradient(op: Operation, grad: Any) -> Grads:
    x, y = op._inputs
    if same_known_shape(x, y, grad) and grad.dtype in (dtypes.int32, dtypes.float32):
        return [raw.Mul(grad, y), raw.Mul(grad, x)]
    axes = Unbroadcast(x, y, grad)
    x, y = api.conj(x), api.conj(y)
    first = axes.first(raw.Mul(grad, y))
    return [first, axes.second(raw.Mul(x, grad))]


MUL = binary("Mul", NamespaceFunction("multiply"), _MULTIPLIED, gradient=mul_gradient)

publish_binary(
    MUL, "multiply math.multiply", "x * y, element by element.", "tf.multiply([1, 2], 3)"
)


def mul_no_nan_gradient(op: Operation, grad: Any) -> Grads:
    x, y = op._inputs
    if same_known_shape(x, y, grad):
        return [raw.MulNoNan(grad, y), raw.MulNoNan(x, grad)]
    axes = PlainUnbroadcast(x, y)
    first = axes.first(raw.MulNoNan(grad, y))
    return [first, axes.second(raw.MulNoNan(x, grad))]


def mul_no_nan_kernel(xp: Any, x: Any, y: Any) -> Any:
    return xp.where(y == 0, xp.zeros_like(y), x * y)


MUL_NO_NAN = binary(
    "MulNoNan", mul_no_nan_kernel, f"half, float, double, {COMPLEX}", gradient=mul_no_nan_gradient
)


@export("math.multiply_no_nan")
def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * y, but 0 where y is 0, even where x is infinite or NaN.

    Args:
        x: a tensor of a float or complex type.
        y: one of the same type, which broadcasts.
        name: a name for the operation.

    Returns:
        A Tensor of the same type.

    Raises:
        TypeError: the types differ.

    Example:
        >>> tf.math.multiply_no_nan(x, weights)
    """
    with name_scope(name, "multiply_no_nan", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, name="y", dtype=x.dtype.base_dtype)
        return MUL_NO_NAN(x, y, name=scope)


def squared_difference_gradient(op: Operation, grad: Any) -> Grads:
    x, y = op._inputs
    with api.control_dependencies([grad]):
        grad_x = api.scalar_mul(2.0, grad) * (x - y)
    if same_known_shape(x, y, grad):
        return [grad_x, -grad_x]
    axes = Unbroadcast(x, y, grad)
    first = axes.first(grad_x)
    return [first, -axes.second(grad_x)]


def squared_difference_kernel(xp: Any, x: Any, y: Any) -> Any:
    difference = x - y
    if difference.dtype.kind == "c":
        return xp.conj(difference) * difference
    return difference * difference


SQUARED_DIFFERENCE = binary(
    "SquaredDifference",
    squared_difference_kernel,
    f"{FLOATS}, int32, int64, {COMPLEX}",
    gradient=squared_difference_gradient,
)

publish_binary(
    SQUARED_DIFFERENCE,
    "squared_difference math.squared_difference",
    "(x - y) squared, element by element; with a complex conjugate, so that it is real.",
    "tf.squared_difference(predictions, labels)",
)


@export("scalar_mul", "math.scalar_mul")
def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """A tensor, or tf.IndexedSlices, times a scalar.

    Args:
        scalar: a number or a scalar tensor.
        x: a tensor or tf.IndexedSlices.
        name: a name for the operation.

    Returns:
        A Tensor, or IndexedSlices, of the type of `x`.

    Raises:
        ValueError: `scalar` is no scalar.

    Example:
        >>> tf.scalar_mul(0.5, gradient)
    """
    scalar = convert_to_tensor(scalar, dtype=x.dtype.base_dtype, name="scalar")
    if scalar._shape != ():
        given = shapes.shape_text(scalar._shape)
        raise ValueError(f"Only scalar multiply works, got a scalar of shape {given}")
    if is_slices(x):
        values = MUL(scalar, x.values, name=name)
        return type(x)(values, x.indices, x.dense_shape)
    return MUL(scalar, x, name=name)


def is_slices(value: Any) -> bool:
    """Whether it is a tf.IndexedSlices, which the array ops define."""
    return hasattr(value, "indices") and hasattr(value, "values") and hasattr(value, "dense_shape")


# Sums of many tensors


def add_n_shape(inputs: list[shapes.Shape]) -> shapes.Shape:
    known: shapes.Shape = None
    for shape in inputs:
        if not shapes.compatible(known, shape):
            raise ValueError(_shapes_differ(known, shape))
        known = shapes.merge(known, shape)
    return known


def _shapes_differ(a: Any, b: Any) -> str:
    if len(a) != len(b):
        return f"Shapes must be equal rank, but are {len(a)} and {len(b)}"
    pairs = zip(a, b, strict=True)
    i, x, y = next((i, x, y) for i, (x, y) in enumerate(pairs) if None not in (x, y) and x != y)
    given = f"{shapes.bracket_text(a)} and {shapes.bracket_text(b)}"
    return f"Dimension {i} in both shapes must be equal, but are {x} and {y}. Shapes are {given}."


def add_n_kernel(xp: Any, inputs: list[Any]) -> Any:
    first = inputs[0]
    if len(inputs) == 2 and not isinstance(first, TensorList) and first.shape == inputs[1].shape:
        return first + inputs[1]
    for index, value in enumerate(() if isinstance(first, TensorList) else inputs):
        if value.shape != first.shape:
            given = f"{shapes.bracket_text(first.shape)} != input {index}: "
            raise InvalidArgumentError(
                None,
                None,
                "Inputs to operation of type AddN must have the same size and shape.  "
                f"Input 0: {given}{shapes.bracket_text(value.shape)}",
            )
    if len(inputs) == 1:
        return first
    total = first + inputs[1]
    for value in inputs[2:]:
        total = total + value
    return total


def add_n_gradient(op: Operation, grad: Any) -> Grads:
    return [grad] * len(op._inputs)


ADD_N = register(
    OpSpec(
        name="AddN",
        inputs=("inputs: N * T",),
        outputs=("sum: T",),
        attrs=(
            "N: int >= 1",
            "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, "
            "qint32, bfloat16, uint16, complex128, half, uint32, uint64, variant}",
        ),
        shape=add_n_shape,
        kernel=add_n_kernel,
        gradient=add_n_gradient,
        view=True,  # of a single input
    )
)


def accumulate_shape(inputs: list[shapes.Shape], *, shape: shapes.Shape) -> shapes.Shape:
    return shape


ACCUMULATE_N_V2 = register(
    OpSpec(
        name="AccumulateNV2",
        inputs=("inputs: N * T",),
        outputs=("sum: T",),
        attrs=("N: int >= 1", "T: numbertype", "shape: shape"),
        shape=accumulate_shape,
        kernel=add_n_kernel,
        gradient=add_n_gradient,
        view=True,  # of a single input
    )
)


@export("add_n", "math.add_n")
def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of a list of tensors, element by element, without broadcasting.

    Args:
        inputs: tensors, variables or tf.IndexedSlices of one type and shape.
        name: a name for the operation.

    Returns:
        A Tensor of that type and shape; the tensor itself where there is one and no name.

    Raises:
        ValueError: the list is empty, or types or shapes differ.

    Example:
        >>> tf.add_n([loss, regularization])
    """
    tensors = _list_of_tensors(inputs)
    if len(tensors) == 1:
        return api.identity(tensors[0], name=name) if name else tensors[0]
    return ADD_N(tensors, name=name)


def _list_of_tensors(inputs: Any) -> list[Any]:
    message = (
        "inputs must be a list of at least one Tensor/IndexedSlices with the same dtype and shape"
    )
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(message)
    # The op converts IndexedSlices itself, under its own name.
    tensors = [
        value if isinstance(value, IndexedSlices) and len(inputs) > 1 else convert_to_tensor(value)
        for value in inputs
    ]
    if any(tensor.dtype.base_dtype is not tensors[0].dtype.base_dtype for tensor in tensors):
        raise ValueError(message)
    return tensors


@export("accumulate_n", "math.accumulate_n")
def accumulate_n(
    inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None
) -> Tensor:
    """The sum of a list of tensors, as `tf.add_n`; the shape may be said.

    Args:
        inputs: tensors of one type and shape.
        shape: that shape, where the tensors' own is not known.
        tensor_dtype: that type, to be checked.
        name: a name for the operation.

    Returns:
        A Tensor of that type and shape.

    Raises:
        ValueError: the list is empty, or types or shapes differ.
        TypeError: the type is not `tensor_dtype`.

    Example:
        >>> tf.accumulate_n([a, b, a])
    """
    tensors = _list_of_tensors(inputs)
    dtype = tensors[0].dtype.base_dtype
    if tensor_dtype is not None and dtypes.as_dtype(tensor_dtype) is not dtype:
        wanted = dtypes.as_dtype(tensor_dtype).name
        raise TypeError(f"tensor_dtype is {wanted}, but input is of type {dtype.name}")
    found = shapes.as_tuple(shape)
    for tensor in tensors:
        found = shapes.merge(found, tensor._shape)
    if len(tensors) == 1:
        return api.identity(tensors[0], name=name) if name else tensors[0]
    return ACCUMULATE_N_V2(tensors, shape=found, name=name)
