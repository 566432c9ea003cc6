"""Runs a plan in a session, and decides how: op by op, interpreted, or compiled.

The decision follows from counts and the cost model (runtime/cost.py) alone: a plan at some shapes is interpreted until the
time that compiling would have saved so far exceeds the time that compiling takes (the ski-rental rule). Shapes that
never come back are never compiled.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np

from penstock.plan.clusters import ClusterPlan, split
from penstock.plan.plan import Plan
from penstock.runtime.cost import PlanCost
from penstock.runtime.interpreter import Interpreter
from penstock.runtime.reference import run_plan
from penstock.runtime.state import SessionState
from penstock.runtime.xla import CompiledCluster

_FEWEST_OPS_TO_COMPILE = 12  # below, a call of a compiled program takes longer than NumPy, unless the arrays are large
_RUNS_BEFORE_CODE = 2  # runs op by op before Python code is made of the plan


class Jit(Enum):
    """When plans are compiled: never, when it pays, or at the first run."""

    OFF = 0
    AUTO = 1
    ON = 2


class _Quiet(threading.local):
    """A context per thread in which NumPy's floating-point warnings are off: entering it is cheaper than np.errstate."""

    def __init__(self) -> None:
        self.context = contextvars.copy_context()
        self.context.run(np.seterr, all="ignore")
        self.busy = False


_quiet = _Quiet()


class Shapes:
    """What is known of a plan at one set of feed shapes: how often it ran, and what it costs."""

    __slots__ = ("cost", "pays", "runs", "saved")

    def __init__(self) -> None:
        self.runs = 0
        self.saved = 0.0
        self.cost: PlanCost | None = None
        self.pays = False


class Executor:
    """A plan in one session.

    Args:
        plan: the plan.
        state: the session's state.
        jit: when it is to be compiled.
    """

    def __init__(self, plan: Plan, state: SessionState, jit: Jit) -> None:
        self.plan = plan
        self._state = state
        self._jit = jit
        self._lock = threading.Lock()
        self._shapes: dict[Any, Shapes] = {}
        self._interpreted: Interpreter | None = None
        self._compiled: Interpreter | None = None
        self._has_host_code = any([step.op.spec.wants_ctx for step in plan.steps])
        self._settled = jit is Jit.OFF or not plan.steps
        self._runs = 0

    def __call__(self, fed: Sequence[Any]) -> Sequence[Any]:
        """Runs the plan on the values of its feeds, as arrays; gives a value for each fetch."""
        if self._settled and self._interpreted is not None:
            return self._run(self._interpreted, fed)
        return self._choose(fed)

    def _choose(self, fed: Sequence[Any]) -> Sequence[Any]:
        if self._jit is Jit.ON:
            return self._run_compiled(fed)
        self._runs += 1
        if self._settled:
            return self._run_cold(fed) if self._runs <= _RUNS_BEFORE_CODE else self._run_interpreted(fed)
        key = tuple([value.shape for value in fed])
        entry = self._shapes.get(key)
        if entry is None:
            entry = self._shapes.setdefault(key, Shapes())
        entry.runs += 1
        if entry.pays:
            return self._run_compiled(fed)
        if entry.cost is None:
            if entry.runs == 1:
                return self._run_cold(fed) if self._interpreted is None else self._run_interpreted(fed)
            return self._measure(entry, fed)
        entry.saved += entry.cost.saving
        if entry.saved > entry.cost.compile_seconds:
            entry.pays = True
        return self._run_interpreted(fed)

    def _measure(self, entry: Shapes, fed: Sequence[Any]) -> Sequence[Any]:
        """Runs op by op, and sums up what the model says this costs."""
        cost = PlanCost()
        with np.errstate(all="ignore"):
            results = run_plan(self.plan, self._state, fed, cost.observe)
        entry.cost = cost
        if cost.saving <= 0 and not self.plan.feeds:
            self._settled = True  # it always costs the same: there is nothing more to decide
        if cost.saving <= 0 and all([feed.shape.is_fully_defined() for feed in self.plan.feeds]):
            self._settled = True
        return results

    def _run_cold(self, fed: Sequence[Any]) -> Sequence[Any]:
        with np.errstate(all="ignore"):
            return run_plan(self.plan, self._state, fed)

    def _run_interpreted(self, fed: Sequence[Any]) -> Sequence[Any]:
        if self._interpreted is None:
            with self._lock:
                if self._interpreted is None:
                    self._interpreted = Interpreter(self.plan, self._state, self.plan.steps)
        return self._run(self._interpreted, fed)

    def _run_compiled(self, fed: Sequence[Any]) -> Sequence[Any]:
        if self._compiled is None:
            with self._lock:
                if self._compiled is None:
                    items = [
                        CompiledCluster(item, self._state) if isinstance(item, ClusterPlan) else item
                        for item in split(self.plan)
                    ]
                    self._compiled = Interpreter(self.plan, self._state, items)
        return self._run(self._compiled, fed)

    def _run(self, program: Interpreter, fed: Sequence[Any]) -> Sequence[Any]:
        try:
            if self._has_host_code or _quiet.busy:  # users' functions see their own context variables
                with np.errstate(all="ignore"):
                    return program.run(*fed)
            _quiet.busy = True
            try:
                return _quiet.context.run(program.run, *fed)  # type: ignore[no-any-return]
            finally:
                _quiet.busy = False
        except BaseException as error:
            raise program.explain_error(error) from error.__cause__
