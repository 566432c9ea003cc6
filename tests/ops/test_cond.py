"""tf.cond (the op If): what its branches may hold, what runs of them, and what is refused.

tests/programs/control_flow.py compares values, names, shapes and gradients with TensorFlow's,
test_control_flow_gradients.py derivatives with differences.
"""

from __future__ import annotations

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


REFUSED: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "a Python bool": (
        lambda x: tf.cond(True, lambda: x, lambda: x), TypeError, "pred must not be a Python bool",
    ),
    "a number": (
        lambda x: tf.cond(x, lambda: x, lambda: x), TypeError,
        "has type float32 that does not match expected type of bool",
    ),
    "a vector": (
        lambda x: tf.cond([True], lambda: x, lambda: x), ValueError,
        "Shape must be rank 0 but is rank 1",
    ),
    "no true_fn": (
        lambda x: tf.cond(x > 0, false_fn=lambda: x), TypeError, "true_fn argument required",
    ),
    "no false_fn": (lambda x: tf.cond(x > 0, lambda: x), TypeError, "false_fn argument required"),
    "both names": (
        lambda x: tf.cond(x > 0, lambda: x, lambda: x, fn1=lambda: x), TypeError,
        "true_fn and fn1 may not be set simultaneously",
    ),
    "no function": (
        lambda x: tf.cond(x > 0, x, lambda: x), TypeError, "true_fn must be callable",
    ),
    "None": (
        lambda x: tf.cond(x > 0, lambda: None, lambda: None), ValueError,
        "true_fn must have a return value",
    ),
    "nothing": (
        lambda x: tf.cond(x > 0, list, list), ValueError,
        "true_fn and false_fn must return at least one result",
    ),
    "types": (
        lambda x: tf.cond(x > 0, lambda: 1, lambda: 1.0), ValueError,
        "must have the same type: int32, float32",
    ),
    "numbers of results": (
        lambda x: tf.cond(x > 0, lambda: [1, 2], lambda: [1, 2, 3]), ValueError,
        "don't have the same number of elements",
    ),
    "kinds of sequences": (
        lambda x: tf.cond(x > 0, lambda: [1, 2], lambda: (1, 2)), TypeError,
        "don't have the same sequence type",
    ),
    "keys": (
        lambda x: tf.cond(x > 0, lambda: {"a": 1}, lambda: {"b": 1}), ValueError,
        "don't have the same set of keys",
    ),
    "slices and a tensor": (
        lambda x: tf.cond(
            x > 0, lambda: tf.IndexedSlices(x[None], tf.constant([0])), lambda: x[None]
        ), ValueError, "Incompatible return values of true_fn and false_fn",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    make, error, phrase = REFUSED[name]
    with tf.Graph().as_default(), pytest.raises(error, match=phrase):
        make(scalar())


def test_what_is_inside_stays_inside(session: Any) -> None:
    """Tensors of a branch are not fetched, fed or used outside of it."""
    x = scalar()
    inner: list[Any] = []

    def branch() -> Any:
        inner.append(tf.multiply(x, 2.0, name="inner"))
        return inner[0] + 1.0

    y = tf.cond(x > 0, branch, lambda: x)
    for fetch in (inner[0], inner[0].op, "cond/inner:0", [y, inner[0]]):
        with pytest.raises(ValueError, match="'cond/inner' has been marked as not fetchable"):
            session.run(fetch, {x: 1.0})
    with pytest.raises(ValueError, match="may not be fed"):
        session.run(y, {inner[0]: 1.0})
    with pytest.raises(ValueError, match="Cannot use 'cond/inner' as input to 'add'"):
        inner[0] + 1.0
    with pytest.raises(ValueError, match="Cannot use 'cond/inner' as input to 'cond_1/add'"):
        tf.cond(x > 0, lambda: inner[0] + 1.0, lambda: x)
    with pytest.raises(ValueError, match="not fetchable"):
        session.partial_run_setup([inner[0]], [x])
    assert not x.graph.is_fetchable(inner[0])
    assert x.graph.is_fetchable(y)
    assert session.run(y * 2.0, {y: 5.0}) == 10.0


def test_only_the_branch_that_is_taken_has_effects(session: Any) -> None:
    x = scalar()
    calls: list[float] = []

    def called(value: Any) -> Any:
        calls.append(float(value))
        return value

    v = tf.get_variable("v", initializer=0.0)
    y = tf.cond(
        x > 0,
        lambda: tf.py_func(called, [x], tf.float32) + v.assign_add(1.0),
        lambda: tf.py_func(called, [x * 10.0], tf.float32) + v.assign_add(100.0),
    )
    session.run(v.initializer)
    assert session.run(y, {x: 2.0}) == 3.0
    assert session.run(y, {x: -1.0}) == 91.0
    assert calls == [2.0, -10.0]
    assert session.run(v) == 101.0


def test_what_is_made_outside_runs_whichever_branch_is_taken(session: Any) -> None:
    x = scalar()
    v = tf.get_variable("v", initializer=0.0)
    outside = v.assign_add(1.0)
    y = tf.cond(x > 0, lambda: tf.identity(outside), lambda: x)
    session.run(v.initializer)
    session.run(y, {x: -1.0})
    session.run(y, {x: 1.0})
    assert session.run(v) == 2.0


def test_what_a_run_does_not_ask_for_is_left_out(session: Any) -> None:
    """Neither its feeds are needed, nor have its ops effects."""
    x, unfed = scalar(), scalar("unfed")
    v = tf.get_variable("v", initializer=0.0)
    first, second, third = tf.cond(
        x > 0,
        lambda: (x, unfed * 2.0, v.assign_add(1.0)),
        lambda: (x * 2.0, unfed, v.assign_add(1.0)),
    )
    session.run(v.initializer)
    assert session.run(first, {x: 3.0}) == 3.0
    assert session.run(first, {x: -3.0}) == -6.0
    assert session.run(v) == 0.0
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"must feed a value for.*'unfed'"):
        session.run(second, {x: 3.0})
    assert session.run([first, third], {x: 3.0}) == [3.0, 1.0]


