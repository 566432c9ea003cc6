"""Queues: which can be made, and what of which shape and type goes in and out.

The errors were seen in TensorFlow 1.15.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf


@pytest.fixture(name="session", params=[-1, 1], ids=["interpreted", "compiled"])
def fixture_session(request: pytest.FixtureRequest) -> Iterator[Any]:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = request.param
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        yield session


def test_static_shapes(session: Any) -> None:
    queue = tf.FIFOQueue(3, [tf.float32, tf.int32], shapes=[[2], []])
    assert [t.shape.as_list() for t in queue.dequeue()] == [[2], []]
    assert [t.shape.as_list() for t in queue.dequeue_many(4)] == [[4, 2], [4]]
    assert [t.shape.as_list() for t in queue.dequeue_up_to(4)] == [[None, 2], [None]]
    free = tf.FIFOQueue(3, tf.float32)
    assert free.dequeue().shape.ndims is None
    narrow = tf.FIFOQueue(3, [tf.float32, tf.int32], shapes=[[3], []])
    either = tf.QueueBase.from_list(0, [queue, narrow])
    assert [shape.as_list() for shape in either.shapes] == [[None], []]


@pytest.mark.parametrize(
    ("method", "vals", "error", "text"),
    [
        ("enqueue", {"a": [1.0, 2.0]}, ValueError, "Queue must have names"),
        ("enqueue", [[1.0, 2.0, 3.0], 1], ValueError, "are incompatible"),
        ("enqueue", [[1.0, 2.0], 1.5], TypeError, "Expected int32"),
        ("enqueue_many", [[1.0, 2.0], [1]], ValueError, "are incompatible"),
        ("enqueue_many", [[[1.0, 2.0]], [1, 2]], ValueError, "are not compatible"),
        ("enqueue_many", [[[1.0, 2.0]], 1], ValueError, "must have rank at least 1"),
        ("dequeue_many", -1, ValueError, "Input 'n' must be >= 0, but is -1"),
        ("dequeue_many", "a", TypeError, "parameter 'n' of op 'QueueDequeueManyV2'"),
    ],
)
def test_what_cannot_be_built(
    session: Any, method: str, vals: Any, error: type[Exception], text: str
) -> None:
    queue = tf.FIFOQueue(10, [tf.float32, tf.int32], shapes=[[2], []])
    with pytest.raises(error, match=text):
        getattr(queue, method)(vals)


@pytest.mark.parametrize(
    ("kind", "options", "error", "text"),
    [
        ("FIFOQueue", {"shapes": [[2], [3]]}, ValueError, "shapes must have the same length"),
        ("FIFOQueue", {"shapes": [[None]]}, ValueError, "must be fully defined"),
        ("FIFOQueue", {"shapes": 2}, TypeError, "shapes must be a TensorShape or a list"),
        ("FIFOQueue", {"names": ["a", "b"]}, ValueError, "List of names must have the same"),
        ("FIFOQueue", {"dtypes": []}, ValueError, "less than minimum 1"),
        ("FIFOQueue", {"capacity": "9"}, TypeError, "Expected int for argument 'capacity' not '9'"),
        (
            "FIFOQueue",
            {"capacity": tf.Dimension(None)},
            TypeError,
            "Expected int for argument 'capacity' not Dimension",
        ),
        ("FIFOQueue", {"shared_name": 5}, TypeError, "string for argument 'shared_name' not 5"),
        ("PaddingFIFOQueue", {"shapes": None}, ValueError, "a list of shapes must be provided"),
        ("PaddingFIFOQueue", {"shapes": [[1], [2]]}, ValueError, "received 1 dtypes and 2 shapes"),
        (
            "PaddingFIFOQueue",
            {"shapes": [tf.TensorShape(None)]},
            ValueError,
            "must have a defined rank",
        ),
    ],
)
def test_queues_that_cannot_be(
    session: Any, kind: str, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        getattr(tf, kind)(**{"capacity": 10, "dtypes": [tf.float32], **options})


def test_a_capacity_that_was_divided(session: Any) -> None:
    queue = tf.FIFOQueue(5 / 2, tf.int32)
    assert queue.queue_ref.op.get_attr("capacity") == 2


def test_a_priority_queue_needs_shapes(session: Any) -> None:
    with pytest.raises(TypeError, match="Expected list for 'shapes'"):
        tf.PriorityQueue(10, tf.string)


def test_names_are_kept_to(session: Any) -> None:
    queue = tf.FIFOQueue(10, [tf.float32, tf.int32], names=["a", "b"])
    with pytest.raises(ValueError, match="You must enqueue a dictionary"):
        queue.enqueue([1.0, 2])
    with pytest.raises(ValueError, match=r"Dictionary: \(\['a'\]\), Queue: \(\['a', 'b'\]\)"):
        queue.enqueue({"a": 1.0})


@pytest.mark.parametrize(
    "queues",
    [3, [], [3], [(tf.int32, None), (tf.float32, None)], [(tf.int32, "a"), (tf.int32, None)]],
)
def test_lists_that_are_of_no_use(session: Any, queues: Any) -> None:
    if isinstance(queues, list) and all([isinstance(item, tuple) for item in queues]):
        queues = [tf.FIFOQueue(2, dtype, names=names) for dtype, names in queues]
    with pytest.raises(TypeError, match=r"list of queues|matching component"):
        tf.QueueBase.from_list(0, queues)


def test_shapes_are_checked_in_the_run(session: Any) -> None:
    queue = tf.FIFOQueue(2, tf.int32, shapes=[[2]])
    free = tf.FIFOQueue(2, [tf.int32, tf.int32], name="free")
    x = tf.placeholder(tf.int32)
    for op, value, text in (
        (queue.enqueue(x), [1, 2, 3], "Shape mismatch in tuple component 0. Expected [2], got [3]"),
        (queue.enqueue_many(x), [1, 2, 3], "component 0. Expected [3,2], got [3]"),
        (queue.enqueue_many(x), 1, "Component 0 is a scalar"),
        (free.enqueue_many([x, [1]]), [1, 2, 3], "Component 1 has 1, and should have 3"),
        (queue.dequeue_many(x), -1, "DequeueManyOp requested -1 < 0 elements"),
        (queue.dequeue_up_to(x), -1, "DequeueUpToOp requested -1 < 0 elements"),
        (free.dequeue_many(1), 0, "require the components to have specified shapes"),
        (free.enqueue([x]), 1, "Signature mismatch, have: resource, int32-> expected: resource, "),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            session.run(op, {x: value})
        assert text in caught.value.message
    session.run(free.enqueue([x, 1]), {x: [1, 2, 3]})  # without shapes any will do
    np.testing.assert_array_equal(session.run(free.dequeue())[0], [1, 2, 3])


def test_no_gradient_flows_through(session: Any) -> None:
    queue = tf.FIFOQueue(2, tf.float32, shapes=[[]])
    with pytest.raises(LookupError, match="No gradient defined for operation 'fifo_queue_Dequeue'"):
        tf.gradients(queue.dequeue(), queue.queue_ref)
