"""Splits a plan into maximal groups of ops that XLA can compile, between those of the host.

Every step gets a level: host steps even ones, compilable steps odd ones, none lower than what it
depends on. The compilable steps of one level make a cluster. Effects (assignments and host effects)
keep their order, and reads their place between the assignments of their variable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.graph import dtypes, shapes
from penstock.graph.operation import Operation, Tensor
from penstock.plan.dependencies import step_dependencies
from penstock.plan.plan import Constant, Plan, Read, Step, variables_read, variables_written

_NOT_ON_XLA = (dtypes.string, dtypes.resource, dtypes.variant)
_SHAPE_ONLY = (
    "Shape",
    "ShapeN",
    "Size",
    "Rank",
)  # known while compiling, whatever their input's value


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
        random: its random ops.
    """

    steps: list[Step]
    inputs: list[Tensor]
    known_inputs: frozenset[Tensor]
    outputs: list[Tensor]
    reads: list[Operation]
    writes: list[Operation]
    random: list[Operation]


def split(plan: Plan) -> Sequence[Step | ClusterPlan]:
    """The plan's steps in an order that keeps its meaning, the compilable ones in clusters.

    Steps that wait for different blocking ops are in different clusters: in one, they would wait
    for each other's too.
    """
    known = _known_tensors(plan)
    compilable = [_host_reason(step, known) is None for step in plan.steps]
    before = step_dependencies(plan)
    levels = _levels(plan.steps, compilable, before)
    waits: list[frozenset[int]] = []
    groups: dict[tuple[int, frozenset[int]], list[Step]] = {}
    for number, step in enumerate(plan.steps):
        blocking = [other for other in before[number] if plan.steps[other].blocking]
        waits.append(frozenset(blocking).union(*[waits[other] for other in before[number]]))
        groups.setdefault((levels[number], waits[number]), []).append(step)
    items: list[Step | ClusterPlan] = []
    for level, waited in sorted(groups, key=lambda key: (key[0], len(key[1]))):
        steps = groups[level, waited]
        if level % 2:
            items.append(_cluster(steps, plan, known))
        else:
            items.extend(steps)
    return items


def _known_tensors(plan: Plan) -> dict[Tensor, bool]:
    """The tensors whose value decides a shape: True where that can be had while compiling.

    A value can be had where it follows from constants, shapes, and values that come
    from outside a cluster.
    """
    producer = {output: step for step in plan.steps for output in step.outputs}
    wanted: dict[Tensor, bool] = {}

    def want(tensor: Tensor) -> None:
        pending = [tensor]
        while pending:
            current = pending.pop()
            if current in wanted:
                continue
            step = producer.get(current)
            wanted[current] = True
            if step is None or step.op.spec.name in _SHAPE_ONLY:
                continue
            if step.pure:
                pending.extend([o for o in step.flat_operands() if isinstance(o, Tensor)])

    for step in plan.steps:
        for operand in _static_operands(step):
            if isinstance(operand, Tensor):
                want(operand)
    for step in plan.steps:  # in order, so that what a value depends on is judged before it
        for output in step.outputs:
            if output in wanted and step.op.spec.name not in _SHAPE_ONLY:
                wanted[output] = _obtainable(step, wanted)
    return wanted


def _obtainable(step: Step, wanted: dict[Tensor, bool]) -> bool:
    spec = step.op.spec
    if spec.host or spec.wants_ctx:
        return True  # it comes from the host
    operands = step.flat_operands()
    return step.pure and all([
        type(o) is Constant or (isinstance(o, Tensor) and wanted.get(o, False)) for o in operands
    ])  # fmt: skip


def _static_operands(step: Step) -> list[object]:
    if step.bodies:
        return []
    spec = step.op.spec
    static = (*spec.static_inputs, *spec.shape_inputs)
    taken = [arg.name for arg in spec.input_args if arg.name not in spec.unread]
    found: list[object] = []
    for name, operand in zip(taken, step.operands, strict=True):
        if name in static:
            found.extend(operand if type(operand) is list else [operand])
    return found


def host_reasons(plan: Plan) -> dict[Operation, str]:
    """The ops of a plan that cannot be compiled, each with the reason in words."""
    known = _known_tensors(plan)
    reasons = [(step.op, _host_reason(step, known)) for step in plan.steps]
    return {op: reason for op, reason in reasons if reason is not None}


def _host_reason(step: Step, known: dict[Tensor, bool]) -> str | None:
    """Why a step cannot be compiled; None where it can."""
    op = step.op
    spec = op.spec
    if step.bodies:
        return "it has branches or a body"
    if spec.host or spec.wants_ctx:
        return _reason_of_op(op)
    for tensor in (*op._inputs, *op.outputs):
        base = tensor.dtype.base_dtype
        if base in _NOT_ON_XLA and not (base is dtypes.resource and tensor.op.spec.variable):
            return f"XLA has no type {base.name}"
    for operand in _static_operands(step):
        if type(operand) is Read:
            return f"the value of the variable {operand.variable.name} decides a shape"
        if isinstance(operand, Tensor) and not known.get(operand, False):
            return f"the value of {operand.name} decides a shape, and is not known when compiling"
    return None


def _reason_of_op(op: Operation) -> str:
    spec = op.spec
    if spec.blocking:
        return "it may have to wait"
    if spec.name.startswith("PyFunc"):
        return "it calls a Python function"
    if any([t.dtype.base_dtype is dtypes.string for t in (*op._inputs, *op.outputs)]):
        return "XLA has no type string"
    if spec.wants_ctx:
        return "it looks at the session, or has an effect outside it"
    if spec.pure and not all([shapes.is_known(output._shape) for output in op.outputs]):
        return "the shape of its output depends on values"
    return "it may raise an error that depends on values"


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


def _cluster(steps: list[Step], plan: Plan, known: dict[Tensor, bool]) -> ClusterPlan:
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
    random = [step.op for step in steps if step.op.spec.wants_rng]
    return ClusterPlan(
        steps,
        list(inputs),
        frozenset([t for t in inputs if t in known]),
        outputs,
        list(reads),
        list(writes),
        random,
    )
