"""`tf.custom_gradient`: functions that say themselves what flows back through them."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from penstock.graph import nest
from penstock.graph.collections import GraphKeys
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.graph import Graph
from penstock.graph.log import LOG
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NotDifferentiable
from penstock.graph.public import control_dependencies
from penstock.graph.stacks import default_graph

Function = Callable[..., Any]

_numbers = itertools.count()


@export("custom_gradient")
def custom_gradient(f: Function) -> Function:
    """A function like `f` whose gradient is what `f` says.

    Args:
        f: takes tensors, and returns (result, grad_fn): a tensor or a structure of tensors, and a
            function that takes a gradient for each tensor of the result and returns one for each
            of `f`'s arguments. Where `f` uses resource variables, `grad_fn` takes a keyword
            `variables`, the list of them, and returns a second list with a gradient for each.

    Returns:
        A function that takes tensors and returns the result.

    Raises:
        ValueError: it is called with keywords, or `grad_fn` returns another number of gradients.
        TypeError: `f` makes variables that are no resource variables, or `grad_fn` takes no
            `variables` where there are some.

    Example:
        >>> @tf.custom_gradient
        ... def log1pexp(x):
        ...     e = tf.exp(x)
        ...     return tf.log(1 + e), lambda dy: dy * (1 - 1 / (1 + e))
    """

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            raise ValueError(
                "The custom_gradient decorator currently supports keywords arguments only when "
                "eager execution is enabled."
            )
        return _call(f, [convert_to_tensor(arg) for arg in args])

    return decorated


def _call(f: Function, args: list[Tensor]) -> Any:
    graph = default_graph()
    before = _all_variables(graph)
    first = len(graph._ops)
    result, grad_fn = f(*args)
    for variable in _all_variables(graph)[len(before) :]:
        if not hasattr(variable, "handle"):
            raise TypeError(
                "All variables used by a function wrapped with @custom_gradient must be "
                "`ResourceVariable`s. Ensure that no `variable_scope` is created with "
                "`use_resource=False`."
            )
    outputs = [convert_to_tensor(output) for output in nest.flatten(result)]
    for output in outputs:
        api.identity(output)  # as TensorFlow does, which counts for names and seeds
    variables = _variables_between(graph, args, outputs, graph._ops[first:])
    _check_signature(grad_fn, variables)
    name = f"CustomGradient-{next(_numbers)}"
    api.RegisterGradient(name)(_gradient_function(grad_fn, len(outputs), variables))
    with graph.gradient_override_map({"IdentityN": name}):
        passed_on = api.identity_n([*outputs, *args, *variables])
    for variable in variables:
        convert_to_tensor(variable)  # as TensorFlow does
    return nest.pack_sequence_as(result, passed_on[: len(outputs)])


def _all_variables(graph: Graph) -> list[Any]:
    return [
        *graph.get_collection(GraphKeys.GLOBAL_VARIABLES),
        *graph.get_collection(GraphKeys.LOCAL_VARIABLES),
    ]


def _variables_between(
    graph: Graph, args: Sequence[Tensor], outputs: Sequence[Tensor], made: Sequence[Operation]
) -> list[Any]:
    """The trainable variables that the outputs depend on, not by the arguments, and those that
    the ops `made` read.
    """
    of_op = {
        variable.op: variable
        for variable in graph.get_collection(GraphKeys.GLOBAL_VARIABLES)
        if getattr(variable, "trainable", False)
    }
    found: dict[Operation, None] = {}
    seen: set[Operation] = set()
    pending = [output for output in outputs if output not in args]
    while pending:
        op = pending.pop().op
        if op in seen:
            continue
        seen.add(op)
        if op in of_op:
            found[op] = None
        elif not isinstance(op.spec.gradient, NotDifferentiable):
            pending.extend([tensor for tensor in op._inputs if tensor not in args])
    for op in made:
        found.update(dict.fromkeys([t.op for t in op._inputs if t.op in of_op]))
    own = [variable for op, variable in of_op.items() if op in found]
    return [variable for variable in own if getattr(variable, "handle", None) not in args]


def _check_signature(grad_fn: Function, variables: list[Any]) -> None:
    spec = inspect.getfullargspec(grad_fn)
    takes_variables = "variables" in [*spec.args, *spec.kwonlyargs] or spec.varkw is not None
    if variables and not takes_variables:
        raise TypeError(
            "If using @custom_gradient with a function that uses variables, then grad_fn must "
            "accept a keyword argument 'variables'."
        )
    if takes_variables and not variables:
        if not api.get_variable_scope().use_resource:
            raise TypeError(
                "If using @custom_gradient with a function that uses variables, the enclosing "
                "variable scope must have use_resource=True."
            )
        LOG.warning(
            "@custom_gradient grad_fn has 'variables' in signature, but no ResourceVariables were "
            "used on the forward pass."
        )


def _gradient_function(grad_fn: Function, count: int, variables: list[Any]) -> Function:
    """What is registered for the IdentityN that passes on the results, arguments and variables."""

    def gradient(op: Operation, *grads: Any) -> list[Any]:
        if not variables:
            return [None] * count + nest.flatten(grad_fn(*grads[:count]))
        input_grads, variable_grads = grad_fn(*grads[:count], variables=variables)
        if len(variable_grads) != len(variables):
            raise ValueError(
                "Must return gradient for each variable from @custom_gradient grad_fn."
            )
        return [None] * count + nest.flatten(input_grads) + list(variable_grads)

    return gradient


def _as_seen(tensor: Tensor) -> Tensor:
    """The tensor by which ops that are made now take the value of `tensor`."""
    region = tensor.graph._scopes.region
    return tensor if region is None else region.see(tensor, "the gradient")


def _inputs_from_outside(made: Sequence[Operation]) -> list[Tensor]:
    """What operations take of others: no gradient goes on from there to what it is made of."""
    inside = set(made)
    return list(dict.fromkeys([t for op in made for t in op._inputs if t.op not in inside]))


@export("grad_pass_through")
def grad_pass_through(f: Function) -> Function:
    """A function like `f` through which gradients pass as if it were the identity.

    Args:
        f: takes tensors and returns a tensor, or a structure of as many tensors.

    Raises:
        TypeError: the variable scope around the call does not have `use_resource` set.

    Example:
        >>> with tf.variable_scope("quantized", use_resource=True):
        ...     y = tf.grad_pass_through(tf.round)(x)
    """

    @custom_gradient
    def passed_through(*args: Any) -> Any:
        def grad(*grads: Any, **kwargs: Any) -> Any:
            variables = kwargs.get("variables")
            return grads if variables is None else (grads, [None] * len(variables))

        return f(*args), grad

    return functools.wraps(f)(passed_through)


@export("recompute_grad")
def recompute_grad(f: Function) -> Function:
    """A function like `f` whose gradient computes `f` once more, so that less must be kept.

    Args:
        f: takes tensors and returns a tensor.

    Raises:
        TypeError: the variable scope around the call does not have `use_resource` set.

    Example:
        >>> with tf.variable_scope("layer", use_resource=True):
        ...     y = tf.recompute_grad(layer)(x)
    """

    @custom_gradient
    def recomputed(*args: Any) -> Any:
        def grad(*grads: Any, variables: Any = None) -> Any:
            own = list(variables or ())
            graph = default_graph()
            first = len(graph._ops)
            with control_dependencies([grad for grad in grads if grad is not None]):
                again = nest.flatten(f(*args))
            outside = _inputs_from_outside(graph._ops[first:])
            seen = [_as_seen(arg) for arg in args]
            found = api.gradients(
                again, [*seen, *own], list(grads), stop_gradients=[*seen, *outside]
            )
            inputs, of_variables = found[: len(args)], found[len(args) :]
            return inputs if variables is None else (inputs, of_variables)

        return f(*args), grad

    return functools.wraps(f)(recomputed)
