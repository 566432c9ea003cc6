"""The ops that optimizers are made of: ApplyAdam and its kin, dense and sparse, for both kinds of
variables.

A sparse op changes the rows that its indices name. Optimizers sum the gradients of a row that
occurs several times first, so each row occurs once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, register
from penstock.ops import training_rules as rules
from penstock.ops.scatter_state import check_rows
from penstock.ops.state import NUMBERS, same_shapes

Kernel = Callable[..., Any]
Rule = Callable[..., Any]


def dense_shape(*found: Any) -> Any:
    """The variable's shape; slots and gradient have it too, all else is a scalar."""
    for other in found[1:]:
        if other != ():
            same_shapes(found[0], other)
    return found[0]


def check_gradient(var: Any, grad: Any) -> None:
    """Raises InvalidArgumentError unless a dense gradient has the variable's shape."""
    if var.shape != grad.shape:
        raise InvalidArgumentError(
            None, None,
            "var and grad do not have the same shape "
            f"{shapes.bracket_text(var.shape)} {shapes.bracket_text(grad.shape)}",
        )  # fmt: skip


def on_rows(xp: Any, rule: Rule, state: Sequence[Any], indices: Any) -> Any:
    """Applies a rule to some rows of the variable and its slots; gives the whole arrays."""
    if xp is np:
        check_rows(indices, state[0].shape[0])
    else:  # compiled code cannot raise: rows that do not exist are left as they are
        indices = xp.where(indices < 0, state[0].shape[0], indices)
    changed = rule(*[whole[indices] for whole in state])
    if len(state) == 1:
        changed = (changed,)
    results = tuple(
        [_with_rows(xp, whole, indices, rows) for whole, rows in zip(state, changed, strict=True)]
    )
    return results[0] if len(state) == 1 else results


def _with_rows(xp: Any, whole: Any, indices: Any, rows: Any) -> Any:
    if xp is not np:
        return whole.at[indices].set(rows, mode="drop")
    changed = np.array(whole)
    changed[indices] = rows
    return changed


def dense_kernel(rule: Rule, grad_place: int) -> Kernel:
    """The kernel of an op without attrs that are of interest: the rule, once the gradient's shape
    is checked.
    """

    def kernel(xp: Any, *arrays: Any) -> Any:
        check_gradient(arrays[0], arrays[grad_place])
        return rule(xp, *arrays)

    return kernel


def sparse_kernel(rule: Rule, slots: int, grad_place: int) -> Kernel:
    """The kernel of the sparse form: its inputs have the indices after the gradient."""

    def kernel(xp: Any, *arrays: Any) -> Any:
        others = (*arrays[slots : grad_place + 1], *arrays[grad_place + 2 :])
        return on_rows(
            xp, lambda *rows: rule(xp, *rows, *others), arrays[:slots], arrays[grad_place + 1]
        )

    return kernel


def _both_kinds(
    name: str, slots: list[str], inputs: list[str], attrs: Sequence[str], shape: Any, kernel: Kernel
) -> None:
    """Registers one op for references and one for resources."""
    attrs = (f"T: {NUMBERS}", *attrs)
    register(
        OpSpec(
            name=name, inputs=[f"{slot}: Ref(T)" for slot in slots] + inputs,
            outputs=("out: Ref(T)",), attrs=attrs,
            writes=slots, shape=shape, kernel=kernel, gradient=NOT_DIFFERENTIABLE,
        )
    )  # fmt: skip
    register(
        OpSpec(
            name=f"Resource{name}", inputs=[f"{slot}: resource" for slot in slots] + inputs,
            outputs=(), attrs=attrs,
            writes=slots, shape=lambda *found: [], kernel=kernel, gradient=NOT_DIFFERENTIABLE,
            stateful=True,
        )
    )  # fmt: skip


def _typed(names: list[str]) -> list[str]:
    types = {"global_step": "int64", "indices": "Tindices"}
    return [f"{name}: {types.get(name, 'T')}" for name in names]


def dense(name: str, slots: str, inputs: str, kernel: Kernel, attrs: Sequence[str] = ()) -> None:
    """Registers Apply… for both kinds of variables; slots and inputs are names in one text."""
    attrs = ("use_locking: bool = false", *attrs)
    _both_kinds(f"Apply{name}", slots.split(), _typed(inputs.split()), attrs, dense_shape, kernel)


