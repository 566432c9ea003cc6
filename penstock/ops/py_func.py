"""`tf.py_func`: Python functions as ops."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.graph import dtypes, errors
from penstock.graph.export import export
from penstock.graph.graph import graph_of
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, raw, register

_functions: weakref.WeakValueDictionary[str, _Function] = weakref.WeakValueDictionary()
_tokens = itertools.count()
_lock = threading.Lock()

_ERROR_OF_PYTHON: list[tuple[type[BaseException], type[errors.OpError]]] = [
    (ValueError, errors.InvalidArgumentError),
    (TypeError, errors.InvalidArgumentError),
    (StopIteration, errors.OutOfRangeError),
    (MemoryError, errors.ResourceExhaustedError),
    (NotImplementedError, errors.UnimplementedError),
]

# What TensorFlow's kernels call these types in their messages.
_KERNEL_NAMES = {"float16": "half", "float32": "float", "float64": "double"}


class _Function:
    """A registered function; the graph keeps it alive."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


def py_func_kernel(
    ctx: Any, inputs: list[Any], *, token: str, Tout: list[dtypes.DType]
) -> list[Any]:
    entry = _functions.get(token)
    if entry is None:
        raise errors.InvalidArgumentError(
            None, None, f"the Python function {token} of op {ctx.op.name!r} is not in this process"
        )
    arguments = [_argument(value) for value in inputs]
    try:
        result = entry.function(*arguments)
    except Exception as error:
        raise _as_op_error(error) from error
    return _as_results(result, Tout, ctx.op.name)


def _argument(value: Any) -> Any:
    """A private array, which the function may keep or write into; a scalar where it has no axes."""
    array = np.array(value)
    return array[()] if array.ndim == 0 else array


def _as_op_error(error: Exception) -> errors.OpError:
    for python_type, op_error in _ERROR_OF_PYTHON:
        if isinstance(error, python_type):
            return op_error(None, None, f"{type(error).__name__}: {error}")
    return errors.UnknownError(None, None, f"{type(error).__name__}: {error}")


def _as_results(result: Any, types: list[dtypes.DType], name: str) -> list[Any]:
    """A list or a tuple is one value for each output; None is no value."""
    if isinstance(result, (list, tuple)):
        values = list(result)
    else:
        values = [] if result is None else [result]
    if len(values) != len(types):
        raise errors.InvalidArgumentError(
            None,
            None,
            f"{name} returns {len(values)} values, but expects to see {len(types)} values.",
        )
    return [
        _checked(value, dtype, index, name)
        for index, (value, dtype) in enumerate(zip(values, types, strict=True))
    ]


def _checked(value: Any, dtype: dtypes.DType, index: int, name: str) -> Any:
    """The value's own type must be the wanted one: a Python float is a double."""
    array = np.array(value)
    if array.dtype.kind in "OSU":
        array = _as_strings(np.array(value, object))
    given = dtypes.as_dtype(array.dtype)
    if given is not dtype:
        raise errors.InvalidArgumentError(
            None, None,
            f"{index}-th value returned by {name} is {_KERNEL_NAMES.get(given.name, given.name)}, "
            f"but expects {_KERNEL_NAMES.get(dtype.name, dtype.name)}",
        )  # fmt: skip
    return array


def _as_strings(array: np.ndarray) -> np.ndarray:
    out = np.empty(array.shape, object)
    for place, item in np.ndenumerate(array):
        if not isinstance(item, (str, bytes)):
            raise errors.InternalError(None, None, f"Unsupported object type {type(item).__name__}")
        out[place] = item.encode() if isinstance(item, str) else bytes(item)
    return out


def py_func_shape(inputs: Any, *, Tout: list[Any]) -> list[None]:
    return [None] * len(Tout)


for _name, _stateful in (("PyFunc", True), ("PyFuncStateless", False)):
    register(
        OpSpec(
            name=_name, inputs=("input: Tin",), outputs=("output: Tout",),
            attrs=("token: string", "Tin: list(type) >= 0", "Tout: list(type) >= 0"),
            shape=py_func_shape, kernel=py_func_kernel, gradient=NOT_DIFFERENTIABLE,
            stateful=_stateful, host=True,
        )
    )  # fmt: skip


@export("py_func", "compat.v1.py_func")
def py_func(
    func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: str | None = None
) -> Any:
    """An op that calls a Python function.

    Args:
        func: takes NumPy arrays, and returns an array or a list of them.
        inp: a list of tensors.
        Tout: the type, or the list of types, that `func` returns.
        stateful: False where equal inputs always give equal results.
        name: a name for the operation.

    Returns:
        A Tensor, or a list of them where `Tout` is a list. Where it is empty, the Operation, or an
        empty list if `stateful` is False.

    Raises:
        ValueError: `func` cannot be called.
        An exception in `func` fails the run: ValueError and TypeError as InvalidArgumentError,
        StopIteration as OutOfRangeError, others as UnknownError.

    Example:
        >>> y = tf.py_func(np.sinh, [x], tf.float32)
    """
    if not callable(func):
        raise ValueError(f"Expected func to be callable, got func of type {type(func)}")
    with _lock:
        token = f"pyfunc_{next(_tokens)}"
    entry = _Function(func)
    _functions[token] = entry
    several = isinstance(Tout, (list, tuple))
    types = list(Tout) if several else [Tout]
    graph = graph_of(list(inp))
    make = raw.PyFunc if stateful else raw.PyFuncStateless
    outputs = make(list(inp), token=token, Tout=types, name=name)
    graph._py_funcs.append(entry)
    return outputs if several else outputs[0]


@export("numpy_function")
def numpy_function(func: Callable[..., Any], inp: Any, Tout: Any, name: str | None = None) -> Any:
    """`tf.py_func` of a stateful function, under TensorFlow 2's name.

    Args:
        func, inp, Tout, name: as for `tf.py_func`.

    Example:
        >>> tf.numpy_function(np.sinh, [x], tf.float32)
    """
    return py_func(func, inp, Tout, stateful=True, name=name)
