"""Records graphs with branches and loops as TensorFlow stores them, and what they compute.

    ORACLE/bin/python tests/golden/record_graphdefs.py [NAME ...]      (none: all)
    ORACLE2/bin/python tests/golden/record_graphdefs.py v2 [NAME ...]  (those of TensorFlow 2.21)

For each program below that is graphdefs/NAME.pb.gz, a GraphDef (or NAME.meta.gz, a MetaGraphDef),
and graphdefs/NAME.json: a list of runs in one session, each with feeds, fetches and their values.
"""

# ruff: noqa: T201  (a command prints)

from __future__ import annotations

import gzip
import json
import os
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

import numpy as np  # noqa: E402

from tests.golden.arrays import as_array, to_plain  # noqa: E402

FOLDER = os.path.join(ROOT, "tests", "golden", "graphdefs")
MATRIX = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], np.float32)

# What a program gives: the runs, each (feeds, fetches): names of tensors and operations.
Runs = list


def branches(tf: Any) -> Runs:
    """Branches in each other, with several results, and their gradients."""
    x = tf.compat.v1.placeholder(tf.float32, [2, 3], name="x")
    outer = tf.compat.v1.placeholder(tf.bool, [], name="outer")
    inner = tf.compat.v1.placeholder(tf.bool, [], name="inner")
    w = tf.constant(MATRIX, name="w")

    def both() -> Any:
        deep = tf.cond(inner, lambda: w * x, lambda: tf.exp(x) + w)
        return deep, tf.reduce_sum(deep * 2)

    a, b = tf.cond(outer, both, lambda: (x, tf.constant(7.0)), name="choice")
    loss = tf.reduce_sum(a * a) + b
    tf.identity(loss, name="loss")
    for place, grad in enumerate(tf.gradients(loss, [x, w])):
        tf.identity(grad, name=f"grad_{place}")
    fetches = ["choice/Merge:0", "choice/Merge_1:0", "loss:0", "grad_0:0", "grad_1:0"]
    return [
        ({"x:0": MATRIX + 1, "outer:0": one, "inner:0": other}, fetches)
        for one in (True, False)
        for other in (True, False)
    ]


def shared_predicate(tf: Any) -> Runs:
    """Three conds on one tensor, the third of the results of the others, and gradients."""
    x = tf.compat.v1.placeholder(tf.float32, [], name="x")
    training = tf.compat.v1.placeholder(tf.bool, [], name="training")
    a = tf.cond(training, lambda: x * 3, lambda: x)
    b = tf.cond(training, lambda: x + 1, lambda: x * x)
    c = tf.cond(training, lambda: a * b, lambda: a - b)
    tf.identity(c, name="c")
    (grad,) = tf.gradients(c, [x])
    tf.identity(grad, name="grad")
    (second,) = tf.gradients(grad, [x])
    tf.identity(second, name="second")
    return [
        ({"x:0": 2.5, "training:0": value}, ["c:0", "grad:0", "second:0"])
        for value in (True, False)
    ]


def assignments(tf: Any) -> Runs:
    """Branches and a loop that assign variables of both kinds."""
    up = tf.compat.v1.placeholder(tf.bool, [], name="up")
    v = tf.compat.v1.get_variable("v", initializer=10.0, use_resource=False)
    r = tf.compat.v1.get_variable("r", initializer=100.0, use_resource=True)
    changed = tf.cond(
        up,
        lambda: tf.compat.v1.assign_add(v, 1.0),
        lambda: tf.compat.v1.assign_sub(v, 2.0),
        name="change",
    )
    tf.identity(changed, name="changed")

    def body(i: Any) -> Any:
        with tf.control_dependencies([r.assign_add(2.0 * tf.cast(i, tf.float32))]):
            return i + 1

    tf.identity(tf.while_loop(lambda i: i < 4, body, [tf.constant(0)]), name="last")
    tf.compat.v1.global_variables_initializer()
    return [
        ({}, ["init"]),
        ({"up:0": True}, ["changed:0"]),
        ({"up:0": False}, ["changed:0"]),
        ({}, ["last:0"]),
        ({}, ["v/read:0", "r/Read/ReadVariableOp:0"]),
    ]


