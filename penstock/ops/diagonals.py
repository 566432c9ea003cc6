"""Diagonals: taken out of matrices, put into them, and what lies around them."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.graph import graph_of
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.public import name_scope

Shape = shapes.Shape

_DIAG_TYPES = "T: {bfloat16, half, float, double, int32, int64, complex64, complex128}"


# Diag and DiagPart: one tensor, one diagonal


def diag_shape(diagonal: Shape) -> Shape:
    if diagonal == ():
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    return None if diagonal is None else diagonal + diagonal


def diag_kernel(xp: Any, diagonal: Any) -> Any:
    return xp.diag(diagonal.reshape(-1)).reshape(diagonal.shape + diagonal.shape)


def diag_part_shape(x: Shape) -> Shape:
    if x is None:
        return None
    half, odd = divmod(len(x), 2)
    if odd or not x:
        raise ValueError(f"Input must have even and non-zero rank, input rank is {len(x)}")
    return tuple([_equal_sizes(a, b) for a, b in zip(x[:half], x[half:], strict=True)])


def _equal_sizes(a: int | None, b: int | None) -> int | None:
    if a is None or a == b:
        return b
    if b is None:
        return a
    raise ValueError(f"Dimensions must be equal, but are {a} and {b}")


def diag_part_kernel(xp: Any, x: Any) -> Any:
    half, odd = divmod(x.ndim, 2)
    if odd or not half:
        text = "The rank of the tensor should be even and positive, got shape"
        raise InvalidArgumentError(None, None, f"{text} {shapes.bracket_text(x.shape)}")
    shape = x.shape[:half]
    for axis, (a, b) in enumerate(zip(shape, x.shape[half:], strict=True)):
        if a != b:
            raise InvalidArgumentError(
                None, None,
                f"Invalid shape {shapes.bracket_text(x.shape)}: dimensions {axis} and "
                f"{half + axis} do not match.",
            )  # fmt: skip
    count = shapes.element_count(shape)
    return xp.diagonal(x.reshape(count, count)).reshape(shape)


DIAG = register(
    OpSpec(
        name="Diag", inputs=("diagonal: T",), outputs=("output: T",), attrs=(_DIAG_TYPES,),
        shape=diag_shape, kernel=diag_kernel, gradient=lambda op, grad: [raw.DiagPart(grad)],
    )
)  # fmt: skip
DIAG_PART = register(
    OpSpec(
        name="DiagPart", inputs=("input: T",), outputs=("diagonal: T",), attrs=(_DIAG_TYPES,),
        shape=diag_part_shape, kernel=diag_part_kernel,
        gradient=lambda op, grad: [raw.Diag(grad)], view=True,
    )
)  # fmt: skip


@export("diag", "linalg.tensor_diag")
def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """A tensor with a given diagonal, and zeros elsewhere.

    Args:
        diagonal: a tensor of shape [a, b, ...].
        name: a name for the operation.

    Returns:
        A Tensor of shape [a, b, ..., a, b, ...].

    Example:
        >>> tf.diag([1, 2])  # [[1, 0], [0, 2]]
    """
    return DIAG(diagonal, name=name)


@export("diag_part", "linalg.tensor_diag_part")
def diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonal of a tensor: what `tf.diag` was given.

    Args:
        input: a tensor of shape [a, b, ..., a, b, ...].
        name: a name for the operation.

    Returns:
        A Tensor of shape [a, b, ...].

    Raises:
        ValueError: the two halves of the shape differ.

    Example:
        >>> tf.diag_part([[1, 2], [3, 4]])  # [1, 4]
    """
    return DIAG_PART(input, name=name)


# MatrixDiag, MatrixDiagPart, MatrixSetDiag: batches of matrices


def at_least_rank(shape: Shape, rank: int) -> None:
    """Raises ValueError where the rank is known to be lower."""
    if shape is not None and len(shape) < rank:
        raise ValueError(f"Shape must be at least rank {rank} but is rank {len(shape)}")


