"""tf.keras.initializers: initializers by name, and Keras's own defaults for three of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.compat.keras_serialization import described, from_description, from_identifier
from penstock.graph import dtypes
from penstock.graph.export import export, export_as
from penstock.ops import init_ops

_PACKAGE = "keras.initializers"


@export(f"{_PACKAGE}.RandomUniform", f"{_PACKAGE}.random_uniform", f"{_PACKAGE}.uniform")
class RandomUniform(init_ops.RandomUniform):
    """`tf.initializers.random_uniform` with bounds of 0.05 where none are given."""

    def __init__(
        self, minval: Any = -0.05, maxval: Any = 0.05, seed: Any = None,
        dtype: Any = dtypes.float32,
    ) -> None:  # fmt: skip
        super().__init__(minval, maxval, seed, dtype)


@export(f"{_PACKAGE}.RandomNormal", f"{_PACKAGE}.random_normal", f"{_PACKAGE}.normal")
class RandomNormal(init_ops.RandomNormal):
    """`tf.initializers.random_normal` with a standard deviation of 0.05 where none is given."""

    def __init__(
        self, mean: Any = 0.0, stddev: Any = 0.05, seed: Any = None, dtype: Any = dtypes.float32
    ) -> None:
        super().__init__(mean, stddev, seed, dtype)


@export(f"{_PACKAGE}.TruncatedNormal", f"{_PACKAGE}.truncated_normal")
class TruncatedNormal(init_ops.TruncatedNormal):
    """`tf.initializers.truncated_normal` with a standard deviation of 0.05 where none is given."""

    def __init__(
        self, mean: Any = 0.0, stddev: Any = 0.05, seed: Any = None, dtype: Any = dtypes.float32
    ) -> None:
        super().__init__(mean, stddev, seed, dtype)


# Initializers that are the same under tf.initializers, by their names here.
_SHARED: dict[str, Callable[..., Any]] = {
    "Initializer": init_ops.Initializer,
    "Zeros": init_ops.Zeros, "zeros": init_ops.Zeros,
    "Ones": init_ops.Ones, "ones": init_ops.Ones,
    "Constant": init_ops.Constant, "constant": init_ops.Constant,
    "VarianceScaling": init_ops.VarianceScaling,
    "Orthogonal": init_ops.Orthogonal, "orthogonal": init_ops.Orthogonal,
    "Identity": init_ops.Identity, "identity": init_ops.Identity,
    "glorot_uniform": init_ops.GlorotUniform, "glorot_normal": init_ops.GlorotNormal,
    "he_normal": init_ops.he_normal, "he_uniform": init_ops.he_uniform,
    "lecun_normal": init_ops.lecun_normal, "lecun_uniform": init_ops.lecun_uniform,
}  # fmt: skip
for _name, _initializer in _SHARED.items():
    export_as(f"{_PACKAGE}.{_name}", _initializer)

_BY_NAME: dict[str, Callable[..., Any]] = {
    **_SHARED,
    "zero": init_ops.Zeros, "one": init_ops.Ones,
    "GlorotUniform": init_ops.GlorotUniform, "GlorotNormal": init_ops.GlorotNormal,
    "RandomUniform": RandomUniform, "random_uniform": RandomUniform, "uniform": RandomUniform,
    "RandomNormal": RandomNormal, "random_normal": RandomNormal, "normal": RandomNormal,
    "TruncatedNormal": TruncatedNormal, "truncated_normal": TruncatedNormal,
}  # fmt: skip


@export(f"{_PACKAGE}.serialize")
def serialize(initializer: Any) -> Any:
    """What describes an initializer: a dict of its class's name and config, or a function's name.

    Args:
        initializer: an initializer, a function, or None.

    Returns:
        A dict {"class_name": …, "config": …}, a str, or None.

    Raises:
        ValueError: it is none of these.

    Example:
        >>> tf.keras.initializers.serialize(tf.zeros_initializer())
        {'class_name': 'Zeros', 'config': {'dtype': 'float32'}}
    """
    return described(initializer)


@export(f"{_PACKAGE}.deserialize")
def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The initializer that `serialize` described.

    Args:
        config: a dict, or a name.
        custom_objects: a dict from further names to classes and functions.

    Returns:
        An initializer.

    Raises:
        ValueError: there is none of that name, or `config` is no description.

    Example:
        >>> tf.keras.initializers.deserialize({"class_name": "Zeros", "config": {}})
    """
    return from_description(config, {**_BY_NAME, **(custom_objects or {})}, "initializer")


@export(f"{_PACKAGE}.get")
def get(identifier: Any) -> Any:
    """The initializer that a name, a description or an initializer itself stands for.

    Args:
        identifier: a name such as "glorot_uniform", a dict from `serialize`, a callable, or None.

    Returns:
        An initializer, or None for None.

    Raises:
        ValueError: there is none of that name, or it is something else.

    Example:
        >>> tf.keras.initializers.get("zeros")
    """
    return from_identifier(identifier, _BY_NAME, "initializer")
