"""Cases of gathers, scatters, choices, orders and partitions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import Name, bools, case, const, distinct, fails, floats, ints


def gathered_twice(tf: Any, x: Any, i: Any) -> Any:
    """Two gathers of one tensor: their sparse gradients are joined."""
    return tf.gather(x, i) + tf.gather(x, [1, 1])


def gathered_of_product(tf: Any, x: Any, i: Any) -> Any:
    """A gather of a computed tensor: the sparse gradient becomes dense."""
    return tf.gather(x * 2.0, i)


def gathered_and_whole(tf: Any, x: Any, i: Any) -> Any:
    """A sparse gradient and a dense one."""
    return tf.concat([tf.gather(x, i), x], 0)


def gather_of_gather(tf: Any, x: Any, i: Any) -> Any:
    return tf.gather(tf.gather(x, [2, 1, 0]), i)


def dense_of_slices(tf: Any, x: Any, i: Any) -> Any:
    return tf.convert_to_tensor(tf.IndexedSlices(x, i, tf.constant([5, 2])))


def sparse_parts(tf: Any, x: Any) -> Any:
    sparse = tf.SparseTensor([[0, 1], [2, 0]], x, [3, 4])
    return sparse.indices, sparse.values, tf.shape(sparse), tf.size(sparse), tf.rank(sparse)


def top_values(tf: Any, x: Any, k: Any) -> Any:
    return tf.nn.top_k(x, k).values


def stitched_parts(tf: Any, x: Any, p: Any) -> Any:
    """A partition, changed part by part, and put together again."""
    places = tf.dynamic_partition(tf.range(tf.shape(x)[0]), p, 2)
    parts = tf.dynamic_partition(x, p, 2)
    return tf.dynamic_stitch(places, [parts[0] * 2.0, parts[1]])


INT = np.int32

CASES = [
    case("gather", floats(4, 3), np.array([2, 0, 2], INT)),
    case("gather", floats(4, 3), np.array([[1], [3]], np.int64), name="named"),
    case("gather", floats(4, 3), np.array(1, INT)),
    case("gather", floats(2, 4), [0, 3], axis=1),
    case("gather", floats(2, 3, 4), np.array([[1, 0]], INT), axis=-1),
    case("gather", floats(2, 3), np.array([1], INT), axis=np.array(1, INT)),
    case("gather", floats(3), np.zeros([0], INT)),
    case("gather", floats(2, 3, 4), np.array([[0, 2], [1, 1]], INT), batch_dims=1),
    # TensorFlow's gradient is wrong where the axis lies behind the batch; penstock's is the same.
    case("gather", floats(2, 3, 4), np.array([[0], [2]], INT), axis=2, batch_dims=1).but(
        numeric=False
    ),
    case("gather", floats(2, 3, 4), np.array([[0, 2], [1, 1]], INT), axis=1, batch_dims=-1),
    case("gather", ints(5), [4, 0]),
    case("gather", bools(5), [4, 0]),
    case("gather", np.array([b"a", b"b"], object), [1, 1]),
    case(gathered_twice, floats(3, 2), np.array([2, 0], INT)),
    case(gathered_of_product, floats(3, 2), np.array([2, 2], INT)),
    case(gathered_and_whole, floats(3, 2), np.array([1], INT)),
    case(gather_of_gather, floats(3, 2), np.array([1, 1], INT)),
    case(dense_of_slices, floats(3, 2), np.array([1, 4, 1], INT)),
    case(sparse_parts, floats(2)).but(gradient=False),
    case("batch_gather", floats(2, 3), [[0, 2], [1, 1]]),
    case("batch_gather", floats(2, 3, 4), np.array([[0], [1]], INT)),
    fails("gather", floats(2, 3), [0], axis=2).but(
        says="Shape must be at least rank 3 but is rank 2"
    ),
    fails("gather", floats(2, 3), 1.5).but(says="not in list of allowed values: int32, int64"),
    case("gather_nd", floats(2, 3), [[0, 1], [1, 2]]),
    case("gather_nd", floats(3, 2), [[2], [0]]),
    case("gather_nd", floats(2, 3), np.array([[[0, 0]], [[1, 1]]], np.int64), name="named"),
    case("gather_nd", floats(2, 3), [1]).but(gradient=False),  # fails in TensorFlow
    case("gather_nd", np.array([b"a", b"b"], object), [[1]]),
    fails("gather_nd", floats(2, 3), [0, 0, 0]).but(
        says="indices.shape[-1] must be <= params.rank"
    ),
    case("scatter_nd", [[0], [2]], floats(2, 3), [4, 3]),
    case("scatter_nd", np.array([[1], [1]], INT), floats(2), [3]),
    case(
        "scatter_nd",
        np.array([[0, 1], [1, 0]], INT),
        floats(2),
        np.array([2, 2], INT),
        name="named",
    ),
    case("scatter_nd", [[1]], ints(1), [2]),
    fails("scatter_nd", [[0], [2]], floats(2, 3), [4, 2]).but(
        says="The inner 1 dimensions of output.shape=[4,2]"
    ),
    case("tensor_scatter_update", floats(3, 2), np.array([[0], [2]], INT), floats(2, 2)),
    case("tensor_scatter_add", floats(3), np.array([[1], [1]], INT), floats(2)),
    case("tensor_scatter_sub", floats(2, 2), [[0, 1]], floats(1), name="named"),
    case("tensor_scatter_nd_update", ints(3), [[1]], [7]),
    case("where", bools(2, 3)),
    case("where", floats(2, 3)),
    case("where", np.zeros([0], bool), name="named"),
    case("where", bools(2, 3), floats(2, 3), floats(2, 3)),
    case("where", bools(2), floats(2, 3), floats(2, 3)),
    case("where", np.array(True), floats(2), floats(2)),
    case("where", bools(3), ints(3), [1, 2, 3]),
    case("where", bools(2), np.array([b"a", b"b"], object), np.array([b"c", b"d"], object)),
    fails("where", bools(2, 3), floats(2, 3), 1.0).but(
        says="Shapes must be equal rank, but are 2 and 0"
    ),
    fails("where", bools(3), floats(2, 3), floats(2, 3)).but(
        says="Dimension 0 in both shapes must be equal"
    ),
    fails("where", bools(3), floats(3)).but(says="must both be non-None or both be None"),
    case("where_v2", bools(2, 3), floats(2, 3), floats(3)),
    case("where_v2", bools(2, 1), floats(), floats(1, 3)),
    case("where_v2", bools(3), ints(3), 0),
    case("where_v2", bools(3)),
    case("one_hot", np.array([0, 2, -1, 5], INT), 3),
    case("one_hot", [[0], [1]], 2, axis=0),
    case("one_hot", np.array([[0, 1]], np.int64), 3, axis=1, dtype=Name("int32")),
    case("one_hot", [0, 1], 3, on_value=5, off_value=-1),
    case("one_hot", np.array([1], np.uint8), 2, on_value=2.5),
    case(
        "one_hot",
        np.array(1, INT),
        3,
        on_value=True,
        off_value=False,
        dtype=Name("bool"),
        name="named",
    ),
    case("one_hot", [1], np.array(2, INT)),
    fails("one_hot", [0], 3, on_value=1.0, off_value=0).but(
        says="of on_value does not match dtype"
    ),
    fails("one_hot", [0], -1).but(says="must be non-negative but is -1"),
    fails("one_hot", [0], 3, axis=-2).but(says="axis must be >= -1"),
    case("nn.top_k", distinct(2, 5), k=2),
    case("nn.top_k", distinct(4)),
    case("nn.top_k", np.array([[1, 3, 3, 2], [0, 0, 0, 0]], INT), 3),
    case("math.top_k", distinct(3, 4), 4, name="named"),
    case(top_values, distinct(2, 4), np.array(2, INT)),
    fails("nn.top_k", floats(2, 3), 4).but(says="input must have last dimension >= k = 4 but is 3"),
    fails("nn.top_k", floats(2, 3), 4).but(
        shapes="unknown", says="input must have at least k columns"
    ),
    case("nn.in_top_k", distinct(3, 4), np.array([0, 3, 1], INT), 2),
    case(
        "math.in_top_k", np.array([[1, 1, 0], [np.nan, 1, 2]], np.float32), [0, 2], 1, name="named"
    ),
    case("sort", distinct(2, 4)),
    case("sort", distinct(3, 2), axis=0, direction="DESCENDING"),
    case("sort", ints(6), name="named"),
    case("argsort", distinct(2, 4)),
    case("argsort", distinct(3, 2), axis=0),
    case("argsort", ints(2, 6), direction="DESCENDING"),
    fails("sort", floats(2), direction="UP").but(says="should be one of"),
    case("searchsorted", [1.0, 3.0, 5.0], floats(4, low=0, high=6)),
    case(
        "searchsorted",
        np.array([[1, 2, 2], [4, 5, 6]], INT),
        np.array([[2, 0], [6, 7]], INT),
        side="right",
    ),
    case("unique", np.array([7, 5, 7, 1], INT)),
    case("unique", np.array([b"b", b"a", b"b"], object), out_idx=Name("int64"), name="named"),
    case("unique", [1.5, 1.5]),
    case("unique_with_counts", np.array([2, 2, 9, 2], INT)),
    case("setdiff1d", np.array([3, 1, 2, 3], INT), np.array([2], INT)),
    case(
        "setdiff1d",
        np.array([b"x", b"y"], object),
        np.array([b"y"], object),
        index_dtype=Name("int64"),
    ),
    fails("unique", ints(2, 3)).but(says="Shape must be rank 1 but is rank 2"),
    case("reverse", floats(2, 3), [0]),
    case("reverse", floats(2, 3), [-1, 0], name="named"),
    case("reverse", bools(4), np.array([0], INT)),
    fails("reverse", floats(2, 3), [0, -2]).but(says="axis 0 specified more than once"),
    fails("reverse", floats(2, 3), [2]).but(says="is out of valid range [0, 1"),
    case("reverse_sequence", floats(2, 3), [1, 3], seq_axis=1),
    case("reverse_sequence", floats(3, 2, 2), np.array([2, 3], INT), seq_dim=0, batch_dim=1),
    case("reverse_sequence", floats(2, 3), [0, 2], 1, 0, name="named"),
    fails("reverse_sequence", floats(2, 3), [1, 2, 3], 1).but(
        says="Dimensions must be equal, but are 2 and 3"
    ),
    case("roll", floats(2, 3), 1, 0),
    case("roll", floats(2, 3), [1, -2], [0, 1]),
    case("roll", floats(4), np.array(-1, INT), axis=0, name="named"),
    case("sequence_mask", [1, 3, 0], 4),
    case("sequence_mask", np.array([1, 3, 2], INT)),
    case(
        "sequence_mask",
        np.array([[2], [0]], np.int64),
        np.array(3, np.int64),
        Name("float32"),
        name="named",
    ),
    fails("sequence_mask", [1], [3]).but(says="maxlen must be scalar"),
    case("dynamic_partition", floats(4, 2), np.array([1, 0, 1, 1], INT), 3),
    case("dynamic_partition", floats(2, 2), np.array([[0, 1], [1, 0]], INT), 2, name="named"),
    case(stitched_parts, floats(4, 2), np.array([1, 0, 1, 0], INT)),
    case("dynamic_stitch", [[0, 2], [1]], [floats(2, 2), floats(1, 2)]),
    # Index 1 is given twice, and TensorFlow's gradient does not know that the later slice stands.
    case(
        "dynamic_stitch", [np.array(1, INT), np.array([0, 1], INT)], [floats(3), floats(2, 3)]
    ).but(numeric=False),
    fails("dynamic_partition", floats(2), np.array([0, 5], INT), 2).but(
        says="partitions[1] = 5 is not in [0, 2)"
    ),
    case("meshgrid", [1, 2, 3], [4, 5]),
    case("meshgrid", floats(2), floats(3), indexing="ij"),
    case("meshgrid", floats(2), floats(3), floats(2), name="named"),
    fails("meshgrid", [1], indexing="yx").but(says="must be either 'xy' or 'ij'"),
    case("gather", const(floats(3, 2)), np.array([2], INT)),
]
