"""Cases for what goes over the elements of tensors: map_fn, scan, foldl, foldr."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import Case, Name, bools, case, const, fails, floats, ints


def mapped(tf: Any, how: str, elems: Any, **kwargs: Any) -> Any:
    """map_fn with one of some functions."""
    functions: dict[str, Any] = {
        "square": lambda x: x * x,
        "weighted": lambda x: tf.reduce_sum(x * tf.tanh(elems[0])),  # captures the whole
        "pairs": lambda p: p[0] * p[1] + tf.sin(p[0]),
        "two": lambda x: (x + 1, tf.reduce_sum(x)),
        "swapped": lambda p: (p[1], p[0] * p[1]),
        "dict": lambda d: {"sum": d["a"] + d["b"], "diff": d["a"] - d["b"]},
        "number": lambda x: 7,
        "integer": lambda x: tf.cast(x, tf.int32),
        "to_float": lambda x: tf.cast(x, tf.float32) / 2,
        "cond": lambda x: tf.cond(x > 0, lambda: tf.sqrt(x), lambda: x * x),
        "nested": lambda x: tf.map_fn(lambda y: y * tf.reduce_sum(x), x),
        "inner_scan": lambda x: tf.scan(lambda a, y: a * y, x),
        "ragged": lambda x: x[: tf.cast(x[0], tf.int32)],
        "same": lambda x: x,
        "not": tf.logical_not,
        "string": lambda x: x,
    }
    return tf.map_fn(functions[how], elems, **kwargs)


def scanned(tf: Any, how: str, elems: Any, initializer: Any = None, **kwargs: Any) -> Any:
    """scan with one of some functions."""
    return tf.scan(_step(tf, how), elems, initializer, **kwargs)


def folded(tf: Any, direction: str, how: str, elems: Any, initializer: Any = None) -> Any:
    """foldl or foldr with one of some functions."""
    return getattr(tf, "fold" + direction)(_step(tf, how), elems, initializer)


def _step(tf: Any, how: str) -> Any:
    steps: dict[str, Any] = {
        "add": lambda a, x: a + x,
        "decay": lambda a, x: 0.5 * a + tf.tanh(x),
        "product": lambda a, x: a * x,
        "matmul": lambda a, x: tf.tanh(tf.matmul(a, x)),
        "pair": lambda a, x: (a[0] * x[1] + x[0], a[1] - x[0]),
        "fibonacci": lambda a, _: (a[1], a[0] + a[1]),
        "dict": lambda a, x: {"sum": a["sum"] + x, "count": a["count"] + 1},
        "one_of_two": lambda a, x: a[0] + x,
        "integer": lambda a, x: tf.cast(a + x, tf.int32),
        "grow": lambda a, x: tf.concat([a, x], 0),
        "longest": lambda a, x: tf.cond(tf.norm(a) > tf.norm(x), lambda: a, lambda: x),
    }
    return steps[how]


CASES: list[Case] = [
    case(mapped, "square", floats(4)),
    case(mapped, "square", floats(3, 2)),
    case(mapped, "square", floats(2, 3, 2, dtype="float64")),
    case(mapped, "square", ints(5)),
    case(mapped, "square", const(floats(0, 2))),
    case(mapped, "square", floats(1)),
    case(mapped, "square", floats(3, 2), infer_shape=False),
    case(mapped, "square", floats(3, 2), parallel_iterations=1, swap_memory=True, name="hey"),
    case(mapped, "square", floats(3, 2), back_prop=False),
    case(mapped, "square", const(floats(3, 2))),
    case(mapped, "pairs", (floats(3, 2), floats(3, 2)), dtype=Name("float32")).but(numeric=False),
    case(mapped, "pairs", [floats(3), floats(3)], dtype=Name("float32")).but(numeric=False),
    case(mapped, "weighted", floats(3, 2)),
    case(mapped, "two", floats(3, 2), dtype=(Name("float32"), Name("float32"))).but(numeric=False),
    case(mapped, "swapped", (floats(3, 2), floats(3, 2))),
    case(
        mapped,
        "dict",
        {"a": floats(3), "b": floats(3)},
        dtype={"diff": Name("float32"), "sum": Name("float32")},
    ).but(numeric=False),
    case(mapped, "number", floats(3), dtype=Name("float32")),
    case(mapped, "number", floats(3), dtype=Name("int64")),
    case(mapped, "integer", floats(3, 2), dtype=Name("int32")),
    case(mapped, "to_float", ints(4), dtype=Name("float32")),
    case(mapped, "cond", floats(5)),
    case(mapped, "nested", floats(2, 3)),
    case(mapped, "inner_scan", floats(2, 3)),
    case(mapped, "not", bools(4)),
    case(mapped, "string", np.array([b"a", b"bc", b""], object)),
    case(mapped, "same", floats(2, 2, dtype="complex64")),
    fails(mapped, "integer", floats(3)).but(says="but Op is trying to write dtype int32"),
    fails(mapped, "same", ints(3), dtype=Name("float32")).but(
        says="TensorArray dtype is float but Op is trying to write dtype int32"
    ),
    fails(mapped, "two", floats(3, 2)).but(says="the same nested structure"),
    fails(mapped, "two", floats(3, 2), dtype=[Name("float32"), Name("float32")]).but(
        says="don't have the same sequence type"
    ),
    fails(mapped, "square", floats()).but(says="1+ dimensional Tensor, not a scalar"),
    fails(mapped, "pairs", (floats(), floats(3)), dtype=Name("float32")).but(
        says="1+ dimensional Tensors, not scalars"
    ),
    fails(mapped, "pairs", (floats(3), floats(4)), dtype=Name("float32")).but(
        says="Dimensions 3 and 4 are not compatible"
    ),
    # TensorFlow writes and reads past the end of the shorter one; its size is that of the first.
    fails(mapped, "pairs", (floats(3), floats(4)), dtype=Name("float32")).but(
        shapes="unknown", says="Max scatter index must be"
    ),
    fails(mapped, "ragged", np.array([[1, 5], [2, 6]], np.float32)),
    fails("map_fn", 3, floats(3)).but(says="fn must be callable"),
    case(scanned, "add", floats(4)),
    case(scanned, "add", floats(4, 2)),
    case(scanned, "add", ints(4, 2)),
    case(scanned, "add", floats(4, dtype="float64"), reverse=True),
    case(scanned, "add", floats(1, 2)),
    case(scanned, "decay", floats(5, 2)),
    case(scanned, "decay", floats(5, 2), floats(2)),
    case(scanned, "decay", floats(5, 2), floats(2), reverse=True),
    case(scanned, "decay", floats(5, 2), reverse=True),
    case(scanned, "decay", floats(3, 2), floats(2), infer_shape=False),
    case(scanned, "decay", floats(3, 2), floats(2), back_prop=False, name="hey"),
    case(scanned, "product", floats(5), 1.5).but(numeric=False),
    case(scanned, "matmul", floats(3, 2, 2)),
    case(scanned, "matmul", floats(3, 2, 2), floats(4, 2)),
    case(scanned, "pair", (floats(4), floats(4))),
    case(scanned, "pair", (floats(4), floats(4)), (floats(), floats())),
    case(scanned, "fibonacci", np.zeros(6, np.int32), (0, 1)).but(tag="numbers"),
    case(scanned, "dict", floats(3), {"sum": floats(), "count": 0}),
    case(scanned, "dict", floats(3), {"sum": floats(), "count": 0}, reverse=True),
    case(scanned, "longest", floats(4, 2)),
    fails(scanned, "one_of_two", floats(3, 2), (floats(2), floats(2))).but(
        says="the same nested structure"
    ),
    fails(scanned, "grow", floats(3, 2)).but(says="Inconsistent shapes: saw (4,)"),
    fails(scanned, "add", floats()),
    fails("scan", "no", floats(3)).but(says="fn must be callable"),
    *[
        member
        for side in "lr"
        for member in (
            case(folded, side, "add", floats(4)),
            case(folded, side, "add", ints(4, 3)),
            case(folded, side, "decay", floats(4, 3)),
            case(folded, side, "decay", floats(4, 3), floats(3)),
            case(folded, side, "decay", floats(0, 3), floats(3)).but(gradient=False),
            case(folded, side, "decay", floats(1, 3, dtype="float64")),
            case(folded, side, "matmul", floats(3, 2, 2), floats(1, 2)),
            case(folded, side, "pair", (floats(4), floats(4))),
            case(folded, side, "pair", (floats(4), floats(4)), (floats(), 0.5)).but(numeric=False),
            case(folded, side, "dict", floats(3), {"sum": floats(), "count": 0}),
            fails(folded, side, "grow", floats(3, 2)).but(says="after one iteration"),
            fails(folded, side, "one_of_two", floats(3), (0.5, 1.5)).but(
                says="the same nested structure"
            ),
        )
    ],
    fails("foldl", 1, floats(3)).but(says="fn must be callable"),
    fails("foldr", 1, floats(3)).but(says="fn must be callable"),
]
# A loop refuses a body that knows less of a shape than its input: most hidden sizes are errors.
CASES = [one.but(masks=False) for one in CASES]
