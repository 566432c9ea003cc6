"""`tf.FIFOQueue` and its kin: queues as programs use them. Their ops are in ops/queues.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.graph.convert import convert_to_tensor
from penstock.graph.dtypes import DType, as_dtype, int64
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import get_seed, name_scope
from penstock.graph.shapes import TensorShape, as_shape
from penstock.graph.stacks import default_graph
from penstock.graph.static_value import constant_value

_SEED_MASK = 0x7FFFFFFF


@export("QueueBase", "queue.QueueBase", "io.QueueBase")
class QueueBase:
    """What all queues share: adding elements, and taking them.

    An element is a tuple of components, each of its own type and shape.

    Args:
        dtypes: the components' types.
        shapes: the components' shapes; None where they may vary.
        names: the components' names, or None; with names, elements are dictionaries.
        queue_ref: the handle, a tensor of type resource.

    Raises:
        ValueError: there are not as many shapes, or names, as types.
    """

    def __init__(self, dtypes: Any, shapes: Any, names: Any, queue_ref: Tensor) -> None:
        self._dtypes = dtypes
        self._names = names
        self._queue_ref = queue_ref
        if shapes is not None and len(shapes) != len(dtypes):
            raise ValueError("Queue shapes must have the same length as dtypes")
        if names is not None and len(names) != len(dtypes):
            raise ValueError("Queue names must have the same length as dtypes")
        self._shapes = _as_shapes([None] * len(dtypes) if shapes is None else shapes)
        self._name = queue_ref.op.name.rpartition("/")[2]

    @staticmethod
    def from_list(index: Any, queues: Sequence[QueueBase]) -> QueueBase:
        """The queue at a place in a list, chosen when a run uses it.

        Args:
            index: an int32 scalar.
            queues: queues of the same component types and names.

        Returns:
            A QueueBase whose shapes are what the queues' shapes have in common.

        Raises:
            TypeError: `queues` is no list of queues, or they have other types or names.

        Example:
            >>> even = tf.QueueBase.from_list(tf.mod(step, 2), [q0, q1])
        """
        if (
            not isinstance(queues, (list, tuple))
            or not queues
            or not all([isinstance(queue, QueueBase) for queue in queues])
        ):
            raise TypeError("A list of queues expected")
        first = queues[0]
        if not all([queue.dtypes == first.dtypes for queue in queues]):
            raise TypeError("Queues do not have matching component dtypes.")
        if not all([queue.names == first.names for queue in queues]):
            raise TypeError("Queues do not have matching component names.")
        common = list(first.shapes)
        for queue in queues[1:]:
            common = [
                a.most_specific_compatible_shape(b)
                for a, b in zip(common, queue.shapes, strict=True)
            ]
        handle = api.gather(api.stack([queue.queue_ref for queue in queues]), index)
        return QueueBase(first.dtypes, common, first.names, handle)

    @property
    def queue_ref(self) -> Tensor:
        """The handle."""
        return self._queue_ref

    @property
    def name(self) -> str:
        """The name of the queue's operation."""
        return self._queue_ref.op.name

    @property
    def dtypes(self) -> list[Any]:
        """The components' types."""
        return self._dtypes

    @property
    def shapes(self) -> list[TensorShape]:
        """The components' shapes."""
        return self._shapes

    @property
    def names(self) -> list[str] | None:
        """The components' names, or None."""
        return self._names

    def enqueue(self, vals: Any, name: str | None = None) -> Operation:
        """An operation that adds one element. It waits while the queue is full.

        Args:
            vals: a tensor, a list of them, or a dictionary where the queue has names.
            name: a name for the operation.

        Returns:
            The operation. A run of it fails with CancelledError where the queue is closed.

        Raises:
            ValueError: the values do not fit the queue's names, types or shapes.

        Example:
            >>> sess.run(queue.enqueue([x, label]))
        """
        with name_scope(name, f"{self._name}_enqueue", _scope_values(vals)) as scope:
            tensors = self._components(vals)
            for tensor, shape in zip(tensors, self._shapes, strict=False):
                tensor.get_shape().assert_is_compatible_with(shape)
            operation: Operation = raw.QueueEnqueueV2(self._queue_ref, tensors, name=scope)
            return operation

    def enqueue_many(self, vals: Any, name: str | None = None) -> Operation:
        """An operation that adds a batch of elements: the slices along the first dimension.

        It waits while the queue is full; what fits is added at once.

        Args:
            vals: as for `enqueue`; each tensor is [n, …].
            name: a name for the operation.

        Returns:
            The operation. A run of it fails with CancelledError where the queue is closed.

        Raises:
            ValueError: the values do not fit the queue's names, types or shapes, or each other.
        """
        with name_scope(name, f"{self._name}_EnqueueMany", _scope_values(vals)) as scope:
            tensors = self._components(vals)
            batch = tensors[0].get_shape().with_rank_at_least(1)[0]
            for tensor, shape in zip(tensors, self._shapes, strict=False):
                found = tensor.get_shape().with_rank_at_least(1)
                batch = batch.merge_with(found[0])
                found[1:].assert_is_compatible_with(shape)
            operation: Operation = raw.QueueEnqueueManyV2(self._queue_ref, tensors, name=scope)
            return operation

    def dequeue(self, name: str | None = None) -> Any:
        """Takes one element. It waits while the queue is empty.

        Args:
            name: a name for the operation.

        Returns:
            A Tensor, a list of them where elements have several components, or a dictionary where
            the queue has names. A run fails with OutOfRangeError where the queue is closed and
            empty.

        Example:
            >>> x, label = queue.dequeue()
        """
        tensors = raw.QueueDequeueV2(
            self._queue_ref, component_types=self._dtypes, name=name or f"{self._name}_Dequeue"
        )
        return self._taken(tensors, self._shapes)

    def dequeue_many(self, n: Any, name: str | None = None) -> Any:
        """Takes `n` elements as a batch. It waits until there are as many.

        Args:
            n: an int32 scalar.
            name: a name for the operation.

        Returns:
            As for `dequeue`; each tensor is [n, …]. A run fails with OutOfRangeError, and takes
            nothing, where the queue is closed and has fewer than `n` elements.
        """
        tensors = raw.QueueDequeueManyV2(
            self._queue_ref, n, component_types=self._dtypes,
            name=name or f"{self._name}_DequeueMany",
        )  # fmt: skip
        count = constant_value(tensors[0].op._inputs[1])
        batch = TensorShape([None if count is None or count.shape else int(count)])
        return self._taken(tensors, [batch.concatenate(shape) for shape in self._shapes])

    def dequeue_up_to(self, n: Any, name: str | None = None) -> Any:
        """Takes `n` elements as a batch, or what is left where the queue is closed.

        Args:
            n: an int32 scalar.
            name: a name for the operation.

        Returns:
            As for `dequeue`; each tensor is [n, …] or shorter. A run fails with OutOfRangeError
            where the queue is closed and empty.
        """
        tensors = raw.QueueDequeueUpToV2(
            self._queue_ref, n, component_types=self._dtypes,
            name=name or f"{self._name}_DequeueUpTo",
        )  # fmt: skip
        batch = TensorShape([None])
        return self._taken(tensors, [batch.concatenate(shape) for shape in self._shapes])

    def close(self, cancel_pending_enqueues: bool = False, name: str | None = None) -> Operation:
        """An operation that closes the queue: nothing can be added any more.

        It waits for those that wait to add elements.

        Args:
            cancel_pending_enqueues: close at once, and fail those with CancelledError.
            name: a name for the operation.

        Returns:
            The operation.
        """
        operation: Operation = raw.QueueCloseV2(
            self._queue_ref, cancel_pending_enqueues=cancel_pending_enqueues,
            name=name or f"{self._name}_Close",
        )  # fmt: skip
        return operation

    def is_closed(self, name: str | None = None) -> Tensor:
        """Whether the queue is closed: a bool scalar."""
        result: Tensor = raw.QueueIsClosedV2(
            self._queue_ref, name=name or f"{self._name}_Is_Closed"
        )
        return result

    def size(self, name: str | None = None) -> Tensor:
        """How many elements the queue has: an int32 scalar."""
        result: Tensor = raw.QueueSizeV2(self._queue_ref, name=name or f"{self._name}_Size")
        return result

    def _components(self, vals: Any) -> list[Tensor]:
        if isinstance(vals, dict):
            if not self._names:
                raise ValueError("Queue must have names to enqueue a dictionary")
            if sorted(self._names) != sorted(vals):
                raise ValueError(
                    "Keys in dictionary to enqueue do not match names of Queue.  Dictionary: "
                    f"({sorted(vals)}), Queue: ({sorted(self._names)})"
                )
            vals = [vals[name] for name in self._names]
        elif self._names:
            raise ValueError("You must enqueue a dictionary in a Queue with names")
        elif not isinstance(vals, (list, tuple)):
            vals = [vals]
        return [
            convert_to_tensor(value, dtype, name=f"component_{index}")
            for index, (value, dtype) in enumerate(zip(vals, self._dtypes, strict=False))
        ]

    def _taken(self, tensors: list[Tensor], known: Sequence[TensorShape]) -> Any:
        for tensor, shape in zip(tensors, known, strict=True):
            tensor.set_shape(shape)
        if self._names:
            return dict(zip(self._names, tensors, strict=True))
        return tensors[0] if len(tensors) == 1 else tensors


