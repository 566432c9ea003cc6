"""Rows with blocks: branches and loops, in each other too."""

from __future__ import annotations

from typing import Any

from tests.fuzz.draw import Draw, Drawn, anything, most_bits, result, row
from tests.fuzz.program import Block, Facts

_MOST_ROUNDS = 4


def _inputs(*groups: Any) -> tuple[int, ...]:
    """The values that a statement with blocks takes, each once; what blocks capture too."""
    numbers: dict[int, None] = {}
    for group in groups:
        if isinstance(group, Block):
            numbers.update(dict.fromkeys(sorted(group.captured())))
        else:
            numbers.update(dict.fromkeys(group))
    return tuple(numbers)


# What decides: a boolean scalar of any value that was not rounded


def _draw_test(d: Draw) -> tuple[int, float] | None:
    number = d.pick(lambda f: f.exact and f.least_size > 0 and f.dtype in _TESTED)
    if number is None:
        return None
    return number, d.choose(0, 1, -1, 2)


_TESTED = ("float32", "float64", "int32", "int64", "bool")


def _build_test(b: Any, value: Any, limit: float) -> Any:
    tf = b.tf
    if value.dtype.base_dtype == tf.bool:
        return tf.reduce_any(value)
    return tf.reduce_max(value) > tf.cast(limit, value.dtype.base_dtype)


# Branches


def _draw_cond(d: Draw) -> Drawn | None:
    test = _draw_test(d) if d.depth < 2 else None
    if test is None:
        return None
    branches = [d.block((), d.integer(0, 3)) for _ in range(2)]
    pairs = [_same_kind(d, branches) for _ in range(d.choose(1, 1, 2))]
    blocks = [
        d.block_of(branch, 0, [pair[place] for pair in pairs])
        for place, branch in enumerate(branches)
    ]
    outputs = tuple([_either(branches[0].values[p], branches[1].values[q]) for p, q in pairs])
    args = {"limit": test[1], "blocks": tuple(blocks)}
    return Drawn(_inputs([test[0]], *blocks), args, outputs)


def _same_kind(d: Draw, branches: list[Draw]) -> tuple[int, int]:
    """A value of each branch, both of one type and shape."""
    first = branches[0].pick(lambda f: True)
    assert first is not None
    f = branches[0].values[first]
    second = branches[1].pick(lambda g: g.dtype == f.dtype and g.shapes == f.shapes)
    if second is None:  # it is made in the first branch alone: take a value from outside
        first = second = d.integer(0, len(d.values) - 1)
    return first, second


def _either(one: Facts, other: Facts) -> Facts:
    low, high = min(one.low, other.low), max(one.high, other.high)
    return result(one.dtype, one.shapes, low, high, most_bits(one, other))


def _build_cond(b: Any, test: Any, *captured: Any, limit: float, blocks: Any) -> Any:
    then, other = blocks
    found = b.tf.cond(
        _build_test(b, b.tensor_of(test), limit),
        lambda: b.run_block(then), lambda: b.run_block(other), strict=True,
    )  # fmt: skip
    return list(found)


row("cond", _draw_cond, _build_cond, 12, of_variables=True)


def _draw_case(d: Draw) -> Drawn | None:
    tests = [_draw_test(d) for _ in range(2)] if d.depth < 2 else [None]
    if None in tests:
        return None
    branches = [d.block((), d.integer(0, 2)) for _ in range(3)]
    first = branches[0].pick(lambda f: True)
    assert first is not None
    f = branches[0].values[first]
    results = [first]
    for branch in branches[1:]:
        number = branch.pick(lambda g: g.dtype == f.dtype and g.shapes == f.shapes)
        if number is None:
            return None
        results.append(number)
    blocks = [d.block_of(branch, 0, [n]) for branch, n in zip(branches, results, strict=True)]
    facts = f
    for branch, number in zip(branches[1:], results[1:], strict=True):
        facts = _either(facts, branch.values[number])
    numbers = [test[0] for test in tests if test is not None]
    inputs = _inputs(numbers, *blocks)
    args = {
        "tests": tuple([inputs.index(n) for n in numbers]), "blocks": tuple(blocks),
        "limits": tuple([test[1] for test in tests if test is not None]),
    }  # fmt: skip
    return Drawn(inputs, args, (facts,))


