"""Staged execution: one run cut into stages, each of which computes only what is new.

A stage is a plan like any other. Where a handle stands is a `Place`: which operations are done,
and which values are kept. Places are shared by all handles of a setup, and each knows the stages
that were run from it, so that a loop over stages plans nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.graph import dtypes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.region import liveness, operations_inside
from penstock.plan.order import needed_operations
from penstock.plan.plan import Plan, is_snapshot, variable_of
from penstock.plan.rewriter import make_plan
from penstock.runtime.executor import Executor, Jit
from penstock.runtime.results import as_numpy
from penstock.runtime.state import SessionState
from penstock.runtime.stats import FIRST_RUNS, RunRecord
from penstock.session.feeds import Convert, converter, fed_tensor, flatten_feed_dict
from penstock.session.fetches import Element, Fetches, Rebuild
from penstock.session.handles import with_handles

_MOST_PLACES = 4096  # that a setup remembers: stages in random order must not fill the memory
_NOWHERE: tuple[frozenset[Operation], frozenset[Tensor]] = (frozenset(), frozenset())


class Place:
    """Where a handle stands.

    Attributes:
        done: operations that have run.
        kept: tensors whose values the handle keeps, fed ones among them.
        stages: what was run from here, by `Call.key`.
    """

    __slots__ = ("done", "kept", "stages")

    def __init__(self, done: frozenset[Operation], kept: frozenset[Tensor]) -> None:
        self.done = done
        self.kept = kept
        self.stages: dict[Any, _Stage] = {}


@dataclass(slots=True, eq=False)
class _Stage:
    """What a call does from one place.

    Attributes:
        executor: runs what is new.
        takes: kept tensors whose values it takes, after the fed ones.
        dropped: kept tensors that the feeds make out of date.
        recalled: fetches that an earlier stage's assignments gave, by their number.
        keeps: results that are kept, by their number.
        shared: for each fetch, whether the handle keeps its value too.
        to: where it leads.
        looks: of how many runs the fed shapes are yet to be entered in the record.
    """

    executor: Executor
    takes: list[Tensor]
    dropped: list[Tensor]
    recalled: list[tuple[Tensor, int]]
    keeps: list[tuple[Tensor, int]]
    shared: list[bool]
    to: Place
    looks: int = FIRST_RUNS

    def look(self, fed: list[Any]) -> None:
        """Enters the shapes of fed values, in the first runs alone: later ones pay nothing."""
        if self.looks:
            self.looks -= 1
            self.executor.record.shape_tables[0][tuple([value.shape for value in fed])] = None


class Call:
    """The fetches and feeds of a call, taken apart.

    Attributes:
        key: (fetches, feeds, late reads): the elements and tensors, each once.
        rebuild: puts the fetches' values into their structure.
        converters: for each feed, what turns a fed value into an array.
    """

    __slots__ = ("converters", "feeds", "fetches", "key", "rebuild")

    def __init__(
        self,
        fetches: tuple[Element, ...],
        feeds: tuple[Tensor, ...],
        late_reads: frozenset[Tensor],
        rebuild: Rebuild,
        converters: list[Convert],
    ) -> None:
        self.fetches = fetches
        self.feeds = feeds
        self.key = (fetches, feeds, late_reads)
        self.rebuild = rebuild
        self.converters = converters


class StagedRun:
    """What `partial_run_setup` prepares: shared by all handles with the same fetches and feeds.

    Args:
        graph: the graph.
        state: the session's state.
        jit: when stages are compiled.
        fetches: all that stages may fetch.
        feeds: all tensors that they may feed.
        records: where the stages enter what they cost.

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
        records: dict[Any, RunRecord],
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
        self.state = state
        self._jit = jit
        self.fetches = frozenset(fetches)
        self.feeds = frozenset(feeds)
        self._converters = {feed: converter(feed) for feed in feeds}
        self._calls: dict[Any, Call] = {}
        self._elements: dict[Any, tuple[Element, ...]] = {}
        self._extended: dict[tuple[Element, ...], StagedRun] = {}
        self._records = records
        self.name = f"{','.join([t.name for t in feeds])}->{','.join([f.name for f in fetches])}"
        self.ordered, self._asked = needed_operations(fetches, self.feeds, frozenset())
        self._needed = frozenset(self.ordered)
        assigned = [variable for op in self.ordered for variable in _variables_written(op)]
        self._arrays = self._takers_of_arrays()
        things: list[Tensor | Operation] = [*feeds, *dict.fromkeys(assigned), *self._arrays]
        self._bits = {thing: 1 << number for number, thing in enumerate(things)}
        self._depends = self._dependencies()
        self._places: dict[Any, Place] = {}
        self.start = self._place(*_NOWHERE)

    def _place(self, done: frozenset[Operation], kept: frozenset[Tensor]) -> Place:
        found = self._places.get((done, kept))
        if found is None:
            if len(self._places) >= _MOST_PLACES:  # handles keep the one where they stand
                self._places.clear()
                self.start = self._places.setdefault(_NOWHERE, Place(*_NOWHERE))
            found = self._places.setdefault((done, kept), Place(done, kept))
        return found

    def close(self) -> None:
        """Lets go of what its stages run with: the session is closed."""
        for place in list(self._places.values()):
            for stage in list(place.stages.values()):
                stage.executor.close()
            place.stages.clear()
        for extended in list(self._extended.values()):
            extended.close()

    def without(self, place: Place, fed_again: list[Tensor]) -> Place:
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
        gone = self._gone(bits)
        kept = [t for t in place.kept if t in self.feeds or t.op not in gone]
        return self._place(place.done - gone, frozenset(kept) - frozenset(fed_again))

    def _gone(self, bits: int) -> set[Operation]:
        """What depends on some feeds, variables and arrays, and so has to run again.

        What goes through a TensorArray again begins with a new array.
        """
        while True:
            gone = {op for op, depends in self._depends.items() if depends & bits}
            anew = [array for array, takers in self._arrays.items() if not gone.isdisjoint(takers)]
            more = bits
            for array in anew:
                more |= self._bits[array]
            if more == bits:
                return gone
            bits = more

    def _takers_of_arrays(self) -> dict[Operation, list[Operation]]:
        """The operations that make TensorArrays, each with those that take it."""
        takers: dict[Operation, list[Operation]] = {}
        for op in self.ordered:
            for tensor in self._inputs(op):
                if tensor.op.type.startswith("TensorArray") and tensor.dtype is dtypes.resource:
                    takers.setdefault(tensor.op, []).append(op)
        return takers

    def _dependencies(self) -> dict[Operation, int]:
        """The feeds and assigned variables that each needed operation depends on, as bits."""
        depends: dict[Operation, int] = {}
        for op in self.ordered:
            bits = self._bits[op] if op in self._arrays else 0
            for tensor in self._inputs(op):
                if tensor in self.feeds:
                    bits |= self._bits[tensor]
                    continue
                bits |= depends[tensor.op]
                if _stands_for_variable(tensor):
                    bits |= self._bits.get(variable_of(tensor), 0)
            for control in op._control_inputs:  # one that is not there is a placeholder that is fed
                bits |= depends.get(control, 0)
                for tensor in control.outputs:
                    bits |= self._bits.get(tensor, 0)
            depends[op] = bits
        return depends

    def _inputs(self, op: Operation) -> Sequence[Tensor]:
        """The inputs that an operation needs: of one with regions, for what is asked of it."""
        asked = self._asked.get(op)  # of an op behind a feed that was not fed nothing is known
        return op._inputs if asked is None else liveness(op, asked).tensors

    def call(self, fetches: Any, feed_dict: Any) -> tuple[Call, Iterable[Any]]:
        """A call to `Session.partial_run` taken apart, and the values that it feeds.

        Raises:
            TypeError, ValueError: a fetch or feed is not of the graph.
            InvalidArgumentError: it was not named at setup.
        """
        plain = feed_dict is None or isinstance(feed_dict, dict)
        key = call_key(fetches, feed_dict or ()) if plain else None
        found = self._calls.get(key)
        if found is not None:
            return found, feed_dict.values() if feed_dict else ()
        parsed = Fetches(self._graph, fetches)
        flat = flatten_feed_dict(feed_dict) if feed_dict else {}
        feeds = tuple([fed_tensor(self._graph, name) for name in flat])
        self._check_named(parsed.elements, feeds)
        converters = [self._converters[tensor] for tensor in feeds]
        rebuild = with_handles(parsed, self.state)
        late_reads = frozenset(parsed.late_reads)
        call = Call(parsed.elements, feeds, late_reads, rebuild, converters)
        if key is not None:
            self._calls[key] = call
        return call, flat.values()

    def elements(self, fetches: Any) -> tuple[Element, ...]:
        """What a structure of fetches consists of.

        Raises:
            TypeError, ValueError: a fetch is not of the graph.
        """
        key = call_key(fetches, ())
        found = self._elements.get(key)
        if found is None:
            found = Fetches(self._graph, fetches).elements
            if key is not None:
                self._elements[key] = found
        return found

    def extended(self, more: tuple[Element, ...]) -> StagedRun:
        """The same with more fetches, none of which it has."""
        found = self._extended.get(more)
        if found is None:
            fetches = sorted(self.fetches, key=lambda fetch: (_op(fetch)._id, fetch.name))
            feeds = tuple(self._converters)
            found = self._extended[more] = StagedRun(
                self._graph, self.state, self._jit, (*fetches, *more), feeds, self._records
            )
        return found

    def place_for_more(self, start: Place, more: Iterable[Element]) -> Place:
        """The place of a handle that stood at `start` before fetches were named to it later.

        What they need of operations that have run is computed again where it was not kept.

        Raises:
            InvalidArgumentError: such an operation may give another value, or has an effect.
        """
        if not start.done:  # as where it was just set up
            return self._place(start.done, start.kept)
        targets = [fetch for fetch in more if fetch not in start.kept]
        needed, _ = needed_operations(targets, start.kept, frozenset(), asked=self._asked)
        again = start.done.intersection(needed)
        for op in again:
            if not all([_can_repeat(member) for member in (op, *operations_inside(op))]):
                names = ", ".join([fetch.name for fetch in targets])
                raise InvalidArgumentError(
                    None, op,
                    f"{names} needs {op.name}, which has run in an earlier stage: name it in "
                    "partial_run_setup.",
                )  # fmt: skip
        return self._place(start.done - again, start.kept)

    def _check_named(self, fetches: tuple[Element, ...], feeds: tuple[Tensor, ...]) -> None:
        """Raises InvalidArgumentError where a fetch or feed was not named at setup."""
        for tensor in feeds:
            if tensor not in self.feeds:
                raise InvalidArgumentError(
                    None,
                    tensor.op,
                    f"The feed {tensor.name} was not specified in partial_run_setup.",
                )
        for fetch in fetches:
            if fetch not in self.fetches:
                raise InvalidArgumentError(
                    None,
                    _op(fetch),
                    f"The fetch {fetch.name} was not specified in partial_run_setup.",
                )

    def make_stage(self, start: Place, call: Call) -> _Stage:
        """The stage that does `call` from `start`; the place remembers it.

        Raises:
            InvalidArgumentError: a fetch needs a feed that has not been fed.
        """
        fetches, fed, late_reads = call.key
        early = [fetch for fetch in fetches if fetch not in late_reads]
        again = [tensor for tensor in fed if tensor in start.kept]
        place = self.without(start, again) if again else start
        available = place.kept | frozenset(fed)
        targets = [fetch for fetch in early if fetch not in available]
        now, _ = needed_operations(targets, available, place.done, asked=self._asked)
        self._check_fed(now, available, early, place)
        used = {tensor for op in now if not op.regions for tensor in op._inputs}.union(fetches)
        ran = [op for op in now if not op.spec.variable and op.type != "Const"]
        # What a branch alone would read is not read for its own sake: it may have no value.
        ran = [op for op in ran if not is_snapshot(op) or op.outputs[0] in used]
        done = place.done | frozenset(ran)
        keep = [output for output in self._worth_keeping(ran, done) if output not in available]
        results: list[Element] = list(dict.fromkeys([*fetches, *keep]))
        recalled = [(f, n) for n, f in enumerate(fetches) if _is_ref(f) and f in place.kept]
        computed = [fetch for fetch in results if fetch not in dict(recalled)]
        plan = self._plan(computed, fed, late_reads, place)
        key = ("stage", *call.key)
        record = self._records.setdefault(key, RunRecord(fetches, fed, staged=True))
        inside = len([result for result in computed if result not in fetches])
        plan = replace(plan, inside=inside)
        converters = [as_numpy] * len(plan.feeds)
        kept = place.kept | frozenset(fed) | frozenset(keep)
        stage = place.stages[call.key] = start.stages[call.key] = _Stage(
            Executor(plan, self.state, self._jit, converters, record),
            takes=list(plan.feeds[len(fed) :]),
            dropped=list(start.kept - kept),
            recalled=recalled,
            keeps=[(t, n) for n, t in enumerate(results) if t in kept and isinstance(t, Tensor)],
            shared=[fetch in kept for fetch in fetches],
            to=self._place(done, kept),
        )
        return stage

    def _plan(
        self,
        results: list[Element],
        fed: tuple[Tensor, ...],
        late_reads: frozenset[Tensor],
        place: Place,
    ) -> Plan:
        """A plan whose feeds are `fed` and then those of the kept tensors that it uses."""
        kept = [t for t in place.kept if t not in fed and (t in self.feeds or not _is_ref(t))]
        kept.sort(key=lambda t: (t.op._id, t.value_index))
        feeds = [*fed, *kept]
        plan = make_plan(self._graph, results, feeds, late_reads, place.done, self._asked)
        used = {operand for step in plan.steps for operand in step.flat_operands()}
        used.update([result for result in plan.results if isinstance(result, Tensor)])
        return replace(plan, feeds=(*fed, *[t for t in kept if t in used]))

    def _worth_keeping(self, ran: list[Operation], done: frozenset[Operation]) -> list[Tensor]:
        """The outputs of `ran` that a later stage can take."""
        later = self._needed - done
        found = []
        for op in ran:
            own = self._depends[op]
            asked = self._asked.get(op)
            for output in op.outputs:
                if asked is not None and output.value_index not in asked:
                    continue
                if output in self.feeds:
                    continue
                if output in self.fetches:
                    found.append(output)
                    continue
                if output.dtype._is_ref_dtype:  # who takes it reads the variable
                    continue
                # Taken by what has yet to run, or may run for another batch when `op` does not.
                wanted = [c in later or self._depends.get(c, 0) & ~own for c in output._consumers]
                if any(wanted):
                    found.append(output)
        return found

    def _check_fed(
        self,
        now: list[Operation],
        available: frozenset[Tensor],
        fetches: list[Element],
        place: Place,
    ) -> None:
        """Raises InvalidArgumentError where what is to run needs a feed that has not been fed."""
        for op in now:
            if any([tensor not in available for tensor in self._fed_to(op)]):
                self._refuse_unfed(fetches, available, place)

    def _fed_to(self, op: Operation) -> list[Tensor]:
        """The feeds that an operation takes; a placeholder, which others can wait for, is one."""
        taken = op.outputs if op.type == "Placeholder" else self._inputs(op)
        return [tensor for tensor in taken if tensor in self.feeds]

    def _refuse_unfed(
        self, fetches: list[Element], available: frozenset[Tensor], place: Place
    ) -> None:
        """Names the feed that TensorFlow finds first: depth first from the last fetch."""
        pending = [(_op(fetch), fetch) for fetch in fetches if fetch not in available]
        seen = set(place.done)
        while pending:
            op, fetch = pending.pop()
            if op in seen:
                continue
            seen.add(op)
            for feed in self._fed_to(op):
                if feed not in available:
                    raise InvalidArgumentError(
                        None, feed.op,
                        f"Fetch {feed.name} can't be computed from the feeds that have been fed so "
                        f"far. {fetch.name} needs it.",
                    )  # fmt: skip
            before = [t.op for t in self._inputs(op) if t not in available]
            before.extend(op._control_inputs)
            pending.extend([(other, fetch) for other in before])


