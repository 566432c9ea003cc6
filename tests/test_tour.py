"""The tour: programs as TensorFlow 1's users write them: by `penstock run` and as plain Python."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
TOUR = ROOT / "examples" / "tour"

# Lines that each program must print, as patterns. The programs assert their values themselves.
OUTPUT = {
    "01_two_placeholders": [r"5\.0"],
    "02_partial_run": [r"5\.0", r"10\.0", "c was computed 1 time"],
    "03_partial_run_batches": [r"\[\[ 0\.   -2\.  \]", r"\[0\.531\d* +0\.924\d* +0\.817\d*\]"],
    "04_linear_map": [r"1,000 runs of one sample: [\d.]+ s", r"one run of 1,000 samples: [\d.]+ s"],
    "05_running_average": [
        r"assign and variable in one run: 10\.071\d+",
        r"group, then a run of its own:   10\.071\d+",
        r"first values: 9\.7192\d 9\.8622\d 9\.3236\d",
    ],
    "06_logistic_regression": [r"loss 0\.6931 -> 0\.2\d+, accuracy 0\.\d+", "same losses: True"],
    "07_eval": [
        r"right after tf\.Session\(\): 15",
        "in a with block: 15",
        "in an InteractiveSession: 15",
        "without a session: Cannot evaluate tensor using `eval\\(\\)`.*",
    ],
    "08_fetches": [r"\[10, 5, 15\]", "20"],
    "09_sessions_hold_state": [
        "first session: 13",
        "second session: Attempting to use uninitialized value foo",
        "second session, initialized: 42",
        "first session still: 13",
    ],
    "10_counter": [
        "0", "1", "2", "3",
        "new_value: 4, again: 4; the counter is still 3",
    ],
    "11_save_and_restore": [
        r"trained: W = \[2\.000 -3\.000\], b = 0\.500",
        r"saved: checkpoint, model-50\.data-00000-of-00001, model-50\.index, model-50\.meta",
        "restored in a new process, the same: True",
    ],
    "12_print_variable": [
        r"<tf\.Variable 'weights:0' shape=\(2,\) dtype=float32_ref>",
        r'Tensor\("mul:0", shape=\(2,\), dtype=float32\)',
        r"\[1\. 2\.\]",
    ],
}  # fmt: skip


def output_of(*command: str) -> list[str]:
    """The lines that a command prints; fails with all it printed when it does not exit with 0."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout.splitlines()


def assert_printed(program: str, lines: list[str]) -> None:
    """The expected lines stand in the output, in their order."""
    rest = iter(lines)
    for pattern in OUTPUT[program]:
        assert any(re.fullmatch(pattern, line) for line in rest), f"{pattern!r} is not in {lines}"


def test_every_program_is_listed() -> None:
    """A program added to the tour is added here too."""
    assert sorted(OUTPUT) == sorted(path.stem for path in TOUR.glob("*.py"))


@pytest.mark.parametrize("program", OUTPUT)
def test_runs_unchanged(program: str) -> None:
    """`penstock run` runs the script as it stands."""
    lines = output_of("-m", "penstock.cli", "run", str(TOUR / f"{program}.py"))
    assert_printed(program, lines)


@pytest.mark.parametrize("program", OUTPUT)
def test_runs_with_the_import_changed(program: str, tmp_path: pathlib.Path) -> None:
    """With its import line changed, the script is plain Python."""
    source = (TOUR / f"{program}.py").read_text()
    assert source.count("import tensorflow as tf\n") == 1
    copy = tmp_path / f"{program}.py"
    copy.write_text(source.replace("import tensorflow as tf", "import penstock as tf"))
    assert_printed(program, output_of(str(copy)))
