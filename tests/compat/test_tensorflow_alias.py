"""The import hook that gives TensorFlow's programs penstock."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

import penstock
from penstock.compat import tensorflow_alias
from penstock.compat.tensorflow_paths import INTERNAL_MODULES, NAMESPACES
from penstock.graph.export import lazy_names, load_lazy, public_names


@pytest.fixture
def tf() -> Iterator[Any]:
    """The alias, for one test."""
    before = sys.meta_path[:]
    tensorflow_alias.install()
    yield importlib.import_module("tensorflow")
    sys.meta_path[:] = before
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorflow"]:
        del sys.modules[name]


def said(path: str) -> str:
    return f"^penstock has no {path}: docs/coverage.md lists the names that it covers$"


def test_names_are_penstocks(tf: Any) -> None:
    assert tf.placeholder is penstock.placeholder
    assert tf.float32 is penstock.float32
    assert tf.errors.InvalidArgumentError is penstock.errors.InvalidArgumentError


def test_every_public_name_is_there(tf: Any) -> None:
    for path, thing in public_names.items():
        found = tf
        for part in path.split("."):
            found = getattr(found, part)
        assert found is thing, path


def test_names_that_are_loaded_late_are_there(tf: Any) -> None:
    assert "ConfigProto" in lazy_names
    assert "ConfigProto" in dir(tf)
    for path in lazy_names:
        found = tf
        for part in path.split("."):
            found = getattr(found, part)
        assert found is load_lazy(path), path
    assert importlib.import_module("tensorflow.compat.v1").ConfigProto is penstock.ConfigProto


def test_an_object_that_stands_for_a_module_can_be_imported_from(tf: Any) -> None:
    from tensorflow.raw_ops import Add

    assert Add is tf.raw_ops.Add is penstock.raw_ops.Add
    with pytest.raises(ImportError, match=said("tf.raw_ops.NoSuch")):
        exec("from tensorflow.raw_ops import NoSuch", {})


def test_compat_v1_is_all_of_it_again(tf: Any) -> None:
    v1 = importlib.import_module("tensorflow.compat.v1")
    assert v1.placeholder is tf.placeholder
    assert v1.errors.InvalidArgumentError is tf.errors.InvalidArgumentError
    assert v1.disable_v2_behavior() is None
    assert v1.disable_eager_execution() is None


def test_programs_that_ask_for_the_version_get_1_15(tf: Any) -> None:
    assert tf.__version__.startswith("1.15.")
    assert tf.VERSION == tf.version.VERSION == tf.compat.v1.__version__ == tf.__version__


@pytest.mark.parametrize(
    "path", ["no_such_name", "nn.no_such_name", "compat.v1.train.no_such_name", "contrib.no_such"]
)
def test_a_missing_attribute_is_told_by_its_path(tf: Any, path: str) -> None:
    *modules, name = path.split(".")
    module = tf
    for part in modules:
        module = getattr(module, part)
    assert not hasattr(module, name)
    with pytest.raises(AttributeError, match=said(f"tf.{path}")):
        getattr(module, name)


@pytest.mark.parametrize(
    ("statement", "path"),
    [
        ("from tensorflow import no_such_name", "tf.no_such_name"),
        ("from tensorflow.nn import no_such_name", "tf.nn.no_such_name"),
        ("import tensorflow.contrib.no_such as slim", "tf.contrib.no_such"),
        ("from tensorflow.contrib import no_such", "tf.contrib.no_such"),
        ("import tensorflow.compat.v3 as tf", "tf.compat.v3"),
        ("from tensorflow.python.framework import no_such", "tf.python.framework.no_such"),
        ("from tensorflow.python.framework.ops import no_such", "tf.python.framework.ops.no_such"),
        ("from tensorflow.core.framework import no_such_pb2", "tf.core.framework.no_such_pb2"),
    ],
)
@pytest.mark.usefixtures("tf")
def test_a_missing_import_is_told_by_its_path(statement: str, path: str) -> None:
    with pytest.raises(ImportError, match=said(path)):
        exec(statement, {})


def test_internal_modules_have_the_public_names(tf: Any) -> None:
    from tensorflow.python.framework import dtypes, errors_impl, ops
    from tensorflow.python.ops import array_ops

    assert ops.Graph is penstock.Graph
    assert dtypes.as_dtype is penstock.as_dtype
    assert array_ops.placeholder is penstock.placeholder
    assert errors_impl.NotFoundError is penstock.errors.NotFoundError
    assert tf.python.framework.ops is ops


@pytest.mark.usefixtures("tf")
def test_message_modules_are_tensorboards() -> None:
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorflow.core.framework import graph_pb2

    assert graph_pb2.GraphDef is GraphDef


def test_penstocks_own_modules_stay_hidden(tf: Any) -> None:
    assert not hasattr(tf, "runtime")
    with pytest.raises(ImportError, match=said("tf.graph")):
        importlib.import_module("tensorflow.graph")


def test_a_star_import_gives_the_public_names(tf: Any) -> None:
    names: dict[str, Any] = {}
    exec("from tensorflow import *", names)
    assert names["placeholder"] is tf.placeholder
    assert "placeholder" in dir(tf)
    assert "InvalidArgumentError" in dir(tf.errors)


def test_a_program_may_set_a_name(tf: Any) -> None:
    tf.my_own = 3
    assert tf.my_own == 3
    assert not hasattr(penstock, "my_own")


def test_installing_twice_is_installing_once(tf: Any) -> None:
    finders = len(sys.meta_path)
    tensorflow_alias.install()
    assert len(sys.meta_path) == finders
    assert importlib.import_module("tensorflow") is tf


def test_another_tensorflow_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", types.ModuleType("tensorflow"))
    with pytest.raises(RuntimeError, match="another tensorflow is imported already"):
        tensorflow_alias.install()


def test_tensorboard_keeps_to_its_own_parts() -> None:
    program = (
        "from penstock.compat import tensorflow_alias; tensorflow_alias.install()\n"
        "import tensorboard.compat, tensorflow\n"
        "print(tensorboard.compat.tf.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "stub\n", done.stderr


def test_the_tables_agree() -> None:
    used = {name for names in INTERNAL_MODULES.values() for name in names}
    assert used - {""} <= NAMESPACES
