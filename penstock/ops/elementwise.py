"""What the files of element-wise ops share: rows that register an op, or publish one as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph import shapes
from penstock.graph.export import export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, register

FLOATS = "bfloat16, half, float, double"
COMPLEX = "complex64, complex128"


def same_shape(x: shapes.Shape) -> shapes.Shape:
    return x


def broadcast_shape(x: shapes.Shape, y: shapes.Shape) -> shapes.Shape:
    return shapes.broadcast(x, y)


def nothing_gradient(op: Operation, grad: Any) -> Grads:
    """The op is flat wherever it has a slope: nothing flows back, and asking is no error."""
    return [None] * len(op._inputs)


def unary(name: str, kernel: Any, types: str, *, gradient: Any, xla_kernel: Any = None) -> OpSpec:
    """Registers an op from one tensor to another of its type and shape."""
    return register(
        OpSpec(
            name=name,
            inputs=("x: T",),
            outputs=("y: T",),
            attrs=(f"T: {{{types}}}",),
            shape=same_shape,
            kernel=kernel,
            xla_kernel=xla_kernel,
            gradient=gradient,
        )
    )


def binary(name: str, kernel: Any, types: str, *, gradient: Any, xla_kernel: Any = None) -> OpSpec:
    """Registers an op on two operands of one type that broadcast."""
    return register(
        OpSpec(
            name=name,
            inputs=("x: T", "y: T"),
            outputs=("z: T",),
            attrs=(f"T: {{{types}}}",),
            shape=broadcast_shape,
            kernel=kernel,
            xla_kernel=xla_kernel,
            gradient=gradient,
        )
    )


def publish_unary(spec: OpSpec, names: str, summary: str, example: str) -> Callable[..., Tensor]:
    """Makes an op of one operand public as it is.

    Args:
        spec: the op.
        names: the public names, separated by spaces.
        summary: one sentence for the docstring.
        example: one line of code.
    """

    def function(x: Any, name: str | None = None) -> Tensor:
        return spec(x, name=name)

    operands = "x: a tensor of one of the op's types, of any shape."
    return _publish(function, spec, names, summary, operands, example)


def publish_binary(spec: OpSpec, names: str, summary: str, example: str) -> Callable[..., Tensor]:
    """Makes an op of two operands that broadcast public as it is; see `publish_unary`."""

    def function(x: Any, y: Any, name: str | None = None) -> Tensor:
        return spec(x, y, name=name)

    operands = (
        "x: a tensor of one of the op's types.\n    y: one of the same type, which broadcasts."
    )
    return _publish(function, spec, names, summary, operands, example)


def _publish(
    function: Callable[..., Tensor],
    spec: OpSpec,
    names: str,
    summary: str,
    operands: str,
    example: str,
) -> Callable[..., Tensor]:
    every_name = names.split()
    first = spec.attr_specs.get("T")
    allowed = first.allowed if first and first.allowed else ()
    types = ", ".join([dtype.name for dtype in allowed]) or "bool"
    function.__name__ = function.__qualname__ = every_name[0].rpartition(".")[2]
    function.__doc__ = (
        f"{summary}\n\nArgs:\n    {operands}\n    name: a name for the operation.\n\n"
        f"Returns:\n    A Tensor. Types taken: {types}.\n\n"
        f"Raises:\n    TypeError: an operand has another type.\n\nExample:\n    >>> {example}\n"
    )
    return export(*every_name)(function)
