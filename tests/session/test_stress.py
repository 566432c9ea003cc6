"""Sessions under threads that do everything at once: plan, run, update, grow the graph, close.

What these runs must give is known whatever comes between them. A failure here is a race: it need
not come back in the next run.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.waiting import MOST, until

LEVELS = {"interpreted": -1, "auto": 0}
SECONDS = 1.0

levels = pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())


@pytest.fixture(autouse=True)
def _switching_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    with tf.Graph().as_default():
        yield
    sys.setswitchinterval(interval)


def session_of(level: int) -> Any:
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    return tf.Session(config=config)


class Threads:
    """Daemon threads that each call a function until it raises, or all are to stop."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[], Any]) -> None:
        thread = threading.Thread(target=self._repeat, args=(work,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _repeat(self, work: Callable[[], Any]) -> None:
        try:
            while not self._stop.is_set():
                work()
        except Exception as error:
            self.errors.append(error)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(MOST)
            assert not thread.is_alive(), "a thread hangs"


class Program:
    """A graph with something of all kinds, and what its runs must give."""

    def __init__(self) -> None:
        self.graph = tf.get_default_graph()
        self.x = tf.placeholder(tf.float32, [None])
        self.layers = [self.x]
        self.weight = tf.Variable(1.0, use_resource=True)
        for _ in range(20):
            self.layers.append(self.layers[-1] * self.weight)
        self.values = tf.Variable(np.zeros(50, np.float32), use_resource=False)
        self.update = self.values.assign_add(tf.ones([50])).op
        self.count = tf.Variable(0)
        self.counting = self.count.assign_add(1).op
        self.queue = tf.FIFOQueue(2, tf.float32, shapes=[[]])
        self.put, self.take = self.queue.enqueue(1.0), self.queue.dequeue()
        self.called = tf.py_func(lambda value: value + 1, [self.x], tf.float32)
        self.random = tf.random_uniform([3])
        self.initializer = tf.global_variables_initializer()

    def compute(self, session: Any) -> None:
        fetches = random.sample(self.layers[1:], 2)
        for value in session.run(fetches, {self.x: [1.0, 2.0]}):
            assert value.tolist() == [1, 2]

    def read(self, session: Any) -> None:
        value = session.run(self.values)
        assert (value == value[0]).all()

    def change(self, session: Any) -> None:
        session.run([self.update, self.random])

    def call(self, session: Any) -> None:
        value = session.run(self.called, {self.x: [1.0]}, options=tf.RunOptions(timeout_in_ms=9999))
        assert value.tolist() == [2]

    def stage(self, session: Any) -> None:
        first, second = random.sample(self.layers[1:], 2)
        handle = session.partial_run_setup([first, second], [self.x])
        assert session.partial_run(handle, first, {self.x: [3.0]}) == 3
        assert session.partial_run(handle, second) == 3

    def reuse(self, session: Any) -> None:
        run = session.make_callable(random.choice(self.layers[1:]), [self.x])
        assert run([5.0]) == 5

    def look(self, session: Any) -> None:
        session.explain(self.layers[3], [self.x])
        session.run_stats()
        tf.advise(session)

    def grow(self, session: Any) -> None:
        with self.graph.as_default(), tf.name_scope("grown"):
            start = random.choice(self.layers)
            end = tf.reduce_sum(tf.exp(start * 0.0)) * 2.0
            end.op._add_control_input(self.layers[3].op)  # drops all plans
            (gradient,) = tf.gradients(end, [self.x])
            tf.add_to_collection("grown", end)
        assert session.run([end, gradient], {self.x: [1.0, 2.0]})[0] == 4
        self.graph.as_graph_def()

    def open_and_close(self, session: Any) -> None:
        with tf.Session(graph=self.graph) as other:
            other.run(self.initializer)
            other.run(self.update)
            assert other.run(self.values)[0] == 1


@levels
def test_all_at_once(level: int, capsys: pytest.CaptureFixture[str]) -> None:
    program, threads = Program(), Threads()
    counted: list[int] = []
    with session_of(level) as session:
        session.run(program.initializer)

        def count() -> None:
            session.run(program.counting)
            counted.append(1)

        for work in (
            program.compute, program.compute, program.read, program.change, program.call,
            program.stage, program.reuse, program.look, program.grow, program.grow,
            program.open_and_close,
        ):  # fmt: skip
            threads.start(lambda work=work: work(session))  # type: ignore[misc]
        for _ in range(3):
            threads.start(count)
        end = time.monotonic() + SECONDS
        until(lambda: threads.errors or time.monotonic() > end)
        threads.stop()
        assert threads.errors == []
        assert session.run(program.count) == len(counted) > 0
    operations = program.graph.get_operations()
    assert len({operation.name.lower() for operation in operations}) == len(operations)
    assert all(program.graph.get_operation_by_name(o.name) is o for o in operations)


@levels
def test_closing_during_runs(level: int) -> None:
    """Each run gives what it must, or says that the session is closed."""
    program = Program()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        threads = Threads()
        session = session_of(level)
        session.run(program.initializer)
        for work in (
            program.compute, program.read, program.change, program.call, program.stage,
            lambda session: session.run(program.take), lambda session: session.run(program.put),
        ):  # fmt: skip
            threads.start(lambda work=work, session=session: work(session))  # type: ignore[misc]
        time.sleep(random.random() * 0.03)
        session.close()
        threads.stop()
        for error in threads.errors:
            if type(error) is RuntimeError:
                assert str(error) == "Attempted to use a closed Session."
            else:
                assert isinstance(error, tf.errors.CancelledError), error
