"""`penstock.advise(sess)`: what would be faster, in plain words."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

from penstock.graph.export import api
from penstock.graph.graph import Graph
from penstock.runtime.stats import seconds_text
from penstock.session.advice import (
    LEAST_CALLS,
    Advice,
    Case,
    changing_shapes,
    constant_feeds,
    large_fetches,
    line_text,
    runs_to_join,
    single_samples,
    trial_run,
)
from penstock.session.report import Branch
from penstock.session.session import BaseSession

_MANY_ROUNDS = 8  # of a loop that adds operations, or makes sessions
_LEAST_SHARE = 0.1  # of the time that must be to gain
_FEW_CALLS = 3  # of a session that is not used for more
_MOST_LINES = 5


class AdviceList(Sequence[Advice]):
    """What would be faster: a sequence of `Advice` that prints as text.

    Args:
        found: the advice.
    """

    def __init__(self, found: Sequence[Advice]) -> None:
        self._found = list(found)

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, index: Any) -> Any:
        return self._found[index]

    def __iter__(self) -> Iterator[Advice]:
        return iter(self._found)

    def __repr__(self) -> str:
        if not self._found:
            return "Nothing was seen that would make it faster."
        return "\n".join([f"{number}. {advice}" for number, advice in enumerate(self._found, 1)])

    def __rich__(self) -> Any:
        return self._tree()

    def _repr_html_(self) -> str:
        return self._tree()._repr_html_()

    def _tree(self) -> Branch:
        root = Branch(f"advice: {len(self._found)}" if self._found else repr(self), "bold")
        for advice in self._found:
            root.add(f"{advice.kind}, {advice.line}", "cyan").add(advice.text)
        return root


def advise(sess: BaseSession, trial: bool = False) -> AdviceList:
    """What would make a program faster, by what its session saw and measured.

    Args:
        sess: a session after some work; a closed one too.
        trial: measure on a batch of zeros what batches would gain: runs without effects only, in a
            session that is open.

    Returns:
        A sequence of `Advice`, empty where there is nothing to gain.

    Raises:
        TypeError: `sess` is no session.

    Example:
        >>> print(tf.advise(sess))
    """
    if not isinstance(sess, BaseSession):
        raise TypeError(f"advise takes a tf.Session, but got {type(sess)}")
    found = [*_growing_graph(sess), *_sessions_anew(sess)]
    cases = _cases(sess, trial)
    for case in cases:
        if case.record.calls >= LEAST_CALLS:
            executors = [e for e in sess._executors if e.record is case.record]
            found += [*single_samples(case), *changing_shapes(case, executors)]
            found += [*constant_feeds(case, cases), *large_fetches(case)]
    found += runs_to_join([case for case in cases if case.record.calls >= LEAST_CALLS])
    return AdviceList(found)


def _cases(sess: BaseSession, trial: bool) -> list[Case]:
    found = []
    for key, record in list(sess._executors.records.items()):
        seen = sess._sightings.plans.get(record)
        if seen is None or not seen.looks:  # a stage, or it never ended well
            continue
        plan = sess._executors.plan(key)
        trying = trial_run(plan, sess._state) if trial and not sess.closed else None
        found.append(Case(record, plan, seen, key[2], trying))
    return found


# Operations added in a loop


def _growing_graph(sess: BaseSession) -> Iterator[Advice]:
    growth = sess._sightings.growth
    if len(growth) < _MANY_ROUNDS:
        return
    counts: dict[str, int] = {}
    rounds: dict[str, set[int]] = {}
    for op in sess.graph.get_operations()[growth[0] :]:
        if op.frame is not None:
            line = line_text(op.frame)
            counts[line] = counts.get(line, 0) + 1
            rounds.setdefault(line, set()).add(bisect_left(growth, op._id))
    lines = [line for line in counts if len(rounds[line]) >= _MANY_ROUNDS]
    added = sum([counts[line] for line in lines])
    making = added * _seconds_per_op() + sess._sightings.growth_seconds
    running = sum([record.total for record in list(sess._executors.records.values())])
    if not lines or making < _LEAST_SHARE * (making + running):
        return
    lines.sort(key=lambda line: -counts[line])
    times = max([len(rounds[line]) for line in lines])
    also = f" So do {', '.join(lines[1:_MOST_LINES])}." if len(lines) > 1 else ""
    yield Advice(
        "growing graph",
        lines[0],
        f"this line adds operations to the graph in a loop around the runs, {added:,} in "
        f"{times:,} rounds, and they stay.{also} Making them and planning anew took about "
        f"{seconds_text(making)}; all runs took {seconds_text(running)}. Make them once, before "
        "the loop, and feed what changes; graph.finalize() then finds what still adds some.",
    )


def _seconds_per_op() -> float:
    """What making an operation takes here: measured in a graph of its own."""
    with Graph().as_default():
        value = api.constant(1.0)
        start = time.perf_counter()
        for _ in range(100):
            api.add(value, value)
        return (time.perf_counter() - start) / 100


# A session for every call


def _sessions_anew(sess: BaseSession) -> Iterator[Advice]:
    made = sess._sightings.made
    if made.count < _MANY_ROUNDS or made.closed < _MANY_ROUNDS - 1:
        return
    if made.calls > _FEW_CALLS * made.closed:
        return
    total = made.prepare_seconds + made.run_seconds
    if made.prepare_seconds < _LEAST_SHARE * total:
        return
    prepare, run = made.prepare_seconds / made.closed, made.run_seconds / made.closed
    calls = made.calls / made.closed
    yield Advice(
        "sessions anew",
        line_text(sess._sightings.line),
        f"this line made {made.count:,} sessions, with {calls:.2g} runs in each. Making and "
        f"planning took {seconds_text(prepare)} in each, running {seconds_text(run)}. Make one "
        "session, and use it for all calls: its plans, its compiled programs and its variables "
        "stay.",
    )
