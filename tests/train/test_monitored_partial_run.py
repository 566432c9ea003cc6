"""`partial_run` of monitored sessions, which TensorFlow's have not, and hooks around stages."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf

KINDS = [tf.train.MonitoredSession, tf.train.SingularMonitoredSession]
both = pytest.mark.parametrize("kind", KINDS)


class Model:
    """Acts on what it observes, and learns from the reward."""

    def __init__(self) -> None:
        self.observed = tf.placeholder(tf.float32, [], "observed")
        self.reward = tf.placeholder(tf.float32, [], "reward")
        weight = tf.get_variable("weight", initializer=2.0)
        self.noise = tf.random_uniform([], name="noise")
        self.action = tf.add(weight * self.observed, self.noise, name="action")
        self.loss = tf.square(self.action - self.reward, name="loss")
        self.step = tf.train.get_or_create_global_step()
        optimizer = tf.train.GradientDescentOptimizer(0.0)
        self.learn = optimizer.minimize(self.loss, self.step)
        self.fetches = [self.action, self.learn]
        self.feeds = [self.observed, self.reward]

    def take_step(self, sess: Any, handle: Any, observed: float, reward: float) -> float:
        action = sess.partial_run(handle, self.action, {self.observed: observed})
        assert sess.partial_run(handle, self.learn, {self.reward: reward}) is None
        return float(action)


@pytest.fixture(name="model")
def fixture_model() -> Iterator[Model]:
    with tf.Graph().as_default():
        yield Model()


class Recorder(tf.train.SessionRunHook):
    """Writes down its calls, and what it asks for."""

    def __init__(self, fetches: Any = None, feed_dict: Any = None) -> None:
        self.args = tf.train.SessionRunArgs(fetches, feed_dict)
        self.log: list[str] = []
        self.asked: list[Any] = []
        self.values: list[Any] = []

    def before_run(self, run_context: Any) -> Any:
        self.log.append("before")
        self.asked.append(run_context.original_args)
        return self.args

    def after_run(self, run_context: Any, run_values: Any) -> None:
        assert isinstance(run_values.options, tf.RunOptions)
        self.log.append("after")
        self.values.append(run_values.results)


@both
def test_stages_without_hooks(kind: Any, model: Model) -> None:
    with kind() as sess:
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        action = model.take_step(sess, handle, 3.0, 1.0)
        assert 6.0 <= action < 7.0
        assert sess.run(model.step) == 1


@both
def test_hooks_are_called_around_the_last_stage(kind: Any, model: Model) -> None:
    hook = Recorder({"loss": model.loss, "noise": [model.noise]})
    with kind(hooks=[hook]) as sess:
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        action = sess.partial_run(handle, model.action, {model.observed: 3.0})
        assert hook.log == []
        sess.partial_run(handle, model.learn, {model.reward: 1.0})
        assert hook.log == ["before", "after"]
    (asked,) = hook.asked
    assert asked == (model.learn, {model.reward: 1.0}, None)
    (values,) = hook.values
    noise = values["noise"][0]
    assert action == noise + np.float32(6.0)  # drawn once for all stages
    assert values["loss"] == np.square(action - np.float32(1.0))


def test_a_handle_that_goes_on_from_batch_to_batch(model: Model) -> None:
    hook = Recorder(model.loss)
    with tf.train.MonitoredSession(hooks=[hook]) as sess:
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        for number in range(1, 4):
            action = model.take_step(sess, handle, 3.0, 1.0)
            assert hook.log == ["before", "after"] * number
            assert hook.values[-1] == np.square(np.float32(action) - np.float32(1.0))
        assert sess._tf_sess().run(model.step) == 3
    assert len(set(hook.values)) == 1  # the noise depends on no feed: it is drawn once


@both
def test_stop_at_step_with_a_handle_for_each_step(kind: Any, model: Model) -> None:
    """As in examples/actor_critic.py: the agent acts on the next state before it learns."""
    with kind(hooks=[tf.train.StopAtStepHook(last_step=5)]) as sess:
        learnt = 0
        before = sess.partial_run_setup(model.fetches, model.feeds)
        sess.partial_run(before, model.action, {model.observed: 0.0})
        while not sess.should_stop():
            after = sess.partial_run_setup(model.fetches, model.feeds)
            value = sess.partial_run(after, model.action, {model.observed: 1.0})
            sess.partial_run(before, model.learn, {model.reward: value})
            before = after
            learnt += 1
        assert learnt == 5
        for use in (
            lambda: sess.partial_run(before, model.learn, {model.reward: 1.0}),
            lambda: sess.partial_run_setup(model.fetches, model.feeds),
        ):
            with pytest.raises(RuntimeError, match="Run called even after should_stop requested"):
                use()


def test_stop_at_step_with_one_handle(model: Model) -> None:
    with tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(num_steps=4)]) as sess:
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        steps = 0
        while not sess.should_stop():
            model.take_step(sess, handle, 1.0, 2.0)
            steps += 1
    assert steps == 4


def test_hooks_that_log_now_and_then(model: Model, caplog: Any) -> None:
    """They ask in some runs only, also where steps overlap and a handle was made in between."""
    hook = tf.train.LoggingTensorHook({"loss": model.loss, "n": model.step}, every_n_iter=3)
    with caplog.at_level("INFO", logger="tensorflow"):
        with tf.train.MonitoredSession(hooks=[hook]) as sess:
            before = sess.partial_run_setup(model.fetches, model.feeds)
            sess.partial_run(before, model.action, {model.observed: 0.0})
            for _ in range(4):
                after = sess.partial_run_setup(model.fetches, model.feeds)
                sess.partial_run(after, model.action, {model.observed: 1.0})
                sess.partial_run(before, model.learn, {model.reward: 1.0})
                before = after
            for _ in range(3):
                model.take_step(sess, before, 1.0, 1.0)
    lines = [record.getMessage() for record in caplog.records if "loss" in record.getMessage()]
    assert [line.partition("n = ")[2].partition(" ")[0] for line in lines] == ["1", "4", "7"]


def test_nan_in_the_last_stage(model: Model) -> None:
    with tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(model.loss)]) as sess:
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        model.take_step(sess, handle, 1.0, 1.0)
        with pytest.raises(tf.train.NanLossDuringTrainingError):
            model.take_step(sess, handle, 1.0, float("nan"))


def test_feeds_of_hooks(model: Model) -> None:
    hook = tf.train.FeedFnHook(lambda: {model.reward: 1.0})
    recorder = Recorder(model.loss)
    with tf.train.MonitoredSession(hooks=[hook, recorder]) as sess:
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        action = sess.partial_run(handle, model.action, {model.observed: 3.0})
        with pytest.raises(RuntimeError, match="fed by a SessionRunHook and user"):
            sess.partial_run(handle, model.learn, {model.reward: 5.0})
        sess.partial_run(handle, model.learn)
        assert recorder.values == [np.square(action - np.float32(1.0))]
        unnamed = sess.partial_run_setup(model.fetches, [model.observed])
        sess.partial_run(unnamed, model.action, {model.observed: 3.0})
        with pytest.raises(tf.errors.InvalidArgumentError, match="reward:0 was not specified"):
            sess.partial_run(unnamed, model.learn)


def test_a_stage_that_fails_can_be_repeated(model: Model) -> None:
    hook = Recorder(model.loss)
    with tf.train.MonitoredSession(hooks=[hook]) as sess:
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        sess.partial_run(handle, model.action, {model.observed: 3.0})
        with pytest.raises(tf.errors.InvalidArgumentError, match="can't be computed from"):
            sess.partial_run(handle, model.learn)
        sess.partial_run(handle, model.learn, {model.reward: 1.0})
        assert sess._tf_sess().run(model.step) == 1
    assert hook.log == ["before", "before", "after"]


def test_several_values_of_the_last_stage(model: Model) -> None:
    hook = Recorder([model.noise, model.step])
    with tf.train.MonitoredSession(hooks=[hook]) as sess:
        for fetches in ([model.action, model.learn], {"a": model.action, "l": [model.learn]}):
            handle = sess.partial_run_setup(fetches, model.feeds)
            feeds = {model.observed: 3.0, model.reward: 1.0}
            values = sess.partial_run(handle, fetches, feeds)
            assert type(values) is type(fetches)
            action = values[0] if isinstance(values, list) else values["a"]
            assert action == hook.values[-1][0] + np.float32(6.0)
            handle = sess.partial_run_setup([model.loss], model.feeds)
            assert sess.partial_run(handle, [model.loss], feeds) == [pytest.approx(25, abs=15)]


def test_strict_handles(model: Model) -> None:
    """What a hook asks for may have been fetched before, and may be an operation."""
    fetches = [model.action, model.loss]
    hook = Recorder([model.action, model.learn])
    with tf.train.MonitoredSession(hooks=[hook]) as sess:
        handle = sess.partial_run_setup(fetches, model.feeds, strict=True)
        action = sess.partial_run(handle, model.action, {model.observed: 3.0})
        with pytest.raises(tf.errors.InvalidArgumentError, match="has already been fetched"):
            sess.partial_run(handle, model.action)
        sess.partial_run(handle, model.loss, {model.reward: 1.0})
        assert hook.values == [[action, None]]
        with pytest.raises(tf.errors.InvalidArgumentError, match="Must run 'setup'"):
            sess.partial_run(handle, model.loss)


def test_what_cannot_run_again_must_be_named() -> None:
    """A hook's first question, about what an earlier stage drew and did not keep."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [], "x")
        drawn = tf.random_uniform([], name="drawn")
        kept = drawn + 1.0
        asked = drawn * 2.0
        pure = kept * x
        for fetch, says in ((asked, "Mul|mul"), (pure, None)):
            hook = Recorder(fetch)
            with tf.train.MonitoredSession(hooks=[hook]) as sess:
                handle = sess.partial_run_setup([kept, pure], x)
                first = sess.partial_run(handle, kept)
                if says is None:
                    assert sess.partial_run(handle, pure, {x: 2.0}) == first * 2.0
                    assert hook.values == [first * 2.0]
                    continue
                with pytest.raises(tf.errors.InvalidArgumentError, match="needs drawn"):
                    sess.partial_run(handle, pure, {x: 2.0})
                named = sess.partial_run_setup([kept, pure], x)  # knows by now what hooks ask for
                first = sess.partial_run(named, kept)
                sess.partial_run(named, pure, {x: 2.0})
                assert hook.values == [pytest.approx((first - 1.0) * 2.0, abs=1e-6)]


