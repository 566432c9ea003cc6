"""Where `tf.get_variable` keeps a graph's variables by name, and how it makes and shares them."""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

from penstock.graph import dtypes, shapes
from penstock.graph.collections import GraphKeys
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export_as
from penstock.graph.graph import Graph
from penstock.graph.operation import Tensor
from penstock.graph.public import name_scope
from penstock.graph.stacks import default_graph
from penstock.ops.partitioned_variables import (
    PartitionedVariable,
    PartitionInfo,
    as_part,
    partitions_of,
    parts_of,
)
from penstock.ops.resource_variables import ResourceVariable, resource_variables_enabled
from penstock.ops.variable_kinds import (
    VariableAggregation,
    VariableSynchronization,
    checked_kinds,
    is_trainable,
)
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
        self._in_parts_by_name: dict[str, PartitionedVariable] = {}

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
        synchronization, aggregation = checked_kinds(synchronization, aggregation, name)
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
        options = {
            "regularizer": regularizer, "reuse": reuse, "trainable": trainable,
            "collections": collections, "caching_device": caching_device,
            "validate_shape": validate_shape, "use_resource": use_resource,
            "constraint": constraint, "synchronization": synchronization,
            "aggregation": aggregation,
        }  # fmt: skip
        dtype = dtypes.as_dtype(dtype)
        wanted = shapes.as_tuple(shape)
        if partitioner is not None and wanted != ():
            if not callable(partitioner):
                raise ValueError(f"Partitioner must be callable, but received: {partitioner}")
            return self._in_parts(name, wanted, dtype, initializer, partitioner, options)
        if reuse is True and name in self._in_parts_by_name:
            return self._shared_parts(name, wanted, dtype, None)
        if f"{name}/part_0" in self._vars:
            raise ValueError(
                "No partitioner was provided, but a partitioned version of the variable was found: "
                f"{name}/part_0. Perhaps a variable of the same name was already created with "
                "partitioning?"
            )
        return self._whole(name, wanted, dtype, initializer, None, options)

    def _in_parts(
        self, name: str, shape: shapes.Shape, dtype: dtypes.DType, initializer: Any,
        partitioner: Any, options: dict[str, Any],
    ) -> PartitionedVariable:  # fmt: skip
        """Finds or makes a variable that is cut into parts."""
        if name in self._vars:
            raise ValueError(
                "A partitioner was provided, but an unpartitioned version of the variable was "
                f"found: {name}.  Perhaps a variable of the same name was already created without "
                "partitioning?"
            )
        if isinstance(initializer, Tensor):
            shape = shapes.merge(shape, initializer._shape)
        partitions = partitions_of(partitioner, shape, dtype)
        if name in self._in_parts_by_name:
            if options["reuse"] is False:
                raise ValueError(
                    f"Partitioned variable with name {name} already exists. Did you mean to set "
                    "reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
                )
            return self._shared_parts(name, shape, dtype, partitions)
        if options["reuse"] is True:
            raise ValueError(
                f"PartitionedVariable {name} does not exist, or was not created with "
                "tf.get_variable(). Did you mean to set reuse=False or reuse=tf.AUTO_REUSE in "
                "VarScope?"
            )
        assert shape is not None  # or partitions_of raises
        whole = [int(size or 0) for size in shape]
        self._check_number_of_parts(name, math.prod(partitions))
        made = []
        for number, (offset, part) in enumerate(parts_of(whole, partitions)):
            info = PartitionInfo(list(whole), offset)
            full_name = f"{name}/part_{number}"
            value, part_shape = _part_of(initializer, full_name, offset, part, dtype)
            if isinstance(value, Tensor):
                dtype = value.dtype.base_dtype
            with name_scope(None):
                variable = self._whole(full_name, part_shape, dtype, value, info, options)
            as_part(variable, name, list(whole), offset, part)
            made.append(variable)
        found = PartitionedVariable(name, shape, dtype, made, partitions)
        self._in_parts_by_name[name] = found
        return found

    def _check_number_of_parts(self, name: str, count: int) -> None:
        """Raises ValueError where there are parts of that name, and another number of them."""
        if f"{name}/part_0" not in self._vars:
            return
        problem = (
            "Partitioner returned a different partitioning than what was already found.  "
            f"Partitioner returned {count} shards, and shard {name}/part_0 was found, but "
        )
        if f"{name}/part_{count - 1}" not in self._vars:
            raise ValueError(f"{problem}{name}/part_{count - 1} was not.")
        if f"{name}/part_{count}" in self._vars:
            raise ValueError(f"{problem}so was the extra shard {name}/part_{count}.")

    def _shared_parts(
        self, name: str, shape: shapes.Shape, dtype: dtypes.DType, partitions: Any
    ) -> PartitionedVariable:
        found = self._in_parts_by_name[name]
        start = f"Trying to reuse partitioned variable {name}, but specified"
        if not shapes.compatible(shape, shapes.as_tuple(found.shape)):
            raise ValueError(
                f"{start} shape {shapes.shape_text(shape)} and found shape {found.shape}."
            )
        if not dtype.is_compatible_with(found.dtype):
            raise ValueError(f"{start} dtype {dtype.name} and found dtype {found.dtype.name}.")
        if partitions is not None and found._get_partitions() != partitions:
            raise ValueError(
                f"{start} partitions {partitions} and found partitions {found._get_partitions()}."
            )
        return found

    def _whole(
        self, name: str, shape: shapes.Shape, dtype: dtypes.DType, initializer: Any,
        partition_info: PartitionInfo | None, options: dict[str, Any],
    ) -> Any:  # fmt: skip
        """Finds or makes a variable that is one piece: all of one, or a part."""
        options = dict(options)
        reuse, regularizer = options.pop("reuse"), options.pop("regularizer")
        if options["use_resource"] is None:
            options["use_resource"] = resource_variables_enabled()
        if initializer is not None and not callable(initializer) and shape is not None:
            raise ValueError("If initializer is a constant, do not specify shape.")
        if name in self._vars:
            return self._shared(name, shape, dtype, reuse)
        if reuse is True:
            raise ValueError(
                f"Variable {name} does not exist, or was not created with tf.get_variable(). Did "
                "you mean to set reuse=tf.AUTO_REUSE in VarScope?"
            )
        if initializer is None:
            initializer = _default_initializer(name, dtype)
        with default_graph().control_dependencies(None):
            value, value_dtype = _initial_value(initializer, shape, dtype, partition_info)
        variable = Variable(initial_value=value, name=name, dtype=value_dtype, **options)
        self._vars[name] = variable
        if regularizer is not None:
            _regularize(variable, name, regularizer)
        return variable

    def _shared(self, name: str, shape: shapes.Shape, dtype: dtypes.DType, reuse: Any) -> Any:
        found = self._vars[name]
        if reuse is False:
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


def _part_of(
    initializer: Any, full_name: str, offset: Any, shape: Any, dtype: dtypes.DType
) -> tuple[Any, Any]:
    """(initializer, shape) of a part; a value of the whole is cut, and tells the shape."""
    if initializer is None or callable(initializer):
        return initializer, shape
    with name_scope(f"{full_name}/PartitionedInitializer"):
        whole = initializer
        if not isinstance(initializer, Tensor):
            whole = convert_to_tensor(initializer, dtype=dtype)
        return api.slice(whole, offset, shape), None


def _initial_value(
    initializer: Any, shape: shapes.Shape, dtype: dtypes.DType, partition_info: Any
) -> tuple[Any, Any]:
    """(initial value or a function that gives it, type to convert it to or None)."""
    if not callable(initializer):
        return initializer, None
    if isinstance(initializer, type):
        initializer = initializer()
    if shape is not None and None not in shape:
        arguments: dict[str, Any] = {"dtype": dtype}
        if "partition_info" in inspect.signature(initializer).parameters:
            arguments["partition_info"] = partition_info
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
