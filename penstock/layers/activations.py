"""Activations by the names that layers and cells take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph.export import api
from penstock.graph.operation import Tensor


def linear(x: Any) -> Any:
    """The input itself."""
    return x


def hard_sigmoid(x: Any) -> Tensor:
    """A sigmoid of straight lines: 0.2 x + 0.5, held between 0 and 1."""
    return api.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)


_PUBLIC_FUNCTIONS = {
    "elu": "elu", "exponential": "exp", "relu": "relu", "selu": "selu", "sigmoid": "sigmoid",
    "softmax": "softmax", "softplus": "softplus", "softsign": "softsign", "tanh": "tanh",
}  # fmt: skip
_OWN_FUNCTIONS = {"linear": linear, "hard_sigmoid": hard_sigmoid}


def activation_of(identifier: Any) -> Callable[..., Any]:
    """The function that an argument named `activation` stands for.

    Args:
        identifier: a function, a name, or None for the input itself.

    Raises:
        ValueError: there is no activation of that name.
        TypeError: it is neither a name nor a function.
    """
    if identifier is None:
        return linear
    if callable(identifier):
        return identifier
    if not isinstance(identifier, str):
        raise TypeError(f"Could not interpret activation function identifier: {identifier!r}")
    if identifier in _OWN_FUNCTIONS:
        return _OWN_FUNCTIONS[identifier]
    if identifier not in _PUBLIC_FUNCTIONS:
        raise ValueError(f"Unknown activation function:{identifier}")
    name = _PUBLIC_FUNCTIONS[identifier]
    return api.exp if name == "exp" else getattr(api.nn, name)
