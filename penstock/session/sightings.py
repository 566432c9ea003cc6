"""What a session sees of its first runs, for `advise`: lines, sizes and checksums, never the data.

A plan is looked at in its first runs only: closely in the first few and then now and again, so that
later runs pay nothing.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from penstock.graph.graph import Graph
from penstock.graph.operation import UserFrame, user_frame
from penstock.runtime.stats import RunRecord

_CLOSE_LOOKS = 32  # runs of a plan that are looked at one after the other
_THEN_EVERY = 16
_MOST_GROWTH = 4096
_NUMBER = np.zeros(())
_NUMBERS = (int, float, np.generic)
_WHOLE_BYTES = 1 << 14  # a larger array is known by a sample of its elements
_SAMPLED_ELEMENTS = 4096


class FeedSightings:
    """What was seen of one feed of a plan.

    Attributes:
        checksums: of the values: two different ones are kept at most; None for what has none.
        seconds: that making arrays of the values took, where they were none.
        scalar: the last value that was a number.
    """

    __slots__ = ("checksums", "scalar", "seconds")

    def __init__(self) -> None:
        self.checksums: set[int | None] = set()
        self.seconds = 0.0
        self.scalar: Any = None

    def look(self, value: Any) -> int | None:
        """Looks at a value, and gives its checksum."""
        if type(value) is np.ndarray:
            found = checksum(value)
        elif isinstance(value, _NUMBERS):
            self.scalar = value
            found = hash(value)
        else:
            start = time.perf_counter()
            array = _as_array(value)
            if isinstance(value, list | tuple):
                self.seconds += time.perf_counter() - start
            found = checksum(array)
        if len(self.checksums) < 2:
            self.checksums.add(found)
        return found


class PlanSightings:
    """What was seen of a plan.

    Attributes:
        looks: runs that were looked at closely.
        lines: how many of them each of the user's lines made.
        feeds: what was seen of each feed.
        result_bytes: the most bytes of each fetch.
        before, after: how many looks came right after, and right before, one of another plan.
        same_feeds: how many of those in `before`, of other plans, had the same values for the feeds
            of both.
    """

    def __init__(self, record: RunRecord) -> None:
        self.runs = 0
        self.looks = 0
        self.lines: dict[UserFrame, int] = {}
        self.feeds = [FeedSightings() for _ in record.feeds]
        self.result_bytes = [0] * len(record.fetches)
        self.before: dict[RunRecord | None, int] = {}
        self.after: dict[RunRecord, int] = {}
        self.same_feeds: dict[RunRecord, int] = {}


class SessionsMade:
    """What the sessions that one line made did.

    Attributes:
        count: how many there were.
        calls: runs of those that are closed.
        run_seconds: what these took.
        prepare_seconds: what making them and their plans took.
        closed: how many are closed.
    """

    def __init__(self) -> None:
        self.count = 0
        self.closed = 0
        self.calls = 0
        self.run_seconds = 0.0
        self.prepare_seconds = 0.0


_sessions_made: dict[UserFrame, SessionsMade] = {}


class Sightings:
    """What one session sees.

    Args:
        graph: the session's graph.

    Attributes:
        made: the sessions of the line that made this one.
        line: that line.
        growth: how many operations the graph had, each time that they had become more.
        prepare_seconds: what making the session and its plans took.
        growth_seconds: what it took where operations had been added since the last one.
        plans: by the record of each plan.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.line = user_frame()
        self.made = _sessions_made.setdefault(self.line, SessionsMade())
        self.made.count += 1
        self.growth: list[int] = []
        self.prepare_seconds = 0.0
        self.growth_seconds = 0.0
        self.plans: dict[RunRecord, PlanSightings] = {}
        self._last: tuple[RunRecord, dict[Any, int | None] | None] | None = None
        self._unseen: list[RunRecord] = []  # plans that are no longer looked at
        self._unseen_runs = 0

    def prepared(self, seconds: float) -> None:
        """Notes that a call was looked up that `run` had not seen before."""
        self.prepare_seconds += seconds
        if self._has_grown() and len(self.growth) > 1:
            self.growth_seconds += seconds

    def _has_grown(self) -> bool:
        count = self._graph.version
        if (self.growth and count == self.growth[-1]) or len(self.growth) >= _MOST_GROWTH:
            return False
        self.growth.append(count)
        return True

    def see(self, record: RunRecord, values: Sequence[Any], results: Sequence[Any]) -> bool:
        """Looks at a run of a plan that is still new; tells whether closely."""
        plan = self.plans.get(record)
        if plan is None:
            plan = self.plans[record] = PlanSightings(record)
        plan.runs += 1
        self._has_grown()
        if plan.runs > _CLOSE_LOOKS and plan.runs % _THEN_EVERY:
            self._last = (record, None)
            return False
        line = user_frame()
        record.shape_tables[0][tuple([_as_array(value).shape for value in values])] = None
        plan.looks += 1
        plan.lines[line] = plan.lines.get(line, 0) + 1
        fed = {
            tensor: feed.look(value)
            for tensor, feed, value in zip(record.feeds, plan.feeds, values, strict=True)
        }
        for place, result in enumerate(results):
            size = getattr(result, "nbytes", 0)
            if size > plan.result_bytes[place]:
                plan.result_bytes[place] = size
        self._note_order(record, plan, fed)
        self._last = (record, fed)
        return True

    def _note_order(
        self, record: RunRecord, plan: PlanSightings, fed: dict[Any, int | None]
    ) -> None:
        last, self._last = self._last, None
        unseen = sum([other.calls for other in self._unseen])
        if unseen != self._unseen_runs:
            self._unseen_runs = unseen
            plan.before[None] = plan.before.get(None, 0) + 1
        elif last is not None and last[1] is not None:
            other, other_fed = last
            plan.before[other] = plan.before.get(other, 0) + 1
            after = self.plans[other].after
            after[record] = after.get(record, 0) + 1
            if other is not record and _same(fed, other_fed):
                plan.same_feeds[other] = plan.same_feeds.get(other, 0) + 1

    def done(self, record: RunRecord) -> None:
        """Notes that a plan is no longer looked at."""
        if record not in self._unseen:
            self._unseen.append(record)
            self._unseen_runs += record.calls

    def end(self, records: Iterable[RunRecord]) -> None:
        """Notes the end of the session."""
        made = self.made
        made.closed += 1
        made.prepare_seconds += self.prepare_seconds
        for record in records:
            made.calls += record.calls
            made.run_seconds += record.total


def _as_array(value: Any) -> Any:
    if type(value) is np.ndarray:
        return value
    if isinstance(value, _NUMBERS):
        return _NUMBER
    try:
        return np.asarray(value)
    except (TypeError, ValueError):  # what only its own converter can make an array of
        return np.array(None)


def _same(fed: dict[Any, int | None], other: dict[Any, int | None] | None) -> bool:
    """True where all feeds of one are feeds of the other, with the same values."""
    less, more = sorted([fed, other or {}], key=len)
    return all([value is not None and more.get(tensor) == value for tensor, value in less.items()])


def checksum(array: Any) -> int | None:
    """A number that tells arrays apart, by a sample of the elements of a large one.

    None for objects, which need not tell whether they changed, and for text.
    """
    if array.dtype.kind in "OSU":
        return None
    start = hash((array.shape, array.dtype.char)) & 0xFFFFFFFF
    if array.nbytes > _WHOLE_BYTES:
        step = max(1, array.size // _SAMPLED_ELEMENTS) | 1  # odd: not the same column of each row
        array = array.reshape(-1)[::step] if array.flags.c_contiguous else array.flat[::step]
    return zlib.crc32(array.tobytes(), start)