def test_a_pure_operation_is_computed_again() -> None:
    with tf.Graph().as_default():
        x, y = tf.placeholder(tf.float32, [], "x"), tf.placeholder(tf.float32, [], "y")
        square = tf.square(x)
        kept, last = square + 1.0, y + 0.0
        asked = square * y
        hook = Recorder(asked)
        with tf.train.MonitoredSession(hooks=[hook]) as sess:
            handle = sess.partial_run_setup([kept, last], [x, y])
            sess.partial_run(handle, kept, {x: 3.0})
            sess.partial_run(handle, last, {y: 2.0})
            assert hook.values == [18.0]
            sess.partial_run(handle, kept, {x: 4.0})  # the next batch of x
            sess.partial_run(handle, last)
            assert hook.values == [18.0, 32.0]


@both
def test_handles_of_other_sessions(kind: Any, model: Model) -> None:
    with kind() as sess:
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        other = sess._tf_sess().partial_run_setup(model.fetches, model.feeds)
        assert 0.0 <= sess.partial_run(other, model.action, {model.observed: 0.0}) < 1.0
        sess.partial_run_close(handle)
        for bad in (handle, "no handle"):
            with pytest.raises(tf.errors.InvalidArgumentError, match="Must run 'setup'"):
                sess.partial_run(bad, model.action, {model.observed: 0.0})
        assert sess.partial_run("no handle", []) == []
    for use in (
        lambda: sess.partial_run_setup(model.fetches, model.feeds),
        lambda: sess.partial_run(handle, model.action),
        lambda: sess.partial_run_close(handle),
    ):
        with pytest.raises(RuntimeError, match="Session is already closed"):
            use()


