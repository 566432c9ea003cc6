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


def test_numbers_of_a_seeded_numpy_stay_the_programs_own() -> None:
    """Data that a program draws between its runs is the same whether or not they are compiled."""
    program = (
        "import sys, random\n"
        "import numpy as np, penstock as tf\n"
        "np.random.seed(0), random.seed(0)\n"
        "config = tf.ConfigProto()\n"
        "config.graph_options.optimizer_options.global_jit_level = int(sys.argv[1])\n"
        "x = tf.placeholder(tf.float32, [3])\n"
        "tf.Session(config=config).run(tf.tanh(x) * 2.0, {x: np.ones(3)})\n"
        "print('jax' in sys.modules, np.random.randint(10**9), random.random())"
    )
    for level, compiled in (("-1", "False"), ("1", "True")):
        done = subprocess.run(
            [sys.executable, "-c", program, level],
            capture_output=True, text=True, cwd=ROOT, timeout=60,
        )  # fmt: skip
        # np.random.seed(0); np.random.randint(10**9) and random.seed(0); random.random()
        assert done.stdout == f"{compiled} 209652396 0.8444218515250481\n", done.stderr
