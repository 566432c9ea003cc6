"""`advise`: what it says where something is to gain, and its silence where nothing is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.session.sightings import checksum

ROUNDS = 40


@pytest.fixture(name="graph", autouse=True)
def fixture_graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


def kinds(sess: Any, trial: bool = False) -> list[str]:
    return [advice.kind for advice in tf.advise(sess, trial=trial)]


def started() -> Any:
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    return sess


def line() -> str:
    """The next line but one of the caller, as advice names it."""
    return f"{__file__}:{sys._getframe(1).f_lineno + 2} "


def rows(count: int, width: int) -> Any:
    return np.random.RandomState(0).rand(count, width).astype(np.float32)


# Single samples


def network(batch: int | None = None) -> tuple[Any, Any]:
    x = tf.placeholder(tf.float32, [batch, 16], name="x")
    w = tf.get_variable("w", [16, 4], initializer=tf.ones_initializer())
    return x, tf.nn.softmax(tf.matmul(x, w), name="y")


def test_single_samples_in_a_loop() -> None:
    x, y = network()
    with started() as sess:
        for row in rows(ROUNDS, 16):
            where = line()

            sess.run(y, {x: row[None]})
        (advice,) = tf.advise(sess)
    assert advice.kind == "single samples"
    assert advice.line == f"{where}`sess.run(y, {{x: row[None]}})`"
    assert f"y:0 ← x:0 ran {ROUNDS} times on one sample" in advice.text
    assert "By the cost model 32 samples a run would be" in advice.text


def test_a_trial_measures_and_leaves_no_trace() -> None:
    x, y = network()
    keep = tf.placeholder(tf.float32, [], name="keep")
    with started() as sess:
        for row in rows(ROUNDS, 16):
            sess.run(y * keep, {x: row[None], keep: 0.5}) if False else sess.run(y, {x: row[None]})
        before = str(sess.run_stats())
        (advice,) = tf.advise(sess, trial=True)
        assert str(sess.run_stats()) == before
    assert "On a trial batch of 32 a sample took" in advice.text


def test_no_word_on_batches() -> None:
    x, y = network()
    with started() as sess:
        for value in rows(ROUNDS * 8, 16).reshape(ROUNDS, 8, 16):
            sess.run(y, {x: value})
        assert kinds(sess) == []


def test_no_word_where_the_placeholder_takes_one_sample_only() -> None:
    x, y = network(batch=1)
    with started() as sess:
        for row in rows(ROUNDS, 16):
            sess.run(y, {x: row[None]})
        assert kinds(sess) == []


def test_no_word_on_training_with_single_samples() -> None:
    x, y = network()
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
    with started() as sess:
        for row in rows(ROUNDS, 16):
            sess.run(train, {x: row[None]})
        assert kinds(sess) == []


def test_no_word_where_the_result_is_not_one_of_each_sample() -> None:
    x, y = network()
    mean = tf.reduce_mean(y)
    with started() as sess:
        for row in rows(ROUNDS, 16):
            sess.run(mean, {x: row[None]})
        assert kinds(sess) == []


@pytest.mark.parametrize("trial", [False, True])
def test_no_word_where_a_batch_takes_as_long_as_its_samples(trial: bool) -> None:
    x = tf.placeholder(tf.float32, [None, 200_000], name="x")
    y = tf.sqrt(x, name="y")  # on one thread: the threads of a busy machine make strange times
    with tf.Session() as sess:
        for number in range(ROUNDS):
            sess.run(y, {x: np.full([1, 200_000], number, np.float32)})
        assert "single samples" not in kinds(sess, trial)


def test_a_trial_leaves_alone_what_a_branch_assigns() -> None:
    x = tf.placeholder(tf.float32, [None, 16], name="x")
    v = tf.Variable(0.0)
    counted = tf.cond(tf.reduce_sum(x) < 1e9, lambda: v.assign_add(1.0) + 0.0, lambda: 0.0)
    with tf.control_dependencies([counted]):
        y = tf.multiply(x, 2.0, name="y")
    with started() as sess:
        for row in rows(ROUNDS, 16):
            sess.run(y, {x: row[None]})
        assert "single samples" not in kinds(sess, True)
        assert sess.run(v) == ROUNDS


def test_no_word_on_few_runs() -> None:
    x, y = network()
    with started() as sess:
        for row in rows(5, 16):
            sess.run(y, {x: row[None]})
        assert kinds(sess) == []


# Runs to join


def regression() -> tuple[Any, Any, Any]:
    """x, a loss, and an operation that reduces it."""
    x = tf.placeholder(tf.float32, [None, 16], name="x")
    w = tf.get_variable("w", [16, 16])
    loss = tf.reduce_mean(tf.square(tf.tanh(tf.matmul(x, w))), name="loss")
    return x, loss, tf.train.GradientDescentOptimizer(0.1).minimize(loss, name="train")


def test_runs_that_follow_one_another() -> None:
    x, loss, train = regression()
    with started() as sess:
        for value in rows(ROUNDS * 8, 16).reshape(ROUNDS, 8, 16):
            where = line()

            sess.run(loss, {x: value})
            sess.run(train, {x: value})
        (advice,) = tf.advise(sess)
    assert advice.kind == "runs to join"
    assert advice.line.startswith(where)
    assert "loss:0 ← x:0 is always followed by train ← x:0" in advice.text
    assert "`sess.run(train, {x: value})`" in advice.text
    assert "ops are computed twice" in advice.text


def test_runs_with_fewer_feeds_than_the_other() -> None:
    x, y = network()
    scale = tf.placeholder(tf.float32, [], name="scale")
    scaled = tf.multiply(y, scale, name="scaled")
    with started() as sess:
        for number, value in enumerate(rows(ROUNDS * 8, 16).reshape(ROUNDS, 8, 16)):
            sess.run(y, {x: value})
            sess.run(scaled, {x: value, scale: float(number)})
        assert kinds(sess) == ["runs to join"]


def test_no_word_on_runs_with_other_feeds() -> None:
    x, loss, train = regression()
    with started() as sess:
        for value in rows(ROUNDS * 8, 16).reshape(ROUNDS, 8, 16):
            sess.run(loss, {x: value})
            sess.run(train, {x: value + 1.0})
        assert kinds(sess) == []


def test_no_word_where_the_array_was_written_into_between_the_runs() -> None:
    x, loss, train = regression()
    buffer = np.zeros([8, 16], np.float32)
    with started() as sess:
        for value in rows(ROUNDS * 8, 16).reshape(ROUNDS, 8, 16):
            buffer[:] = value
            sess.run(loss, {x: buffer})
            buffer += 1.0
            sess.run(train, {x: buffer})
        assert kinds(sess) == []


def test_no_word_on_runs_that_follow_now_and_then() -> None:
    x, loss, train = regression()
    with started() as sess:
        for number, value in enumerate(rows(ROUNDS * 16, 16).reshape(ROUNDS * 2, 8, 16)):
            sess.run(train, {x: value})
            if number % 2:
                sess.run(loss, {x: value})
        assert kinds(sess) == []


def test_no_word_where_the_second_sees_what_the_first_assigned() -> None:
    x, loss, train = regression()
    with started() as sess:
        for value in rows(ROUNDS * 8, 16).reshape(ROUNDS, 8, 16):
            sess.run(train, {x: value})
            sess.run(loss, {x: value})  # the loss after the step: another number than in one run
        assert kinds(sess) == []


def test_no_word_where_a_fetched_variable_is_assigned_by_the_second() -> None:
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    update = tf.assign_add(v, 1.0)
    with started() as sess:
        for _ in range(ROUNDS):
            sess.run(v)
            sess.run(update)
        assert kinds(sess) == []


def test_no_word_where_both_draw_the_same_random_numbers() -> None:
    x, y = network()
    dropped = tf.nn.dropout(y, 0.5, name="dropped")
    norm = tf.norm(dropped, name="norm")
    with started() as sess:
        for value in rows(ROUNDS * 8, 16).reshape(ROUNDS, 8, 16):
            sess.run(dropped, {x: value})
            sess.run(norm, {x: value})
        assert kinds(sess) == []


def test_no_word_on_runs_with_effects() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    first = tf.py_func(lambda value: value, [x], tf.float32, name="first")
    second = tf.py_func(lambda value: value, [x], tf.float32, name="second")
    with tf.Session() as sess:
        for number in range(ROUNDS):
            sess.run(first, {x: number})
            sess.run(second, {x: number})
        assert kinds(sess) == []


# Large fetches


def test_a_large_fetch() -> None:
    v = tf.get_variable("v", [1 << 20], initializer=tf.zeros_initializer())
    with started() as sess:
        for _ in range(ROUNDS):
            where = line()

            sess.run(v)
        (advice,) = tf.advise(sess)
    assert advice.kind == "large fetch"
    assert advice.line.startswith(where)
    assert "has 4.19 MB, and was fetched 40 times" in advice.text


def test_no_word_on_small_fetches() -> None:
    v = tf.get_variable("v", [1 << 10], initializer=tf.zeros_initializer())
    with started() as sess:
        for _ in range(ROUNDS):
            sess.run(v)
        assert kinds(sess) == []


def test_no_word_on_a_large_fetch_that_is_handed_over_without_a_copy() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    y = tf.fill([1 << 19], x) + x
    with tf.Session() as sess:
        for number in range(ROUNDS):
            sess.run(y, {x: number})
        assert kinds(sess) == []


def test_no_word_on_a_large_variable_of_which_the_norm_is_fetched() -> None:
    v = tf.get_variable("v", [1 << 20], initializer=tf.zeros_initializer())
    norm = tf.norm(v)
    with started() as sess:
        for _ in range(ROUNDS):
            sess.run(norm)
        assert kinds(sess) == []


# A growing graph


def test_operations_added_in_a_loop() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    with tf.Session() as sess:
        for number in range(ROUNDS):
            where = line()

            y = x * 2.0 + number
            sess.run(y, {x: 1.0})
        (advice,) = tf.advise(sess)
    assert advice.kind == "growing graph"
    assert advice.line == f"{where}`y = x * 2.0 + number`"
    assert f"{(ROUNDS - 1) * 4} in {ROUNDS - 1} rounds" in advice.text


def test_operations_added_in_a_loop_and_not_run() -> None:
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    update = tf.assign_add(v, 1.0)
    with started() as sess:
        for number in range(ROUNDS):
            sess.run(update)
            tf.constant(number)
        assert kinds(sess) == ["growing graph"]


def test_no_word_on_a_graph_made_before_the_loop() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    y = x
    for number in range(ROUNDS):
        y = y * 2.0 + number
    with tf.Session() as sess:
        for number in range(ROUNDS):
            sess.run(y, {x: number})
        assert kinds(sess) == []


def test_no_word_on_layers_added_by_one_line_between_two_runs() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    with tf.Session() as sess:
        sess.run(x + 1.0, {x: 1.0})
        y = x
        for number in range(ROUNDS):
            y = y * 2.0 + number
        for number in range(ROUNDS):
            sess.run(y, {x: number})
        assert kinds(sess) == []


def test_no_word_where_making_operations_takes_next_to_nothing_of_the_time() -> None:
    x = tf.placeholder(tf.float32, [300, 300], name="x")
    value = np.ones([300, 300], np.float32)
    with tf.Session() as sess:
        for number in range(10):
            y = tf.matmul(x, x) + number
            for _ in range(15):
                sess.run(y.op, {x: value})
        assert "growing graph" not in kinds(sess)


# Sessions anew


def test_a_session_for_every_call() -> None:
    x, y = network()
    for row in rows(ROUNDS, 16):
        where = line()

        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            sess.run(y, {x: [row]})
    found = {advice.kind: advice for advice in tf.advise(sess)}
    assert found["sessions anew"].line == f"{where}`with tf.Session() as sess:`"
    assert f"this line made {ROUNDS} sessions, with 2 runs in each" in found["sessions anew"].text


def test_no_word_on_sessions_that_are_used_often() -> None:
    x, y = network()
    for _ in range(12):
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            for value in rows(ROUNDS * 2, 16).reshape(ROUNDS, 2, 16):
                sess.run(y, {x: value})
        assert kinds(sess) == []


def test_no_word_on_one_session() -> None:
    x, y = network()
    with started() as sess:
        for value in rows(ROUNDS * 2, 16).reshape(ROUNDS, 2, 16):
            sess.run(y, {x: value})
        assert kinds(sess) == []


# Shapes that keep changing


def elementwise(x: Any) -> Any:
    for _ in range(6):
        x = tf.exp(tf.tanh(x))
    return tf.reduce_sum(x, name="y")


def test_shapes_that_never_come_back() -> None:
    x = tf.placeholder(tf.float32, [None], name="x")
    y = elementwise(x)
    with tf.Session() as sess:
        for number in range(60):
            sess.run(y, {x: np.full([1_000_000 + number], number, np.float32)})
        (advice,) = tf.advise(sess)
    assert advice.kind == "changing shapes"
    assert "was fed 60 sets of shapes in 60 runs: none comes back" in advice.text


def test_shapes_that_are_compiled_again_and_again() -> None:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = 1
    x = tf.placeholder(tf.float32, [None], name="x")
    y = tf.exp(x)
    with tf.Session(config=config) as sess:
        for number in range(24):
            sess.run(y, {x: np.full([2 + number % 6], number, np.float32)})
        (advice,) = tf.advise(sess)
    assert advice.kind == "changing shapes"
    assert "was fed 6 sets of shapes, and compiled 6 times" in advice.text


def test_no_word_on_many_shapes_of_a_small_plan() -> None:
    x = tf.placeholder(tf.float32, [None], name="x")
    y = elementwise(x)
    with tf.Session() as sess:
        for number in range(60):
            sess.run(y, {x: np.full([2 + number], number, np.float32)})
        assert kinds(sess) == []


def test_no_word_on_two_shapes() -> None:
    x = tf.placeholder(tf.float32, [None], name="x")
    y = elementwise(x)
    with tf.Session() as sess:
        for number in range(ROUNDS):
            sess.run(y, {x: np.full([100_000 + number % 2], number, np.float32)})
        assert kinds(sess) == []


# Feeds that never change


def scaled_sum() -> tuple[Any, Any, Any]:
    x = tf.placeholder(tf.float32, [None], name="x")
    scale = tf.placeholder(tf.float32, [], name="scale")
    return x, scale, tf.multiply(tf.reduce_sum(tf.sqrt(tf.exp(x))), scale, name="y")


def test_a_feed_that_never_changes() -> None:
    x, scale, y = scaled_sum()
    value = np.ones(5000, np.float32)
    with tf.Session() as sess:
        for number in range(ROUNDS):
            where = line()

            sess.run(y, {x: value, scale: float(number)})
        (advice,) = tf.advise(sess)
    assert advice.kind == "constant feed"
    assert advice.line.startswith(where)
    assert advice.text.startswith("x:0 got the same value in each run")
    assert "3 of 4 ops depend on it alone" in advice.text
    assert "list" not in advice.text


def test_a_list_that_never_changes() -> None:
    x = tf.placeholder(tf.float32, [None], name="x")
    v = tf.get_variable("v", [], initializer=tf.ones_initializer())
    y = tf.multiply(x, v, name="y")
    value = [1.0] * 2000
    with started() as sess:
        for _ in range(ROUNDS):
            sess.run(y, {x: value})
        (advice,) = tf.advise(sess)
    assert "It is fed as a list, and making an array of it takes" in advice.text
    assert "depend on it alone" not in advice.text


def test_no_word_on_a_feed_that_changes() -> None:
    x, scale, y = scaled_sum()
    with tf.Session() as sess:
        for number in range(ROUNDS):
            sess.run(y, {x: np.full(5000, number, np.float32), scale: float(number)})
        assert kinds(sess) == []


def test_no_word_where_other_runs_feed_another_value() -> None:
    x, scale, y = scaled_sum()
    z = y + 1.0
    value = np.ones(5000, np.float32)
    with tf.Session() as sess:
        sess.run(z, {x: value * 2.0, scale: 1.0})
        for number in range(ROUNDS):
            sess.run(y, {x: value, scale: float(number)})
        assert kinds(sess) == []


def test_no_word_where_a_constant_would_save_nothing() -> None:
    x, y = network()
    rate = tf.placeholder(tf.float32, [], name="rate")
    train = tf.train.GradientDescentOptimizer(rate).minimize(tf.reduce_sum(y))
    with started() as sess:
        for value in rows(ROUNDS * 2, 16).reshape(ROUNDS, 2, 16):
            sess.run(train, {x: value, rate: 0.1})
        assert kinds(sess) == []


# The rest


def test_a_program_without_waste() -> None:
    x, loss, train = regression()
    with started() as sess:
        for value in rows(ROUNDS * 8, 16).reshape(ROUNDS, 8, 16):
            sess.run([loss, train], {x: value})
    found = tf.advise(sess)  # of a closed session too
    assert list(found) == []
    assert str(found) == "Nothing was seen that would make it faster."
    assert str(found) in found._repr_html_()


def test_it_takes_a_session() -> None:
    with pytest.raises(TypeError, match=r"advise takes a tf\.Session, but got <class 'int'>"):
        tf.advise(3)


def test_how_it_prints() -> None:
    x, y = network()
    with started() as sess:
        for row in rows(ROUNDS, 16):
            sess.run(y, {x: row[None]})
        found = tf.advise(sess)
    assert str(found) == f"1. {found[0]}"
    assert len(found) == 1
    assert found[0].kind in found._repr_html_()


def test_feeds_that_are_no_plain_arrays_are_not_compared() -> None:
    text = tf.placeholder(tf.string, [None], name="text")
    joined = tf.strings.join([text, "!"], name="joined")
    with tf.Session() as sess:
        for _ in range(ROUNDS):
            sess.run(joined, {text: ["a", "b"]})
        assert kinds(sess) == []


def test_checksums() -> None:
    value = rows(1000, 784)
    assert checksum(value) == checksum(value.copy())
    assert checksum(value) != checksum(value + 1.0)
    assert checksum(value) != checksum(value.reshape(784, 1000))
    assert checksum(value.T) == checksum(value.T.copy())
    assert checksum(np.zeros(3)) != checksum(np.zeros(3, np.int64))
    assert checksum(np.array(["a"], object)) is None
