"""`tf.map_fn`, `tf.scan`, `tf.foldl` and `tf.foldr`: functions that go over elements of tensors.

All four are a loop that reads the elements, the slices of tensors along their first axis, from
TensorArrays. What the loop carries tells them apart: nothing, an accumulator, or all its values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from penstock.graph import nest, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.public import name_scope
from penstock.ops.indexed_slices import SparseTensor
from penstock.ops.tensor_array import TensorArray
from penstock.ops.variable_scope import get_variable_scope
from penstock.ops.while_loop import while_loop

Function = Callable[..., Any]
_PARALLEL_ITERATIONS = 10


@contextmanager
def variables_cached_at_their_use() -> Iterator[None]:
    """Lets variables made inside be read on the device of the op that does so, not of the loop."""
    scope = get_variable_scope()
    if scope.caching_device is not None:
        yield
        return
    scope.set_caching_device(lambda op: op.device)
    try:
        yield
    finally:
        scope.set_caching_device(None)


class _Elements:
    """The elements of some tensors, which a loop reads one after the other.

    Attributes:
        count: the number of elements: an int where it is known while building, or a tensor.
        arrays: for each tensor the TensorArray of its elements.
    """

    def __init__(self, structure: Any, count: Any, arrays: list[TensorArray]) -> None:
        self._structure = structure
        self.count = count
        self.arrays = arrays

    def at(self, index: Any) -> Any:
        """An element, in the structure of the tensors."""
        return nest.pack_sequence_as(self._structure, [array.read(index) for array in self.arrays])


def _elements_of(
    structure: Any, tensors: list[Tensor], count: Any, arrays: list[TensorArray]
) -> _Elements:
    """The elements of tensors, in arrays that are still empty."""
    pairs = zip(arrays, tensors, strict=True)
    return _Elements(structure, count, [array.unstack(tensor) for array, tensor in pairs])


def _elements_to_fold(elems: Any) -> _Elements:
    leaves = nest.flatten(elems)
    tensors = [convert_to_tensor(leaf, name="elem") for leaf in leaves]
    count = _first_size(tensors[0]) or api.shape(tensors[0])[0]
    arrays = []
    for leaf, tensor in zip(leaves, tensors, strict=True):
        array = TensorArray(tensor.dtype, size=count)
        arrays.append(array.unstack(leaf))
    return _Elements(elems, count, arrays)


def _stacked(arrays: list[TensorArray], tensors: list[Tensor]) -> list[Tensor]:
    """What a loop wrote for each element of some tensors, as tensors of as many slices."""
    results = [array.stack() for array in arrays]
    count = functools.reduce(_same_size, [_first_size(tensor) for tensor in tensors])
    for result in results:
        if result._shape is not None:
            result.set_shape((count, *result._shape[1:]))
    return results


def _first_size(tensor: Tensor) -> int | None:
    return None if tensor._shape is None else tensor._shape[0]


def _same_size(one: int | None, other: int | None) -> int | None:
    return shapes.Dimension(one).merge_with(shapes.Dimension(other)).value


def _check_function(fn: Any) -> None:
    if not callable(fn):
        raise TypeError("fn must be callable.")


def _check_ranks(tensors: list[Tensor]) -> None:
    if tensors[0]._shape != ():
        return
    if len(tensors) == 1:
        raise ValueError("elems must be a 1+ dimensional Tensor, not a scalar")
    raise ValueError("elements in elems must be 1+ dimensional Tensors, not scalars")


def _flat_tensors(structure: Any) -> list[Tensor]:
    return [convert_to_tensor(leaf, name="elem") for leaf in nest.flatten(structure)]


def _write_all(arrays: list[TensorArray], index: Any, values: Any) -> list[TensorArray]:
    pairs = zip(arrays, nest.flatten(values), strict=True)
    return [array.write(index, value) for array, value in pairs]


@export("map_fn")
def map_fn(
    fn: Function,
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
) -> Any:
    """Stacks what `fn` gives for each slice of `elems` along the first axis.

    Args:
        fn: takes one element, in the structure of `elems`; returns a tensor or a structure of
            tensors.
        elems: a tensor of rank 1 or more, or a nested structure of such, all of the same length.
        dtype: the types of what `fn` returns, in its structure; those of `elems` where None.
        parallel_iterations: has no effect.
        back_prop: False where no gradient is to flow back.
        swap_memory: has no effect.
        infer_shape: all results of `fn` have one shape.
        name: the name scope of the ops.

    Returns:
        A structure like that of `dtype`.

    Raises:
        TypeError: `fn` is not callable, or its results' structure has other types of sequences
            than `dtype`; or `elems` is a SparseTensor.
        ValueError: `elems` is a scalar, or the structure of the results is not that of `dtype`.
        InvalidArgumentError: when run, a result has another type than `dtype` says.

    Example:
        >>> tf.map_fn(lambda x: x * x, tf.constant([1, 2, 3]))
    """
    _check_function(fn)
    if isinstance(elems, SparseTensor):
        raise TypeError(
            "To perform a map on the values of a sparse tensor use either "
            " SparseTensor(input.indices, fn(input.values), input.dense_shape) or "
            " SparseTensor(input.indices, map_fn(fn, input.values), input.dense_shape)"
        )
    with name_scope(name, "map", nest.flatten(elems)), variables_cached_at_their_use():
        tensors = _flat_tensors(elems)
        wanted = nest.pack_sequence_as(elems, [t.dtype for t in tensors]) if not dtype else dtype
        _check_ranks(tensors)
        count = _first_size(tensors[0]) or api.shape(tensors[0])[0]
        empty = [TensorArray(tensor.dtype, size=count) for tensor in tensors]
        elements = _elements_of(elems, tensors, count, empty)
        start = api.constant(0)
        arrays = [
            TensorArray(kind, size=count, infer_shape=infer_shape) for kind in nest.flatten(wanted)
        ]

        def compute(i: Tensor, arrays: list[TensorArray]) -> Any:
            result = fn(elements.at(i))
            nest.assert_same_structure(wanted, result)
            written = _write_all(arrays, i, result)
            return i + 1, written

        _, arrays = while_loop(
            lambda i, _: i < count, compute, (start, arrays),
            parallel_iterations=parallel_iterations or _PARALLEL_ITERATIONS, back_prop=back_prop,
            swap_memory=swap_memory, maximum_iterations=count,
        )  # fmt: skip
        return nest.pack_sequence_as(wanted, _stacked(arrays, tensors))


@export("scan")
def scan(
    fn: Function,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = _PARALLEL_ITERATIONS,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """Stacks all values of an accumulator that `fn` carries from slice to slice of `elems`.

    Args:
        fn: `fn(accumulator, element)` gives the next accumulator.
        elems: a tensor of rank 1 or more, or a nested structure of such, all of the same length.
        initializer: the accumulator at the start, a tensor or nested structure; the first element
            where None.
        parallel_iterations: a positive number; it has no effect.
        back_prop: False where no gradient is to flow back.
        swap_memory: has no effect.
        infer_shape: the accumulator keeps its shape.
        reverse: go from the last element to the first.
        name: the name scope of the ops.

    Returns:
        A structure like that of the accumulator; slice k is the accumulator after element k.

    Raises:
        TypeError: `fn` is not callable, or the accumulator's structure changes.
        ValueError: the accumulator's structure or shape changes.

    Example:
        >>> tf.scan(lambda a, x: a + x, tf.constant([1, 2, 3]))  # [1, 3, 6]
    """
    _check_function(fn)
    with name_scope(name, "scan", nest.flatten(elems)), variables_cached_at_their_use():
        tensors = _flat_tensors(elems)
        known = _first_size(tensors[0])
        count = api.shape(tensors[0])[0] if known is None else known
        empty = [TensorArray(t.dtype, size=count, element_shape=t.shape[1:]) for t in tensors]
        elements = _elements_of(elems, tensors, count, empty)
        structure = elems if initializer is None else initializer
        if initializer is None:
            values = [array.read(count - 1 if reverse else 0) for array in elements.arrays]
        else:
            values = [convert_to_tensor(leaf) for leaf in nest.flatten(initializer)]
        arrays = [_array_of(value, count, infer_shape) for value in values]
        done = 0
        if initializer is None:
            pairs = zip(arrays, values, strict=True)
            arrays = [array.write(count - 1 if reverse else 0, value) for array, value in pairs]
            done = 1

        def compute(i: Tensor, values: list[Tensor], arrays: list[TensorArray]) -> Any:
            element = elements.at(i)
            result = fn(nest.pack_sequence_as(structure, values), element)
            nest.assert_same_structure(structure, result)
            written = _write_all(arrays, i, result)
            return (i - 1 if reverse else i + 1), nest.flatten(result), written

        def goes_on(i: Tensor, values: list[Tensor], arrays: list[TensorArray]) -> Tensor:
            return i >= 0 if reverse else i < count

        _, _, arrays = while_loop(
            goes_on, compute, (count - 1 - done if reverse else done, values, arrays),
            parallel_iterations=parallel_iterations, back_prop=back_prop,
            swap_memory=swap_memory, maximum_iterations=count,
        )  # fmt: skip
        return nest.pack_sequence_as(structure, _stacked(arrays, tensors))


def _array_of(value: Tensor, count: Any, infer_shape: bool) -> TensorArray:
    return TensorArray(
        value.dtype, size=count, element_shape=value.shape if infer_shape else None,
        infer_shape=infer_shape,
    )  # fmt: skip


@export("foldl")
def foldl(
    fn: Function,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = _PARALLEL_ITERATIONS,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last value of an accumulator that `fn` carries from the first slice of `elems` on.

    Args:
        fn: `fn(accumulator, element)` gives the next accumulator.
        elems: a tensor of rank 1 or more, or a nested structure of such, all of the same length.
        initializer: the accumulator at the start; the first element where None.
        parallel_iterations: a positive number; it has no effect.
        back_prop: False where no gradient is to flow back.
        swap_memory: has no effect.
        name: the name scope of the ops.

    Returns:
        The accumulator after the last element.

    Raises:
        TypeError: `fn` is not callable, or the accumulator's structure changes.
        ValueError: the accumulator's structure or shape changes.

    Example:
        >>> tf.foldl(lambda a, x: a + x, tf.constant([1, 2, 3]))  # 6
    """
    _check_function(fn)
    with name_scope(name, "foldl", nest.flatten(elems)), variables_cached_at_their_use():
        elements = _elements_to_fold(elems)
        start, accumulator = 0, initializer
        if initializer is None:
            start, accumulator = 1, elements.at(0)

        def compute(i: Tensor, accumulator: Any) -> Any:
            result = fn(accumulator, elements.at(i))
            return [i + 1, result]

        _, last = while_loop(
            lambda i, _: i < elements.count, compute, [api.constant(start), accumulator],
            parallel_iterations=parallel_iterations, back_prop=back_prop, swap_memory=swap_memory,
            maximum_iterations=elements.count,
        )  # fmt: skip
        return last


