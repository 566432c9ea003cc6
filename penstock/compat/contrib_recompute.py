"""`tf.contrib.layers.recompute_grad`: layers whose activations are computed anew for gradients."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from penstock.graph import nest
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.public import control_dependencies
from penstock.ops.custom_gradient import custom_gradient

Function = Callable[..., Any]


@export("contrib.layers.recompute_grad")
def recompute_grad(
    fn: Function | None = None, use_data_dep: Any = None, tupleize_grads: bool = False
) -> Function:
    """A function like `fn` whose gradient computes `fn` once more, so that less must be kept.

    Its variables are made in scopes that have `use_resource` set, and are reused the second time.

    Args:
        fn: takes tensors and returns a tensor or a list of them. Where it takes a keyword
            `is_recomputing`, that is False the first time and True for the gradient. Without it
            the result is a decorator.
        use_data_dep: has no effect.
        tupleize_grads: give out no gradient before all are computed.

    Returns:
        A function of tensors.

    Raises:
        ValueError: `fn` closes over a tensor or variable, or is called with something else than
            tensors.

    Example:
        >>> with tf.variable_scope("net", use_resource=True):
        ...     y = tf.contrib.layers.recompute_grad(dense_block)(x)
    """
    if fn is None:
        return functools.partial(
            recompute_grad, use_data_dep=use_data_dep, tupleize_grads=tupleize_grads
        )
    _check_closure(fn)
    tells = "is_recomputing" in inspect.getfullargspec(fn).args

    def call(args: Any, again: bool) -> Any:
        return fn(*args, is_recomputing=again) if tells else fn(*args)

    @custom_gradient
    def recomputed(*args: Any) -> Any:
        scope = api.get_variable_scope()

        def grad(*grads: Any, variables: Any = None) -> Any:
            own = list(variables or ())
            inputs = [api.identity(arg) for arg in args]
            with control_dependencies([grad for grad in grads if grad is not None]):
                with api.variable_scope(scope, reuse=True):
                    outputs = nest.flatten(call(inputs, again=True))
            found = api.gradients(outputs, [*inputs, *own], list(grads))
            if tupleize_grads:
                found = api.tuple(found)
            of_inputs, of_variables = found[: len(args)], found[len(args) :]
            return of_inputs if variables is None else (of_inputs, of_variables)

        return call(args, again=False), grad

    @functools.wraps(fn)
    def wrapped(*args: Any) -> Any:
        if not all([isinstance(arg, Tensor) for arg in args]):
            raise ValueError("All inputs to function must be Tensors")
        return recomputed(*args)

    return wrapped


def _check_closure(fn: Function) -> None:
    cells = inspect.getclosurevars(fn).nonlocals if inspect.isfunction(fn) else {}
    for name, value in cells.items():
        if isinstance(value, Tensor) or hasattr(value, "initializer"):
            raise ValueError(
                f"fn decorated with @recompute_grad closes over Tensor {value.name} (local "
                f"variable name: {name}). The decorated fn must not close over Tensors or "
                "Variables because gradients will NOT be computed for them through fn. To ensure "
                "correct gradients, make the Tensor an input to fn."
            )
