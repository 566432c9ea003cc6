"""Variables that are references: VariableV2 with its Assign and its read."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes, shapes
from penstock.graph.convert import internal_convert, register_tensor_conversion_function
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.ops import state
from penstock.ops.initial_values import check_is_outside, guarded_initial_value
from penstock.ops.save_slices import in_scope, with_scope
from penstock.ops.slice_assign import STRIDED_SLICE_ASSIGN
from penstock.ops.variable_kinds import (
    VariableAggregation,
    VariableSynchronization,
    checked_kinds,
    is_trainable,
)
from penstock.ops.variables import Variable, add_scatter_methods, check_arguments, class_of


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
        kinds = checked_kinds(synchronization, aggregation, name)
        self._synchronization, self._aggregation = kinds
        self._trainable = is_trainable(trainable, self._synchronization)
        self._constraint, self._caching_device = constraint, caching_device
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
        if not scope:
            raise ValueError("'' is not a valid node name")
        initial = self._initial_value
        check_is_outside(scope, initial)
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
        return self._variable.dtype

    @property
    def op(self) -> Operation:
        """The operation of the variable."""
        return self._variable.op

    @property
    def shape(self) -> shapes.TensorShape:
        """The static shape."""
        return self._variable.shape

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
        return self._initializer_op

    def _ref(self) -> Tensor:
        return self._variable

    def _as_graph_element(self) -> Tensor:
        return self._variable

    def value(self) -> Tensor:
        """A tensor with the variable's value; always the same one."""
        return self._snapshot

    def read_value(self) -> Tensor:
        """A tensor with the value that the variable has when this very op runs."""
        return raw.Identity(self._variable, name="read")

    # Changing it

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Assigns `value`; gives a tensor with the new value, or the Operation where `read_value`
        is False.
        """
        assigned = state.ASSIGN(self._variable, value, use_locking=use_locking, name=name)
        return assigned if read_value else assigned.op

    def assign_add(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Adds `delta`; gives a tensor with the new value, or the Operation where `read_value` is
        False.
        """
        assigned = state.ASSIGN_ADD(self._variable, delta, use_locking=use_locking, name=name)
        return assigned if read_value else assigned.op

    def assign_sub(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Subtracts `delta`; gives a tensor with the new value, or the Operation where `read_value`
        is False.
        """
        assigned = state.ASSIGN_SUB(self._variable, delta, use_locking=use_locking, name=name)
        return assigned if read_value else assigned.op

    def count_up_to(self, limit: int) -> Tensor:
        """Adds one to the variable until it reaches `limit`; gives the value before."""
        return state.count_up_to(self._variable, limit=limit)

    def _strided_slice_assign(
        self, begin: Any, end: Any, strides: Any, value: Any, name: str | None, **masks: int
    ) -> Tensor:
        return STRIDED_SLICE_ASSIGN(self._variable, begin, end, strides, value, name=name, **masks)

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The variable as a VariableDef protobuf message; None where it lies outside
        `export_scope`.
        """
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
            f"Incompatible type conversion requested to type '{dtype.name}' for variable of type "
            f"'{value.dtype.name}'"
        )
    return value._ref() if as_ref else value.value()


register_tensor_conversion_function(RefVariable, _convert_variable)
