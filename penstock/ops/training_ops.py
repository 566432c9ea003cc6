"""The ops that optimizers are made of: ApplyAdam and its kin, dense and sparse, for both kinds of
variables.

A sparse op changes the rows that its indices name. Optimizers sum the gradients of a row that
occurs several times first, so each row occurs once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.opspec import OpSpec, register
from penstock.ops import training_rules as rules
from penstock.ops.state import NUMBERS, same_shapes

Kernel = Callable[..., Any]
Rule = Callable[..., Any]

# What must be true of a number, in the words of the error where it is not.
POSITIVE, NOT_NEGATIVE, NOT_POSITIVE = "positive", "non-negative", "non-positive"
_HOLDS: dict[str, Callable[[Any], bool]] = {
    POSITIVE: lambda value: value > 0,
    NOT_NEGATIVE: lambda value: value >= 0,
    NOT_POSITIVE: lambda value: value <= 0,
}
_PART = 1 << 16  # elements of which a dense update computes the new values at once
_GRADIENTS = ("grad", "delta")
_WORDS = {"l1": "l1 regularization strength", "l2": "l2 regularization strength"}


class _Inputs:
    """The inputs of an op by their roles: variable and slots, gradient (and its indices), numbers.

    Args:
        slots, others: the inputs that are variables, and the others, in the op's order.
        signs: for the numbers that may have one sign only, which.
    """

    def __init__(
        self, slots: Sequence[str], others: Sequence[str], signs: dict[str, str] | None = None
    ) -> None:
        names = (*slots, *others)
        self.n_slots = len(slots)
        self.grad = next(i for i, name in enumerate(names) if name in _GRADIENTS)
        self.indices = self.grad + 1
        self._grad_name = names[self.grad]
        roles = (*slots, *_GRADIENTS, "indices")
        self._numbers = [(i, name) for i, name in enumerate(names) if name not in roles]
        self._signs = [
            (i, name, signs[name]) for i, name in self._numbers if signs and name in signs
        ]

    def check_number_shapes(self, found: Sequence[shapes.Shape]) -> None:
        """Raises ValueError where a number is known to be no scalar."""
        for place, _ in self._numbers:
            shapes.with_rank(found[place], 0)

    def check_numbers(self, arrays: Sequence[Any]) -> None:
        """Raises InvalidArgumentError unless all numbers are scalars."""
        for place, name in self._numbers:
            if arrays[place].ndim:
                raise InvalidArgumentError(
                    None, None,
                    f"{_WORDS.get(name, name)} is not a scalar: "
                    f"{shapes.bracket_text(arrays[place].shape)}",
                )  # fmt: skip

    def check_signs(self, arrays: Sequence[Any]) -> None:
        """Raises InvalidArgumentError where a number has the wrong sign."""
        for place, name, sign in self._signs:
            if not _HOLDS[sign](arrays[place]):
                raise InvalidArgumentError(
                    None, None,
                    f"{_WORDS.get(name, name)} is not a {sign} scalar: it is {arrays[place]}",
                )  # fmt: skip


class _DenseInputs(_Inputs):
    """Those of an op whose gradient has the variable's shape."""

    def shape(self, *found: shapes.Shape) -> shapes.Shape:
        shape = found[0]
        for other in (*found[1 : self.n_slots], found[self.grad]):
            shape = same_shapes(shape, other)
        self.check_number_shapes(found)
        return found[0]

    def updated(self, xp: Any, rule: Rule, arrays: Sequence[Any]) -> Any:
        """What the rule makes of the variable and its slots, once all inputs are checked."""
        self._check(xp, arrays)
        return rule(xp, *arrays)

    def update(self, xp: Any, rule: Rule, arrays: Sequence[Any]) -> None:
        """`updated`, written into the NumPy arrays of the variable and its slots.

        It goes through them in parts, so that what is computed on the way takes little memory, and
        stays in the processor's cache.
        """
        self._check(xp, arrays)
        state = [whole.reshape(-1) for whole in arrays[: self.n_slots]]
        flat = dict(enumerate(state))
        flat[self.grad] = arrays[self.grad].reshape(-1)
        for start in range(0, state[0].size, _PART):
            part = slice(start, start + _PART)
            taken = [flat[i][part] if i in flat else array for i, array in enumerate(arrays)]
            changed = rule(xp, *taken)
            for whole, new in zip(state, changed if self.n_slots > 1 else [changed], strict=True):
                whole[part] = new

    def _check(self, xp: Any, arrays: Sequence[Any]) -> None:
        var, grad = arrays[0], arrays[self.grad]
        if var.shape != grad.shape:
            raise InvalidArgumentError(
                None, None,
                f"var and {self._grad_name} do not have the same shape "
                f"{shapes.bracket_text(var.shape)} {shapes.bracket_text(grad.shape)}",
            )  # fmt: skip
        self.check_numbers(arrays)
        if xp is np:
            self.check_signs(arrays)


