"""Decompositions of matrices, and what their gradients solve: Qr, MatrixTriangularSolve."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register

Shape = shapes.Shape

_TYPES = "T: {double, float, half, complex64, complex128}"


# Qr


def qr_shape(input: Shape, *, full_matrices: bool) -> list[Shape]:
    if input is None:
        return [None, None]
    if len(input) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {len(input)}")
    *batch, rows, columns = input
    if full_matrices:
        return [(*batch, rows, rows), (*batch, rows, columns)]
    least = None if rows is None or columns is None else min(rows, columns)
    return [(*batch, rows, least), (*batch, least, columns)]


def qr_kernel(xp: Any, input: Any, *, full_matrices: bool) -> Any:
    wide = input.astype("float32") if input.dtype == "float16" else input  # none does half
    parts = xp.linalg.qr(wide, mode="complete" if full_matrices else "reduced")
    return tuple([part.astype(input.dtype) for part in parts])


def qr_gradient(op: Operation, grad_q: Tensor, grad_r: Tensor) -> Grads:
    """Walter and Lehmann, "Algorithmic differentiation of linear algebra functions", section 4.4.

    Raises:
        NotImplementedError: of what TensorFlow has no gradient for.
    """
    q, r = op.outputs
    if q.dtype.is_complex:
        raise NotImplementedError(f"QrGrad not implemented for dtype: {q.dtype}")
    if r._shape is None or None in r._shape[-2:]:
        raise NotImplementedError("QrGrad not implemented with dynamic shapes.")
    if r._shape[-2] != r._shape[-1]:
        raise NotImplementedError(
            "QrGrad not implemented when ncols > nrows or full_matrices is true and ncols != nrows."
        )
    across = api.matmul(q, grad_q, adjoint_a=True)
    across_skew = across - api.linalg.adjoint(across)
    along = api.matmul(r, grad_r, adjoint_b=True)
    along_skew = along - api.linalg.adjoint(along)
    lower = raw.MatrixBandPart(across_skew + along_skew, -1, 0)
    inside = api.matmul(q, grad_r + _divided(lower, r))
    outside = _divided(grad_q - api.matmul(q, across), r)
    return [inside + outside]


def _divided(x: Tensor, r: Tensor) -> Tensor:
    """`x` times the inverse of the transpose of the upper triangle `r`."""
    solved = raw.MatrixTriangularSolve(r, api.linalg.adjoint(x), lower=False, adjoint=False)
    return api.linalg.adjoint(solved)


QR = register(
    OpSpec(
        name="Qr", inputs=("input: T",), outputs=("q: T", "r: T"),
        attrs=("full_matrices: bool = false", _TYPES),
        shape=qr_shape, kernel=qr_kernel, gradient=qr_gradient,
    )
)  # fmt: skip


class Qr(NamedTuple):
    """The factors of a matrix: one orthogonal, the other upper triangular."""

    q: Tensor
    r: Tensor


@export("qr", "linalg.qr")
def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Qr:
    """The product of an orthogonal and an upper triangular matrix that each matrix is.

    Args:
        input: a floating or complex tensor of shape [..., M, N].
        full_matrices: give all M columns of q, where N < M.
        name: a name for the operation.

    Returns:
        A tuple with q, of shape [..., M, P], and r, of shape [..., P, N], where P is M for full
        matrices, else min(M, N).

    Raises:
        ValueError: the rank is less than 2.

    Example:
        >>> q, r = tf.linalg.qr([[1.0, 2.0], [3.0, 4.0]])
    """
    return Qr(*QR(input, full_matrices=full_matrices, name=name))


# MatrixTriangularSolve


def solve_shape(matrix: Shape, rhs: Shape) -> Shape:
    for shape in (matrix, rhs):
        if shape is not None and len(shape) < 2:
            raise ValueError(f"Shape must be at least rank 2 but is rank {len(shape)}")
    if matrix is None or rhs is None:
        return None
    if len(matrix) != len(rhs):
        raise ValueError(f"Shapes must be equal rank, but are {len(matrix) - 2} and {len(rhs) - 2}")
    for a, b in ((matrix[-2], matrix[-1]), (matrix[-1], rhs[-2])):
        if a is not None and b is not None and a != b:
            raise ValueError(f"Dimensions must be equal, but are {a} and {b}")
    batch = shapes.merge(matrix[:-2], rhs[:-2])
    assert batch is not None
    size = next((n for n in (matrix[-2], matrix[-1], rhs[-2]) if n is not None), None)
    return (*batch, size, rhs[-1])


def solve_kernel(xp: Any, matrix: Any, rhs: Any, *, lower: bool, adjoint: bool) -> Any:
    if xp is not np:
        from jax.lax.linalg import triangular_solve

        return triangular_solve(
            matrix, rhs, left_side=True, lower=lower, transpose_a=adjoint, conjugate_a=adjoint
        )
    from scipy.linalg import solve_triangular  # slow to import

    if (np.diagonal(matrix, axis1=-2, axis2=-1) == 0).any():
        raise InvalidArgumentError(None, None, "Input matrix is not invertible.")
    result = np.empty_like(rhs)
    for place in np.ndindex(rhs.shape[:-2]):
        result[place] = solve_triangular(
            matrix[place], rhs[place], trans="C" if adjoint else "N", lower=lower
        )
    return result


def solve_gradient(op: Operation, grad: Tensor, *, lower: bool, adjoint: bool) -> Grads:
    matrix, solution = op._inputs[0], op.outputs[0]
    grad_rhs = MATRIX_TRIANGULAR_SOLVE(matrix, grad, lower=lower, adjoint=not adjoint)
    left, right = (solution, grad_rhs) if adjoint else (grad_rhs, solution)
    whole = -api.matmul(left, right, adjoint_b=True)
    # Nothing depends on the other triangle.
    part = raw.MatrixBandPart(whole, -1, 0) if lower else raw.MatrixBandPart(whole, 0, -1)
    return [part, grad_rhs]


MATRIX_TRIANGULAR_SOLVE = register(
    OpSpec(
        name="MatrixTriangularSolve", inputs=("matrix: T", "rhs: T"), outputs=("output: T",),
        attrs=("lower: bool = true", "adjoint: bool = false", _TYPES),
        shape=solve_shape, kernel=solve_kernel, gradient=solve_gradient,
    )
)  # fmt: skip


@export("matrix_triangular_solve", "linalg.triangular_solve")
def triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Tensor:
    """Solves systems of linear equations whose matrices are triangular.

    Args:
        matrix: a floating or complex tensor of shape [..., M, M].
        rhs: of the same type, of shape [..., M, K].
        lower: the lower triangle is meant, else the upper one; the other is not looked at.
        adjoint: solve with the matrices transposed and conjugated.
        name: a name for the operation.

    Returns:
        A Tensor of the shape of `rhs`.

    Raises:
        ValueError: the shapes do not fit.
        InvalidArgumentError: in an interpreted run, there is a zero on a diagonal.

    Example:
        >>> tf.linalg.triangular_solve([[2.0, 0.0], [1.0, 1.0]], [[4.0], [3.0]])  # [[2], [1]]
    """
    return MATRIX_TRIANGULAR_SOLVE(matrix, rhs, lower=lower, adjoint=adjoint, name=name)
