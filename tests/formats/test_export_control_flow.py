"""Exported branches and loops: what the nodes and functions are, and that they mean the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.formats.exported import PROGRAMS
from tests.formats.test_golden_graphdefs import EXPORTED, check_runs, recorded_runs


@pytest.fixture(autouse=True)
def _graph() -> Any:
    with tf.Graph().as_default():
        yield


def exported() -> Any:
    """The default graph as a GraphDef."""
    return tf.get_default_graph().as_graph_def()


def ops_of(graph_def: Any) -> dict[str, str]:
    """The ops of the nodes outside of functions, by name."""
    return {node.name: node.op for node in graph_def.node}


def functions_of(graph_def: Any) -> dict[str, Any]:
    """The functions by name."""
    return {function.signature.name: function for function in graph_def.library.function}


@pytest.mark.parametrize("level", [-1, 1], ids=["interpreted", "compiled"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_what_is_exported_now_means_what_was_recorded(program: Any, level: int) -> None:
    """A program, its graph read back, and that graph written and read again: the same values."""
    program(tf)
    recorded = recorded_runs(program.__name__, EXPORTED)
    check_runs(recorded, level)
    written = exported()
    for _ in range(2):
        with tf.Graph().as_default():
            tf.import_graph_def(written, name="")
            check_runs(recorded, level)
            written = exported()


def test_a_branch_becomes_functions() -> None:
    """What is inside is no node of the graph; what is taken from outside is an argument."""
    x = tf.placeholder(tf.float32, [2], name="x")
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2.0, lambda: x)
    written = exported()
    ops = ops_of(written)
    assert ops["cond/If"] == "StatelessIf"
    assert ops["cond/Merge"] == "Identity"
    assert "cond/mul" not in ops
    node = next(node for node in written.node if node.name == "cond/If")
    assert list(node.input) == ["Greater", "x"]
    then = functions_of(written)[node.attr["then_branch"].func.name]
    assert {inner.op for inner in then.node_def} == {"Mul", "Const"}
    assert [arg.type for arg in then.signature.input_arg] == [tf.float32.as_datatype_enum]
    otherwise = functions_of(written)[node.attr["else_branch"].func.name]
    assert dict(otherwise.ret) == {"result_0": otherwise.signature.input_arg[0].name}
    assert y.op.name == "cond/Merge"


def test_a_loop_becomes_functions() -> None:
    """What it takes from outside is a variable that it passes through."""
    limit = tf.placeholder(tf.int32, [], name="limit")
    tf.while_loop(lambda i: i < limit, lambda i: i + 1, [0])
    written = exported()
    node = next(node for node in written.node if node.op == "StatelessWhile")
    assert list(node.input) == ["while/Const", "while/iterations", "limit"]
    body = functions_of(written)[node.attr["body"].func.name]
    assert body.ret["result_2"] == body.signature.input_arg[2].name
    assert ops_of(written)["while/Exit"] == "Identity"


def test_effects_make_a_node_stateful() -> None:
    """An op with state in a branch, however deep."""
    v = tf.get_variable("v", initializer=1.0, use_resource=True)
    p = tf.placeholder(tf.bool, [], name="p")
    tf.cond(p, lambda: tf.cond(p, lambda: v * 1.0, lambda: 0.0), lambda: 2.0)
    assert ops_of(exported())["cond/If"] == "If"


def test_references_are_let_in_by_switches_and_enters() -> None:
    """No function can take a reference to a variable."""
    v = tf.Variable(1.0, name="v")
    p = tf.placeholder(tf.bool, [], name="p")
    tf.cond(p, lambda: tf.assign(v, 2.0), lambda: 0.0)
    tf.while_loop(lambda i: i < 3.0, lambda i: i + v.read_value(), [0.0])
    kinds = set(ops_of(exported()).values())
    assert {"RefSwitch", "Merge", "RefEnter", "NextIteration", "Exit", "LoopCond"} <= kinds
    assert not kinds & {"If", "StatelessIf", "While", "StatelessWhile"}


def test_control_dependencies_of_what_is_inside() -> None:
    """What an op in a branch waits for outside, the node waits for."""
    v = tf.get_variable("v", initializer=1.0, use_resource=True)
    p = tf.placeholder(tf.bool, [], name="p")
    update = v.assign_add(1.0)

    def waiting() -> Any:
        with tf.control_dependencies([update.op]):
            return tf.constant(5.0)

    result = tf.cond(p, waiting, lambda: 1.0)
    written = exported()
    node = next(node for node in written.node if node.name == "cond/If")
    assert f"^{update.op.name}" in node.input
    initializer = tf.global_variables_initializer().name
    written = exported()
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.import_graph_def(written, name="")
        sess.run(initializer)
        assert sess.run(result.name, {"p:0": True}) == 5.0
        assert sess.run("v/Read/ReadVariableOp:0") == 2.0


def test_colocation_with_what_is_no_node() -> None:
    """A group of an op inside a function is left out: TensorFlow would look for that op."""
    x = tf.placeholder(tf.float32, [], name="x")
    inner: list[Any] = []
    tf.cond(x > 0, lambda: inner.append(tf.exp(x)) or inner[0], lambda: x)
    with tf.get_default_graph().colocate_with(x.op), tf.get_default_graph().colocate_with(inner[0]):
        tf.identity(x, name="beside")
    node = next(node for node in exported().node if node.name == "beside")
    assert list(node.attr["_class"].list.s) == [b"loc:@x"]


def test_only_what_was_added_since() -> None:
    """`from_version` leaves older operations out, with what they were written as."""
    x = tf.placeholder(tf.float32, [], name="x")
    y = tf.cond(x > 0, lambda: x * 2.0, lambda: x)
    version = tf.get_default_graph().version
    tf.cond(x > 1, lambda: y * 2.0, lambda: y)
    ops = ops_of(tf.get_default_graph().as_graph_def(from_version=version))
    assert "cond/If" not in ops
    assert ops["cond_1/If"] == "StatelessIf"


def test_shapes_are_told() -> None:
    """With add_shapes, and in the node itself."""
    x = tf.placeholder(tf.float32, [2, None], name="x")
    tf.cond(tf.constant(True), lambda: x * 2.0, lambda: x)
    written = tf.get_default_graph().as_graph_def(add_shapes=True)
    node = next(node for node in written.node if node.name == "cond/If")
    for attr in ("output_shapes", "_output_shapes"):
        (shape,) = node.attr[attr].list.shape
        assert [dim.size for dim in shape.dim] == [2, -1]


def test_a_meta_graph_and_a_checkpoint(tmp_path: Any) -> None:
    """A saver stores a graph with loops, and gives a session back that goes on."""
    x = tf.placeholder(tf.float32, [2], name="x")
    w = tf.Variable([1.0, 2.0], name="w")
    y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * w), [0, x])[1]
    loss = tf.identity(tf.reduce_sum(y), name="loss")
    tf.train.GradientDescentOptimizer(0.1).minimize(loss, name="train")
    saver = tf.train.Saver()
    feed = {"x:0": np.float32([1.0, 0.5])}
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run("train", feed)
        path = saver.save(sess, str(tmp_path / "model"))
        sess.run("train", feed)
        expected = sess.run("loss:0", feed)
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.train.import_meta_graph(path + ".meta").restore(sess, path)
        sess.run("train", feed)
        np.testing.assert_allclose(sess.run("loss:0", feed), expected, rtol=1e-6)


def test_records_of_the_ops_in_a_meta_graph() -> None:
    """The list of ops has those that stand in functions, and says which have state."""
    x = tf.placeholder(tf.float32, [], name="x")
    tf.cond(x > 0, lambda: tf.exp(x), lambda: x)
    info = tf.train.export_meta_graph().meta_info_def
    ops = {op.name: op for op in info.stripped_op_list.op}
    assert {"Exp", "StatelessIf", "Greater"} <= set(ops)
    assert not ops["StatelessIf"].is_stateful


def test_names_in_functions_are_valid_and_unique() -> None:
    """As TensorFlow demands of nodes and arguments; they are no longer than they were."""
    x = tf.placeholder(tf.float32, [2], name="x")
    y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.sin(y) * y), [0, x])[1]
    first = tf.gradients(y, x)[0]
    tf.gradients(first, x)
    for function in exported().library.function:
        names = [node.name for node in function.node_def]
        names += [arg.name for arg in function.signature.input_arg]
        assert len(set(names)) == len(names)
        assert all(name[0].isalnum() for name in names)
        assert not [node.op for node in function.node_def if node.op.startswith("_")]
