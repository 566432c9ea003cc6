"""The name `tensorflow`, for one process: an import hook under which TensorFlow 1's programs find penstock.

`install()` puts a finder before all others. Every module that it makes is an `AliasModule`: a view of penstock's
public names under TensorFlow's dotted path, so that a name that is missing can be told by the name the program used.
Nothing is written to disk, and other processes know nothing of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from typing import Any

from penstock.compat import switches
from penstock.compat.tensorflow_paths import (
    API_VERSION,
    INTERNAL_MODULES,
    NAMESPACES,
    PROTO_FOLDERS,
)

ROOT = "tensorflow"
COVERAGE = "docs/coverage.md"
VERSION_NAMES = frozenset({"__version__", "VERSION"})
ABSENT = object()
# The packages on the way to what is imported by its internal path: "python", "python.ops", "core", ...
FOLDERS = frozenset(
    ".".join(parts[:depth])
    for parts in (path.split(".") for path in (*INTERNAL_MODULES, *(f"{each}.*" for each in PROTO_FOLDERS)))
    for depth in range(1, len(parts))
)


def install() -> None:
    """Makes `import tensorflow` mean penstock in this process, whether or not TensorFlow is installed.

    Raises:
      RuntimeError: if another `tensorflow` was imported before.

    Example: `install(); import tensorflow as tf`
    """
    loaded = sys.modules.get(ROOT)
    if isinstance(loaded, AliasModule):
        return
    if loaded is not None:
        raise RuntimeError(f"Another tensorflow is imported already, from {loaded.__file__}.")
    # TensorBoard uses whatever `tensorflow` it can import unless this module exists; it is to use its own parts.
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
    sys.meta_path.insert(0, AliasFinder())


class AliasFinder:
    """Finds `tensorflow` and the modules below it; leaves all others to the finders that follow."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns the spec of an alias module.

        Raises:
          ModuleNotFoundError: if penstock has nothing under that TensorFlow path.
        """
        if name != ROOT and not name.startswith(ROOT + "."):
            return None
        if find_targets(tf_path(name)) is None:
            # Without `name=`: the import system takes an error that names the module for a plain miss, and would
            # replace this message by its own.
            raise ModuleNotFoundError(missing(tf_path(name)))
        return ModuleSpec(name, AliasLoader(), is_package=True)


class AliasLoader:
    """Makes the modules that `AliasFinder` finds."""

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """Returns the module; it has no code to execute."""
        targets = find_targets(tf_path(spec.name))
        assert targets is not None, spec.name
        return AliasModule(spec.name, targets)

    def exec_module(self, module: types.ModuleType) -> None:
        """Does nothing: an alias module finds its names when asked for them."""


class AliasModule(types.ModuleType):
    """A TensorFlow module whose names are those of its targets, the first that has one winning."""

    def __init__(self, name: str, targets: tuple[object, ...]) -> None:
        super().__init__(name, f"penstock under the name {name}")
        self._targets = targets

    def __getattr__(self, name: str) -> Any:
        """Looks a name up when it is first used; it is an ordinary attribute from then on.

        Raises:
          AttributeError: naming the full TensorFlow path, if penstock lacks it.
        """
        path = f"{tf_path(self.__name__)}.{name}".lstrip(".")
        if name in VERSION_NAMES:
            value: Any = API_VERSION
        elif name == "__all__":
            value = public_names(self._targets)
        elif find_targets(path) is not None:
            value = importlib.import_module(f"{self.__name__}.{name}")
        else:
            value = find_name(self._targets, name)
            if value is ABSENT:
                raise AttributeError(missing(path), name=name, obj=self)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *public_names(self._targets)})


def tf_path(module_name: str) -> str:
    """Returns the part of a module's name below `tensorflow`: "nn" for "tensorflow.nn", "" for itself."""
    return module_name[len(ROOT) + 1 :]


def missing(path: str) -> str:
    """Returns what is said of a TensorFlow name that penstock lacks."""
    return f"penstock has no tf.{path}: see {COVERAGE} for what is covered"


def find_targets(path: str) -> tuple[object, ...] | None:
    """Returns the objects in which a TensorFlow module finds its names; None where there is no such module."""
    folder, _, leaf = path.rpartition(".")
    if path in INTERNAL_MODULES:
        return tuple(target for each in INTERNAL_MODULES[path] for target in find_namespace(each))
    if folder in PROTO_FOLDERS:
        return find_messages(leaf)
    if path in FOLDERS:
        return ()
    # Everything public in TensorFlow 1 is there a second time under compat.v1.
    path = "" if path == "compat.v1" else path.removeprefix("compat.v1.")
    if path == "":
        return (*find_namespace(""), switches)
    return find_namespace(path) if path in NAMESPACES else None


def find_namespace(path: str) -> tuple[object, ...]:
    """Returns penstock's namespace of that path; nothing where penstock has none of it yet."""
    namespace: object = importlib.import_module("penstock")
    for part in filter(None, path.split(".")):
        namespace = getattr(namespace, part, ABSENT)
    return () if namespace is ABSENT else (namespace,)


def find_messages(module: str) -> tuple[object, ...] | None:
    """Returns TensorBoard's protobuf module of that name; None where it has none."""
    name = f"tensorboard.compat.proto.{module}"
    found = importlib.util.find_spec(name)
    return None if found is None else (importlib.import_module(name),)


def find_name(targets: tuple[object, ...], name: str) -> Any:
    """Returns what the first target that has the name has under it, or ABSENT."""
    for target in targets:
        value = getattr(target, name, ABSENT)
        # A module here is a file of penstock's own: the public modules were found by their path.
        if value is not ABSENT and not isinstance(value, types.ModuleType):
            return value
    return ABSENT


def public_names(targets: tuple[object, ...]) -> list[str]:
    """Returns the names that can be had from the targets."""
    names = {name for target in targets for name in getattr(target, "__all__", dir(target))}
    return sorted(
        name for name in names if name[0] != "_" and find_name(targets, name) is not ABSENT
    )
