"""Regions: the ops of a branch or of a loop's body, which the op that owns them runs as a whole.

The ops of a region stand in the same graph as all others and may take any tensor of the regions
around theirs. What a region takes from outside is among the inputs of its owner, so that whoever
follows the inputs of ops finds it without looking inside.

    x ──────────────┐ captured
    pred ─┐         │
          If [ then: a = x * 2 → result    else: b = x + 1 → result ] ── output

The region of a gradient may take tensors of the region that it differentiates: `Region.see` then
makes the owner of the latter save them. A branch saves a value; a loop saves a stack, with one
value for each iteration.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock.graph import dtypes
from penstock.graph.operation import Operation, Tensor

if TYPE_CHECKING:
    from penstock.graph.graph import Graph


class Region:
    """A branch, or the condition or body of a loop. New ops join it in its `with` block.

    Args:
        graph: the graph.
        backward_of: the region that it is the gradient of.
        take_saved: in a loop's gradient, makes of a saved stack and of the tensor that was saved
            the value of this iteration.
        beside: the condition of the loop whose body this is.

    Attributes:
        parent: the region around it, or None.
        owner: the op that runs it, once that is made.
        args: the loop variables, as its ops see them; none in a branch.
        results: its results.
        saved: tensors of the region that its owner gives out too, for gradients: output by tensor.
        captured: tensors from outside that its ops take.
    """

    __slots__ = (
        "_beside", "_given", "_looked_at", "_outer", "_seen", "args", "backward_of", "captured",
        "graph", "liveness", "owner", "parent", "results", "saved", "take_saved",
    )  # fmt: skip

    def __init__(
        self,
        graph: Graph,
        backward_of: Region | None = None,
        take_saved: Callable[[Tensor, Tensor], Tensor] | None = None,
        beside: Region | None = None,
    ) -> None:
        self.graph = graph
        self._beside = beside
        self.parent: Region | None = graph._scopes.region
        self.backward_of = backward_of
        self.take_saved = take_saved
        self.owner: Operation | None = None
        self.args: list[Tensor] = []
        self.results: list[Tensor] = []
        self.saved: dict[Tensor, Tensor] = {}
        self.captured: dict[Tensor, None] = {}
        self.liveness: dict[Any, Liveness] = {}
        self._seen: dict[Tensor, Tensor] = {}
        self._outer: list[Any] = []
        self._given: set[Tensor] = set()
        self._looked_at: dict[Operation, int] | None = None

    def __enter__(self) -> Region:
        stacks = self.graph._scopes
        self._outer.append((stacks.region, stacks.controls))
        stacks.region, stacks.controls = self, []
        return self

    def __exit__(self, *unused: object) -> None:
        stacks = self.graph._scopes
        stacks.region, stacks.controls = self._outer.pop()

    def around(self) -> Iterable[Region]:
        """The region itself and those around it, from inside out."""
        region: Region | None = self
        while region is not None:
            yield region
            region = region.parent

    def see(self, tensor: Tensor, name: str) -> Tensor:
        """The tensor by which an op of this region takes the value of `tensor`.

        Args:
            tensor: one of this region, of one around it, or of one that these differentiate.
            name: of the op, for the error.

        Raises:
            ValueError: `tensor` belongs to another branch or loop.
        """
        home = tensor.op.region
        if home is self:
            return tensor
        if tensor in self.captured:
            return tensor
        found = self._seen.get(tensor)
        if found is not None:
            return found
        if home is None or is_visible(tensor.op, self):
            self._capture(tensor)
            return tensor
        for region in self.around():
            if region.backward_of is not None and is_visible_from(region.backward_of, home):
                found = region._of_forward_pass(tensor, name)
                self._seen[tensor] = found = self.see(found, name)
                return found
        raise hidden_input(tensor, name, self)

    def _capture(self, tensor: Tensor) -> None:
        for region in self.around():
            if region is tensor.op.region or tensor in region.captured:
                return
            region.captured[tensor] = None
            if region._beside is None or tensor not in region._beside.captured:
                self.graph._skip_ids(1)  # TensorFlow's Switch or Enter

    def _of_forward_pass(self, tensor: Tensor, name: str) -> Tensor:
        """The value that a tensor of the differentiated region has in the same run of it."""
        known = self._seen.get(tensor)
        if known is not None:
            return known
        forward = self.backward_of
        assert forward is not None
        with self:
            copied = _copied_constant(tensor)
        if copied is not None:
            self._seen[tensor] = copied
            return copied
        inner = tensor
        while inner.op.region is not forward:
            assert inner.op.region is not None
            inner = inner.op.region.save(inner)
        outside = forward.save(inner)
        parent = self.parent
        if parent is not None:
            outside = parent.see(outside, name)
        elif outside.op.region is not None:
            raise hidden_input(tensor, name, self)
        if self.take_saved is not None:
            with self:
                outside = self.take_saved(outside, inner)
        self._seen[tensor] = outside
        return outside

    def save(self, tensor: Tensor) -> Tensor:
        """The output of the owner that gives what `tensor` was in its run.

        For a loop that is a stack: what it was in each iteration.
        """
        found = self.saved.get(tensor)
        if found is not None:
            return found
        owner = self.owner
        assert owner is not None
        dtype = dtypes.variant if owner.spec.loops else tensor.dtype.base_dtype
        found = self.saved[tensor] = _add_output(owner, dtype)
        if not owner.spec.loops:
            found._shape = tensor._shape
        for outer in self._new_needs(tensor):
            if outer not in owner._inputs:
                owner._inputs.append(outer)
                outer._add_consumer(owner)
        self.graph._mutated()
        return found

    def _new_needs(self, tensor: Tensor) -> Iterable[Tensor]:
        """Tensors from outside that `tensor` needs and that were not looked at before.

        Each op is looked at once, however many tensors are saved: of one with regions of its own
        that is all that it takes, and what it takes since.
        """
        if self._looked_at is None:
            known = demand(self, self.results)
            self._given.update(known.tensors)
            self._looked_at = {op: 0 if op.regions else len(op._inputs) for op in known.ops}
        found: dict[Tensor, None] = {}
        pending = [tensor.op]
        while pending:
            op = pending.pop()
            before = self._looked_at.get(op, -1)
            if before == len(op._inputs):
                continue
            self._looked_at[op] = len(op._inputs)
            for taken in op._inputs[max(before, 0) :]:
                if taken.op.region is self:
                    pending.append(taken.op)
                elif taken not in self._given:
                    found[taken] = None
            if before < 0:
                pending.extend([each for each in op._control_inputs if each.region is self])
        self._given.update(found)
        return found


def _add_output(op: Operation, dtype: Any) -> Tensor:
    tensor = Tensor(op, len(op.outputs), dtype)
    op.outputs.append(tensor)
    return tensor


def _copied_constant(tensor: Tensor) -> Tensor | None:
    """A constant is made anew where it is needed: it need not be saved."""
    op = tensor.op
    if op.spec.name != "Const":
        return None
    return op.spec.build_flat(op.graph, [], dict(op._attrs), "Const").outputs[0]


def is_visible(op: Operation, region: Region | None) -> bool:
    """True where ops of `region` may take what `op` makes: it is of that region or around it."""
    return op.region is None or (region is not None and op.region in region.around())


def is_visible_from(outer: Region, inner: Region | None) -> bool:
    """True where `inner` is `outer` or lies in it."""
    return inner is not None and outer in inner.around()


def hidden_input(tensor: Tensor, name: str, region: Region | None) -> ValueError:
    """The error for an op that takes a tensor out of a branch or loop that it is no part of."""
    source = tensor.op.name
    name = name.rstrip("/")
    home = tensor.op.region
    assert home is not None
    if not in_loop(home):
        reason = f"'{source}' is in a branch of a cond"
    elif region is not None and in_loop(region):
        reason = "they are in different while loops"
    else:
        reason = f"'{source}' is in a while loop"
    return ValueError(
        f"Cannot use '{source}' as input to '{name}' because {reason}. Return it from the function "
        "that makes it, and use what tf.cond or tf.while_loop returns."
    )


def in_loop(region: Region) -> bool:
    """True where a region is a loop's or lies in one."""
    return any([bool(around.args) for around in region.around()])


