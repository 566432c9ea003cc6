"""Which operations a run needs and in which order: the rules of docs/how-a-run-happens.md, plainly.

An op with regions (a cond, a loop) needs what the results need that are asked of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from penstock.graph.operation import Operation, Tensor
from penstock.graph.region import Region

Item = Tensor | Operation
Asked = dict[Operation, set[int]]


@dataclass
class Needs:
    """What some tensors and operations need.

    Attributes:
        ops: operations, of one region.
        asked: for those of them that have regions, which of their outputs.
        outside: tensors and operations outside the region.
    """

    ops: set[Operation] = field(default_factory=set)
    asked: Asked = field(default_factory=dict)
    outside: dict[Item, None] = field(default_factory=dict)


def needs(
    targets: Iterable[Item],
    values: Set[Tensor] | Mapping[Tensor, object] = frozenset(),
    done: Set[Operation] = frozenset(),
    region: Region | None = None,
    asked: Asked | None = None,
) -> Needs:
    """What targets need.

    Args:
        targets: tensors that must be computed, operations that must run.
        values: tensors that have a value.
        done: operations that have run.
        region: the region of the operations.
        asked: what is asked of operations in any case.
    """
    found = Needs()
    pending = list(targets)
    while pending:
        item = pending.pop()
        op = item.op if isinstance(item, Tensor) else item
        if isinstance(item, Tensor) and item in values:
            continue
        if op.region is not region:
            found.outside[item] = None
            continue
        if op in done:
            continue
        if op.regions:
            places = set(asked.get(op, ())) if asked else set()
            places |= {item.value_index} if isinstance(item, Tensor) else _all_results(op)
            if op in found.ops and places <= found.asked[op]:
                continue
            found.asked.setdefault(op, set()).update(places)
            taken = taken_from_outside(op, found.asked[op])
            pending += [item for item in taken if not is_fed_placeholder(item, values)]
        elif op in found.ops:
            continue
        else:
            pending += op.inputs
        found.ops.add(op)
        pending += controls(op, values)
    return found


def _all_results(op: Operation) -> set[int]:
    return set(range(len(op.regions[-1].results)))


def controls(op: Operation, values: Set[Tensor] | Mapping[Tensor, object]) -> list[Operation]:
    """What an operation waits for by control inputs; a feed stands for its placeholder."""
    return [c for c in op.control_inputs if not is_fed_placeholder(c, values)]


def is_fed_placeholder(item: Item, values: Set[Tensor] | Mapping[Tensor, object]) -> bool:
    """True of a placeholder's operation where the placeholder is fed."""
    if isinstance(item, Tensor):
        return False
    return item.type == "Placeholder" and item.outputs[0] in values


def wanted_results(op: Operation, place: int, asked: Set[int]) -> list[Tensor]:
    """The results of a region, and the tensors it saves, for some outputs of the op."""
    region = op.regions[place]
    if op.spec.loops and place == 0:
        return list(region.results)
    count = len(region.results)
    results = [region.results[k] for k in sorted(asked) if k < count]
    return results + [t for t, output in region.saved.items() if output.value_index in asked]


def kept_variables(op: Operation, asked: Set[int]) -> list[int]:
    """The loop variables that must be computed for some outputs of a loop."""
    condition, body = op.regions
    count = len(body.results)
    kept = {k for k in asked if k < count}
    while True:
        parts = [
            needs(wanted_results(op, 0, asked), region=condition),
            needs(wanted_results(op, 1, kept | asked), region=body),
        ]
        made = {tensor for part in parts for inner in part.ops for tensor in inner.outputs}
        for region in op.regions:
            made |= set(wanted_results(op, op.regions.index(region), kept | asked))
        used = {k for r in op.regions for k, arg in enumerate(r.args) if arg in made}
        if used <= kept:
            return sorted(kept)
        kept |= used


def taken_from_outside(op: Operation, asked: Set[int]) -> list[Item]:
    """What an op with regions takes from outside them for some of its outputs."""
    if op.spec.loops:
        kept = kept_variables(op, asked)
        taken: list[Item] = [op.inputs[k] for k in kept]
        asked = asked | set(kept)
    else:
        taken = [op.inputs[0]]
    for place, region in enumerate(op.regions):
        taken += needs(wanted_results(op, place, asked), region=region).outside
    return taken


def inputs(op: Operation, asked: Asked) -> list[Tensor]:
    """The inputs that an operation needs; one with regions for what is asked of it."""
    if not op.regions:
        return list(op.inputs)
    return [item for item in taken_from_outside(op, asked[op]) if isinstance(item, Tensor)]


def in_order(ops: Set[Operation], values: Set[Tensor] | Mapping[Tensor, object]) -> list[Operation]:
    """Dependencies first; of all that could run next, the operation made first."""
    waiting = sorted(ops, key=lambda op: op._id)
    left = set(ops)
    order: list[Operation] = []
    while waiting:
        op = next(op for op in waiting if left.isdisjoint(_before(op, values)))
        waiting.remove(op)
        left.remove(op)
        order.append(op)
    return order


def _before(op: Operation, values: Set[Tensor] | Mapping[Tensor, object]) -> list[Operation]:
    return [t.op for t in op.inputs if t not in values] + controls(op, values)


# What a value depends on


def variable_behind(tensor: Tensor) -> Operation | None:
    """The variable that a reference or a resource stands for."""
    is_handle = tensor.dtype.name == "resource" and tensor.op.spec.variable
    if not tensor.dtype._is_ref_dtype and not is_handle:
        return None
    while not tensor.op.spec.variable:
        tensor = tensor.op.inputs[0]
    return tensor.op


def is_array(tensor: Tensor) -> bool:
    """True of the handle of a TensorArray."""
    return tensor.op.type.startswith("TensorArray") and tensor.dtype.name == "resource"


def variables_written(op: Operation) -> set[Operation]:
    """The variables that an operation assigns, or those in its regions."""
    found: set[Operation | None] = set()
    for arg, tensor in zip(op.spec.input_args, op.inputs, strict=False):
        if arg.name in op.spec.writes:
            found.add(variable_behind(tensor))
    for region in op.regions or ():
        for inner in needs([*region.results, *region.saved], region=region).ops:
            found |= variables_written(inner)
    return {variable for variable in found if variable is not None}


def depends(
    op: Operation, tensors: Set[Tensor], variables: Set[Operation], feeds: Set[Tensor], asked: Asked
) -> bool:
    """True where an operation depends on one of the tensors or variables."""
    for tensor in inputs(op, asked):
        if tensor in tensors:
            return True
        if tensor in feeds:
            continue
        if variable_behind(tensor) in variables:
            return True
        if depends(tensor.op, tensors, variables, feeds, asked):
            return True
    for control in op.control_inputs:
        if control.type == "Placeholder" and control.outputs[0] in tensors:
            return True
        if depends(control, tensors, variables, feeds, asked):
            return True
    return False
