"""Cases of tensors made of a rule, and of diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import Name, bools, case, const, fails, floats, ints


def zeros_of_shape(tf: Any, x: Any) -> Any:
    """Zeros as a zero state is made: one size from a tensor, one from the program."""
    return tf.zeros([tf.shape(x)[0], 5])


def zeros_of_dynamic_shape(tf: Any, x: Any) -> Any:
    """Zeros of a computed shape."""
    return tf.zeros(tf.shape(x)[1:], tf.float64)


def ones_of_sizes(tf: Any, n: Any) -> Any:
    """Ones with a tensor among the sizes."""
    return tf.ones([n, 2, n])


def range_of_size(tf: Any, x: Any) -> Any:
    """The usual row numbers."""
    return tf.range(tf.shape(x)[0])


CASES = [
    case("zeros", [2, 3]),
    case("zeros", [3], Name("int64"), name="named"),
    case("zeros", []),
    case("zeros", [0, 3]),
    case("zeros", 3),
    case("zeros", (2, 2), dtype=Name("bool")),
    case("zeros", [2], Name("string")),
    case("zeros", [999]),
    case("zeros", [10, 100]),
    case("zeros", np.array([2, 3], np.int32)),
    case("zeros", np.array(3, np.int32)),
    case(zeros_of_shape, floats(2, 3)),
    case(zeros_of_dynamic_shape, floats(2, 3)),
    fails("zeros", [2, None]).but(says="Expected int32, got None"),
    case("ones", [2, 3]),
    case("ones", [2], Name("bool")),
    case("ones", [3], Name("complex64")),
    case("ones", [40, 40], Name("int32")),
    case(ones_of_sizes, np.array(2, np.int32)),
    case("zeros_like", floats(2, 3)),
    case("zeros_like", floats(2, 3), Name("int32")),
    case("zeros_like", floats(2, 3), optimize=False),
    case("zeros_like", np.array([b"a"], object)),
    case("zeros_like", [1, 2]),
    case("ones_like", floats(2, 3)),
    case("ones_like", floats(2, 3), dtype=Name("bool"), name="named"),
    case("ones_like", floats(2, 3), optimize=False),
    case("fill", [2, 3], floats()),
    case("fill", [2], 7),
    case("fill", [], 7),
    case("fill", np.array([2, 0], np.int32), 1.5),
    case("fill", const(np.array([2], np.int64)), "text"),
    fails("fill", np.array([-1], np.int32), 1.0).but(says="must be >= 0"),
    fails("fill", 3, 3).but(says="Shape must be rank 1 but is rank 0"),
    case("range", 5),
    case("range", 2, 10, 3),
    case("range", 10, 2, -3),
    case("range", 0),
    case("range", 0.0, 1.0, 0.1),
    case("range", 3, 1, -0.5),
    case("range", 5, dtype=Name("float64")),
    case("range", np.array(4, np.int32)),
    case("range", np.array(1, np.int64), np.array(8, np.int64), 2),
    case(range_of_size, floats(3, 2)),
    fails("range", 5, 0).but(says="Requires start <= limit when delta > 0: 5/0"),
    fails("range", 0, 5, 0).but(says="Requires delta != 0"),
    fails("range", np.array(0, np.int32), 5, 0).but(says="Requires delta != 0"),
    case("linspace", 0.0, 1.0, 5),
    case("lin_space", 10.0, -2.0, 7, name="named"),
    case("linspace", 3.0, 9.0, 1),
    case("linspace", np.array(0.5, np.float64), np.array(2.0, np.float64), np.array(4, np.int32)),
    fails("linspace", 0.0, 1.0, 0).but(says="Requires num > 0"),
    case("diag", floats(3)),
    case("diag", floats(2, 2)),
    case("diag", ints(2)),
    case("linalg.tensor_diag", floats(2, dtype="complex64")),
    case("diag_part", floats(3, 3)),
    case("diag_part", floats(2, 3, 2, 3)),
    fails("diag_part", floats(2, 3)).but(says="Dimensions must be equal, but are 2 and 3"),
    case("matrix_diag", floats(2, 3)),
    case("linalg.diag", np.array([np.nan, np.inf], np.float32)).but(numeric=False),
    case("matrix_diag_part", floats(2, 3, 4)),
    case("matrix_diag_part", floats(3, 3)),
    case("linalg.diag_part", ints(4, 2)),
    case("matrix_set_diag", floats(2, 3, 4), floats(2, 3)),
    case("matrix_set_diag", floats(3, 2), floats(2)),
    fails("matrix_set_diag", floats(3, 2), floats(3)).but(says="Dimensions must be equal"),
    case("matrix_band_part", floats(3, 4), 1, 0),
    case("matrix_band_part", floats(2, 3, 3), 0, -1),
    case("linalg.band_part", ints(4, 3), -1, 1),
    fails("matrix_band_part", floats(3, 4), 5, 0).but(says="num_lower must be negative or less"),
    case("eye", 3),
    case("eye", 2, 3),
    case("eye", 2, batch_shape=[2]),
    case("eye", 3, 2, [1, 2], Name("int32"), name="named"),
    case("eye", np.array(2, np.int32)),
    case("eye", 2, 3, batch_shape=np.array([2], np.int32)),
    case("trace", floats(2, 3, 3)),
    case("linalg.trace", ints(2, 3)),
    case("zeros_like", bools(3)),
]
