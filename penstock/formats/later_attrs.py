"""Attrs that ops have got since TensorFlow 1.15: graphs of later versions name them.

Where such an attr has the value that it has by default, the op is what it was in 1.15.

Source: the records of TensorFlow 2.21's ops.
"""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes
from penstock.graph.opspec import OpSpec

_ANY = object()  # a hint that changes no value

_LATER: dict[str, Any] = {
    "Tk": dtypes.int32, "Tshape": dtypes.int32, "Tsegmentids": dtypes.int32,
    "allow_missing_files": False, "allowed_devices": [], "bad_indices_policy": b"",
    "debug_name": _ANY, "explicit_paddings": [], "exponential_avg_factor": 1.0, "grad_a": _ANY,
    "grad_b": _ANY, "grad_x": _ANY, "grad_y": _ANY, "index_type": dtypes.int32,
    "multiply_linear_by_lr": False, "resize_if_index_out_of_bounds": False,
    "shape_type": dtypes.int32, "sparse_gradient": _ANY, "validate_shape": _ANY,
}  # fmt: skip


def drop_later_attrs(spec: OpSpec, attrs: dict[str, Any]) -> None:
    """Takes out of `attrs` what `spec` does not know and what changes nothing."""
    for name in [name for name in attrs if name not in spec.attr_specs and name in _LATER]:
        if _LATER[name] is _ANY or attrs[name] == _LATER[name]:
            del attrs[name]
