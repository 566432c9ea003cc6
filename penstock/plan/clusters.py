"""Splits a plan into maximal groups of ops that XLA can compile, between those of the host.

Every step gets a level: host steps even ones, compilable steps odd ones, none lower than what it
depends on. The compilable steps of one level make a cluster. Effects (assignments and host effects)
keep their order, and reads their place between the assignments of their variable. What the host
works out early for its own ops, clusters that need it work out once more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from penstock.graph.operation import Operation, Tensor
from penstock.plan.compilable import (
    LoopTrips,
    host_reason,
    known_tensors,
    settled_tensors,
    torn_apart,
)
from penstock.plan.dependencies import step_dependencies
from penstock.plan.early import early_steps
from penstock.plan.padding import padded_tensors
from penstock.plan.plan import Plan, Step, steps_inside, variables_read, variables_written
from penstock.plan.trips import Bounded, Trips, trips_of

Group = tuple[int, frozenset[int]]


@dataclass(slots=True, eq=False)
class ClusterPlan:
    """Steps that are compiled together.

    Attributes:
        steps: the steps, in order.
        inputs: tensors that it takes from outside.
        known_inputs: those of them whose value decides a shape: it is part of what is compiled.
        padded: those of them that are filled up to the length of another, which tells no one how
            many different values there were: else each number would make a program of its own.
        outputs: tensors that others, or the fetches, need.
        reads: variables that it reads.
        writes: variables that it assigns.
        trips: what is known of how often its loops run.
        random: its random ops, those in branches and loops included.
    """

    steps: list[Step]
    inputs: list[Tensor]
    known_inputs: frozenset[Tensor]
    padded: Mapping[Tensor, Tensor]
    outputs: list[Tensor]
    reads: list[Operation]
    writes: list[Operation]
    random: list[Operation]
    trips: Mapping[Step, Trips]


def split(plan: Plan) -> Sequence[Step | ClusterPlan]:
    """The plan's steps in an order that keeps its meaning, the compilable ones in clusters.

    Steps that wait for different blocking ops are in different clusters: in one, they would wait
    for each other's too.
    """
    trips = trips_of(plan)
    known = known_tensors(plan, trips)
    before = step_dependencies(plan)
    on_xla = [reason is None for reason in _reasons(plan, known, trips, before)]
    early = early_steps(plan, on_xla, before)
    on_host = _on_host(on_xla, early)
    groups: dict[Group, list[int]] = {}
    for number, group in enumerate(_groups(plan, on_host, before)):
        groups.setdefault(group, []).append(number)
    padded = padded_tensors(plan, on_host)
    items: list[Step | ClusterPlan] = []
    for level, waited in sorted(groups, key=lambda key: (key[0], len(key[1]))):
        numbers = groups[level, waited]
        if level % 2:
            again = _needed_again(plan, numbers, early)
            items.append(_cluster(numbers, again, plan, known, padded, trips))
        else:
            items.extend([plan.steps[number] for number in numbers])
    return items


def _needed_again(plan: Plan, numbers: Iterable[int], early: Collection[int]) -> set[int]:
    """The early steps whose outputs a cluster needs: it works them out itself."""
    place = {plan.steps[number].op: number for number in early}
    found: set[int] = set()
    pending = list(numbers)
    while pending:
        for operand in plan.steps[pending.pop()].flat_operands():
            number = place.get(operand.op) if isinstance(operand, Tensor) else None
            if number is not None and number not in found:
                found.add(number)
                pending.append(number)
    return found


def may_be_endless(cluster: ClusterPlan) -> bool:
    """True where it has a loop of which it is not known that it ends."""
    inside = [each for step in cluster.steps for each in (step, *steps_inside(step))]
    return any([
        each.op.spec.loops and not isinstance(cluster.trips.get(each), Bounded) for each in inside
    ])  # fmt: skip


def host_reasons(plan: Plan) -> dict[Operation, str]:
    """The ops of a plan that cannot be compiled, each with the reason in words."""
    trips = trips_of(plan)
    before = step_dependencies(plan)
    reasons = _reasons(plan, known_tensors(plan, trips), trips, before)
    early = early_steps(plan, [reason is None for reason in reasons], before)
    found = {plan.steps[number].op: f"{name} needs it there" for number, name in early.items()}
    pairs = zip(plan.steps, reasons, strict=True)
    found.update([(step.op, reason) for step, reason in pairs if reason is not None])
    return found


def host_bodies(items: Iterable[Step | ClusterPlan]) -> dict[Plan, Sequence[Step | ClusterPlan]]:
    """The bodies of branches and loops that stay on the host, split as their plan is."""
    found: dict[Plan, Sequence[Step | ClusterPlan]] = {}
    for item in items:
        if isinstance(item, Step):
            for body in item.bodies:
                found[body] = split(body)
                found.update(host_bodies(found[body]))
    return found


def _reasons(
    plan: Plan, known: dict[Tensor, bool], trips: LoopTrips, before: list[set[int]]
) -> list[str | None]:
    """For each step why it cannot be compiled, or None."""
    settled = settled_tensors(plan)
    reasons = [host_reason(step, known, settled, trips) for step in plan.steps]
    while True:
        on_xla = [reason is None for reason in reasons]
        early = early_steps(plan, on_xla, before)
        groups = _groups(plan, _on_host(on_xla, early), before)
        torn = list(torn_apart(plan, on_xla, groups))
        if not torn:
            return reasons
        for number, reason in torn:
            reasons[number] = reason


def _on_host(on_xla: list[bool], early: Collection[int]) -> list[bool]:
    """For each step whether the host runs it: it must, or does so early for its own ops."""
    return [not compiled or number in early for number, compiled in enumerate(on_xla)]


def _groups(plan: Plan, on_host: list[bool], before: list[set[int]]) -> list[Group]:
    """For each step its level, and the blocking steps that it waits for."""
    levels = _levels(plan.steps, [not here for here in on_host], before)
    waits: list[frozenset[int]] = []
    for number in range(len(plan.steps)):
        blocking = [other for other in before[number] if plan.steps[other].blocking]
        waits.append(frozenset(blocking).union(*[waits[other] for other in before[number]]))
    return list(zip(levels, waits, strict=True))


def _levels(steps: list[Step], compilable: list[bool], before: list[set[int]]) -> list[int]:
    levels: list[int] = []
    last_effect = 0
    for number, (step, on_xla) in enumerate(zip(steps, compilable, strict=True)):
        level = 1 if on_xla else 0
        others = [levels[other] for other in before[number]]
        effect = bool(variables_written(step)) or (not step.pure and not on_xla)
        if effect:
            others.append(last_effect)
        for other in others:
            level = max(level, other if (other % 2 == 1) == on_xla else other + 1)
        if effect:
            last_effect = level
        levels.append(level)
    return levels


def _cluster(
    numbers: Sequence[int],
    again: Collection[int],
    plan: Plan,
    known: dict[Tensor, bool],
    padded: Mapping[Tensor, Tensor],
    trips: LoopTrips,
) -> ClusterPlan:
    """The cluster of the steps in `numbers`, and of copies of those in `again`."""
    own = [plan.steps[number] for number in numbers]
    steps = [
        plan.steps[n] if n not in again else replace(plan.steps[n])
        for n in sorted([*numbers, *again])
    ]
    inside = {output for step in steps for output in step.outputs}
    inputs: dict[Tensor, None] = {}
    reads: dict[Operation, None] = {}
    writes: dict[Operation, None] = {}
    for step in steps:
        for operand in step.flat_operands():
            if isinstance(operand, Tensor) and operand not in inside:
                inputs[operand] = None
        reads.update(dict.fromkeys(variables_read(step)))
        writes.update(dict.fromkeys(variables_written(step)))
    inputs.update([(padded[t], None) for t in inputs if t in padded])
    members = set(map(id, own))
    used = {r for r in plan.results if isinstance(r, Tensor)}
    for step in plan.steps:
        if id(step) not in members:
            used.update([o for o in step.flat_operands() if isinstance(o, Tensor)])
    outputs = [output for step in own for output in step.outputs if output in used]
    inside_too = [inner for step in steps for inner in (step, *steps_inside(step))]
    random = list(dict.fromkeys([step.op for step in inside_too if step.op.spec.wants_rng]))
    return ClusterPlan(
        steps,
        list(inputs),
        frozenset([t for t in inputs if t in known and t not in padded]),
        {t: padded[t] for t in inputs if t in padded},
        outputs,
        list(reads),
        list(writes),
        random,
        trips,
    )