class _SparseInputs(_Inputs):
    """Those of an op whose gradient has rows for some of the variable's; the indices follow it."""

    def shape(self, *found: shapes.Shape) -> shapes.Shape:
        shape, grad, indices = found[0], found[self.grad], found[self.indices]
        for other in found[1 : self.n_slots]:
            shape = same_shapes(shape, other)
        if grad is not None:
            same_shapes(shape, (None, *grad[1:]))
            if indices is not None:
                same_shapes(grad[:1], shapes.with_rank(indices, 1))
        shapes.with_rank(indices, 1)
        self.check_number_shapes(found)
        return found[0]

    def updated(self, xp: Any, rule: Rule, arrays: Sequence[Any]) -> Any:
        """The variable and its slots with the rule applied to the rows that the indices name."""
        if xp is np:
            state = [np.array(whole, order="C") for whole in arrays[: self.n_slots]]
            self.update(xp, rule, (*state, *arrays[self.n_slots :]))
        else:
            state = self._traced_update(xp, rule, arrays)
        return state[0] if len(state) == 1 else tuple(state)

    def update(self, xp: Any, rule: Rule, arrays: Sequence[Any]) -> None:
        """`updated`, written into the NumPy arrays of the variable and its slots."""
        state, indices = arrays[: self.n_slots], arrays[self.indices]
        self._check_shapes(state[0], arrays)
        self.check_signs(arrays)
        _check_rows(indices, len(state[0]))
        changed = self._changed_rows(xp, rule, arrays, indices)
        for whole, rows in zip(state, changed, strict=True):
            whole[indices] = rows

    def _traced_update(self, xp: Any, rule: Rule, arrays: Sequence[Any]) -> list[Any]:
        """`updated` in compiled code, which cannot raise: rows that do not exist are left as they
        are.
        """
        state, indices = arrays[: self.n_slots], arrays[self.indices]
        self._check_shapes(state[0], arrays)
        indices = xp.where(indices < 0, len(state[0]), indices)
        changed = self._changed_rows(xp, rule, arrays, indices)
        return [
            whole.at[indices].set(rows, mode="drop")
            for whole, rows in zip(state, changed, strict=True)
        ]

    def _changed_rows(
        self, xp: Any, rule: Rule, arrays: Sequence[Any], indices: Any
    ) -> Sequence[Any]:
        others = (*arrays[self.n_slots : self.indices], *arrays[self.indices + 1 :])
        changed = rule(xp, *[whole[indices] for whole in arrays[: self.n_slots]], *others)
        return (changed,) if self.n_slots == 1 else changed

    def _check_shapes(self, var: Any, arrays: Sequence[Any]) -> None:
        grad, indices = arrays[self.grad], arrays[self.indices]
        self.check_numbers(arrays)
        if indices.ndim != 1:
            raise InvalidArgumentError(None, None, "indices must be one-dimensional")
        if grad.shape[:1] != indices.shape:
            raise InvalidArgumentError(
                None, None,
                "grad must be the same size as indices in the first dimension: it has the shape "
                f"{shapes.bracket_text(grad.shape)}, indices {shapes.bracket_text(indices.shape)}",
            )  # fmt: skip
        for axis in range(1, max(var.ndim, grad.ndim)):
            if var.shape[axis : axis + 1] != grad.shape[axis : axis + 1]:
                raise InvalidArgumentError(
                    None, None,
                    f"var and grad must match in dimension {axis}: their shapes are "
                    f"{shapes.bracket_text(var.shape)} and {shapes.bracket_text(grad.shape)}",
                )  # fmt: skip


def _check_rows(indices: Any, count: int) -> None:
    """Raises InvalidArgumentError unless all indices are rows of an array with `count` of them."""
    if indices.size and (indices.min() < 0 or indices.max() >= count):
        place = int(np.flatnonzero((indices < 0) | (indices >= count))[0])
        raise InvalidArgumentError(
            None, None,
            f"Index {indices[place]} at offset {place} in indices is out of range: the variable "
            f"has {count} rows",
        )  # fmt: skip


# Kernels of a rule: they differ in the attrs that they read.


def _plain_kernel(update: Any, rule: Rule) -> Kernel:
    def kernel(xp: Any, *arrays: Any) -> Any:
        return update(xp, rule, arrays)

    return kernel


def _nesterov_kernel(update: Any, rule: Rule) -> Kernel:
    def kernel(xp: Any, *arrays: Any, use_nesterov: bool) -> Any:
        def chosen(*values: Any) -> Any:
            return rule(*values, use_nesterov=use_nesterov)

        return update(xp, chosen, arrays)

    return kernel


def _slots_kernel(update: Any, rule: Rule) -> Kernel:
    def kernel(xp: Any, *arrays: Any, update_slots: bool) -> Any:
        def chosen(*values: Any) -> Any:
            return rule(*values, update_slots=update_slots)

        return update(xp, chosen, arrays)

    return kernel


# Registration


