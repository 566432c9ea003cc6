"""Shapes of states and outputs: the batch's size before what a cell says of one element."""

from __future__ import annotations

from typing import Any, NamedTuple

from penstock.graph import dtypes, nest, shapes
from penstock.graph.export import api
from penstock.graph.operation import Tensor
from penstock.graph.static_value import constant_value, constant_value_as_shape


class _Part(NamedTuple):
    """A part of a shape: as a tensor, or None where it is not known, and what is known of it."""

    tensor: Tensor | None
    known: shapes.Shape


def _part(sizes: Any, what: str) -> _Part:
    if isinstance(sizes, Tensor):
        value = constant_value(sizes)
        if sizes._rank() == 0:
            return _Part(api.expand_dims(sizes, 0), (None if value is None else int(value),))
        if sizes._rank() != 1:
            raise ValueError(
                f"{what} tensor must be either a scalar or vector, but saw tensor: {sizes}"
            )
        return _Part(sizes, None if value is None else tuple(value.tolist()))
    known = shapes.as_tuple([sizes] if sizes is None else sizes)
    if not shapes.is_known(known):
        return _Part(None, known)
    return _Part(api.constant(list(known or ()), dtype=dtypes.int32), known)


def joined_shape(prefix: Any, suffix: Any) -> Tensor:
    """Two parts of a shape as one, a tensor.

    Args:
        prefix, suffix: each a size, a shape, or a scalar or vector tensor.

    Raises:
        ValueError: a part is not known.
    """
    before, after = _part(prefix, "prefix"), _part(suffix, "suffix")
    if before.tensor is None or after.tensor is None:
        raise ValueError(f"Provided a prefix or suffix of None: {prefix} and {suffix}")
    return api.concat((before.tensor, after.tensor), 0)


def joined_static_shape(prefix: Any, suffix: Any) -> shapes.Shape:
    """What is known of two parts of a shape, put together."""
    before, after = _part(prefix, "prefix").known, _part(suffix, "suffix").known
    return None if before is None or after is None else (*before, *after)


def known_shape(size: Any) -> tuple[int | None, ...]:
    """What is known of a size: an int, a shape, or a vector tensor."""
    if isinstance(size, Tensor):
        return tuple(constant_value_as_shape(size) or ())
    return tuple(shapes.as_tuple([size] if isinstance(size, int) else size) or ())


def zeros_of(state_size: Any, batch_size: Any, dtype: Any) -> Any:
    """Zeros for each size in a structure of sizes, of shape [batch_size, size].

    Args:
        state_size: sizes or shapes of one element of the batch, in a structure.
        batch_size: an int, or a scalar tensor.
        dtype: the type of the zeros.
    """

    def zeros(size: Any) -> Tensor:
        found = api.zeros(joined_shape(batch_size, size), dtype=dtype)
        found.set_shape(joined_static_shape(batch_size, size))
        return found

    return nest.map_structure(zeros, state_size)
