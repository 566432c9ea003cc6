"""Programs with branches and loops whose graphs are exported.

Each takes penstock, builds a graph, and gives the runs of one session: (feeds, fetches).
"""

from __future__ import annotations

from typing import Any

import numpy as np

MATRIX = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], np.float32)
Runs = list[tuple[dict[str, Any], list[str]]]


def named(tf: Any, **tensors: Any) -> list[str]:
    """Gives tensors names; returns those of the fetches."""
    for name, tensor in tensors.items():
        tf.identity(tensor, name=name)
    return [f"{name}:0" for name in tensors]


def branches(tf: Any) -> Runs:
    """Branches in each other, with several results, and their gradients."""
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    outer = tf.placeholder(tf.bool, [], name="outer")
    inner = tf.placeholder(tf.bool, [], name="inner")
    w = tf.constant(MATRIX, name="w")

    def both() -> Any:
        deep = tf.cond(inner, lambda: w * x, lambda: tf.exp(x) + w)
        return deep, tf.reduce_sum(deep * 2)

    a, b = tf.cond(outer, both, lambda: (x, tf.constant(7.0)), name="choice")
    loss = tf.reduce_sum(a * a) + b
    dx, dw = tf.gradients(loss, [x, w])
    fetches = ["choice/Merge:0", "choice/Merge_1:0", *named(tf, loss=loss, dx=dx, dw=dw)]
    return [
        ({"x:0": MATRIX + 1, "outer:0": one, "inner:0": other}, fetches)
        for one in (True, False)
        for other in (True, False)
    ]


def loops(tf: Any) -> Runs:
    """A loop in a loop, a branch in it, control dependencies, and gradients."""
    n = tf.placeholder(tf.int32, [], name="n")
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    w = tf.placeholder(tf.float32, [3, 3], name="w")

    def inner(i: Any, h: Any) -> Any:
        return tf.while_loop(
            lambda j, h: j < i, lambda j, h: (j + 1, tf.tanh(tf.matmul(h, w))), [0, h]
        )[1]

    def body(i: Any, h: Any) -> Any:
        with tf.control_dependencies([tf.no_op()]):
            h = tf.identity(h)
        return i + 1, tf.cond(i < 2, lambda: inner(i, h) * 2.0, lambda: tf.sin(h) * x)

    _, last = tf.while_loop(lambda i, h: i < n, body, [0, x], name="outer")
    dx, dw = tf.gradients(tf.reduce_sum(last * last), [x, w])
    fetches = ["outer/Exit:0", "outer/Exit_1:0", *named(tf, dx=dx, dw=dw)]
    feed = {"x:0": MATRIX, "w:0": np.float32(np.eye(3) * 0.7 + 0.1)}
    return [({**feed, "n:0": count}, fetches) for count in (0, 1, 3, 4)]


def references(tf: Any) -> Runs:
    """Variables that are references, read and assigned in branches and loops."""
    up = tf.placeholder(tf.bool, [], name="up")
    v = tf.Variable(10.0, name="v")
    late = tf.Variable(v.initialized_value() * 2, name="late")

    def add() -> Any:
        return tf.cond(late < 50.0, lambda: tf.assign_add(v, 1.0), lambda: v * 1.0)

    changed = tf.cond(up, add, lambda: tf.assign_sub(v, 2.0), name="change")

    def body(i: Any, total: Any) -> Any:
        step = tf.cast(i, tf.float32) + 0.0 * total  # so that iterations wait for each other
        with tf.control_dependencies([tf.assign_add(v, step)]):
            once = tf.assign(late, late + 1.0)
        with tf.control_dependencies([once]):
            return i + 1, total + v.read_value()

    last = tf.while_loop(lambda i, t: i < 4, body, [0, 0.0], name="loop")[1]
    fetches = named(tf, changed=changed, last=last)
    tf.global_variables_initializer()
    return [
        ({}, ["late/Assign"]), ({}, ["init"]), ({"up:0": True}, fetches[:1]),
        ({"up:0": False}, fetches[:1]), ({}, fetches[1:]), ({}, ["v/read:0", "late/read:0"]),
    ]  # fmt: skip


