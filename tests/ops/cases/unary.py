"""Cases of functions of one operand, of complex numbers and of changes of type."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import Name, case, fails, floats, ints

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -1.5], np.float32)
HALVES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 1.2], np.float32)
OUT_OF_RANGE = np.array(
    [np.nan, np.inf, -np.inf, 3e9, -3e9, -1.7, 1.7, 300, -300, 1e20, 128, -129, 70000], np.float32
)
EVERYWHERE = (
    "negative",
    "abs",
    "sign",
    "square",
    "exp",
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "sinh",
    "cosh",
)
POSITIVE = ("sqrt", "rsqrt", "reciprocal", "log", "log1p", "lgamma", "digamma")
INSIDE_ONE = ("asin", "acos", "atan", "atanh", "tan", "asinh", "expm1", "erf", "erfc")
# TensorFlow has no complex asin, acos and atan.
COMPLEX = (
    "negative", "square", "exp", "sin", "cos", "tan", "tanh", "sigmoid", "sinh", "cosh", "sqrt",
    "rsqrt", "reciprocal", "log", "log1p", "expm1", "asinh", "acosh", "atanh", "sign",
)  # fmt: skip


def inverse(tf: Any, x: Any) -> Any:
    return tf.raw_ops.Inv(x=x)


def truncated(tf: Any, x: Any, name: str) -> Any:
    return tf.raw_ops.Cast(x=x, DstT=getattr(tf, name), Truncate=True)


def twice(tf: Any, x: Any, name: str) -> Any:
    """The gradient, so that its own gradient is recorded: the second derivative."""
    return tf.gradients(getattr(tf.math, name)(x), x)[0]


def approximately(tf: Any, x: Any, y: Any) -> Any:
    return tf.raw_ops.ApproximateEqual(x=x, y=y)


CASES = [
    *[case(name, floats(2, 3)) for name in EVERYWHERE],
    *[case(name, floats(2, 3, low=0.2, high=3)) for name in POSITIVE],
    *[case(name, floats(2, 3, low=-0.9, high=0.9)) for name in INSIDE_ONE],
    case("acosh", floats(2, 3, low=1.1, high=3)),
    *[
        case(name, floats(4, dtype="float64", low=0.2, high=0.9))
        for name in (*EVERYWHERE, *POSITIVE, *INSIDE_ONE)
    ],
    *[
        case(name, floats(4, dtype="complex64", low=0.2, high=0.9)).but(rtol=1e-4)
        for name in COMPLEX
    ],
    *[
        case(twice, floats(4, dtype="float64", low=0.2, high=0.9), name)
        for name in (
            "sqrt",
            "rsqrt",
            "reciprocal",
            "tanh",
            "sigmoid",
            "square",
            "log",
            "exp",
            "sin",
            "cos",
            "tan",
            "asin",
            "lgamma",
            "erf",
            "acos",
            "atan",
            "sinh",
            "cosh",
            "asinh",
            "atanh",
            "log1p",
            "expm1",
        )
    ],
    *[case(name, ints(4)) for name in ("negative", "abs", "sign", "square", "round")],
    *[
        case(name, floats(4, dtype="float16", low=0.5)).but(rtol=4e-3)
        for name in ("sqrt", "exp", "tanh", "sigmoid", "log")
    ],
    *[case(name, HALVES).but(numeric=False) for name in ("round", "rint", "floor", "ceil")],
    *[case(name, SPECIAL) for name in ("is_nan", "is_inf", "is_finite")],
    case(inverse, floats(3, low=0.5)),
    case("sigmoid", np.array([-100.0, 0.0, 100.0], np.float32)).but(numeric=False),
    case("abs", floats(3, dtype="complex64")),
    case("abs", np.array([0, 3 + 4j], np.complex64)),
    *[case(name, floats(3, dtype="complex64")) for name in ("real", "imag", "angle", "conj")],
    *[case(name, floats(3)).but(numeric=False) for name in ("real", "imag", "angle", "conj")],
    case("complex", floats(2, 3), floats(3)).but(numeric=False),
    case("complex", floats(3, dtype="float64"), floats(3, dtype="float64")).but(numeric=False),
    case("complex", np.array([np.inf, 1], np.float32), np.array([1, np.nan], np.float32)).but(
        numeric=False
    ),
    *[
        case("cast", OUT_OF_RANGE, Name(name)).but(gradient=False)
        for name in (
            "int8",
            "uint8",
            "int16",
            "uint16",
            "int32",
            "int64",
            "bool",
            "float64",
            "float16",
        )
    ],
    case("cast", OUT_OF_RANGE.astype(np.float64), Name("int32")).but(gradient=False),
    case("cast", OUT_OF_RANGE.astype(np.float64), Name("int64")).but(gradient=False),
    case("cast", np.array([300, -1, 70000], np.int32), Name("uint8")),
    case("cast", np.array([True, False]), Name("float32")),
    fails("cast", floats(3), Name("string")).but(says="Cast float to string is not supported"),
    fails("cast", np.array([b"1"], object), Name("int32")).but(
        says="Cast string to int32 is not supported"
    ),
    case("cast", floats(3, dtype="complex64"), Name("float32")),
    case("cast", floats(3), Name("complex64")).but(numeric=False),
    case("cast", floats(3), Name("float32")).but(numeric=False),
    case("cast", floats(3), Name("float64")),
    case("cast", [1, 2], Name("float32")),
    *[
        case(name, floats(3)).but(numeric=False)
        for name in ("to_float", "to_double", "to_int32", "to_int64", "to_complex64")
    ],
    case(truncated, floats(4, dtype="float64"), "float32").but(numeric=False),
    case(truncated, floats(4), "float16").but(numeric=False),
    case("saturate_cast", OUT_OF_RANGE[1:], Name("uint8")).but(gradient=False),
    case("saturate_cast", ints(4), Name("int64")),
    case("saturate_cast", np.array([300, -1, 70000], np.int32), Name("int16")),
    case("bitcast", floats(2, 3), Name("int32")).but(gradient=False),
    case("bitcast", floats(2, 3), Name("uint8")).but(gradient=False),
    case("bitcast", ints(2, 4, low=0, high=200, dtype="uint8"), Name("int32")),
    fails("bitcast", ints(2, 3, low=0, high=200, dtype="uint8"), Name("int32")).but(
        says="Cannot bitcast due to shape. 3 does not match 4"
    ),
    fails("sqrt", ints(3)).but(says="not in list of allowed values"),
    fails("complex", floats(3), floats(3, dtype="float64")).but(
        says="real and imag have incorrect types"
    ),
]
