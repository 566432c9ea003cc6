"""Device names: `/job:worker/replica:0/task:1/device:GPU:0` and any part of it."""

from __future__ import annotations

import re
from typing import Any

_PART = re.compile(
    r"(job|replica|task):([^:]+)|device:([A-Za-z_]+|\*):(\d+|\*)|(cpu|gpu|CPU|GPU|tpu|TPU)(?::(\d+|\*))?"
)


class DeviceSpec:
    """A device name in parts, each None where it is left open.

    Args:
        job: the job's name.
        replica, task: numbers.
        device_type: such as "CPU" or "GPU".
        device_index: a number.

    Example:
        >>> DeviceSpec(job="ps", device_type="CPU", device_index=0).to_string()
        '/job:ps/device:CPU:0'
    """

    def __init__(
        self,
        job: str | None = None,
        replica: int | None = None,
        task: int | None = None,
        device_type: str | None = None,
        device_index: int | None = None,
    ) -> None:
        self.job = job
        self.replica = None if replica is None else int(replica)
        self.task = None if task is None else int(task)
        self.device_type = (
            device_type.upper() if device_type in ("cpu", "gpu", "tpu") else device_type
        )
        self.device_index = None if device_index is None else int(device_index)

    @classmethod
    def from_string(cls, text: str) -> DeviceSpec:
        """Parses a device name.

        Raises:
            ValueError: the text is no device name.
        """
        spec = cls()
        for part in filter(None, text.split("/")):
            match = _PART.fullmatch(part)
            if match is None:
                raise ValueError(f"Unknown attribute: '{part.partition(':')[0]}' in '{text}'")
            key, value, kind, index, short, short_index = match.groups()
            if key:
                setattr(spec, key, value if key == "job" else int(value))
                continue
            if spec.device_type is not None:
                raise ValueError(f"Cannot specify multiple device types: {text}")
            kind, index = kind or short.upper(), index or short_index
            spec.device_type = None if kind == "*" else kind
            spec.device_index = None if index in ("*", None) else int(index)
        return spec

    def to_string(self) -> str:
        """The name, canonical."""
        parts = []
        if self.job is not None:
            parts.append(f"/job:{self.job}")
        if self.replica is not None:
            parts.append(f"/replica:{self.replica}")
        if self.task is not None:
            parts.append(f"/task:{self.task}")
        if self.device_type is not None:
            index = "*" if self.device_index is None else self.device_index
            parts.append(f"/device:{self.device_type}:{index}")
        return "".join(parts)

    def merged_over(self, outer: DeviceSpec) -> DeviceSpec:
        """This spec, with what it leaves open taken from `outer`."""
        merged = DeviceSpec()
        for part in ("job", "replica", "task", "device_type", "device_index"):
            own = getattr(self, part)
            setattr(merged, part, getattr(outer, part) if own is None else own)
        if self.device_type is not None and self.device_index is None:
            merged.device_index = (
                outer.device_index if outer.device_type == self.device_type else None
            )
        return merged

    def merge_from(self, dev: DeviceSpec) -> None:
        """Overwrites this spec's parts with those that `dev` names."""
        self.__dict__.update(dev.merged_over(self).__dict__)

    def parse_from_string(self, text: str) -> DeviceSpec:
        """Overwrites this spec with the parts of a device name."""
        self.__dict__.update(DeviceSpec.from_string(text).__dict__)
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceSpec) and self.to_string() == other.to_string()

    def __hash__(self) -> int:
        return hash(self.to_string())


def canonical_device(device: Any) -> str:
    """The canonical name of a device given as a name, a DeviceSpec or None."""
    if device is None:
        return ""
    return _spec_of(device).to_string()


def _spec_of(device: Any) -> DeviceSpec:
    if isinstance(device, DeviceSpec):
        return device
    if not isinstance(device, str):
        raise TypeError(f"a device must be a name, a DeviceSpec or a function, got {device!r}")
    return DeviceSpec.from_string(device)


def merge_device(device: str | DeviceSpec) -> Any:
    """A device function that fills in what an op's own device leaves open.

    Example:
        >>> with tf.device(merge_device("/job:ps")): ...
    """
    inner = _spec_of(device)

    def choose(op: Any) -> str:
        return DeviceSpec.from_string(op.device or "").merged_over(inner).to_string()

    return choose
