"""Public names: `@export("nn.relu")`, beside a function, names it as TensorFlow's users do.

`api` reaches public names when they are used, so that gradients and libraries call ops of other
files without importing them.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable
from typing import Any, TypeVar

_Object = TypeVar("_Object")

public_names: dict[str, Any] = {}
lazy_names: dict[
    str, tuple[str, str]
] = {}  # public names of things whose module is imported at their first use


def export(*names: str) -> Callable[[_Object], _Object]:
    """Makes an object public as `tf.NAME`, for each of `names`.

    Args:
        names: dotted names without the `tf.`, such as "nn.relu".

    Raises:
        ValueError: a name is taken.

    Example:
        >>> @export("nn.relu")
        ... def relu(features, name=None): ...
    """

    def mark(thing: _Object) -> _Object:
        for name in names:
            export_as(name, thing)
        return thing

    return mark


def export_as(name: str, thing: Any) -> None:
    """Makes an object that takes no decorator public as `tf.NAME`.

    Raises:
        ValueError: the name is taken.
    """
    if name in public_names:
        raise ValueError(f"tf.{name} is public already: {public_names[name]!r}")
    public_names[name] = thing


def export_lazily(name: str, module: str, attribute: str) -> None:
    """Makes `module.attribute` public as `tf.NAME`; its first use imports the module.

    Args:
        name: the dotted public name without the `tf.`.
        module: an importable module that takes long to import.
        attribute: the name of the object in it, perhaps dotted.
    """
    lazy_names[name] = (module, attribute)


def load_lazy(name: str) -> Any:
    """Returns what a name of `lazy_names` stands for, and imports its module.

    Raises:
        KeyError: no such name.
    """
    module, attribute = lazy_names[name]
    return operator.attrgetter(attribute)(importlib.import_module(module))


class _Api:
    """`api.reduce_sum`, `api.nn.relu`: public names, looked up when used."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        dotted = self._prefix + name
        found = public_names.get(dotted)
        if found is not None:
            return found
        if any([known.startswith(dotted + ".") for known in public_names]):
            inner = _Api(dotted + ".")
            self.__dict__[name] = inner
            return inner
        raise AttributeError(f"penstock has no tf.{dotted}")


api: Any = _Api()
