"""Which operations a run needs, and in which order: always the same one."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from penstock.graph.operation import Operation, Tensor
from penstock.graph.region import AskedOutputs, Region, liveness


class Needed(NamedTuple):
    """What a run needs.

    Attributes:
        ordered: the operations, in the order in which they run.
        asked: for each of them that has regions, which of its outputs are asked for.
    """

    ordered: list[Operation]
    asked: Mapping[Operation, frozenset[int]]


def needed_operations(
    targets: Iterable[Tensor | Operation],
    feeds: frozenset[Tensor],
    done: frozenset[Operation],
    region: Region | None = None,
    asked: Mapping[Operation, frozenset[int]] | None = None,
) -> Needed:
    """The operations that `targets` need, in the order in which they run.

    Data and control dependencies come first; among operations that are free to
    run, the one made first.

    Args:
        targets: operations that must run, tensors that must be computed.
        feeds: tensors that have a value already: what makes them is not needed for their sake.
        done: operations that have run already, in an earlier stage of a partial run.
        region: the region whose operations these are; what is outside it has run.
        asked: outputs of operations with regions that are asked for in any case.
    """
    needed: set[Operation] = set()
    outputs = AskedOutputs(asked or {})
    pending: list[Tensor | Operation] = list(targets)
    while pending or outputs.waiting:
        if not pending:
            op = outputs.next()
            live = liveness(op, frozenset(outputs.of[op]))
            inputs: Iterable[Tensor] = live.tensors
            pending.extend(_unfed(live.controls, feeds))
        else:
            item = pending.pop()
            op = item.op if isinstance(item, Tensor) else item
            if op in done or op.region is not region:
                continue
            if op.regions:
                outputs.ask(op, item)
                continue
            if op in needed:
                continue
            inputs = op._inputs
        needed.add(op)
        for tensor in inputs:
            if tensor not in feeds:
                pending.append(tensor if tensor.op.regions else tensor.op)
        if op._control_inputs:
            pending.extend(_unfed(op._control_inputs, feeds))
    ordered = sorted(needed, key=lambda op: op._id)
    if not _is_topological(ordered, feeds):
        ordered = _sort(needed, feeds)
    return Needed(ordered, {op: frozenset(known) for op, known in outputs.of.items()})


def _predecessors(op: Operation, feeds: frozenset[Tensor]) -> list[Operation]:
    return [tensor.op for tensor in op._inputs if tensor not in feeds] + _unfed(
        op._control_inputs, feeds
    )


def _unfed(controls: Iterable[Operation], feeds: frozenset[Tensor]) -> list[Operation]:
    """Operations that others wait for without taking a value; not loop variables, nor the
    placeholders that are fed: their values are there, and running them would be an error.
    """
    return [
        control
        for control in controls
        if control.type not in ("Placeholder", "_Arg") or control.outputs[0] not in feeds
    ]


def _is_topological(ordered: list[Operation], feeds: frozenset[Tensor]) -> bool:
    """True in the usual case, that each op was made after those it depends on."""
    for op in ordered:
        number = op._id
        for tensor in op._inputs:
            if tensor.op._id >= number and tensor not in feeds:
                return False
        for control in op._control_inputs:
            if control._id >= number:
                return False
    return True


def _sort(needed: set[Operation], feeds: frozenset[Tensor]) -> list[Operation]:
    waiting: dict[Operation, int] = {}
    successors: dict[Operation, list[Operation]] = {op: [] for op in needed}
    for op in needed:
        before = {other for other in _predecessors(op, feeds) if other in needed}
        waiting[op] = len(before)
        for other in before:
            successors[other].append(op)
    free = [(op._id, op) for op, count in waiting.items() if count == 0]
    heapq.heapify(free)
    ordered = []
    while free:
        _, op = heapq.heappop(free)
        ordered.append(op)
        for later in successors[op]:
            waiting[later] -= 1
            if waiting[later] == 0:
                heapq.heappush(free, (later._id, later))
    if len(ordered) != len(needed):
        cycle = sorted([op.name for op in needed if waiting[op] > 0])
        raise ValueError(f"the graph has a cycle through {', '.join(cycle[:10])}")
    return ordered
