"""Orders of axes: transpose, its conjugate, and the inverse of a permutation."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, raw, register
from penstock.graph.public import name_scope

Shape = shapes.Shape


def transpose_shape(x: Shape, perm: Any) -> Shape:
    if perm is None:
        return None if x is None else (None,) * len(x)
    if x is None:
        return (None,) * perm.size
    if len(x) != perm.size:
        raise ValueError(f"Dimension must be {len(x)} but is {perm.size}")
    for axis in perm.tolist():
        if not -len(x) <= axis < len(x):
            raise ValueError(f"perm dim {axis} is out of range of input rank {len(x)}")
    return tuple([x[axis] for axis in perm.tolist()])


def rank_from_permutation(op: Operation) -> None:
    x, perm = op._inputs
    if x._shape is None and perm._shape and perm._shape[0] is not None:
        op.outputs[0].set_shape((None,) * perm._shape[0])


def transpose_kernel(xp: Any, x: Any, perm: Any) -> Any:
    axes = perm.tolist()
    try:
        return x.transpose(axes)
    except (ValueError, TypeError):
        raise _permutation_error(x.ndim, axes) from None


def _permutation_error(rank: int, axes: list[int]) -> InvalidArgumentError:
    if len(axes) != rank:
        return InvalidArgumentError(
            None, None,
            f"transpose expects a vector of size {rank}. But input(1) is a vector of "
            f"size {len(axes)}",
        )  # fmt: skip
    for axis in axes:
        if not -rank <= axis < rank:
            return InvalidArgumentError(None, None, f"{axis} is out of range [0 .. {rank})")
    missing = min(set(range(rank)) - {axis % rank for axis in axes})
    return InvalidArgumentError(
        None, None, f"{missing} is missing from {{{','.join(map(str, axes))}}}."
    )


def conjugate_transpose_kernel(xp: Any, x: Any, perm: Any) -> Any:
    return xp.conjugate(transpose_kernel(xp, x, perm))


def transpose_gradient(op: Operation, grad: Tensor) -> Grads:
    return [transpose(grad, invert_permutation(op._inputs[1])), None]


def conjugate_transpose_gradient(op: Operation, grad: Tensor) -> Grads:
    return [transpose(grad, invert_permutation(op._inputs[1]), conjugate=True), None]


TRANSPOSE = register(
    OpSpec(
        name="Transpose", inputs=("x: T", "perm: Tperm"), outputs=("y: T",),
        attrs=("T: type", "Tperm: {int32, int64} = DT_INT32"), static_inputs=("perm",),
        refine=rank_from_permutation,
        shape=transpose_shape, kernel=transpose_kernel, gradient=transpose_gradient, view=True,
    )
)  # fmt: skip
CONJUGATE_TRANSPOSE = register(
    OpSpec(
        name="ConjugateTranspose", inputs=("x: T", "perm: Tperm"), outputs=("y: T",),
        attrs=("T: type", "Tperm: {int32, int64} = DT_INT32"), static_inputs=("perm",),
        refine=rank_from_permutation,
        shape=transpose_shape, kernel=conjugate_transpose_kernel,
        gradient=conjugate_transpose_gradient,
    )
)  # fmt: skip


def invert_permutation_shape(x: Any) -> Shape:
    return (None,) if x is None else shapes.with_rank(x.shape, 1)


def keep_input_shape(op: Operation) -> None:
    op.outputs[0].set_shape(op._inputs[0]._shape)


def invert_permutation_kernel(xp: Any, x: Any) -> Any:
    axes = x.tolist()
    for axis in axes:
        if not 0 <= axis < len(axes):
            raise InvalidArgumentError(None, None, f"{axis} is not between 0 and {len(axes)}")
    if len(set(axes)) != len(axes):
        twice = next(axis for axis in axes if axes.count(axis) > 1)
        raise InvalidArgumentError(None, None, f"{twice} is duplicated in the input.")
    return np.argsort(x).astype(x.dtype)


INVERT_PERMUTATION = register(
    OpSpec(
        name="InvertPermutation", inputs=("x: T",), outputs=("y: T",),
        attrs=("T: {int32, int64} = DT_INT32",),
        static_inputs=("x",), refine=keep_input_shape,  # what it gives decides an order of axes
        shape=invert_permutation_shape, kernel=invert_permutation_kernel,
        gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


@export("invert_permutation", "math.invert_permutation")
def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """The permutation that undoes another: `y[x[i]] = i`.

    Args:
        x: an int32 or int64 vector of the numbers from 0 to n - 1.
        name: a name for the operation.

    Returns:
        A vector of the same type. The run raises InvalidArgumentError where `x` is no permutation.

    Example:
        >>> tf.invert_permutation([2, 0, 1])  # [1, 2, 0]
    """
    return INVERT_PERMUTATION(x, name=name)


@export("transpose")
def transpose(
    a: Any, perm: Any = None, name: str | None = "transpose", conjugate: bool = False
) -> Tensor:
    """A tensor with its axes in another order.

    Args:
        a: a tensor.
        perm: for each axis of the result, the axis of `a` that it is; reversed order where None.
        name: a name for the operation.
        conjugate: conjugate the elements of a complex tensor, too.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: `perm` does not fit the rank.

    Example:
        >>> tf.transpose([[1, 2, 3], [4, 5, 6]])  # [[1, 4], [2, 5], [3, 6]]
    """
    with name_scope(name, "transpose", [a]) as scope:
        if not isinstance(a, Tensor):
            a = convert_to_tensor(a, name="a")
        make = CONJUGATE_TRANSPOSE if conjugate and a.dtype.is_complex else TRANSPOSE
        if perm is not None:
            return make(a, perm, name=scope)
        if a._shape:
            return make(a, np.arange(len(a._shape) - 1, -1, -1), name=scope)
        rank = raw.Rank(a)
        return make(a, (rank - 1) - raw.Range(0, rank, 1), name=scope)


@export("matrix_transpose", "linalg.matrix_transpose", "linalg.transpose")
def matrix_transpose(
    a: Any, name: str | None = "matrix_transpose", conjugate: bool = False
) -> Tensor:
    """Each matrix in the last two axes transposed.

    Args:
        a: a tensor of rank 2 or more.
        name: a name for the operations.
        conjugate: conjugate the elements of a complex tensor, too.

    Returns:
        A Tensor of the same type.

    Raises:
        ValueError: the rank is known to be below 2.

    Example:
        >>> tf.matrix_transpose(batch)  # [..., i, j] becomes [..., j, i]
    """
    with name_scope(name, "matrix_transpose", [a]):
        a = convert_to_tensor(a, name="a")
        if a._shape is not None:
            rank = len(a._shape)
            if rank < 2:
                raise ValueError(
                    "Argument 'a' should be a (batch) matrix, with rank >= 2.  Found: "
                    f"{shapes.shape_text(a._shape)}"
                )
            perm: Any = [*range(rank - 2), rank - 1, rank - 2]
        else:
            dynamic = api.rank(a)
            perm = api.concat((raw.Range(0, dynamic - 2, 1), [dynamic - 1, dynamic - 2]), 0)
        return transpose(a, perm=perm, conjugate=conjugate)


@export("linalg.adjoint")
def adjoint(matrix: Any, name: str | None = None) -> Tensor:
    """Matrices with rows and columns exchanged, and complex numbers conjugated.

    Args:
        matrix: a tensor of shape [..., M, N].
        name: a name scope for the operations.

    Returns:
        A Tensor of shape [..., N, M].

    Raises:
        ValueError: the rank is less than 2.

    Example:
        >>> tf.linalg.adjoint([[1 + 2j, 3], [4, 5j]])
    """
    with name_scope(name, "adjoint", [matrix]):
        return matrix_transpose(convert_to_tensor(matrix, name="matrix"), conjugate=True)
