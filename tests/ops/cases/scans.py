"""Cases of running sums, products and logarithms of sums."""

from __future__ import annotations

import numpy as np

from tests.ops.case import case, fails, floats, ints

EXTREMES = np.array([-np.inf, 1.0, 1000.0, -np.inf, 3.0], np.float32)
LOWEST = np.array([-np.inf, -np.inf, -65504.0], np.float16)

CASES = [
    *[
        case(name, floats(3, 4), 1, exclusive=exclusive, reverse=reverse)
        for name in ("cumsum", "cumprod")
        for exclusive in (False, True)
        for reverse in (False, True)
        if not (name == "cumprod" and exclusive)
    ],
    case("cumprod", floats(3), 0, exclusive=True),
    case("cumsum", ints(4)),
    case("cumsum", floats(3, dtype="complex64"), 0, name="running"),
    case("cumsum", np.array([1.0, np.inf, 1.0], np.float32), exclusive=True).but(gradient=False),
    fails("cumsum", floats(3), 5).but(says="Expected scan axis in the range [-1, 1), but got 5"),
    fails("cumsum", floats(3), np.array([0, 0], np.int32)).but(
        says="axis must be a scalar, not [2]"
    ),
    case("math.cumulative_logsumexp", floats(3, 4), 1),
    case("math.cumulative_logsumexp", floats(3, 4), 1, reverse=True),
    *[  # the lowest number is among the results: sums with it have no digits left
        case("math.cumulative_logsumexp", floats(3, 4), 1, exclusive=True, reverse=reverse).but(
            numeric=False
        )
        for reverse in (False, True)
    ],
    case("math.cumulative_logsumexp", floats(3, dtype="float64"), name="running"),
    case("math.cumulative_logsumexp", floats(3, dtype="float16")).but(rtol=2e-3, gradient=False),
    case("math.cumulative_logsumexp", floats(2, 0, 3), -2),
    case("math.cumulative_logsumexp", floats(2, 3), np.array(1, np.int64)),
    case("math.cumulative_logsumexp", EXTREMES).but(gradient=False),
    case("math.cumulative_logsumexp", EXTREMES, reverse=True).but(gradient=False),
    case("math.cumulative_logsumexp", LOWEST, exclusive=True).but(gradient=False),
    fails("math.cumulative_logsumexp", ints(3)).but(says="not in list of allowed values"),
    fails("math.cumulative_logsumexp", floats(3), 1).but(says="Expected scan axis in the range"),
]
