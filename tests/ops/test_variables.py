"""`tf.Variable` of both kinds: names, properties, errors, initial values, state in sessions."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import tier_config

KINDS = pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """A graph of its own for each test."""
    with tf.Graph().as_default() as graph:
        yield graph


def run(*fetches: Any, feed: Any = None) -> Any:
    """Runs fetches in a new session, after all variables were initialized."""
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(list(fetches), feed)


@KINDS
def test_properties(resource: bool) -> None:
    """A variable says its name, type, shape and graph, and prints no value."""
    v = tf.Variable([1.0, 2.0], name="v", use_resource=resource)
    dtype = "float32" if resource else "float32_ref"
    assert repr(v) == str(v) == f"<tf.Variable 'v:0' shape=(2,) dtype={dtype}>"
    assert v.op.name == "v"
    assert v.op.type == ("VarHandleOp" if resource else "VariableV2")
    assert v.graph is tf.get_default_graph()
    assert v.trainable
    assert v.constraint is None
    assert v.initializer.name == "v/Assign"
    assert v.get_shape().as_list() == [2]
    assert isinstance(v, tf.Variable)
    assert v in tf.global_variables()
    assert v in tf.trainable_variables()
    assert {v: 1}[v] == 1
    assert (v == 3) is False
    with pytest.raises(TypeError, match="not iterable"):
        iter(v)


@KINDS
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, ValueError, "initial_value must be specified"),
        ({"initial_value": 1, "collections": 3}, ValueError, "collections argument to Variable"),
        ({"initial_value": 1, "constraint": 3}, ValueError, "`constraint` argument must be a call"),
        ({"initial_value": 1.5, "dtype": tf.int32}, TypeError, "Expected int32, got 1.5 of type"),
        ({"initial_value": 1, "nonsense": 3}, TypeError, "nonsense"),
    ],
)
def test_bad_arguments(resource: bool, arguments: Any, error: Any, words: str) -> None:
    """Bad arguments raise TensorFlow's errors."""
    with pytest.raises(error, match=words):
        tf.Variable(**arguments, use_resource=resource)


def test_unknown_shape() -> None:
    """A value of unknown shape needs validate_shape=False, and then the shape may change."""
    x = tf.placeholder(tf.float32)
    with pytest.raises(ValueError, match="initial_value must have a shape specified"):
        tf.Variable(x)
    v = tf.Variable(x, validate_shape=False)
    longer = tf.assign(v, [1.0, 2.0, 3.0], validate_shape=False)
    with tf.Session() as sess:
        sess.run(v.initializer, {x: [7.0]})
        assert sess.run(v).tolist() == [7.0]
        assert sess.run(longer).tolist() == [1.0, 2.0, 3.0]
        assert sess.run(v).shape == (3,)


@KINDS
def test_updates(resource: bool) -> None:
    """Assignments give the new value, or an operation where no value is asked for."""
    v = tf.Variable([1.0, 2.0], use_resource=resource)
    add = v.assign_add([1.0, 1.0])
    quiet = v.assign_sub([0.5, 0.5], read_value=False)
    assert isinstance(quiet, tf.Operation)
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run(add).tolist() == [2.0, 3.0]
        assert sess.run(quiet) is None
        assert v.eval(sess).tolist() == [1.5, 2.5]
        v.load([9.0, 8.0], sess)
        assert sess.run(v + 1.0).tolist() == [10.0, 9.0]
        assert sess.run(v[1]) == 8.0
        assert sess.run(v.read_value()).tolist() == [9.0, 8.0]


@KINDS
def test_reads_are_in_order(resource: bool) -> None:
    """What an update gave has its value, though a later update of the same run changes the
    variable.
    """
    v = tf.Variable(0, use_resource=resource)
    first = v.assign_add(1)
    with tf.control_dependencies([first]):
        read = v.read_value()
        second = v.assign_add(10)
    with tf.control_dependencies([second]):
        last = v.read_value()
    assert run(read, last, v) == [1, 11, 11]


def test_load_needs_a_session() -> None:
    """Loading says what to do where there is no session."""
    with pytest.raises(ValueError, match="Either session argument should be provided"):
        tf.Variable(1).load(3)


@KINDS
def test_uninitialized(resource: bool) -> None:
    """Reading before initialization is an error that names the variable, and changes nothing."""
    v = tf.Variable([1.0], name="foo", use_resource=resource)
    with tf.Session() as sess:
        assert not sess.run(tf.is_variable_initialized(v))
        with pytest.raises(tf.errors.FailedPreconditionError, match="foo"):
            sess.run(v)
        missing = tf.errors.NotFoundError if resource else tf.errors.FailedPreconditionError
        with pytest.raises(missing, match="foo"):
            sess.run(v.assign_add([1.0]))
        assert sess.run(tf.report_uninitialized_variables()).tolist() == [b"foo"]
        sess.run(v.initializer)
        assert sess.run(tf.is_variable_initialized(v))
        assert sess.run(tf.report_uninitialized_variables()).tolist() == []


