"""The public functions on graphs: scopes, collections, look-ups that act on the default graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from penstock.graph import dtypes, errors, shapes
from penstock.graph.collections import GraphKeys
from penstock.graph.devices import DeviceSpec
from penstock.graph.export import export, export_as
from penstock.graph.graph import Graph, graph_of
from penstock.graph.operation import Operation, Tensor
from penstock.graph.scopes import ControlDependencies, NameScope, StackSetting
from penstock.graph.stacks import (
    GraphAsDefault,
    default_graph,
    default_session,
    reset_default_graph,
)
from penstock.graph.static_value import constant_value

for _name, _thing in {
    "Graph": Graph, "Operation": Operation, "Tensor": Tensor, "GraphKeys": GraphKeys,
    "DType": dtypes.DType, "as_dtype": dtypes.as_dtype,
    "TensorShape": shapes.TensorShape, "Dimension": shapes.Dimension, "DeviceSpec": DeviceSpec,
    "reset_default_graph": reset_default_graph, "get_default_graph": default_graph,
    "get_default_session": default_session, "get_static_value": constant_value,
    "contrib.util.constant_value": constant_value, "OpError": errors.OpError,
    "dtypes.DType": dtypes.DType, "dtypes.as_dtype": dtypes.as_dtype,
}.items():  # fmt: skip
    export_as(_name, _thing)

for _dtype in (
    "float16 float32 float64 bfloat16 complex64 complex128 int8 int16 int32 int64 uint8 uint16 "
    "uint32 uint64 bool string resource variant qint8 quint8 qint16 quint16 qint32 half double"
).split():
    export_as(_dtype, getattr(dtypes, _dtype))
    export_as(f"dtypes.{_dtype}", getattr(dtypes, _dtype))

for _name, _thing in vars(errors).items():
    if (_name.isupper() and type(_thing) is int) or (
        isinstance(_thing, type) and issubclass(_thing, errors.OpError)
    ):
        export_as(f"errors.{_name}", _thing)
export_as("errors.exception_type_from_error_code", errors.exception_type_from_error_code)
export_as("errors.error_code_from_exception_type", errors.error_code_from_exception_type)


@export("name_scope", "keras.backend.name_scope")
class name_scope:
    """Puts the names of operations made inside a `with` block under a scope.

    Args:
        name: the scope's name, made unique; with a slash at its end, exactly that scope again.
        default_name: the name where `name` is None.
        values: tensors whose graph is used; the default graph where None.

    Raises:
        ValueError: neither a name nor a default name is given, though values are.

    Example:
        >>> with tf.name_scope("layer") as scope:
        ...     c = tf.constant(1.0, name="c")  # layer/c
    """

    def __init__(self, name: Any, default_name: Any = None, values: Any = None) -> None:
        if not (default_name is None or isinstance(default_name, str)):
            raise TypeError(
                f"`default_name` type ({type(default_name)}) is not a string type. You likely "
                "meant to pass this into the `values` kwarg."
            )
        self._given_name = name
        self._name = default_name if name is None else name
        self._values = values

    @property
    def name(self) -> Any:
        """The name that was asked for."""
        return self._name

    def __enter__(self) -> str:
        if self._name is None and self._values is not None:
            raise ValueError(
                f"At least one of name ({self._given_name}) and default_name "
                "(None) must be provided."
            )
        graph = graph_of(self._values or ())
        self._default = GraphAsDefault(graph)
        self._default.__enter__()
        self._scope = NameScope(graph, self._name)
        try:
            return self._scope.__enter__()
        except BaseException:
            self._default.__exit__(None, None, None)
            raise

    def __exit__(self, *details: Any) -> None:
        self._scope.__exit__(*details)
        self._default.__exit__(*details)


@export("control_dependencies")
def control_dependencies(control_inputs: Any) -> ControlDependencies:
    """`Graph.control_dependencies` on the default graph.

    Args:
        control_inputs: a list of operations, tensors or variables; None drops the open blocks.

    Example:
        >>> with tf.control_dependencies([update]):
        ...     read = tf.identity(x)
    """
    return default_graph().control_dependencies(control_inputs)


@export("init_scope")
@contextmanager
def init_scope() -> Iterator[None]:
    """Lets operations be made outside of all branches, loops and control dependencies.

    The name scope stays as it is.

    Example:
        >>> with tf.init_scope():
        ...     table = tf.constant(rows)
    """
    with default_graph().control_dependencies(None):
        yield


@export("device")
def device(device_name_or_function: Any) -> StackSetting:
    """`Graph.device` on the default graph.

    Args:
        device_name_or_function: a device name, a function from Operation to one, or None.

    Example:
        >>> with tf.device("/cpu:0"): ...
    """
    return default_graph().device(device_name_or_function)


@export("colocate_with")
def colocate_with(op: Any, ignore_existing: bool = False) -> Any:
    """`Graph.colocate_with` on the default graph.

    Args:
        op: an operation, tensor or variable.
        ignore_existing: drop the colocations that are open.

    Example:
        >>> with tf.colocate_with(table): ...
    """
    return default_graph().colocate_with(op, ignore_existing)


@export("container")
def container(container_name: str) -> StackSetting:
    """`Graph.container` on the default graph.

    Args:
        container_name: the name of a group of resources, which `tf.Session.reset` clears as one.

    Example:
        >>> with tf.container("experiment"): ...
    """
    return default_graph().container(container_name)


@export("add_to_collection")
def add_to_collection(name: Any, value: Any) -> None:
    """Adds `value` to a collection of the default graph.

    Args:
        name: the key of the collection.
        value: what is added.

    Example:
        >>> tf.add_to_collection("losses", loss)
    """
    default_graph().add_to_collection(name, value)


@export("add_to_collections")
def add_to_collections(names: Any, value: Any) -> None:
    """Adds `value` to several collections of the default graph.

    Args:
        names: the keys of the collections, or one of them.
        value: what is added.

    Example:
        >>> tf.add_to_collections(["losses", "summaries"], loss)
    """
    default_graph().add_to_collections(names, value)


@export("get_collection")
def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """The values in a collection of the default graph; see `Graph.get_collection`.

    Args:
        key: the key of the collection.
        scope: a regular expression; only what has a name that it matches at the start.

    Example:
        >>> tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, "generator/")
    """
    return default_graph().get_collection(key, scope)


@export("get_collection_ref")
def get_collection_ref(key: Any) -> list[Any]:
    """A collection of the default graph itself, not a copy.

    Args:
        key: the key of the collection.

    Example:
        >>> tf.get_collection_ref("losses").clear()
    """
    return default_graph().get_collection_ref(key)


@export("set_random_seed", "random.set_random_seed", "compat.v1.set_random_seed")
def set_random_seed(seed: int | None) -> None:
    """Sets the default graph's random seed.

    Each random op made after this gets a seed that follows from it and from the
    op's place in the graph.

    Args:
        seed: an int.

    Example:
        >>> tf.set_random_seed(1234)
    """
    default_graph().seed = seed


@export("get_seed", "random.get_seed")
def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """The two seeds of a random op, from the graph's seed and its own.

    Args:
        op_seed: the op's own seed, or None.

    Returns:
        Two ints, or two None where neither seed is set.

    Example:
        >>> seed, seed2 = tf.get_seed(None)
    """
    graph = default_graph()
    if graph.seed is None and op_seed is None:
        return None, None
    first = DEFAULT_GRAPH_SEED if graph.seed is None else graph.seed
    second = graph._last_id if op_seed is None else op_seed
    seeds = (first % _SEEDS, second % _SEEDS)
    return (0, _SEEDS) if seeds == (0, 0) else seeds


_SEEDS = 2**31 - 1  # seeds are taken modulo this; two zeros would mean that chance is to choose
DEFAULT_GRAPH_SEED = 87654321


@export("executing_eagerly")
def executing_eagerly() -> bool:
    """False: there are graphs only.

    Example:
        >>> tf.executing_eagerly()  # False
    """
    return False
