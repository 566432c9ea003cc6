"""Errors of `tf.get_variable` and `tf.variable_scope`; what works is in
tests/programs/variable_scopes.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import penstock as tf


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """A graph of its own for each test."""
    with tf.Graph().as_default() as graph:
        yield graph


def test_exists_already() -> None:
    """A name that is taken says where the variable was made; a resource's does not, as in
    TensorFlow.
    """
    tf.get_variable("w", [2])
    tf.get_variable("r", [2], use_resource=True)
    with pytest.raises(ValueError, match="Variable w already exists, disallowed") as caught:
        tf.get_variable("w", [2])
    assert "Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?" in str(caught.value)
    assert 'tf.get_variable("w", [2])' in str(caught.value)
    with pytest.raises(ValueError, match="Variable r already exists"):
        tf.get_variable("r", [2])


def test_sharing() -> None:
    """A shared variable must exist, and have the shape and type that are asked for."""
    tf.get_variable("w", [2])
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        with pytest.raises(ValueError, match=r"specified shape \(3,\) and found shape \(2,\)"):
            tf.get_variable("w", [3])
        with pytest.raises(ValueError, match="specified dtype float64 and found dtype float32_ref"):
            tf.get_variable("w", [2], tf.float64)
        with pytest.raises(ValueError, match="Variable z does not exist, or was not created with"):
            tf.get_variable("z", [2])
        assert tf.get_variable("w").name == "w:0"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"name": "a"}, ValueError, "The initializer passed is not valid"),
        ({"name": "a", "shape": [None]}, ValueError, "The initializer passed is not valid"),
        ({"name": "a", "shape": [2], "initializer": 3.0}, ValueError, "do not specify shape"),
        ({"name": "a", "initializer": 3.0, "dtype": tf.int32}, ValueError, "explicit dtype"),
        ({"name": "a", "shape": [2], "dtype": tf.complex64}, ValueError, "is required"),
        ({"name": "", "shape": [2]}, ValueError, "not a valid node name"),
        ({"name": "a", "shape": [2], "custom_getter": 3}, ValueError, "not callable"),
    ],
)
def test_bad_variables(arguments: Any, error: Any, words: str) -> None:
    """Bad arguments raise TensorFlow's errors."""
    with pytest.raises(error, match=words):
        tf.get_variable(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"name_or_scope": None}, TypeError, "If default_name is None then name_or_scope is req"),
        ({"name_or_scope": 3}, TypeError, "must be a string or VariableScope"),
        ({"name_or_scope": "x", "reuse": 3}, ValueError, "must be True or False or None"),
        ({"name_or_scope": None, "default_name": "x", "reuse": True}, ValueError, "without a name"),
    ],
)
def test_bad_scopes(arguments: Any, error: Any, words: str) -> None:
    """Bad arguments raise TensorFlow's errors, and leave the scope as it was."""
    with pytest.raises(error, match=words):
        tf.variable_scope(**arguments).__enter__()
    assert tf.get_variable_scope().name == ""
    assert tf.get_default_graph().get_name_scope() == ""


def test_error_inside_a_scope() -> None:
    """An exception leaves the scope as the end of the block does."""
    with pytest.raises(RuntimeError, match="on purpose"), tf.variable_scope("x"):
        raise RuntimeError("on purpose")
    assert tf.get_variable("v", [1]).name == "v:0"


def test_graphs_are_apart() -> None:
    """Each graph has variables and scopes of its own."""
    with tf.variable_scope("x"):
        tf.get_variable("v", [1])
        with tf.Graph().as_default():
            assert tf.get_variable("v", [1]).name == "v:0"


def test_decorator() -> None:
    """A scope can be a decorator, which shares on the second call."""

    @tf.variable_scope("layer", reuse=tf.AUTO_REUSE)
    def layer() -> Any:
        return tf.get_variable("v", [1])

    assert layer() is layer()
    assert layer().name == "layer/v:0"


def test_creators_are_told_the_kind() -> None:
    """A variable creator sees which kind of variable get_variable is going to make."""
    seen = []

    def creator(next_creator: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["use_resource"])
        return next_creator(**kwargs)

    with tf.variable_creator_scope(creator):
        tf.get_variable("a", [1])
        tf.get_variable("b", [1], use_resource=True)
        tf.Variable(1.0)
    assert seen == [False, True, None]


def test_a_scope_is_given_its_defaults_inside() -> None:
    """By methods of the scope, as TensorFlow 1.15 lets one do."""
    with tf.variable_scope("a") as scope:
        scope.set_initializer(tf.constant_initializer(3.0))
        scope.set_dtype(tf.float64)
        scope.set_use_resource(True)
        scope.set_regularizer(tf.reduce_sum)
        scope.set_custom_getter(lambda getter, name, *a, **k: getter(f"{name}_x", *a, **k))
        v = tf.get_variable("v", [2])
    assert (v.name, v.dtype, type(v).__name__) == ("a/v_x:0", tf.float64, "ResourceVariable")
    losses = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    assert [loss.name for loss in losses] == ["a/v_x/Regularizer/Sum:0"]
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run(v).tolist() == [3.0, 3.0]
