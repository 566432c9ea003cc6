"""Ops on variables that are resources: VarHandleOp, reads, assignments, lookups.

A kernel gets the variable's value for the handle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import dtypes, shapes
from penstock.graph.errors import InvalidArgumentError, NotFoundError
from penstock.graph.export import api
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, raw, register
from penstock.ops import state
from penstock.ops.gathering import gather_nd_kernel, gather_nd_shape, traced_gather_nd_kernel
from penstock.ops.scatter_state import check_rows

VAR_HANDLE_OP = register(
    OpSpec(
        name="VarHandleOp", inputs=(), outputs=("resource: resource",),
        attrs=("container: string = ''", "shared_name: string = ''", "dtype: type", "shape: shape"),
        shape=lambda: (), kernel=state.unrun_kernel, gradient=NOT_DIFFERENTIABLE, stateful=True,
        variable=True,
    )
)  # fmt: skip


def read_kernel(xp: Any, value: Any) -> Any:
    return value


def declared_shape(handle: Tensor) -> shapes.Shape:
    """The shape of the variable that a handle refers to, as far as its own op says."""
    return shapes.as_tuple(handle.op._attrs.get("shape"))


def refine_read(op: Operation) -> None:
    op.outputs[0].set_shape(declared_shape(op._inputs[0]))


def refine_gather(op: Operation) -> None:
    shape, indices = declared_shape(op._inputs[0]), op._inputs[1]._shape
    if shape == ():
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    if shape is not None and indices is not None:
        op.outputs[0].set_shape(indices + shape[1:])


READ_VARIABLE_OP = register(
    OpSpec(
        name="ReadVariableOp", inputs=("resource: resource",), outputs=("value: dtype",),
        attrs=("dtype: type",),
        shape=lambda resource: None, kernel=read_kernel, gradient=lambda op, grad: [grad],
        stateful=True, view=True,
        refine=refine_read,
    )
)  # fmt: skip
ASSIGN_VARIABLE_OP = register(
    OpSpec(
        name="AssignVariableOp", inputs=("resource: resource", "value: dtype"), outputs=(),
        attrs=("dtype: type",),
        writes=("resource",), unread=("resource",), stateful=True,
        shape=lambda resource, value: [], kernel=state.assign_kernel, view=True,
        gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


def _update_spec(name: str, kernel: Any) -> OpSpec:
    return register(
        OpSpec(
            name=name, inputs=("resource: resource", "value: dtype"), outputs=(),
            attrs=("dtype: type",),
            writes=("resource",), stateful=True,
            shape=lambda resource, value: [], kernel=kernel, gradient=NOT_DIFFERENTIABLE,
        )
    )  # fmt: skip


def _check_update(variable: Any, value: Any) -> None:
    if variable.dtype.kind in "bO":
        kind = "bool" if variable.dtype.kind == "b" else "string"
        raise InvalidArgumentError(
            None,
            None,
            f"No OpKernel was registered to support this Op on a variable of type {kind}",
        )
    if variable.shape != value.shape:
        raise InvalidArgumentError(
            None, None,
            f"Cannot update variable with shape {shapes.bracket_text(variable.shape)} using a "
            f"Tensor with shape {shapes.bracket_text(value.shape)}, shapes must be equal.",
        )  # fmt: skip


def assign_add_kernel(xp: Any, variable: Any, value: Any) -> Any:
    _check_update(variable, value)
    return xp.add(variable, value)


def assign_sub_kernel(xp: Any, variable: Any, value: Any) -> Any:
    _check_update(variable, value)
    return xp.subtract(variable, value)


ASSIGN_ADD_VARIABLE_OP = _update_spec("AssignAddVariableOp", assign_add_kernel)
ASSIGN_SUB_VARIABLE_OP = _update_spec("AssignSubVariableOp", assign_sub_kernel)
VAR_IS_INITIALIZED_OP = register(
    OpSpec(
        name="VarIsInitializedOp", inputs=("resource: resource",),
        outputs=("is_initialized: bool",),
        unread=("resource",), host=True, stateful=True,
        shape=lambda resource: (), kernel=state.is_initialized_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


def variable_shape_kernel(xp: Any, value: Any, *, out_type: dtypes.DType) -> Any:
    return np.array(value.shape, out_type.np_dtype)


def known_shape(op: Operation) -> shapes.Shape:
    return declared_shape(op._inputs[0])


def refine_shape(op: Operation) -> None:
    known = known_shape(op)
    if known is not None:
        op.outputs[0].set_shape((len(known),))


VARIABLE_SHAPE = register(
    OpSpec(
        name="VariableShape", inputs=("input: resource",), outputs=("output: out_type",),
        attrs=("out_type: {int32, int64} = DT_INT32",), stateful=True,
        shape=lambda input: (None,), kernel=variable_shape_kernel, gradient=NOT_DIFFERENTIABLE,
        refine=refine_shape, partial_value=known_shape,
    )
)  # fmt: skip


def gather_shape(resource: shapes.Shape, indices: shapes.Shape) -> shapes.Shape:
    return None


def gather_kernel(xp: Any, value: Any, indices: Any) -> Any:
    if xp is np:
        check_rows(indices, value.shape[0])
        return value[indices]
    # JAX would count negative ones from the end.
    inside = xp.where(indices < 0, value.shape[0], indices)
    return xp.take(value, inside, axis=0, mode="fill", fill_value=0)


def gather_gradient(op: Operation, grad: Tensor) -> Grads:
    handle, indices = op._inputs
    shape = variable_shape(handle)
    size = api.expand_dims(api.size(indices), 0)
    values_shape = api.concat([size, shape[1:]], 0)
    values = api.reshape(grad, values_shape)
    return [api.IndexedSlices(values, api.reshape(indices, size), shape), None]


RESOURCE_GATHER = register(
    OpSpec(
        name="ResourceGather", inputs=("resource: resource", "indices: Tindices"),
        outputs=("output: dtype",),
        attrs=(
            "batch_dims: int = 0", "validate_indices: bool = true", "dtype: type",
            "Tindices: {int32, int64}",
        ),
        shape=gather_shape, kernel=gather_kernel, gradient=gather_gradient, stateful=True,
        refine=refine_gather,
    )
)  # fmt: skip


def refine_gather_nd(op: Operation) -> None:
    op.outputs[0].set_shape(gather_nd_shape(declared_shape(op._inputs[0]), op._inputs[1]._shape))


def gather_nd_gradient(op: Operation, grad: Tensor) -> Grads:
    handle, indices = op._inputs
    shape = VARIABLE_SHAPE(handle, out_type=indices.dtype)
    if indices._shape is not None and len(indices._shape) == 2 and indices._shape[-1] == 1:
        return [api.IndexedSlices(grad, api.squeeze(indices, axis=-1), shape), None]
    return [raw.ScatterNd(indices, grad, shape), None]


RESOURCE_GATHER_ND = register(
    OpSpec(
        name="ResourceGatherNd", inputs=("resource: resource", "indices: Tindices"),
        outputs=("output: dtype",), attrs=("dtype: type", "Tindices: {int32, int64}"),
        shape=gather_shape, gradient=gather_nd_gradient, stateful=True, refine=refine_gather_nd,
        kernel=gather_nd_kernel, xla_kernel=traced_gather_nd_kernel,  # as for GatherNd
    )
)  # fmt: skip


RESOURCE_COUNT_UP_TO = register(
    OpSpec(
        name="ResourceCountUpTo", inputs=("resource: resource",), outputs=("output: T",),
        attrs=("limit: int", "T: {int32, int64}"), writes=("resource",), host=True, stateful=True,
        shape=lambda resource: (), kernel=state.count_up_to_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


def destroy_kernel(ctx: Any, *, ignore_lookup_error: bool) -> Any:
    slot = ctx.state.variable(ctx.op._inputs[0].op)
    with ctx.state.lock:  # an update that has begun must not bring it back
        if slot.value is None and not ignore_lookup_error:
            raise NotFoundError(None, None, f"Resource localhost/{slot.name} does not exist.")
        slot.value = None
    return ()


DESTROY_RESOURCE_OP = register(
    OpSpec(
        name="DestroyResourceOp", inputs=("resource: resource",), outputs=(),
        attrs=("ignore_lookup_error: bool = true",), unread=("resource",), host=True, stateful=True,
        shape=lambda resource: [], kernel=destroy_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


def variable_shape(handle: Tensor) -> Tensor:
    """The shape of a resource variable as a tensor: a constant where it is known."""
    declared = declared_shape(handle)
    if declared is not None and None not in declared:
        return api.constant(list(declared), dtype=dtypes.int32)
    return VARIABLE_SHAPE(handle)
