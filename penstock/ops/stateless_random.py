"""Random numbers without a state: the same seed gives the same numbers in each run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.ops import philox, philox_sampling, philox_truncated
from penstock.ops.random_ops import (
    DIFFERENT_IN_XLA,
    FLOATS_ATTR,
    INDEX_TYPES,
    Rng,
    check_range,
    shape_as_tensor,
    sizes_of,
    uniform_dtype,
    uniform_int_shape,
)
from penstock.ops.random_sampling import (
    CLASSES_ATTR,
    LOGITS_ATTR,
    count_samples,
    multinomial_shape,
)

_SEED_TYPE = f"Tseed: {INDEX_TYPES} = DT_INT64"


def _check_seed_shape(seed: shapes.Shape) -> None:
    (size,) = shapes.with_rank(seed, 1)
    if size not in (None, 2):
        raise ValueError(f"Dimension must be 2 but is {size}")


def _rng(xp: Any, seed: Any) -> Rng:
    if seed.shape != (2,):
        found = shapes.bracket_text(seed.shape)
        raise InvalidArgumentError(None, None, f"seed must have shape [2], not {found}")
    return philox_sampling.stateless_state(xp, seed)


def stateless_shape(shape: shapes.Shape, seed: shapes.Shape) -> shapes.Shape:
    _check_seed_shape(seed)
    return shape


def stateless_uniform_kernel(xp: Any, shape: Any, seed: Any, *, dtype: dtypes.DType) -> Any:
    return philox.random_uniform(xp, *_rng(xp, seed), sizes_of(shape), dtype.np_dtype)


def stateless_normal_kernel(xp: Any, shape: Any, seed: Any, *, dtype: dtypes.DType) -> Any:
    return philox.random_normal(xp, *_rng(xp, seed), sizes_of(shape), dtype.np_dtype)


def stateless_truncated_normal_kernel(
    xp: Any, shape: Any, seed: Any, *, dtype: dtypes.DType
) -> Any:
    return philox_truncated.truncated_normal(xp, *_rng(xp, seed), sizes_of(shape), dtype.np_dtype)


def _register_float(name: str, kernel: Any, host_types: Sequence[str] = ()) -> OpSpec:
    return register(
        OpSpec(
            name=name,
            inputs=("shape: T", "seed: Tseed"),
            outputs=("output: dtype",),
            attrs=(f"{FLOATS_ATTR} = DT_FLOAT", f"T: {INDEX_TYPES} = DT_INT32", _SEED_TYPE),
            shape=stateless_shape,
            kernel=kernel,
            gradient=NOT_DIFFERENTIABLE,
            shape_inputs=("shape",),
            host_types=host_types,
        )
    )


_register_float("StatelessRandomUniform", stateless_uniform_kernel)
_register_float("StatelessRandomNormal", stateless_normal_kernel, DIFFERENT_IN_XLA)
_register_float("StatelessTruncatedNormal", stateless_truncated_normal_kernel, DIFFERENT_IN_XLA)


def stateless_int_shape(
    shape: shapes.Shape, seed: shapes.Shape, minval: Any, maxval: Any
) -> shapes.Shape:
    _check_seed_shape(seed)
    return uniform_int_shape(shape, minval, maxval)


def stateless_int_kernel(xp: Any, shape: Any, seed: Any, minval: Any, maxval: Any) -> Any:
    sizes, rng = sizes_of(shape), _rng(xp, seed)
    check_range(sizes, minval, maxval)
    if 0 in sizes:
        return xp.zeros(sizes, minval.dtype)
    return philox.random_uniform_int(xp, *rng, sizes, minval, maxval)


register(
    OpSpec(
        name="StatelessRandomUniformInt",
        inputs=("shape: T", "seed: Tseed", "minval: dtype", "maxval: dtype"),
        outputs=("output: dtype",),
        attrs=(f"dtype: {INDEX_TYPES}", f"T: {INDEX_TYPES}", _SEED_TYPE),
        shape=stateless_int_shape,
        kernel=stateless_int_kernel,
        gradient=NOT_DIFFERENTIABLE,
        static_inputs=("minval", "maxval"),
        shape_inputs=("shape",),
    )
)


def stateless_multinomial_shape(
    logits: shapes.Shape, num_samples: Any, seed: shapes.Shape
) -> shapes.Shape:
    _check_seed_shape(seed)
    return multinomial_shape(logits, num_samples)


def stateless_multinomial_kernel(
    xp: Any, logits: Any, num_samples: Any, seed: Any, *, output_dtype: dtypes.DType
) -> Any:
    count = count_samples(logits, num_samples)
    return philox_sampling.multinomial(xp, *_rng(xp, seed), logits, count, output_dtype.np_dtype)


register(
    OpSpec(
        name="StatelessMultinomial",
        inputs=("logits: T", "num_samples: int32", "seed: Tseed"),
        outputs=("output: output_dtype",),
        attrs=(LOGITS_ATTR, _SEED_TYPE, CLASSES_ATTR),
        shape=stateless_multinomial_shape,
        kernel=stateless_multinomial_kernel,
        gradient=NOT_DIFFERENTIABLE,
        static_inputs=("num_samples",),
    )
)


# Public functions


@export("random.stateless_uniform", "contrib.stateless.stateless_random_uniform")
def stateless_random_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Uniform random numbers in [minval, maxval) that depend on the seed alone.

    Args:
        shape: the shape of the result.
        seed: two integers.
        minval: the lower bound, a number or a tensor that broadcasts (a scalar for integers).
        maxval: the upper bound; 1 where it is None and `dtype` is one of floats.
        dtype: float16, bfloat16, float32, float64, int32 or int64.
        name: a name for the operation.

    Returns:
        A Tensor of `shape` and `dtype`.

    Raises:
        ValueError: another dtype, or one of integers without `maxval`.

    Example:
        >>> tf.random.stateless_uniform([2, 3], seed=[7, 9])
    """
    dtype = uniform_dtype(dtype, maxval)
    with name_scope(name, "stateless_random_uniform", [shape, seed, minval, maxval]) as scope:
        shape = shape_as_tensor(shape)
        minval = convert_to_tensor(minval, dtype, name="min")
        maxval = convert_to_tensor(1 if maxval is None else maxval, dtype, name="max")
        if dtype.is_integer:
            return raw.StatelessRandomUniformInt(shape, seed, minval, maxval, name=scope)
        numbers = raw.StatelessRandomUniform(shape, seed, dtype=dtype)
        return api.add(numbers * (maxval - minval), minval, name=scope)


