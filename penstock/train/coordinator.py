"""`tf.train.Coordinator`: stops a group of threads together, and reports the first error of any."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from penstock.graph.errors import OutOfRangeError
from penstock.graph.export import export
from penstock.graph.log import LOG

_LOOK_EVERY = 0.05  # seconds between two looks at whether threads have ended


@export("train.Coordinator")
class Coordinator:
    """Stops a group of threads together, and reports the first error of any.

    A thread asks `should_stop` from time to time, and calls `request_stop` where all are to end.
    The main thread waits in `join`, which raises the exception that the stop was requested with.

    Args:
        clean_stop_exception_types: types of exceptions that end the threads without being an
            error; only OutOfRangeError where None.

    Example:
        >>> coord = tf.train.Coordinator()
        >>> threads = tf.train.start_queue_runners(sess, coord)
        >>> with coord.stop_on_exception():
        ...     while not coord.should_stop():
        ...         sess.run(train_op)
        >>> coord.join(threads)
    """

    def __init__(
        self, clean_stop_exception_types: tuple[type[BaseException], ...] | None = None
    ) -> None:
        if clean_stop_exception_types is None:
            clean_stop_exception_types = (OutOfRangeError,)
        self._clean_stop_exception_types = tuple(clean_stop_exception_types)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._joined = False
        self._registered: set[threading.Thread] = set()

    def request_stop(self, ex: Any = None) -> None:
        """Asks all threads to stop. After this `should_stop` is True.

        Args:
            ex: why: an exception, or a tuple as `sys.exc_info()` gives. `join` raises the one of
                the first request, unless it is a clean stop.

        Raises:
            TypeError: `ex` is no exception.
            BaseException: `ex` itself, where `join` has returned and so cannot report it.
        """
        error = self._reported(ex)
        with self._lock:
            if self._joined:
                if error is not None:
                    raise error
                return
            if self._stop.is_set():
                if error is not None:
                    LOG.info("Error reported to Coordinator after a stop: %r", error)
                return
            if error is not None:
                LOG.info("Error reported to Coordinator: %r", error)
            self._error = error
            self._stop.set()

    def _reported(self, ex: Any) -> BaseException | None:
        """The exception that `ex` stands for, or None for a clean stop."""
        error = ex[1] if isinstance(ex, tuple) and len(ex) == 3 else ex
        if error is not None and not isinstance(error, BaseException):
            raise TypeError(f"ex must be an exception or what sys.exc_info() gives, but got {ex!r}")
        return None if isinstance(error, self._clean_stop_exception_types) else error

    def clear_stop(self) -> None:
        """Makes it as new, so that `should_stop` is False again."""
        with self._lock:
            self._joined = False
            self._error = None
            self._stop.clear()

    def should_stop(self) -> bool:
        """Whether a stop was requested."""
        return self._stop.is_set()

    @contextlib.contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """Requests a stop where its `with` block raises; the exception goes no further.

        Example:
            >>> with coord.stop_on_exception():
            ...     while not coord.should_stop():
            ...         work()
        """
        try:
            yield
        except BaseException as error:
            self.request_stop(error)

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Waits until a stop is requested.

        Args:
            timeout: at most so many seconds.

        Returns:
            Whether a stop was requested.
        """
        return self._stop.wait(timeout)

    def register_thread(self, thread: threading.Thread) -> None:
        """Adds a thread to those that `join` waits for."""
        with self._lock:
            self._registered.add(thread)

    def join(
        self,
        threads: Sequence[threading.Thread] | None = None,
        stop_grace_period_secs: float = 120,
        ignore_live_threads: bool = False,
    ) -> None:
        """Waits until all threads have ended, or some time after a stop was requested.

        Args:
            threads: threads to wait for besides the registered ones.
            stop_grace_period_secs: how long they may go on after a stop was requested.
            ignore_live_threads: do not raise where some go on longer.

        Raises:
            BaseException: the exception that the stop was requested with.
            RuntimeError: threads still run after the grace period.
        """
        with self._lock:
            waited_for = self._registered.union(threads or ())
        while any([thread.is_alive() for thread in waited_for]):
            if self._stop.wait(_LOOK_EVERY):
                break
        deadline = time.monotonic() + stop_grace_period_secs
        for thread in waited_for:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        alive = sorted([thread.name for thread in waited_for if thread.is_alive()])
        with self._lock:
            self._joined = True
            self._registered = set()
        self.raise_requested_exception()
        if alive and ignore_live_threads:
            LOG.info("Coordinator stopped with threads still running: %s", " ".join(alive))
        elif alive:
            raise RuntimeError(f"Coordinator stopped with threads still running: {' '.join(alive)}")

    @property
    def joined(self) -> bool:
        """Whether `join` has returned or raised."""
        return self._joined

    def raise_requested_exception(self) -> None:
        """Raises the exception that the stop was requested with, where there was one."""
        if self._error is not None:
            raise self._error


@export("train.LooperThread")
class LooperThread(threading.Thread):
    """A thread that does something again and again until its coordinator stops.

    It is a daemon, and registered with the coordinator. An exception requests a stop.

    Args:
        coord: the coordinator.
        timer_interval_secs: the time from one start to the next; None to go on at once.
        target: what to do; or override `run_loop`.
        args, kwargs: arguments for `target`.

    Raises:
        ValueError: `coord` is no Coordinator, or there are arguments without a target.
    """

    def __init__(
        self,
        coord: Coordinator,
        timer_interval_secs: float | None,
        target: Callable[..., Any] | None = None,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(coord, Coordinator):
            raise ValueError(f"'coord' argument must be a Coordinator: {coord}")
        if target is None and (args or kwargs):
            raise ValueError("'args' and 'kwargs' argument require that you also pass 'target'")
        super().__init__(daemon=True)
        self._coord = coord
        self._interval = timer_interval_secs
        self._looped = target
        self._looped_args = tuple(args or ())
        self._looped_kwargs = dict(kwargs or {})
        coord.register_thread(self)

    @staticmethod
    def loop(
        coord: Coordinator,
        timer_interval_secs: float | None,
        target: Callable[..., Any],
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> LooperThread:
        """Makes a LooperThread and starts it; the arguments are the same."""
        thread = LooperThread(coord, timer_interval_secs, target, args, kwargs)
        thread.start()
        return thread

    def run(self) -> None:
        """Calls `run_loop` until the coordinator stops."""
        with self._coord.stop_on_exception():
            self.start_loop()
            next_start = time.monotonic()
            while not self._coord.wait_for_stop(max(0.0, next_start - time.monotonic())):
                if self._interval is not None:
                    next_start += self._interval
                self.run_loop()
            self.stop_loop()

    def start_loop(self) -> None:
        """Called once before the first loop; for subclasses."""

    def stop_loop(self) -> None:
        """Called once after the last loop; for subclasses."""

    def run_loop(self) -> None:
        """What is done again and again: the target."""
        if self._looped is not None:
            self._looped(*self._looped_args, **self._looped_kwargs)
