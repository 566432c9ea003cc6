"""tf.logging writes what TensorFlow's does, by Python's logger "tensorflow"."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

import penstock as tf


@pytest.fixture(autouse=True)
def level():
    """The level is what it was after each test."""
    before = tf.logging.get_verbosity()
    yield
    tf.logging.set_verbosity(before)


def test_levels(caplog):
    assert (tf.logging.DEBUG, tf.logging.INFO, tf.logging.WARN) == (10, 20, 30)
    assert (tf.logging.ERROR, tf.logging.FATAL) == (40, 50)
    tf.logging.set_verbosity(tf.logging.INFO)
    assert tf.logging.get_verbosity() == 20
    tf.logging.debug("not shown")
    tf.logging.info("hello %d", 3)
    tf.logging.warn("w")
    tf.logging.warning("w2")
    tf.logging.error("e")
    tf.logging.fatal("f")
    tf.logging.log(tf.logging.WARN, "l %s", "x")
    tf.logging.vlog(5, "not shown")
    tf.logging.flush()
    shown = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert shown == [
        ("tensorflow", "INFO", "hello 3"),
        ("tensorflow", "WARNING", "w"),
        ("tensorflow", "WARNING", "w2"),
        ("tensorflow", "ERROR", "e"),
        ("tensorflow", "CRITICAL", "f"),
        ("tensorflow", "WARNING", "l x"),
    ]


def test_not_each_time(caplog):
    tf.logging.set_verbosity(tf.logging.INFO)
    for i in range(7):
        tf.logging.log_every_n(tf.logging.INFO, "every %d", 3, i)
        tf.logging.log_first_n(tf.logging.INFO, "first %d", 2, i)
        tf.logging.log_if(tf.logging.INFO, "if %d", i == 3, i)
    shown = [record.getMessage() for record in caplog.records]
    assert shown == ["every 0", "first 0", "first 1", "every 3", "if 3", "every 6"]


def test_level_by_name():
    tf.logging.set_verbosity("DEBUG")
    assert logging.getLogger("tensorflow").level == logging.DEBUG


PROGRAM = """
import penstock as tf
cell = tf.nn.rnn_cell.GRUCell(2)
tf.nn.rnn_cell.MultiRNNCell([cell] * 2)
tf.nn.rnn_cell.MultiRNNCell([cell] * 2)
tf.TensorArray(tf.float32, 2).write(0, tf.constant(1))
"""


def test_what_the_library_logs_has_tensorflows_form():
    """It goes to standard error, with level and name, though the program logs nothing itself."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    lines = [line for line in ran.stderr.split("\n") if line]
    assert len(lines) == 2
    assert lines[0].startswith("WARNING:tensorflow:At least two cells provided to MultiRNNCell")
    assert lines[1].startswith("ERROR:tensorflow:Error: Input value")
