"""Queue ops: the queues of a session, and what adds to them and takes from them.

Their kernels are generators, which yield as long as they must wait. The queues themselves are in
ops/queue_objects.py, the classes that programs use in ops/queue_classes.py.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.errors import CancelledError, InvalidArgumentError
from penstock.graph.opspec import OpSpec, register
from penstock.ops.queue_objects import (
    Attempt,
    Close,
    Dequeue,
    DequeueUpTo,
    Enqueue,
    PaddingQueue,
    PriorityQueue,
    Queue,
    ShuffleQueue,
)

if TYPE_CHECKING:
    from penstock.runtime.context import OpContext
    from penstock.runtime.state import SessionState

Waiting = Generator[None, None, Any]

_DTYPE_NAMES = {dtypes.float16: "half", dtypes.float32: "float", dtypes.float64: "double"}


# Making queues


def queue_shape() -> shapes.Shape:
    return ()


def queue_kernel(ctx: OpContext) -> Any:
    """The handle of the op's queue, which the session makes at its first use."""
    attrs = ctx.op._attrs
    shared_name = attrs["shared_name"]
    key = ("queue", attrs["container"], shared_name or ctx.op)
    with ctx.state.changed:
        queue = ctx.state.resources.get(key)
        if queue is None:
            ctx.state.check()
            name = shared_name or f"_{_unnamed_queues(ctx.state)}_{ctx.op.name}"
            queue = _MAKERS[ctx.op.type](ctx.state, name, attrs)
            ctx.state.resources[key] = queue
        elif shared_name:
            _check_shared(queue, ctx.op.type, attrs)
    return queue.handle


def _unnamed_queues(state: SessionState) -> int:
    keys = [key for key in list(state.resources) if type(key) is tuple and key[0] == "queue"]
    return len([key for key in keys if not isinstance(key[2], str)])


def _make_fifo(state: SessionState, name: str, attrs: dict[str, Any]) -> Queue:
    return Queue(state, name, attrs["capacity"], attrs["component_types"], attrs["shapes"])


def _make_padding(state: SessionState, name: str, attrs: dict[str, Any]) -> Queue:
    return PaddingQueue(state, name, attrs["capacity"], attrs["component_types"], attrs["shapes"])


def _make_priority(state: SessionState, name: str, attrs: dict[str, Any]) -> Queue:
    return PriorityQueue(state, name, attrs["capacity"], *_priority_components(attrs))


def _make_shuffle(state: SessionState, name: str, attrs: dict[str, Any]) -> Queue:
    least, capacity = attrs["min_after_dequeue"], attrs["capacity"]
    if least < 0:
        raise InvalidArgumentError(None, None, f"min_after_dequeue {least} must be >= 0")
    if 0 <= capacity <= least:
        message = f"min_after_dequeue {least} must be < capacity {capacity}"
        raise InvalidArgumentError(None, None, message)
    return ShuffleQueue(
        state, name, capacity, attrs["component_types"], attrs["shapes"],
        min_after_dequeue=least, seed=attrs["seed"], seed2=attrs["seed2"],
    )  # fmt: skip


_MAKERS: dict[str, Callable[[SessionState, str, dict[str, Any]], Queue]] = {
    "FIFOQueueV2": _make_fifo,
    "PaddingFIFOQueueV2": _make_padding,
    "PriorityQueueV2": _make_priority,
    "RandomShuffleQueueV2": _make_shuffle,
}


