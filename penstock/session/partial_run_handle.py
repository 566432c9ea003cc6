"""`PartialRunHandle`: where one run in stages stands, and the values that it keeps."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.graph.errors import InvalidArgumentError
from penstock.graph.operation import Tensor
from penstock.runtime.results import own
from penstock.session.fetches import Element
from penstock.session.options import RunRequest
from penstock.session.partial_run import Call, Place, StagedRun
from penstock.session.tracing import run_watched

if TYPE_CHECKING:
    from penstock.session.session import BaseSession

# Values of these types share no memory with the array that is made of them.
_COPIED_BY_CONVERSION = frozenset({float, int, bool, list, tuple, str, bytes})
_numbers = itertools.count()  # of handles: two of one setup are not equal


def _closed_error() -> InvalidArgumentError:
    return InvalidArgumentError(None, None, "Must run 'setup' before performing partial runs!")


class PartialRunHandle(str):
    """What `partial_run_setup` gives: it holds, and lives as long as, what later stages need."""

    _staged: StagedRun
    session: BaseSession

    def __new__(cls, staged: StagedRun, strict: bool, session: BaseSession) -> PartialRunHandle:
        handle = super().__new__(cls, f"{staged.name};{next(_numbers)}")
        handle._staged = staged
        handle._named = staged.fetches
        handle._strict = strict
        handle.session = session
        handle._place = staged.start
        handle._values = {}
        handle._fetched = set()
        handle._closed = False
        handle._lock = threading.Lock()
        return handle

    _strict: bool
    _named: frozenset[Element]
    _place: Place
    _values: dict[Tensor, Any]
    _fetched: set[Element]
    _closed: bool
    _lock: threading.Lock

    @property
    def named(self) -> frozenset[Element]:
        """The fetches that were named at setup."""
        return self._named

    def elements(self, fetches: Any) -> tuple[Element, ...]:
        """The tensors and operations that a structure of fetches consists of."""
        return self._staged.elements(fetches)

    def name_more(self, fetches: Iterable[Element]) -> None:
        """Lets stages fetch what was not named at setup; what is fed is left out.

        Args:
            fetches: tensors and operations.

        Raises:
            InvalidArgumentError: one of them needs what has run and cannot run again.
        """
        with self._lock:
            self._name_more(fetches)

    def _name_more(self, fetches: Iterable[Element]) -> None:
        staged = self._staged
        more = tuple([f for f in fetches if f not in staged.fetches and f not in staged.feeds])
        if more:
            extended = staged.extended(more)
            self._place = extended.place_for_more(self._place, more)
            self._staged = extended

    def run_stage(self, fetches: Any, feed_dict: Any, request: RunRequest | None = None) -> Any:
        """Runs a stage; see `Session.partial_run`. One that fails leaves the handle as it was.

        Args:
            fetches: what to fetch.
            feed_dict: what to feed.
            request: limits of the stage, and what is to be told of it; None where nothing is.
        """
        with self._lock:
            if self._closed:
                raise _closed_error()
            call, given = self._staged.call(fetches, feed_dict)
            if self._strict:
                self._check_once(call)
            return self._run(call, given, request)

    def run_stage_with(
        self, also: list[Any], fetches: Any, feed_dict: Any, request: RunRequest | None
    ) -> list[Any]:
        """Runs a stage that fetches more, whether named at setup or not, fetched before or not.

        Args:
            also: what more to fetch: a list of structures.
            fetches, feed_dict, request: as for `run_stage`.

        Returns:
            The value of `fetches`, then those of `also`.
        """
        several = type(fetches) is list
        # A list of tensors alone is looked up, a nested one taken apart.
        both = [*(fetches if several else [fetches]), *also]
        with self._lock:
            if self._closed:
                raise _closed_error()
            if self._strict:
                self._check_once(self._staged.call(fetches, feed_dict)[0])
            self._name_more(self._staged.elements(also))
            call, given = self._staged.call(both, feed_dict)
            results = self._run(call, given, request)
        own_count = len(both) - len(also)
        return [results[:own_count] if several else results[0], *results[own_count:]]

    def _run(self, call: Call, given: Iterable[Any], request: RunRequest | None) -> Any:
        """Runs what a call needs from where the handle stands, and goes there."""
        fed = [
            convert(value) if type(value) in _COPIED_BY_CONVERSION else np.array(convert(value))
            for convert, value in zip(call.converters, given, strict=True)
        ]
        place = self._place
        stage = place.stages.get(call.key) or self._staged.make_stage(place, call)
        values = self._values
        taken = [*fed, *[values[tensor] for tensor in stage.takes]]
        if request is None:
            results = stage.executor.run_timed(*taken)
        else:
            results = run_watched(stage.executor, self._staged.state, taken, request)
        stage.look(fed)
        if stage.recalled:
            results = list(results)
            for tensor, number in stage.recalled:
                results.insert(number, values[tensor])
        for tensor in stage.dropped:
            values.pop(tensor, None)  # a stage is shared with the place that lacks these
        values.update(zip(call.feeds, fed, strict=True))
        for tensor, number in stage.keeps:
            values[tensor] = results[number]
        self._place = stage.to
        if self._strict:
            self._close_when_done(call)
        return call.rebuild(
            [own(v) if shared else v for v, shared in zip(results, stage.shared, strict=False)]
        )

    def _check_once(self, call: Call) -> None:
        """What TensorFlow refuses, where it is asked for."""
        fetched = [fetch for fetch in call.fetches if isinstance(fetch, Tensor)]
        if len(fetched) < len(call.fetches):
            raise RuntimeError("partial_run() requires empty target_list.")
        for tensor in call.feeds:
            if tensor in self._place.kept:
                raise InvalidArgumentError(
                    None, tensor.op, f"The feed {tensor.name} has already been fed."
                )
        for tensor in fetched:
            if tensor in self._fetched:
                raise InvalidArgumentError(
                    None, tensor.op, f"The fetch {tensor.name} has already been fetched."
                )

    def _close_when_done(self, call: Call) -> None:
        self._fetched.update(call.fetches)
        if self._fetched >= self._named and self._place.kept >= self._staged.feeds:
            self._closed = True
            self._values = {}

    def close(self) -> None:
        """Frees the values; a stage after this raises InvalidArgumentError."""
        with self._lock:
            self._closed = True
            self._values = {}
