"""Random numbers whose distribution is an input: classes, gamma and Poisson numbers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, raw, register
from penstock.graph.public import control_dependencies, get_seed, name_scope
from penstock.ops import philox, philox_parameters, philox_sampling
from penstock.ops.random_ops import INDEX_TYPES, SEED_ATTRS, Rng, sizes_of

LOGITS_ATTR = "T: realnumbertype"
CLASSES_ATTR = f"output_dtype: {INDEX_TYPES} = DT_INT64"

# Classes


def multinomial_shape(logits: shapes.Shape, num_samples: Any) -> shapes.Shape:
    batch, _ = shapes.with_rank(logits, 2)
    if num_samples is None:
        return (batch, None)
    if num_samples.ndim:
        raise ValueError(f"Shape must be rank 0 but is rank {num_samples.ndim}")
    if num_samples < 0:
        raise ValueError(
            f"Dimension size, given by scalar input 1, must be non-negative but is {num_samples}"
        )
    return (batch, int(num_samples))


def count_samples(logits: Any, num_samples: Any) -> int:
    """The number of draws per row.

    Raises:
        InvalidArgumentError: the inputs do not fit the op.
    """
    if logits.ndim != 2:
        found = shapes.bracket_text(logits.shape)
        raise InvalidArgumentError(None, None, f"logits should be a matrix, got shape {found}")
    if num_samples.ndim:
        found = shapes.bracket_text(num_samples.shape)
        raise InvalidArgumentError(None, None, f"num_samples should be a scalar, got shape {found}")
    count = int(num_samples)
    if count < 0:
        raise InvalidArgumentError(None, None, f"num_samples should be nonnegative, got {count}")
    if not logits.shape[1]:
        raise InvalidArgumentError(None, None, "num_classes should be positive, got 0")
    return count


def multinomial_kernel(
    xp: Any, rng: Rng, logits: Any, num_samples: Any, *, output_dtype: dtypes.DType
) -> Any:
    count = count_samples(logits, num_samples)
    return philox_sampling.multinomial(xp, *rng, logits, count, output_dtype.np_dtype)


def multinomial_blocks(logits: Any, num_samples: Any) -> int:
    count = count_samples(logits, num_samples)
    return philox_sampling.multinomial_blocks_reserved(logits.shape[0], count)


register(
    OpSpec(
        name="Multinomial",
        inputs=("logits: T", "num_samples: int32"),
        outputs=("output: output_dtype",),
        attrs=(*SEED_ATTRS, LOGITS_ATTR, CLASSES_ATTR),
        shape=multinomial_shape,
        kernel=multinomial_kernel,
        gradient=NOT_DIFFERENTIABLE,
        static_inputs=("num_samples",),
        reserve=multinomial_blocks,
        stateful=True,
    )
)


# Gamma numbers


def parameter_shape(shape: shapes.Shape, parameter: shapes.Shape) -> shapes.Shape:
    if shape is None or parameter is None:
        return None
    return (*shape, *parameter)


def blocks_for_parameters(shape: Any, parameter: Any) -> int:
    return philox.blocks_reserved(math.prod(sizes_of(shape)) * parameter.size)


def random_gamma_kernel(rng: Rng, shape: Any, alpha: Any) -> Any:
    return philox_parameters.random_gamma(*rng, sizes_of(shape), alpha)


def random_gamma_gradient(op: Operation, grad: Any) -> list[Any]:
    """Each draw moves with its alpha as RandomGammaGrad says; the draws of one alpha are added."""
    shape, alpha = op._inputs
    with control_dependencies([grad]):
        n_draw_dims = api.shape(shape)[0]
        aligned = api.concat([api.ones([n_draw_dims], dtype=dtypes.int32), api.shape(alpha)], 0)
        slopes = raw.RandomGammaGrad(api.reshape(alpha, aligned), op.outputs[0])
        return [None, api.reduce_sum(grad * slopes, axis=api.range(n_draw_dims))]


def random_gamma_grad_xla_kernel(xp: Any, alpha: Any, sample: Any) -> Any:
    from jax.lax import random_gamma_grad

    return random_gamma_grad(*xp.broadcast_arrays(alpha, sample))


@functools.cache
def _compiled_gamma_grad() -> Callable[[Any, Any], Any]:
    import jax

    return jax.jit(functools.partial(random_gamma_grad_xla_kernel, jax.numpy))


def random_gamma_grad_kernel(xp: Any, alpha: Any, sample: Any) -> Any:
    """Compiled, for NumPy and SciPy lack the incomplete gamma function's derivative by alpha."""
    import jax

    with jax.enable_x64(True):
        return np.asarray(_compiled_gamma_grad()(alpha, sample))


register(
    OpSpec(
        name="RandomGamma",
        inputs=("shape: S", "alpha: T"),
        outputs=("output: T",),
        attrs=(*SEED_ATTRS, f"S: {INDEX_TYPES}", "T: {half, float, double}"),
        shape=parameter_shape,
        kernel=random_gamma_kernel,
        gradient=random_gamma_gradient,
        shape_inputs=("shape",),
        reserve=blocks_for_parameters,
        stateful=True,
        host=True,  # takes a part of XLA's time, and gives the same bits in both runners
    )
)

