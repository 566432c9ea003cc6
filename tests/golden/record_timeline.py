"""Records what TensorFlow 1.15 makes of a trace: `Timeline.generate_chrome_trace_format`.

    ORACLE/bin/python tests/golden/record_timeline.py

The recording is timeline.json here: the trace as text, and the events.
"""

from __future__ import annotations

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from google.protobuf import text_format
from tensorflow.core.framework.step_stats_pb2 import StepStats
from tensorflow.python.client.timeline import Timeline

TASK = "/job:localhost/replica:0/task:0"
FLOAT = 1
# name, label, start and duration in microseconds, bytes of each output
CPU = [
    ("a", "a = Const()", 100, 50, [8]),
    ("b", "b = Split(a, ^z)", 120, 60, [4, 4]),  # beside a
    ("c", "c = Add(b, b:1)", 190, 5, [4]),
    ("d", "d = Neg(c)", 196, 30, [4]),
    ("cluster_0", "cluster_0 = XLA(x, y)", 200, 2, [16]),
    ("e", "no label", 210, 3, [4]),
    ("w", "w = Recv stuff", 210, 3, []),
    ("p", "p = Add(d, _)", 230, 3, [4]),
]
GPU = [("q", "q = AddN(b:1, c, c)", 220, 10, [4])]


def step_stats() -> StepStats:
    """The trace."""
    stats = StepStats()
    for device, nodes in ((f"{TASK}/device:CPU:0", CPU), (f"{TASK}/device:GPU:0", GPU)):
        added = stats.dev_stats.add(device=device)
        for name, label, start, duration, outputs in nodes:
            node = added.node_stats.add(
                node_name=name,
                timeline_label=label,
                all_start_micros=start,
                op_end_rel_micros=duration,
                all_end_rel_micros=duration,
            )
            for slot, num_bytes in enumerate(outputs):
                description = node.output.add(slot=slot).tensor_description
                description.dtype = FLOAT
                description.allocation_description.requested_bytes = num_bytes
                description.allocation_description.allocator_name = "cpu"
    return stats


def main() -> None:
    """Writes the recording."""
    stats = step_stats()
    events = json.loads(Timeline(stats).generate_chrome_trace_format(show_memory=True))
    recording = {"step_stats": text_format.MessageToString(stats), **events}
    with open(os.path.join(os.path.dirname(__file__), "timeline.json"), "w") as file:
        json.dump(recording, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
