"""Damaged graphs: an import works, or gives an error of a kind that callers know."""

from __future__ import annotations

import gzip
import random
from typing import Any

import pytest

import penstock as tf
from tests.formats.test_golden_graphdefs import STORED

KINDS = ("drop", "cut", "reroute", "op", "attr", "extra", "value", "name", "function", "shuffle")


def damaged(message: Any, rng: random.Random) -> Any:
    """A GraphDef with one to three changes."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        lists = [message.node, *[function.node_def for function in message.library.function]]
        nodes = rng.choice(lists) if rng.random() < 0.5 else message.node
        if nodes:
            change(rng.choice(KINDS), nodes, message.library, rng)
    return message


def change(kind: str, nodes: Any, library: Any, rng: random.Random) -> None:
    """Changes a node, what it takes, one of its attrs, or a function."""
    place = rng.randrange(len(nodes))
    node, other = nodes[place], rng.choice(nodes)
    if kind == "drop":
        del nodes[place]
    elif kind == "op":
        node.op = other.op
    elif kind == "name":
        node.name = other.name
    elif kind == "extra":
        node.input.append(rng.choice(["", "^"]) + other.name)
    elif kind == "function" and library.function:
        change_function(rng.choice(library.function), rng)
    elif kind in ("attr", "value") and node.attr:
        name = rng.choice(sorted(node.attr))
        if kind == "attr":
            del node.attr[name]
        else:
            values = [value for each in nodes for value in each.attr.values()]
            node.attr[name].CopyFrom(rng.choice(values))
    elif node.input:
        change_inputs(kind, node, other.name, rng)


def change_inputs(kind: str, node: Any, other: str, rng: random.Random) -> None:
    """Changes what a node takes."""
    place = rng.randrange(len(node.input))
    if kind == "cut":
        del node.input[place]
    elif kind == "reroute":
        node.input[place] = other + rng.choice(["", ":0", ":1", ":7", ":output:0", ":x"])
    else:
        inputs = list(node.input)
        rng.shuffle(inputs)
        node.input[:] = inputs


def change_function(function: Any, rng: random.Random) -> None:
    """Changes what a function takes or gives."""
    if rng.random() < 0.3 and function.signature.input_arg:
        del function.signature.input_arg[0]
    elif function.ret:
        name = rng.choice(sorted(function.ret))
        if rng.random() < 0.5:
            del function.ret[name]
        else:
            function.ret[name] = rng.choice(["", "x:y:0", "arg_0"])


@pytest.mark.parametrize("seed", range(4))
def test_damaged_graphs(seed: int) -> None:
    """No hang, no endless recursion, no error of Python's own from inside."""
    from tensorboard.compat.proto import graph_pb2

    rng = random.Random(seed)
    paths = [path.with_suffix(".pb.gz") for path in STORED]
    contents = [gzip.decompress(path.read_bytes()) for path in paths if path.exists()]
    for _ in range(100):
        message = damaged(graph_pb2.GraphDef.FromString(rng.choice(contents)), rng)
        with tf.Graph().as_default():
            try:
                tf.import_graph_def(message, name="")
            except (ValueError, TypeError, tf.errors.OpError) as error:
                assert str(error)  # noqa: PT017  (most of them are errors, some are not)
