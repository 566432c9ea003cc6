"""`Timeline`: what a traced run did, as a picture for Perfetto or chrome://tracing.

The format is the Trace Event Format of Chromium's documentation, in its JSON object form. There is
one process for the operations of each device, whose threads are as many as ran at a time, and one
for its tensors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Event = dict[str, Any]

_LABEL = re.compile(r"(.*) = (.*)\((.*)\)")  # "c = Add(a, b:1, ^d)"
_UNKNOWN = "unknown"
_CLUSTER = "XLA"  # a compiled cluster: its label lists its ops
_ALLOCATORS = 0  # the process that shows how much memory is in use


class AllocationMaximum(NamedTuple):
    """When an allocator held the most.

    Attributes:
        timestamp: the time, in microseconds.
        num_bytes: how much.
        tensors: the names of the tensors that it held then.
    """

    timestamp: float
    num_bytes: int
    tensors: set[str]


class StepStatsAnalysis(NamedTuple):
    """What `Timeline.analyze_step_stats` gives.

    Attributes:
        chrome_trace: the events.
        allocator_maximums: by allocator.
    """

    chrome_trace: ChromeTrace
    allocator_maximums: dict[str, AllocationMaximum]


class ChromeTrace:
    """Events in Chrome's format.

    Args:
        events: them, those that describe processes among them.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = sorted(events, key=lambda event: (event["ph"] != "M", event.get("ts", 0)))

    def format_to_string(self, pretty: bool = False) -> str:
        """The events as JSON text; with line breaks where `pretty`."""
        content = {"traceEvents": self.events}
        if pretty:
            return json.dumps(content, indent=4, separators=(",", ": "))
        return json.dumps(content, separators=(",", ":"))


class _Output(NamedTuple):
    """A tensor that a node made."""

    name: str
    num_bytes: int
    allocator: str
    description: str


class _Node:
    """An operation, or a compiled cluster, that ran. Times are in nanoseconds.

    Args:
        stats: its NodeExecStats.
        device: the place of its device among all.
    """

    def __init__(self, stats: Any, device: int) -> None:
        self.compute, self.tensors = 2 * device + 1, 2 * device + 2  # processes
        self.start = stats.all_start_nanos or 1000 * stats.all_start_micros
        took = stats.all_end_rel_nanos or 1000 * stats.all_end_rel_micros
        self.end = self.start + max(0, took)
        self.name, self.op = stats.node_name, _UNKNOWN
        self.inputs: list[str] = []
        label = _LABEL.fullmatch(stats.timeline_label)
        if label is not None:
            self.name, self.op, inputs = label.groups()
            self.inputs = inputs.split(", ") if inputs else []
        self.lane = 0
        self.outputs = [self._output(output) for output in stats.output]

    def _output(self, output: Any) -> _Output:
        name = f"{self.name}:{output.slot}" if output.slot else self.name
        description = output.tensor_description
        allocation = description.allocation_description
        return _Output(
            name, allocation.requested_bytes, allocation.allocator_name, str(description)
        )

    def event(self) -> Event:
        """It as a bar."""
        args = {"name": self.name, "op": self.op}
        args.update({f"input{number}": name for number, name in enumerate(self.inputs)})
        return {
            "ph": "X",
            "cat": "Op",
            "name": self.op,
            "pid": self.compute,
            "tid": self.lane,
            "ts": _micros(self.start),
            "dur": _micros(self.end) - _micros(self.start),
            "args": args,
        }


class Timeline:
    """The picture of a run.

    Args:
        step_stats: what `RunMetadata.step_stats` holds after a run with FULL_TRACE.
        graph: as TensorFlow has it; what ran tells its inputs itself.

    Example:
        >>> metadata = tf.RunMetadata()
        >>> sess.run(c, options=tf.RunOptions(trace_level=3), run_metadata=metadata)
        >>> text = Timeline(metadata.step_stats).generate_chrome_trace_format()
        >>> open("timeline.json", "w").write(text)
    """

    def __init__(self, step_stats: Any, graph: Any = None) -> None:
        self._devices = [stats.device for stats in step_stats.dev_stats]
        self._nodes = []
        for place, stats in enumerate(step_stats.dev_stats):
            nodes = [_Node(node, place) for node in stats.node_stats]
            _assign_lanes(nodes)
            self._nodes += nodes
        self._graph = graph

    def generate_chrome_trace_format(
        self, show_dataflow: bool = True, show_memory: bool = False
    ) -> str:
        """The picture as JSON text.

        Args:
            show_dataflow: with arrows from a tensor's operation to those that take it, where they
                do not stand in one row.
            show_memory: with the life of each tensor, and the memory in use.

        Returns:
            The text of a file for https://ui.perfetto.dev or chrome://tracing.
        """
        analysis = self.analyze_step_stats(show_dataflow, show_memory)
        return analysis.chrome_trace.format_to_string(pretty=True)

    def analyze_step_stats(
        self, show_dataflow: bool = True, show_memory: bool = True
    ) -> StepStatsAnalysis:
        """The picture's events, and when each allocator held the most.

        Args:
            show_dataflow: as for `generate_chrome_trace_format`.
            show_memory: likewise.

        Returns:
            A StepStatsAnalysis.
        """
        events = [*self._processes(), *[node.event() for node in self._nodes]]
        if show_dataflow:
            events += self._flows()
        lives = _lives(self._nodes)
        if show_memory:
            events += _memory_events(lives)
        return StepStatsAnalysis(ChromeTrace(events), _maximums(lives))

    def _processes(self) -> Iterator[Event]:
        yield _process(_ALLOCATORS, "Allocators")
        for place, device in enumerate(self._devices):
            yield _process(2 * place + 1, f"{device} Compute")
            yield _process(2 * place + 2, f"{device} Tensors")

    def _flows(self) -> Iterator[Event]:
        made_by = _makers(self._nodes)
        number = 0
        for node in self._nodes:
            if node.op == _CLUSTER:
                continue
            for name in dict.fromkeys(node.inputs):
                maker = made_by.get(name.partition(":")[0])
                if maker is None or maker.end > node.start:
                    continue
                if (maker.compute, maker.lane) != (node.compute, node.lane):
                    yield _flow("s", name, maker, maker.end, number)
                    yield _flow("t", name, node, node.start, number)
                    number += 1


