"""Slots: the variables that an optimizer keeps beside each variable it trains."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from penstock.graph.export import api
from penstock.graph.stacks import default_graph
from penstock.ops.resource_variables import ResourceVariable
from penstock.ops.variable_scope import get_variable_scope, variable_scope
from penstock.ops.variables import Variable


def create_slot(primary: Any, value: Any, name: str, colocate_with_primary: bool = True) -> Any:
    """Makes a slot that starts with a value.

    Args:
        primary: the variable, or tensor, that it belongs to.
        value: a tensor.
        name: the slot's name; the variable's goes before it.
        colocate_with_primary: put the slot where the variable is.
    """
    with (
        variable_scope(None, f"{_prefix(primary)}/{name}"),
        _beside(primary, colocate_with_primary),
    ):
        return _make(primary, value, value.get_shape().is_fully_defined(), None, None)


def create_slot_with_initializer(
    primary: Any,
    initializer: Any,
    shape: Any,
    dtype: Any,
    name: str,
    colocate_with_primary: bool = True,
) -> Any:
    """Makes a slot of a given shape and type that starts as its initializer says."""
    with (
        variable_scope(None, f"{_prefix(primary)}/{name}"),
        _beside(primary, colocate_with_primary),
    ):
        return _make(primary, initializer, shape.is_fully_defined(), shape, dtype)


def create_zeros_slot(
    primary: Any, name: str, dtype: Any = None, colocate_with_primary: bool = True
) -> Any:
    """Makes a slot of its variable's shape that starts with zeros."""
    dtype = primary.dtype if dtype is None else dtype
    shape = primary.get_shape()
    if shape.is_fully_defined():
        initializer = api.zeros_initializer(dtype)
        return create_slot_with_initializer(
            primary, initializer, shape, dtype, name, colocate_with_primary
        )
    known = primary.initialized_value() if isinstance(primary, Variable) else primary
    zeros = api.zeros(api.shape(known), dtype=dtype)
    return create_slot(primary, zeros, name, colocate_with_primary)


def _beside(primary: Any, wanted: bool) -> AbstractContextManager[Any]:
    return default_graph().colocate_with(primary) if wanted else nullcontext()


def _prefix(primary: Any) -> str:
    return primary._shared_name if isinstance(primary, Variable) else primary.op.name


def _make(primary: Any, initializer: Any, validate_shape: bool, shape: Any, dtype: Any) -> Any:
    scope = get_variable_scope()
    partitioner = scope.partitioner
    scope.set_partitioner(None)
    slot = api.get_variable(
        "",
        initializer=initializer,
        trainable=False,
        use_resource=True if isinstance(primary, ResourceVariable) else None,
        shape=shape,
        dtype=dtype,
        validate_shape=validate_shape,
    )
    scope.set_partitioner(partitioner)
    whole = primary._get_save_slice_info() if isinstance(primary, Variable) else None
    if whole is not None:  # the slot of a part is a part, too
        name = slot.op.name[len(primary.op.name) + 1 :]
        slot._set_save_slice_info(
            Variable.SaveSliceInfo(
                f"{whole.full_name}/{name}", whole.full_shape, whole.var_offset, whole.var_shape
            )
        )
    return slot
