"""Updates of rows and elements: written where they are, and nobody notices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as tf
from penstock.graph.opspec import raw

KINDS = pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
WAYS = pytest.mark.parametrize("options", [None, tf.RunOptions(timeout_in_ms=60_000)])


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def interpreted() -> tf.Session:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.OFF
    return tf.Session(config=config)


def slot_of(session: tf.Session, variable: Any) -> Any:
    return session._state.variable(variable.op)


def address(session: tf.Session, variable: Any) -> int:
    """Where the variable's value is in memory."""
    return slot_of(session, variable).value.ctypes.data


def zeros(resource: bool, *shape: int) -> Any:
    return tf.Variable(tf.zeros(shape), use_resource=resource)


UPDATES: dict[str, Callable[[Any], Any]] = {
    "scatter_add": lambda v: tf.scatter_add(v, [1, 1], tf.ones([2, 3])),
    "scatter_update": lambda v: tf.scatter_update(v, [1], tf.ones([1, 3])),
    "scatter_nd_add": lambda v: tf.scatter_nd_add(v, [[1, 2]], [5.0]),
}


@WAYS
@KINDS
@pytest.mark.parametrize("name", UPDATES)
def test_written_where_it_is(name: str, resource: bool, options: Any) -> None:
    """From the second update on, the value stays at its place: nothing of its size is copied."""
    v = zeros(resource, 4, 3)
    update = UPDATES[name](v)
    update = update if resource else update.op
    with interpreted() as sess:
        sess.run(v.initializer)
        for _ in range(4):
            sess.run(update, options=options)
        first = address(sess, v)
        for _ in range(4):
            sess.run(update, options=options)
            assert address(sess, v) == first


@KINDS
def test_optimizers_write_where_it_is(resource: bool) -> None:
    """A training step with a sparse gradient copies neither the table nor its slots."""
    table = zeros(resource, 50, 3)
    ids = tf.placeholder(tf.int32, [None])
    optimizer = tf.train.AdagradOptimizer(0.5)
    step = optimizer.minimize(tf.reduce_sum(tf.square(tf.nn.embedding_lookup(table, ids) - 1.0)))
    state = [table, optimizer.get_slot(table, "accumulator")]
    with interpreted() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(4):
            sess.run(step, {ids: [1, 2, 2]})
        places = [address(sess, v) for v in state]
        for _ in range(4):
            sess.run(step, {ids: [3, 4]})
        assert [address(sess, v) for v in state] == places
        values = sess.run(table)
        assert (values[[1, 2, 3, 4]] > 0.1).all()
        assert not values[5:].any()


@WAYS
@KINDS
def test_fetched_values_stay(resource: bool, options: Any) -> None:
    """What a run gave, of the variable, of parts of it or of the update, never changes later."""
    v = tf.Variable(np.arange(6, dtype=np.float32).reshape(2, 3), use_resource=resource)
    update = tf.scatter_add(v, [0, 1], tf.ones([2, 3]))
    fetches = [v, v.value(), v[0], tf.transpose(v), tf.reshape(v, [-1]), v.read_value(), update]
    with interpreted() as sess:
        sess.run(v.initializer)
        seen = []
        for _ in range(5):
            values = sess.run(fetches, options=options)
            seen.append((values, [value.copy() for value in values]))
        for values, copies in seen:
            for value, copy in zip(values, copies, strict=True):
                np.testing.assert_array_equal(value, copy)
        assert sess.run(v).tolist() == [[5.0, 6.0, 7.0], [8.0, 9.0, 10.0]]


@KINDS
def test_reads_before_the_update(resource: bool) -> None:
    """An op that took the variable before an update of the same run computes with what it took."""
    v = zeros(resource, 3, 2)
    before = tf.reshape(v.read_value(), [-1])
    with tf.control_dependencies([before]):
        update = tf.scatter_add(v, [0], [[1.0, 1.0]])
    with tf.control_dependencies([update if not resource else update.op]):
        late = before + 0.5
    with interpreted() as sess:
        sess.run(v.initializer)
        for run in range(5):
            assert sess.run(late).tolist() == [run + 0.5] * 2 + [0.5] * 4


def test_shared_arrays() -> None:
    """Variables that were assigned to each other, constants, and what was fed, are apart."""
    x = tf.placeholder(tf.float32, [3])
    constant = tf.constant([1.0, 2.0, 3.0])
    a, b = tf.Variable(constant), tf.Variable(constant)
    copy, load = tf.assign(b, a), tf.assign(a, x)
    change = tf.scatter_add(a, [0], [10.0])
    fed = np.array([7.0, 8.0, 9.0], np.float32)
    with interpreted() as sess:
        for _ in range(4):
            sess.run(tf.global_variables_initializer())
            sess.run([change.op])
            assert sess.run([a, b, constant])[0].tolist() == [11.0, 2.0, 3.0]
            sess.run(copy.op)
            sess.run(change.op)
            assert [value.tolist() for value in sess.run([a, b])] == [[21, 2, 3], [11, 2, 3]]
            sess.run(load.op, {x: fed})
            sess.run(change.op)
            assert sess.run(constant).tolist() == [1.0, 2.0, 3.0]
            assert fed.tolist() == [7.0, 8.0, 9.0]


