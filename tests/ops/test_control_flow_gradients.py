"""First, second and third gradients through branches and loops are those of differences.

TensorFlow has no second gradients of loops; its first ones are compared in
tests/programs/control_flow.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.graph import region
from tests.ops.suite import tier_config

STEP = 1e-5


def constant(value: Any) -> Any:
    return tf.constant(value, tf.float64)


def loop(body: Callable[..., Any], first: Any, count: Any = 3) -> Any:
    """The last value of one variable after some steps."""
    return tf.while_loop(lambda i, _: i < count, lambda i, a: (i + 1, body(a)), [0, first])[1]


def resource(name: str, value: Any) -> Any:
    return variable(name, value, True)


def reference(name: str, value: Any) -> Any:
    return variable(name, value, False)


def variable(name: str, value: Any, use_resource: bool) -> Any:
    """Made by a function, since it may be asked for inside a body."""
    return tf.get_variable(
        name, np.shape(value), tf.float64, lambda *_, **__: constant(value),
        use_resource=use_resource,
    )  # fmt: skip


# Each takes a vector of four and returns a scalar.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "cond": lambda x: tf.cond(
        x[0] > 0, lambda: tf.reduce_sum(tf.sin(x) * x**3), lambda: tf.reduce_prod(x) * x[1]
    ),
    "cond of a captured tensor": lambda x: (
        lambda y: tf.cond(x[0] > 0, lambda: tf.reduce_sum(y * y * x), lambda: tf.reduce_sum(y))
    )(tf.exp(x)),
    "cond in cond": lambda x: tf.cond(
        x[0] > 0,
        lambda: tf.cond(x[1] > 0, lambda: tf.reduce_sum(x**4), lambda: tf.reduce_sum(tf.exp(x))),
        lambda: tf.reduce_sum(x**2 * x[3]),
    ),
    "cond whose results are taken": lambda x: (lambda pair: tf.reduce_sum(pair[0] * pair[1]))(
        tf.cond(x[0] > 0, lambda: (x * x, tf.sin(x)), lambda: (x, x**3))
    ),
    "loop": lambda x: tf.reduce_sum(loop(lambda a: tf.sin(a) * x + a * a, x)),
    "loop of a captured tensor": lambda x: (
        lambda y: tf.reduce_sum(loop(lambda a: tf.tanh(a * y) + x, y * y))
    )(tf.exp(-x)),
    "loop without steps": lambda x: tf.reduce_sum(loop(lambda a: a * x, x**3, count=0)),
    "loop by value": lambda x: tf.reduce_sum(
        tf.while_loop(lambda a: tf.reduce_sum(a) < 50.0, lambda a: a * a + 1.5, [x])
    ),
    "loop with a limit": lambda x: tf.reduce_sum(
        tf.while_loop(lambda a: True, lambda a: a * x + a, [x], maximum_iterations=3)
    ),
    "loop in loop": lambda x: tf.reduce_sum(
        loop(lambda a: loop(lambda b: tf.sin(b) * a + x, a, count=2), x, count=2)
    ),
    "loop in cond": lambda x: tf.cond(
        x[0] > 0,
        lambda: tf.reduce_sum(loop(lambda a: a * tf.sin(x) + a, x)),
        lambda: tf.reduce_sum(x * x),
    ),
    "cond in loop": lambda x: tf.reduce_sum(
        loop(lambda a: tf.cond(tf.reduce_sum(a) > 0, lambda: tf.sin(a) * x, lambda: a * a - x), x)
    ),
    "cond in loop in cond": lambda x: tf.cond(
        x[0] > 0,
        lambda: tf.reduce_sum(
            loop(lambda a: tf.cond(a[0] > 0.5, lambda: a * x, lambda: tf.exp(a)), x)
        ),
        lambda: tf.reduce_sum(x**3),
    ),
    "gather in cond": lambda x: tf.cond(
        x[0] > 0,
        lambda: tf.reduce_sum(tf.gather(x, [1, 3, 1]) ** 3),
        lambda: tf.reduce_sum(tf.gather(x * x, [0, 0])),
    ),
    "gather in loop": lambda x: tf.while_loop(
        lambda i, _: i < 3,
        lambda i, a: (i + 1, a * x[0] + tf.reduce_sum(tf.gather(x, [i, 3, i]) ** 2) * a),
        [0, x[1]],
    )[1],
    "growing": lambda x: tf.reduce_sum(
        tf.while_loop(
            lambda i, _: i < 3,
            lambda i, a: (i + 1, tf.concat([a, tf.sin(a) * a[0]], 0)),
            [0, x],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
        )[1]
    ),
    "descent": lambda x: tf.reduce_sum(
        loop(lambda a: a - 0.1 * tf.gradients(tf.reduce_sum(a**4 * x), a)[0], x, count=2)
    ),
    "variables": lambda x: tf.reduce_sum(
        loop(lambda a: tf.sin(a) * reference("v", [1.0, 2.0, 0.5, -1.0]) * x, x)
        * tf.cond(x[0] > 0, lambda: resource("w", [0.5, 1.5, -1.0, 2.0]) * x, lambda: x)
    ),
    "two variables of a loop": lambda x: tf.reduce_sum(
        tf.while_loop(
            lambda i, a, b: i < 3, lambda i, a, b: (i + 1, b * x, a + tf.sin(b)), [0, x, x * x]
        )[1]
    ),
}
POINTS = ([0.7, 0.4, -0.6, 1.1], [-0.3, 0.8, 0.5, -0.9])


@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices to a dense Tensor")
@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_an_argument(name: str, tier: str) -> None:
    """The first three derivatives along a direction are difference quotients of each other."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float64, [4])
        value = FUNCTIONS[name](x)
        direction = np.array([0.3, -0.8, 0.5, 0.2])
        levels = [value]
        for _ in range(2 if tier == "compiled" else 3):
            (slope,) = tf.gradients(levels[-1], x, unconnected_gradients="zero")
            levels.append(tf.reduce_sum(tf.convert_to_tensor(slope) * direction))
        with tf.Session(config=tier_config(tier)) as sess:
            sess.run(tf.global_variables_initializer())
            for point in POINTS:
                here = sess.run(levels, {x: point})
                ahead = sess.run(levels, {x: point + STEP * direction})
                behind = sess.run(levels, {x: point - STEP * direction})
                for level in range(1, len(levels)):
                    expected = (ahead[level - 1] - behind[level - 1]) / (2 * STEP)
                    np.testing.assert_allclose(
                        here[level], expected, rtol=2e-5, atol=1e-6, err_msg=f"derivative {level}"
                    )