@dataclass
class Demand:
    """What some tensors of a region need.

    Attributes:
        ops: operations of the region.
        tensors: tensors from outside it.
        controls: operations outside it that its own wait for.
    """

    ops: dict[Operation, None] = field(default_factory=dict)
    tensors: dict[Tensor, None] = field(default_factory=dict)
    controls: dict[Operation, None] = field(default_factory=dict)


def demand(region: Region, wanted: Iterable[Tensor]) -> Demand:
    """What some tensors, of a region or from outside, need to be computed in the region."""
    found = Demand()
    outputs = AskedOutputs({})
    pending: list[Tensor | Operation] = list(wanted)
    while pending or outputs.waiting:
        if not pending:
            op = outputs.next()
            live = liveness(op, frozenset(outputs.of[op]))
            pending.extend(live.tensors)
            pending.extend(live.controls)
        else:
            item = pending.pop()
            op = item.op if isinstance(item, Tensor) else item
            if op.region is not region:
                if isinstance(item, Tensor):
                    found.tensors[item] = None
                else:
                    found.controls[item] = None
                continue
            if op.regions:
                outputs.ask(op, item)
                continue
            if op in found.ops:
                continue
            pending.extend(op._inputs)
        if op not in found.ops:
            found.ops[op] = None
            pending.extend(op._control_inputs)
    return found