register(
    OpSpec(
        name="RandomGammaGrad",
        inputs=("alpha: T", "sample: T"),
        outputs=("output: T",),
        attrs=("T: {float, double}",),
        shape=shapes.broadcast,
        kernel=random_gamma_grad_kernel,
        xla_kernel=random_gamma_grad_xla_kernel,
        gradient=None,
    )
)


# Poisson numbers


def random_poisson_kernel(rng: Rng, shape: Any, rate: Any, *, dtype: dtypes.DType) -> Any:
    return philox_parameters.random_poisson(*rng, sizes_of(shape), rate, dtype.np_dtype)


register(
    OpSpec(
        name="RandomPoissonV2",
        inputs=("shape: S", "rate: R"),
        outputs=("output: dtype",),
        attrs=(
            *SEED_ATTRS,
            f"S: {INDEX_TYPES}",
            "R: {half, float, double, int32, int64} = DT_DOUBLE",
            "dtype: {half, float, double, int32, int64} = DT_INT64",
        ),
        shape=parameter_shape,
        kernel=random_poisson_kernel,
        gradient=None,
        shape_inputs=("shape",),
        reserve=blocks_for_parameters,
        stateful=True,
        host=True,  # takes a part of XLA's time, and gives the same bits in both runners
    )
)


# Public functions


@export("multinomial", "random.multinomial")
def multinomial(
    logits: Any,
    num_samples: Any,
    seed: int | None = None,
    name: str | None = None,
    output_dtype: Any = None,
) -> Tensor:
    """Random classes, drawn with the probabilities that are the softmax of `logits`.

    Args:
        logits: log-probabilities, not normalized, [batch, classes].
        num_samples: how many to draw for each row.
        seed: an int that makes the draws repeatable; see `tf.set_random_seed`.
        name: a name for the operation.
        output_dtype: int64, which None means too, or int32.

    Returns:
        A Tensor of `output_dtype`, [batch, num_samples].

    Raises:
        ValueError: `logits` has another rank.

    Example:
        >>> tf.multinomial(tf.log([[0.5, 0.5]]), 5)
    """
    with name_scope(name, "multinomial", [logits]):
        return _draw_classes(logits, num_samples, output_dtype, seed)


@export("random.categorical")
def categorical(
    logits: Any,
    num_samples: Any,
    dtype: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Random classes, drawn with the probabilities that are the softmax of `logits`.

    Args:
        logits: log-probabilities, not normalized, [batch, classes].
        num_samples: how many to draw for each row.
        dtype: int64, which None means too, or int32.
        seed: an int that makes the draws repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        A Tensor of `dtype`, [batch, num_samples].

    Raises:
        ValueError: `logits` has another rank.

    Example:
        >>> tf.random.categorical(tf.log([[0.5, 0.5]]), 5)
    """
    with name_scope(name, "categorical", [logits]):
        return _draw_classes(logits, num_samples, dtype, seed)


def _draw_classes(logits: Any, num_samples: Any, dtype: Any, seed: int | None) -> Tensor:
    logits = convert_to_tensor(logits, name="logits")
    seed1, seed2 = get_seed(seed)
    return raw.Multinomial(logits, num_samples, seed=seed1, seed2=seed2, output_dtype=dtype)


@export("random_gamma", "random.gamma")
def random_gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = dtypes.float32, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Random numbers of gamma distributions; gradients flow to `alpha` and `beta`.

    Args:
        shape: the shape of what is drawn for each pair of parameters.
        alpha: the shape parameters of the distributions.
        beta: their inverse scales, which broadcast against `alpha`; 1 where None.
        dtype: float16, float32 or float64.
        seed: an int that makes the numbers repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        A Tensor of `dtype`, of `shape` followed by the shape of `alpha + beta`.

    Example:
        >>> tf.random_gamma([10], [0.5, 1.5])  # 10 numbers of each of two distributions
    """
    with name_scope(name, "random_gamma", [shape, alpha, beta]):
        shape = convert_to_tensor(shape, dtypes.int32, name="shape")
        alpha = convert_to_tensor(alpha, dtype, name="alpha")
        beta = convert_to_tensor(1 if beta is None else beta, dtype, name="beta")
        alpha = alpha + api.zeros_like(beta)
        seed1, seed2 = get_seed(seed)
        numbers = raw.RandomGamma(shape, alpha, seed=seed1, seed2=seed2)
        least = np.finfo(alpha.dtype.as_numpy_dtype).tiny
        return api.maximum(least, numbers / beta)


@export("random_poisson", "random.poisson")
def random_poisson(
    lam: Any,
    shape: Any,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Random numbers of Poisson distributions.

    Args:
        lam: the means of the distributions.
        shape: the shape of what is drawn for each of them.
        dtype: float16, float32, float64, int32 or int64.
        seed: an int that makes the numbers repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        A Tensor of `dtype`, of `shape` followed by the shape of `lam`.

    Example:
        >>> tf.random_poisson([0.5, 1.5], [10])  # 10 numbers of each of two distributions
    """
    with name_scope(name, "random_poisson", [lam, shape]):
        shape = convert_to_tensor(shape, dtypes.int32, name="shape")
        seed1, seed2 = get_seed(seed)
        return raw.RandomPoissonV2(shape, lam, dtype=dtype, seed=seed1, seed2=seed2)
