"""Writes the ops on stacks (ops/stacks.py) as ops on lists of tensors, which TensorFlow has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph import dtypes, shapes
from penstock.graph.errors import UnimplementedError
from penstock.graph.node_places import Place
from penstock.graph.operation import Operation, Tensor


def element_of(stack: Tensor) -> Tensor:
    """A tensor of the kind of those that a stack holds.

    Raises:
        UnimplementedError: it cannot be told.
    """
    for _ in range(1000):
        op = stack.op
        if op.regions:
            pairs = [pair for region in op.regions for pair in region.saved.items()]
            saved = {output: inner for inner, output in pairs}
            if stack in saved:
                inner = saved[stack]
                if op.spec.loops:
                    return inner
                stack = inner
            else:
                stack = op.regions[-1].results[stack.value_index]
        elif op.type == "_Arg":
            assert op.region is not None
            assert op.region.owner is not None
            stack = op.region.owner._inputs[op._attrs["index"]]
        elif op.type == "_StackTake":
            stack = element_of(op._inputs[0])
        else:
            stack = op._inputs[0]
    raise UnimplementedError(None, stack.op, f"what the stack {stack.name} holds is not known")


def shape_text(place: Place, hint: str, shape: shapes.Shape) -> str:
    """Writes what an input `element_shape` tells of a shape."""
    sizes: Any = -1 if shape is None else [-1 if size is None else size for size in shape]
    return place.constant(f"{hint}/element_shape", sizes)


def _stored_dtype(dtype: dtypes.DType) -> dtypes.DType:
    """The type of a list's elements: TensorFlow has no lists of resources, but of optionals."""
    return dtypes.variant if dtype.base_dtype is dtypes.resource else dtype.base_dtype


def element_attrs(element: Tensor) -> dict[str, Any]:
    """The attrs of an op that makes a list of such elements."""
    return {"element_dtype": _stored_dtype(element.dtype), "shape_type": dtypes.int32}


def empty_list(place: Place, hint: str, element: Tensor) -> str:
    """Writes a list without elements, for a stack of such as `element`."""
    shape = None if element.dtype.base_dtype is dtypes.resource else element._shape
    known = shape_text(place, hint, shape)
    most = place.constant(f"{hint}/max_num_elements", -1)
    return place.add(hint, "EmptyTensorList", [known, most], element_attrs(element))


def push(place: Place, hint: str, handle: str, element: Tensor) -> str:
    """Writes what puts an element at the end of a list."""
    text = place.text(element)
    dtype = element.dtype.base_dtype
    if dtype is dtypes.resource:
        text = place.add(
            f"{hint}/optional", "OptionalFromValue", [text], {"Toutput_types": [dtype]}
        )
    attrs = {"element_dtype": _stored_dtype(dtype)}
    return place.add(hint, "TensorListPushBack", [handle, text], attrs)


def _unset_like(place: Place, hint: str, like: Tensor) -> str:
    """A list as long as another, none of whose elements is set: they count as zeros.

    Of lists in a list, which have no zeros that could be made of nothing, each is one of zeros.
    """
    text = place.text(like)
    element = element_of(like)
    if element.dtype.base_dtype is dtypes.variant:
        return place.add(f"{hint}/zeros", "ZerosLike", [text], {"T": dtypes.variant})
    length = place.add(f"{hint}/length", "TensorListLength", [text], {})
    known = shape_text(place, hint, element._shape)
    return place.add(f"{hint}/zeros", "TensorListReserve", [known, length], element_attrs(element))


def _take(place: Place, op: Operation, hint: str) -> str:
    stack, index = [place.text(tensor) for tensor in op._inputs]
    dtype, shape = op._attrs["T"], op.outputs[0]._shape
    attrs = {"element_dtype": _stored_dtype(dtype)}
    if dtype is not dtypes.resource:
        known = shape_text(place, hint, shape)
        return place.add(hint, "TensorListGetItem", [stack, index, known], attrs)
    known = shape_text(place, hint, ())
    item = place.add(f"{hint}/optional", "TensorListGetItem", [stack, index, known], attrs)
    parts = {"output_types": [dtype], "output_shapes": [None]}
    return place.add(hint, "OptionalGetValue", [item], parts)


def _take_or_zeros(place: Place, op: Operation, hint: str) -> str:
    stack, index, like = [place.text(tensor) for tensor in op._inputs]
    dtype = op._attrs["T"]
    if dtype is dtypes.variant:
        shape = shape_text(place, hint, ())
    else:
        shape = place.add(f"{hint}/shape", "Shape", [like], {"T": dtype, "out_type": dtypes.int32})
    return place.add(hint, "TensorListGetItem", [stack, index, shape], {"element_dtype": dtype})


def _unit(place: Place, op: Operation, hint: str) -> str:
    like, value, index = op._inputs
    zeros = _unset_like(place, hint, like)
    inputs = [zeros, place.text(index), place.text(value)]
    return place.add(hint, "TensorListSetItem", inputs, {"element_dtype": op._attrs["T"]})


def _zeros(place: Place, op: Operation, hint: str) -> str:
    return _unset_like(place, hint, op._inputs[0])


def _sum(place: Place, op: Operation, hint: str) -> str:
    inputs = [place.text(tensor) for tensor in op._inputs]
    return place.add(hint, "AddN", inputs, {"N": len(inputs), "T": dtypes.variant})


def _rest_shape(place: Place, hint: str, element: Tensor) -> str:
    """The shape of elements, whose lengths differ."""
    shape = element._shape
    return shape_text(place, hint, None if shape is None else (None, *shape[1:]))


def _joined(place: Place, hint: str, stack: Tensor, element: Tensor, lengths: str) -> str:
    """Writes all elements of a stack, one after the other."""
    inputs = [place.text(stack), _rest_shape(place, hint, element), lengths]
    return place.add(hint, "TensorListConcatV2", inputs, element_attrs(element))


def _concat(place: Place, op: Operation, hint: str) -> str:
    none = place.constant(f"{hint}/leading_dims", [], dtypes.int64)
    return _joined(place, hint, op._inputs[0], element_of(op._inputs[0]), none)


def _lengths(place: Place, hint: str, stack: Tensor) -> str:
    """The lengths of the elements of a stack."""
    from penstock.graph.opspec import lookup

    none = place.constant(f"{hint}/leading_dims", [], dtypes.int64)
    joined = _joined(place, f"{hint}/lengths", stack, element_of(stack), none)
    name = joined.partition(":")[0]
    return place.output(name, lookup("TensorListConcatV2"), 1, {})


def _split(place: Place, op: Operation, hint: str) -> str:
    like, value = op._inputs
    element = element_of(like)
    inputs = [
        place.text(value), _rest_shape(place, hint, element), _lengths(place, hint, like)
    ]  # fmt: skip
    return place.add(hint, "TensorListSplit", inputs, element_attrs(element))


def _join(place: Place, op: Operation, hint: str) -> str:
    parts, stack, _ = op._inputs
    return _joined(place, hint, stack, element_of(parts), _lengths(place, hint, parts))


WRITERS: dict[str, Callable[[Place, Operation, str], str]] = {
    "_StackTake": _take, "_StackTakeOrZeros": _take_or_zeros, "_StackUnit": _unit,
    "_StackZeros": _zeros, "_StackSum": _sum, "_StackConcat": _concat, "_StackSplit": _split,
    "_StackJoin": _join,
}  # fmt: skip
