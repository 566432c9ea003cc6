"""Advice on single kinds of runs: rules over what was seen and measured of them.

A rule is silent unless there is something to gain: it compares what would be saved, by measured
times split up as the cost model says, with what a run takes.
"""

from __future__ import annotations

import linecache
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.operation import Operation, Tensor, UserFrame
from penstock.plan.plan import Constant, Plan, Read, all_steps, variables_read, variables_written
from penstock.plan.rewriter import make_plan
from penstock.runtime.cost import PlanCost
from penstock.runtime.estimate import estimate
from penstock.runtime.executor import Executor, Jit
from penstock.runtime.state import SessionState
from penstock.runtime.stats import RunRecord, run_name, seconds_text
from penstock.session.feeds import converter
from penstock.session.report import bytes_text
from penstock.session.sightings import PlanSightings

LEAST_CALLS = 20  # of a run that is worth a word
_LEAST_LOOKS = 16
_CALL_SECONDS = 1.2e-6  # that a run takes besides its ops
_BATCH = 32
_LEAST_SPEEDUP = 2.0  # of a batch
_LEAST_SHARE = 0.1  # of a run's time that must be to gain
_LARGE_BYTES = 1 << 20
_MANY_SHAPES = 16
_MANY_RECOMPILES = 4

FedShapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Advice:
    """Something that would be faster.

    Attributes:
        kind: which rule says so: "single samples", "runs to join", "large fetch", "growing graph",
            "sessions anew", "changing shapes" or "constant feed".
        line: the user's line, as file:line.
        text: what was seen, what it costs, and what to do.
    """

    kind: str
    line: str
    text: str

    def __str__(self) -> str:
        return f"{self.line}: {self.text}"


@dataclass(frozen=True, eq=False)
class Case:
    """A kind of run with all that is known of it.

    Attributes:
        record: its times.
        plan: what it does.
        seen: its first runs.
        late_reads: as `make_plan` takes them.
        trial: runs values for its feeds outside the session's books; None where no trial is asked.
    """

    record: RunRecord
    plan: Plan
    seen: PlanSightings
    late_reads: frozenset[Tensor]
    trial: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        """Its fetches and feeds."""
        return run_name(
            [fetch.name for fetch in self.record.fetches], [f.name for f in self.record.feeds]
        )

    @property
    def line(self) -> str:
        """The line that makes most of its runs."""
        return line_text(max(self.seen.lines, key=lambda line: self.seen.lines[line]))

    @property
    def in_a_loop(self) -> bool:
        """True where nearly all runs come from one line."""
        return max(self.seen.lines.values()) >= 0.8 * self.seen.looks

    def cost(self, fed: FedShapes) -> PlanCost:
        """What a run costs at some shapes of its feeds, by the model."""
        return estimate(self.plan, dict(zip(self.plan.feeds, fed, strict=True))).cost


def line_text(place: UserFrame) -> str:
    """A line of the user's as file:line, with its text."""
    file, number = place.code.co_filename, place.line
    source = linecache.getline(file, number).strip()
    return f"{file}:{number}" + (f" `{source}`" if source else "")


def trial_run(plan: Plan, state: SessionState) -> Callable[..., Any]:
    """What runs a plan once more, unseen by the session's books."""
    return Executor(plan, state, Jit.OFF, [converter(feed) for feed in plan.feeds]).run


# Single samples


def single_samples(case: Case) -> Iterator[Advice]:
    """A run in a loop on one sample at a time, whose placeholders take batches."""
    feeds = case.plan.feeds
    batched = [n for n, feed in enumerate(feeds) if feed._shape and feed._shape[0] is None]
    seen = case.record.shapes
    if not batched or not seen or not case.in_a_loop or not _repeatable(case.plan):
        return
    if any([shape[n][:1] != (1,) for shape in seen for n in batched]):
        return
    one = seen[-1]
    many = tuple([(_BATCH, *shape[1:]) if n in batched else shape for n, shape in enumerate(one)])
    if not _per_sample(case.plan, one, 1) or not _per_sample(case.plan, many, _BATCH):
        return
    if case.trial is not None:
        yield from _tried(case, batched, one, many)
        return
    speedup = _speedup(case.cost(one).interpreted, case.cost(many).interpreted)
    if speedup < _LEAST_SPEEDUP:
        return
    yield _single_samples_advice(
        case,
        batched,
        f"By the cost model {_BATCH} samples a run would be about {speedup:.0f} times as fast; "
        "advise(sess, trial=True) measures it.",
    )


