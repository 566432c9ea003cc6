"""Cases of slices, indexing and boolean masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import bools, case, fails, floats, ints


def item(tf: Any, x: Any, *index: Any) -> Any:
    """x[index], with slices written as strings."""
    entries = tuple(eval(f"slice({i[2:]})") if str(i).startswith("s:") else i for i in index)
    return x[entries if len(entries) != 1 else entries[0]]


def last_rows(tf: Any, x: Any) -> Any:
    return x[-2:]


def reversed_columns(tf: Any, x: Any) -> Any:
    return x[:, ::-2]


def ellipsis_and_axis(tf: Any, x: Any) -> Any:
    return x[1:, ..., ::2, tf.newaxis]


def ellipsis_alone(tf: Any, x: Any) -> Any:
    return x[...]


def last_of_all(tf: Any, x: Any) -> Any:
    return x[..., -1]


def new_first_axis(tf: Any, x: Any) -> Any:
    return x[None, :, 1]


def empty_index(tf: Any, x: Any) -> Any:
    return x[()]


def beyond(tf: Any, x: Any) -> Any:
    return x[-9:9, 5:]


def tensor_bounds(tf: Any, x: Any, i: Any) -> Any:
    return x[i:, : i + 1]


def tensor_index(tf: Any, x: Any, i: Any) -> Any:
    return x[i, 1:]


def two_indices(tf: Any, x: Any, i: Any, j: Any) -> Any:
    return x[i, j]


def long_index(tf: Any, x: Any) -> Any:
    return x[tf.constant(1, tf.int64), 0]


def numpy_index(tf: Any, x: Any) -> Any:
    return x[np.int64(1), np.int32(0) : np.int32(2)]


def dimension_bound(tf: Any, x: Any) -> Any:
    return x[:, : x.shape[0]]


def list_index(tf: Any, x: Any) -> Any:
    return x[[1, 0]]


def last_step(tf: Any, x: Any) -> Any:
    """The usual last output of a sequence."""
    return x[:, -1, :]


def shifted(tf: Any, x: Any) -> Any:
    """Two uses of one tensor: gradients add up."""
    return x[1:] - x[:-1]


def twice(tf: Any, x: Any) -> Any:
    """A gradient of a gradient."""
    part = x[:, 1:]
    return tf.gradients(part * part * part, x)[0]


def mask_index(tf: Any, x: Any) -> Any:
    return x[x > 0]


def rows_above(tf: Any, x: Any) -> Any:
    return tf.boolean_mask(x, x[:, 0] > 0)


def of_shape(tf: Any, x: Any) -> Any:
    """A slice of a shape as a shape."""
    return tf.zeros(tf.shape(x)[1:])


def float_index(tf: Any, x: Any) -> Any:
    return x[1.5]


def vector_index(tf: Any, x: Any, i: Any) -> Any:
    return x[i]


def zero_step(tf: Any, x: Any) -> Any:
    return x[::0]


def two_ellipses(tf: Any, x: Any) -> Any:
    return x[..., 0, ...]


CASES = [
    case(item, floats(3, 4), 0),
    case(item, floats(3, 4), -1, 2),
    case(item, floats(3, 4), "s:1,3"),
    case(item, floats(3, 4), "s:None,None,2", "s:-1,0,-1"),
    case(item, floats(3, 4), "s:2,1"),
    case(item, ints(5), "s:None,-1"),
    case(item, np.array([b"a", b"b"], object), 1),
    case(last_rows, floats(3, 2)),
    case(reversed_columns, floats(2, 5)),
    case(ellipsis_and_axis, floats(3, 2, 5)),
    case(ellipsis_alone, floats(2, 3)),
    case(last_of_all, floats(2, 3, 4)),
    case(new_first_axis, floats(2, 3)),
    case(empty_index, floats(2)),
    case(beyond, floats(2, 3)),
    case(tensor_bounds, floats(3, 4), np.array(1, np.int32)),
    case(tensor_index, floats(3, 4), np.array(2, np.int32)),
    case(two_indices, floats(3, 4), np.array(0, np.int32), np.array(-1, np.int32)).but(
        gradient=False
    ),
    case(long_index, floats(2, 3)),
    case(numpy_index, floats(2, 3)),
    case(dimension_bound, floats(2, 2)).but(
        nodes=False
    ),  # an unknown Dimension is no bound: other nodes
    case(list_index, floats(2, 3)),
    case(last_step, floats(2, 3, 2)),
    case(shifted, floats(4)),
    case(twice, floats(2, 3)),
    case(of_shape, floats(3, 2, 2)),
    fails(item, floats(2, 3), 5).but(says="slice index 5 of dimension 0 out of bounds"),
    fails(item, floats(2, 3), 5).but(
        shapes="unknown", says="slice index 5 of dimension 0 out of bounds"
    ),
    fails(item, floats(2, 3), 0, 0, 0).but(
        says="Index out of range using input dim 2; input has only 2 dims"
    ),
    fails(float_index, floats(2)).but(says="Only integers, slices"),
    fails(vector_index, floats(2), np.array([0], np.int32)).but(says="Only integers, slices"),
    fails(zero_step, floats(2)).but(says="strides[0] must be non-zero"),
    fails(two_ellipses, floats(2, 3)).but(says="Multiple ellipses in slice spec not allowed"),
    case("slice", floats(3, 4), [1, 0], [2, 3]),
    case("slice", floats(3, 4), [1, 2], [-1, -1], name="named"),
    case("slice", floats(3, 4), np.array([0, 1], np.int32), [1, 2]),
    case("slice", floats(3), [1], np.array([2], np.int32)),
    case("slice", ints(2, 2), [0, 0], [0, 2]),
    fails("slice", floats(3, 4), [1], [1]).but(says="Shape must be rank 1 but is rank 2"),
    fails("slice", floats(3, 4), [1, 0], [3, 3]).but(says="Expected size[0] in [0, 2], but got 3"),
    fails("slice", floats(3, 4), [4, 0], [0, 3]).but(says="Expected begin[0] in [0, 3], but got 4"),
    case("strided_slice", floats(3, 4), [0, 1], [3, 4], [2, 1]),
    case("strided_slice", floats(3, 4), [1], [2]),
    case("strided_slice", floats(3, 4), [0, 1], [1, 2], shrink_axis_mask=1, name="named"),
    case("strided_slice", floats(3, 4), [0, 3], [0, 0], [1, -1], begin_mask=1, end_mask=3),
    case("strided_slice", floats(3), np.array([0], np.int32), np.array([2], np.int32), [1]),
    fails("strided_slice", floats(2, 3), [0, 0], [2], [1, 1]).but(
        says="Dimension 0 in both shapes must be equal"
    ),
    case("boolean_mask", floats(4), np.array([True, False, True, True])),
    case("boolean_mask", floats(3, 2), [True, False, True]),
    case("boolean_mask", floats(2, 3), bools(2, 3)),
    case("boolean_mask", floats(2, 3, 2), np.array([True, False, True]), axis=1, name="named"),
    case("boolean_mask", [1, 2, 3], [False, True, True]),
    case(mask_index, floats(2, 3)),
    case(rows_above, floats(3, 2)),
    fails("boolean_mask", floats(3), True).but(says="mask cannot be scalar"),
    fails("boolean_mask", floats(3), [True, False]).but(says="are incompatible"),
]
