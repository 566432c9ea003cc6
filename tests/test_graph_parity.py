"""The graph that a program leaves equals TensorFlow 1.15's: names, types, inputs, attrs, order.

What is compared, and which attributes are not and why, stands in `tests/graph_diff.py`, which also
prints the first difference of one program: ``python tests/graph_diff.py mlp``.
"""

from __future__ import annotations

import copy

import pytest

import penstock as tf
from tests.graph_diff import difference, plain_graph, recorded
from tests.running import FOLDERS, graph_of, programs


@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices to a dense Tensor")
@pytest.mark.parametrize("program", [name for folder in FOLDERS for name in programs(folder)])
def test_same_graph(program: str) -> None:
    """Running the program adds the nodes that it adds in TensorFlow 1.15."""
    graph, _ = graph_of(tf, program)
    problem = difference(recorded(program), graph)
    assert problem is None, problem


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (0, "other", "name of"),
        (1, "Mul", "op type of"),
        (2, ["a", "^b"], "inputs of"),
        (3, {"T": "float64"}, "attr T of"),
    ],
)
def test_differences_are_named(place: int, value: object, words: str) -> None:
    """A node that differs in one respect is reported with that respect."""
    expected = [["c", "Add", ["a", "b"], {"T": "float32"}]]
    actual = copy.deepcopy(expected)
    actual[0][place] = value
    assert words in str(difference(expected, actual))
    assert difference(expected, copy.deepcopy(expected)) is None
    assert "missing" in str(difference(expected, []))
    assert "not expected" in str(difference([], expected))


def test_constants_count() -> None:
    """Two constants of the same type and shape differ by their values, however these are stored."""
    graphs = []
    for value in (1.0, 2.0):
        with tf.Graph().as_default() as graph:
            tf.constant(value, shape=[3], name="c")
        graphs.append(plain_graph(graph.as_graph_def()))
    assert "attr value of c" in str(difference(*graphs))
