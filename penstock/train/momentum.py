"""`tf.train.MomentumOptimizer`."""

from __future__ import annotations

from typing import Any

from penstock.graph.export import export
from penstock.train.one_op_optimizer import OneOpOptimizer


@export("train.MomentumOptimizer")
class MomentumOptimizer(OneOpOptimizer):
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

    _op = "Momentum"
    _state = ("momentum",)

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._attrs["use_nesterov"] = use_nesterov
        self._settings = (
            ("lr", "learning_rate", learning_rate),
            ("momentum", "momentum", momentum),
        )

    def _create_slots(self, var_list: list[Any]) -> None:
        for variable in var_list:
            self._zeros_slot(variable, "momentum", self._name)
