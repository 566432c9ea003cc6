"""Where penstock tells what a program should know: Python's logger "tensorflow".

TensorFlow 1 programs tune the logging under that name. It prints on standard error, as
`WARNING:tensorflow:...`, unless the program has set up logging itself.
"""

from __future__ import annotations

import functools
import logging
import sys
from typing import Any


class _ToStandardError(logging.StreamHandler[Any]):
    """Prints where the root logger has no handlers."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter(logging.BASIC_FORMAT))

    @property
    def stream(self) -> Any:
        """Standard error, which a program may have put elsewhere meanwhile."""
        return sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a record."""
        if not logging.getLogger().handlers:
            super().emit(record)


LOG = logging.getLogger("tensorflow")
LOG.addHandler(_ToStandardError())


@functools.cache
def warn_once(message: str) -> None:
    """Logs a warning the first time only."""
    LOG.warning(message)
