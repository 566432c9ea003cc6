"""Initializers: what makes a new variable's value from its shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.graph import dtypes
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor

# The standard deviation of a standard normal distribution cut off at two: what draws lose in width.
_TRUNCATED_STDDEV = 0.87962566103423978


def _floating(dtype: Any) -> dtypes.DType:
    dtype = dtypes.as_dtype(dtype)
    if not dtype.is_floating:
        raise ValueError(f"Expected floating point type, got {dtype}.")
    return dtype


class Initializer:
    """What all initializers share.

    Example:
        >>> class Halves(Initializer):
        ...     def __call__(self, shape, dtype=None, partition_info=None):
        ...         return tf.fill(shape, 0.5)
    """

    _settings: Sequence[str] = ()
    dtype: dtypes.DType

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """The initial value of a variable of that shape and type."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal initializer, as plain values."""
        config = {name: getattr(self, name) for name in self._settings}
        if hasattr(self, "dtype"):
            config["dtype"] = self.dtype.name
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The initializer that `get_config` described."""
        return cls(**config)


@export("zeros_initializer", "initializers.zeros")
class Zeros(Initializer):
    """Makes zeros (empty strings, False).

    Args:
        dtype: the type where the call gives none.

    Example:
        >>> b = tf.get_variable("b", [10], initializer=tf.zeros_initializer())
    """

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Zeros of that shape and type."""
        return api.zeros(shape, self.dtype if dtype is None else dtype)


@export("ones_initializer", "initializers.ones")
class Ones(Initializer):
    """Makes ones.

    Args:
        dtype: the type where the call gives none.

    Example:
        >>> gain = tf.get_variable("gain", [10], initializer=tf.ones_initializer())
    """

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Ones of that shape and type."""
        return api.ones(shape, self.dtype if dtype is None else dtype)


@export("constant_initializer", "initializers.constant")
class Constant(Initializer):
    """Makes a given value; with fewer elements than the shape needs, the last one is repeated.

    Args:
        value: a number, list or array.
        dtype: the type where the call gives none.
        verify_shape: demand that the value has exactly the variable's shape.

    Raises:
        TypeError: the value is of another kind.

    Example:
        >>> b = tf.get_variable("b", [10], initializer=tf.constant_initializer(0.1))
    """

    _settings = ("value",)

    def __init__(
        self, value: Any = 0, dtype: Any = dtypes.float32, verify_shape: bool = False
    ) -> None:
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray))):
            raise TypeError(
                f"Invalid type for initial value: {type(value)} (expected Python scalar, list or "
                "tuple of values, or numpy.ndarray)."
            )
        self.value = value
        self.dtype = dtypes.as_dtype(dtype)
        self._verify_shape = verify_shape

    def __call__(
        self,
        shape: Any,
        dtype: Any = None,
        partition_info: Any = None,
        verify_shape: bool | None = None,
    ) -> Tensor:
        """The value, in that shape and type."""
        return api.constant(
            self.value,
            dtype=self.dtype if dtype is None else dtype,
            shape=shape,
            verify_shape=self._verify_shape if verify_shape is None else verify_shape,
        )


@export("random_uniform_initializer", "initializers.random_uniform")
class RandomUniform(Initializer):
    """Makes numbers drawn evenly from [minval, maxval).

    Args:
        minval: the least.
        maxval: the bound above; 1 for floating types where None.
        seed: a seed; see `tf.set_random_seed`.
        dtype: the type where the call gives none.

    Example:
        >>> w = tf.get_variable("w", [3, 4], initializer=tf.random_uniform_initializer(-1, 1))
    """

    _settings = ("minval", "maxval", "seed")

    def __init__(
        self, minval: Any = 0, maxval: Any = None, seed: Any = None, dtype: Any = dtypes.float32
    ) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed
        self.dtype = dtypes.as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Random numbers in that shape and type."""
        dtype = self.dtype if dtype is None else dtype
        return api.random_uniform(shape, self.minval, self.maxval, dtype, seed=self.seed)


class _Normal(Initializer):
    _settings = ("mean", "stddev", "seed")

    def __init__(
        self, mean: Any = 0.0, stddev: Any = 1.0, seed: Any = None, dtype: Any = dtypes.float32
    ) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed
        self.dtype = _floating(dtype)


