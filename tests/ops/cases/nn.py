"""Dropout, embeddings and small layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import case, distinct, fails, floats, ints

TABLE = floats(5, 2)
PARTS = [floats(3, 2), floats(2, 2)]
IDS = np.array([[0, 4, 2], [1, 1, 3]], np.int32)


ROWS = np.array([[0, 0], [0, 2], [1, 1]], np.int64)


def sparse_lookup(tf: Any, table: Any, indices: Any, weights: Any, combiner: str) -> Any:
    """Rows of a table combined by sparse ids."""
    ids = tf.SparseTensor(indices, np.array([1, 4, 1], np.int64), [2, 3])
    sparse_weights = None if weights is None else tf.SparseTensor(indices, weights, [2, 3])
    return tf.nn.embedding_lookup_sparse(table, ids, sparse_weights, combiner=combiner)


CASES = [
    case("nn.dropout", floats(4, 5), 0.5).but(graph_seed=3, numeric=False),
    case("nn.dropout", floats(4, 5), rate=0.3, seed=7, name="drop").but(numeric=False),
    case("nn.dropout", floats(4, 5), 0.5, noise_shape=[4, 1], seed=7).but(numeric=False),
    case("nn.dropout", floats(2, 3, 4), 0.5, noise_shape=[None, 1, 4], seed=7).but(numeric=False),
    case("nn.dropout", floats(4, 5), rate=floats(low=0.2, high=0.7), seed=7).but(
        numeric=False,
        gradient=False,  # random, and infinite where the rate is 1
    ),
    case("nn.dropout", floats(4, 5), rate=0.0),
    fails("nn.dropout", floats(4, 5), 1.5).but(says="in the range [0, 1), got -0.5"),
    fails("nn.dropout", floats(4, 5)).but(says="You must provide a rate to dropout"),
    fails("nn.dropout", floats(4, 5), 0.5, rate=0.5).but(says="Cannot specify both"),
    fails("nn.dropout", floats(4, 5), "half").but(says="keep_prob must be a floating point number"),
    fails("nn.dropout", ints(4), 0.5).but(says="x has to be a floating point tensor"),
    # The name of its gradient is a number that TensorFlow counts up.
    case("nn.swish", floats(3, 4)).but(nodes=False),
    case("nn.relu_layer", distinct(2, 3), floats(3, 4), floats(4)),
    case("nn.xw_plus_b", floats(2, 3), floats(3, 4), floats(4), name="out"),
    # TensorFlow chooses the type that it counts in by a cond.
    case("nn.zero_fraction", ints(3, 4, low=-1, high=2)).but(nodes=False),
    case("nn.embedding_lookup", TABLE, IDS),
    case("nn.embedding_lookup", TABLE, [1, 4], name="rows"),
    case("nn.embedding_lookup", TABLE, IDS, max_norm=1.0),
    case("nn.embedding_lookup", PARTS, IDS),
    case("nn.embedding_lookup", PARTS, IDS, "div", name="parts"),
    case("nn.embedding_lookup", PARTS, IDS, max_norm=1.0),
    fails("nn.embedding_lookup", [], [1]).but(says="Need at least one param"),
    fails("nn.embedding_lookup", PARTS, IDS, "other").but(says="Unrecognized partition strategy"),
    case(sparse_lookup, TABLE, ROWS, None, "sum"),
    case(sparse_lookup, TABLE, ROWS, None, "mean"),
    case(sparse_lookup, TABLE, ROWS, None, "sqrtn"),
    case(sparse_lookup, TABLE, ROWS, floats(3, low=0.5), "sum"),
    case(sparse_lookup, TABLE, ROWS, floats(3, low=0.5), "mean"),
    case(sparse_lookup, TABLE, ROWS, floats(3, low=0.5), "sqrtn"),
]
