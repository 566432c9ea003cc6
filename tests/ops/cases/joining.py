"""Cases of concat, stack, split, unstack, pad and tile."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import bools, case, const, fails, floats, ints


def strings_of_array(tf: Any, x: Any) -> Any:
    """Strings taken out of an array, in ops that ask for their shape."""
    first, last = x[0], tf.gather(x, 1)
    return [
        tf.stack([first, last, tf.gather_nd(x, [0])]),
        tf.reshape(first, [1]),
        tf.expand_dims(last, 0),
        tf.where(tf.equal(first, last), first, last),
        tf.tile([tf.unstack(x)[1]], [2]),
        tf.concat([[tf.reshape(x[:1], [])], x], 0),
        tf.broadcast_to(first, [2]),
    ]


def packed_list(tf: Any, x: Any) -> Any:
    """A nested list with tensors in it."""
    return tf.convert_to_tensor([[x, 1.0], [2.0, x]])


def packed_rows(tf: Any, x: Any, y: Any) -> Any:
    """A list of vectors, one of them written down."""
    return tf.convert_to_tensor([x, [1.0, 2.0], y], name="rows")


def packed_cast(tf: Any, n: Any) -> Any:
    """A list that must be of another type than the tensor in it."""
    return tf.convert_to_tensor([n, 2], dtype=tf.float32)


def first_of_split(tf: Any, x: Any) -> Any:
    """One part only: the gradient fills in zeros for the others."""
    return tf.split(x, 2, axis=1)[0]


def one_of_unstack(tf: Any, x: Any) -> Any:
    """One slice only."""
    return tf.unstack(x, axis=1)[1]


def partly_padded(tf: Any, x: Any, n: Any) -> Any:
    """A padding that is known in part."""
    return tf.pad(x, [[0, 0], [n, 1]])


def tiled_by_shape(tf: Any, x: Any, y: Any) -> Any:
    """A multiple taken from another tensor's shape."""
    return tf.tile(x, [tf.shape(y)[0], 1])


def gathered_rows(tf: Any, x: Any, y: Any, i: Any) -> Any:
    """Slices of a concat: its gradient is sparse on both sides."""
    return tf.gather(tf.concat([x, y], 0), i)


def gathered_columns(tf: Any, x: Any, y: Any, i: Any) -> Any:
    """The same with the concat along the other axis."""
    return tf.gather(tf.concat([x, y], 1), i)


def many(tf: Any, x: Any, axis: int) -> Any:
    """More than sixteen values: the gradient is one split."""
    return tf.concat([x] * 17, axis)


