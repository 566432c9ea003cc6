"""Interpreted arithmetic writes over operands that nobody needs any more, and over no others."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as tf

SHAPE = [64, 256]  # large enough


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


def session() -> tf.Session:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = -1
    return tf.Session(config=config)


def values(*shape: int):
    return np.random.RandomState(1).rand(*(shape or SHAPE)).astype(np.float32)


def source_of(sess, fetches, feeds):
    """The text of the interpreted run, from its third run on."""
    for _ in range(4):
        found = sess.run(fetches, feeds)
    texts = [
        executor._interpreted.__closure__
        for executor in sess._executors
        if executor._interpreted is not None
    ]
    sources = [cell.cell_contents for cells in texts for cell in cells]
    (source,) = [each.source for each in sources if hasattr(each, "source")]
    return found, source


def test_a_chain_takes_one_array():
    x = tf.placeholder(tf.float32, SHAPE)
    y = tf.sqrt(tf.exp(x + 1.0) * 2.0)
    fed = values()
    with session() as sess:
        found, source = source_of(sess, y, {x: fed})
    np.testing.assert_allclose(found, np.sqrt(np.exp(fed + 1) * 2), rtol=1e-6)
    np.testing.assert_array_equal(fed, values())  # what was fed is the caller's
    assert source.count("out=") == 3


def test_columns_and_numbers_are_broadcast_into_the_whole():
    x = tf.placeholder(tf.float32, [None, 256])
    row = values(256)
    y = (tf.exp(x) + row) * 3.0
    fed = values()
    with session() as sess:
        found, source = source_of(sess, y, {x: fed})
    np.testing.assert_allclose(found, (np.exp(fed) + row) * 3, rtol=1e-6)
    assert source.count("out=") == 2


def test_a_result_larger_than_the_operand_has_its_own_array():
    x = tf.placeholder(tf.float32, [1, 8192])
    row = tf.exp(x)
    y = row + values(3, 8192)
    with session() as sess:
        found, source = source_of(sess, y, {x: values(1, 8192)})
    assert found.shape == (3, 8192)
    assert "out=" not in source


@pytest.mark.parametrize(
    "kept",
    [
        lambda t: tf.reshape(t, [-1]),
        lambda t: t[1:],
        lambda t: tf.transpose(t),
        lambda t: tf.split(t, 2)[1],
        lambda t: tf.identity(t),
        lambda t: tf.cond(tf.reduce_sum(t) > 0, lambda: t, lambda: t + 1.0),
        lambda t: tf.while_loop(lambda i, v: i < 1, lambda i, v: (i + 1, v), [0, t])[1],
        lambda t: tf.real(t),
        lambda t: tf.cast(t, tf.float32),
    ],
    ids=["reshape", "slice", "transpose", "split", "identity", "cond", "while", "real", "cast"],
)
def test_what_shares_memory_keeps_its_values(kept):
    x = tf.placeholder(tf.float32, SHAPE)
    t = tf.exp(x)
    seen = kept(t)
    with tf.control_dependencies([seen]):
        y = t * 2.0
    with tf.control_dependencies([y]):
        after = tf.identity(seen) + 0.0
    fed = values()
    with session() as sess:
        for _ in range(4):
            a, b, c = sess.run([seen, y, after], {x: fed})
    with tf.Graph().as_default(), session() as sess:
        wanted = sess.run(kept(tf.constant(np.exp(fed))))
    np.testing.assert_allclose(a, wanted, rtol=1e-6)
    np.testing.assert_allclose(c, wanted, rtol=1e-6)
    np.testing.assert_allclose(b, np.exp(fed) * 2, rtol=1e-6)


def test_variables_queues_and_python_functions_keep_theirs():
    x = tf.placeholder(tf.float32, SHAPE)
    t = tf.exp(x)
    variable = tf.Variable(np.zeros(SHAPE, np.float32))
    queue = tf.FIFOQueue(10, [tf.float32])
    kept = []
    called = tf.py_func(lambda a: kept.append(a) or a, [t], tf.float32)
    with tf.control_dependencies([variable.assign(t), queue.enqueue(t), called]):
        y = t * 2.0
    fed = values()
    with session() as sess:
        for _ in range(4):
            found = sess.run(y, {x: fed})
            np.testing.assert_allclose(found, np.exp(fed) * 2, rtol=1e-6)
            np.testing.assert_allclose(sess.run(variable), np.exp(fed), rtol=1e-6)
            np.testing.assert_allclose(sess.run(queue.dequeue()), np.exp(fed), rtol=1e-6)
            np.testing.assert_allclose(kept[-1], np.exp(fed), rtol=1e-6)


def test_a_value_of_an_earlier_stage_is_not_written_over():
    x = tf.placeholder(tf.float32, SHAPE)
    scale = tf.placeholder(tf.float32, [])
    t = tf.exp(x)
    y = t * scale
    fed = values()
    with session() as sess:
        for _ in range(4):
            handle = sess.partial_run_setup([t, y], [x, scale])
            first = sess.partial_run(handle, t, {x: fed})
            second = sess.partial_run(handle, y, {scale: 2.0})
            np.testing.assert_allclose(first, np.exp(fed), rtol=1e-6)
            np.testing.assert_allclose(second, np.exp(fed) * 2, rtol=1e-6)


def test_errors_name_the_op_and_its_operands():
    x = tf.placeholder(tf.float32, [None, 256])
    y = tf.placeholder(tf.float32, [None, 256])
    bad = tf.exp(x) * tf.exp(y)
    with session() as sess:
        for _ in range(4):
            with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
                sess.run(bad, {x: values(2, 256), y: values(3, 256)})
