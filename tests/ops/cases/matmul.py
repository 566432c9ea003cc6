"""Cases of products of matrices."""

from __future__ import annotations

from typing import Any

from tests.ops.case import case, fails, floats, ints


def old_batches(tf: Any, x: Any, y: Any, adj_x: bool, adj_y: bool) -> Any:
    return tf.raw_ops.BatchMatMul(x=x, y=y, adj_x=adj_x, adj_y=adj_y)


def operator(tf: Any, x: Any, y: Any) -> Any:
    return x @ y


A = {False: (2, 3), True: (3, 2)}
B = {False: (3, 4), True: (4, 3)}
FLIPS = [(a, b) for a in (False, True) for b in (False, True)]

CASES = [
    *[case("matmul", floats(*A[a]), floats(*B[b]), transpose_a=a, transpose_b=b) for a, b in FLIPS],
    *[
        case("matmul", floats(5, *A[a]), floats(5, *B[b]), transpose_a=a, transpose_b=b)
        for a, b in FLIPS
    ],
    *[
        case(
            "matmul",
            floats(*A[a], dtype="complex64"),
            floats(*B[b], dtype="complex64"),
            adjoint_a=a,
            adjoint_b=b,
        )
        for a, b in FLIPS
    ],
    *[
        case(
            "matmul",
            floats(2, *A[a], dtype="complex64"),
            floats(2, *B[b], dtype="complex64"),
            adjoint_a=a,
            transpose_b=b,
        )
        for a, b in FLIPS
    ],
    *[case(old_batches, floats(5, *A[a]), floats(5, *B[b]), a, b) for a, b in FLIPS],
    case("matmul", floats(5, 1, 2, 3), floats(4, 3, 2)),
    case("matmul", floats(5, 2, 3), floats(3, 2)),
    case("matmul", floats(2, 3, dtype="float64"), floats(3, 2, dtype="float64")),
    case("matmul", ints(2, 3), ints(3, 2)),
    case("matmul", floats(0, 3), floats(3, 2)),
    case("matmul", floats(2, 0), floats(0, 2)),
    case("matmul", floats(2, 3), floats(3, 3), a_is_sparse=True),
    case("matmul", floats(2, 3), floats(3, 3), transpose_a=False, b_is_sparse=True, name="product"),
    case(operator, floats(2, 3), floats(3, 2)),
    case("linalg.matvec", floats(2, 3), floats(3)),
    case("linalg.matvec", floats(5, 3, 2), floats(5, 3), transpose_a=True, name="q"),
    fails("matmul", floats(2, 3), floats(4, 3)).but(
        says="Dimensions must be equal, but are 3 and 4"
    ),
    fails("matmul", floats(2, 3), floats(4, 3)).but(
        shapes="dims", says="Matrix size-incompatible: In[0]: [2,3], In[1]: [4,3]"
    ),
    fails("matmul", floats(3), floats(3, 4)).but(says="Shape must be rank 2 but is rank 1"),
    fails("matmul", floats(2, 2), floats(2, 2), transpose_a=True, adjoint_a=True).but(
        says="Only one of transpose_a and adjoint_a"
    ),
    fails("matmul", floats(5, 2, 3), floats(4, 3, 2)).but(
        says="Dimensions must be equal, but are 5 and 4"
    ),
    fails("matmul", floats(5, 2, 3), floats(5, 2, 2)).but(
        says="Dimensions must be equal, but are 3 and 2"
    ),
    fails("matmul", floats(5, 2, 3), floats(5, 2, 2)).but(
        shapes="unknown", says="In[0] mismatch In[1] shape: 3 vs. 2"
    ),
]
