"""Runs a plan in a session, and decides how: op by op, interpreted, or compiled.

The decision follows from counts and the cost model (runtime/cost.py) alone: a plan at some shapes
is interpreted until the time that compiling would have saved so far exceeds the time that compiling
takes (the ski-rental rule). Shapes that never come back are never compiled.
"""

from __future__ import annotations

import contextvars
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from penstock.graph.errors import CancelledError
from penstock.graph.operation import Tensor
from penstock.plan.clusters import ClusterPlan, host_bodies, may_be_endless, split
from penstock.plan.plan import Plan, Step, all_steps, steps_inside, variables_needed
from penstock.runtime.control import RunControl
from penstock.runtime.cost import PlanCost
from penstock.runtime.interpreter import Interpreter, Item, code_of_body
from penstock.runtime.reference import run_plan
from penstock.runtime.results import as_array, as_numpy
from penstock.runtime.scheduler import Schedule, Watch
from penstock.runtime.state import SessionState
from penstock.runtime.stats import RunRecord
from penstock.runtime.xla import CompiledCluster

Convert = Callable[[Any], Any]

_ndarray = np.ndarray
_SCALARS = frozenset({float, int, bool, np.float32, np.float64, np.int32, np.int64})

# Sets of feed shapes that a plan remembers: ragged batches must not fill the memory.
_MOST_SHAPES = 4096
_RUNS_BEFORE_CODE = 2  # runs op by op before Python code is made of the plan


class Jit(Enum):
    """When plans are compiled: never, when it pays, or at the first run."""

    OFF = 0
    AUTO = 1
    ON = 2


class _Quiet(threading.local):
    """A context for each thread without NumPy's warnings: cheaper to enter than np.errstate."""

    def __init__(self) -> None:
        self.run = contextvars.copy_context().run
        self.run(np.seterr, all="ignore")


_quiet = _Quiet()


class Shapes:
    """What is known of a plan at one set of feed shapes: how often it ran, and what it costs."""

    __slots__ = ("cost", "pays", "runs", "saved", "settled")

    def __init__(self) -> None:
        self.runs = 0
        self.saved = 0.0
        self.cost: PlanCost | None = None
        self.pays = False
        self.settled = False  # compiling will never pay


# Stands for all shapes that ran once: few of them come back where no batch is like another.
_RAN_ONCE = Shapes()
_RAN_ONCE.runs = 1


@dataclass(frozen=True)
class Tier:
    """How a plan is run at some shapes.

    Attributes:
        compiled: it is compiled, or will be in its next run.
        runs_left: the runs that are interpreted until it is compiled; None where it never is.
    """

    compiled: bool
    runs_left: int | None


