"""What tf.print, tf.Print and tf.strings.format write, to files and to standard error."""
import collections
import os
import sys
import tempfile

import numpy as np
import tensorflow as tf

Point = collections.namedtuple("Point", "x y")
folder, outside = tempfile.mkdtemp(), os.getcwd()
path = os.path.join(folder, "printed.txt")
here = "file://printed.txt"
results = {}

values = {
    "float32": np.float32([1 / 3.0, 1e10, 1e-7, 16777217, 123456.789, 0.1, -0.0, np.nan, np.inf, -np.inf]),
    "float64": np.array([1 / 3.0, 1e5, 1e6, 123456789.0, 1e-5, 0.1, 1 / 7.0]),
    "float16": np.float16([1 / 3.0, 2.0]),
    "int8": np.int8([65, -3]),
    "int64": np.array(2 ** 40),
    "bool": np.array([[True, False]]),
    "complex64": np.complex64([[1 + 2j], [3]]),
    "strings": np.array([[b"a", b'b"c'], [b"\n\xff", b""]], object),
    "string": np.array(b"it's", object),
    "empty": np.zeros([0, 3], np.float32),
    "empty_rows": np.zeros([2, 0], np.float32),
    "vector": np.arange(8),
    "matrix": np.arange(24).reshape(4, 6),
    "cube": np.arange(24).reshape(2, 3, 4),
    "column": np.arange(5.0).reshape(5, 1),
}
tensors = {name: tf.constant(value, name=name) for name, value in sorted(values.items())}
texts = {
    "{}_{}".format(name, summarize): tf.strings.format("{}", tensor, summarize=summarize)
    for name, tensor in sorted(tensors.items())
    for summarize in (-1, 0, 1, 2, 3)
}
texts["two"] = tf.strings.format("a {} b {}", (tensors["vector"], tensors["string"]))
texts["percent"] = tf.strings.format("a % {}", tensors["vector"], placeholder="%", summarize=1, name="named")
texts["nothing"] = tf.strings.format("text", ())

x = tf.placeholder(tf.float32, [2], name="x")
v = tf.get_variable("v", [2], initializer=tf.ones_initializer())
w = tf.get_variable("w", [2], initializer=tf.zeros_initializer(), use_resource=True)
sparse = tf.SparseTensor([[0, 1]], [1.0], [2, 3])
prints = [
    tf.print("hello", output_stream=here),
    tf.print("x:", x, 3, 2.5, None, True, [1, 2.5, "s"], output_stream=here),
    tf.print([x, "a", {"k": x, "j": (1,)}], (x,), Point(x, 2), output_stream=here),
    tf.print(tensors["string"], [tensors["string"]], tensors["strings"], output_stream=here),
    tf.print("a", x, sep="|", end="!", output_stream=here, name="with_ends"),
    tf.print(tensors["matrix"], summarize=1, output_stream=here),
    tf.print(tensors["matrix"], summarize=-1, output_stream=here),
    tf.print("{} {x}", "it's", x, v, w, output_stream=here),
    tf.print(sparse, [sparse], np.arange(3), np.float32(3), output_stream=here),
    tf.print({"a" * 40: x, "b" * 50: [x, x]}, output_stream=here),
    tf.print(output_stream=here),
    tf.print(tensors["string"], output_stream=here, name="as_it_is"),
    tf.print(tf.float32, tf.TensorShape([1, None]), "\u00e9", output_stream=here),
]
to_stderr = [tf.print("to stderr", x), tf.print("to stderr by name", x, output_stream=sys.stderr)]
to_logs = [tf.print("to the log", output_stream=level) for level in (tf.logging.info, tf.logging.WARN, tf.logging.error)]
old = [
    tf.Print(x, [x, "a", 3]),
    tf.Print(x, [x, tensors["matrix"]], "message: ", 2, 4, "limited"),
    tf.Print(x, []),
    tf.Print([1, 2], [x], summarize=1),
]
through = tf.gradients(tf.reduce_sum(old[0] * old[0]), x)[0]


def print_in_loop(i, a):
    """A step that prints."""
    with tf.control_dependencies([tf.print("step", i, a, output_stream=here)]):
        return i + 1, tf.identity(a) * 2.0


looped = tf.while_loop(lambda i, a: i < 3, print_in_loop, [0, x])
branched = tf.cond(x[0] > 0, lambda: tf.Print(x, [x], "yes "), lambda: tf.Print(-x, [x], "no "))
refused = {
    "stream": lambda: tf.print("a", output_stream="foo"),
    "keyword": lambda: tf.print("a", foo=1),
    "count": lambda: tf.strings.format("a {} b", (x, x)),
    "data": lambda: tf.Print(x, x),
}
for name, make in sorted(refused.items()):
    try:
        make()
    except (TypeError, ValueError) as error:
        results["refused_" + name] = np.array("{}: {}".format(type(error).__name__, error).encode(), object)


def written(path):
    """What a file holds."""
    with open(path, "rb") as file:
        return np.array(file.read(), object)


refused_in_runs = [tf.print("a", output_stream="file://" + place) for place in ("", "/nowhere/file", os.sep)]

os.chdir(folder)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for name, text in sorted(texts.items()):
        results["text_" + name] = sess.run(text)
    feeds = {x: [1.5, -2.0]}
    for number, op in enumerate(prints):
        open(path, "w").close()
        assert sess.run(op, feeds) is None
        results["printed_{:02}".format(number)] = written(path)
    for number, op in enumerate(refused_in_runs):
        try:
            sess.run(op)
        except tf.errors.OpError as error:
            results["refused_in_run_{}".format(number)] = np.array(type(error).__name__.encode(), object)
    open(path, "w").close()
    results["looped"] = sess.run(looped[1], feeds)
    results["printed_looped"] = written(path)
    caught = os.path.join(folder, "stderr.txt")
    before, sys_before = os.dup(2), sys.stderr
    with open(caught, "w") as sys.stderr:
        os.dup2(sys.stderr.fileno(), 2)
        try:
            for op in to_stderr:
                sess.run(op, feeds)
            for _ in range(3):
                for number, op in enumerate(old):
                    results["old_{}".format(number)] = sess.run(op, feeds)
            results["through"] = sess.run(through, feeds)
            results["branched"] = sess.run(branched, feeds)
            results["branched_no"] = sess.run(branched, {x: [-1.0, 0.5]})
        finally:
            os.dup2(before, 2)
    sys.stderr = sys_before
    results["stderr"] = written(caught)
os.chdir(outside)
