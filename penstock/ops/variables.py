"""`tf.Variable`: what all kinds of variables share, and how the kind is chosen."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from penstock.graph import shapes
from penstock.graph.collections import GraphKeys
from penstock.graph.export import api, export
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.references import Reference
from penstock.graph.scopes import StackSetting
from penstock.graph.stacks import default_graph, default_session
from penstock.ops.operators import install_operators
from penstock.ops.save_slices import SaveSliceInfo, in_scope
from penstock.ops.strided_slices import get_item
from penstock.ops.variable_kinds import VariableAggregation, VariableSynchronization


class _Creation(type):
    """Makes `tf.Variable(…)` give the kind of variable that is asked for, through the open creator
    scopes.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is not Variable:
            return super().__call__(*args, **kwargs)
        bound = _signature().bind(None, *args, **kwargs)
        bound.apply_defaults()
        given = {key: value for key, value in bound.arguments.items() if key != "self"}
        create: Callable[..., Any] = default_creator
        for creator in default_graph()._scopes.variable_creators:
            create = functools.partial(creator, create)
        return create(**given)


@functools.cache
def _signature() -> inspect.Signature:
    return inspect.signature(Variable.__init__)


def default_creator(
    next_creator: Any = None, *, use_resource: bool | None = None, **kwargs: Any
) -> Any:
    """Makes a variable of the kind that its arguments, the scope or the default ask for."""
    from penstock.ops.ref_variables import RefVariable
    from penstock.ops.resource_variables import ResourceVariable, resource_variables_enabled
    from penstock.ops.variable_scope import get_variable_scope

    kwargs.pop("expected_shape", None)
    if use_resource is None:
        use_resource = get_variable_scope().use_resource
    if use_resource is None:
        use_resource = resource_variables_enabled()
    definition = kwargs.get("variable_def")
    if definition is not None:
        use_resource = definition.is_resource
    return ResourceVariable(**kwargs) if use_resource else RefVariable(**kwargs)