def _micros(nanos: int) -> float:
    """The time in microseconds, down to the half one.

    That much a float64 tells of a time since 1970 exactly, in its decimal text too: bars that
    follow each other must not overlap by an error of rounding.
    """
    whole, rest = divmod(nanos, 1000)
    return whole + 0.5 if rest >= 500 else whole


def _process(number: int, name: str) -> Event:
    return {"name": "process_name", "ph": "M", "pid": number, "args": {"name": name}}


def _flow(phase: str, name: str, node: _Node, time: int, number: int) -> Event:
    return {
        "ph": phase,
        "cat": "DataFlow",
        "name": name,
        "pid": node.compute,
        "tid": node.lane,
        "ts": _micros(time),
        "id": number,
    }


def _assign_lanes(nodes: list[_Node]) -> None:
    """Gives nodes that ran side by side rows of their own."""
    free_from: list[int] = []
    for node in sorted(nodes, key=lambda node: node.start):
        free = [lane for lane, time in enumerate(free_from) if time <= node.start]
        node.lane = free[0] if free else len(free_from)
        free_from[node.lane : node.lane + 1] = [node.end]


def _makers(nodes: list[_Node]) -> dict[str, _Node]:
    """The node that ran each operation."""
    found = {}
    for node in nodes:
        found[node.name] = node
        if node.op == _CLUSTER:
            found.update(dict.fromkeys(node.inputs, node))
    return found


class _Life(NamedTuple):
    """A tensor from its making to the end of its last use."""

    output: _Output
    node: _Node
    end: int


def _lives(nodes: list[_Node]) -> list[_Life]:
    last: dict[str, int] = {}
    for node in nodes:
        for name in node.inputs:
            last[name] = max(last.get(name, 0), node.end)
    return [
        _Life(output, node, max(node.end, last.get(output.name, 0)))
        for node in nodes
        for output in node.outputs
    ]


def _memory_events(lives: list[_Life]) -> Iterator[Event]:
    for number, (output, node, end) in enumerate(lives):
        about = {
            "cat": "Tensor",
            "name": output.name,
            "pid": node.tensors,
            "tid": node.lane,
            "id": number,
        }
        args = {"snapshot": {"tensor_description": output.description}}
        yield {"ph": "N", **about, "ts": _micros(node.start)}
        yield {"ph": "O", **about, "ts": _micros(node.end), "args": args}
        yield {"ph": "D", **about, "ts": _micros(end)}
    for allocator, changes in _changes(lives).items():
        held = 0
        for time, difference, _ in changes:
            held += difference
            yield {
                "ph": "C",
                "cat": "Memory",
                "name": allocator,
                "pid": _ALLOCATORS,
                "tid": 0,
                "ts": _micros(time),
                "args": {allocator: held},
            }


def _changes(lives: list[_Life]) -> Mapping[str, list[tuple[int, int, str]]]:
    """For each allocator (time, bytes more, tensor), in order of time."""
    found: dict[str, list[tuple[int, int, str]]] = {}
    for output, node, end in lives:
        changes = found.setdefault(output.allocator, [])
        changes.append((node.start, output.num_bytes, output.name))
        changes.append((end, -output.num_bytes, output.name))
    for changes in found.values():
        changes.sort(key=lambda change: change[0])
    return found


def _maximums(lives: list[_Life]) -> dict[str, AllocationMaximum]:
    maximums = {}
    for allocator, changes in _changes(lives).items():
        held = most = 0
        when = changes[0][0]
        names: set[str] = set()
        at_most: set[str] = set()
        for time, difference, name in changes:
            held += difference
            (names.add if difference > 0 else names.discard)(name)
            if held > most:
                most, when, at_most = held, time, set(names)
        maximums[allocator] = AllocationMaximum(_micros(when), most, at_most)
    return maximums
