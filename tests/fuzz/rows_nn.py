"""Rows of what networks are built of: convolutions, pooling, cells, gradients of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.fuzz.draw import Draw, Drawn, anything, ranged, result, row
from tests.fuzz.program import INF, Facts
from tests.fuzz.rows_shape import moved

_REAL = ("float32", "float64")


def _is_image(f: Facts) -> bool:
    return f.dtype == "float32" and f.rank == 2 and all(min(s) >= 2 for s in f.shapes)


def _as_image(b: Any, x: Any) -> Any:
    return b.tf.expand_dims(b.tf.expand_dims(x, 0), 3)


def _draw_conv(d: Draw) -> Drawn | None:
    number = d.pick(_is_image)
    if number is None:
        return None
    padding, stride = d.choose("SAME", "VALID"), d.choose(1, 2)
    shapes = []
    for height, width in d.values[number].shapes:
        sizes = [n if padding == "SAME" else n - 1 for n in (height, width)]
        shapes.append((1, *[-(-n // stride) for n in sizes], 2))
    args = {"padding": padding, "stride": stride, "seed": d.seed()}
    return Drawn((number,), args, (anything("float32", shapes),))


def _build_conv(b: Any, x: Any, padding: str, stride: int, seed: int) -> Any:
    values = np.random.RandomState(seed).uniform(-1, 1, (2, 2, 1, 2)).astype(np.float32)
    strides = [1, stride, stride, 1]
    return b.tf.nn.conv2d(_as_image(b, x), b.tf.constant(values), strides, padding)


row("nn.conv2d", _draw_conv, _build_conv, 3)


def _draw_pool(d: Draw) -> Drawn | None:
    name = d.choose("nn.max_pool", "nn.avg_pool")
    number = d.pick(lambda f: _is_image(f) and (f.exact or name == "nn.avg_pool"))
    if number is None:
        return None
    f = d.values[number]
    shapes = [(1, -(-h // 2), -(-w // 2), 1) for h, w in f.shapes]
    bits = f.bits if name == "nn.max_pool" else None
    return Drawn((number,), {"name": name}, (result("float32", shapes, f.low, f.high, bits),))


def _build_pool(b: Any, x: Any, name: str) -> Any:
    return b.function(name)(_as_image(b, x), [1, 2, 2, 1], [1, 2, 2, 1], "SAME")


row("nn.max_pool", _draw_pool, _build_pool, 3)


def _draw_batch_norm(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: _is_image(f) and f.bound < 1e3)
    if number is None:
        return None
    shapes = [(1, *s, 1) for s in d.values[number].shapes]
    outputs = (anything("float32", shapes), anything("float32", [(1,)] * len(shapes)))
    return Drawn((number,), {}, outputs)


def _build_batch_norm(b: Any, x: Any) -> Any:
    y, mean, _ = b.tf.nn.fused_batch_norm(_as_image(b, x), [1.5], [0.25], epsilon=0.1)
    return [y, mean]


row("nn.fused_batch_norm", _draw_batch_norm, _build_batch_norm, 2)


def _draw_cell(d: Draw) -> Drawn | None:
    number = d.pick(
        lambda f: f.dtype == "float32" and f.rank == 3 and f.least_size > 0
        and len({s[2] for s in f.shapes}) == 1
    )  # fmt: skip
    if number is None:
        return None
    shapes = d.values[number].shapes
    lengths = d.pick(lambda g: g.dtype == "int32" and list(g.shapes) == [s[:1] for s in shapes])
    use_lengths = lengths is not None and d.chance(60)
    args = {"cell": d.choose("BasicRNNCell", "GRUCell"), "number": len(d.statements)}
    outputs = (
        result("float32", [(*s[:2], 2) for s in shapes], -1, 1),
        result("float32", [(s[0], 2) for s in shapes], -1, 1),
    )
    inputs = (number, lengths) if use_lengths else (number,)
    return Drawn(inputs, args, outputs)  # type: ignore[arg-type]


def _build_cell(b: Any, x: Any, *lengths: Any, cell: str, number: int) -> Any:
    tf = b.tf
    made = getattr(tf.nn.rnn_cell, cell)(2)
    given = tf.floormod(lengths[0], tf.shape(x)[1] + 1) if lengths else None
    x = tf.tanh(x)  # large numbers saturate, where the gradients are but rounding
    return tf.nn.dynamic_rnn(made, x, given, dtype=tf.float32, scope=f"rnn_{len(b.ops)}")


row("nn.dynamic_rnn", _draw_cell, _build_cell, 3, in_blocks=False)


def _draw_top(d: Draw) -> Drawn | None:
    number = d.pick(
        lambda f: f.dtype in ("float32", "int32") and f.exact and f.rank >= 1
        and min(s[-1] for s in f.shapes) > 0
    )  # fmt: skip
    if number is None:
        return None
    f = d.values[number]
    k = d.integer(1, min(s[-1] for s in f.shapes))
    shapes = [(*s[:-1], k) for s in f.shapes]
    places = result("int32", shapes, 0, max(s[-1] for s in f.shapes))
    return Drawn((number,), {"k": k}, (moved(f, shapes), places))


row("nn.top_k", _draw_top, lambda b, x, k: list(b.tf.nn.top_k(x, k)), 2)


def _draw_sort(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in ("float32", "int32") and f.exact and f.rank >= 1)
    if number is None:
        return None
    f = d.values[number]
    return Drawn(
        (number,), {"direction": d.choose("ASCENDING", "DESCENDING")}, (moved(f, f.shapes),)
    )


row("sort", _draw_sort, lambda b, x, direction: b.tf.sort(x, direction=direction))


def _draw_unique(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in ("int32", "int64", "string") and f.rank == 1)
    if number is None:
        return None
    f = d.values[number]
    return Drawn((number,), {}, (result("int32", f.shapes, 0, 64),))


row("places in unique", _draw_unique, lambda b, x: b.tf.unique(x)[1])


def _draw_norm(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in _REAL)
    if number is None:
        return None
    f = d.values[number]
    return Drawn((number,), {}, (ranged(f, -2, 2),))


row("clip_by_norm", _draw_norm, lambda b, x: b.tf.clip_by_norm(x + 0.5, 2.0))


def _draw_where(d: Draw) -> Drawn | None:
    """A choice that broadcasts."""
    condition = d.pick(lambda f: f.dtype == "bool")
    value = d.pick(lambda f: f.dtype in (*_REAL, "int32"))
    if condition is None or value is None:
        return None
    f, c = d.values[value], d.values[condition]
    try:
        shapes = [np.broadcast_shapes(s, t) for s, t in zip(f.shapes, c.shapes, strict=True)]
    except ValueError:
        return None
    zeros = result(f.dtype, shapes, min(0, f.low), max(0, f.high), f.bits)
    return Drawn((condition, value), {}, (zeros,))


def _build_where(b: Any, condition: Any, x: Any) -> Any:
    return b.tf.where_v2(condition, x, b.tf.zeros([], x.dtype.base_dtype))


row("where_v2", _draw_where, _build_where, 2)


# Gradients of one's own


def _draw_custom(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in _REAL)
    if number is None:
        return None
    return Drawn((number,), {"again": d.chance(50)}, (ranged(d.values[number], -INF, INF),))


def _build_custom(b: Any, x: Any, again: bool) -> Any:
    tf = b.tf
    if again:
        with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
            return tf.recompute_grad(lambda y: tf.tanh(y) * y)(x)

    def halved(y: Any) -> Any:
        return tf.tanh(y) * 2.0, lambda grad: grad * 0.5 * tf.sign(y)

    return tf.custom_gradient(halved)(x)


row("custom_gradient", _draw_custom, _build_custom, 3)


def _draw_joined(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype == "string")
    if number is None:
        return None
    shapes = d.values[number].shapes
    other = d.pick(lambda f: f.dtype == "string" and f.shapes == shapes)
    assert other is not None
    return Drawn((number, other), {}, (Facts("string", shapes),))


row("string_join", _draw_joined, lambda b, x, y: b.tf.string_join([x, y], "-"), 2)
