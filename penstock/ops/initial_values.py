"""Initial values that depend on other variables, rewritten so that their order does not matter.

`tf.Variable(a * 2)` must not read `a` before `a` is set. The ops between `a` and the initial value
are copied, and the copies take `a.initialized_value()`.
"""

from __future__ import annotations

from typing import Any

from penstock.graph.collections import GraphKeys
from penstock.graph.operation import Operation, Tensor

_LEFT_AS_THEY_ARE = (
    "IsVariableInitialized",
    "VarIsInitializedOp",
    "ReadVariableOp",
    "If",
    "While",
)
_VARIABLES = ("Variable", "VariableV2", "VarHandleOp")


def guarded_initial_value(scope_name: str, initial_value: Tensor) -> Tensor:
    """The initial value, with what it takes from variables replaced by their initialized values.

    Args:
        scope_name: the new variable's name with a slash at its end: copies of ops end in it.
        initial_value: the tensor.

    Returns:
        `initial_value` itself where it depends on no variable.
    """
    copies: dict[Operation, Operation] = {}
    order = _ancestors(initial_value.op)
    if not any([op.type in _VARIABLES for op in order]):
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
        if op.type not in _LEFT_AS_THEY_ARE:
            pending.extend(
                [(tensor.op, False) for tensor in reversed(op._inputs) if tensor.op not in seen]
            )
    return order


def _safe_copy(scope_name: str, op: Operation, copies: dict[Operation, Operation]) -> Operation:
    if op.type in _VARIABLES:
        variable = _variable_of(op)
        return op if variable is None else variable.initialized_value().op
    if op.type in _LEFT_AS_THEY_ARE:
        return op
    inputs = [copies[tensor.op].outputs[tensor.value_index] for tensor in op._inputs]
    if all([new is old for new, old in zip(inputs, op._inputs, strict=True)]):
        return op
    name = f"{op.name}_{scope_name}".replace(":", "_")
    return op.spec.build_flat(op.graph, inputs, dict(op._attrs), name)


def _variable_of(op: Operation) -> Any:
    """The Variable object of a variable's op, where a collection holds it."""
    for key in (GraphKeys.GLOBAL_VARIABLES, GraphKeys.LOCAL_VARIABLES):
        for variable in op.graph.get_collection_ref(key):
            if variable.name in (op.name, f"{op.name}:0"):
                return variable
    return None
