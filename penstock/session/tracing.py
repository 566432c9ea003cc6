"""What `tf.RunMetadata` tells of a run: what each op took and made, and the graph that was run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from penstock.graph import dtypes, shapes
from penstock.graph.operation import Operation, Tensor
from penstock.graph.protos import node_def
from penstock.plan.changes import Fate, changes
from penstock.plan.plan import Plan
from penstock.runtime.control import RunControl
from penstock.runtime.executor import Executor
from penstock.runtime.interpreter import Cluster, Item
from penstock.runtime.state import SessionState
from penstock.session.options import RunRequest
from penstock.session.placement import CPU, DeviceCounts, compiling_device, placement


def run_watched(
    executor: Executor, state: SessionState, values: Sequence[Any], request: RunRequest
) -> Sequence[Any]:
    """Runs a plan with a deadline, or telling what each op did.

    Args:
        executor: runs the plan.
        state: the session's state.
        values: what is fed, in the order of the plan's feeds.
        request: the deadline, and what to tell; of a run that fails, what happened until then.
    """
    timeout = state.timeout if request.timeout is None else request.timeout
    control = RunControl(state, timeout)
    tracer = Tracer(executor.plan, state, request.devices) if request.traced else None
    try:
        start = time.perf_counter_ns()
        results = executor.run_under(control, None if tracer is None else tracer.watch, values)
        executor.record.add(time.perf_counter_ns() - start)
    finally:
        if tracer is not None:
            tracer.fill(request.metadata)
        if request.graphs:
            add_graph(executor.plan, request.metadata, request.devices)
    return results


class Tracer:
    """Watches one run, and fills a `tf.RunMetadata` with what it saw.

    A compiled cluster is one node, whose label lists its ops. Operations that the fetches need and
    that are no ops of the plan (constants, variables, what was folded) are nodes that took no time.

    Args:
        plan: what is run.
        state: the session's state.
        devices: how many devices the session has.
    """

    def __init__(self, plan: Plan, state: SessionState, devices: DeviceCounts) -> None:
        self._plan = plan
        self._state = state
        self._devices_there = devices
        self._begun = time.time_ns()
        self._seen: list[tuple[Item, list[Any], int, int]] = []
        self._devices: dict[str, Any] = {}

    def watch(
        self, item: Item, operands: list[Any], outputs: list[Any], start: int, end: int
    ) -> None:
        """Notes an item that ran from `start` to `end`, in nanoseconds of time.time_ns."""
        self._seen.append((item, outputs, start, end))

    def fill(self, metadata: Any) -> None:
        """Writes what was seen into `metadata.step_stats`, device by device."""
        for change in changes(self._plan):
            node = self._op_node(metadata, change.op)
            self._set_times(node, self._begun, self._begun)
            if change.fate is Fate.VARIABLE:
                self._describe_variable(node, change.op)
        device = compiling_device(self._devices_there)
        clusters = 0
        for item, outputs, start, end in self._seen:
            if isinstance(item, Cluster):
                name = f"cluster_{clusters}"
                label = f"{name} = XLA({', '.join([step.op.name for step in item.steps])})"
                node = self._node(metadata, device, name, label)
                clusters += 1
            else:
                node = self._op_node(metadata, item.op)
            self._set_times(node, start, end)
            for slot, value in enumerate(outputs):
                _describe(node, slot, value)

    def _op_node(self, metadata: Any, op: Operation) -> Any:
        return self._node(metadata, placement(op, True, self._devices_there), op.name, _label(op))

    def _node(self, metadata: Any, device: str, name: str, label: str) -> Any:
        if device not in self._devices:
            self._devices[device] = metadata.step_stats.dev_stats.add(device=device)
        return self._devices[device].node_stats.add(node_name=name, timeline_label=label)

    def _set_times(self, node: Any, start: int, end: int) -> None:
        node.all_start_micros = start // 1000
        node.all_start_nanos = start
        node.op_end_rel_nanos = node.all_end_rel_nanos = end - start
        node.op_end_rel_micros = node.all_end_rel_micros = -(-(end - start) // 1000)
        node.scheduled_nanos = self._begun
        node.scheduled_micros = self._begun // 1000

    def _describe_variable(self, node: Any, op: Operation) -> None:
        value = self._state.variable(op).value
        if value is not None:
            _describe_output(node, 0, value)
            node.memory_stats.persistent_memory_size = value.nbytes


def _label(op: Operation) -> str:
    inputs = [tensor._as_node_def_input() for tensor in op._inputs]
    inputs += [f"^{control.name}" for control in op._control_inputs]
    return f"{op.name} = {op.type}({', '.join(inputs)})"


def _describe(node: Any, slot: int, value: Any) -> None:
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        return  # a queue's handle, or another thing of the host
    _describe_output(node, slot, value)
    node.memory.add(allocator_name="cpu", total_bytes=value.nbytes, peak_bytes=value.nbytes)


def _describe_output(node: Any, slot: int, value: Any) -> None:
    output = node.output.add(slot=slot)
    description = output.tensor_description
    description.dtype = dtypes.as_dtype(value.dtype).as_datatype_enum
    description.shape.CopyFrom(shapes.TensorShape(value.shape).as_proto())
    description.allocation_description.requested_bytes = value.nbytes
    description.allocation_description.allocated_bytes = value.nbytes
    description.allocation_description.allocator_name = "cpu"


def add_graph(plan: Plan, metadata: Any, devices: DeviceCounts) -> None:
    """Adds the GraphDef of what a plan runs to `metadata.partition_graphs`.

    As in TensorFlow's, a fed tensor is an `_Arg`, a fetched one has a `_Retval`, and each node its
    device.
    """
    graph = metadata.partition_graphs.add(versions=plan.graph.graph_def_versions)
    arguments = {}
    for index, tensor in _numbered(plan.feeds):
        name = f"_arg_{tensor.op.name}_{tensor.value_index}_{index}"
        arguments[tensor._as_node_def_input()] = name
        _add_end(graph, name, "_Arg", tensor, index)
    for op in plan.ordered:
        node = node_def(op)
        node.device = placement(op, True, devices)
        node.input[:] = [arguments.get(name, name) for name in node.input]
        graph.node.append(node)
    for index, tensor in _numbered(set(plan.fetches) - set(plan.feeds)):
        name = f"_retval_{tensor.op.name}_{tensor.value_index}_{index}"
        _add_end(graph, name, "_Retval", tensor, index).input.append(tensor._as_node_def_input())


def _numbered(elements: Iterable[Tensor | Operation]) -> Iterable[tuple[int, Tensor]]:
    """The tensors among elements, by name, each with its number."""
    tensors = [element for element in elements if isinstance(element, Tensor)]
    return enumerate(sorted(tensors, key=lambda tensor: tensor.name))


def _add_end(graph: Any, name: str, op: str, tensor: Tensor, index: int) -> Any:
    node = graph.node.add(name=name, op=op, device=CPU)
    node.attr["T"].type = tensor.dtype.base_dtype.as_datatype_enum
    node.attr["index"].i = index
    return node
