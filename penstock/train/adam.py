"""`tf.train.AdamOptimizer`."""

from __future__ import annotations

from typing import Any

from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import raw
from penstock.graph.stacks import default_graph
from penstock.train.optimizer import Optimizer, as_dtype_of


@export("train.AdamOptimizer")
class AdamOptimizer(Optimizer):
    """Adam (Kingma and Ba, 2014): steps scaled by running means of gradients and of their squares.

    Args:
        learning_rate: a number, tensor, or function that gives one.
        beta1: how slowly the mean of gradients forgets.
        beta2: how slowly the mean of their squares forgets.
        epsilon: keeps the division finite.
        use_locking: kept for TensorFlow's signature.
        name: the optimizer's name.

    Example:
        >>> train = tf.train.AdamOptimizer(0.001).minimize(loss)
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(use_locking, name)
        self._lr, self._beta1, self._beta2, self._epsilon = learning_rate, beta1, beta2, epsilon

    def _get_beta_accumulators(self) -> tuple[Any, Any]:
        graph = default_graph()
        return (
            self._get_non_slot_variable("beta1_power", graph),
            self._get_non_slot_variable("beta2_power", graph),
        )

    def _create_slots(self, var_list: list[Any]) -> None:
        first = min(var_list, key=lambda variable: variable.name)
        self._create_non_slot_variable(self._beta1, "beta1_power", colocate_with=first)
        self._create_non_slot_variable(self._beta2, "beta2_power", colocate_with=first)
        for variable in var_list:
            self._zeros_slot(variable, "m", self._name)
            self._zeros_slot(variable, "v", self._name)

    def _prepare(self) -> None:
        self._lr_t, self._beta1_t, self._beta2_t, self._epsilon_t = [
            convert_to_tensor(self._call_if_callable(value), name=name)
            for value, name in (
                (self._lr, "learning_rate"),
                (self._beta1, "beta1"),
                (self._beta2, "beta2"),
                (self._epsilon, "epsilon"),
            )
        ]

    def _numbers(self, var: Any) -> list[Tensor]:
        """What the dense ops take after the slots: powers, rate, betas and epsilon."""
        powers = self._get_beta_accumulators()
        others = (self._lr_t, self._beta1_t, self._beta2_t, self._epsilon_t)
        return [as_dtype_of(value, var) for value in (*powers, *others)]

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        return raw.ApplyAdam(var, m, v, *self._numbers(var), grad, use_locking=self._use_locking).op

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        m, v = self.get_slot(handle, "m"), self.get_slot(handle, "v")
        return raw.ResourceApplyAdam(
            handle.handle,
            m.handle,
            v.handle,
            *self._numbers(handle),
            grad,
            use_locking=self._use_locking,
        )

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        def scatter_add(variable: Any, indices: Tensor, values: Tensor) -> Any:
            return api.scatter_add(variable, indices, values, use_locking=self._use_locking)

        return self._apply_sparse_shared(grad.values, var, grad.indices, scatter_add)

    def _resource_apply_sparse(self, grad: Tensor, handle: Any, indices: Tensor) -> Any:
        def scatter_add(variable: Any, indices: Tensor, values: Tensor) -> Any:
            added = raw.ResourceScatterAdd(variable.handle, indices, values)
            with default_graph().control_dependencies([added]):
                return variable.value()

        return self._apply_sparse_shared(grad, handle, indices, scatter_add)

    def _apply_sparse_shared(self, grad: Any, var: Any, indices: Tensor, scatter_add: Any) -> Any:
        """The moments of all rows fade, whether or not they have a gradient."""
        beta1_power, beta2_power, rate, beta1, beta2, epsilon = self._numbers(var)
        step: Any = rate * api.sqrt(1 - beta2_power) / (1 - beta1_power)
        m = self.get_slot(var, "m")
        added: Any = grad * (1 - beta1)
        faded = api.assign(m, m * beta1, use_locking=self._use_locking)
        with default_graph().control_dependencies([faded]):
            mean = scatter_add(m, indices, added)
        v = self.get_slot(var, "v")
        added = (grad * grad) * (1 - beta2)
        faded = api.assign(v, v * beta2, use_locking=self._use_locking)
        with default_graph().control_dependencies([faded]):
            square = scatter_add(v, indices, added)
        root = api.sqrt(square)
        update = api.assign_sub(var, step * mean / (root + epsilon), use_locking=self._use_locking)
        return api.group(update, mean, square)

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        graph = default_graph()
        beta1_power, beta2_power = self._get_beta_accumulators()
        with graph.control_dependencies(update_ops), graph.colocate_with(beta1_power):
            update1 = beta1_power.assign(beta1_power * self._beta1_t, use_locking=self._use_locking)
            update2 = beta2_power.assign(beta2_power * self._beta2_t, use_locking=self._use_locking)
        return api.group(*update_ops, update1, update2, name=name_scope)
