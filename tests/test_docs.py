"""The examples in docs/seeing-runs.md run, and print what stands below them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "seeing-runs.md"
_FENCE = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)
_BREAK = "=== the next part ===\n"


def parts() -> list[tuple[str, str]]:
    """The program's parts, each with what the page says that it prints."""
    found: list[tuple[str, str]] = []
    for kind, text in _FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "python":
            found.append((text, ""))
        else:
            found[-1] = (found[-1][0], text)
    return found


def comparable(text: str) -> list[str]:
    """The lines without what differs from run to run: times, and the width of columns.

    The kinds of runs are sorted by how long they took: they are sorted by name.
    """
    text = re.sub(r"\b\d[\d.,]* (ns|µs|ms|s)\b", "TIME", text)
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    return sorted(lines) if lines and lines[0].startswith("run calls") else lines


@pytest.fixture(scope="module", name="printed")
def fixture_printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each part of the page's program prints."""
    folder = tmp_path_factory.mktemp("docs")
    program = f"\nprint({_BREAK!r}, end='')\n".join([text for text, _ in parts()])
    (folder / "seeing.py").write_text(program, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "seeing.py"],
        cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.replace(f"{folder}{os.sep}", "/home/me/").split(_BREAK)


@pytest.mark.parametrize("number", range(len(parts())))
def test_a_part_prints_what_stands_below_it(printed: list[str], number: int) -> None:
    _, said = parts()[number]
    assert comparable(printed[number]) == comparable(said)