def test_effects_in_a_branch_have_their_place_in_the_order(session: Any) -> None:
    """Reads before and after a cond see what was assigned before and in it."""
    x = scalar()
    for use_resource in (False, True):
        v = tf.get_variable(f"v{use_resource}", initializer=1.0, use_resource=use_resource)

        def doubled(v: Any = v) -> Any:
            with tf.control_dependencies([v.assign(v.read_value() * 2.0)]):
                with tf.control_dependencies([v.assign_add(1.0)]):
                    return v.read_value()

        before = v.read_value()
        with tf.control_dependencies([before]):
            y = tf.cond(x > 0, doubled, lambda: 0.0)
        with tf.control_dependencies([y]):
            after = v.read_value()
        session.run(v.initializer)
        assert session.run([before, y, after], {x: 1.0}) == [1.0, 3.0, 3.0]
        assert session.run([before, y, after], {x: -1.0}) == [3.0, 0.0, 3.0]


def test_variables_of_a_branch_stand_outside(session: Any) -> None:
    """They are initialized and trained like all others, and so are their regularizers."""
    x = tf.placeholder(tf.float32, [2])

    def branch() -> Any:
        w = tf.get_variable("w", [2], initializer=tf.ones_initializer(), regularizer=tf.reduce_sum)
        b = tf.Variable(lambda: tf.ones([2]) * 3.0, name="b")
        return x * w + b

    y = tf.cond(x[0] > 0, branch, lambda: x)
    assert [v.op.name for v in tf.global_variables()] == ["w", "cond/b"]
    (loss,) = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    step = tf.train.GradientDescentOptimizer(1.0).minimize(tf.reduce_sum(y) + loss)
    session.run(tf.global_variables_initializer())
    assert session.run(y, {x: [1.0, 2.0]}).tolist() == [4.0, 5.0]
    session.run(step, {x: [1.0, 2.0]})
    found = session.run(tf.global_variables())
    assert [value.tolist() for value in found] == [[-1.0, -2.0], [2.0, 2.0]]
    session.run(step, {x: [-1.0, 2.0]})
    assert session.run(tf.global_variables()[1]).tolist() == [2.0, 2.0]
    with pytest.raises(ValueError, match="is from inside a control-flow construct"):
        tf.cond(x[0] > 0, lambda: tf.Variable(tf.ones([2]) * 3.0) + x, lambda: x)


