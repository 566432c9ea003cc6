"""Runs a plan whose ops may have to wait, or that is watched: item by item, each as soon as it can.

A blocking op's kernel is a generator: it yields as long as it cannot go on, and returns its
result. The ops of one run that wait do so side by side, while all others go on, so that an enqueue
and a dequeue fetched together meet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np

from penstock.graph.errors import CancelledError
from penstock.graph.operation import Tensor
from penstock.plan.dependencies import step_dependencies
from penstock.plan.plan import Plan, RegionStep, Step
from penstock.runtime.context import OpContext
from penstock.runtime.control import RunControl
from penstock.runtime.interpreter import Cluster, Item
from penstock.runtime.reference import (
    body_results,
    flatten_outputs,
    operands_of,
    results_of,
    run_step,
    values_for_body,
)
from penstock.runtime.state import SessionState
from penstock.runtime.step_errors import at_op

# Called after each item: (item, operands, outputs, start, end), the times by time.time_ns.
Watch = Callable[[Item, list[Any], list[Any], int, int], None]


class Schedule:
    """A plan's items and what each must wait for.

    Args:
        plan: the plan.
        items: its steps, some of them perhaps as clusters.
    """

    def __init__(self, plan: Plan, items: Sequence[Item]) -> None:
        self.plan = plan
        self.items = items
        self.dependencies = _item_dependencies(plan, items)

    def run(
        self,
        state: SessionState,
        fed: Sequence[Any],
        control: RunControl,
        watch: Watch | None = None,
    ) -> list[Any]:
        """Runs all items.

        Args:
            state: the session's state.
            fed: the values of the plan's feeds, as arrays.
            control: ends the run early.
            watch: is called after each item.

        Returns:
            For each fetch its value, or None for an operation.

        Raises:
            CancelledError, DeadlineExceededError: `control` says so.
        """
        values: dict[Tensor, Any] = dict(zip(self.plan.feeds, fed, strict=True))
        with np.errstate(all="ignore"):
            _Run(self, state, values, control, watch).finish()
            return results_of(self.plan, values, state)


class _Run:
    """One run of a schedule."""

    def __init__(
        self,
        schedule: Schedule,
        state: SessionState,
        values: dict[Tensor, Any],
        control: RunControl,
        watch: Watch | None,
    ) -> None:
        self._schedule = schedule
        self._state = state
        self._values = values
        self._control = control
        self._watch = watch
        self._done: set[int] = set()
        self._begun: dict[int, tuple[Generator[None, None, Any], list[Any], int]] = {}

    def finish(self) -> None:
        """Runs until all items are done."""
        left = list(range(len(self._schedule.items)))
        try:
            while left:
                seen = self._state.changes
                still = [number for number in left if not self._try(number)]
                if len(still) == len(left):
                    self._control.wait(seen)
                left = still
            self._control.check()  # the last item may have outlasted the deadline
        except CancelledError as error:
            raise self._told_by_waiting_op(error) from error.__cause__
        finally:
            for generator, _, _ in self._begun.values():
                generator.close()

    def _told_by_waiting_op(self, error: CancelledError) -> BaseException:
        """The cancellation as the op tells it that waits longest, where one does."""
        if error._op is not None or not self._begun:
            return error
        number, (generator, operands, _) = next(iter(self._begun.items()))
        step = self._schedule.items[number]
        assert isinstance(step, Step)
        try:
            generator.throw(error)
        except BaseException as told:
            return at_op(told, step.op, operands)
        return error

    def _try(self, number: int) -> bool:
        """Runs an item if nothing keeps it from running; True when it is done."""
        if not self._schedule.dependencies[number] <= self._done:
            return False
        self._control.check()
        item = self._schedule.items[number]
        if isinstance(item, Cluster):
            self._run_cluster(item)
        elif not self._run_step(number, item):
            return False
        self._done.add(number)
        return True

    def _run_cluster(self, cluster: Cluster) -> None:
        start = time.time_ns()
        operands = [self._values[tensor] for tensor in cluster.inputs]
        outputs = list(cluster(*operands))
        self._values.update(zip(cluster.outputs, outputs, strict=True))
        if self._watch is not None:
            self._watch(cluster, operands, outputs, start, time.time_ns())

    def _run_step(self, number: int, step: Step) -> bool:
        start = time.time_ns()
        operands: list[Any] = []
        try:
            if not (step.op.spec.blocking or step.bodies):
                operands.extend(operands_of(step, self._values, self._state))
                outputs = run_step(step, self._state, operands)
            else:
                if number not in self._begun:
                    operands.extend(operands_of(step, self._values, self._state))
                    self._begun[number] = (self._begin(step, operands), operands, start)
                generator, operands, start = self._begun[number]
                try:
                    next(generator)
                    return False
                except StopIteration as stop:
                    del self._begun[number]
                    outputs = stop.value
        except BaseException as error:
            raise at_op(error, step.op, operands) from error.__cause__
        self._values.update(zip(step.outputs, outputs, strict=False))
        if self._watch is not None:
            self._watch(step, operands, outputs, start, time.time_ns())
        return True

    def _begin(self, step: Step, operands: list[Any]) -> Generator[None, None, list[Any]]:
        """Runs a step that may have to wait: yields as often as it must, returns its outputs."""
        if isinstance(step, RegionStep):
            return (yield from self._run_regions(step, operands))
        spec = step.op.spec
        if not spec.blocking:
            return run_step(step, self._state, operands)
        kernel = spec.bound_kernel(step.op, np)
        result = yield from kernel(OpContext(step.op, self._state), *operands)
        return [result] if spec.single_output else flatten_outputs(result or ())

    def _run_regions(
        self, step: RegionStep, operands: list[Any]
    ) -> Generator[None, None, list[Any]]:
        if not step.op.spec.loops:
            return (yield from self._run_body(step, 0 if operands[0] else 1, operands, ()))
        count = len(step.args[0])
        variables = operands[:count]
        stacks: list[list[Any]] = [[] for _ in step.outputs[count:]]
        while (yield from self._run_body(step, 0, operands, variables))[0]:
            self._control.check()
            results = yield from self._run_body(step, 1, operands, variables)
            variables = results[:count]
            for stack, value in zip(stacks, results[count:], strict=True):
                stack.append(value)
        return [*variables, *stacks]

    def _run_body(
        self, step: RegionStep, place: int, operands: list[Any], variables: Sequence[Any]
    ) -> Generator[None, None, list[Any]]:
        plan = step.plans[place]
        values = values_for_body(step, place, operands, variables)
        for inner in plan.steps:
            start = time.time_ns()
            taken: list[Any] = []
            try:
                taken.extend(operands_of(inner, values, self._state))
                outputs = yield from self._begin(inner, taken)
            except BaseException as error:
                raise at_op(error, inner.op, taken) from error.__cause__
            values.update(zip(inner.outputs, outputs, strict=False))
            if self._watch is not None:
                self._watch(inner, taken, outputs, start, time.time_ns())
        return body_results(plan, values, self._state)


def _item_dependencies(plan: Plan, items: Sequence[Item]) -> list[set[int]]:
    item_of: dict[int, int] = {}
    for number, item in enumerate(items):
        for step in item.steps if isinstance(item, Cluster) else [item]:
            item_of[id(step)] = number
    found: list[set[int]] = [set() for _ in items]
    for step, before in zip(plan.steps, step_dependencies(plan), strict=True):
        own = item_of[id(step)]
        found[own].update([item_of[id(plan.steps[number])] for number in before])
        found[own].discard(own)
    return found
