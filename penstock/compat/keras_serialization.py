"""How Keras describes initializers, regularizers and the like by names and dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def described(thing: Any) -> Any:
    """What describes an object: a dict of its class's name and its config, or a function's name.

    Raises:
        ValueError: it is neither an object with a config nor a function nor None.
    """
    if thing is None:
        return None
    if hasattr(thing, "get_config"):
        return {"class_name": type(thing).__name__, "config": thing.get_config()}
    if hasattr(thing, "__name__"):
        return thing.__name__
    raise ValueError("Cannot serialize", thing)


def from_description(config: Any, known: Mapping[str, Any], kind: str) -> Any:
    """The object that a description or a name stands for.

    Args:
        config: the description.
        known: classes and functions by name.
        kind: what it is, for errors.

    Raises:
        ValueError: there is none of that name, or `config` is no description.
    """
    if isinstance(config, str):
        if config not in known:
            raise ValueError(f"Unknown {kind}:{config}")
        found = known[config]
        return found() if isinstance(found, type) else found
    if not isinstance(config, dict) or not {"class_name", "config"} <= set(config):
        raise ValueError(f"Improper config format: {config}")
    name = config["class_name"]
    if name not in known:
        raise ValueError(f"Unknown {kind}: {name}")
    make = getattr(known[name], "from_config", None)
    return known[name](**config["config"]) if make is None else make(config["config"])


def from_identifier(identifier: Any, known: Mapping[str, Any], kind: str) -> Any:
    """What `get` gives: the object for a name or a description; callables and None as they are.

    Raises:
        ValueError: there is none of that name, or it is something else.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str) and not isinstance(known.get(identifier, object), type):
        return from_description({"class_name": identifier, "config": {}}, known, kind)
    if isinstance(identifier, (dict, str)):
        return from_description(identifier, known, kind)
    if callable(identifier):
        return identifier
    raise ValueError(f"Could not interpret {kind} identifier: {identifier}")
