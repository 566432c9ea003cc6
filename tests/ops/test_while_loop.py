"""tf.while_loop (the ops While and _Arg): what bodies may hold, how loops end, what is refused.

tests/programs/control_flow.py compares values, names, shapes and gradients with TensorFlow's,
test_control_flow_gradients.py derivatives with differences.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import tier_config


@pytest.fixture(params=["interpreted", "compiled"])
def session(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A session on a new graph, in each tier."""
    with tf.Graph().as_default(), tf.Session(config=tier_config(request.param)) as session:
        yield session


def scalar(name: str = "x") -> Any:
    return tf.placeholder(tf.float32, [], name)


def forever(i: Any) -> Any:
    return i >= 0


def next_of_five(i: Any) -> Any:
    return (i + 1) % 5


REFUSED: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "no variables": (
        lambda x: tf.while_loop(lambda: True, list, []), ValueError,
        "No loop variables provided",
    ),
    "no condition": (
        lambda x: tf.while_loop(True, lambda i: i, [x]), TypeError, "cond must be callable",
    ),
    "no body": (
        lambda x: tf.while_loop(lambda i: i < 3, x, [x]), TypeError, "body must be callable",
    ),
    "parallel_iterations": (
        lambda x: tf.while_loop(lambda i: i < 3, lambda i: i, [x], parallel_iterations=0),
        TypeError, "parallel_iterations must be a positive integer",
    ),
    "a limit that is no scalar": (
        lambda x: tf.while_loop(lambda i: i < 3, lambda i: i, [x], maximum_iterations=[1]),
        ValueError, r"maximum_iterations must be a scalar, saw shape: \(1,\)",
    ),
    "a number as condition": (
        lambda x: tf.while_loop(lambda i: i, lambda i: i, [x]), TypeError,
        "does not match expected type of bool",
    ),
    "fewer results": (
        lambda x: tf.while_loop(lambda i, j: i < 3, lambda i, j: i, [x, x]), ValueError,
        "don't have the same number of elements",
    ),
    "more results": (
        lambda x: tf.while_loop(lambda i: i < 3, lambda i: (i, i), [x]), ValueError,
        "don't have the same number of elements",
    ),
    "another structure": (
        lambda x: tf.while_loop(lambda i, d: i < 3, lambda i, d: (i, [d["a"]]), [x, {"a": x}]),
        TypeError, "don't have the same sequence type",
    ),
    "a growing shape": (
        lambda x: tf.while_loop(lambda i: True, lambda i: tf.concat([i, i], 0), [tf.zeros([2])]),
        ValueError, r"'zeros:0' enters the loop with shape \(2,\), but has shape \(4,\) after one",
    ),
    "a shape that is lost": (
        lambda x: tf.while_loop(lambda i: True, lambda i: tf.placeholder(tf.float32), [x]),
        ValueError, "enters the loop with shape .., but has shape <unknown> after one iteration",
    ),
    "an invariant that does not fit": (
        lambda x: tf.while_loop(
            lambda i: True, lambda i: i, [tf.zeros([2])], shape_invariants=[tf.TensorShape([3])]
        ), ValueError, r"The shape invariant specified for zeros:0 is not compatible",
    ),
    "too few invariants": (
        lambda x: tf.while_loop(
            lambda i, j: True, lambda i, j: (i, j), [x, x], shape_invariants=[tf.TensorShape([])]
        ), ValueError, "don't have the same nested structure",
    ),
    "a tensor for a sparse one": (
        lambda x: tf.while_loop(
            lambda i, s: i < 3, lambda i, s: (i, s.values), [x, tf.SparseTensor([[0]], [1.0], [2])]
        ), ValueError, "don't have the same nested structure",
    ),
    "a sparse tensor for a dense one": (
        lambda x: tf.while_loop(
            lambda i, s: i < 3, lambda i, s: (i, tf.SparseTensor([[0]], s, [2])), [x, tf.ones([1])]
        ), ValueError, "don't have the same nested structure",
    ),
    "a limit of unknown rank": (
        lambda x: tf.while_loop(
            lambda i: i < 3, lambda i: i, [x], maximum_iterations=tf.placeholder(tf.int32)
        ), ValueError, "maximum_iterations must be a scalar, saw shape: <unknown>",
    ),
    "another type": (
        lambda x: tf.while_loop(lambda i: i < 3, lambda i: tf.cast(i, tf.int32), [x]),
        tf.errors.InvalidArgumentError, "was passed int32 from .* incompatible with expected float",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    make, error, phrase = REFUSED[name]
    with tf.Graph().as_default(), pytest.raises(error, match=phrase):
        make(scalar())


def test_what_is_inside_stays_inside(session: Any) -> None:
    """Tensors of a body are not fetched, fed or used outside of it."""
    x = scalar()
    inner: list[Any] = []

    def body(i: Any, a: Any) -> Any:
        inner.append(tf.multiply(a, 2.0, name="inner"))
        return i + 1, inner[0]

    y = tf.while_loop(lambda i, a: i < 3, body, [0, x])[1]
    hidden = inner[0]
    for fetch in (hidden, hidden.op, "while/inner:0", [y, hidden]):
        with pytest.raises(ValueError, match="'while/inner' has been marked as not fetchable"):
            session.run(fetch, {x: 1.0})
    with pytest.raises(ValueError, match="may not be fed"):
        session.run(y, {hidden: 1.0})
    with pytest.raises(
        ValueError,
        match="Cannot use 'while/inner' as input to 'add' because 'while/inner' is in a while loop",
    ):
        hidden + 1.0
    with pytest.raises(
        ValueError, match=r"'while/inner' as input to 'while_1/add' .* different while loops"
    ):
        tf.while_loop(lambda i: i < 3.0, lambda i: i + hidden, [x])
    with pytest.raises(ValueError, match="'while/inner' as input to 'cond/add'"):
        tf.cond(x > 0, lambda: hidden + 1.0, lambda: x)
    with pytest.raises(ValueError, match="'while/inner' is in a while loop"):
        tf.control_dependencies([hidden])
    assert not x.graph.is_fetchable(hidden)
    assert not x.graph.is_feedable(hidden)
    assert session.run(y * 2.0, {y: 5.0}) == 10.0


@pytest.mark.parametrize(("limit", "steps"), [(0, 0), (1, 1), (7, 7), (100, 10), (-1, 0)])
def test_maximum_iterations(session: Any, limit: int, steps: int) -> None:
    fed = tf.placeholder(tf.int64, [])
    for given in (limit, tf.constant(limit), fed):
        total = tf.while_loop(
            lambda i: i < 10, lambda i: i + 1, [tf.constant(0)], maximum_iterations=given
        )
        assert session.run(total, {fed: limit}) == steps


def test_one_variable_that_is_a_structure(session: Any) -> None:
    """One tensor is returned itself; a structure of several in the list that holds it."""
    sparse = tf.SparseTensor([[1]], [1.0], [2])
    pair = tf.while_loop(
        lambda p: p["i"] < 3, lambda p: [{"i": p["i"] + 1, "x": p["x"] * 2.0}],
        [{"i": tf.constant(0), "x": tf.constant(1.0)}],
    )  # fmt: skip
    doubled = tf.while_loop(
        lambda s: s.values[0] < 3.0, lambda s: [tf.SparseTensor(s.indices, s.values * 2.0, [2])],
        [sparse],
    )  # fmt: skip
    alone = tf.while_loop(lambda p: p[0] < 3, lambda p: [[p[0] + 1]], [[tf.constant(0)]])
    limited = tf.while_loop(
        lambda p: p[0] < 3, lambda p: (p[0] + 1, p[1]), [(tf.constant(0), tf.constant(5))],
        maximum_iterations=2,
    )  # fmt: skip
    values = session.run([pair, doubled, alone, limited])
    assert values[0] == [{"i": 3, "x": 8.0}]
    assert [type(value) for value in values[1]] == [tf.SparseTensorValue]
    assert values[1][0].values.tolist() == [4.0]
    assert values[2:] == [[3], (2, 5)]


def test_a_body_sees_its_own_effects(session: Any) -> None:
    """Assignments and reads in a body come in its order, iteration after iteration."""
    for use_resource in (False, True):
        v = tf.get_variable(f"v{use_resource}", initializer=0.0, use_resource=use_resource)

        def body(i: Any, seen: Any, v: Any = v) -> Any:
            with tf.control_dependencies([v.assign_add(1.0)]):
                first = v.read_value()
            with tf.control_dependencies([first]):
                with tf.control_dependencies([v.assign(v.read_value() * 2.0)]):
                    return i + 1, seen + first + 100.0 * v.read_value()

        seen = tf.while_loop(lambda i, _: i < 3, body, [0, 0.0])[1]
        with tf.control_dependencies([seen]):
            after = v.read_value()
        session.run(v.initializer)
        # v is 1, 2; 3, 6; 7, 14
        assert session.run([seen, after]) == [11.0 + 2200.0, 14.0]


def test_python_is_called_in_each_iteration(session: Any) -> None:
    x = scalar()
    calls: list[float] = []

    def called(value: Any) -> Any:
        calls.append(float(value))
        return value + np.float32(1)

    y = tf.while_loop(
        lambda i, _: i < 3,
        lambda i, a: (i + 1, tf.ensure_shape(tf.py_func(called, [a], tf.float32), [])),
        [0, x],
    )[1]
    assert session.run(y, {x: 5.0}) == 8.0
    assert calls == [5.0, 6.0, 7.0]


def test_what_a_run_does_not_ask_for_is_left_out(session: Any) -> None:
    """A variable that is not needed costs no feed, and its ops have no effects."""
    x, unfed = scalar(), scalar("unfed")
    v = tf.get_variable("v", initializer=0.0)
    calls: list[float] = []

    def body(i: Any, a: Any, b: Any, c: Any) -> Any:
        counted = tf.py_func(lambda value: calls.append(1.0) or value, [b], tf.float32)
        return i + 1, a + x, tf.ensure_shape(counted, []) * unfed, c + v.assign_add(1.0)

    _, first, second, third = tf.while_loop(
        lambda i, *_: i < 3, body, [0, x, unfed, tf.constant(0.0)]
    )
    session.run(v.initializer)
    assert session.run(first, {x: 1.0}) == 4.0
    assert (calls, session.run(v)) == ([], 0.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"must feed a value for.*'unfed'"):
        session.run(second, {x: 1.0})
    assert session.run([first, third], {x: 1.0}) == [4.0, 6.0]
    assert (calls, session.run(v)) == ([], 3.0)
    assert session.run(second, {x: 1.0, unfed: 2.0}) == 16.0
    assert calls == [1.0] * 3


def test_random_numbers_are_drawn_in_each_iteration(session: Any) -> None:
    """They are those of the same op run as often."""
    drawn = tf.while_loop(
        lambda i, _: i < 4,
        lambda i, a: (i + 1, tf.concat([a, tf.random_uniform([1, 2], seed=5)], 0)),
        [0, tf.zeros([0, 2])],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 2])],
    )[1]
    alone = tf.random_uniform([1, 2], seed=5)
    found = session.run(drawn)
    np.testing.assert_array_equal(found, np.concatenate([session.run(alone) for _ in range(4)]))


