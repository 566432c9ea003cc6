"""Which steps XLA can compile, and why it cannot the others.

XLA compiles for fixed shapes: a value that decides a shape, or how often a loop runs whose gradient
needs what each iteration computed, must be known while compiling. It is where it follows from
constants, from shapes, and from values that come from outside a cluster: these become part of what
is compiled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from penstock.graph import dtypes, shapes
from penstock.graph.operation import Operation, Tensor
from penstock.ops.stacks import may_lack_value
from penstock.plan.plan import Constant, Operand, Plan, Read, RegionStep, Step, shape_of
from penstock.plan.trips import SHAPE_ONLY, Trips

LoopTrips = Mapping[Step, Trips]

_NOT_ON_XLA = (dtypes.string, dtypes.resource)
_ARRAYS = ("TensorArrayV3", "TensorArrayGradV3")  # what makes the handle of a TensorArray


def known_tensors(plan: Plan, trips: LoopTrips) -> dict[Tensor, bool]:
    """The tensors whose value must be known while compiling: True where that can be had."""
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
            if step is None or step.op.spec.name in SHAPE_ONLY:
                continue
            if step.op.spec.pure:
                pending.extend([o for o in step.flat_operands() if isinstance(o, Tensor)])

    for step in plan.steps:
        for operand in static_operands(step, trips):
            if isinstance(operand, Tensor):
                want(operand)
    for step in plan.steps:  # in order, so that what a value depends on is judged before it
        for output in step.outputs:
            if output in wanted and step.op.spec.name not in SHAPE_ONLY:
                wanted[output] = _obtainable(step, wanted)
    return wanted


def _obtainable(step: Step, wanted: dict[Tensor, bool]) -> bool:
    spec = step.op.spec
    if spec.on_host(step.op):
        return True  # it comes from the host
    operands = step.flat_operands()
    return spec.pure and all([
        type(o) is Constant or (isinstance(o, Tensor) and wanted.get(o, False)) for o in operands
    ])  # fmt: skip


def settled_tensors(plan: Plan) -> frozenset[Tensor]:
    """The tensors whose value follows from shapes and constants alone."""
    found: set[Tensor] = set()
    for step in plan.steps:
        spec = step.op.spec
        follows = spec.name in SHAPE_ONLY or (
            spec.pure
            and not step.bodies
            and not spec.on_host(step.op)
            and all([type(o) is Constant or o in found for o in step.flat_operands()])
        )
        if follows:
            found.update(step.outputs)
    return frozenset(found)


def is_settled_check(step: Step, settled: frozenset[Tensor]) -> bool:
    """True of an Assert that can be decided while compiling: its condition is about shapes."""
    if step.op.spec.name != "Assert":
        return False
    condition, data = step.operands
    texts = [o for o in data if isinstance(o, Tensor) and o.dtype.base_dtype in _NOT_ON_XLA]
    return not texts and (type(condition) is Constant or condition in settled)


def static_operands(step: Step, trips: LoopTrips) -> list[Operand]:
    """The operands of a step whose value must be known while compiling."""
    if isinstance(step, RegionStep):
        return _static_of_regions(step, trips)
    spec = step.op.spec
    static = (*spec.static_inputs, *spec.shape_inputs)
    if not static:
        return []
    if spec.traceable is not None:
        free = spec.traceable(step.op)
        static = tuple([name for name in static if name not in free])
    taken = [arg.name for arg in spec.input_args if arg.name not in spec.unread]
    found: list[Operand] = []
    for name, operand in zip(taken, step.operands, strict=True):
        if name in static:
            found.extend(operand if type(operand) is list else [operand])
    return found


def _static_of_regions(step: RegionStep, trips: LoopTrips) -> list[Operand]:
    found: list[Operand] = []
    for body in step.plans:
        found += [t for t in _static_inside(body, trips) if t in body.feeds]
    if step in trips and must_be_counted(step):
        found += trips[step].operands
    # An argument of a loop is no value of one run: `_reason_inside` refuses it.
    return [o for o in found if not any([o in args for args in step.args])]


def _static_inside(body: Plan, trips: LoopTrips) -> list[Tensor]:
    """The tensors of a region whose value must be known, and all that they are computed from."""
    producer = {output: step for step in body.steps for output in step.outputs}
    found: dict[Tensor, None] = {}
    pending = [o for s in body.steps for o in static_operands(s, trips) if isinstance(o, Tensor)]
    while pending:
        tensor = pending.pop()
        if tensor in found:
            continue
        found[tensor] = None
        step = producer.get(tensor)
        if step is not None and step.op.spec.name not in SHAPE_ONLY:
            pending.extend([o for o in step.flat_operands() if isinstance(o, Tensor)])
    return list(found)


def must_be_counted(step: RegionStep) -> bool:
    """True of a loop that XLA can only run where it is known how often: it saves values."""
    return len(step.outputs) > len(step.args[0])


def host_reason(
    step: Step, known: dict[Tensor, bool], settled: frozenset[Tensor], trips: LoopTrips
) -> str | None:
    """Why a step cannot be compiled; None where it can."""
    if is_settled_check(step, settled):
        return None
    reason = _reason_of_step(step, trips)
    if reason is not None:
        return reason
    for operand in static_operands(step, trips):
        if type(operand) is Read:
            return f"the value of the variable {operand.variable.name} decides a shape"
        if isinstance(operand, Tensor) and not known.get(operand, False):
            return f"the value of {operand.name} decides a shape, and is not known when compiling"
    return None


def _reason_of_step(step: Step, trips: LoopTrips) -> str | None:
    op = step.op
    spec = op.spec
    if isinstance(step, RegionStep):
        return _reason_of_regions(step, trips)
    if spec.on_host(op):
        return _reason_of_op(op)
    reason = _reason_of_types([*op._inputs, *op.outputs])
    if reason is not None:
        return reason
    if spec.name == "TensorArrayV3" and (op._attrs["dynamic_size"] or _is_text(op)):
        return "XLA has no arrays that grow, nor of strings"
    return None


def _reason_of_types(tensors: Iterable[Tensor]) -> str | None:
    for tensor in tensors:
        base = tensor.dtype.base_dtype
        if base in _NOT_ON_XLA and not _is_known_resource(tensor):
            return f"XLA has no type {base.name}"
    return None


def _is_text(op: Operation) -> bool:
    return op._attrs["dtype"] in (dtypes.string, dtypes.resource, dtypes.variant)


def _is_known_resource(tensor: Tensor) -> bool:
    spec = tensor.op.spec
    return tensor.dtype.base_dtype is dtypes.resource and (spec.variable or spec.name in _ARRAYS)


def _reason_of_regions(step: RegionStep, trips: LoopTrips) -> str | None:
    passed = [o for o in (*step.operands, *step.outputs) if isinstance(o, Tensor)]
    reason = _reason_of_types(passed)
    if reason is not None:
        return reason
    for body in step.plans:
        for inner in body.steps:
            reason = _reason_of_step(inner, trips)
            if reason is not None:
                return f"{inner.op.name} in it cannot be compiled: {reason}"
        reason = _reason_inside(step, body, trips)
        if reason is not None:
            return reason
    if not step.op.spec.loops and _results_differ(step):
        return "its branches give different shapes"
    if step.op.spec.loops and _changes_shape(step):
        return "the shape of a loop variable changes"
    if step.op.spec.loops and must_be_counted(step) and step not in trips:
        return "a gradient needs its iterations, and how many there are depends on what it computes"
    return None


def _results_differ(step: RegionStep) -> bool:
    """True where the results of branches are known to have different shapes."""
    pairs = zip(step.plans[0].results, step.plans[1].results, strict=True)
    return any([not shapes.compatible(shape_of(one), shape_of(other)) for one, other in pairs])


def _changes_shape(step: RegionStep) -> bool:
    """True where a loop variable starts with a size that it need not keep."""
    pairs = zip(step.operands, step.args[0], strict=False)
    return any([_is_wider(arg._shape, shape_of(init)) for init, arg in pairs])


def _is_wider(shape: shapes.Shape, first: shapes.Shape) -> bool:
    if first is None:
        return False
    if shape is None:
        return True
    return any([a is None and b is not None for a, b in zip(shape, first, strict=True)])


def _reason_inside(step: RegionStep, body: Plan, trips: LoopTrips) -> str | None:
    """Why the values that decide shapes in a region cannot be known while compiling."""
    args = {arg for own in step.args for arg in own}
    producer = {output: inner for inner in body.steps for output in inner.outputs}
    for tensor in _static_inside(body, trips):
        inner = producer.get(tensor)
        if tensor in args:
            return f"the value of {tensor.name}, which changes in it, decides a shape"
        if inner is not None and not inner.op.spec.pure:
            return f"the value of {tensor.name} in it decides a shape"
    for inner in body.steps:
        if any([type(operand) is Read for operand in static_operands(inner, trips)]):
            return f"the value of a variable decides a shape of {inner.op.name} in it"
    return None


def _reason_of_op(op: Operation) -> str:
    spec = op.spec
    if spec.blocking:
        return "it may have to wait"
    if spec.name.startswith("PyFunc"):
        return "it calls a Python function"
    if any([t.dtype.base_dtype is dtypes.string for t in (*op._inputs, *op.outputs)]):
        return "XLA has no type string"
    if spec.wants_rng or spec.host_types:
        return "XLA's functions would change the last bits of its numbers"
    if spec.wants_ctx:
        return "it looks at the session, or has an effect outside it"
    if spec.pure and not all([shapes.is_known(output._shape) for output in op.outputs]):
        return "the shape of its output depends on values"
    return "it may raise an error that depends on values"


def is_internal(tensor: Tensor) -> bool:
    """True of a stack or the handle of a TensorArray: it cannot leave what is compiled."""
    return tensor.dtype.base_dtype is dtypes.variant or tensor.op.spec.name in _ARRAYS


def torn_apart(
    plan: Plan, on_xla: Sequence[bool], group_of: Sequence[object]
) -> Iterable[tuple[int, str]]:
    """Compilable steps that share a stack or array with a step of another cluster or of the host.

    Args:
        plan: the plan.
        on_xla: for each step whether it is to be compiled.
        group_of: for each step its cluster.

    Returns:
        The places of the steps, each with the reason why it has to stay on the host.
    """
    yield from _without_value(plan, on_xla)
    users: dict[Tensor, list[int]] = {}
    for number, step in enumerate(plan.steps):
        tensors = [*step.outputs, *[o for o in step.flat_operands() if isinstance(o, Tensor)]]
        for tensor in tensors:
            if is_internal(tensor) and tensor.value_index == _place_of_handle(tensor):
                users.setdefault(tensor, []).append(number)
    outside = {*plan.feeds, *[r for r in plan.results if isinstance(r, Tensor)]}
    for tensor, numbers in users.items():
        groups = {group_of[number] for number in numbers}
        torn = len(groups) > 1 or tensor in outside or not all([on_xla[n] for n in numbers])
        if torn:
            reason = f"it shares {tensor.name} with a step that is not compiled with it"
            yield from [(number, reason) for number in numbers if on_xla[number]]


def _without_value(plan: Plan, on_xla: Sequence[bool]) -> Iterable[tuple[int, str]]:
    """Compilable steps that take what a branch saves, if it is taken, of an op of the host.

    Where a branch is compiled, what another saves is zero.
    """
    pairs = list(zip(plan.steps, on_xla, strict=True))
    compiled = {output for step, on in pairs if on for output in step.outputs}
    for number, (step, on) in enumerate(pairs):
        if on:
            for operand in step.flat_operands():
                if isinstance(operand, Tensor) and operand not in compiled:
                    if may_lack_value(operand):
                        yield number, f"{operand.name} has no value where its branch is not taken"
                        break


def _place_of_handle(tensor: Tensor) -> int:
    """An array's op gives the handle and a flow, which is a plain number."""
    return 0 if tensor.op.spec.name in _ARRAYS else tensor.value_index
