"""The strategy: random programs."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import rows_control, rows_math, rows_nn, rows_shape, rows_sizes, rows_state
from tests.fuzz.draw import ROWS, Draw
from tests.fuzz.program import SIZES, Program, Run, Stage

# They add their rows.
_MODULES = (rows_control, rows_math, rows_nn, rows_shape, rows_sizes, rows_state)


@st.composite
def shrinkable_programs(draw: Any) -> Program:
    """Programs of which hypothesis finds small ones; it prefers few and simple statements."""
    return program(lambda low, high: draw(st.integers(low, high)))


def programs() -> st.SearchStrategy[Program]:
    """Programs of all sizes alike, each made from one drawn number."""
    return st.integers(0, 2**62).map(lambda seed: program(random.Random(seed).randint))


def program(integer: Callable[[int, int], int]) -> Program:
    """A program of some 5 to 25 statements, and what is run of it."""
    d = Draw(integer)
    for _ in range(d.choose(2, 1, 3)):
        d.add(ROWS["placeholder"], rows_state.draw_placeholder(d))
    for _ in range(d.choose(1, 2, 0, 3)):
        d.add(ROWS["variable"], rows_state.draw_variable(d))
    d.grow(d.integer(3, 18))
    late = _late(d) if d.chance(20) else ()
    statements = tuple(d.statements)
    runs = tuple([_run(d) for _ in range(d.choose(2, 1, 3))])
    variables = [number for number, s in enumerate(statements) if s.row == "variable"]
    uninitialized = (d.choose(*variables),) if variables and d.chance(7) else ()
    return Program(d.seed(), statements, late, runs, uninitialized)


def _late(d: Draw) -> tuple[tuple[int, int], ...]:
    last = len(d.statements) - 1
    pairs = {
        tuple(sorted((d.integer(0, last), d.integer(0, last)))) for _ in range(d.integer(1, 2))
    }
    leaves = ("placeholder", "variable")
    return tuple(sorted([(a, b) for a, b in pairs if a != b and d.statements[a].row not in leaves]))


def _feedable(d: Draw) -> list[int]:
    found = []
    for s in d.statements:
        if not ROWS[s.row].of_variables and s.row not in ("placeholder", "constant"):
            found += [s.first + i for i in range(len(s.outputs))]
    return found


def _fetch(d: Draw) -> tuple[str, int]:
    kind = d.choose("value", "value", "value", "value", "op", "variable")
    variables = [number for number, s in enumerate(d.statements) if s.row == "variable"]
    if kind == "op":
        number = len(d.statements) - 1 - d.integer(0, len(d.statements) - 1)
        return ("op", number)
    if kind == "variable" and variables:
        return ("variable", d.choose(*variables))
    back = d.integer(0, len(d.values) - 1) if d.chance(40) else d.integer(0, len(d.values) // 3)
    return ("value", max(0, len(d.values) - 1 - back))


def _run(d: Draw) -> Run:
    fetches = tuple([_fetch(d) for _ in range(d.choose(2, 1, 3, 4, 5))])
    feeds = [s.first for s in d.statements if s.row == "placeholder"]
    defaults = [s.first for s in d.statements if s.row == "placeholder" and s.args["default"]]
    feeds = [n for n in feeds if not (n in defaults and d.chance(50))]
    if feeds and d.chance(4):
        feeds.remove(d.choose(*feeds))
    inner = _feedable(d)
    if inner and d.chance(25):
        feeds += sorted({d.choose(*inner) for _ in range(d.choose(1, 2))})
    seeds = tuple([(number, d.seed()) for number in feeds])
    sizes = d.integer(0, SIZES - 1)
    times = d.choose(1, 3, 2, 4)
    if not d.chance(30):
        return Run(sizes, (Stage(fetches, seeds),), times)
    fed = {number for number, _ in seeds}
    fetches = tuple([f for f in fetches if f[0] != "value" or f[1] not in fed])
    count = d.choose(2, 3)
    parts: list[tuple[list[Any], list[Any]]] = [([], []) for _ in range(count)]
    for fetch in fetches:
        parts[d.integer(0, count - 1)][0].append(fetch)
    for seed in seeds:
        parts[d.choose(0, 0, 0, 0, 0, 1)][1].append(seed)
    for _, again in parts[1:]:
        if fed and d.chance(30):  # the next batch of a feed
            again += [(n, d.seed()) for n in [d.choose(*sorted(fed))] if n not in dict(again)]
    stages = tuple([Stage(tuple(f), tuple(s)) for f, s in parts if f])
    if not stages:
        return Run(sizes, (Stage(fetches, seeds),), times)
    return Run(sizes, stages, times, True)
