"""Branches and loops compiled by XLA: they are compiled, and do what the interpreter does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.plan.clusters import host_reasons
from penstock.plan.plan import RegionStep
from penstock.runtime.xla import CompiledCluster
from penstock.session.fetches import Fetches

Values = list[np.ndarray]


@pytest.fixture(autouse=True)
def own_graph() -> Iterator[None]:
    """Each test has a graph of its own."""
    with tf.Graph().as_default():
        yield


def session(jit: str) -> Any:
    """A session that never compiles, or always."""
    config = tf.ConfigProto()
    level = getattr(tf.OptimizerOptions, jit)
    config.graph_options.optimizer_options.global_jit_level = level
    return tf.Session(config=config)


def compiled(sess: Any) -> list[RegionStep]:
    """The branches and loops that ran as compiled programs, none of them refused by XLA."""
    found = []
    for executor in sess._executors:
        for item in executor._items or ():
            if isinstance(item, CompiledCluster):
                assert not item._only_interpreted, "a cluster could not be traced"
                found += [step for step in item.steps if isinstance(step, RegionStep)]
    return found


def in_both(fetches: Any, feeds: list[dict[Any, Any]], regions: int) -> Values:
    """What runs give, the same interpreted and compiled, with so many branches and loops in XLA."""
    runs = []
    for jit in ("OFF", "ON_1"):
        with session(jit) as sess:
            sess.run(tf.global_variables_initializer())
            runs.append([np.asarray(v) for feed in feeds for v in sess.run(fetches, feed)])
            assert len(compiled(sess)) == (regions if jit == "ON_1" else 0)
    for one, other in zip(*runs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    return runs[0]


def test_branches() -> None:
    """Both sides, their gradients, and a value that only one of them saves."""
    x = tf.placeholder(tf.float32, [])
    y = tf.cond(x > 0, lambda: tf.exp(x) * x, lambda: -x)
    found = in_both([y, tf.gradients(y, x)[0]], [{x: 1.0}, {x: -2.0}], 2)
    np.testing.assert_allclose(found, [np.e, 2 * np.e, 2.0, -1.0], rtol=1e-5)


def test_a_branch_that_is_known() -> None:
    """A branch on a constant is no branch any more."""
    x = tf.placeholder(tf.float32, [])
    y = tf.cond(tf.constant(False), lambda: x * 2, lambda: x * 3)
    assert in_both([y, tf.gradients(y, x)[0]], [{x: 2.0}], 0) == [6.0, 3.0]


@pytest.mark.parametrize("resource", [False, True])
def test_assignments(resource: bool) -> None:
    """A variable that a loop assigns, and reads in the next iteration."""
    v = tf.get_variable("v", initializer=1.0, use_resource=resource)
    n = tf.placeholder(tf.int32, [])

    def body(i: Any) -> Any:
        doubled = tf.cond(i < 2, lambda: v.assign(v.read_value() * 2), lambda: v.assign_add(1.0))
        with tf.control_dependencies([doubled]):
            return i + 1

    out = tf.while_loop(lambda i: i < n, body, [0])
    found = in_both([out, v], [{n: 0}, {n: 4}], 1)
    assert [float(value) for value in found] == [0.0, 1.0, 4.0, 6.0]


def test_a_loop_of_unknown_length_without_gradient() -> None:
    """How often it runs may depend on what it computes."""
    x = tf.placeholder(tf.float32, [])
    y = tf.while_loop(lambda y: y < 100.0, lambda y: y * 3.0 + 1.0, [x])
    assert in_both([y], [{x: 1.0}, {x: 200.0}], 1) == [121.0, 200.0]


def test_a_gradient_of_unknown_length_stays_on_the_host() -> None:
    """A gradient needs each iteration's values: XLA would have to know how many there are."""
    x = tf.placeholder(tf.float32, [])
    y = tf.while_loop(lambda y: y < 100.0, lambda y: y * y, [x])
    found = in_both([y, tf.gradients(y, x)[0]], [{x: 2.0}, {x: 3.0}], 0)
    assert [float(value) for value in found] == [256.0, 8 * 2.0**7, 6561.0, 8 * 3.0**7]


