"""Errors of kernels, told as TensorFlow tells them: its class, the op, the user's line."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from penstock.graph import errors, shapes
from penstock.graph.operation import Operation

_SHAPES = re.compile(r"\(([0-9, ]*)\)")  # as NumPy and JAX print them


def at_op(error: BaseException, op: Operation, operands: list[Any]) -> BaseException:
    """The error to raise in the place of `error`, which came out of the kernel of `op`.

    Args:
        error: an OpError without an op gets `op`; ValueError and the like of NumPy become
            InvalidArgumentError.
        op: the operation.
        operands: what the kernel got.
    """
    if isinstance(error, errors.OpError):
        if error._op is None:
            error._op = op
        return error
    if not isinstance(error, Exception):
        return error
    if isinstance(error, MemoryError):
        return errors.ResourceExhaustedError(None, op, f"OOM in {op.name!r} ({op.type}): {error}")
    bad_value = (ValueError, IndexError, ZeroDivisionError, np.exceptions.AxisError)
    # JAX tells of shapes that do not broadcast by a TypeError.
    if isinstance(error, bad_value) or "shapes for broadcasting" in str(error):
        return errors.InvalidArgumentError(None, op, _message(error, op, operands))
    return errors.InternalError(
        None, op, f"{op.name!r} ({op.type}): {type(error).__name__}: {error}"
    )


def _message(error: Exception, op: Operation, operands: list[Any]) -> str:
    if "broadcast" in str(error):
        told = [
            f"[{','.join(re.findall(r'[0-9]+', text))}]" for text in _SHAPES.findall(str(error))
        ]
        if len(told) == 2:
            return f"Incompatible shapes: {told[0]} vs. {told[1]}"
    seen = [shapes.bracket_text(v.shape) for v in operands if hasattr(v, "shape")]
    return f"{op.type}: {error} (inputs of shapes {', '.join(seen)})"
