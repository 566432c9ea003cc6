"""Variables that are resources: a handle, and an op for each read, so that reads and updates have a
defined order.
"""

from __future__ import annotations

from typing import Any, NoReturn

from penstock.graph import dtypes, shapes
from penstock.graph.convert import internal_convert, register_tensor_conversion_function
from penstock.graph.export import export
from penstock.graph.graph import Graph
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import OpSpec, raw
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.ops import resource_ops as ops
from penstock.ops import state
from penstock.ops.initial_values import check_is_outside, guarded_initial_value
from penstock.ops.save_slices import in_scope, with_scope
from penstock.ops.slice_assign import RESOURCE_STRIDED_SLICE_ASSIGN
from penstock.ops.variable_kinds import (
    VariableAggregation,
    VariableSynchronization,
    checked_kinds,
    is_trainable,
)
from penstock.ops.variables import (
    Variable,
    add_scatter_methods,
    check_arguments,
    class_of,
)

_by_default = [False]


@export("enable_resource_variables")
def enable_resource_variables() -> None:
    """Makes variables resources from now on, where their arguments do not say otherwise.

    Example:
        >>> tf.enable_resource_variables()
    """
    _by_default[0] = True


@export("disable_resource_variables")
def disable_resource_variables() -> None:
    """Makes variables references from now on, where their arguments do not say otherwise.

    Example:
        >>> tf.disable_resource_variables()
    """
    _by_default[0] = False


@export("resource_variables_enabled")
def resource_variables_enabled() -> bool:
    """Whether variables are resources by default.

    Example:
        >>> tf.resource_variables_enabled()
    """
    return _by_default[0]


