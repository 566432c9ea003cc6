"""Which operations a run needs, and in which order: always the same one."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from penstock.graph.operation import Operation, Tensor


def needed_operations(
    targets: Iterable[Operation], feeds: frozenset[Tensor], done: frozenset[Operation]
) -> list[Operation]:
    """The operations that `targets` need, in the order in which they run.

    Data and control dependencies come first; among operations that are free to
    run, the one made first.

    Args:
        targets: operations that must run.
        feeds: tensors that have a value already: what makes them is not needed for their sake.
        done: operations that have run already, in an earlier stage of a partial run.
    """
    needed: set[Operation] = set()
    pending = list(targets)
    while pending:
        op = pending.pop()
        if op in needed or op in done:
            continue
        needed.add(op)
        for tensor in op._inputs:
            if tensor not in feeds:
                pending.append(tensor.op)
        if op._control_inputs:
            pending.extend(op._control_inputs)
    ordered = sorted(needed, key=lambda op: op._id)
    return ordered if _is_topological(ordered, feeds) else _sort(needed, feeds)


def _predecessors(op: Operation, feeds: frozenset[Tensor]) -> list[Operation]:
    return [tensor.op for tensor in op._inputs if tensor not in feeds] + op._control_inputs


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