CASES = [
    case("concat", [floats(2, 3), floats(1, 3)], 0),
    case("concat", [floats(2, 3), floats(2, 2)], axis=-1),
    case("concat", [floats(2, 1, 2), floats(2, 3, 2), floats(2, 0, 2)], 1, name="named"),
    case("concat", [floats(2, 3)], 0),
    case("concat", floats(2, 3), 0),
    case("concat", [[1, 2], [3]], 0),
    case("concat", [floats(2, 3), [[1.0, 2.0, 3.0]]], 0),
    case("concat", [floats(2, 3), floats(2, 3)], np.array(1, np.int32)),
    case("concat", [np.array([b"a"], object), np.array([b"b", b"c"], object)], 0),
    case(many, floats(1, 2), 0),
    case(many, floats(1, 2), 1),
    case(gathered_rows, floats(2, 3), floats(3, 3), np.array([0, 4, 2, 4], np.int32)),
    case(gathered_columns, floats(2, 3), floats(2, 2), np.array([1, 1], np.int32)),
    fails("concat", [floats(2, 3), floats(2, 4)], 0).but(
        says="Dimension 0 in both shapes must be equal"
    ),
    fails("concat", [floats(2, 3), floats(2, 4)], 0).but(
        shapes="unknown",
        says="Dimensions of inputs should match: shape[0] = [2,3] vs. shape[1] = [2,4]",
    ),
    fails("concat", [floats(2, 3), floats(3)], 0).but(says="Shape must be rank 2 but is rank 1"),
    fails("concat", [floats(2, 3), floats(2, 3)], 5).but(
        says="Shape must be at least rank 6 but is rank 2"
    ),
    fails("concat", [floats(2, 3), floats(2, 3)], 5).but(
        shapes="unknown", says="in the range [-2, 2)"
    ),
    fails("concat", [floats(), floats()], 0).but(says="Can't concatenate scalars"),
    case("stack", [floats(2, 3), floats(2, 3)]),
    case("stack", [floats(2, 3), floats(2, 3)], axis=-1),
    case("stack", [floats(2), floats(2), floats(2)], 1, name="named"),
    case("stack", [floats(2)]),
    case("stack", [1, 2, 3]),
    case("stack", [[1, 2], [3, 4]], axis=1),
    case("stack", [np.array(1, np.int32), 2]),
    case("stack", floats(2, 3)),
    case("stack", [np.array([b"a"], object), np.array([b"bc"], object)]),
    case(strings_of_array, np.array([b"a", b"bc"], object)),
    fails("stack", [floats(2, 3), floats(2)]).but(
        says="Shapes must be equal rank, but are 2 and 1"
    ),
    fails("stack", [floats(2), floats(3)]).but(
        says="Dimension 0 in both shapes must be equal, but are 2 and 3"
    ),
    fails("stack", [floats(2), floats(3)]).but(
        shapes="unknown", says="Shapes of all inputs must match"
    ),
    fails("stack", [floats(2), floats(2)], axis=3).but(says="axis = 3 not in [-2, 2)"),
    case("unstack", floats(2, 3)),
    case("unstack", floats(2, 3), axis=-1),
    case("unstack", floats(2, 3), num=2, name="named"),
    case("unstack", [1, 2]),
    case(one_of_unstack, floats(2, 3)),
    fails("unstack", floats(2, 3)).but(shapes="first", says="Cannot infer num from shape (?, 3)"),
    fails("unstack", floats(2, 3), axis=2).but(says="axis = 2 not in [-2, 2)"),
    fails("unstack", floats(2, 3), num=3).but(
        shapes="unknown", says="axis 0 must equal 3, got shape [2,3]"
    ),
    case("split", floats(2, 6), 3, 1),
    case("split", floats(4, 3), 2),
    case("split", floats(2, 6), [1, 3, 2], axis=1),
    case("split", floats(2, 6), [1, -1], axis=-1, name="named"),
    case("split", floats(2, 6), np.array([2, 4], np.int32), axis=1, num=2),
    case("split", floats(2, 6), 1),
    case("split", ints(3, 2), [3], 0),
    case(first_of_split, floats(2, 4)),
    fails("split", floats(2, 3), 2, 1).but(says="evenly divisible by 2 but is 3"),
    fails("split", floats(2, 3), 2, 1).but(
        shapes="unknown", says="evenly divide the split dimension"
    ),
    fails("split", floats(2, 3), [1, 1], 1).but(
        says="can't split axis of size 3 into pieces of size [1,1]"
    ),
    fails("split", floats(2, 3), [1, 1], 1).but(
        shapes="unknown", says="Determined shape must either match"
    ),
    fails("split", floats(2, 3), 3, 5).but(says="must be in range [-2, 2)"),
    fails("split", floats(2, 3), np.array([1, 1], np.int32)).but(
        shapes="unknown", says="Cannot infer num"
    ),
    case("pad", floats(2, 3), [[1, 0], [2, 3]]),
    case("pad", floats(2, 3), [[1, 0], [2, 2]], "REFLECT"),
    case("pad", floats(2, 3), [[2, 1], [0, 3]], mode="symmetric", name="named"),
    case("pad", floats(3), [[1, 1]], constant_values=2),
    case("pad", floats(3), [[1, 1]], constant_values=floats()).but(gradient=False),
    case("pad", floats(2, 2), np.array([[0, 1], [1, 0]], np.int32)),
    case("pad", ints(2, 1, 2), [[0, 0], [1, 1], [0, 0]]),
    case("pad", floats(), const(np.zeros([0, 2], np.int32))),
    case("pad", floats(4), [[3, 3]], "REFLECT"),
    case(partly_padded, floats(2, 3), np.array(2, np.int32)),
    fails("pad", floats(2, 3), [[1, -1], [0, 0]]).but(says="Paddings must be non-negative"),
    fails("pad", floats(2, 3), [[1, 1]]).but(shapes="unknown", says="must be the rank of inputs"),
    fails("pad", floats(2, 3), [[0, 0], [3, 0]], "REFLECT").but(
        says="paddings must be less than the dimension size"
    ),
    fails("pad", floats(2, 3), [[0, 0], [4, 0]], "SYMMETRIC").but(
        says="no greater than the dimension size"
    ),
    fails("pad", floats(2, 3), [[0, 0], [4, 0]], "EDGE").but(says="Unknown padding mode: EDGE"),
    case("tile", floats(2, 3), [2, 1]),
    case("tile", floats(2, 3), [1, 3], name="named"),
    case("tile", floats(2), np.array([3], np.int32)),
    case("tile", bools(1, 2), [0, 2]),
    case("tile", floats(2, 2), const(np.array([2, 2], np.int64))).but(gradient=False),
    case("tile", np.array([b"a", b"b"], object), [2]),
    case(tiled_by_shape, floats(1, 2), floats(3)),
    fails("tile", floats(2, 3), [2]).but(says="Shape must be rank 2 but is rank 1"),
    fails("tile", floats(2, 3), [2]).but(shapes="unknown", says="vector of length 2"),
    fails("tile", floats(2), np.array([-1], np.int32)).but(
        says="Expected multiples[0] >= 0, but got -1"
    ),
    case(packed_list, floats()),
    case(packed_rows, floats(2), floats(2)),
    case(packed_cast, np.array(3, np.int32)),
]
