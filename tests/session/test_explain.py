"""`Session.explain`: what it says of a run is what the run does."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.plan.changes import Fate
from penstock.session.report import Branch, amount_text, bytes_text


@pytest.fixture(name="graph", autouse=True)
def fixture_graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


def jit(level: int) -> Any:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    return config


def explain(fetches: Any, feeds: Any = (), level: int = 0) -> Any:
    with tf.Session(config=jit(level)) as sess:
        return sess.explain(fetches, feeds)


def dense(rows: int | None = None) -> tuple[Any, Any]:
    """x and relu(x @ w + b), for x of 64 features."""
    x = tf.placeholder(tf.float32, [rows, 64], name="x")
    w = tf.get_variable("w", [64, 32], initializer=tf.ones_initializer())
    b = tf.get_variable("b", [32], initializer=tf.zeros_initializer())
    return x, tf.nn.relu(tf.matmul(x, w) + b, name="y")


def names(explanation: Any, fate: Fate) -> list[str]:
    return [change.op.name for change in explanation.changes if change.fate is fate]


def lines(explanation: Any) -> list[str]:
    return [line.lstrip("├└─│ ") for line in str(explanation).splitlines()]


# What runs, and what does not


def test_ops_stand_in_the_order_in_which_they_run() -> None:
    x, y = dense()
    found = explain(y, [x])
    assert [explained.op.type for explained in found.ops] == ["MatMul", "AddV2", "Relu"]
    assert found.fetches == ("y:0",)
    assert found.feeds == ("x:0",)


def test_only_what_the_fetches_need_is_told() -> None:
    x, y = dense()
    tf.square(y, name="not_fetched")
    assert "not_fetched" not in str(explain(y, [x]))


def test_a_fed_tensor_cuts_the_graph() -> None:
    _, y = dense()
    product = y.op.inputs[0].op.inputs[0]
    assert [explained.op.type for explained in explain(y, [product]).ops] == ["AddV2", "Relu"]


def test_folded_merged_and_dropped_ops() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    six = tf.multiply(tf.constant(2.0, name="two"), 3.0, name="six")
    first, second = tf.exp(x, name="first"), tf.exp(x, name="second")
    y = tf.add_n([tf.identity(first, name="same"), second, six], name="y")
    found = explain(y, [x])
    assert names(found, Fate.FOLDED) == ["six"]
    assert names(found, Fate.MERGED) == ["second"]
    assert names(found, Fate.IDENTITY) == ["same"]
    assert set(names(found, Fate.CONSTANT)) == {"two", "six/y"}
    text = lines(found)
    assert "six (Mul) = 6.0" in text
    assert "second (Exp) is first" in text
    assert "same (Identity) passes on first:0" in text
    assert "runs 2 ops of the 7 that it needs" in text


def test_ops_tell_the_line_that_made_them() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    line = sys._getframe().f_lineno + 1
    y = tf.exp(x, name="y")
    assert any([text.endswith(f"test_explain.py:{line}") for text in lines(explain(y, [x]))])


# Variables


def test_variables_read_and_written() -> None:
    v = tf.get_variable("v", [])
    w = tf.get_variable("w", [], use_resource=True)
    update = tf.assign_add(v, w.read_value() * 2.0)
    found = explain([update, w])
    assert found.reads == ("w", "v")
    assert found.writes == ("v",)
    found = explain(w)
    assert (found.reads, found.writes) == (("w",), ())
    assert lines(found)[-2:] == ["reads w", "writes no variable"]


# Clusters


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda x: tf.py_func(np.sin, [x], tf.float32), "it calls a Python function"),
        (lambda x: tf.strings.join(["a", tf.constant(["b"])]), "XLA has no type string"),
        (lambda x: tf.where(x > 0), "the shape of its output depends on values"),
        (lambda x: tf.check_numerics(x, "x"), "it may raise an error that depends on values"),
        (lambda x: tf.Print(x, [x]), "it looks at the session, or has an effect outside it"),
    ],
)
def test_why_an_op_stays_on_the_host(make: Any, reason: str) -> None:
    x = tf.placeholder(tf.float32, [3], name="x")
    y = make(x)
    if not isinstance(y, tf.Tensor):
        y = y[0]
    found = explain(y, [x])
    reasons = {explained.op.name: explained.reason for explained in found.ops}
    if y.op.name in reasons:  # a join of constants is folded
        assert reasons[y.op.name] == reason
        assert f"{y.op.name} ({y.op.type}) stays on the host: {reason}" in lines(found)


def test_a_shape_whose_value_is_not_known_when_compiling() -> None:
    n = tf.get_variable("n", [], tf.int32)
    found = explain(tf.fill([n], 1.0, name="by_variable"))
    reasons = {explained.op.name: explained.reason for explained in found.ops}
    assert "decides a shape" in reasons["by_variable"]


def test_host_ops_split_the_clusters() -> None:
    x = tf.placeholder(tf.float32, [3], name="x")
    y = tf.exp(tf.py_func(np.sin, [tf.square(x)], tf.float32), name="y")
    found = explain(y, [x])
    assert [[op.type for op in cluster] for cluster in found.clusters] == [["Square"], ["Exp"]]
    assert [explained.cluster for explained in found.ops] == [1, None, 2]


def test_nothing_to_compile() -> None:
    x = tf.placeholder(tf.float32, [3], name="x")
    found = explain(tf.where(tf.identity(x), name="y"), [x])
    assert found.clusters == ()
    assert "nothing of it can be compiled" in lines(found)
    assert "interpreted always" in lines(found)


# The tier


def test_the_count_until_compilation_is_right_before_and_while_it_runs() -> None:
    x = tf.placeholder(tf.float32, [None, 100], name="x")
    y = tf.reduce_sum(tf.exp(-tf.abs(tf.tanh(tf.matmul(x, tf.ones([100, 100]))))), name="y")
    feed = {x: np.ones([2000, 100], np.float32)}
    with tf.Session() as sess:
        before = sess.explain(y, feed).tier
        assert before.runs_left is not None
        assert 3 < before.runs_left < 500
        for run in range(before.runs_left):
            assert sess.explain(y, feed).tier.runs_left == before.runs_left - run
            sess.run(y, feed)
        assert sess.run_stats()[0].compiles == 0
        assert sess.explain(y, feed).tier.compiled
        sess.run(y, feed)
        assert sess.run_stats()[0].compiles == 1
        found = sess.explain(y, [x])
        assert "compiled (" in str(found)
        other = sess.explain(y, {x: np.ones([1000, 100], np.float32)}).tier
        assert not other.compiled  # it counts for each shape


def test_the_count_of_a_plan_without_feeds() -> None:
    big = tf.random_normal([500, 500], name="big")
    found = explain(tf.matmul(big, big, name="y"))
    assert found.tier.runs_left is not None
    assert "interpreted; compiled after" in str(found)


def test_small_plans_are_never_compiled() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    found = explain(x + 1.0, [x])
    assert found.tier.runs_left is None
    assert not found.tier.compiled
    assert "interpreted always, compiling would not pay: by the model a run takes" in str(found)


def test_the_configured_level_counts() -> None:
    x, y = dense()
    assert explain(y, [x], level=1).tier.compiled
    feed = {x: np.ones([10_000, 64], np.float32)}
    assert explain(y, feed).tier.runs_left is not None
    off = explain(y, feed, level=-1)
    assert off.tier.runs_left is None
    assert "interpreted always, as configured" in str(off)


# Estimates


def test_flops_and_bytes_of_a_dense_layer() -> None:
    x, y = dense(rows=100)
    found = explain(y, [x])
    assert found.exact
    assert found.cost.flops == 2 * 100 * 64 * 32
    product = 100 * 64 + 64 * 32 + 100 * 32
    assert found.cost.nbytes == 4 * (product + 2 * 100 * 32 + 32 + 2 * 100 * 32)
    assert found.ops[0].flops == found.cost.flops
    assert "one run reads and writes 97.9 kB, and takes 410 kFLOP" in str(found)


def test_an_open_size_counts_as_one_until_a_value_tells_it() -> None:
    x, y = dense()
    found = explain(y, [x])
    assert not found.exact
    assert found.cost.flops == 2 * 64 * 32
    assert "at least" in str(found)
    found = explain(y, {x: np.ones([100, 64])})
    assert found.exact
    assert found.cost.flops == 2 * 100 * 64 * 32
    assert "at least" not in str(found)


def test_the_shapes_fed_last_count() -> None:
    x, y = dense()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(y, {x: np.ones([50, 64])})
        found = sess.explain(y, x)
    assert found.fed_shapes == ((50, 64),)
    assert found.cost.flops == 2 * 50 * 64 * 32
    assert found.calls == 1


def test_shape_arithmetic_is_followed() -> None:
    x = tf.placeholder(tf.float32, [None, 28, 28], name="x")
    flat = tf.reshape(x, [tf.shape(x)[0], -1])
    y = tf.matmul(flat, tf.ones([784, 10]), name="y")
    found = explain(y, {x: np.ones([7, 28, 28])})
    assert found.ops[-1].shapes == ((7, 10),)
    assert found.exact
    assert found.cost.flops == 2 * 7 * 784 * 10


def test_flops_of_convolutions() -> None:
    x = tf.placeholder(tf.float32, [2, 8, 8, 3], name="x")
    w = tf.get_variable("w", [5, 5, 3, 4])
    y = tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME")
    gradients = tf.gradients(y, [x, w])
    flops = 2 * (2 * 8 * 8 * 4) * (5 * 5 * 3)
    assert explain(y, [x]).cost.flops == flops
    for gradient in gradients:
        assert explain(gradient, [x]).cost.flops == flops
    z = tf.nn.depthwise_conv2d(x, tf.ones([3, 3, 3, 2]), [1, 1, 1, 1], "SAME")
    assert explain(z, [x]).cost.flops == 2 * (2 * 8 * 8 * 6) * 9


def test_estimated_shapes_are_those_of_the_run() -> None:
    x = tf.placeholder(tf.float32, [None, 6], name="x")
    y = tf.reshape(tf.concat([x, x * 2.0], 1), [-1, 4])
    z = tf.transpose(tf.reduce_sum(tf.expand_dims(y, 0) + tf.zeros([3, 1, 1]), 2))
    value = np.ones([5, 6], np.float32)
    found = explain(z, {x: value})
    with tf.Session() as sess:
        assert found.ops[-1].shapes == (sess.run(z, {x: value}).shape,)


def test_feeds_whose_shapes_do_not_fit_are_left_to_the_run() -> None:
    a = tf.placeholder(tf.float32, [None], name="a")
    b = tf.placeholder(tf.float32, [None], name="b")
    found = explain(a + b, {a: [1.0, 2.0], b: [1.0, 2.0, 3.0]})
    assert not found.exact


# Looking at it


def test_explaining_runs_nothing_and_leaves_no_trace() -> None:
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    update = tf.assign_add(v, 1.0)
    with tf.Session() as sess:
        sess.run(v.initializer)
        sess.explain(update)
        assert sess.run(v) == 0.0
        assert len(sess.run_stats()) == 2


def test_the_order_of_the_feeds_does_not_matter() -> None:
    a = tf.placeholder(tf.float32, [], name="a")
    b = tf.placeholder(tf.float32, [], name="b")
    c = a + b
    with tf.Session() as sess:
        sess.run(c, {a: 1.0, b: 2.0})
        assert sess.explain(c, [b, a]).calls == 1
        assert sess.explain(c, ["b:0", "a:0"]).calls == 1


def test_it_prints_in_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    x, y = dense()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    explain(y, [x])
    assert sys.stdout.getvalue() == ""  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "dumb")
    explain(y, [x])
    assert "MatMul" in sys.stdout.getvalue()  # type: ignore[attr-defined]


def test_short_html_and_long_forms() -> None:
    x, y = dense()
    found = explain(y, [x])
    assert repr(found) == "<Explanation of y:0 ← x:0: 3 ops, 1 cluster>"
    html = found._repr_html_()
    assert html.startswith("<details open><summary>y:0 ← x:0</summary>")
    assert html.count("<details") == html.count("</details>")
    for _ in range(100):
        y = tf.exp(y)
    assert "… and 43 more" in str(explain(y, [x]))


def test_bad_arguments() -> None:
    _, y = dense()
    with tf.Session() as sess:
        with pytest.raises(TypeError, match="Fetch argument None"):
            sess.explain(None)
        with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
            sess.explain(y, ["nothing:0"])
    with pytest.raises(RuntimeError, match="closed Session"):
        sess.explain(y)


def test_branches() -> None:
    root = Branch("root")
    first = root.add("a < b")
    first.add("inside")
    root.add("last")
    assert str(root) == "root\n├── a < b\n│   └── inside\n└── last"
    assert "a &lt; b" in root._repr_html_()
    assert (bytes_text(999), bytes_text(1_234), amount_text(5.6e10, "FLOP")) == (
        "999 B",
        "1.23 kB",
        "56 GFLOP",
    )


def test_composite_feeds() -> None:
    sparse = tf.sparse_placeholder(tf.float32, name="s")
    total = tf.reduce_sum(sparse.values)
    parts = ("s/indices:0", "s/values:0", "s/shape:0")
    value = tf.SparseTensorValue([[0, 0], [1, 2]], [1.5, 2.5], [2, 3])
    for feeds in (sparse, [sparse], {sparse: value}):
        assert explain(total, feeds).feeds == parts
    assert explain(total, {sparse: value}).fed_shapes == ((2, 2), (2,), (2,))


def test_what_runs_in_branches_and_loops() -> None:
    """It stands below the op that runs it, with shapes that follow from what is fed."""
    x = tf.placeholder(tf.float32, [None], name="x")

    def body(i: Any, a: Any) -> Any:
        return i + 1, tf.cond(a[0] > 1, lambda: tf.exp(a), lambda: tf.sin(tf.cos(a)))

    y = tf.while_loop(lambda i, a: i < 3, body, [0, x])[1]
    explanation = explain(y, {x: [1.0, 2.0]})
    loop = next(explained for explained in explanation.ops if explained.op.type == "While")
    condition, inside = loop.bodies
    assert [explained.op.name for explained in condition] == ["while/Less"]
    branching = next(explained for explained in inside if explained.op.type == "If")
    names = [[explained.op.name for explained in branch] for branch in branching.bodies]
    assert names == [["while/cond/Exp"], ["while/cond/Cos", "while/cond/Sin"]]
    text = str(explanation)
    assert "before each iteration: 1 op" in text
    assert "if false: 2 ops" in text
    assert (
        text.index("while/While") < text.index("in each iteration") < text.index("while/cond/Sin")
    )


def test_a_branch_that_is_known_to_be_taken() -> None:
    x = tf.placeholder(tf.float32, [2], name="x")
    y = tf.cond(tf.constant(True), lambda: tf.exp(x), lambda: tf.sin(x))
    explanation = explain(y)
    assert "cond/Exp" in [explained.op.name for explained in explanation.ops]
    (change,) = [change for change in explanation.changes if change.fate is Fate.INLINED]
    assert change.op.name == "cond/If"
    assert "1 op of which the branch that is taken is known" in str(explanation)
