"""ConfigProto, RunOptions, traces, devices, and the session's end."""

from __future__ import annotations

import pytest

import penstock as tf

FULL = {"trace_level": 3}


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


def config_of(level: int = 0, **fields):
    config = tf.ConfigProto(**fields)
    config.graph_options.optimizer_options.global_jit_level = level
    return config


def traced(session, fetches, feed=None, **options):
    metadata = tf.RunMetadata()
    values = session.run(fetches, feed, tf.RunOptions(**options), metadata)
    return values, metadata


def nodes_of(metadata):
    return [node for device in metadata.step_stats.dev_stats for node in device.node_stats]


def test_a_trace_shows_each_op_with_its_outputs():
    a = tf.placeholder(tf.float32, [None], name="a")
    b = tf.add(tf.exp(a, name="e"), 1.0, name="b")
    with tf.Session(config=config_of(-1)) as session:
        values, metadata = traced(session, b, {a: [0, 0, 0]}, **FULL)
    assert values.tolist() == [2, 2, 2]
    nodes = nodes_of(metadata)
    assert [node.node_name for node in nodes] == ["e", "b"]
    assert nodes[0].timeline_label == "e = Exp(a)"
    description = nodes[1].output[0].tensor_description
    assert description.dtype == tf.float32.as_datatype_enum
    assert [dim.size for dim in description.shape.dim] == [3]
    assert description.allocation_description.requested_bytes == 12
    starts = [node.all_start_nanos for node in nodes]
    assert starts == sorted(starts)
    assert all(node.all_end_rel_nanos > 0 for node in nodes)
    (device,) = metadata.step_stats.dev_stats
    assert device.device == "/job:localhost/replica:0/task:0/device:CPU:0"


def test_a_compiled_cluster_is_one_node_that_lists_its_ops():
    a = tf.placeholder(tf.float32, name="a")
    b = tf.add(tf.exp(a, name="e"), 1.0, name="b")
    with tf.Session(config=config_of(1)) as session:
        values, metadata = traced(session, b, {a: 0.0}, **FULL)
    assert values == 2.0
    (node,) = nodes_of(metadata)
    assert node.timeline_label == "cluster_0 = XLA(e, b)"


def test_a_traced_run_updates_variables_as_any_other():
    v = tf.Variable(1.0)
    update = v.assign_add(2.0)
    with tf.Session() as session:
        session.run(v.initializer)
        values, metadata = traced(session, [update, v], **FULL)
        assert values == [3.0, 3.0]
        assert session.run(v) == 3.0
    assert [node.node_name for node in nodes_of(metadata)] == ["AssignAdd"]


def test_the_pruned_graph():
    a = tf.placeholder(tf.float32, name="a")
    b = tf.exp(a, name="b")
    tf.log(a, name="not_needed")
    with tf.Session() as session:
        _, metadata = traced(session, b, {a: 0.0}, output_partition_graphs=True)
        assert not nodes_of(metadata)
    (graph,) = metadata.partition_graphs
    assert [node.name for node in graph.node] == ["b"]


def test_a_trace_of_a_run_that_fails_shows_what_ran():
    a = tf.placeholder(tf.float32, [None], name="a")
    bad = tf.check_numerics(tf.log(a, name="log"), "bad")
    metadata = tf.RunMetadata()
    with tf.Session(config=config_of(-1)) as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="bad"):
            session.run(bad, {a: [0.0]}, tf.RunOptions(**FULL), metadata)
    assert [node.node_name for node in nodes_of(metadata)] == ["log"]


def test_a_callable_takes_options_where_it_was_made_to():
    a = tf.placeholder(tf.float32)
    with tf.Session() as session:
        plain = session.make_callable(a * 2.0, [a])
        with pytest.raises(TypeError, match="accept_options"):
            plain(1.0, options=tf.RunOptions(**FULL))
        call = session.make_callable(a * 2.0, [a], accept_options=True)
        metadata = tf.RunMetadata()
        assert call(1.0, options=tf.RunOptions(**FULL), run_metadata=metadata) == 2.0
    assert nodes_of(metadata)


def test_options_of_another_type_are_refused():
    a = tf.constant(1.0)
    with tf.Session() as session:
        with pytest.raises(TypeError, match="RunOptions"):
            session.run(a, options=3)
        with pytest.raises(TypeError, match="RunMetadata"):
            session.run(a, run_metadata=3)
    with pytest.raises(TypeError, match="ConfigProto"):
        tf.Session(config=3)


def test_a_device_that_is_not_there():
    with tf.device("/device:GPU:7"):
        a = tf.placeholder(tf.float32) + 1.0
    b = tf.constant(2.0)
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="Cannot assign a device for"):
            session.run(a, {a.op.inputs[0]: 1.0})
        assert session.run(b) == 2.0
    with tf.Session(config=config_of(allow_soft_placement=True)) as session:
        assert session.run(a, {a.op.inputs[0]: 1.0}) == 2.0


def test_placement_is_printed_once(capfd):
    a = tf.placeholder(tf.float32, name="a")
    b = tf.exp(a, name="b")
    with tf.Session(config=config_of(log_device_placement=True)) as session:
        for _ in range(3):
            session.run(b, {a: 0.0})
    lines = capfd.readouterr().err.splitlines()
    assert lines == ["b: (Exp): /job:localhost/replica:0/task:0/device:CPU:0"]


def test_devices():
    with tf.Session() as session:
        first = session.list_devices()[0]
    assert (first.name, first.device_type) == (
        "/job:localhost/replica:0/task:0/device:CPU:0",
        "CPU",
    )


def test_reset_ends_open_sessions():
    v = tf.Variable(1.0)
    session = tf.Session()
    session.run(v.initializer)
    tf.Session.reset("")
    with pytest.raises(tf.errors.CancelledError, match="Session has been closed"):
        session.run(v)
    session.close()
    with tf.Session() as fresh, pytest.raises(tf.errors.FailedPreconditionError):
        fresh.run(v)


def test_users_types_as_fetches_and_feeds():
    class Pair:
        def __init__(self, first, second):
            self.first, self.second = first, second

    tf.register_session_run_conversion_functions(
        Pair,
        lambda pair: ([pair.first, pair.second], lambda values: tuple(values)),
        lambda pair, value: [(pair.first, value[0]), (pair.second, value[1])],
        lambda pair: [pair.first, pair.second],
    )
    with pytest.raises(ValueError, match="already been registered"):
        tf.register_session_run_conversion_functions(Pair, lambda pair: ([], tuple))
    a, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    with tf.Session() as session:
        fetched = session.run({"pair": Pair(a * 2.0, b), "sum": a + b}, {Pair(a, b): (1.0, 5.0)})
        assert fetched == {"pair": (2.0, 5.0), "sum": 6.0}
        handle = session.partial_run_setup([a + b], [Pair(a, b)])
        assert handle.session is session
