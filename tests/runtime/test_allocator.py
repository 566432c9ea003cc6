"""Freed memory is kept for the next op, not handed back and out again page by page."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from penstock.runtime.allocator import _is_glibc

pytestmark = pytest.mark.skipif(not _is_glibc(), reason="the C library is not glibc")

PROGRAM = """
import resource
import numpy as np
import penstock as tf

x = tf.placeholder(tf.float32, [200_000])
y = tf.reduce_sum((x + 1.0) * (x - 1.0))
config = tf.ConfigProto()
config.graph_options.optimizer_options.global_jit_level = -1
with tf.Session(config=config) as session:
    feed = {x: np.ones(200_000, np.float32)}
    for _ in range(10):
        session.run(y, feed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        session.run(y, feed)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""

MEMORY_PROGRAM = """
import resource
import numpy as np
import penstock as tf

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6

config = tf.ConfigProto()
config.graph_options.optimizer_options.global_jit_level = -1
variables = [tf.get_variable(f"v{n}", [1_000_000]) for n in range(12)]  # 48 MB
step = tf.group(*[v.assign_add(tf.ones([1_000_000])) for v in variables])
small = tf.get_variable("small", [])
with tf.Session(config=config) as session:
    session.run(small.initializer)
    session.run(small + 1.0)
    before = resident()
    session.run(tf.global_variables_initializer())
    session.run(step)
    kept = session.run(variables)[-1]  # stands at the end of the heap
    during = resident()
print(during - before, resident() - before)
"""


def output_of(program: str, **environment: str) -> list[float]:
    """The numbers that a program prints in a process of its own."""
    inherited = {name: text for name, text in os.environ.items() if "MALLOC" not in name}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**inherited, **environment},
    )
    return [float(number) for number in done.stdout.split()]


def faults_of_a_run(**environment: str) -> float:
    """The pages that a run of three arrays of 195 pages each is handed out."""
    (faults,) = output_of(PROGRAM, **environment)
    return faults


def test_a_run_gets_the_memory_of_the_one_before() -> None:
    assert faults_of_a_run() < 20


def test_what_the_user_says_counts() -> None:
    assert faults_of_a_run(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > 300


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc")
def test_a_closed_session_gives_its_memory_back() -> None:
    during, after = output_of(MEMORY_PROGRAM)
    assert during > 48
    assert after < 20
