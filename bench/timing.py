"""How a figure is timed; every peer's Python reads this, 3.7 too."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

BLOCKS = 5  # the median of so many blocks is the figure of a round

FIGURES: dict[str, Figure] = {}


class Figure:
    """One line of the table: its measurement, its unit, whether it needs a process of its own."""

    def __init__(self, name: str, unit: str, fresh: bool, measure: Callable[[Any], float]) -> None:
        self.name = name
        self.unit = unit
        self.fresh = fresh
        self.measure = measure


def figure(name: str, unit: str, fresh: bool = False) -> Callable[[Any], Any]:
    """Registers a function from the library to seconds; `fresh` ones get their own process."""

    def register(measure: Callable[[Any], float]) -> Callable[[Any], float]:
        if name in FIGURES:
            raise ValueError(f"two figures are called {name!r}")
        FIGURES[name] = Figure(name, unit, fresh, measure)
        return measure

    return register


def seconds_per_call(call: Callable[[], Any], warm_up: float = 0.2, budget: float = 0.5) -> float:
    """The time of one call: warmed up, then the median of equal blocks within a budget."""
    calls = 0
    start = time.perf_counter()
    while calls < 5 or time.perf_counter() - start < warm_up:
        call()
        calls += 1
    single = (time.perf_counter() - start) / calls
    repeats = max(1, int(budget / BLOCKS / single))
    blocks = []
    for _ in range(BLOCKS):
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        blocks.append((time.perf_counter() - start) / repeats)
    return statistics.median(blocks)


def seconds_of(call: Callable[[], Any]) -> float:
    """The time of one single call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