def test_a_server_that_has_gone_takes_its_handles_along(model: Model) -> None:
    class Lost(tf.train.SessionRunHook):
        count = 0

        def after_run(self, run_context: Any, run_values: Any) -> None:
            self.count += 1
            if self.count == 2:
                raise tf.errors.UnavailableError(None, None, "the server has gone")

    with tf.train.MonitoredSession(hooks=[Lost()]) as sess:
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        model.take_step(sess, handle, 1.0, 1.0)
        with pytest.raises(tf.errors.UnavailableError):
            model.take_step(sess, handle, 1.0, 1.0)
        with pytest.raises(tf.errors.InvalidArgumentError, match="Must run 'setup'"):
            model.take_step(sess, handle, 1.0, 1.0)
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        model.take_step(sess, handle, 1.0, 1.0)
        assert sess.run(model.step) == 1


def test_options_of_stages(model: Model) -> None:
    traced = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    with tf.train.MonitoredSession(hooks=[Recorder(model.loss)]) as sess:
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        for fetch, feed in ((model.action, model.observed), (model.learn, model.reward)):
            metadata = tf.RunMetadata()
            sess.partial_run(handle, fetch, {feed: 1.0}, options=traced, run_metadata=metadata)
            assert metadata.step_stats.dev_stats


def test_abandoned_handles_are_freed(model: Model) -> None:
    with tf.train.MonitoredSession(hooks=[Recorder(model.loss)]) as sess:
        handle = sess.partial_run_setup(model.fetches, model.feeds)
        model.take_step(sess, handle, 1.0, 1.0)
        gone = weakref.ref(handle)
        del handle
        gc.collect()
        assert gone() is None


@pytest.mark.parametrize("level", [-1, 1, 2])
def test_both_tiers(level: int, model: Model) -> None:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    hook = Recorder([model.loss, model.noise])
    with tf.train.SingularMonitoredSession([hook], config=config) as sess:
        for number in range(3):
            handle = sess.partial_run_setup(model.fetches, model.feeds)
            action = model.take_step(sess, handle, float(number), 1.0)
            loss, noise = hook.values[-1]
            assert action == pytest.approx(2.0 * number + noise, rel=1e-6)
            assert loss == pytest.approx((action - 1.0) ** 2, rel=1e-5)
