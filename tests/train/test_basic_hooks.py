"""The hooks that stop, wait, feed, look, log, and save.

The outcomes were seen in TensorFlow 1.15, except where a test says that penstock differs.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import penstock as tf


@pytest.fixture(autouse=True, name="step")
def fixture_step() -> Iterator[Any]:
    with tf.Graph().as_default():
        yield tf.train.get_or_create_global_step()


@pytest.fixture(name="logged")
def fixture_logged(caplog: Any) -> Any:
    with caplog.at_level(logging.INFO, logger="tensorflow"):
        yield lambda: [record.getMessage() for record in caplog.records]


def test_arguments_that_exclude_each_other() -> None:
    hooks = tf.train
    for make, message in (
        (lambda: hooks.StopAtStepHook(), "One of num_steps or last_step must be specified."),
        (lambda: hooks.StopAtStepHook(1, 2), "Only one of num_steps or last_step can be"),
        (lambda: hooks.LoggingTensorHook(["a"]), "either at_end and/or exactly one of"),
        (lambda: hooks.LoggingTensorHook(["a"], 1, 1.0), "either at_end and/or exactly one of"),
        (lambda: hooks.LoggingTensorHook(["a"], every_n_iter=0), "invalid every_n_iter=0."),
        (lambda: hooks.SecondOrStepTimer(), "Either every_secs or every_steps should be provided"),
        (lambda: hooks.SecondOrStepTimer(1, 1), "Can not provide both every_secs and every_steps"),
        (lambda: hooks.CheckpointSaverHook("x"), "Either every_secs or every_steps should be"),
        (
            lambda: hooks.CheckpointSaverHook("x", 1, saver=1, scaffold=hooks.Scaffold()),
            "You cannot provide both saver and scaffold.",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_hooks_that_need_a_global_step() -> None:
    for hook, name in (
        (tf.train.StopAtStepHook(1), "StopAtStepHook"),
        (tf.train.CheckpointSaverHook("x", save_steps=1), "CheckpointSaverHook"),
        (tf.train.GlobalStepWaiterHook(1), "_GlobalStepWaiterHook"),
    ):
        with tf.Graph().as_default(), pytest.raises(RuntimeError, match=f"to use {name}."):
            hook.begin()


def test_timer_of_steps() -> None:
    timer = tf.train.SecondOrStepTimer(every_steps=3)
    assert timer.last_triggered_step() is None
    assert timer.should_trigger_for_step(1)
    assert timer.update_last_triggered_step(1) == (None, None)
    assert [timer.should_trigger_for_step(n) for n in (1, 2, 3, 4, 5)] == [False] * 3 + [True] * 2
    seconds, steps = timer.update_last_triggered_step(5)
    assert seconds >= 0
    assert steps == 4
    assert timer.last_triggered_step() == 5
    timer.reset()
    assert timer.last_triggered_step() is None
    assert timer.should_trigger_for_step(5)


def test_timer_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    timer = tf.train.SecondOrStepTimer(every_secs=2.0)
    timer.update_last_triggered_step(1)
    assert not timer.should_trigger_for_step(2)
    now[0] = 102.0
    assert timer.should_trigger_for_step(2)
    assert not timer.should_trigger_for_step(1)
    assert timer.update_last_triggered_step(2) == (2.0, 1)


@pytest.mark.parametrize("use_resource", [False, True])
def test_stop_at_step(use_resource: bool) -> None:
    with tf.Graph().as_default(), tf.variable_scope("", use_resource=use_resource):
        more = tf.assign_add(tf.train.get_or_create_global_step(), 1)
        for hook, ends in (
            (tf.train.StopAtStepHook(last_step=3), [1, 2, 3]),
            (tf.train.StopAtStepHook(num_steps=2), [1, 2]),
        ):
            with tf.train.MonitoredSession(hooks=[hook]) as sess:
                seen = []
                while not sess.should_stop():
                    seen.append(int(sess.run(more)))
            assert seen == ends


def test_num_steps_count_on_after_a_restart(tmp_path: Any, step: Any) -> None:
    """A hook that has been told of one session counts from where that began."""
    more = tf.assign_add(step, 1)
    saver = tf.train.Saver()
    with tf.Session() as sess:
        sess.run(step.initializer)
        sess.run([more, more])
        saver.save(sess, str(tmp_path / "model"), global_step=step)
    hook = tf.train.StopAtStepHook(num_steps=2)
    with tf.train.SingularMonitoredSession([hook], checkpoint_dir=str(tmp_path)) as monitored:
        start = monitored.raw_session().run(step)
        while not monitored.should_stop():
            last = monitored.run(more)
    assert last == start + 2


def test_a_step_that_does_not_rise_does_not_stop(step: Any) -> None:
    with tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(last_step=1)]) as sess:
        sess.run(step)
        assert not sess.should_stop()


def test_nan(step: Any, logged: Any) -> None:
    x = tf.placeholder(tf.float32)
    loss = x / 1.0
    sess = tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(loss)])
    sess.run(step, {x: 1.0})
    with pytest.raises(tf.train.NanLossDuringTrainingError, match="NaN loss during training"):
        sess.run(step, {x: float("nan")})
    sess.close()
    with tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(loss, False)]) as sess:
        sess.run(step, {x: 1.0})
        assert not sess.should_stop()
        sess.run(step, {x: float("nan")})
        assert sess.should_stop()
    assert logged().count("Model diverged with loss = NaN.") == 2


def test_waiting_for_other_workers(step: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.train.basic_hooks._LOOK_EVERY", 0.01)
    more = tf.assign_add(step, 1)
    with tf.train.SingularMonitoredSession([tf.train.GlobalStepWaiterHook(3)]) as sess:
        others = threading.Thread(target=lambda: [sess.raw_session().run(more) for _ in range(3)])
        others.start()
        assert sess.run(step) >= 3
        others.join()
    with tf.train.SingularMonitoredSession([tf.train.GlobalStepWaiterHook(0)]) as sess:
        assert sess.run(step) == 0


def test_final_ops(step: Any) -> None:
    x = tf.placeholder(tf.int64)
    total = step + x
    hook = tf.train.FinalOpsHook({"total": total, "step": step}, {x: 5})
    more = tf.assign_add(step, 1)
    with tf.train.MonitoredSession(hooks=[hook, tf.train.FinalOpsHook(None)]) as sess:
        sess.run(more)
        assert hook.final_ops_values is None
    assert hook.final_ops_values == {"total": 6, "step": 1}


def test_final_ops_at_the_end_of_the_data(logged: Any) -> None:
    queue = tf.FIFOQueue(1, tf.int32)
    close, take = queue.close(), queue.dequeue()
    with pytest.raises(tf.errors.OutOfRangeError):
        with tf.train.MonitoredSession(hooks=[tf.train.FinalOpsHook(take)]) as sess:
            sess.run(close)
    assert any("FinalOpsHook" in message for message in logged())


def test_logging(step: Any, logged: Any) -> None:
    more = tf.assign_add(step, 1)
    c = tf.constant([1.0, 2e-7], name="c")
    hooks = [
        tf.train.LoggingTensorHook(["c:0"], every_n_iter=2, at_end=True),
        tf.train.LoggingTensorHook({"z": c, "a": more}, every_n_iter=3),
        tf.train.LoggingTensorHook([step], at_end=True, formatter=lambda d: f"F{d[step]}"),
    ]
    with tf.train.MonitoredSession(hooks=hooks) as sess:
        for _ in range(5):
            sess.run(more)
    lines = [line.partition(" (")[0] for line in logged() if "=" in line or line[0] == "F"]
    c_line = "c:0 = [1.        0.0000002]"
    assert lines == [
        c_line,
        "a = 1, z = [1.        0.0000002]",
        c_line,
        "a = 4, z = [1.        0.0000002]",
        c_line,
        c_line,
        "F5",
    ]
    assert [line.endswith(" sec)") for line in logged() if line.startswith("c:0")] == [
        False,
        True,
        True,
        True,
    ]


class Listener(tf.train.CheckpointSaverListener):
    def __init__(self) -> None:
        self.log: list[Any] = []

    def begin(self) -> None:
        self.log.append("begin")

    def before_save(self, session: Any, global_step_value: int) -> None:
        self.log.append(("before", int(global_step_value)))

    def after_save(self, session: Any, global_step_value: int) -> Any:
        self.log.append(("after", int(global_step_value)))
        return global_step_value >= 4

    def end(self, session: Any, global_step_value: int) -> None:
        self.log.append(("end", int(global_step_value)))


def test_checkpoints(tmp_path: Any, step: Any) -> None:
    folder = str(tmp_path / "deep" / "model")
    more = tf.assign_add(step, 1)
    scaffold = tf.train.Scaffold()
    listener = Listener()
    hook = tf.train.CheckpointSaverHook(
        folder, save_steps=2, scaffold=scaffold, listeners=[listener]
    )
    creator = tf.train.ChiefSessionCreator(scaffold, checkpoint_dir=folder)
    with tf.train.MonitoredSession(creator, [hook]) as sess:
        seen = []
        while not sess.should_stop():
            seen.append(int(sess.run(more)))
    assert seen == [1, 2, 3, 4]
    saves = [(when, n) for n in (0, 2, 4) for when in ("before", "after")]
    assert listener.log == ["begin", *saves, ("end", 4)]
    names = {name for name in os.listdir(folder) if not name.startswith("events")}
    parts = (".index", ".meta", ".data-00000-of-00001")
    saved = {f"model.ckpt-{n}{part}" for n in (0, 2, 4) for part in parts}
    assert names == {"checkpoint", "graph.pbtxt", *saved}
    again = tf.train.ChiefSessionCreator(scaffold, checkpoint_dir=folder)
    with tf.train.MonitoredSession(again) as sess:
        assert sess.run(step) == 4


def test_the_last_checkpoint(tmp_path: Any, step: Any) -> None:
    more = tf.assign_add(step, 1)
    hook = tf.train.CheckpointSaverHook(str(tmp_path), save_steps=2, saver=tf.train.Saver())
    with tf.train.MonitoredSession(hooks=[hook]) as sess:
        for _ in range(3):
            sess.run(more)
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-3")


def test_the_saver_of_the_collection(tmp_path: Any, step: Any) -> None:
    hook = tf.train.CheckpointSaverHook(str(tmp_path), save_secs=1000, checkpoint_basename="m")
    tf.train.MonitoredSession(hooks=[hook]).close()
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "m-0")


def test_no_saver_and_too_many(tmp_path: Any, step: Any) -> None:
    class Plain(tf.train.SessionCreator):
        def create_session(self) -> Any:
            sess = tf.Session()
            sess.run(step.initializer)
            return sess

    for savers, message in (([], "No items in collection"), ([1, 2], "More than one item in")):
        tf.get_default_graph().clear_collection("savers")
        for saver in savers:
            tf.add_to_collection("savers", saver)
        hook = tf.train.CheckpointSaverHook(str(tmp_path), save_steps=1)
        with pytest.raises(RuntimeError, match=message):
            tf.train.MonitoredSession(Plain(), [hook])


def test_the_event_file_of_checkpoints(tmp_path: Any, step: Any) -> None:
    """TensorBoard's own reader reads it."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    from tensorboard.compat.proto import graph_pb2

    more = tf.assign_add(step, 1)
    hook = tf.train.CheckpointSaverHook(str(tmp_path), save_steps=2)
    with tf.train.MonitoredSession(hooks=[hook]) as sess:
        for _ in range(3):
            sess.run(more)
    (path,) = tmp_path.glob("events.out.tfevents.*")
    events = list(LegacyEventFileLoader(str(path)).Load())
    assert [(event.WhichOneof("what"), event.step) for event in events] == [
        ("file_version", 0),
        ("graph_def", 0),
        ("meta_graph_def", 0),
        ("session_log", 0),
        ("session_log", 2),
        ("session_log", 3),
    ]
    log = events[-1].session_log
    assert (log.status, log.checkpoint_path) == (log.CHECKPOINT, str(tmp_path / "model.ckpt"))
    names = [node.name for node in graph_pb2.GraphDef.FromString(events[1].graph_def).node]
    assert "save/restore_all" in names


def test_write_graph(tmp_path: Any, step: Any) -> None:
    from google.protobuf import text_format
    from tensorboard.compat.proto import graph_pb2

    graph = step.graph
    folder = str(tmp_path / "new")
    path = tf.train.write_graph(graph, folder, "graph.pbtxt")
    assert path == os.path.join(folder, "graph.pbtxt")
    with open(path) as text:
        assert text_format.Parse(text.read(), graph_pb2.GraphDef()) == graph.as_graph_def()
    path = tf.io.write_graph(graph.as_graph_def(), folder, "graph.pb", as_text=False)
    with open(path, "rb") as file:
        assert graph_pb2.GraphDef.FromString(file.read()) == graph.as_graph_def()