@export("random_normal_initializer", "initializers.random_normal")
class RandomNormal(_Normal):
    """Makes numbers drawn from a normal distribution.

    Args:
        mean: its mean.
        stddev: its standard deviation.
        seed: a seed; see `tf.set_random_seed`.
        dtype: the floating type where the call gives none.

    Raises:
        ValueError: `dtype` is no floating type.

    Example:
        >>> w = tf.get_variable("w", [3, 4], initializer=tf.random_normal_initializer())
    """

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Random numbers in that shape and type."""
        dtype = self.dtype if dtype is None else dtype
        return api.random_normal(shape, self.mean, self.stddev, dtype, seed=self.seed)


@export("truncated_normal_initializer", "initializers.truncated_normal")
class TruncatedNormal(_Normal):
    """Makes numbers from a normal distribution, none further out than two standard deviations.

    Args:
        mean: its mean.
        stddev: its standard deviation, before the tails are cut off.
        seed: a seed; see `tf.set_random_seed`.
        dtype: the floating type where the call gives none.

    Raises:
        ValueError: `dtype` is no floating type.

    Example:
        >>> initial = tf.truncated_normal_initializer(stddev=0.1)
        >>> w = tf.get_variable("w", [3, 4], initializer=initial)
    """

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Random numbers in that shape and type."""
        dtype = self.dtype if dtype is None else dtype
        return api.truncated_normal(shape, self.mean, self.stddev, dtype, seed=self.seed)