class Executor:
    """A plan in one session.

    Args:
        plan: the plan.
        state: the session's state.
        jit: when it is to be compiled.
        converters: for each feed, what turns a fed value into an array.
        record: where its compilations and shapes are entered, and, by who calls `run`, its times.

    Attributes:
        run: takes a value for each feed, and gives one for each fetch.
    """

    def __init__(
        self,
        plan: Plan,
        state: SessionState,
        jit: Jit,
        converters: Sequence[Convert],
        record: RunRecord | None = None,
    ) -> None:
        self.plan = plan
        self.record = RunRecord(plan.fetches, plan.feeds) if record is None else record
        self._state = state
        self._jit = jit
        self._converters = converters
        # What stayed in the session may stay on the device until NumPy's kernels want it.
        self._accepting = [as_array if to is as_numpy else to for to in converters]
        self._lock = threading.Lock()
        self._shapes: dict[Any, Shapes] = {}
        # Shapes of arrays, and types of scalars, for which compiling never pays.
        self._settled: set[Any] = set()
        self._interpreted: Callable[..., Any] | None = None
        self._body_code: dict[Plan, Callable[..., Sequence[Any]]] = {}
        self._compiled: Callable[..., Any] | None = None
        self._has_host_code = any([step.op.spec.wants_ctx for step in all_steps(plan)])
        self._runs = 0
        self._split: Sequence[Step | ClusterPlan] | None = None
        self._split_bodies: dict[Plan, Sequence[Step | ClusterPlan]] = {}
        self._bodies: dict[Plan, Sequence[Item]] = {}
        self._items: Sequence[Item] | None = None
        self._schedules: dict[tuple[bool, bool], Schedule] = {}
        self._unset = [state.variable(variable) for variable in variables_needed(plan)]
        self.run: Callable[..., Sequence[Any]] = self._run_compiled
        if state.timeout is not None or any([step.blocking for step in plan.steps]):
            self.run = self._run_scheduled
        elif jit is Jit.OFF or not plan.steps:
            self.run = self._run_uncompiled
        elif jit is Jit.AUTO:
            self.run = self._choose
            self.record.shape_tables.append(self._shapes)

    def close(self) -> None:
        """Lets go of itself: with the session go its programs, and not when Python finds cycles.

        A run that is under way ends as it would have; no further one may start.
        """
        self.run = _end_of_session

    def tier(self, shapes: tuple[tuple[int, ...], ...], estimated: PlanCost) -> Tier:
        """How the next run is done where the feeds have these shapes.

        Args:
            shapes: one for each feed.
            estimated: what a run costs, for shapes that did not run yet.
        """
        if self._jit is Jit.OFF or not self.plan.steps:
            return Tier(False, None)
        if self._jit is Jit.ON:
            return Tier(True, 0)
        entry = self._shapes.get(() if self.run == self._run_scheduled else shapes) or Shapes()
        if entry.pays:
            return Tier(True, 0)
        cost = entry.cost or estimated
        if cost.saving <= 0:
            return Tier(False, None)
        unmeasured = 0 if entry.cost is not None else max(0, 2 - entry.runs)
        runs = int((cost.compile_seconds - entry.saved) / cost.saving) + 1
        return Tier(False, unmeasured + max(0, runs))

    def run_timed(self, *values: Any) -> Sequence[Any]:
        """`run`, its time entered in the record."""
        start = time.perf_counter_ns()
        results = self.run(*values)
        self.record.add(time.perf_counter_ns() - start)
        return results

    def _choose(self, *values: Any) -> Sequence[Any]:
        """Runs in the way that counts and costs say."""
        known = tuple([value.shape if type(value) is _ndarray else type(value) for value in values])
        if known in self._settled:
            return self._interpreted(*values)  # type: ignore[misc]
        accepting = self._accepting  # by place: a strict zip takes as long as what it calls
        fed = [accepting[place](value) for place, value in enumerate(values)]
        key = tuple([value.shape for value in fed])
        entry = self._shapes.get(key)
        if entry is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
                self._settled.clear()
            self._shapes[key] = _RAN_ONCE
            return (self._interpreted or self._run_uncompiled)(*fed)
        if entry is _RAN_ONCE:
            entry = self._shapes[key] = Shapes()
            entry.runs = 1
        if entry.settled:
            results = self._run_interpreted(*fed)
            if all([kind in _SCALARS or type(kind) is tuple for kind in known]):
                self._settled.add(known)  # seen from now on without converting the values
            return results
        if entry.pays:
            return self._run_compiled(*fed)
        entry.runs += 1
        if entry.cost is None:
            return self._measure(entry, fed)
        entry.saved += entry.cost.saving
        entry.pays = entry.saved > entry.cost.compile_seconds
        return self._run_interpreted(*fed)

    def _measure(self, entry: Shapes, fed: Sequence[Any]) -> Sequence[Any]:
        """Runs op by op, and sums up what the model says this costs."""
        cost = self._new_cost()
        arrays = [convert(value) for convert, value in zip(self._converters, fed, strict=True)]
        with np.errstate(all="ignore"):
            results = run_plan(self.plan, self._state, arrays, cost, self._code_of_body)
        cost.weigh_bodies()
        entry.cost = cost
        entry.settled = cost.saving <= 0
        if entry.settled and all([feed.shape.is_fully_defined() for feed in self.plan.feeds]):
            # It always costs the same: there is nothing more to decide.
            self.run = self._run_uncompiled
        return results

    def _new_cost(self) -> PlanCost:
        """A cost that knows what stays on the host, of a plan that has branches or loops."""
        if not any([step.bodies for step in self.plan.steps]):
            return PlanCost()
        items = self._split_plan()
        on_host = [item for item in items if isinstance(item, Step)]
        cluster_of = {
            step: item
            for parts in self._split_bodies.values()
            for item in parts
            if isinstance(item, ClusterPlan)
            for step in item.steps
        }
        inside = [inner for step in on_host for inner in steps_inside(step)]
        return PlanCost(frozenset([*on_host, *inside]), cluster_of)

    def _run_uncompiled(self, *values: Any) -> Sequence[Any]:
        """Runs the first times op by op: turning a plan into Python takes as long as many runs."""
        self._runs += 1
        if self._runs > _RUNS_BEFORE_CODE:
            run = self._code()
            if self.run == self._run_uncompiled:
                self.run = run
            return run(*values)
        fed = [convert(value) for convert, value in zip(self._converters, values, strict=True)]
        with np.errstate(all="ignore"):
            return run_plan(self.plan, self._state, fed, code_of=self._code_of_body)

    def _code_of_body(self, body: Plan) -> Callable[..., Sequence[Any]]:
        """A body of a loop as Python code, for runs that go op by op."""
        code = self._body_code.get(body)
        if code is None:
            code = self._body_code[body] = code_of_body(body, self._state)
        return code

    def _run_interpreted(self, *values: Any) -> Sequence[Any]:
        return self._code()(*values)

    def _code(self) -> Callable[..., Any]:
        """The plan as Python code, made once."""
        if self._interpreted is None:
            with self._lock:
                if self._interpreted is None:
                    program = Interpreter(self.plan, self._state, self.plan.steps, self._converters)
                    self._interpreted = self._guarded(program)
                    self._body_code = {}
        return self._interpreted

    def _all_set(self) -> bool:
        """True once all variables have a value that a run reads.

        Until then runs are interpreted: the first op that reads one without a value fails at its
        place in the order, where a cluster may read it before.
        """
        self._unset = [slot for slot in self._unset if slot.value is None]
        return not self._unset

    def _run_compiled(self, *values: Any) -> Sequence[Any]:
        if self._unset and not self._all_set():
            return self._run_interpreted(*values)
        items = self._compiled_items()
        with self._lock:
            if self._compiled is None:
                here = _taken_by_numpy(self.plan, items)
                converters = [
                    self._converters[number] if feed in here else self._accepting[number]
                    for number, feed in enumerate(self.plan.feeds)
                ]
                self._compiled = self._guarded(
                    Interpreter(self.plan, self._state, items, converters, self._items_of_body)
                )
        if self._jit is Jit.ON:
            self.run = self._compiled
        return self._compiled(*values)

    def _compiled_items(self) -> Sequence[Item]:
        with self._lock:
            if self._items is None:
                items = self._split_plan()
                here = _taken_by_numpy(self.plan, items)
                self._items = [
                    CompiledCluster(item, self._state, set(item.outputs) - here)
                    if isinstance(item, ClusterPlan)
                    else item
                    for item in items
                ]
                self._bodies = {
                    body: [made for item in parts for made in self._compiled_in_body(item)]
                    for body, parts in self._split_bodies.items()
                }
                everything = itertools.chain(self._items, *self._bodies.values())
                clusters = [item for item in everything if isinstance(item, CompiledCluster)]
                self.record.compiles += [cluster.compile_seconds for cluster in clusters]
            return self._items

    def _compiled_in_body(self, item: Step | ClusterPlan) -> Sequence[Item]:
        """A part of a body that stays on the host: compiled where that pays."""
        if isinstance(item, Step):
            return [item]
        costs = [entry.cost for entry in self._shapes.values() if entry.cost is not None]
        if self._jit is Jit.ON or any([item in cost.bodies for cost in costs]):
            return [CompiledCluster(item, self._state, set())]
        return item.steps

    def _items_of_body(self, body: Plan) -> Sequence[Item]:
        return self._bodies.get(body, body.steps)

    def _split_plan(self) -> Sequence[Step | ClusterPlan]:
        if self._split is None:
            self._split = split(self.plan)
            self._split_bodies = host_bodies(self._split)
        return self._split

    def run_under(
        self, control: RunControl, watch: Watch | None, values: Sequence[Any]
    ) -> Sequence[Any]:
        """Runs item by item, within limits and watched.

        Args:
            control: ends the run early.
            watch: is called after each item.
            values: a value for each feed.
        """
        fed = [convert(value) for convert, value in zip(self._converters, values, strict=True)]
        compiled = (self._jit is Jit.ON or self._items is not None) and self._all_set()
        schedule = self._schedule(compiled, control.has_deadline)
        return schedule.run(self._state, fed, control, watch)

    def _schedule(self, compiled: bool, may_end: bool) -> Schedule:
        """The schedule of runs that are compiled or not, and that may end at any time or not."""
        schedule = self._schedules.get((compiled, may_end))
        if schedule is None:
            items = self._compiled_items() if compiled else self.plan.steps
            if may_end:
                items = _that_can_be_ended(items)
            schedule = self._schedules[compiled, may_end] = Schedule(self.plan, items)
        return schedule

    def _run_scheduled(self, *values: Any) -> Sequence[Any]:
        """Runs a plan that may have to end early: ops of it wait, or all runs have a deadline.

        Its other ops are compiled when that pays.
        """
        control = RunControl(self._state, self._state.timeout)
        if self._jit is not Jit.AUTO or self._items is not None:
            return self.run_under(control, None, values)
        entry = self._shapes.setdefault((), Shapes())
        entry.runs += 1
        if entry.runs == 2:
            entry.cost = cost = self._new_cost()

            def watch(item: Item, operands: list[Any], outputs: list[Any], *times: int) -> None:
                if isinstance(item, Step):
                    cost.observe(item, operands, outputs)

            return self.run_under(control, watch, values)
        if entry.cost is not None:
            entry.saved += entry.cost.saving
            if entry.saved > entry.cost.compile_seconds:
                entry.pays = True
                self._compiled_items()
        return self.run_under(control, None, values)

    def _guarded(self, program: Interpreter) -> Callable[..., Any]:
        """The program, run without NumPy's warnings; its errors name the op."""
        run = program.run

        def run_under_errstate(*values: Any) -> Any:
            try:
                with np.errstate(all="ignore"):
                    return run(*values)
            except BaseException as error:
                raise program.explain_error(error) from error.__cause__

        def run_in_quiet_context(*values: Any) -> Any:
            try:
                return _quiet.run(run, *values)
            except BaseException as error:
                if _is_reentry(error):  # a run inside a run, as from a destructor
                    return run_under_errstate(*values)
                raise program.explain_error(error) from error.__cause__

        # Users' functions are to see the context variables that they were called with.
        return run_under_errstate if self._has_host_code else run_in_quiet_context


def _end_of_session(*values: Any) -> Sequence[Any]:
    """Takes the place of the run of an executor whose session has been closed."""
    raise CancelledError(None, None, "Session has been closed.")


def _that_can_be_ended(items: Sequence[Item]) -> list[Item]:
    """The items; clusters with loops that may never end step by step: nothing ends XLA's loops."""
    found: list[Item] = []
    for item in items:
        if isinstance(item, CompiledCluster) and may_be_endless(item.plan):
            found.extend(item.steps)
        else:
            found.append(item)
    return found


def _taken_by_numpy(plan: Plan, items: Sequence[Any]) -> set[Tensor]:
    """The tensors that leave the session, or that an op of the host takes."""
    taken = list(plan.leaving)
    for item in items:
        if isinstance(item, Step):
            taken += item.flat_operands()
    return {operand for operand in taken if isinstance(operand, Tensor)}


def _is_reentry(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and str(error).startswith("cannot enter context")
