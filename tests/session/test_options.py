"""ConfigProto, RunOptions, traces, devices, and the session's end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import penstock as tf
from penstock.session import placement

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
    constant, *nodes = nodes_of(metadata)
    assert [node.node_name for node in nodes] == ["e", "b"]
    assert nodes[0].timeline_label == "e = Exp(a)"
    assert (constant.node_name, constant.timeline_label) == ("b/y", "b/y = Const()")
    assert constant.op_end_rel_nanos == 0  # it was known before the run
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
    constant, node = nodes_of(metadata)
    assert constant.node_name == "b/y"
    assert node.timeline_label == "cluster_0 = XLA(e, b)"
    assert node.all_end_rel_nanos > 0
    assert node.output[0].tensor_description.allocation_description.requested_bytes == 4


def test_a_traced_run_updates_variables_as_any_other():
    v = tf.Variable(1.0)
    update = v.assign_add(2.0)
    with tf.Session() as session:
        session.run(v.initializer)
        values, metadata = traced(session, [update, v], **FULL)
        assert values == [3.0, 3.0]
        assert session.run(v) == 3.0
    nodes = {node.node_name: node for node in nodes_of(metadata)}
    assert list(nodes) == ["Variable", "AssignAdd/value", "AssignAdd"]
    assert nodes["Variable"].memory_stats.persistent_memory_size == 4


def test_the_pruned_graph():
    a = tf.placeholder(tf.float32, name="a")
    b = tf.exp(a, name="b")
    tf.log(a, name="not_needed")
    with tf.Session() as session:
        _, metadata = traced(session, b, {a: 0.0}, output_partition_graphs=True)
        assert not nodes_of(metadata)
    (graph,) = metadata.partition_graphs
    cpu = "/job:localhost/replica:0/task:0/device:CPU:0"
    assert [(n.name, n.op, list(n.input), n.device) for n in graph.node] == [
        ("_arg_a_0_0", "_Arg", [], cpu),
        ("b", "Exp", ["_arg_a_0_0"], cpu),
        ("_retval_b_0_0", "_Retval", ["b"], cpu),
    ]


def test_the_ends_of_the_pruned_graph_are_numbered_by_name():
    """As TensorFlow numbers them; what is fetched as an operation, or fed too, has no end."""
    b, a = tf.placeholder(tf.float32, [], name="b"), tf.placeholder(tf.float32, [2], name="s/a")
    c = tf.add(tf.split(a, 2, name="sp")[1], b, name="c")
    d = tf.identity(c, name="d")
    with tf.Session() as session:
        feeds = {a: [1, 2], b: 3}
        _, metadata = traced(session, [d, c, d.op, a], feeds, output_partition_graphs=True)
    (graph,) = metadata.partition_graphs
    nodes = {node.name: node for node in graph.node}
    assert list(nodes["sp"].input) == ["sp/split_dim", "_arg_s/a_0_1"]
    assert list(nodes["c"].input) == ["sp:1", "_arg_b_0_0"]
    assert [n for n in nodes if "ret" in n] == ["_retval_c_0_0", "_retval_d_0_1"]
    assert (nodes["_arg_s/a_0_1"].attr["index"].i, nodes["_retval_d_0_1"].attr["index"].i) == (1, 1)
    assert nodes["_arg_s/a_0_1"].attr["T"].type == tf.float32.as_datatype_enum


def test_metadata_tell_of_the_last_run_only():
    a = tf.placeholder(tf.float32, name="a")
    b, c = tf.exp(a, name="b"), tf.log(a, name="c")
    metadata = tf.RunMetadata()
    with tf.Session(config=config_of(-1)) as session:
        session.run(b, {a: 1.0}, tf.RunOptions(**FULL, output_partition_graphs=True), metadata)
        session.run(c, {a: 1.0}, tf.RunOptions(**FULL), metadata)
        assert [node.node_name for node in nodes_of(metadata)] == ["c"]
        assert not metadata.partition_graphs
        session.run(c, {a: 1.0}, run_metadata=metadata)
    assert not nodes_of(metadata)


def test_a_trace_of_a_run_that_fails_shows_what_ran():
    a = tf.placeholder(tf.float32, [None], name="a")
    bad = tf.check_numerics(tf.log(a, name="log"), "bad")
    metadata = tf.RunMetadata()
    with tf.Session(config=config_of(-1)) as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="bad"):
            session.run(bad, {a: [0.0]}, tf.RunOptions(**FULL), metadata)
    assert [node.node_name for node in nodes_of(metadata) if node.op_end_rel_nanos] == ["log"]


def test_a_callable_takes_options_where_it_was_made_to():
    a = tf.placeholder(tf.float32)
    with tf.Session() as session:
        plain = session.make_callable(tf.constant(1.0))
        with pytest.raises(TypeError, match="accept_options"):
            plain(options=tf.RunOptions(**FULL))
        assert session.make_callable(a * 2.0, [a])(1.0, options=tf.RunOptions(**FULL)) == 2.0
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


def test_a_stage_on_a_device_that_is_not_there():
    x = tf.placeholder(tf.float32)
    with tf.device("/device:GPU:7"):
        a = x + 1.0
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="Cannot assign a device for"):
            session.partial_run_setup([x + 2.0, a], [x])
    with tf.Session(config=config_of(allow_soft_placement=True)) as session:
        handle = session.partial_run_setup([a], [x])
        assert session.partial_run(handle, a, {x: 1.0}) == 2.0


def test_soft_placement_stays_in_its_task():
    with tf.device("/job:ps/task:0"):
        a = tf.constant(1.0) + 1.0
    with tf.Session(config=config_of(allow_soft_placement=True)) as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="Cannot assign a device for"):
            session.run(a)


def test_a_trace_names_the_cpu_of_each_op():
    with tf.device("/cpu:2"):
        a = tf.exp(tf.placeholder_with_default(0.0, []), name="a")
    with tf.Session(config=config_of(-1, device_count={"CPU": 3})) as session:
        _, metadata = traced(session, a, **FULL)
    assert "/job:localhost/replica:0/task:0/device:CPU:2" in [
        device.device for device in metadata.step_stats.dev_stats
    ]


def test_placement_is_printed_once(capfd):
    a = tf.placeholder(tf.float32, name="a")
    b = tf.exp(a, name="b")
    with tf.Session(config=config_of(log_device_placement=True)) as session:
        for _ in range(3):
            session.run(b, {a: 0.0})
    lines = capfd.readouterr().err.splitlines()
    assert lines == ["b: (Exp): /job:localhost/replica:0/task:0/device:CPU:0"]


def test_placement_is_printed_where_the_program_asks_once(capfd):
    a = tf.exp(tf.placeholder_with_default(0.0, []), name="a")
    assert not tf.debugging.get_log_device_placement()
    with tf.Session() as before:
        tf.debugging.set_log_device_placement(True)
        try:
            assert tf.debugging.get_log_device_placement()
            with tf.Session() as after, tf.Session(config=config_of()) as configured:
                before.run(a)
                configured.run(a)
                assert capfd.readouterr().err == ""
                after.run(a)
        finally:
            tf.debugging.set_log_device_placement(False)
    assert "a: (Exp): /job:localhost" in capfd.readouterr().err


def test_placement_covers_branches_and_loops(capfd):
    a = tf.placeholder(tf.float32, [], name="a")

    def branch():
        with tf.device("/gpu:7"):
            return tf.exp(a, name="inner")

    b = tf.cond(a > 0, branch, lambda: a)
    with tf.Session(config=config_of(log_device_placement=True)) as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="cond/inner was explicitly"):
            session.run(b, {a: 0.0})
    c = tf.while_loop(lambda i: i < 3, lambda i: tf.add(i, 1, name="next"), [0])
    with tf.Session(config=config_of(log_device_placement=True)) as session:
        session.run(c)
    assert "while/next: (Add): /job:localhost" in capfd.readouterr().err


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
    with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
        session.run(v)
    with pytest.raises(TypeError, match="Expected binary or unicode string, got 3"):
        tf.Session.reset(3)
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
        total = a + b
        handle = session.partial_run_setup([total], [Pair(a, b)])
        assert session.partial_run(handle, total, {Pair(a, b): (1.0, 5.0)}) == 6.0
        call = session.make_callable(a - b, [Pair(a, b)])
        assert call((5.0, 1.0)) == 4.0


def test_users_types_may_be_derived_from_each_other():
    """The one that was registered last serves; after it, its base cannot be registered."""

    class Base:
        def __init__(self, tensor):
            self.tensor = tensor

    class Derived(Base):
        pass

    class Other(Derived):
        pass

    register = tf.register_session_run_conversion_functions
    register(Base, lambda b: ([b.tensor], lambda values: ("base", *values)))
    register(Other, lambda b: ([b.tensor], lambda values: ("other", *values)))
    with pytest.raises(ValueError, match="has already been registered"):
        register(Derived, lambda b: ([b.tensor], tuple))
    with pytest.raises(ValueError, match="has already been registered"):
        register(tf.SparseTensor, lambda b: ([b.tensor], tuple))
    c = tf.constant(1.0)
    with tf.Session() as session:
        found = session.run([Base(c), Derived(c), {"x": Other(c)}])
        assert found == [("base", 1.0), ("base", 1.0), {"x": ("other", 1.0)}]
        with pytest.raises(TypeError, match="without a feed_function"):
            session.run(c, {Base(c): 2.0})
        with pytest.raises(TypeError, match="without a feed_function_for_partial_run"):
            session.partial_run_setup([c], [Base(c)])


def test_one_thread_for_kernels():
    """In a process of its own: the limit is the process's, and XLA takes it when it starts."""
    program = """
import ctypes, glob
import numpy as np
import penstock as tf
from penstock.session import placement
from penstock.ops.blas import openblas_files

def blas_threads():
    names = ("scipy_openblas_get_num_threads64_", "scipy_openblas_get_num_threads")
    libraries = [ctypes.CDLL(path) for path in openblas_files()]
    return [getattr(lib, name)() for lib in libraries for name in names if hasattr(lib, name)]

config = tf.ConfigProto(intra_op_parallelism_threads=1)
config.graph_options.optimizer_options.global_jit_level = 1
x = tf.placeholder(tf.float32, [None, 500])
with tf.Session(config=config) as session:
    product = session.run(tf.matmul(x, x), {x: np.ones([500, 500])})
names = [open(path).read().strip() for path in glob.glob("/proc/self/task/*/comm")]
print(product[0, 0], set(blas_threads()) <= {1}, sum("XLAEigen" in name for name in names) <= 1)
"""
    environment = {name: value for name, value in os.environ.items() if name != "NPROC"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert done.stdout == "500.0 True True\n", done.stderr


def test_no_gpus(monkeypatch):
    """Where a session wants none, it has none, and nothing is compiled for them."""
    gpu = placement.DeviceAttributes("/job:localhost/replica:0/task:0/device:GPU:0", "GPU", 8)
    monkeypatch.setattr(placement, "_gpus", lambda: [gpu])
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    monkeypatch.setenv("JAX_PLATFORMS", "")
    monkeypatch.delenv("JAX_PLATFORMS")
    placement.devices.cache_clear()
    try:
        with tf.device("/gpu:0"):
            a = tf.constant(1.0) + 1.0
        with tf.Session() as session:
            assert [device.device_type for device in session.list_devices()] == ["CPU", "GPU"]
            assert "JAX_PLATFORMS" not in os.environ
        with tf.Session(config=config_of(device_count={"GPU": 0})) as session:
            assert [device.device_type for device in session.list_devices()] == ["CPU"]
            assert os.environ["JAX_PLATFORMS"] == "cpu"
            with pytest.raises(tf.errors.InvalidArgumentError, match="Cannot assign a device"):
                session.run(a)
    finally:
        placement.devices.cache_clear()


@pytest.mark.parametrize(
    "message",
    [
        tf.ConfigProto,
        tf.GraphOptions,
        tf.OptimizerOptions,
        tf.GPUOptions,
        tf.RunOptions,
    ],
)
def test_the_page_lists_each_field(message):
    page = (Path(__file__).parents[2] / "docs" / "config.md").read_text(encoding="utf-8")
    fields = {field.name for field in message.DESCRIPTOR.fields}
    assert not {name for name in fields if f"{name}`" not in page and f"{name}[" not in page}
