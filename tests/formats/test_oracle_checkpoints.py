"""TensorFlow loads what penstock writes: runs where PENSTOCK_ORACLE names TF 1.15's Python."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.formats.saving import GOLDEN, write_all

ORACLE = os.environ.get("PENSTOCK_ORACLE")


@pytest.mark.skipif(not ORACLE, reason="PENSTOCK_ORACLE names no Python with TensorFlow 1.15")
def test_tensorflow_loads_what_penstock_writes(tmp_path: Path) -> None:
    write_all(tmp_path)
    done = subprocess.run(
        [str(ORACLE), GOLDEN / "load.py", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    newest = str(tmp_path / "partitioned-3")
    assert done.stdout.split() == [
        "types", "strings", "many", "partitioned-3", "sharded", newest,
    ]  # fmt: skip
