"""The name `tensorflow`, for one process: an import hook that gives TensorFlow 1 programs penstock.

`install()` puts a finder before all others. Every module that it makes is an `AliasModule`: the
public names of penstock under a dotted path of TensorFlow's, so that the error for a missing name
can tell the path that the program used. Other processes know nothing of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

from penstock.compat.tensorflow_paths import (
    API_VERSION,
    INTERNAL_MODULES,
    NAMESPACES,
    OWN_MODULES,
    PROTO_FOLDERS,
)
from penstock.graph.export import lazy_names, load_lazy, public_names

ROOT = "tensorflow"
VERSION_NAMES = frozenset({"__version__", "VERSION"})
ABSENT = object()

Lookup = Callable[[str], Any]


def _folders() -> frozenset[str]:
    """The packages above the modules that programs import by an internal path: "python", ..."""
    paths = [*INTERNAL_MODULES, *OWN_MODULES, *(f"{folder}.*" for folder in PROTO_FOLDERS)]
    return frozenset(path[:end] for path in paths for end, sign in enumerate(path) if sign == ".")


FOLDERS = _folders()


def install() -> None:
    """Makes `import tensorflow` give penstock in this process, even where TensorFlow is installed.

    Raises:
        RuntimeError: another `tensorflow` was imported before.

    Example:
        >>> install()
        >>> import tensorflow.compat.v1 as tf
    """
    loaded = sys.modules.get(ROOT)
    if isinstance(loaded, AliasModule):
        return
    if loaded is not None:
        raise RuntimeError(f"another tensorflow is imported already: {loaded!r}")
    importlib.import_module("penstock")  # defines the public names
    # TensorBoard prefers a `tensorflow` that it can import to its own parts, unless this is there.
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
    sys.meta_path.insert(0, AliasFinder())


class AliasFinder(MetaPathFinder):
    """Finds `tensorflow` and the modules below it, and leaves all others to the next finder."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns the spec of an alias module.

        Raises:
            ModuleNotFoundError: penstock has nothing under that path of TensorFlow's.
        """
        if name != ROOT and not name.startswith(ROOT + "."):
            return None
        lookup = find_lookup(tf_path(name))
        if lookup is None:
            # Not `name=name`: `from tensorflow.nn import x` would replace such an error's message.
            raise ModuleNotFoundError(missing(tf_path(name)))
        return ModuleSpec(name, AliasLoader(lookup), is_package=True)


class AliasLoader(Loader):
    """Makes the module that `AliasFinder` found."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """Returns the module."""
        return AliasModule(spec.name, self._lookup)

    def exec_module(self, module: types.ModuleType) -> None:
        """Does nothing: an alias module finds its names when asked for them."""


class AliasModule(types.ModuleType):
    """A module of TensorFlow's, whose names are penstock's.

    Args:
        name: the module's name, such as "tensorflow.nn".
        lookup: gives what a name in it stands for, or ABSENT.
    """

    def __init__(self, name: str, lookup: Lookup) -> None:
        super().__init__(name, f"penstock, under the name {name}")
        self._lookup = lookup

    def __getattr__(self, name: str) -> Any:
        """Looks a name up when it is first used; it is an ordinary attribute from then on.

        Raises:
            AttributeError: penstock has no such name; tells it by its full path.
        """
        value = self._find(name)
        if value is ABSENT:
            raise AttributeError(missing(dotted(tf_path(self.__name__), name)))
        setattr(self, name, value)
        return value

    def _find(self, name: str) -> Any:
        if name in VERSION_NAMES:
            return API_VERSION
        if name == "__all__":
            return names_in(public_path(tf_path(self.__name__)))
        value = self._lookup(name)
        if value is ABSENT and find_lookup(dotted(tf_path(self.__name__), name)) is not None:
            return importlib.import_module(f"{self.__name__}.{name}")
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *names_in(public_path(tf_path(self.__name__)))})


def tf_path(module: str) -> str:
    """Returns the part of a module's name below `tensorflow`: "nn" for "tensorflow.nn"."""
    return module[len(ROOT) + 1 :]


def dotted(path: str, name: str) -> str:
    """Returns the path of a name in the module under `path`."""
    return f"{path}.{name}" if path else name


def public_path(path: str) -> str:
    """Returns a path without `compat.v1`, under which all that is public stands a second time."""
    return "" if path == "compat.v1" else path.removeprefix("compat.v1.")


def missing(path: str) -> str:
    """Returns what is said of a TensorFlow name that penstock lacks."""
    return f"penstock has no tf.{path}: docs/coverage.md lists the names that it covers"


def find_lookup(path: str) -> Lookup | None:
    """Returns how a module of TensorFlow's finds its names; None where there is no such module."""
    folder, _, leaf = path.rpartition(".")
    if folder in PROTO_FOLDERS:
        return module_lookup(f"tensorboard.compat.proto.{leaf}")
    lookups = [public_lookup(INTERNAL_MODULES[path])] if path in INTERNAL_MODULES else []
    if path in OWN_MODULES and (own := module_lookup(OWN_MODULES[path])) is not None:
        lookups.append(own)
    if lookups:
        return first_found(lookups)
    if path in FOLDERS:
        return public_lookup(())
    public = public_path(path)
    if public == "" or public in NAMESPACES or names_in(public):
        return public_lookup((public,))
    return None


def public_lookup(namespaces: tuple[str, ...]) -> Lookup:
    """Returns a lookup in public namespaces ("" is `tf` itself); the first with the name wins."""

    def lookup(name: str) -> Any:
        for namespace in namespaces:
            path = dotted(namespace, name)
            value = load_lazy(path) if path in lazy_names else public_names.get(path, ABSENT)
            if value is ABSENT and namespace in public_names:  # one object that has many names
                value = getattr(public_names[namespace], name, ABSENT)
            if value is not ABSENT:
                return value
        return ABSENT

    return lookup


def module_lookup(name: str) -> Lookup | None:
    """Returns a lookup in a module that is none of TensorFlow's; None where it is not there."""
    if importlib.util.find_spec(name) is None:
        return None
    module = importlib.import_module(name)
    return lambda attribute: getattr(module, attribute, ABSENT)


def first_found(lookups: list[Lookup]) -> Lookup:
    """Returns a lookup that asks some others in turn."""

    def lookup(name: str) -> Any:
        values = (each(name) for each in lookups)
        return next((value for value in values if value is not ABSENT), ABSENT)

    return lookup


def names_in(public: str) -> list[str]:
    """Returns the names that stand directly in a public namespace; "" is `tf` itself."""
    prefix = public + "." if public else ""
    names = (*public_names, *lazy_names)
    below = (name[len(prefix) :] for name in names if name.startswith(prefix))
    return sorted({name.partition(".")[0] for name in below})
