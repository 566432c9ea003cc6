"""tf.keras.regularizers: penalties on the size of weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.compat.keras_serialization import described, from_description, from_identifier
from penstock.graph.export import api, export

_PACKAGE = "keras.regularizers"


@export(f"{_PACKAGE}.Regularizer")
class Regularizer:
    """What all regularizers share. This one adds nothing.

    Example:
        >>> class Spread(tf.keras.regularizers.Regularizer):
        ...     def __call__(self, x):
        ...         return tf.reduce_max(x) - tf.reduce_min(x)
    """

    def __call__(self, x: Any) -> Any:
        """The penalty on the weights `x`, a scalar."""
        return 0.0

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The regularizer that `get_config` described."""
        return cls(**config)


@export(f"{_PACKAGE}.L1L2")
class L1L2(Regularizer):
    """Adds l1 * sum(|x|) + l2 * sum(x * x).

    Args:
        l1, l2: floats; 0.0 leaves a term out.

    Example:
        >>> regularizer = tf.keras.regularizers.L1L2(l2=0.01)
        >>> tf.get_variable("w", [10], regularizer=regularizer)
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = np.asarray(l1, np.float32)
        self.l2 = np.asarray(l2, np.float32)

    def __call__(self, x: Any) -> Any:
        """The penalty on the weights `x`, a scalar of their type."""
        if not self.l1 and not self.l2:
            return api.constant(0.0)
        penalty: Any = 0.0
        if self.l1:
            penalty += self.l1 * api.reduce_sum(api.abs(x))
        if self.l2:
            penalty += self.l2 * api.reduce_sum(api.square(x))
        return penalty

    def get_config(self) -> dict[str, float]:
        """The arguments that make an equal regularizer."""
        return {"l1": float(self.l1), "l2": float(self.l2)}


@export(f"{_PACKAGE}.l1")
def l1(l: float = 0.01) -> L1L2:  # noqa: E741  (Keras's name of it)
    """A regularizer that adds l * sum(|x|).

    Args:
        l: the weight of the sum of magnitudes.

    Example:
        >>> tf.keras.regularizers.l1(0.01)
    """
    return L1L2(l1=l)


@export(f"{_PACKAGE}.l2")
def l2(l: float = 0.01) -> L1L2:  # noqa: E741  (Keras's name of it)
    """A regularizer that adds l * sum(x * x).

    Args:
        l: the weight of the sum of squares.

    Example:
        >>> tf.keras.regularizers.l2(0.01)
    """
    return L1L2(l2=l)


@export(f"{_PACKAGE}.l1_l2")
def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """A regularizer that adds l1 * sum(|x|) + l2 * sum(x * x).

    Args:
        l1: the weight of the sum of magnitudes.
        l2: the weight of the sum of squares.

    Example:
        >>> tf.keras.regularizers.l1_l2(0.01, 0.001)
    """
    return L1L2(l1=l1, l2=l2)


_BY_NAME = {"L1L2": L1L2, "Regularizer": Regularizer, "l1": l1, "l2": l2, "l1_l2": l1_l2}


@export(f"{_PACKAGE}.serialize")
def serialize(regularizer: Any) -> Any:
    """What describes a regularizer: a dict of its class's name and config, or a function's name.

    Args:
        regularizer: a regularizer, a function, or None.

    Returns:
        A dict {"class_name": …, "config": …}, a str, or None.

    Raises:
        ValueError: it is none of these.

    Example:
        >>> tf.keras.regularizers.serialize(tf.keras.regularizers.l2(0.01))
    """
    return described(regularizer)


@export(f"{_PACKAGE}.deserialize")
def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The regularizer that `serialize` described.

    Args:
        config: a dict, or a name.
        custom_objects: a dict from further names to classes and functions.

    Returns:
        A regularizer.

    Raises:
        ValueError: there is none of that name, or `config` is no description.

    Example:
        >>> tf.keras.regularizers.deserialize(description)
    """
    return from_description(config, {**_BY_NAME, **(custom_objects or {})}, "regularizer")


@export(f"{_PACKAGE}.get")
def get(identifier: Any) -> Any:
    """The regularizer that a name, a description or a regularizer itself stands for.

    Args:
        identifier: a name such as "l2", a dict from `serialize`, a callable, or None.

    Returns:
        A regularizer, or None for None.

    Raises:
        ValueError: there is none of that name, or it is something else.

    Example:
        >>> tf.keras.regularizers.get("l2")
    """
    return from_identifier(identifier, _BY_NAME, "regularizer")
