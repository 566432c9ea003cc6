"""`make_plan`: from operations to the steps of a plan.

It goes in two steps: prune and order (plan/order.py), and one walk that folds constants, merges
equal pure ops and drops identities. Any other op that the fetches need stays, also where what takes
its value was left out: it may fail, and then the run does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from penstock.graph import dtypes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.region import Liveness, Region, liveness
from penstock.plan.order import needed_operations
from penstock.plan.plan import (
    Constant,
    Operand,
    Plan,
    Read,
    RegionStep,
    Step,
    flatten,
    is_snapshot,
    variable_of,
)

# Larger results are computed in each run: keeping them would double the memory.
_MOST_FOLDED_BYTES = 1 << 20
# Ops that find a resource as updates do: without a value it does not exist.
_LOOKUPS = ("ResourceGather", "ResourceGatherNd", "VariableShape")


def make_plan(
    graph: Graph,
    fetches: Sequence[Tensor | Operation],
    feeds: Sequence[Tensor],
    late_reads: frozenset[Tensor] = frozenset(),
    done: frozenset[Operation] = frozenset(),
    asked: Mapping[Operation, frozenset[int]] | None = None,
) -> Plan:
    """Makes the plan of a run.

    Args:
        graph: the graph.
        fetches: tensors and operations, each once.
        feeds: the tensors that will be fed.
        late_reads: fetched reads of resource variables that stand for the variable,
            and so are read last.
        done: operations that an earlier stage has run.
        asked: outputs of operations with regions that later stages ask for.
    """
    fed = frozenset(feeds)
    targets = [f for f in fetches if not (isinstance(f, Tensor) and (f in fed or f in late_reads))]
    ordered, outputs = needed_operations(targets, fed, done, asked=asked)
    rewriter = Rewriter(fed, outputs)
    for op in ordered:
        rewriter.add(op)
    results = [rewriter.result(fetch, late_reads) for fetch in fetches]
    return Plan(graph, tuple(fetches), tuple(feeds), rewriter.steps, results, ordered, outputs)


class Rewriter:
    """The walk: turns operations into steps."""

    def __init__(
        self, fed: frozenset[Tensor], asked: Mapping[Operation, frozenset[int]] | None = None
    ) -> None:
        self.steps: list[Step] = []
        self._fed = fed
        self._asked = asked or {}
        # What is fed, or no step's output: aliases, constants, refs.
        self._known: dict[Tensor, Operand] = {t: t for t in fed}
        self._pure: dict[Any, Step] = {}

    def operand(self, tensor: Tensor) -> Operand:
        """What stands for the value of `tensor`."""
        known = self._known.get(tensor)
        if known is not None:
            return known
        if tensor.dtype._is_ref_dtype:  # an earlier stage of a partial run made the reference
            return Read(variable_of(tensor))
        return tensor

    def result(self, fetch: Tensor | Operation, late_reads: frozenset[Tensor]) -> Operand:
        """What a fetch gives."""
        if not isinstance(fetch, Tensor):
            return None
        if fetch in late_reads and fetch not in self._fed:
            return Read(variable_of(fetch.op._inputs[0]))
        if fetch not in self._fed and not fetch.op.spec.variable and fetch.dtype._is_ref_dtype:
            return fetch  # the value that an assignment left, read at the assignment's place
        return self.operand(fetch)

    def add(self, op: Operation) -> None:
        """Adds an operation, or what makes it needless."""
        spec = op.spec
        if spec.variable:
            self._known.setdefault(op.outputs[0], Read(op))
            return
        if not op._inputs:
            if spec.name == "Const":
                self._known.setdefault(op.outputs[0], Constant(op._attrs["value"]))
                return
            self._append(op, [[] for _ in spec.input_args], [])  # args left: lists of no tensors
            return
        if op.regions:
            self._add_region_op(op)
            return
        operands, writes = self._operands(op)
        if spec.identity:
            self._add_identity(op, operands)
            return
        if spec.pure and self._fold_or_merge(op, operands):
            return
        self._append(op, operands, writes)

    def _append(self, op: Operation, operands: list[Operand], writes: list[Operation]) -> Step:
        step = Step(op, operands, writes, self._not_fed(op.outputs))
        self.steps.append(step)
        for output in op.outputs:
            if output.dtype._is_ref_dtype:  # read after this step: what it wrote is seen
                self._known.setdefault(output, Read(variable_of(op._inputs[0])))
        return step

    def _not_fed(self, outputs: list[Tensor]) -> list[Tensor]:
        """A step's outputs: what it computes for a tensor that is fed is dropped."""
        if self._fed.isdisjoint(outputs):
            return outputs
        return [_dropped(tensor) if tensor in self._fed else tensor for tensor in outputs]

    def _add_region_op(self, op: Operation) -> None:
        """Adds an op with regions; of these only what gives the outputs that are asked for."""
        live = liveness(op, self._asked[op])
        if op.spec.loops:
            self._add_loop(op, live)
            return
        pred = self.operand(op._inputs[0])
        if type(pred) is Constant:
            self._inline(op, live, 0 if pred.value else 1)
            return
        plans = []
        for region, saved in zip(op.regions, live.saved, strict=True):
            results = [region.results[place] for place in live.places]
            kept = {inner: inner for inner in saved}
            for other in op.regions:  # a branch that is not taken has no value to save
                for inner in live.saved[op.regions.index(other)]:
                    results.append(kept.get(inner))  # type: ignore[arg-type]
            plans.append(self._body(region, results))
        outputs = [op.outputs[place] for place in live.places]
        for region, saved in zip(op.regions, live.saved, strict=True):
            outputs += [region.saved[inner] for inner in saved]
        outer = _outer_feeds(plans, [])
        self.steps.append(
            RegionStep(
                op, [pred, *outer], [], self._not_fed(outputs), tuple(plans), ([], []), outer
            )
        )

    def _inline(self, op: Operation, live: Liveness, taken: int) -> None:
        """Adds the ops of the branch that is known to be taken."""
        region = op.regions[taken]
        saved = live.saved[taken]
        results = [region.results[place] for place in live.places]
        ordered, asked = needed_operations([*results, *saved], frozenset(), frozenset(), region)
        self._asked = {**self._asked, **asked}
        for inner in ordered:
            self.add(inner)
        for place, result in zip(live.places, results, strict=True):
            self._known.setdefault(op.outputs[place], self.operand(result))
        for tensor in saved:
            self._known.setdefault(region.saved[tensor], self.operand(tensor))

    def _add_loop(self, op: Operation, live: Liveness) -> None:
        condition, body = op.regions
        args = tuple([[region.args[place] for place in live.places] for region in op.regions])
        results = [*[body.results[place] for place in live.places], *live.saved[1]]
        plans = (
            self._body(condition, condition.results, args[0]), self._body(body, results, args[1])
        )  # fmt: skip
        outputs = [op.outputs[place] for place in live.places]
        outputs += [body.saved[inner] for inner in live.saved[1]]
        inits = [self.operand(op._inputs[place]) for place in live.places]
        outer = _outer_feeds(plans, [*args[0], *args[1]])
        outputs = self._not_fed(outputs)
        self.steps.append(RegionStep(op, [*inits, *outer], [], outputs, plans, args, outer))

    def _body(
        self, region: Region, results: Sequence[Tensor | None], args: Sequence[Tensor] = ()
    ) -> Plan:
        """The plan of a region. It takes tensors from outside by what stands for them here."""
        outside = list(region.captured)
        wanted = [result for result in results if result is not None]
        given = frozenset([*outside, *args])
        targets = [result for result in wanted if result not in given]
        ordered, asked = needed_operations(targets, given, frozenset(), region)
        inner = Rewriter(frozenset(args), asked)
        taken: dict[Tensor, None] = dict.fromkeys(args)
        for tensor in outside:
            variable = tensor.op if tensor.op.spec.variable else None
            operand = Read(variable) if variable else self.operand(tensor)
            inner._known[tensor] = operand
            if isinstance(operand, Tensor):
                taken[operand] = None
        for op in ordered:
            inner.add(op)
        found = [None if result is None else inner.operand(result) for result in results]
        steps = inner.steps
        used = {o for step in steps for o in step.flat_operands() if isinstance(o, Tensor)}
        used.update([result for result in found if isinstance(result, Tensor)])
        used.update(args)
        feeds = [tensor for tensor in taken if tensor in used]
        return Plan(region.graph, tuple(wanted), tuple(feeds), steps, found, ordered, asked)

    def _operands(self, op: Operation) -> tuple[list[Operand], list[Operation]]:
        spec = op.spec
        if spec.plain:
            operands = [self.operand(tensor) for tensor in op._inputs]
            if spec.name in _LOOKUPS and type(operands[0]) is Read:
                operands[0] = Read(operands[0].variable, by_update=True)
            return operands, []
        operands = []
        writes: list[Operation] = []
        position = 0
        for arg in spec.input_args:
            if arg.many:
                count = arg.count(op._attrs)
                operands.append([self.operand(t) for t in op._inputs[position : position + count]])
                position += count
                continue
            tensor = op._inputs[position]
            if arg.is_ref and tensor in self._fed:
                raise _fed_reference(op, position)
            position += 1
            if arg.name in spec.writes:
                writes.append(variable_of(tensor))
            if arg.name in spec.unread:
                continue
            if arg.name in spec.writes:
                operands.append(Read(writes[-1], by_update=True))
            else:
                operands.append(self.operand(tensor))
        return operands, writes

    def _add_identity(self, op: Operation, operands: list[Operand]) -> None:
        flat = operands[0] if type(operands[0]) is list else operands
        if any([type(operand) is Read for operand in flat]) and not is_snapshot(op):
            self._append(op, operands, [])
            return
        for output, operand in zip(op.outputs, flat, strict=True):
            self._known.setdefault(output, operand)

    def _fold_or_merge(self, op: Operation, operands: list[Operand]) -> bool:
        flat = operands if op.spec.plain else flatten(operands)
        constant = True
        for operand in flat:
            kind = type(operand)
            if kind is Read:
                return False
            constant = constant and kind is Constant
        if constant and self._fold(op, operands):
            return True
        key = _merge_key(op, flat)
        if key is None:
            return False
        twin = self._pure.get(key)
        if twin is None:
            self._pure[key] = self._append(op, operands, [])
        else:
            for output, other in zip(op.outputs, twin.outputs, strict=True):
                self._known.setdefault(output, other)
        return True

    def _fold(self, op: Operation, operands: list[Operand]) -> bool:
        spec = op.spec
        if spec.kernel is None or any([t.dtype is dtypes.variant for t in op.outputs]):
            return False  # a list is no array
        values = [[o.value for o in p] if type(p) is list else p.value for p in operands]
        try:
            with np.errstate(all="ignore"):
                result = spec.bound_kernel(op, np)(*values)
        except Exception:  # what is wrong is told where the op is run
            return False
        results = [result] if spec.single_output else list(result)
        if sum([getattr(value, "nbytes", 0) for value in results]) > _MOST_FOLDED_BYTES:
            return False
        for output, value in zip(op.outputs, results, strict=True):
            self._known.setdefault(output, Constant(np.asarray(value)))
        return True


