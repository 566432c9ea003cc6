"""The picture of a traced run, in Chrome's trace format."""

from __future__ import annotations

import itertools
import json
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format

import penstock as tf
from penstock.compat.timeline import Timeline

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "timeline.json"

PROGRAM = """
import json
import tensorflow as tf
from tensorflow.python.client import timeline

x = tf.placeholder(tf.float32, name="x")
y = tf.exp(x, name="y")
metadata = tf.RunMetadata()
options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
with tf.Session() as session:
    session.run(y, {x: 1.0}, options=options, run_metadata=metadata)
text = timeline.Timeline(metadata.step_stats).generate_chrome_trace_format(show_memory=True)
print([event["name"] for event in json.loads(text)["traceEvents"] if event["ph"] == "X"])
"""


@pytest.fixture(autouse=True)
def _graph():
    with tf.Graph().as_default():
        yield


@pytest.fixture
def golden() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text())


@pytest.fixture
def recorded(golden) -> Timeline:
    stats = tf.RunMetadata().step_stats
    text_format.Parse(golden["step_stats"], stats)
    return Timeline(stats)


def events_of(timeline: Timeline, **what: bool) -> list[dict[str, Any]]:
    return json.loads(timeline.generate_chrome_trace_format(**what))["traceEvents"]


def phase(events, *phases):
    return [event for event in events if event["ph"] in phases]


def test_processes_and_bars_are_tensorflows(golden, recorded):
    events = events_of(recorded)
    expected = golden["traceEvents"]
    assert phase(events, "M") == phase(expected, "M")
    bars = phase(expected, "X")
    assert len(bars) == 9
    assert phase(events, "X") == sorted(bars, key=lambda event: event["ts"])


def test_arrows_are_tensorflows(golden, recorded):
    """But for those that would go back in time, and the second of two equal ones."""

    def arrows(events):
        ends = phase(events, "t")
        starts = {event["id"]: event for event in phase(events, "s")}
        assert len(starts) == len(ends)
        keys = ("cat", "name", "pid", "tid", "ts")
        both = [[tuple(e[key] for key in keys) for e in (starts[end["id"]], end)] for end in ends]
        return sorted([pair for pair in both if pair[0][-1] <= pair[1][-1]])

    expected = arrows(golden["traceEvents"])
    found = arrows(events_of(recorded))
    assert len(found) == len(phase(events_of(recorded), "s"))
    assert found == [pair for i, pair in enumerate(expected) if pair not in expected[:i]]
    assert len(found) > 3
    assert not phase(events_of(recorded, show_dataflow=False), "s", "t")


def test_memory_is_tensorflows(golden, recorded):
    """TensorFlow has some ends a microsecond early."""
    events, expected = events_of(recorded, show_memory=True), golden["traceEvents"]
    assert not phase(events_of(recorded), "N", "O", "D", "C")
    for one in "NOD":
        found = {event["name"]: event for event in phase(events, one)}
        recording = {event["name"]: event for event in phase(expected, one)}
        assert found.keys() == recording.keys()
        for name, event in recording.items():
            assert found[name]["ts"] - event["ts"] in (0, 1)
            assert found[name]["pid"] == event["pid"]
    assert [event["args"]["snapshot"].keys() for event in phase(events, "O")] == [
        event["args"]["snapshot"].keys() for event in phase(expected, "O")
    ]
    counts = phase(events, "C")
    assert {event["name"] for event in counts} == {"cpu"}
    assert (counts[0]["args"], counts[-1]["args"]) == ({"cpu": 8}, {"cpu": 0})
    assert all(event["args"]["cpu"] >= 0 for event in counts)


def test_the_maximum_of_memory(golden, recorded):
    maximum = recorded.analyze_step_stats().allocator_maximums["cpu"]
    held = [event["args"]["cpu"] for event in phase(golden["traceEvents"], "C")]
    assert maximum.num_bytes == max(held)
    assert (maximum.timestamp, "cluster_0" in maximum.tensors) == (200, True)


@pytest.mark.parametrize("level", [-1, 1])
def test_the_picture_of_a_run(level):
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    hidden = tf.nn.relu(tf.matmul(x, tf.ones([3, 2]), name="mm"), name="hidden")
    odd = tf.py_func(lambda value: value, [hidden], tf.float32, name="odd")
    loss = tf.reduce_sum(odd, [0, 1], name="loss")
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    metadata = tf.RunMetadata()
    with tf.Session(config=config) as session:
        fed = {x: np.ones((4, 3))}
        assert session.run(loss, fed, tf.RunOptions(trace_level=3), metadata) == 24
    events = events_of(Timeline(metadata.step_stats), show_memory=True)
    timed = [event for event in events if event["ph"] != "M"]
    assert events == phase(events, "M") + timed
    assert [event["ts"] for event in timed] == sorted(event["ts"] for event in timed)
    bars = phase(events, "X")
    for bar, following in itertools.pairwise(bars):
        assert bar["tid"] == 0
        assert bar["ts"] + bar["dur"] <= following["ts"]
    bars = [bar for bar in bars if bar["dur"]]  # a constant takes no time
    names = [bar["args"]["name"] for bar in bars]
    if level == -1:
        assert names == ["mm", "hidden", "odd", "loss"]
        assert bars[1]["args"] == {"name": "hidden", "op": "Relu", "input0": "mm"}
    else:
        assert names == ["cluster_0", "odd", "cluster_1"]
        assert bars[0]["args"]["op"] == "XLA"


def test_an_empty_picture():
    assert events_of(Timeline(tf.RunMetadata().step_stats)) == [
        {"name": "process_name", "ph": "M", "pid": 0, "args": {"name": "Allocators"}}
    ]


def test_programs_find_it_where_tensorflow_has_it(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "penstock.cli", "run", str(path)], capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == ("['Exp']\n", 0), done.stderr