@export("FIFOQueue", "queue.FIFOQueue")
class FIFOQueue(QueueBase):
    """A queue that gives the elements in the order in which they came.

    Args:
        capacity: how many elements it holds at most; negative: any number.
        dtypes: the components' types, or the type of the only one.
        shapes: the components' shapes, fully known; None where they may vary, which leaves
            `dequeue_many` out.
        names: the components' names: elements are dictionaries then.
        shared_name: operations of the same shared name in a session share one queue.
        name: a name for the operation.

    Raises:
        ValueError: there are not as many shapes, or names, as types, or a size is unknown.

    Example:
        >>> queue = tf.FIFOQueue(10, [tf.float32, tf.int32], shapes=[[28, 28], []])
        >>> sess.run(queue.enqueue([image, 3]))
        >>> sess.run(queue.dequeue())
    """

    def __init__(
        self,
        capacity: int,
        dtypes: Any,
        shapes: Any = None,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "fifo_queue",
    ) -> None:
        types = _type_list(dtypes)
        known = _shape_list(shapes)
        listed = _name_list(names, types)
        handle = raw.FIFOQueueV2(
            component_types=types, shapes=known, capacity=capacity,
            container=_container(), shared_name=shared_name, name=name,
        )  # fmt: skip
        super().__init__(types, known, listed, handle)