def smaller(a: int | None, b: int | None) -> int | None:
    """The smaller of two sizes; None unless it is known."""
    if 0 in (a, b):
        return 0
    return None if a is None or b is None else min(a, b)


def matrix_diag_shape(diagonal: Shape) -> Shape:
    at_least_rank(diagonal, 1)
    return None if diagonal is None else (*diagonal, diagonal[-1])


def matrix_diag_kernel(xp: Any, diagonal: Any) -> Any:
    on_diagonal = np.eye(diagonal.shape[-1], dtype=bool)
    return xp.where(on_diagonal, diagonal[..., None, :], np.zeros((), diagonal.dtype))


def matrix_diag_part_shape(x: Shape) -> Shape:
    at_least_rank(x, 2)
    return None if x is None else (*x[:-2], smaller(x[-2], x[-1]))


def matrix_diag_part_kernel(xp: Any, x: Any) -> Any:
    _check_matrix(x)
    return xp.diagonal(x, axis1=-2, axis2=-1)


def _check_matrix(x: Any) -> None:
    if x.ndim < 2:
        text = f"input must be at least 2-dim, received shape: {shapes.bracket_text(x.shape)}"
        raise InvalidArgumentError(None, None, text)


def matrix_diag_part_gradient(op: Operation, grad: Tensor) -> Grads:
    x = op._inputs[0]
    sizes = x._shape
    if sizes is not None and sizes[-2] is not None and sizes[-2] == sizes[-1]:
        return [matrix_diag(grad)]
    return [matrix_set_diag(api.zeros_like(x), grad)]


def matrix_set_diag_shape(x: Shape, diagonal: Shape) -> Shape:
    at_least_rank(x, 2)
    at_least_rank(diagonal, 1)
    if x is None:
        return None if diagonal is None else (*diagonal[:-1], None, None)
    if diagonal is None:
        return x
    if len(diagonal) != len(x) - 1:
        raise ValueError(f"Shape must be rank {len(x) - 1} but is rank {len(diagonal)}")
    _equal_sizes(smaller(x[-2], x[-1]), diagonal[-1])
    batch = [_equal_sizes(a, b) for a, b in zip(x[:-2], diagonal[:-1], strict=True)]
    return (*batch, *x[-2:])


def matrix_set_diag_kernel(xp: Any, x: Any, diagonal: Any) -> Any:
    _check_matrix(x)
    rows, columns = x.shape[-2:]
    length = min(rows, columns)
    if diagonal.shape != (*x.shape[:-2], length):
        raise InvalidArgumentError(
            None, None,
            "Either first dimensions of diagonal don't match input.shape[:-2], or "
            "diagonal.shape[:-1] is not equal to the longests diagonal in range "
            f"[lower_diag_index:upper_diag_index]. (input.shape is {shapes.bracket_text(x.shape)}, "
            f"diagonal.shape {shapes.bracket_text(diagonal.shape)})",
        )  # fmt: skip
    missing = [(0, 0)] * (diagonal.ndim - 1) + [(0, columns - length)]
    return xp.where(np.eye(rows, columns, dtype=bool), xp.pad(diagonal, missing)[..., None, :], x)


def matrix_set_diag_gradient(op: Operation, grad: Tensor) -> Grads:
    merged = shapes.merge(op._inputs[0]._shape, grad._shape)
    diagonal = op._inputs[1]._shape
    if merged is not None and shapes.is_known(merged[:-2]) and shapes.is_known(merged[-2:]):
        zeros_shape: Any = [*merged[:-2], min(merged[-2:])]  # type: ignore[type-var]
    elif shapes.is_known(diagonal):
        zeros_shape = list(diagonal or ())
    else:
        zeros_shape = _dynamic_diagonal_shape(grad)
    zeros = api.zeros(zeros_shape, dtype=grad.dtype)
    return [matrix_set_diag(grad, zeros), matrix_diag_part(grad)]


