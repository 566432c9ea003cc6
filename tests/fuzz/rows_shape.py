"""Rows that move numbers about: shapes, slices, joins, gathers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.fuzz.draw import Draw, Drawn, anything, mapped, most_bits, result, row
from tests.fuzz.program import SIZES, Facts, Shape


def any_value(f: Facts) -> bool:
    return True


def moved(f: Facts, shapes: Any, zeros: bool = False) -> Facts:
    """A value of items of another one; zeros among them where told so."""
    low, high = (min(f.low, 0), max(f.high, 0)) if zeros else (f.low, f.high)
    return result(f.dtype, shapes, low, high, f.bits)


def _of_rank(least: int, most: int = 4) -> Any:
    return lambda f: least <= f.rank <= most


def _mover(
    name: str, test: Any, args: Any, change: Any, build: Any, weight: int = 1, zeros: bool = False
) -> None:
    """A row of one value: `args(d, facts)` draws, `change(shape, **args)` tells the new shape."""

    def draw(d: Draw) -> Drawn | None:
        number = d.pick(lambda f: len(f.ranks) == 1 and test(f))
        if number is None:
            return None
        f = d.values[number]
        drawn = args(d, f)
        if drawn is None:
            return None
        shapes = mapped(f, lambda shape: change(shape, **drawn))
        if shapes is None:
            return None
        return Drawn((number,), drawn, (moved(f, shapes, zeros),))

    row(name, draw, build, weight)


# Identities


def _draw_same(d: Draw) -> Drawn | None:
    number = d.pick(any_value)
    if number is None:
        return None
    return Drawn((number,), {}, (d.values[number],))


row("identity", _draw_same, lambda b, x: b.tf.identity(x), 3)
row("stop_gradient", _draw_same, lambda b, x: b.tf.stop_gradient(x))


def _draw_identity_n(d: Draw) -> Drawn | None:
    numbers = [d.pick(any_value) for _ in range(d.integer(2, 3))]
    if None in numbers:
        return None
    return Drawn(tuple(numbers), {}, tuple([d.values[n] for n in numbers]))  # type: ignore[arg-type, index]


row("identity_n", _draw_identity_n, lambda b, *xs: b.tf.identity_n(list(xs)), 2)
row("tuple", _draw_identity_n, lambda b, *xs: b.tf.tuple(list(xs)))


# Shapes


def _reshaped(shape: Shape, shape_to: tuple[int, ...]) -> Shape | None:
    size = math.prod(shape)
    known = math.prod([n for n in shape_to if n >= 0])
    if -1 not in shape_to:
        return shape_to if known == size else None
    if known == 0 or size % known:
        return None
    return tuple([size // known if n < 0 else n for n in shape_to])


def _draw_reshape(d: Draw, f: Facts) -> dict[str, Any] | None:
    targets: list[tuple[int, ...]] = [(-1,), (1, -1), (-1, 1)]
    if f.rank >= 2 and len({s[-1] for s in f.shapes}) == 1 and f.shapes[0][-1]:
        targets += [(-1, f.shapes[0][-1])]
    if len(set(f.shapes)) == 1:
        targets += [f.shapes[0], f.shapes[0][::-1], (*f.shapes[0], 1)]
    return {"shape_to": d.choose(*targets)}


_mover(
    "reshape",
    any_value,
    _draw_reshape,
    _reshaped,
    lambda b, x, shape_to: b.tf.reshape(x, list(shape_to)),
    3,
)


def _permutation(d: Draw, f: Facts) -> dict[str, Any]:
    places = list(range(f.rank))
    for i in range(f.rank - 1):
        j = d.integer(i, f.rank - 1)
        places[i], places[j] = places[j], places[i]
    return {"perm": tuple(places)}


_mover(
    "transpose", _of_rank(1), _permutation,
    lambda shape, perm: tuple([shape[p] for p in perm]),
    lambda b, x, perm: b.tf.transpose(x, list(perm)), 3,
)  # fmt: skip


def _expanded(shape: Shape, axis: int) -> Shape:
    place = axis if axis >= 0 else len(shape) + 1 + axis
    return (*shape[:place], 1, *shape[place:])


_mover(
    "expand_dims", _of_rank(0, 3), lambda d, f: {"axis": d.integer(-f.rank - 1, f.rank)}, _expanded,
    lambda b, x, axis: b.tf.expand_dims(x, axis), 2,
)  # fmt: skip


def _draw_squeeze(d: Draw, f: Facts) -> dict[str, Any] | None:
    ones = [i for i in range(f.rank) if all(s[i] == 1 for s in f.shapes)]
    if not ones:
        return None
    axis = d.choose(*ones)
    return {"axis": axis if d.chance(60) else axis - f.rank}


_mover(
    "squeeze", _of_rank(1), _draw_squeeze,
    lambda shape, axis: tuple([n for i, n in enumerate(shape) if i != axis % len(shape)]),
    lambda b, x, axis: b.tf.squeeze(x, [axis]),
)  # fmt: skip
_mover(
    "tile", lambda f: 1 <= f.rank <= 3 and f.most_size <= 64,
    lambda d, f: {"times": tuple([d.choose(1, 2, 3, 0) for _ in range(f.rank)])},
    lambda shape, times: tuple([n * t for n, t in zip(shape, times, strict=True)]),
    lambda b, x, times: b.tf.tile(x, list(times)),
)  # fmt: skip
_mover(
    "pad", lambda f: 1 <= f.rank <= 3 and f.dtype not in ("bool", "string"),
    lambda d, f: {"by": tuple([(d.integer(0, 2), d.integer(0, 1)) for _ in range(f.rank)])},
    lambda shape, by: tuple([n + a + z for n, (a, z) in zip(shape, by, strict=True)]),
    lambda b, x, by: b.tf.pad(x, [list(pair) for pair in by]), 1, True,
)  # fmt: skip
_mover(
    "reverse", _of_rank(1), lambda d, f: {"axis": d.integer(-f.rank, f.rank - 1)},
    lambda shape, axis: shape, lambda b, x, axis: b.tf.reverse(x, [axis]),
)  # fmt: skip
_mover(
    "roll", _of_rank(1),
    lambda d, f: {"shift": d.integer(-3, 5), "axis": d.integer(0, f.rank - 1)},
    lambda shape, shift, axis: shape, lambda b, x, shift, axis: b.tf.roll(x, shift, axis),
)  # fmt: skip
_mover(
    "matrix_band_part", lambda f: f.rank >= 2 and f.dtype not in ("bool", "string"),
    lambda d, f: {"lower": d.integer(-1, 2), "upper": d.integer(-1, 2)},
    lambda shape, lower, upper: shape,
    lambda b, x, lower, upper: b.tf.matrix_band_part(x, lower, upper), 1, True,
)  # fmt: skip
_mover(
    "matrix_diag", lambda f: 1 <= f.rank <= 2 and f.dtype not in ("bool", "string"),
    lambda d, f: {},
    lambda shape: (*shape, shape[-1]), lambda b, x: b.tf.matrix_diag(x), 1, True,
)  # fmt: skip


# Slices


def _draw_index(d: Draw, f: Facts) -> dict[str, Any]:
    """A list of what stands between the brackets: numbers, slices as triples, None, Ellipsis."""
    items: list[Any] = []
    for axis in range(d.integer(0, f.rank)):
        least = min(shape[axis] for shape in f.shapes)
        kind = d.choose("slice", "slice", "number", "new")
        if kind == "number" and least > 0:
            items.append(d.integer(-least, least - 1))
        elif kind == "new":
            items += [None, (None, None, None)]
        else:
            step = d.choose(None, None, 1, 2, -1, -2)
            items.append((d.choose(None, 0, 1, -1, -2), d.choose(None, 1, 2, -1, 3), step))
    if d.chance(15):
        items.append("...")
    return {"index": tuple(items)}


def as_index(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """The items as Python's brackets take them."""
    made = [slice(*item) if isinstance(item, tuple) else item for item in index]
    return tuple([Ellipsis if item == "..." else item for item in made])


