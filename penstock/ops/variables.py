"""`tf.Variable`, and the kind of it that is a reference: VariableV2 with its Assign and its read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from penstock.graph import dtypes, shapes
from penstock.graph.collections import GraphKeys
from penstock.graph.convert import internal_convert, register_tensor_conversion_function
from penstock.graph.export import api, export
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.graph.scopes import StackSetting
from penstock.graph.stacks import default_graph, default_session
from penstock.ops import state
from penstock.ops.initial_values import guarded_initial_value
from penstock.ops.operators import install_operators
from penstock.ops.variable_kinds import VariableAggregation, VariableSynchronization, is_trainable


class _Creation(type):
    """Makes `tf.Variable(…)` give the kind of variable that is asked for, through the open creator scopes."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is not Variable:
            return super().__call__(*args, **kwargs)
        given = {**_DEFAULTS, **_checked_arguments(args, kwargs)}
        create: Callable[..., Any] = default_creator
        for creator in default_graph()._scopes.variable_creators:
            create = functools.partial(creator, create)
        return create(**given)


_DEFAULTS: dict[str, Any] = {
    "initial_value": None, "trainable": None, "collections": None, "validate_shape": True, "caching_device": None,
    "name": None, "variable_def": None, "dtype": None, "expected_shape": None, "import_scope": None,
    "constraint": None, "use_resource": None, "synchronization": VariableSynchronization.AUTO,
    "aggregation": VariableAggregation.NONE, "shape": None,
}  # fmt: skip


def _checked_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    given = dict(zip(_DEFAULTS, args, strict=False))
    unknown = [key for key in kwargs if key not in _DEFAULTS or key in given]
    if unknown or len(args) > len(_DEFAULTS):
        raise TypeError(
            f"Variable() takes each of {list(_DEFAULTS)} once, got {len(args)} and {list(kwargs)}"
        )
    return {**given, **kwargs}


