"""The executor that defines what a plan means: op by op, a dictionary of values.

It starts at once, and so serves the first runs of a plan, and the first rounds of a loop there;
runtime/interpreter.py and runtime/xla.py are faster, and must give what this gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from penstock.graph.operation import Tensor
from penstock.plan.plan import Constant, Operand, Plan, Read, RegionStep, Step
from penstock.runtime.context import OpContext
from penstock.runtime.results import own
from penstock.runtime.state import InPlaceUpdate, SessionState, write_all
from penstock.runtime.step_errors import at_op

# Gives the code of a region's plan: takes a value for each of its feeds, gives its results.
CodeOf = Callable[[Plan], Callable[..., Sequence[Any]]]

_ROUNDS_BEFORE_CODE = 16  # of a loop: turning its body into Python takes as long


class Observer(Protocol):
    """Is told what a run does."""

    def observe(self, step: Step, operands: list[Any], outputs: list[Any]) -> None:
        """A step has run."""

    def sums(self) -> Any:
        """What was summed up so far; asked for where a loop begins."""

    def extrapolate(self, before: Any, factor: float) -> None:
        """A loop has gone on unobserved: what was added since `before` counts so many times."""


def run_plan(
    plan: Plan,
    state: SessionState,
    fed: Sequence[Any],
    observer: Observer | None = None,
    code_of: CodeOf | None = None,
) -> list[Any]:
    """Runs a plan.

    Args:
        plan: the plan.
        state: the session's state.
        fed: the value of each of `plan.feeds`, as arrays.
        observer: is told of each step.
        code_of: makes code of a body, for the later rounds of loops; without it all goes op by op.

    Returns:
        For each fetch its value, or None for an operation.
    """
    values: dict[Tensor, Any] = dict(zip(plan.feeds, fed, strict=True))
    _run_steps(plan, values, state, observer, code_of)
    return results_of(plan, values, state)


def _run_steps(
    plan: Plan,
    values: dict[Tensor, Any],
    state: SessionState,
    observer: Observer | None,
    code_of: CodeOf | None,
) -> None:
    for step in plan.steps:
        operands: list[Any] = []
        try:
            operands.extend(operands_of(step, values, state))
            if isinstance(step, RegionStep):
                outputs = _run_regions(step, state, operands, observer, code_of)
            else:
                outputs = run_step(step, state, operands)
        except BaseException as error:
            raise at_op(error, step.op, operands) from error.__cause__
        values.update(zip(step.outputs, outputs, strict=False))
        if observer is not None:
            observer.observe(step, operands, outputs)


def _run_regions(
    step: RegionStep,
    state: SessionState,
    operands: list[Any],
    observer: Observer | None,
    code_of: CodeOf | None,
) -> list[Any]:
    """Runs a branch, or a loop to its end; returns the outputs."""

    def run(place: int, variables: Sequence[Any]) -> Sequence[Any]:
        plan = step.plans[place]
        values = values_for_body(step, place, operands, variables)
        if code_of is not None and rounds >= _ROUNDS_BEFORE_CODE:
            return code_of(plan)(*[values[tensor] for tensor in plan.feeds])
        _run_steps(plan, values, state, observer, code_of)
        return body_results(plan, values, state)

    rounds = 0
    if not step.op.spec.loops:
        return list(run(0 if operands[0] else 1, ()))
    count = len(step.args[0])
    variables: Sequence[Any] = operands[:count]
    stacks: list[list[Any]] = [[] for _ in step.outputs[count:]]
    before = None if observer is None else observer.sums()
    while run(0, variables)[0]:
        state.check()
        results = run(1, variables)
        variables = results[:count]
        for stack, value in zip(stacks, results[count:], strict=True):
            stack.append(value)
        rounds += 1
    if observer is not None and code_of is not None and rounds > _ROUNDS_BEFORE_CODE:
        observer.extrapolate(before, rounds / _ROUNDS_BEFORE_CODE)
    return [*variables, *stacks]


def values_for_body(
    step: RegionStep, place: int, operands: Sequence[Any], variables: Sequence[Any]
) -> dict[Tensor, Any]:
    """The values that the plan of a region starts with.

    Args:
        step: the step.
        place: which of its plans.
        operands: of the step.
        variables: the values of the loop variables.
    """
    first = len(operands) - len(step.outer)
    values = dict(zip(step.outer, operands[first:], strict=True))
    values.update(zip(step.args[place], variables, strict=True))
    return values


def body_results(plan: Plan, values: dict[Tensor, Any], state: SessionState) -> list[Any]:
    """The results of a region's plan; None for what another branch saves."""
    return [None if result is None else value_of(result, values, state) for result in plan.results]