def _dynamic_diagonal_shape(matrix: Tensor) -> Tensor:
    with graph_of([matrix]).colocate_with(matrix):
        whole = api.shape(matrix)
        rank = api.rank(matrix)
        batch = api.slice(whole, [0], [rank - 2])
        sizes = api.slice(whole, [rank - 2], [2])
        return api.concat([batch, [api.reduce_min(sizes)]], 0)


def matrix_diag_gradient(op: Operation, grad: Tensor) -> Grads:
    return [matrix_diag_part(grad)]


MATRIX_DIAG = register(
    OpSpec(
        name="MatrixDiag", inputs=("diagonal: T",), outputs=("output: T",), attrs=("T: type",),
        shape=matrix_diag_shape, kernel=matrix_diag_kernel, gradient=matrix_diag_gradient,
    )
)  # fmt: skip
MATRIX_DIAG_PART = register(
    OpSpec(
        name="MatrixDiagPart", inputs=("input: T",), outputs=("diagonal: T",), attrs=("T: type",),
        shape=matrix_diag_part_shape, kernel=matrix_diag_part_kernel,
        gradient=matrix_diag_part_gradient, view=True,
    )
)  # fmt: skip
MATRIX_SET_DIAG = register(
    OpSpec(
        name="MatrixSetDiag", inputs=("input: T", "diagonal: T"),
        outputs=("output: T",), attrs=("T: type",),
        shape=matrix_set_diag_shape, kernel=matrix_set_diag_kernel,
        gradient=matrix_set_diag_gradient,
    )
)  # fmt: skip


@export("matrix_diag", "linalg.diag")
def matrix_diag(
    diagonal: Any,
    name: str | None = "diag",
    k: Any = 0,
    num_rows: int = -1,
    num_cols: int = -1,
    padding_value: Any = 0,
) -> Tensor:
    """Square matrices with given diagonals, and zeros elsewhere.

    Args:
        diagonal: a tensor of shape [..., n].
        name: a name for the operation.
        k, num_rows, num_cols, padding_value: no effect in TensorFlow 1.15, and none here.

    Returns:
        A Tensor of shape [..., n, n].

    Example:
        >>> tf.matrix_diag([[1, 2], [3, 4]])  # [[[1, 0], [0, 2]], [[3, 0], [0, 4]]]
    """
    return MATRIX_DIAG(diagonal, name=name)


@export("matrix_diag_part", "linalg.diag_part")
def matrix_diag_part(
    input: Any, name: str | None = "diag_part", k: Any = 0, padding_value: Any = 0
) -> Tensor:
    """The main diagonals of matrices.

    Args:
        input: a tensor of shape [..., m, n].
        name: a name for the operation.
        k, padding_value: no effect in TensorFlow 1.15, and none here.

    Returns:
        A Tensor of shape [..., min(m, n)].

    Example:
        >>> tf.matrix_diag_part([[1, 2, 3], [4, 5, 6]])  # [1, 5]
    """
    return MATRIX_DIAG_PART(input, name=name)


@export("matrix_set_diag", "linalg.set_diag")
def matrix_set_diag(input: Any, diagonal: Any, name: str | None = "set_diag", k: Any = 0) -> Tensor:
    """Matrices with their main diagonals replaced.

    Args:
        input: a tensor of shape [..., m, n].
        diagonal: a tensor of shape [..., min(m, n)].
        name: a name for the operation.
        k: no effect in TensorFlow 1.15, and none here.

    Returns:
        A Tensor of the shape of `input`.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> tf.matrix_set_diag([[1, 2], [3, 4]], [0, 0])  # [[0, 2], [3, 0]]
    """
    return MATRIX_SET_DIAG(input, diagonal, name=name)


# MatrixBandPart


def matrix_band_part_shape(x: Shape, num_lower: Any, num_upper: Any) -> Shape:
    at_least_rank(x, 2)
    return x


