"""Cases of comparisons and logic."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import bools, case, fails, floats, ints

STRINGS = np.array([b"a", b"b"], object)


def approximately(tf: Any, x: Any, y: Any, tolerance: float) -> Any:
    return tf.raw_ops.ApproximateEqual(x=x, y=y, tolerance=tolerance)


ORDERED = ("less", "less_equal", "greater", "greater_equal")

CASES = [
    *[case(name, ints(2, 3, high=0), ints(3, high=0)) for name in (*ORDERED, "equal", "not_equal")],
    *[case(name, floats(3), 0.0) for name in ORDERED],
    case("equal", STRINGS, "a"),
    case("not_equal", STRINGS, STRINGS),
    case("equal", bools(4), bools(4)),
    case("equal", np.array([1 + 1j, 2], np.complex64), np.array([1 + 1j, 3], np.complex64)),
    case("equal", np.array([np.nan, 1], np.float32), np.array([np.nan, 1], np.float32)),
    case(approximately, np.array([1.0, 2.0], np.float32), np.array([1.05, 2.5], np.float32), 0.1),
    case("logical_and", bools(4), bools(4)),
    case("logical_or", bools(2, 4), bools(4)),
    case("logical_not", bools(4)),
    case("logical_xor", bools(4), bools(4)),
    case("logical_xor", bools(4), True, name="either"),
    fails("equal", floats(2, 3), floats(2, 2)).but(
        says="Dimensions must be equal, but are 3 and 2"
    ),
    fails("logical_and", floats(2), bools(2)).but(says="does not match expected type of bool"),
    fails(approximately, floats(3), floats(2, 3), 0.1).but(
        says="Shapes must be equal rank, but are 1 and 2"
    ),
]
