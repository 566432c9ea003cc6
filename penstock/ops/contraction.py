"""Sums of products over chosen axes: `tf.tensordot` and `tf.einsum`, made of matrix products."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.public import name_scope

Sizes = list[Any]  # an int where a size is known while building, else a scalar tensor


# tensordot


@export("tensordot", "linalg.tensordot")
def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum of products of two tensors over pairs of axes.

    Args:
        a: a tensor of a float or complex type.
        b: one of the same type.
        axes: how many of the last axes of `a` go with the first of `b`; or two lists of axes.
        name: a name for the operations.

    Returns:
        A Tensor with the other axes of `a`, then those of `b`.

    Raises:
        ValueError: `axes` do not fit the shapes.

    Example:
        >>> tf.tensordot(x, weights, axes=[[2], [0]])
    """
    with name_scope(name, "Tensordot", [a, b, axes]) as scope:
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, name="b")
        a_axes, b_axes = _axes_of_both(a, axes)
        a_matrix, a_free, a_static = _as_matrix(a, a_axes, summed_first=False)
        b_matrix, b_free, b_static = _as_matrix(b, b_axes, summed_first=True)
        product = api.matmul(a_matrix, b_matrix)
        if isinstance(a_free, list) and isinstance(b_free, list):
            return api.reshape(product, a_free + b_free, name=scope)
        a_free = convert_to_tensor(a_free, dtype=dtypes.int32)
        b_free = convert_to_tensor(b_free, dtype=dtypes.int32)
        result = api.reshape(product, api.concat([a_free, b_free], 0), name=scope)
        if a_static is not None and b_static is not None:
            result.set_shape(a_static + b_static)
        return result


def _axes_of_both(a: Tensor, axes: Any) -> tuple[Any, Any]:
    """The axes of each operand: lists where they are known while building, else tensors."""
    rank = a._rank()
    if isinstance(axes, int):
        if axes < 0:
            raise ValueError(f"'axes' must be at least 0, got {axes}")
        if rank is None:
            rank = api.rank(a)
            first = api.range(rank - axes, rank, dtype=dtypes.int32)
            return first, api.range(axes, dtype=dtypes.int32)
        if axes > rank:
            raise ValueError(
                f"'axes' must not be larger than the number of dimensions of a: {axes}"
            )
        return list(range(rank - axes, rank)), list(range(axes))
    if isinstance(axes, (list, tuple)):
        if len(axes) != 2:
            raise ValueError("'axes' must be an integer or have length 2.")
        a_axes, b_axes = ([i] if isinstance(i, int) else i for i in axes)
        if len(a_axes) != len(b_axes):
            raise ValueError(
                f"Different number of contraction axes 'a' and 'b', {a_axes} != {b_axes}."
            )
        return list(a_axes), list(b_axes)
    axes = convert_to_tensor(axes, name="axes", dtype=dtypes.int32)
    return axes[0], axes[1]


def _as_matrix(x: Tensor, axes: Any, summed_first: bool) -> tuple[Any, Any, Any]:
    """The operand as a matrix, whose rows or columns are summed; its free sizes; these as known."""
    if x._shape is not None and isinstance(axes, list):
        axes = [axis if axis >= 0 else axis + len(x._shape) for axis in axes]
        free = [axis for axis in range(len(x._shape)) if axis not in axes]
        if None not in x._shape:
            return _as_known_matrix(x, axes, free, summed_first)
        static: Any = [x._shape[axis] for axis in free]
        if None not in [x._shape[axis] for axis in axes] and not static:
            return _as_known_matrix(x, axes, free, summed_first)
        axes = convert_to_tensor(axes, dtype=dtypes.int32, name="axes")
        free_axes = convert_to_tensor(free, dtype=dtypes.int32, name="free")
        shape = api.shape(x)
    else:
        static = _unknown_sizes(x, axes)
        shape = api.shape(x)
        rank = api.rank(x)
        axes = convert_to_tensor(axes, dtype=dtypes.int32, name="axes")
        axes = api.where(axes >= 0, axes, axes + rank)
        free_axes, _ = api.setdiff1d(api.range(rank), axes)
    free_sizes = api.gather(shape, free_axes)
    summed_sizes = api.gather(shape, axes)
    free_count = api.reduce_prod(free_sizes)
    summed_count = api.reduce_prod(summed_sizes)
    if summed_first:
        order, sizes = api.concat([axes, free_axes], 0), [summed_count, free_count]
    else:
        order, sizes = api.concat([free_axes, axes], 0), [free_count, summed_count]
    sizes = api.stack(sizes)
    return api.reshape(api.transpose(x, order), sizes), free_sizes, static