@export("foldr")
def foldr(
    fn: Function,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = _PARALLEL_ITERATIONS,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last value of an accumulator that `fn` carries from the last slice of `elems` on.

    Args:
        fn: `fn(accumulator, element)` gives the next accumulator.
        elems: a tensor of rank 1 or more, or a nested structure of such, all of the same length.
        initializer: the accumulator at the start; the last element where None.
        parallel_iterations: a positive number; it has no effect.
        back_prop: False where no gradient is to flow back.
        swap_memory: has no effect.
        name: the name scope of the ops.

    Returns:
        The accumulator after the first element.

    Raises:
        TypeError: `fn` is not callable, or the accumulator's structure changes.
        ValueError: the accumulator's structure or shape changes.

    Example:
        >>> tf.foldr(lambda a, x: a + x, tf.constant([1, 2, 3]))  # 6
    """
    _check_function(fn)
    with name_scope(name, "foldr", nest.flatten(elems)), variables_cached_at_their_use():
        elements = _elements_to_fold(elems)
        left, accumulator = elements.count, initializer
        if initializer is None:
            left = elements.count - 1
            accumulator = elements.at(left)

        def compute(left: Tensor, accumulator: Any) -> Any:
            left = left - 1
            return [left, fn(accumulator, elements.at(left))]

        _, last = while_loop(
            lambda left, _: left > 0, compute, [left, accumulator],
            parallel_iterations=parallel_iterations, back_prop=back_prop, swap_memory=swap_memory,
            maximum_iterations=elements.count,
        )  # fmt: skip
        return last
