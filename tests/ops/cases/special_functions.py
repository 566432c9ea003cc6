"""Cases of special functions, counts, polynomials and cross products."""

from __future__ import annotations

import numpy as np

from tests.ops.case import case, fails, floats

COUNTED = np.array([1, 1, 3, 2], np.int32)
NONE_COUNTED = np.array([], np.int32)
WEIGHTS = np.array([0.5, 1.0, 2.0, 4.0], np.float32)
ORDERS = np.array([0.0, 1.0, 2.0], np.float32)

CASES = [
    case("polygamma", ORDERS, floats(3, low=0.5)).but(gradient=False, rtol=2e-5),
    case("zeta", floats(3, low=1.5, high=4), floats(3, low=0.5)).but(numeric=False, rtol=2e-5),
    case("igamma", floats(3, low=0.5), floats(3, low=0.5)).but(rtol=1e-4),
    case("igammac", floats(3, low=0.5, dtype="float64"), floats(3, low=0.5, dtype="float64")).but(
        rtol=1e-6
    ),
    case("betainc", floats(3, low=0.5), floats(3, low=0.5), floats(3, low=0.1, high=0.9)).but(
        numeric=False, rtol=1e-4
    ),
    case("lbeta", floats(2, 3, low=0.5)).but(rtol=2e-5),
    case("math.bessel_i0e", floats(2, 3)),
    case("math.bessel_i1e", floats(2, 3)),
    case("math.nextafter", floats(3), floats(3)).but(numeric=False, rtol=0, atol=0),
    case("math.nextafter", floats(3), floats(2, 1)).but(numeric=False, rtol=0, atol=0),
    case("math.polyval", [1.0, 2.0, 3.0], floats(3)).but(numeric=False),  # no float64 form
    case("math.polyval", [floats(3), floats(3)], floats(3), name="value"),
    case("cross", floats(2, 3), floats(2, 3)),
    case("bincount", COUNTED),
    case("bincount", NONE_COUNTED),
    case("bincount", COUNTED, minlength=6),
    case("bincount", COUNTED, WEIGHTS, minlength=6).but(gradient=False),
    # TensorFlow checks the classes by assertions, whose ops this graph lacks.
    case("confusion_matrix", COUNTED, np.array([0, 1, 3, 3], np.int32)).but(
        nodes=False, gradient=False
    ),
    case("confusion_matrix", [0, 1, 1], [0, 0, 1], weights=[1.0, 2.0, 3.0], num_classes=3).but(
        nodes=False
    ),
    fails("cross", floats(2), floats(2)),
]
