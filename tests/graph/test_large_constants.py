"""Graphs that nobody has go when new large constants are made, however few objects they are."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.graph import large_constants

BYTES = 1 << 16


@pytest.fixture(name="collections", autouse=True)
def fixture_collections(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The collections that happened; none does by the number of objects. Small is large here."""
    monkeypatch.setattr(large_constants, "LARGE_BYTES", BYTES)
    monkeypatch.setattr(large_constants, "_LEAST_NEW_BYTES", 4 * BYTES)
    monkeypatch.setattr(large_constants, "_watch", large_constants._Watch())
    thresholds = gc.get_threshold()
    gc.collect()
    gc.set_threshold(0)
    found: list[str] = []
    gc.callbacks.append(lambda phase, info: found.append(phase) if phase == "stop" else None)
    yield found
    gc.callbacks.pop()
    gc.set_threshold(*thresholds)


def from_array() -> Any:
    return tf.constant(np.ones(BYTES // 4, np.float32))


def cast() -> Any:
    return tf.constant(np.ones(BYTES // 4, np.int32), tf.float32)


def filled() -> Any:
    return tf.constant(1.0, shape=[BYTES // 4])


def variable() -> Any:
    return tf.Variable(np.ones([BYTES // 64, 16], np.float32))


def imported() -> Any:
    with tf.Graph().as_default() as written:
        from_array()
    return tf.import_graph_def(written.as_graph_def(), name="")


@pytest.mark.parametrize("make", [from_array, cast, filled, variable, imported])
def test_graphs_that_nobody_has_do_not_pile_up(make: Callable[[], Any]) -> None:
    graphs = []
    for _ in range(20):
        with tf.Graph().as_default() as graph:
            make()
        graphs.append(weakref.ref(graph))
        del graph
    assert len([graph for graph in graphs if graph() is not None]) <= 5


def test_constants_in_use_are_looked_at_as_often_as_they_double(collections: list[str]) -> None:
    with tf.Graph().as_default():
        for _ in range(128):
            from_array()
    assert 3 <= len(collections) <= 6  # at 4, 8, 16, 32, 64 and 128


def test_small_constants_are_not_counted(collections: list[str]) -> None:
    with tf.Graph().as_default():
        for _ in range(100):
            tf.constant(np.ones(BYTES // 4 - 1, np.float32))
    assert collections == []


def test_whoever_has_switched_collection_off_is_left_alone(collections: list[str]) -> None:
    gc.disable()
    try:
        with tf.Graph().as_default():
            for _ in range(20):
                from_array()
    finally:
        gc.enable()
    assert collections == []