def test_a_gradient_of_a_loop_as_long_as_its_input() -> None:
    """The shape of what is fed decides; its values do not."""
    words, start = tf.placeholder(tf.int32, [None, None]), tf.placeholder(tf.float32, [3])
    _, last = tf.while_loop(
        lambda time, state: time < tf.shape(words)[1],
        lambda time, state: (time + 1, tf.sin(state) + tf.to_float(words[0, time])),
        [0, start],
    )
    feeds = [
        {words: np.full([1, length], value), start: [0.1, 0.2, 0.3]}
        for length in (2, 3)
        for value in (0, 1)
    ]
    found = in_both([last, tf.gradients(last, start)[0]], feeds, 2)
    np.testing.assert_allclose(found[0], np.sin(np.sin([0.1, 0.2, 0.3])), rtol=1e-6)


def test_places_that_a_loop_computes() -> None:
    """`x[:, i]` and `x[-1 - i, 1]`, forward and backward."""
    x = tf.placeholder(tf.float32, [3, 2])

    total = tf.while_loop(
        lambda i, _: i < 2, lambda i, total: (i + 1, total * tf.reduce_sum(x[:, i]) + x[-1 - i, 1]),
        [0, 1.0],
    )[1]  # fmt: skip
    value = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)
    first, gradient = in_both([total, tf.gradients(total, x)[0]], [{x: value}], 2)
    # (1 * 9 + 6) * 12 + 4
    assert first == 184.0
    np.testing.assert_allclose(gradient, [[12, 15], [12, 16], [12, 27]])


def test_arrays() -> None:
    """TensorArrays written in a loop, whose elements' shape is seen there first."""
    x = tf.placeholder(tf.float32, [4, 2])
    source = tf.TensorArray(tf.float32, 4).unstack(x)

    def body(i: Any, total: Any, out: Any) -> Any:
        total = total + tf.square(source.read(i))
        return i + 1, total, out.write(i, total)

    out = tf.TensorArray(tf.float32, 4)
    _, _, out = tf.while_loop(lambda i, *_: i < 4, body, [0, tf.zeros([2]), out])
    sums = out.stack()
    value = np.arange(8, dtype=np.float32).reshape(4, 2)
    stacked, gradient = in_both([sums, tf.gradients(sums, x)[0]], [{x: value}], 2)
    np.testing.assert_allclose(stacked, np.cumsum(value**2, 0))
    np.testing.assert_allclose(gradient, 2 * value * [[4], [3], [2], [1]])


def test_random_numbers() -> None:
    """The same numbers in both ways, in branches and loops, and in the runs after them."""
    tf.set_random_seed(3)
    n, flag = tf.placeholder(tf.int32, []), tf.placeholder(tf.bool, [])

    def body(i: Any, total: Any) -> Any:
        drawn = tf.random_uniform([2])
        more = tf.cond(drawn[0] > 0.5, lambda: drawn, lambda: tf.random_normal([2]))
        return i + 1, total + more

    total = tf.while_loop(lambda i, _: i < n, body, [0, tf.zeros([2])])[1]
    maybe = tf.cond(flag, lambda: tf.random_uniform([3]), lambda: tf.zeros([3]))
    feeds = [{n: count, flag: count % 2 == 0} for count in (0, 3, 1, 5, 2)]
    found = in_both([total, maybe], feeds, 2)
    assert len({tuple(value) for value in found[1::2]}) == 3  # two draws that differ, and zeros


