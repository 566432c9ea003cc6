"""`Plan`: what one kind of run does, made once for a set of fetches and feeds, then never changed.

Making it goes in three steps: prune and order (plan/order.py), one walk forward that folds
constants, merges equal pure ops and drops identities, and one walk backward that leaves out what
nothing needs any more.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.plan.order import needed_operations

_MOST_FOLDED_BYTES = (
    1 << 20
)  # larger results are computed in each run: keeping them would double the memory


class Constant:
    """An operand whose value is known when the plan is made."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Read:
    """An operand that is the value a variable has at that place in the order.

    Attributes:
        variable: the variable's operation.
        by_update: it is read by an op that assigns the variable.
    """

    __slots__ = ("by_update", "variable")

    def __init__(self, variable: Operation, by_update: bool = False) -> None:
        self.variable = variable
        self.by_update = by_update


Operand = Any  # Tensor | Constant | Read | list of these


@dataclass(slots=True, eq=False)
class Step:
    """One op of a plan.

    Attributes:
        op: the operation.
        operands: one for each input arg that the kernel takes; a list for a list arg.
        writes: the variables that it assigns.
    """

    op: Operation
    operands: list[Operand]
    writes: list[Operation]

    def flat_operands(self) -> list[Any]:
        """The operands, those in lists too."""
        return self.operands if self.op.spec.plain else flatten(self.operands)

    def writes_in_place(self) -> bool:
        """Whether it changes its variables where they are: those that no feed stands for."""
        if self.op.spec.in_place is None:
            return False
        return all([type(operand) is Read for operand in self.operands[: len(self.writes)]])


def flatten(operands: list[Operand]) -> list[Any]:
    """Operands, those in lists too."""
    flat = []
    for operand in operands:
        if type(operand) is list:
            flat.extend(operand)
        else:
            flat.append(operand)
    return flat


@dataclass(slots=True, eq=False)
class Plan:
    """What one kind of run does.

    Attributes:
        graph: the graph it was made of.
        fetches: what it gives: tensors, and operations (None is given for these).
        feeds: the tensors that must be fed, in the order of the arguments.
        steps: the ops, in order.
        results: for each fetch its operand; None for an operation.
        ordered: the operations that the fetches need, in order, left out or not.
    """

    graph: Graph
    fetches: tuple[Tensor | Operation, ...]
    feeds: tuple[Tensor, ...]
    steps: list[Step]
    results: list[Operand]
    ordered: list[Operation]


def make_plan(
    graph: Graph,
    fetches: Sequence[Tensor | Operation],
    feeds: Sequence[Tensor],
    late_reads: frozenset[Tensor] = frozenset(),
    done: frozenset[Operation] = frozenset(),
) -> Plan:
    """Makes the plan of a run.

    Args:
        graph: the graph.
        fetches: tensors and operations, each once.
        feeds: the tensors that will be fed.
        late_reads: fetched reads of resource variables that stand for the variable,
            and so are read last.
        done: operations that an earlier stage has run.
    """
    fed = frozenset(feeds)
    targets = []
    for fetch in fetches:
        if not isinstance(fetch, Tensor):
            targets.append(fetch)
        elif fetch not in fed and fetch not in late_reads:
            targets.append(fetch.op)
    ordered = needed_operations(targets, fed, done)
    rewriter = Rewriter(fed)
    for op in ordered:
        rewriter.add(op)
    results = [rewriter.result(fetch, late_reads) for fetch in fetches]
    forced = {fetch for fetch in fetches if not isinstance(fetch, Tensor)}
    for op in ordered:
        forced.update(op._control_inputs)
    steps = _without_unneeded(rewriter.steps, results, forced)
    return Plan(graph, tuple(fetches), tuple(feeds), steps, results, ordered)


