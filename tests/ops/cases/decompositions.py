"""Cases for decompositions of matrices."""

from __future__ import annotations

from typing import Any

from tests.ops.case import case, fails, floats, ints

# TensorFlow's solver adds up in another order.
LOOSE = {"rtol": 1e-4, "atol": 1e-5}


def well_conditioned(tf: Any, x: Any) -> Any:
    """A matrix with a large diagonal."""
    return x + 4.0 * tf.eye(3, dtype=x.dtype)


def qr_of(tf: Any, x: Any, full_matrices: bool = False) -> Any:
    """Both factors."""
    return tf.qr(x, full_matrices)


def qr_gradient(tf: Any, x: Any, sizes: Any) -> Any:
    """What flows back through both factors; the sizes must be known for it."""
    x.set_shape(sizes)
    q, r = tf.qr(x)
    return tf.gradients(tf.reduce_sum(q * q * q) + tf.reduce_sum(r * r), x)[0]


def solved(tf: Any, matrix: Any, rhs: Any, **options: Any) -> Any:
    """The solution for a matrix with a large diagonal."""
    return tf.linalg.triangular_solve(well_conditioned(tf, matrix), rhs, **options)


CASES = [
    case(qr_of, floats(3, 3)).but(gradient=False, **LOOSE),
    case(qr_of, floats(4, 2)).but(gradient=False, **LOOSE),
    case(qr_of, floats(2, 3, 3, dtype="float64")).but(gradient=False),
    case(qr_of, floats(2, 4)).but(gradient=False, **LOOSE),
    case(qr_of, floats(4, 2, dtype="float16")).but(
        gradient=False, numeric=False, rtol=2e-2, atol=4e-3
    ),
    case(qr_of, floats(4, 2), full_matrices=True).but(gradient=False, **LOOSE),
    case(qr_of, floats(2, 4), True).but(gradient=False, **LOOSE),
    case(qr_of, floats(1, 1)).but(gradient=False, **LOOSE),
    case(qr_gradient, floats(3, 3), [3, 3]).but(gradient=False, **LOOSE),
    case(qr_gradient, floats(2, 4, 3, dtype="float64"), [2, 4, 3]).but(gradient=False),
    case(qr_of, floats(3, 2, dtype="complex64")).but(gradient=False, **LOOSE),
    case("linalg.qr", floats(3, 2, dtype="complex128"), name="factors").but(gradient=False),
    fails(qr_of, floats(3)).but(says="Shape must be at least rank 2 but is rank 1"),
    fails(qr_of, ints(2, 2)).but(says="not in list of allowed values"),
    case(solved, floats(3, 3), floats(3, 2)).but(**LOOSE),
    case(solved, floats(3, 3), floats(3, 2), lower=False).but(**LOOSE),
    case(solved, floats(3, 3), floats(3, 1), adjoint=True).but(**LOOSE),
    case(solved, floats(2, 3, 3), floats(2, 3, 2), lower=False, adjoint=True).but(**LOOSE),
    case(solved, floats(3, 3, dtype="float64"), floats(3, 2, dtype="float64")),
    case(
        solved, floats(3, 3, dtype="complex64"), floats(3, 2, dtype="complex64"), adjoint=True
    ).but(**LOOSE),
    case(solved, floats(3, 3), floats(3, 0)),
    case("matrix_triangular_solve", floats(2, 2, low=1.0), floats(2, 2), name="solved").but(
        **LOOSE
    ),
    fails(solved, floats(3, 3), floats(2, 2)).but(says="Dimensions must be equal, but are 3 and 2"),
    fails("linalg.triangular_solve", floats(2, 3), floats(3, 2)).but(
        says="Dimensions must be equal, but are 2 and 3"
    ),
    fails("linalg.triangular_solve", floats(2, 2, 2), floats(2, 2)).but(
        says="Shapes must be equal rank, but are 1 and 0"
    ),
    fails("linalg.triangular_solve", floats(2), floats(2, 2)).but(
        says="Shape must be at least rank 2 but is rank 1"
    ),
    case("linalg.adjoint", floats(2, 3)),
    case("linalg.adjoint", floats(2, 2, 3, dtype="complex64"), name="turned"),
]
