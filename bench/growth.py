"""How times and memory grow with the graph, the feeds, the plans, the threads and the runs.

    python bench/growth.py [--largest N] [--svg FILE] [--markdown FILE]

Each measurement has a process of its own. The picture and the tables of docs/performance.md come
from here (`make growth`).
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from chart import Line, Panel, draw  # noqa: E402

Figures = dict[str, float]


def peak_bytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def resident_bytes() -> float:
    """The memory that this process has now."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return float(pages * resource.getpagesize())


def seconds_of(call: Callable[[], Any], budget: float = 0.5) -> float:
    """The least time that a call takes: others on the machine only add to it."""
    best, spent = float("inf"), 0.0
    while spent < budget:
        start = time.perf_counter()
        call()
        taken = time.perf_counter() - start
        best, spent = min(best, taken), spent + taken
    return best


def graph_of_size(count: int) -> Figures:
    """A chain of ops on 16 elements: building it, its first run and later ones, and its memory."""
    import numpy as np

    import penstock as tf

    before = peak_bytes()
    x = tf.placeholder(tf.float32, [16])
    start = time.perf_counter()
    y = x
    for number in range(count):
        y = tf.tanh(y) if number % 2 else y + x
    built = time.perf_counter() - start
    memory = peak_bytes() - before
    value = np.ones(16, np.float32)
    with tf.Session() as sess:
        start = time.perf_counter()
        sess.run(y, {x: value})
        first = time.perf_counter() - start
        for _ in range(3):
            sess.run(y, {x: value})
        later = seconds_of(lambda: sess.run(y, {x: value}))
        node = x.graph.get_operations()[min(count, 10)].outputs[0]
        start = time.perf_counter()
        sess.run(node, {x: value})
        one = time.perf_counter() - start
    return {
        "build": built, "first run": first, "run": later, "one node": one,
        "bytes": memory, "bytes, run": peak_bytes() - before,
    }  # fmt: skip


def feed_of_size(count: int) -> Figures:
    """A run that adds one to what is fed, beside NumPy's own addition."""
    import numpy as np

    import penstock as tf

    x = tf.placeholder(tf.float32, [None])
    y = x + 1.0
    value = np.ones(count, np.float32)
    with tf.Session() as sess:
        for _ in range(5):
            sess.run(y, {x: value})
        run = seconds_of(lambda: sess.run(y, {x: value}))
    return {"run": run, "NumPy": seconds_of(lambda: value + np.float32(1.0))}


def plans(count: int) -> Figures:
    """So many different runs of one session: what a run takes that was seen before."""
    import penstock as tf

    x = tf.placeholder(tf.float32, [])
    fetches = [x + float(number) for number in range(count)]
    with tf.Session() as sess:
        for fetch in fetches:
            for _ in range(4):
                sess.run(fetch, {x: 1.0})

        def all_of_them() -> None:
            for fetch in fetches:
                sess.run(fetch, {x: 1.0})

        return {"run": seconds_of(all_of_them) / count}