def default_creator(
    next_creator: Any = None, *, use_resource: bool | None = None, **kwargs: Any
) -> Any:
    """Makes a variable of the kind that its arguments, the variable scope and the default ask for."""
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
        initial_value: what it is set to by its `initializer`: a tensor or what converts to one, or a function without
            arguments that gives one.
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
        ValueError: there is no initial value, or its shape is not known though `validate_shape` is set.

    Example:
        >>> v = tf.Variable([1.0, 2.0], name="v")
        >>> update = v.assign([3.0, 4.0])
    """

    _save_slice_info: Any = None
    _name: str
    _initial_value: Any
    _trainable: bool
    _constraint: Any
    _caching_device: Any
    _synchronization: VariableSynchronization
    _aggregation: VariableAggregation

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
        return self._initial_value  # type: ignore[no-any-return]

    @property
    def initializer(self) -> Operation:
        """The operation that gives the variable its initial value."""
        raise NotImplementedError

    def initialized_value(self) -> Tensor:
        """A tensor with the variable's value or, in a session where it has none yet, its initial value."""
        raise NotImplementedError

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
                "Either session argument should be provided or default session should be established"
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
            self._save_slice_info = SaveSliceInfo(definition.save_slice_info_def, import_scope)

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The variable as a VariableDef protobuf message; None where it lies outside `export_scope`."""
        raise NotImplementedError

    @staticmethod
    def from_proto(variable_def: Any, import_scope: str | None = None) -> Any:
        """The variable that a VariableDef message describes; its operations must be in the default graph."""
        return Variable(variable_def=variable_def, import_scope=import_scope)

    def _set_save_slice_info(self, save_slice_info: Any) -> None:
        self._save_slice_info = save_slice_info

    def _get_save_slice_info(self) -> Any:
        return self._save_slice_info

    __array_priority__ = 100

    def __getitem__(self, key: Any) -> Tensor:
        return self.value()[key]  # type: ignore[index, no-any-return]

    def __iter__(self) -> NoReturn:
        raise TypeError("'Variable' object is not iterable.")

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        shape = shapes.shape_text(shapes.as_tuple(self.shape))
        return f"<tf.Variable '{self.name}' shape={shape} dtype={self.dtype.name}>"  # type: ignore[attr-defined]


class SaveSliceInfo:
    """Which part of a larger stored tensor a variable is.

    Args:
        save_slice_info_def: a SaveSliceInfoDef protobuf message to take everything from.
        import_scope: a name scope to put in front of its name.
        full_name: the name of the larger tensor.
        full_shape: its shape.
        var_offset: where the part begins.
        var_shape: the part's shape.
    """

    def __init__(
        self,
        full_name: Any = None,
        full_shape: Any = None,
        var_offset: Any = None,
        var_shape: Any = None,
        save_slice_info_def: Any = None,
        import_scope: str | None = None,
    ) -> None:
        if save_slice_info_def is not None:
            full_name = with_scope(save_slice_info_def.full_name, import_scope)
            full_shape = list(save_slice_info_def.full_shape)
            var_offset = list(save_slice_info_def.var_offset)
            var_shape = list(save_slice_info_def.var_shape)
        self.full_name = full_name
        self.full_shape = full_shape
        self.var_offset = var_offset
        self.var_shape = var_shape

    @property
    def spec(self) -> str:
        """The shape and the part as checkpoint ops take them, such as "10 4 0,5:0,4"."""
        sizes = " ".join([str(size) for size in self.full_shape])
        parts = [
            f"{start},{size}" for start, size in zip(self.var_offset, self.var_shape, strict=True)
        ]
        return f"{sizes} {':'.join(parts)}"

    def to_proto(self, export_scope: str | None = None) -> Any:
        """A SaveSliceInfoDef protobuf message."""
        from tensorboard.compat.proto import variable_pb2

        return variable_pb2.SaveSliceInfoDef(
            full_name=in_scope(self.full_name, export_scope), full_shape=self.full_shape,
            var_offset=self.var_offset, var_shape=self.var_shape,
        )  # fmt: skip


Variable.SaveSliceInfo = SaveSliceInfo  # type: ignore[attr-defined]
install_operators(Variable)


def in_scope(name: str, export_scope: str | None) -> str:
    """`name` as it reads inside `export_scope`."""
    if export_scope and name.startswith(export_scope):
        return name[len(export_scope) :].lstrip("/")
    return name


def with_scope(name: str, import_scope: str | None) -> str:
    """`name` as it reads once it was imported under `import_scope`."""
    return f"{import_scope}/{name}" if import_scope else name


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


class RefVariable(Variable):
    """A variable that is a reference: the kind that TensorFlow 1 makes by default."""

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
        import_scope: str | None = None,
        constraint: Any = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
        shape: Any = None,
    ) -> None:
        if variable_def is not None:
            if initial_value is not None:
                raise ValueError("variable_def and initial_value are mutually exclusive.")
            self._restore(variable_def, import_scope)
            return
        collections = check_arguments(initial_value, collections, constraint)
        self._trainable = is_trainable(trainable, synchronization)
        self._constraint, self._caching_device = constraint, caching_device
        self._synchronization, self._aggregation = synchronization, aggregation
        graph = default_graph()
        with (
            graph.control_dependencies(None),
            name_scope(
                name, "Variable", [] if callable(initial_value) else [initial_value]
            ) as scope,
        ):
            make = self._make_with_function if callable(initial_value) else self._make_with_value
            make(graph, scope, initial_value, dtype, shape, validate_shape)
            self._finish(graph, scope, validate_shape)
        self._collect(self._trainable, collections)

    def _make_with_function(
        self, graph: Graph, scope: str, function: Any, dtype: Any, shape: Any, validate_shape: bool
    ) -> None:
        with class_of(graph, scope[:-1]):
            with graph.name_scope("Initializer"), graph.device(None):
                self._initial_value = internal_convert(
                    function(), _as_dtype(dtype), "initial_value"
                )
            self._make_variable(graph, scope, shape, validate_shape)

    def _make_with_value(
        self, graph: Graph, scope: str, value: Any, dtype: Any, shape: Any, validate_shape: bool
    ) -> None:
        self._initial_value = internal_convert(value, _as_dtype(dtype), "initial_value")
        self._make_variable(graph, scope, shape, validate_shape)

    def _make_variable(self, graph: Graph, scope: str, shape: Any, validate_shape: bool) -> None:
        initial = self._initial_value
        if shape is None and validate_shape:
            shape = initial._shape
        self._variable = state.VARIABLE_V2(
            shape=shapes.as_tuple(shape),
            dtype=initial.dtype.base_dtype,
            container=graph._scopes.container,
            name=scope,
        )

    def _finish(self, graph: Graph, scope: str, validate_shape: bool) -> None:
        self._name = self._variable.name
        initial = self._initial_value
        if validate_shape and not shapes.is_known(initial._shape):
            raise ValueError(f"initial_value must have a shape specified: {initial}")
        guarded = guarded_initial_value(scope, initial)
        self._initializer_op = state.assign(
            self._variable, guarded, validate_shape=validate_shape
        ).op
        if self._caching_device is not None:
            with graph.device(self._caching_device):
                self._snapshot = raw.Identity(self._variable, name="read")
        else:
            with graph.colocate_with(self._variable.op):
                self._snapshot = raw.Identity(self._variable, name="read")

    def _restore(self, definition: Any, import_scope: str | None) -> None:
        graph = default_graph()

        def element(name: str) -> Any:
            return graph.as_graph_element(with_scope(name, import_scope))

        self._variable = element(definition.variable_name)
        self._name = self._variable.name
        self._initializer_op = element(definition.initializer_name)
        self._initial_value = (
            element(definition.initial_value_name) if definition.initial_value_name else None
        )
        self._snapshot = element(definition.snapshot_name)
        self._restore_common(definition, import_scope)

    # What it is

    @property
    def dtype(self) -> dtypes.DType:
        """The type of its elements, as a reference type."""
        return self._variable.dtype  # type: ignore[no-any-return]

    @property
    def op(self) -> Operation:
        """The operation of the variable."""
        return self._variable.op  # type: ignore[no-any-return]

    @property
    def shape(self) -> shapes.TensorShape:
        """The static shape."""
        return self._variable.shape  # type: ignore[no-any-return]

    def set_shape(self, shape: Any) -> None:
        """Adds knowledge to the static shape.

        Raises:
            ValueError: `shape` is not compatible with what is known.
        """
        self._ref().set_shape(shape)
        self.value().set_shape(shape)

    @property
    def initializer(self) -> Operation:
        """The operation that gives the variable its initial value."""
        return self._initializer_op  # type: ignore[no-any-return]

    def _ref(self) -> Tensor:
        return self._variable  # type: ignore[no-any-return]

    def _as_graph_element(self) -> Tensor:
        return self._variable  # type: ignore[no-any-return]

    def value(self) -> Tensor:
        """A tensor with the variable's value; always the same one."""
        return self._snapshot  # type: ignore[no-any-return]

    def read_value(self) -> Tensor:
        """A tensor with the value that the variable has when this very op runs."""
        return raw.Identity(self._variable, name="read")  # type: ignore[no-any-return]

    def initialized_value(self) -> Tensor:
        """A tensor with the variable's value or, in a session where it has none yet, its initial value."""
        with self.graph.control_dependencies(None):
            return state.INITIALIZED_VALUE(
                self._variable, self._initial_value, name="initialized_value"
            )  # type: ignore[no-any-return]

    # Changing it

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Assigns `value`; gives a tensor with the new value, or the Operation where `read_value` is False."""
        assigned = state.ASSIGN(self._variable, value, use_locking=use_locking, name=name)
        return assigned if read_value else assigned.op

    def assign_add(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Adds `delta`; gives a tensor with the new value, or the Operation where `read_value` is False."""
        assigned = state.ASSIGN_ADD(self._variable, delta, use_locking=use_locking, name=name)
        return assigned if read_value else assigned.op

    def assign_sub(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Subtracts `delta`; gives a tensor with the new value, or the Operation where `read_value` is False."""
        assigned = state.ASSIGN_SUB(self._variable, delta, use_locking=use_locking, name=name)
        return assigned if read_value else assigned.op

    def count_up_to(self, limit: int) -> Tensor:
        """Adds one to the variable until it reaches `limit`; gives the value before."""
        return state.count_up_to(self._variable, limit=limit)

    def gather_nd(self, indices: Any, name: str | None = None) -> Tensor:
        """Elements or slices of the variable; see `tf.gather_nd`."""
        return api.gather_nd(self._variable, indices, name=name)  # type: ignore[no-any-return]

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The variable as a VariableDef protobuf message; None where it lies outside `export_scope`."""
        from tensorboard.compat.proto import variable_pb2

        if export_scope is not None and not self._variable.name.startswith(export_scope):
            return None
        proto = variable_pb2.VariableDef(
            variable_name=in_scope(self._variable.name, export_scope),
            snapshot_name=in_scope(self._snapshot.name, export_scope),
        )
        if self._initial_value is not None:
            proto.initial_value_name = in_scope(self._initial_value.name, export_scope)
        return self._as_proto(proto, export_scope)


def _as_dtype(dtype: Any) -> dtypes.DType | None:
    return None if dtype is None else dtypes.as_dtype(dtype).base_dtype


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
                raise ValueError(f"sparse_delta is not IndexedSlices: {sparse_delta}")
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


def _scatter_ref(
    variable: Any, how: str, indices: Any, updates: Any, use_locking: bool, name: str | None
) -> Any:
    spec = getattr(raw, f"Scatter{how.capitalize()}")
    return spec(variable._variable, indices, updates, use_locking=use_locking, name=name)


def _scatter_nd_ref(variable: Any, how: str, indices: Any, updates: Any, name: str | None) -> Any:
    return getattr(raw, f"ScatterNd{how.capitalize()}")(
        variable._variable, indices, updates, use_locking=True, name=name
    )


add_scatter_methods(RefVariable, _scatter_ref, _scatter_nd_ref)


def _convert_variable(
    value: RefVariable, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Any:
    if dtype is not None and not dtype.is_compatible_with(value.dtype.base_dtype):
        raise ValueError(
            f"Incompatible type conversion requested to type '{dtype.name}' for variable of type '{value.dtype.name}'"
        )
    return value._ref() if as_ref else value.value()


register_tensor_conversion_function(RefVariable, _convert_variable)


@export("variable_creator_scope")
def variable_creator_scope(variable_creator: Any) -> StackSetting:
    """Lets a function make, or change, the variables that are made inside a `with` block.

    Args:
        variable_creator: `f(next_creator, **kwargs)` that returns a variable; kwargs are those of `tf.Variable`.

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
