"""Rows of arithmetic: elementwise functions, comparisons, reductions, products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.fuzz.draw import (
    Draw,
    Drawn,
    added_bits,
    anything,
    broadcast,
    most_bits,
    product_range,
    ranged,
    result,
    row,
)
from tests.fuzz.program import FLOATS, INF, INTEGERS, Facts, Shape

WIDE = ("float32", "float64", "int32", "int64")  # types that nearly every op has

# Elementwise, of one value: the name, between what its results lie, and how exact they are


def _clamped(function: Any, value: float) -> float:
    try:
        return float(function(value))
    except OverflowError:
        return INF


def _elementwise(name: str, test: Any, facts: Any, weight: int = 1) -> None:
    def draw(d: Draw) -> Drawn | None:
        number = d.pick(test)
        return number if number is None else Drawn((number,), {}, (facts(d.values[number]),))

    def build(b: Any, x: Any) -> Any:
        return b.function(name)(x)

    row(name, draw, build, weight)


def _soft(f: Facts) -> bool:
    return f.dtype in FLOATS


def _below(limit: float) -> Any:
    return lambda f: f.dtype in FLOATS and f.bound <= limit


def _exact_float(f: Facts) -> bool:
    return f.dtype in FLOATS and f.exact


def _monotone(function: Any) -> Any:
    return lambda f: ranged(f, _clamped(function, f.low), _clamped(function, f.high))


for _name, _low, _high in [
    ("tanh", -1, 1), ("sigmoid", 0, 1), ("nn.softsign", -1, 1), ("atan", -1.6, 1.6),
    ("erf", -1, 1), ("nn.relu6", 0, 6),
]:  # fmt: skip
    _elementwise(_name, _soft, lambda f, low=_low, high=_high: ranged(f, low, high), 2)
for _name in ("sin", "cos"):
    _elementwise(_name, _below(100), lambda f: ranged(f, -1, 1))
_elementwise("exp", _below(8), _monotone(math.exp), 2)
_elementwise("expm1", _below(8), _monotone(math.expm1))
_elementwise("sinh", _below(5), _monotone(math.sinh))
_elementwise("nn.softplus", _below(50), lambda f: ranged(f, 0, f.bound + 1))
_elementwise("asinh", _below(1000), _monotone(math.asinh))
_elementwise("nn.elu", _soft, lambda f: ranged(f, -1, max(0.0, f.high)))
_elementwise("nn.selu", _soft, lambda f: ranged(f, -2, 2 * max(0.0, f.high)))
_elementwise("nn.leaky_relu", _soft, lambda f: ranged(f, min(0.0, f.low), max(0.0, f.high)))
for _name in ("floor", "ceil", "round", "rint"):
    _elementwise(_name, _exact_float, lambda f: ranged(f, math.floor(f.low), math.ceil(f.high), 0))
_elementwise(
    "nn.relu",
    lambda f: f.dtype in FLOATS or f.dtype in INTEGERS,
    lambda f: ranged(f, max(0.0, f.low), max(0.0, f.high), f.bits),
    2,
)


def _number(f: Facts) -> bool:
    return f.dtype in WIDE


_elementwise("negative", _number, lambda f: ranged(f, -f.high, -f.low, f.bits), 2)
_elementwise("abs", _number, lambda f: ranged(f, 0 if f.low > -(2**31) else f.low, f.bound, f.bits))
_elementwise(
    "square",
    _number,
    lambda f: ranged(f, 0, f.bound**2 if f.bound < 1e100 else INF, added_bits(f, f)),
    2,
)
_elementwise("sign", lambda f: f.dtype in WIDE and f.exact, lambda f: ranged(f, -1, 1, 0))
for _name in ("zeros_like", "ones_like"):
    _elementwise(_name, lambda f: f.dtype != "string", lambda f: ranged(f, 0, 1, 0))
_elementwise("is_nan", _soft, lambda f: result("bool", f.shapes, 0, 1))
_elementwise("is_finite", _soft, lambda f: result("bool", f.shapes, 0, 1))
_elementwise("logical_not", lambda f: f.dtype == "bool", lambda f: ranged(f, 0, 1))
_elementwise("nn.l2_loss", _soft, lambda f: anything(f.dtype, [()] * len(f.shapes)))


# Elementwise, of two values


def _binary(name: str, test: Any, facts: Any, weight: int = 1, build: Any = None) -> None:
    def fits(left: Facts, right: Facts) -> bool:
        return left.dtype == right.dtype and broadcast(left, right) is not None

    def draw(d: Draw) -> Drawn | None:
        pair = d.pick_pair(test, fits)
        if pair is None:
            return None
        left, right = d.values[pair[0]], d.values[pair[1]]
        return Drawn(pair, {}, (facts(left, right, broadcast(left, right)),))

    row(name, draw, build or (lambda b, x, y: b.function(name)(x, y)), weight)


def _sum_facts(a: Facts, b: Facts, shapes: Any) -> Facts:
    return result(a.dtype, shapes, a.low + b.low, a.high + b.high, most_bits(a, b))


def _difference_facts(a: Facts, b: Facts, shapes: Any) -> Facts:
    return result(a.dtype, shapes, a.low - b.high, a.high - b.low, most_bits(a, b))


def _product_facts(a: Facts, b: Facts, shapes: Any) -> Facts:
    return result(a.dtype, shapes, *product_range(a, b), added_bits(a, b))


_binary("add", lambda f: f.dtype in WIDE or f.dtype == "float16", _sum_facts, 4)
_binary("subtract", lambda f: f.dtype in WIDE or f.dtype == "float16", _difference_facts, 3)
_binary("multiply", lambda f: f.dtype in WIDE or f.dtype == "float16", _product_facts, 4)
_binary("squared_difference", _number, lambda a, b, s: anything(a.dtype, s))
for _name, _choose in (("maximum", max), ("minimum", min)):
    _binary(
        _name,
        lambda f: f.dtype in WIDE and f.exact,
        lambda a, b, s, c=_choose: result(
            a.dtype, s, c(a.low, b.low), c(a.high, b.high), most_bits(a, b)
        ),
        2,
    )
_binary(
    "divide by more than one",
    lambda f: f.dtype in ("float32", "float64"),
    lambda a, b, s: result(a.dtype, s, -a.bound, a.bound),
    2,
    lambda b, x, y: x / (b.tf.square(y) + 1.0),
)
_binary(
    "div_no_nan",
    lambda f: f.dtype in ("float32", "float64") and f.exact,
    lambda a, b, s: anything(a.dtype, s),
)
_binary(
    "power of what is positive",
    lambda f: f.dtype in ("float32", "float64") and f.bound <= 4,
    lambda a, b, s: result(a.dtype, s, 0, 2e5),
    1,
    lambda b, x, y: b.tf.pow(b.tf.abs(x) + 0.5, y),
)
_binary(
    "atan2 off zero",
    lambda f: f.dtype in ("float32", "float64"),
    lambda a, b, s: result(a.dtype, s, -3.2, 3.2),
    1,
    lambda b, x, y: b.tf.atan2(x, b.tf.abs(y) + 1.0),
)
for _name in ("floordiv", "floormod", "truncatediv", "truncatemod"):
    _binary(
        _name + " by what is positive",
        lambda f: f.dtype in ("int32", "int64"),
        lambda a, b, s: anything(a.dtype, s),
        1,
        lambda b, x, y, name=_name: b.function(name)(x, b.tf.floormod(y, 7) + 1),
    )
_binary(
    "float floormod",
    lambda f: f.dtype in ("float32", "float64") and f.exact and f.bound <= 2**10 and f.bits < 6,
    lambda a, b, s: anything(a.dtype, s),
    1,
    lambda b, x, y: b.tf.floormod(x, b.tf.floor(b.tf.abs(y)) + 1.0),
)
for _name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
    _binary(
        _name,
        lambda f: f.exact and (f.dtype in WIDE),
        lambda a, b, s: result("bool", s, 0, 1),
    )
for _name in ("logical_and", "logical_or", "logical_xor"):
    _binary(_name, lambda f: f.dtype == "bool", lambda a, b, s: result("bool", s, 0, 1))


def _draw_scaled(d: Draw) -> Drawn | None:
    number = d.pick(_number)
    if number is None:
        return None
    f = d.values[number]
    factor = d.choose(2, -1, 3, 1, 0) if f.is_integer else d.choose(0.5, -2.0, 1.0, 0.0, 0.25)
    bits = None if f.bits is None else f.bits + (0 if f.is_integer else 2)
    ends = [end * factor if factor else 0.0 for end in (f.low, f.high)]
    args = {"factor": factor, "left": d.chance(50)}
    return Drawn((number,), args, (ranged(f, min(ends), max(ends), bits),))


def _build_scaled(b: Any, x: Any, factor: float, left: bool) -> Any:
    return factor * x if left else x * factor


row("times a number", _draw_scaled, _build_scaled, 3)


def _draw_shifted(d: Draw) -> Drawn | None:
    number = d.pick(_number)
    if number is None:
        return None
    f = d.values[number]
    term = d.choose(1, -3, 0, 7) if f.is_integer else d.choose(1.0, -0.5, 0.0, 0.75)
    bits = None if f.bits is None else max(f.bits, 0 if f.is_integer else 2)
    return Drawn((number,), {"term": term}, (ranged(f, f.low + term, f.high + term, bits),))


row("plus a number", _draw_shifted, lambda b, x, term: x + term, 3)


def _draw_clip(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in ("float32", "float64"))
    if number is None:
        return None
    f = d.values[number]
    low, high = d.choose((-1.0, 1.0), (0.0, 2.0), (-3.0, -0.5))
    return Drawn(
        (number,), {"low": low, "high": high}, (ranged(f, low, high, f.bits and max(f.bits, 1)),)
    )


row("clip_by_value", _draw_clip, lambda b, x, low, high: b.tf.clip_by_value(x, low, high), 2)


def _draw_safe_log(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in ("float32", "float64"))
    if number is None:
        return None
    f = d.values[number]
    names = ["log", "sqrt", "rsqrt", "reciprocal", "log1p"]
    if f.bound <= 100:
        names += ["lgamma", "digamma"]
    name = d.choose(*names)
    high = 400.0 if name == "lgamma" else max(2.0, f.bound + 1)
    return Drawn((number,), {"name": name}, (ranged(f, -3, high if high < 1e30 else INF),))


row(
    "of the positive", _draw_safe_log,
    lambda b, x, name: b.function(name)(b.tf.abs(x) + 0.5), 3,
)  # fmt: skip


def _draw_cast(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.exact and f.bound < 2.0**70 and (not f.is_float or f.bound < 2**30))
    if number is None:
        return None
    f = d.values[number]
    to = d.choose("float32", "int32", "float64", "int64", "bool", "float16", "int8", "uint8")
    low, high, bits = f.low, f.high, f.bits or 0
    if to == "bool":
        low, high = 0, 1
    elif to in INTEGERS:
        limits = np.iinfo(to)
        if f.is_float and (low <= limits.min - 1 or high >= limits.max + 1):
            return None  # XLA and NumPy take what does not fit to different numbers
        bits = 0
        low, high = (math.ceil(low), math.floor(high)) if low > -INF else (low, high)
    elif to == "float16" and max(abs(low), abs(high)) > 60000:
        return None
    return Drawn((number,), {"to": to}, (result(to, f.shapes, low, high, bits),))


row("cast", _draw_cast, lambda b, x, to: b.tf.cast(x, b.dtype(to)), 4)


def _draw_soft_cast(d: Draw) -> Drawn | None:
    """Between floats, also of what was rounded."""
    number = d.pick(lambda f: f.dtype in ("float32", "float64"))
    if number is None:
        return None
    f = d.values[number]
    to = "float64" if f.dtype == "float32" else "float32"
    return Drawn((number,), {"to": to}, (result(to, f.shapes, f.low, f.high, f.bits),))


row("cast of floats", _draw_soft_cast, lambda b, x, to: b.tf.cast(x, b.dtype(to)), 2)


# Choosing


def _draw_where(d: Draw) -> Drawn | None:
    condition = d.pick(lambda f: f.dtype == "bool")
    if condition is None:
        return None
    shapes = d.values[condition].shapes
    left = d.pick(lambda f: f.shapes == shapes)
    if left is None:
        return None
    a = d.values[left]
    right = d.pick(lambda f: f.shapes == shapes and f.dtype == a.dtype)
    assert right is not None
    b = d.values[right]
    low, high = min(a.low, b.low), max(a.high, b.high)
    facts = result(a.dtype, shapes, low, high, most_bits(a, b))
    return Drawn((condition, left, right), {}, (facts,))


row("where", _draw_where, lambda b, c, x, y: b.tf.where(c, x, y), 3)


def _draw_add_n(d: Draw) -> Drawn | None:
    number = d.pick(_number)
    if number is None:
        return None
    f = d.values[number]
    others = [
        d.pick(lambda g: g.dtype == f.dtype and g.shapes == f.shapes)
        for _ in range(d.integer(0, 2))
    ]
    numbers = (number, *[other for other in others if other is not None])
    all_facts = [d.values[n] for n in numbers]
    low, high = sum([g.low for g in all_facts]), sum([g.high for g in all_facts])
    return Drawn(numbers, {}, (ranged(f, low, high, most_bits(*all_facts)),))


row("add_n", _draw_add_n, lambda b, *xs: b.tf.add_n(list(xs)), 2)


# Reductions


def _draw_axes(d: Draw, rank: int) -> Any:
    """None, a number, or a tuple of them; some counted from the end."""
    if rank == 0 or d.chance(30):
        return None if d.chance(70) else ()
    axis = d.integer(0, rank - 1)
    if d.chance(50):
        return axis if d.chance(70) else axis - rank
    other = d.integer(0, rank - 1)
    return tuple(sorted({axis, other}))


def reduced(shape: Shape, axes: Any, keepdims: bool) -> Shape:
    """The shape after a reduction."""
    places = (
        range(len(shape))
        if axes is None
        else np.atleast_1d(np.array(axes, int)) % max(1, len(shape))
    )
    gone = {int(place) for place in places}
    if keepdims:
        return tuple([1 if i in gone else n for i, n in enumerate(shape)])
    return tuple([n for i, n in enumerate(shape) if i not in gone])


def _reduction(name: str, test: Any, facts: Any, weight: int = 1) -> None:
    def draw(d: Draw) -> Drawn | None:
        number = d.pick(test)
        if number is None:
            return None
        f = d.values[number]
        axes = _draw_axes(d, f.rank)
        keepdims = d.chance(40)
        shapes = tuple([reduced(shape, axes, keepdims) for shape in f.shapes])
        count = max(
            [
                int(np.prod(s)) // max(1, int(np.prod(o)))
                for s, o in zip(f.shapes, shapes, strict=True)
            ]
        )
        return Drawn((number,), {"axis": axes, "keepdims": keepdims}, (facts(f, shapes, count),))

    def build(b: Any, x: Any, axis: Any, keepdims: bool) -> Any:
        axis = list(axis) if isinstance(axis, tuple) else axis
        return b.function(name)(x, axis=axis, keepdims=keepdims)

    row(name, draw, build, weight)


def _summed(f: Facts, shapes: Any, count: int) -> Facts:
    low, high = min(0.0, f.low * count if f.low else 0), max(0.0, f.high * count if f.high else 0)
    return result(f.dtype, shapes, low, high, f.bits)


def _nonempty(f: Facts) -> bool:
    return f.least_size > 0


_reduction("reduce_sum", _number, _summed, 4)
_reduction(
    "reduce_mean",
    lambda f: f.dtype in WIDE and _nonempty(f),
    lambda f, s, n: result(f.dtype, s, f.low, f.high) if f.is_float else anything(f.dtype, s),
    3,
)
for _name in ("reduce_max", "reduce_min"):
    _reduction(
        _name,
        lambda f: f.dtype in WIDE and f.exact and _nonempty(f),
        lambda f, s, n: result(f.dtype, s, f.low, f.high, f.bits),
        2,
    )
_reduction(
    "reduce_prod",
    lambda f: f.dtype in WIDE and f.most_size <= 12,
    lambda f, s, n: anything(f.dtype, s),
)
for _name in ("reduce_any", "reduce_all"):
    _reduction(_name, lambda f: f.dtype == "bool", lambda f, s, n: result("bool", s, 0, 1), 2)
_reduction(
    "reduce_logsumexp",
    lambda f: f.dtype in ("float32", "float64") and _nonempty(f) and f.bound < 1e3,
    lambda f, s, n: result(f.dtype, s, f.low, f.high + 10),
)


def _draw_arg(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in WIDE and f.exact and f.rank > 0 and _nonempty(f))
    if number is None:
        return None
    f = d.values[number]
    axis = d.integer(-f.rank, f.rank - 1)
    shapes = [reduced(shape, axis, False) for shape in f.shapes]
    to = d.choose("int64", "int32")
    most = max(shape[axis] for shape in f.shapes) - 1
    args = {"name": d.choose("argmax", "argmin"), "axis": axis, "to": to}
    return Drawn((number,), args, (result(to, shapes, 0, most),))


row(
    "argmax", _draw_arg,
    lambda b, x, name, axis, to: b.function(name)(x, axis, output_type=b.dtype(to)), 2,
)  # fmt: skip


def _draw_cumulative(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in WIDE and f.rank > 0)
    if number is None:
        return None
    f = d.values[number]
    axis = d.integer(-f.rank, f.rank - 1)
    args = {"axis": axis, "exclusive": d.chance(40), "reverse": d.chance(40)}
    return Drawn((number,), args, (_summed(f, f.shapes, max(s[axis] for s in f.shapes)),))


row("cumsum", _draw_cumulative, lambda b, x, **args: b.tf.cumsum(x, **args))


# Products


def _draw_matmul(d: Draw) -> Drawn | None:
    left = d.pick(lambda f: f.dtype in ("float32", "float64", "int32") and f.rank == 2)
    if left is None:
        return None
    a = d.values[left]
    transposed, transposed_right = d.chance(30), d.chance(30)
    inner = [shape[0 if transposed else 1] for shape in a.shapes]

    def fits(f: Facts) -> bool:
        place = 1 if transposed_right else 0
        return f.dtype == a.dtype and f.rank == 2 and [s[place] for s in f.shapes] == inner

    right = d.pick(fits)
    if right is None:
        return None
    b = d.values[right]
    outer = [shape[1 if transposed else 0] for shape in a.shapes]
    columns = [shape[0 if transposed_right else 1] for shape in b.shapes]
    low, high = product_range(a, b)
    count = max(inner)
    facts = result(
        a.dtype, list(zip(outer, columns, strict=True)),
        min(0.0, low * count) if count else 0, max(0.0, high * count) if count else 0,
        added_bits(a, b),
    )  # fmt: skip
    return Drawn(
        (left, right), {"transpose_a": transposed, "transpose_b": transposed_right}, (facts,)
    )


row("matmul", _draw_matmul, lambda b, x, y, **args: b.tf.matmul(x, y, **args), 6)


def _draw_batch_matmul(d: Draw) -> Drawn | None:
    left = d.pick(lambda f: f.dtype in ("float32", "float64") and f.rank == 3)
    if left is None:
        return None
    a = d.values[left]

    def fits(f: Facts) -> bool:
        return (
            f.dtype == a.dtype and f.rank == 3
            and all(p[0] == q[0] and p[1] == q[1] for p, q in zip(f.shapes, a.shapes, strict=True))
        )  # fmt: skip

    right = d.pick(fits)
    assert right is not None
    b = d.values[right]
    shapes = [(p[0], p[2], q[2]) for p, q in zip(a.shapes, b.shapes, strict=True)]
    return Drawn((left, right), {"transpose_a": True}, (anything(a.dtype, shapes),))


row("batch matmul", _draw_batch_matmul, lambda b, x, y, **args: b.tf.matmul(x, y, **args), 2)


def _draw_tensordot(d: Draw) -> Drawn | None:
    left = d.pick(lambda f: f.dtype in ("float32", "float64") and f.rank > 0)
    if left is None:
        return None
    a = d.values[left]
    axis = d.integer(0, a.rank - 1)
    size = [shape[axis] for shape in a.shapes]
    right = d.pick(
        lambda f: f.dtype == a.dtype and f.rank in (1, 2) and [s[0] for s in f.shapes] == size
    )
    if right is None:
        return None
    b = d.values[right]
    shapes = [(*p[:axis], *p[axis + 1 :], *q[1:]) for p, q in zip(a.shapes, b.shapes, strict=True)]
    return Drawn((left, right), {"axes": (axis, 0)}, (anything(a.dtype, shapes),))


row(
    "tensordot", _draw_tensordot,
    lambda b, x, y, axes: b.tf.tensordot(x, y, [[axes[0]], [axes[1]]]),
)  # fmt: skip


def _draw_softmax(d: Draw) -> Drawn | None:
    number = d.pick(
        lambda f: (
            f.dtype in ("float32", "float64") and f.rank > 0 and _nonempty(f) and f.bound < 1e4
        )
    )
    if number is None:
        return None
    f = d.values[number]
    name = d.choose("nn.softmax", "nn.log_softmax")
    low, high = (0, 1) if name == "nn.softmax" else (-3e4, 0)
    return Drawn((number,), {"name": name}, (ranged(f, low, high),))


row("softmax", _draw_softmax, lambda b, x, name: b.function(name)(x), 2)


def _draw_bias(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in ("float32", "float64") and f.rank in (2, 3))
    if number is None:
        return None
    f = d.values[number]
    sizes = [shape[-1:] for shape in f.shapes]
    bias = d.pick(lambda g: g.dtype == f.dtype and list(g.shapes) == sizes)
    if bias is None:
        return None
    return Drawn((number, bias), {}, (_sum_facts(f, d.values[bias], f.shapes),))


row("nn.bias_add", _draw_bias, lambda b, x, bias: b.tf.nn.bias_add(x, bias), 5)


def _draw_cross_entropy(d: Draw) -> Drawn | None:
    logits = d.pick(
        lambda f: f.dtype in ("float32", "float64") and f.rank == 2 and _nonempty(f)
        and f.bound < 1e4
    )  # fmt: skip
    if logits is None:
        return None
    f = d.values[logits]
    rows = [shape[:1] for shape in f.shapes]
    labels = d.pick(lambda g: g.dtype in ("int32", "int64") and list(g.shapes) == rows)
    if labels is None:
        return None
    return Drawn((logits, labels), {}, (result(f.dtype, rows, 0, 4e4),))


def _build_cross_entropy(b: Any, logits: Any, labels: Any) -> Any:
    tf = b.tf
    classes = tf.cast(tf.shape(logits)[1], labels.dtype)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.floormod(labels, classes), logits=logits
    )


row("cross entropy", _draw_cross_entropy, _build_cross_entropy, 5)


def _draw_moments(d: Draw) -> Drawn | None:
    number = d.pick(
        lambda f: (
            f.dtype in ("float32", "float64") and f.rank > 0 and _nonempty(f) and f.bound < 1e6
        )
    )
    if number is None:
        return None
    f = d.values[number]
    axis = d.integer(0, f.rank - 1)
    shapes = [reduced(shape, axis, False) for shape in f.shapes]
    return Drawn(
        (number,), {"axes": (axis,)},
        (result(f.dtype, shapes, f.low, f.high), result(f.dtype, shapes, 0, INF)),
    )  # fmt: skip


row("nn.moments", _draw_moments, lambda b, x, axes: list(b.tf.nn.moments(x, list(axes))))
