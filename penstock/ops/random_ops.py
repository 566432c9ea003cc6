"""Uniform and normal random numbers, and random orders: TensorFlow's numbers for the same seeds.

An op's second seed, where a program gives none, is the number of operations that the graph has when
the op is made: what a public function adds, and in which order, decides the numbers that follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, raw, register
from penstock.graph.public import get_seed, name_scope
from penstock.ops import philox, philox_sampling, philox_truncated
from penstock.ops.control import with_dependencies

Rng = tuple[Any, Any]  # a key, uint32 [2], and a counter, uint32 [4]

SEED_ATTRS = ("seed: int = 0", "seed2: int = 0")
FLOATS_ATTR = "dtype: {half, bfloat16, float, double}"
INDEX_TYPES = "{int32, int64}"
_UNIFORM_TYPES = (
    dtypes.float16,
    dtypes.bfloat16,
    dtypes.float32,
    dtypes.float64,
    dtypes.int32,
    dtypes.int64,
)


def sizes_of(shape: Any) -> list[int]:
    """The sizes in the value of a random op's input `shape`.

    Raises:
        InvalidArgumentError: it is no vector, or holds a negative size.
    """
    if shape.ndim != 1:
        found = shapes.bracket_text(shape.shape)
        raise InvalidArgumentError(
            None, None, f"shape must be a vector of {{int32,int64}}, got shape {found}"
        )
    sizes: list[int] = shape.tolist()
    for size in sizes:
        if size < 0:
            raise InvalidArgumentError(None, None, f"Dimension {size} must be >= 0")
    return sizes


def shape_as_tensor(shape: Any) -> Tensor:
    """The argument `shape` of a random function as a tensor: an empty list is one of integers, and
    a list may hold Dimensions.
    """
    dtype = None
    if isinstance(shape, (list, tuple)):
        shape = [size.value if isinstance(size, shapes.Dimension) else size for size in shape]
        dtype = None if shape else dtypes.int32
    return convert_to_tensor(shape, dtype, name="shape")


def blocks_for_shape(shape: Any) -> int:
    """How many Philox blocks TensorFlow reserves for an output of that shape."""
    return philox.blocks_reserved(math.prod(sizes_of(shape)))


def shape_of_output(shape: shapes.Shape) -> shapes.Shape:
    return shape


def random_uniform_kernel(xp: Any, rng: Rng, shape: Any, *, dtype: dtypes.DType) -> Any:
    return philox.random_uniform(xp, *rng, sizes_of(shape), dtype.np_dtype)


def random_normal_kernel(xp: Any, rng: Rng, shape: Any, *, dtype: dtypes.DType) -> Any:
    return philox.random_normal(xp, *rng, sizes_of(shape), dtype.np_dtype)


def truncated_normal_kernel(xp: Any, rng: Rng, shape: Any, *, dtype: dtypes.DType) -> Any:
    return philox_truncated.truncated_normal(xp, *rng, sizes_of(shape), dtype.np_dtype)


def _register_float(name: str, kernel: Any, host_types: Sequence[str] = ()) -> OpSpec:
    return register(
        OpSpec(
            name=name,
            inputs=("shape: T",),
            outputs=("output: dtype",),
            attrs=(*SEED_ATTRS, FLOATS_ATTR, f"T: {INDEX_TYPES}"),
            shape=shape_of_output,
            kernel=kernel,
            gradient=NOT_DIFFERENTIABLE,
            shape_inputs=("shape",),
            reserve=blocks_for_shape,
            stateful=True,
            host_types=host_types,
        )
    )


# NumPy's and XLA's logarithm, sine and cosine of float64 differ in the last bit. Rounded to float32
# they are the same for each of the 2**23 arguments that occur.
DIFFERENT_IN_XLA = ("float64",)

_register_float("RandomUniform", random_uniform_kernel)
_register_float("RandomStandardNormal", random_normal_kernel, DIFFERENT_IN_XLA)
_register_float("TruncatedNormal", truncated_normal_kernel, DIFFERENT_IN_XLA)


# Integers


def uniform_int_shape(shape: shapes.Shape, minval: Any, maxval: Any) -> shapes.Shape:
    for bound in (minval, maxval):
        if bound is not None and bound.ndim:
            raise ValueError(f"Shape must be rank 0 but is rank {bound.ndim}")
    return shape


def check_range(sizes: list[int], minval: Any, maxval: Any) -> None:
    """Raises InvalidArgumentError unless a number lies in [minval, maxval), where any is wanted."""
    for name, bound in (("minval", minval), ("maxval", maxval)):
        if bound.ndim:
            found = shapes.bracket_text(bound.shape)
            raise InvalidArgumentError(None, None, f"{name} must be 0-D, got shape {found}")
    if 0 not in sizes and not minval < maxval:
        raise InvalidArgumentError(None, None, f"Need minval < maxval, got {minval} >= {maxval}")


def uniform_int_kernel(xp: Any, rng: Rng, shape: Any, minval: Any, maxval: Any) -> Any:
    sizes = sizes_of(shape)
    check_range(sizes, minval, maxval)
    if 0 in sizes:
        return xp.zeros(sizes, minval.dtype)
    return philox.random_uniform_int(xp, *rng, sizes, minval, maxval)


register(
    OpSpec(
        name="RandomUniformInt",
        inputs=("shape: T", "minval: Tout", "maxval: Tout"),
        outputs=("output: Tout",),
        attrs=(*SEED_ATTRS, f"Tout: {INDEX_TYPES}", f"T: {INDEX_TYPES}"),
        shape=uniform_int_shape,
        kernel=uniform_int_kernel,
        gradient=None,
        # The bounds are static so that an empty range is an error in a compiled step too.
        static_inputs=("minval", "maxval"),
        shape_inputs=("shape",),
        reserve=lambda shape, minval, maxval: blocks_for_shape(shape),
        stateful=True,
    )
)


# Orders


def _rows_to_shuffle(value: Any) -> int:
    return value.shape[0] if value.ndim and value.size else 0


def shuffle_kernel(rng: Rng, value: Any) -> Any:
    n_rows = _rows_to_shuffle(value)
    if n_rows < 2:
        return value
    return np.asarray(value)[philox_sampling.shuffle_order(*rng, n_rows)]


register(
    OpSpec(
        name="RandomShuffle",
        inputs=("value: T",),
        outputs=("output: T",),
        attrs=(*SEED_ATTRS, "T: type"),
        shape=lambda value: value,
        kernel=shuffle_kernel,
        gradient=None,
        reserve=lambda value: philox_sampling.shuffle_blocks_reserved(_rows_to_shuffle(value)),
        stateful=True,
        view=True,  # of fewer than two rows
        host=True,  # XLA would copy the whole order to swap two rows of it
    )
)


# Public functions


def uniform_dtype(dtype: Any, maxval: Any) -> dtypes.DType:
    """The dtype of uniform numbers, checked.

    Raises:
        ValueError: there are none of that dtype, or it is one of integers and `maxval` is None.
    """
    dtype = dtypes.as_dtype(dtype)
    if dtype not in _UNIFORM_TYPES:
        raise ValueError(f"Invalid dtype {dtype!r}")
    if maxval is None and dtype.is_integer:
        raise ValueError(f"Must specify maxval for integer dtype {dtype!r}")
    return dtype


@export("random_uniform", "random.uniform")
def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Uniform random numbers in [minval, maxval).

    Args:
        shape: the shape of the result.
        minval: the lower bound, a number or a tensor that broadcasts (a scalar for integers).
        maxval: the upper bound; 1 where it is None and `dtype` is one of floats.
        dtype: float16, bfloat16, float32, float64, int32 or int64.
        seed: an int that makes the numbers repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        A Tensor of `shape` and `dtype`.

    Raises:
        ValueError: another dtype, or one of integers without `maxval`.

    Example:
        >>> tf.random_uniform([2, 3], 0, 10, dtype=tf.int32)
    """
    dtype = uniform_dtype(dtype, maxval)
    with name_scope(name, "random_uniform", [shape, minval, maxval]) as scope:
        shape = shape_as_tensor(shape)
        minval = convert_to_tensor(minval, dtype, name="min")
        maxval = convert_to_tensor(1 if maxval is None else maxval, dtype, name="max")
        seed1, seed2 = get_seed(seed)
        if dtype.is_integer:
            return raw.RandomUniformInt(shape, minval, maxval, seed=seed1, seed2=seed2, name=scope)
        numbers = raw.RandomUniform(shape, dtype=dtype, seed=seed1, seed2=seed2)
        return api.add(numbers * (maxval - minval), minval, name=scope)


