"""`tf.train.MomentumOptimizer`."""

from __future__ import annotations

from typing import Any

from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import raw
from penstock.train.optimizer import Optimizer, as_dtype_of


@export("train.MomentumOptimizer")
class MomentumOptimizer(Optimizer):
    """Gradient descent that keeps its direction: a = momentum * a + g, w = w - learning_rate * a.

    Args:
        learning_rate: a number, tensor, or function that gives one.
        momentum: the same.
        use_locking: kept for TensorFlow's signature.
        name: the optimizer's name.
        use_nesterov: use Nesterov's form (Sutskever et al., 2013).

    Example:
        >>> train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    """

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._attrs = {"use_locking": use_locking, "use_nesterov": use_nesterov}

    def _create_slots(self, var_list: list[Any]) -> None:
        for variable in var_list:
            self._zeros_slot(variable, "momentum", self._name)

    def _prepare(self) -> None:
        rate = self._call_if_callable(self._learning_rate)
        self._learning_rate_tensor = convert_to_tensor(rate, name="learning_rate")
        momentum = self._call_if_callable(self._momentum)
        self._momentum_tensor = convert_to_tensor(momentum, name="momentum")

    def _numbers(self, var: Any) -> tuple[Tensor, Tensor]:
        return as_dtype_of(self._learning_rate_tensor, var), as_dtype_of(self._momentum_tensor, var)

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        rate, momentum = self._numbers(var)
        slot = self.get_slot(var, "momentum")
        return raw.ApplyMomentum(var, slot, rate, grad, momentum, **self._attrs).op

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        rate, momentum = self._numbers(handle)
        slot = self.get_slot(handle, "momentum")
        return raw.ResourceApplyMomentum(
            handle.handle, slot.handle, rate, grad, momentum, **self._attrs
        )

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        rate, momentum = self._numbers(var)
        slot = self.get_slot(var, "momentum")
        return raw.SparseApplyMomentum(
            var, slot, rate, grad.values, grad.indices, momentum, **self._attrs
        ).op

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        rate, momentum = self._numbers(handle)
        slot = self.get_slot(handle, "momentum")
        return raw.ResourceSparseApplyMomentum(
            handle.handle, slot.handle, rate, grad, indices, momentum, **self._attrs
        )
