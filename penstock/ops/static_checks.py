"""Checks of ranks, types and shapes: while building where these are known, else in each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.public import name_scope
from penstock.ops.assertions import assert_, known_value
from penstock.ops.control import no_op, with_dependencies

# Ranks


class _WrongRank(ValueError):
    """A static rank does not fit."""


def _check_rank(
    x: Tensor,
    ranks: list[Tensor],
    fits: Callable[[int, list[int]], bool],
    condition: Callable[[Tensor, list[Tensor]], Tensor],
    data: Any,
    summarize: int | None,
) -> Operation:
    for rank in ranks:
        assert_type(rank, dtypes.int32)
    known = [known_value(rank) for rank in ranks]
    if any([rank is not None and rank.ndim != 0 for rank in known]):
        raise ValueError("Rank must be a scalar.")
    if x._shape is not None and all([rank is not None for rank in known]):
        if not fits(len(x._shape), [int(rank) for rank in known]):
            raise _WrongRank
        return no_op(name="static_checks_determined_all_ok")
    test = condition(api.rank(x), ranks)
    for rank, value in zip(ranks, known, strict=True):
        if value is None:
            is_scalar = assert_rank(rank, 0, data=["Rank must be a scalar. Received rank: ", rank])
            test = with_dependencies([is_scalar], test)
    return assert_(test, data, summarize=summarize)


def _rank_data(x: Tensor, wanted: str, ranks: list[Tensor], message: str | None) -> list[Any]:
    return [
        message or "", f"Tensor {x.name} must have rank{wanted}", *ranks, "Received shape: ",
        api.shape(x),
    ]  # fmt: skip


def _rank_error(x: Tensor, wanted: str, message: str | None) -> ValueError:
    assert x._shape is not None
    return ValueError(
        f"{message or ''}.  Tensor {x.name} must have rank{wanted}.  Received rank "
        f"{len(x._shape)}, shape {shapes.shape_text(x._shape)}"
    )


@export("assert_rank", "debugging.assert_rank")
def assert_rank(
    x: Any,
    rank: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that a tensor has a rank.

    Args:
        x: a tensor of any type.
        rank: an int32 scalar.
        data: what the error prints instead of the rank and the shape, a list.
        summarize: how many items of each tensor the error prints.
        message: how the error begins.
        name: the name scope of the operations.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails, and does nothing where
        both ranks are known while building.

    Raises:
        ValueError: the check fails while building.

    Example:
        >>> tf.assert_rank(images, 4)
    """
    with name_scope(name, "assert_rank", [x, rank, *(data or [])]):
        x = convert_to_tensor(x, name="x")
        rank = convert_to_tensor(rank, name="rank")
        data = _rank_data(x, "", [rank], message) if data is None else data
        try:
            return _check_rank(
                x, [rank], lambda own, given: own == given[0],
                lambda own, given: api.equal(own, given[0]), data, summarize,
            )  # fmt: skip
        except _WrongRank:
            raise _rank_error(x, f" {known_value(rank)}", message) from None


