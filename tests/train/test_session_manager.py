"""`tf.train.Scaffold`, `SessionManager` and the session creators: how a session gets ready.

The outcomes were seen in TensorFlow 1.15, except where a test says that penstock differs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import penstock as tf


@pytest.fixture(autouse=True, name="w")
def fixture_w() -> Iterator[Any]:
    with tf.Graph().as_default():
        yield tf.get_variable("w", [], initializer=tf.constant_initializer(3.0))


def local_variable(name: str = "n") -> Any:
    return tf.get_variable(
        name, [], initializer=tf.zeros_initializer(), collections=[tf.GraphKeys.LOCAL_VARIABLES]
    )


def ready(**kwargs: Any) -> Any:
    return tf.train.SessionManager(ready_op=tf.report_uninitialized_variables(), **kwargs)


# Scaffold


def test_a_scaffold_makes_what_is_missing() -> None:
    scaffold = tf.train.Scaffold()
    assert scaffold.init_op is None
    assert scaffold.finalize() is scaffold
    graph = tf.get_default_graph()
    assert graph.finalized
    assert (scaffold.init_op.name, scaffold.local_init_op.name) == ("group_deps", "group_deps_1")
    assert (scaffold.ready_op.name, scaffold.ready_for_local_init_op.name) == (
        "concat:0",
        "concat_1:0",
    )
    assert scaffold.saver.saver_def.restore_op_name == "save/restore_all"
    assert (scaffold.init_fn, scaffold.init_feed_dict, scaffold.summary_op) == (None,) * 3
    for key, item in (
        ("init_op", scaffold.init_op),
        ("ready_op", scaffold.ready_op),
        ("ready_for_local_init_op", scaffold.ready_for_local_init_op),
        ("local_init_op", scaffold.local_init_op),
        ("savers", scaffold.saver),
    ):
        assert tf.get_collection(key) == [item]
    assert tf.get_collection("summary_op") == []
    other = tf.train.Scaffold().finalize()  # adds nothing: it takes them from there
    assert other.init_op is scaffold.init_op
    assert other.saver is scaffold.saver


def test_a_scaffold_takes_what_it_is_given(w: Any) -> None:
    op, saver, feeds = tf.no_op(), tf.train.Saver(), {w: 1.0}
    given = tf.train.Scaffold(op, feeds, None, op, op, op, op, saver).finalize()
    assert given.init_op is given.ready_op is given.ready_for_local_init_op is op
    assert given.local_init_op is given.summary_op is op
    assert (given.saver, given.init_feed_dict) == (saver, feeds)
    assert tf.get_collection("init_op") == []


def test_a_copied_scaffold() -> None:
    with pytest.raises(TypeError, match="copy_from_scaffold is not a Scaffold instance"):
        tf.train.Scaffold(copy_from_scaffold=3)
    seen = []
    op, other = tf.no_op(), tf.no_op()
    first = tf.train.Scaffold(op, init_fn=lambda scaffold, sess: seen.append((scaffold, sess)))
    copy = tf.train.Scaffold(ready_op=other, copy_from_scaffold=first)
    assert (copy.init_op, copy.ready_op) == (op, other)
    assert copy.init_fn is not None
    copy.init_fn("sess")
    assert seen == [(copy, "sess")]


def test_items_to_choose_from() -> None:
    for _ in range(2):
        tf.add_to_collection("init_op", tf.no_op())
    with pytest.raises(RuntimeError, match='More than one item in the collection "init_op"'):
        tf.train.Scaffold().finalize()
    for _ in range(2):
        tf.add_to_collection("savers", tf.train.Saver())
    with pytest.raises(RuntimeError, match="More than one item in collection savers"):
        tf.train.Scaffold(tf.no_op()).finalize()


def test_a_graph_without_variables() -> None:
    with tf.Graph().as_default():
        c = tf.constant(1)
        with tf.train.MonitoredSession() as sess:
            assert sess.run(c) == 1


def test_tables_initializer() -> None:
    assert tf.tables_initializer().name == "init_all_tables"
    tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, tf.no_op(name="fill"))
    op = tf.tables_initializer()
    assert [control.name for control in op.control_inputs] == ["fill"]


# SessionManager


def test_initializing(w: Any) -> None:
    x = tf.placeholder(tf.float32, [])
    n = local_variable()
    manager = ready(local_init_op=tf.local_variables_initializer())
    with manager.prepare_session(
        "", tf.assign(w, x), init_feed_dict={x: 5.0}, init_fn=lambda sess: sess.run(n.initializer)
    ) as sess:
        assert sess.run([w, n]) == [5.0, 0.0]


def test_local_initialization_may_need_global_variables(w: Any) -> None:
    local = tf.get_variable("n", initializer=w * 2.0, collections=[tf.GraphKeys.LOCAL_VARIABLES])
    with tf.train.MonitoredSession() as sess:
        assert sess.run(local) == 6.0


def test_what_stays_without_value(w: Any) -> None:
    local = local_variable()
    nothing = tf.no_op(name="nothing")
    scaffold = tf.train.Scaffold(nothing)
    with pytest.raises(
        RuntimeError,
        match=r"did not make model ready for local_init.  Init op: nothing, init fn: None, "
        "error: Variables not initialized: w",
    ):
        tf.train.ChiefSessionCreator(scaffold).create_session()
    scaffold = tf.train.Scaffold(local_init_op=nothing)
    tf.get_default_graph()._unsafe_unfinalize()
    with pytest.raises(
        RuntimeError,
        match=r"did not make model ready.  Init op: group_deps_1, init fn: None, local_init_op: "
        f"nothing, error: Variables not initialized: {local.op.name}",
    ):
        tf.train.ChiefSessionCreator(scaffold).create_session()


def test_nothing_to_initialize_with() -> None:
    with pytest.raises(RuntimeError, match="Model is not initialized and no init_op or init_fn"):
        tf.train.SessionManager().prepare_session("")
    with pytest.raises(ValueError, match="you must also pass a local_init_op"):
        tf.train.SessionManager(ready_for_local_init_op=tf.no_op())


def test_a_ready_op_that_reads_a_variable(w: Any) -> None:
    """An error that says "uninitialized" means not ready; any other passes."""
    manager = tf.train.SessionManager(ready_op=tf.identity(w), recovery_wait_secs=0.01)
    with pytest.raises(tf.errors.DeadlineExceededError, match="not ready after waiting 0 secs"):
        manager.wait_for_session("", max_wait_secs=0.02)
    wrong = tf.py_func(failing, [], tf.string)
    with pytest.raises(tf.errors.UnknownError):
        tf.train.SessionManager(ready_op=wrong).wait_for_session("")


def failing() -> Any:
    raise KeyError("no")


def test_ready_ops_of_other_kinds() -> None:
    for op in (tf.no_op(), tf.constant([1, 2])):
        tf.train.SessionManager(ready_op=op).wait_for_session("").close()


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Any, w: Any) -> str:
    """Holds a checkpoint with w = 7."""
    with tf.Session() as sess:
        sess.run(tf.assign(w, 7.0))
        tf.train.Saver().save(sess, str(tmp_path / "model"), global_step=3)
    return str(tmp_path)


def test_restoring(folder: str, w: Any) -> None:
    saver = tf.train.Saver()
    for places in (
        {"checkpoint_dir": folder},
        {"checkpoint_filename_with_path": f"{folder}/model-3"},
    ):
        init = tf.global_variables_initializer()
        with ready().prepare_session("", init, saver, **places) as sess:
            assert sess.run(w) == 7.0
        sess, restored = ready().recover_session("", saver, **places)
        assert restored
        assert sess.run(w) == 7.0
        sess.close()
    assert saver.last_checkpoints == [f"{folder}/model-3"]
    with pytest.raises(ValueError, match="Can not provide both checkpoint_dir and"):
        ready().prepare_session("", None, saver, folder, "x")
    creator = tf.train.ChiefSessionCreator(checkpoint_filename_with_path=f"{folder}/model-3")
    with tf.train.MonitoredSession(creator) as monitored:
        assert monitored.run(w) == 7.0


def test_nothing_to_restore(tmp_path: Any, w: Any) -> None:
    sess, restored = ready().recover_session("", tf.train.Saver(), str(tmp_path))
    assert not restored
    sess.close()


def test_a_checkpoint_that_leaves_something_without_value(folder: str) -> None:
    saver = tf.train.Saver()
    late = tf.get_variable("late", [])
    sess, restored = ready().recover_session("", saver, folder)
    assert not restored
    sess.close()
    blocked = tf.train.SessionManager(
        tf.no_op(), ready_for_local_init_op=tf.report_uninitialized_variables([late])
    )
    sess, restored = blocked.recover_session("", saver, folder)
    assert not restored
    sess.close()


def test_waiting_for_a_checkpoint(tmp_path: Any, w: Any) -> None:
    saver = tf.train.Saver()
    manager = ready(recovery_wait_secs=0.01)
    with tf.Session() as other:
        other.run(tf.assign(w, 7.0))
        path = str(tmp_path / "model")
        writer = threading.Timer(0.1, lambda: saver.save(other, path, write_meta_graph=False))
        writer.start()
        sess, restored = manager.recover_session("", saver, str(tmp_path), None, True)
        writer.join()
    assert restored
    assert sess.run(w) == 7.0
    sess.close()


def test_waiting_for_another_to_initialize() -> None:
    with pytest.raises(tf.errors.DeadlineExceededError, match="not ready after waiting 1 secs"):
        tf.train.MonitoredSession(tf.train.WorkerSessionCreator(max_wait_secs=1))


def test_a_worker_of_a_graph_without_variables() -> None:
    with tf.Graph().as_default():
        c = tf.constant(1)
        with tf.train.MonitoredSession(tf.train.WorkerSessionCreator()) as sess:
            assert sess.run(c) == 1


def test_session_creators_are_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        tf.train.SessionCreator()


def test_the_config_is_handed_on(w: Any) -> None:
    config = tf.ConfigProto(operation_timeout_in_ms=5000)
    with tf.train.SingularMonitoredSession(config=config) as sess:
        assert sess.raw_session()._config is config