def _fed_reference(op: Operation, position: int) -> InvalidArgumentError:
    tensor = op._inputs[position]
    kind = tensor.dtype.base_dtype.name
    return InvalidArgumentError(
        None,
        op,
        f"Input {position} of node {op.name} was passed {kind} from the feed of {tensor.name} "
        f"incompatible with expected {kind}_ref.",
    )


def _dropped(tensor: Tensor) -> Tensor:
    """What stands in a step for an output that nothing takes."""
    dropped = Tensor(tensor.op, tensor.value_index, tensor.dtype)
    dropped._shape = tensor._shape
    return dropped


def _outer_feeds(plans: Sequence[Plan], args: Sequence[Tensor]) -> list[Tensor]:
    """What the plans of regions take from outside, each once."""
    own = set(args)
    return list(dict.fromkeys([t for plan in plans for t in plan.feeds if t not in own]))


def _merge_key(op: Operation, flat: list[Operand]) -> Any:
    """Equal keys mean equal values. None where the attrs cannot be compared.

    An op that waits for others is equal to those only that wait for the same: what is computed
    anew for a gradient, to keep less, stays apart from what it repeats.
    """
    attrs = op._attrs
    parts: list[Any] = [op.spec, *[output.dtype for output in op.outputs]]
    parts.append(tuple(op._control_inputs))
    for name in op.spec.kernel_attrs:
        value = attrs[name]
        parts.append(tuple(value) if type(value) is list else value)
    for operand in flat:
        if type(operand) is Constant:
            value = operand.value
            if value.dtype == object or value.nbytes > 64:
                parts.append(id(value))
            else:
                parts.append((value.dtype.char, value.shape, value.tobytes()))
        else:
            parts.append(operand)
    key = tuple(parts)
    try:
        hash(key)
    except TypeError:
        return None
    return key
