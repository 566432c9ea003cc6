"""`Plan`: what one kind of run does; made once for a set of fetches and feeds, never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.graph import shapes
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor


class Constant:
    """An operand whose value is known when the plan is made."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Read:
    """An operand that is the value a variable has at that place in the order.

    Attributes:
        variable: the variable's operation.
        by_update: it is read by an op that assigns the variable, or that finds it in the same way:
            a resource without a value is another error there.
    """

    __slots__ = ("by_update", "variable")

    def __init__(self, variable: Operation, by_update: bool = False) -> None:
        self.variable = variable
        self.by_update = by_update


Operand = Any  # Tensor | Constant | Read | list of these


def shape_of(operand: Operand) -> shapes.Shape:
    """What is known of the shape of an operand that is no list."""
    if type(operand) is Constant:
        return operand.value.shape
    if type(operand) is Read:
        return operand.variable._attrs.get("shape")
    return None if operand is None else operand._shape


@dataclass(slots=True, eq=False)
class Step:
    """One op of a plan.

    Attributes:
        op: the operation.
        operands: one for each input arg that the kernel takes; a list for a list arg.
        writes: the variables that it assigns.
        outputs: the op's outputs; others in the place of those that are fed.
    """

    op: Operation
    operands: list[Operand]
    writes: list[Operation]
    outputs: list[Tensor]

    @property
    def pure(self) -> bool:
        """True where its outputs are all that comes of it, and follow from its operands."""
        return self.op.spec.pure

    @property
    def blocking(self) -> bool:
        """True where it may have to wait."""
        return self.op.spec.blocking

    @property
    def bodies(self) -> tuple[Plan, ...]:
        """The plans of the regions that it runs."""
        return ()

    def flat_operands(self) -> list[Any]:
        """The operands, those in lists too."""
        return self.operands if self.op.spec.plain else flatten(self.operands)

    def writes_in_place(self) -> bool:
        """Whether it changes its variables where they are."""
        spec = self.op.spec
        if spec.in_place is None or not spec.in_place_from:
            return spec.in_place is not None
        count = shapes.element_count(self.writes[0]._attrs.get("shape"))
        return count is not None and count >= spec.in_place_from


@dataclass(slots=True, eq=False)
class RegionStep(Step):
    """A step that runs regions of its own.

    Attributes:
        plans: of its regions. They take, by the tensor, what `outer` and `args` say.
        args: for each plan the tensors that stand for the loop variables in it; none in branches.
        outer: the tensors from outside that the plans take, the last operands of the step.
    """

    plans: tuple[Plan, ...]
    args: tuple[list[Tensor], ...]
    outer: list[Tensor]

    @property
    def pure(self) -> bool:
        return all([step.pure for plan in self.plans for step in plan.steps])

    @property
    def blocking(self) -> bool:
        return any([step.blocking for plan in self.plans for step in plan.steps])

    @property
    def bodies(self) -> tuple[Plan, ...]:
        return self.plans

    def flat_operands(self) -> list[Any]:
        return self.operands


def flatten(operands: list[Operand]) -> list[Any]:
    """Operands, those in lists too."""
    flat = []
    for operand in operands:
        if type(operand) is list:
            flat.extend(operand)
        else:
            flat.append(operand)
    return flat


@dataclass(slots=True, eq=False)
class Plan:
    """What one kind of run does.

    Attributes:
        graph: the graph it was made of.
        fetches: what it gives: tensors, and operations (None is given for these).
        feeds: the tensors that must be fed, in the order of the arguments.
        steps: the ops, in order.
        results: for each fetch its operand; None for an operation.
        ordered: the operations that the fetches need, in order, left out or not.
        asked: for those of them that have regions, which of their outputs are asked for.
        inside: how many of the results, the last ones, stay in the session.
    """

    graph: Graph
    fetches: tuple[Tensor | Operation, ...]
    feeds: tuple[Tensor, ...]
    steps: list[Step]
    results: list[Operand]
    ordered: list[Operation]
    asked: Mapping[Operation, frozenset[int]]
    inside: int = 0

    @property
    def leaving(self) -> list[Operand]:
        """The results that the caller gets, as his own."""
        return self.results[: len(self.results) - self.inside]


def variable_of(tensor: Tensor) -> Operation:
    """The operation of the variable that a reference or resource stands for.

    Raises:
        ValueError: it cannot be told from the graph.
    """
    op = tensor.op
    while not op.spec.variable:
        refs = [t for t in op._inputs if t.dtype._is_ref_dtype or t.dtype.name == "resource"]
        if not refs:
            raise ValueError(
                f"{tensor.name} is no reference to a variable: it comes from "
                f"{op.name!r} ({op.type})"
            )
        op = refs[0].op
    return op


def is_snapshot(op: Operation) -> bool:
    """True of `v/read`, which a reference variable makes once for all who use it.

    In TensorFlow it gives the variable's own buffer, so that an op which waits for an update sees
    the updated value through it. So it is no read: each op that takes it reads at its own place.
    """
    if not op.spec.identity:
        return False
    source = op._inputs[0].op
    return source.spec.variable and op.name == f"{source.name}/read"


def variables_read(step: Step) -> list[Operation]:
    """The variables that a step reads, those read in its regions included."""
    found: dict[Operation, None] = {}
    for operand in step.flat_operands():
        if type(operand) is Read:
            found[operand.variable] = None
    for body in step.bodies:
        for inner in body.steps:
            found.update(dict.fromkeys(variables_read(inner)))
        found.update(dict.fromkeys([r.variable for r in body.results if type(r) is Read]))
    return list(found)


def variables_needed(plan: Plan) -> list[Operation]:
    """The variables that must have a value before a run: it reads them before it assigns them."""
    needed: dict[Operation, None] = {}
    written: set[Operation] = set()
    for step in plan.steps:
        needed.update(dict.fromkeys([v for v in variables_read(step) if v not in written]))
        written.update(variables_written(step))
    return list(needed)


def variables_written(step: Step) -> list[Operation]:
    """The variables that a step assigns, those assigned in its regions included."""
    found = dict.fromkeys(step.writes)
    for body in step.bodies:
        for inner in body.steps:
            found.update(dict.fromkeys(variables_written(inner)))
    return list(found)


def all_steps(plan: Plan) -> Iterator[Step]:
    """The steps of a plan and of the regions in it, each region's after its owner."""
    for step in plan.steps:
        yield step
        yield from steps_inside(step)


def steps_inside(step: Step) -> Iterator[Step]:
    """The steps of the regions that a step runs, and of those in them."""
    for body in step.bodies:
        yield from all_steps(body)


def variable_key(variable: Operation) -> tuple[str, str]:
    """(container, name): what names a variable's place in a session."""
    attrs = variable._attrs
    return str(attrs.get("container") or ""), str(attrs.get("shared_name") or variable.name)
