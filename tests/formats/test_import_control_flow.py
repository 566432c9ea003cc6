"""Imported branches and loops: names, mapped inputs, gradients, and what malformed graphs give."""

from __future__ import annotations

import gzip
import json
from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.formats.test_golden_graphdefs import FOLDER, recorded_runs


def graph_def(*nodes: str) -> Any:
    """A GraphDef of nodes written as "name = Op(input, …) {attr: value}", attrs as JSON."""
    from tensorboard.compat.proto import graph_pb2

    message = graph_pb2.GraphDef()
    for text in nodes:
        add_node(message.node, text)
    return message


def add_node(nodes: Any, text: str) -> None:
    """Adds a NodeDef to a list of them."""
    name, _, rest = text.partition(" = ")
    op, _, rest = rest.partition("(")
    inputs, _, attrs = rest.partition(")")
    node = nodes.add(name=name, op=op)
    node.input.extend([item.strip() for item in inputs.split(",") if item.strip()])
    for key, value in json.loads(attrs.strip() or "{}").items():
        set_attr(node.attr[key], value)


def set_attr(attr: Any, value: Any) -> None:
    """Sets an AttrValue message: types as "float32", functions as "f()", numbers as constants."""
    if isinstance(value, bool):
        attr.b = value
    elif isinstance(value, list):
        attr.list.type.extend([getattr(tf, item).as_datatype_enum for item in value])
    elif not isinstance(value, str):
        attr.tensor.CopyFrom(tf.constant(value).op.get_attr("value"))
    elif value.endswith("()"):
        attr.func.name = value[:-2]
    elif hasattr(tf, value):
        attr.type = getattr(tf, value).as_datatype_enum
    else:
        attr.s = value.encode()


def function(library: Any, name: str, args: list[str], results: list[str], *nodes: str) -> None:
    """Adds a FunctionDef to a library: args and results are "name: type", results " = edge" too."""
    added = library.function.add()
    added.signature.name = name
    for text in args:
        arg, _, kind = text.partition(": ")
        added.signature.input_arg.add(name=arg, type=getattr(tf, kind).as_datatype_enum)
    for text in results:
        result, _, edge = text.partition(" = ")
        arg, _, kind = result.partition(": ")
        added.signature.output_arg.add(name=arg, type=getattr(tf, kind).as_datatype_enum)
        added.ret[arg] = edge
    for text in nodes:
        add_node(added.node_def, text)


def stored(name: str) -> Any:
    """A recorded GraphDef."""
    from tensorboard.compat.proto import graph_pb2

    return graph_pb2.GraphDef.FromString(gzip.decompress((FOLDER / f"{name}.pb.gz").read_bytes()))


FLOAT, BOOL = '{"dtype": "float32"}', '{"dtype": "bool"}'
T = '{"T": "float32"}'
ENTER = '{"T": "float32", "frame_name": "frame", "is_constant": false}'
CONSTANT = '{"T": "float32", "frame_name": "frame", "is_constant": true}'
PREDICATE = [f"x = Placeholder() {FLOAT}", f"p = Placeholder() {BOOL}"]

# while x < limit: x = x + x
LOOP = [
    f"x = Placeholder() {FLOAT}",
    f"limit = Placeholder() {FLOAT}",
    f"enter = Enter(x) {ENTER}",
    f"bound = Enter(limit) {CONSTANT}",
    f"merge = Merge(enter, next) {T}",
    f"less = Less(merge, bound) {T}",
    "test = LoopCond(less)",
    f"switch = Switch(merge, test) {T}",
    f"add = Add(switch:1, switch:1) {T}",
    f"next = NextIteration(add) {T}",
    f"exit = Exit(switch) {T}",
]


def without(name: str, *added: str) -> list[str]:
    """The nodes of LOOP, some of them in the place of the one of that name."""
    return [node for node in LOOP if not node.startswith(f"{name} = ")] + list(added)


@pytest.fixture(autouse=True)
def _graph() -> Any:
    with tf.Graph().as_default():
        yield


def imported(*nodes: str, **arguments: Any) -> Any:
    """Imports nodes without a scope."""
    return tf.import_graph_def(graph_def(*nodes), name="", **arguments)


def run(fetches: Any, feeds: dict[str, Any]) -> Any:
    """The values of fetches in a new session."""
    with tf.Session() as sess:
        return sess.run(fetches, feeds)


