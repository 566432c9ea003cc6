"""The demo in its short form: training, the report, the checkpoint, the program that reads it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / program), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "COLUMNS": "100"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the short training printed, and where it put the checkpoint."""
    folder = tmp_path_factory.mktemp("digits") / "demo"
    return run("digits.py", "--short", "--output", str(folder)), folder


def test_three_epochs_recognize_nine_of_ten(trained: tuple[str, Path]) -> None:
    printed, folder = trained
    found = re.search(r"Test accuracy ([\d.]+)%; the weights are in (.*)", printed)
    assert found is not None, printed
    assert float(found[1]) >= 90.0
    assert found[2] == str(folder / "digits-66")
    assert len(re.findall(r"│ +\d │ +\d+ │ +\d+ │ +[\d.]+% │", printed)) == 10


def test_the_checkpoint_classifies(trained: tuple[str, Path]) -> None:
    printed = run("classify.py", "--output", str(trained[1]), "--count", "20")
    assert printed.count("right") >= 16, printed
    assert printed.count("right") + printed.count("wrong: it is a") == 20


def test_without_a_checkpoint_the_program_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "classify.py"), "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == f"No checkpoint in {tmp_path}: run digits.py first.\n"
