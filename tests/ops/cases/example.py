"""An example of cases: each form that `tests/golden/README.md` describes, once."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import Name, bools, case, const, distinct, fails, floats, ints


def strided(tf: Any, x: Any) -> Any:
    """An expression that is no single public function."""
    return x[1:, ..., ::2, tf.newaxis]


def updated(tf: Any, x: Any) -> Any:
    """A variable's value after an assignment."""
    variable = tf.Variable(np.ones([2], np.float32), name="v")
    return tf.assign_add(variable, x)


CASES = [
    case("add", floats(2, 3), floats(3)),
    case("concat", [floats(2, 3), floats(1, 3)], axis=0),
    case("cumsum", floats(3, 4), axis=1, exclusive=True, reverse=True),
    case("gather", floats(5, 2), np.array([0, 4, 4], np.int32)),
    case("nn.top_k", distinct(2, 5), k=2),
    case("cast", floats(3), Name("int64")),
    case("where", bools(4), ints(4), const(ints(4))),
    case("random_uniform", [3], seed=7).but(graph_seed=5),
    case("floor", floats(3)).but(numeric=False),
    case(strided, floats(3, 2, 5)),
    case(updated, floats(2)).but(gradient=False),
    case("identity", np.array([b"a", b"b\0"], object)),
    fails("matmul", floats(2, 3), floats(4, 5)).but(says="Dimensions must be equal"),
    fails("matmul", floats(2, 3), floats(4, 5)).but(shapes="unknown", says="mismatch"),
]
