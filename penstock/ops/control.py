"""Ops that order and pass on: identity, no_op, group, tuple."""

from __future__ import annotations

from typing import Any

from penstock.graph import nest
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import export
from penstock.graph.graph import graph_of
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, Grads, OpSpec, register
from penstock.graph.public import colocate_with, control_dependencies, name_scope
from penstock.ops.elementwise import same_shape


def identity_kernel(xp: Any, x: Any) -> Any:
    return x


def pass_gradient(op: Operation, grad: Tensor) -> Grads:
    return [grad]


NO_OP = register(
    OpSpec(
        name="NoOp", inputs=(), outputs=(), shape=list, kernel=lambda: (),
        gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip
IDENTITY = register(
    OpSpec(
        name="Identity", inputs=("input: T",), outputs=("output: T",), attrs=("T: type",),
        shape=same_shape, kernel=identity_kernel, gradient=pass_gradient, view=True, identity=True,
    )
)  # fmt: skip
STOP_GRADIENT = register(
    OpSpec(
        name="StopGradient", inputs=("input: T",), outputs=("output: T",), attrs=("T: type",),
        shape=same_shape, kernel=identity_kernel, gradient=NOT_DIFFERENTIABLE,
        view=True, identity=True,
    )
)  # fmt: skip


def prevented_gradient(op: Operation, grad: Tensor, *, message: str) -> Grads:
    raise LookupError(f"Gradient explicitly disabled. Reason: {message!r}")


PREVENT_GRADIENT = register(
    OpSpec(
        name="PreventGradient", inputs=("input: T",), outputs=("output: T",),
        attrs=("T: type", "message: string = ''"),
        shape=same_shape, kernel=identity_kernel, gradient=prevented_gradient,
        view=True, identity=True,
    )
)  # fmt: skip
IDENTITY_N = register(
    OpSpec(
        name="IdentityN", inputs=("input: T",), outputs=("output: T",),
        attrs=("T: list(type) >= 1",),
        shape=lambda inputs: inputs, kernel=lambda xp, inputs: inputs,
        gradient=lambda op, *grads: list(grads), view=True, identity=True,
    )
)  # fmt: skip


@export("no_op")
def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing; control dependencies give it a use.

    Args:
        name: a name for the operation.

    Returns:
        An Operation.

    Example:
        >>> with tf.control_dependencies([a, b]):
        ...     both = tf.no_op()
    """
    return NO_OP(name=name)


@export("identity")
def identity(input: Any, name: str | None = None) -> Tensor:
    """A tensor with the value of `input`; of a variable, the value that it has when this runs.

    Args:
        input: a tensor of any type.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> tf.identity(x, name="logits")
    """
    return IDENTITY(input, name=name)


@export("identity_n")
def identity_n(input: Any, name: str | None = None) -> list[Tensor]:
    """Tensors with the values of those in the list `input`.

    Args:
        input: a list of tensors of any types.
        name: a name for the operation.

    Returns:
        A list of Tensors.

    Example:
        >>> a, b = tf.identity_n([x, y])
    """
    return IDENTITY_N(input, name=name)


@export("stop_gradient")
def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """A tensor with the value of `input`, which gradients do not flow through.

    Args:
        input: a tensor of any type.
        name: a name for the operation.

    Returns:
        A Tensor of the same type and shape.

    Example:
        >>> target = tf.stop_gradient(q_next)
    """
    return STOP_GRADIENT(input, name=name)


@export("group")
def group(*inputs: Any, **kwargs: Any) -> Operation:
    """An operation that is done when all `inputs` are.

    Args:
        *inputs: tensors, operations, variables, or nested lists and dicts of these.
        **kwargs: `name`, a name for the operation.

    Returns:
        An Operation; fetching it gives None.

    Raises:
        TypeError: an input is none of these, or there is an unknown keyword.

    Example:
        >>> train = tf.group(step_a, step_b)
    """
    name = kwargs.pop("name", None)
    if kwargs:
        raise ValueError(f"Unknown keyword arguments: {', '.join(kwargs)}")
    ops_of_device: dict[str, list[Any]] = {}
    flat = nest.flatten_tensors(inputs)
    with name_scope(name, "group_deps", flat) as scope:
        for item in flat:
            if not hasattr(item, "device"):
                raise TypeError(
                    f"Expected tf.group() expected Tensor arguments not '{item}' with type "
                    f"'{type(item)}'"
                )
            ops_of_device.setdefault(item.device, []).append(item)
        if len(ops_of_device) <= 1:
            ((device, members),) = ops_of_device.items() or (("", []),)
            return _no_op_after(members, device, scope)
        parts = [
            _no_op_after(members, device, None) for device, members in sorted(ops_of_device.items())
        ]
        with control_dependencies(parts):
            return no_op(name=scope)


def _no_op_after(members: list[Any], device: str, name: str | None) -> Operation:
    graph = graph_of(members)
    with graph.as_default(), control_dependencies(members):
        if not device:
            return no_op(name=name)
        with graph.device(device):
            return no_op(name=name)


@export("tuple")
def tuple_(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list[Any]:
    """The same tensors, each of which is given out only when all of them have been computed.

    Args:
        tensors: a list of tensors, IndexedSlices, operations and None.
        name: a name for the operations.
        control_inputs: more operations to wait for.

    Returns:
        A list like `tensors`.

    Raises:
        ValueError: there is no tensor in it.
        TypeError: `control_inputs` holds something else.

    Example:
        >>> a, b = tf.tuple([a, b])
    """
    with name_scope(name, "tuple", tensors):
        items = [_member(item) for item in tensors]
        gating = [getattr(item, "op", item) for item in items if item is not None]
        for item in control_inputs or ():
            if not isinstance(item, (Tensor, Operation)):
                raise TypeError(f"Control input must be Operation or Tensor: {item}")
            gating.append(getattr(item, "op", item))
        if not gating:
            raise ValueError(f"Must have at least one Tensor: {tensors}")
        gate = group(*sorted(dict.fromkeys(gating), key=lambda op: op._id))
        return [None if item is None else _after(gate, item) for item in items]


def _member(item: Any) -> Any:
    """What `tf.tuple` takes, and a tensor of anything else."""
    if item is None or isinstance(item, Operation) or hasattr(item, "op"):
        return item
    return convert_to_tensor(item)


def _after(gate: Operation, item: Any) -> Any:
    if isinstance(item, Operation):
        return group(gate, item)
    return with_dependencies([gate], item)


def with_dependencies(dependencies: list[Any], output: Any, name: str | None = None) -> Any:
    """The value of `output`, given out after `dependencies` have run."""
    with name_scope(name, "control_dependency", [*dependencies, output]) as scope:
        with colocate_with(output), control_dependencies(dependencies):
            if isinstance(output, Tensor) or not hasattr(output, "indices"):
                return identity(output, name=scope)
            values = identity(output.values, name=scope)
            return type(output)(values, output.indices, output.dense_shape)
