"""Runs a program in each way, and tells where they differ."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.graph import errors
from penstock.graph.operation import Tensor
from penstock.graph.region import operations_inside
from penstock.plan import rewriter
from penstock.runtime import executor, interpreter, reference, xla
from penstock.runtime.cost import PlanCost
from tests.fuzz.builder import Builder
from tests.fuzz.evaluator import Evaluator, Failure, as_array
from tests.fuzz.program import Program, Run, Stage
from tests.fuzz.rounding import Disturbed, is_float, tolerance
from tests.fuzz.rows_state import array_of

WAYS = ("interpreted", "compiled", "item by item", "by turns")
_LEVELS = {"interpreted": -1, "compiled": 1, "item by item": -1, "by turns": 0}
_DISTURBED = 3  # runs with other roundings
_DISTURBED_AGAIN = 40  # before a difference is believed


Key = tuple[int, int, int]  # of a stage: run, time, place
Call = Callable[[list[Any], dict[Tensor, Any]], list[Any]]


@dataclass
class Outcome:
    """What came of a stage.

    Attributes:
        values: the fetched values, where it succeeded.
        error: else the class of the error, and the operation that failed: None for any.
        log: what was noted by `py_func` meanwhile.
    """

    values: list[Any] | None
    error: tuple[str, str | None] | None
    log: list[Any]


@dataclass
class History:
    """What came of all stages of all runs, and the variables' values at the end.

    Attributes:
        outcomes: by (run, time, stage).
        variables: by name; None for one without a value.
    """

    outcomes: dict[Key, Outcome]
    variables: dict[str, Any]


class Player:
    """Plays a program's runs on what can run a graph.

    Args:
        program: the program.
        built: its graph.
    """

    def __init__(self, program: Program, built: Builder) -> None:
        self._program = program
        self._built = built
        self._facts = program.facts()

    def fetches(self, run: Run, stage: Stage) -> list[Any]:
        """What a stage fetches: tensors, operations and variables."""
        fetches = [self._fetch(kind, number) for kind, number in stage.fetches]
        if not run.staged:
            return fetches
        fed = self.all_feeds(run)  # stages must not fetch these; two values may be one tensor
        return [f for f in fetches if not isinstance(f, Tensor) or f not in fed]

    def _fetch(self, kind: str, number: int) -> Any:
        if kind == "op":
            return self._built.ops[number]
        if kind == "variable":
            number = self._program.statements[number].first
            return self._built.values[number]
        return self._built.fetched[number]

    def all_fetches(self, run: Run) -> list[Any]:
        """What all stages of a run fetch, each once."""
        return list(
            dict.fromkeys([fetch for stage in run.stages for fetch in self.fetches(run, stage)])
        )

    def all_feeds(self, run: Run) -> list[Tensor]:
        """What all stages of a run feed, each once."""
        return list(dict.fromkeys([t for stage in run.stages for t in self.feeds(run, stage)]))

    def feeds(self, run: Run, stage: Stage) -> dict[Tensor, Any]:
        """What a stage feeds: new arrays."""
        feeds: dict[Tensor, Any] = {}
        for number, seed in stage.feeds:
            tensor = self._built.fetched[number]  # two values may be one tensor
            value = array_of(self._facts[number], run.sizes, seed)
            feeds.setdefault(tensor, as_array(value))
        return feeds

    def play(self, start: Callable[[Run], Call]) -> dict[Key, Outcome]:
        """Plays the runs.

        Args:
            start: for a run what takes the fetches and feeds of its stages, one after the other.
        """
        outcomes = {}
        for number, run in enumerate(self._program.runs):
            for time in range(run.times):
                call = start(run)
                for place, stage in enumerate(run.stages):
                    outcomes[number, time, place] = self._outcome(call, run, stage)
        return outcomes

    def _outcome(self, call: Call, run: Run, stage: Stage) -> Outcome:
        feeds = self.feeds(run, stage)
        self._built.log.clear()
        try:
            values = call(self.fetches(run, stage), feeds)
        except (errors.OpError, Failure) as error:
            return Outcome(None, _told(error), list(self._built.log))
        kept = [None if value is None else as_array(value) for value in values]
        for value in [*values, *feeds.values()]:  # a caller may write into what it got, and gave
            if isinstance(value, np.ndarray) and value.ndim:
                value[...] = b"written" if value.dtype == object else 1
        return Outcome(kept, None, list(self._built.log))


# What kernels raise by NumPy where they get bad input: a run makes InvalidArgumentError of it.
_OF_NUMPY = (ValueError, IndexError, ZeroDivisionError, np.exceptions.AxisError)


def _told(error: Exception) -> tuple[str, str | None]:
    if isinstance(error, Failure):
        name = type(error.error).__name__
        if not isinstance(error.error, errors.OpError):
            if not isinstance(error.error, _OF_NUMPY):
                raise error  # the evaluator itself is wrong
            name = "InvalidArgumentError"
        return name, None if error.op is None else error.op.name
    op = error.op
    return type(error).__name__, op.name if op is not None else ""


def evaluated(player: Player, built: Builder, evaluator: Evaluator) -> History:
    """What the evaluator makes of a program."""

    def start(run: Run) -> Call:
        stages = evaluator.stages(player.all_fetches(run), player.all_feeds(run))

        def call(fetches: list[Any], feeds: dict[Tensor, Any]) -> list[Any]:
            own = {tensor: value.copy() for tensor, value in feeds.items()}
            return [_own(value) for value in stages.run(fetches, own)]

        return call

    evaluator.run([variable.initializer for variable in built.initialized], {})
    outcomes = player.play(start)
    return History(
        outcomes, {v.op.name: evaluator.variables.get(v.op.name) for v in built.variables}
    )


def _own(value: Any) -> Any:
    return value if value is None else as_array(value)


class _AlwaysPays(PlanCost):
    """A cost by which a plan is compiled after its third run."""

    @property
    def saving(self) -> float:
        return 1e9


@contextlib.contextmanager
def _settings(way: str, graph: Any, seed: int) -> Iterator[None]:
    """Lets plans be run as Python code at once; or by each way in turn, with limits so low that
    what else happens to large graphs alone happens to these.
    """
    with pytest.MonkeyPatch.context() as patch:
        if way == "interpreted":
            patch.setattr(executor, "_RUNS_BEFORE_CODE", 0)
            patch.setattr(interpreter, "_SMALL", 0)
        if way == "by turns":
            patch.setattr(executor, "PlanCost", _AlwaysPays)
            patch.setattr(reference, "_ROUNDS_BEFORE_CODE", 2)
            patch.setattr(graph, "plans", {})
            if seed % 4 < 2:
                patch.setattr(rewriter, "_MOST_FOLDED_BYTES", 32)
            else:
                patch.setattr(xla, "_LARGEST_EMBEDDED_BYTES", 8)
            patch.setattr(xla, "_MOST_PROGRAMS_OF_KNOWN_VALUES", 1)
        yield


def run_in_session(player: Player, built: Builder, way: str, seed: int) -> History:
    """What a session makes of a program."""
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = _LEVELS[way]
    options = None
    if way == "item by item":
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    with _settings(way, built.graph, seed), tf.Session(graph=built.graph, config=config) as session:

        def start(run: Run) -> Call:
            if not run.staged and way == "by turns":
                return lambda fetches, feeds: session.make_callable(fetches, list(feeds))(
                    *feeds.values()
                )
            if not run.staged:
                metadata = None if options is None else tf.RunMetadata()
                return lambda fetches, feeds: session.run(fetches, feeds, options, metadata)
            if not player.all_fetches(run):
                return lambda fetches, feeds: []
            handle = session.partial_run_setup(player.all_fetches(run), player.all_feeds(run))
            return lambda fetches, feeds: session.partial_run(handle, fetches, feeds)

        if built.initialized:
            session.run([variable.initializer for variable in built.initialized])
        outcomes = player.play(start)
        variables = {v.op.name: _value_of(session, v) for v in built.variables}
    return History(outcomes, variables)


def _value_of(session: Any, variable: Any) -> Any:
    """What a variable holds, or None."""
    try:
        return session.run(variable)
    except errors.FailedPreconditionError:
        return None


@dataclass
class Difference:
    """A difference.

    Attributes:
        way: the way to run that differs from the evaluator.
        key: the stage; None for a variable's value after all runs.
        what: in words.
    """

    way: str
    key: Key | None
    what: str

    def __str__(self) -> str:
        return f"{self.way}, {self.key}: {self.what}"


def differences(program: Program, counts: Counter[str] | None = None) -> list[Difference]:
    """Where the ways to run a program differ.

    Args:
        program: the program.
        counts: where it is counted what was compared.

    Raises:
        CannotBuild: it is refused when it is built.
    """
    built = Builder(program)
    player = Player(program, built)
    expected = evaluated(player, built, Evaluator())
    disturbed = [evaluated(player, built, Evaluator(Disturbed(n))) for n in range(_DISTURBED)]
    ways = (*WAYS[:2], WAYS[2 + program.seed % 2])
    histories = {way: run_in_session(player, built, way, program.seed) for way in ways}
    if counts is not None:
        failed = sum([outcome.error is not None for outcome in expected.outcomes.values()])
        counts["runs and stages"] += len(expected.outcomes)
        counts["of these, with an error"] += failed
    operations = built.graph.get_operations()
    draws = any([
        op.spec.wants_rng for outer in operations for op in (outer, *operations_inside(outer))
    ])  # fmt: skip
    found = _all(expected, disturbed, histories, draws)
    if found:
        more = range(_DISTURBED, _DISTURBED_AGAIN)
        disturbed += [evaluated(player, built, Evaluator(Disturbed(n))) for n in more]
        found = _all(expected, disturbed, histories, draws)
    return found


def _all(
    expected: History, disturbed: list[History], histories: dict[str, History], draws: bool
) -> list[Difference]:
    found = []
    for way, history in histories.items():
        for key, outcome in expected.outcomes.items():
            others = [d.outcomes[key] for d in disturbed]
            what = _outcome_difference(outcome, others, history.outcomes[key], way)
            if what:
                found.append(Difference(way, key, what))
            if draws and outcome.error is not None and way != "interpreted":
                break  # a random op that was made later may have drawn its numbers
        else:
            found += _variable_differences(expected, disturbed, way, history)
    return found


def _variable_differences(
    expected: History, disturbed: list[History], way: str, history: History
) -> list[Difference]:
    found = []
    for name, value in expected.variables.items():
        values = [d.variables[name] for d in disturbed]
        what = value_difference(value, values, history.variables[name])
        if what:
            found.append(Difference(way, None, f"variable {name}: {what}"))
    return found


def _outcome_difference(expected: Outcome, disturbed: list[Outcome], got: Outcome, way: str) -> str:
    if any([other.error != expected.error for other in disturbed]):
        return ""  # rounding decides whether it fails
    if not _same_error(expected.error, got.error):
        return f"expected error {expected.error}, got {got.error}"
    # Where a compiled op fails, ops of the host that were made later may have run.
    may_be_more = expected.error is not None and way != "interpreted"
    log = got.log[: len(expected.log)] if may_be_more else got.log
    if expected.log != log:
        return f"expected the notes {expected.log}, got {got.log}"
    if expected.values is None or got.values is None:
        return ""
    for place, (value, other) in enumerate(zip(expected.values, got.values, strict=True)):
        what = value_difference(value, [d.values[place] for d in disturbed if d.values], other)
        if what:
            return f"fetch {place}: {what}"
    return ""


def _same_error(expected: Any, got: Any) -> bool:
    if expected is None or got is None:
        return expected is got
    return expected[0] == got[0] and expected[1] in (None, got[1])


def value_difference(expected: Any, disturbed: list[Any], got: Any) -> str:
    """In which way a value differs from what is expected; an empty text where it does not."""
    if expected is None or got is None:
        return "" if expected is got else f"expected {expected!r}, got {got!r}"
    expected, got = np.asarray(expected), np.asarray(got)
    if expected.dtype != got.dtype:
        return f"expected type {expected.dtype}, got {got.dtype}"
    if expected.shape != got.shape:
        return f"expected shape {expected.shape}, got {got.shape}"
    if is_float(expected):
        wide, other = expected.astype(np.float64), got.astype(np.float64)
        with np.errstate(all="ignore"):
            near = np.abs(wide - other) <= tolerance(expected, disturbed)
        same = near | (wide == other) | (np.isnan(wide) & np.isnan(other))
        same = same | np.isinf(tolerance(expected, disturbed))
    else:
        same = expected == got
        if any([not np.array_equal(expected, value) for value in disturbed]):
            return ""  # rounding decides it
    if np.all(same):
        return ""
    return f"expected {expected!r}, got {got!r}"