@export("random_normal", "random.normal")
def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal random numbers.

    Args:
        shape: the shape of the result.
        mean: the mean, a number or a tensor that broadcasts.
        stddev: the standard deviation, likewise.
        dtype: float16, bfloat16, float32 or float64.
        seed: an int that makes the numbers repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        A Tensor of `shape` and `dtype`.

    Raises:
        TypeError: another dtype.

    Example:
        >>> tf.random_normal([784, 200], stddev=0.1)
    """
    return _normal("RandomStandardNormal", "random_normal", shape, mean, stddev, dtype, seed, name)


@export("truncated_normal", "random.truncated_normal")
def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal random numbers, none of which is two standard deviations from the mean or more.

    Args:
        shape: the shape of the result.
        mean: the mean of the normal numbers of which these are a part.
        stddev: their standard deviation.
        dtype: float16, bfloat16, float32 or float64.
        seed: an int that makes the numbers repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        A Tensor of `shape` and `dtype`.

    Raises:
        TypeError: another dtype.

    Example:
        >>> tf.Variable(tf.truncated_normal([5, 5, 1, 32], stddev=0.1))
    """
    return _normal("TruncatedNormal", "truncated_normal", shape, mean, stddev, dtype, seed, name)


def _normal(
    op: str,
    default_name: str,
    shape: Any,
    mean: Any,
    stddev: Any,
    dtype: Any,
    seed: int | None,
    name: str | None,
) -> Tensor:
    with name_scope(name, default_name, [shape, mean, stddev]) as scope:
        shape = shape_as_tensor(shape)
        mean = convert_to_tensor(mean, dtype, name="mean")
        stddev = convert_to_tensor(stddev, dtype, name="stddev")
        seed1, seed2 = get_seed(seed)
        numbers = getattr(raw, op)(shape, dtype=dtype, seed=seed1, seed2=seed2)
        return api.add(numbers * stddev, mean, name=scope)


