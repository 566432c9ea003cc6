"""Writes graphs with branches and loops as penstock exports them, and what they compute.

    python tests/golden/write_exported.py [NAME ...]             (none: all)
    ORACLE/bin/python tests/golden/check_exported.py [NAME ...]  (with both TensorFlows)

For each program of tests/formats/exported.py that is exported/NAME.pb.gz, a GraphDef, and
exported/NAME.json: the runs, as record_graphdefs.py writes them. The second command checks that
TensorFlow imports the graphs and computes the same; commit only what both versions agree with.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

import penstock as tf  # noqa: E402
from tests.formats.exported import PROGRAMS  # noqa: E402
from tests.golden.arrays import as_array, to_plain  # noqa: E402

FOLDER = os.path.join(ROOT, "tests", "golden", "exported")


def recorded(sess: Any, feeds: dict[str, Any], fetches: list[str]) -> dict[str, Any]:
    """A run and its values, or the name of its error, as JSON."""
    run: dict[str, Any] = {
        "feeds": {key: to_plain(as_array(value)) for key, value in sorted(feeds.items())},
        "fetches": fetches,
    }
    try:
        values = sess.run(fetches, feeds)
    except tf.errors.OpError as error:
        return {**run, "error": type(error).__name__}
    return {**run, "values": [v if v is None else to_plain(as_array(v)) for v in values]}


def write(program: Any) -> None:
    """Writes one graph and its runs."""
    name = program.__name__
    with tf.Graph().as_default() as graph:
        runs = program(tf)
        with tf.Session() as sess:
            lines = [json.dumps(recorded(sess, *run)) for run in runs]
        content = gzip.compress(graph.as_graph_def().SerializeToString(deterministic=True), mtime=0)
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, name + ".pb.gz"), "wb") as binary:
        binary.write(content)
    with open(os.path.join(FOLDER, name + ".json"), "w") as text:
        text.write("[\n" + ",\n".join(lines) + "\n]\n")


def main() -> None:
    """Writes the programs named on the command line."""
    for program in PROGRAMS:
        if not sys.argv[1:] or program.__name__ in sys.argv[1:]:
            write(program)


if __name__ == "__main__":
    main()