def _unknown_sizes(x: Tensor, axes: Any) -> Any:
    """As many unknown sizes as there are free axes, where that number is known."""
    count = len(axes) if isinstance(axes, list) else (axes._shape or (None,))[0]
    if x._shape is None or count is None:
        return None
    return [None] * (len(x._shape) - count)


def _as_known_matrix(
    x: Tensor, axes: list[int], free: list[int], summed_first: bool
) -> tuple[Any, Any, Any]:
    assert x._shape is not None
    free_sizes = [x._shape[axis] for axis in free]
    free_count = _product(free_sizes)
    summed_count = _product([x._shape[axis] for axis in axes])
    order = axes + free if summed_first else free + axes
    sizes = [summed_count, free_count] if summed_first else [free_count, summed_count]
    return api.reshape(api.transpose(x, order), sizes), free_sizes, free_sizes


def _product(sizes: Sequence[Any]) -> Any:
    result: Any = 1
    for size in sizes:
        result = result * size
    return result


# einsum


@export("einsum", "linalg.einsum")
def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """The sum of products that an equation in Einstein's notation says.

    Args:
        equation: a letter for each axis of each input, and for each of the result: "ij,jk->ik".
            Letters that the result lacks are summed over; "..." stands for further axes.
        inputs: the tensors.
        kwargs: `name`, a name for the operations.

    Returns:
        A Tensor.

    Raises:
        ValueError: the equation has another format, does not fit the inputs, or repeats a letter
            within one input, which is supported for the trace "ii->" alone.

    Example:
        >>> tf.einsum("bij,bjk->bik", a, b)
    """
    name = kwargs.pop("name", None)
    if kwargs:
        raise TypeError(f"invalid keyword arguments for this function: {', '.join(sorted(kwargs))}")
    with name_scope(name, "einsum", [equation, *inputs]):
        tensors = [convert_to_tensor(value, name="input") for value in inputs]
        labels, result_labels = _parse_equation(equation, tensors)
        if labels == ["ii"] and not result_labels:
            return api.trace(tensors[0])
        for term, tensor in zip(labels, tensors, strict=True):
            _check_term(equation, term, tensor)
        product, product_labels = tensors[0], labels[0]
        for tensor, term in zip(tensors[1:], labels[1:], strict=True):
            summed = (set(product_labels) & set(term)) - set(result_labels)
            product, product_labels = _multiply(product, product_labels, tensor, term, summed)
        extra = [i for i, label in enumerate(product_labels) if label not in result_labels]
        if extra:
            product = api.reduce_sum(product, axis=extra)
            product_labels = "".join([label for label in product_labels if label in result_labels])
        if sorted(product_labels) != sorted(result_labels):
            raise ValueError(
                f"Invalid equation: {equation}: the result has other letters than the inputs"
            )
        return _transposed(product, [product_labels.index(label) for label in result_labels])


def _parse_equation(equation: str, inputs: list[Tensor]) -> tuple[list[str], str]:
    """The letters of each input and of the result, with letters in the place of "..."."""
    equation = equation.replace(" ", "")
    match = re.fullmatch(r"([a-zA-Z.]*(?:,[a-zA-Z.]*)*)(->([a-zA-Z.]*))?", equation)
    if match is None:
        raise ValueError(f"Indices have incorrect format: {equation}")
    terms = match.group(1).split(",")
    if len(terms) != len(inputs):
        raise ValueError(
            f'Got {len(inputs)} arguments for equation "{equation}", expecting {len(terms)}'
        )
    result = match.group(3) if match.group(2) else None
    if "..." in equation:
        terms, result = _replace_ellipses(equation, terms, result, inputs)
    if result is None:
        every = "".join(terms)
        result = "".join(sorted([label for label in set(every) if every.count(label) == 1]))
    return terms, result


