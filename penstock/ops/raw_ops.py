"""`tf.raw_ops`: every op under TensorFlow's name of it, with keyword arguments only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph.errors import NotFoundError
from penstock.graph.export import export_as
from penstock.graph.opspec import OpSpec, lookup, registered


class RawOps:
    """The namespace: `tf.raw_ops.Add(x=a, y=b)`.

    Example:
        >>> tf.raw_ops.BatchMatMul(x=a, y=b, adj_y=True)
    """

    def __getattr__(self, op_name: str) -> Callable[..., Any]:
        try:
            spec = lookup(op_name)
        except NotFoundError:
            raise AttributeError(f"penstock has no op {op_name!r}") from None
        function = _keyword_function(spec)
        self.__dict__[op_name] = function
        return function

    def __dir__(self) -> list[str]:
        return sorted(registered())


def _keyword_function(spec: OpSpec) -> Callable[..., Any]:
    names = [arg.name for arg in spec.input_args]

    def function(name: str | None = None, **arguments: Any) -> Any:
        missing = [argument for argument in names if argument not in arguments]
        if missing:
            raise TypeError(f"{spec.name}() needs the keyword arguments {missing}")
        values = [arguments.pop(argument) for argument in names]
        return spec(*values, name=name, **arguments)

    function.__name__ = function.__qualname__ = spec.name
    inputs = ", ".join([*spec.inputs, *spec.attrs])
    function.__doc__ = f"Adds an op {spec.name}({inputs})."
    return function


export_as("raw_ops", RawOps())