def operands_of(step: Step, values: dict[Tensor, Any], state: SessionState) -> list[Any]:
    """The values that a step's kernel takes; None for what `run_step` itself reads: variables that
    the step assigns.
    """
    return [
        [value_of(item, values, state) for item in operand]
        if type(operand) is list
        else None
        if type(operand) is Read and step.writes
        else value_of(operand, values, state)
        for operand in step.operands
    ]


def results_of(plan: Plan, values: dict[Tensor, Any], state: SessionState) -> list[Any]:
    """What a run gives its caller: for each fetch its value, or None for an operation."""
    leaving = plan.leaving
    found = [None if result is None else own(_result(result, values, state)) for result in leaving]
    return found + [_result(result, values, state) for result in plan.results[len(leaving) :]]


def value_of(operand: Operand, values: dict[Tensor, Any], state: SessionState) -> Any:
    """The value that an operand has now."""
    if isinstance(operand, Constant):
        return operand.value
    if isinstance(operand, Read):
        slot = state.variable(operand.variable)
        return slot.read_for_update() if operand.by_update else slot.read()
    return values[operand]


def _result(operand: Operand, values: dict[Tensor, Any], state: SessionState) -> Any:
    if isinstance(operand, Read):
        try:
            return state.variable(operand.variable).read()
        except Exception as error:
            raise at_op(error, operand.variable, []) from None
    return value_of(operand, values, state)


def run_step(step: Step, state: SessionState, operands: list[Any]) -> list[Any]:
    """Runs one op: assigns the variables that it writes, and returns its outputs.

    Args:
        step: the op.
        state: the session's state.
        operands: what `operands_of` gives; those that it leaves to this function are filled in.
    """
    op = step.op
    spec = op.spec
    kernel = spec.bound_kernel(op, np)
    extra: list[Any] = [OpContext(op, state)] if spec.wants_ctx else []
    if spec.reserve is not None:
        extra.append(
            state.random(op).take(spec.reserve(*operands, **spec.attrs_for(spec.reserve, op)))
        )
    if not step.writes:
        result = kernel(*extra, *operands)
        return [result] if spec.single_output else flatten_outputs(result)
    slots = [state.variable(variable) for variable in step.writes]
    count = len(slots)
    with state.lock:  # from reading the variables to assigning them: the update is atomic
        if step.writes_in_place():
            _read(step, state, operands, range(count, len(operands)))
            operands[:count] = InPlaceUpdate(slots, spec.bound_in_place(op))(*operands[count:])
            return outputs_of_update(step, operands[:count])
        _read(step, state, operands, range(len(operands)))
        result = kernel(*extra, *operands)
        new_values = [result] if count == 1 and not has_plain_outputs(step) else list(result)
        if spec.unread:
            new_values[:count] = [np.array(value) for value in new_values[:count]]
        write_all(slots, new_values[:count], op._attrs.get("validate_shape", True))
    return outputs_of_update(step, new_values)


def _read(step: Step, state: SessionState, operands: list[Any], places: Iterable[int]) -> None:
    """Fills in the variables among the operands."""
    for place in places:
        if type(step.operands[place]) is Read:
            operands[place] = value_of(step.operands[place], {}, state)


def has_plain_outputs(step: Step) -> bool:
    """True where an op that assigns has outputs which are no references."""
    return any([not arg.is_ref for arg in step.op.spec.output_args])


def outputs_of_update(step: Step, values: list[Any]) -> list[Any]:
    """The outputs of an op that assigns: for references the new values, then the kernel's rest."""
    plain = iter(values[len(step.writes) :])
    written = iter(values[: len(step.writes)])
    return [next(written) if arg.is_ref else next(plain) for arg in step.op.spec.output_args]


def flatten_outputs(result: Any) -> list[Any]:
    """A kernel's result as a flat list: list outputs stand in it as lists."""
    flat: list[Any] = []
    for item in result:
        if type(item) in (list, tuple):
            flat.extend(item)
        else:
            flat.append(item)
    return flat