@export("random.stateless_normal", "contrib.stateless.stateless_random_normal")
def stateless_random_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Normal random numbers that depend on the seed alone.

    Args:
        shape: the shape of the result.
        seed: two integers.
        mean: the mean, a number or a tensor that broadcasts.
        stddev: the standard deviation, likewise.
        dtype: float16, bfloat16, float32 or float64.
        name: a name for the operation.

    Returns:
        A Tensor of `shape` and `dtype`.

    Example:
        >>> tf.random.stateless_normal([2, 3], seed=[7, 9])
    """
    return _normal(
        "StatelessRandomNormal", "stateless_random_normal", shape, seed, mean, stddev, dtype, name
    )


@export("random.stateless_truncated_normal", "contrib.stateless.stateless_truncated_normal")
def stateless_truncated_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Normal random numbers less than two deviations from the mean, which depend on the seed alone.

    Args:
        shape: the shape of the result.
        seed: two integers.
        mean: the mean of the normal numbers of which these are a part.
        stddev: their standard deviation.
        dtype: float16, bfloat16, float32 or float64.
        name: a name for the operation.

    Returns:
        A Tensor of `shape` and `dtype`.

    Example:
        >>> tf.random.stateless_truncated_normal([2, 3], seed=[7, 9])
    """
    return _normal(
        "StatelessTruncatedNormal",
        "stateless_truncated_normal",
        shape,
        seed,
        mean,
        stddev,
        dtype,
        name,
    )


def _normal(
    op: str,
    default_name: str,
    shape: Any,
    seed: Any,
    mean: Any,
    stddev: Any,
    dtype: Any,
    name: str | None,
) -> Tensor:
    with name_scope(name, default_name, [shape, seed, mean, stddev]) as scope:
        shape = shape_as_tensor(shape)
        mean = convert_to_tensor(mean, dtype, name="mean")
        stddev = convert_to_tensor(stddev, dtype, name="stddev")
        numbers = getattr(raw, op)(shape, seed, dtype=dtype)
        return api.add(numbers * stddev, mean, name=scope)


@export("random.stateless_multinomial", "contrib.stateless.stateless_multinomial")
def stateless_multinomial(
    logits: Any,
    num_samples: Any,
    seed: Any,
    output_dtype: Any = dtypes.int64,
    name: str | None = None,
) -> Tensor:
    """Random classes, drawn with the probabilities softmax(logits), which depend on the seed alone.

    Args:
        logits: log-probabilities, not normalized, [batch, classes].
        num_samples: how many to draw for each row.
        seed: two integers.
        output_dtype: int64 or int32.
        name: a name for the operation.

    Returns:
        A Tensor of `output_dtype`, [batch, num_samples].

    Example:
        >>> tf.random.stateless_multinomial(tf.log([[0.5, 0.5]]), 5, seed=[7, 9])
    """
    with name_scope(name, "stateless_multinomial", [logits, seed]):
        return _draw_classes(logits, num_samples, seed, output_dtype)


@export("random.stateless_categorical")
def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """Random classes, drawn with the probabilities softmax(logits), which depend on the seed alone.

    Args:
        logits: log-probabilities, not normalized, [batch, classes].
        num_samples: how many to draw for each row.
        seed: two integers.
        dtype: int64 or int32.
        name: a name for the operation.

    Returns:
        A Tensor of `dtype`, [batch, num_samples].

    Example:
        >>> tf.random.stateless_categorical(tf.log([[0.5, 0.5]]), 5, seed=[7, 9])
    """
    with name_scope(name, "stateless_categorical", [logits, seed]):
        return _draw_classes(logits, num_samples, seed, dtype)


def _draw_classes(logits: Any, num_samples: Any, seed: Any, dtype: Any) -> Tensor:
    logits = convert_to_tensor(logits, name="logits")
    return raw.StatelessMultinomial(logits, num_samples, seed, output_dtype=dtype)