def test_kept_by_a_python_function() -> None:
    """A Python function may keep the array that it got."""
    kept: list[Any] = []
    v = zeros(False, 2)
    keep = tf.py_func(lambda value: kept.append(value), [v], [])
    change = tf.scatter_add(v, [0], [1.0])
    with interpreted() as sess:
        sess.run(v.initializer)
        for _ in range(5):
            sess.run(keep)
            sess.run(change.op)
    assert [value.tolist() for value in kept] == [[float(i), 0.0] for i in range(5)]


def test_own_value_as_update() -> None:
    """An update may be computed from the variable itself."""
    v = tf.Variable([1.0, 2.0, 3.0])
    backwards = tf.scatter_update(v, [2, 1, 0], v)
    doubled = tf.scatter_add(v, [0, 1, 2], v)
    with interpreted() as sess:
        sess.run(v.initializer)
        for _ in range(4):
            sess.run(backwards.op)
            sess.run(doubled.op)
        assert sess.run(v).tolist() == [16.0, 32.0, 48.0]


def test_same_variable_twice() -> None:
    """The last of two roles of one variable counts, as where arrays are made anew."""
    v = tf.Variable([[1.0], [2.0]])
    op = raw.SparseApplyMomentum(v._ref(), v._ref(), 1.0, [[3.0]], [0], 1.0).op
    with interpreted() as sess:
        sess.run(v.initializer)
        for run in range(1, 5):
            sess.run(op)
            assert sess.run(v).tolist() == [[1.0 + 3.0 * run], [2.0]]


@KINDS
def test_transposed_value(resource: bool) -> None:
    """A value in another order in memory than by rows is updated at the right places."""
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    v = zeros(resource, 3, 2)
    assign = v.assign(tf.transpose(tf.constant(x)))
    change = tf.scatter_nd_add(v, [[0, 1], [2, 0]], [10.0, 20.0])
    expected = x.T.copy()
    expected[0, 1] += 10
    expected[2, 0] += 20
    with interpreted() as sess:
        for _ in range(4):
            sess.run(assign.op)
            np.testing.assert_array_equal(sess.run(change), expected)


@WAYS
@KINDS
def test_failure_changes_nothing(resource: bool, options: Any) -> None:
    """An update with a bad row, or a gradient of a bad shape, leaves all variables as they were."""
    rows = tf.placeholder(tf.int32, [None])
    grad = tf.placeholder(tf.float32)
    v, slot = zeros(resource, 3, 2), zeros(resource, 3, 2)
    scatter = tf.scatter_add(v, rows, tf.ones([2, 2])).op
    name = "ResourceSparseApplyAdagrad" if resource else "SparseApplyAdagrad"
    handles = [u.handle if resource else u._ref() for u in (v, slot)]
    apply = getattr(raw, name)(*handles, 0.1, grad, rows)
    with interpreted() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(4):
            with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
                sess.run(scatter, {rows: [0, 3]}, options=options)
            with pytest.raises(tf.errors.InvalidArgumentError):
                sess.run(apply, {rows: [0, 1], grad: np.ones((2, 3))}, options=options)
            assert not sess.run(v).any()
            assert not sess.run(slot).any()
        sess.run(scatter, {rows: [0, 1]})
        assert sess.run(v).tolist() == [[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]


@KINDS
def test_uninitialized(resource: bool) -> None:
    """Without a value there is nothing to change, and the error is TensorFlow's."""
    v = zeros(resource, 2)
    error = tf.errors.NotFoundError if resource else tf.errors.FailedPreconditionError
    with interpreted() as sess:
        for _ in range(4):
            with pytest.raises(error, match="Variable"):
                sess.run(tf.scatter_add(v, [0], [1.0]).op)
        sess.run(v.initializer)
        assert sess.run(tf.scatter_add(v, [0], [1.0])).tolist() == [1.0, 0.0]


@KINDS
def test_threads_see_whole_values(resource: bool) -> None:
    """Beside updates of all rows, every read sees all rows alike, and no update is lost."""
    v = zeros(resource, 400, 50)
    rows = np.random.RandomState(0).permutation(400)
    change = tf.scatter_add(v, rows, tf.ones([400, 50])).op
    double = tf.reshape(v.read_value(), [-1]) + v.read_value()[0, 0]
    stop = threading.Event()
    torn: list[Any] = []

    def look(sess: tf.Session, fetch: Any, step: float) -> None:
        last = 0.0
        while not stop.is_set():
            value = sess.run(fetch)
            least, most = value.min(), value.max()
            if most - least > step or least < last:
                torn.append((last, least, most))
            last = float(least)

    with interpreted() as sess:
        sess.run(v.initializer)
        readers = [
            threading.Thread(target=look, args=arguments)
            for arguments in [(sess, v, 0.0), (sess, v.value(), 0.0), (sess, double, 0.0)]
        ]
        writers = [
            threading.Thread(target=lambda: [sess.run(change) for _ in range(150)])
            for _ in range(2)
        ]
        for thread in (*readers, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        stop.set()
        for thread in readers:
            thread.join()
        assert not torn
        assert (sess.run(v) == 300).all()


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["scatter", "nd", "assign", "copy", "dense", "fail"]), st.integers(0, 2)
    ),
    max_size=25,
)