def _both_kinds(
    name: str, slots: list[str], inputs: list[str], attrs: Sequence[str], shape: Any,
    **kernels: Any,
) -> None:  # fmt: skip
    """Registers one op for references and one for resources."""
    attrs = (f"T: {NUMBERS}", *attrs)
    register(
        OpSpec(
            name=name, inputs=[f"{slot}: Ref(T)" for slot in slots] + inputs,
            outputs=("out: Ref(T)",), attrs=attrs,
            writes=slots, shape=shape, gradient=None, **kernels,
        )
    )  # fmt: skip

    def checked(*found: shapes.Shape) -> list[shapes.Shape]:
        shape(*found)
        return []

    register(
        OpSpec(
            name=f"Resource{name}", inputs=[f"{slot}: resource" for slot in slots] + inputs,
            outputs=(), attrs=attrs,
            writes=slots, shape=checked, gradient=None, stateful=True, **kernels,
        )
    )  # fmt: skip


def _typed(names: list[str]) -> list[str]:
    types = {"global_step": "int64", "indices": "Tindices"}
    return [f"{name}: {types.get(name, 'T')}" for name in names]


def _dense(
    name: str, slots: str, inputs: str, rule: Rule,
    kernel: Any = _plain_kernel, attrs: Sequence[str] = (), signs: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """Registers Apply… for both kinds of variables; slots and inputs are names in one text."""
    found = _DenseInputs(slots.split(), inputs.split(), signs)
    _both_kinds(
        f"Apply{name}", slots.split(), _typed(inputs.split()),
        ("use_locking: bool = false", *attrs), found.shape, kernel=kernel(found.updated, rule),
        in_place=functools.partial(kernel(found.update, rule), np), in_place_from=_PART,
    )  # fmt: skip


def _sparse(
    name: str, slots: str, inputs: str, rule: Rule,
    kernel: Any = _plain_kernel, attrs: Sequence[str] = (), signs: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """Registers SparseApply…, whose inputs hold the indices after the gradient."""
    names = inputs.replace("grad", "grad indices").split()
    found = _SparseInputs(slots.split(), names, signs)
    _both_kinds(
        f"SparseApply{name}", slots.split(), _typed(names),
        ("Tindices: {int32, int64}", "use_locking: bool = false", *attrs),
        found.shape, kernel=kernel(found.updated, rule),
        in_place=functools.partial(kernel(found.update, rule), np),
    )  # fmt: skip


def _family(*args: Any, **options: Any) -> None:
    """Registers the dense and the sparse form of a rule."""
    _dense(*args, **options)
    _sparse(*args, **options)


_NESTEROV: dict[str, Any] = {
    "kernel": _nesterov_kernel, "attrs": ("use_nesterov: bool = false",),
}  # fmt: skip
_UPDATE_SLOTS: dict[str, Any] = {
    "kernel": _slots_kernel, "attrs": ("update_slots: bool = true",),
}  # fmt: skip
_PROXIMAL_SIGNS = {"lr": POSITIVE, "l1": NOT_NEGATIVE, "l2": NOT_NEGATIVE}
_FTRL_SIGNS = {**_PROXIMAL_SIGNS, "l2_shrinkage": NOT_NEGATIVE, "lr_power": NOT_POSITIVE}
_ADAM_INPUTS = "beta1_power beta2_power lr beta1 beta2 epsilon grad"

_dense("GradientDescent", "var", "alpha delta", rules.gradient_descent)
_family("Momentum", "var accum", "lr grad momentum", rules.momentum, **_NESTEROV)
_dense("Adam", "var m v", _ADAM_INPUTS, rules.adam, **_NESTEROV)
_family("Adagrad", "var accum", "lr grad", rules.adagrad, **_UPDATE_SLOTS)
_family("Adadelta", "var accum accum_update", "lr rho epsilon grad", rules.adadelta)
_family("RMSProp", "var ms mom", "lr rho momentum epsilon grad", rules.rms_prop)
_family("CenteredRMSProp", "var mg ms mom", "lr rho momentum epsilon grad", rules.centered_rms_prop)
_family("Ftrl", "var accum linear", "grad lr l1 l2 lr_power", rules.ftrl, signs=_FTRL_SIGNS)
_family(
    "FtrlV2", "var accum linear", "grad lr l1 l2 l2_shrinkage lr_power", rules.ftrl_v2,
    signs=_FTRL_SIGNS,
)  # fmt: skip
_family(
    "ProximalAdagrad", "var accum", "lr l1 l2 grad", rules.proximal_adagrad, signs=_PROXIMAL_SIGNS
)
_dense("ProximalGradientDescent", "var", "alpha l1 l2 delta", rules.proximal_gradient_descent)
_sparse("ProximalGradientDescent", "var", "alpha l1 l2 grad", rules.proximal_gradient_descent)
_family(
    "AdagradDA", "var gradient_accumulator gradient_squared_accumulator",
    "grad lr l1 l2 global_step",
    rules.adagrad_da,
)  # fmt: skip
