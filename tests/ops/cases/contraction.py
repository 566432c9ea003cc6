"""Cases of sums of products over axes."""

from __future__ import annotations

from tests.ops.case import case, fails, floats

EQUATIONS = (
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)),
    ("i,i->", (3,), (3,)),
    ("i,j->ij", (3,), (4,)),
    ("bi,bj->bij", (2, 3), (2, 4)),
    ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)),
    ("bfnh,btnh->bnft", (2, 3, 4, 5), (2, 6, 4, 5)),
    ("...j,jk->...k", (5, 2, 3), (3, 4)),
    ("ijk,kl->ijl", (2, 3, 4), (4, 5)),
    ("ij,ik->jk", (2, 3), (2, 4)),
)

CASES = [
    *[case("einsum", equation, floats(*x), floats(*y)) for equation, x, y in EQUATIONS],
    case("einsum", "ij->ji", floats(2, 3)),
    case("einsum", "ijk->i", floats(2, 3, 4)),
    case("einsum", "ij,jk,kl->il", floats(2, 3), floats(3, 4), floats(4, 5)),
    case("einsum", "ij,jk->ik", floats(2, 3), floats(3, 4), name="product"),
    case("tensordot", floats(2, 3), floats(3, 4), 1),
    case("tensordot", floats(2), floats(3), 0),
    case("tensordot", floats(2, 3, 5), floats(3, 2), [[0, 1], [1, 0]]),
    case("tensordot", floats(2, 3, 5), floats(3, 2, 3), [[1], [2]]),
    case("tensordot", floats(2, 3, 5), floats(5, 2), [[-1], [0]], name="product"),
    fails("tensordot", floats(2, 3), floats(3, 4), [[0, 1], [0]]),
    fails("einsum", "ij,jk->ik", floats(2, 3)).but(says="Got 1 arguments for equation"),
    fails("einsum", "ij;jk->ik", floats(2, 3), floats(3, 4)).but(
        says="Indices have incorrect format"
    ),
]