def _replace_ellipses(
    equation: str, terms: list[str], result: str | None, inputs: list[Tensor]
) -> tuple[list[str], str | None]:
    unused = [letter for letter in string.ascii_letters if letter not in equation]
    counts = []
    for term, tensor in zip(terms, inputs, strict=True):
        if "..." in term:
            rank = tensor._rank()
            if rank is None:
                raise ValueError("Unable to statically infer ellipsis axes.")
            counts.append(rank - len(term.replace("...", "")))
    most = max(counts, default=0)
    letters = "".join(unused[:most])
    replaced = []
    for term, tensor in zip(terms, inputs, strict=True):
        count = (tensor._rank() or 0) - len(term.replace("...", ""))
        replaced.append(term.replace("...", letters[most - count :] if count > 0 else ""))
    if result is None:
        every = "".join(replaced)
        once = [x for x in set(every) if every.count(x) == 1 and x not in letters]
        return replaced, letters + "".join(sorted(once))
    return replaced, result.replace("...", letters)


def _check_term(equation: str, term: str, tensor: Tensor) -> None:
    if len(set(term)) != len(term):
        raise ValueError(f"Subscript not supported: an axis appears more than once: {term}")
    rank = tensor._rank()
    if rank is not None and rank != len(term):
        found = f"{term!r} has {len(term)} letters for a tensor of rank {rank}"
        raise ValueError(f"Invalid equation: {equation}: {found}")


def _transposed(x: Tensor, order: list[int]) -> Tensor:
    return x if order == sorted(order) else api.transpose(x, perm=order)


def _sizes(x: Tensor) -> Sizes:
    """The sizes of a tensor, scalar tensors in the places of unknown ones."""
    assert x._shape is not None
    sizes: Sizes = list(x._shape)
    if None in sizes:
        shape = api.shape(x)
        sizes = [shape[i] if size is None else size for i, size in enumerate(sizes)]
    return sizes


def _reshaped(x: Tensor, sizes: Sizes) -> Tensor:
    if x._shape == tuple(sizes):
        return x
    return api.reshape(x, sizes)


def _multiply(x: Tensor, xs: str, y: Tensor, ys: str, summed: set[str]) -> tuple[Tensor, str]:
    """The product of two tensors, summed over some of the letters that both have.

    Both are brought into the form of a batch of matrices: letters that both keep first, then the
    letters of one alone and the summed ones.
    """
    if x._shape is None or y._shape is None:
        raise ValueError("einsum needs tensors of known rank")
    both = (set(xs) & set(ys)) - summed

    def order(labels: str, summed_last: bool) -> list[str]:
        def place(label: str) -> tuple[int, str]:
            if label in both:
                return 0, label
            return (2 if (label in summed) == summed_last else 1), label

        return sorted(labels, key=place)

    x_order, y_order = order(xs, True), order(ys, False)
    x = _transposed(x, [xs.index(label) for label in x_order])
    y = _transposed(y, [ys.index(label) for label in y_order])
    x_alone = [label for label in x_order if label not in both and label not in summed]
    y_alone = [label for label in y_order if label not in both and label not in summed]
    labels = "".join(x_order[: len(both) + len(x_alone)] + y_alone)
    if not summed:
        for _ in y_alone:
            x = api.expand_dims(x, -1)
        for _ in x_alone:
            y = api.expand_dims(y, len(both))
        return api.multiply(x, y), labels
    x_sizes = _sizes(x)
    summed_count = _product(x_sizes[-len(summed) :])
    kept = x_sizes[: len(both)]
    x_count = _product(x_sizes[len(both) : -len(summed)])
    x = _reshaped(x, [*kept, x_count, summed_count])
    y_sizes = _sizes(y)
    y_count = _product(y_sizes[len(both) + len(summed) :])
    y = _reshaped(y, [*y_sizes[: len(both)], summed_count, y_count])
    product = api.matmul(x, y)
    alone = y_sizes[len(y_sizes) - len(y_alone) :]
    return _reshaped(product, x_sizes[: len(both) + len(x_alone)] + alone), labels