@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices to a dense Tensor")
@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
@pytest.mark.parametrize("make", [reference, resource])
def test_gradients_of_variables(make: Callable[..., Any], tier: str) -> None:
    """With respect to variables, looked up in part or taken whole, in branches and loops."""
    with tf.Graph().as_default():
        table = make("table", np.linspace(-1.0, 1.0, 10).reshape(5, 2))
        scale = make("scale", [0.5, -1.5])
        pred = tf.placeholder(tf.bool, [])
        looked_up = tf.cond(
            pred,
            lambda: tf.nn.embedding_lookup(table, [1, 3, 1]) * scale,
            lambda: tf.gather(table, [0, 2, 4]) ** 2,
        )
        looped = tf.while_loop(
            lambda i, _: i < 3,
            lambda i, a: (i + 1, a * scale + tf.nn.embedding_lookup(table, [i, 4]) ** 3),
            [0, tf.ones([2, 2], tf.float64)],
        )[1]
        whole = loop(lambda a: tf.matmul(a, table, transpose_b=True)[:, :2] * scale, looked_up[:2])
        value = tf.reduce_sum(looked_up**2) + tf.reduce_sum(looped**2) + tf.reduce_sum(whole)
        variables = [table, scale]
        directions = [np.cos(np.arange(10.0)).reshape(5, 2), np.array([0.4, -0.7])]
        levels = [value]
        for _ in range(2):
            slopes = tf.gradients(levels[-1], variables)
            along = [
                tf.reduce_sum(tf.convert_to_tensor(slope) * direction)
                for slope, direction in zip(slopes, directions, strict=True)
            ]
            levels.append(tf.add_n(along))
        with tf.Session(config=tier_config(tier)) as sess:
            for chosen in (True, False):

                def at(step: float, chosen: bool = chosen) -> list[Any]:
                    sess.run(tf.global_variables_initializer())
                    for variable, direction in zip(variables, directions, strict=True):
                        variable.load(sess.run(variable) + step * direction, sess)
                    return sess.run(levels, {pred: chosen})

                here, ahead, behind = at(0.0), at(STEP), at(-STEP)
                for level in (1, 2):
                    expected = (ahead[level - 1] - behind[level - 1]) / (2 * STEP)
                    np.testing.assert_allclose(here[level], expected, rtol=2e-5)