def _tried(case: Case, batched: list[int], one: FedShapes, many: FedShapes) -> Iterator[Advice]:
    """The advice with the speed-up of a trial batch, where that is faster."""
    if any([feed.dtype.base_dtype.np_dtype == np.dtype(object) for feed in case.plan.feeds]):
        return  # there are no strings to try it with
    first, second = [_trial_seconds(case, fed) for fed in (one, many)]
    speedup = first * _BATCH / second
    if speedup < _LEAST_SPEEDUP:
        return
    yield _single_samples_advice(
        case,
        batched,
        f"On a trial batch of {_BATCH} a sample took {seconds_text(second / _BATCH)} instead of "
        f"{seconds_text(first)}: {speedup:.1f} times as fast.",
    )


def _single_samples_advice(case: Case, batched: list[int], gain: str) -> Advice:
    names = " and ".join([case.plan.feeds[n].name for n in batched])
    verb = "takes" if len(batched) == 1 else "take"
    return Advice(
        "single samples",
        case.line,
        f"{case.name} ran {case.record.calls:,} times on one sample, "
        f"{seconds_text(case.record.median)} each. {names} {verb} batches: where the samples are "
        f"known beforehand, feed many at once. {gain}",
    )


def _speedup(one: float, many: float) -> float:
    return _BATCH * (one + _CALL_SECONDS) / (many + _CALL_SECONDS)


def _per_sample(plan: Plan, fed: FedShapes, count: int) -> bool:
    """True where each fetch has a row for each sample."""
    found = estimate(plan, dict(zip(plan.feeds, fed, strict=True))).shapes
    rows = [found.get(t) if isinstance(t, Tensor) else None for t in plan.fetches]
    return all([shape is not None and shape[:1] == (count,) for shape in rows])


def _repeatable(plan: Plan) -> bool:
    """True where a run has no effect, and the same feeds give the same values."""
    ops = [step.op for step in all_steps(plan)]
    return not any([_has_own_effect(op) or op.spec.writes or op.spec.wants_rng for op in ops])


def _trial_seconds(case: Case, fed: FedShapes) -> float:
    values = [
        np.zeros(shape, feed.dtype.base_dtype.np_dtype) if shape or sight.scalar is None
        else sight.scalar
        for feed, shape, sight in zip(case.plan.feeds, fed, case.seen.feeds, strict=True)
    ]  # fmt: skip
    assert case.trial is not None
    best = float("inf")
    begin = time.perf_counter()
    for number in range(200):
        start = time.perf_counter()
        case.trial(*values)
        end = time.perf_counter()
        best = min(best, end - start)
        if number >= 5 and end - begin > 0.05:
            break
    return best


# Feeds that never change


def constant_feeds(case: Case, cases: Sequence[Case]) -> Iterator[Advice]:
    """Feeds with the same value in every run, where a constant would save work."""
    if case.seen.looks < _LEAST_LOOKS or not case.record.shapes:
        return
    fed = dict(zip(case.plan.feeds, case.record.shapes[-1], strict=True))
    found = estimate(case.plan, fed)
    for feed, sight in zip(case.plan.feeds, case.seen.feeds, strict=True):
        if len(_values_of(feed, cases)) != 1 or None in sight.checksums:
            continue
        alone = _depends_only_on(case.plan, feed)
        model = sum([c.interpreted for n, c in enumerate(found.steps) if n in alone])
        converting = min(sight.seconds / case.seen.looks, case.record.median)
        rest = case.record.median - converting
        computing = rest * model / (found.cost.interpreted + _CALL_SECONDS)
        if converting + computing < _LEAST_SHARE * case.record.median:
            continue
        gain = _constant_gain(case, alone, computing, converting)
        yield Advice(
            "constant feed",
            case.line,
            f"{feed.name} got the same value in each run that was looked at of the "
            f"{case.record.calls:,} of {case.name}. {gain}",
        )


