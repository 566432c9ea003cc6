"""Ops on strings. They run on the host: XLA has no strings."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, register
from penstock.graph.protos import as_bytes


def string_join_shape(inputs: list[shapes.Shape]) -> shapes.Shape:
    """The shape of those inputs that are no scalars."""
    known = [shape for shape in inputs if shape != ()]
    result: shapes.Shape = known[0] if known else ()
    for shape in known[1:]:
        result = shapes.merge(result, shape)
    return None if None in inputs and result == () else result


def string_join_kernel(xp: Any, inputs: list[Any], *, separator: str) -> Any:
    arrays = [np.asarray(value, object) for value in inputs]
    shape = next((array.shape for array in arrays if array.shape), ())
    for array in arrays:
        if array.shape not in ((), shape):
            raise InvalidArgumentError(
                None,
                None,
                f"Input shapes do not match: expected {shapes.bracket_text(shape)}, "
                f"got {shapes.bracket_text(array.shape)}",
            )
    glue = as_bytes(separator)
    columns = [np.broadcast_to(array, shape).ravel() for array in arrays]
    joined = np.empty(columns[0].shape, object)
    joined[:] = [glue.join(row) for row in zip(*columns, strict=True)]
    return joined.reshape(shape)


STRING_JOIN = register(
    OpSpec(
        name="StringJoin", inputs=("inputs: N * string",), outputs=("output: string",),
        attrs=("N: int >= 1", "separator: string = ''"), host=True,
        shape=string_join_shape, kernel=string_join_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


@export("string_join", "strings.join")
def string_join(inputs: Any, separator: str = "", name: str | None = None) -> Tensor:
    """Joins strings, element by element.

    Args:
        inputs: a list of string tensors of one shape; scalars go with any.
        separator: what goes between.
        name: a name for the operation.

    Returns:
        A Tensor of type string.

    Example:
        >>> tf.string_join(["a", ["b", "c"]], separator="-")
    """
    return STRING_JOIN(inputs, separator=separator, name=name)