class ResourceVariable(Variable):
    """A variable that is a resource; `tf.Variable(…, use_resource=True)` makes it."""

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        dtype: Any = None,
        variable_def: Any = None,
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
            self._make_handle(graph, scope, initial_value, dtype, shape)
            self._finish(graph, scope)
        self._collect(self._trainable, collections)

    def _make_handle(
        self,
        graph: Graph,
        scope: str,
        initial_value: Any,
        dtype: Any,
        shape: Any,
    ) -> None:
        wanted = None if dtype is None else dtypes.as_dtype(dtype).base_dtype
        with class_of(graph, scope[:-1]):
            with graph.name_scope("Initializer"), graph.device(None):
                value = initial_value() if callable(initial_value) else initial_value
                initial = internal_convert(value, wanted, "initial_value")
            self._initial_value = initial
            self._shape = initial._shape if shape is None else shapes.as_tuple(shape)
            if not shapes.compatible(self._shape, initial._shape):
                raise ValueError(
                    f"The initial value's shape ({shapes.shape_text(initial._shape)}) is not "
                    "compatible with the explicitly supplied `shape` argument "
                    f"({shapes.bracket_text(self._shape)})."
                )
            self._handle = ops.VAR_HANDLE_OP(
                shape=self._shape, dtype=initial.dtype.base_dtype, shared_name=scope[:-1],
                name=scope,
                container=graph._scopes.container,
            )  # fmt: skip
        self._dtype = initial.dtype.base_dtype
        self._name = f"{scope[:-1]}:0"

    def _finish(self, graph: Graph, scope: str) -> None:
        handle = self._handle
        check_is_outside(scope, self._initial_value)
        with graph.name_scope("IsInitialized"):
            self._is_initialized = ops.VAR_IS_INITIALIZED_OP(handle)
        with (
            graph.name_scope("Assign") as assign_name,
            graph.colocate_with(None, ignore_existing=True),
            graph.device(handle.device),
        ):
            guarded = guarded_initial_value(scope, self._initial_value)
            self._initializer_op = ops.ASSIGN_VARIABLE_OP(handle, guarded, name=assign_name)
        with graph.name_scope("Read"):
            with graph.device(handle.device):
                self._graph_element = self._read()
            self._cached: Tensor | None = None
            if self._caching_device is not None:
                with (
                    graph.colocate_with(None, ignore_existing=True),
                    graph.device(self._caching_device),
                ):
                    self._cached = raw.Identity(self._graph_element)

    def _restore(self, definition: Any, import_scope: str | None) -> None:
        if not definition.is_resource:
            raise ValueError("Trying to restore Variable as ResourceVariable.")
        graph = default_graph()

        def element(name: str) -> Any:
            return graph.as_graph_element(with_scope(name, import_scope))

        self._handle = element(definition.variable_name)
        self._shape, self._dtype = self._handle.op._attrs["shape"], self._handle.op._attrs["dtype"]
        self._name = self._handle.name
        self._initializer_op = element(definition.initializer_name)
        self._initial_value = (
            element(definition.initial_value_name) if definition.initial_value_name else None
        )
        self._graph_element = element(definition.snapshot_name)
        self._cached = None
        if self._graph_element.op.type != "ReadVariableOp":
            self._cached = self._graph_element
        self._restore_common(definition, import_scope)

    # What it is

    @property
    def dtype(self) -> dtypes.DType:
        """The type of its elements."""
        return self._dtype

    @property
    def handle(self) -> Tensor:
        """The tensor that refers to it."""
        return self._handle

    @property
    def op(self) -> Operation:
        """The operation that makes the handle."""
        return self._handle.op

    @property
    def shape(self) -> shapes.TensorShape:
        """The static shape."""
        return shapes.TensorShape(self._shape)

    def set_shape(self, shape: Any) -> None:
        """Raises NotImplementedError: a resource variable's shape is given when it is made."""
        raise NotImplementedError("ResourceVariable does not implement set_shape()")

    @property
    def initializer(self) -> Operation:
        """The operation that gives the variable its initial value."""
        return self._initializer_op

    @property
    def create(self) -> Operation:
        """The operation that gives the variable its initial value."""
        return self._initializer_op

    def is_initialized(self, name: str | None = None) -> Tensor:
        """A bool tensor: whether it has a value in the session that runs this."""
        return ops.VAR_IS_INITIALIZED_OP(self._handle, name=name)

    def _as_graph_element(self) -> Tensor:
        return self._graph_element

    # Reading it

    def __bool__(self) -> bool:
        return bool(self.read_value())

    def __copy__(self) -> ResourceVariable:
        return self

    def __deepcopy__(self, memo: Any) -> NoReturn:
        raise NotImplementedError(
            "__deepcopy__() is only available when eager execution is enabled."
        )

    def numpy(self) -> NoReturn:
        """Raises NotImplementedError: a graph's variable has a value in a session only."""
        raise NotImplementedError("numpy() is only available when eager execution is enabled.")

    def _read(self) -> Tensor:
        return ops.READ_VARIABLE_OP(self._handle, dtype=self._dtype)

    def value(self) -> Tensor:
        """A tensor with the value that the variable has when this very op runs."""
        if self._cached is not None:
            return self._cached
        graph = self.graph
        with graph.colocate_with(None, ignore_existing=True), graph.device(self._handle.device):
            return self._read()

    def read_value(self) -> Tensor:
        """A tensor with the value that the variable has when this very op runs."""
        graph = self.graph
        with graph.name_scope("Read"), graph.device(self._handle.device):
            value = self._read()
        return raw.Identity(value)

    def sparse_read(self, indices: Any, name: str | None = None) -> Tensor:
        """Rows of the variable, without a copy of all of it."""
        with name_scope("Gather" if name is None else name) as scope:
            value = ops.RESOURCE_GATHER(self._handle, indices, dtype=self._dtype, name=scope)
        return raw.Identity(value)

    def gather_nd(self, indices: Any, name: str | None = None) -> Tensor:
        """Elements or slices of the variable; see `tf.gather_nd`."""
        with name_scope("GatherNd" if name is None else name) as scope:
            value = ops.RESOURCE_GATHER_ND(self._handle, indices, dtype=self._dtype, name=scope)
        return raw.Identity(value)

    # Changing it

    def _changed(self, op: Operation, read_value: bool) -> Any:
        return _UnreadVariable(self, op) if read_value else op

    def assign(
        self,
        value: Any,
        use_locking: bool | None = None,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Assigns `value`; gives the variable as it is after that, or the Operation where
        `read_value` is False.
        """
        tensor = internal_convert(value, self._dtype)
        if not shapes.compatible(self._shape, tensor._shape):
            ours, theirs = shapes.shape_text(self._shape), shapes.shape_text(tensor._shape)
            raise ValueError(f"Shapes {ours} and {theirs} are incompatible")
        return self._changed(ops.ASSIGN_VARIABLE_OP(self._handle, tensor, name=name), read_value)

    def assign_add(
        self,
        delta: Any,
        use_locking: bool | None = None,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Adds `delta`; gives the variable as it is after that, or the Operation where `read_value`
        is False.
        """
        return self._update(ops.ASSIGN_ADD_VARIABLE_OP, delta, name, read_value)

    def assign_sub(
        self,
        delta: Any,
        use_locking: bool | None = None,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Subtracts `delta`; gives the variable as it is after that, or the Operation where
        `read_value` is False.
        """
        return self._update(ops.ASSIGN_SUB_VARIABLE_OP, delta, name, read_value)

    def _update(self, spec: OpSpec, delta: Any, name: str | None, read_value: bool) -> Any:
        tensor = internal_convert(delta, self._dtype)
        try:
            state.same_shapes(self._shape, tensor._shape)
        except ValueError as error:
            seen = f"{shapes.bracket_text(self._shape)}, {shapes.bracket_text(tensor._shape)}"
            raise ValueError(
                f"{error} for '{name or spec.name}' (op: '{spec.name}') with input shapes: {seen}."
            ) from None
        return self._changed(spec(self._handle, tensor, name=name), read_value)

    def scatter_by(self, op_type: str, indices: Any, updates: Any, name: str | None) -> Any:
        """Changes rows or elements by an op; gives the variable as it is after that."""
        tensor = internal_convert(updates, self._dtype)
        return self._changed(getattr(raw, op_type)(self._handle, indices, tensor, name=name), True)

    def _strided_slice_assign(
        self, begin: Any, end: Any, strides: Any, value: Any, name: str | None, **masks: int
    ) -> Any:
        tensor = internal_convert(value, self._dtype)
        return self._changed(
            RESOURCE_STRIDED_SLICE_ASSIGN(
                self._handle, begin, end, strides, tensor, name=name, **masks
            ),
            True,
        )

    def batch_scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """`tf.batch_scatter_update` with the indices and values of an IndexedSlices."""
        changed = super().batch_scatter_update(sparse_delta, use_locking, name)
        return self._changed(changed.op, True)

    def count_up_to(self, limit: int) -> Tensor:
        """Adds one to the variable until it reaches `limit`; gives the value before."""
        return ops.RESOURCE_COUNT_UP_TO(self._handle, limit=limit, T=self._dtype)

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The variable as a VariableDef protobuf message; None where it lies outside
        `export_scope`.
        """
        from tensorboard.compat.proto import variable_pb2

        if export_scope is not None and not self._handle.name.startswith(export_scope):
            return None
        snapshot = self._graph_element if self._cached is None else self._cached
        proto = variable_pb2.VariableDef(
            variable_name=in_scope(self._handle.name, export_scope),
            snapshot_name=in_scope(snapshot.name, export_scope), is_resource=True,
        )  # fmt: skip
        if self._initial_value is not None:
            proto.initial_value_name = in_scope(self._initial_value.name, export_scope)
        return self._as_proto(proto, export_scope)


def _refused(operator: str, method: str) -> Any:
    """An operator such as `+=`: it cannot change the variable, and so would quietly make a tensor
    of its name.
    """

    def refuse(self: ResourceVariable, value: Any) -> NoReturn:
        raise RuntimeError(
            f"Variable {operator} value not supported. Use `variable.{method}` to modify the "
            f"variable or `variable = variable {operator[:-1]} value` to get a new Tensor object."
        )

    return refuse


for _name, _operator, _method in (
    ("add", "+=", "assign_add(value)"),
    ("sub", "-=", "assign_sub(value)"),
    ("mul", "*=", "assign(variable * value)"),
    ("truediv", "/=", "assign(variable / value)"),
    ("pow", "**=", "assign(variable ** value)"),
):
    setattr(ResourceVariable, f"__i{_name}__", _refused(_operator, _method))


class _UnreadVariable(ResourceVariable):
    """A resource variable as it is after an operation: reads of it come after that."""

    def __init__(self, variable: ResourceVariable, parent: Operation) -> None:
        self.__dict__.update(variable.__dict__)
        self._parent = parent
        self._cached = None
        graph = parent.graph
        with graph.control_dependencies([parent]):
            self._graph_element = self._read()

    @property
    def op(self) -> Operation:
        """The operation that changed the variable."""
        return self._parent

    @property
    def name(self) -> str:
        """The name of the operation that changed the variable."""
        return self._parent.name

    def value(self) -> Tensor:
        """A tensor with the variable's value after the operation."""
        with self.graph.control_dependencies([self._parent]):
            return self._read()

    read_value = value


def _scatter(
    variable: Any, how: str, indices: Any, updates: Any, use_locking: bool, name: str | None
) -> Any:
    return variable.scatter_by(f"ResourceScatter{how.capitalize()}", indices, updates, name)


def _scatter_nd(variable: Any, how: str, indices: Any, updates: Any, name: str | None) -> Any:
    return variable.scatter_by(f"ResourceScatterNd{how.capitalize()}", indices, updates, name)


add_scatter_methods(ResourceVariable, _scatter, _scatter_nd)


def _convert_variable(
    value: ResourceVariable, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Any:
    if dtype is not None and not dtype.is_compatible_with(value.dtype):
        raise ValueError(
            f"Incompatible type conversion requested to type '{dtype.name}' "
            f"for variable of type '{value.dtype.name}'"
        )
    return value.value()


register_tensor_conversion_function(ResourceVariable, _convert_variable)
