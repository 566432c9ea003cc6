"""`tf.Session`: its life, the default session, its state, and what a run does."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf


@pytest.fixture(name="graph")
def fixture_graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


# Making and closing


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"target": 3}, "target must be a string"),
        ({"graph": 3}, "graph must be a tf.Graph"),
        ({"config": 3}, "config must be a tf.ConfigProto"),
    ],
)
def test_arguments_of_the_wrong_type(graph: Any, arguments: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        tf.Session(**arguments)


def test_a_target_that_does_not_exist(graph: Any) -> None:
    with pytest.raises(tf.errors.NotFoundError, match="No session factory registered"):
        tf.Session("nowhere")


def test_a_session_runs_the_default_graph_or_the_one_given(graph: Any) -> None:
    c = tf.constant(1.0)
    other = tf.Graph()
    with other.as_default():
        d = tf.constant(2.0)
    with tf.Session() as session:
        assert session.graph is graph
        assert session.run(c) == 1.0
    with tf.Session(graph=other) as session:
        assert session.graph is other
        assert session.run(d) == 2.0
        assert tf.get_default_graph() is other
    assert tf.get_default_graph() is graph


def test_nothing_runs_after_closing(graph: Any) -> None:
    c = tf.constant(1.0)
    session = tf.Session()
    assert session.run(c) == 1.0
    call = session.make_callable(c)
    session.close()
    session.close()
    for use in (lambda: session.run(c), lambda: session.partial_run_setup([c])):
        with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
            use()
    with pytest.raises((RuntimeError, tf.errors.CancelledError), match="closed"):
        call()


def test_a_block_closes_the_session(graph: Any) -> None:
    c = tf.constant(1.0)
    with tf.Session() as session:
        assert session.run(c) == 1.0
    with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
        session.run(c)


def test_a_block_closes_the_session_after_an_error_too(graph: Any) -> None:
    c = tf.constant(1.0)
    with pytest.raises(KeyError), tf.Session() as session:
        raise KeyError("stop")
    with pytest.raises(RuntimeError, match="closed"):
        session.run(c)
    assert tf.get_default_session() is None


def test_a_block_is_entered_once(graph: Any) -> None:
    with tf.Session() as session:
        with pytest.raises(RuntimeError, match="not re-entrant"):
            session.__enter__()
        assert tf.get_default_session() is session


def test_a_session_that_nobody_holds_is_freed(graph: Any) -> None:
    session = tf.Session()
    session.run(tf.Variable(tf.zeros([10])).initializer)
    gone = weakref.ref(session)
    del session
    gc.collect()
    assert gone() is None


# The default session


def test_a_session_is_the_default_one_in_its_block(graph: Any) -> None:
    c = tf.constant(1.5)
    assert tf.get_default_session() is None
    with tf.Session() as session:
        assert tf.get_default_session() is session
        assert c.eval() == 1.5
        assert (c + 1.0).eval(feed_dict={c: 2.0}) == 3.0
        assert tf.no_op().run() is None
        with tf.Session() as inner:
            assert tf.get_default_session() is inner
        assert tf.get_default_session() is session
    assert tf.get_default_session() is None


def test_as_default_does_not_close(graph: Any) -> None:
    c = tf.constant(1.5)
    session = tf.Session()
    for _ in range(2):
        with session.as_default() as entered:
            assert entered is session
            assert tf.get_default_session() is session
            with session.as_default():
                assert c.eval() == 1.5
    assert session.run(c) == 1.5
    session.close()


def test_without_a_session_nothing_is_evaluated(graph: Any) -> None:
    c = tf.constant(1.0)
    with pytest.raises(ValueError, match=r"Cannot evaluate tensor using `eval\(\)`: No default"):
        c.eval()
    with pytest.raises(ValueError, match=r"Cannot execute operation using `run\(\)`: No default"):
        c.op.run()


def test_a_session_may_be_given(graph: Any) -> None:
    c = tf.constant(1.0)
    session = tf.Session()
    assert c.eval(session=session) == 1.0
    assert c.op.run(session=session) is None
    with tf.Graph().as_default():
        other = tf.constant(2.0)
    with pytest.raises(ValueError, match="Cannot use the given session to evaluate tensor"):
        other.eval(session=session)
    with session.as_default(), pytest.raises(ValueError, match="Cannot use the default session"):
        other.eval()
    session.close()


def test_each_thread_has_its_own_default_session(graph: Any) -> None:
    seen: list[Any] = []
    with tf.Session():
        thread = threading.Thread(target=lambda: seen.append(tf.get_default_session()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_an_interactive_session(graph: Any) -> None:
    c = tf.constant(1.5)
    session = tf.InteractiveSession()
    assert tf.get_default_session() is session
    assert c.eval() == 1.5
    session.close()
    assert tf.get_default_session() is None


def test_a_second_interactive_session_warns(graph: Any) -> None:
    first = tf.InteractiveSession()
    with pytest.warns(UserWarning, match="An interactive session is already active"):
        second = tf.InteractiveSession()
    second.close()
    first.close()


# State


def test_sessions_share_no_state(graph: Any) -> None:
    for use_resource in (False, True):
        v = tf.Variable(1.0, use_resource=use_resource)
        add = v.assign_add(1.0)
        one, other = tf.Session(), tf.Session()
        one.run(v.initializer)
        with pytest.raises(tf.errors.FailedPreconditionError):
            other.run(v)
        other.run(v.initializer)
        one.run(add)
        one.run(add)
        assert (one.run(v), other.run(v)) == (3.0, 1.0)
        one.close()
        other.close()


def test_the_graph_may_grow_between_runs(graph: Any) -> None:
    with tf.Session() as session:
        c = tf.constant(1.0)
        for i in range(5):
            c = c + 1.0
            assert session.run(c) == i + 2


def test_state_outlives_runs(graph: Any) -> None:
    v = tf.Variable(0, use_resource=False)
    add = tf.assign_add(v, 2)
    with tf.Session() as session:
        session.run(v.initializer)
        assert [session.run(add) for _ in range(4)] == [2, 4, 6, 8]
        session.run(v.initializer)
        assert session.run(v) == 0


# What a run does


def counter(name: str) -> tuple[Any, Any]:
    """A variable, and an operation that adds one to it."""
    v = tf.Variable(0, name=name, use_resource=False)
    return v, tf.assign_add(v, 1)


def test_only_what_is_needed_runs(graph: Any) -> None:
    a, add_a = counter("a")
    b, _ = counter("b")
    with tf.Session() as session:
        session.run([a.initializer, b.initializer])
        session.run(add_a)
        session.run(add_a + 0)
        assert session.run([a, b]) == [2, 0]


def test_an_operation_runs_once_in_a_run(graph: Any) -> None:
    a, add_a = counter("a")
    with tf.Session() as session:
        session.run(a.initializer)
        assert session.run([add_a + 0, add_a * 10, add_a.op]) == [1, 10, None]
        assert session.run(a) == 1


def test_control_dependencies_run_first(graph: Any) -> None:
    a, add_a = counter("a")
    with tf.control_dependencies([add_a]):
        seen = a.read_value()
        unrelated = tf.constant(5) + 0
    with tf.Session() as session:
        session.run(a.initializer)
        assert session.run(seen) == 1
        assert session.run(unrelated) == 5
        assert session.run(a) == 2


def test_a_group_runs_all_its_parts(graph: Any) -> None:
    a, add_a = counter("a")
    b, add_b = counter("b")
    both = tf.group(add_a, add_b)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(both) is None
        assert session.run([a, b]) == [1, 1]


def test_assignments_in_a_chain(graph: Any) -> None:
    v = tf.Variable(1.0, use_resource=False)
    with tf.control_dependencies([tf.assign(v, 5.0)]):
        with tf.control_dependencies([tf.assign_add(v, 2.0)]):
            last = tf.identity(v.read_value()) * 10.0
    with tf.Session() as session:
        session.run(v.initializer)
        assert session.run(last) == 70.0


def test_long_chains(graph: Any) -> None:
    c = tf.placeholder(tf.float32, [])
    total = c
    for _ in range(3000):
        total = total + 1.0
    with tf.Session() as session:
        assert session.run(total, {c: 1.0}) == 3001.0


def test_many_threads_run_one_session(graph: Any) -> None:
    x = tf.placeholder(tf.float32, [])
    y = x * 2.0 + 1.0
    wrong: list[Any] = []
    with tf.Session() as session:

        def work(number: int) -> None:
            for i in range(50):
                value = number * 100.0 + i
                if session.run(y, {x: value}) != value * 2 + 1:
                    wrong.append(value)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


@pytest.mark.parametrize("use_resource", [False, True])
def test_no_update_is_lost(graph: Any, use_resource: bool) -> None:
    v = tf.Variable(0.0, use_resource=use_resource)
    add = v.assign_add(1.0, use_locking=True)
    with tf.Session() as session:
        session.run(v.initializer)

        def work() -> None:
            for _ in range(100):
                session.run(add)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert session.run(v) == 400.0


@pytest.mark.parametrize("level", ["DEFAULT", "OFF"])
def test_a_configuration(graph: Any, level: str) -> None:
    options = tf.OptimizerOptions()
    if level == "OFF":
        options.global_jit_level = options.OFF
    config = tf.ConfigProto(
        allow_soft_placement=True,
        inter_op_parallelism_threads=1,
        gpu_options=tf.GPUOptions(allow_growth=True),
        graph_options=tf.GraphOptions(optimizer_options=options),
    )
    with tf.Session(config=config) as session:
        assert session.run(tf.constant(1.0) + 1.0) == 2.0


def test_options_and_metadata_are_taken(graph: Any) -> None:
    c = tf.constant(1.0)
    with tf.Session() as session:
        assert session.run(c, options=tf.RunOptions()) == 1.0
        assert session.run(c, None, tf.RunOptions(), tf.RunMetadata()) == 1.0
        with pytest.raises((TypeError, AttributeError)):
            session.run(c, options=3)
        with pytest.raises((TypeError, AttributeError)):
            session.run(c, run_metadata=3)


def test_the_graph_as_a_message(graph: Any) -> None:
    tf.constant(1.0, name="c")
    with tf.Session() as session:
        assert [node.name for node in session.graph_def.node] == ["c"]


def test_devices_do_not_stop_a_run(graph: Any) -> None:
    with tf.device("/cpu:0"):
        c = tf.constant(1.0)
        v = tf.Variable(2.0)
    with tf.Session(config=tf.ConfigProto(allow_soft_placement=True)) as session:
        session.run(v.initializer)
        assert session.run(c + v) == 3.0


def test_large_arrays(graph: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 1000])
    array = np.arange(300_000, dtype=np.float32).reshape(300, 1000)
    with tf.Session() as session:
        np.testing.assert_array_equal(session.run(x + 1.0, {x: array}), array + 1)


def test_an_operation_with_an_empty_list_of_inputs(graph: Any) -> None:
    three = tf.py_func(lambda: np.float32(3.0), [], tf.float32)
    with tf.Session() as session:
        for _ in range(4):
            assert session.run(three + 1.0) == 4.0