def matrix_band_part_kernel(xp: Any, x: Any, num_lower: Any, num_upper: Any) -> Any:
    _check_matrix(x)
    rows, columns = x.shape[-2:]
    lower, upper = int(num_lower), int(num_upper)
    for what, count, of, most in (
        ("num_lower", lower, "rows", rows),
        ("num_upper", upper, "columns", columns),
    ):
        if count > most:
            text = (
                f"{what} must be negative or less or equal to number of {of} ({most}) got: {count}"
            )
            raise InvalidArgumentError(None, None, text)
    offset = np.arange(columns) - np.arange(rows)[:, None]
    band = (offset >= -(rows if lower < 0 else lower)) & (
        offset <= (columns if upper < 0 else upper)
    )
    return xp.where(band, x, np.zeros((), x.dtype))


def matrix_band_part_gradient(op: Operation, grad: Tensor) -> Grads:
    return [raw.MatrixBandPart(grad, *op._inputs[1:]), None, None]


MATRIX_BAND_PART = register(
    OpSpec(
        name="MatrixBandPart", inputs=("input: T", "num_lower: Tindex", "num_upper: Tindex"),
        outputs=("band: T",),
        attrs=("T: type", "Tindex: {int32, int64} = DT_INT64"),
        static_inputs=("num_lower", "num_upper"),
        shape=matrix_band_part_shape, kernel=matrix_band_part_kernel,
        gradient=matrix_band_part_gradient,
    )
)  # fmt: skip


@export("matrix_band_part", "linalg.band_part")
def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """Matrices with zeros outside a band around the main diagonal.

    Args:
        input: a tensor of shape [..., m, n].
        num_lower: how many diagonals below the main one to keep; all where negative.
        num_upper: how many above it.
        name: a name for the operation.

    Returns:
        A Tensor of the shape of `input`.

    Example:
        >>> tf.matrix_band_part(x, 0, -1)  # the upper triangle
    """
    return MATRIX_BAND_PART(input, num_lower, num_upper, name=name)


# eye and trace


@export("eye", "linalg.eye")
def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Identity matrices.

    Args:
        num_rows: an int or an int32 scalar.
        num_columns: the same; `num_rows` where None.
        batch_shape: the shape of the batch: ints, or an int32 vector.
        dtype: the type of the elements.
        name: a name for the operations.

    Returns:
        A Tensor of shape batch_shape + [num_rows, num_columns].

    Example:
        >>> tf.eye(2)  # [[1, 0], [0, 1]]
    """
    with name_scope(name, "eye", [num_rows, num_columns, batch_shape]):
        square = num_columns is None
        batch = [] if batch_shape is None else batch_shape
        columns = num_rows if num_columns is None else num_columns
        if isinstance(num_rows, Tensor) or isinstance(columns, Tensor):
            length = api.minimum(num_rows, columns)
        else:
            square = num_rows == columns
            length = min(num_rows, columns)
        if isinstance(batch, Tensor) or isinstance(length, Tensor):
            batch = convert_to_tensor(batch, name="shape", preferred_dtype=dtypes.int32)
            diagonal_shape = api.concat((batch, [length]), axis=0)
            shape = None if square else api.concat((batch, [num_rows, columns]), axis=0)
        else:
            batch = list(batch) if isinstance(batch, (list, tuple)) else batch
            diagonal_shape = [*batch, length]
            shape = [*batch, num_rows, columns]
        ones = api.ones(diagonal_shape, dtype=dtype)
        if square:
            return matrix_diag(ones)
        return matrix_set_diag(api.zeros(shape, dtype=dtype), ones)


@export("trace", "linalg.trace")
def trace(x: Any, name: str | None = None) -> Tensor:
    """The sums of the main diagonals of matrices.

    Args:
        x: a tensor of shape [..., m, n].
        name: a name for the operations.

    Returns:
        A Tensor of shape [...].

    Example:
        >>> tf.trace([[1, 2], [3, 4]])  # 5
    """
    with name_scope(name, "Trace", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return api.reduce_sum(matrix_diag_part(x), [-1], name=scope)
