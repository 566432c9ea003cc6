"""Staged execution: one run cut into stages, each of which computes only what is new.

A stage is a plan like any other. Where a handle stands is a `_Place`: which operations are done,
and which values are kept. Places are shared by all handles of a setup, and each knows the stages
that were run from it, so that a loop over stages plans nothing twice.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.graph import dtypes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.plan.order import needed_operations
from penstock.plan.plan import make_plan, variable_of
from penstock.runtime.executor import Executor, Jit
from penstock.runtime.results import own
from penstock.runtime.state import SessionState
from penstock.session.feeds import converter
from penstock.session.fetches import Element

if TYPE_CHECKING:
    from penstock.session.session import BaseSession


class _Place:
    """Where a handle stands.

    Attributes:
        done: operations that have run.
        kept: tensors whose values the handle keeps, fed ones among them.
        stages: what was run from here, by (fetches, feeds).
    """

    __slots__ = ("done", "kept", "stages")

    def __init__(self, done: frozenset[Operation], kept: frozenset[Tensor]) -> None:
        self.done = done
        self.kept = kept
        self.stages: dict[Any, _Stage] = {}


class _Stage:
    """A stage: what it takes of what was kept, how it runs, what it keeps, and where it leads."""

    __slots__ = ("executor", "kept", "results", "takes", "to")

    def __init__(
        self, executor: Executor, takes: list[Tensor], results: list[Tensor | Operation], to: _Place
    ) -> None:
        self.executor = executor
        self.takes = takes
        self.results = results
        self.to = to


class StagedRun:
    """What `partial_run_setup` prepares: shared by all handles with the same fetches and feeds.

    Args:
        graph: the graph.
        state: the session's state.
        jit: when stages are compiled.
        fetches: all that stages may fetch.
        feeds: all tensors that they may feed.

    Raises:
        InvalidArgumentError: there is no fetch, or a tensor is fed twice or fetched too.
    """

    def __init__(
        self,
        graph: Graph,
        state: SessionState,
        jit: Jit,
        fetches: tuple[Element, ...],
        feeds: tuple[Tensor, ...],
    ) -> None:
        if not fetches:
            raise InvalidArgumentError(
                None, None, "Must specify at least one target to fetch or execute."
            )
        for place, feed in enumerate(feeds):
            if feed in feeds[:place]:
                raise InvalidArgumentError(
                    None, feed.op, f'Endpoint "{feed.name}" fed more than once.'
                )
            if feed in fetches:
                raise InvalidArgumentError(None, feed.op, f"{feed.name} is both fed and fetched.")
        self._graph = graph
        self._state = state
        self._jit = jit
        self.fetches = frozenset(fetches)
        self.feeds = frozenset(feeds)
        self.converters = {feed: converter(feed) for feed in feeds}
        self.name = f"{','.join([t.name for t in feeds])}->{','.join([f.name for f in fetches])}"
        targets = [_op(fetch) for fetch in fetches]
        self._ordered = needed_operations(targets, self.feeds, frozenset())
        self._needed = frozenset(self._ordered)
        assigned = [variable for op in self._ordered for variable in _variables_written(op)]
        things: list[Tensor | Operation] = [*feeds, *dict.fromkeys(assigned)]
        self._bits = {thing: 1 << number for number, thing in enumerate(things)}
        self._depends = self._dependencies()
        self._places: dict[Any, _Place] = {}
        self.start = self._place(frozenset(), frozenset())

    def _place(self, done: frozenset[Operation], kept: frozenset[Tensor]) -> _Place:
        return self._places.setdefault((done, kept), _Place(done, kept))

    def without(self, place: _Place, fed_again: list[Tensor]) -> _Place:
        """The place from which the next batch of the tensors `fed_again` starts.

        What depends on them has not run there, nor what depends on a variable that was assigned by
        an operation which has run: the next batch sees the update.
        """
        bits = 0
        for tensor in fed_again:
            bits |= self._bits[tensor]
        for op in place.done:
            for variable in _variables_written(op):
                bits |= self._bits.get(variable, 0)
        gone = {op for op, depends in self._depends.items() if depends & bits}
        kept = [t for t in place.kept if t in self.feeds or t.op not in gone]
        return self._place(place.done - gone, frozenset(kept) - frozenset(fed_again))

    def _dependencies(self) -> dict[Operation, int]:
        """The feeds and assigned variables that each needed operation depends on, as bits."""
        depends: dict[Operation, int] = {}
        for op in self._ordered:
            bits = 0
            for tensor in op._inputs:
                if tensor in self.feeds:
                    bits |= self._bits[tensor]
                    continue
                bits |= depends[tensor.op]
                if _stands_for_variable(tensor):
                    bits |= self._bits.get(variable_of(tensor), 0)
            for control in op._control_inputs:
                bits |= depends[control]
            depends[op] = bits
        return depends

    def stage(self, place: _Place, fetches: tuple[Element, ...], fed: tuple[Tensor, ...]) -> _Stage:
        """The stage that fetches `fetches` from `place`, feeding `fed`.

        Raises:
            InvalidArgumentError: a fetch needs a feed that has not been fed.
        """
        key = (fetches, fed)
        stage = place.stages.get(key)
        if stage is None:
            stage = place.stages[key] = self._make_stage(place, fetches, fed)
        return stage

    def _make_stage(
        self, place: _Place, fetches: tuple[Element, ...], fed: tuple[Tensor, ...]
    ) -> _Stage:
        available = place.kept | frozenset(fed)
        targets = [_op(fetch) for fetch in fetches if fetch not in available]
        now = needed_operations(targets, available, place.done)
        self._check_fed(now, available, fetches, place)
        ran = [op for op in now if not op.spec.variable and op.type != "Const"]
        done = place.done | frozenset(ran)
        keep = [output for output in self._worth_keeping(ran, done) if output not in available]
        results: list[Tensor | Operation] = list(dict.fromkeys([*fetches, *keep]))
        takes = [t for t in place.kept if t not in fed]
        takes.sort(key=lambda t: (t.op._id, t.value_index))
        plan = make_plan(self._graph, results, [*fed, *takes], done=place.done)
        used = {o for step in plan.steps for o in step.flat_operands()} | {
            r for r in plan.results if isinstance(r, Tensor)
        }
        takes = [t for t in takes if t in used]
        plan = replace(plan, feeds=(*fed, *takes))
        to = self._place(done, place.kept | frozenset(fed) | frozenset(keep))
        converters = [np.asarray] * len(plan.feeds)  # they are arrays already
        return _Stage(Executor(plan, self._state, self._jit, converters), takes, results, to)

    def _worth_keeping(self, ran: list[Operation], done: frozenset[Operation]) -> list[Tensor]:
        """The outputs of `ran` that a later stage can take."""
        later = self._needed - done
        found = []
        for op in ran:
            own = self._depends[op]
            for output in op.outputs:
                if output.dtype._is_ref_dtype:
                    continue
                # Taken by what has yet to run, or may run for another batch when `op` does not.
                wanted = [c in later or self._depends.get(c, 0) & ~own for c in output._consumers]
                if output in self.fetches or any(wanted):
                    found.append(output)
        return found

    def _check_fed(
        self,
        now: list[Operation],
        available: frozenset[Tensor],
        fetches: tuple[Element, ...],
        place: _Place,
    ) -> None:
        """Raises InvalidArgumentError where what is to run needs a feed that has not been fed."""
        for op in now:
            if any([output in self.feeds and output not in available for output in op.outputs]):
                self._refuse_unfed(fetches, available, place)

    def _refuse_unfed(
        self, fetches: tuple[Element, ...], available: frozenset[Tensor], place: _Place
    ) -> None:
        for fetch in fetches:
            if fetch in available:
                continue
            for op in needed_operations([_op(fetch)], available, place.done):
                for output in op.outputs:
                    if output in self.feeds and output not in available:
                        raise InvalidArgumentError(
                            None, op,
                            f"Fetch {fetch.name} can't be computed from the feeds that have been "
                            f"fed so far. It needs {output.name}.",
                        )  # fmt: skip


def _stands_for_variable(tensor: Tensor) -> bool:
    if tensor.dtype._is_ref_dtype:
        return True
    return tensor.dtype.base_dtype is dtypes.resource and tensor.op.spec.variable


def _variables_written(op: Operation) -> list[Operation]:
    """The variables that an operation assigns."""
    names = op.spec.writes
    pairs = zip(op.spec.input_args, op._inputs, strict=False) if names else ()
    return [variable_of(tensor) for arg, tensor in pairs if arg.name in names]


def _op(fetch: Element) -> Operation:
    return fetch.op if isinstance(fetch, Tensor) else fetch


_numbers = itertools.count()  # of handles: two of one setup are not equal


class PartialRunHandle(str):
    """What `partial_run_setup` gives: it holds, and lives as long as, what later stages need."""

    _staged: StagedRun
    session: BaseSession

    def __new__(cls, staged: StagedRun, strict: bool, session: BaseSession) -> PartialRunHandle:
        handle = super().__new__(cls, f"{staged.name};{next(_numbers)}")
        handle._staged = staged
        handle._strict = strict
        handle.session = session
        handle._place = staged.start
        handle._values = {}
        handle._fetched = set()
        handle._closed = False
        handle._lock = threading.Lock()
        return handle

    _strict: bool
    _place: _Place
    _values: dict[Tensor, Any]
    _fetched: set[Element]
    _closed: bool
    _lock: threading.Lock

    def run_stage(self, fetches: tuple[Element, ...], feed: dict[Tensor, Any]) -> Sequence[Any]:
        """Runs a stage; see `Session.partial_run`. One that fails leaves the handle as it was."""
        with self._lock:
            self._check(fetches, feed)
            staged = self._staged
            # Copies: the caller may write into its arrays before a later stage takes the value.
            fed = {
                tensor: np.array(staged.converters[tensor](value)) for tensor, value in feed.items()
            }
            place = self._place
            again = [tensor for tensor in fed if tensor in place.kept]
            if again:
                place = staged.without(place, again)
            stage = staged.stage(place, fetches, tuple(fed))
            results = stage.executor.run(*fed.values(), *[self._values[t] for t in stage.takes])
            values = {t: v for t, v in self._values.items() if t in stage.to.kept}
            values.update(fed)
            values.update(
                [
                    (t, v)
                    for t, v in zip(stage.results, results, strict=True)
                    if isinstance(t, Tensor) and t in stage.to.kept
                ]
            )
            self._values = values
            self._place = stage.to
            self._fetched.update(fetches)
            if self._strict and self._fetched >= staged.fetches:
                self._closed = True
                self._values = {}
            return [own(value) if t in stage.to.kept else value
                    for t, value in zip(fetches, results, strict=False)]  # fmt: skip

    def _check(self, fetches: tuple[Element, ...], feed: dict[Tensor, Any]) -> None:
        if self._closed:
            raise InvalidArgumentError(
                None, None, "Must run 'setup' before performing partial runs!"
            )
        for tensor in feed:
            if tensor not in self._staged.feeds:
                raise InvalidArgumentError(
                    None,
                    tensor.op,
                    f"The feed {tensor.name} was not specified in partial_run_setup.",
                )
            if self._strict and tensor in self._place.kept:
                raise InvalidArgumentError(
                    None, tensor.op, f"The feed {tensor.name} has already been fed."
                )
        for fetch in fetches:
            if fetch not in self._staged.fetches:
                raise InvalidArgumentError(
                    None,
                    _op(fetch),
                    f"The fetch {fetch.name} was not specified in partial_run_setup.",
                )
            if self._strict and fetch in self._fetched:
                raise InvalidArgumentError(
                    None, _op(fetch), f"The fetch {fetch.name} has already been fetched."
                )

    def close(self) -> None:
        """Frees the values; a stage after this raises InvalidArgumentError."""
        with self._lock:
            self._closed = True
            self._values = {}