def _build_case(b: Any, *inputs: Any, tests: Any, blocks: Any, limits: Any) -> Any:
    predicates = [
        _build_test(b, b.tensor_of(inputs[place]), limit)
        for place, limit in zip(tests, limits, strict=True)
    ]
    functions = [lambda block=block: b.run_block(block)[0] for block in blocks]
    pairs = list(zip(predicates, functions[:2], strict=True))
    return b.tf.case(pairs, default=functions[2])


row("case", _draw_case, _build_case, 4, of_variables=True)


# Loops


def _draw_rounds(d: Draw) -> tuple[int | None, int]:
    """How often a loop goes round: so many times, or a value of integers."""
    if d.chance(50):
        number = d.pick(lambda f: f.dtype in ("int32", "int64") and f.least_size > 0)
        if number is not None:
            return number, 0
    return None, d.integer(0, _MOST_ROUNDS)


def _draw_loop(d: Draw) -> Drawn | None:
    if d.depth >= 2:
        return None
    source, rounds = _draw_rounds(d)
    variables = [
        d.pick(lambda f: f.dtype in ("float32", "float64", "int32", "bool") and f.most_size <= 64)
        for _ in range(d.choose(1, 1, 2))
    ]
    if None in variables:
        return None
    kept: list[int] = [n for n in variables if n is not None]
    counter = result("int32", ((), ()), 0, _MOST_ROUNDS)
    facts = [anything(d.values[n].dtype, d.values[n].shapes) for n in kept]
    body = d.block((counter, *facts), d.integer(1, 4))
    results = [body.pick(lambda g, f=f: g.dtype == f.dtype and g.shapes == f.shapes) for f in facts]
    block = d.block_of(body, 1 + len(kept), [n for n in results if n is not None])
    inputs = _inputs([] if source is None else [source], kept, block)
    args = {
        "rounds": rounds, "given": source is not None, "body": block,
        "variables": tuple([inputs.index(n) for n in kept]),
        "open": d.chance(40), "most": d.choose(None, None, None, 2), "back_prop": not d.chance(7),
    }  # fmt: skip
    return Drawn(inputs, args, (counter, *facts))


def _build_loop(
    b: Any, *inputs: Any, rounds: int, given: bool, variables: Any, body: Any, open: bool,
    most: int | None, back_prop: bool,
) -> Any:  # fmt: skip
    tf = b.tf
    limit: Any = rounds
    if given:
        value = b.tensor_of(inputs[0])
        limit = tf.cast(tf.floormod(tf.reduce_max(value), 4), tf.int32)
    start = [tf.constant(0), *[b.tensor_of(inputs[n]) for n in variables]]
    found = tf.while_loop(
        lambda i, *rest: i < limit,
        lambda i, *rest: [i + 1, *b.run_block(body, [i, *rest])],
        start, shape_invariants=[tf.TensorShape([])] + [tf.TensorShape(None)] * len(variables)
        if open else None, maximum_iterations=most, back_prop=back_prop,
    )  # fmt: skip
    outputs = list(found)
    for output, value in zip(outputs[1:], start[1:], strict=True):
        output.set_shape(value.shape)
    return outputs


row("while_loop", _draw_loop, _build_loop, 10, of_variables=True)


# Loops over rows, with TensorArrays


def _draw_rows(d: Draw) -> Drawn | None:
    if d.depth >= 2:
        return None
    number = d.pick(
        lambda f: f.dtype in ("float32", "float64", "int32") and f.rank >= 1 and f.most_size <= 64
        and f.least_size > 0
    )  # fmt: skip
    if number is None:
        return None
    f = d.values[number]
    one = result(f.dtype, [s[1:] for s in f.shapes], f.low, f.high, f.bits)
    total = anything(f.dtype, one.shapes)
    body = d.block((one, total), d.integer(1, 3))
    first = body.pick(lambda g: g.dtype in ("float32", "float64", "int32", "bool"))
    second = body.pick(lambda g: g.dtype == f.dtype and g.shapes == one.shapes)
    assert first is not None
    assert second is not None
    block = d.block_of(body, 2, [first, second])
    g = body.values[first]
    shapes = [(s[0], *t) for s, t in zip(f.shapes, g.shapes, strict=True)]
    made = result(g.dtype, shapes, g.low, g.high, g.bits)
    args = {"body": block, "to": g.dtype, "dynamic": d.chance(30)}
    return Drawn(_inputs([number], block), args, (made, total))