class AskedOutputs:
    """The outputs of ops with regions that a walk asks for.

    What such an op needs is found out when all others have been looked at that may ask it for more,
    so that this is done once for each op.

    Args:
        first: outputs that are asked for wherever the op is.

    Attributes:
        of: for each op the places of the outputs.
        waiting: the ops that are asked for more than when they were looked at last, as a heap with
            the last one made in front.
    """

    def __init__(self, first: Mapping[Operation, Iterable[int]]) -> None:
        self._first = first
        self.of: dict[Operation, set[int]] = {}
        self.waiting: list[tuple[int, Operation]] = []
        self._is_waiting: set[Operation] = set()

    def ask(self, op: Operation, item: Tensor | Operation) -> None:
        """Asks for a tensor of an op, or for the op."""
        known = self.of.get(op)
        if known is None:
            known = self.of[op] = set(self._first.get(op, ()))
        elif known.issuperset(asked_outputs(op, item)):
            return
        known.update(asked_outputs(op, item))
        if op not in self._is_waiting:
            self._is_waiting.add(op)
            heapq.heappush(self.waiting, (-op._id, op))

    def next(self) -> Operation:
        """The op to look at: the last one made, which none of the others can ask for more."""
        _, op = heapq.heappop(self.waiting)
        self._is_waiting.remove(op)
        return op


def asked_outputs(op: Operation, item: Tensor | Operation) -> Iterable[int]:
    """Which outputs of an op with regions are asked for by asking for one tensor, or for the op."""
    if isinstance(item, Tensor):
        return (item.value_index,)
    return range(len(op.regions[-1].results))


@dataclass(frozen=True)
class Liveness:
    """What an op with regions does for some of its outputs.

    Attributes:
        places: the results that its regions must give; of a loop, the variables that it keeps.
        saved: for each region, its tensors that are saved.
        tensors: the inputs that are needed.
        controls: operations outside that those in its regions wait for.
    """

    places: tuple[int, ...]
    saved: tuple[tuple[Tensor, ...], ...]
    tensors: tuple[Tensor, ...]
    controls: tuple[Operation, ...]


