"""The agent on the cart in its short form: it learns, and the report; stages learn as runs do."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as tf

PROGRAM = Path(__file__).parents[2] / "examples" / "actor_critic.py"


@pytest.fixture(name="example", scope="module")
def fixture_example() -> Any:
    """The program as a module."""
    spec = importlib.util.spec_from_file_location("actor_critic", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_learns_and_reports() -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--short"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[1]), "COLUMNS": "100"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"Mean return ([\d.]+) of 200 after (\d+) episodes", done.stdout)
    assert found is not None, done.stdout
    assert 60 <= float(found[1]) < 100
    assert int(found[2]) < 2000
    assert re.search(r"two stages of one run │ +[\d.]+ ms │ +-?\d+%", done.stdout), done.stdout
    assert re.search(r"Two runs take [\d.]+ times as long as two stages", done.stdout)


def test_two_stages_learn_what_two_runs_learn(example: Any) -> None:
    learned = []
    for way_of in (example.Staged, example.TwoRuns):
        with tf.Graph().as_default():
            tf.set_random_seed(1)
            agent = example.Agent()
            carts = example.CartPoles(1)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                way = way_of(session, agent)
                for _ in range(8):
                    memory, action, value = way.act(carts.state)
                    carts.step(action)
                    way.learn(memory, value + 1.0)
                learned.append((session.run(tf.global_variables()), carts.state))
    for one, other in zip(*learned, strict=True):
        for mine, its in zip(one, other, strict=True):
            np.testing.assert_allclose(mine, its, rtol=1e-4, atol=1e-5)
    heads = learned[0][0][-1]
    assert np.abs(heads).max() > 0.01


def test_xla_would_be_slower_so_nothing_is_compiled(example: Any) -> None:
    """NumPy's cosines are several times faster than those of XLA on CPUs."""
    with tf.Graph().as_default(), tf.Session() as session:
        agent = example.Agent()
        session.run(tf.global_variables_initializer())
        for way in (example.Staged(session, agent), example.TwoRuns(session, agent)):
            for _ in example.practice(way, example.CartPoles(1), 10):
                pass
        explained = session.explain([agent.action, agent.value], [agent.observed])
        assert explained.tier.runs_left is None
        assert not any([stats.compiles for stats in session.run_stats()])


def test_the_poles_fall_without_help_and_time_runs_out_with_it(example: Any) -> None:
    carts = example.CartPoles(1)
    for _ in range(200):
        carts.step(np.ones(example.CARTS, bool))
    assert 8 <= carts.mean_return() <= 11
    carts = example.CartPoles(1)
    for _ in range(200):
        _, speed, angle, spin = carts.state.T
        carts.step(0.1 * speed + angle + 0.5 * spin > 0)
    assert carts.mean_return() == 200
