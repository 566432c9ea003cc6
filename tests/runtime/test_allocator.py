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


def faults_of_a_run(**environment: str) -> float:
    """The pages that a run of three arrays of 195 pages each is handed out."""
    inherited = {name: text for name, text in os.environ.items() if "MALLOC" not in name}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**inherited, **environment},
    )
    return float(done.stdout)


def test_a_run_gets_the_memory_of_the_one_before() -> None:
    assert faults_of_a_run() < 20


def test_what_the_user_says_counts() -> None:
    assert faults_of_a_run(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > 300
