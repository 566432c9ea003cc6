"""Cases of reductions over segments."""

from __future__ import annotations

import numpy as np

from tests.ops.case import case, distinct, fails, floats, ints

SORTED = np.array([0, 0, 1, 3], np.int32)
UNSORTED = np.array([2, 0, -1, 2], np.int32)
MATRIX_IDS = np.array([[0, 1], [1, 0]], np.int64)
PICKED = np.array([0, 2, 2], np.int32)
GROUPS = np.array([0, 0, 1], np.int32)
FALLING = np.array([1, 0, 0, 0], np.int32)

CASES = [
    *[case(f"segment_{name}", distinct(4, 2), SORTED) for name in ("sum", "mean", "max", "min")],
    *[
        case(f"segment_{name}", distinct(4, 2), [0, 0, 1, 1])
        for name in ("sum", "mean", "max", "min")
    ],
    case("segment_prod", floats(4, 2), SORTED).but(gradient=False),
    case("segment_sum", ints(4), SORTED),
    case("segment_max", ints(4), SORTED, name="largest"),
    *[
        case(f"unsorted_segment_{name}", distinct(4, 2, low=0.5), UNSORTED, 4)
        for name in ("sum", "prod", "mean", "sqrt_n")
    ],
    *[  # an empty segment makes the weighted sum too large for differences
        case(f"unsorted_segment_{name}", distinct(4, 2, low=0.5), UNSORTED, 4).but(numeric=False)
        for name in ("max", "min")
    ],
    case("unsorted_segment_sum", floats(2, 2, 3), MATRIX_IDS, 2),
    case("unsorted_segment_sum", ints(4), UNSORTED, np.array(3, np.int32)),
    case("unsorted_segment_prod", np.array([0.0, 2.0, 3.0], np.float32), [0, 0, 1], 2).but(
        numeric=False
    ),
    *[
        case(f"sparse_segment_{name}", floats(4, 2), PICKED, GROUPS)
        for name in ("sum", "mean", "sqrt_n")
    ],
    *[
        case(f"sparse_segment_{name}", floats(4, 2), PICKED, GROUPS, num_segments=4)
        for name in ("sum", "mean", "sqrt_n")
    ],
    fails("segment_sum", floats(4), FALLING).but(says="segment ids are not increasing"),
]
