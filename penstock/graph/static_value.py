"""What is known of a tensor's value while the graph is built: constants, partly known shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.operation import Operation, Tensor

_UNKNOWN = object()
_MOST_ELEMENTS = 10_000_000  # a constant of more elements is not worked out while building


def constant_value(tensor: Tensor, partial: bool = False) -> Any:
    """The value of a tensor where it does not depend on a run, a read-only NumPy array; else None.

    Args:
        tensor: the tensor.
        partial: kept for TensorFlow's signature; partly known values are what
            `constant_value_as_shape` gives.

    Example:
        >>> constant_value(tf.constant([1, 2]))
        array([1, 2], dtype=int32)
    """
    if tensor._static is None:
        _work_out(tensor)
    return None if tensor._static is _UNKNOWN else tensor._static


def _work_out(tensor: Tensor) -> None:
    """Fills in `_static` of the tensor and of all that it is computed from, inputs first.

    A loop and no recursion: chains of constants can be longer than Python's stack.
    """
    pending = [tensor.op]
    while pending:
        op = pending[-1]
        if all([output._static is not None for output in op.outputs]):
            pending.pop()  # an op with regions may have got new outputs since
            continue
        if not _can_be_constant(op):
            values: Any = None
        elif (known := _known_values(op)) is not None:
            values = known
        else:
            missing = [t.op for t in op._inputs if t._static is None]
            if any([t._static is _UNKNOWN for t in op._inputs]) or not _worth_it(op):
                values = None
            elif missing:
                pending.extend(missing)
                continue
            else:
                values = _evaluate(op)
        pending.pop()
        for index, output in enumerate(op.outputs):
            output._static = _UNKNOWN if values is None else values[index]


def _can_be_constant(op: Operation) -> bool:
    if any([output.dtype is dtypes.variant for output in op.outputs]):
        return False  # a list is no array
    return op.spec.pure and op.spec.kernel is not None


def _worth_it(op: Operation) -> bool:
    counts = [shapes.element_count(output._shape) for output in op.outputs]
    return all([count is None or count <= _MOST_ELEMENTS for count in counts])


def _evaluate(op: Operation) -> list[Any] | None:
    spec = op.spec
    arguments: list[Any] = []
    position = 0
    for arg in spec.input_args:
        count = arg.count(op._attrs)
        values = [tensor._static for tensor in op._inputs[position : position + count]]
        arguments.append(values if arg.many else values[0])
        position += count
    try:
        with np.errstate(all="ignore"):
            result = spec.bound_kernel(op, np)(*arguments)
    except Exception:  # what is wrong is told where the op is run
        return None
    results = [result] if spec.single_output else result
    return [_read_only(value) for value in results]


def _read_only(value: Any) -> Any:
    array = np.asarray(value)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def _partial_values(op: Operation) -> list[Any]:
    """What the op's own rule knows of each output; nothing where it has no rule."""
    if op.spec.partial_value is None:
        return []
    known = op.spec.partial_value(op)
    return known if isinstance(known, list) else [known]


def _known_values(op: Operation) -> list[Any] | None:
    """The outputs that the op's own rule knows wholly, `_UNKNOWN` for others; None without any."""
    partial = _partial_values(op)
    if not any([_is_whole(known) for known in partial]):
        return None
    pairs = zip(partial, op.outputs, strict=True)
    return [
        np.asarray(known, output.dtype.base_dtype.np_dtype) if _is_whole(known) else _UNKNOWN
        for known, output in pairs
    ]


def _is_whole(known: Any) -> bool:
    if isinstance(known, tuple):
        return None not in known
    return known is not None


def constant_value_as_shape(tensor: Tensor) -> shapes.Shape:
    """The value of an integer vector that is a shape: its known sizes, and None for the others.

    Example:
        >>> constant_value_as_shape(tf.stack([tf.placeholder(tf.int32), 3]))
        (None, 3)
    """
    value = constant_value(tensor)
    if value is not None:
        if value.ndim == 0:
            if value == -1:
                return None
            raise ValueError(
                f"Received a scalar with value '{value}' as shape; require a "
                "statically known scalar -1"
            )
        if value.size and value.min() < -1:
            raise ValueError(f"Invalid value in tensor used for shape: {value.min()}")
        return tuple([None if size < 0 else int(size) for size in value.tolist()])
    partial = _partial_values(tensor.op)
    if partial and isinstance(known := partial[tensor.value_index], tuple):
        return tuple([None if size is None or size < 0 else int(size) for size in known])
    if tensor._shape is not None and len(tensor._shape) == 1 and tensor._shape[0] is not None:
        return (None,) * tensor._shape[0]
    return None
