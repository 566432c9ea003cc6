"""`tf.constant` and `tf.convert_to_tensor`: how Python's values become tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf


@pytest.fixture(name="graph")
def fixture_graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


def value_of(tensor: Any) -> Any:
    """What a session gives for the tensor."""
    with tf.Session(graph=tensor.graph) as session:
        return session.run(tensor)


# Types that values have by themselves


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        (1, "int32", []),
        (-(2**31), "int32", []),
        (2**31, "int64", []),
        (1.5, "float32", []),
        (1e300, "float32", []),
        (True, "bool", []),
        ("text", "string", []),
        (b"bytes", "string", []),
        (1 + 2j, "complex128", []),
        ([1, 2], "int32", [2]),
        ([1, 2.5], "float32", [2]),
        ([1, 2**40], "int64", [2]),
        ([[1.0, 2.0], [3.0, 4.0]], "float32", [2, 2]),
        ([True, False], "bool", [2]),
        (["a", b"bc"], "string", [2]),
        ([], "float32", [0]),
        ([[]], "float32", [1, 0]),
        ((1, 2, 3), "int32", [3]),
        (np.float64(1.5), "float64", []),
        (np.int64(3), "int64", []),
        (np.array([1, 2]), "int64", [2]),
        (np.array([1.5, 2]), "float64", [2]),
        (np.array([1, 2], np.uint8), "uint8", [2]),
        (np.array(["a", "bc"]), "string", [2]),
        (np.array([b"a", b"bc"], object), "string", [2]),
        ([np.float64(1), np.float64(2)], "float32", [2]),
        ([np.int64(1), 2], "int32", [2]),
        ([True, 2], "int32", [2]),
    ],
)
def test_natural_types(graph: Any, value: Any, dtype: str, shape: list[int]) -> None:
    for tensor in (tf.constant(value), tf.convert_to_tensor(value)):
        assert tensor.dtype.name == dtype
        assert tensor.shape.as_list() == shape
        assert tensor.op.type == "Const"


def test_values_arrive(graph: Any) -> None:
    assert value_of(tf.constant([[1, 2], [3, 4]])).tolist() == [[1, 2], [3, 4]]
    assert value_of(tf.constant("é")) == "é".encode()
    assert value_of(tf.constant(["a", b"\0b"])).tolist() == [b"a", b"\0b"]
    assert np.isinf(value_of(tf.constant(1e300)))
    assert value_of(tf.constant(True)) is np.True_ or value_of(tf.constant(True)) == np.True_


# Types that are asked for


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, "float32"),
        (1, "float64"),
        (1, "int64"),
        (1, "uint8"),
        (1, "complex64"),
        (1.5, "float64"),
        (1.5, "float16"),
        (1.5, "complex64"),
        ([1, 2], "float32"),
        ([2**70, 1], "float64"),
        (True, "bool"),
        (True, "int32"),
        ([True, 1.5], "float32"),
        (np.bool_(True), "float32"),
        (np.array([1.5]), "float32"),
        (np.array([1, 2]), "int32"),
        (np.array([1, 2]), "float32"),
        (np.array([1.7]), "int32"),
    ],
)
def test_wanted_types(graph: Any, value: Any, dtype: str) -> None:
    tensor = tf.constant(value, dtype)
    assert tensor.dtype.name == dtype
    expected = np.asarray(value).astype(tensor.dtype.as_numpy_dtype)
    np.testing.assert_array_equal(value_of(tensor), expected)


# What TensorFlow 1.15 makes of them.
@pytest.mark.parametrize(
    ("value", "wanted", "dtype", "found"),
    [
        (2**31 - 1, None, "int32", 2147483647),
        (2**31, None, "int64", 2147483648),
        (-(2**31), None, "int32", -2147483648),
        (2**63 - 1, "int64", "int64", 9223372036854775807),
        (2**24 + 1, "float32", "float32", 16777216.0),
        (2**24 + 3, "float32", "float32", 16777220.0),
        (2**53 + 1, "float64", "float64", 9007199254740992.0),
        (2e38, None, "float32", 1.9999999360571385e38),
        (1e-46, None, "float32", 0.0),
        (float("-inf"), None, "float32", float("-inf")),
    ],
)
def test_numbers_at_the_limits(
    graph: Any, value: Any, wanted: str | None, dtype: str, found: Any
) -> None:
    made = tf.constant(value, wanted)
    assert made.dtype == dtype
    with tf.Session() as sess:
        assert sess.run(made).item() == found


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.5, "int32"),
        ([1, 2.5], "int32"),
        ("a", "float32"),
        (1, "string"),
        (1, "bool"),
        (True, "string"),
        ([np.bool_(True)], "int32"),
        ([np.float32(1)], "int32"),
        (1j, "float32"),
        ([1, "a"], "int32"),
    ],
)
def test_types_that_do_not_fit(graph: Any, value: Any, dtype: str) -> None:
    with pytest.raises(TypeError):
        tf.constant(value, dtype)
    assert graph.get_operations() == []


@pytest.mark.parametrize(
    "value", [[1, "a"], ["a", 1], [1.0, "a"], object(), [object()], {}, {1: 2}]
)
def test_values_of_no_type(graph: Any, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        tf.constant(value)


def test_none_is_no_value(graph: Any) -> None:
    with pytest.raises(ValueError, match="None values not supported"):
        tf.constant(None)
    with pytest.raises(ValueError, match="None values not supported"):
        tf.convert_to_tensor(None)
    with pytest.raises((TypeError, ValueError)):
        tf.convert_to_tensor([None, 1])


@pytest.mark.parametrize(
    "value", [[[1, 2], [3]], [[1], 2], [np.zeros(2), np.zeros(3)], [np.zeros(2), np.zeros(2)]]
)
def test_ragged_lists_and_lists_of_arrays(graph: Any, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        tf.constant(value)


# Shapes


def test_tensors_and_variables_are_no_constants(graph: Any) -> None:
    tensor, variable = tf.placeholder(tf.float32, [], name="t"), tf.Variable(1.0)
    for value in (tensor, [tensor, 1], [[1, 2], [tensor, 3]]):
        with pytest.raises(TypeError, match="List of Tensors when single Tensor expected"):
            tf.constant(value)
    for value, name in ([tensor, 1], "<tf.Tensor 't:0'"), ([1.0, variable], "<tf.Variable 'Var"):
        with pytest.raises(TypeError, match=f"Expected float16, got {name}.* instead"):
            tf.constant(value, tf.float16)


def test_arrays_that_other_machines_wrote(graph: Any) -> None:
    array = np.array([1, 2], ">f4")
    summed = tf.placeholder(tf.float32, [2], name="x") + array
    with tf.Session() as session:
        assert session.run(tf.constant(array)).tolist() == [1, 2]
        assert session.run(summed, {"x:0": array}).tolist() == [2, 4]
        assert session.run(tf.constant(np.longdouble(3), tf.float32)) == 3


def test_a_constant_fills_its_shape(graph: Any) -> None:
    assert value_of(tf.constant(7, shape=[2, 2])).tolist() == [[7, 7], [7, 7]]
    assert value_of(tf.constant([1, 2, 3], shape=[2, 3])).tolist() == [[1, 2, 3], [3, 3, 3]]
    assert value_of(tf.constant([1, 2, 3, 4], shape=[2, 2])).tolist() == [[1, 2], [3, 4]]
    assert value_of(tf.constant([[1, 2], [3, 4]], shape=[4])).tolist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="Needed at most 2, but received 3"):
        tf.constant([1, 2, 3], shape=[2])
    with pytest.raises(TypeError, match="Expected Tensor's shape"):
        tf.constant([1, 2], shape=[3], verify_shape=True)


def test_sizes_become_tensors(graph: Any) -> None:
    x = tf.placeholder(tf.float32, [2, 3])
    shape = tf.convert_to_tensor(x.shape)
    assert (shape.dtype, value_of(shape).tolist()) == (tf.int32, [2, 3])
    assert tf.convert_to_tensor(x.shape, dtype=tf.int64).dtype == tf.int64
    assert value_of(tf.convert_to_tensor(x.shape[1])) == 3
    assert value_of(tf.convert_to_tensor([x.shape[0], 7], tf.int32)).tolist() == [2, 7]
    assert tf.ones([x.shape[0], 7]).shape.as_list() == [2, 7]
    with pytest.raises(TypeError):
        tf.convert_to_tensor(x.shape, dtype=tf.float32)
    with pytest.raises(ValueError, match="Cannot convert a partially known TensorShape"):
        tf.convert_to_tensor(tf.TensorShape([None, 2]))


# Tensors


def test_a_tensor_stays_itself(graph: Any) -> None:
    x = tf.constant(1.0)
    assert tf.convert_to_tensor(x) is x
    assert tf.convert_to_tensor(x, tf.float32) is x
    with pytest.raises(ValueError, match="dtype int32 for Tensor with dtype float32"):
        tf.convert_to_tensor(x, tf.int32)


def test_lists_of_tensors_are_packed(graph: Any) -> None:
    x = tf.constant(1.0)
    packed = tf.convert_to_tensor([x, 2.0, x])
    assert packed.op.type == "Pack"
    assert value_of(packed).tolist() == [1.0, 2.0, 1.0]
    assert value_of(tf.convert_to_tensor([[x, x], [3.0, x]])).tolist() == [[1, 1], [3, 1]]


def test_a_preferred_type_is_no_demand(graph: Any) -> None:
    assert tf.convert_to_tensor(1, preferred_dtype=tf.float32).dtype == tf.float32
    assert tf.convert_to_tensor(1.5, preferred_dtype=tf.int32).dtype == tf.float32
    assert tf.convert_to_tensor("a", dtype_hint=tf.int32).dtype == tf.string


def test_names(graph: Any) -> None:
    assert tf.constant(1, name="c").op.name == "c"
    assert tf.convert_to_tensor(1, name="d").op.name == "d"
    assert tf.convert_to_tensor(1).op.name == "Const"


# What can be known while building


def test_static_values(graph: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    assert tf.get_static_value(tf.constant([1, 2])).tolist() == [1, 2]
    assert tf.get_static_value(x) is None
    assert tf.get_static_value(tf.shape(tf.placeholder(tf.float32, [2, 3]))).tolist() == [2, 3]
    assert tf.get_static_value(tf.rank(x)) == 2


# Types of one's own


class Celsius:
    """A temperature."""

    def __init__(self, degrees: float) -> None:
        self.degrees = degrees


class Stubborn:
    """Has a conversion that gives no tensor."""


def test_a_registered_type_converts(graph: Any) -> None:
    def convert(value: Any, dtype: Any = None, name: Any = None, as_ref: bool = False) -> Any:
        return tf.constant(value.degrees, dtype, name=name)

    tf.register_tensor_conversion_function(Celsius, convert)
    assert value_of(tf.convert_to_tensor(Celsius(36.5))) == 36.5
    assert value_of(tf.constant(1.0) + Celsius(2.0)) == 3.0
    assert tf.add(tf.constant(1.0, tf.float64), Celsius(2.0)).dtype == tf.float64


def test_a_conversion_must_give_a_tensor(graph: Any) -> None:
    tf.register_tensor_conversion_function(
        Stubborn, lambda value, dtype=None, name=None, as_ref=False: 3
    )
    with pytest.raises(RuntimeError, match="returned non-Tensor"):
        tf.convert_to_tensor(Stubborn())


def test_what_cannot_be_registered() -> None:
    with pytest.raises(TypeError, match="must be a type"):
        tf.register_tensor_conversion_function(3, lambda value: value)
    with pytest.raises(TypeError, match="must be callable"):
        tf.register_tensor_conversion_function(Celsius, 3)


# Arguments of ops


def test_types_of_operands_must_agree(graph: Any) -> None:
    x, i = tf.constant(1.0), tf.constant(1)
    with pytest.raises(TypeError, match="type int32 that does not match type float32"):
        tf.add(x, i)
    with pytest.raises(TypeError, match="that does not match type float32"):
        tf.matmul([[1.0]], tf.constant([[1]]))
    with pytest.raises(TypeError, match="not in list of allowed values"):
        tf.sqrt(i)
    with pytest.raises(TypeError, match="Expected int32"):
        tf.add(i, 1.5)
    with pytest.raises(TypeError, match="Expected float32"):
        tf.add(x, "a")


def test_attrs_must_fit(graph: Any) -> None:
    x = tf.zeros([1, 4, 4, 1])
    with pytest.raises(ValueError, match='passed string \'NONE\' not in: "SAME", "VALID"'):
        tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], padding="NONE")
    with pytest.raises(TypeError):
        tf.placeholder("float31")