def test_slices_flow_out_of_branches_and_loops() -> None:
    """A gradient that TensorFlow gives as IndexedSlices is one, so that optimizers stay sparse."""
    with tf.Graph().as_default():
        table = resource("table", np.ones([5, 2]))
        pred = tf.placeholder(tf.bool, [])
        chosen = tf.cond(pred, lambda: tf.gather(table, [1]), lambda: tf.gather(table, [2, 3]))
        looped = loop(lambda a: a + tf.gather(table, [4, 4]), tf.ones([2, 2], tf.float64))
        slopes = [tf.gradients(tf.reduce_sum(y), table)[0] for y in (chosen, looped)]
        assert [type(slope).__name__ for slope in slopes] == ["IndexedSlices"] * 2
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            found = sess.run([slope.indices for slope in slopes], {pred: False})
        assert sorted(found[0]) == [0, 1, 2, 2, 3, 3, 4]  # zeros for all rows, where untaken
        assert found[1].tolist() == [0] + [4] * 6


def test_an_optimizer_moves_variables_by_what_flows_out_of_a_loop() -> None:
    with tf.Graph().as_default():
        w = resource("w", [0.5, -0.5])
        other = resource("other", [1.0])
        y = loop(lambda a: tf.sin(a * w) + 1.0, constant([1.0, 2.0]))
        loss = tf.reduce_sum((y - 1.7) ** 2)
        optimizer = tf.train.GradientDescentOptimizer(0.2)
        pairs = optimizer.compute_gradients(loss)
        assert [(grad is None, v.op.name) for grad, v in pairs] == [(False, "w"), (True, "other")]
        step = optimizer.apply_gradients(pairs)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            before = sess.run(loss)
            for _ in range(50):
                sess.run(step)
            assert sess.run(loss) < before / 10
            assert sess.run(other) == [1.0]


def test_nothing_flows_back_where_the_program_says_so() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float64, [])
        stopped = tf.while_loop(
            lambda i, _: i < 3, lambda i, a: (i + 1, a * x), [0, x], back_prop=False
        )[1]
        assert tf.gradients(stopped, x) == [None]
        assert tf.gradients(
            tf.cond(x > 0, lambda: tf.stop_gradient(x), lambda: 1.0 * x[None][0]), x
        )
        only_first = tf.while_loop(
            lambda i, a, b: i < 3, lambda i, a, b: (i + 1, a * 2.0, b * x), [0, x, x]
        )
        z = tf.placeholder(tf.float64, [])
        assert tf.gradients(only_first[1], z) == [None]
        two = tf.cond(x > 0, lambda: (x * 2.0, z * 3.0), lambda: (x, z))
        assert tf.gradients(two[0], z) == [None]
        assert tf.gradients(two[0], x) != [None]


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
def test_hessians(tier: str) -> None:
    """Of a quadratic form that a loop computes."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float64, [3])
        matrix = np.array([[1.0, 2.0, 0.0], [2.0, -1.0, 0.5], [0.0, 0.5, 3.0]])
        total = tf.while_loop(
            lambda i, _: i < 3,
            lambda i, a: (i + 1, a + x[i] * tf.reduce_sum(tf.gather(constant(matrix), i) * x)),
            [0, constant(0.0)],
        )[1]
        (hessian,) = tf.hessians(total, x)
        with tf.Session(config=tier_config(tier)) as sess:
            found = sess.run(hessian, {x: [0.3, -0.2, 1.0]})
        np.testing.assert_allclose(found, 2 * matrix, atol=1e-12)


def test_the_gradient_of_a_long_body_looks_at_it_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However much a body saves: else the time to make a gradient would grow as a square."""
    looks: list[int] = []
    demand = region.demand
    monkeypatch.setattr(region, "demand", lambda *args: looks.append(1) or demand(*args))

    def looks_of(length: int) -> int:
        looks.clear()
        with tf.Graph().as_default():
            factors = [tf.placeholder(tf.float64, []) for _ in range(length)]

            def body(i: Any, a: Any) -> Any:
                for factor in factors:
                    a = tf.cond(a > 0, lambda factor=factor, a=a: a * factor, lambda a=a: a * a)
                return i + 1, a

            y = tf.while_loop(lambda i, _: i < 3, body, [0, constant(1.0)])[1]
            slope = tf.gradients(y, factors[0])[0]
            with tf.Session() as sess:
                sess.run(slope, dict.fromkeys(factors, 0.5))
        return len(looks)

    few, many = looks_of(10), looks_of(20)
    assert many < 2.2 * few
