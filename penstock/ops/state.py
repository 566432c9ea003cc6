"""Ops on variables that are references: VariableV2, Assign and its kin, CountUpTo.

A run keeps a variable's value in the session. Kernels get the current value for a ref input (unless
it is in `unread`) and return the new one for what is in `writes`; they never write into an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError, OutOfRangeError
from penstock.graph.export import export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, raw, register

NUMBERS = (
    "{float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, "
    "uint16, complex128, half, uint32, uint64}"
)


def same_shapes(a: shapes.Shape, b: shapes.Shape) -> shapes.Shape:
    """The shape that two operands share.

    Raises:
        ValueError: they differ, in TensorFlow's words.
    """
    if shapes.compatible(a, b):
        return shapes.merge(a, b)
    assert a is not None
    assert b is not None
    if len(a) != len(b):
        raise ValueError(f"Shapes must be equal rank, but are {len(a)} and {len(b)}")
    axis = next(i for i in range(len(a)) if not shapes.compatible(a[i : i + 1], b[i : i + 1]))
    raise ValueError(
        f"Dimension {axis} in both shapes must be equal, but are {a[axis]} and {b[axis]}. "
        f"Shapes are {shapes.bracket_text(a)} and {shapes.bracket_text(b)}."
    )


# The variable itself


def declared_shape(*, shape: shapes.Shape) -> shapes.Shape:
    return shape


def unrun_kernel() -> Any:
    raise InvalidArgumentError(
        None, None, "a variable's own op is never run: plans read the session's state"
    )


def variable_spec(name: str) -> OpSpec:
    """Registers an op whose output refers to a variable of the session."""
    return register(
        OpSpec(
            name=name, inputs=(), outputs=("ref: Ref(dtype)",),
            attrs=(
                "shape: shape", "dtype: type", "container: string = ''", "shared_name: string = ''",
            ),
            shape=declared_shape, kernel=unrun_kernel, gradient=NOT_DIFFERENTIABLE,
            stateful=True, variable=True,
        )
    )  # fmt: skip


VARIABLE_V2 = variable_spec("VariableV2")
VARIABLE = variable_spec("Variable")


def is_initialized_kernel(ctx: Any) -> Any:
    return np.bool_(ctx.is_initialized(0))


IS_VARIABLE_INITIALIZED = register(
    OpSpec(
        name="IsVariableInitialized", inputs=("ref: Ref(dtype)",),
        outputs=("is_initialized: bool",), attrs=("dtype: type",), unread=("ref",), host=True,
        shape=lambda ref: (), kernel=is_initialized_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


# Assignments


def assign_shape(ref: shapes.Shape, value: shapes.Shape, *, validate_shape: bool) -> shapes.Shape:
    return same_shapes(ref, value) if validate_shape else value


def assign_kernel(xp: Any, value: Any) -> Any:
    return value


def check_same_size(ref: Any, value: Any) -> None:
    """Raises InvalidArgumentError unless an update has exactly the variable's shape."""
    if ref.shape != value.shape:
        raise InvalidArgumentError(
            None, None,
            "Parameters and update must be the same size: the variable has the shape "
            f"{shapes.bracket_text(ref.shape)}, the update {shapes.bracket_text(value.shape)}",
        )  # fmt: skip


def assign_add_kernel(xp: Any, ref: Any, value: Any) -> Any:
    check_same_size(ref, value)
    return xp.add(ref, value)


def assign_sub_kernel(xp: Any, ref: Any, value: Any) -> Any:
    check_same_size(ref, value)
    return xp.subtract(ref, value)


