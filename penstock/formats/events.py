"""Event files, which TensorBoard reads: a file of records, each an Event message."""

from __future__ import annotations

import os
import time
from typing import Any

_VERSION = "brain.Event:2"  # which the first record says


class EventFile:
    """An event file that is being written.

    Args:
        folder: where it is to be; made where there is none.

    Example:
        >>> file = EventFile("/tmp/logs")
        >>> file.add(5, session_log=event_pb2.SessionLog(status="CHECKPOINT"))
    """

    def __init__(self, folder: str) -> None:
        import socket  # slow to import

        from tensorboard.summary.writer.record_writer import RecordWriter

        os.makedirs(folder, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}"
        self._file = open(os.path.join(folder, name), "ab")
        self._records = RecordWriter(self._file)
        self.add(0, file_version=_VERSION)

    def add(self, step: int, **what: Any) -> None:
        """Writes an event to the file.

        Args:
            step: the training step.
            what: one field of the Event message and its value.
        """
        from tensorboard.compat.proto.event_pb2 import Event

        event = Event(wall_time=time.time(), step=step, **what)
        self._records.write(event.SerializeToString())
        self._records.flush()

    def close(self) -> None:
        """Ends the file."""
        self._records.close()
