"""Optimizers with l1 and l2 terms of their own: Ftrl, proximal descent and Adagrad, Adagrad by dual
averaging.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.graph.export import api, export
from penstock.graph.opspec import raw
from penstock.graph.stacks import default_graph
from penstock.train.one_op_optimizer import OneOpOptimizer


def _filled(variable: Any, value: float) -> Any:
    """A constant of a variable's shape and type."""
    return api.constant(value, dtype=variable.dtype.base_dtype, shape=variable.get_shape())


def _check_not_negative(**numbers: float) -> None:
    for name, value in numbers.items():
        if value < 0.0:
            raise ValueError(f"{name} {value:f} needs to be positive or zero")


@export("train.FtrlOptimizer")
class FtrlOptimizer(OneOpOptimizer):
    """Follow the regularized leader (McMahan et al., 2013).

    Args:
        learning_rate: a number or tensor.
        learning_rate_power: how the rate falls with the sum of squared gradients; not positive.
        initial_accumulator_value: what that sum starts with.
        l1_regularization_strength, l2_regularization_strength: the regularizing terms' factors.
        use_locking: kept for TensorFlow's signature.
        name: the optimizer's name.
        accum_name, linear_name: names of the slots; the optimizer's where None.
        l2_shrinkage_regularization_strength: an l2 term that does not enter the sum
            of squared gradients.

    Raises:
        ValueError: a number has the wrong sign.

    Example:
        >>> step = tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01).minimize(loss)
    """

    _state = ("accum", "linear")

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
        accum_name: str | None = None,
        linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
    ) -> None:
        super().__init__(use_locking, name)
        _check_not_negative(
            initial_accumulator_value=initial_accumulator_value,
            l1_regularization_strength=l1_regularization_strength,
            l2_regularization_strength=l2_regularization_strength,
            l2_shrinkage_regularization_strength=l2_shrinkage_regularization_strength,
        )
        if learning_rate_power > 0.0:
            raise ValueError(
                f"learning_rate_power {learning_rate_power:f} needs to be negative or zero"
            )
        self._op = "FtrlV2" if l2_shrinkage_regularization_strength > 0 else "Ftrl"
        self._initial_accumulator_value = initial_accumulator_value
        self._accum_name, self._linear_name = accum_name, linear_name
        self._settings = (
            ("lr", "learning_rate", learning_rate),
            ("l1", "l1_regularization_strength", l1_regularization_strength),
            ("l2", "l2_regularization_strength", l2_regularization_strength),
            (
                "l2_shrinkage",
                "l2_shrinkage_regularization_strength",
                l2_shrinkage_regularization_strength,
            ),
            ("lr_power", "learning_rate_power", learning_rate_power),
        )

    def _create_slots(self, var_list: list[Any]) -> None:
        for variable in var_list:
            with default_graph().colocate_with(variable):
                start = _filled(variable, self._initial_accumulator_value)
                self._get_or_make_slot(variable, start, "accum", self._accum_name or self._name)
                self._zeros_slot(variable, "linear", self._linear_name or self._name)


@export("train.ProximalAdagradOptimizer")
class ProximalAdagradOptimizer(OneOpOptimizer):
    """Adagrad with l1 and l2 terms by forward-backward splitting (Duchi and Singer, 2009).

    Args:
        learning_rate: a number or tensor.
        initial_accumulator_value: what the sum of squared gradients starts with, positive.
        l1_regularization_strength, l2_regularization_strength: the regularizing terms' factors.
        use_locking: kept for TensorFlow's signature.
        name: the optimizer's name.

    Raises:
        ValueError: the sum does not start with a positive number.

    Example:
        >>> step = tf.train.ProximalAdagradOptimizer(0.1).minimize(loss)
    """

    _op = "ProximalAdagrad"
    _state = ("accumulator",)

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalAdagrad",
    ) -> None:
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._initial_accumulator_value = initial_accumulator_value
        self._settings = (
            ("lr", "learning_rate", learning_rate),
            ("l1", "l1_regularization_strength", l1_regularization_strength),
            ("l2", "l2_regularization_strength", l2_regularization_strength),
        )

    def _create_slots(self, var_list: list[Any]) -> None:
        for variable in var_list:
            with default_graph().colocate_with(variable):
                start = _filled(variable, self._initial_accumulator_value)
            self._get_or_make_slot(variable, start, "accumulator", self._name)


@export("train.ProximalGradientDescentOptimizer")
class ProximalGradientDescentOptimizer(OneOpOptimizer):
    """Gradient descent with l1 and l2 terms by forward-backward splitting (Duchi and Singer, 2009).

    Args:
        learning_rate: a number or tensor.
        l1_regularization_strength, l2_regularization_strength: the regularizing terms' factors.
        use_locking: kept for TensorFlow's signature.
        name: the optimizer's name.

    Example:
        >>> step = tf.train.ProximalGradientDescentOptimizer(0.1).minimize(loss)
    """

    _op = "ProximalGradientDescent"

    def __init__(
        self,
        learning_rate: Any,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:
        super().__init__(use_locking, name)
        self._settings = (
            ("alpha", "learning_rate", learning_rate),
            ("l1", "l1_regularization_strength", l1_regularization_strength),
            ("l2", "l2_regularization_strength", l2_regularization_strength),
        )


@export("train.AdagradDAOptimizer")
class AdagradDAOptimizer(OneOpOptimizer):
    """Adagrad by dual averaging (Duchi et al., 2011).

    Args:
        learning_rate: a number or tensor.
        global_step: the variable that counts the steps.
        initial_gradient_squared_accumulator_value: what the sum of squared gradients
            starts with, positive.
        l1_regularization_strength, l2_regularization_strength: the regularizing terms' factors.
        use_locking: kept for TensorFlow's signature.
        name: the optimizer's name.

    Raises:
        ValueError: the sum does not start with a positive number.

    Example:
        >>> step = tf.train.AdagradDAOptimizer(0.1, global_step).minimize(loss, global_step)
    """

    _op = "AdagradDA"
    _state = ("gradient_accumulator", "gradient_squared_accumulator")

    def __init__(
        self,
        learning_rate: Any,
        global_step: Any,
        initial_gradient_squared_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "AdagradDA",
    ) -> None:
        if initial_gradient_squared_accumulator_value <= 0.0:
            raise ValueError(
                "initial_gradient_squared_accumulator_value must be positive: "
                f"{initial_gradient_squared_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._initial_square = initial_gradient_squared_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._global_step = global_step
        self._settings = (("lr", "learning_rate", learning_rate),)

    def _create_slots(self, var_list: list[Any]) -> None:
        for variable in var_list:
            with default_graph().colocate_with(variable):
                gradients = _filled(variable, 0.0)
                squares = _filled(variable, self._initial_square)
            self._get_or_make_slot(variable, gradients, "gradient_accumulator", self._name)
            self._get_or_make_slot(variable, squares, "gradient_squared_accumulator", self._name)

    def _prepare(self) -> None:
        super()._prepare()
        with default_graph().colocate_with(self._numbers["lr"]):
            self._step: Any = raw.Identity(self._global_step) + 1

    def _inputs(self, var: Any, wanted: Sequence[str]) -> dict[str, Any]:
        step = raw.Identity(self._step)
        dtype = var.dtype.base_dtype
        return {
            **super()._inputs(var, wanted),
            "l1": api.cast(self._l1, dtype),
            "l2": api.cast(self._l2, dtype),
            "global_step": step,
        }