def _stands_for_variable(tensor: Tensor) -> bool:
    if tensor.dtype._is_ref_dtype:
        return True
    return tensor.dtype.base_dtype is dtypes.resource and tensor.op.spec.variable


def _variables_written(op: Operation) -> list[Operation]:
    """The variables that an operation assigns."""
    found: list[Operation] = []
    for member in (op, *operations_inside(op)):
        names = member.spec.writes
        pairs = zip(member.spec.input_args, member._inputs, strict=False) if names else ()
        found += [variable_of(tensor) for arg, tensor in pairs if arg.name in names]
    return found


def _can_repeat(op: Operation) -> bool:
    return op.spec.pure or op.spec.variable or op.type == "ReadVariableOp" or bool(op.regions)


def _is_ref(fetch: Element) -> bool:
    return isinstance(fetch, Tensor) and fetch.dtype._is_ref_dtype


def _op(fetch: Element) -> Operation:
    return fetch.op if isinstance(fetch, Tensor) else fetch


def call_key(fetches: Any, keys: Iterable[Any]) -> Any:
    """Equal keys mean equal calls. None for structures and composite feeds: they are rare.

    Args:
        fetches: what is fetched.
        keys: what is fed: tensors or names.
    """
    leaves = fetches if type(fetches) is list else (fetches,)
    key = (type(fetches) is list, *leaves, None, *keys)
    return key if _LEAVES.issuperset(map(type, key)) else None


_LEAVES = frozenset({Tensor, Operation, str, bool, type(None)})  # of which a `call_key` may consist
