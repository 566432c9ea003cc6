"""Records the graphs, and the values, that programs give in TensorFlow 1.15.

    ORACLE/bin/python tests/golden/record_graphs.py [PROGRAM ...]      (none: all)

Programs are those of examples/tour (graphs only: they assert their values) and of tests/programs
(which leave a dict `results`). The recordings are graphs/PROGRAM.json and values/PROGRAM.json here.
"""

# ruff: noqa: T201  (a command prints)

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from tests.golden.arrays import as_array, to_plain  # noqa: E402
from tests.graph_diff import dump, plain_graph  # noqa: E402
from tests.running import FOLDERS, graph_of, programs  # noqa: E402

# These go on where TensorFlow 1.15 stops with an error; their graphs are complete by then.
BEYOND_TENSORFLOW = ("03_partial_run_batches", "07_eval")


def record(tf: Any, program: str) -> None:
    """Writes the recordings of one program."""
    try:
        graph, names = graph_of(tf, program)
    except (tf.errors.InvalidArgumentError, ValueError):
        if program not in BEYOND_TENSORFLOW:
            raise
        graph, names = plain_graph(tf.get_default_graph().as_graph_def()), {}
    write("graphs", program, dump(graph))
    if "results" in names:
        values = {key: to_plain(as_array(value)) for key, value in sorted(names["results"].items())}
        lines = [f"{json.dumps(key)}: {json.dumps(plain)}" for key, plain in values.items()]
        write("values", program, "{\n" + ",\n".join(lines) + "\n}\n")


def write(folder: str, program: str, text: str) -> None:
    """Writes one recording."""
    path = os.path.join(ROOT, "tests", "golden", folder)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, program + ".json"), "w") as file:
        file.write(text)


def main() -> None:
    """Records the programs named on the command line."""
    import tensorflow as tf

    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    if not tf.__version__.startswith("1.15"):
        raise SystemExit("the oracle is TensorFlow 1.15, this is " + tf.__version__)
    for program in sys.argv[1:] or [name for folder in FOLDERS for name in programs(folder)]:
        record(tf, os.path.splitext(os.path.basename(program))[0])
        print(program, "recorded")


if __name__ == "__main__":
    main()
