"""The scopes that new operations are made in: names, control edges, devices, colocations."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import penstock as tf


@pytest.fixture(name="graph")
def fixture_graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


# Name scopes


def test_scopes_nest_and_become_unique(graph: Any) -> None:
    with tf.name_scope("a") as outer:
        with tf.name_scope("b") as inner:
            c = tf.constant(1.0, name="c")
        with tf.name_scope("b") as second:
            d = tf.constant(1.0, name="c")
    with tf.name_scope("a") as again:
        pass
    assert (outer, inner, second, again) == ("a/", "a/b/", "a/b_1/", "a_1/")
    assert (c.op.name, d.op.name) == ("a/b/c", "a/b_1/c")


def test_a_scope_with_a_slash_is_entered_again(graph: Any) -> None:
    with tf.name_scope("a") as scope:
        tf.constant(1.0, name="c")
    with tf.name_scope("elsewhere"), tf.name_scope(scope) as again:
        c = tf.constant(1.0, name="c")
    assert again == "a/"
    assert c.op.name == "a/c_1"


@pytest.mark.parametrize("none", [None, ""])
def test_no_name_leaves_all_scopes(graph: Any, none: Any) -> None:
    with tf.name_scope("a"), graph.name_scope(none) as scope:
        c = tf.constant(1.0, name="c")
    assert scope == ""
    assert c.op.name == "c"


def test_the_graph_knows_its_scope(graph: Any) -> None:
    assert graph.get_name_scope() == ""
    with tf.name_scope("a"), tf.name_scope("b"):
        assert graph.get_name_scope() == "a/b"
    assert graph.get_name_scope() == ""


def test_a_default_name_serves_where_none_is_given(graph: Any) -> None:
    x = tf.constant(1.0)
    with tf.name_scope(None, "layer", [x]) as scope:
        assert scope == "layer/"
    with tf.name_scope("mine", "layer", [x]) as scope:
        assert scope == "mine/"
    nameless = tf.name_scope(None, None, [x])
    with pytest.raises(ValueError, match=r"At least one of name \(None\) and default_name"):
        nameless.__enter__()


def test_default_name_must_be_a_string(graph: Any) -> None:
    with pytest.raises(TypeError, match="is not a string type"), tf.name_scope("a", [1]):
        pass


def test_the_scope_takes_the_graph_of_its_values() -> None:
    graph, other = tf.Graph(), tf.Graph()
    with graph.as_default():
        x = tf.constant(1.0)
    with other.as_default(), tf.name_scope("s", values=[x]):
        assert tf.get_default_graph() is graph
        c = tf.constant(1.0, name="c")
        assert c.op.name == "s/c"
    assert c.graph is graph


def test_values_of_two_graphs_are_an_error() -> None:
    with tf.Graph().as_default():
        x = tf.constant(1.0)
    with tf.Graph().as_default():
        y = tf.constant(1.0)
        with pytest.raises(ValueError, match="must be from the same graph as"):
            tf.add(x, y)
        with pytest.raises(ValueError, match="graph"), tf.name_scope("s", values=[x, y]):
            pass


def test_a_scope_ends_with_an_error_too(graph: Any) -> None:
    with pytest.raises(KeyError), tf.name_scope("a"), graph.device("/cpu:0"):
        raise KeyError("stop")
    c = tf.constant(1.0, name="c")
    assert (c.op.name, c.device) == ("c", "")


def test_a_scope_tells_its_name_before_it_is_entered(graph: Any) -> None:
    scope = tf.name_scope("a")
    assert scope.name == "a"


# Control dependencies


def controls(op: Any) -> list[str]:
    """The names of the control inputs of an operation (or of a tensor's)."""
    return [control.name for control in getattr(op, "op", op).control_inputs]


def test_blocks_nest(graph: Any) -> None:
    a, b, c = (tf.no_op(name=name) for name in "abc")
    with tf.control_dependencies([a]):
        with tf.control_dependencies([b, c]):
            inner = tf.no_op()
        outer = tf.no_op()
    outside = tf.no_op()
    assert sorted(controls(inner)) == ["a", "b", "c"]
    assert controls(outer) == ["a"]
    assert controls(outside) == []


def test_none_drops_the_open_blocks(graph: Any) -> None:
    a, b = tf.no_op(name="a"), tf.no_op(name="b")
    with tf.control_dependencies([a]):
        with tf.control_dependencies(None):
            free = tf.no_op()
            with tf.control_dependencies([b]):
                only_b = tf.no_op()
        bound = tf.no_op()
    assert (controls(free), controls(only_b), controls(bound)) == ([], ["b"], ["a"])


def test_tensors_stand_for_their_operations(graph: Any) -> None:
    c = tf.constant(1.0, name="c")
    with tf.control_dependencies([c, c.op, c]):
        op = tf.no_op()
    assert controls(op) == ["c"]


def test_an_order_that_inputs_give_needs_no_edge(graph: Any) -> None:
    a = tf.constant(1.0, name="a")
    with tf.control_dependencies([a]):
        b = tf.constant(2.0, name="b")
        after_b = tf.identity(b)
        of_a = tf.identity(a)
    assert controls(b) == ["a"]
    assert controls(after_b) == []
    assert controls(of_a) == []


def test_what_is_no_operation_is_refused(graph: Any) -> None:
    with pytest.raises(TypeError, match="Can not convert a int into a Tensor or Operation"):
        tf.control_dependencies([3]).__enter__()


def test_a_tensor_of_another_graph_is_refused(graph: Any) -> None:
    with tf.Graph().as_default():
        other = tf.constant(1.0)
    with pytest.raises(ValueError, match="is not an element of this graph"):
        tf.control_dependencies([other]).__enter__()


# Devices


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("/cpu:0", "/device:CPU:0"),
        ("/gpu:1", "/device:GPU:1"),
        ("/device:GPU:2", "/device:GPU:2"),
        ("/job:ps/task:1", "/job:ps/task:1"),
        ("/job:worker/replica:0/task:1/cpu:0", "/job:worker/replica:0/task:1/device:CPU:0"),
        ("/task:1/job:ps", "/job:ps/task:1"),
        ("/cpu:*", "/device:CPU:*"),
        ("", ""),
    ],
)
def test_device_names(graph: Any, given: str, canonical: str) -> None:
    with tf.device(given):
        assert tf.no_op().device == canonical