def test_a_loop_by_hand() -> None:
    """The nodes that a loop is made of, in any order."""
    imported(*reversed(LOOP))
    assert run("exit:0", {"x:0": 3.0, "limit:0": 20.0}) == 24.0
    assert run("exit:0", {"x:0": 30.0, "limit:0": 20.0}) == 30.0


def test_names_under_a_scope_and_twice() -> None:
    """Exit and Merge nodes keep their names, also where two loops have the same frame name."""
    for scope in ("one", "two"):
        tf.import_graph_def(graph_def(*LOOP), name=scope)
    feeds = {"one/x:0": 3.0, "one/limit:0": 4.0, "two/x:0": 1.0, "two/limit:0": 50.0}
    assert run(["one/exit:0", "two/exit:0"], feeds) == [6.0, 64.0]


def test_one_graph_with_two_loops_of_one_frame_name() -> None:
    """As TensorFlow stores a graph into which another was imported twice."""
    other = [
        node.replace("x = ", "y = ") if node.startswith("x = ") else renamed(node) for node in LOOP
    ]
    imported(*LOOP, *other)
    feeds = {"x:0": 3.0, "limit:0": 20.0, "y:0": 1.0, "limit_2:0": 3.0}
    assert run(["exit:0", "exit_2:0"], feeds) == [24.0, 4.0]


def renamed(node: str) -> str:
    """A node of LOOP with other names."""
    for name in (
        "limit",
        "enter",
        "bound",
        "merge",
        "less",
        "test",
        "switch",
        "add",
        "next",
        "exit",
    ):
        node = node.replace(f"{name} =", f"{name}_2 =").replace(f"{name},", f"{name}_2,")
        node = node.replace(f"{name})", f"{name}_2)").replace(f"{name}:1", f"{name}_2:1")
    return node.replace("(x)", "(y)")


def test_a_value_behind_the_last_test() -> None:
    """What takes the output of a Switch that leads to an Exit runs once, with the last value."""
    imported(*without("exit", f"minus = Neg(switch) {T}", f"exit = Exit(minus) {T}"))
    assert run("exit:0", {"x:0": 3.0, "limit:0": 20.0}) == -24.0


def test_a_value_of_the_condition_in_the_body() -> None:
    """The body may take what the condition computed."""
    imported(
        *without(
            "next",
            f"twice = Mul(bound, bound) {T}",
            f"sum = Add(add, twice) {T}",
            f"next = NextIteration(sum) {T}",
        )
    )
    assert run("exit:0", {"x:0": 3.0, "limit:0": 10.0}) == 106.0


def test_mapped_inputs_and_returned_elements() -> None:
    """Tensors outside take the place of what loops and branches take."""
    x = tf.constant(5.0)
    found = imported(
        *LOOP,
        input_map={"x:0": x, "limit:0": tf.constant(21.0)},
        return_elements=["exit:0", "exit"],
    )
    assert found[0].op is found[1]
    assert run(found[0], {}) == 40.0
    with pytest.raises(ValueError, match="'switch:1' not found in graph_def: it is a Switch"):
        imported(*LOOP, return_elements=["switch:1"])


def test_the_place_that_a_merge_took() -> None:
    """A Merge's second output is there where it is asked for."""
    nodes = [*PREDICATE, f"s = Switch(x, p) {T}", f"m = Merge(s, s:1) {T}"]
    (place,) = imported(*nodes, return_elements=["m:1"])
    assert run([place, "m:0"], {"x:0": 3.0, "p:0": True}) == [1, 3.0]


def test_gradients_of_imported_branches_and_loops() -> None:
    """Gradients that are taken after the import are those that TensorFlow stored beside them."""
    for name, ys, xs in (
        ("branches", "loss:0", ["x:0", "w:0"]),
        ("shared_predicate", "c:0", ["x:0"]),
        ("arrays", "total:0", ["x:0"]),
        ("functional", "z:0", ["x:0"]),
        ("functional_of_2", "z:0", ["x:0"]),
    ):
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(stored(name), name="")
            grads = tf.gradients(
                graph.get_tensor_by_name(ys), [graph.get_tensor_by_name(x) for x in xs]
            )
            wanted = [f"grad_{place}:0" for place in range(len(xs))]
            check_gradients(name, grads, wanted if len(xs) > 1 else ["grad:0", "grad_0:0"])


