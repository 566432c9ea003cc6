"""How operations get their names, and how names find operations and tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import penstock as tf


@pytest.fixture(name="graph")
def fixture_graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


def names(graph: Any) -> list[str]:
    """The names of all operations, in order of creation."""
    return [op.name for op in graph.get_operations()]


# Making names unique


def test_a_taken_name_gets_a_number(graph: Any) -> None:
    for _ in range(3):
        tf.no_op(name="a")
    assert names(graph) == ["a", "a_1", "a_2"]


def test_a_default_name_is_the_type(graph: Any) -> None:
    x = tf.placeholder(tf.float32)
    tf.identity(x)
    tf.identity(x)
    tf.no_op()
    assert names(graph) == ["Placeholder", "Identity", "Identity_1", "NoOp"]


def test_an_explicit_number_is_stepped_over(graph: Any) -> None:
    for name in ("a_1", "a", "a", "a_1", "a_1_1", "a_1"):
        tf.no_op(name=name)
    assert names(graph) == ["a_1", "a", "a_2", "a_1_1", "a_1_1_1", "a_1_2"]


def test_case_makes_no_difference_and_is_kept(graph: Any) -> None:
    for name in ("Abc", "abc", "ABC", "scope/X", "Scope/x"):
        tf.no_op(name=name)
    assert names(graph) == ["Abc", "abc_1", "ABC_2", "scope/X", "Scope/x_1"]


def test_unique_name_reserves_unless_told_not_to(graph: Any) -> None:
    assert graph.unique_name("n", mark_as_used=False) == "n"
    assert graph.unique_name("n") == "n"
    assert graph.unique_name("n", mark_as_used=False) == "n_1"
    assert graph.unique_name("n") == "n_1"
    tf.no_op(name="n")
    assert names(graph) == ["n_2"]


def test_a_path_does_not_reserve_its_scopes(graph: Any) -> None:
    tf.no_op(name="outer/inner")
    with tf.name_scope("outer") as scope:
        tf.no_op(name="inner")
    assert scope == "outer/"
    assert names(graph) == ["outer/inner", "outer/inner_1"]


def test_a_scope_and_an_op_share_the_names(graph: Any) -> None:
    tf.no_op(name="a")
    with tf.name_scope("a") as scope:
        assert scope == "a_1/"
    with tf.name_scope("b"):
        tf.no_op(name="c")
    tf.no_op(name="b")
    assert names(graph) == ["a", "b/c", "b_1"]


def test_a_slash_at_the_end_means_exactly_this_name(graph: Any) -> None:
    tf.no_op(name="a/b/")
    assert names(graph) == ["a/b"]
    with pytest.raises(ValueError, match="Duplicate node name in graph: 'a/b'"):
        tf.no_op(name="a/b/")


def test_an_op_named_like_its_scope(graph: Any) -> None:
    with tf.name_scope("layer") as scope:
        tf.no_op(name="part")
        tf.no_op(name=scope)
        tf.no_op(name=scope + "x/")
    assert names(graph) == ["layer/part", "layer", "layer/x"]


@pytest.mark.parametrize("name", ["_a", "-a", "a b", "a:0", "é", "a$", "/a", "a(b)", "a>b", "a\\b"])
def test_names_that_are_none(graph: Any, name: str) -> None:
    with pytest.raises(ValueError, match="not a valid"):
        tf.no_op(name=name)
    assert names(graph) == []


@pytest.mark.parametrize("name", ["a", "A9", ".a", "9", "a.b", "a-b", "a_b", "a//b"])
def test_names_that_are_allowed(graph: Any, name: str) -> None:
    tf.no_op(name=name)
    assert names(graph) == [name]


def test_inside_a_scope_a_name_may_begin_with_an_underscore(graph: Any) -> None:
    with tf.name_scope("s"):
        tf.no_op(name="_a")
        with tf.name_scope("_inner"):
            tf.no_op(name="-b")
    assert names(graph) == ["s/_a", "s/_inner/-b"]


@pytest.mark.parametrize("name", ["_s", "a b", "a:0"])
def test_scopes_that_are_none(graph: Any, name: str) -> None:
    with pytest.raises(ValueError, match="is not a valid scope name"), tf.name_scope(name):
        pass


@pytest.mark.parametrize("name", ["_s", "a b", "a:0"])
def test_operations_that_are_none(graph: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is not a valid node name"):
        tf.constant(1.0, name=name)
    assert names(graph) == []


def test_outputs_have_numbers(graph: Any) -> None:
    a, b = tf.identity_n([tf.constant(1.0), tf.constant(2)], name="pair")
    assert (a.name, b.name) == ("pair:0", "pair:1")
    assert (a.value_index, b.value_index) == (0, 1)
    assert a.op is b.op
    assert a.op.name == "pair"


def test_two_graphs_name_apart() -> None:
    for _ in range(2):
        with tf.Graph().as_default() as graph:
            tf.constant(1.0)
            assert names(graph) == ["Const"]


# Finding by name


def test_an_operation_by_its_name(graph: Any) -> None:
    c = tf.constant(1.0, name="c")
    assert graph.get_operation_by_name("c") is c.op
    assert graph.as_graph_element("c") is c.op
    with pytest.raises(KeyError, match="refers to an Operation not in the graph"):
        graph.get_operation_by_name("d")
    with pytest.raises(
        ValueError, match="Name 'c:0' appears to refer to a Tensor, not a Operation"
    ):
        graph.get_operation_by_name("c:0")
    with pytest.raises(TypeError, match="Operation names are strings"):
        graph.get_operation_by_name(3)


def test_a_tensor_by_its_name(graph: Any) -> None:
    c = tf.constant(1.0, name="c")
    assert graph.get_tensor_by_name("c:0") is c
    assert graph.as_graph_element("c:0") is c
    with pytest.raises(KeyError, match="'d', does not exist in the graph"):
        graph.get_tensor_by_name("d:0")
    with pytest.raises(KeyError, match="'c', exists but only has 1 outputs"):
        graph.get_tensor_by_name("c:1")
    with pytest.raises(ValueError, match="refers to an Operation, not a Tensor"):
        graph.get_tensor_by_name("c")
    with pytest.raises(ValueError, match=r"looks like an \(invalid\) Operation name"):
        graph.get_tensor_by_name("d")
    with pytest.raises(ValueError, match="not a valid one"):
        graph.get_tensor_by_name("c:x")
    with pytest.raises(TypeError, match="Tensor names are strings"):
        graph.get_tensor_by_name(3)


def test_elements_themselves(graph: Any) -> None:
    c = tf.constant(1.0, name="c")
    assert graph.as_graph_element(c) is c
    assert graph.as_graph_element(c.op) is c.op
    with pytest.raises(TypeError, match="Can not convert a Tensor into a Operation"):
        graph.as_graph_element(c, allow_tensor=False)
    with pytest.raises(TypeError, match="Can not convert a Operation into a Tensor"):
        graph.as_graph_element(c.op, allow_operation=False)
    with pytest.raises(TypeError, match="Can not convert a int into a Tensor or Operation"):
        graph.as_graph_element(3)
    with pytest.raises(ValueError, match="can't both be False"):
        graph.as_graph_element(c, allow_tensor=False, allow_operation=False)


def test_elements_of_another_graph(graph: Any) -> None:
    with tf.Graph().as_default():
        other = tf.constant(1.0, name="c")
    with pytest.raises(ValueError, match="is not an element of this graph"):
        graph.as_graph_element(other)
    with pytest.raises(ValueError, match="is not an element of this graph"):
        graph.as_graph_element(other.op)


def test_operations_come_in_order_of_creation(graph: Any) -> None:
    c = tf.constant(1.0, name="z")
    d = tf.add(c, c, name="a")
    found = graph.get_operations()
    assert found == [c.op, d.op]
    found.clear()
    assert len(graph.get_operations()) == 2


# What tensors and operations say of themselves


def test_a_tensor_in_words(graph: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    y = tf.placeholder(tf.int64, name="y")
    assert repr(x) == "<tf.Tensor 'x:0' shape=(?, 3) dtype=float32>"
    assert str(x) == 'Tensor("x:0", shape=(?, 3), dtype=float32)'
    assert repr(y) == "<tf.Tensor 'y:0' shape=<unknown> dtype=int64>"
    assert str(y) == 'Tensor("y:0", dtype=int64)'
    with tf.device("/cpu:0"):
        z = tf.constant([1.0], name="z")
    assert str(z) == 'Tensor("z:0", shape=(1,), dtype=float32, device=/device:CPU:0)'


def test_an_operation_in_words(graph: Any) -> None:
    op = tf.constant(1.0, name="c").op
    assert repr(op) == "<tf.Operation 'c' type=Const>"
    assert str(op).startswith('name: "c"\nop: "Const"\n')
    assert op.node_def.name == "c"
    assert op.type == "Const"


def test_who_is_beside_whom(graph: Any) -> None:
    c = tf.constant(1.0)
    d, e = tf.identity(c), tf.negative(c)
    total = tf.add(d, e)
    assert list(total.op.inputs) == [d, e]
    assert total.op.outputs == [total]
    assert total.op.values() == (total,)
    assert c.consumers() == [d.op, e.op]
    assert total.consumers() == []
    assert total.graph is graph
    assert total.op.graph is graph


def test_attrs(graph: Any) -> None:
    x = tf.placeholder(tf.float32, [2, 3])
    product = tf.matmul(x, x, transpose_b=True)
    assert product.op.get_attr("transpose_a") is False
    assert product.op.get_attr("transpose_b") is True
    assert product.op.get_attr("T") == tf.float32
    assert x.op.get_attr("dtype") == tf.float32
    assert [d.size for d in x.op.get_attr("shape").dim] == [2, 3]
    with pytest.raises(ValueError, match="attr"):
        product.op.get_attr("nothing")


def test_control_inputs_are_told(graph: Any) -> None:
    first = tf.no_op()
    with tf.control_dependencies([first]):
        second = tf.no_op()
    assert second.control_inputs == [first]
    assert first.control_inputs == []


def test_equal_tensors_are_the_same(graph: Any) -> None:
    x, y = tf.constant(1.0), tf.constant(1.0)
    assert x == x
    assert x != y
    assert len({x, y, x}) == 2


@pytest.mark.parametrize(
    "use",
    [bool, len, list, float, int, lambda x: [0, 1][x], lambda x: x and 1, lambda x: 1 in x],
    ids=["bool", "len", "list", "float", "int", "index", "and", "in"],
)
def test_a_tensor_is_no_value(graph: Any, use: Any) -> None:
    with pytest.raises(TypeError):
        use(tf.constant(1))


def test_a_tensor_as_a_bool_says_what_to_do(graph: Any) -> None:
    with pytest.raises(TypeError, match=r"using a `tf.Tensor` as a Python `bool` is not allowed"):
        bool(tf.constant(1.0) > 0)


def test_an_operation_is_made_by_its_type() -> None:
    graph = tf.get_default_graph()
    op = graph.create_op("Add", [tf.constant(1.0), tf.constant(2.0)], [tf.float32], name="made")
    assert (op.name, op.type, op.outputs[0].shape.as_list()) == ("made", "Add", [])
    assert [tensor.name for tensor in op.inputs] == ["Const:0", "Const_1:0"]
    with pytest.raises(tf.errors.NotFoundError, match="Op type not registered 'NoSuch'"):
        graph.create_op("NoSuch", [], [tf.float32])
