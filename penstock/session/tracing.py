"""`RunMetadata.step_stats`: what each op of a traced run took, made and cost."""

from __future__ import annotations

import time
from typing import Any

from penstock.graph import dtypes, shapes
from penstock.graph.operation import Operation
from penstock.graph.protos import node_def
from penstock.plan.plan import Plan
from penstock.runtime.interpreter import Cluster, Item
from penstock.session.placement import CPU, placement


class Tracer:
    """Watches one run, and fills a `tf.RunMetadata` with what it saw.

    A compiled cluster is one node, whose label lists its ops.
    """

    def __init__(self) -> None:
        self._begun = time.time_ns()
        self._seen: list[tuple[Item, list[Any], int, int]] = []

    def watch(
        self, item: Item, operands: list[Any], outputs: list[Any], start: int, end: int
    ) -> None:
        """Notes an item that ran from `start` to `end`, in nanoseconds of time.time_ns."""
        self._seen.append((item, outputs, start, end))

    def fill(self, metadata: Any) -> None:
        """Writes what was seen into `metadata.step_stats`, device by device."""
        by_device: dict[str, Any] = {}
        clusters = 0
        for item, outputs, start, end in self._seen:
            if isinstance(item, Cluster):
                device, name = CPU, f"cluster_{clusters}"
                label = f"{name} = XLA({', '.join([step.op.name for step in item.steps])})"
                clusters += 1
            else:
                device, name = placement(item.op, soft=True), item.op.name
                label = _label(item.op)
            if device not in by_device:
                by_device[device] = metadata.step_stats.dev_stats.add(device=device)
            node = by_device[device].node_stats.add(node_name=name, timeline_label=label)
            self._set_times(node, start, end)
            for slot, value in enumerate(outputs):
                _describe(node, slot, value)

    def _set_times(self, node: Any, start: int, end: int) -> None:
        node.all_start_micros = start // 1000
        node.all_start_nanos = start
        node.op_end_rel_nanos = node.all_end_rel_nanos = end - start
        node.op_end_rel_micros = node.all_end_rel_micros = max(1, (end - start) // 1000)
        node.scheduled_nanos = self._begun
        node.scheduled_micros = self._begun // 1000


def _label(op: Operation) -> str:
    inputs = [tensor._as_node_def_input() for tensor in op._inputs]
    inputs += [f"^{control.name}" for control in op._control_inputs]
    return f"{op.name} = {op.type}({', '.join(inputs)})"


def _describe(node: Any, slot: int, value: Any) -> None:
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        return  # a queue's handle, or another thing of the host
    output = node.output.add(slot=slot)
    description = output.tensor_description
    description.dtype = dtypes.as_dtype(value.dtype).as_datatype_enum
    description.shape.CopyFrom(shapes.TensorShape(value.shape).as_proto())
    description.allocation_description.requested_bytes = value.nbytes
    description.allocation_description.allocated_bytes = value.nbytes
    description.allocation_description.allocator_name = "cpu"
    node.memory.add(allocator_name="cpu", total_bytes=value.nbytes, peak_bytes=value.nbytes)


def add_graph(plan: Plan, metadata: Any) -> None:
    """Adds the GraphDef of what a plan runs to `metadata.partition_graphs`."""
    graph = metadata.partition_graphs.add(versions=plan.graph.graph_def_versions)
    graph.node.extend([node_def(op) for op in plan.ordered])
