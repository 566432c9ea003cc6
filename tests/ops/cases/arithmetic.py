"""Cases of sums, products, quotients, remainders and powers, and of the operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import Name, case, const, fails, floats, ints

DIVIDED = np.array([7, -7, 7, -7, 0], np.int32)
DIVISORS = np.array([3, 3, -3, -3, 5], np.int32)
STRINGS = np.array([b"a", b"b"], object)
INFINITE = np.array([0.0, np.inf, np.nan, 2.0], np.float32)
ZEROS = np.array([0.0, 0.0, 0.0, 3.0], np.float32)
INTS = np.array([0, 2, -3], np.int32)


def operators(tf: Any, x: Any, y: Any) -> Any:
    """Each operator between tensors."""
    return [x + y, x - y, x * y, x / y, x // y, x % y, abs(x) ** y, -x, abs(x)]


def with_numbers(tf: Any, x: Any) -> Any:
    """Each operator with a number on the right."""
    return [x + 1.0, x - 2, x * 3.0, x / 2, x // 2, x % 1.5, abs(x) ** 2]


def of_numbers(tf: Any, x: Any) -> Any:
    """Each operator with a number on the left."""
    return [1.0 + x, 2 - x, 3.0 * x, 2 / x, 2 // x, 1.5 % x, 2.0**x]


def with_arrays(tf: Any, x: Any) -> Any:
    """NumPy arrays on either side leave the operator to the tensor."""
    return [x + np.ones(3, np.float32), np.ones(3, np.float32) * x, np.ones((4, 2), np.float32) @ x]


def compared(tf: Any, x: Any, y: Any) -> Any:
    """The comparison operators, of tensors and numbers."""
    return [x < y, x <= y, x > y, x >= y, x < 0.5, 0.5 < x]


def connected(tf: Any, x: Any, y: Any) -> Any:
    """The logical operators, of tensors and truth values."""
    return [x & y, x | y, x ^ y, ~x, x & True, False | x, True ^ y]


def of_integers(tf: Any, x: Any, y: Any) -> Any:
    """Integers divide into floats, and round down."""
    return [x / y, x // y, x % y, x / 2]


def joined(tf: Any, x: Any) -> Any:
    """Strings can be added."""
    return [x + "c", tf.add(x, x), tf.constant("a") + "d"]


def shared_axes(tf: Any, x: Any, y: Any) -> Any:
    """Two ops that broadcast alike share the axes of their gradients."""
    return (x + y) * y - y


def real_division(tf: Any, x: Any, y: Any) -> Any:
    return tf.raw_ops.RealDiv(x=x, y=y)


def old_division(tf: Any, x: Any, y: Any) -> Any:
    return tf.raw_ops.Div(x=x, y=y)


def raw_mod(tf: Any, x: Any, y: Any) -> Any:
    return tf.raw_ops.Mod(x=x, y=y)


def slope(tf: Any, name: str, y: Any, dy: Any) -> Any:
    return getattr(tf.raw_ops, name)(y=y, dy=dy)


CASES = [
    *[
        case(name, floats(*x), floats(*y))
        for name in ("add", "subtract", "multiply", "squared_difference")
        for x, y in (((2, 3), (3,)), ((2, 3), (2, 3)), ((), (2,)), ((2, 1), (1, 3)))
    ],
    *[
        case(name, floats(2, 3), floats(3, low=0.5))
        for name in ("divide", "truediv", "div", "realdiv", "div_no_nan", "math.multiply_no_nan")
    ],
    *[
        case(name, floats(2, 3), floats(3, low=0.5)).but(numeric=False)
        for name in ("floordiv", "floor_div", "mod", "floormod")
    ],
    *[
        case(name, floats(4, dtype=dtype), floats(4, dtype=dtype))
        for name in ("add", "subtract", "multiply", "divide", "squared_difference")
        for dtype in ("float64", "complex64")
    ],
    case("multiply", ints(4), ints(4)),
    case("add", ints(4, dtype="int64"), ints(4, dtype="int64")),
    case("add", STRINGS, STRINGS),
    case(joined, STRINGS),
    case("add", [1.0, 2.0], 3.0),
    case("multiply", floats(2), 2.0),
    case("subtract", 2.0, floats(2)).but(numeric=False),  # no float64 form
    case("add", floats(0, 3), floats(3)),
    case("divide", floats(3), 2.0, name="half").but(numeric=False),  # no float64 form
    *[case(name, DIVIDED, DIVISORS) for name in ("floordiv", "mod", "truncatediv", "truncatemod")],
    case("div", DIVIDED, DIVISORS),
    case("truediv", DIVIDED, DIVISORS),
    case("truediv", ints(3, dtype="int8"), ints(3, low=1, dtype="int8")),
    case(old_division, DIVIDED, DIVISORS),
    case(old_division, floats(3), floats(3, low=1)),
    case(real_division, floats(3, dtype="complex64"), floats(3, low=1, dtype="complex64")),
    case(raw_mod, DIVIDED, DIVISORS),
    case(
        "mod",
        np.array([-1e-20, -6, 6, 5.5, -5.5], np.float32),
        np.array([3, 3, -3, -2, 2], np.float32),
    ).but(numeric=False),
    case("truncatemod", floats(4), floats(4, low=0.5)).but(gradient=False),
    case(
        "floordiv", np.array([1.0, -1.0, 7.0], np.float32), np.array([0.1, 0.1, -2.0], np.float32)
    ).but(numeric=False),
    case("div_no_nan", INFINITE, ZEROS).but(numeric=False),
    case("math.multiply_no_nan", INFINITE, ZEROS).but(numeric=False),
    case("math.xlogy", floats(2, 3), floats(3, low=0.5)),
    case("math.xdivy", floats(2, 3), floats(3, low=0.5)),
    case("math.xlogy", ZEROS, INFINITE).but(numeric=False),
    case("math.xdivy", ZEROS, INFINITE).but(numeric=False),
    case("pow", floats(2, 3, low=0.2), floats(3)),
    case("pow", floats(2, 3, low=0.2), floats(2, 3)),
    case("pow", floats(3, low=0.2), 3.0),
    case("pow", np.array([-1.5, 0.0, 2.0], np.float32), 2.0),
    case("pow", INTS, np.array([3, 0, 2], np.int32)),
    case("pow", floats(3, dtype="complex64"), floats(3, dtype="complex64")).but(rtol=1e-4),
    case("atan2", floats(2, 3), floats(2, 3)),
    case("atan2", floats(2, 3), floats(3)).but(gradient=False),
    case("maximum", floats(2, 3), floats(3)),
    case("minimum", floats(2, 3), floats(3)),
    case("maximum", floats(2, 3), 0.0),
    case("maximum", np.array([1.0, 2.0], np.float32), np.array([1.0, 3.0], np.float32)).but(
        numeric=False
    ),
    case("minimum", ints(4), ints(4)),
    case("add_n", [floats(2, 3), floats(2, 3), floats(2, 3)]),
    case("add_n", [floats(2)]),
    case("add_n", [floats(2)], name="total"),
    case("add_n", [ints(2), ints(2)]),
    case("accumulate_n", [floats(2, 3), floats(2, 3)]),
    case("accumulate_n", [floats(2)], name="total"),
    case("scalar_mul", 2.0, floats(3)),
    case("scalar_mul", floats(), floats(3), name="scaled"),
    case(operators, floats(2, 3), floats(3, low=0.5)).but(numeric=False),
    case(with_numbers, floats(2, 3)).but(numeric=False),
    case(of_numbers, floats(2, 3, low=0.5)).but(numeric=False),
    case(with_arrays, floats(2, 3)),
    case(compared, floats(3), floats(3)),
    case(connected, np.array([True, False, True]), np.array([True, True, False])),
    case(of_integers, DIVIDED, DIVISORS),
    case(shared_axes, floats(2, 3), floats(3)),
    *[
        case(slope, name, floats(3, low=0.2), floats(3))
        for name in (
            "SqrtGrad",
            "RsqrtGrad",
            "ReciprocalGrad",
            "InvGrad",
            "TanhGrad",
            "SigmoidGrad",
        )
    ],
    *[
        case(
            slope, name, np.array([0, np.inf, np.nan, 2], np.float32), np.zeros(4, np.float32)
        ).but(gradient=False, tag="where nothing flows back")
        for name in ("SqrtGrad", "RsqrtGrad", "ReciprocalGrad", "InvGrad")
    ],
    *[
        case(slope, name, floats(3, dtype="complex64"), floats(3, dtype="complex64"))
        for name in ("SqrtGrad", "RsqrtGrad", "ReciprocalGrad", "TanhGrad", "SigmoidGrad")
    ],
    case("broadcast_dynamic_shape", np.array([2, 1], np.int32), np.array([3], np.int32)),
    case("cast", floats(3), Name("float64")),
    fails("add", floats(2, 3), floats(4)).but(says="Dimensions must be equal, but are 3 and 4"),
    fails("add", floats(2), floats(3)).but(
        shapes="unknown", says="Incompatible shapes: [2] vs. [3]"
    ),
    fails("add", floats(2), ints(2)).but(says="that does not match type float32 of argument 'x'"),
    fails("truediv", floats(2), const(ints(2))).but(says="x and y must have the same dtype"),
    fails("add_n", []).but(says="inputs must be a list of at least one Tensor"),
    fails("add_n", [floats(2), floats(3)]).but(says="Dimension 0 in both shapes must be equal"),
    fails("add_n", [floats(2), floats(3)]).but(
        shapes="unknown", says="must have the same size and shape"
    ),
    fails("add", np.array([True]), np.array([True])).but(says="not in list of allowed values"),
]