@export("Variable")
class Variable(metaclass=_Creation):
    """State that a session keeps from one run to the next.

    Args:
        initial_value: what it is set to by its `initializer`: a tensor or what converts to one, or
            a function without arguments that gives one.
        trainable: whether optimizers change it; None means True.
        collections: graph collections that list it; `[GraphKeys.GLOBAL_VARIABLES]` where None.
        validate_shape: False lets it start with, and take, a value of unknown shape.
        caching_device: a device that reads are copied to.
        name: a name; made unique.
        variable_def: a VariableDef protobuf message to restore it from, in place of all others.
        dtype: the type that the initial value is converted to.
        import_scope: a name scope to put in front of the names in `variable_def`.
        constraint: a function from its value to the value that optimizers put in its place.
        use_resource: True for a variable that is read by an op of its own, with a defined order.
        synchronization, aggregation: kept for replicas.
        shape: its shape, where that is less known than the initial value's.

    Raises:
        ValueError: there is no initial value, or its shape is not known though
            `validate_shape` is set.

    Example:
        >>> v = tf.Variable([1.0, 2.0], name="v")
        >>> update = v.assign([3.0, 4.0])
    """

    SaveSliceInfo = SaveSliceInfo

    _save_slice_info: Any = None
    dtype: Any
    _name: str
    _initial_value: Any
    _trainable: bool
    _constraint: Any
    _caching_device: Any
    _synchronization: VariableSynchronization
    _aggregation: VariableAggregation

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: str | None = None,
        constraint: Any = None,
        use_resource: bool | None = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
        shape: Any = None,
    ) -> None:
        raise NotImplementedError("a variable is of a kind that a subclass defines")

    def _collect(self, trainable: bool, collections: Any) -> None:
        if trainable and GraphKeys.TRAINABLE_VARIABLES not in collections:
            collections = [*collections, GraphKeys.TRAINABLE_VARIABLES]
        default_graph().add_to_collections(collections, self)

    def value(self) -> Tensor:
        """A tensor with the variable's value."""
        raise NotImplementedError

    def read_value(self) -> Tensor:
        """A tensor with the value that the variable has when this very op runs."""
        raise NotImplementedError

    def _as_graph_element(self) -> Any:
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The name, such as "v:0"."""
        return self._name

    @property
    def _shared_name(self) -> str:
        return self.name[: self.name.index(":")]

    @property
    def op(self) -> Operation:
        """The operation of the variable."""
        raise NotImplementedError

    @property
    def shape(self) -> shapes.TensorShape:
        """The static shape."""
        raise NotImplementedError

    def get_shape(self) -> shapes.TensorShape:
        """The static shape."""
        return self.shape

    @property
    def graph(self) -> Graph:
        """The graph it belongs to."""
        return self.op.graph

    @property
    def device(self) -> str:
        """The device it is assigned to."""
        return self.op.device

    @property
    def trainable(self) -> bool:
        """Whether optimizers change it by default."""
        return self._trainable

    @property
    def constraint(self) -> Any:
        """The function that was given as `constraint`, or None."""
        return self._constraint

    @property
    def synchronization(self) -> VariableSynchronization:
        """The argument of that name."""
        return self._synchronization

    @property
    def aggregation(self) -> VariableAggregation:
        """The argument of that name."""
        return self._aggregation

    @property
    def initial_value(self) -> Tensor:
        """The tensor that the initializer assigns."""
        return self._initial_value

    @property
    def initializer(self) -> Operation:
        """The operation that gives the variable its initial value."""
        raise NotImplementedError

    def initialized_value(self) -> Tensor:
        """A tensor with the variable's value or, in a session where it has none yet, its initial
        value.
        """
        with self.graph.as_default(), self.graph.control_dependencies(None):
            has_value = api.is_variable_initialized(self)
            return api.cond(has_value, self.read_value, lambda: self.initializer.inputs[1])

    def eval(self, session: Any = None) -> Any:
        """The variable's value in `session`, or in the default one.

        Raises:
            ValueError: there is no session to run in.
        """
        return self._as_graph_element().eval(session=session)

    def load(self, value: Any, session: Any = None) -> None:
        """Puts an array into the variable, without adding to the graph.

        Raises:
            ValueError: no session is given, and none is the default.
        """
        session = session or default_session()
        if session is None:
            raise ValueError(
                "Either session argument should be provided or default session "
                "should be established"
            )
        session.run(self.initializer, {self.initializer._inputs[1]: value})

    def _as_proto(self, proto: Any, export_scope: str | None) -> Any:
        proto.initializer_name = in_scope(self.initializer.name, export_scope)
        proto.trainable = self.trainable
        proto.synchronization = self.synchronization.value
        proto.aggregation = self.aggregation.value
        if self._save_slice_info is not None:
            proto.save_slice_info_def.MergeFrom(self._save_slice_info.to_proto())
        return proto

    def _restore_common(self, definition: Any, import_scope: str | None) -> None:
        self._synchronization = VariableSynchronization(definition.synchronization)
        self._aggregation = VariableAggregation(definition.aggregation)
        self._trainable = definition.trainable
        self._constraint = self._caching_device = None
        if definition.HasField("save_slice_info_def"):
            self._save_slice_info = SaveSliceInfo(
                save_slice_info_def=definition.save_slice_info_def, import_scope=import_scope
            )

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The variable as a VariableDef protobuf message; None where it lies outside
        `export_scope`.
        """
        raise NotImplementedError

    @staticmethod
    def from_proto(variable_def: Any, import_scope: str | None = None) -> Any:
        """The variable that a VariableDef message describes; its operations must be in the default
        graph.
        """
        return Variable(variable_def=variable_def, import_scope=import_scope)

    def _set_save_slice_info(self, save_slice_info: Any) -> None:
        self._save_slice_info = save_slice_info

    def _get_save_slice_info(self) -> Any:
        return self._save_slice_info

    def experimental_ref(self) -> Reference:
        """What stands for this very variable as a key of a dictionary."""
        return Reference(self)

    __array_priority__ = 100

    def __getitem__(self, key: Any) -> Tensor:
        return get_item(self.value(), key, self)

    def _strided_slice_assign(
        self, begin: Any, end: Any, strides: Any, value: Any, name: str | None, **masks: int
    ) -> Any:
        """Assigns to the part that bounds and masks describe, as `tf.strided_slice` takes them."""
        raise NotImplementedError

    def batch_scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """`tf.batch_scatter_update` with the indices and values of an IndexedSlices."""
        return api.batch_scatter_update(
            self, indices=sparse_delta.indices, updates=sparse_delta.values,
            use_locking=use_locking, name=name,
        )  # fmt: skip

    def __iter__(self) -> NoReturn:
        raise TypeError("'Variable' object is not iterable.")

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        shape = shapes.shape_text(shapes.as_tuple(self.shape))
        return f"<tf.Variable '{self.name}' shape={shape} dtype={self.dtype.name}>"