def test_variables_of_a_body_stand_outside(session: Any) -> None:
    """They are made once, initialized and trained like all others."""
    x = tf.placeholder(tf.float32, [2])

    def body(i: Any, a: Any) -> Any:
        w = tf.get_variable("w", [2], initializer=tf.constant_initializer(2.0), use_resource=True)
        b = tf.get_variable("b", [2], initializer=tf.ones_initializer())
        return i + 1, a * w + b

    y = tf.while_loop(lambda i, _: i < 2, body, [0, x])[1]
    step = tf.train.GradientDescentOptimizer(0.5).minimize(tf.reduce_sum(y))
    session.run(tf.global_variables_initializer())
    assert session.run(y, {x: [1.0, 3.0]}).tolist() == [7.0, 15.0]
    session.run(step, {x: [1.0, 3.0]})
    # y = x w^2 + b w + b: dw = 2 x w + b, db = w + 1
    found = [value.tolist() for value in session.run(tf.trainable_variables())]
    assert found == [[2.0 - 2.5, 2.0 - 6.5], [1.0 - 1.5, 1.0 - 1.5]]


def test_errors_name_the_op_in_the_body_and_the_users_line(session: Any) -> None:
    """What earlier iterations assigned stays assigned."""
    x = tf.placeholder(tf.float32, [])
    v = tf.get_variable("v", initializer=0.0)

    def body(i: Any, a: Any) -> Any:
        with tf.control_dependencies([v.assign_add(1.0)]):
            smaller = tf.identity(a) - 1.0
            return i + 1, tf.check_numerics(tf.log(smaller), "too small", name="checked")  # here

    y = tf.while_loop(lambda i, _: i < 9, body, [0, x])[1]
    session.run(v.initializer)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="too small : Tensor had NaN"
    ) as caught:
        session.run(y, {x: 5.0})  # log(4) = 1.39, log(0.39) = -0.95, log(-1.95)
    assert caught.value.op.name == "while/checked"
    assert "# here" in str(caught.value)
    assert session.run(v) == 3.0
    assert session.run(y + 1.0, {y: 1.0}) == 2.0