def liveness(op: Operation, outputs: frozenset[int]) -> Liveness:
    """What an op with regions must do to give some of its outputs, named by their index."""
    cache = op.regions[0].liveness
    key = (outputs, op.graph.mutation_count)
    found = cache.get(key)
    if found is None:
        if len(cache) > 64:
            cache.clear()
        rule = _loop_liveness if op.spec.loops else _branch_liveness
        found = cache[key] = rule(op, outputs)
    return found


def _saved_tensors(op: Operation, outputs: frozenset[int]) -> list[list[Tensor]]:
    return [
        [inner for inner, output in region.saved.items() if output.value_index in outputs]
        for region in op.regions
    ]


def _branch_liveness(op: Operation, outputs: frozenset[int]) -> Liveness:
    count = len(op.regions[0].results)
    places = sorted([index for index in outputs if index < count])
    saved = _saved_tensors(op, outputs)
    tensors: dict[Tensor, None] = {op._inputs[0]: None}
    controls: dict[Operation, None] = {}
    for region, kept in zip(op.regions, saved, strict=True):
        needs = demand(region, [*[region.results[place] for place in places], *kept])
        tensors.update(needs.tensors)
        controls.update(needs.controls)
    return _liveness(places, saved, tensors, controls)


def _loop_liveness(op: Operation, outputs: frozenset[int]) -> Liveness:
    condition, body = op.regions
    count = len(body.results)
    place_of = {arg: place for region in op.regions for place, arg in enumerate(region.args)}
    saved = _saved_tensors(op, outputs)
    live = {index for index in outputs if index < count}
    while True:
        needs = [
            demand(condition, condition.results),
            demand(body, [*[body.results[place] for place in sorted(live)], *saved[1]]),
        ]
        used = {
            place_of[inner]
            for part in needs
            for member in part.ops
            for inner in member.outputs
            if inner in place_of
        }
        if used <= live:
            break
        live |= used
    places = sorted(live)
    tensors: dict[Tensor, None] = dict.fromkeys([op._inputs[place] for place in places])
    controls: dict[Operation, None] = {}
    for part in needs:
        tensors.update(part.tensors)
        controls.update(part.controls)
    return _liveness(places, saved, tensors, controls)


def _liveness(
    places: list[int],
    saved: list[list[Tensor]],
    tensors: dict[Tensor, None],
    controls: dict[Operation, None],
) -> Liveness:
    return Liveness(
        tuple(places), tuple([tuple(kept) for kept in saved]), tuple(tensors), tuple(controls)
    )


def captures_of(regions: Iterable[Region]) -> tuple[list[Tensor], list[Operation]]:
    """The tensors and control inputs that some regions take from outside, in order of creation."""
    tensors: dict[Tensor, None] = {}
    controls: dict[Operation, None] = {}
    for region in regions:
        region.results = [region.see(result, "a result") for result in region.results]
        needs = demand(region, region.results)
        tensors.update(needs.tensors)
        controls.update(needs.controls)
    in_order = sorted(tensors, key=lambda tensor: (tensor.op._id, tensor.value_index))
    return in_order, sorted(controls, key=lambda op: op._id)


def with_inner(ops: Iterable[Operation]) -> Iterable[Operation]:
    """Operations, each followed by those in its regions."""
    for op in ops:
        yield op
        if op.regions:
            inside = [inner for inner in operations_inside(op) if inner.type != "_Arg"]
            yield from sorted(inside, key=lambda inner: inner._id)


def operations_inside(op: Operation) -> Iterable[Operation]:
    """All operations that an op's regions need, those in regions inside them too."""
    for region in op.regions:
        for inner in demand(region, [*region.results, *region.saved]).ops:
            yield inner
            yield from operations_inside(inner)