def _constant_gain(case: Case, alone: set[int], computing: float, converting: float) -> str:
    median, least = case.record.median, _LEAST_SHARE * case.record.median
    texts = []
    if converting >= least:
        texts.append(
            f"It is fed as a list, and making an array of it takes {seconds_text(converting)} of "
            f"the {seconds_text(median)} of a run: make one np.array before the loop."
        )
    if computing >= least or not texts:
        texts.append(
            f"{len(alone)} of {len(case.plan.steps)} ops depend on it alone, about "
            f"{seconds_text(computing)} of the {seconds_text(median)} of a run: if it were a "
            "tf.constant, they would be computed once."
        )
    return " ".join(texts)


def _values_of(feed: Tensor, cases: Sequence[Case]) -> set[int | None]:
    """The checksums of all values that any kind of run fed for a tensor."""
    found: set[int | None] = set()
    for case in cases:
        for other, sight in zip(case.plan.feeds, case.seen.feeds, strict=True):
            if other is feed:
                found |= sight.checksums
    return found


def _depends_only_on(plan: Plan, feed: Tensor) -> set[int]:
    """The steps, by number, whose value follows from a feed and constants."""
    follows = {feed}
    found = set()
    for number, step in enumerate(plan.steps):
        operands = step.flat_operands()
        known = [type(o) is Constant or (isinstance(o, Tensor) and o in follows) for o in operands]
        if step.pure and operands and all(known):
            follows.update(step.outputs)
            found.add(number)
    return found


# Large fetches


def large_fetches(case: Case) -> Iterator[Advice]:
    """Fetches whose copying takes a good part of the run."""
    compiled = any(case.record.compiles)
    for fetch, result, nbytes in zip(
        case.plan.fetches, case.plan.results, case.seen.result_bytes, strict=True
    ):
        if nbytes < _LARGE_BYTES or not (compiled or _is_copied(result, case.plan)):
            continue
        seconds = _copy_seconds(nbytes)
        if seconds < _LEAST_SHARE * case.record.median:
            continue
        yield Advice(
            "large fetch",
            case.line,
            f"{fetch.name} has {bytes_text(nbytes)}, and was fetched {case.record.calls:,} times. "
            f"Copying it takes about {seconds_text(seconds)} of the "
            f"{seconds_text(case.record.median)} of a run. Fetch it only when it is looked at, or "
            "fetch what is wanted of it, such as its norm.",
        )


def _is_copied(result: Any, plan: Plan) -> bool:
    """True where an interpreted run hands over a copy: others could still see the value."""
    return type(result) in (Read, Constant) or result in plan.feeds or result.op.spec.view


def _copy_seconds(nbytes: int) -> float:
    array = np.ones(nbytes, np.uint8)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        array.copy()
        times.append(time.perf_counter() - start)
    return min(times)


# Shapes that keep changing


