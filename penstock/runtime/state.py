"""The state of a session: its variables, random counters and other resources."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.errors import (
    CancelledError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)
from penstock.graph.operation import Operation
from penstock.plan.plan import variable_key
from penstock.runtime.allocator import give_back_freed_memory

_WORD = 0xFFFFFFFF
_MUCH_BYTES = 16 << 20  # what a session with less leaves free serves the next one


class VariableSlot:
    """The place of one variable's value in a session.

    The value is an array that is never written into while anyone sees it: an assignment puts a new
    array in its place, and an update that writes in place takes it from here first (`take`).
    It is a NumPy array, or a JAX array after a compiled step assigned it.
    """

    __slots__ = ("_lock", "container", "is_resource", "name", "shape", "taken", "value")

    def __init__(self, variable: Operation, lock: threading.RLock) -> None:
        self._lock = lock  # of the session: held by what assigns the variable
        self.container, self.name = variable_key(variable)
        self.is_resource = variable.outputs[0].dtype is dtypes.resource
        self.shape: shapes.Shape = variable._attrs.get("shape")
        self.value: Any = None
        self.taken = False  # the value is being written into, under the lock

    def read(self) -> Any:
        """The value as a NumPy array.

        Raises:
            FailedPreconditionError: the variable was not initialized.
        """
        value = self.value
        if self.taken:  # asked after the value was seen: `take` sets it, then counts who has seen
            with self._lock:
                value = self.value
        if value is None:
            raise self._uninitialized()
        if type(value) is np.ndarray or isinstance(value, np.generic):
            return value
        try:
            return np.asarray(value)  # JAX gives memory that NumPy looks at to no other use
        except RuntimeError:  # a compiled step has just taken the memory over: await its new value
            with self._lock:
                if self.value is None:
                    raise self._uninitialized() from None
                return np.asarray(self.value)

    def read_for_update(self) -> Any:
        """The value as a NumPy array, for an op that assigns the variable.

        Raises:
            NotFoundError: the resource was not initialized.
            FailedPreconditionError: the reference was not.
        """
        if self.value is None and self.is_resource:
            raise NotFoundError(None, None, self._missing_resource())
        return self.read()

    def take(self) -> Any:
        """The value as a NumPy array that the caller may write into, and then puts back.

        It is the value's own array where nobody else sees that, else a copy. The caller holds the
        lock until it has set `taken` back: whoever reads meanwhile waits for it.

        Raises:
            NotFoundError, FailedPreconditionError: as `read_for_update` does.
        """
        if type(self.value) is not np.ndarray:
            return np.array(self.read_for_update(), order="C")
        self.taken = True
        if _COUNTS_TELL and self._references() <= _LEAST_REFERENCES:
            flags = self.value.flags
            if flags.owndata and flags.carray:
                return self.value
        return np.array(self.value, order="C")

    def _references(self) -> int:
        return sys.getrefcount(self.value)

    def _missing_resource(self) -> str:
        container = self.container or "localhost"
        return f"Resource {container}/{self.name} does not exist. (Could not find resource)"

    def _uninitialized(self) -> FailedPreconditionError:
        message = f"Attempting to use uninitialized value {self.name}"
        if self.is_resource:
            message = (
                f"Error while reading resource variable {self.name} from Container: "
                f"{self.container or 'localhost'}. This could mean that the variable was "
                f"uninitialized. Not found: {self._missing_resource()}"
            )
        return FailedPreconditionError(None, None, message)

    def write(self, value: Any) -> Any:
        """Assigns; returns the value.

        Raises:
            InvalidArgumentError: the value has another shape than the variable.
        """
        self.check(value.shape)
        self.value = value
        return value

    def replace(self, value: Any) -> Any:
        """Assigns a value of any shape, as `validate_shape=False` allows; returns it."""
        self.value = value
        return value

    def check(self, shape: tuple[int, ...], held: tuple[int, ...] | None = None) -> None:
        """Raises InvalidArgumentError where a value of that shape cannot be assigned.

        A reference keeps the shape that its value has, or without a value the declared one (where
        none is declared, a scalar's). A resource takes any shape.

        Args:
            shape: the shape.
            held: the shape that the value has by then, where that is not yet in the slot.
        """
        if self.is_resource:
            return
        wanted: shapes.Shape = held
        if held is None:
            wanted = self.shape or () if self.value is None else self.value.shape
        if shape != wanted and not shapes.compatible(wanted, shape):
            raise InvalidArgumentError(
                None, None,
                "Assign requires shapes of both tensors to match. lhs shape= "
                f"{shapes.bracket_text(wanted)} rhs shape= {shapes.bracket_text(shape)}",
            )  # fmt: skip


def _least_references() -> int:
    """What `VariableSlot._references` counts where nobody but the slot holds the value."""
    slot = VariableSlot.__new__(VariableSlot)
    slot.value = np.empty(1)
    # Python may find a shorter way for code that was run before.
    return min([slot._references() for _ in range(100)])


_LEAST_REFERENCES = _least_references()
# Without the global lock, another thread may be about to take a reference.
_COUNTS_TELL = getattr(sys, "_is_gil_enabled", lambda: True)()


class RandomSlot:
    """The Philox state of one random op in a session: its key, and how far it has counted."""

    __slots__ = ("_lock", "counter", "key")

    def __init__(self, seed: int, seed2: int) -> None:
        if seed == 0 and seed2 == 0:
            seed, seed2 = np.frombuffer(os.urandom(16), np.int64).tolist()
        self.key = np.array([seed & _WORD, seed >> 32 & _WORD], np.uint32)
        self.counter = (seed2 & _WORD | (seed2 >> 32 & _WORD) << 32) << 64
        self._lock = threading.RLock()

    def take(self, blocks: int) -> tuple[Any, Any]:
        """(key, counter) for a run of the op that uses `blocks` 128-bit steps; counts on."""
        with self._lock:
            start = self.counter
            self.counter = (start + blocks) % 2**128
        return self.key, counter_words(start)

    @contextlib.contextmanager
    def taking(self) -> Iterator[None]:
        """Keeps others from taking numbers: `take(0)` and a later `take` are one step."""
        with self._lock:
            yield


def counter_words(start: int) -> np.ndarray[Any, Any]:
    """A 128-bit counter as four uint32 words, the lowest first."""
    return np.array([start >> shift & _WORD for shift in (0, 32, 64, 96)], np.uint32)


class SessionState:
    """All that a session keeps between runs. Two sessions share nothing."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # held by updates of variables, so that each is atomic
        self._variables: dict[tuple[str, str], VariableSlot] = {}
        self._slot_of: dict[Operation, VariableSlot] = {}  # the same, by each op that was asked for
        self._random: dict[Operation, RandomSlot] = {}
        self._counts: dict[Operation, itertools.count[int]] = {}
        self.resources: dict[Any, Any] = {}
        self.changed = threading.Condition()  # guards what ops wait for, such as queues
        self.changes = 0
        self.cancelled = False
        self.timeout: float | None = None  # seconds that a run may take, unless its options say

    def variable(self, op: Operation) -> VariableSlot:
        """The slot of a variable, made at its first use."""
        slot = self._slot_of.get(op)
        if slot is None:
            with self.lock:
                self.check()
                new = VariableSlot(op, self.lock)
                slot = self._slot_of[op] = self._variables.setdefault(variable_key(op), new)
        return slot

    def random(self, op: Operation) -> RandomSlot:
        """The random state of an op, made at its first use."""
        slot = self._random.get(op)
        if slot is None:
            attrs = op._attrs
            with self.lock:
                self.check()
                slot = self._random.setdefault(
                    op, RandomSlot(attrs.get("seed", 0), attrs.get("seed2", 0))
                )
        return slot

    def count_run(self, op: Operation) -> int:
        """How many times `op` has asked this, this time included."""
        with self.lock:
            return next(self._counts.setdefault(op, itertools.count(1)))

    def notify(self) -> None:
        """Wakes the ops that wait. To be called after each change of what they may wait for."""
        with self.changed:
            self.changes += 1
            self.changed.notify_all()

    def check(self) -> None:
        """Raises CancelledError where the session has been closed.

        What makes something at its first use asks this: a run that was under way when the session
        was closed must not find all empty.
        """
        if self.cancelled:
            raise CancelledError(None, None, "Session has been closed.")

    def close(self) -> None:
        """Forgets everything, and ends the runs that wait."""
        self.cancelled = True
        self.notify()
        with self.lock:
            values = [slot.value for slot in self._variables.values()]
            freed = sum([getattr(value, "nbytes", 0) for value in values])
            del values
            self._variables.clear()
            self._slot_of.clear()
            self._random.clear()
            self.resources.clear()
        if freed >= _MUCH_BYTES:
            give_back_freed_memory()


class InPlaceUpdate:
    """What an op does to the variables that it changes in small parts, where they are.

    It is called under the state's lock. An op that fails leaves the variables as they were.

    Args:
        slots: the variables.
        kernel: takes their arrays, which it writes into, and the op's other inputs.
    """

    __slots__ = ("_kernel", "_slots")

    def __init__(self, slots: list[VariableSlot], kernel: Callable[..., None]) -> None:
        self._slots = slots
        self._kernel = kernel

    def __call__(self, *others: Any) -> list[Any]:
        """Gives the variables' new values."""
        try:
            arrays = [slot.take() for slot in self._slots]
            self._kernel(*arrays, *others)
            for slot, array in zip(self._slots, arrays, strict=True):
                slot.value = array
            return arrays
        finally:
            for slot in self._slots:
                slot.taken = False


def write_all(slots: list[VariableSlot], values: list[Any], validate_shape: bool) -> None:
    """Assigns several variables, all or none.

    Raises:
        InvalidArgumentError: a value has another shape than its variable, and
            `validate_shape` is set.
    """
    if validate_shape:
        for slot, value in zip(slots, values, strict=True):
            slot.check(value.shape)
    for slot, value in zip(slots, values, strict=True):
        slot.value = value
