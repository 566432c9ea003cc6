"""`tf.ConfigProto` and `tf.RunOptions`: what a session makes of them.

docs/config.md lists all fields.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from penstock.runtime import xla
from penstock.runtime.executor import Jit
from penstock.runtime.threads import limit_threads
from penstock.session.placement import DeviceCounts, get_log_device_placement


class SessionOptions:
    """What a `tf.ConfigProto` asks of a session.

    Args:
        config: the ConfigProto, or None.

    Attributes:
        jit: when plans are compiled.
        timeout: seconds that a run may take, or None.
        soft_placement: ops whose device is not there run on the CPU.
        log_placement: print the device of each op.
        devices: how many devices there are.

    Raises:
        TypeError: `config` is no ConfigProto.
    """

    def __init__(self, config: Any) -> None:
        if config is not None and not hasattr(config, "graph_options"):
            raise TypeError(f"config must be a tf.ConfigProto, but got {type(config)}")
        self.timeout: float | None = None
        self.soft_placement = False
        self.log_placement = config is None and get_log_device_placement()
        self.devices = DeviceCounts()
        if config is None:
            self.jit = _jit(0)
            return
        self.timeout = _seconds(config.operation_timeout_in_ms)
        self.soft_placement = config.allow_soft_placement
        self.log_placement = config.log_device_placement
        self.devices = _device_counts(config.device_count)
        _set_gpu_memory(config.gpu_options)
        if config.intra_op_parallelism_threads > 0:
            limit_threads(config.intra_op_parallelism_threads)
        self.jit = _jit(config.graph_options.optimizer_options.global_jit_level)


def _jit(level: int) -> Jit:
    """When plans are compiled: at once where there is an accelerator, unless they never are."""
    if level == 0 and not xla.has_accelerator():
        return Jit.AUTO
    return Jit.OFF if level < 0 else Jit.ON


def _device_counts(device_count: Any) -> DeviceCounts:
    gpus = max(0, device_count["GPU"]) if "GPU" in device_count else None
    if gpus == 0 and "jax" not in sys.modules:
        os.environ.setdefault("JAX_PLATFORMS", "cpu")  # where compiled clusters run, too
    return DeviceCounts(max(1, device_count.get("CPU", 1)), gpus)


def _set_gpu_memory(gpu_options: Any) -> None:
    """Hands the memory options to JAX, which takes them at its import: from the first session."""
    if "jax" in sys.modules:
        return
    if gpu_options.per_process_gpu_memory_fraction:
        fraction = str(gpu_options.per_process_gpu_memory_fraction)
        os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", fraction)
    if gpu_options.allow_growth:
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


class RunRequest:
    """What `tf.RunOptions` and `tf.RunMetadata` ask of one run.

    Args:
        options: the RunOptions, or None.
        metadata: the RunMetadata to fill, or None.
        devices: how many devices the session has.

    Attributes:
        timeout: seconds that the run may take, or None.
        traced: the metadata is to tell when each op ran.
        graphs: the metadata is to hold the graph that was run.

    Raises:
        TypeError: an argument has the wrong type.
    """

    def __init__(self, options: Any, metadata: Any, devices: DeviceCounts) -> None:
        if options is not None and not hasattr(options, "trace_level"):
            raise TypeError(f"options must be a tf.RunOptions, but got {type(options)}")
        if metadata is not None and not hasattr(metadata, "step_stats"):
            raise TypeError(f"run_metadata must be a tf.RunMetadata, but got {type(metadata)}")
        self.devices = devices
        self.metadata = metadata
        if metadata is not None:
            metadata.Clear()  # it tells of one run, whatever it told before
        self.timeout = None if options is None else _seconds(options.timeout_in_ms)
        self.traced = bool(options is not None and metadata is not None and options.trace_level)
        self.graphs = bool(
            options is not None and metadata is not None and options.output_partition_graphs
        )

    @property
    def plain(self) -> bool:
        """True where the run needs no watching."""
        return self.timeout is None and not self.traced and not self.graphs


def _seconds(milliseconds: int) -> float | None:
    return milliseconds / 1000 if milliseconds > 0 else None