def resources(tf: Any) -> Runs:
    """Variables that are resources, read and assigned in branches and loops; a training step."""
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    w = tf.get_variable("w", initializer=np.float32(np.eye(3) * 0.5), use_resource=True)
    count = tf.get_variable("count", initializer=0.0, use_resource=True)

    def body(i: Any, y: Any) -> Any:
        with tf.control_dependencies([count.assign_add(1.0)]):
            return i + 1, tf.nn.relu(tf.matmul(y, w) + 0.1)

    _, y = tf.while_loop(lambda i, y: i < 3, body, [0, x])
    loss = tf.identity(tf.reduce_mean(tf.square(y - 1.0)), name="loss")
    tf.train.GradientDescentOptimizer(0.1).minimize(loss, name="train")
    tf.identity(count.read_value(), name="counted")
    tf.global_variables_initializer()
    feed = {"x:0": MATRIX}
    runs: Runs = [({}, ["init"]), *[(feed, ["loss:0", "train"])] * 3, (feed, ["loss:0"])]
    return [*runs, ({}, ["counted:0"])]


def arrays(tf: Any) -> Runs:
    """map_fn, scan and foldl, which use TensorArrays, and gradients through them."""
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    squared = tf.map_fn(lambda row: row * row + 1.0, x)
    sums = tf.scan(lambda total, row: total * 0.5 + row, squared)
    total = tf.foldl(lambda total, row: total + tf.reduce_sum(row), sums, initializer=0.0)
    (grad,) = tf.gradients(total, [x])
    return [({"x:0": MATRIX}, named(tf, sums=sums, total=total, grad=grad))]


def arrays_inside(tf: Any) -> Runs:
    """A map in a branch and in a loop, and gradients through both."""
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    p = tf.placeholder(tf.bool, [], name="p")

    def mapped(y: Any) -> Any:
        return tf.map_fn(lambda row: row * row * 0.5, y)

    _, y = tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, mapped(y)), [0, x])
    z = tf.cond(p, lambda: mapped(y), lambda: y * 3.0)
    (grad,) = tf.gradients(tf.reduce_sum(z), [x])
    return [({"x:0": MATRIX, "p:0": value}, named(tf, z=z, grad=grad)) for value in (True, False)]


def rows(tf: Any) -> Runs:
    """A gradient that is of some rows only, summed over the iterations of a loop."""
    table = tf.placeholder(tf.float32, [4, 3], name="table")

    def body(i: Any, total: Any) -> Any:
        return i + 1, total + tf.reduce_sum(tf.gather(table, [i, 1]) ** 2)

    _, total = tf.while_loop(lambda i, t: i < 3, body, [0, 0.0])
    (grad,) = tf.gradients(total, [table])
    dense = tf.convert_to_tensor(grad)
    feed = np.arange(12, dtype=np.float32).reshape(4, 3)
    return [({"table:0": feed}, named(tf, total=total, dense=dense))]


def second_derivatives(tf: Any) -> Runs:
    """Derivatives of derivatives, through a loop and through a branch in it."""
    x = tf.placeholder(tf.float32, [2], name="x")
    w = tf.placeholder(tf.float32, [], name="w")

    def body(i: Any, y: Any) -> Any:
        return i + 1, tf.cond(i < 2, lambda: y * y * w, lambda: tf.sin(y) + y)

    _, y = tf.while_loop(lambda i, y: i < 3, body, [0, x])
    first = tf.gradients(tf.reduce_sum(y), [x, w])
    second = tf.gradients(tf.reduce_sum(first[0] * first[0]) + first[1], [x, w])
    fetches = named(tf, y=y, dx=first[0], dw=first[1], ddx=second[0], ddw=second[1])
    return [({"x:0": np.float32([0.5, -1.5]), "w:0": 0.75}, fetches)]


def nested_second_derivatives(tf: Any) -> Runs:
    """Derivatives of derivatives through a loop in a loop: what is saved are lists of lists."""
    x = tf.placeholder(tf.float32, [2], name="x")
    w = tf.placeholder(tf.float32, [], name="w")

    def inner(j: Any, y: Any) -> Any:
        return j + 1, tf.sin(y) * w + y * y * 0.1

    def body(i: Any, y: Any) -> Any:
        return i + 1, tf.while_loop(lambda j, y: j < i, inner, [0, y])[1]

    _, y = tf.while_loop(lambda i, y: i < 4, body, [0, x])
    (first,) = tf.gradients(tf.reduce_sum(y), [x])
    second = tf.gradients(tf.reduce_sum(first * first), [x, w])
    fetches = named(tf, y=y, dx=first, ddx=second[0], ddw=second[1])
    return [({"x:0": np.float32([0.5, -1.5]), "w:0": 0.75}, fetches)]


