"""Runs a TF1 script in this process, on a library of choice, and hands over the graph it leaves.

Python 3.7 reads this file too: the oracle records with it.
"""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import sys
import tempfile
from typing import Any

from tests.graph_diff import outside_regions, plain_graph

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = (os.path.join(ROOT, "examples", "tour"), os.path.join(ROOT, "tests", "programs"))


def programs(folder: str) -> list[str]:
    """The names of the scripts in a folder."""
    return sorted(name[:-3] for name in os.listdir(folder) if name.endswith(".py"))


def find(program: str) -> str:
    """The path of a program given by path, or by name in the tour or among the programs."""
    candidates = [program] + [os.path.join(folder, program + ".py") for folder in FOLDERS]
    for path in candidates:
        if os.path.isfile(path):
            return path
    raise FileNotFoundError(f"{program}: no such file, and no such program in {FOLDERS}")


def run_program(tf: Any, program: str) -> dict[str, Any]:
    """Runs a script on the library `tf`, in a new default graph; gives the script's globals.

    The script runs from a copy with its import line changed, so that a process that it starts of
    itself finds the same library.
    """
    with open(find(program)) as file:
        source = file.read().replace("import tensorflow as tf", f"import {tf.__name__} as tf")
    tf.reset_default_graph()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        copy = os.path.join(folder, os.path.basename(find(program)))
        with open(copy, "w") as file:
            file.write(source)
        with started_as(copy):
            return runpy.run_path(copy, run_name="__main__")


@contextlib.contextmanager
def started_as(script: str) -> Any:
    """While inside, the process looks as if started by `python script`, the project on its path."""
    before = sys.argv, getattr(sys, "orig_argv", None), os.environ.get("PYTHONPATH")
    sys.argv, sys.orig_argv = [script], [sys.executable, script]  # type: ignore[attr-defined]
    os.environ["PYTHONPATH"] = ROOT
    try:
        yield
    finally:
        sys.argv, sys.orig_argv = before[0], before[1] or before[0]  # type: ignore[attr-defined]
        os.environ.pop("PYTHONPATH")
        if before[2] is not None:
            os.environ["PYTHONPATH"] = before[2]


def graph_of(tf: Any, program: str) -> tuple[list[list[Any]], dict[str, Any]]:
    """The graph that a program leaves, as plain data, and the program's globals.

    The graph is the one the program calls `graph`, or else the default one, without what belongs to
    branches and loops.
    """
    names = run_program(tf, program)
    graph = names.get("graph", tf.get_default_graph())
    return outside_regions(plain_graph(graph.as_graph_def())), names
