"""`import penstock` stays light: what is heavy is imported where it is first used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LATE = ("jax", "jaxlib", "tensorboard", "google.protobuf", "ray", "rich", "PIL")
LATE_SCIPY = ("scipy.linalg", "scipy.signal", "scipy.sparse", "scipy.stats", "scipy.optimize")


def test_heavy_packages_are_imported_late() -> None:
    program = (
        "import sys, penstock\n"
        f"print([name for name in {LATE + LATE_SCIPY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