def check_gradients(name: str, grads: list[Any], wanted: list[str]) -> None:
    """Compares gradients with the recorded values of fetches."""
    with tf.Session() as sess:
        for recorded in recorded_runs(name):
            values = dict(zip(recorded["fetches"], recorded["values"], strict=True))
            expected = [values[fetch] for fetch in wanted if fetch in values]
            if not expected:
                sess.run(recorded["fetches"], recorded["feeds"])
                continue
            for grad, value in zip(sess.run(grads, recorded["feeds"]), expected, strict=True):
                np.testing.assert_allclose(grad, value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_op_numbers_and_seeds() -> None:
    """Random ops after an import get the seeds that they get in TensorFlow: nodes count."""
    from penstock.graph.stacks import default_graph

    imported(*LOOP)
    assert default_graph()._last_id == len(LOOP)


def functional_graph(*names: str) -> Any:
    """An If on functions of these names, in a graph without functions."""
    then, other = names
    message = graph_def(
        *PREDICATE,
        "if = If(p, x) " + json.dumps({
            "Tcond": "bool", "Tin": ["float32"], "Tout": ["float32"], "then_branch": f"{then}()",
            "else_branch": f"{other}()",
        }),
    )  # fmt: skip
    function(message.library, "same", ["a: float32"], ["r: float32 = a"])
    function(message.library, "minus", ["a: float32"], ["r: float32 = n:y:0"], f"n = Neg(a) {T}")
    return message


def test_functions_by_hand() -> None:
    """An If node is an operation of its name."""
    tf.import_graph_def(functional_graph("minus", "same"), name="f")
    assert run("f/if:0", {"f/x:0": 2.0, "f/p:0": True}) == -2.0
    assert run("f/if:0", {"f/x:0": 2.0, "f/p:0": False}) == 2.0


MALFORMED = {
    "a cycle": (
        [f"y = Placeholder() {FLOAT}", f"a = Add(y, b) {T}", f"b = Neg(a) {T}"],
        "cycle through '[ab]'",
    ),
    "a cycle through a Merge": (
        [*PREDICATE, f"m = Merge(x, n) {T}", f"n = Neg(m) {T}"], "cycle through '[mn]'",
    ),
    "no LoopCond in the frame": (
        [node.replace("test = LoopCond(less)", "test = Identity(less) {\"T\": \"bool\"}")
         for node in LOOP],
        "the loop 'frame', of node .*, needs one LoopCond node; it has none",
    ),
    "two LoopConds": (
        [*LOOP, "again = LoopCond(less)"], "it has 'test' and 'again'|it has 'again' and 'test'",
    ),
    "different frames": (
        without("add", f"add = Add(switch:1, limit) {T}"), "'add' has inputs from different frames",
    ),
    "an Exit outside": ([*PREDICATE, f"e = Exit(x) {T}"], "'e' .Exit. is in no loop"),
    "a NextIteration outside": (
        [*PREDICATE, f"e = NextIteration(x) {T}", f"m = Merge(x, e) {T}"],
        "'e' .NextIteration. is in no loop",
    ),
    "a NextIteration taken": (
        [*LOOP, f"more = Neg(next) {T}"], "'more' takes 'next', a NextIteration",
    ),
    "an Enter without a name": (
        without("enter", f"enter = Enter(x) {T}"), "'enter' .Enter. lacks the attr 'frame_name'",
    ),
    "an Exit of something else": (
        without("exit", f"exit = Exit(add) {T}"), "'exit' takes 'add' of the loop 'frame'",
    ),
    "a first value in the body": (
        without("add", f"add = Add(switch:1, enter) {T}"),
        "'add' takes 'enter', an Enter that is not constant",
    ),
    "a Merge of three in a loop": (
        without("merge", f"merge = Merge(enter, next, bound) {T}"), "'merge': the Merge of a loop",
    ),
    "an output that is not there": ([*LOOP, f"y = Neg(switch:2) {T}"], "'switch:2' is no output"),
    "both branches": (
        [*PREDICATE, f"s = Switch(x, p) {T}", f"a = Add(s, s:1) {T}"],
        "'a' takes values of both branches",
    ),
    "a Merge of one branch": (
        [*PREDICATE, f"s = Switch(x, p) {T}", f"m = Merge(s:1, x) {T}"],
        "'m': a Merge takes one value from each branch",
    ),
    "a condition that is no boolean": (
        [*PREDICATE, f"s = Switch(x, x) {T}", f"m = Merge(s, s:1) {T}"],
        "'m' has type float32 that does not match expected type of bool",
    ),
    "a variable of another type": (
        without("next", "cast = Cast(add) {\"SrcT\": \"float32\", \"DstT\": \"int32\"}",
                "next = NextIteration(cast) {\"T\": \"int32\"}"),
        "node merge was passed int32 from next:0 incompatible with expected float32",
    ),
    "an unknown input": ([f"a = Neg(b) {T}"], "'a': Unknown input node 'b'"),
    "a Switch of one": ([*PREDICATE, f"s = Switch(x) {T}"], "'s' .Switch. takes 2 inputs, got 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(MALFORMED))
def test_malformed_graphs(case: str) -> None:
    """Each gets an error that names the node."""
    nodes, message = MALFORMED[case]
    with pytest.raises(ValueError, match=message):
        imported(*nodes)


def test_missing_functions_and_wrong_ones() -> None:
    """Functions that are not there, call themselves, or do not fit."""
    with pytest.raises(ValueError, match=r"'if' \(If\) uses the function 'gone', which is not in"):
        tf.import_graph_def(functional_graph("gone", "same"))
    message = functional_graph("minus", "same")
    call = 'c = PartitionedCall(a) {"Tin": ["float32"], "Tout": ["float32"], "f": "loop()"}'
    function(message.library, "loop", ["a: float32"], ["r: float32 = c:output:0"], call)
    message.node[-1].attr["then_branch"].func.name = "loop"
    with pytest.raises(ValueError, match="function 'loop', which it is itself part of"):
        tf.import_graph_def(message)
    message = functional_graph("minus", "same")
    function(message.library, "two", ["a: float32", "b: float32"], ["r: float32 = a"])
    function(message.library, "ints", ["a: int32"], ["r: int32 = a"])
    function(message.library, "hole", ["a: float32"], ["r: float32 = n:y:0"], f"m = Neg(a) {T}")
    function(message.library, "pair", ["a: float32"], ["r: float32 = a", "s: float32 = a"])
    for name, words in (
        ("two", "'if' gives 1 arguments to the function 'two', which takes more"),
        ("ints", "the argument 'a' of the function 'ints' has the type int32, got float32"),
        ("hole", "the function 'hole': Unknown input 'n:y:0'"),
        ("pair", "a branch gives values of the types"),
    ):
        message.node[-1].attr["else_branch"].func.name = name
        with pytest.raises(ValueError, match=words):
            tf.import_graph_def(message)


def test_functions_that_grow_without_bound() -> None:
    """Thirty functions, each of which uses the one before it twice, are refused in time."""
    message = functional_graph("minus", "same")
    for level in range(30):
        used = "minus" if level == 0 else f"f{level - 1}"
        call = json.dumps({"Tin": ["float32"], "Tout": ["float32"], "f": f"{used}()"})
        function(
            message.library, f"f{level}", ["a: float32"], ["r: float32 = two:output:0"],
            f"one = PartitionedCall(a) {call}", f"two = PartitionedCall(one:output:0) {call}",
        )  # fmt: skip
    message.node[-1].attr["then_branch"].func.name = "f29"
    with pytest.raises(ValueError, match="make more nodes than"):
        tf.import_graph_def(message)


@pytest.mark.parametrize("depth", [40, 2000])
def test_deep_nesting(depth: int) -> None:
    """Branches in each other work to a depth, and are refused beyond it."""
    nodes = [*PREDICATE, 'q0 = Identity(p) {"T": "bool"}', f"x0 = Identity(x) {T}"]
    for level in range(depth):
        nodes += [
            f"s{level} = Switch(x{level}, q{level}) {T}",
            f'b{level} = Switch(q{level}, q{level}) {{"T": "bool"}}',
            f"q{level + 1} = LogicalAnd(b{level}:1, b{level}:1)",
            f"x{level + 1} = Add(s{level}:1, s{level}:1) {T}",
        ]
    nodes.append(f"m{depth} = Identity(x{depth}) {T}")
    nodes += [f"m{k} = Merge(s{k}, m{k + 1}) {T}" for k in reversed(range(depth))]
    if depth > 50:
        with pytest.raises(ValueError, match="more than 50 deep"):
            imported(*nodes)
        return
    imported(*nodes)
    assert run("m0:0", {"x:0": 1.0, "p:0": True}) == 2.0**depth
    assert run("m0:0", {"x:0": 1.0, "p:0": False}) == 1.0


def test_loops_too_deep_in_each_other() -> None:
    """A hundred frames in each other."""
    nodes = [f"x = Placeholder() {FLOAT}", f"e0 = Enter(x) {ENTER}"]
    nodes += [f"e{k + 1} = Enter(e{k}) {ENTER}" for k in range(100)]
    with pytest.raises(ValueError, match="more than 50 deep"):
        imported(*nodes)


def test_a_long_chain_in_a_loop() -> None:
    """No recursion along chains."""
    nodes = without("next", *[f"n{k + 1} = Neg(n{k}) {T}" for k in range(4000)])
    nodes += [f"n0 = Identity(add) {T}", f"next = NextIteration(n4000) {T}"]
    imported(*nodes)
    assert run("exit:0", {"x:0": 3.0, "limit:0": 20.0}) == 24.0


def test_shapes_in_loops() -> None:
    """What a loop variable keeps of the shape that it starts with is known, and no more."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [2, 3], name="x")

        def grows(i: Any, y: Any) -> Any:
            return i + 1, tf.concat([y, y], 0)

        def body(i: Any, y: Any, z: Any) -> Any:
            _, z = tf.while_loop(
                lambda j, z: j < i, grows, [0, z], [tf.TensorShape([]), tf.TensorShape([None, 3])]
            )
            return i + 1, y * 2.0, z

        shapes = [tf.TensorShape([]), x.shape, tf.TensorShape([None, 3])]
        v = tf.Variable(1, name="v")  # a reference, so that it is stored as a loop of Switch nodes
        tf.while_loop(lambda i, y, z: i < v.read_value(), body, [0, x, x], shapes, name="outer")
        written = graph.as_graph_def()
    assert "Exit" in {node.op for node in written.node}
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(written, name="")
        found = [graph.get_tensor_by_name(f"outer/{name}:0").shape for name in ("Exit", "Exit_1")]
        assert [shape.as_list() for shape in found] == [[], [2, 3]]
        assert graph.get_tensor_by_name("outer/Exit_2:0").shape.as_list() == [None, 3]


def test_a_loop_whose_shapes_never_settle() -> None:
    """Forty variables, each of which has the shape of the one before it: nothing is claimed."""
    count = 40
    nodes = [f"x{k} = Placeholder() {FLOAT}" for k in range(count)]
    for k in range(count):
        nodes += [
            f"e{k} = Enter(x{k}) {ENTER}", f"m{k} = Merge(e{k}, n{k}) {T}",
            f"s{k} = Switch(m{k}, test) {T}", f"n{k} = NextIteration(s{max(k - 1, 0)}:1) {T}",
            f"exit{k} = Exit(s{k}) {T}",
        ]  # fmt: skip
    nodes += [
        f"bound = Enter(x0) {CONSTANT}",
        f"less = Less(m0, bound) {T}",
        "test = LoopCond(less)",
    ]
    message = graph_def(*nodes)
    for node in message.node:
        if node.op == "Placeholder" and node.name != "x0":
            node.attr["shape"].shape.dim.add(size=4)
    tf.import_graph_def(message, name="")
    last = tf.get_default_graph().get_tensor_by_name(f"exit{count - 1}:0")
    assert last.shape.ndims is None


def test_gradients_through_lists_of_later_versions() -> None:
    """A map and a loop of TensorFlow 2, which hand values over in lists, against differences."""
    with tf.Graph().as_default() as graph, tf.Session() as sess:
        tf.import_graph_def(stored("traced_of_2"), name="")
        x, one, many = [graph.get_tensor_by_name(f"{name}:0") for name in ("x", "one", "many")]
        total = one + tf.reduce_sum(many * [1.0, 2.0, 3.0, 4.0])
        (grad,) = tf.gradients(total, x)
        start = np.float32([1.0, -2.0, 0.5, 3.0])

        def at(value: Any, fetch: Any) -> Any:
            sess.run("init")  # the function counts its calls in a variable
            return sess.run(fetch, {"x:0": value, "which:0": 0})

        steps = np.eye(4, dtype=np.float32) * 0.125
        numeric = [(at(start + step, total) - at(start - step, total)) / 0.25 for step in steps]
        np.testing.assert_allclose(at(start, grad), numeric, rtol=1e-5)
