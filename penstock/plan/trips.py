"""How often a loop runs, as far as that can be known before it does.

XLA needs it for loops that save values for a gradient: these take room for each iteration. It is
counted where what decides it follows from constants and shapes, or from integers that are fed. In
`while_loop(lambda i, …: i < tf.minimum(n, tf.shape(x)[0]), …)` the shape bounds it, for any `n`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from penstock.graph.operation import Tensor
from penstock.plan.plan import Constant, Operand, Plan, RegionStep, Step

# Known while compiling, whatever their input's value.
SHAPE_ONLY = ("Shape", "ShapeN", "Size", "Rank", "TensorArraySizeV3")

Producers = Mapping[Tensor, Step]


@dataclass(frozen=True, eq=False)
class Counted:
    """A loop whose iterations can be counted beforehand.

    Attributes:
        operands: what the step takes that must be known for it.
        shaped: what else it takes, for the shape alone.
        places: the loop variables that take part, by their place among those the step keeps.
        condition: steps of the loop's condition that decide.
        body: steps of its body that decide.
    """

    operands: list[Operand]
    shaped: list[Tensor]
    places: tuple[int, ...]
    condition: list[Step]
    body: list[Step]


@dataclass(frozen=True, eq=False)
class Bounded:
    """A loop that runs `i` from a first value in steps while `i < limit`, or ends before.

    Attributes:
        operands: the first value and the limit.
        increment: the step.
    """

    operands: list[Operand]
    increment: int


Trips = Counted | Bounded


def trips_of(plan: Plan) -> dict[Step, Trips]:
    """For the loops of a plan and of the regions in it what is known of their iterations."""
    producers = {output: step for step in plan.steps for output in step.outputs}
    found: dict[Step, Trips] = {}
    for step in plan.steps:
        for body in step.bodies:
            found.update(trips_of(body))
        if isinstance(step, RegionStep) and step.op.spec.loops:
            trips = _trips(step, producers)
            if trips is not None:
                found[step] = trips
    return found


def _trips(step: RegionStep, producers: Producers) -> Trips | None:
    counted = _counted(step)
    if counted is not None and all([_is_fixed(o, producers) for o in counted.operands]):
        return counted
    return _bounded(step, producers) or counted


def _is_fixed(operand: Operand, producers: Producers) -> bool:
    """True where a value follows from constants and shapes alone."""
    pending, seen = [operand], set()
    while pending:
        current = pending.pop()
        if type(current) is Constant or current in seen:
            continue
        seen.add(current)
        step = producers.get(current)
        if step is None or not (step.op.spec.pure or step.op.spec.name in SHAPE_ONLY):
            return False
        if step.op.spec.name not in SHAPE_ONLY:
            pending.extend(step.flat_operands())
    return True


def _counted(step: RegionStep) -> Counted | None:
    condition, body = step.plans
    place_of = {arg: place for args in step.args for place, arg in enumerate(args)}
    places: dict[int, None] = {}
    outer: dict[Tensor, None] = {}
    shaped: dict[Tensor, None] = {}
    chosen: tuple[dict[Step, None], dict[Step, None]] = ({}, {})
    pending: list[tuple[int, Operand]] = [(0, condition.results[0])]
    producers = [{o: s for s in plan.steps for o in s.outputs} for plan in (condition, body)]
    while pending:
        which, operand = pending.pop()
        if type(operand) is Constant:
            continue
        if not isinstance(operand, Tensor):
            return None  # a variable, which the loop may change
        if not (operand.dtype.is_integer or operand.dtype.is_bool):
            return None  # a value that is computed, and seldom the same again
        if operand in place_of:
            place = place_of[operand]
            if place not in places:
                places[place] = None
                pending.append((1, body.results[place]))
            continue
        inner = producers[which].get(operand)
        if inner is None:
            outer[operand] = None
            continue
        if inner in chosen[which]:
            continue
        if not inner.op.spec.pure or inner.op.spec.kernel is None:
            return None
        chosen[which][inner] = None
        for taken in inner.flat_operands():
            if inner.op.spec.name in SHAPE_ONLY and taken in step.outer:
                shaped[taken] = None
            else:
                pending.append((which, taken))
    return Counted(
        [*[step.operands[place] for place in sorted(places)], *outer],
        list(shaped),
        tuple(sorted(places)),
        [s for s in condition.steps if s in chosen[0]],
        [s for s in body.steps if s in chosen[1]],
    )


def _bounded(step: RegionStep, producers: Producers) -> Bounded | None:
    condition, body = step.plans
    inside = {output: inner for inner in condition.steps for output in inner.outputs}
    in_body = {output: inner for inner in body.steps for output in inner.outputs}
    for counter, limit in _comparisons(condition.results[0], inside):
        if counter not in step.args[0]:
            continue
        place = step.args[0].index(counter)
        increment = _increment(body.results[place], step.args[1][place], in_body)
        first = step.operands[place]
        if increment is None or not _is_fixed(first, producers):
            continue
        for upper in _upper_limits(limit, {**producers, **inside}):
            if _is_fixed(upper, producers):
                return Bounded([first, upper], increment)
    return None


def _comparisons(result: Operand, producers: Producers) -> Iterator[tuple[Operand, Operand]]:
    """The comparisons `a < b` that must all hold for the result to be true."""
    pending = [result]
    while pending:
        step = producers.get(pending.pop())
        if step is None:
            continue
        name = step.op.spec.name
        if name == "LogicalAnd":
            pending.extend(step.flat_operands())
        elif name == "Less":
            yield step.operands[0], step.operands[1]
        elif name == "Greater":
            yield step.operands[1], step.operands[0]


def _upper_limits(limit: Operand, producers: Producers) -> Iterator[Operand]:
    """Values that a limit does not exceed."""
    pending = [limit]
    while pending:
        current = pending.pop()
        yield current
        step = producers.get(current) if isinstance(current, Tensor) else None
        if step is not None and step.op.spec.name == "Minimum":
            pending.extend(step.flat_operands())


def _increment(result: Operand, arg: Tensor, producers: Producers) -> int | None:
    """What the body adds to a loop variable, where that is a constant above zero."""
    step = producers.get(result) if isinstance(result, Tensor) else None
    if step is None or step.op.spec.name not in ("Add", "AddV2"):
        return None
    operands = step.flat_operands()
    if arg not in operands:
        return None
    other = operands[1 - operands.index(arg)]
    if type(other) is not Constant or other.value.ndim or other.value.dtype.kind not in "iu":
        return None
    return int(other.value) if other.value > 0 else None