def _priority_components(attrs: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """The types and shapes of a priority queue's components, the priority first."""
    return [dtypes.int64, *attrs["component_types"]], [(), *attrs["shapes"]]


def _check_shared(queue: Queue, op_type: str, attrs: dict[str, Any]) -> None:
    """Raises InvalidArgumentError where an op wants another queue than that of its shared name."""
    if op_type != f"{queue.kind}V2":
        raise InvalidArgumentError(None, None, f"Expected {queue.kind}, found {op_type}")
    types, element_shapes = attrs["component_types"], attrs["shapes"]
    if isinstance(queue, PriorityQueue):
        types, element_shapes = _priority_components(attrs)
    _check_same(queue, "capacity {} but requested capacity was {}",
                max(queue.capacity, -1), max(attrs["capacity"], -1))  # fmt: skip
    _check_same(queue, "component types {} but requested component types were {}",
                _types_text(queue.types), _types_text(types))  # fmt: skip
    if not _shapes_agree(queue, element_shapes):
        _check_same(queue, "component shapes {} but requested component shapes were {}",
                    _shapes_text(queue.shapes), _shapes_text(element_shapes))  # fmt: skip
    if isinstance(queue, ShuffleQueue):
        _check_same(queue, "min_after_dequeue {} but requested min_after_dequeue was {}.",
                    queue.min_after_dequeue, attrs["min_after_dequeue"])  # fmt: skip
        seeds = (attrs["seed"], attrs["seed2"])
        if any(seeds):  # without seeds it takes whichever the queue has
            _check_same(queue, "random seeds {} but requested seeds are {}.",
                        queue.seeds, seeds)  # fmt: skip


def _check_same(queue: Queue, text: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        message = f"Shared queue '{queue.name}' has {text.format(found, wanted)}"
        raise InvalidArgumentError(None, None, message)


def _shapes_agree(queue: Queue, wanted: Sequence[shapes.Shape]) -> bool:
    if not isinstance(queue, PaddingQueue):
        return queue.shapes == list(wanted)
    return len(queue.shapes) == len(wanted) and all(map(shapes.compatible, queue.shapes, wanted))


def _types_text(types: Sequence[dtypes.DType]) -> str:
    return ", ".join([_DTYPE_NAMES.get(dtype, dtype.name) for dtype in types])


def _shapes_text(element_shapes: Sequence[shapes.Shape]) -> str:
    return "[" + ", ".join(map(shapes.bracket_text, element_shapes)) + "]"


_PLACE_ATTRS = ("container: string = ''", "shared_name: string = ''")
_COMPONENT_ATTRS = (
    "component_types: list(type) >= 1", "shapes: list(shape) >= 0 = []", "capacity: int = -1",
)  # fmt: skip

for _name, _attrs in {
    "FIFOQueueV2": (*_COMPONENT_ATTRS, *_PLACE_ATTRS),
    "PaddingFIFOQueueV2": (*_COMPONENT_ATTRS, *_PLACE_ATTRS),
    "PriorityQueueV2": (
        "component_types: list(type) >= 0 = []", "shapes: list(shape) >= 0", "capacity: int = -1",
        *_PLACE_ATTRS,
    ),
    "RandomShuffleQueueV2": (
        *_COMPONENT_ATTRS, "min_after_dequeue: int = 0", "seed: int = 0", "seed2: int = 0",
        *_PLACE_ATTRS,
    ),
}.items():  # fmt: skip
    register(
        OpSpec(
            name=_name, inputs=(), outputs=("handle: resource",), attrs=_attrs,
            shape=queue_shape, kernel=queue_kernel, gradient=None, stateful=True, host=True,
        )
    )  # fmt: skip


# Adding and taking


def _queue_of(ctx: OpContext, handle: Any) -> Queue:
    if ctx.op._attrs.get("timeout_ms", -1) != -1:
        raise InvalidArgumentError(None, None, "Timeout not supported.")
    queue: Queue = handle.item() if isinstance(handle, np.ndarray) else handle
    return queue


def _check_signature(
    queue: Queue, types: Sequence[dtypes.DType], inputs: str, outputs: str
) -> None:
    """Raises InvalidArgumentError where an op's components are of other types than the queue's.

    Args:
        queue: the queue.
        types: the types of the op's components.
        inputs, outputs: the op's signature, with `{}` for the components.
    """
    if list(types) != queue.types:
        signature = f"{inputs}->{outputs}"
        have, expected = (signature.format(_types_text(t)) for t in (types, queue.types))
        raise InvalidArgumentError(
            None, None, f"Signature mismatch, have: {have} expected: {expected}"
        )


def _finish(queue: Queue, attempt: Attempt) -> Generator[None, None, None]:
    """Makes an attempt, and waits until it is done. One whose run ends early is given up.

    Raises:
        CancelledError, OutOfRangeError: it failed.
    """
    queue.begin(attempt)
    try:
        while not attempt.done:
            yield
    except GeneratorExit:
        queue.give_up(attempt)
        raise
    except CancelledError:  # the session is being closed
        queue.give_up(attempt)
        raise attempt.cancelled() from None
    if attempt.error is not None:
        raise attempt.error


def _owned(components: Sequence[Any], types: Sequence[dtypes.DType]) -> list[Any]:
    """Copies: what was fed stays the caller's, who may change it."""
    return [np.array(value, dtype.np_dtype) for value, dtype in zip(components, types, strict=True)]


def _count_of(op: str, n: Any) -> int:
    """How many elements an op wants.

    Raises:
        InvalidArgumentError: it is no number, or less than none.
    """
    if n.shape:
        found = shapes.bracket_text(n.shape)
        raise InvalidArgumentError(None, None, f"{op} needs a scalar n, got shape {found}")
    if n < 0:
        raise InvalidArgumentError(None, None, f"{op} requested {n} < 0 elements")
    return int(n)


def enqueue_kernel(
    ctx: OpContext, handle: Any, components: list[Any], *, Tcomponents: list[Any]
) -> Waiting:
    queue = _queue_of(ctx, handle)
    _check_signature(queue, Tcomponents, "resource, {}", "")
    element = _owned(components, Tcomponents)
    queue.check_element(element)
    yield from _finish(queue, Enqueue([element]))
    return []


def enqueue_many_kernel(
    ctx: OpContext, handle: Any, components: list[Any], *, Tcomponents: list[Any]
) -> Waiting:
    queue = _queue_of(ctx, handle)
    _check_signature(queue, Tcomponents, "resource, {}", "")
    batch = _owned(components, Tcomponents)
    queue.check_batch(batch)
    elements = [[array[index, ...] for array in batch] for index in range(len(batch[0]))]
    if elements:
        yield from _finish(queue, Enqueue(elements))
    return []


def dequeue_kernel(ctx: OpContext, handle: Any, *, component_types: list[Any]) -> Waiting:
    queue = _queue_of(ctx, handle)
    _check_signature(queue, component_types, "resource", "{}")
    attempt = Dequeue(1)
    yield from _finish(queue, attempt)
    return [list(attempt.taken[0])]


def dequeue_many_kernel(
    ctx: OpContext, handle: Any, n: Any, *, component_types: list[Any]
) -> Waiting:
    queue = _queue_of(ctx, handle)
    _check_signature(queue, component_types, "resource, int32", "{}")
    return (yield from _batch(queue, Dequeue(_count_of("DequeueManyOp", n))))


def dequeue_up_to_kernel(
    ctx: OpContext, handle: Any, n: Any, *, component_types: list[Any]
) -> Waiting:
    queue = _queue_of(ctx, handle)
    _check_signature(queue, component_types, "resource, int32", "{}")
    return (yield from _batch(queue, DequeueUpTo(_count_of("DequeueUpToOp", n))))


def _batch(queue: Queue, attempt: Dequeue) -> Waiting:
    queue.check_has_shapes()
    if attempt.count:
        yield from _finish(queue, attempt)
    return [queue.batch(attempt.taken)]


def no_outputs(*inputs: Any) -> list[Any]:
    return []


def unknown_components(*inputs: Any, component_types: list[Any]) -> list[shapes.Shape]:
    """Nothing is known: the queue's own shapes stand in another op. `QueueBase` sets them."""
    return [None] * len(component_types)


def many_shape(handle: shapes.Shape, n: Any, *, component_types: list[Any]) -> list[shapes.Shape]:
    if n is not None and n.ndim == 0 and n < 0:
        raise ValueError(f"Input 'n' must be >= 0, but is {n}")
    return [None] * len(component_types)


_TAKEN_ATTRS = ("component_types: list(type) >= 1", "timeout_ms: int = -1")
_TAKEN = ("components: component_types",)

for _name, _kernel in (
    ("QueueEnqueueV2", enqueue_kernel),
    ("QueueEnqueueManyV2", enqueue_many_kernel),
):
    register(
        OpSpec(
            name=_name, inputs=("handle: resource", "components: Tcomponents"), outputs=(),
            attrs=("Tcomponents: list(type) >= 1", "timeout_ms: int = -1"),
            shape=no_outputs, kernel=_kernel, gradient=None, stateful=True, host=True,
        )
    )  # fmt: skip

register(
    OpSpec(
        name="QueueDequeueV2", inputs=("handle: resource",), outputs=_TAKEN, attrs=_TAKEN_ATTRS,
        shape=unknown_components, kernel=dequeue_kernel, gradient=None, stateful=True, host=True,
    )
)  # fmt: skip

register(
    OpSpec(
        name="QueueDequeueManyV2", inputs=("handle: resource", "n: int32"), outputs=_TAKEN,
        attrs=_TAKEN_ATTRS, static_inputs=("n",),
        shape=many_shape, kernel=dequeue_many_kernel, gradient=None, stateful=True, host=True,
    )
)  # fmt: skip

register(
    OpSpec(
        name="QueueDequeueUpToV2", inputs=("handle: resource", "n: int32"), outputs=_TAKEN,
        attrs=_TAKEN_ATTRS, shape=unknown_components, kernel=dequeue_up_to_kernel, gradient=None,
        stateful=True, host=True,
    )
)  # fmt: skip


# Closing and asking


def close_kernel(ctx: OpContext, handle: Any, *, cancel_pending_enqueues: bool) -> Waiting:
    queue = _queue_of(ctx, handle)
    if cancel_pending_enqueues:
        queue.close_at_once()
    else:
        yield from _finish(queue, Close())
    return []


def size_kernel(ctx: OpContext, handle: Any) -> Any:
    return np.int32(_queue_of(ctx, handle).size)


def is_closed_kernel(ctx: OpContext, handle: Any) -> Any:
    return np.bool_(_queue_of(ctx, handle).closed)


def scalar_shape(handle: shapes.Shape) -> shapes.Shape:
    return ()


register(
    OpSpec(
        name="QueueCloseV2", inputs=("handle: resource",), outputs=(),
        attrs=("cancel_pending_enqueues: bool = false",),
        shape=no_outputs, kernel=close_kernel, gradient=None, stateful=True, host=True,
    )
)  # fmt: skip

for _name, _output, _question in (
    ("QueueSizeV2", "size: int32", size_kernel),
    ("QueueIsClosedV2", "is_closed: bool", is_closed_kernel),
):
    register(
        OpSpec(
            name=_name, inputs=("handle: resource",), outputs=(_output,),
            shape=scalar_shape, kernel=_question, gradient=None, stateful=True, host=True,
        )
    )  # fmt: skip
