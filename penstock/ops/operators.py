"""The Python operators of tensors and variables: `a + b`, `-a`, `a < b`, `a @ b`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor, internal_convert
from penstock.graph.export import api
from penstock.graph.operation import Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope

Operator = Callable[..., Any]


def _add(x: Tensor, y: Tensor, name: str) -> Any:
    if x.dtype.base_dtype is dtypes.string:
        return raw.Add(x, y, name=name)
    return raw.AddV2(x, y, name=name)


# operator: (scope, function of (x, y, name=…)). The scope names the op, and its constants.
_ARITHMETIC: dict[str, tuple[str, Operator]] = {
    "add": ("add", _add),
    "sub": ("sub", lambda x, y, name: raw.Sub(x, y, name=name)),
    "mul": ("mul", lambda x, y, name: raw.Mul(x, y, name=name)),
    "div": ("div", lambda x, y, name: api.div(x, y, name=name)),
    "truediv": ("truediv", lambda x, y, name: api.truediv(x, y, name=name)),
    "floordiv": ("floordiv", lambda x, y, name: raw.FloorDiv(x, y, name=name)),
    "mod": ("mod", lambda x, y, name: raw.FloorMod(x, y, name=name)),
    "pow": ("pow", lambda x, y, name: raw.Pow(x, y, name=name)),
    "matmul": ("matmul", lambda x, y, name: api.matmul(x, y, name=name)),
    "and": ("and", lambda x, y, name: raw.LogicalAnd(x, y, name=name)),
    "or": ("or", lambda x, y, name: raw.LogicalOr(x, y, name=name)),
    "xor": ("xor", lambda x, y, name: api.logical_xor(x, y, name=name)),
}

# These make one op, whose name and constants follow from its type: no scope of their own.
_COMPARISONS: dict[str, Operator] = {
    "lt": lambda x, y: raw.Less(x, y),
    "le": lambda x, y: raw.LessEqual(x, y),
    "gt": lambda x, y: raw.Greater(x, y),
    "ge": lambda x, y: raw.GreaterEqual(x, y),
}

_UNARY: dict[str, Operator] = {
    "neg": lambda x: raw.Neg(x),
    "abs": lambda x: api.abs(x),
    "invert": lambda x: raw.LogicalNot(x),
}


def _forward(operator: str, scope: str, function: Operator) -> Operator:
    reflected = f"__r{operator}__"

    def apply(x: Any, y: Any) -> Any:
        if type(x) is not Tensor:
            x = convert_to_tensor(x)
        if type(y) is Tensor and y.graph is x.graph and operator not in ("div", "truediv", "xor"):
            return function(x, y, scope)  # one op, so its name is the scope's
        with name_scope(None, scope, [x, y]) as inner:
            if not isinstance(y, Tensor):
                try:
                    y = internal_convert(y, name="y", preferred=x.dtype.base_dtype)
                except TypeError:
                    # The other operand may know what to do with a tensor.
                    if hasattr(type(y), reflected):
                        return NotImplemented
                    raise
            return function(x, y, inner)

    apply.__name__ = apply.__qualname__ = f"__{operator}__"
    return apply


def _reflected(operator: str, scope: str, function: Operator) -> Operator:
    def apply(y: Any, x: Any) -> Any:
        if type(y) is not Tensor:
            y = convert_to_tensor(y)
        with name_scope(None, scope, [x, y]) as inner:
            x = internal_convert(x, y.dtype.base_dtype, "x")
            return function(x, y, inner)

    apply.__name__ = apply.__qualname__ = f"__r{operator}__"
    return apply


def _on_value(operator: str, function: Operator) -> Operator:
    def apply(x: Any, *others: Any) -> Any:
        return function(x if type(x) is Tensor else convert_to_tensor(x), *others)

    apply.__name__ = apply.__qualname__ = f"__{operator}__"
    return apply


def install_operators(cls: type) -> None:
    """Gives a class the operators of tensors.

    Args:
        cls: Tensor, or a class whose objects `tf.convert_to_tensor` takes, such as Variable.

    Example:
        >>> install_operators(Variable)
        >>> v + 1
    """
    for operator, (scope, function) in _ARITHMETIC.items():
        setattr(cls, f"__{operator}__", _forward(operator, scope, function))
        setattr(cls, f"__r{operator}__", _reflected(operator, scope, function))
    for operator, function in {**_COMPARISONS, **_UNARY}.items():
        setattr(cls, f"__{operator}__", _on_value(operator, function))


install_operators(Tensor)
