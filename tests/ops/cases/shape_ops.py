"""Cases of shapes, views and transposes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import Name, bools, case, const, fails, floats, ints


def shape_into_reshape(tf: Any, x: Any) -> Any:
    """The usual flattening of all but the first axis."""
    return tf.reshape(x, [tf.shape(x)[0], -1])


def static_sizes(tf: Any, x: Any) -> Any:
    """Dimensions among the sizes."""
    return tf.reshape(x, [x.shape[0], 6])


def shape_arithmetic(tf: Any, x: Any) -> Any:
    """Shapes joined, sliced and multiplied."""
    shape = tf.shape(x)
    return tf.reshape(x, tf.concat([shape[:1] * 2, [-1]], 0))


def many_shapes(tf: Any, x: Any, y: Any) -> Any:
    """Shapes of several tensors at once."""
    return tf.shape_n([x, y], out_type=tf.int64)


def joint_shape(tf: Any, x: Any, y: Any) -> Any:
    """The shape of a broadcast, computed."""
    return tf.broadcast_dynamic_shape(tf.shape(x), tf.shape(y))


CASES = [
    case("shape", floats(2, 3)),
    case("shape", floats(2, 0, 3), out_type=Name("int64"), name="named"),
    case("shape", floats()),
    case("shape", [[1, 2]]),
    case(many_shapes, floats(2, 3), floats(4)),
    case("size", floats(2, 3)),
    case("size", floats(2, 3), out_type=Name("int64")),
    case("size", [1, 2, 3]),
    case("rank", floats(2, 3)),
    case("rank", floats()),
    case("reshape", floats(2, 6), [3, 4]),
    case("reshape", floats(2, 6), [-1]),
    case("reshape", floats(2, 6), [4, -1, 1]),
    case("reshape", floats(1, 1), []),
    case("reshape", floats(0, 3), [3, 0]),
    case("reshape", floats(2, 3), np.array([3, 2], np.int32)),
    case("reshape", floats(2, 3), const(np.array([-1, 2], np.int64)), name="named"),
    case("reshape", np.array([b"a", b"b"], object), [2, 1]),
    case(shape_into_reshape, floats(2, 3, 4)),
    case(static_sizes, floats(2, 3, 2)).but(
        nodes=False
    ),  # an unknown size is an error of its own kind
    case(shape_arithmetic, floats(2, 6)),
    fails("reshape", floats(2, 3), [4, -1]).but(says="evenly divisible by 4"),
    fails("reshape", floats(2, 3), [7]).but(says="Cannot reshape a tensor with 6 elements"),
    fails("reshape", floats(2, 3), [7]).but(shapes="unknown", says="requested shape has 7"),
    fails("reshape", floats(2, 3), [4, -1]).but(shapes="unknown", says="requires a multiple of 4"),
    fails("reshape", floats(2, 3), np.array([-1, -1], np.int32)).but(says="Only one input size"),
    fails("reshape", floats(2, 3), 6).but(says="Shape must be rank 1 but is rank 0"),
    case("expand_dims", floats(2, 3), 0),
    case("expand_dims", floats(2, 3), -1),
    case("expand_dims", floats(2, 3), axis=1, name="named"),
    case("expand_dims", floats(), dim=0),
    case("expand_dims", floats(2), np.array(1, np.int32)),
    fails("expand_dims", floats(2, 3), 5).but(says="not in the interval [-3, 2]"),
    fails("expand_dims", floats(2, 3), 5).but(shapes="unknown", says="dim index 5"),
    fails("expand_dims", floats(2, 3)).but(says="Must specify an axis"),
    case("squeeze", floats(1, 3, 1)),
    case("squeeze", floats(1, 3, 1), 0),
    case("squeeze", floats(1, 3, 1), [-1]),
    case("squeeze", floats(1, 3, 1), squeeze_dims=[0, 2]),
    case("squeeze", floats(2, 3)),
    fails("squeeze", floats(2, 3), [0]).but(says="Can not squeeze dim[0]"),
    fails("squeeze", floats(2, 3), [0]).but(shapes="unknown", says="Can not squeeze dim[0]"),
    fails("squeeze", floats(2, 3), [2]).but(says="squeeze_dims[0] not in [-2,2)"),
    case("transpose", floats(2, 3)),
    case("transpose", floats(2, 3, 4), [2, 0, 1]),
    case("transpose", floats(2, 3, 4), perm=np.array([0, 2, 1], np.int32)),
    case("transpose", floats(3), name="named"),
    case("transpose", floats()),
    case("transpose", floats(2, 3, dtype="complex64"), conjugate=True),
    case("transpose", bools(2, 3)),
    case("transpose", np.array([[b"a", b"b"]], object)),
    fails("transpose", floats(2, 3), [0]).but(says="Dimension must be 2 but is 1"),
    fails("transpose", floats(2, 3), [0, 2]).but(says="perm dim 2 is out of range of input rank 2"),
    fails("transpose", floats(2, 3), [0, 0]).but(says="1 is missing from"),
    fails("transpose", floats(2, 3), [1]).but(shapes="unknown", says="expects a vector of size 2"),
    case("matrix_transpose", floats(2, 3, 4)),
    case("linalg.transpose", floats(2, 3)),
    case("linalg.matrix_transpose", floats(2, 3, dtype="complex64"), conjugate=True),
    fails("matrix_transpose", floats(2)).but(says="should be a (batch) matrix"),
    case("invert_permutation", [2, 0, 1]),
    case("invert_permutation", const(np.array([3, 1, 0, 2], np.int64))),
    case("invert_permutation", np.array([1, 0], np.int32)),
    fails("invert_permutation", np.array([0, 0], np.int32)).but(says="is duplicated in the input"),
    fails("invert_permutation", np.array([0, 2], np.int32)).but(says="is not between 0 and 2"),
    case("broadcast_to", floats(2, 3), [4, 2, 3]),
    case("broadcast_to", floats(2, 1), [2, 3]),
    case("broadcast_to", floats(), [2]),
    case("broadcast_to", ints(3), np.array([2, 3], np.int32)),
    fails("broadcast_to", floats(2, 3), [2, 2]).but(says="Dimensions must be equal"),
    case(joint_shape, floats(2, 1), floats(3)),
    case("ensure_shape", floats(2, 3), [2, None]),
    case("ensure_shape", floats(2, 3), [2, 3]),
    fails("ensure_shape", floats(2, 3), [3, 3]).but(
        shapes="unknown", says="is not compatible with"
    ),
]