def sparse(name: str, slots: str, inputs: str, kernel: Kernel, attrs: Sequence[str] = ()) -> None:
    """Registers SparseApply…, whose inputs hold the indices after the gradient."""
    attrs = ("Tindices: {int32, int64}", "use_locking: bool = false", *attrs)
    names = inputs.replace("grad", "grad indices").split()
    _both_kinds(
        f"SparseApply{name}", slots.split(), _typed(names), attrs, lambda var, *rest: var, kernel
    )


def family(name: str, slots: str, inputs: str, rule: Rule) -> None:
    """Registers the dense and the sparse form of a rule that reads no attrs."""
    names = slots.split() + inputs.split()
    grad_place = names.index("grad")
    dense(name, slots, inputs, dense_kernel(rule, grad_place))
    sparse(name, slots, inputs, sparse_kernel(rule, len(slots.split()), grad_place))


def momentum_kernel(
    xp: Any, var: Any, accum: Any, lr: Any, grad: Any, momentum: Any, *, use_nesterov: bool
) -> Any:
    check_gradient(var, grad)
    return rules.momentum(xp, var, accum, lr, grad, momentum, use_nesterov)


def sparse_momentum_kernel(
    xp: Any,
    var: Any,
    accum: Any,
    lr: Any,
    grad: Any,
    indices: Any,
    momentum: Any,
    *,
    use_nesterov: bool,
) -> Any:
    def rule(var: Any, accum: Any) -> Any:
        return rules.momentum(xp, var, accum, lr, grad, momentum, use_nesterov)

    return on_rows(xp, rule, (var, accum), indices)


def adam_kernel(
    xp: Any, var: Any, m: Any, v: Any, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any,
    beta2: Any,
    epsilon: Any, grad: Any, *, use_nesterov: bool,
) -> Any:  # fmt: skip
    check_gradient(var, grad)
    return rules.adam(
        xp, var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad, use_nesterov
    )


def adagrad_kernel(xp: Any, var: Any, accum: Any, lr: Any, grad: Any, *, update_slots: bool) -> Any:
    check_gradient(var, grad)
    return rules.adagrad(xp, var, accum, lr, grad, update_slots)


def sparse_adagrad_kernel(
    xp: Any, var: Any, accum: Any, lr: Any, grad: Any, indices: Any, *, update_slots: bool
) -> Any:
    def rule(var: Any, accum: Any) -> Any:
        return rules.adagrad(xp, var, accum, lr, grad, update_slots)

    return on_rows(xp, rule, (var, accum), indices)


_NESTEROV = ("use_nesterov: bool = false",)
_UPDATE_SLOTS = ("update_slots: bool = true",)
_ADAM_INPUTS = "beta1_power beta2_power lr beta1 beta2 epsilon grad"

dense("GradientDescent", "var", "alpha delta", dense_kernel(rules.gradient_descent, 2))
dense("Momentum", "var accum", "lr grad momentum", momentum_kernel, _NESTEROV)
sparse("Momentum", "var accum", "lr grad momentum", sparse_momentum_kernel, _NESTEROV)
dense("Adam", "var m v", _ADAM_INPUTS, adam_kernel, _NESTEROV)
dense("Adagrad", "var accum", "lr grad", adagrad_kernel, _UPDATE_SLOTS)
sparse("Adagrad", "var accum", "lr grad", sparse_adagrad_kernel, _UPDATE_SLOTS)
family("Adadelta", "var accum accum_update", "lr rho epsilon grad", rules.adadelta)
family("RMSProp", "var ms mom", "lr rho momentum epsilon grad", rules.rms_prop)
family("CenteredRMSProp", "var mg ms mom", "lr rho momentum epsilon grad", rules.centered_rms_prop)
family("Ftrl", "var accum linear", "grad lr l1 l2 lr_power", rules.ftrl)
family("FtrlV2", "var accum linear", "grad lr l1 l2 l2_shrinkage lr_power", rules.ftrl_v2)
family("ProximalAdagrad", "var accum", "lr l1 l2 grad", rules.proximal_adagrad)
dense(
    "ProximalGradientDescent",
    "var",
    "alpha l1 l2 delta",
    dense_kernel(rules.proximal_gradient_descent, 4),
)
sparse(
    "ProximalGradientDescent",
    "var",
    "alpha l1 l2 grad",
    sparse_kernel(rules.proximal_gradient_descent, 1, 4),
)
family(
    "AdagradDA", "var gradient_accumulator gradient_squared_accumulator",
    "grad lr l1 l2 global_step",
    rules.adagrad_da,
)  # fmt: skip
