"""`tf.train.GradientDescentOptimizer`."""

from __future__ import annotations

from typing import Any

from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import raw
from penstock.train.optimizer import Optimizer, as_dtype_of


@export("train.GradientDescentOptimizer")
class GradientDescentOptimizer(Optimizer):
    """Changes variables against their gradients: w = w - learning_rate * g.

    Args:
        learning_rate: a number, tensor, or function that gives one.
        use_locking: kept for TensorFlow's signature.
        name: the optimizer's name.

    Example:
        >>> train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    """

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._learning_rate_tensor: Any = None

    def _prepare(self) -> None:
        rate = self._call_if_callable(self._learning_rate)
        self._learning_rate_tensor = convert_to_tensor(rate, name="learning_rate")

    def _rate(self, var: Any) -> Tensor:
        return as_dtype_of(self._learning_rate_tensor, var)

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        return raw.ApplyGradientDescent(
            var, self._rate(var), grad, use_locking=self._use_locking
        ).op

    def _resource_apply_dense(self, grad: Tensor, handle: Any) -> Any:
        return raw.ResourceApplyGradientDescent(
            handle.handle, self._rate(handle), grad, use_locking=self._use_locking
        )

    def _resource_apply_sparse_duplicate_indices(
        self, grad: Tensor, handle: Any, indices: Tensor
    ) -> Any:
        return raw.ResourceScatterAdd(handle.handle, indices, -grad * self._learning_rate)

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        delta = api.IndexedSlices(grad.values * self._rate(var), grad.indices, grad.dense_shape)
        return var.scatter_sub(delta, use_locking=self._use_locking)