def changing_shapes(case: Case, executors: Sequence[Executor]) -> Iterator[Advice]:
    """Shapes that are compiled again and again, or that never come back to be compiled."""
    seen = case.record.shapes
    compiles = [seconds for cluster in case.record.compiles for seconds in cluster]
    recompiles = len(compiles) - sum([1 for cluster in case.record.compiles if cluster])
    advice = "Pad to a few sizes, or leave the last smaller batch out."
    if recompiles >= _MANY_RECOMPILES and sum(compiles) >= 2 * _LEAST_SHARE * case.record.total:
        yield Advice(
            "changing shapes",
            case.line,
            f"{case.name} was fed {len(seen)} sets of shapes, and compiled {len(compiles)} times, "
            f"which took {seconds_text(sum(compiles))} of the {seconds_text(case.record.total)} of "
            f"its {case.record.calls:,} runs. {advice}",
        )
        return
    if len(seen) < _MANY_SHAPES or 2 * len(seen) < case.record.calls:
        return
    sample = sorted(seen, key=_element_count)
    costs = [case.cost(fed) for fed in sample[:: max(1, len(sample) // 16)]]
    largest = case.cost(sample[-1])
    if any([executor.tier(fed, largest).compiled for executor in executors for fed in seen]):
        return
    mean = sum([cost.interpreted for cost in costs]) / len(costs)
    share = 1 - largest.compiled / mean
    saved = share * case.record.total
    if share < 2 * _LEAST_SHARE or saved < largest.compile_seconds:
        return
    yield Advice(
        "changing shapes",
        case.line,
        f"{case.name} was fed {len(seen)} sets of shapes in {case.record.calls:,} runs: none comes "
        f"back often enough to be compiled. A run takes {seconds_text(case.record.median)}; "
        "compiled, at the largest shape, about "
        f"{seconds_text(case.record.median * (1 - share))}. {advice}",
    )


def _element_count(fed: FedShapes) -> int:
    return sum([shapes.element_count(shape) or 0 for shape in fed])


# Runs that could be one


def runs_to_join(cases: Sequence[Case]) -> Iterator[Advice]:
    """Runs that always follow one another with the same feeds."""
    of_record = {case.record: case for case in cases}
    for second in cases:
        for record, count in second.seen.before.items():
            first = None if record is None else of_record.get(record)
            if first is None or first is second or count < _LEAST_LOOKS:
                continue
            if _always(first, second, count) and _may_join(first, second):
                advice = _joined(first, second)
                if advice is not None:
                    yield advice


def _always(first: Case, second: Case, count: int) -> bool:
    """True where the second follows each of the first, with the same feeds."""
    if second.seen.same_feeds.get(first.record, 0) < count:
        return False
    least = 0.9 * sum(second.seen.before.values()), 0.9 * sum(first.seen.after.values())
    return count >= max(least) and abs(first.record.calls - second.record.calls) <= 0.1 * count


def _may_join(first: Case, second: Case) -> bool:
    """True where one run does what the two do: effects and random draws stay what they are."""
    plans = (first.plan, second.plan)
    ops = [{step.op for step in all_steps(plan)} for plan in plans]
    if any([_has_own_effect(op) for op in ops[0] | ops[1]]):
        return False
    if any([op.spec.wants_rng for op in ops[0] & ops[1]]):
        return False
    reads, writes = [
        [_uses(plan, kind) for plan in plans] for kind in (variables_read, variables_written)
    ]
    if writes[0] & (reads[1] | writes[1]):
        return False
    overwritten = reads[0] & writes[1]
    if not overwritten:
        return True
    fetched = {result.variable for result in first.plan.results if type(result) is Read}
    return not fetched & overwritten and _reads_first(_joined_plan(first, second), ops[0])


def _has_own_effect(op: Operation) -> bool:
    """True of an op that does more than assign and draw: one that prints, saves, waits, calls."""
    spec = op.spec
    return not spec.pure and not spec.wants_rng and (spec.host or spec.wants_ctx or spec.blocking)


def _uses(plan: Plan, kind: Callable[[Any], list[Operation]]) -> set[Operation]:
    found = {variable for step in plan.steps for variable in kind(step)}
    if kind is variables_read:
        found |= {result.variable for result in plan.results if type(result) is Read}
    return found


def _reads_first(plan: Plan, ops: set[Operation]) -> bool:
    """True where no variable is written before one of `ops` reads it."""
    written: set[Operation] = set()
    for step in plan.steps:
        if step.op in ops and written & set(variables_read(step)):
            return False
        written.update(variables_written(step))
    return True


def _joined_plan(first: Case, second: Case) -> Plan:
    return make_plan(
        first.plan.graph,
        list(dict.fromkeys([*first.plan.fetches, *second.plan.fetches])),
        list(dict.fromkeys([*first.plan.feeds, *second.plan.feeds])),
        first.late_reads | second.late_reads,
    )


def _joined(first: Case, second: Case) -> Advice | None:
    plan = _joined_plan(first, second)
    fed = {
        feed: shape
        for case in (first, second)
        for feed, shape in zip(case.plan.feeds, (case.record.shapes or [()])[-1], strict=False)
    }
    models = [estimate(case.plan, fed).cost.interpreted for case in (first, second)]
    together = estimate(plan, fed).cost.interpreted + _CALL_SECONDS
    share = 1 - together / (sum(models) + 2 * _CALL_SECONDS)
    if share < _LEAST_SHARE:
        return None
    twice = len(first.plan.steps) + len(second.plan.steps) - len(plan.steps)
    times = [case.record.median for case in (first, second)]
    text = (
        f"{first.name} is always followed by {second.name} ({second.line}) with the same feeds, "
        f"{second.record.calls:,} times. They take {seconds_text(times[0])} and "
        f"{seconds_text(times[1])}"
    )
    if twice:
        text += f", and {twice} of {len(plan.steps)} ops are computed twice"
    return Advice(
        "runs to join",
        first.line,
        f"{text}. In one run, sess.run([a, b], feed_dict), they would take about "
        f"{seconds_text(sum(times) * (1 - share))}.",
    )
