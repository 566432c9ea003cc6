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
    fed = frozenset(plan.feeds)
    stands_for: dict[Operation, set[int]] = {}  # the steps with which an operation is done
    found: list[set[int]] = [set() for _ in plan.steps]
    for op in plan.ordered:
        before: set[int] = set()
        for tensor in op._inputs:
            if tensor not in fed:
                before |= stands_for.get(tensor.op, set())
        for control in op._control_inputs:
            before |= stands_for.get(control, set())
        number = place.get(op)
        if number is None:
            stands_for[op] = before
            continue
        for operand in plan.steps[number].flat_operands():
            if isinstance(operand, Tensor) and operand not in fed:
                before.add(place[operand.op])  # an equal op may stand in the place of the input
        found[number] = before
        stands_for[op] = {number}
    _add_order_of_variables(plan.steps, found)
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
