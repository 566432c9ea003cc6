"""`tf.Session`: runs parts of a graph, and holds the state that the runs share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock.graph import errors
from penstock.graph.export import export
from penstock.graph.graph import Graph
from penstock.graph.open_sessions import OpenSessions
from penstock.graph.operation import Operation, Tensor
from penstock.graph.protos import as_bytes
from penstock.graph.stacks import default_graph, pop_session, push_session
from penstock.runtime.allocator import keep_freed_memory
from penstock.runtime.state import SessionState
from penstock.runtime.stats import RunStats
from penstock.session.bound_run import BoundRun, bound_run
from penstock.session.conversions import is_composite, partial_run_tensors
from penstock.session.executors import Executors
from penstock.session.feeds import fed_tensor, flatten_feed_dict
from penstock.session.fetches import Fetches, with_fed_arrays
from penstock.session.handles import with_handles
from penstock.session.options import RunRequest, SessionOptions
from penstock.session.partial_run import StagedRun, call_key
from penstock.session.partial_run_handle import PartialRunHandle
from penstock.session.placement import DeviceAttributes, devices
from penstock.session.report import print_in_terminal
from penstock.session.sightings import Sightings
from penstock.session.tracing import run_watched

if TYPE_CHECKING:
    from penstock.session.explain import Explanation

_open_sessions = OpenSessions()

_SIMPLE = (Tensor, Operation, str)


class BaseSession:
    """What `Session` and `InteractiveSession` share.

    Args:
        target: the server to run on; "" is this process.
        graph: the graph to run; the default one where None.
        config: a `tf.ConfigProto`.

    Raises:
        TypeError: an argument has the wrong type.
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        start = time.perf_counter()
        if not isinstance(target, (str, bytes)):
            raise TypeError(f"target must be a string, but got {type(target)}")
        if target:
            raise errors.NotFoundError(
                None,
                None,
                f"No session factory registered for the given session options: target {target!r}",
            )
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(f"graph must be a tf.Graph, but got {type(graph)}")
        self._graph = default_graph() if graph is None else graph
        self._target = target
        self._config = config
        self._options = SessionOptions(config)
        keep_freed_memory()
        self._state = SessionState()
        self._state.timeout = self._options.timeout
        self._closed = False
        self._reset = False
        self._runs: dict[Any, BoundRun] = {}
        self._sightings = Sightings(self._graph)
        self._executors = Executors(self._graph, self._state, self._options)
        self._staged: dict[Any, StagedRun] = {}
        self._setups: dict[Any, StagedRun] = {}  # the same, by what was passed to the setup
        self._seen_mutations = self._graph.mutation_count
        self._graph._sessions.add(self)
        _open_sessions.add(self)
        self._sightings.prepare_seconds += time.perf_counter() - start

    @property
    def graph(self) -> Graph:
        """The graph that it runs."""
        return self._graph

    @property
    def graph_def(self) -> Any:
        """The graph as a GraphDef protobuf message."""
        return self._graph.as_graph_def()

    @property
    def sess_str(self) -> bytes:
        """The server that it runs on; b"" is this process."""
        return as_bytes(self._target)

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._closed

    def close(self) -> None:
        """Frees what it holds. A second call does nothing; any run after it raises RuntimeError."""
        if self._closed:
            self._reset = False  # its user has ended it, too
            return
        self._closed = True
        records = list(self._executors.records.values())  # runs may still be adding to them
        self._sightings.end(records)
        self._graph._sessions.discard(self)
        _open_sessions.discard(self)
        self._executors.close()
        for staged in list(self._staged.values()):
            staged.close()
        self._runs.clear()
        self._staged.clear()
        self._setups.clear()
        self._state.close()

    def _closed_error(self) -> Exception:
        """What a use of a session raises after its end."""
        if self._reset:
            return errors.CancelledError(None, None, "Session has been closed.")
        return RuntimeError("Attempted to use a closed Session.")

    def list_devices(self) -> list[DeviceAttributes]:
        """The devices that it can use, each with its name, type and memory.

        Raises:
            RuntimeError: the session is closed.

        Example:
            >>> [device.name for device in sess.list_devices()]
            ['/job:localhost/replica:0/task:0/device:CPU:0']
        """
        if self._closed:
            raise self._closed_error()
        return list(devices(self._options.devices))

    def as_default(self) -> Any:
        """Makes it the thread's default session inside a `with` block, which does not close it.

        Example:
            >>> with sess.as_default():
            ...     c.eval()
        """
        return _AsDefault(self)

    def run(
        self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """Runs what `fetches` need, and returns their values.

        Args:
            fetches: a tensor, operation, variable, name, or any nested list, tuple,
                namedtuple or dict of these.
            feed_dict: values for tensors, by tensor or name: numbers, lists or arrays.
            options: a `tf.RunOptions`.
            run_metadata: a `tf.RunMetadata` to fill.

        Returns:
            A structure like `fetches`: NumPy arrays or scalars for tensors, None for operations.

        Raises:
            RuntimeError: the session is closed.
            TypeError, ValueError: a fetch or feed is not of this graph, or a
                fed value does not fit.
            InvalidArgumentError: a placeholder that the fetches need is not fed, or
                an op got bad input.

        Example:
            >>> sess.run([c, d], feed_dict={a: 2.0, b: 3.0})
        """
        if self._closed:
            raise self._closed_error()
        if options is not None or run_metadata is not None:
            request = RunRequest(options, run_metadata, self._options.devices)
            if not request.plain:
                flat = flatten_feed_dict(feed_dict) if feed_dict else {}
                return self._run_watched(self._bound_run(fetches, list(flat)), flat, request)
        if self._graph.mutation_count != self._seen_mutations:
            self._forget_plans()
        kind = type(fetches)
        try:
            if kind is list or kind is tuple:
                key = (kind, *fetches, None, *feed_dict) if feed_dict else (kind, *fetches)
            else:
                key = (fetches, None, *feed_dict) if feed_dict else fetches
            bound = self._runs.get(key)
        except TypeError:  # something unhashable: a nested structure, or what is no dictionary
            bound = None
        if bound is not None:
            return bound(*feed_dict.values()) if feed_dict else bound()
        return self._bind(fetches, feed_dict)

    def _bind(self, fetches: Any, feed_dict: Any) -> Any:
        """Runs a kind of call seen for the first time, and remembers it for `run`."""
        start = time.perf_counter()
        flat = flatten_feed_dict(feed_dict) if feed_dict else {}
        bound = self._bound_run(fetches, list(flat))
        self._sightings.prepared(time.perf_counter() - start)
        if all(
            [
                isinstance(key, _SIMPLE) or hasattr(key, "_as_graph_element")
                for key in feed_dict or ()
            ]
        ):
            if _is_leaf(fetches):
                self._runs[(fetches, None, *flat) if flat else fetches] = bound
            elif type(fetches) in (list, tuple) and all([_is_leaf(item) for item in fetches]):
                kind = type(fetches)
                self._runs[(kind, *fetches, None, *flat) if flat else (kind, *fetches)] = bound
        return bound(*flat.values())

    def _bound_run(self, fetches: Any, feed_keys: list[Any]) -> BoundRun:
        if not self._graph._ops:
            raise RuntimeError(
                "The Session graph is empty.  Add operations to the graph before calling run()."
            )
        parsed = Fetches(self._graph, fetches)
        tensors = tuple([fed_tensor(self._graph, key) for key in feed_keys])
        executor = self._executors.get(parsed, tensors)
        rebuild = with_fed_arrays(parsed, tensors, with_handles(parsed, self._state))
        return bound_run(executor, rebuild, self._sightings)

    def _run_watched(self, bound: BoundRun, fed: Any, request: RunRequest) -> Any:
        """Runs with a deadline, or telling what each op did."""
        results = run_watched(bound.execute, self._state, list(fed.values()), request)
        return bound.rebuild(results)

    def _forget_plans(self) -> None:
        """Operations that were there already have changed: what was planned may be wrong."""
        self._seen_mutations = self._graph.mutation_count
        self._runs.clear()
        self._executors.forget()
        self._staged.clear()
        self._setups.clear()

    def make_callable(
        self, fetches: Any, feed_list: Any = None, accept_options: bool = False
    ) -> Callable[..., Any]:
        """A function that runs `fetches`: the fastest way to make the same run again and again.

        Args:
            fetches: as for `run`.
            feed_list: the tensors that are fed, in the order of the function's arguments.
            accept_options: let the function take `options` and `run_metadata`. One with feeds
                takes them always.

        Returns:
            A function of as many arguments as `feed_list` has tensors.

        Raises:
            TypeError: `feed_list` is no list, or holds something that cannot be fed.

        Example:
            >>> add = sess.make_callable(c, [a, b])
            >>> add(2.0, 3.0)
        """
        if self._closed:
            raise self._closed_error()
        if feed_list is not None and not isinstance(feed_list, (list, tuple)):
            raise TypeError("`feed_list` must be a list or tuple.")
        if self._graph.mutation_count != self._seen_mutations:
            self._forget_plans()
        feeds = list(feed_list or ())
        count = len(feeds)
        composite = any([is_composite(feed) for feed in feeds])
        bound = None if composite else self._bound_run(fetches, feeds)
        takes_options = accept_options or bool(feeds)  # as TensorFlow's do

        def call(*values: Any, options: Any = None, run_metadata: Any = None) -> Any:
            if options is None and run_metadata is None:
                if bound is not None and len(values) >= count and not self._closed:
                    return bound(*values[:count])
            elif not takes_options:
                raise TypeError("this function takes no options: make it with accept_options=True")
            # What is missing is a placeholder without a value.
            return self.run(fetches, dict(zip(feeds, values, strict=False)), options, run_metadata)

        return call

    def partial_run_setup(
        self, fetches: Any, feeds: Any = None, *, strict: bool = False
    ) -> PartialRunHandle:
        """Prepares a run in stages.

        Args:
            fetches: all that the stages will fetch, structured as for `run`.
            feeds: all tensors that they will feed: one, or a list.
            strict: allow each feed and each fetch once only, as TensorFlow does.

        Returns:
            A handle for `partial_run`. Its values are freed with it.

        Raises:
            RuntimeError: the session is closed.
            InvalidArgumentError: there is no fetch, or a tensor is fed and fetched.

        Example:
            >>> h = sess.partial_run_setup([c, d], [a, b])
            >>> sess.partial_run(h, c, feed_dict={a: 2.0, b: 3.0})
            >>> sess.partial_run(h, d)
        """
        if self._closed:
            raise self._closed_error()
        if self._graph.mutation_count != self._seen_mutations:
            self._forget_plans()
        if feeds is None:
            feeds = ()
        feeds = tuple(feeds) if isinstance(feeds, list | tuple) else (feeds,)
        key = call_key(fetches, feeds)
        staged = self._setups.get(key)
        if staged is None:
            staged = self._set_up(fetches, feeds)
            if key is not None:
                self._setups[key] = staged
        return PartialRunHandle(staged, strict, self)

    def _set_up(self, fetches: Any, feeds: tuple[Any, ...]) -> StagedRun:
        elements = Fetches(self._graph, fetches).elements
        keys = [key for feed in feeds for key in partial_run_tensors(feed)]
        tensors = tuple([fed_tensor(self._graph, key, "feed_list") for key in keys])
        key = (elements, frozenset(tensors))
        staged = self._staged.get(key)
        if staged is None or len(tensors) > len(staged.feeds):  # named twice: refused when made
            jit, records = self._options.jit, self._executors.records
            staged = StagedRun(self._graph, self._state, jit, elements, tensors, records)
            self._executors.place(staged.ordered)
            self._staged[key] = staged
        return staged

    def partial_run(
        self,
        handle: str,
        fetches: Any,
        feed_dict: Any = None,
        *,
        options: Any = None,
        run_metadata: Any = None,
    ) -> Any:
        """Runs the next stage of a run that `partial_run_setup` prepared: what has not run yet.

        Args:
            handle: what `partial_run_setup` gave.
            fetches: some of the fetches named there, structured as for `run`.
            feed_dict: values for some of the feeds named there. A feed that was fed before starts
                its next batch: what depends on it is computed anew when it is asked for.
            options: a `tf.RunOptions`.
            run_metadata: a `tf.RunMetadata` to fill, which tells of this stage.

        Returns:
            A structure like `fetches`.

        Raises:
            RuntimeError: the session is closed.
            InvalidArgumentError: a fetch or feed was not named at setup, or a fetch needs a
                feed that was not fed.

        Example:
            >>> sess.partial_run(h, c, feed_dict={a: 2.0, b: 3.0})
        """
        if self._closed:
            raise self._closed_error()
        if not feed_dict and isinstance(fetches, (list, tuple, dict)) and not fetches:
            return type(fetches)()  # nothing to do: TensorFlow does not look at the handle either
        own = self._own_handle(handle)
        if options is None and run_metadata is None:
            return own.run_stage(fetches, feed_dict)
        request = RunRequest(options, run_metadata, self._options.devices)
        return own.run_stage(fetches, feed_dict, None if request.plain else request)

    def _partial_run_also(
        self,
        handle: str,
        fetches: Any,
        feed_dict: Any,
        also: list[Any],
        options: Any,
        metadata: Any,
    ) -> list[Any]:
        """The next stage, which fetches more than setup named; for monitored sessions.

        Returns:
            The value of `fetches`, then those of `also`, each structured as it is.
        """
        own = self._own_handle(handle)
        request = RunRequest(options, metadata, self._options.devices)
        return own.run_stage_with(also, fetches, feed_dict, None if request.plain else request)

    def _own_handle(self, handle: Any) -> PartialRunHandle:
        if not isinstance(handle, PartialRunHandle) or handle.session is not self:
            raise errors.InvalidArgumentError(
                None, None, "Must run 'setup' before performing partial runs!"
            )
        return handle

    def run_stats(self) -> RunStats:
        """What its runs cost: for each kind of run calls, times, compilations and shapes.

        Returns:
            A sequence of `PlanStats`, the dearest first, that prints as a table; after `close` too.

        Example:
            >>> x = tf.placeholder(tf.float32, name="x")
            >>> y = sess.run(x + 1.0, {x: 2.0})
            >>> sess.run_stats()
            run          calls    total   median  compiling  recompiles  shapes
            add:0 ← x:0      1  ...                       -           -       1
        """
        return RunStats(list(self._executors.records.values()))

    def explain(self, fetches: Any, feeds: Any = ()) -> Explanation:
        """What `run` does for these fetches; printed as a tree where there is a terminal.

        Args:
            fetches: as for `run`.
            feeds: the tensors that are fed, or a feed_dict, whose values' shapes then count.

        Returns:
            An `Explanation`; nothing is run for it.

        Raises:
            RuntimeError: the session is closed.
            TypeError, ValueError: a fetch or feed is not of this graph.

        Example:
            >>> print(sess.explain(loss, [x, y]))
        """
        from penstock.session.explain import explain_run  # slow to import

        if self._closed:
            raise self._closed_error()
        if self._graph.mutation_count != self._seen_mutations:
            self._forget_plans()
        parsed = Fetches(self._graph, fetches)
        if hasattr(feeds, "items"):
            flat = flatten_feed_dict(feeds)
        else:
            listed = feeds if isinstance(feeds, list | tuple) else [feeds]
            flat = dict.fromkeys([key for feed in listed for key in partial_run_tensors(feed)])
        values = {fed_tensor(self._graph, key): value for key, value in flat.items()}
        executor = self._executors.find(parsed, tuple(values))
        explanation = explain_run(executor, values)
        print_in_terminal(explanation)
        return explanation

    def partial_run_close(self, handle: str) -> None:
        """Frees the values that a handle keeps; it cannot be used any more.

        Args:
            handle: what `partial_run_setup` gave.

        Raises:
            InvalidArgumentError: it is no handle of this session.

        Example:
            >>> sess.partial_run_close(h)
        """
        self._own_handle(handle).close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()


@export("Session", "compat.v1.Session")
class Session(BaseSession):
    """Runs parts of a graph, and holds its variables' values.

    Args:
        target: the server to run on; "" is this process.
        graph: the graph to run; the default one where None.
        config: a `tf.ConfigProto`.

    Example:
        >>> with tf.Session() as sess:
        ...     sess.run(tf.constant(5.0) + 1.0)
        np.float32(6.0)
    """

    _graph_context: Any = None

    @staticmethod
    def reset(target: str, containers: Any = None, config: Any = None) -> None:
        """Clears the containers of a server, and ends all sessions that are connected to it.

        Args:
            target: the server; "" is this process.
            containers: the containers to clear; all where None. A session of this process has its
                own containers, which go with it.
            config: a `tf.ConfigProto`.

        Raises:
            TypeError: an argument has the wrong type.
            NotFoundError: there is no such server.

        Example:
            >>> tf.Session.reset("")
        """
        SessionOptions(config)
        if not isinstance(target, str | bytes):
            raise TypeError(f"Expected binary or unicode string, got {target!r}")
        if target:
            raise errors.NotFoundError(
                None,
                None,
                f"No session factory registered for the given session options: target {target!r}",
            )
        for session in _open_sessions.found():
            session.close()
            session._reset = True

    def __enter__(self) -> Session:
        if self._graph_context is not None:
            raise RuntimeError(
                "Session context managers are not re-entrant. Use `Session.as_default()` if you "
                "want to enter a session multiple times."
            )
        self._graph_context = self._graph.as_default()
        self._graph_context.__enter__()
        push_session(self)
        return self

    def __exit__(self, *details: Any) -> None:
        pop_session(self)
        context, self._graph_context = self._graph_context, None
        context.__exit__(*details)
        self.close()


class _AsDefault:
    """`with sess.as_default()`."""

    def __init__(self, session: BaseSession) -> None:
        self._session = session

    def __enter__(self) -> BaseSession:
        push_session(self._session)
        return self._session

    def __exit__(self, *details: Any) -> None:
        pop_session(self._session)


def _is_leaf(fetch: Any) -> bool:
    return isinstance(fetch, _SIMPLE) or hasattr(fetch, "_as_graph_element")