def test_initial_values_from_others() -> None:
    """An initial value takes the value of a variable that has one, or else its initial value."""
    a = tf.Variable([1.0, 2.0], name="a")
    b = tf.Variable(a * 2.0, name="b")
    c = tf.Variable(b + a.initialized_value(), name="c")
    r = tf.Variable([1.0, 2.0], name="r", use_resource=True)
    with tf.Session() as sess:
        assert sess.run(r.initialized_value()).tolist() == [1.0, 2.0]
        sess.run(c.initializer)  # none of the others has a value
        assert sess.run(c).tolist() == [3.0, 6.0]
        sess.run(tf.global_variables_initializer())
        assert sess.run(b).tolist() == [2.0, 4.0]
        sess.run(a.assign([10.0, 20.0]))
        sess.run(b.initializer)
        assert sess.run(b).tolist() == [20.0, 40.0]


@KINDS
def test_constraint_and_callable(resource: bool) -> None:
    """An initial value may be a function; it is called inside the variable's own scope."""
    v = tf.Variable(lambda: tf.constant([3.0], name="three"), name="v", use_resource=resource)
    assert v.initial_value.name == "v/Initializer/three:0"
    assert run(v)[0].tolist() == [3.0]


def test_scatter_out_of_range() -> None:
    """Rows that do not exist are named, and the variable keeps its value."""
    rows = tf.placeholder(tf.int32, [None])
    v = tf.Variable([1.0, 2.0, 3.0])
    r = tf.Variable([1.0, 2.0, 3.0], use_resource=True)
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.OFF
    with tf.Session(config=config) as sess:
        sess.run(tf.global_variables_initializer())
        for fetch in (
            tf.scatter_add(v, rows, [1.0, 1.0]),
            tf.scatter_add(r, rows, [1.0, 1.0]),
            r.sparse_read(rows),
        ):
            with pytest.raises(
                tf.errors.InvalidArgumentError, match=r"indices\[1\] = 3 is not in \[0, 3\)"
            ):
                sess.run(fetch, {rows: [0, 3]})
        places = tf.scatter_nd_add(v, tf.expand_dims(rows, 1), [1.0, 1.0])
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"\[-1\] does not index into shape \[3\]"
        ):
            sess.run(places, {rows: [0, -1]})
        assert sess.run(v).tolist() == sess.run(r).tolist() == [1.0, 2.0, 3.0]


@KINDS
@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
def test_scatter_deeper_than_the_variable(resource: bool, tier: str) -> None:
    """A place with more numbers than the variable has axes is refused, in both tiers."""
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]], use_resource=resource)
    places = tf.placeholder(tf.int32, [1, None])
    update = tf.scatter_nd_add(v, places, [5.0])
    with tf.Session(config=tier_config(tier)) as sess:
        sess.run(v.initializer)
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"Must have updates.shape = indices.shape"
        ):
            sess.run(update, {places: [[0, 1, 1]]})
        assert sess.run(v).tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_scatter_shapes_of_resources() -> None:
    """Updates that do not fit a resource variable are refused while building."""
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]], use_resource=True)
    for updates in ([5.0, 6.0], [[5.0, 6.0]]):
        with pytest.raises(ValueError, match="dimensions of"):
            tf.scatter_nd_update(v, [[0, 1]], updates)
    with pytest.raises(ValueError, match="dimensions of"):
        v.scatter_nd_sub([[0]], [[5.0]])


def test_gradients_through_updates() -> None:
    """Some updates pass nothing on; through others TensorFlow defines no gradient."""
    x = tf.Variable([[1.0, 2.0]])
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    twice = tf.tile(x, [2, 1])
    for update in (
        tf.assign(v, twice),
        tf.scatter_add(v, [1], x),
        tf.scatter_nd_update(v, [[1]], x),
    ):
        assert tf.gradients(update, x) == [None]
    for update in (tf.scatter_update(v, [1], x), tf.scatter_max(v, [1], x), v[1:].assign(x)):
        with pytest.raises(LookupError, match="No gradient defined for operation"):
            tf.gradients(update, x)


def test_asserting_variables_of_no_collection() -> None:
    """Where no variables are given or known, those are looked at that no collection has."""
    assert tf.assert_variables_initialized() is None
    v = tf.Variable(1.0, collections=[])
    with tf.Session() as sess:
        for check in (tf.assert_variables_initialized(), tf.assert_variables_initialized([])):
            with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value"):
                sess.run(check)
        sess.run(v.initializer)
        sess.run(check)