@export("assert_rank_at_least", "debugging.assert_rank_at_least")
def assert_rank_at_least(
    x: Any,
    rank: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that a tensor has at least so many dimensions.

    Args:
        x: a tensor of any type.
        rank: an int32 scalar.
        data, summarize, message, name: as for `tf.assert_rank`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails, and does nothing where
        both ranks are known while building.

    Raises:
        ValueError: the check fails while building.

    Example:
        >>> tf.assert_rank_at_least(logits, 2)
    """
    with name_scope(name, "assert_rank_at_least", [x, rank, *(data or [])]):
        x = convert_to_tensor(x, name="x")
        rank = convert_to_tensor(rank, name="rank")
        data = _rank_data(x, " at least", [rank], message) if data is None else data
        try:
            return _check_rank(
                x, [rank], lambda own, given: own >= given[0],
                lambda own, given: api.greater_equal(own, given[0]), data, summarize,
            )  # fmt: skip
        except _WrongRank:
            raise _rank_error(x, f" at least {known_value(rank)}", message) from None


@export("assert_rank_in", "debugging.assert_rank_in")
def assert_rank_in(
    x: Any,
    ranks: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks that a tensor has one of some ranks.

    Args:
        x: a tensor of any type.
        ranks: a sequence of int32 scalars.
        data, summarize, message, name: as for `tf.assert_rank`.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails, and does nothing where
        all ranks are known while building.

    Raises:
        ValueError: the check fails while building.

    Example:
        >>> tf.assert_rank_in(images, (3, 4))
    """
    with name_scope(name, "assert_rank_in", [x, *ranks, *(data or [])]):
        x = convert_to_tensor(x, name="x")
        ranks = tuple([convert_to_tensor(rank, name="rank") for rank in ranks])
        data = _rank_data(x, " in", list(ranks), message) if data is None else data
        try:
            return _check_rank(
                x, list(ranks), lambda own, given: own in given, _one_equal, data, summarize
            )
        except _WrongRank:
            known = tuple([known_value(rank) for rank in ranks])
            raise _rank_error(x, f" in {known}", message) from None


def _one_equal(own: Tensor, given: list[Tensor]) -> Tensor:
    if not given:
        return api.constant(False)
    found = api.equal(given[0], own)
    for rank in given[1:]:
        found = api.logical_or(found, api.equal(rank, own))
    return found


@export("assert_scalar", "debugging.assert_scalar", "contrib.framework.assert_scalar")
def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Tensor:
    """The tensor, if it is known to be a scalar.

    Args:
        tensor: a tensor of any type.
        name: its name where it is made here.
        message: how the error begins.

    Raises:
        ValueError: its static shape is not (), or not known.

    Example:
        >>> step = tf.assert_scalar(step)
    """
    with name_scope(name, "assert_scalar", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name=scope)
        if tensor._shape != ():
            raise ValueError(
                f"{message or ''}Expected scalar shape for {tensor.name}, saw shape: "
                f"{shapes.shape_text(tensor._shape)}."
            )
        return tensor


@export("contrib.framework.assert_scalar_int")
def assert_scalar_int(tensor: Any, name: str | None = None) -> Tensor:
    """The tensor, if it is known to be a scalar of an integer type.

    Args:
        tensor: a tensor.
        name: the name scope of what is made here.

    Raises:
        ValueError: it is known to be none.

    Example:
        >>> step = tf.contrib.framework.assert_scalar_int(step)
    """
    with name_scope(name, "assert_scalar_int", [tensor]) as scope:
        tensor = convert_to_tensor(tensor)
        if not tensor.dtype.is_integer:
            raise ValueError(
                f"Expected integer type for {tensor.name}, received type: {tensor.dtype}."
            )
        return assert_scalar(tensor, name=scope)


# Types


@export("assert_type", "debugging.assert_type")
def assert_type(
    tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None
) -> Operation:
    """Checks, while building, that a tensor has a type.

    Args:
        tensor: a tensor.
        tf_type: a DType.
        message: how the error begins.
        name: the name scope of the operation.

    Returns:
        An Operation that does nothing.

    Raises:
        TypeError: it has another type.

    Example:
        >>> tf.assert_type(ids, tf.int64)
    """
    with name_scope(name, "assert_type", [tensor]):
        tensor = convert_to_tensor(tensor, name="tensor")
        wanted = dtypes.as_dtype(tf_type)
        if tensor.dtype != wanted:
            raise TypeError(f"{message or ''}  {tensor.name} must be of type {wanted}")
        return no_op(name="statically_determined_correct_type")


@export("assert_integer", "debugging.assert_integer")
def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Operation:
    """Checks, while building, that a tensor has an integer type.

    Args:
        x: a tensor.
        message: how the error begins.
        name: the name scope of the operation.

    Returns:
        An Operation that does nothing.

    Raises:
        TypeError: it has another type.

    Example:
        >>> tf.assert_integer(ids)
    """
    with name_scope(name, "assert_integer", [x]):
        x = convert_to_tensor(x, name="x")
        if not x.dtype.is_integer:
            raise TypeError(
                f'{message or ""}  Expected "x" to be integer type.  Found: {x.name} of dtype '
                f"{x.dtype}"
            )
        return no_op(name="statically_determined_was_integer")


@export(
    "assert_same_float_dtype", "debugging.assert_same_float_dtype",
    "contrib.framework.assert_same_float_dtype",
)  # fmt: skip
def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> dtypes.DType:
    """The floating type that all of some tensors have.

    Args:
        tensors: tensors, and None.
        dtype: the type that they must have; any one where None.

    Returns:
        The DType; float32 where there is neither a tensor nor a `dtype`.

    Raises:
        ValueError: they have different types, or none that is floating.

    Example:
        >>> tf.assert_same_float_dtype([tf.constant(0.5), tf.constant([1.0, 2.0])])
        tf.float32
    """
    expected = None if dtype is None else dtypes.as_dtype(dtype).base_dtype
    first = ""
    for tensor in tensors or ():
        if tensor is None:
            continue
        own = tensor.dtype.base_dtype
        if expected is None:
            expected, first = own, f" as {tensor.name}"
        elif own is not expected:
            raise ValueError(
                f"{tensor.name}, type={own}, must be of the same type ({expected}){first}."
            )
    if expected is None:
        return dtypes.float32
    if not expected.is_floating:
        raise ValueError(f"Expected floating point type, got {expected}.")
    return expected


@export("assert_proper_iterable", "debugging.assert_proper_iterable")
def assert_proper_iterable(values: Any) -> None:
    """Raises TypeError unless `values` is a collection of things to go through.

    Args:
        values: any value; tensors, arrays, strings and bytes are not proper.

    Example:
        >>> tf.assert_proper_iterable([x, y])
    """
    unfit = (Tensor, np.ndarray, bytes, str)
    if isinstance(values, unfit) or hasattr(values, "dense_shape"):
        raise TypeError(
            f'Expected argument "values" to be a "proper" iterable.  Found: {type(values)}'
        )
    if not isinstance(values, Iterable):
        raise TypeError(f'Expected argument "values" to be iterable.  Found: {type(values)}')


# Shapes


@export("debugging.assert_shapes")
def assert_shapes(
    shapes: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """Checks shapes that have sizes in common.

    Args:
        shapes: a dictionary, or pairs, from tensor to its shape: a sequence of sizes, of names that
            stand for one size everywhere, and of None or "." for any size. A first "*" or `...`
            stands for any number of sizes.
        data: what the error prints instead of the shape, a list.
        summarize: how many items of each tensor the error prints.
        message: how the error begins.
        name: the name scope of the operations.

    Returns:
        An Operation that raises InvalidArgumentError where the check fails.

    Raises:
        ValueError: it fails while building, or "*" is not the first of a shape.

    Example:
        >>> tf.debugging.assert_shapes({x: ("N", "Q"), y: ("N", "D"), scalar: ()})
    """
    pairs = list(shapes.items()) if hasattr(shapes, "items") else list(shapes)
    options = {"data": data, "summarize": summarize, "message": message}
    with name_scope(name, "assert_shapes", [[tensor for tensor, _ in pairs], data]):
        wanted = [
            (convert_to_tensor(tensor), shape) for tensor, shape in pairs if shape is not None
        ]
        placed = [_placed(tensor, shape, message) for tensor, shape in wanted]
        sizes = [_sizes(tensor) for tensor, _ in wanted]
        checks: list[Any] = []
        for (tensor, _), places in zip(wanted, placed, strict=True):
            checks += _check_rank_of(tensor, places, {"name": name, **options})
        known: dict[Any, tuple[Any, str]] = {}
        for (tensor, _), places, own in zip(wanted, placed, sizes, strict=True):
            for place, symbol in places.items():
                if symbol is None or symbol == ".":
                    continue
                size = own[place]
                given = _as_size(symbol)
                if given is None and symbol not in known:
                    known[symbol] = (size, f"Specified by tensor {tensor.name} dimension {place}")
                    continue
                expected = (given, "Specified explicitly") if given is not None else known[symbol]
                checks += _check_size(tensor, place, size, *expected, **options)
        return api.group(*checks)


def _placed(tensor: Any, shape: Any, message: str | None) -> dict[int, Any]:
    """What a shape says, by axis: axes count from the end where the first sizes are left open."""
    if not hasattr(shape, "__iter__") and not hasattr(shape, "__getitem__"):
        raise ValueError(
            f"{message or ''}.  Tensor {tensor.name}.  Specified shape must be an iterable.  An "
            "iterable has the attribute `__iter__` or `__getitem__`.  Received specified shape: "
            f"{shape}"
        )
    symbols = list(shape)
    is_open = [symbol is ... or symbol == "*" for symbol in symbols]
    if any(is_open[1:]):
        raise ValueError(
            f"{message or ''}.  Tensor {tensor.name} specified shape index "
            f"{is_open.index(True, 1)}.  Symbol `...` or `*` for a variable number of unspecified "
            "dimensions is only allowed as the first entry"
        )
    if is_open[:1] == [True]:
        last = symbols[1:] or [1]
        return dict(enumerate(last, -len(last)))
    return dict(enumerate(symbols or [1]))


def _check_rank_of(tensor: Tensor, places: dict[int, Any], options: Any) -> list[Operation]:
    """Checks that a tensor has the axes of a shape; a scalar counts as a vector of one size."""
    if -1 in places:  # only the last axes are told of
        return [assert_rank_at_least(tensor, len(places), **options)] if len(places) > 1 else []
    if len(places) == 1:
        return [assert_rank_in(tensor, [0, 1], **options)]
    return [assert_rank(tensor, len(places), **options)]


def _as_size(symbol: Any) -> int | None:
    try:
        return int(symbol)
    except (TypeError, ValueError):
        return None


def _sizes(x: Tensor) -> Any:
    """The sizes of a tensor, those that are not known as tensors; of a scalar, one size of 1."""
    dynamic = api.shape(x)
    if x._shape is None:
        is_scalar = api.equal(api.rank(x), 0)
        return api.cond(is_scalar, lambda: api.constant([1]), lambda: dynamic)
    return [dynamic[place] if size is None else size for place, size in enumerate(x._shape)] or [1]


def _check_size(
    tensor: Tensor,
    place: int,
    size: Any,
    expected: Any,
    reason: str,
    data: Any,
    summarize: int | None,
    message: str | None,
) -> list[Operation]:
    """Checks a size; nothing is left to do in a run where both are known."""
    if isinstance(size, int) and isinstance(expected, int):
        if size != expected:
            raise ValueError(
                f"{message or ''}.  {reason}.  Tensor {tensor.name} dimension {place} must have "
                f"size {expected}.  Received size {size}, shape {tensor.shape}"
            )
        return []
    condition = api.equal(convert_to_tensor(size), convert_to_tensor(expected))
    if data is None:
        data = [
            message or "", reason, f"Tensor {tensor.name} dimension", place, "must have size",
            expected, "Received shape: ", api.shape(tensor),
        ]  # fmt: skip
    return [assert_(condition, data, summarize=summarize)]