@given(actions=ACTIONS, resource=st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_sequence(actions: list[tuple[str, int]], resource: bool) -> None:
    """Two variables and what is fetched on the way are what arrays made anew at each step give."""
    with tf.Graph().as_default(), interpreted() as sess:
        row = tf.placeholder(tf.int32, [])
        a = tf.Variable(np.zeros((3, 2), np.float32), use_resource=resource)
        b = tf.Variable(np.ones((3, 2), np.float32), use_resource=resource)
        ones = tf.ones([1, 2])
        ops = {
            "scatter": tf.scatter_add(a, [row], ones).op,
            "nd": tf.scatter_nd_update(b, [[row, 0]], [7.0]).op,
            "assign": a.assign(tf.fill([3, 2], tf.cast(row, tf.float32))).op,
            "copy": b.assign(a).op,
            "dense": a.assign_add(b).op,
            "fail": tf.scatter_add(a, [row + 3], ones).op,
        }
        sess.run(tf.global_variables_initializer())
        x, y = np.zeros((3, 2)), np.ones((3, 2))
        seen: list[tuple[Any, Any]] = []
        for name, place in actions:
            try:
                sess.run(ops[name], {row: place})
            except tf.errors.InvalidArgumentError:
                assert name == "fail"
            if name == "scatter":
                x[place] += 1
            elif name == "nd":
                y[place, 0] = 7
            elif name == "assign":
                x[:] = place
            elif name == "copy":
                y = x.copy()
            elif name == "dense":
                x += y
            seen += zip(
                sess.run([a, b, tf.identity(a)]), [x.copy(), y.copy(), x.copy()], strict=True
            )
        for value, expected in seen:
            np.testing.assert_array_equal(value, expected)


@WAYS
@KINDS
def test_inside_loops_and_branches(resource: bool, options: Any) -> None:
    """Updates in a loop's body see each other; what a branch read before stays as it was."""
    v = zeros(resource, 3, 2)

    def body(step: Any) -> Any:
        with tf.control_dependencies([tf.scatter_add(v, [step], [[1.0, 2.0]])]):
            return step + 1

    loop = tf.while_loop(lambda step: step < 3, body, [0], parallel_iterations=1)

    def branch() -> Any:
        before = v.read_value() + 0.0
        view = tf.reshape(v.read_value(), [-1])
        with tf.control_dependencies([before, view]):
            update = tf.scatter_add(v, [1], [[5.0, 5.0]])
        with tf.control_dependencies([update.op]):
            return before[1], view + 0.0, v.read_value()[1]

    taken = tf.cond(tf.placeholder_with_default(True, []), branch, lambda: (v[0], v[0], v[0]))
    with interpreted() as sess:
        sess.run(v.initializer)
        for run in range(1, 5):
            assert sess.run(loop, options=options) == 3
            base = [run + 5.0 * (run - 1), 2.0 * run + 5.0 * (run - 1)]
            before, view, after = sess.run(taken, options=options)
            assert before.tolist() == view[2:4].tolist() == base
            assert after.tolist() == [base[0] + 5.0, base[1] + 5.0]


OPTIMIZERS = [
    lambda: tf.train.GradientDescentOptimizer(0.1),
    lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    lambda: tf.train.AdamOptimizer(0.1),
    lambda: tf.train.AdagradOptimizer(0.1),
    lambda: tf.train.AdadeltaOptimizer(0.1),
    lambda: tf.train.RMSPropOptimizer(0.1, momentum=0.5, centered=True),
    lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
    lambda: tf.train.ProximalAdagradOptimizer(0.1, l1_regularization_strength=0.01),
    lambda: tf.train.AdagradDAOptimizer(0.1, tf.train.get_or_create_global_step()),
]


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("resource", [False, True])
def test_large_variables_are_changed_in_parts(make: Any, resource: bool) -> None:
    """A part of a large variable gets what a variable of that part alone gets."""
    large, small = (300, 500), (2, 500)  # 150,000 elements go in three parts
    random = np.random.RandomState(0)
    start = random.randn(*large).astype(np.float32)
    slopes = random.randn(*large).astype(np.float32)
    found = []
    for rows in (slice(None), slice(200, 202)):
        with tf.Graph().as_default():
            v = tf.get_variable("v", initializer=start[rows], use_resource=resource)
            loss = tf.reduce_sum(v * tf.constant(slopes[rows]) + tf.square(v))
            step = make().minimize(loss, tf.train.get_or_create_global_step())
            with interpreted() as sess:
                sess.run(tf.global_variables_initializer())
                seen = sess.run(v)
                for _ in range(4):
                    sess.run(step)
                np.testing.assert_array_equal(seen, start[rows])  # what was fetched stays
                found.append(sess.run(v))
    assert found[1].shape == small
    np.testing.assert_array_equal(found[0][200:202], found[1])
