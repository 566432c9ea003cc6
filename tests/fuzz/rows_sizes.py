"""Rows of arithmetic with shapes: values that are known as soon as the shapes are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.fuzz.draw import Draw, Drawn, result, row
from tests.fuzz.program import SIZES, Facts, Shape
from tests.fuzz.rows_shape import any_value, moved


def known_facts(dtype: str, values: Any) -> Facts:
    """An integer value that is known with each of the sizes."""
    arrays = tuple([np.array(value, dtype) for value in values])
    low = min([float(np.min(a, initial=0)) for a in arrays])
    high = max([float(np.max(a, initial=0)) for a in arrays])
    f = result(dtype, [a.shape for a in arrays], low, high, 0)
    return Facts(f.dtype, f.shapes, f.low, f.high, 0, arrays)


def _draw_shape(d: Draw) -> Drawn | None:
    number = d.pick(any_value)
    if number is None:
        return None
    f = d.values[number]
    name, to = d.choose("shape", "size", "rank", "one size"), d.choose("int32", "int64")
    if name == "one size" and f.rank == 0:
        return None
    axis = d.integer(0, f.rank - 1) if name == "one size" else 0
    find = {
        "shape": lambda s: s, "size": math.prod, "rank": len, "one size": lambda s: s[axis]
    }[name]  # fmt: skip
    to = "int32" if name == "rank" else to
    args = {"name": name, "to": to, "axis": axis}
    return Drawn((number,), args, (known_facts(to, [find(s) for s in f.shapes]),))


def _build_shape(b: Any, x: Any, name: str, to: str, axis: int) -> Any:
    if name == "rank":
        return b.tf.rank(x)
    if name == "one size":
        return b.tf.shape(x, out_type=b.dtype(to))[axis]
    return b.function(name)(x, out_type=b.dtype(to))


row("shape", _draw_shape, _build_shape, 7)


def _is_known(f: Facts) -> bool:
    return f.known is not None


def _draw_shape_arithmetic(d: Draw) -> Drawn | None:
    def fits(a: Facts, b: Facts) -> bool:
        return a.dtype == b.dtype and (a.shapes == b.shapes or a.rank == 0 or b.rank == 0)

    pair = d.pick_pair(_is_known, fits)
    if pair is None:
        return None
    name = d.choose("add", "multiply", "maximum")
    left, right = d.values[pair[0]].known, d.values[pair[1]].known
    assert left is not None
    assert right is not None
    function = getattr(np, name)
    values = [function(p, q) for p, q in zip(left, right, strict=True)]
    if max([int(np.max(v, initial=0)) for v in values]) > 200:
        return None
    return Drawn(pair, {"name": name}, (known_facts(d.values[pair[0]].dtype, values),))


row("arithmetic of shapes", _draw_shape_arithmetic, lambda b, x, y, name: b.function(name)(x, y), 8)


def _draw_pack_sizes(d: Draw) -> Drawn | None:
    first = d.pick(lambda f: _is_known(f) and f.rank == 0)
    if first is None:
        return None
    f = d.values[first]
    second = d.pick(lambda g: _is_known(g) and g.rank == 0 and g.dtype == f.dtype)
    assert second is not None
    numbers = (first, second) if d.chance(60) else (first,)
    values = [[d.values[n].known[i] for n in numbers] for i in range(SIZES)]  # type: ignore[index]
    return Drawn(numbers, {}, (known_facts(f.dtype, values),))


row("stack of sizes", _draw_pack_sizes, lambda b, *xs: b.tf.stack(list(xs)), 8)


def _draw_concat_sizes(d: Draw) -> Drawn | None:
    def vector(f: Facts) -> bool:
        return _is_known(f) and f.rank == 1

    pair = d.pick_pair(vector, lambda a, b: a.dtype == b.dtype)
    if pair is None:
        return None
    values = [
        np.concatenate([d.values[n].known[i] for n in pair])  # type: ignore[index]
        for i in range(SIZES)
    ]
    if max([v.size for v in values]) > 4:
        return None
    return Drawn(pair, {}, (known_facts(d.values[pair[0]].dtype, values),))


row("concat of sizes", _draw_concat_sizes, lambda b, *xs: b.tf.concat(list(xs), 0), 5)


def _draw_known_cast(d: Draw) -> Drawn | None:
    number = d.pick(_is_known)
    if number is None:
        return None
    f = d.values[number]
    to = "int64" if f.dtype == "int32" else "int32"
    return Drawn((number,), {"to": to}, (known_facts(to, f.known),))


row("cast of sizes", _draw_known_cast, lambda b, x, to: b.tf.cast(x, b.dtype(to)))


def _is_small_shape(f: Facts) -> bool:
    return (
        f.known is not None and f.rank == 1
        and len({value.size for value in f.known}) == 1
        and all([int(np.prod(value)) <= 64 and value.size <= 4 for value in f.known])
        and all([int(np.min(value, initial=0)) >= 0 for value in f.known])
    )  # fmt: skip


def _known_shapes(f: Facts) -> list[Shape]:
    assert f.known is not None
    return [tuple([int(n) for n in value]) for value in f.known]


def _draw_fill(d: Draw) -> Drawn | None:
    shape = d.pick(_is_small_shape)
    if shape is None:
        return None
    value = d.pick(lambda f: f.rank == 0)
    if value is None:
        return None
    f = d.values[value]
    return Drawn((shape, value), {}, (moved(f, _known_shapes(d.values[shape])),))


row("fill", _draw_fill, lambda b, shape, value: b.tf.fill(shape, value), 5)


def _draw_zeros(d: Draw) -> Drawn | None:
    shape = d.pick(_is_small_shape)
    if shape is None:
        return None
    args = {"name": d.choose("zeros", "ones"), "to": d.choose("float32", "int32", "bool")}
    return Drawn((shape,), args, (result(args["to"], _known_shapes(d.values[shape]), 0, 1, 0),))


row("zeros", _draw_zeros, lambda b, shape, name, to: b.function(name)(shape, dtype=b.dtype(to)))


def _draw_range(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.known is not None and f.rank == 0 and 0 <= f.low and f.high <= 30)
    if number is None:
        return None
    f = d.values[number]
    return Drawn((number,), {}, (known_facts(f.dtype, [np.arange(v) for v in f.known]),))  # type: ignore[union-attr]


row("range", _draw_range, lambda b, limit: b.tf.range(limit), 4)


def _draw_reshape_to_known(d: Draw) -> Drawn | None:
    shape = d.pick(_is_small_shape)
    if shape is None:
        return None
    wanted = _known_shapes(d.values[shape])
    number = d.pick(
        lambda f: all([math.prod(s) == math.prod(w) for s, w in zip(f.shapes, wanted, strict=True)])
    )
    if number is None:
        return None
    return Drawn((number, shape), {}, (moved(d.values[number], wanted),))


row("reshape to a shape", _draw_reshape_to_known, lambda b, x, shape: b.tf.reshape(x, shape), 8)


def _draw_broadcast(d: Draw) -> Drawn | None:
    shape = d.pick(_is_small_shape)
    if shape is None:
        return None
    wanted = _known_shapes(d.values[shape])

    def fits(f: Facts) -> bool:
        try:
            return all(
                [np.broadcast_shapes(s, w) == w for s, w in zip(f.shapes, wanted, strict=True)]
            )
        except ValueError:
            return False

    number = d.pick(fits)
    if number is None:
        return None
    return Drawn((number, shape), {}, (moved(d.values[number], wanted),))


row("broadcast_to", _draw_broadcast, lambda b, x, shape: b.tf.broadcast_to(x, shape), 5)


def _draw_known_slice(d: Draw) -> Drawn | None:
    """x[:n] or x[n:] with a computed n."""
    number = d.pick(lambda f: f.rank >= 1)
    if number is None:
        return None
    f = d.values[number]
    end = d.pick(lambda g: g.known is not None and g.rank == 0)
    if end is None:
        return None
    ends = d.values[end].known
    assert ends is not None
    start = d.chance(50)
    shapes = [
        np.empty(s, np.int8)[int(n) :].shape if start else np.empty(s, np.int8)[: int(n)].shape
        for s, n in zip(f.shapes, ends, strict=True)
    ]
    return Drawn((number, end), {"start": start}, (moved(f, shapes),))


row(
    "slice at a size", _draw_known_slice,
    lambda b, x, n, start: x[n:] if start else x[:n], 4,
)  # fmt: skip


def _draw_sequence_mask(d: Draw) -> Drawn | None:
    most = d.pick(lambda f: f.known is not None and f.rank == 0 and 0 <= f.low and f.high <= 10)
    lengths = d.pick(lambda f: f.dtype in ("int32", "int64") and f.rank == 1)
    if most is None or lengths is None:
        return None
    if d.values[most].dtype != d.values[lengths].dtype:
        return None
    known = d.values[most].known
    assert known is not None
    shapes = [(*s, int(n)) for s, n in zip(d.values[lengths].shapes, known, strict=True)]
    return Drawn((lengths, most), {}, (result("bool", shapes, 0, 1),))


row(
    "sequence_mask", _draw_sequence_mask, lambda b, lengths, most: b.tf.sequence_mask(lengths, most)
)