def _build_rows(b: Any, rows_of: Any, *captured: Any, body: Any, to: str, dynamic: bool) -> Any:
    tf = b.tf
    x = b.tensor_of(rows_of)
    count = tf.shape(x)[0]
    rows = tf.TensorArray(x.dtype.base_dtype, size=count).unstack(x)
    made = tf.TensorArray(b.dtype(to), size=0 if dynamic else count, dynamic_size=dynamic)

    def step(i: Any, made: Any, total: Any) -> Any:
        result, total_after = b.run_block(body, [rows.read(i), total])
        total_after.set_shape(total.shape)
        return i + 1, made.write(i, result), total_after

    start = (tf.constant(0), made, tf.zeros_like(x[0]))
    _, made, total = tf.while_loop(lambda i, *rest: i < count, step, start)
    return [made.stack(), total]


row("loop over rows", _draw_rows, _build_rows, 7, of_variables=True)


# Functions of all elements


def _draw_rows_of(d: Draw, types: tuple[str, ...]) -> int | None:
    if d.depth >= 2:
        return None
    return d.pick(
        lambda f: f.dtype in types and f.rank >= 1 and f.most_size <= 64 and f.least_size > 0
    )


def _one_row(f: Facts) -> Facts:
    return result(f.dtype, [s[1:] for s in f.shapes], f.low, f.high, f.bits)


def _draw_map(d: Draw) -> Drawn | None:
    number = _draw_rows_of(d, ("float32", "float64", "int32", "bool"))
    if number is None:
        return None
    f = d.values[number]
    rows = [s[0] for s in f.shapes]
    other = d.pick(
        lambda g: g.rank >= 1 and [s[0] for s in g.shapes] == rows and g.dtype != "float16"
    )
    elements = (number,) if other is None or d.chance(50) else (number, other)
    facts = tuple([_one_row(d.values[n]) for n in elements])
    body = d.block(facts, d.integer(1, 3))
    made = body.pick(lambda g: g.dtype in ("float32", "float64", "int32", "bool"))
    assert made is not None
    g = body.values[made]
    shapes = [(s[0], *t) for s, t in zip(f.shapes, g.shapes, strict=True)]
    block = d.block_of(body, len(facts), [made])
    inputs = _inputs(elements, block)
    args = {"elements": tuple([inputs.index(n) for n in elements]), "body": block, "to": g.dtype}
    return Drawn(inputs, args, (result(g.dtype, shapes, g.low, g.high, g.bits),))


def _build_map(b: Any, *inputs: Any, elements: Any, body: Any, to: str) -> Any:
    given = [b.tensor_of(inputs[n]) for n in elements]
    if len(given) == 1:
        return b.tf.map_fn(lambda x: b.run_block(body, [x])[0], given[0], dtype=b.dtype(to))
    return b.tf.map_fn(lambda xs: b.run_block(body, xs)[0], given, dtype=b.dtype(to))


row("map_fn", _draw_map, _build_map, 5, of_variables=True)


def _draw_fold(d: Draw) -> Drawn | None:
    number = _draw_rows_of(d, ("float32", "float64", "int32"))
    if number is None:
        return None
    f = d.values[number]
    one = _one_row(f)
    total = anything(f.dtype, one.shapes)
    body = d.block((total, one), d.integer(1, 3))
    made = body.pick(lambda g: g.dtype == f.dtype and g.shapes == one.shapes)
    assert made is not None
    block = d.block_of(body, 2, [made])
    name = d.choose("scan", "scan", "foldl", "foldr")
    args = {
        "name": name, "body": block, "first": d.chance(40),
        "backwards": name == "scan" and d.chance(40),
    }  # fmt: skip
    out = anything(f.dtype, f.shapes) if name == "scan" else total
    return Drawn(_inputs([number], block), args, (out,))


def _build_fold(
    b: Any, rows_of: Any, *captured: Any, name: str, body: Any, first: bool, backwards: bool
) -> Any:
    x = b.tensor_of(rows_of)
    more: dict[str, Any] = {"reverse": True} if backwards else {}
    if not first:
        more["initializer"] = b.tf.ones_like(x[0])

    def step(total: Any, one: Any) -> Any:
        result = b.run_block(body, [total, one])[0]
        result.set_shape(total.shape)
        return result

    return b.function(name)(step, x, **more)


row("scan", _draw_fold, _build_fold, 5, of_variables=True)
