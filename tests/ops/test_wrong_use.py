"""What a program does wrong, or at the edge: TensorFlow's class of error, and nothing half done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def config(level: int) -> Any:
    options = tf.ConfigProto()
    options.graph_options.optimizer_options.global_jit_level = level
    return options


# Predicates


@pytest.mark.parametrize("level", [-1, 0, 1])
@pytest.mark.parametrize("fed", [[True], [[False]], [True, False], []])
def test_a_predicate_that_is_no_scalar_when_run(fed: Any, level: int) -> None:
    test = tf.placeholder(tf.bool)
    fetches = [
        tf.cond(test, lambda: 1, lambda: 2),
        tf.while_loop(lambda i: tf.logical_and(test, i < 3), lambda i: i + 1, [0]),
        tf.Assert(test, ["no", tf.constant(1.0)]),
    ]
    with tf.Session(config=config(level)) as session:
        for fetch in fetches:
            for _ in range(4):
                with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible"):
                    session.run(fetch, {test: fed})
                session.run(fetch, {test: True})


# Loops


def same(i: Any) -> Any:
    return i + 1


@pytest.mark.parametrize(
    ("loop_vars", "error"),
    [
        ([], ValueError),
        (0, ValueError),
        (1, TypeError),
        (np.int32(0), ValueError),
        (np.array([0, 0]), ValueError),
        (None, ValueError),
    ],
)
def test_a_loop_takes_a_structure(loop_vars: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        tf.while_loop(lambda i: i < 3, same, loop_vars)
    assert tf.while_loop(lambda i: i < 3, same, [0]).name == "while_1/Exit:0"


def test_a_loop_takes_no_bare_tensor_or_variable() -> None:
    with pytest.raises(TypeError):
        tf.while_loop(lambda i: i < 3, same, tf.constant(0))
    with pytest.raises(TypeError):
        tf.while_loop(lambda i: i < 3, same, tf.Variable(0))


@pytest.mark.parametrize("value", [2.5, np.int32(3), np.int64(3)])
def test_parallel_iterations_is_an_integer(value: Any) -> None:
    with pytest.raises(ValueError, match="`parallel_iterations` must be a positive integer"):
        tf.while_loop(lambda i: i < 3, same, [0], parallel_iterations=value)


def test_an_invariant_of_none_keeps_the_shape() -> None:
    def loop(grow: Callable[[Any], Any]) -> Any:
        return tf.while_loop(
            lambda i, x: i < 3,
            lambda i, x: (i + 1, grow(x)),
            [0, tf.zeros([2])],
            shape_invariants=[tf.TensorShape([]), None],
        )[1]

    assert loop(lambda x: x + 1.0).shape == (2,)
    with pytest.raises(ValueError, match="shape_invariants"):
        loop(lambda x: tf.concat([x, x], 0))
    with pytest.raises(ValueError, match="shape_invariants"):
        loop(lambda x: x + tf.placeholder(tf.float32))


# TensorArrays


@pytest.mark.parametrize("level", [-1, 1])
def test_stack_knows_the_shape_of_a_write_whose_result_was_ignored(level: int) -> None:
    array = tf.TensorArray(tf.float32, 3)
    array.write(0, [1.0, 2.0])
    with tf.Session(config=config(level)) as session:
        assert session.run(array.stack()).tolist() == [[0, 0]] * 3
        with pytest.raises(tf.errors.InvalidArgumentError, match="not fully defined"):
            session.run(array.read(0))


def test_ops_of_a_tensor_array_have_the_names_that_were_given() -> None:
    array = tf.TensorArray(tf.float32, 3)
    assert array.write(0, 1.0, name="w").flow.op.name == "w/w"
    assert array.scatter([1, 2], [1.0, 2.0], name="sc").flow.op.name == "sc/sc"
    assert array.unstack(tf.range(3.0), name="u").flow.op.name == "u/u/u"
    parts = tf.TensorArray(tf.float32, 3, infer_shape=False)
    assert parts.split([1.0, 2.0, 3.0], [1, 1, 1], name="sp").flow.op.name == "sp/sp"
    assert array.write(1, 1.0).flow.op.name == "TensorArrayWrite/TensorArrayWriteV3"


# Custom gradients


def test_results_of_a_custom_gradient_become_tensors() -> None:
    @tf.custom_gradient
    def with_number(x: Any) -> Any:
        return [tf.reduce_sum(x * x), 5.0, np.arange(2.0)], lambda dy, *_: dy * 2 * x

    x = tf.constant([1.0, 2.0])
    y, number, array = with_number(x)
    with tf.Session() as session:
        assert session.run([y, number]) == [5.0, 5.0]
        assert session.run(array).tolist() == [0, 1]
        assert session.run(tf.gradients(y, x)[0]).tolist() == [2, 4]


@pytest.mark.parametrize("grad", [3.0, np.float32(3), "a"])
def test_a_gradient_function_returns_tensors(grad: Any) -> None:
    @tf.custom_gradient
    def bad(x: Any) -> Any:
        return x * 2.0, lambda dy: grad

    x = tf.constant(1.0)
    with pytest.raises(TypeError, match=r"gradient function of 'IdentityN' \(IdentityN\) must"):
        tf.gradients(bad(x), x)


def test_unconnected_resources_have_zeros_of_their_shape() -> None:
    w = tf.get_variable("w", [3], use_resource=True)
    u = tf.get_variable("u", [2], use_resource=True)
    zero = tf.UnconnectedGradients.ZERO
    slopes = tf.gradients(tf.reduce_sum(w), [w, u], unconnected_gradients=zero)
    assert slopes[1].dtype is tf.float32
    assert slopes[1].shape == (2,)
    with tf.Session() as session:
        assert session.run(slopes[1] + 1.0).tolist() == [1, 1]


# Errors of a run


@pytest.mark.parametrize("level", [-1, 0, 1])
def test_shapes_that_do_not_fit_are_told_alike_in_all_runs(level: int) -> None:
    w = tf.get_variable("w", [2, 2], initializer=tf.ones_initializer())
    q = tf.placeholder(tf.float32, [None, 2])
    loss = tf.reduce_sum(tf.abs(w - q))
    with tf.Session(config=config(level)) as session:
        session.run(w.initializer)
        for good in (0, 0, 0, 2, 2):
            for _ in range(good):
                session.run(loss, {q: np.ones([2, 2])})
            with pytest.raises(tf.errors.InvalidArgumentError) as caught:
                session.run(loss, {q: np.ones([3, 2])})
            assert "Incompatible shapes: [2,2] vs. [3,2]" in caught.value.message


def test_a_list_of_tensors_cannot_be_fed() -> None:
    x = tf.placeholder(tf.float32, [2])
    y = tf.constant(1.0)
    with tf.Session() as session:
        for fed in ([y, y], (y, 1.0)):
            with pytest.raises(ValueError, match="setting an array element with a sequence"):
                session.run(x * 2.0, {x: fed})


def test_fill_takes_one_value() -> None:
    value = tf.placeholder(tf.float32)
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"scalar, got shape \[2\]"):
            session.run(tf.fill([3], value), {value: [1, 2]})


# Arguments


@pytest.mark.parametrize("data", [3, None, {}])
def test_assert_takes_a_list(data: Any) -> None:
    with pytest.raises(TypeError, match="values must be a sequence"):
        tf.Assert(tf.constant(True), data)


def test_assert_takes_no_tensor_and_no_text_for_a_list() -> None:
    with pytest.raises(TypeError, match="values must be a sequence"):
        tf.Assert(tf.constant(True), tf.range(3))
    with pytest.raises(TypeError, match="Expected list for 'data'"):
        tf.Assert(tf.constant(True), "a")


def test_group_takes_dicts() -> None:
    x, y = tf.constant(1.0), tf.constant(2.0)
    grouped = tf.group([[x], {"b": y}])
    assert {op.name for op in grouped.control_inputs} == {"Const", "Const_1"}
    with pytest.raises(TypeError, match=r"Expected tf\.group"):
        tf.group(3)
    assert tf.group(x).name == "group_deps_2"


def test_an_empty_name_is_no_name() -> None:
    makers: list[Callable[[], Any]] = [
        lambda: tf.constant(1.0, name=""),
        lambda: tf.placeholder(tf.float32, name=""),
        lambda: tf.add(1.0, 2.0, name=""),
    ]
    for make in makers:
        with pytest.raises(ValueError, match="not a valid node name"):
            make()


def test_names_of_types_are_tensorflows() -> None:
    for name in ("a", "S", "f4", ">f4", "int", "d", b"a"):
        with pytest.raises(TypeError, match="Cannot convert value"):
            tf.as_dtype(name)
    assert tf.as_dtype("float") is tf.float32
    assert tf.as_dtype("half") is tf.float16
    assert tf.as_dtype(np.dtype(">f4").newbyteorder("=")) is tf.float32


@pytest.mark.parametrize("kind", [int, (str, float), np.ndarray, np.float32, bool])
def test_conversions_of_numbers_stay(kind: Any) -> None:
    with pytest.raises(TypeError, match="Cannot register conversions for Python numeric types"):
        tf.register_tensor_conversion_function(kind, lambda *args, **kwargs: NotImplemented)
    assert (tf.constant(0) + 1).dtype is tf.int32


def test_control_dependencies_take_no_tensor_array() -> None:
    with pytest.raises(TypeError, match="Can not convert a TensorArray into a Tensor or Op"):
        tf.control_dependencies([tf.TensorArray(tf.float32, 2)])


def test_the_graph_forbids_nothing_of_what_is_not_its_own() -> None:
    graph = tf.get_default_graph()
    assert graph.is_fetchable(3)
    assert graph.is_feedable(3)


@pytest.mark.parametrize("device", [3, [1], 2.5])
def test_a_device_is_a_name(device: Any) -> None:
    with pytest.raises(TypeError, match="a device must be"):
        tf.device(device).__enter__()
    with tf.device(lambda op: device), pytest.raises(TypeError, match="a device must be"):
        tf.constant(1.0)


def test_a_missing_layer_is_told_like_any_missing_name() -> None:
    with pytest.raises(AttributeError, match=r"penstock has no tf\.layers\.dense"):
        _ = tf.layers.dense


# Variables


def test_a_getter_that_says_nothing_of_reuse_finds_or_makes() -> None:
    def getter(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        gain = getter(name + "_g", [2], initializer=tf.ones_initializer())
        return gain * getter(name, *args, **kwargs)

    for reuse in (None, True):
        with tf.variable_scope("s", custom_getter=getter, reuse=reuse):
            tf.get_variable("w", [2])
    assert [v.name for v in tf.global_variables()] == ["s/w_g:0", "s/w:0"]
    with pytest.raises(ValueError, match="already exists"):
        tf.get_variable("s/w", [2])


def test_a_python_function_is_no_collection() -> None:
    tf.py_func(lambda value: value, [tf.constant(2.0)], tf.float32)
    assert tf.get_default_graph().get_all_collection_keys() == []


# What is printed


def test_an_operation_prints_its_attrs_in_order() -> None:
    op = tf.assign(tf.Variable(1.0), 2.0).op
    keys = [line for line in str(op).split("\n") if "key:" in line]
    assert keys == sorted(keys)
    assert len(keys) == 4


def test_control_inputs_stand_in_the_order_that_was_given() -> None:
    late, early = tf.no_op(name="zz"), tf.no_op(name="aa")
    grouped = tf.group(late, early)
    assert list(grouped.node_def.input) == ["^zz", "^aa"]
    assert list(tf.get_default_graph().as_graph_def().node[-1].input) == ["^aa", "^zz"]
