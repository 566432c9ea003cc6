"""Learns to balance a pole on a cart. The agent acts in the first stage of a run, and learns in
the second, from what the first has computed already.

The program is TensorFlow 1's in all but its import. It ends with how much time the two stages
saved against two separate runs.
"""

from __future__ import annotations

import argparse
import time
from collections import deque

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import penstock as tf

SEED = 1
CARTS = 64
FEATURES = 2048
LONGEST = 200  # steps of an episode; the return is their number
SOLVED = 195  # mean return of the last 100 episodes
DISCOUNT = 0.98
RATE = 0.5
MOST_STEPS = 20_000
WARM_UP = 3  # rounds before those that are timed


class CartPoles:
    """Carts on a track, each with a pole that it must keep upright by pushes to left or right.

    The physics are those of Barto, Sutton and Anderson, "Neuronlike adaptive elements that can
    solve difficult learning control problems" (1983). An episode ends when the pole leans by 12
    degrees, when the cart is 2.4 m off, or after 200 steps; the cart then starts anew.

    Attributes:
        state: float32 [carts, 4]: position, velocity, angle, angular velocity.
        returns: the returns of the last 100 episodes.
        episodes: how many have ended.
    """

    GRAVITY = 9.8
    CART, POLE, HALF_LENGTH = 1.0, 0.1, 0.5  # kg, kg, m
    PUSH, TICK = 10.0, 0.02  # N, s
    FARTHEST, STEEPEST = 2.4, np.deg2rad(12)

    def __init__(self, seed):
        self._random = np.random.RandomState(seed)
        self.state = self._starts(CARTS)
        self._age = np.zeros(CARTS, int)
        self.returns = deque(maxlen=100)
        self.episodes = 0

    def _starts(self, count):
        return self._random.uniform(-0.05, 0.05, (count, 4)).astype(np.float32)

    def step(self, pushes_right):
        """Pushes each cart; returns (fell, timed_out), bool [carts]."""
        _, speed, angle, spin = self.state.T
        force = np.where(pushes_right, self.PUSH, -self.PUSH).astype(np.float32)
        sine, cosine = np.sin(angle), np.cos(angle)
        mass = self.CART + self.POLE
        moment = self.POLE * self.HALF_LENGTH
        push = (force + moment * spin**2 * sine) / mass
        spin_up = (self.GRAVITY * sine - cosine * push) / (
            self.HALF_LENGTH * (4 / 3 - self.POLE * cosine**2 / mass)
        )
        speed_up = push - moment * spin_up * cosine / mass
        self.state = self.state + self.TICK * np.stack([speed, speed_up, spin, spin_up], 1)
        self._age += 1
        fell = (np.abs(self.state[:, 0]) > self.FARTHEST) | (
            np.abs(self.state[:, 2]) > self.STEEPEST
        )
        timed_out = (self._age >= LONGEST) & ~fell
        ended = fell | timed_out
        if ended.any():
            self.returns.extend(self._age[ended])
            self.episodes += int(ended.sum())
            self._age[ended] = 0
            self.state[ended] = self._starts(int(ended.sum()))
        return fell, timed_out

    def mean_return(self):
        return float(np.mean(self.returns)) if self.returns else 0.0


class Agent:
    """The graph: an actor and a critic, both linear in the same features of what is observed.

    The features are random cosines: Rahimi and Recht, "Random features for large-scale kernel
    machines" (2007). The critic learns from the error of its value, and the actor from how
    surprising its action was, weighed by that error: Sutton and Barto, "Reinforcement learning",
    2nd edition, section 13.5. What is linear needs no `tf.gradients`.
    """

    def __init__(self):
        self.observed = tf.placeholder(tf.float32, [CARTS, 4], name="observed")
        self.target = tf.placeholder(tf.float32, [CARTS], name="target")

        usual = tf.constant([2.4, 2.0, 0.2, 2.0])  # the size of what is observed
        directions = tf.get_variable(
            "directions", [4, FEATURES], initializer=tf.random_normal_initializer(), trainable=False
        )
        phases = tf.get_variable(
            "phases",
            [FEATURES],
            initializer=tf.random_uniform_initializer(0.0, 2 * np.pi),
            trainable=False,
        )
        waves = tf.cos(tf.matmul(self.observed / usual, directions) + phases)
        features = waves * np.float32(np.sqrt(2.0 / FEATURES))

        heads = tf.get_variable("heads", [FEATURES, 2], initializer=tf.zeros_initializer())
        preference, self.value = tf.unstack(tf.matmul(features, heads), axis=1)
        right = tf.sigmoid(preference)  # the probability of a push to the right
        self.action = tf.less(tf.random_uniform([CARTS]), right, name="action")

        error = self.target - self.value
        surprise = tf.cast(self.action, tf.float32) - right
        steps = tf.stack([surprise * error, error], axis=1) * np.float32(RATE / CARTS)
        self.learn = tf.assign_add(heads, tf.matmul(features, steps, transpose_a=True)).op


