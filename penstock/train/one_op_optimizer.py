"""Optimizers whose whole update of a variable is one op: they differ in the op, its slots and its
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.graph.convert import convert_to_tensor
from penstock.graph.operation import Tensor
from penstock.graph.opspec import raw
from penstock.train.optimizer import Optimizer, as_dtype_of


class OneOpOptimizer(Optimizer):
    """The base of these optimizers.

    Subclasses set `_op` ("Adagrad" for ApplyAdagrad, SparseApplyAdagrad, …), `_state` (the names of
    the slots in the op's order), `_attrs`, and `_settings`: for each number its input of the op,
    its name in the graph and its value.
    """

    _op: str
    _state: Sequence[str] = ()
    _settings: Sequence[tuple[str, str, Any]]
    _attrs: dict[str, Any]

    def __init__(self, use_locking: bool, name: str) -> None:
        super().__init__(use_locking, name)
        self._attrs = {"use_locking": use_locking}
        self._numbers: dict[str, Tensor] = {}

    def _prepare(self) -> None:
        for key, name, value in self._settings:
            self._numbers[key] = convert_to_tensor(self._call_if_callable(value), name=name)

    def _inputs(self, var: Any, wanted: Sequence[str]) -> dict[str, Any]:
        """The numbers of the op by the names of its inputs, in the variable's type."""
        numbers = self._numbers
        return {key: as_dtype_of(numbers[key], var) for key in numbers if key in wanted}

    def _apply(self, form: str, var: Any, variables: list[Any], given: dict[str, Any]) -> Any:
        spec = getattr(raw, f"{form}Apply{self._op}")
        others = [arg.name for arg in spec.input_args[len(variables) :]]
        named = {**self._inputs(var, others), **given}
        return spec(*variables, *[named[name] for name in others], **self._attrs)

    def _slots_of(self, var: Any) -> list[Any]:
        return [self.get_slot(var, name) for name in self._state]

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        return self._apply("", var, [var, *self._slots_of(var)], {"grad": grad, "delta": grad}).op

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        variables = [handle.handle, *[slot.handle for slot in self._slots_of(handle)]]
        return self._apply("Resource", handle, variables, {"grad": grad, "delta": grad})

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        given = {"grad": grad.values, "indices": grad.indices}
        return self._apply("Sparse", var, [var, *self._slots_of(var)], given).op

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        variables = [handle.handle, *[slot.handle for slot in self._slots_of(handle)]]
        return self._apply("ResourceSparse", handle, variables, {"grad": grad, "indices": indices})
