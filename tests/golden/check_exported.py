"""Checks that TensorFlow imports what penstock exports and computes the same (write_exported.py).

It runs in TensorFlow 1.15 and in 2.21.
"""

# ruff: noqa: T201  (a command prints)

from __future__ import annotations

import gzip
import json
import os
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

import numpy as np  # noqa: E402

from tests.golden.arrays import from_plain  # noqa: E402

FOLDER = os.path.join(ROOT, "tests", "golden", "exported")


def differences(tf: Any, name: str) -> list[str]:
    """What TensorFlow gives otherwise for one graph."""
    message = tf.compat.v1.GraphDef()
    with gzip.open(os.path.join(FOLDER, name + ".pb.gz")) as file:
        message.ParseFromString(file.read())
    with open(os.path.join(FOLDER, name + ".json")) as file:
        runs = json.load(file)
    found = []
    with tf.Graph().as_default():
        tf.compat.v1.import_graph_def(message, name="")
        with tf.compat.v1.Session() as sess:
            for run in runs:
                feeds = {key: from_plain(value) for key, value in run["feeds"].items()}
                try:
                    values = sess.run(run["fetches"], feeds)
                except tf.errors.OpError as error:
                    if type(error).__name__ != run.get("error"):
                        found.append(f"{run['fetches']}: {error}")
                    continue
                for place, (fetch, value) in enumerate(zip(run["fetches"], values)):  # noqa: B905
                    plain = run["values"][place]
                    expected = None if plain is None else from_plain(plain)
                    if plain is not None and not np.allclose(value, expected, 1e-4, 1e-5):
                        found.append(f"{fetch}: expected {expected}, got {value}")
    return found


def main() -> int:
    """Checks the graphs named on the command line; none: all."""
    import tensorflow as tf

    tf.compat.v1.disable_eager_execution()
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    names = sorted([name[:-5] for name in os.listdir(FOLDER) if name.endswith(".json")])
    failed = 0
    for name in sys.argv[1:] or names:
        problems = differences(tf, name)
        failed += bool(problems)
        print(tf.__version__, name, "; ".join(problems) or "agrees")
    return failed


if __name__ == "__main__":
    sys.exit(main())
