"""The search for a Python that `make` can build on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "pythons.sh"


def pythons(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the PATH, with a Python of 3.9, one that does not run, and this one."""
    programs = {
        "python3.13": "exit 127",
        "python3.12": f'exec "{sys.executable}" "$@"',
        "python3": 'case "$1" in --version) echo "Python 3.9.1" ;; *) exit 1 ;; esac',
    }
    for name, body in programs.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    return tmp_path


def test_only_those_that_run_and_are_new_enough_are_listed(folder: Path) -> None:
    found = pythons(PATH=f"{folder}:/usr/bin:/bin", PYENV_ROOT=str(folder / "none")).stdout.split()
    assert found[0] == str(folder / "python3.12")
    assert not {str(folder / "python3.13"), str(folder / "python3")} & set(found)


def test_a_version_managers_copies_are_found(folder: Path) -> None:
    copy = folder / "versions" / "3.12.1" / "bin" / "python"
    copy.parent.mkdir(parents=True)
    (folder / "python3.12").rename(copy)
    found = pythons(PATH=f"{folder}:/usr/bin:/bin", PYENV_ROOT=str(folder)).stdout.split()
    assert found[0] == str(copy)


def test_each_version_is_listed_once(folder: Path) -> None:
    (folder / "python3.11").symlink_to(folder / "python3.12")
    found = pythons(PATH=f"{folder}:/usr/bin:/bin", PYENV_ROOT=str(folder / "none")).stdout.split()
    assert str(folder / "python3.11") not in found


def test_the_named_one_is_checked(folder: Path) -> None:
    good = pythons(sys.executable)
    assert (good.stdout.strip(), good.returncode) == (sys.executable, 0)
    old = pythons(str(folder / "python3"))
    assert old.returncode == 1
    assert "needs Python 3.11 or later" in old.stderr
    assert "Python 3.9.1" in old.stderr
    assert "no such command" in pythons("no-such-python").stderr
