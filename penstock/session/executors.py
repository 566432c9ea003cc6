"""The executors of a session: for each kind of run a plan, what runs it, and what it cost."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.region import with_inner
from penstock.plan.plan import Plan
from penstock.plan.rewriter import make_plan
from penstock.runtime.executor import Executor
from penstock.runtime.state import SessionState
from penstock.runtime.stats import RunRecord
from penstock.session.feeds import converter
from penstock.session.fetches import Element, Fetches
from penstock.session.options import SessionOptions
from penstock.session.placement import placement

# What is fetched, what is fed, and which of the fetches are read last.
RunKey = tuple[tuple[Element, ...], tuple[Tensor, ...], frozenset[Tensor]]


class Executors:
    """What a session runs, each kind of run planned once.

    Args:
        graph: the session's graph.
        state: the session's state.
        options: the session's options.

    Attributes:
        records: what each kind of run cost, those of stages too.
    """

    def __init__(self, graph: Graph, state: SessionState, options: SessionOptions) -> None:
        self.records: dict[Any, RunRecord] = {}
        self._graph = graph
        self._state = state
        self._options = options
        self._made: dict[RunKey, Executor] = {}
        self._placed: set[Operation] = set()

    def __iter__(self) -> Iterator[Executor]:
        return iter(list(self._made.values()))  # other threads may be adding to them

    def get(self, parsed: Fetches, feeds: tuple[Tensor, ...]) -> Executor:
        """The executor of a kind of run.

        Raises:
            InvalidArgumentError: an operation asks for a device that is not there.
        """
        key = (parsed.elements, feeds, frozenset(parsed.late_reads))
        executor = self._made.get(key)
        if executor is None:
            converters = [converter(tensor) for tensor in feeds]
            plan = self.plan(key)
            self.place(plan.ordered)
            record = self.records.setdefault(key, RunRecord(parsed.elements, feeds))
            executor = Executor(plan, self._state, self._options.jit, converters, record)
            executor = self._made.setdefault(key, executor)  # or that of another thread
        return executor

    def find(self, parsed: Fetches, feeds: tuple[Tensor, ...]) -> Executor:
        """The executor of a kind of run, whatever the order of its feeds; a new one is not kept."""
        late_reads = frozenset(parsed.late_reads)
        for (fetched, fed, late), executor in list(self._made.items()):
            if (fetched, late) == (parsed.elements, late_reads) and set(fed) == set(feeds):
                return executor
        plan = self.plan((parsed.elements, feeds, late_reads))
        converters = [converter(feed) for feed in feeds]
        return Executor(plan, self._state, self._options.jit, converters)

    def plan(self, key: RunKey) -> Plan:
        """The plan of a kind of run; sessions on one graph share it."""
        plans = self._graph.plans
        found = plans.get(key)
        if found is None or found[0] != self._graph.mutation_count:
            fetches, feeds, late_reads = key
            found = plans[key] = (
                self._graph.mutation_count,
                make_plan(self._graph, fetches, feeds, late_reads),
            )
        return found[1]

    def place(self, ops: Iterable[Operation]) -> None:
        """Checks that the devices of operations are there, and prints them where asked.

        Raises:
            InvalidArgumentError: one is not there.
        """
        log = self._options.log_placement
        for op in with_inner(ops):
            if (op.device or log) and op not in self._placed:
                device = placement(op, self._options.soft_placement, self._options.devices)
                self._placed.add(op)
                if log:
                    sys.stderr.write(f"{op.name}: ({op.type}): {device}\n")

    def forget(self) -> None:
        """Lets go of all; their records stay."""
        self._made.clear()

    def close(self) -> None:
        """Ends all; their records stay."""
        for executor in self:
            executor.close()
        self._made.clear()