@KINDS
def test_count_up_to(resource: bool) -> None:
    """A counter gives the value before, and stops at its limit."""
    v = tf.Variable(0, use_resource=resource)
    count = v.count_up_to(2)
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert [sess.run(count), sess.run(count)] == [0, 1]
        with pytest.raises(tf.errors.OutOfRangeError, match="Reached limit of 2"):
            sess.run(count)
        assert sess.run(v) == 2


def test_sparse_delta() -> None:
    """The scatter methods take IndexedSlices alone."""
    with pytest.raises(TypeError, match="sparse_delta is not IndexedSlices"):
        tf.Variable([1.0]).scatter_add([1.0])


@KINDS
def test_proto(resource: bool) -> None:
    """A variable comes back from its VariableDef."""
    v = tf.Variable([1.0, 2.0], name="v", trainable=False, use_resource=resource)
    again = tf.Variable.from_proto(v.to_proto())
    assert (again.name, again.initializer, again.trainable) == (v.name, v.initializer, False)
    assert again.shape.as_list() == [2]
    assert run(again.assign_add([1.0, 1.0]))[0].tolist() == [2.0, 3.0]
    assert v.to_proto(export_scope="elsewhere") is None


def test_containers_and_collections() -> None:
    """The container and the collections that are asked for."""
    with tf.container("box"):
        v = tf.Variable(1, collections=["mine"], trainable=True)
        r = tf.Variable(1, use_resource=True)
    assert v.op.get_attr("container") == r.op.get_attr("container") == b"box"
    assert tf.get_collection("mine") == [v]
    assert v not in tf.global_variables()
    assert v in tf.trainable_variables()
    on_read = tf.VariableSynchronization.ON_READ
    assert tf.Variable(1, trainable=True, synchronization=on_read).trainable
    assert tf.get_variable("x", [1], trainable=True, synchronization=on_read).trainable
    assert not tf.Variable(1, synchronization=tf.VariableSynchronization.ON_READ).trainable


@KINDS
@pytest.mark.parametrize("argument", ["synchronization", "aggregation"])
def test_how_copies_are_kept(resource: bool, argument: str) -> None:
    """The arguments about copies are members of their enumerations, their numbers or None."""
    for given, number in ((None, 0), (2, 2)):
        v = tf.Variable(1.0, use_resource=resource, **{argument: given})
        assert getattr(v, argument).value == number
    words = f"Invalid variable {argument} mode: both for variable: v"
    for make in (
        lambda **k: tf.Variable(1.0, name="v", **k),
        lambda **k: tf.get_variable("v", [1], **k),
    ):
        with pytest.raises(ValueError, match=words):
            make(use_resource=resource, **{argument: "both"})


def test_resources_by_default() -> None:
    """enable_resource_variables changes which kind is made."""
    tf.enable_resource_variables()
    try:
        assert tf.resource_variables_enabled()
        assert tf.Variable(1).op.type == "VarHandleOp"
    finally:
        tf.disable_resource_variables()
    assert tf.Variable(1).op.type == "VariableV2"


def test_assign_needs_a_variable() -> None:
    """A plain tensor cannot be assigned."""
    with pytest.raises(AttributeError, match="assign"):
        tf.assign(tf.constant(1.0), 2.0)


@KINDS
def test_fetched_values_are_copies(resource: bool) -> None:
    """Writing into a fetched value, or into what was fed, leaves the variable alone."""
    x = tf.placeholder(tf.float32, [2])
    v = tf.Variable([1.0, 2.0], use_resource=resource)
    fed = np.array([5.0, 6.0], np.float32)
    with tf.Session() as sess:
        sess.run(v.initializer)
        value = sess.run(v)
        value += 1
        assert sess.run(v).tolist() == [1.0, 2.0]
        sess.run(v.assign(x), {x: fed})
        fed[:] = 0
        assert sess.run(v).tolist() == [5.0, 6.0]


def test_operators_that_seem_to_assign() -> None:
    """`v += 1` makes a tensor of a reference variable, and is refused for a resource variable."""
    v, r = tf.Variable(3.0), tf.Variable(3.0, use_resource=True)
    v += 1.0
    assert isinstance(v, tf.Tensor)
    refused = ("__iadd__", "__isub__", "__imul__", "__itruediv__", "__ipow__")
    for operator in refused:
        with pytest.raises(RuntimeError, match="= value not supported"):
            getattr(r, operator)(1.0)
    assert run(v, r) == [4.0, 3.0]


def test_no_value_outside_a_session() -> None:
    """A resource variable is neither true nor false, and has no NumPy value."""
    r = tf.Variable(3.0, use_resource=True)
    with pytest.raises(TypeError, match="as a Python `bool` is not allowed"):
        bool(r)
    with pytest.raises(NotImplementedError, match="only available when eager execution"):
        r.numpy()