def test_loops_in_loops() -> None:
    """The inner loop's gradient in the outer loop's, and the second derivative.

    The latter goes back through the inner gradient, which runs as often as the inner loop did in
    that iteration of the outer one: XLA does not know that number.
    """
    x = tf.placeholder(tf.float32, [])

    def outer(i: Any, y: Any) -> Any:
        inner = tf.while_loop(lambda j, _: j < 2, lambda j, z: (j + 1, tf.sin(z) * x), [0, y])
        return i + 1, inner[1] + y

    y = tf.while_loop(lambda i, _: i < 3, outer, [0, x])[1]
    (first,) = tf.gradients(y, x)
    (second,) = tf.gradients(first, x)

    def plain(x: float) -> float:
        y = x
        for _ in range(3):
            z = y
            for _ in range(2):
                z = np.sin(z) * x
            y = z + y
        return y

    value, slope = in_both([y, first], [{x: 0.7}], 2)
    (bend,) = in_both([second], [{x: 0.7}], 0)
    np.testing.assert_allclose(value, plain(0.7), rtol=1e-5)
    np.testing.assert_allclose(slope, derivative(plain, 0.7), rtol=1e-4)
    np.testing.assert_allclose(bend, derivative(lambda x: derivative(plain, x), 0.7), rtol=1e-3)


def derivative(function: Callable[[float], float], x: float, step: float = 1e-4) -> float:
    """By differences."""
    return (function(x + step) - function(x - step)) / (2 * step)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda x: tf.while_loop(
                lambda i, _: i < 2, lambda i, y: (i + 1, tf.concat([y, y], 0)), [0, x],
                shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
            )[1],
            "the shape of a loop variable changes",
        ),
        (
            lambda x: tf.cond(x[0] > 0, lambda: x[:1], lambda: x[:2]),
            "its branches give different shapes",
        ),
        (
            lambda x: tf.while_loop(
                lambda i, _: i < 2, lambda i, y: (i + 1, tf.py_func(np.sin, [y], tf.float32)),
                [0, x], shape_invariants=[tf.TensorShape([]), tf.TensorShape(None)],
            )[1],
            "it calls a Python function",
        ),
    ],
)  # fmt: skip
def test_what_stays_on_the_host(make: Callable[[Any], Any], reason: str) -> None:
    """It runs all the same, and `explain` tells why."""
    x = tf.placeholder(tf.float32, [3])
    y = make(x)
    in_both([y], [{x: [1.0, 2.0, 3.0]}, {x: [-1.0, 2.0, 3.0]}], 0)
    with session("ON_1") as sess:
        executor = sess._executors.get(Fetches(sess.graph, y), (x,))
        assert any(reason in text for text in host_reasons(executor.plan).values())


def test_a_loop_that_is_bounded() -> None:
    """It ends when a fed number says so, but at the array's end at the latest, as dynamic_rnn."""
    x = tf.placeholder(tf.float32, [5, 2])
    n = tf.placeholder(tf.int32, [None])
    w = tf.Variable([[1.0, 0.5], [0.25, 1.0]])
    limit = tf.minimum(tf.shape(x)[0], tf.maximum(1, tf.reduce_max(n)))
    source = tf.TensorArray(tf.float32, tf.shape(x)[0]).unstack(x)

    def body(i: Any, state: Any, out: Any) -> Any:
        state = tf.tanh(tf.matmul(state, w) + source.read(i))
        return i + 1, state, out.write(i, state)

    out = tf.TensorArray(tf.float32, tf.shape(x)[0], element_shape=[1, 2])
    start = [tf.constant(0), tf.zeros([1, 2]), out]
    i, state, out = tf.while_loop(lambda i, *_: i < limit, body, start)
    loss = tf.reduce_sum(state) + tf.reduce_sum(tf.square(out.stack()))
    fetches = [i, loss, *tf.gradients(loss, [w, x])]
    value = np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 2)
    feeds = [{x: value, n: [count, 1]} for count in (0, 1, 3, 5, 9, 2, 4, 6, 7, 8, 10, 11)]
    found = in_both(fetches, feeds, 2)
    assert [int(count) for count in found[::4]] == [1, 1, 3, 5, 5, 2, 4, 5, 5, 5, 5, 5]
    assert not found[3][1:].any()  # nothing flows to what was not read