def switch_and_merge(tf: Any) -> Runs:
    """Switch and Merge as ops, and which input a Merge took."""
    from tensorflow.python.ops import control_flow_ops as ops

    x = tf.compat.v1.placeholder(tf.float32, [3], name="x")
    p = tf.compat.v1.placeholder(tf.bool, [], name="p")
    q = tf.compat.v1.placeholder(tf.bool, [], name="q")
    off, on = ops.switch(x, p)
    merged = ops.merge([off - 1.0, on * 2.0], name="two")
    tf.identity(merged.output, name="value")
    tf.identity(merged.value_index, name="place")
    on_off, on_on = ops.switch(on, q)
    three = ops.merge([-off, on_off + 10.0, on_on], name="three")
    tf.identity(three.output + tf.cast(three.value_index, tf.float32), name="sum")
    feed = np.array([1, 2, 3], np.float32)
    return [
        ({"x:0": feed, "p:0": one, "q:0": other}, ["value:0", "place:0", "two:0", "sum:0"])
        for one in (True, False)
        for other in (True, False)
    ]


def cases(tf: Any) -> Runs:
    """tf.case, and an assertion."""
    x = tf.compat.v1.placeholder(tf.int32, [], name="x")
    with tf.control_dependencies([tf.compat.v1.assert_less(x, 100)]):
        y = tf.identity(x)
    found = tf.case(
        [(y < 0, lambda: y * y), (y < 10, lambda: y + 1)], default=lambda: tf.constant(-1)
    )
    tf.identity(found, name="found")
    return [({"x:0": value}, ["found:0"]) for value in (-3, 4, 50)]


def loops(tf: Any) -> Runs:
    """A loop in a loop, in a branch; a branch in a loop; values of several types."""
    n = tf.compat.v1.placeholder(tf.int32, [], name="n")
    x = tf.compat.v1.placeholder(tf.float32, [2, 3], name="x")

    def inner(i: Any, total: Any) -> Any:
        return tf.while_loop(
            lambda j, t: j < i, lambda j, t: (j + 1, t + tf.cast(j, tf.float32)), [0, total]
        )[1]

    def body(i: Any, total: Any, flag: Any) -> Any:
        total = tf.cond(tf.equal(i % 2, 0), lambda: inner(i, total), lambda: total * x)
        return i + 1, total, tf.logical_not(flag)

    last = tf.while_loop(
        lambda i, total, flag: i < n, body, [0, x, tf.constant(True)], name="outer"
    )
    tf.identity(last[1], name="total")
    later = tf.cond(n > 3, lambda: tf.while_loop(lambda k: k < 50, lambda k: k * n, [n]), lambda: n)
    tf.identity(later, name="later")
    return [
        ({"n:0": value, "x:0": MATRIX}, ["outer/Exit:0", "total:0", "outer/Exit_2:0", "later:0"])
        for value in (0, 1, 4, 5)
    ]


def loop_gradients(tf: Any) -> Runs:
    """The gradient of a loop in a loop, with respect to variables and to what the loop captures."""
    x = tf.compat.v1.placeholder(tf.float32, [2, 2], name="x")
    w = tf.compat.v1.get_variable("w", initializer=np.float32([[0.5, -0.3], [0.2, 0.1]]))
    b = tf.compat.v1.placeholder(tf.float32, [2], name="b")

    def inner(j: Any, h: Any) -> Any:
        return j + 1, tf.tanh(tf.matmul(h, w) + b)

    def body(i: Any, h: Any) -> Any:
        _, h = tf.while_loop(lambda j, h: j < i, inner, [0, h])
        return i + 1, tf.cond(i < 2, lambda: h * b, lambda: tf.sin(h))

    _, last = tf.while_loop(lambda i, h: i < 4, body, [0, x])
    loss = tf.reduce_sum(last * last)
    tf.identity(loss, name="loss")
    for place, grad in enumerate(tf.gradients(loss, [x, w, b])):
        tf.identity(grad, name=f"grad_{place}")
    tf.compat.v1.global_variables_initializer()
    feeds = {"x:0": np.float32([[1, 2], [-1, 0.5]]), "b:0": np.float32([0.3, -0.7])}
    return [({}, ["init"]), (feeds, ["loss:0", "grad_0:0", "grad_1:0", "grad_2:0"])]


def training(tf: Any) -> Runs:
    """Training through a loop, one step after the other."""
    x = tf.compat.v1.placeholder(tf.float32, [None, 3], name="x")
    w = tf.compat.v1.get_variable("w", initializer=np.float32(np.eye(3) * 0.5), use_resource=True)
    _, y = tf.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, tf.nn.relu(tf.matmul(y, w) + 0.1)), [0, x]
    )
    loss = tf.identity(tf.reduce_mean(tf.square(y - 1.0)), name="loss")
    tf.compat.v1.train.AdamOptimizer(0.1).minimize(loss, name="train")
    tf.compat.v1.global_variables_initializer()
    feeds = {"x:0": MATRIX}
    return [({}, ["init"])] + [(feeds, ["loss:0", "train"])] * 3 + [(feeds, ["loss:0"])]


