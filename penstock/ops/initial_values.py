"""Initial values that depend on other variables, rewritten so that their order does not matter.

`tf.Variable(a * 2)` must not read `a` before `a` is set. The ops between `a` and the initial value
are copied, and the copies take `a.initialized_value()`. So are the branches of an initialized value
themselves: TensorFlow makes these ops, too, and the seeds of later random ops count them.
"""

from __future__ import annotations

from typing import Any

from penstock.graph.collections import GraphKeys
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.region import Region
from penstock.ops.cond import make_cond

_LEFT_AS_THEY_ARE = (
    "IsVariableInitialized",
    "VarIsInitializedOp",
    "ReadVariableOp",
    "If",
    "While",
)
_TESTS = ("IsVariableInitialized", "VarIsInitializedOp")
_VARIABLES = ("Variable", "VariableV2", "VarHandleOp")


def guarded_initial_value(scope_name: str, initial_value: Tensor) -> Tensor:
    """The initial value, with what it takes from variables replaced by their initialized values.

    Args:
        scope_name: the new variable's name with a slash at its end: copies of ops end in it.
        initial_value: the tensor.

    Returns:
        `initial_value` itself where it depends on no variable, or on a loop: TensorFlow does not
        copy loops.
    """
    copies: dict[Operation, Operation] = {}
    order = _ancestors(initial_value.op)
    if not any([op.type in _VARIABLES for op in order]) or _depends_on_a_loop(initial_value.op):
        return initial_value
    for op in order:
        copies[op] = _safe_copy(scope_name, op, copies)
    return copies[initial_value.op].outputs[initial_value.value_index]


def check_is_outside(scope_name: str, initial_value: Tensor) -> None:
    """Raises ValueError for an initial value that is made in a branch or loop.

    Args:
        scope_name: the new variable's name with a slash at its end.
        initial_value: the tensor.
    """
    if initial_value.op.region is not None:
        raise ValueError(
            f"Initializer for variable {scope_name} is from inside a control-flow construct, such "
            "as a loop or conditional. When creating a variable inside a loop or conditional, use "
            "a lambda as the initializer."
        )


def _ancestors(last: Operation) -> list[Operation]:
    """All that `last` is computed from and itself, inputs first; not what lies behind guarded
    reads.
    """
    order: list[Operation] = []
    seen: set[Operation] = set()
    pending: list[tuple[Operation, bool]] = [(last, False)]
    while pending:
        op, inputs_done = pending.pop()
        if inputs_done:
            order.append(op)
            continue
        if op in seen:
            continue
        seen.add(op)
        pending.append((op, True))
        pending.extend([(other, False) for other in reversed(_sources(op)) if other not in seen])
    return order


def _sources(op: Operation) -> list[Operation]:
    """The ops that take part in making the copy of `op`, in TensorFlow's order."""
    variable = _initialized_by(op)
    if variable is not None:
        initial = variable.initial_value.op
        return [initial] if variable.op.type == "VarHandleOp" else [initial, variable.op]
    return [] if op.type in _LEFT_AS_THEY_ARE else [tensor.op for tensor in op._inputs]


def _depends_on_a_loop(last: Operation) -> bool:
    seen = {last}
    pending = [last]
    while pending:
        op = pending.pop()
        if op.type == "While":
            return True
        others = [*[tensor.op for tensor in op._inputs], *op._control_inputs]
        pending += [other for other in others if other not in seen]
        seen.update(others)
    return False


def _safe_copy(scope_name: str, op: Operation, copies: dict[Operation, Operation]) -> Operation:
    if op.type in _VARIABLES:
        variable = _variable_of(op)
        return op if variable is None else variable.initialized_value().op
    variable = _initialized_by(op)
    if variable is not None:
        return _copied_branches(scope_name, op, variable, copies)
    if op.type in _LEFT_AS_THEY_ARE:
        return op
    inputs = [copies[tensor.op].outputs[tensor.value_index] for tensor in op._inputs]
    if all([new is old for new, old in zip(inputs, op._inputs, strict=True)]):
        return op
    name = f"{op.name}_{scope_name}".replace(":", "_")
    return op.spec.build_flat(op.graph, inputs, dict(op._attrs), name)


def _initialized_by(op: Operation) -> Any:
    """The variable whose `initialized_value()` an op is, or None."""
    if op.type != "If" or op._inputs[0].op.type not in _TESTS:
        return None
    tested = op._inputs[0].op._inputs[0].op
    variable = _variable_of(tested) if tested.type in _VARIABLES else None
    if variable is None or variable.initial_value is None:
        return None
    otherwise = op.regions[1].results
    return variable if otherwise == [variable.initializer._inputs[1]] else None


def _copied_branches(
    scope_name: str, op: Operation, variable: Any, copies: dict[Operation, Operation]
) -> Operation:
    """The branches of an initialized value over what the copies give, where that differs."""
    initial = variable.initial_value
    given = copies[initial.op].outputs[initial.value_index]
    value = copies.get(variable.op, variable.op)
    is_new = value is not variable.op
    if given is initial and not is_new:
        return op
    graph = op.graph
    # TensorFlow makes a Switch for each branch that differs, and copies the read of the variable.
    with graph._counted_as((given is not initial) + 2 * is_new):
        then, otherwise = Region(graph), Region(graph)
        with then:
            then.results = [_copied_read(scope_name, op.regions[0].results[0].op, value)]
        with otherwise:
            fallback = variable.initializer._inputs[1] if given is initial else given
            otherwise.results = [otherwise.see(fallback, "a result")]
        return make_cond(op._inputs[0], [then, otherwise], f"{op.name}_{scope_name}")[0].op


def _copied_read(scope_name: str, read: Operation, variable: Operation) -> Tensor:
    """What reads a variable, as a copy that takes `variable`, an initialized value or a handle."""
    source = variable.outputs[0]
    if variable.type == "VarHandleOp":
        inner = read._inputs[0].op
        name = f"{inner.name}_{scope_name}"
        source = raw.ReadVariableOp(source, dtype=inner._attrs["dtype"], name=name)
    return raw.Identity(source, name=f"{read.name}_{scope_name}")


def _variable_of(op: Operation) -> Any:
    """The Variable object of a variable's op, where a collection holds it."""
    for key in (GraphKeys.GLOBAL_VARIABLES, GraphKeys.LOCAL_VARIABLES):
        for variable in op.graph.get_collection_ref(key):
            if variable.name in (op.name, f"{op.name}:0"):
                return variable
    return None