@export("uniform_unit_scaling_initializer", "initializers.uniform_unit_scaling")
class UniformUnitScaling(Initializer):
    """Makes numbers drawn evenly, such that a layer keeps the scale of its inputs.

    They lie within factor * sqrt(3 / n), n being the number of inputs: all sizes but
    the last, multiplied.

    Args:
        factor: the factor.
        seed: a seed; see `tf.set_random_seed`.
        dtype: the floating type where the call gives none.

    Example:
        >>> initial = tf.uniform_unit_scaling_initializer(factor=1.43)
        >>> w = tf.get_variable("w", [3, 4], initializer=initial)
    """

    _settings = ("factor", "seed")

    def __init__(self, factor: float = 1.0, seed: Any = None, dtype: Any = dtypes.float32) -> None:
        self.factor, self.seed = factor, seed
        self.dtype = _floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Random numbers in that shape and type."""
        dtype = self.dtype if dtype is None else dtype
        full = shape if partition_info is None else partition_info.full_shape
        inputs = math.prod([float(size) for size in full[:-1]])
        limit = math.sqrt(3 / max(inputs, 1.0)) * self.factor
        return api.random_uniform(shape, -limit, limit, dtype, seed=self.seed)


def fans(shape: Any) -> tuple[float, float]:
    """(inputs, outputs) of a layer whose weights have that shape; a kernel's window counts for
    both.
    """
    sizes = [float(int(size)) for size in shape]
    if len(sizes) < 2:
        count = sizes[0] if sizes else 1.0
        return count, count
    window = math.prod(sizes[:-2])
    return sizes[-2] * window, sizes[-1] * window


@export("variance_scaling_initializer", "initializers.variance_scaling")
class VarianceScaling(Initializer):
    """Makes random numbers whose variance follows from the layer's size: scale / n.

    Args:
        scale: the scale, positive.
        mode: what n is: "fan_in", "fan_out" or "fan_avg".
        distribution: "normal" or "truncated_normal", "untruncated_normal", or "uniform".
        seed: a seed; see `tf.set_random_seed`.
        dtype: the floating type where the call gives none.

    Raises:
        ValueError: an argument is not among those.

    Example:
        >>> initial = tf.variance_scaling_initializer(2.0, mode="fan_out")
        >>> w = tf.get_variable("w", [3, 4], initializer=initial)
    """

    _settings: Sequence[str] = ("scale", "mode", "distribution", "seed")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        if scale <= 0.0:
            raise ValueError("`scale` must be positive float.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError("Invalid `mode` argument:", mode)
        distribution = distribution.lower()
        if distribution not in ("normal", "uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError("Invalid `distribution` argument:", distribution)
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed
        self.dtype = _floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Random numbers in that shape and type."""
        dtype = self.dtype if dtype is None else dtype
        inputs, outputs = fans(shape if partition_info is None else partition_info.full_shape)
        size = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2.0}[
            self.mode
        ]
        scale = self.scale / max(1.0, size)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * scale)
            return api.random_uniform(shape, -limit, limit, dtype, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return api.random_normal(shape, 0.0, math.sqrt(scale), dtype, seed=self.seed)
        stddev = math.sqrt(scale) / _TRUNCATED_STDDEV
        return api.truncated_normal(shape, 0.0, stddev, dtype, seed=self.seed)


@export("glorot_uniform_initializer", "initializers.glorot_uniform")
class GlorotUniform(VarianceScaling):
    """Makes numbers drawn evenly within sqrt(6 / (inputs + outputs)): what variables start with.

    Args:
        seed: a seed; see `tf.set_random_seed`.
        dtype: kept for TensorFlow's signature: where the call gives no type, it is float32.

    Example:
        >>> w = tf.get_variable("w", [3, 4], initializer=tf.glorot_uniform_initializer(seed=1))
    """

    _settings = ("seed",)

    def __init__(self, seed: Any = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed)


@export("glorot_normal_initializer", "initializers.glorot_normal")
class GlorotNormal(VarianceScaling):
    """Makes numbers from a truncated normal distribution of variance 2 / (inputs + outputs).

    Args:
        seed: a seed; see `tf.set_random_seed`.
        dtype: kept for TensorFlow's signature: where the call gives no type, it is float32.

    Example:
        >>> w = tf.get_variable("w", [3, 4], initializer=tf.glorot_normal_initializer())
    """

    _settings = ("seed",)

    def __init__(self, seed: Any = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed)


@export("orthogonal_initializer", "initializers.orthogonal")
class Orthogonal(Initializer):
    """Makes matrices with orthogonal rows or columns of length `gain` (Saxe et al., 2013).

    A shape of more than two sizes is that of a matrix whose rows are all but the last size.

    Args:
        gain: what they are multiplied with.
        seed: a seed; see `tf.set_random_seed`.
        dtype: the floating type where the call gives none.

    Raises:
        ValueError: `dtype` is no floating type, or a shape has less than two sizes.

    Example:
        >>> w = tf.get_variable("w", [4, 4], initializer=tf.orthogonal_initializer())
    """

    _settings = ("gain", "seed")

    def __init__(self, gain: float = 1.0, seed: Any = None, dtype: Any = dtypes.float32) -> None:
        self.gain, self.seed = gain, seed
        self.dtype = _floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """A random orthogonal matrix in that shape and type."""
        dtype = self.dtype if dtype is None else dtype
        if len(shape) < 2:
            raise ValueError("The tensor to initialize must be at least two-dimensional")
        *outer, columns = [int(size) for size in shape]
        rows = math.prod(outer)
        tall = (max(rows, columns), min(rows, columns))
        q, r = api.linalg.qr(api.random_normal(tall, dtype=dtype, seed=self.seed))
        q = q * api.sign(api.diag_part(r))  # r's diagonal positive: that makes the draw uniform
        if rows < columns:
            q = api.matrix_transpose(q)
        return self.gain * api.reshape(q, shape)


@export("initializers.identity")
class Identity(Initializer):
    """Makes identity matrices.

    Args:
        gain: what they are multiplied with.
        dtype: the floating type where the call gives none.

    Example:
        >>> w = tf.get_variable("w", [4, 4], initializer=tf.initializers.identity())
    """

    _settings = ("gain",)

    def __init__(self, gain: float = 1.0, dtype: Any = dtypes.float32) -> None:
        self.gain = gain
        self.dtype = _floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """The matrix in that shape and type; ValueError where the shape is no matrix's."""
        full = shape if partition_info is None else partition_info.full_shape
        if len(full) != 2:
            raise ValueError("Identity matrix initializer can only be used for 2D matrices.")
        matrix = api.eye(*full, dtype=self.dtype if dtype is None else dtype)
        if partition_info is not None:
            matrix = api.slice(matrix, partition_info.var_offset, shape)
        return self.gain * matrix


@export("initializers.he_normal")
def he_normal(seed: Any = None) -> VarianceScaling:
    """An initializer with a truncated normal of variance 2 / inputs (He et al., 2015).

    Args:
        seed: a seed; see `tf.set_random_seed`.

    Example:
        >>> w = tf.get_variable("w", [3, 4], initializer=tf.initializers.he_normal())
    """
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed)


@export("initializers.he_uniform")
def he_uniform(seed: Any = None) -> VarianceScaling:
    """An initializer with an even distribution of variance 2 / inputs (He et al., 2015).

    Args:
        seed: a seed; see `tf.set_random_seed`.

    Example:
        >>> w = tf.get_variable("w", [3, 4], initializer=tf.initializers.he_uniform())
    """
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


@export("initializers.lecun_normal")
def lecun_normal(seed: Any = None) -> VarianceScaling:
    """An initializer with a truncated normal distribution of variance 1 / inputs (LeCun, 1998).

    Args:
        seed: a seed; see `tf.set_random_seed`.

    Example:
        >>> w = tf.get_variable("w", [3, 4], initializer=tf.initializers.lecun_normal())
    """
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed)


@export("initializers.lecun_uniform")
def lecun_uniform(seed: Any = None) -> VarianceScaling:
    """An initializer with an even distribution of variance 1 / inputs (LeCun, 1998).

    Args:
        seed: a seed; see `tf.set_random_seed`.

    Example:
        >>> w = tf.get_variable("w", [3, 4], initializer=tf.initializers.lecun_uniform())
    """
    return VarianceScaling(1.0, "fan_in", "uniform", seed)
