"""How each optimizer changes a variable and its slots: the formulas, on whole arrays or some rows.

A rule gets the current values of the variable and its slots first, and returns their new
values in that order. All other numbers are scalars of the same type, which keeps NumPy
from widening anything.
"""

from __future__ import annotations

from typing import Any

Arrays = tuple[Any, ...]


def gradient_descent(xp: Any, var: Any, alpha: Any, delta: Any) -> Any:
    return var - alpha * delta


def momentum(
    xp: Any, var: Any, accum: Any, lr: Any, grad: Any, momentum: Any, *, use_nesterov: bool
) -> Arrays:
    """Polyak's momentum; Nesterov's looks one step ahead (Sutskever et al., 2013)."""
    accum = accum * momentum + grad
    if use_nesterov:
        return var - (grad * lr + accum * momentum * lr), accum
    return var - accum * lr, accum


def adam(
    xp: Any, var: Any, m: Any, v: Any, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any,
    beta2: Any, epsilon: Any, grad: Any, *, use_nesterov: bool,
) -> Arrays:  # fmt: skip
    """Kingma and Ba, 2014, with epsilon outside the bias correction as in the text before section
    2.1.
    """
    alpha = lr * xp.sqrt(1 - beta2_power) / (1 - beta1_power)
    m = m + (grad - m) * (1 - beta1)
    v = v + (grad * grad - v) * (1 - beta2)
    ahead = grad * (1 - beta1) + beta1 * m if use_nesterov else m
    return var - ahead * alpha / (xp.sqrt(v) + epsilon), m, v


def adagrad(xp: Any, var: Any, accum: Any, lr: Any, grad: Any, *, update_slots: bool) -> Arrays:
    """Duchi et al., 2011."""
    if update_slots:
        accum = accum + grad * grad
    return var - grad * lr / xp.sqrt(accum), accum


def adadelta(
    xp: Any, var: Any, accum: Any, accum_update: Any, lr: Any, rho: Any, epsilon: Any, grad: Any
) -> Arrays:
    """Zeiler, 2012."""
    accum = accum * rho + grad * grad * (1 - rho)
    update = xp.sqrt(accum_update + epsilon) / xp.sqrt(accum + epsilon) * grad
    return var - update * lr, accum, accum_update * rho + update * update * (1 - rho)


def rms_prop(
    xp: Any, var: Any, ms: Any, mom: Any, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Any
) -> Arrays:
    """Tieleman and Hinton, 2012."""
    ms = ms + (grad * grad - ms) * (1 - rho)
    mom = mom * momentum + grad * lr / xp.sqrt(ms + epsilon)
    return var - mom, ms, mom


def centered_rms_prop(
    xp: Any,
    var: Any,
    mg: Any,
    ms: Any,
    mom: Any,
    lr: Any,
    rho: Any,
    momentum: Any,
    epsilon: Any,
    grad: Any,
) -> Arrays:
    """RMSProp that divides by the gradient's estimated variance (Graves, 2013)."""
    ms = ms + (grad * grad - ms) * (1 - rho)
    mg = mg + (grad - mg) * (1 - rho)
    mom = mom * momentum + grad * lr / xp.sqrt(ms - mg * mg + epsilon)
    return var - mom, mg, ms, mom


def ftrl(
    xp: Any, var: Any, accum: Any, linear: Any, grad: Any, lr: Any, l1: Any, l2: Any, lr_power: Any
) -> Arrays:
    """Follow the regularized leader (McMahan et al., 2013)."""
    return _ftrl(xp, var, accum, linear, grad, grad, lr, l1, l2, lr_power)


def ftrl_v2(
    xp: Any,
    var: Any,
    accum: Any,
    linear: Any,
    grad: Any,
    lr: Any,
    l1: Any,
    l2: Any,
    l2_shrinkage: Any,
    lr_power: Any,
) -> Arrays:
    """`ftrl`, with a second l2 term that shrinks the weights and not the gradients' size."""
    return _ftrl(xp, var, accum, linear, grad, grad + 2 * l2_shrinkage * var, lr, l1, l2, lr_power)


def _ftrl(
    xp: Any,
    var: Any,
    accum: Any,
    linear: Any,
    grad: Any,
    shrunk: Any,
    lr: Any,
    l1: Any,
    l2: Any,
    lr_power: Any,
) -> Arrays:
    new_accum = accum + grad * grad
    new_power = xp.power(new_accum, -lr_power)
    linear = linear + shrunk - (new_power - xp.power(accum, -lr_power)) / lr * var
    quadratic = new_power / lr + 2 * l2
    clipped = (l1 * xp.sign(linear) - linear) / quadratic
    return xp.where(xp.abs(linear) > l1, clipped, xp.zeros_like(clipped)), new_accum, linear


def _shrunk(xp: Any, value: Any, threshold: Any) -> Any:
    """The value moved towards zero by the threshold, and no further."""
    return xp.sign(value) * xp.maximum(xp.abs(value) - threshold, xp.zeros_like(value))


def proximal_gradient_descent(xp: Any, var: Any, alpha: Any, l1: Any, l2: Any, delta: Any) -> Any:
    """Forward-backward splitting (Duchi and Singer, 2009)."""
    return _shrunk(xp, var - alpha * delta, alpha * l1) / (1 + alpha * l2)


def proximal_adagrad(xp: Any, var: Any, accum: Any, lr: Any, l1: Any, l2: Any, grad: Any) -> Arrays:
    """Forward-backward splitting with Adagrad's rates (Duchi and Singer, 2009)."""
    accum = accum + grad * grad
    rate = lr / xp.sqrt(accum)
    return _shrunk(xp, var - grad * rate, rate * l1) / (1 + rate * l2), accum


def adagrad_da(
    xp: Any,
    var: Any,
    gradients: Any,
    squares: Any,
    grad: Any,
    lr: Any,
    l1: Any,
    l2: Any,
    global_step: Any,
) -> Arrays:
    """Adagrad by dual averaging (Duchi et al., 2011)."""
    step = global_step.astype(lr.dtype)
    gradients = gradients + grad
    squares = squares + grad * grad
    direction = -lr * _shrunk(xp, gradients, l1 * step)
    return direction / (l2 * step * lr + xp.sqrt(squares)), gradients, squares
