"""Clipping: values, and tensors by their norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.ops.indexed_slices import IndexedSlices


def clip_by_value_shape(t: shapes.Shape, low: shapes.Shape, high: shapes.Shape) -> shapes.Shape:
    return shapes.broadcast(shapes.broadcast(t, low), high)


def clip_by_value_kernel(xp: Any, t: Any, low: Any, high: Any) -> Any:
    return xp.minimum(xp.maximum(t, low), high)


CLIP_BY_VALUE = register(
    OpSpec(
        name="ClipByValue",
        inputs=("t: T", "clip_value_min: T", "clip_value_max: T"),
        outputs=("output: T",),
        attrs=("T: numbertype",),
        shape=clip_by_value_shape,
        kernel=clip_by_value_kernel,
        gradient=None,
    )
)


def _values_of(t: Any, name: str) -> Tensor:
    return convert_to_tensor(t.values if isinstance(t, IndexedSlices) else t, name=name)


def _as_given(values: Tensor, t: Any) -> Any:
    """The clipped values, as tf.IndexedSlices where such were given."""
    if isinstance(t, IndexedSlices):
        return IndexedSlices(values, t.indices, t.dense_shape)
    return values


@export("clip_by_value")
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """The tensor with values below the least and above the largest replaced by these.

    Args:
        t: a tensor or tf.IndexedSlices of a real number type.
        clip_value_min: the least value, which broadcasts to the shape of `t`.
        clip_value_max: the largest value, likewise.
        name: a name for the operations.

    Returns:
        A Tensor, or IndexedSlices, of the type and shape of `t`.

    Raises:
        ValueError: a limit has a shape that makes the result larger than `t`.

    Example:
        >>> tf.clip_by_value(gradient, -1.0, 1.0)
    """
    with name_scope(name, "clip_by_value", [t, clip_value_min, clip_value_max]) as scope:
        values = _values_of(t, "t")
        low_enough = api.minimum(values, clip_value_max)
        _check_same_shape(low_enough, values)
        clipped = api.maximum(low_enough, clip_value_min, name=scope)
        _check_same_shape(clipped, values)
        return _as_given(clipped, t)


def _check_same_shape(result: Tensor, values: Tensor) -> None:
    if not shapes.compatible(result._shape, values._shape):
        raise ValueError(
            f"Shapes {shapes.shape_text(values._shape)} and {shapes.shape_text(result._shape)} are "
            "not compatible: the first is of what is clipped, the second of the result"
        )


@export("clip_by_norm")
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """The tensor scaled down to a norm, where its own is larger.

    Args:
        t: a tensor or tf.IndexedSlices of a float type.
        clip_norm: the largest norm, a scalar above 0.
        axes: the axes over which norms are taken; all where None.
        name: a name for the operations.

    Returns:
        A Tensor, or IndexedSlices, of the type and shape of `t`.

    Example:
        >>> tf.clip_by_norm(gradient, 5.0)
    """
    with name_scope(name, "clip_by_norm", [t, clip_norm]) as scope:
        values = _values_of(t, "t")
        squares = api.reduce_sum(values * values, axes, keepdims=True)
        positive = squares > 0
        # Twice, because the gradient of a square root at 0 is infinite.
        safe = api.where(positive, squares, api.ones_like(squares))
        norm = api.where(positive, api.sqrt(safe), squares)
        scaled = values * clip_norm
        _check_same_shape(scaled, values)
        clipped = api.identity(scaled / api.maximum(norm, clip_norm), name=scope)
        return _as_given(clipped, t)


def _check_list(t_list: Any) -> list[Any]:
    if not isinstance(t_list, Sequence) or isinstance(t_list, str):
        raise TypeError("t_list should be a sequence")
    return list(t_list)


def _convert_all(t_list: list[Any]) -> list[Any]:
    return [
        convert_to_tensor(t.values if isinstance(t, IndexedSlices) else t, name=f"t_{i}")
        if t is not None
        else None
        for i, t in enumerate(t_list)
    ]


@export("global_norm", "linalg.global_norm")
def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The norm of all the tensors in a list together.

    Args:
        t_list: tensors, tf.IndexedSlices, and None, which is left out.
        name: a name for the operations.

    Returns:
        A scalar Tensor of the tensors' type.

    Raises:
        TypeError: `t_list` is no sequence.

    Example:
        >>> tf.global_norm(gradients)
    """
    t_list = _check_list(t_list)
    with name_scope(name, "global_norm", [t for t in t_list if t is not None]):
        halves = []
        for values in _convert_all(t_list):
            if values is not None:
                with api.colocate_with(values):
                    halves.append(raw.L2Loss(values))
        half = api.reduce_sum(api.stack(halves))
        two = api.constant(2.0, dtype=half.dtype.base_dtype)
        return api.sqrt(half * two, name="global_norm")


@export("clip_by_global_norm")
def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """Tensors scaled down together to a norm of all, where that is larger.

    Args:
        t_list: tensors, tf.IndexedSlices, and None, which stays None.
        clip_norm: the largest norm, a scalar above 0.
        use_norm: the norm of all where it is known; `tf.global_norm` otherwise.
        name: a name for the operations.

    Returns:
        The scaled tensors in a list, all NaN where the norm is infinite; and the norm.

    Raises:
        TypeError: `t_list` is no sequence.

    Example:
        >>> clipped, norm = tf.clip_by_global_norm(gradients, 5.0)
    """
    t_list = _check_list(t_list)
    if use_norm is None:
        use_norm = global_norm(t_list, name)
    given = [t for t in t_list if t is not None]
    with name_scope(name, "clip_by_global_norm", [*given, clip_norm]) as scope:
        one = 1.0 / use_norm
        largest = api.constant(1.0, dtype=use_norm.dtype.base_dtype) / clip_norm
        scale = clip_norm * api.minimum(one, largest)
        finite = api.is_finite(use_norm)
        nan = api.constant(float("nan"), dtype=use_norm.dtype.base_dtype)
        scale = api.where(finite, scale, nan)
        clipped: list[Any] = []
        for i, (t, values) in enumerate(zip(t_list, _convert_all(t_list), strict=True)):
            if values is None:
                clipped.append(None)
                continue
            with api.colocate_with(values):
                scaled = api.identity(values * scale, name=f"{scope}_{i}")
            clipped.append(_as_given(scaled, t))
        return clipped, use_norm


@export("clip_by_average_norm")
def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """The tensor scaled down to a norm per element, where its own is larger.

    Args:
        t: a tensor of a float type.
        clip_norm: the largest norm per element, a scalar above 0.
        name: a name for the operations.

    Returns:
        A Tensor of the type and shape of `t`.

    Example:
        >>> tf.clip_by_average_norm(gradient, 0.1)
    """
    with name_scope(name, "clip_by_average_norm", [t, clip_norm]) as scope:
        t = convert_to_tensor(t, name="t")
        count = api.cast(api.size(t), t.dtype.base_dtype)
        squares = api.reduce_sum(t * t, api.range(api.rank(t)))
        inverse = api.rsqrt(squares)
        scaled = t * clip_norm
        factor = inverse * count
        limit = api.constant(1.0, dtype=t.dtype.base_dtype) / clip_norm
        smaller = api.minimum(factor, limit)
        return api.identity(scaled * smaller, name=scope)
