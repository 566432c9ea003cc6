"""The grammar of op specs: inputs, outputs and attrs, parsed from TensorFlow's texts."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.operation import Tensor

_TYPE_SETS = {
    "type": None,
    "numbertype": dtypes.numbertypes,
    "realnumbertype": dtypes.realnumbertypes,
    "quantizedtype": dtypes.quantizedtypes,
}


class ArgSpec:
    """An input or output of an op: `x: T`, `x: float`, `values: N * T`,
    `values: Tlist`, `ref: Ref(T)`.

    Attributes:
        name: the arg's name.
        is_ref: it is a reference to a variable.
        many: it is a list of tensors.
        type_attr: the attr that holds its type (for a list of several types, its types), or "".
        number_attr: the attr that holds the length of a list of one type, or "".
        type_list: the list may hold several types.
        minimum: how many tensors the list holds at least.
        dtype: its type where the spec fixes it, or None.
        allowed: the types it may have, or None for any.
        decided_by: the name of the first arg with the same type attr.
    """

    __slots__ = (
        "_allowed_set", "allowed", "decided_by", "default_dtype", "dtype", "is_ref", "many",
        "minimum", "name", "number_attr", "type_attr", "type_list",
    )  # fmt: skip

    def __init__(self, name: str, text: str, attr_specs: dict[str, AttrSpec]) -> None:
        self.name = self.decided_by = name
        self.is_ref = text.startswith("Ref(")
        if self.is_ref:
            text = text[4:-1]
        number, star, element = text.partition("*")
        self.number_attr = number.strip() if star else ""
        type_name = (element if star else text).strip()
        self.type_attr = type_name if type_name in attr_specs else ""
        self.dtype = None if self.type_attr else dtypes.of_spec_name(type_name)
        attr = attr_specs.get(type_name)
        self.type_list = attr is not None and attr.kind == "list(type)"
        self.many = bool(self.number_attr) or self.type_list
        length = attr_specs.get(self.number_attr) or attr
        self.minimum = (length.minimum or 0) if self.many and length else 0
        self.allowed = attr.allowed if attr else None
        self._allowed_set = attr.allowed_set if attr else None
        self.default_dtype = (
            attr.default if attr and attr.kind == "type" and attr.has_default else None
        )

    def count(self, attrs: dict[str, Any]) -> int:
        """How many tensors the arg stands for."""
        if self.number_attr:
            return int(attrs[self.number_attr])
        return len(attrs[self.type_attr]) if self.type_list else 1

    def count_in(self, attrs: dict[str, Any], left: int) -> int:
        """`count`, where the attrs may lack it and `left` tensors are left."""
        known = self.number_attr or self.type_attr
        return self.count(attrs) if known in attrs else left

    def dtype_in(self, attrs: dict[str, Any]) -> dtypes.DType:
        """The type of an arg that is no list."""
        dtype = self.dtype if self.dtype is not None else attrs[self.type_attr]
        return dtype._as_ref if self.is_ref else dtype

    def dtypes_in(self, attrs: dict[str, Any]) -> list[dtypes.DType]:
        """The types of the tensors that the arg stands for."""
        if self.type_list:
            return list(attrs[self.type_attr])
        return [self.dtype_in(attrs)] * self.count(attrs)

    def infer(self, op_name: str, group: Any, attrs: dict[str, Any]) -> None:
        """Puts what the tensors say into `attrs`, and checks it against what the other inputs said.

        Raises:
            TypeError: a tensor has a type that the op does not take here.
            ValueError: a list has a length that does not fit.
        """
        if not self.many:
            dtype = group.dtype.base_dtype
            fixed = self.dtype
            if fixed is not None:
                if dtype is not fixed:
                    raise TypeError(
                        f"Input '{self.name}' of '{op_name}' Op has type {dtype.name} that does "
                        f"not match expected type of {fixed.name}."
                    )
                return
            key = self.type_attr
            known = attrs.get(key)
            if known is None:
                self._check_allowed(dtype)
                attrs[key] = dtype
            elif known is not dtype:
                raise self._mismatch(op_name, dtype, known)
            return
        self._infer_list(op_name, group, attrs)

    def _infer_list(self, op_name: str, group: list[Tensor], attrs: dict[str, Any]) -> None:
        if len(group) < self.minimum:
            raise self._too_few(op_name, len(group))
        if self.type_list:
            attrs[self.type_attr] = [tensor.dtype.base_dtype for tensor in group]
            return
        if attrs.setdefault(self.number_attr, len(group)) != len(group):
            raise ValueError(
                f"List argument '{self.name}' to '{op_name}' Op with length {len(group)} must "
                f"match length {attrs[self.number_attr]} of the other list arguments."
            )
        for tensor in group:
            dtype = tensor.dtype.base_dtype
            expected = self.dtype or attrs.setdefault(self.type_attr, dtype)
            if dtype is not expected:
                types = ", ".join([other.dtype.base_dtype.name for other in group])
                raise TypeError(
                    f"Tensors in list passed to '{self.name}' of '{op_name}' Op have types "
                    f"[{types}] that don't all match: expected {expected.name}."
                )
            self._check_allowed(dtype)

    def _check_allowed(self, dtype: dtypes.DType) -> None:
        if self._allowed_set is not None and dtype not in self._allowed_set:
            assert self.allowed is not None
            raise TypeError(
                f"Value passed to parameter '{self.name}' has DataType {dtype.name} not in list of "
                f"allowed values: {', '.join([allowed.name for allowed in self.allowed])}"
            )

    def _too_few(self, op_name: str, count: int) -> ValueError:
        if self.type_list:
            return ValueError(
                f"Attr '{self.type_attr}' of '{op_name}' Op passed list of length {count} less "
                f"than minimum {self.minimum}."
            )
        return ValueError(
            f"List argument '{self.name}' to '{op_name}' Op with length {count} shorter than "
            f"minimum length {self.minimum}."
        )

    def _mismatch(self, op_name: str, dtype: dtypes.DType, known: dtypes.DType) -> TypeError:
        return TypeError(
            f"Input '{self.name}' of '{op_name}' Op has type {dtype.name} that does not match type "
            f"{known.name} of argument '{self.decided_by}'."
        )


class AttrSpec:
    """An attr of an op.

    Attributes:
        name: its name.
        kind: int, float, bool, string, type, shape, tensor, func, or list(…) of one.
        allowed, allowed_set: the values it may have, or None for any.
        minimum: the least value or length, or None.
        has_default, default: the default.
    """

    __slots__ = ("allowed", "allowed_set", "default", "has_default", "kind", "minimum", "name")

    def __init__(self, text: str) -> None:
        name, _, rest = text.partition(":")
        self.name = name.strip()
        kind, equals, default = rest.partition("=") if ">=" not in rest else _split_minimum(rest)
        kind = kind.strip()
        kind, at_least, minimum = kind.partition(">=")
        self.minimum = int(minimum) if at_least else None
        self.kind, self.allowed = _kind_and_allowed(kind.strip())
        self.allowed_set = None if self.allowed is None else frozenset(self.allowed)
        self.has_default = bool(equals)
        self.default = self._parse_default(default.strip()) if equals else None

    def _parse_default(self, text: str) -> Any:
        if self.kind == "type":
            return dtypes.of_spec_name(text)
        if self.kind == "bool":
            return {"true": True, "false": False}[text]
        if self.kind == "shape":
            return None if "unknown_rank" in text else ()
        if self.kind == "list(type)":
            return [
                dtypes.of_spec_name(part.strip())
                for part in text.strip("[]").split(",")
                if part.strip()
            ]
        if self.kind == "list(shape)":
            return []
        if self.kind == "func":
            return text
        value = ast.literal_eval(text)
        return float(value) if self.kind == "float" else value

    def coerce(self, op_name: str, value: Any) -> Any:
        """The value in the form that operations keep.

        Raises:
            TypeError: it is of another kind.
            ValueError: it is not among the allowed values.
        """
        if self.kind.startswith("list("):
            if not isinstance(value, (list, tuple)):
                raise TypeError(
                    f"Expected list for attr '{self.name}' of '{op_name}' Op, got {value!r}."
                )
            if self.minimum is not None and len(value) < self.minimum:
                raise ValueError(
                    f"Attr '{self.name}' of '{op_name}' Op passed list of length {len(value)} less "
                    f"than minimum {self.minimum}."
                )
            return [self._coerce_one(op_name, item) for item in value]
        return self._coerce_one(op_name, value)

    def _coerce_one(self, op_name: str, value: Any) -> Any:
        kind = self.kind[5:-1] if self.kind.startswith("list(") else self.kind
        result = _COERCE[kind](value, self.name, op_name)
        if self.allowed is not None and result not in self.allowed:
            shown = [a.name if isinstance(a, dtypes.DType) else a for a in self.allowed]
            if isinstance(result, dtypes.DType):
                raise TypeError(
                    f"Value passed to parameter '{self.name}' has DataType {result.name} not in "
                    f"list of allowed values: {', '.join(map(str, shown))}"
                )
            quoted = '", "'.join(map(str, shown))
            raise ValueError(
                f"Attr '{self.name}' of '{op_name}' Op passed string '{result}' not in: "
                f'"{quoted}".'
            )
        if self.minimum is not None and self.kind == "int" and result < self.minimum:
            raise ValueError(
                f"Attr '{self.name}' of '{op_name}' Op passed {result} less than minimum "
                f"{self.minimum}."
            )
        return result


@functools.cache
def attr_spec(text: str) -> AttrSpec:
    """The `AttrSpec` of a text, which many ops have."""
    return AttrSpec(text)


def _split_minimum(rest: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"(.*>=\s*\d+)\s*(?:=\s*(.*))?", rest.strip(), re.DOTALL)
    assert match is not None, rest
    return match.group(1), "=" if match.group(2) is not None else "", match.group(2) or ""


def _kind_and_allowed(text: str) -> tuple[str, Any]:
    if text.startswith("list(") and "{" not in text and text[5:-1] not in _TYPE_SETS:
        return text, None
    if text.startswith("list("):
        kind, allowed = _kind_and_allowed(text[5:-1])
        return f"list({kind})", allowed
    if text in _TYPE_SETS:
        return "type", _TYPE_SETS[text]
    if text.startswith("{"):
        items = [item.strip() for item in text.strip("{}").split(",")]
        if items[0].startswith(("'", '"')):
            return "string", tuple([item[1:-1] for item in items])
        return "type", tuple([dtypes.of_spec_name(item) for item in items])
    return text, None


def _as_int(value: Any, argument: str, op_name: str) -> int:
    """A whole number; the fraction of a float is dropped."""
    if isinstance(value, str | bytes) or not hasattr(value, "__int__"):
        raise _unexpected("int", value, argument, op_name)
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:  # an unknown Dimension, infinity
        raise _unexpected("int", value, argument, op_name) from error


def _as_float(value: Any, argument: str, op_name: str) -> float:
    if isinstance(value, str | bytes | Tensor) or not hasattr(value, "__float__"):
        raise _unexpected("float", value, argument, op_name)
    return float(value)


def _as_bool(value: Any, argument: str, op_name: str) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise _unexpected("bool", value, argument, op_name)
    return bool(value)


def _as_string(value: Any, argument: str, op_name: str) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if not isinstance(value, str):
        raise _unexpected("string", value, argument, op_name)
    return value


def _unexpected(kind: str, value: Any, argument: str, op_name: str) -> TypeError:
    return TypeError(
        f"Expected {kind} for argument '{argument}' not {value!r}. It is an attr of '{op_name}' Op."
    )


_COERCE: dict[str, Any] = {
    "int": _as_int,
    "float": _as_float,
    "bool": _as_bool,
    "string": _as_string,
    "type": lambda value, *place: dtypes.as_dtype(value).base_dtype,
    "shape": lambda value, *place: shapes.as_tuple(value),
    "tensor": lambda value, *place: value,
    "func": lambda value, *place: value,
    "any": lambda value, *place: value,
}


def parse_args(texts: Sequence[str], attr_specs: dict[str, AttrSpec]) -> list[ArgSpec]:
    """Parses the specs of an op's inputs, or of its outputs."""
    args: list[ArgSpec] = []
    for text in texts:
        name, _, kind = text.partition(":")
        arg = ArgSpec(name.strip(), kind.strip(), attr_specs)
        same = [other for other in args if arg.type_attr and other.type_attr == arg.type_attr]
        if same:
            arg.decided_by = same[0].name
        args.append(arg)
    return args
