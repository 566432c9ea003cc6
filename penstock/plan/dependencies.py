"""What each step of a plan must wait for, where steps need not run in the plan's order.

Data and control dependencies, those through operations that the plan left out included, and the
order of reads and assignments of a variable.
"""

from __future__ import annotations

from penstock.graph.operation import Operation, Tensor
from penstock.plan.plan import Plan, Step, variables_read, variables_written


def step_dependencies(plan: Plan) -> list[set[int]]:
    """For each step the places of the earlier steps that it must wait for."""
    place = {step.op: number for number, step in enumerate(plan.steps)}
    inlined = _inlined_steps(plan)
    fed = frozenset(plan.feeds)
    stands_for: dict[Operation, set[int]] = {}  # the steps with which an operation is done
    found: list[set[int]] = [set() for _ in plan.steps]

    def taken_from(step: Step) -> set[int]:
        operands = [o for o in step.flat_operands() if isinstance(o, Tensor) and o not in fed]
        return {place[operand.op] for operand in operands}

    for op in plan.ordered:
        before: set[int] = set()
        for tensor in op._inputs:
            if tensor not in fed:
                before |= stands_for.get(tensor.op, set())
        for control in op._control_inputs:
            before |= stands_for.get(control, set())
        number = place.get(op)
        if number is None:
            done = set(before)
            for inner in inlined.get(op, ()):
                waits = plan.steps[inner].op._control_inputs  # perhaps for ops that are left out
                found[inner] = (done if waits else before) | taken_from(plan.steps[inner])
                done.add(inner)
            stands_for[op] = done
            continue
        # An equal op may stand in the place of an input.
        found[number] = before | taken_from(plan.steps[number])
        stands_for[op] = {number}
    _add_order_of_variables(plan.steps, found)
    return found


def _inlined_steps(plan: Plan) -> dict[Operation, list[int]]:
    """The steps of branches that stand in the place of their owner, by the owner."""
    ordered = frozenset(plan.ordered)
    found: dict[Operation, list[int]] = {}
    for number, step in enumerate(plan.steps):
        op: Operation | None = step.op
        while op is not None and op not in ordered:
            op = op.region.owner if op.region is not None else None
        if op is not None and op is not step.op:
            found.setdefault(op, []).append(number)
    return found


def _add_order_of_variables(steps: list[Step], found: list[set[int]]) -> None:
    last_write: dict[Operation, int] = {}
    reads_since: dict[Operation, list[int]] = {}
    for number, step in enumerate(steps):
        for variable in variables_read(step):
            if variable in last_write:
                found[number].add(last_write[variable])
            reads_since.setdefault(variable, []).append(number)
        for variable in variables_written(step):
            found[number].update(reads_since.pop(variable, ()))
            if variable in last_write:
                found[number].add(last_write[variable])
            found[number].discard(number)
            last_write[variable] = number