install_operators(Variable)


def check_arguments(initial_value: Any, collections: Any, constraint: Any) -> list[Any]:
    """Checks what every kind of variable is made from; gives the collections.

    Raises:
        ValueError: there is no initial value, or another argument is of the wrong kind.
    """
    if initial_value is None:
        raise ValueError("initial_value must be specified.")
    if collections is None:
        collections = [GraphKeys.GLOBAL_VARIABLES]
    if not isinstance(collections, (list, tuple, set)):
        raise ValueError(
            "collections argument to Variable constructor must be a list, tuple, or set. "
            f"Got {collections} of type {type(collections)}"
        )
    if constraint is not None and not callable(constraint):
        raise ValueError("The `constraint` argument must be a callable.")
    return list(collections)


@contextmanager
def class_of(graph: Graph, name: str) -> Iterator[None]:
    """Gives new ops the colocation group of a variable that is not there yet."""
    if not name:
        raise ValueError("'' is not a valid node name")
    merged = {**graph._scopes.attrs, "_class": [f"loc:@{name}".encode()]}
    with StackSetting(graph, "attrs", merged):
        yield


def add_scatter_methods(cls: type, scatter: Any, scatter_nd: Any) -> None:
    """Gives a kind of variable its scatter_add … scatter_nd_update, which differ in their op alone.

    Args:
        cls: the class.
        scatter: `scatter(variable, how, indices, updates, use_locking, name)` for rows.
        scatter_nd: `scatter_nd(variable, how, indices, updates, name)` for elements and slices.
    """

    def rows_method(how: str) -> Any:
        def method(
            self: Any, sparse_delta: Any, use_locking: bool = False, name: str | None = None
        ) -> Any:
            if not isinstance(sparse_delta, api.IndexedSlices):
                raise TypeError(f"sparse_delta is not IndexedSlices: {sparse_delta}")
            return scatter(self, how, sparse_delta.indices, sparse_delta.values, use_locking, name)

        method.__doc__ = f"`tf.scatter_{how}` with the indices and values of an IndexedSlices."
        return method

    def places_method(how: str) -> Any:
        def method(self: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
            return scatter_nd(self, how, indices, updates, name)

        method.__doc__ = f"`tf.scatter_nd_{how}` on the variable."
        return method

    for how in ("add", "sub", "mul", "div", "min", "max", "update"):
        setattr(cls, f"scatter_{how}", rows_method(how))
    for how in ("add", "sub", "update"):
        setattr(cls, f"scatter_nd_{how}", places_method(how))


@export("variable_creator_scope")
def variable_creator_scope(variable_creator: Any) -> StackSetting:
    """Lets a function make, or change, the variables that are made inside a `with` block.

    Args:
        variable_creator: `f(next_creator, **kwargs)` that returns a variable; kwargs are
            those of `tf.Variable`.

    Example:
        >>> def on_cpu(next_creator, **kwargs):
        ...     with tf.device("/cpu:0"):
        ...         return next_creator(**kwargs)
        >>> with tf.variable_creator_scope(on_cpu): ...
    """
    graph = default_graph()
    return StackSetting(
        graph, "variable_creators", [*graph._scopes.variable_creators, variable_creator]
    )
