"""Splits a plan into maximal groups of ops that XLA can compile, between those of the host.

Every step gets a level: host steps even ones, compilable steps odd ones, none lower than what it
depends on. The compilable steps of one level make a cluster. Effects (assignments and host effects)
keep their order, and reads their place between the assignments of their variable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from penstock.graph.operation import Operation, Tensor
from penstock.plan.compilable import LoopTrips, host_reason, known_tensors, torn_apart
from penstock.plan.dependencies import step_dependencies
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
        outputs: tensors that others, or the fetches, need.
        reads: variables that it reads.
        writes: variables that it assigns.
        trips: what is known of how often its loops run.
        random: its random ops, those in branches and loops included.
    """

    steps: list[Step]
    inputs: list[Tensor]
    known_inputs: frozenset[Tensor]
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
    groups: dict[Group, list[Step]] = {}
    for step, group in zip(plan.steps, _groups(plan, on_xla, before), strict=True):
        groups.setdefault(group, []).append(step)
    items: list[Step | ClusterPlan] = []
    for level, waited in sorted(groups, key=lambda key: (key[0], len(key[1]))):
        steps = groups[level, waited]
        if level % 2:
            items.append(_cluster(steps, plan, known, trips))
        else:
            items.extend(steps)
    return items


def may_be_endless(cluster: ClusterPlan) -> bool:
    """True where it has a loop of which it is not known that it ends."""
    inside = [each for step in cluster.steps for each in (step, *steps_inside(step))]
    return any([
        each.op.spec.loops and not isinstance(cluster.trips.get(each), Bounded) for each in inside
    ])  # fmt: skip


def host_reasons(plan: Plan) -> dict[Operation, str]:
    """The ops of a plan that cannot be compiled, each with the reason in words."""
    reasons = _all_reasons(plan)
    pairs = zip(plan.steps, reasons, strict=True)
    return {step.op: reason for step, reason in pairs if reason is not None}


def host_bodies(items: Iterable[Step | ClusterPlan]) -> dict[Plan, Sequence[Step | ClusterPlan]]:
    """The bodies of branches and loops that stay on the host, split as their plan is."""
    found: dict[Plan, Sequence[Step | ClusterPlan]] = {}
    for item in items:
        if isinstance(item, Step):
            for body in item.bodies:
                found[body] = split(body)
                found.update(host_bodies(found[body]))
    return found


def _all_reasons(plan: Plan) -> list[str | None]:
    trips = trips_of(plan)
    return _reasons(plan, known_tensors(plan, trips), trips, step_dependencies(plan))


def _reasons(
    plan: Plan, known: dict[Tensor, bool], trips: LoopTrips, before: list[set[int]]
) -> list[str | None]:
    """For each step why it cannot be compiled, or None."""
    reasons = [host_reason(step, known, trips) for step in plan.steps]
    while True:
        on_xla = [reason is None for reason in reasons]
        torn = list(torn_apart(plan, on_xla, _groups(plan, on_xla, before)))
        if not torn:
            return reasons
        for number, reason in torn:
            reasons[number] = reason


def _groups(plan: Plan, on_xla: list[bool], before: list[set[int]]) -> list[Group]:
    """For each step its level, and the blocking steps that it waits for."""
    levels = _levels(plan.steps, on_xla, before)
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
    steps: list[Step], plan: Plan, known: dict[Tensor, bool], trips: LoopTrips
) -> ClusterPlan:
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
    members = set(map(id, steps))
    used = {r for r in plan.results if isinstance(r, Tensor)}
    for step in plan.steps:
        if id(step) not in members:
            used.update([o for o in step.flat_operands() if isinstance(o, Tensor)])
    outputs = [output for step in steps for output in step.outputs if output in used]
    inside_too = [inner for step in steps for inner in (step, *steps_inside(step))]
    random = list(dict.fromkeys([step.op for step in inside_too if step.op.spec.wants_rng]))
    return ClusterPlan(
        steps,
        list(inputs),
        frozenset([t for t in inputs if t in known]),
        outputs,
        list(reads),
        list(writes),
        random,
        trips,
    )
