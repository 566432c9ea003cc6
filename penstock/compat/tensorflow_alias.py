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
from penstock.compat.tensorflow_paths import API_VERSION, INTERNAL_MODULES, NAMESPACES, PROTO_FOLDERS

ROOT = "tensorflow"
COVERAGE = "docs/coverage.md"
_VERSION_NAMES = frozenset({"__version__", "VERSION"})


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
        """Looks a name up once; it is an ordinary attribute from then on.

        Raises:
          AttributeError: naming the full TensorFlow path, if penstock lacks it.
        """
        path = f"{tf_path(self.__name__)}.{name}".lstrip(".")
        if path in _VERSION_NAMES:
            value: Any = API_VERSION
        elif is_namespace(path):
            value = importlib.import_module(f"{self.__name__}.{name}")
        else:
            value = find_name(self._targets, name)
            if value is None:
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


def public_path(path: str) -> str:
    """Returns the path without the `compat.v1` in front, under which TensorFlow 1 has everything again."""
    if path == "compat.v1":
        return ""
    return path.removeprefix("compat.v1.")


def is_namespace(path: str) -> bool:
    """Tells whether TensorFlow 1.15 has a public module under this path."""
    return path == "compat.v1" or public_path(path) in NAMESPACES


def find_targets(path: str) -> tuple[object, ...] | None:
    """Returns the objects in which a TensorFlow module finds its names; None where there is no such module."""
    if path in INTERNAL_MODULES:
        return tuple(filter(None, (find_namespace(each) for each in INTERNAL_MODULES[path])))
    if any(each.startswith(path + ".") for each in (*INTERNAL_MODULES, *PROTO_FOLDERS)):
        return ()  # a folder on the way to one of these
    folder, _, leaf = path.rpartition(".")
    if folder in PROTO_FOLDERS or path in PROTO_FOLDERS:
        return () if path in PROTO_FOLDERS else find_messages(leaf)
    if public_path(path) == "":
        return (find_namespace(""), switches)
    if is_namespace(path):
        namespace = find_namespace(public_path(path))
        return () if namespace is None else (namespace,)
    return None