def arrays(tf: Any) -> Runs:
    """map_fn, scan and foldl, which use TensorArrays, and gradients through them."""
    x = tf.compat.v1.placeholder(tf.float32, [None, 3], name="x")
    squared = tf.map_fn(lambda row: row * row + 1.0, x)
    sums = tf.scan(lambda total, row: total * 0.5 + row, squared)
    total = tf.foldl(lambda total, row: total + tf.reduce_sum(row), sums, initializer=0.0)
    tf.identity(sums, name="sums")
    tf.identity(total, name="total")
    (grad,) = tf.gradients(total, [x])
    tf.identity(grad, name="grad")
    return [({"x:0": MATRIX}, ["sums:0", "total:0", "grad:0"])]


def recurrent(tf: Any) -> Runs:
    """A recurrent net over sequences of different lengths, and its gradients."""
    x = tf.compat.v1.placeholder(tf.float32, [2, 4, 3], name="x")
    length = tf.compat.v1.placeholder(tf.int32, [2], name="length")
    start = tf.constant_initializer(np.linspace(-0.5, 0.5, 28).astype(np.float32))
    with tf.compat.v1.variable_scope("net", initializer=start):
        cell = tf.compat.v1.nn.rnn_cell.BasicRNNCell(4)
        outputs, state = tf.compat.v1.nn.dynamic_rnn(cell, x, length, dtype=tf.float32)
    loss = tf.reduce_sum(outputs * outputs) + tf.reduce_sum(state)
    tf.identity(outputs, name="outputs")
    variables = tf.compat.v1.trainable_variables()
    for place, grad in enumerate(tf.gradients(loss, [x] + variables)):
        tf.identity(grad, name=f"grad_{place}")
    tf.compat.v1.global_variables_initializer()
    feeds = {"x:0": np.sin(np.arange(24, dtype=np.float32)).reshape(2, 4, 3), "length:0": [4, 2]}
    return [({}, ["init"]), (feeds, ["outputs:0", "grad_0:0", "grad_1:0", "grad_2:0"])]


def functions(tf: Any) -> Runs:
    """Functions that are ops, of one type and of several."""
    from tensorflow.python.framework import function

    x = tf.compat.v1.placeholder(tf.float32, [2, 3], name="x")
    n = tf.compat.v1.placeholder(tf.int32, [], name="n")

    @function.Defun(tf.float32, tf.int32)
    def scaled(a: Any, k: Any) -> Any:
        return a * tf.cast(k, tf.float32), k + 1

    @function.Defun(tf.float32, tf.int32)
    def twice(a: Any, k: Any) -> Any:
        a, k = scaled(a, k)
        return scaled(a, k)

    y, k = twice(x, n)
    tf.identity(y, name="y")
    tf.identity(k, name="k")
    return [({"x:0": MATRIX, "n:0": 3}, ["y:0", "k:0"])]


def functional(tf: Any) -> Runs:
    """If and While nodes with functions, with gradients: lists of tensors are handed over."""
    tf.compat.v1.enable_control_flow_v2()
    x = tf.compat.v1.placeholder(tf.float32, [2, 3], name="x")
    n = tf.compat.v1.placeholder(tf.int32, [], name="n")
    w = tf.compat.v1.get_variable("w", initializer=MATRIX, use_resource=True)

    def body(i: Any, y: Any) -> Any:
        y = tf.cond(tf.equal(i % 2, 0), lambda: y * w, lambda: tf.sin(y) + w)
        return i + 1, y

    _, y = tf.while_loop(lambda i, y: i < n, body, [0, x], name="loop")
    z = tf.cond(n > 2, lambda: y * y, lambda: y, name="choice")
    tf.identity(z, name="z")
    for place, grad in enumerate(tf.gradients(z, [x, w])):
        tf.identity(grad, name=f"grad_{place}")
    tf.compat.v1.global_variables_initializer()
    fetches = ["choice/Identity:0", "z:0", "grad_0:0", "grad_1:0"]
    return [({}, ["init"])] + [({"x:0": MATRIX + 1, "n:0": n}, fetches) for n in (0, 2, 3)]