@export("random_shuffle", "random.shuffle")
def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The rows of a tensor in a random order.

    Args:
        value: the tensor; its first dimension is shuffled.
        seed: an int that makes the order repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        A Tensor of the shape and type of `value`.

    Example:
        >>> tf.random_shuffle([[1, 2], [3, 4], [5, 6]])
    """
    seed1, seed2 = get_seed(seed)
    return raw.RandomShuffle(value, seed=seed1, seed2=seed2, name=name)


@export("random_crop", "image.random_crop")
def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """A part of a tensor, of a given size and at a random place.

    Args:
        value: the tensor.
        size: the size of the part in each dimension.
        seed: an int that makes the places repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        A Tensor of shape `size` and of the type of `value`; running it where `value` is smaller
        raises InvalidArgumentError.

    Example:
        >>> tf.random_crop(image, [24, 24, 3])
    """
    with name_scope(name, "random_crop", [value, size]) as scope:
        value = convert_to_tensor(value, name="value")
        size = convert_to_tensor(size, dtypes.int32, name="size")
        shape = api.shape(value)
        fits = api.reduce_all(raw.GreaterEqual(shape, size))
        check = api.Assert(fits, ["Need value.shape >= size, got ", shape, size], summarize=1000)
        shape = with_dependencies([check], shape)
        places = shape - size + 1
        largest = np.iinfo(np.int32).max
        draws = random_uniform(api.shape(shape), 0, largest, size.dtype, seed)
        offset = draws % places
        return api.slice(value, offset, size, name=scope)