@export("RandomShuffleQueue", "queue.RandomShuffleQueue", "io.RandomShuffleQueue")
class RandomShuffleQueue(QueueBase):
    """A queue that gives its elements in random order.

    Args:
        capacity, dtypes, shapes, names, shared_name, name: as for `FIFOQueue`.
        min_after_dequeue: how many elements it keeps, until it is closed, to choose from.
        seed: the seed of the order; see `tf.set_random_seed`.

    Raises:
        ValueError: there are not as many shapes, or names, as types, or a size is unknown.

    Example:
        >>> queue = tf.RandomShuffleQueue(100, 50, tf.int64, shapes=[[]], seed=1)
    """

    def __init__(
        self,
        capacity: int,
        min_after_dequeue: int,
        dtypes: Any,
        shapes: Any = None,
        names: Any = None,
        seed: int | None = None,
        shared_name: str | None = None,
        name: str = "random_shuffle_queue",
    ) -> None:
        types = _type_list(dtypes)
        known = _shape_list(shapes)
        listed = _name_list(names, types)
        first, second = get_seed(seed)
        if first is None and second is None:
            first = second = 0
        elif seed is None and shared_name is not None:
            # Queues that share their elements must have one seed, wherever they were made.
            import hashlib  # slow to import

            digest = hashlib.md5(f"{first}{shared_name}".encode()).hexdigest()
            second = int(digest[:8], 16) & _SEED_MASK
        handle = raw.RandomShuffleQueueV2(
            component_types=types, shapes=known, capacity=capacity,
            min_after_dequeue=min_after_dequeue, seed=first, seed2=second,
            container=_container(), shared_name=shared_name, name=name,
        )  # fmt: skip
        super().__init__(types, known, listed, handle)


