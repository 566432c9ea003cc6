"""`tf.compat.v1`: all that penstock has, a second time."""

from __future__ import annotations

from typing import Any

from penstock.graph.export import api


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(api, name)