ASSIGN = register(
    OpSpec(
        name="Assign", inputs=("ref: Ref(T)", "value: T"), outputs=("output_ref: Ref(T)",),
        attrs=("T: type", "validate_shape: bool = true", "use_locking: bool = true"),
        writes=("ref",), unread=("ref",), view=True,
        shape=assign_shape, kernel=assign_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


def assign_update(name: str, kernel: Any) -> OpSpec:
    """Registers an op that changes a variable by a value of its own shape."""
    return register(
        OpSpec(
            name=name, inputs=("ref: Ref(T)", "value: T"), outputs=("output_ref: Ref(T)",),
            attrs=(f"T: {NUMBERS}", "use_locking: bool = false"), writes=("ref",),
            shape=same_shapes, kernel=kernel, gradient=NOT_DIFFERENTIABLE,
        )
    )  # fmt: skip


ASSIGN_ADD = assign_update("AssignAdd", assign_add_kernel)
ASSIGN_SUB = assign_update("AssignSub", assign_sub_kernel)


def count_up_to_shape(ref: shapes.Shape) -> shapes.Shape:
    return shapes.with_rank(ref, 0)


def count_up_to_kernel(xp: Any, ref: Any, *, limit: int) -> Any:
    if ref >= limit:
        raise OutOfRangeError(None, None, f"Reached limit of {limit}")
    return ref + ref.dtype.type(1), ref


COUNT_UP_TO = register(
    OpSpec(
        name="CountUpTo", inputs=("ref: Ref(T)",), outputs=("output: T",),
        attrs=("limit: int", "T: {int32, int64}"), writes=("ref",), host=True,
        shape=count_up_to_shape, kernel=count_up_to_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


# Public functions


def is_reference(ref: Any) -> bool:
    """True for a variable or tensor that is a reference; a resource variable has methods of its
    own.
    """
    return bool(ref.dtype._is_ref_dtype)


@export("assign")
def assign(
    ref: Any,
    value: Any,
    validate_shape: bool | None = None,
    use_locking: bool | None = None,
    name: str | None = None,
) -> Any:
    """Puts `value` into a variable.

    Args:
        ref: a variable.
        value: a tensor of its type and, with `validate_shape`, of its shape.
        validate_shape: False lets the variable take another shape.
        use_locking: kept for TensorFlow's signature: an assignment is always atomic.
        name: a name for the operation.

    Returns:
        A tensor that has the new value.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> update = tf.assign(v, [1.0, 2.0])
    """
    if not is_reference(ref):
        return ref.assign(value, name=name)
    return ASSIGN(ref, value, validate_shape=validate_shape, use_locking=use_locking, name=name)


@export("assign_add")
def assign_add(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Any:
    """Adds `value` to a variable.

    Args:
        ref: a variable of a number type.
        value: a tensor of its type and shape.
        use_locking: kept for TensorFlow's signature: an update is always atomic.
        name: a name for the operation.

    Returns:
        A tensor that has the new value.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> step = tf.assign_add(global_step, 1)
    """
    if not is_reference(ref):
        return ref.assign_add(value)
    return ASSIGN_ADD(ref, value, use_locking=use_locking, name=name)


@export("assign_sub")
def assign_sub(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Any:
    """Subtracts `value` from a variable.

    Args:
        ref: a variable of a number type.
        value: a tensor of its type and shape.
        use_locking: kept for TensorFlow's signature: an update is always atomic.
        name: a name for the operation.

    Returns:
        A tensor that has the new value.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> update = tf.assign_sub(v, 0.1 * gradient)
    """
    if not is_reference(ref):
        return ref.assign_sub(value)
    return ASSIGN_SUB(ref, value, use_locking=use_locking, name=name)


@export("is_variable_initialized")
def is_variable_initialized(variable: Any) -> Tensor:
    """Whether a variable has a value in the session that runs this.

    Args:
        variable: a variable.

    Returns:
        A scalar Tensor of type bool.

    Example:
        >>> sess.run(tf.is_variable_initialized(v))
    """
    if is_reference(variable):
        return IS_VARIABLE_INITIALIZED(variable)
    return variable.is_initialized(name=None)


@export("count_up_to")
def count_up_to(ref: Any, limit: int, name: str | None = None) -> Tensor:
    """Adds one to an integer variable until it reaches `limit`.

    Args:
        ref: a scalar variable of type int32 or int64.
        limit: at this value a run raises OutOfRangeError.
        name: a name for the operation.

    Returns:
        A Tensor: the value before it was counted up.

    Example:
        >>> index = tf.count_up_to(counter, 10)
    """
    if is_reference(ref):
        return COUNT_UP_TO(ref, limit=limit, name=name)
    return raw.ResourceCountUpTo(ref.handle, limit=limit, T=ref.dtype, name=name)