@export("PaddingFIFOQueue", "queue.PaddingFIFOQueue", "io.PaddingFIFOQueue")
class PaddingFIFOQueue(QueueBase):
    """A queue of elements of different sizes, which `dequeue_many` fills up with zeros.

    Args:
        capacity, dtypes, names, shared_name, name: as for `FIFOQueue`.
        shapes: the components' shapes, with None for sizes that vary.

    Raises:
        ValueError: there is not one shape of known rank for each component, or one name.

    Example:
        >>> queue = tf.PaddingFIFOQueue(10, tf.int32, shapes=[[None]])
        >>> sess.run(queue.enqueue([[1, 2, 3]])); sess.run(queue.enqueue([[4]]))
        >>> sess.run(queue.dequeue_many(2))  # [[1, 2, 3], [4, 0, 0]]
    """

    def __init__(
        self,
        capacity: int,
        dtypes: Any,
        shapes: Any,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "padding_fifo_queue",
    ) -> None:
        types = _type_list(dtypes)
        known = _partial_shape_list(shapes)
        listed = _name_list(names, types)
        if len(types) != len(known):
            raise ValueError(
                f"Shapes must be provided for all components, but received {len(types)} dtypes "
                f"and {len(known)} shapes."
            )
        handle = raw.PaddingFIFOQueueV2(
            component_types=types, shapes=known, capacity=capacity,
            container=_container(), shared_name=shared_name, name=name,
        )  # fmt: skip
        super().__init__(types, known, listed, handle)


@export("PriorityQueue", "queue.PriorityQueue", "io.PriorityQueue")
class PriorityQueue(QueueBase):
    """A queue that gives the element of the least priority number first.

    The priority, an int64 scalar, is the first component of each element.

    Args:
        capacity, shared_name, name: as for `FIFOQueue`.
        types: the types of the components after the priority.
        shapes: their shapes, fully known.
        names: the names of all components, the priority's too.

    Raises:
        TypeError: there are no shapes.
        ValueError: there are not as many shapes, or names, as types, or a size is unknown.

    Example:
        >>> queue = tf.PriorityQueue(10, tf.string, shapes=[[]])
        >>> sess.run(queue.enqueue_many([[3, 1], ["later", "first"]]))
    """

    def __init__(
        self,
        capacity: int,
        types: Any,
        shapes: Any = None,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "priority_queue",
    ) -> None:
        listed_types = _type_list(types)
        known = _shape_list(shapes)
        if known is None:
            raise TypeError(
                "Expected list for 'shapes' argument to 'priority_queue_v2' Op, not None."
            )
        handle = raw.PriorityQueueV2(
            component_types=listed_types, shapes=known, capacity=capacity,
            container=_container(), shared_name=shared_name, name=name,
        )  # fmt: skip
        super().__init__([int64, *listed_types], [(), *known], names, handle)


def _type_list(given: Any) -> list[DType]:
    listed = given if isinstance(given, (list, tuple)) else [given]
    return [as_dtype(item) for item in listed]


def _as_shapes(given: Sequence[Any]) -> list[TensorShape]:
    return [as_shape(shape) for shape in given]


def _shape_list(given: Any) -> list[TensorShape] | None:
    """The shapes that were given as a list; one shape stands for a list of it."""
    if given is None:
        return None
    if isinstance(given, TensorShape):
        given = [given]
    if not isinstance(given, (list, tuple)):
        raise TypeError("shapes must be a TensorShape or a list or tuple of TensorShapes.")
    if all([shape is None or isinstance(shape, int) for shape in given]):
        given = [given]
    listed = _as_shapes(given)
    if not all([shape.is_fully_defined() for shape in listed]):
        raise ValueError(f"All shapes must be fully defined: {listed}")
    return listed


def _partial_shape_list(given: Any) -> list[TensorShape]:
    """A list of shapes, which may have unknown sizes."""
    if (
        not isinstance(given, (list, tuple))
        or not given
        or any([shape is None or isinstance(shape, int) for shape in given])
    ):
        raise ValueError("When providing partial shapes, a list of shapes must be provided.")
    listed = _as_shapes(given)
    if any([shape.dims is None for shape in listed]):
        raise ValueError(f"All shapes must have a defined rank: {listed}")
    return listed


def _name_list(given: Any, types: Sequence[Any]) -> list[Any] | None:
    if given is None:
        return None
    listed = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(listed) != len(types):
        raise ValueError("List of names must have the same length as the list of dtypes")
    return listed


def _scope_values(vals: Any) -> list[Any]:
    if isinstance(vals, (list, tuple)):
        return list(vals)
    return list(vals.values()) if isinstance(vals, dict) else [vals]


def _container() -> str:
    return default_graph()._scopes.container
