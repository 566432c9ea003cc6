"""The benchmark: what its table and its file say, and that figures measure what they name."""

from __future__ import annotations

import importlib
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as tf

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture(name="bench")
def fixture_bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives the modules of bench/, which import each other by their plain names."""
    monkeypatch.syspath_prepend(str(BENCH))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (
            getattr(sys.modules[name], "__file__", None)
            and BENCH == Path(str(sys.modules[name].__file__)).parent
        ):
            del sys.modules[name]


def peers(bench: Any, **peak_bytes: int) -> list[Any]:
    """Peers that have measured already."""
    found = []
    for name, peak in peak_bytes.items():
        peer = bench("run").Peer(name, sys.executable)
        peer.peak_bytes = peak
        found.append(peer)
    return found


def test_a_row_tells_how_many_times_faster_than_the_best_peer(bench: Any) -> None:
    sides = peers(bench, penstock=1, tf1=1, tf2=1)
    rounds = {"penstock": [1e-3, 9.0, 2e-3], "tf1": [8e-3], "tf2": [6e-3]}
    cells = bench("run").row("MLP step 8×32 Adam", rounds, sides)
    assert cells == ["MLP step 8×32 Adam", "2 ms", "8 ms", "6 ms", "3.0×"]


def test_the_peak_memory_is_a_row(bench: Any) -> None:
    run = bench("run")
    sides = peers(bench, penstock=400_000_000, tf1=600_000_000, tf2=900_400_000)
    ((name, rounds),) = run.peak_memory(sides).items()
    assert rounds == {"penstock": [400_000_000], "tf1": [600_000_000], "tf2": [900_400_000]}
    assert run.row(name, rounds, sides)[1:] == ["400 MB", "600 MB", "900 MB", "1.5×"]


def test_processes_of_their_own_have_no_row_of_memory(bench: Any) -> None:
    assert bench("run").peak_memory(peers(bench, penstock=0, tf1=0)) == {}


def test_the_file_has_each_round_and_the_memory(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [
            sys.executable, BENCH / "run.py", "--rounds", "2", "--json", file,
            "--only", "10,000-op graph, build",
        ],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads(file.read_text(encoding="utf-8"))
    seconds = record["seconds"]["10,000-op graph, build"]["penstock"]
    assert len(seconds) == 2
    assert all(0 < second < 60 for second in seconds)
    (peak,) = record["bytes"]["peak memory of all that"]["penstock"]
    assert 20e6 < peak < 1e9
    assert "peak memory of all that" in done.stdout
    assert record["failed"] == []


def test_a_run_of_the_large_graph_needs_all_of_its_operations(bench: Any) -> None:
    graphs = bench("graphs")
    x, y = graphs.large_graph(tf)
    ops = x.graph.get_operations()
    assert [op.type for op in ops[:4]] == ["Placeholder", "AddV2", "Tanh", "AddV2"]
    assert len(ops) == 10_001
    assert ops[-1] is y.op
    assert all(op.inputs[0].op is before for before, op in itertools.pairwise(ops))
    expected = np.ones(16)
    for number in range(graphs.EARLY):
        expected = np.tanh(expected) if number % 2 else expected + 1
    with tf.Session() as sess:
        early = graphs.early_node(sess, x, y)()
    np.testing.assert_allclose(early, expected, rtol=1e-6)


def test_the_number_of_different_ids_changes_from_step_to_step(bench: Any) -> None:
    batches = bench("training").id_batches(np.random.RandomState(0))
    assert len(batches) == 32
    different = [len(np.unique(ids)) for ids, _ in batches]
    assert len(set(different)) > 4
    assert {(ids.shape, labels.shape) for ids, labels in batches} == {((512,), (512,))}
