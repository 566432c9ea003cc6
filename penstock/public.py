"""Builds the public namespaces (`tf`, `tf.nn`, `tf.train`, …) of the names that modules export."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

from penstock.graph.export import export_lazily, lazy_names, load_lazy, public_names

# Every module that registers ops or exports names. An op missing here would not exist, so
# the list is explicit.
MODULES = (
    "graph.public",
    "ops.constant",
    "ops.control",
    "ops.assertions",
    "ops.printing",
    "ops.value_checks",
    "ops.static_checks",
    "ops.py_func",
    "ops.indexed_slices",
    "ops.shape_ops",
    "ops.broadcast_shapes",
    "ops.transposing",
    "ops.filling",
    "ops.diagonals",
    "ops.joining",
    "ops.splitting",
    "ops.padding",
    "ops.slicing",
    "ops.strided_slices",
    "ops.gathering",
    "ops.scattering",
    "ops.selecting",
    "ops.ranking",
    "ops.unique",
    "ops.rearranging",
    "ops.spaces",
    "ops.patches",
    "ops.repeating",
    "graph.nest",
    "graph.nest_shallow",
    "ops.stacks",
    "ops.cond",
    "ops.case",
    "ops.smart_cond",
    "ops.custom_gradient",
    "ops.while_loop",
    "ops.tensor_array_ops",
    "ops.tensor_array",
    "ops.functional",
    "ops.lstm_block",
    "ops.stack_ops",
    "ops.tensor_lists",
    "ops.list_parts",
    "gradients",
    "session.placement",
    "session.session",
    "session.interactive_session",
    "ops.broadcasting",
    "ops.arithmetic",
    "ops.division",
    "ops.powers",
    "ops.unary",
    "ops.complex_numbers",
    "ops.casting",
    "ops.comparison",
    "ops.operators",
    "ops.raw_ops",
    "ops.reduction_ops",
    "ops.reduction",
    "ops.scans",
    "ops.matmul",
    "ops.contraction",
    "ops.norms",
    "ops.counting",
    "ops.sparse_segments",
    "ops.segments",
    "ops.clip",
    "ops.special_functions",
    "ops.random_ops",
    "ops.random_sampling",
    "ops.stateless_random",
    "ops.candidate_sampling",
    "ops.activation",
    "ops.bias",
    "ops.cross_entropy",
    "ops.convolution",
    "ops.depthwise",
    "ops.state",
    "ops.scatter_state",
    "ops.variable_kinds",
    "ops.variables",
    "ops.ref_variables",
    "ops.resource_ops",
    "ops.resource_variables",
    "ops.variable_collections",
    "ops.variable_store",
    "ops.variable_scope",
    "ops.partitioners",
    "ops.decompositions",
    "ops.init_ops",
    "ops.training_ops",
    "compat.switches",
    "compat.v1",
    "compat.values",
    "compat.protobufs",
    "compat.tf_logging",
    "compat.contrib_layers",
    "compat.contrib_recompute",
    "compat.keras_initializers",
    "compat.keras_regularizers",
    "train.training_util",
    "train.optimizer",
    "train.gradient_descent",
    "train.momentum",
    "train.adam",
    "train.adaptive",
    "train.regularized",
    "train.learning_rate_decay",
    "train.moving_averages",
    "ops.strings",
    "ops.session_ops",
    "ops.sparse_feeds",
    "ops.save_restore",
    "ops.queues",
    "ops.queue_classes",
    "train.coordinator",
    "train.queue_runner",
    "train.meta_graph",
    "train.saver",
    "train.checkpoint_management",
    "train.checkpoint_utils",
    "ops.tables",
    "train.graph_io",
    "train.session_run_hook",
    "train.scaffold",
    "train.session_manager",
    "train.session_creator",
    "train.monitored_session",
    "train.basic_hooks",
    "train.logging_hook",
    "train.checkpoint_hook",
    "ops.pooling",
    "ops.normalization",
    "nn.softmax",
    "nn.cross_entropy",
    "nn.dropout",
    "nn.units",
    "nn.statistics",
    "nn.pooling",
    "nn.convolution",
    "nn.depthwise",
    "nn.space_to_batch",
    "nn.dilated",
    "nn.embedding",
    "rnn.cell",
    "rnn.basic_cells",
    "rnn.multi_cell",
    "rnn.wrappers",
    "rnn.steps",
    "rnn.dynamic",
    "rnn.raw",
    "rnn.static",
    "rnn.stacked",
    "rnn.contrib_cells",
)


# What not every program uses: imported at its first use.
SELDOM_USED = {
    "session.advise": ("advise",),
    "formats.graphdef": (
        "import_graph_def",
        "graph_util.import_graph_def",
        "compat.v1.import_graph_def",
    ),
}


class Namespace(types.ModuleType):
    """A module whose missing names are errors that say what penstock lacks."""

    def __getattr__(self, name: str) -> Any:
        if name == "__version__" and "." not in self.__name__:
            from importlib import metadata  # slow to import

            return metadata.version(self.__name__)
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        inside = self.__name__.partition(".")[2]
        dotted = f"{inside}.{name}" if inside else name
        if dotted in lazy_names:
            thing = load_lazy(dotted)
            setattr(self, name, thing)
            return thing
        raise AttributeError(
            f"penstock has no tf.{dotted}: docs/coverage.md lists the names that it covers"
        )


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """Leaves out the search for garbage, of which imports make none: it takes a tenth of them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def install(package: str) -> None:
    """Imports `MODULES`, and puts every exported name where `import penstock as tf` finds it."""
    root = sys.modules[package]
    root.__class__ = Namespace
    with _no_garbage():
        for module in MODULES:
            importlib.import_module(f"{package}.{module}")
    for module, names in SELDOM_USED.items():
        for name in names:
            export_lazily(name, f"{package}.{module}", name.rpartition(".")[2])
    for dotted, thing in public_names.items():
        *path, last = dotted.split(".")
        setattr(_namespace(root, path), last, thing)
    for dotted in lazy_names:
        _namespace(root, dotted.split(".")[:-1])
    _namespace(root, ["layers"])  # a package that has no public name yet


def _namespace(root: types.ModuleType, path: list[str]) -> types.ModuleType:
    module = root
    for part in path:
        full = f"{module.__name__}.{part}"
        inner = sys.modules.get(full) or _import_or_make(full)
        inner.__class__ = Namespace
        setattr(module, part, inner)
        module = inner
    return module


def _import_or_make(full: str) -> types.ModuleType:
    """The package of that name where there is one (penstock.train has code too), or a new one."""
    try:
        return importlib.import_module(full)
    except ModuleNotFoundError as error:
        if error.name != full:
            raise
    module = Namespace(full, f"The public names of tf.{full.partition('.')[2]}.")
    sys.modules[full] = module
    return module
