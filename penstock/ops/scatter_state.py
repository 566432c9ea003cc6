"""Ops that change some rows or elements of a variable: ScatterUpdate, ScatterAdd, ScatterNdAdd and
their kin, for both kinds of variables.

Rows that an index names several times take every update: sums add up, and of several replacements
    the last stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, raw, register
from penstock.graph.public import name_scope
from penstock.ops.row_updates import at_rows
from penstock.ops.state import NUMBERS, is_reference, same_shapes

_ORDERED = "{half, bfloat16, float, double, int32, int64}"


# In place of a loop over the updates.


_UFUNCS: dict[str, Any] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "min": np.minimum,
    "max": np.maximum,
}
_JAX_UPDATES = {
    "update": "set",
    "add": "add",
    "mul": "multiply",
    "div": "divide",
    "min": "min",
    "max": "max",
}


def scatter_in_place(how: str, out: Any, index: Any, updates: Any) -> None:
    """Replaces `out[index]` by what `how` makes of it and of `updates`, in a C-contiguous array."""
    if how == "update":
        out[index] = updates
    elif how == "div" and out.dtype.kind in "iu":
        _divide_integers(out, index, updates)
    else:
        at_rows(_UFUNCS[how], out, index, updates)


def traced_scatter(ref: Any, index: Any, updates: Any, how: str) -> Any:
    """The array with `ref[index]` replaced by what `how` makes of it and of `updates`."""
    import jax.numpy as xp

    # Compiled code cannot raise: what lies outside is left out. JAX would count negative ones from
    # the end.
    inside = tuple(
        [xp.where(part < 0, size, part) for part, size in zip(index, ref.shape, strict=False)]
    )
    places = ref.at[inside]
    if how == "sub":
        return places.add(-updates, mode="drop")
    if how == "div" and ref.dtype.kind in "iu":
        from jax import lax

        rows = places.get(mode="fill", fill_value=0)
        return places.set(lax.div(rows, xp.broadcast_to(updates, rows.shape)), mode="drop")
    return getattr(places, _JAX_UPDATES[how])(updates, mode="drop")


def _divide_integers(out: Any, index: Any, updates: Any) -> None:
    """Divides one row after another, rounding towards zero as TensorFlow does."""
    for place in np.ndindex(np.shape(index[0])):
        row = tuple([part[place] for part in index])
        value = updates[place] if np.ndim(updates) else updates
        out[row] = np.trunc(out[row] / value).astype(out.dtype)


def check_rows(indices: Any, count: int) -> None:
    """Raises InvalidArgumentError unless all indices are rows of an array with `count` of them."""
    if indices.size and (indices.min() < 0 or indices.max() >= count):
        place = np.argwhere((indices < 0) | (indices >= count))[0]
        where = list(map(int, place)) if len(place) else ""
        raise InvalidArgumentError(
            None, None, f"indices{where} = {indices[tuple(place)]} is not in [0, {count})"
        )


def _check_updates(ref: Any, indices: Any, updates: Any) -> None:
    if updates.shape and updates.shape != indices.shape + ref.shape[1:]:
        raise InvalidArgumentError(
            None,
            None,
            "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], "
            f"got updates.shape {shapes.bracket_text(updates.shape)}, "
            f"indices.shape {shapes.bracket_text(indices.shape)}, "
            f"params.shape {shapes.bracket_text(ref.shape)}",
        )


def _change_rows(how: str, ref: Any, indices: Any, updates: Any) -> None:
    _check_updates(ref, indices, updates)
    check_rows(indices, ref.shape[0])
    scatter_in_place(how, ref, (indices,), updates)


def _changed_rows(how: str, xp: Any, ref: Any, indices: Any, updates: Any) -> Any:
    if xp is not np:
        _check_updates(ref, indices, updates)
        return traced_scatter(ref, (indices,), updates, how)
    changed = np.array(ref, order="C")
    _change_rows(how, changed, indices, updates)
    return changed


def _check_places(ref: Any, indices: Any, updates: Any) -> None:
    depth = indices.shape[-1]
    if depth == 0 and updates.size:
        raise InvalidArgumentError(
            None, None,
            "Indices and updates specified for empty output.  indices shape: "
            f"{shapes.bracket_text(indices.shape)}",
        )  # fmt: skip
    if depth > ref.ndim:
        raise InvalidArgumentError(
            None, None,
            "Must have updates.shape = indices.shape[:batch_dim] + params_shape[slice_dim:], but "
            f"indices.shape {shapes.bracket_text(indices.shape)} has places of {depth} numbers, "
            f"and params_shape is {shapes.bracket_text(ref.shape)}",
        )  # fmt: skip
    if updates.shape != indices.shape[:-1] + ref.shape[depth:]:
        raise InvalidArgumentError(
            None,
            None,
            "The outermost dimension of updates and indices must match. "
            f"Got indices.shape {shapes.bracket_text(indices.shape)}, "
            f"updates.shape {shapes.bracket_text(updates.shape)}",
        )


def _check_places_inside(ref: Any, indices: Any) -> None:
    outside = ((indices < 0) | (indices >= np.array(ref.shape[: indices.shape[-1]]))).any(axis=-1)
    if outside.any():
        place = tuple(np.argwhere(outside)[0])
        raise InvalidArgumentError(
            None, None,
            f"indices{list(map(int, place))} = {indices[place].tolist()} does not index into shape "
            f"{shapes.bracket_text(ref.shape)}",
        )  # fmt: skip


def _index(indices: Any) -> tuple[Any, ...]:
    return tuple([indices[..., axis] for axis in range(indices.shape[-1])])


def _change_places(how: str, ref: Any, indices: Any, updates: Any) -> None:
    _check_places(ref, indices, updates)
    _check_places_inside(ref, indices)
    scatter_in_place(how, ref, _index(indices), updates)


def _changed_places(how: str, xp: Any, ref: Any, indices: Any, updates: Any) -> Any:
    if xp is not np:
        _check_places(ref, indices, updates)
        return traced_scatter(ref, _index(indices), updates, how)
    changed = np.array(ref, order="C")
    _change_places(how, changed, indices, updates)
    return changed


# Shape rules


def scatter_shape(ref: shapes.Shape, indices: shapes.Shape, updates: shapes.Shape) -> shapes.Shape:
    if ref == ():
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    if ref is not None and indices is not None and updates != ():
        same_shapes(updates, indices + ref[1:])
    return ref


def resource_scatter_shape(
    resource: shapes.Shape, indices: shapes.Shape, updates: shapes.Shape
) -> list[shapes.Shape]:
    scatter_shape(resource, indices, updates)
    return []


def scatter_nd_shape(
    ref: shapes.Shape, indices: shapes.Shape, updates: shapes.Shape
) -> shapes.Shape:
    if indices == ():
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    if ref is None or indices is None or updates is None or indices[-1] is None:
        return ref
    expected = indices[:-1] + ref[indices[-1] :]
    if not shapes.compatible(updates, expected):
        raise ValueError(
            "The outer dimensions of indices and updates must match: updates must have the shape "
            f"{shapes.bracket_text(expected)}, has {shapes.bracket_text(updates)}"
        )
    return ref


def resource_scatter_nd_shape(
    ref: shapes.Shape, indices: shapes.Shape, updates: shapes.Shape
) -> list[shapes.Shape]:
    scatter_nd_shape(ref, indices, updates)
    return []


# The ops


def _ref_spec(name: str, types: str, locking: str, **functions: Any) -> OpSpec:
    return register(
        OpSpec(
            name=name, inputs=("ref: Ref(T)", "indices: Tindices", "updates: T"),
            outputs=("output_ref: Ref(T)",),
            attrs=(f"T: {types}", "Tindices: {int32, int64}", f"use_locking: bool = {locking}"),
            writes=("ref",), **functions,
        )
    )  # fmt: skip


def _resource_spec(name: str, types: str, **functions: Any) -> OpSpec:
    return register(
        OpSpec(
            name=name, inputs=("resource: resource", "indices: Tindices", "updates: dtype"),
            outputs=(),
            attrs=(f"dtype: {types}", "Tindices: {int32, int64}"), writes=("resource",),
            stateful=True,
            shape=resource_scatter_shape, gradient=None, **functions,
        )
    )  # fmt: skip


def _resource_nd_spec(name: str, **functions: Any) -> OpSpec:
    return register(
        OpSpec(
            name=name, inputs=("ref: resource", "indices: Tindices", "updates: T"), outputs=(),
            attrs=("T: type", "Tindices: {int32, int64}", "use_locking: bool = true"),
            writes=("ref",), stateful=True,
            shape=resource_scatter_nd_shape, gradient=None, **functions,
        )
    )  # fmt: skip


def _family(how: str, ref_types: str, resource_types: str, locking: str) -> OpSpec:
    """Registers Scatter… of one kind for both kinds of variables; gives the one for references."""

    def kernel(xp: Any, ref: Any, indices: Any, updates: Any) -> Any:
        return _changed_rows(how, xp, ref, indices, updates)

    def in_place(ref: Any, indices: Any, updates: Any) -> None:
        _change_rows(how, ref, indices, updates)

    name = f"Scatter{how.capitalize()}"
    _resource_spec(f"Resource{name}", resource_types, kernel=kernel, in_place=in_place)
    # TensorFlow has not said of the others that nothing flows back: asking for that is an error.
    gradient = NOT_DIFFERENTIABLE if how in ("add", "sub", "mul", "div") else None
    return _ref_spec(
        name, ref_types, locking, shape=scatter_shape, kernel=kernel, in_place=in_place,
        gradient=gradient,
    )  # fmt: skip


def _nd_family(how: str, types: str, locking: str) -> OpSpec:
    """Registers ScatterNd… for both kinds of variables; gives the one for references."""

    def kernel(xp: Any, ref: Any, indices: Any, updates: Any) -> Any:
        return _changed_places(how, xp, ref, indices, updates)

    def in_place(ref: Any, indices: Any, updates: Any) -> None:
        _change_places(how, ref, indices, updates)

    name = f"ScatterNd{how.capitalize()}"
    _resource_nd_spec(f"Resource{name}", kernel=kernel, in_place=in_place)
    return _ref_spec(
        name, types, locking, shape=scatter_nd_shape, kernel=kernel, in_place=in_place,
        gradient=NOT_DIFFERENTIABLE,
    )  # fmt: skip


SCATTER_UPDATE = _family("update", "type", "type", "true")
SCATTER_ADD = _family("add", NUMBERS, NUMBERS, "false")
SCATTER_SUB = _family("sub", NUMBERS, NUMBERS, "false")
SCATTER_MUL = _family("mul", NUMBERS, NUMBERS, "false")
SCATTER_DIV = _family("div", NUMBERS, NUMBERS, "false")
SCATTER_MIN = _family("min", _ORDERED, NUMBERS, "false")
SCATTER_MAX = _family("max", _ORDERED, NUMBERS, "false")
SCATTER_ND_UPDATE = _nd_family("update", "type", "true")
SCATTER_ND_ADD = _nd_family("add", NUMBERS, "false")
SCATTER_ND_SUB = _nd_family("sub", NUMBERS, "false")


# Public functions


def _scatter(
    spec: OpSpec, ref: Any, indices: Any, updates: Any, use_locking: bool, name: str | None
) -> Any:
    if is_reference(ref):
        return spec(ref, indices, updates, use_locking=use_locking, name=name)
    return ref.scatter_by(f"Resource{spec.name}", indices, updates, name)


_DESCRIPTION = """{what}

    Args:
        ref: a variable{rank}.
        indices: an int32 or int64 tensor{indices}.
        updates: a tensor of the variable's type, of the shape {shape}.
        use_locking: kept for TensorFlow's signature: an update is always atomic.
        name: a name for the operation.

    Returns:
        A tensor that has the new value of the whole variable.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> update = tf.{name}(v, {example})
    """


_OF_PLACES = {
    "rank": "",
    "indices": ", whose last axis gives the place of an element or slice",
    "shape": "indices.shape[:-1] + ref.shape[indices.shape[-1]:]",
    "example": "[[0, 1]], [5.0]",
}
_OF_ROWS = {
    "rank": " of rank 1 or more",
    "indices": " of row numbers",
    "shape": "indices.shape + ref.shape[1:]",
    "example": "[0, 2], [5.0, 6.0]",
}


def _public(name: str, spec: OpSpec, what: str, use_locking: bool = False) -> Any:
    """Makes and exports the function of one op; they differ in the op and in what it does alone."""
    nd = name.startswith("scatter_nd")

    def scatter(
        ref: Any,
        indices: Any,
        updates: Any,
        use_locking: bool = use_locking,
        name: str | None = None,
    ) -> Any:
        return _scatter(spec, ref, indices, updates, use_locking, name)

    scatter.__name__ = scatter.__qualname__ = name
    words = _OF_PLACES if nd else _OF_ROWS
    scatter.__doc__ = _DESCRIPTION.format(what=what, name=name, **words)
    return export(name)(scatter)


scatter_update = _public(
    "scatter_update", SCATTER_UPDATE, "Replaces rows of a variable.", use_locking=True
)
scatter_add = _public("scatter_add", SCATTER_ADD, "Adds to rows of a variable.")
scatter_sub = _public("scatter_sub", SCATTER_SUB, "Subtracts from rows of a variable.")
scatter_mul = _public("scatter_mul", SCATTER_MUL, "Multiplies rows of a variable.")
scatter_div = _public("scatter_div", SCATTER_DIV, "Divides rows of a variable.")
scatter_min = _public(
    "scatter_min", SCATTER_MIN, "Takes the minimum of rows of a variable and their updates."
)
scatter_max = _public(
    "scatter_max", SCATTER_MAX, "Takes the maximum of rows of a variable and their updates."
)
scatter_nd_update = _public(
    "scatter_nd_update", SCATTER_ND_UPDATE, "Replaces elements or slices of a variable.", True
)
scatter_nd_add = _public(
    "scatter_nd_add", SCATTER_ND_ADD, "Adds to elements or slices of a variable."
)
scatter_nd_sub = _public(
    "scatter_nd_sub", SCATTER_ND_SUB, "Subtracts from elements or slices of a variable."
)


@export("batch_scatter_update")
def batch_scatter_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Any:
    """Replaces slices of a variable along the last axis of `indices`; the axes before it go
    together.

    Args:
        ref: a variable.
        indices: int32 or int64, of known rank n.
        updates: a tensor of the variable's type, of the shape indices.shape + ref.shape[n:].
        use_locking: kept for TensorFlow's signature: an update is always atomic.
        name: a name scope for the operations.

    Returns:
        A tensor that has the new value of the whole variable.

    Raises:
        ValueError: the rank of `indices` is not known, or the shapes do not fit.

    Example:
        >>> update = tf.batch_scatter_update(v, [[1], [0]], [[5.0], [6.0]])  # v[0, 1] and v[1, 0]
    """
    with name_scope(name):
        indices = convert_to_tensor(indices, name="indices")
        sizes = api.shape(indices)
        if indices._shape is None:
            raise ValueError("batch_gather does not allow indices with unknown shape.")
        batch = len(indices._shape) - 1
        last = api.expand_dims(indices, axis=-1)
        columns = [_numbers_along(axis, sizes, last) for axis in range(batch)]
        places = api.concat([*columns, last], axis=-1)
        return scatter_nd_update(ref, places, updates, use_locking=use_locking)


def _numbers_along(axis: int, sizes: Any, last: Any) -> Any:
    """For each element of `last` its place along an axis."""
    size = sizes[axis]
    shape: list[Any] = [1] * len(last._shape)
    shape[axis] = size
    numbers = api.reshape(raw.Range(0, size, 1), shape)
    if numbers.dtype is not last.dtype:
        numbers = api.cast(numbers, last.dtype)
    return numbers * api.ones_like(last)
