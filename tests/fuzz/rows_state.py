"""Rows of leaves (placeholders, constants, variables), updates, random numbers and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.fuzz.draw import LIMITS, Draw, Drawn, anything, result, row
from tests.fuzz.program import INF, Facts
from tests.fuzz.rows_shape import moved
from tests.fuzz.rows_sizes import known_facts

TYPES = (
    ("float32",) * 6
    + ("float64",) * 2
    + ("int32",) * 3
    + ("int64", "bool", "float16", "int8", "uint8", "string")
)

# Exact floats are multiples of 2**-_BITS. Those of variables stay in these bounds: an assignment
# puts less than _ASSIGNED there, and an addition, done at most 90 times, less than _ADDED.
_BITS = 3
_HELD, _ASSIGNED, _ADDED = 4096.0, 64.0, 4.0


def _leaf_facts(d: Draw, dtype: str, shapes: Any) -> Facts:
    if dtype == "string":
        return Facts(dtype, tuple(shapes))
    if dtype == "bool":
        return result(dtype, shapes, 0, 1)
    if dtype in LIMITS:
        low, high = d.choose((-3, 5), (0, 3), LIMITS[dtype])
        return result(dtype, shapes, low if dtype != "uint8" else 0, high)
    kind = d.choose("exact", "exact", "rough", "rough", "special")
    if kind == "exact":
        return result(dtype, shapes, -4, 4, 1 if dtype == "float16" else 2)
    if kind == "rough":
        return result(dtype, shapes, -3, 3)
    return anything(dtype, shapes)


def array_of(facts: Facts, sizes: int, seed: int) -> Any:
    """A value that fits what is known of it: the same one for a seed."""
    if facts.known is not None:
        return facts.known[sizes]
    random = np.random.RandomState(seed)
    shape = facts.shapes[sizes]
    if facts.dtype == "string":
        items = np.array([b"", b"a", b"bc", b"\x00\xff"], object)
        return np.array(items[random.randint(0, 4, shape)], object)
    dtype = np.dtype(facts.dtype)
    if dtype.kind == "b":
        return random.uniform(size=shape) < 0.5
    if dtype.kind in "iu":
        low, high = int(facts.low), int(facts.high)
        if random.uniform() < 0.6:
            low, high = max(low, -4), max(max(low, -4), min(high, 6))
        return _integers(random, low, high, shape, dtype)
    if facts.bits is not None and facts.exact:
        step = 2.0**-facts.bits
        low, high = int(max(facts.low, -64) / step), int(min(facts.high, 64) / step)
        return (random.randint(low, max(low, high) + 1, size=shape) * step).astype(dtype)
    low, high = max(facts.low, -4.0), min(facts.high, 4.0)
    if low > high:
        low, high = facts.low, facts.high
    values = random.uniform(low, high, size=shape).astype(dtype)
    if facts.low == -INF and facts.high == INF and random.uniform() < 0.3:
        special = np.array([np.nan, np.inf, -np.inf, -0.0, 1e4, 0.0], dtype)
        places = random.uniform(size=shape) < 0.3
        values = np.where(places, special[random.randint(0, 6, size=shape)], values).astype(dtype)
    return np.asarray(values)


def _integers(random: Any, low: int, high: int, shape: Any, dtype: Any) -> Any:
    flat = [
        low + int(random.randint(0, 2**62)) % (high - low + 1) for _ in range(int(np.prod(shape)))
    ]
    return np.array(flat, dtype).reshape(shape)


# Leaves


def draw_placeholder(d: Draw) -> Drawn:
    """A placeholder: some sizes open, or the rank too."""
    if d.chance(12):
        return _draw_fed_size(d)
    dtype = d.choose(*TYPES)
    shapes = d.shapes()
    facts = _leaf_facts(d, dtype, shapes)
    sizes = list(zip(*shapes, strict=True))
    static: Any = tuple([
        pair[0] if pair[0] == pair[1] and not d.chance(20) else None for pair in sizes
    ])  # fmt: skip
    if d.chance(5):
        static = "unknown"
    return Drawn((), {"dtype": dtype, "static": static, "default": d.chance(8)}, (facts,))


def _draw_fed_size(d: Draw) -> Drawn:
    """A placeholder for one size or two, of which others can make shapes."""
    sizes = [d.size() for _ in range(d.choose(1, 2))]
    values = list(zip(*sizes, strict=True)) if len(sizes) > 1 or d.chance(50) else sizes[0]
    facts = known_facts(d.choose("int32", "int64"), values)
    args = {"dtype": facts.dtype, "static": facts.shapes[0], "default": False}
    return Drawn((), args, (facts,))


def _build_placeholder(b: Any, dtype: str, static: Any, default: bool) -> Any:
    shape = None if static == "unknown" else list(static)
    if default and shape is not None and None not in shape:
        value = np.ones(shape, dtype)
        return b.tf.placeholder_with_default(value, shape)
    return b.tf.placeholder(b.dtype(dtype), shape)


row("placeholder", draw_placeholder, _build_placeholder, 0)


def draw_constant(d: Draw) -> Drawn:
    """A constant: small ones, some of more than 64 bytes, few of more than 4096."""
    dtype = d.choose(*TYPES)
    if d.chance(2):
        shapes = ((1100,), (1100,))
    else:
        shape = d.shapes()[0]
        shapes = (shape, shape)
    facts = _leaf_facts(d, dtype, shapes)
    return Drawn((), {"facts": facts, "seed": d.seed()}, (facts,))


def _build_constant(b: Any, facts: Facts, seed: int) -> Any:
    return b.tf.constant(array_of(facts, 0, seed))


row("constant", draw_constant, _build_constant, 1)


def draw_variable(d: Draw) -> Drawn:
    """A variable, of either kind; initialized by a constant, by random numbers, or by another."""
    dtype = d.choose(
        "float32", "float32", "float32", "float32", "float64", "int32", "int64", "bool"
    )
    shape = d.shapes(2)[0]
    initial = result(dtype, (shape,) * 2, 0, 1)
    if dtype in ("int32", "int64"):
        initial, facts = result(dtype, (shape,) * 2, -3, 5), anything(dtype, (shape,) * 2)
    elif dtype == "bool":
        facts = initial
    elif d.chance(50):
        initial = result(dtype, (shape,) * 2, -8, 8, _BITS)
        facts = result(dtype, (shape,) * 2, -_HELD, _HELD, _BITS)
    else:
        initial, facts = result(dtype, (shape,) * 2, -2, 2), anything(dtype, (shape,) * 2)
    args = {"resource": d.chance(50), "initial": initial, "seed": d.seed(), "drawn": d.chance(15)}
    return Drawn((), args, (facts,))


def _build_variable(b: Any, resource: bool, initial: Facts, seed: int, drawn: bool) -> Any:
    tf = b.tf
    if drawn and initial.is_float and not initial.exact:
        value = tf.random_normal(initial.shapes[0], dtype=b.dtype(initial.dtype), seed=seed)
    else:
        value = array_of(initial, 0, seed)
    return tf.Variable(value, use_resource=resource, dtype=b.dtype(initial.dtype))


row("variable", draw_variable, _build_variable, 0)


# Updates. The first input is the variable.


def _variables(d: Draw, test: Any = lambda f: True) -> int | None:
    numbers = {s.first for s in d.statements if s.row == "variable"}
    found = [n for n in sorted(numbers) if test(d.values[n])]
    return d.choose(*found) if found else None


def _fits_into(held: Facts, limit: float) -> Any:
    """What may be put into a variable, so that what is known of its value stays true."""

    def test(f: Facts) -> bool:
        if f.dtype != held.dtype:
            return False
        if not held.is_float or held.bits is None:
            return True
        return f.bits is not None and f.bits <= _BITS and f.bound <= limit

    return test


def _draw_update(d: Draw) -> Drawn | None:
    number = _variables(d)
    if number is None:
        return None
    held = d.values[number]
    names = (
        ["assign"] if held.dtype == "bool" else ["assign", "assign_add", "assign_add", "assign_sub"]
    )
    name = d.choose(*names)
    fits = _fits_into(held, _ASSIGNED if name == "assign" else _ADDED)
    value = d.pick(lambda f: f.shapes == held.shapes and fits(f))
    if value is None:
        return None
    return Drawn((number, value), {"name": name, "method": d.chance(50)}, (held,))


def _build_update(b: Any, variable: Any, value: Any, name: str, method: bool) -> Any:
    value = b.tensor_of(value)
    if method:
        return b.tf.convert_to_tensor(getattr(variable, name)(value))
    return b.tf.convert_to_tensor(getattr(b.tf, name)(variable, value))


row("update", _draw_update, _build_update, 8, of_variables=True)


def _draw_silent_update(d: Draw) -> Drawn | None:
    drawn = _draw_update(d)
    return None if drawn is None else Drawn(drawn.inputs, {"name": drawn.args["name"]}, ())


def _build_silent_update(b: Any, variable: Any, value: Any, name: str) -> Any:
    done = getattr(variable, name)(b.tensor_of(value), read_value=False)
    return done if isinstance(done, b.tf.Operation) else done.op


row("update without a value", _draw_silent_update, _build_silent_update, 3, of_variables=True)


def _draw_scatter(d: Draw) -> Drawn | None:
    number = _variables(d, lambda f: f.rank >= 1 and f.least_size > 0 and f.dtype != "bool")
    if number is None:
        return None
    held = d.values[number]
    names = ["scatter_update", "scatter_add", "scatter_sub"]
    if held.is_integer:
        names += ["scatter_mul", "scatter_max", "scatter_min"]
    elif held.exact:
        names += ["scatter_max", "scatter_min"]
    name = d.choose(*names)
    fits = _fits_into(held, _ADDED / 8 if name in ("scatter_add", "scatter_sub") else _ASSIGNED)
    updates = d.pick(
        lambda f: fits(f) and f.rank == held.rank
        and all(s[1:] == held.shapes[0][1:] and s[0] <= 8 for s in f.shapes)
    )  # fmt: skip
    if updates is None:
        return None
    sizes = [s[:1] for s in d.values[updates].shapes]
    rows = held.shapes[0][0]
    # The last one of equal rows wins an update; XLA may let another one win.
    if name == "scatter_update":
        counts = {s[0] for s in sizes}
        if len(counts) > 1 or max(counts) > rows:
            return None
        start = d.integer(0, rows - 1)
        places = tuple([(start + i) % rows for i in range(max(counts))])
        return Drawn((number, updates), {"name": name, "rows": places}, (held,))
    indices = d.pick(lambda f: f.dtype in ("int32", "int64") and list(f.shapes) == sizes)
    if indices is None:
        return None
    return Drawn((number, updates, indices), {"name": name, "rows": None}, (held,))


def _build_scatter(b: Any, variable: Any, updates: Any, *indices: Any, name: str, rows: Any) -> Any:
    tf = b.tf
    if rows is not None:
        places = tf.constant(np.array(rows, np.int32))
    else:
        places = b.tensor_of(indices[0])
        places = tf.floormod(places, tf.constant(variable.shape[0].value, places.dtype))
    return tf.convert_to_tensor(getattr(tf, name)(variable, places, b.tensor_of(updates)))


row("scatter", _draw_scatter, _build_scatter, 4, of_variables=True)


def _draw_read(d: Draw) -> Drawn | None:
    number = _variables(d)
    if number is None:
        return None
    return Drawn(
        (number,),
        {"name": d.choose("read_value", "value", "initialized_value")},
        (d.values[number],),
    )


row("read", _draw_read, lambda b, variable, name: getattr(variable, name)(), 4, of_variables=True)


def _draw_is_initialized(d: Draw) -> Drawn | None:
    number = _variables(d)
    return None if number is None else Drawn((number,), {}, (result("bool", ((), ()), 0, 1),))


row(
    "is_variable_initialized", _draw_is_initialized,
    lambda b, variable: b.tf.is_variable_initialized(variable),
    of_variables=True,
)  # fmt: skip


def _draw_sparse_read(d: Draw) -> Drawn | None:
    number = _variables(d, lambda f: f.rank >= 1 and f.least_size > 0)
    if number is None:
        return None
    indices = d.pick(lambda f: f.dtype in ("int32", "int64") and f.rank <= 2)
    if indices is None:
        return None
    held = d.values[number]
    shapes = [(*s, *held.shapes[0][1:]) for s in d.values[indices].shapes]
    return Drawn((number, indices), {}, (moved(held, shapes),))


def _build_sparse_read(b: Any, variable: Any, indices: Any) -> Any:
    indices = b.tensor_of(indices)
    rows = b.tf.constant(variable.shape[0].value, indices.dtype)
    return b.tf.nn.embedding_lookup(variable, b.tf.floormod(indices, rows))


row("embedding_lookup", _draw_sparse_read, _build_sparse_read, 2, of_variables=True)


# Random numbers


def _draw_random(d: Draw) -> Drawn | None:
    dtype = d.choose("float32", "float32", "float64")
    name = d.choose("random_uniform", "random_normal", "truncated_normal")
    known = d.pick(
        lambda f: f.known is not None and f.rank == 1 and f.high <= 8 and f.low >= 0
        and all(v.size <= 3 for v in f.known)
    )  # fmt: skip
    if known is not None and d.chance(40):
        inputs: tuple[int, ...] = (known,)
        values = d.values[known].known
        assert values is not None
        shapes = [tuple([int(n) for n in v]) for v in values]
        shape = None
    else:
        inputs = ()
        shape = d.shapes(2)[0]
        shapes = [shape, shape]
    facts = {
        "random_uniform": result(dtype, shapes, 0, 1, 23 if dtype == "float32" else 52),
        "random_normal": result(dtype, shapes, -9, 9),
        "truncated_normal": result(dtype, shapes, -2, 2),
    }[name]
    return Drawn(inputs, {"name": name, "dtype": dtype, "shape": shape, "seed": d.seed()}, (facts,))


def _build_random(b: Any, *known: Any, name: str, dtype: str, shape: Any, seed: int) -> Any:
    return b.function(name)(known[0] if known else shape, dtype=b.dtype(dtype), seed=seed)


row("random", _draw_random, _build_random, 3)


def _draw_random_integers(d: Draw) -> Drawn | None:
    shape = d.shapes(2)[0]
    dtype, high = d.choose("int32", "int64"), d.choose(1, 3, 10)
    args = {"shape": shape, "dtype": dtype, "high": high, "seed": d.seed()}
    return Drawn((), args, (result(dtype, (shape,) * 2, 0, high - 1),))


row(
    "random integers", _draw_random_integers,
    lambda b, shape, dtype, high, seed: b.tf.random_uniform(
        shape, maxval=high, dtype=b.dtype(dtype), seed=seed
    ),
)  # fmt: skip


def _draw_shuffle(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.rank >= 1)
    return (
        None
        if number is None
        else Drawn(
            (number,), {"seed": d.seed()}, (moved(d.values[number], d.values[number].shapes),)
        )
    )


row("random_shuffle", _draw_shuffle, lambda b, x, seed: b.tf.random_shuffle(x, seed=seed))


def _draw_dropout(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in ("float32", "float64"))
    if number is None:
        return None
    f = d.values[number]
    low, high = min(0, f.low * 2), max(0, f.high * 2)
    return Drawn((number,), {"seed": d.seed()}, (result(f.dtype, f.shapes, low, high, f.bits),))


row("nn.dropout", _draw_dropout, lambda b, x, seed: b.tf.nn.dropout(x, rate=0.5, seed=seed), 2)


# On the host, and what may fail


def _draw_noted(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype != "float16")
    return (
        None
        if number is None
        else Drawn((number,), {}, (moved(d.values[number], d.values[number].shapes),))
    )


def _build_noted(b: Any, x: Any) -> Any:
    result = b.tf.py_func(b.noter(), [x], x.dtype)
    result.set_shape(x.shape)
    return result


row("py_func", _draw_noted, _build_noted, 2)


def _build_queued(b: Any, x: Any) -> Any:
    tf = b.tf
    queue = tf.FIFOQueue(100, [x.dtype.base_dtype])
    with tf.control_dependencies([queue.enqueue([x])]):
        taken = queue.dequeue()
    taken.set_shape(x.shape)
    return taken


row("through a queue", _draw_noted, _build_queued, 2)


def _draw_guarded(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in ("float32", "float64"))
    return None if number is None else Drawn((number,), {}, (d.values[number],))


row("check_numerics", _draw_guarded, lambda b, x: b.tf.check_numerics(x, "a check"))


def _draw_assert(d: Draw) -> Drawn | None:
    number = d.pick(lambda f: f.dtype in ("float32", "int32") and f.exact)
    return None if number is None else Drawn((number,), {"least": d.choose(-1000, -3, 0)}, ())


def _build_assert(b: Any, x: Any, least: int) -> Any:
    tf = b.tf
    return tf.Assert(tf.reduce_all(x >= tf.cast(least, x.dtype)), [x])


row("Assert", _draw_assert, _build_assert)


def _draw_group(d: Draw) -> Drawn | None:
    return Drawn((), {}, ()) if d.statements else None


row("no_op", _draw_group, lambda b: b.tf.no_op())


# Gradients


def ancestors(d: Draw, number: int) -> set[int]:
    """The values that a value is computed from, itself among them."""
    found: set[int] = set()
    pending = [number]
    producer = {s.first + i: s for s in d.statements for i in range(len(s.outputs))}
    while pending:
        current = pending.pop()
        if current not in found:
            found.add(current)
            made = current in producer  # or it is an argument
            pending.extend(producer[current].inputs if made else ())
    return found


def _draw_gradients(d: Draw) -> Drawn | None:
    loss = d.pick(lambda f: f.dtype in ("float32", "float64"))
    if loss is None:
        return None
    sources = [n for n in sorted(ancestors(d, loss)) if d.values[n].is_float]
    numbers = tuple(dict.fromkeys([d.choose(*sources[::-1]) for _ in range(d.integer(1, 3))]))
    outputs = tuple([anything(d.values[n].dtype, d.values[n].shapes) for n in numbers])
    return Drawn((loss, *numbers), {}, outputs)


def _build_gradients(b: Any, loss: Any, *sources: Any) -> Any:
    tf = b.tf
    found = tf.gradients(b.tensor_of(loss), list(sources))
    return [
        tf.zeros_like(b.tensor_of(source)) if gradient is None else tf.convert_to_tensor(gradient)
        for gradient, source in zip(found, sources, strict=True)
    ]


row("gradients", _draw_gradients, _build_gradients, 6, of_variables=True)


def _draw_training(d: Draw) -> Drawn | None:
    loss = d.pick(lambda f: f.dtype == "float32")
    if loss is None:
        return None
    before = ancestors(d, loss)
    variables = [
        s.first for s in d.statements
        if s.row == "variable" and s.first in before and d.values[s.first].dtype == "float32"
        and d.values[s.first].bits is None
    ]  # fmt: skip
    if not variables:
        return None
    names = ("GradientDescent", "Momentum", "Adam", "Adagrad", "RMSProp")
    return Drawn((loss, *variables), {"name": d.choose(*names)}, ())


def _build_training(b: Any, loss: Any, *variables: Any, name: str) -> Any:
    optimizer = getattr(b.tf.train, f"{name}Optimizer")
    made = optimizer(0.1, 0.9) if name == "Momentum" else optimizer(0.1)
    return made.minimize(b.tensor_of(loss), var_list=list(variables))


row("training step", _draw_training, _build_training, 4, of_variables=True, in_blocks=False)