def functional_effects(tf: Any) -> Runs:
    """If and While nodes whose functions assign variables."""
    tf.compat.v1.enable_control_flow_v2()
    p = tf.compat.v1.placeholder(tf.bool, [], name="p")
    v = tf.compat.v1.get_variable("v", initializer=1.0, use_resource=True)

    def up() -> Any:
        with tf.control_dependencies([v.assign_add(10.0)]):
            return tf.constant(1)

    changed = tf.cond(p, up, lambda: tf.constant(0), name="choice")
    tf.identity(changed, name="changed")

    def body(i: Any) -> Any:
        with tf.control_dependencies([v.assign(v * 2.0)]):
            return i + 1

    tf.identity(tf.while_loop(lambda i: i < 3, body, [0], name="loop"), name="last")
    tf.compat.v1.global_variables_initializer()
    read = ({}, ["v/Read/ReadVariableOp:0"])
    return [
        ({}, ["init"]), ({"p:0": True}, ["changed:0"]), read, ({"p:0": False}, ["changed:0"]), read,
        ({}, ["last:0"]), read,
    ]  # fmt: skip


def traced(tf: Any) -> Runs:
    """A function of TensorFlow 2, called: with a loop over data, a switch of cases, a variable."""
    x = tf.compat.v1.placeholder(tf.float32, [None], name="x")
    which = tf.compat.v1.placeholder(tf.int32, [], name="which")
    v = tf.compat.v1.get_variable("v", initializer=3.0, use_resource=True)

    @tf.function
    def scaled(a: Any) -> Any:
        v.assign_add(1.0)
        return a * v

    @tf.function
    def step(a: Any, k: Any) -> Any:
        total = tf.constant(0.0)
        for item in a:
            if item > 0:
                total += item
            else:
                total -= 0.5 * item
        one = tf.switch_case(k, [lambda: total, lambda: -total, lambda: total * total])
        return scaled(one), tf.map_fn(lambda item: item + one, a)

    one, many = step(x, which)
    tf.identity(one, name="one")
    tf.identity(many, name="many")
    tf.compat.v1.global_variables_initializer()
    feed = np.float32([1.0, -2.0, 0.5, 3.0])
    return [({}, ["init"])] + [
        ({"x:0": feed, "which:0": k}, ["one:0", "many:0"]) for k in (0, 1, 2, 7, -1)
    ]


PROGRAMS = [
    branches, shared_predicate, assignments, switch_and_merge, cases, loops, loop_gradients,
    training, arrays, recurrent, functions, functional, functional_effects,
]  # fmt: skip
PROGRAMS_OF_2 = [functional, functional_effects, traced]
META_GRAPHS = ("loop_gradients",)  # these are stored with their collections and shapes


def record(tf: Any, program: Any, suffix: str) -> None:
    """Writes the recordings of one program."""
    name = program.__name__ + suffix
    os.makedirs(FOLDER, exist_ok=True)
    with tf.Graph().as_default() as graph:
        runs = program(tf)
        with tf.compat.v1.Session() as sess:
            recorded = []
            for feeds, fetches in runs:
                values = sess.run(fetches, feeds)
                recorded.append(
                    {
                        "feeds": {key: to_plain(as_array(feeds[key])) for key in sorted(feeds)},
                        "fetches": fetches,
                        "values": [v if v is None else to_plain(as_array(v)) for v in values],
                    }
                )
        message = graph.as_graph_def()
        kind = ".pb"
        if program.__name__ in META_GRAPHS:
            message, kind = tf.compat.v1.train.export_meta_graph(graph=graph), ".meta"
            message.meta_info_def.ClearField("stripped_op_list")
    content = gzip.compress(message.SerializeToString(deterministic=True))
    with open(os.path.join(FOLDER, name + kind + ".gz"), "wb") as file:
        file.write(content[:4] + bytes(4) + content[8:])  # without the time
    with open(os.path.join(FOLDER, name + ".json"), "w") as file:
        file.write("[\n" + ",\n".join([json.dumps(run) for run in recorded]) + "\n]\n")
    print(name, len(content))


def main() -> None:
    """Records the programs named on the command line."""
    import tensorflow as tf

    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    wanted = sys.argv[1:]
    second = bool(wanted) and wanted[0] == "v2"
    if not tf.__version__.startswith("2." if second else "1.15"):
        raise SystemExit("this is TensorFlow " + tf.__version__)
    names = wanted[1:] if second else wanted
    for program in PROGRAMS_OF_2 if second else PROGRAMS:
        if not names or program.__name__ in names:
            tf.compat.v1.disable_control_flow_v2()
            record(tf, program, "_of_2" if second else "")


if __name__ == "__main__":
    main()
