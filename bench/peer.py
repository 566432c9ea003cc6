"""The measuring side: a process of one peer's Python, which reads names and answers in JSON.

    PYTHON bench/peer.py penstock|tensorflow      then a line with a figure's name, again and again

The answer to a name is {"seconds": …} or {"error": …}; the first line of all says versions.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]


def load(library: str) -> tuple[Any, float]:
    """The library under its TensorFlow 1 names, and the seconds that importing it took."""
    start = time.perf_counter()
    if library == "penstock":
        import penstock as tf

        return tf, time.perf_counter() - start
    import tensorflow.compat.v1 as tf

    seconds = time.perf_counter() - start
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    return tf, seconds


def measure(tf: Any, name: str) -> dict[str, Any]:
    """One measurement of one figure."""
    import graphs  # noqa: F401  (these four register the figures)
    import small  # noqa: F401
    import staged  # noqa: F401
    import training  # noqa: F401
    from timing import FIGURES

    try:
        return {"seconds": FIGURES[name].measure(tf)}
    except Exception as error:  # the other figures go on; the table says what failed
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Imports the library, introduces itself, and measures what it is asked for."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    tf, seconds = load(sys.argv[1])
    hello = {
        "import": seconds,
        "version": getattr(tf, "__version__", ""),
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    answers.write(json.dumps(hello) + "\n")
    for line in sys.stdin:
        answer = measure(tf, line.strip())
        answer["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
