"""Optimizers that scale each step by the gradients seen so far: Adagrad, Adadelta, RMSProp."""

from __future__ import annotations

from typing import Any

from penstock.graph.export import api, export
from penstock.train.one_op_optimizer import OneOpOptimizer


@export("train.AdagradOptimizer")
class AdagradOptimizer(OneOpOptimizer):
    """Adagrad (Duchi et al., 2011): divides by the root of the sum of all squared gradients.

    Args:
        learning_rate: a number, tensor, or function that gives one.
        initial_accumulator_value: what the sum starts with, positive.
        use_locking: kept for TensorFlow's signature.
        name: the optimizer's name.

    Raises:
        ValueError: the sum does not start with a positive number.

    Example:
        >>> step = tf.train.AdagradOptimizer(0.1).minimize(loss)
    """

    _op = "Adagrad"
    _state = ("accumulator",)

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._initial_accumulator_value = initial_accumulator_value
        self._attrs["update_slots"] = True
        self._settings = (("lr", "learning_rate", learning_rate),)

    def _create_slots(self, var_list: list[Any]) -> None:
        for variable in var_list:
            dtype = variable.dtype.base_dtype
            if not variable.get_shape().is_fully_defined():
                start = api.cast(api.constant(self._initial_accumulator_value), dtype)
                self._get_or_make_slot(
                    variable, api.fill(api.shape(variable), start), "accumulator", self._name
                )
                continue
            initializer = api.constant_initializer(self._initial_accumulator_value, dtype=dtype)
            self._get_or_make_slot_with_initializer(
                variable, initializer, variable.get_shape(), dtype, "accumulator", self._name
            )


@export("train.AdadeltaOptimizer")
class AdadeltaOptimizer(OneOpOptimizer):
    """Adadelta (Zeiler, 2012): scales by the running sizes of past updates and gradients.

    Args:
        learning_rate: a number, tensor, or function that gives one.
        rho: how slowly the running means forget.
        epsilon: keeps the division finite.
        use_locking: kept for TensorFlow's signature.
        name: the optimizer's name.

    Example:
        >>> step = tf.train.AdadeltaOptimizer(1.0).minimize(loss)
    """

    _op = "Adadelta"
    _state = ("accum", "accum_update")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(use_locking, name)
        self._settings = (
            ("lr", "lr", learning_rate),
            ("rho", "rho", rho),
            ("epsilon", "epsilon", epsilon),
        )

    def _create_slots(self, var_list: list[Any]) -> None:
        for variable in var_list:
            self._zeros_slot(variable, "accum", self._name)
            self._zeros_slot(variable, "accum_update", self._name)


@export("train.RMSPropOptimizer")
class RMSPropOptimizer(OneOpOptimizer):
    """RMSProp (Tieleman and Hinton, 2012): divides by the running root mean square of gradients.

    Args:
        learning_rate: a number, tensor, or function that gives one.
        decay: how slowly the running mean forgets.
        momentum: how much of the last step is kept.
        epsilon: keeps the division finite.
        use_locking: kept for TensorFlow's signature.
        centered: divide by the gradient's estimated variance instead.
        name: the optimizer's name.

    Example:
        >>> step = tf.train.RMSPropOptimizer(0.01).minimize(loss)
    """

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(use_locking, name)
        self._op = "CenteredRMSProp" if centered else "RMSProp"
        self._state = ("mg", "rms", "momentum") if centered else ("rms", "momentum")
        self._settings = (
            ("lr", "learning_rate", learning_rate),
            ("rho", "decay", decay),
            ("momentum", "momentum", momentum),
            ("epsilon", "epsilon", epsilon),
        )

    def _create_slots(self, var_list: list[Any]) -> None:
        for variable in var_list:
            dtype = variable.dtype.base_dtype
            shape = variable.get_shape()
            if shape.is_fully_defined():
                ones = api.ones_initializer(dtype=dtype)
                self._get_or_make_slot_with_initializer(
                    variable, ones, shape, dtype, "rms", self._name
                )
            else:
                self._get_or_make_slot(variable, api.ones_like(variable), "rms", self._name)
            if "mg" in self._state:
                self._zeros_slot(variable, "mg", self._name)
            self._zeros_slot(variable, "momentum", self._name)
