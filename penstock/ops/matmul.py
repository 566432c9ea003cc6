"""Products of matrices and of batches of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.ops import blas
from penstock.ops.elementwise import COMPLEX, FLOATS

_TYPES = f"T: {{{FLOATS}, int32, int64, {COMPLEX}}}"


def _check_inner(a: int | None, b: int | None) -> None:
    if a is not None and b is not None and a != b:
        raise ValueError(f"Dimensions must be equal, but are {a} and {b}")


# Two matrices


def matmul_shape(
    a: shapes.Shape, b: shapes.Shape, *, transpose_a: bool, transpose_b: bool
) -> shapes.Shape:
    rows, inner = shapes.with_rank(a, 2)
    inner_b, columns = shapes.with_rank(b, 2)
    if transpose_a:
        rows, inner = inner, rows
    if transpose_b:
        inner_b, columns = columns, inner_b
    _check_inner(inner, inner_b)
    return (rows, columns)


def matmul_kernel(xp: Any, a: Any, b: Any, *, transpose_a: bool, transpose_b: bool) -> Any:
    if transpose_a:
        a = a.T
    if transpose_b:
        b = b.T
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        shape_a = a.T.shape if transpose_a else a.shape
        shape_b = b.T.shape if transpose_b else b.shape
        raise InvalidArgumentError(
            None,
            None,
            f"Matrix size-incompatible: In[0]: {shapes.bracket_text(shape_a)}, "
            f"In[1]: {shapes.bracket_text(shape_b)}",
        )
    if a.dtype.char in "fdFD":
        # The same BLAS call as matmul makes, which takes longer to start.
        return blas.dot(a, b) if xp is np else xp.dot(a, b)
    return _product(xp, a, b)


def _product(xp: Any, a: Any, b: Any) -> Any:
    """NumPy gives the product of bfloat16 matrices as float32: it goes back to their type."""
    product = blas.matmul(a, b) if xp is np else xp.matmul(a, b)
    return product.astype(a.dtype, copy=False)


def matmul_gradient(op: Operation, grad: Any, *, transpose_a: bool, transpose_b: bool) -> Grads:
    """For C = AB: dA = dC Bᵀ, dB = Aᵀ dC; the transposes of A and B move to the other side."""
    a, b = api.conj(op._inputs[0]), api.conj(op._inputs[1])
    product = raw.MatMul
    if not transpose_a and not transpose_b:
        grad_a = product(grad, b, transpose_b=True)
        grad_b = product(a, grad, transpose_a=True, name="MatMul_1")
    elif not transpose_a:
        grad_a = product(grad, b)
        grad_b = product(grad, a, transpose_a=True, name="MatMul_1")
    elif not transpose_b:
        grad_a = product(b, grad, transpose_b=True)
        grad_b = product(a, grad, name="MatMul_1")
    else:
        grad_a = product(b, grad, transpose_a=True, transpose_b=True)
        grad_b = product(grad, a, transpose_a=True, transpose_b=True, name="MatMul_1")
    return [grad_a, grad_b]


MATMUL = register(
    OpSpec(
        name="MatMul",
        inputs=("a: T", "b: T"),
        outputs=("product: T",),
        attrs=("transpose_a: bool = false", "transpose_b: bool = false", _TYPES),
        shape=matmul_shape,
        kernel=matmul_kernel,
        gradient=matmul_gradient,
    )
)


# Batches


def _batch_rank(shape: shapes.Shape) -> shapes.Shape:
    if shape is not None and len(shape) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {len(shape)}")
    return shape


def batch_matmul_v2_shape(
    x: shapes.Shape, y: shapes.Shape, *, adj_x: bool, adj_y: bool
) -> shapes.Shape:
    x, y = _batch_rank(x), _batch_rank(y)
    if x is None or y is None:
        return None
    rows, inner = (x[-1], x[-2]) if adj_x else x[-2:]
    inner_y, columns = (y[-1], y[-2]) if adj_y else y[-2:]
    _check_inner(inner, inner_y)
    batch = shapes.broadcast(x[:-2], y[:-2])
    assert batch is not None
    return (*batch, rows, columns)


def batch_matmul_shape(
    x: shapes.Shape, y: shapes.Shape, *, adj_x: bool, adj_y: bool
) -> shapes.Shape:
    if x is None and y is None:
        return None
    rank = len(x if x is not None else y)  # type: ignore[arg-type]
    x, y = shapes.with_rank(_batch_rank(x), rank), shapes.with_rank(_batch_rank(y), rank)
    merged = shapes.merge(x[:-2], y[:-2])
    assert merged is not None
    return batch_matmul_v2_shape((*merged, *x[-2:]), (*merged, *y[-2:]), adj_x=adj_x, adj_y=adj_y)


def _adjoint(xp: Any, x: Any) -> Any:
    x = xp.swapaxes(x, -1, -2)
    return xp.conj(x) if x.dtype.kind == "c" else x


def batch_matmul_kernel(xp: Any, x: Any, y: Any, *, adj_x: bool, adj_y: bool) -> Any:
    if x.ndim < 2 or y.ndim < 2:
        message = f"In[0] and In[1] ndims must be >= 2: {min(x.ndim, y.ndim)}"
        raise InvalidArgumentError(None, None, message)
    if adj_x:
        x = _adjoint(xp, x)
    if adj_y:
        y = _adjoint(xp, y)
    if x.shape[-1] != y.shape[-2]:
        raise InvalidArgumentError(
            None,
            None,
            f"In[0] mismatch In[1] shape: {x.shape[-1]} vs. {y.shape[-2]}: "
            f"{shapes.bracket_text(x.shape)} {shapes.bracket_text(y.shape)} "
            f"{int(adj_x)} {int(adj_y)}",
        )
    return _product(xp, x, y)


def _batch_products(op: Operation, grad: Any, adj_x: bool, adj_y: bool) -> Grads:
    """As for two matrices, with adjoints in place of transposes."""
    x, y = op._inputs
    if not adj_x and not adj_y:
        return [api.matmul(grad, y, adjoint_b=True), api.matmul(x, grad, adjoint_a=True)]
    if not adj_x:
        return [api.matmul(grad, y), api.matmul(grad, x, adjoint_a=True)]
    if not adj_y:
        return [api.matmul(y, grad, adjoint_b=True), api.matmul(x, grad)]
    return [
        api.matmul(y, grad, adjoint_a=True, adjoint_b=True),
        api.matmul(grad, x, adjoint_a=True, adjoint_b=True),
    ]


def batch_matmul_gradient(op: Operation, grad: Any, *, adj_x: bool, adj_y: bool) -> Grads:
    return _batch_products(op, grad, adj_x, adj_y)


def batch_matmul_v2_gradient(op: Operation, grad: Any, *, adj_x: bool, adj_y: bool) -> Grads:
    grad_x, grad_y = _batch_products(op, grad, adj_x, adj_y)
    shape_x, shape_y = api.shape(op._inputs[0]), api.shape(op._inputs[1])
    axes_x, axes_y = raw.BroadcastGradientArgs(shape_x[:-2], shape_y[:-2])
    grad_x = api.reshape(api.reduce_sum(grad_x, axes_x), shape_x)
    return [grad_x, api.reshape(api.reduce_sum(grad_y, axes_y), shape_y)]


_BATCH_ATTRS = (_TYPES, "adj_x: bool = false", "adj_y: bool = false")
BATCH_MATMUL = register(
    OpSpec(
        name="BatchMatMul",
        inputs=("x: T", "y: T"),
        outputs=("output: T",),
        attrs=_BATCH_ATTRS,
        shape=batch_matmul_shape,
        kernel=batch_matmul_kernel,
        gradient=batch_matmul_gradient,
    )
)
BATCH_MATMUL_V2 = register(
    OpSpec(
        name="BatchMatMulV2",
        inputs=("x: T", "y: T"),
        outputs=("output: T",),
        attrs=_BATCH_ATTRS,
        shape=batch_matmul_v2_shape,
        kernel=batch_matmul_kernel,
        gradient=batch_matmul_v2_gradient,
    )
)


# Matrices that are mostly zero: TensorFlow's op, with the kernel of the dense one


def sparse_matmul_kernel(xp: Any, a: Any, b: Any, *, transpose_a: bool, transpose_b: bool) -> Any:
    a, b = a.astype(np.float32), b.astype(np.float32)
    return matmul_kernel(xp, a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def sparse_matmul_gradient(
    op: Operation,
    grad: Any,
    *,
    transpose_a: bool,
    transpose_b: bool,
    a_is_sparse: bool,
    b_is_sparse: bool,
) -> Grads:
    a, b = op._inputs
    sparse = {id(a): a_is_sparse, id(b): b_is_sparse}
    sparse[id(grad)] = grad.op.type == "Relu"

    def product(t1: Any, t2: Any, like: Tensor, flip1: bool = False, flip2: bool = False) -> Any:
        if flip2:
            is_sparse = sparse[id(t2)]
            t2 = api.transpose(t2)
            sparse[id(t2)] = is_sparse
        out = api.matmul(
            t1, t2, transpose_a=flip1, a_is_sparse=sparse[id(t1)], b_is_sparse=sparse[id(t2)]
        )
        return api.cast(out, like.dtype.base_dtype)

    if not transpose_a and not transpose_b:
        return [product(grad, b, a, flip2=True), product(a, grad, b, flip1=True)]
    if not transpose_a:
        return [product(grad, b, a), product(grad, a, b, flip1=True)]
    if not transpose_b:
        return [product(b, grad, a, flip2=True), product(a, grad, b)]
    return [
        product(b, grad, a, flip1=True, flip2=True),
        product(grad, a, b, flip1=True, flip2=True),
    ]


SPARSE_MATMUL = register(
    OpSpec(
        name="SparseMatMul",
        inputs=("a: Ta", "b: Tb"),
        outputs=("product: float",),
        attrs=(
            "transpose_a: bool = false",
            "transpose_b: bool = false",
            "a_is_sparse: bool = false",
            "b_is_sparse: bool = false",
            "Ta: {float, bfloat16} = DT_FLOAT",
            "Tb: {float, bfloat16} = DT_FLOAT",
        ),
        shape=matmul_shape,
        kernel=sparse_matmul_kernel,
        gradient=sparse_matmul_gradient,
    )
)


@export("matmul", "linalg.matmul")
def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of two matrices, or of two batches of matrices.

    Args:
        a: a tensor [..., n, k] of a float, complex or integer type.
        b: one of the same type, [..., k, m]; the leading dimensions broadcast.
        transpose_a, transpose_b: transpose that operand first.
        adjoint_a, adjoint_b: transpose and conjugate it first.
        a_is_sparse, b_is_sparse: a hint that it is mostly zeros.
        name: a name for the operation.

    Returns:
        A Tensor [..., n, m].

    Raises:
        ValueError: the shapes do not fit, or an operand is to be both transposed and adjoint.

    Example:
        >>> tf.matmul(x, weights)
    """
    with name_scope(name, "MatMul", [a, b]) as scope:
        if transpose_a and adjoint_a:
            raise ValueError("Only one of transpose_a and adjoint_a can be True.")
        if transpose_b and adjoint_b:
            raise ValueError("Only one of transpose_b and adjoint_b can be True.")
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, name="b")
        may_be_batch = any(rank is None or rank > 2 for rank in (a._rank(), b._rank()))
        if may_be_batch and not (a_is_sparse or b_is_sparse):
            # The batch op knows adjoints alone: a conjugate makes a transpose of one.
            if transpose_a:
                a, adjoint_a = api.conj(a), True
            if transpose_b:
                b, adjoint_b = api.conj(b), True
            return BATCH_MATMUL_V2(a, b, adj_x=adjoint_a, adj_y=adjoint_b, name=scope)
        if adjoint_a:
            a, transpose_a = api.conj(a), True
        if adjoint_b:
            b, transpose_b = api.conj(b), True
        flips = {"transpose_a": transpose_a, "transpose_b": transpose_b}
        if (a_is_sparse or b_is_sparse) and _may_be_sparse(a) and _may_be_sparse(b):
            hints = {"a_is_sparse": a_is_sparse, "b_is_sparse": b_is_sparse}
            return SPARSE_MATMUL(a, b, **flips, **hints, name=scope)
        return MATMUL(a, b, **flips, name=scope)


def _may_be_sparse(tensor: Tensor) -> bool:
    return tensor.dtype.base_dtype.name in ("float32", "bfloat16")


@export("linalg.matvec")
def matvec(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of a matrix and a vector, or of batches of them.

    Args:
        a: a tensor [..., n, k].
        b: one of the same type, [..., k].
        transpose_a: transpose `a` first.
        adjoint_a: transpose and conjugate `a` first.
        a_is_sparse, b_is_sparse: a hint that it is mostly zeros.
        name: a name for the operations.

    Returns:
        A Tensor [..., n].

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> tf.linalg.matvec(weights, x)
    """
    with name_scope(name, "MatVec", [a, b]):
        column = api.expand_dims(b, axis=-1)
        output = matmul(
            a,
            column,
            transpose_a=transpose_a,
            adjoint_a=adjoint_a,
            a_is_sparse=a_is_sparse,
            b_is_sparse=b_is_sparse,
        )
        return api.squeeze(output, axis=-1)