def test_a_bound_by_maximum_iterations() -> None:
    """The same where the loop is told its end."""
    x = tf.placeholder(tf.float32, [])
    y = tf.while_loop(lambda y: y < 100.0, lambda y: y * y, [x], maximum_iterations=20)
    found = in_both([y, tf.gradients(y, x)[0]], [{x: 2.0}, {x: 3.0}, {x: 1.0}], 2)
    expected = [256.0, 8 * 2.0**7, 6561.0, 8 * 3.0**7, 1.0, 2.0**20]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_hot_body_of_a_loop_on_the_host() -> None:
    """What cannot be compiled as a whole is compiled in parts."""
    x = tf.placeholder(tf.float32, [4])

    def body(i: Any, y: Any) -> Any:
        seen = tf.py_func(lambda i: np.float32(i), [i], tf.float32)
        seen.set_shape([])
        return i + 1, tf.tanh(y * y + y) * seen - tf.sin(y) * tf.cos(y)

    y = tf.while_loop(lambda i, _: i < 3, body, [0, x])[1]
    value = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    in_both([y], [{x: value}, {x: -value}], 0)
    with session("ON_1") as sess:
        sess.run(y, {x: value})
        (executor,) = [e for e in sess._executors if e.plan.fetches == (y,)]
        parts = [item for items in executor._bodies.values() for item in items]
        compiled_steps = [len(p.steps) for p in parts if isinstance(p, CompiledCluster)]
        assert sum(compiled_steps) >= 7
        assert all(p.compile_seconds for p in parts if isinstance(p, CompiledCluster))


def test_what_a_body_saves_decides() -> None:
    """Left to the cost model, a body of small arrays stays in NumPy, one of large is compiled."""
    for size, expected in ((4, False), (300_000, True)):
        x = tf.placeholder(tf.float32, [size])

        def body(i: Any, y: Any) -> Any:
            with tf.control_dependencies([tf.py_func(lambda i: i, [i], tf.int32)]):
                return i + 1, y * y + y * 0.5 - y * y * 0.25 + y / (1.0 + y * y)

        y = tf.while_loop(lambda i, _: i < 3, body, [0, x])[1]
        with tf.Session() as sess:
            value = np.full(size, 0.5, np.float32)
            for _ in range(40):
                sess.run(y, {x: value})
            (executor,) = sess._executors
            parts = [item for items in executor._bodies.values() for item in items]
            assert any([isinstance(p, CompiledCluster) for p in parts]) is expected


@pytest.mark.parametrize("jit", [-1, 1])
def test_a_branch_that_only_passes_strings_on_stays_on_the_host(jit: int) -> None:
    text = tf.placeholder(tf.string, [2])
    x = tf.placeholder(tf.float32)
    chosen = tf.cond(tf.rank(x) > 1, lambda: text, lambda: text)
    looped = tf.while_loop(lambda i, _: i < 2, lambda i, t: (i + 1, t), [0, text])[1]
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = jit
    with tf.Session(config=config) as session:
        found = session.run([chosen, looped, tf.exp(x)], {text: ["a", "b"], x: [0.0]})
        assert [found[0].tolist(), found[1].tolist()] == [[b"a", b"b"]] * 2
        handle = session.partial_run_setup([chosen, tf.exp(x)], [text, x])
        session.partial_run(handle, [], {text: ["a", "b"], x: [0.0]})
        assert session.partial_run(handle, chosen).tolist() == [b"a", b"b"]


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_what_a_branch_on_the_host_does_not_save_goes_into_no_cluster(level):
    """The gradient's branch is given nothing for the branch that was not taken."""
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    x = tf.placeholder(tf.float32, [3])

    def on_host(a):
        passed = tf.py_func(lambda value: value, [a], tf.float32)
        passed.set_shape([3])
        return passed

    def body(i, a):
        return i + 1, tf.cond(i < 1, lambda: tf.sin(a) * a, lambda: on_host(a) * a)

    y = tf.while_loop(lambda i, a: i < 2, body, [0, x])[1]
    slope = tf.gradients(y, x)[0]
    curve = tf.gradients(slope, x)[0]
    with tf.Session(config=config) as session:
        for _ in range(4):
            found = session.run([slope, curve], {x: [1.0, 2.0, 3.0]})
            np.testing.assert_allclose(found[0], [1.1627222, 0.14003861, -1.197625], rtol=1e-5)
            np.testing.assert_allclose(found[1], [0.20122391, -4.820892, -1.0174801], rtol=1e-5)
