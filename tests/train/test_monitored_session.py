"""`tf.train.MonitoredSession` and `SingularMonitoredSession`: hooks, stops, errors, recovery.

The outcomes were seen in TensorFlow 1.15, except where a test says that penstock differs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import penstock as tf
from tests.waiting import MOST, until

KINDS = [tf.train.MonitoredSession, tf.train.SingularMonitoredSession]
both = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True, name="step")
def fixture_step() -> Iterator[Any]:
    with tf.Graph().as_default():
        yield tf.train.get_or_create_global_step()


class Recorder(tf.train.SessionRunHook):
    """Writes down what it is told."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def begin(self) -> None:
        self.log.append(f"{self.name} begin")

    def after_create_session(self, session: Any, coord: Any) -> None:
        assert isinstance(session, tf.Session)
        assert isinstance(coord, tf.train.Coordinator)
        self.log.append(f"{self.name} create")

    def before_run(self, run_context: Any) -> None:
        self.log.append(f"{self.name} before")

    def after_run(self, run_context: Any, run_values: Any) -> None:
        assert run_values.results is None
        self.log.append(f"{self.name} after")

    def end(self, session: Any) -> None:
        assert isinstance(session, tf.Session)
        self.log.append(f"{self.name} end")


class Asks(tf.train.SessionRunHook):
    """Adds to each run, and keeps what it is told."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = tf.train.SessionRunArgs(*args, **kwargs)
        self.contexts: list[Any] = []
        self.values: list[Any] = []

    def before_run(self, run_context: Any) -> Any:
        return self.args

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self.contexts.append(run_context)
        self.values.append(run_values)


class Fails(tf.train.SessionRunHook):
    """Raises in the runs with some numbers."""

    def __init__(self, error: Callable[[], Exception], *runs: int) -> None:
        self.error, self.runs, self.count = error, runs, 0

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self.count += 1
        if self.count in self.runs:
            raise self.error()


def aborted() -> Exception:
    return tf.errors.AbortedError(None, None, "the server has gone")


@both
def test_hooks_are_called_in_their_order(kind: Any, step: Any) -> None:
    log: list[str] = []
    with kind(hooks=[Recorder("a", log), Recorder("b", log)]) as sess:
        assert sess.run(step) == 0
    told = ["begin", "create", "before", "after", "end"]
    assert log == [f"{name} {call}" for call in told for name in "ab"]


@both
def test_hooks_get_the_values_that_they_ask_for(kind: Any, step: Any) -> None:
    hook, other = Asks([step, {"a": step}]), Asks(None)
    with kind(hooks=[hook, other]) as sess:
        assert sess.run({"q": step}, {}) == {"q": 0}
        assert sess.run(step) == 0
        raw = sess._tf_sess()
    assert [values.results for values in hook.values] == [[0, {"a": 0}]] * 2
    assert [values.results for values in other.values] == [None] * 2
    assert isinstance(hook.values[0].options, tf.RunOptions)
    assert isinstance(hook.values[0].run_metadata, tf.RunMetadata)
    assert hook.contexts[0].original_args == ({"q": step}, {}, None)
    assert hook.contexts[0].session is raw
    assert not hook.contexts[0].stop_requested


def test_feeds_of_hooks_and_program_are_joined() -> None:
    x, y = tf.placeholder(tf.float32, name="x"), tf.placeholder(tf.float32, name="y")
    z = x - y
    with tf.train.MonitoredSession(hooks=[tf.train.FeedFnHook(lambda: {x: 5.0})]) as sess:
        assert sess.run(z, {y: 3.0}) == 2.0
        with pytest.raises(RuntimeError, match=r"fed by a SessionRunHook and user\. Conf.*x:0"):
            sess.run(z, {x: 1.0, y: 3.0})
    with tf.train.MonitoredSession(hooks=[Asks(None, {x: 1.0}), Asks(None, {x: 2.0})]) as sess:
        with pytest.raises(RuntimeError, match="Same tensor is fed by two hooks"):
            sess.run(z, {y: 3.0})


def test_options_of_hooks_and_program_are_merged(step: Any) -> None:
    traced = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE, timeout_in_ms=100)
    hook = Asks(None, options=traced)
    options, metadata = tf.RunOptions(timeout_in_ms=20000), tf.RunMetadata()
    with tf.train.MonitoredSession(hooks=[hook]) as sess:
        sess.run(step, options=options, run_metadata=metadata)
    assert (options.trace_level, options.timeout_in_ms) == (tf.RunOptions.FULL_TRACE, 20000)
    assert hook.values[0].options is options
    assert hook.values[0].run_metadata is metadata
    assert metadata.step_stats.dev_stats


def test_options_count_without_hooks(step: Any) -> None:
    metadata = tf.RunMetadata()
    with tf.train.MonitoredSession() as sess:
        sess.run(step, None, tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), metadata)
    assert metadata.step_stats.dev_stats


@both
def test_a_stop_is_for_good(kind: Any, step: Any) -> None:
    class Stop(tf.train.SessionRunHook):
        def after_run(self, run_context: Any, run_values: Any) -> None:
            run_context.request_stop()

    with kind(hooks=[Stop()]) as sess:
        assert not sess.should_stop()
        assert sess.run(step) == 0
        assert sess.should_stop()
        with pytest.raises(RuntimeError, match="Run called even after should_stop requested"):
            sess.run(step)


@both
def test_the_end_of_the_data_ends_the_block(kind: Any, step: Any) -> None:
    for error in (tf.errors.OutOfRangeError(None, None, "end"), StopIteration()):
        log: list[str] = []
        with kind(hooks=[Recorder("a", log)]) as sess:
            raise error
        assert log[-1] == "a end"
        assert sess.should_stop()


@both
def test_other_errors_pass_and_hooks_do_not_end(kind: Any) -> None:
    log: list[str] = []
    with pytest.raises(tf.errors.NotFoundError), kind(hooks=[Recorder("a", log)]) as sess:
        raise tf.errors.NotFoundError(None, None, "lost")
    assert log == ["a begin", "a create"]
    assert sess.should_stop()


@both
def test_an_error_of_a_run_passes(kind: Any) -> None:
    x = tf.placeholder(tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value"):
        with kind() as sess:
            sess.run(x)


@both
def test_a_closed_session(kind: Any, step: Any) -> None:
    sess = kind()
    assert sess.graph is step.graph
    raw = sess._tf_sess()
    sess.close()
    assert raw.closed
    assert sess.should_stop()
    assert sess.graph is None
    for use in (
        sess.close,
        lambda: sess.run(step),  # AttributeError in TensorFlow
        lambda: sess.run_step_fn(lambda step_context: 0),  # AttributeError in TensorFlow
    ):
        with pytest.raises(RuntimeError, match="Session is already closed"):
            use()


@both
def test_the_graph_is_final_while_it_is_open(kind: Any, step: Any) -> None:
    with kind():
        assert step.graph.finalized
        with pytest.raises(RuntimeError, match="Graph is finalized and cannot be modified"):
            tf.constant(1)
    assert not step.graph.finalized


def test_what_was_final_stays_so(step: Any) -> None:
    scaffold = tf.train.Scaffold().finalize()
    tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold)).close()
    assert step.graph.finalized


@both
def test_an_error_at_the_end_closes_too(kind: Any, step: Any) -> None:
    class Bad(tf.train.SessionRunHook):
        def end(self, session: Any) -> None:
            raise ValueError("end")

    sess = kind(hooks=[Bad()])
    with pytest.raises(ValueError, match="end"):
        sess.close()
    assert sess.should_stop()
    assert not step.graph.finalized


def test_raw_session(step: Any) -> None:
    with tf.train.SingularMonitoredSession() as sess:
        assert type(sess.raw_session()) is tf.Session
        assert sess.raw_session().run(step) == 0
    assert sess.raw_session() is None


# Recovery


def test_the_session_is_made_anew_where_a_server_has_gone(step: Any) -> None:
    log: list[str] = []
    more = tf.assign_add(step, 1)
    with tf.train.MonitoredSession(hooks=[Recorder("a", log), Fails(aborted, 2)]) as sess:
        first = sess._tf_sess()
        assert sess.run(more) == 1
        assert sess.run(more) == 1  # of the new session
        assert sess._tf_sess() is not first
        assert first.closed
        assert sess.run(more) == 2
    again = ["a before", "a after"]
    assert log == ["a begin", "a create", *again, *again, "a create", *again, *again, "a end"]


def test_a_singular_session_does_not_recover(step: Any) -> None:
    with pytest.raises(tf.errors.AbortedError):
        with tf.train.SingularMonitoredSession(hooks=[Fails(aborted, 1)]) as sess:
            sess.run(step)


def test_a_session_that_cannot_be_made_at_once() -> None:
    class Late(tf.train.SessionCreator):
        tries = 0

        def create_session(self) -> Any:
            self.tries += 1
            if self.tries < 3:
                raise tf.errors.UnavailableError(None, None, "not yet")
            return tf.Session()

    creator = Late()
    tf.train.MonitoredSession(creator).close()
    assert creator.tries == 3


def test_a_thread_whose_server_has_gone(step: Any) -> None:
    class Loses(tf.train.SessionRunHook):
        sessions = 0

        def after_create_session(self, session: Any, coord: Any) -> None:
            self.sessions += 1
            self.coord = coord

    hook = Loses()
    with tf.train.MonitoredSession(hooks=[hook]) as sess:
        hook.coord.request_stop(aborted())
        assert not sess.should_stop()
        assert hook.sessions == 2
        assert sess.run(step) == 0


def test_a_lost_thread_is_the_cause_of_another_error() -> None:
    class Loses(tf.train.SessionRunHook):
        sessions = 0

        def after_create_session(self, session: Any, coord: Any) -> None:
            self.sessions += 1
            if self.sessions == 1:
                coord.request_stop(aborted())

    x = tf.placeholder(tf.float32)
    hook = Loses()
    with pytest.raises(tf.errors.InvalidArgumentError):
        with tf.train.MonitoredSession(hooks=[hook]) as sess:
            sess.run(x)
    assert hook.sessions == 2  # the first error was taken for the lost thread's


# Threads


@both
def test_queue_runners_are_started(kind: Any) -> None:
    queue = tf.FIFOQueue(10, tf.int32)
    tf.train.add_queue_runner(tf.train.QueueRunner(queue, [queue.enqueue(tf.constant(5))]))
    taken = queue.dequeue()
    before = threading.active_count()
    with kind() as sess:
        assert sess.run(taken) == 5
    until(lambda: threading.active_count() == before)


def failing_queue() -> Any:
    queue = tf.FIFOQueue(10, tf.int32)
    tf.train.add_queue_runner(
        tf.train.QueueRunner(queue, [queue.enqueue(tf.placeholder(tf.int32))])
    )
    return queue.dequeue()


@both
def test_the_error_of_a_thread_is_raised(kind: Any) -> None:
    taken = failing_queue()
    with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value"):
        with kind() as sess:
            sess.run(taken)


def test_should_stop_after_the_error_of_a_thread() -> None:
    failing_queue()
    sess = tf.train.MonitoredSession()
    until(sess.should_stop)
    with pytest.raises(tf.errors.InvalidArgumentError):
        sess.close()


def test_should_stop_of_a_singular_session_raises_the_error_of_a_thread() -> None:
    failing_queue()
    sess = tf.train.SingularMonitoredSession()
    assert sess._coordinated_creator.coord.wait_for_stop(MOST)
    with pytest.raises(tf.errors.InvalidArgumentError):
        sess.should_stop()
    with pytest.raises(tf.errors.InvalidArgumentError):
        sess.close()


# run_step_fn


@both
def test_step_functions(kind: Any, step: Any) -> None:
    log: list[str] = []
    more = tf.assign_add(step, 1)

    def take_step(step_context: Any) -> Any:
        return step_context.session.run(more), step_context.run_with_hooks(more)

    class Holder:
        def take_step(self, step_context: Any) -> Any:
            return take_step(step_context)

    with kind(hooks=[Recorder("a", log)]) as sess:
        assert sess.run_step_fn(take_step) == (1, 2)
        assert sess.run_step_fn(Holder().take_step) == (3, 4)
        with pytest.raises(StopIteration, match="step_fn has requested the iterations to stop"):
            sess.run_step_fn(lambda step_context: step_context.request_stop())
        assert not sess.should_stop()
    assert log.count("a before") == log.count("a after") == 2


@both
def test_step_functions_of_other_arguments(kind: Any) -> None:
    with kind() as sess:
        for function in (lambda: 0, lambda x: 0, lambda step_context, x: 0):
            with pytest.raises(ValueError, match="may either have one `step_context` argument"):
                sess.run_step_fn(function)


@both
def test_a_step_function_can_end_the_block(kind: Any) -> None:
    with kind() as sess:
        sess.run_step_fn(lambda step_context: step_context.request_stop())
    assert sess.should_stop()


def test_step_functions_recover(step: Any) -> None:
    sessions = []

    def take_step(step_context: Any) -> Any:
        sessions.append(step_context.session)
        if len(sessions) == 1:
            raise aborted()
        return step_context.run_with_hooks(step)

    with tf.train.MonitoredSession() as sess:
        assert sess.run_step_fn(take_step) == 0
    assert sessions[0] is not sessions[1]


# Files


def test_training_goes_on_from_a_stored_graph(tmp_path: Any) -> None:
    """What the checkpoints' graph has in its collections is enough to go on; numbers of 1.15."""
    folder = str(tmp_path)
    with tf.Graph().as_default():
        step = tf.train.get_or_create_global_step()
        w = tf.get_variable("w", [], initializer=tf.constant_initializer(3.0))
        train = tf.train.AdamOptimizer(0.1).minimize(tf.square(w), step)
        tf.add_to_collection("train_op", train)
        saves = tf.train.CheckpointSaverHook(folder, save_steps=2)
        with tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(3), saves]) as sess:
            while not sess.should_stop():
                sess.run(train)
    with tf.Graph().as_default() as graph:
        tf.train.import_meta_graph(f"{tf.train.latest_checkpoint(folder)}.meta")
        assert isinstance(tf.train.get_global_step(), tf.Variable)
        (saver,) = tf.get_collection(tf.GraphKeys.SAVERS)
        assert isinstance(saver, tf.train.Saver)
        count = len(graph.get_operations())
        creator = tf.train.ChiefSessionCreator(checkpoint_dir=folder)
        with tf.train.MonitoredSession(creator, [tf.train.StopAtStepHook(last_step=5)]) as sess:
            assert sess.run(["global_step:0", "w:0"]) == [3, pytest.approx(2.7003827, rel=1e-6)]
            while not sess.should_stop():
                sess.run(tf.get_collection("train_op")[0])
            end = sess._tf_sess().run(["global_step:0", "w:0"])
        assert end == [5, pytest.approx(2.501781, rel=1e-6)]
        assert len(graph.get_operations()) == count


def test_a_stored_saver_in_a_scope(tmp_path: Any) -> None:
    with tf.Graph().as_default() as graph:
        tf.get_variable("v", initializer=1.0)
        tf.train.Scaffold().finalize()
        message = tf.train.export_meta_graph(graph=graph)
    with tf.Graph().as_default():
        tf.train.import_meta_graph(message, import_scope="in")
        (saver,) = tf.get_collection(tf.GraphKeys.SAVERS)
        assert saver.saver_def.restore_op_name == "in/save/restore_all"
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            path = saver.save(sess, str(tmp_path / "model"), write_meta_graph=False)
            saver.restore(sess, path)
