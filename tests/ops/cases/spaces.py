"""Cases of pixels moved between places, channels and batch, of patches, and of repeats."""

from __future__ import annotations

import numpy as np

from tests.ops.case import case, fails, floats, ints

I = np.int32  # noqa: E741 - short, for the tables below
ONES = [1, 1, 1, 1]

CASES = [
    case("space_to_depth", floats(1, 4, 6, 2), 2),
    case("space_to_depth", floats(2, 3, 3, 1), 3, name="named"),
    case("nn.depth_to_space", floats(1, 2, 3, 8), 2),
    case("depth_to_space", ints(1, 1, 1, 4), 2),
    fails("space_to_depth", floats(1, 3, 4, 1), 2).but(says="evenly divisible by 2 but is 3"),
    case("space_to_batch_nd", floats(1, 4, 4, 2), [2, 2], [[0, 0], [0, 0]]),
    case("space_to_batch_nd", floats(2, 3, 2), [2], [[1, 0]], name="named"),
    case("batch_to_space_nd", floats(4, 2, 3, 1), [2, 2], [[0, 1], [1, 0]]),
    case("batch_to_space_nd", floats(3, 2), [3], [[1, 1]]),
    case("space_to_batch", floats(1, 2, 3, 1), [[0, 0], [1, 0]], 2),
    case("batch_to_space", floats(4, 2, 2, 1), [[0, 0], [0, 1]], 2),
    fails("space_to_batch_nd", floats(1, 3, 4, 1), [2, 2], [[0, 0], [0, 0]]).but(
        says="evenly divisible by 2 but is 3"
    ),
    # TensorFlow's gradient multiplies by a sparse matrix; penstock's sums by index.
    case(
        "extract_image_patches",
        floats(2, 4, 5, 2),
        ksizes=[1, 2, 3, 1],
        strides=[1, 1, 2, 1],
        rates=ONES,
        padding="VALID",
    ).but(nodes=False),
    case(
        "image.extract_patches",
        floats(1, 3, 3, 1),
        sizes=[1, 2, 2, 1],
        strides=[1, 2, 2, 1],
        rates=[1, 2, 2, 1],
        padding="SAME",
    ).but(nodes=False),
    case("repeat", floats(2, 3), 2),
    case("repeat", floats(2, 3), 3, axis=1, name="named"),
    case("repeat", floats(3, 2), [1, 0, 2], axis=0),
    case("repeat", floats(2, 3), [2, 1, 1], axis=1),
    case("repeat", 5, 3),
    case("gather_nd", floats(2, 3, 4), np.array([[[0]], [[2]]], I), batch_dims=1),
    case("gather_nd", floats(2, 3, 4), [[[0, 1]], [[2, 3]]], batch_dims=1, name="named"),
]
