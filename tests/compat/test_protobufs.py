"""The protobuf messages that are public names."""

from __future__ import annotations

import pytest

import penstock as tf

# Those of TensorFlow 1.15, by their full names.
NAMES = """
AttrValue ConfigProto Event GPUOptions GraphDef GraphOptions HistogramProto LogMessage MetaGraphDef
NameAttrList NodeDef OptimizerOptions RunMetadata RunOptions SessionLog Summary SummaryMetadata
TensorInfo train.ClusterDef train.JobDef train.SaverDef
""".split()


@pytest.mark.parametrize("name", NAMES)
def test_a_message_has_its_name(name: str) -> None:
    message = tf
    for part in name.split("."):
        message = getattr(message, part)
    assert message.DESCRIPTOR.name == name.rpartition(".")[2]
    assert message().SerializeToString() == b""


def test_a_frozen_graph_is_loaded_as_tutorials_do() -> None:
    with tf.Graph().as_default() as graph:
        tf.add(tf.placeholder(tf.float32, [], name="x"), 2.0, name="y")
    stored = graph.as_graph_def().SerializeToString()
    with tf.Graph().as_default() as graph:
        graph_def = tf.GraphDef()
        graph_def.ParseFromString(stored)
        tf.import_graph_def(graph_def, name="")
        with tf.Session() as sess:
            assert sess.run("y:0", {"x:0": 3.0}) == 5.0


def test_attributes_of_a_scope_go_to_its_operations() -> None:
    with tf.Graph().as_default() as graph, graph._attr_scope({"_mine": tf.AttrValue(s=b"here")}):
        c = tf.constant(1.0)
    assert c.op.get_attr("_mine") == b"here"


def test_an_attribute_is_set_later() -> None:
    with tf.Graph().as_default():
        c = tf.constant(1.0)
    c.op._set_attr("_mine", tf.AttrValue(i=3))
    assert c.op.get_attr("_mine") == 3
