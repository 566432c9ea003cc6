"""Comparisons, the larger and the smaller of two, and logic."""

from __future__ import annotations

from typing import Any

from penstock.graph import shapes
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import (
    NOT_DIFFERENTIABLE,
    Grads,
    NamespaceFunction,
    OpSpec,
    raw,
    register,
)
from penstock.ops.elementwise import (
    FLOATS,
    binary,
    broadcast_shape,
    publish_binary,
    publish_unary,
    same_shape,
)

_EQUATED = (
    f"T: {{{FLOATS}, uint8, int8, int16, int32, int64, complex64, quint8, qint8, qint32, string, "
    "bool, complex128}"
)


def equal_shape(
    x: shapes.Shape, y: shapes.Shape, *, incompatible_shape_error: bool
) -> shapes.Shape:
    return shapes.broadcast(x, y)


def comparison(name: str, function: str, attrs: tuple[str, ...], shape: Any) -> OpSpec:
    """Registers a comparison of two operands that broadcast."""
    return register(
        OpSpec(
            name=name,
            inputs=("x: T", "y: T"),
            outputs=("z: bool",),
            attrs=attrs,
            shape=shape,
            kernel=NamespaceFunction(function),
            gradient=NOT_DIFFERENTIABLE,
        )
    )


_equal_attrs = (_EQUATED, "incompatible_shape_error: bool = true")
EQUAL = comparison("Equal", "equal", _equal_attrs, equal_shape)
NOT_EQUAL = comparison("NotEqual", "not_equal", _equal_attrs, equal_shape)

publish_binary(EQUAL, "equal math.equal", "Where x == y.", "tf.equal([1, 2], 2)")
publish_binary(NOT_EQUAL, "not_equal math.not_equal", "Where x != y.", "tf.not_equal([1, 2], 2)")

for _op, _name, _sign in (
    ("Less", "less", "<"),
    ("LessEqual", "less_equal", "<="),
    ("Greater", "greater", ">"),
    ("GreaterEqual", "greater_equal", ">="),
):
    _spec = comparison(_op, _name, ("T: realnumbertype",), broadcast_shape)
    publish_binary(_spec, f"{_name} math.{_name}", f"Where x {_sign} y.", f"tf.{_name}([1, 2], 2)")


def approximate_equal_shape(x: shapes.Shape, y: shapes.Shape) -> shapes.Shape:
    if x is not None and y is not None and len(x) != len(y):
        raise ValueError(f"Shapes must be equal rank, but are {len(x)} and {len(y)}")
    return shapes.merge(x, y)


def approximate_equal_kernel(xp: Any, x: Any, y: Any, *, tolerance: float) -> Any:
    return xp.abs(x - y) < x.dtype.type(tolerance)


APPROXIMATE_EQUAL = register(
    OpSpec(
        name="ApproximateEqual",
        inputs=("x: T", "y: T"),
        outputs=("z: bool",),
        attrs=("T: numbertype", "tolerance: float = 1e-05"),
        shape=approximate_equal_shape,
        kernel=approximate_equal_kernel,
        gradient=NOT_DIFFERENTIABLE,
    )
)


# The larger and the smaller


def extremum_gradient(chosen: str) -> Any:
    """The gradient goes to the operand that was chosen, of equal ones to the first."""

    def gradient(op: Operation, grad: Any) -> Grads:
        x, y = op._inputs
        shape_x, shape_y = api.shape(x), api.shape(y)
        zeros = api.zeros(api.shape(grad), grad.dtype.base_dtype)
        mask = getattr(raw, chosen)(x, y)
        axes_x, axes_y = raw.BroadcastGradientArgs(shape_x, shape_y)
        grad_x = api.reduce_sum(api.where(mask, grad, zeros), axes_x)
        first = api.reshape(grad_x, shape_x)
        grad_y = api.reduce_sum(api.where(mask, zeros, grad), axes_y)
        return [first, api.reshape(grad_y, shape_y)]

    return gradient


_ORDERED = f"{FLOATS}, int32, int64"
MAXIMUM = binary(
    "Maximum", NamespaceFunction("maximum"), _ORDERED, gradient=extremum_gradient("GreaterEqual")
)
MINIMUM = binary(
    "Minimum", NamespaceFunction("minimum"), _ORDERED, gradient=extremum_gradient("LessEqual")
)

publish_binary(
    MAXIMUM, "maximum math.maximum", "The larger of x and y.", "tf.maximum([1.0, -1.0], 0.0)"
)
publish_binary(
    MINIMUM, "minimum math.minimum", "The smaller of x and y.", "tf.minimum([1.0, -1.0], 0.0)"
)


# Logic


def connective(name: str, function: str) -> OpSpec:
    """Registers an op on two truth values that broadcast."""
    return register(
        OpSpec(
            name=name,
            inputs=("x: bool", "y: bool"),
            outputs=("z: bool",),
            shape=broadcast_shape,
            kernel=NamespaceFunction(function),
            gradient=NOT_DIFFERENTIABLE,
        )
    )


LOGICAL_AND = connective("LogicalAnd", "logical_and")
LOGICAL_OR = connective("LogicalOr", "logical_or")
LOGICAL_NOT = register(
    OpSpec(
        name="LogicalNot",
        inputs=("x: bool",),
        outputs=("y: bool",),
        shape=same_shape,
        kernel=NamespaceFunction("logical_not"),
        gradient=NOT_DIFFERENTIABLE,
    )
)

publish_binary(
    LOGICAL_AND, "logical_and math.logical_and", "Where both are true.", "tf.logical_and(a, b)"
)
publish_binary(
    LOGICAL_OR, "logical_or math.logical_or", "Where one is true, or both.", "tf.logical_or(a, b)"
)
publish_unary(
    LOGICAL_NOT, "logical_not math.logical_not", "Where x is false.", "tf.logical_not([True])"
)


@export("logical_xor", "math.logical_xor")
def logical_xor(x: Any, y: Any, name: str = "LogicalXor") -> Tensor:
    """Where exactly one of x and y is true.

    Args:
        x: a tensor of bool.
        y: a tensor of bool, which broadcasts.
        name: a name for the last operation.

    Returns:
        A Tensor of bool.

    Raises:
        TypeError: an operand is not bool.

    Example:
        >>> tf.logical_xor(True, [True, False])
    """
    either = LOGICAL_OR(x, y)
    not_both = LOGICAL_NOT(LOGICAL_AND(x, y))
    return LOGICAL_AND(either, not_both, name=name)
