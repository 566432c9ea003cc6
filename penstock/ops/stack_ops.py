"""TensorFlow's stacks, in which the loops of its graphs keep what their gradients need.

A program does not call them: they stand in graphs that TensorFlow wrote, between a loop and its
gradient. A stack lives as long as the run that made it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph.errors import InvalidArgumentError
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, register


class Stack:
    """A stack in a run.

    Args:
        name: its name, for errors.
    """

    __slots__ = ("_name", "_values")

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: list[Any] | None = []

    def push(self, value: Any) -> None:
        """Puts a value on top.

        Raises:
            InvalidArgumentError: the stack is closed.
        """
        self._open_values().append(value)

    def pop(self) -> Any:
        """Takes the top value.

        Raises:
            InvalidArgumentError: the stack is empty or closed.
        """
        values = self._open_values()
        if not values:
            raise InvalidArgumentError(
                None, None, f"Stack[{self._name}] is empty when calling Pop()."
            )
        return values.pop()

    def close(self) -> None:
        """Frees its values."""
        self._values = None

    def _open_values(self) -> list[Any]:
        if self._values is None:
            raise InvalidArgumentError(None, None, f"Stack[{self._name}] has already been closed.")
        return self._values


def stack_kernel(max_size: Any, *, stack_name: str) -> Stack:
    return Stack(stack_name)  # which holds any number of values, as TensorFlow's do


def push_kernel(handle: Stack, elem: Any) -> Any:
    # What is pushed may be memory of a variable that is written in place later in the loop.
    handle.push(elem.copy() if isinstance(elem, np.ndarray) else elem)
    return elem


def pop_kernel(handle: Stack) -> Any:
    return handle.pop()


def close_kernel(handle: Stack) -> tuple[()]:
    handle.close()
    return ()


register(
    OpSpec(
        name="StackV2", inputs=("max_size: int32",), outputs=("handle: resource",),
        attrs=("elem_type: type", "stack_name: string = ''"), shape=lambda max_size: (),
        kernel=stack_kernel, gradient=NOT_DIFFERENTIABLE, stateful=True, host=True,
    )
)  # fmt: skip
register(
    OpSpec(
        name="StackPushV2", inputs=("handle: resource", "elem: T"), outputs=("output: T",),
        attrs=("T: type", "swap_memory: bool = false"), shape=lambda handle, elem: elem,
        kernel=push_kernel, gradient=NOT_DIFFERENTIABLE, stateful=True, host=True, view=True,
    )
)  # fmt: skip
register(
    OpSpec(
        name="StackPopV2", inputs=("handle: resource",), outputs=("elem: elem_type",),
        attrs=("elem_type: type",), shape=lambda handle: None,
        kernel=pop_kernel, gradient=NOT_DIFFERENTIABLE, stateful=True, host=True,
    )
)  # fmt: skip
register(
    OpSpec(
        name="StackCloseV2", inputs=("handle: resource",), outputs=(), shape=lambda handle: [],
        kernel=close_kernel, gradient=NOT_DIFFERENTIABLE, stateful=True, host=True,
    )
)  # fmt: skip