class Rewriter:
    """The walk forward: turns operations into steps."""

    def __init__(self, fed: frozenset[Tensor]) -> None:
        self.steps: list[Step] = []
        self._fed = fed
        self._known: dict[Tensor, Operand] = {
            t: t for t in fed
        }  # fed, or no step's output: aliases, constants, refs
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
        operands, writes = self._operands(op)
        if spec.identity:
            self._add_identity(op, operands)
            return
        if spec.pure and self._fold_or_merge(op, operands):
            return
        self._append(op, operands, writes)

    def _append(self, op: Operation, operands: list[Operand], writes: list[Operation]) -> Step:
        step = Step(op, operands, writes)
        self.steps.append(step)
        for output in op.outputs:
            if (
                output.dtype._is_ref_dtype
            ):  # reads of it come after this step, and see what it wrote
                self._known.setdefault(output, Read(variable_of(op._inputs[0])))
        return step

    def _operands(self, op: Operation) -> tuple[list[Operand], list[Operation]]:
        spec = op.spec
        if spec.plain:
            return [self.operand(tensor) for tensor in op._inputs], []
        operands: list[Operand] = []
        writes: list[Operation] = []
        position = 0
        for arg in spec.input_args:
            if arg.many:
                count = arg.count(op._attrs)
                operands.append([self.operand(t) for t in op._inputs[position : position + count]])
                position += count
                continue
            tensor = op._inputs[position]
            position += 1
            if arg.name in spec.writes:
                writes.append(variable_of(tensor))
            if arg.name in spec.unread:
                continue
            if arg.name in spec.writes and tensor not in self._fed:
                operands.append(Read(writes[-1], by_update=True))
            else:
                operands.append(self.operand(tensor))
        return operands, writes

    def _add_identity(self, op: Operation, operands: list[Operand]) -> None:
        flat = operands[0] if type(operands[0]) is list else operands
        if any([type(operand) is Read for operand in flat]) and not _is_snapshot(op):
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
            for output, other in zip(op.outputs, twin.op.outputs, strict=True):
                self._known.setdefault(output, other)
        return True

    def _fold(self, op: Operation, operands: list[Operand]) -> bool:
        spec = op.spec
        if spec.kernel is None:
            return False
        values = [[o.value for o in p] if type(p) is list else p.value for p in operands]
        try:
            with np.errstate(all="ignore"):
                result = spec.bound_kernel(op, np)(*values)
        except Exception:
            return False
        results = [result] if spec.single_output else list(result)
        if sum([getattr(value, "nbytes", 0) for value in results]) > _MOST_FOLDED_BYTES:
            return False
        for output, value in zip(op.outputs, results, strict=True):
            self._known.setdefault(output, Constant(np.asarray(value)))
        return True


def _is_snapshot(op: Operation) -> bool:
    """True of `v/read`, which a reference variable makes once for all who use it.

    In TensorFlow it gives the variable's own buffer, so that an op which waits for an update sees
    the updated value through it. So it is no read: each op that takes it reads at its own place.
    """
    source = op._inputs[0].op
    return source.spec.variable and op.name == f"{source.name}/read"


def _merge_key(op: Operation, flat: list[Operand]) -> Any:
    """Equal keys mean equal values. None where the attrs cannot be compared."""
    attrs = op._attrs
    parts = [op.spec, *[output.dtype for output in op.outputs]]
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


def variable_of(tensor: Tensor) -> Operation:
    """The operation of the variable that a reference or resource stands for.

    Raises:
        ValueError: it cannot be told from the graph.
    """
    op = tensor.op
    while not op.spec.variable:
        refs = [t for t in op._inputs if t.dtype._is_ref_dtype or t.dtype.name == "resource"]
        if not refs:
            raise ValueError(
                f"{tensor.name} is no reference to a variable: it comes from "
                f"{op.name!r} ({op.type})"
            )
        op = refs[0].op
    return op


def _without_unneeded(
    steps: list[Step], results: list[Operand], forced: set[Operation]
) -> list[Step]:
    """The walk backward: steps that have an effect, are asked for, or whose outputs are used."""
    used: set[Tensor] = set()
    for result in results:
        if isinstance(result, Tensor):
            used.add(result)
    kept = []
    for step in reversed(steps):
        op = step.op
        if op.spec.pure and op not in forced and not any([output in used for output in op.outputs]):
            continue
        kept.append(step)
        for operand in step.flat_operands():
            if isinstance(operand, Tensor):
                used.add(operand)
    kept.reverse()
    return kept


def variables_used(plan: Plan) -> list[Operation]:
    """The variables that a plan reads or writes, each once, in order of first use."""
    found: dict[Operation, None] = {}
    for step in plan.steps:
        for operand in step.flat_operands():
            if type(operand) is Read:
                found[operand.variable] = None
        for variable in step.writes:
            found[variable] = None
    for result in plan.results:
        if type(result) is Read:
            found[result.variable] = None
    return list(found)


@functools.cache
def variable_key(variable: Operation) -> tuple[str, str]:
    """(container, name): what names a variable's place in a session."""
    attrs = variable._attrs
    return str(attrs.get("container") or ""), str(attrs.get("shared_name") or variable.name)
