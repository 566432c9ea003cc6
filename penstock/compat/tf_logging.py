"""`tf.logging`: Python's logger "tensorflow", which writes to standard error."""

from __future__ import annotations

import functools
import logging
import sys
from collections import Counter
from typing import Any

from penstock.graph.export import export, export_as
from penstock.graph.log import LOG

for _level in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL"):
    export_as(f"logging.{_level}", getattr(logging, _level))

_counts: Counter[tuple[str, int]] = Counter()  # of messages that are not logged each time, by place


@functools.cache
def get_logger() -> logging.Logger:
    """The logger, which prints on standard error unless the program has set up logging itself."""
    if LOG.level == logging.NOTSET:
        LOG.setLevel(logging.INFO if hasattr(sys, "ps1") else logging.WARNING)
    return LOG


@export("logging.debug")
def debug(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs a message, with `args` filled in, at the level DEBUG."""
    get_logger().debug(msg, *args, **kwargs)


@export("logging.info")
def info(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs a message, with `args` filled in, at the level INFO."""
    get_logger().info(msg, *args, **kwargs)


@export("logging.warn")
def warn(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs a message, with `args` filled in, at the level WARN."""
    get_logger().warning(msg, *args, **kwargs)


@export("logging.warning")
def warning(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs a message, with `args` filled in, at the level WARN."""
    get_logger().warning(msg, *args, **kwargs)


@export("logging.error")
def error(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs a message, with `args` filled in, at the level ERROR."""
    get_logger().error(msg, *args, **kwargs)


@export("logging.fatal")
def fatal(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs a message, with `args` filled in, at the level FATAL; the program goes on."""
    get_logger().fatal(msg, *args, **kwargs)


@export("logging.log")
def log(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs a message, with `args` filled in, at a level."""
    get_logger().log(level, msg, *args, **kwargs)


@export("logging.vlog")
def vlog(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs a message, with `args` filled in, at a level."""
    get_logger().log(level, msg, *args, **kwargs)


@export("logging.TaskLevelStatusMessage")
def task_level_status_message(msg: Any) -> None:
    """Logs a message at the level ERROR."""
    get_logger().error(msg)


@export("logging.log_every_n")
def log_every_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Logs a message the first time, and then each n-th time that this line is reached."""
    log_if(level, msg, _times_before() % n == 0, *args)


@export("logging.log_first_n")
def log_first_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Logs a message the first n times that this line is reached."""
    log_if(level, msg, _times_before() < n, *args)


@export("logging.log_if")
def log_if(level: int, msg: Any, condition: Any, *args: Any) -> None:
    """Logs a message where a condition holds."""
    if condition:
        get_logger().log(level, msg, *args)


def _times_before() -> int:
    """How often the line that called the public function has been reached before."""
    frame = sys._getframe(2)
    place = (frame.f_code.co_filename, frame.f_lineno)
    _counts[place] += 1
    return _counts[place] - 1


@export("logging.flush")
def flush() -> None:
    """Writes out what is held back."""
    for handler in get_logger().handlers:
        handler.flush()


@export("logging.get_verbosity")
def get_verbosity() -> int:
    """The level from which messages are logged."""
    return get_logger().getEffectiveLevel()


@export("logging.set_verbosity")
def set_verbosity(v: Any) -> None:
    """Sets the level from which messages are logged.

    Args:
        v: one of `tf.logging`'s levels, or its name.

    Example:
        >>> tf.logging.set_verbosity(tf.logging.INFO)
    """
    get_logger().setLevel(v)
