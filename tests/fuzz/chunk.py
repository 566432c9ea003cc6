"""Runs some random programs, and gathers what came of them."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.builder import CannotBuild
from tests.fuzz.compare import differences
from tests.fuzz.program import Program
from tests.fuzz.reduce import reduced
from tests.fuzz.strategy import programs


@dataclass
class Tally:
    """What came of programs.

    Attributes:
        counts: how many ran, how many were refused when built, how many ended in which way.
        found: the programs that showed a difference, made small, as texts.
    """

    counts: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Adds another one."""
        self.counts += other.counts
        self.found += other.found


def difference_of(program: Program, tally: Tally | None = None) -> str:
    """What differs between the ways to run a program, in words; an empty text for nothing."""
    counts = Counter() if tally is None else tally.counts
    try:
        found = differences(program, counts=counts)
    except CannotBuild:
        counts["refused when built"] += 1
        return ""
    except Exception:  # an error that is no OpError comes out of a run: a difference, too
        return traceback.format_exc()
    counts["graphs run"] += 1
    return "\n".join([str(difference) for difference in found[:3]])


def smaller(program: Program, tries: int = 200) -> Program:
    """A smaller program that shows a difference too, found in so many tries."""
    left = iter(range(tries))

    def shows(candidate: Program) -> bool:
        return next(left, None) is not None and bool(difference_of(candidate))

    return reduced(program, shows)


def run_chunk(start: int, count: int) -> Tally:
    """Runs so many programs, those of a seed."""
    tally = Tally()

    @seed(start)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(programs())
    def run_one(program: Program) -> None:
        what = difference_of(program, tally)
        if what:
            tally.counts["different"] += 1
            small = smaller(program)
            tally.found.append(f"{small}\n{difference_of(small)}")

    run_one()
    return tally
