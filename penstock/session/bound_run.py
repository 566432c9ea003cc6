"""What `Session.run` looks up for a kind of call, and calls: the plan bound to a structure."""

from __future__ import annotations

import time
from typing import Any

from penstock.runtime.executor import Executor
from penstock.runtime.stats import FIRST_RUNS, MOST_PENDING
from penstock.session.fetches import Rebuild
from penstock.session.sightings import Sightings

_clock = time.perf_counter_ns


class BoundRun:
    """One kind of call: executes the plan, enters the time, and rebuilds the structure.

    Args:
        execute: runs the plan.
        rebuild: puts the results into the structure of the fetches.
        sightings: what the session sees of the first runs.
    """

    __slots__ = ("execute", "rebuild", "record", "sightings", "times")

    def __init__(self, execute: Executor, rebuild: Rebuild, sightings: Sightings) -> None:
        self.execute = execute
        self.rebuild = rebuild
        self.sightings = sightings
        self.record = execute.record
        self.times = execute.record.times

    def __call__(self, *values: Any) -> Any:
        start = _clock()
        results = self.execute.run(*values)
        times = self.times
        times.append(_clock() - start)
        if len(times) > MOST_PENDING:
            self.record.fold()
        return self.rebuild(results)


class _FirstRuns(BoundRun):
    """A `BoundRun` as long as its plan is new: it looks at what is fed as well."""

    __slots__ = ()

    def __call__(self, *values: Any) -> Any:
        start = _clock()
        results = self.execute.run(*values)
        self.record.add(_clock() - start)
        closely = self.sightings.see(self.record, values, results)
        if closely and self.record.calls >= FIRST_RUNS:
            self.sightings.done(self.record)
            self.__class__ = BoundRun  # type: ignore[assignment]  # from now on it costs nothing
        return self.rebuild(results)


def bound_run(execute: Executor, rebuild: Rebuild, sightings: Sightings) -> BoundRun:
    """The `BoundRun` of a plan and a structure."""
    kind = BoundRun if execute.record.calls >= FIRST_RUNS else _FirstRuns
    return kind(execute, rebuild, sightings)
