"""Ops that order, pass on, check and print: identity, no_op, group, tuple, Print, Assert."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.graph import graph_of
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, raw, register
from penstock.graph.public import colocate_with, control_dependencies, name_scope

Grads = list[Any]


def same_shape(x: shapes.Shape) -> shapes.Shape:
    return x


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


def _flat(items: Any) -> list[Any]:
    if isinstance(items, (list, tuple)):
        return [inner for item in items for inner in _flat(item)]
    return [items]


@export("group")
def group(*inputs: Any, **kwargs: Any) -> Operation:
    """An operation that is done when all `inputs` are.

    Args:
        *inputs: tensors, operations, variables, or nested lists of these.
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
    flat = _flat(inputs)
    for item in flat:
        if not hasattr(item, "device"):
            raise TypeError(
                f"Expected tf.group() expected Tensor objects not None or others, got {item!r} "
                f"of type {type(item)}"
            )
    ops_of_device: dict[str, list[Any]] = {}
    with name_scope(name, "group_deps", flat) as scope:
        for item in flat:
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
        tensors: a list of tensors, IndexedSlices and None.
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
        gating = [item.op if hasattr(item, "op") else item for item in tensors if item is not None]
        for item in control_inputs or ():
            gating.append(item.op if isinstance(item, Tensor) else item)
        if not gating:
            raise ValueError(f"Must have at least one Tensor: {tensors}")
        gating = sorted(dict.fromkeys(gating), key=lambda op: op._id)
        gate = group(*gating)
        return [None if item is None else with_dependencies([gate], item) for item in tensors]


def with_dependencies(dependencies: list[Any], output: Any, name: str | None = None) -> Any:
    """The value of `output`, given out after `dependencies` have run."""
    with name_scope(name, "control_dependency", [*dependencies, output]) as scope:
        with colocate_with(output), control_dependencies(dependencies):
            if isinstance(output, Tensor) or not hasattr(output, "indices"):
                return identity(output, name=scope)
            values = identity(output.values, name=scope)
            return type(output)(values, output.indices, output.dense_shape)


# Checks


def check_numerics_kernel(xp: Any, tensor: Any, *, message: str) -> Any:
    bad = [name for name, test in (("Inf", np.isinf), ("NaN", np.isnan)) if np.any(test(tensor))]
    if bad:
        raise InvalidArgumentError(None, None, f"{message} : Tensor had {' and '.join(bad)} values")
    return tensor


def check_numerics_gradient(op: Operation, grad: Tensor, *, message: str) -> Grads:
    found = "Not a number (NaN) or infinity (Inf) values detected in gradient."
    return [api.check_numerics(grad, f"{found} {message.encode()!r}")]


CHECK_NUMERICS = register(
    OpSpec(
        name="CheckNumerics", inputs=("tensor: T",), outputs=("output: T",),
        attrs=("T: {bfloat16, half, float, double}", "message: string"),
        shape=same_shape, kernel=check_numerics_kernel,
        gradient=check_numerics_gradient,
        stateful=True, host=True, view=True,
    )
)  # fmt: skip


@export("check_numerics", "debugging.check_numerics")
def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """The value of `tensor`; a run fails where it holds NaN or Inf.

    Args:
        tensor: a tensor of a floating type.
        message: how the error begins.
        name: a name for the operation.

    Returns:
        A Tensor. Running it raises InvalidArgumentError where a value is not finite.

    Example:
        >>> loss = tf.check_numerics(loss, "the loss")
    """
    return CHECK_NUMERICS(tensor, message=message, name=name)


def assert_kernel(ctx: Any, condition: Any, data: list[Any], *, summarize: int) -> tuple[()]:
    if not condition:
        lines = "".join([f" [{value_text(item, summarize)}]" for item in data])
        raise InvalidArgumentError(None, None, f"assertion failed:{lines}")
    return ()


ASSERT = register(
    OpSpec(
        name="Assert", inputs=("condition: bool", "data: T"), outputs=(),
        attrs=("T: list(type) >= 1", "summarize: int = 3"),
        shape=lambda condition, data: [], kernel=assert_kernel,
        gradient=NOT_DIFFERENTIABLE, stateful=True,
    )
)  # fmt: skip


def value_text(value: Any, summarize: int) -> str:
    """An array as TensorFlow's kernels print it: at most `summarize` items of each axis."""
    array = np.asarray(value)
    if array.ndim == 0:
        return _item_text(array.item())
    limit = array.size if summarize < 0 else summarize
    if array.ndim == 1:
        items = [_item_text(item) for item in array[:limit].tolist()]
        return " ".join(items) + ("..." if array.size > limit else "")
    flat = array.ravel()
    inner = [_item_text(item) for item in flat[:limit].tolist()]
    return (
        "[" * (array.ndim - 1)
        + " ".join(inner)
        + ("..." if flat.size > limit else "")
        + "]" * (array.ndim - 1)
    )


def _item_text(item: Any) -> str:
    if isinstance(item, bytes):
        return item.decode(errors="replace")
    if isinstance(item, bool):
        return str(int(item))
    return f"{item:.6g}" if isinstance(item, float) else str(item)


@export("Assert", "debugging.Assert")
def assert_(
    condition: Any, data: Any, summarize: int | None = None, name: str | None = None
) -> Operation:
    """An operation that fails, printing `data`, where `condition` is false.

    Args:
        condition: a bool scalar.
        data: a list of tensors to print.
        summarize: how many items of each to print.
        name: a name for the operation.

    Returns:
        An Operation. Running it raises InvalidArgumentError where the condition is false.

    Example:
        >>> with tf.control_dependencies([tf.Assert(tf.reduce_all(x > 0), [x])]): ...
    """
    with name_scope(name, "Assert", [condition, data]):
        for item in data:
            # As TensorFlow does, which counts for the names and seeds of what follows.
            convert_to_tensor(item)
        return raw.Assert(condition, list(data), summarize=3 if summarize is None else summarize)


# Printing


def print_kernel(
    ctx: Any, value: Any, data: list[Any], *, message: str, first_n: int, summarize: int
) -> Any:
    count = ctx.count_of_runs()
    if first_n < 0 or count <= first_n:
        text = "".join([f"[{value_text(item, summarize)}]" for item in data])
        sys.stderr.write(f"{message}{text}\n")
    return value


PRINT = register(
    OpSpec(
        name="Print", inputs=("input: T", "data: U"), outputs=("output: T",),
        attrs=(
            "T: type", "U: list(type) >= 0", "message: string = ''", "first_n: int = -1",
            "summarize: int = 3",
        ),
        shape=lambda value, data: value, kernel=print_kernel,
        gradient=lambda op, grad: [grad] + [None] * (len(op._inputs) - 1), stateful=True, view=True,
    )
)  # fmt: skip


@export("Print")
def print_(
    input_: Any,
    data: Any,
    message: str | None = None,
    first_n: int | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Tensor:
    """The value of `input_`; each run prints `data` on standard error.

    Args:
        input_: the tensor that is passed on.
        data: a list of tensors to print.
        message: what is printed before them.
        first_n: print in the first so many runs only.
        summarize: how many items of each tensor to print.
        name: a name for the operation.

    Returns:
        A Tensor like `input_`.

    Example:
        >>> loss = tf.Print(loss, [loss], "loss: ")
    """
    return PRINT(
        input_, list(data), message=message or "", first_n=-1 if first_n is None else first_n,
        summarize=3 if summarize is None else summarize, name=name,
    )  # fmt: skip
