"""Devices: which there are, and on which one an op runs."""

from __future__ import annotations

import functools
import glob
from collections.abc import Iterable
from typing import Any, NamedTuple

from penstock.graph.devices import DeviceSpec
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import export
from penstock.graph.operation import Operation

_TASK = "/job:localhost/replica:0/task:0"
CPU = f"{_TASK}/device:CPU:0"


_logging = [False]  # whether sessions without a ConfigProto print the device of each op


@export("debugging.set_log_device_placement")
def set_log_device_placement(enabled: bool) -> None:
    """Lets sessions that are made from now on, without a ConfigProto, print the device of each op.

    Args:
        enabled: whether they do.

    Example:
        >>> tf.debugging.set_log_device_placement(True)
    """
    _logging[0] = enabled


@export("debugging.get_log_device_placement")
def get_log_device_placement() -> bool:
    """Whether sessions that are made without a ConfigProto print the device of each op."""
    return _logging[0]


class DeviceAttributes:
    """A device of a session.

    Attributes:
        name: its full name.
        device_type: "CPU" or "GPU".
        memory_limit_bytes: how much memory it has, where that is known, else 0.
        incarnation: a number that tells two lives of a device apart.
    """

    def __init__(
        self, name: str, device_type: str, memory_limit_bytes: int, incarnation: int = 1
    ) -> None:
        self.name = name
        self.device_type = device_type
        self.memory_limit_bytes = memory_limit_bytes
        self.incarnation = incarnation

    def __repr__(self) -> str:
        return (
            f"_DeviceAttributes({self.name}, {self.device_type}, {self.memory_limit_bytes}, "
            f"{self.incarnation})"
        )


class DeviceCounts(NamedTuple):
    """How many devices a session has.

    Attributes:
        cpus: how many names the CPU has.
        gpus: the most GPUs; None for all that there are.
    """

    cpus: int = 1
    gpus: int | None = None


@functools.cache
def devices(counts: DeviceCounts) -> tuple[DeviceAttributes, ...]:
    """The CPU, under as many names as a session asks for, and the GPUs that JAX sees."""
    memory = _system_memory()
    found = [
        DeviceAttributes(f"{_TASK}/device:CPU:{number}", "CPU", memory)
        for number in range(counts.cpus)
    ]
    return (*found, *_gpus()[: counts.gpus])


@functools.cache
def _gpus() -> list[DeviceAttributes]:
    found = []
    if glob.glob("/dev/nvidia[0-9]*") or glob.glob("/dev/kfd"):  # JAX takes a second to import
        from penstock.runtime.xla import load_jax

        for number, device in enumerate(load_jax().devices()):
            if device.platform != "cpu":
                limit = (device.memory_stats() or {}).get("bytes_limit", 0)
                found.append(DeviceAttributes(f"{_TASK}/device:GPU:{number}", "GPU", limit))
    return found


def compiling_device(counts: DeviceCounts) -> str:
    """The full name of the device that compiled clusters run on."""
    names = [device.name for device in devices(counts) if device.device_type == "GPU"]
    return names[0] if names else CPU


def _system_memory() -> int:
    try:
        with open("/proc/meminfo") as file:
            return int(file.readline().split()[1]) * 1024
    except (OSError, ValueError, IndexError):  # not Linux: the size is not known
        return 0


def placement(op: Operation, soft: bool, counts: DeviceCounts) -> str:
    """The full name of the device that an op runs on.

    Args:
        op: the operation.
        soft: where its own device is not there, take the CPU of the same task.
        counts: which devices there are.

    Raises:
        InvalidArgumentError: its device is not there, and `soft` is False.
    """
    if not op.device:
        return CPU
    wanted = DeviceSpec.from_string(op.device)
    names = [device.name for device in devices(counts)]
    for name in names:
        if _matches(wanted, DeviceSpec.from_string(name), (*_TASK_PARTS, *_DEVICE_PARTS)):
            return name
    if soft and _matches(wanted, DeviceSpec.from_string(CPU), _TASK_PARTS):
        return CPU
    raise InvalidArgumentError(
        None,
        op,
        f"Cannot assign a device for operation {op.name}: {op.name} was explicitly assigned to "
        f"{op.device} but available devices are [ {', '.join(names)} ]. Make sure the device "
        "specification refers to a valid device, or set allow_soft_placement in the ConfigProto.",
    )


_TASK_PARTS = ("job", "replica", "task")
_DEVICE_PARTS = ("device_type", "device_index")


def _matches(wanted: DeviceSpec, device: DeviceSpec, parts: Iterable[str]) -> bool:
    for part in parts:
        own: Any = getattr(wanted, part)
        if own is not None and own != getattr(device, part):
            return False
    return True