def test_references_as_keys() -> None:
    """References are equal where they are to the same thing."""
    v, t = tf.Variable(1.0, name="v"), tf.constant(1.0)
    assert v.experimental_ref() == v.experimental_ref() != t.experimental_ref()
    assert {v.experimental_ref(): 1, t.experimental_ref(): 2}[v.experimental_ref()] == 1
    assert t.experimental_ref().deref() is t
    shown = "<Reference wrapping <tf.Variable 'v:0' shape=() dtype=float32_ref>>"
    assert repr(v.experimental_ref()) == shown


def test_references_keep_their_shape() -> None:
    """A run checks an assignment against the shape that the value has, not the declared one."""
    x = tf.placeholder(tf.float32)
    v = tf.Variable([1.0, 2.0])
    u = tf.Variable(x, validate_shape=False)
    longer = tf.assign(v, [1.0, 2.0, 3.0], validate_shape=False)
    with tf.Session() as sess:
        for fetch, value, words in (
            (v.assign(x), [1.0], r"lhs shape= \[2\] rhs shape= \[1\]"),
            (u.assign(x), [1.0], r"lhs shape= \[\] rhs shape= \[1\]"),
        ):
            with pytest.raises(tf.errors.InvalidArgumentError, match=words):
                sess.run(fetch, {x: value})
        assert sess.run(u.assign(x), {x: 5.0}) == 5.0
        sess.run([v.initializer, longer.op])
        assert sess.run(v.assign(x), {x: [4.0, 5.0, 6.0]}).tolist() == [4.0, 5.0, 6.0]
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"= \[3\] rhs shape= \[2\]"):
            sess.run(v.initializer)
        assert sess.run(v.assign_add(x), {x: [1.0, 1.0, 1.0]}).tolist() == [5.0, 6.0, 7.0]


@pytest.mark.parametrize("level", [-1, 1], ids=["interpreted", "compiled"])
def test_shapes_within_one_run(level: int) -> None:
    """An assignment is checked against what the assignments before it in the run have left."""
    v = tf.Variable([1.0, 2.0])
    longer = tf.assign(v, [1.0, 2.0, 3.0], validate_shape=False)
    with tf.control_dependencies([longer.op]):
        back = tf.assign(v, tf.placeholder_with_default([4.0, 5.0, 6.0], None))
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Session(config=config) as sess:
        for _ in range(4):
            sess.run(tf.assign(v, [1.0, 2.0], validate_shape=False).op)
            assert sess.run(back).tolist() == [4.0, 5.0, 6.0]


def test_resources_take_any_shape() -> None:
    """A run does not check what a resource variable is assigned; building does."""
    x = tf.placeholder(tf.float32)
    v = tf.Variable([1.0, 2.0], use_resource=True)
    u = tf.Variable(x, use_resource=True)
    assert u.shape.ndims is None
    with tf.Session() as sess:
        sess.run(v.initializer)
        sess.run(u.initializer, {x: [[1.0]]})
        assert sess.run(v.assign(x), {x: [1.0, 2.0, 3.0]}).tolist() == [1.0, 2.0, 3.0]
        assert sess.run(u).tolist() == [[1.0]]
        words = r"Cannot update variable with shape \[3\] using a Tensor with shape \[2\]"
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            sess.run(v.assign_add(x), {x: [1.0, 2.0]})
    with pytest.raises(ValueError, match="are incompatible"):
        v.assign([1.0])


def test_resources_that_do_not_exist() -> None:
    """Reading a resource without a value is one error, all else that needs it another."""
    v = tf.Variable([1.0], name="v", use_resource=True)
    with tf.Session() as sess:
        with pytest.raises(tf.errors.FailedPreconditionError, match="reading resource variable v"):
            sess.run(v.value())
        for fetch in (
            tf.gather(v, [0]),
            tf.gather_nd(v, [[0]]),
            tf.raw_ops.VariableShape(input=v.handle),
            tf.raw_ops.DestroyResourceOp(resource=v.handle, ignore_lookup_error=False),
            v[0].assign(1.0).op,
            tf.scatter_add(v, [0], [1.0]).op,
        ):
            for _ in range(3):
                with pytest.raises(tf.errors.NotFoundError, match="localhost/v does not exist"):
                    sess.run(fetch)


def test_copies() -> None:
    """A copy of a resource variable is the variable; a deep copy cannot be made."""
    v = tf.Variable([1.0], use_resource=True)
    assert copy.copy(v) is v
    with pytest.raises(NotImplementedError, match="__deepcopy__"):
        copy.deepcopy(v)


def test_no_name() -> None:
    """The name of a reference variable must not be empty."""
    with pytest.raises(ValueError, match="'' is not a valid node name"):
        tf.Variable(1.0, name="")