def _indexed(shape: Shape, index: tuple[Any, ...]) -> Shape:
    return np.empty(shape, np.int8)[as_index(index)].shape


_mover("getitem", _of_rank(1), _draw_index, _indexed, lambda b, x, index: x[as_index(index)], 4)


def _draw_slice(d: Draw, f: Facts) -> dict[str, Any]:
    begins, sizes = [], []
    for axis in range(f.rank):
        least = min(shape[axis] for shape in f.shapes)
        begin = d.integer(0, least)
        begins.append(begin)
        sizes.append(-1 if d.chance(50) else d.integer(0, least - begin))
    return {"begin": tuple(begins), "size": tuple(sizes)}


_mover(
    "slice", _of_rank(1), _draw_slice,
    lambda shape, begin, size: tuple(
        [n - b if s < 0 else s for n, b, s in zip(shape, begin, size, strict=True)]
    ),
    lambda b, x, begin, size: b.tf.slice(x, list(begin), list(size)),
)  # fmt: skip


def _draw_split(d: Draw) -> Drawn | None:
    number = d.pick(_of_rank(1))
    if number is None:
        return None
    f = d.values[number]
    axis = d.integer(0, f.rank - 1)
    parts = d.choose(1, 2, 3)
    if any([shape[axis] % parts for shape in f.shapes]):
        return None
    shapes = [(*s[:axis], s[axis] // parts, *s[axis + 1 :]) for s in f.shapes]
    return Drawn((number,), {"parts": parts, "axis": axis}, (moved(f, shapes),) * parts)


row("split", _draw_split, lambda b, x, parts, axis: b.tf.split(x, parts, axis), 2)


def _draw_unstack(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.rank > 0)
    if number is None:
        return None
    f = d.values[number]
    axis = d.integer(0, f.rank - 1)
    count = f.shapes[0][axis]
    if not 1 <= count <= 4 or len({shape[axis] for shape in f.shapes}) > 1:
        return None
    shapes = [(*s[:axis], *s[axis + 1 :]) for s in f.shapes]
    return Drawn((number,), {"count": count, "axis": axis}, (moved(f, shapes),) * count)


row("unstack", _draw_unstack, lambda b, x, count, axis: b.tf.unstack(x, count, axis), 2)


# Joins


def _joined(numbers: list[int], d: Draw, shapes: Any) -> Facts:
    parts = [d.values[n] for n in numbers]
    low, high = min([p.low for p in parts]), max([p.high for p in parts])
    return result(parts[0].dtype, shapes, low, high, most_bits(*parts))


def _draw_concat(d: Draw) -> Drawn | None:
    number = d.pick(_of_rank(1))
    if number is None:
        return None
    f = d.values[number]
    axis = d.integer(0, f.rank - 1)

    def fits(g: Facts) -> bool:
        return (
            g.dtype == f.dtype and g.rank == f.rank
            and all(
                p[:axis] == q[:axis] and p[axis + 1 :] == q[axis + 1 :]
                for p, q in zip(f.shapes, g.shapes, strict=True)
            )
        )  # fmt: skip

    numbers = [number, *[d.pick(fits) for _ in range(d.integer(0, 2))]]
    total = [sum([d.values[n].shapes[i][axis] for n in numbers]) for i in range(SIZES)]  # type: ignore[index]
    shapes = [(*s[:axis], n, *s[axis + 1 :]) for s, n in zip(f.shapes, total, strict=True)]
    args = {"axis": axis if d.chance(60) else axis - f.rank}
    return Drawn(tuple(numbers), args, (_joined(numbers, d, shapes),))  # type: ignore[arg-type]


row("concat", _draw_concat, lambda b, *xs, axis: b.tf.concat(list(xs), axis), 3)


def _draw_stack(d: Draw) -> Drawn | None:
    number = d.pick(_of_rank(0, 2))
    if number is None:
        return None
    f = d.values[number]
    fits = [
        d.pick(lambda g: g.dtype == f.dtype and g.shapes == f.shapes)
        for _ in range(d.integer(0, 2))
    ]
    numbers = [number, *fits]
    axis = d.integer(0, f.rank)
    shapes = [(*s[:axis], len(numbers), *s[axis:]) for s in f.shapes]
    return Drawn(tuple(numbers), {"axis": axis}, (_joined(numbers, d, shapes),))  # type: ignore[arg-type]


row("stack", _draw_stack, lambda b, *xs, axis: b.tf.stack(list(xs), axis), 3)


# Gathers


def _draw_gather(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.rank >= 1)
    if number is None:
        return None
    f = d.values[number]
    axis = d.integer(0, f.rank - 1)
    if min(s[axis] for s in f.shapes) == 0:
        return None
    indices = d.pick(lambda g: g.dtype in ("int32", "int64") and g.rank <= 2)
    if indices is None:
        return None
    i = d.values[indices]
    shapes = [(*s[:axis], *t, *s[axis + 1 :]) for s, t in zip(f.shapes, i.shapes, strict=True)]
    return Drawn((number, indices), {"axis": axis}, (moved(f, shapes),))


def _build_gather(b: Any, x: Any, indices: Any, axis: int) -> Any:
    tf = b.tf
    rows = tf.shape(x, out_type=indices.dtype)[axis]
    return tf.gather(x, tf.floormod(indices, rows), axis=axis)


row("gather", _draw_gather, _build_gather, 3)


def _draw_gather_constant(d: Draw, f: Facts) -> dict[str, Any] | None:
    least = min([s[0] for s in f.shapes])
    if least == 0:
        return None
    return {"rows": tuple([d.integer(0, least - 1) for _ in range(d.integer(0, 4))])}


_mover(
    "gather of rows", _of_rank(1), _draw_gather_constant,
    lambda shape, rows: (len(rows), *shape[1:]),
    lambda b, x, rows: b.tf.gather(x, np.array(rows, np.int32)), 2,
)  # fmt: skip


def _draw_gather_nd(d: Draw, f: Facts) -> dict[str, Any] | None:
    least = [min([s[axis] for s in f.shapes]) for axis in range(2)]
    if 0 in least:
        return None
    pairs = [tuple([d.integer(0, n - 1) for n in least]) for _ in range(d.integer(1, 3))]
    return {"places": tuple(pairs)}


_mover(
    "gather_nd", _of_rank(2), _draw_gather_nd,
    lambda shape, places: (len(places), *shape[2:]),
    lambda b, x, places: b.tf.gather_nd(x, [list(place) for place in places]),
)  # fmt: skip


def _draw_one_hot(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in ("int32", "int64", "uint8") and f.rank <= 2)
    if number is None:
        return None
    f = d.values[number]
    depth = d.integer(1, 4)
    to = d.choose("float32", "int32", "float64")
    shapes = [(*s, depth) for s in f.shapes]
    return Drawn((number,), {"depth": depth, "to": to}, (result(to, shapes, 0, 1, 0),))


row("one_hot", _draw_one_hot, lambda b, x, depth, to: b.tf.one_hot(x, depth, dtype=b.dtype(to)), 2)


def _draw_scatter_nd(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.rank in (1, 2) and f.dtype in ("float32", "float64", "int32"))
    if number is None:
        return None
    f = d.values[number]
    rows = d.integer(1, 4)
    indices = d.pick(lambda g: g.dtype == "int32" and list(g.shapes) == [s[:1] for s in f.shapes])
    if indices is None:
        return None
    most = max([s[0] for s in f.shapes])
    shapes = [(rows, *s[1:]) for s in f.shapes]
    low, high = min(0, f.low * max(1, most)), max(0, f.high * max(1, most))
    return Drawn((number, indices), {"rows": rows}, (result(f.dtype, shapes, low, high, f.bits),))


def _build_scatter_nd(b: Any, updates: Any, indices: Any, rows: int) -> Any:
    tf = b.tf
    places = tf.expand_dims(tf.floormod(indices, rows), 1)
    shape = tf.concat([[rows], tf.shape(updates)[1:]], 0)
    return tf.scatter_nd(places, updates, shape)


row("scatter_nd", _draw_scatter_nd, _build_scatter_nd)


def _build_segments(b: Any, updates: Any, indices: Any, rows: int) -> Any:
    return b.tf.unsorted_segment_sum(updates, b.tf.floormod(indices, rows), rows)


row("unsorted_segment_sum", _draw_scatter_nd, _build_segments)


# What has a shape that follows from values: reduced at once, so that its shape is known again


def _draw_masked(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in ("float32", "float64", "int32") and f.rank in (1, 2))
    if number is None:
        return None
    f = d.values[number]
    mask = d.pick(lambda g: g.dtype == "bool" and list(g.shapes) == [s[:1] for s in f.shapes])
    if mask is None:
        return None
    low, high = min(0, f.low * 25), max(0, f.high * 25)
    shapes = [s[1:] for s in f.shapes]
    return Drawn((number, mask), {}, (result(f.dtype, shapes, low, high, f.bits),))


row(
    "sum of boolean_mask", _draw_masked,
    lambda b, x, mask: b.tf.reduce_sum(b.tf.boolean_mask(x, mask), 0), 2,
)  # fmt: skip


def _draw_places(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype == "bool" and f.rank >= 1)
    if number is None:
        return None
    f = d.values[number]
    return Drawn((number,), {}, (anything("int64", [(len(s),) for s in f.shapes]),))


row("sum of places", _draw_places, lambda b, x: b.tf.reduce_sum(b.tf.where(x), 0))
