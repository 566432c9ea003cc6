"""Graphs with branches and loops that TensorFlow stored give the values that they gave there."""

from __future__ import annotations

import gzip
import json
import pathlib
from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.golden.arrays import from_plain

FOLDER = pathlib.Path(__file__).parents[1] / "golden" / "graphdefs"
NAMES = sorted([path.stem for path in FOLDER.glob("*.json")])


def load(name: str) -> None:
    """Puts a stored graph into the default graph."""
    from tensorboard.compat.proto import graph_pb2, meta_graph_pb2

    path = FOLDER / f"{name}.meta.gz"
    if path.exists():
        message = meta_graph_pb2.MetaGraphDef.FromString(gzip.decompress(path.read_bytes()))
        tf.train.import_meta_graph(message)
        return
    content = gzip.decompress((FOLDER / f"{name}.pb.gz").read_bytes())
    tf.import_graph_def(graph_pb2.GraphDef.FromString(content), name="")


def recorded_runs(name: str) -> list[dict[str, Any]]:
    """The runs of a recording: feeds, fetches and their values, as arrays."""
    runs = json.loads((FOLDER / f"{name}.json").read_text())
    return [
        {
            "feeds": {key: from_plain(value) for key, value in run["feeds"].items()},
            "fetches": run["fetches"],
            "values": [None if value is None else from_plain(value) for value in run["values"]],
        }
        for run in runs
    ]


def check_runs(name: str, level: int) -> None:
    """Runs what was recorded in a new session, and compares."""
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Session(config=config) as sess:
        for run in recorded_runs(name):
            values = sess.run(run["fetches"], run["feeds"])
            for fetch, value, expected in zip(run["fetches"], values, run["values"], strict=True):
                if expected is None:
                    assert value is None, fetch
                    continue
                assert np.asarray(value).dtype == expected.dtype, fetch
                np.testing.assert_allclose(value, expected, rtol=2e-5, atol=1e-6, err_msg=fetch)


@pytest.mark.parametrize("level", [-1, 1], ids=["interpreted", "compiled"])
@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_tensorflow(name: str, level: int) -> None:
    """Whichever way the stored graph has its control flow."""
    with tf.Graph().as_default():
        load(name)
        check_runs(name, level)