class Staged:
    """Acts in the first stage of a partial run, and learns in the second."""

    def __init__(self, session, agent):
        self._session = session
        self._agent = agent

    def act(self, observed):
        """Returns (memory, actions, values); `learn` takes the memory."""
        agent, session = self._agent, self._session
        handle = session.partial_run_setup(
            [agent.action, agent.value, agent.learn], [agent.observed, agent.target]
        )
        action, value = session.partial_run(
            handle, [agent.action, agent.value], {agent.observed: observed}
        )
        return handle, action, value

    def learn(self, handle, target):
        self._session.partial_run(handle, self._agent.learn, {self._agent.target: target})


class TwoRuns:
    """The same with two runs: the second computes again what the first has computed."""

    def __init__(self, session, agent):
        self._session = session
        self._agent = agent

    def act(self, observed):
        agent = self._agent
        action, value = self._session.run([agent.action, agent.value], {agent.observed: observed})
        return (observed, action), action, value

    def learn(self, memory, target):
        agent = self._agent
        observed, action = memory
        self._session.run(
            agent.learn, {agent.observed: observed, agent.action: action, agent.target: target}
        )


def practice(way, carts, steps):
    """Acts and learns for a number of steps; yields after each.

    What an action was worth is known once the value of the state that it led to is: so the agent
    acts there first, and then learns from the step before.
    """
    memory, action, value = way.act(carts.state)
    for _ in range(steps):
        fell, timed_out = carts.step(action)
        next_memory, action, next_value = way.act(carts.state)
        # Where time was up, the pole stood: the value before stands in for that of the next state.
        ahead = np.where(timed_out, value, next_value)
        way.learn(memory, np.where(fell, 0.0, 1.0 + DISCOUNT * ahead))
        memory, value = next_memory, next_value
        yield


def train(way, carts, enough, console):
    """Practices until the mean return of 100 episodes is `enough`; shows how it goes."""
    columns = (
        TextColumn("balancing"),
        BarColumn(),
        TextColumn("mean return {task.completed:5.1f} of {task.total:.0f}"),
        TextColumn("{task.fields[episodes]} episodes"),
        TextColumn("{task.fields[speed]:.0f} steps/s"),
        TimeElapsedColumn(),
    )
    begin = time.perf_counter()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("balancing", total=LONGEST, episodes=0, speed=0.0)
        for done, _ in enumerate(practice(way, carts, MOST_STEPS), 1):
            mean = carts.mean_return()
            if done % 10 == 0 or mean >= enough:
                speed = done * CARTS / (time.perf_counter() - begin)
                progress.update(task, completed=mean, episodes=carts.episodes, speed=speed)
            if mean >= enough:
                break
    return time.perf_counter() - begin


def compare(session, agent, rounds, steps):
    """Returns the seconds of a step in two stages and in two runs, medians of alternating rounds.

    Both act and learn on from the same weights, and both have been run as often before they are
    timed, so that neither pays for its plans.
    """
    ways = [Staged(session, agent), TwoRuns(session, agent)]
    carts = [CartPoles(SEED + 1) for _ in ways]
    taken = [[], []]
    for number in range(-WARM_UP, rounds):
        for way, own_carts, seconds in zip(ways, carts, taken, strict=True):
            begin = time.perf_counter()
            for _ in practice(way, own_carts, steps):
                pass
            if number >= 0:
                seconds.append((time.perf_counter() - begin) / steps)
    return np.median(taken, axis=1)


def report(staged, two_runs, console):
    table = Table(title=f"Acting and learning, {CARTS} carts")
    for title in ("way", "a step", "time saved"):
        table.add_column(title, justify="left" if title == "way" else "right")
    table.add_row("two separate runs", f"{two_runs * 1e3:.2f} ms", "")
    table.add_row("two stages of one run", f"{staged * 1e3:.2f} ms", f"{1 - staged / two_runs:.0%}")
    console.print(table)
    console.print(f"Two runs take {two_runs / staged:.2f} times as long as two stages.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="stop at a mean return of 60")
    options = parser.parse_args()
    console = Console()

    tf.set_random_seed(SEED)
    agent = Agent()
    carts = CartPoles(SEED)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        seconds = train(Staged(session, agent), carts, 60 if options.short else SOLVED, console)
        console.print(
            f"Mean return {carts.mean_return():.1f} of {LONGEST} after {carts.episodes} episodes, "
            f"in {seconds:.1f} s"
        )
        rounds, steps = (3, 20) if options.short else (11, 100)
        report(*compare(session, agent, rounds, steps), console)


if __name__ == "__main__":
    main()
