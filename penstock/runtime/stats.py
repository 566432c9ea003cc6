"""What the runs of a session cost: times and counts of each plan, gathered while they run.

`RunRecord` is written on the hot path and so is bare; `RunStats` is what users look at.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.graph.operation import Operation, Tensor

KEPT_TIMES = 256  # of the latest runs: the median is theirs
FIRST_RUNS = 512  # runs of a plan at which more is looked at than the clock
MOST_PENDING = 256  # times that wait to be added up

Element = Tensor | Operation


class RunRecord:
    """What one plan did in one session.

    Whoever runs the plan appends to `times`, which threads may do at once, and calls `fold` when
    there are more than `MOST_PENDING`: on the hot path that costs little more than the clock.

    Attributes:
        fetches, feeds: what the plan gives and takes.
        staged: it is a stage of a partial run.
        times: nanoseconds that runs took which ended well and are not yet added up.
        shape_tables: their keys are the sets of shapes that were fed: a runner's own table, and one
            for the first runs.
        compiles: for each cluster the seconds that each of its compilations took.
    """

    __slots__ = (
        "_calls", "_latest", "_lock", "_nanoseconds",
        "compiles", "feeds", "fetches", "shape_tables", "staged", "times",
    )  # fmt: skip

    def __init__(
        self, fetches: Sequence[Element], feeds: Sequence[Tensor], staged: bool = False
    ) -> None:
        self.fetches = tuple(fetches)
        self.feeds = tuple(feeds)
        self.staged = staged
        self.times: list[int] = []
        self.shape_tables: list[dict[Any, Any]] = [{}]
        self.compiles: list[list[float]] = []
        self._calls = 0
        self._nanoseconds = 0
        self._latest = array("q")  # a quarter of what a list takes
        self._lock = threading.Lock()

    def add(self, nanoseconds: int) -> None:
        """Adds a run."""
        self.times.append(nanoseconds)
        if len(self.times) > MOST_PENDING:
            self.fold()

    def fold(self) -> None:
        """Adds up the times that wait."""
        with self._lock:
            batch = self.times[:]
            del self.times[: len(batch)]  # another thread may have appended meanwhile
            self._calls += len(batch)
            self._nanoseconds += sum(batch)
            self._latest = (self._latest + array("q", batch))[-KEPT_TIMES:]

    @property
    def calls(self) -> int:
        """The runs that ended well."""
        with self._lock:
            return self._calls + len(self.times)

    @property
    def total(self) -> float:
        """Seconds that they took, compiling included."""
        self.fold()
        return self._nanoseconds * 1e-9

    @property
    def median(self) -> float:
        """Seconds that half of the latest `KEPT_TIMES` runs stayed under."""
        import statistics  # slow to import

        self.fold()
        return statistics.median(self._latest) * 1e-9 if self._latest else 0.0

    @property
    def shapes(self) -> list[tuple[tuple[int, ...], ...]]:
        """The sets of shapes that were fed, each once."""
        count = len(self.feeds)  # a stage takes more than it is fed
        keys = [key[:count] for table in self.shape_tables for key in list(table)]
        return list(dict.fromkeys([key for key in keys if len(key) == count]))


@dataclass(frozen=True)
class PlanStats:
    """What one kind of run did in a session.

    Attributes:
        fetches: names of what it gave.
        feeds: names of what was fed.
        staged: it is a stage of a partial run.
        calls: runs that ended well.
        total_seconds: what they took together, compiling included.
        median_seconds: what half of the latest 256 stayed under.
        compile_seconds: what compiling took.
        compiles: programs that were compiled.
        recompiles: those of them that were made for other shapes of the same ops.
        shapes: the sets of shapes that were fed: for each feed its shape.
    """

    fetches: tuple[str, ...]
    feeds: tuple[str, ...]
    staged: bool
    calls: int
    total_seconds: float
    median_seconds: float
    compile_seconds: float
    compiles: int
    recompiles: int
    shapes: tuple[tuple[tuple[int, ...], ...], ...]

    @property
    def name(self) -> str:
        """The fetches and feeds in one line."""
        return run_name(self.fetches, self.feeds)


class RunStats(Sequence[PlanStats]):
    """What the runs of a session cost: a `PlanStats` for each kind, the dearest first.

    Args:
        records: what was gathered.

    Example:
        >>> sess.run_stats()[0].median_seconds
    """

    def __init__(self, records: Iterable[RunRecord]) -> None:
        plans = [_plan_stats(record) for record in records if record.calls]
        self._plans = sorted(plans, key=lambda plan: -plan.total_seconds)

    def __len__(self) -> int:
        return len(self._plans)

    def __getitem__(self, index: Any) -> Any:
        return self._plans[index]

    def __iter__(self) -> Iterator[PlanStats]:
        return iter(self._plans)

    def __repr__(self) -> str:
        if not self._plans:
            return "no runs yet"
        rows = [_HEADINGS, *[_row(plan) for plan in self._plans]]
        widths = [max([len(row[column]) for row in rows]) for column in range(len(_HEADINGS))]
        return "\n".join([_line(row, widths) for row in rows])

    def __rich__(self) -> Any:
        from rich.table import Table

        table = Table()
        for heading in _HEADINGS:
            table.add_column(heading, justify="left" if heading == "run" else "right")
        for plan in self._plans:
            table.add_row(*_row(plan))
        return table

    def _repr_html_(self) -> str:
        from html import escape

        lines = [(_HEADINGS, "th"), *[(_row(plan), "td") for plan in self._plans]]
        rows = [
            "<tr>" + "".join([f"<{tag}>{escape(cell)}</{tag}>" for cell in row]) + "</tr>"
            for row, tag in lines
        ]
        return f"<table>{''.join(rows)}</table>"


_HEADINGS = ("run", "calls", "total", "median", "compiling", "recompiles", "shapes")


def run_name(fetches: Sequence[str], feeds: Sequence[str]) -> str:
    """A run in one line: what it gives, and of what."""
    return ", ".join(fetches) + (f" ← {', '.join(feeds)}" if feeds else "")


def seconds_text(seconds: float) -> str:
    """A time with three digits and its unit.

    Example:
        >>> seconds_text(0.0000125)
        '12.5 µs'
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size:
            amount = seconds / size
            return f"{amount:.0f} {unit}" if amount >= 99.95 else f"{amount:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def _row(plan: PlanStats) -> tuple[str, ...]:
    return (
        plan.name + (" (stage)" if plan.staged else ""),
        f"{plan.calls:,}",
        seconds_text(plan.total_seconds),
        seconds_text(plan.median_seconds),
        seconds_text(plan.compile_seconds) if plan.compiles else "-",
        str(plan.recompiles) if plan.compiles else "-",
        str(len(plan.shapes)) if plan.feeds else "-",
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *rest = row
    cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
    return "  ".join([name.ljust(widths[0]), *cells])


def _plan_stats(record: RunRecord) -> PlanStats:
    per_cluster = [list(seconds) for seconds in record.compiles if seconds]
    count = sum(map(len, per_cluster))
    return PlanStats(
        tuple([fetch.name for fetch in record.fetches]),
        tuple([feed.name for feed in record.feeds]),
        record.staged,
        record.calls,
        record.total,
        record.median,
        sum(map(sum, per_cluster)),
        count,
        count - len(per_cluster),
        tuple(record.shapes),
    )
