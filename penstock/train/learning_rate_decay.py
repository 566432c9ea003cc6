"""Schedules: learning rates that follow from the global step, such as `tf.train.exponential_decay`.

A rate is a tensor that is computed anew in each step. All but `piecewise_constant` compute in the
type of the rate that they start from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.public import name_scope


def _start(learning_rate: Any, *others: Any) -> tuple[Any, list[Any]]:
    """The first rate as a tensor, and other numbers in its type."""
    rate = convert_to_tensor(learning_rate, name="initial_learning_rate")
    return rate, [api.cast(other, rate.dtype) for other in others]


@export("train.exponential_decay")
def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """learning_rate * decay_rate ** (global_step / decay_steps).

    Args:
        learning_rate: the rate at step 0, a float or scalar tensor.
        global_step: the step, a number, tensor or variable.
        decay_steps: after how many steps the rate has been multiplied by `decay_rate`.
        decay_rate: the factor.
        staircase: keep the rate the same within `decay_steps`.
        name: a name for the operations.

    Returns:
        A scalar Tensor of the type of `learning_rate`.

    Raises:
        ValueError: `global_step` is None.

    Example:
        >>> rate = tf.train.exponential_decay(0.1, step, 1000, 0.96)
    """
    with name_scope(name, "ExponentialDecay") as scope:
        rate, (steps, factor) = _start(learning_rate, decay_steps, decay_rate)
        part = api.cast(global_step, rate.dtype) / steps
        if staircase:
            part = api.floor(part)
        return api.multiply(rate, api.pow(factor, part, name="Pow"), name=scope)


@export("train.piecewise_constant_decay", "train.piecewise_constant")
def piecewise_constant(x: Any, boundaries: Any, values: Any, name: str | None = None) -> Tensor:
    """A rate that keeps one of `values` between two boundaries.

    Args:
        x: a scalar tensor or variable, such as the global step.
        boundaries: rising numbers or tensors, of the type of `x`.
        values: one more numbers or tensors, of one type: the first counts up to and with the first
            boundary, the last beyond the last.
        name: a name for the operations.

    Returns:
        A scalar Tensor of the type of `values`.

    Raises:
        TypeError: `boundaries` or `values` is no sequence.
        ValueError: the lengths do not fit, or types differ.

    Example:
        >>> rate = tf.train.piecewise_constant(step, [10000, 20000], [0.1, 0.01, 0.001])
    """
    bounds, rates = _convert_sequence(boundaries), _convert_sequence(values)
    step: Any = convert_to_tensor(x)
    if len(bounds) != len(rates) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")
    bounds = [_as_type_of(bound, step) for bound in bounds]
    for rate in rates[1:]:
        if rate.dtype.base_dtype != rates[0].dtype.base_dtype:
            raise ValueError(
                "Values must have elements all with the same dtype "
                f"({rates[0].dtype.base_dtype} vs {rate.dtype.base_dtype})."
            )
    with name_scope(name, "PiecewiseConstant", [step, *bounds, *rates]):
        step = convert_to_tensor(x)  # once more, as TensorFlow does: for its type, and to compare
        pairs = [(step <= bounds[0], _giving(rates[0])), (step > bounds[-1], _giving(rates[-1]))]
        for low, high, rate in zip(bounds[:-1], bounds[1:], rates[1:-1], strict=True):
            pairs.append(((step > low) & (step <= high), _giving(rate)))
        return api.case(pairs, default=_giving(rates[0]), exclusive=True)


def _giving(value: Any) -> Callable[[], Any]:
    return lambda: value


def _convert_sequence(values: Any) -> list[Any]:
    if not isinstance(values, Sequence):
        raise TypeError("values must be a sequence.")
    return [convert_to_tensor(value) for value in values]


def _as_type_of(bound: Any, step: Any) -> Any:
    """A boundary in the type of the step, where that loses nothing."""
    found, wanted = bound.dtype.base_dtype, step.dtype.base_dtype
    if found == wanted:
        return bound
    if (found, wanted) == (dtypes.int32, dtypes.int64):
        return api.cast(bound, wanted)
    raise ValueError(f"Boundaries ({found}) must have the same dtype as x ({wanted}).")


@export("train.natural_exp_decay")
def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """learning_rate * exp(-decay_rate * global_step / decay_steps).

    Args:
        learning_rate: the rate at step 0, a float or scalar tensor.
        global_step: the step, a number, tensor or variable.
        decay_steps: after how many steps the rate has fallen by exp(-decay_rate).
        decay_rate: how fast it falls.
        staircase: keep the rate the same within `decay_steps`.
        name: a name for the operations.

    Returns:
        A scalar Tensor of the type of `learning_rate`.

    Raises:
        ValueError: `global_step` is None.

    Example:
        >>> rate = tf.train.natural_exp_decay(0.1, step, 1000, 0.5)
    """
    factor = api.exp(api.negative(decay_rate))
    return exponential_decay(learning_rate, global_step, decay_steps, factor, staircase, name)


@export("train.inverse_time_decay")
def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """learning_rate / (1 + decay_rate * global_step / decay_steps).

    Args:
        learning_rate: the rate at step 0, a float or scalar tensor.
        global_step: the step, a number, tensor or variable.
        decay_steps: how often the decay counts.
        decay_rate: how fast the rate falls.
        staircase: keep the rate the same within `decay_steps`.
        name: a name for the operations.

    Returns:
        A scalar Tensor of the type of `learning_rate`.

    Raises:
        ValueError: `global_step` is None.

    Example:
        >>> rate = tf.train.inverse_time_decay(0.1, step, 1000, 0.5)
    """
    with name_scope(name, "InverseTimeDecay") as scope:
        rate, (steps, factor) = _start(learning_rate, decay_steps, decay_rate)
        part = api.cast(global_step, rate.dtype) / steps
        if staircase:
            part = api.floor(part)
        one = api.cast(api.constant(1), rate.dtype)
        return api.divide(rate, api.add(one, api.multiply(factor, part)), name=scope)


@export("train.polynomial_decay")
def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Tensor:
    """A rate that falls to `end_learning_rate` in `decay_steps`, along a power of the steps left.

    (learning_rate - end) * (1 - global_step / decay_steps) ** power + end

    Args:
        learning_rate: the rate at step 0, a float or scalar tensor.
        global_step: the step, a number, tensor or variable.
        decay_steps: when the end is reached.
        end_learning_rate: the last rate.
        power: 1 for a straight line.
        cycle: start again, at the first multiple of `decay_steps` that the step does not exceed,
            where the last rate stays otherwise.
        name: a name for the operations.

    Returns:
        A scalar Tensor of the type of `learning_rate`.

    Raises:
        ValueError: `global_step` is None.

    Example:
        >>> rate = tf.train.polynomial_decay(0.1, step, 10000, 0.01, power=0.5)
    """
    with name_scope(name, "PolynomialDecay") as scope:
        rate, (end, exponent) = _start(learning_rate, end_learning_rate, power)
        step: Any = api.cast(global_step, rate.dtype)
        steps: Any = api.cast(decay_steps, rate.dtype)
        if cycle:
            periods = api.cond(
                api.equal(step, 0), lambda: 1.0, lambda: api.ceil(step / decay_steps)
            )
            steps = api.multiply(steps, periods)
        else:
            step = api.minimum(step, decay_steps)
        part = api.divide(step, steps)
        distance = rate - end
        left = api.pow(1 - part, exponent, name="Pow")
        return api.add(api.multiply(distance, left), end, name=scope)


@export("train.cosine_decay")
def cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    alpha: float = 0.0,
    name: str | None = None,
) -> Tensor:
    """A rate that falls along half a cosine wave (Loshchilov and Hutter, 2016).

    Args:
        learning_rate: the rate at step 0, a float32 or scalar tensor of it.
        global_step: the step, a number, tensor or variable.
        decay_steps: when the end is reached.
        alpha: the last rate as a part of the first.
        name: a name for the operations.

    Returns:
        A scalar Tensor of the type of `learning_rate`.

    Raises:
        ValueError: `global_step` is None.

    Example:
        >>> rate = tf.train.cosine_decay(0.1, step, 10000)
    """
    with name_scope(name, "CosineDecay"):
        rate, (steps,) = _start(learning_rate, decay_steps)
        part = api.minimum(api.cast(global_step, rate.dtype), steps) / steps
        return api.multiply(rate, (1 - alpha) * _half_wave(part) + alpha)


def _half_wave(part: Any) -> Any:
    """Half a cosine wave, from 1 at 0 to 0 at 1."""
    return 0.5 * (1.0 + api.cos(api.constant(math.pi) * part))


@export("train.cosine_decay_restarts")
def cosine_decay_restarts(
    learning_rate: Any,
    global_step: Any,
    first_decay_steps: Any,
    t_mul: Any = 2.0,
    m_mul: Any = 1.0,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Tensor:
    """`cosine_decay` that starts again and again (Loshchilov and Hutter, 2016).

    Args:
        learning_rate: the rate at step 0, a float32 or scalar tensor of it.
        global_step: the step, a number, tensor or variable.
        first_decay_steps: the length of the first period.
        t_mul: by what each next period is longer.
        m_mul: by what the rate that each next period starts with is multiplied.
        alpha: the last rate of a period as a part of the first.
        name: a name for the operations.

    Returns:
        A scalar Tensor of the type of `learning_rate`.

    Raises:
        ValueError: `global_step` is None.

    Example:
        >>> rate = tf.train.cosine_decay_restarts(0.1, step, 1000)
    """
    with name_scope(name, "SGDRDecay") as scope:
        rate, (first, alpha, longer, lower) = _start(
            learning_rate, first_decay_steps, alpha, t_mul, m_mul
        )
        part = api.cast(global_step, rate.dtype) / first
        period, part = api.cond(
            api.equal(longer, 1.0),
            lambda: _place_in_equal_periods(part),
            lambda: _place_in_growing_periods(part, longer),
        )
        height = 0.5 * lower**period
        wave = height * (1.0 + api.cos(api.constant(math.pi) * part))
        return api.multiply(rate, (1 - alpha) * wave + alpha, name=scope)


def _place_in_equal_periods(part: Any) -> tuple[Any, Any]:
    """The number of the period, and the part of it that is over."""
    period = api.floor(part)
    return period, part - period


def _place_in_growing_periods(part: Any, longer: Any) -> tuple[Any, Any]:
    """The same, where each period is longer than the last: their lengths are a geometric series."""
    period = api.floor(api.log(1.0 - part * (1.0 - longer)) / api.log(longer))
    before = (1.0 - longer**period) / (1.0 - longer)
    return period, (part - before) / longer**period


@export("train.linear_cosine_decay")
def linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Tensor:
    """A rate that falls along a line, times a cosine wave (Bello et al., 2017).

    Args:
        learning_rate: the rate that is scaled, a float32 or scalar tensor of it.
        global_step: the step, a number, tensor or variable.
        decay_steps: when the line reaches 0.
        num_periods: how many waves there are until then.
        alpha: added to the line.
        beta: added to the product.
        name: a name for the operations.

    Returns:
        A scalar Tensor of the type of `learning_rate`.

    Raises:
        ValueError: `global_step` is None.

    Example:
        >>> rate = tf.train.linear_cosine_decay(0.1, step, 10000)
    """
    with name_scope(name, "LinearCosineDecay") as scope:
        rate, (steps, periods, alpha, beta) = _start(
            learning_rate, decay_steps, num_periods, alpha, beta
        )
        step = api.minimum(api.cast(global_step, rate.dtype), steps)
        line = (steps - step) / steps
        part = step / steps
        wave = _half_wave(2.0 * periods * part)
        return api.multiply(rate, (alpha + line) * wave + beta, name=scope)


@export("train.noisy_linear_cosine_decay")
def noisy_linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    initial_variance: Any = 1.0,
    variance_decay: Any = 0.55,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Tensor:
    """`linear_cosine_decay` with normal noise on the line (Bello et al., 2017).

    The noise has the variance initial_variance / (1 + global_step) ** variance_decay.

    Args:
        learning_rate: the rate that is scaled, a float32 or scalar tensor of it.
        global_step: the step, a number, tensor or variable.
        decay_steps: when the line reaches 0.
        initial_variance: the variance at step 0.
        variance_decay: how fast it falls.
        num_periods: how many waves there are until then.
        alpha: added to the line.
        beta: added to the product.
        name: a name for the operations.

    Returns:
        A scalar Tensor of the type of `learning_rate`.

    Raises:
        ValueError: `global_step` is None.

    Example:
        >>> rate = tf.train.noisy_linear_cosine_decay(0.1, step, 10000)
    """
    with name_scope(name, "NoisyLinearCosineDecay") as scope:
        rate, (steps, variance, fall, periods, alpha, beta) = _start(
            learning_rate, decay_steps, initial_variance, variance_decay, num_periods, alpha, beta
        )
        step = api.minimum(api.cast(global_step, rate.dtype), steps)
        line = (steps - step) / steps
        deviation = api.sqrt(variance / api.pow(1.0 + step, fall, name="Pow"))
        line = line + api.random_normal(line.shape, stddev=deviation)
        part = step / steps
        wave = _half_wave(2.0 * periods * part)
        return api.multiply(rate, (alpha + line) * wave + beta, name=scope)