def recurrent(tf: Any) -> Runs:
    """A recurrent net over sequences of different lengths, and its gradients."""
    x = tf.placeholder(tf.float32, [2, 4, 3], name="x")
    length = tf.placeholder(tf.int32, [2], name="length")
    start = tf.constant_initializer(np.linspace(-0.5, 0.5, 28).astype(np.float32))
    with tf.variable_scope("net", initializer=start):
        cell = tf.nn.rnn_cell.BasicRNNCell(4)
        outputs, state = tf.nn.dynamic_rnn(cell, x, length, dtype=tf.float32)
    loss = tf.reduce_sum(outputs * outputs) + tf.reduce_sum(state)
    dx, dw, db = tf.gradients(loss, [x, *tf.trainable_variables()])
    fetches = named(tf, outputs=outputs, loss=loss, dx=dx, dw=dw, db=db)
    tf.global_variables_initializer()
    feeds = {"x:0": np.sin(np.arange(24, dtype=np.float32)).reshape(2, 4, 3), "length:0": [4, 2]}
    return [({}, ["init"]), (feeds, fetches)]


def training(tf: Any) -> Runs:
    """A training step with a running average that is kept up in one branch, and a loop."""
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    is_training = tf.placeholder(tf.bool, [], name="is_training")
    w = tf.Variable(np.float32(np.eye(3) * 0.5), name="w")
    average = tf.Variable(np.zeros(3, np.float32), trainable=False, name="average")
    scale = tf.Variable(np.ones(3, np.float32), name="scale")

    def kept_up() -> Any:
        mean = tf.reduce_mean(x, 0)
        with tf.control_dependencies([tf.assign_sub(average, (average - mean) * 0.1)]):
            return tf.identity(mean)

    mean = tf.cond(is_training, kept_up, lambda: average.read_value())
    start = (x - mean) * scale

    def body(i: Any, y: Any) -> Any:
        return i + 1, tf.tanh(tf.matmul(y, w.read_value())) + y

    _, y = tf.while_loop(lambda i, y: i < 3, body, [0, start])
    loss = tf.reduce_mean(tf.square(y - 1.0))
    tf.train.AdamOptimizer(0.1).minimize(loss, name="train")
    tf.global_variables_initializer()
    fetches = [*named(tf, loss=loss, seen=mean), "train"]
    feed = {"x:0": MATRIX, "is_training:0": True}
    runs: Runs = [({}, ["init"]), *[(feed, fetches)] * 3]
    return [*runs, ({**feed, "is_training:0": False}, fetches[:2]), ({}, ["average/read:0"])]


def waiting(tf: Any) -> Runs:
    """Operations outside of a branch that wait for an update in it."""
    p = tf.placeholder(tf.bool, [], name="p")
    v = tf.get_variable("v", initializer=1.0, use_resource=True)
    r = tf.Variable(10.0, name="r")
    updates: list[Any] = []

    def updated(variable: Any, value: float) -> Any:
        updates.append(variable.assign_add(value).op)
        return tf.constant(7.0)

    one = tf.cond(p, lambda: updated(v, 1.0), lambda: tf.constant(8.0))
    other = tf.cond(p, lambda: updated(r, 5.0), lambda: tf.constant(9.0))
    named(tf, one=one, other=other)
    with tf.control_dependencies(updates):
        tf.no_op(name="step")
    tf.global_variables_initializer()
    read = ({}, ["v/Read/ReadVariableOp:0", "r/read:0"])
    return [
        ({}, ["init"]), ({"p:0": True}, ["step", "one:0", "other:0"]), read,
        ({"p:0": False}, ["step", "one:0", "other:0"]), read,
    ]  # fmt: skip


PROGRAMS = [
    branches, loops, references, resources, arrays, arrays_inside, rows, second_derivatives,
    nested_second_derivatives, recurrent, training, waiting,
]  # fmt: skip