def test_a_deadline_ends_an_endless_loop(session: Any) -> None:
    y = tf.while_loop(forever, next_of_five, [0])
    start = time.monotonic()
    with pytest.raises(tf.errors.DeadlineExceededError):
        session.run(y, options=tf.RunOptions(timeout_in_ms=200))
    assert time.monotonic() - start < 5.0
    assert session.run(tf.constant(1)) == 1


def test_the_end_of_the_session_ends_an_endless_loop() -> None:
    with tf.Graph().as_default():
        y = tf.while_loop(forever, next_of_five, [0])
        session = tf.Session(config=tier_config("interpreted"))
        timer = threading.Timer(0.2, session.close)
        timer.start()
        with pytest.raises(tf.errors.CancelledError):
            session.run(y)
        timer.join()


def test_stages_of_a_run_with_loops(session: Any) -> None:
    """A loop runs once; what it depends on may be fed in a later stage."""
    x, n = scalar(), tf.placeholder(tf.int32, [], "n")
    calls: list[float] = []

    def called(value: Any) -> Any:
        calls.append(float(value))
        return value

    def body(i: Any, a: Any) -> Any:
        return i + 1, tf.ensure_shape(tf.py_func(called, [a * 2.0], tf.float32), [])

    first = tf.while_loop(lambda i, _: i < 2, body, [0, x])[1]
    second = tf.while_loop(lambda i, _: i < n, lambda i, a: (i + 1, a + first), [0, first])[1]
    handle = session.partial_run_setup([first, second], [x, n])
    assert session.partial_run(handle, first, {x: 1.0}) == 4.0
    assert session.partial_run(handle, second, {n: 3}) == 16.0
    assert calls == [2.0, 4.0]