def test_waiting_outside_for_an_update_in_a_branch(session: Any) -> None:
    """As a training step waits for updates that layers gathered in branches of branches."""
    x = scalar()
    v = tf.get_variable("v", initializer=0.0)
    updates: list[Any] = []

    def inner() -> Any:
        updates.append(v.assign_add(1.0))
        return tf.constant(5.0)

    y = tf.cond(x > 0, lambda: tf.cond(x > 1, inner, lambda: 7.0), lambda: 6.0)
    with tf.control_dependencies(updates):
        step = tf.identity(y)
    together = tf.group(*updates)
    session.run(v.initializer)
    assert [session.run(y, {x: value}) for value in (2.0, 0.5, -1.0)] == [5.0, 7.0, 6.0]
    assert session.run(v) == 0.0
    assert [session.run(step, {x: value}) for value in (2.0, 0.5, -1.0)] == [5.0, 7.0, 6.0]
    assert session.run(v) == 1.0
    session.run(together, {x: 2.0})
    assert session.run(v) == 2.0
    session.run([y, step, together], {x: 2.0})
    assert session.run(v) == 3.0


def test_random_numbers_of_a_branch_go_on_only_where_it_is_taken(session: Any) -> None:
    x = scalar()
    y = tf.cond(x > 0, lambda: tf.random_uniform([2], seed=5), lambda: tf.zeros([2]))
    alone = tf.random_uniform([2], seed=5)
    drawn = [session.run(y, {x: value}) for value in (1.0, -1.0, 1.0, -1.0, 1.0)]
    expected = [session.run(alone) for _ in range(3)]
    np.testing.assert_array_equal(drawn[::2], expected)


def test_a_constant_condition_leaves_one_branch(session: Any) -> None:
    x, unfed = scalar(), scalar("unfed")
    y = tf.cond(tf.constant(1) < 2, lambda: x * 2.0, lambda: unfed)
    assert "If" not in [explained.op.type for explained in session.explain(y).ops]
    assert session.run(y, {x: 2.0, unfed: 0.0}) == 4.0


def test_errors_name_the_op_in_the_branch_and_the_users_line(session: Any) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.cond(
        tf.reduce_sum(x) > 0,
        lambda: tf.reshape(x, [2, 2], name="shaped")[0],  # this line
        lambda: x,
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="3 values") as caught:
        session.run(y, {x: [1.0, 2.0, 3.0]})
    assert caught.value.op.name == "cond/shaped"
    assert "# this line" in str(caught.value)
    assert session.run(y, {x: [1.0, 2.0, 3.0, 4.0]}).tolist() == [1.0, 2.0]


def test_a_condition_fed_in_a_later_stage(session: Any) -> None:
    x, pred = scalar(), tf.placeholder(tf.bool, [])
    calls: list[float] = []
    counted = tf.py_func(lambda value: calls.append(float(value)) or value, [x], tf.float32)
    counted.set_shape([])
    y, z = tf.cond(pred, lambda: (counted * 2.0, x), lambda: (x, counted * 3.0))
    handle = session.partial_run_setup([counted, y, z], [x, pred])
    assert session.partial_run(handle, counted, {x: 4.0}) == 4.0
    assert session.partial_run(handle, y, {pred: True}) == 8.0
    assert session.partial_run(handle, z) == 4.0
    assert calls == [4.0]


def test_deep_nesting(session: Any) -> None:
    """Each level adds its number where its bit is set."""
    bits = tf.placeholder(tf.bool, [12])

    def level(number: int) -> Any:
        if number == 12:
            return tf.constant(0)
        return tf.cond(bits[number], lambda: level(number + 1) + 2**number, lambda: tf.constant(0))

    y = level(0)
    assert session.run(y, {bits: [True] * 12}) == 4095
    assert session.run(y, {bits: [True] * 5 + [False] + [True] * 6}) == 31