def test_inner_devices_fill_up_outer_ones(graph: Any) -> None:
    with tf.device("/job:ps/cpu:0"):
        with tf.device("/gpu:1"):
            a = tf.no_op()
        with tf.device("/task:2"):
            b = tf.no_op()
        with tf.device(None):
            c = tf.no_op()
    assert a.device == "/job:ps/device:GPU:1"
    assert b.device == "/job:ps/task:2/device:CPU:0"
    assert c.device == ""


def test_a_function_chooses_the_device(graph: Any) -> None:
    def choose(op: Any) -> str:
        return "/device:GPU:0" if op.type == "MatMul" else "/device:CPU:0"

    with tf.device(choose):
        c = tf.constant([[1.0]])
        product = tf.matmul(c, c)
    assert (c.device, product.device) == ("/device:CPU:0", "/device:GPU:0")


@pytest.mark.parametrize("name", ["/nothing:0", "/cpu:0/gpu:0", "/job:a/task:x"])
def test_what_is_no_device(graph: Any, name: str) -> None:
    with pytest.raises(ValueError), tf.device(name):
        tf.no_op()


def test_a_device_spec_is_changed_in_place() -> None:
    spec = tf.DeviceSpec(job="ps", task=1)
    spec.merge_from(tf.DeviceSpec(task=2, device_type="GPU", device_index=0))
    assert spec.to_string() == "/job:ps/task:2/device:GPU:0"
    parsed = spec.parse_from_string("/job:worker/replica:0/device:CPU:1")
    assert parsed.to_string() == "/job:worker/replica:0/device:CPU:1"


def test_device_specs() -> None:
    spec = tf.DeviceSpec(job="ps", task=1, device_type="CPU", device_index=0)
    assert spec.to_string() == "/job:ps/task:1/device:CPU:0"
    parsed = tf.DeviceSpec.from_string("/job:ps/replica:2/gpu:3")
    assert (parsed.job, parsed.replica, parsed.task) == ("ps", 2, None)
    assert (parsed.device_type, parsed.device_index) == ("GPU", 3)
    assert tf.DeviceSpec.from_string("/job:ps/task:1/cpu:0") == spec
    assert hash(tf.DeviceSpec.from_string("/job:ps/task:1/cpu:0")) == hash(spec)


# Colocation


def test_colocated_operations_share_a_device_and_a_group(graph: Any) -> None:
    with tf.device("/gpu:0"):
        a = tf.constant(1.0, name="a")
    with tf.device("/cpu:0"), tf.colocate_with(a):
        b = tf.constant(1.0, name="b")
    assert b.device == "/device:GPU:0"
    assert b.op.colocation_groups() == [b"loc:@a"]
    assert a.op.colocation_groups() == [b"loc:@a"]


def test_a_device_inside_does_not_matter(graph: Any) -> None:
    with tf.device("/gpu:0"):
        a = tf.constant(1.0, name="a")
    with tf.colocate_with(a), tf.device("/cpu:0"):
        b = tf.constant(1.0, name="b")
    assert b.device == "/device:GPU:0"


def test_colocations_add_up_and_can_be_dropped(graph: Any) -> None:
    a, b = tf.constant(1.0, name="a"), tf.constant(1.0, name="b")
    with tf.colocate_with(a), tf.colocate_with(b):
        both = tf.constant(1.0)
        with tf.colocate_with(None, ignore_existing=True):
            none = tf.constant(1.0, name="none")
        with tf.colocate_with(a, ignore_existing=True):
            only_a = tf.constant(1.0)
    assert both.op.colocation_groups() == [b"loc:@a", b"loc:@b"]
    assert none.op.colocation_groups() == [b"loc:@none"]
    assert only_a.op.colocation_groups() == [b"loc:@a"]
    with pytest.raises(ValueError, match="ignore_existing"), tf.colocate_with(None):
        pass


