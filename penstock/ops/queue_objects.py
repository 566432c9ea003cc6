"""Queues as sessions keep them: their elements, and the attempts to add and take that wait.

Attempts are served in the order in which they came, those that add and those that take each for
themselves. One that takes many elements collects them as they come in, and holds them meanwhile:
so it can take more than the queue's capacity.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.errors import CancelledError, InvalidArgumentError, OpError, OutOfRangeError
from penstock.ops import philox

if TYPE_CHECKING:
    from penstock.runtime.state import SessionState

Element = Sequence[Any]  # an array for each component

_BLOCKS_AT_ONCE = 64  # Philox blocks that a shuffling queue computes at a time


class Attempt:
    """Something that an op wants of a queue, and may have to wait for.

    Attributes:
        verb: what messages call it.
        adds: it waits among those that add elements, not among those that take them.
        done: it need not wait any more.
        error: why it failed, or None.
    """

    __slots__ = ("done", "error")

    verb = "Enqueue"
    adds = True

    def __init__(self) -> None:
        self.done = False
        self.error: OpError | None = None

    def advance(self, queue: Queue) -> bool:
        """Does what can be done now; True where that changed anything."""
        raise NotImplementedError

    def withdraw(self, queue: Queue) -> None:
        """Undoes what an attempt that is given up can undo."""

    def cancelled(self) -> CancelledError:
        """The error of an attempt that was ended from outside."""
        return CancelledError(None, None, f"{self.verb} operation was cancelled")

    def fail(self, error: OpError) -> None:
        """Ends the attempt with an error."""
        self.error = error
        self.done = True


class Enqueue(Attempt):
    """Adds elements, in order, as soon as there is room for each.

    Args:
        elements: at least one.
    """

    __slots__ = ("_elements", "_next")

    def __init__(self, elements: Sequence[Element]) -> None:
        super().__init__()
        self._elements = elements
        self._next = 0

    def advance(self, queue: Queue) -> bool:
        if queue.closed:
            self.fail(CancelledError(None, None, f"{queue.title} is closed."))
            return True
        count = min(len(self._elements) - self._next, queue.room)
        if count <= 0:
            return False
        for element in self._elements[self._next : self._next + count]:
            queue.add(element)
        self._next += count
        self.done = self._next == len(self._elements)
        return True


class Close(Attempt):
    """Closes the queue, after those that wait to add their elements."""

    __slots__ = ()

    def advance(self, queue: Queue) -> bool:
        if queue.closed:
            message = f"Queue '{queue.name}' is already closed."
            self.fail(CancelledError(None, None, message))
        queue.closed = True
        self.done = True
        return True


class Dequeue(Attempt):
    """Takes elements, all of them or, where the queue is closed and has too few, none.

    Args:
        count: how many.
    """

    __slots__ = ("count", "taken")

    verb = "Dequeue"
    adds = False

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.taken: list[Element] = []

    def advance(self, queue: Queue) -> bool:
        missing = self.count - len(self.taken)
        if queue.closed and queue.size < missing:
            size = queue.size
            self.withdraw(queue)
            self.settle(queue, missing, size)
            return True
        count = queue.ready(missing)
        self.taken.extend([queue.take() for _ in range(count)])
        self.done = count == missing
        return self.done or count > 0

    def settle(self, queue: Queue, missing: int, size: int) -> None:
        """Ends the attempt on a closed queue that has too few elements.

        Args:
            queue: the queue, what had been taken put back.
            missing: how many elements were still to be taken.
            size: how many there were then.
        """
        self.fail(
            OutOfRangeError(
                None,
                None,
                f"{queue.title} is closed and has insufficient elements "
                f"(requested {missing}, current size {size})",
            )
        )

    def withdraw(self, queue: Queue) -> None:
        """Puts the elements back: none is lost with a run that ends early."""
        queue.put_back(self.taken)
        self.taken = []


class DequeueUpTo(Dequeue):
    """Takes elements; where the queue is closed and has too few, what there is."""

    __slots__ = ()

    def settle(self, queue: Queue, missing: int, size: int) -> None:
        if not queue.size:
            super().settle(queue, missing, size)
            return
        self.taken = [queue.take() for _ in range(queue.size)]
        self.done = True


class Queue:
    """A queue that gives the elements in the order in which they came.

    Args:
        state: the session's state, whose lock guards the queue.
        name: what messages call it.
        capacity: how many elements it holds at most; negative: any number.
        types: the components' types.
        element_shapes: the components' shapes; empty where they may vary.
    """

    kind = "FIFOQueue"

    def __init__(
        self,
        state: SessionState,
        name: str,
        capacity: int,
        types: Sequence[dtypes.DType],
        element_shapes: Sequence[shapes.Shape],
    ) -> None:
        self.state = state
        self.name = name
        self.capacity = capacity
        self.types = list(types)
        self.shapes = list(element_shapes)
        self.closed = False
        self._waiting: tuple[deque[Attempt], deque[Attempt]] = (deque(), deque())  # add, take
        self._elements: Any = deque()

    @property
    def handle(self) -> Any:
        """What ops pass on: an array that holds the queue.

        Not kept: Python does not look into arrays for cycles, and would never free the two.
        """
        handle = np.empty((), object)
        handle[()] = self
        return handle

    @property
    def title(self) -> str:
        """How messages name it."""
        return f"{self.kind} '{self.name}'"

    @property
    def size(self) -> int:
        """How many elements it has."""
        return len(self._elements)

    @property
    def room(self) -> int:
        """How many more elements it can hold."""
        return sys.maxsize if self.capacity < 0 else self.capacity - len(self._elements)

    @property
    def available(self) -> int:
        """How many elements may be taken now."""
        return len(self._elements)

    def ready(self, wanted: int) -> int:
        """How many elements an attempt that wants some takes now."""
        return min(wanted, self.available)

    def add(self, element: Element) -> None:
        """Adds an element."""
        self._elements.append(element)

    def take(self) -> Element:
        """Takes the next element out."""
        element: Element = self._elements.popleft()
        return element

    def put_back(self, elements: Sequence[Element]) -> None:
        """Gives back elements that were taken, as if they never had been."""
        self._elements.extendleft(reversed(elements))

    # Attempts

    def begin(self, attempt: Attempt) -> None:
        """Lets an attempt take its turn."""
        with self.state.changed:
            self._waiting[0 if attempt.adds else 1].append(attempt)
            served = self._serve()
            if served > (1 if attempt.done else 0):  # others wait no more
                self.state.notify()

    def close_at_once(self) -> None:
        """Closes the queue, and fails the attempts to add that wait."""
        with self.state.changed:
            self.closed = True
            for attempt in self._waiting[0]:
                attempt.fail(attempt.cancelled())
            self._waiting[0].clear()
            self._serve()
            self.state.notify()

    def give_up(self, attempt: Attempt) -> None:
        """Ends an attempt whose run ended before its result was used."""
        with self.state.changed:
            for waiting in self._waiting:
                if attempt in waiting:
                    waiting.remove(attempt)
            attempt.withdraw(self)
            if self._serve():
                self.state.notify()

    def _serve(self) -> int:
        """Serves the attempts as far as the elements and the room go; counts those now done."""
        served = 0
        changed = True
        while changed:
            changed = False
            for waiting in self._waiting:
                while waiting:
                    changed |= waiting[0].advance(self)
                    if not waiting[0].done:
                        break
                    waiting.popleft()
                    served += 1
        return served

    # Values

    def check_has_shapes(self) -> None:
        """Raises InvalidArgumentError where the shapes of the components are not specified."""
        if not self.shapes:
            raise InvalidArgumentError(
                None,
                None,
                f"{self.kind}'s DequeueMany and DequeueUpTo require the components to have "
                "specified shapes.",
            )

    def batch(self, elements: Sequence[Element]) -> list[Any]:
        """Elements as one array for each component: [len(elements), …]."""
        columns = zip(*elements, strict=True) if elements else [()] * len(self.types)
        return [
            self._stack(column, dtype.np_dtype, shape)
            for column, dtype, shape in zip(columns, self.types, self.shapes, strict=True)
        ]

    def _stack(self, arrays: Sequence[Any], dtype: Any, shape: Any) -> Any:
        batch = np.empty((len(arrays), *shape), dtype)
        for index, array in enumerate(arrays):
            batch[index, ...] = array  # the dots keep strings from being nested arrays
        return batch

    def check_element(self, components: Sequence[Any]) -> None:
        """Raises InvalidArgumentError where the components have other shapes than elements have."""
        for index, (array, shape) in enumerate(zip(components, self.shapes, strict=False)):
            self._check_shape(index, array.shape, shape)

    def check_batch(self, components: Sequence[Any]) -> None:
        """Raises InvalidArgumentError where the components are no batch of elements."""
        for index, array in enumerate(components):
            if array.ndim == 0:
                message = f"Component {index} is a scalar, and should be a batch of elements"
                raise InvalidArgumentError(None, None, message)
        count = len(components[0])
        for index, array in enumerate(components):
            if len(array) != count:
                raise InvalidArgumentError(
                    None,
                    None,
                    "All input tensors must have the same size in the 0th dimension. "
                    f"Component {index} has {len(array)}, and should have {count}",
                )
            if self.shapes:
                self._check_shape(index, array.shape, (count, *self.shapes[index]))  # type: ignore[misc]

    def _check_shape(self, index: int, found: tuple[int, ...], expected: shapes.Shape) -> None:
        if found != expected and not shapes.compatible(found, expected):
            raise InvalidArgumentError(
                None,
                None,
                f"Shape mismatch in tuple component {index}. Expected "
                f"{shapes.bracket_text(expected)}, got {shapes.bracket_text(found)}",
            )


class PaddingQueue(Queue):
    """A queue whose elements may differ in size; a batch of them is filled up with zeros."""

    kind = "PaddingFIFOQueue"

    def _stack(self, arrays: Sequence[Any], dtype: Any, shape: Any) -> Any:
        if not arrays:
            return np.empty((0, *[size or 0 for size in shape]), dtype)
        largest = np.max([array.shape for array in arrays], axis=0, initial=0).astype(int)
        fill: Any = b"" if dtype.hasobject else 0
        batch = np.full((len(arrays), *largest), fill, dtype)
        for index, array in enumerate(arrays):
            corner: Any = (index, ..., *[slice(size) for size in array.shape])
            batch[corner] = array
        return batch


class PriorityQueue(Queue):
    """A queue that gives the element with the least first component.

    It is a binary heap whose moves are those of the C++ library that TensorFlow was built with, so
    that elements of equal priority come in TensorFlow's order.
    """

    kind = "PriorityQueue"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._elements: list[tuple[int, Element]] = []

    def ready(self, wanted: int) -> int:
        """All or nothing: what comes later may be of higher priority."""
        return wanted if self.available >= wanted else 0

    def add(self, element: Element) -> None:
        heap = self._elements
        entry = (int(element[0]), element)
        heap.append(entry)
        self._rise(len(heap) - 1, entry)

    def take(self) -> Element:
        heap = self._elements
        first, last = heap[0], heap.pop()
        if heap:
            self._rise(self._sink(), last)
        return first[1]

    def put_back(self, elements: Sequence[Element]) -> None:
        for element in elements:
            self.add(element)

    def _sink(self) -> int:
        """Moves the hole at the top down to where it has no children; the lesser child rises."""
        heap = self._elements
        hole, end = 0, len(heap)
        while (right := 2 * hole + 2) < end:
            child = right - 1 if heap[right][0] > heap[right - 1][0] else right
            heap[hole] = heap[child]
            hole = child
        if right == end:  # a left child only
            heap[hole] = heap[right - 1]
            hole = right - 1
        return hole

    def _rise(self, hole: int, entry: tuple[int, Element]) -> None:
        heap = self._elements
        while hole > 0 and heap[(hole - 1) // 2][0] > entry[0]:
            heap[hole] = heap[(hole - 1) // 2]
            hole = (hole - 1) // 2
        heap[hole] = entry


class ShuffleQueue(Queue):
    """A queue that gives its elements in random order: TensorFlow's for the same seeds.

    Args:
        min_after_dequeue: how many elements it keeps, until it is closed, to choose from.
        seed, seed2: the seeds; chance chooses where both are 0.
    """

    kind = "RandomShuffleQueue"

    def __init__(self, *args: Any, min_after_dequeue: int, seed: int, seed2: int) -> None:
        super().__init__(*args)
        self.min_after_dequeue = min_after_dequeue
        self.seeds = (seed, seed2)
        self._elements: list[Element] = []
        self._words = map(int, _random_words(seed, seed2))

    @property
    def available(self) -> int:
        """How many elements may be taken now."""
        kept = 0 if self.closed else self.min_after_dequeue
        return max(0, len(self._elements) - kept)

    def take(self) -> Element:
        elements = self._elements
        chosen = next(self._words) % len(elements)
        elements[chosen], elements[-1] = elements[-1], elements[chosen]
        return elements.pop()

    def put_back(self, elements: Sequence[Element]) -> None:
        self._elements.extend(elements)


def _random_words(seed: int, seed2: int) -> Iterator[Any]:
    if seed == 0 and seed2 == 0:
        import secrets  # slow to import

        seed, seed2 = secrets.randbits(63), secrets.randbits(63)
    key, counter = philox.op_state(seed, seed2)
    while True:
        yield from philox.philox_blocks(np, key, counter, _BLOCKS_AT_ONCE).ravel()
        counter = philox.advance(np, counter, _BLOCKS_AT_ONCE)
