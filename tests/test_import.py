"""`import penstock` stays light: what is heavy is imported where it is first used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LATE = ("jax", "jaxlib", "tensorboard", "google.protobuf", "ray", "rich", "PIL")
LATE_PARTS = ("penstock.formats.graphdef", "penstock.session.advise", "penstock.session.explain")
LATE_SCIPY = ("scipy.linalg", "scipy.signal", "scipy.sparse", "scipy.stats", "scipy.optimize")


def test_heavy_packages_are_imported_late() -> None:
    program = (
        "import sys, penstock\n"
        f"print([name for name in {LATE + LATE_PARTS + LATE_SCIPY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_garbage_is_looked_for_as_before() -> None:
    program = (
        "import gc, sys\n"
        "gc.disable() if sys.argv[1] == 'off' else gc.enable()\n"
        "import penstock\n"
        "print(gc.isenabled())"
    )
    for setting, found in (("on", "True\n"), ("off", "False\n")):
        done = subprocess.run(
            [sys.executable, "-c", program, setting],
            capture_output=True, text=True, cwd=ROOT, timeout=60,
        )  # fmt: skip
        assert done.stdout == found, done.stderr