# Graphs


def test_graphs_nest(graph: Any) -> None:
    inner = tf.Graph()
    with inner.as_default() as entered:
        assert entered is inner
        assert tf.get_default_graph() is inner
        assert tf.constant(1.0).graph is inner
    assert tf.get_default_graph() is graph


def test_the_default_graph_is_not_reset_within_another(graph: Any) -> None:
    with pytest.raises(AssertionError, match="to clear nested graphs"):
        tf.reset_default_graph()


def test_a_finalized_graph_takes_nothing_more(graph: Any) -> None:
    c = tf.constant(1.0)
    assert not graph.finalized
    graph.finalize()
    assert graph.finalized
    with pytest.raises(RuntimeError, match="Graph is finalized and cannot be modified"):
        tf.constant(1.0)
    with pytest.raises(RuntimeError, match="Graph is finalized and cannot be modified"):
        graph.add_to_collection("a", 1)
    with tf.Session(graph=graph) as session:
        assert session.run(c) == 1.0


def test_each_thread_has_its_own_scopes(graph: Any) -> None:
    seen: list[Any] = []

    def work() -> None:
        seen.append(tf.get_default_graph() is graph)
        with graph.as_default():
            seen.append(tf.constant(1.0, name="c").op.name)
            with tf.name_scope("own"):
                seen.append(graph.get_name_scope())

    with tf.name_scope("main"), tf.device("/gpu:0"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        seen.append(graph.get_name_scope())
    assert seen == [False, "c", "own", "main"]


def test_threads_may_build_one_graph(graph: Any) -> None:
    def work() -> None:
        with graph.as_default():
            for _ in range(50):
                tf.constant(1.0, name="c")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {op.name for op in graph.get_operations()}
    assert names == {"c"} | {"c_" + str(i) for i in range(1, 200)}


# Collections


def test_collections(graph: Any) -> None:
    a, b = tf.constant(1.0, name="x/a"), tf.constant(1.0, name="y/b")
    tf.add_to_collection("kept", a)
    tf.add_to_collections(["kept", "more"], b)
    tf.add_to_collection("kept", a)
    tf.add_to_collection("kept", 3)
    assert tf.get_collection("kept") == [a, b, a, 3]
    assert tf.get_collection("kept", scope="x") == [a, a]
    assert tf.get_collection("kept", scope=".*b") == [b]
    assert tf.get_collection("more") == [b]
    assert tf.get_collection("nothing") == []
    assert sorted(graph.get_all_collection_keys()) == ["kept", "more"]


def test_a_collection_is_copied_unless_asked_for_itself(graph: Any) -> None:
    tf.add_to_collection("kept", 1)
    tf.get_collection("kept").append(2)
    assert tf.get_collection("kept") == [1]
    tf.get_collection_ref("kept").append(2)
    assert tf.get_collection("kept") == [1, 2]
    graph.clear_collection("kept")
    assert tf.get_collection("kept") == []


def test_one_name_is_no_list_of_letters(graph: Any) -> None:
    tf.add_to_collections("kept", 1)
    assert tf.get_collection("kept") == [1]


# Gradients of other kinds


def test_gradient_override(graph: Any) -> None:
    @tf.RegisterGradient("Thrice")
    def thrice(op: Any, grad: Any) -> Any:
        return 3.0 * grad

    x = tf.constant(2.0)
    with graph.gradient_override_map({"Identity": "Thrice"}):
        y = tf.identity(x)
    assert y.op.get_attr("_gradient_op_type") == b"Thrice"
    with tf.Session(graph=graph) as session:
        assert session.run(tf.gradients(y, x)[0]) == 3.0
    with pytest.raises(TypeError, match="mapping strings to strings"):
        graph.gradient_override_map({"Identity": 3}).__enter__()


def test_colocation_takes_the_place_of_devices() -> None:
    """Inside colocate_with, also the one that ends all colocation, open devices do not count."""
    graph = tf.Graph()
    with graph.as_default():
        a = tf.constant(1.0)
        with tf.device("/cpu:1"):
            with graph.colocate_with(a):
                assert tf.constant(1.0).device == ""
                with tf.device("/cpu:2"):
                    assert tf.constant(1.0).device == "/device:CPU:2"
            with graph.colocate_with(None, ignore_existing=True):
                assert tf.constant(1.0).device == ""


def test_names_from_device_functions() -> None:
    """What a device function gives is the device as it stands, over all that is said inside."""
    with tf.Graph().as_default(), tf.device(lambda op: "/cpu:1"):
        assert tf.constant(1.0).device == "/cpu:1"
        with tf.device("/cpu:2"):
            assert tf.constant(1.0).device == "/cpu:1"
    with tf.Graph().as_default(), tf.device(lambda op: "/cpu:1" if "Var" in op.type else ""):
        v = tf.Variable(1.0, use_resource=True)
        assert (v.device, v.initializer.device) == ("/cpu:1", "/device:CPU:1")
        assert v.initial_value.device == ""
