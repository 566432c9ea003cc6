"""Where `tf.get_variable` keeps a graph's variables by name, and how it makes and shares them."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from penstock.graph import dtypes, shapes
from penstock.graph.collections import GraphKeys
from penstock.graph.export import api, export_as
from penstock.graph.graph import Graph
from penstock.graph.stacks import default_graph
from penstock.ops.resource_variables import ResourceVariable
from penstock.ops.variable_kinds import VariableAggregation, VariableSynchronization, is_trainable
from penstock.ops.variables import Variable

_KEY = ("__variable_store",)


class ReuseMode:
    """`tf.AUTO_REUSE`: share a variable where there is one of that name, make it where there is
    none.
    """

    def __repr__(self) -> str:
        return "tf.AUTO_REUSE"


AUTO_REUSE = ReuseMode()
export_as("AUTO_REUSE", AUTO_REUSE)

_INVALID_INITIALIZER = (
    "The initializer passed is not valid. It should be a callable with no arguments and the shape "
    "should not be provided or an instance of `tf.keras.initializers.*' and `shape` should be "
    "fully defined."
)


class VariableStore:
    """The variables of one graph that `tf.get_variable` made, by name."""

    def __init__(self) -> None:
        self._vars: dict[str, Any] = {}

    def get_variable(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = dtypes.float32,
        initializer: Any = None,
        regularizer: Any = None,
        reuse: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        validate_shape: bool = True,
        use_resource: bool | None = None,
        custom_getter: Any = None,
        constraint: Any = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
    ) -> Any:
        """Finds or makes a variable; see `tf.get_variable`."""
        if custom_getter is not None and not callable(custom_getter):
            raise ValueError(f"Passed a custom_getter which is not callable: {custom_getter}")
        arguments = {
            "name": name, "shape": shape, "dtype": dtypes.as_dtype(dtype).base_dtype,
            "initializer": initializer, "regularizer": regularizer, "reuse": reuse,
            "trainable": is_trainable(trainable, synchronization), "collections": collections,
            "caching_device": caching_device, "partitioner": partitioner,
            "validate_shape": validate_shape, "use_resource": use_resource,
            "synchronization": synchronization, "aggregation": aggregation,
        }  # fmt: skip
        if custom_getter is None:
            return self._get(**arguments, constraint=constraint)
        if _takes(custom_getter, "constraint"):
            arguments["constraint"] = constraint
        return custom_getter(getter=self._get, **arguments)

    def _get(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = dtypes.float32,
        initializer: Any = None,
        regularizer: Any = None,
        reuse: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        validate_shape: bool = True,
        use_resource: bool | None = None,
        constraint: Any = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
    ) -> Any:
        if partitioner is not None:
            raise NotImplementedError(
                f"variable {name}: penstock does not cut variables into parts (partitioner) yet"
            )
        if initializer is not None and not callable(initializer) and shape is not None:
            raise ValueError("If initializer is a constant, do not specify shape.")
        dtype = dtypes.as_dtype(dtype)
        wanted = shapes.as_tuple(shape)
        if name in self._vars:
            return self._shared(name, wanted, dtype, reuse)
        if reuse is True:
            raise ValueError(
                f"Variable {name} does not exist, or was not created with tf.get_variable(). Did "
                "you mean to set reuse=tf.AUTO_REUSE in VarScope?"
            )
        if initializer is None:
            initializer = _default_initializer(name, dtype)
        with default_graph().control_dependencies(None):
            value, value_dtype = _initial_value(initializer, wanted, dtype)
        variable = Variable(
            initial_value=value, name=name, trainable=trainable, collections=collections,
            caching_device=caching_device, dtype=value_dtype, validate_shape=validate_shape,
            constraint=constraint, use_resource=use_resource, synchronization=synchronization,
            aggregation=aggregation,
        )  # fmt: skip
        self._vars[name] = variable
        if regularizer is not None:
            _regularize(variable, name, regularizer)
        return variable

    def _shared(self, name: str, shape: shapes.Shape, dtype: dtypes.DType, reuse: Any) -> Any:
        found = self._vars[name]
        if reuse is False or reuse is None:
            message = (
                f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or "
                "reuse=tf.AUTO_REUSE in VarScope?"
            )
            if isinstance(found, ResourceVariable):
                raise ValueError(message)
            raise ValueError(f"{message} Originally defined at:\n\n{found.op.where()}\n")
        if not shapes.compatible(shape, shapes.as_tuple(found.shape)):
            raise ValueError(
                f"Trying to share variable {name}, but specified shape {shapes.shape_text(shape)} "
                f"and found shape {found.shape}."
            )
        if not dtype.is_compatible_with(found.dtype):
            raise ValueError(
                f"Trying to share variable {name}, but specified dtype {dtype.name} and found "
                f"dtype {found.dtype.name}."
            )
        return found


def _takes(function: Any, name: str) -> bool:
    parameters = inspect.signature(function).parameters
    return name in parameters or any([p.kind is p.VAR_KEYWORD for p in parameters.values()])


def _default_initializer(name: str, dtype: dtypes.DType) -> Any:
    if dtype.is_floating:
        return api.glorot_uniform_initializer()
    if dtype.is_integer or dtype.is_bool or dtype is dtypes.string:
        return api.zeros_initializer()
    raise ValueError(f"An initializer for variable {name} of {dtype.base_dtype} is required")


def _initial_value(initializer: Any, shape: shapes.Shape, dtype: dtypes.DType) -> tuple[Any, Any]:
    """(initial value or a function that gives it, type to convert it to or None)."""
    if not callable(initializer):
        return initializer, None
    if isinstance(initializer, type):
        initializer = initializer()
    if shape is not None and None not in shape:
        arguments: dict[str, Any] = {"dtype": dtype}
        if "partition_info" in inspect.signature(initializer).parameters:
            arguments["partition_info"] = None
        return functools.partial(initializer, list(shape), **arguments), dtype.base_dtype
    parameters = inspect.signature(initializer).parameters.values()
    needed = [
        p
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if needed:
        raise ValueError(_INVALID_INITIALIZER)
    return initializer, None


def _regularize(variable: Any, name: str, regularizer: Any) -> None:
    graph: Graph = default_graph()
    with (
        graph.colocate_with(variable.op),
        graph.name_scope(f"{name}/Regularizer/"),
        graph.control_dependencies(None),
    ):
        loss = regularizer(variable)
    if loss is not None:
        graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)


def variable_store() -> VariableStore:
    """The store of the default graph, made at its first use."""
    graph = default_graph()
    stores = graph.get_collection_ref(_KEY)
    if not stores:
        stores.append(VariableStore())
    return stores[0]