def test_a_callable_and_a_trace_of_a_loop(session: Any) -> None:
    x = scalar()
    y = tf.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, a * 2.0), [0, x])[1]
    double = session.make_callable(y, [x])
    assert [double(1.0), double(2.0)] == [8.0, 16.0]
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    assert session.run(y, {x: 3.0}, options=options, run_metadata=tf.RunMetadata()) == 24.0


def test_many_iterations(session: Any) -> None:
    """A loop may be longer than Python's stack is deep, and so may its gradient."""
    x = tf.placeholder(tf.float64, [])
    n = 20_000
    total = tf.while_loop(
        lambda i, _: i < n, lambda i, a: (i + 1, a + x * x), [0, tf.constant(0.0, tf.float64)]
    )[1]
    (slope,) = tf.gradients(total, x)
    np.testing.assert_allclose(session.run([total, slope], {x: 0.5}), [n / 4, n], rtol=1e-9)


def test_loops_run_in_several_threads_at_once(session: Any) -> None:
    x = scalar()
    y = tf.while_loop(lambda i, _: i < 50, lambda i, a: (i + 1, a + x), [0, x])[1]
    found: dict[int, Any] = {}

    def run(number: int) -> None:
        found[number] = [session.run(y, {x: float(number)}) for _ in range(20)]

    threads = [threading.Thread(target=run, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [51.0 * number] * 20 for number in range(4)}
