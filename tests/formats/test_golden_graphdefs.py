"""Stored graphs with branches and loops give the values that they gave when they were stored.

TensorFlow stored some (tests/golden/graphdefs), penstock others (tests/golden/exported).
"""

from __future__ import annotations

import gzip
import json
import pathlib
from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.golden.arrays import from_plain

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
FOLDER = GOLDEN / "graphdefs"
EXPORTED = GOLDEN / "exported"
STORED = sorted([path for folder in (FOLDER, EXPORTED) for path in folder.glob("*.json")])


def load(name: str, folder: pathlib.Path = FOLDER) -> None:
    """Puts a stored graph into the default graph."""
    from tensorboard.compat.proto import graph_pb2, meta_graph_pb2

    path = folder / f"{name}.meta.gz"
    if path.exists():
        message = meta_graph_pb2.MetaGraphDef.FromString(gzip.decompress(path.read_bytes()))
        tf.train.import_meta_graph(message)
        return
    content = gzip.decompress((folder / f"{name}.pb.gz").read_bytes())
    tf.import_graph_def(graph_pb2.GraphDef.FromString(content), name="")


def recorded_runs(name: str, folder: pathlib.Path = FOLDER) -> list[dict[str, Any]]:
    """The runs of a recording: feeds, fetches and their values, as arrays; or an error's class."""
    runs = json.loads((folder / f"{name}.json").read_text())
    return [
        {
            "feeds": {key: from_plain(value) for key, value in run["feeds"].items()},
            "fetches": run["fetches"],
            "error": run.get("error"),
            "values": [
                None if value is None else from_plain(value) for value in run.get("values", ())
            ],
        }
        for run in runs
    ]


def check_runs(runs: list[dict[str, Any]], level: int) -> None:
    """Runs what was recorded in a new session, and compares."""
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Session(config=config) as sess:
        for run in runs:
            if run["error"]:
                with pytest.raises(getattr(tf.errors, run["error"])):
                    sess.run(run["fetches"], run["feeds"])
                continue
            values = sess.run(run["fetches"], run["feeds"])
            for fetch, value, expected in zip(run["fetches"], values, run["values"], strict=True):
                if expected is None:
                    assert value is None, fetch
                    continue
                assert np.asarray(value).dtype == expected.dtype, fetch
                np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5, err_msg=fetch)


@pytest.mark.parametrize("level", [-1, 1], ids=["interpreted", "compiled"])
@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_values_are_those_of_tensorflow(path: pathlib.Path, level: int) -> None:
    """Whichever way the stored graph has its control flow."""
    with tf.Graph().as_default():
        load(path.stem, path.parent)
        check_runs(recorded_runs(path.stem, path.parent), level)
