#!/usr/bin/env python
"""Writes into docs/seeing-runs.md what its examples print.

The page's Python blocks are one program; the text after one of them is what that one printed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "seeing-runs.md"
_FENCE = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)
_BREAK = "=== the next part ===\n"


def parts() -> list[tuple[str, str]]:
    """Returns the parts of the page's program, each with what the page says that it prints."""
    found: list[tuple[str, str]] = []
    for kind, text in _FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "python":
            found.append((text, ""))
        else:
            found[-1] = (found[-1][0], text)
    return found


def printed(folder: Path) -> list[str]:
    """Runs the page's program in a folder; returns what each part prints.

    Raises:
        RuntimeError: it fails.
    """
    program = f"\nprint({_BREAK!r}, end='')\n".join([text for text, _ in parts()])
    (folder / "seeing.py").write_text(program, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "seeing.py"],
        cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=300,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    outputs = done.stdout.replace(f"{folder}{os.sep}", "/home/me/").split(_BREAK)
    return [f"{output.strip(chr(10))}\n" if output.strip() else "" for output in outputs]


def document(outputs: list[str]) -> str:
    """Returns the page with what its parts print."""
    pending = iter([output for output in outputs if output])

    def filled(block: re.Match[str]) -> str:
        return block[0] if block[1] == "python" else f"```text\n{next(pending)}```"

    return _FENCE.sub(filled, PAGE.read_text(encoding="utf-8"))


def main() -> None:
    """Writes the page."""
    with tempfile.TemporaryDirectory() as folder:
        text = document(printed(Path(os.path.realpath(folder))))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