def threads(count: int) -> Figures:
    """So many threads that run one session at once, 2,000 runs in all."""
    import penstock as tf

    x = tf.placeholder(tf.float32, [])
    y = x + 1.0
    with tf.Session() as sess:
        for _ in range(5):
            sess.run(y, {x: 1.0})

        def some() -> None:
            for _ in range(2000 // count):
                sess.run(y, {x: 1.0})

        def together() -> None:
            workers = [threading.Thread(target=some) for _ in range(count)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()

        return {"run": seconds_of(together) / 2000}


def training(count: int) -> Figures:
    """`count` parameters trained with Adam: peak memory, against weights, slots and a gradient."""
    import numpy as np

    import penstock as tf
    from penstock.runtime.xla import load_jax

    load_jax()  # the libraries' own memory is not meant
    width = int(count**0.5)
    x = tf.placeholder(tf.float32, [None, width])
    weights = tf.get_variable("w", [width, width], initializer=tf.zeros_initializer())
    loss = tf.reduce_mean(tf.square(tf.matmul(x, weights) - x))
    step = tf.train.AdamOptimizer(0.001).minimize(loss)
    before = resident_bytes()
    value = np.ones((4, width), np.float32)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(12):
            sess.run(step, {x: value})
    needed = 4.0 * width * width * 4  # weights, two slots, one gradient, in float32
    return {"bytes": peak_bytes() - before, "of what is needed": (peak_bytes() - before) / needed}


def runs(count: int) -> Figures:
    """So many runs: the memory after them, and what it was after the first thousandth."""
    import penstock as tf

    x = tf.placeholder(tf.float32, [None])
    v = tf.get_variable("v", [8], initializer=tf.zeros_initializer())
    update = v.assign_add(tf.ones([8]) * tf.reduce_sum(x))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        value = [1.0, 2.0, 3.0]
        for _ in range(count // 1000):
            sess.run(update, {x: value})
        before = resident_bytes()
        for _ in range(count - count // 1000):
            sess.run(update, {x: value})
        return {"bytes grown": resident_bytes() - before}


MEASUREMENTS: dict[str, Callable[[int], Figures]] = {
    f.__name__: f for f in (graph_of_size, feed_of_size, plans, threads, training, runs)
}


def measure(name: str, size: int) -> Figures:
    """One measurement, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", name, str(size)], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{name} {size} failed:\n{done.stderr}")
    figures: Figures = json.loads(done.stdout)
    print(f"{name} {size:,}: {figures}", file=sys.stderr)
    return figures


def powers(first: int, last: int) -> list[int]:
    """The powers of ten from one to another."""
    sizes = [first]
    while sizes[-1] * 10 <= last:
        sizes.append(sizes[-1] * 10)
    return sizes


def panels(found: dict[str, dict[int, Figures]]) -> list[Panel]:
    """The picture's parts."""

    def line(name: str, figure: str, each: bool = False) -> Line:
        points = [
            (size, figures[figure] * 1e6 / (size if each else 1))
            for size, figures in found[name].items()
        ]
        return Line(figure, points)

    graphs = [line("graph_of_size", f, each=True) for f in ("build", "first run", "run")]
    return [
        Panel("ops in the graph", "µs for each op", graphs),
        Panel("elements that are fed", "µs for a run", [
            line("feed_of_size", "run"), line("feed_of_size", "NumPy"),
        ]),
        Panel("plans in the session", "µs for a run", [line("plans", "run")]),
        Panel("threads", "µs for a run, all together", [line("threads", "run")]),
    ]  # fmt: skip


def tables(found: dict[str, dict[int, Figures]]) -> str:
    """The figures as Markdown."""
    lines = [
        "| ops | building, µs an op | first run, µs an op | run, µs an op | one node "
        "| bytes an op | with its runs |",
        "|---|---|---|---|---|---|---|",
    ]
    for size, f in found["graph_of_size"].items():
        times = [f"{f[name] * 1e6 / size:.3g}" for name in ("build", "first run", "run")]
        memory = [f"{f[name] / size:,.0f}" for name in ("bytes", "bytes, run")]
        cells = [f"{size:,}", *times, f"{f['one node'] * 1e6:.0f} µs", *memory]
        lines.append(f"| {' | '.join(cells)} |")
    for size, f in found["training"].items():
        lines += [
            "",
            f"{size:,} parameters trained with Adam take {f['bytes'] / 1e9:.2f} GB at most: "
            f"{f['of what is needed']:.2f} times weights, slots and one gradient.",
        ]
    for size, f in found["runs"].items():
        lines += ["", f"After {size:,} runs the process has {f['bytes grown'] / 1e6:+.1f} MB."]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measures all, and writes the picture and the tables."""
    parser = argparse.ArgumentParser(prog="growth", description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000, help="ops of the largest graph")
    parser.add_argument("--svg", help="where to write the picture")
    parser.add_argument("--markdown", help="where to write the tables")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(MEASUREMENTS[options.one[0]](int(options.one[1]))))
        return 0
    sizes = {
        "graph_of_size": powers(100, options.largest),
        "feed_of_size": powers(1, 10_000_000),
        "plans": powers(1, 10_000),
        "threads": [1, 2, 4, 8, 16],
        "training": [100_000_000],
        "runs": [1_000_000],
    }
    found = {name: {n: measure(name, n) for n in numbers} for name, numbers in sizes.items()}
    if options.svg:
        pathlib.Path(options.svg).write_text(draw(panels(found)))
    text = tables(found)
    if options.markdown:
        pathlib.Path(options.markdown).write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
