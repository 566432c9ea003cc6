"""No op without a test: each stands in a graph that the oracle recorded and the tests compare."""

from __future__ import annotations

import json
import pathlib

import penstock  # noqa: F401  (registers the ops)
from penstock.graph.opspec import registered

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"

# Ops that no recorded graph can hold, and the file that tests them instead.
TESTED_ELSEWHERE: dict[str, str] = {
    "If": "tests/ops/test_functional.py",  # TensorFlow makes Switch and Merge of branches and loops
    "While": "tests/ops/test_functional.py",
    "_Arg": "tests/ops/test_functional.py",
    "_StackConcat": "tests/ops/test_stacks.py",
    "_StackJoin": "tests/ops/test_stacks.py",
    "_StackSplit": "tests/ops/test_stacks.py",
    "_StackSum": "tests/ops/test_stacks.py",
    "_StackTake": "tests/ops/test_stacks.py",
    "_StackTakeOrZeros": "tests/ops/test_stacks.py",
    "_StackUnit": "tests/ops/test_stacks.py",
    "_StackZeros": "tests/ops/test_stacks.py",
}


def recorded_ops() -> set[str]:
    """The types of all nodes in the recordings of ops, of their gradients, and of programs."""
    graphs = [json.loads(path.read_text()) for path in (GOLDEN / "graphs").glob("*.json")]
    for path in (GOLDEN / "ops").glob("*.json"):
        for entry in json.loads(path.read_text()).values():
            graphs += [entry.get("nodes", []), entry.get("gradient_nodes", [])]
    return {node[1] for graph in graphs for node in graph}


def test_every_op_has_a_case() -> None:
    """An op's author adds cases to tests/ops/cases, as tests/golden/README.md describes."""
    missing = set(registered()) - recorded_ops() - set(TESTED_ELSEWHERE)
    assert not missing, f"ops without cases in tests/ops/cases: {sorted(missing)}"


def test_exceptions_are_needed() -> None:
    """The exceptions are ops that exist, are in no recording, and have the named test."""
    root = pathlib.Path(__file__).parents[2]
    for op, file in TESTED_ELSEWHERE.items():
        assert op in registered(), f"{op} is no op any more"
        assert op not in recorded_ops(), f"{op} has a case now: take it off the list"
        assert op in (root / file).read_text(), f"{file} does not mention {op}"
