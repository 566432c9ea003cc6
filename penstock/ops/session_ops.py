"""Tensors that stay in a session between runs, and are named by a handle.

A run of `tf.get_session_handle(data)` stores the value of `data`, and gives the handle of the
stored tensor, a text: the name of the op, the number of the tensor, and the device.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from penstock.graph import dtypes
from penstock.graph.devices import DeviceSpec
from penstock.graph.errors import InternalError, InvalidArgumentError
from penstock.graph.export import export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, register
from penstock.graph.public import colocate_with, device
from penstock.ops.constant import placeholder, proto_name

_DEVICE = "/job:localhost/replica:0/task:0/device:CPU:0"
_LATER_DEATHS = 9  # after which the tensor of a handle that nobody has any more is deleted


class SessionTensors:
    """The stored tensors of one session.

    Attributes:
        handles: the object of a handle, while somebody has it.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._numbers = itertools.count()
        self._dead: deque[str] = deque()
        self.handles: WeakValueDictionary[str, Any] = WeakValueDictionary()

    def put(self, name: str, value: Any) -> str:
        """Stores an array under a new handle, which it returns."""
        handle = f"{name};{next(self._numbers)};{_DEVICE}"
        self._values[handle] = value
        return handle

    def get(self, handle: str) -> Any:
        """The value, which must not be written into.

        Raises:
            InvalidArgumentError: there is none under that handle.
        """
        try:
            return self._values[handle]
        except KeyError:
            message = f"The tensor with handle '{handle}' is not in the session store."
            raise InvalidArgumentError(None, None, message) from None

    def delete(self, handle: str) -> None:
        """Forgets a value.

        Raises:
            InvalidArgumentError: there is none under that handle.
        """
        if self._values.pop(handle, None) is None:
            message = f"Failed to delete a tensor with handle '{handle}' in the session store."
            raise InvalidArgumentError(None, None, message)

    def bury(self, handle: str) -> None:
        """Forgets a value soon: its handle's object is gone.

        TensorFlow deletes in batches, and programs that go on with the text of a handle whose
        object is gone live from that. Takes no lock: a destructor may run anywhere.
        """
        self._dead.append(handle)
        if len(self._dead) > _LATER_DEATHS:  # each call appends one before it takes one
            self._values.pop(self._dead.popleft(), None)


def tensors_of(state: Any) -> SessionTensors:
    """The stored tensors of the session that has this state."""
    found = state.resources.get(SessionTensors)
    if found is None:
        state.check()
        found = state.resources.setdefault(SessionTensors, SessionTensors())
    return found


def get_session_handle_kernel(ctx: Any, value: Any, *, T: dtypes.DType) -> Any:
    # A copy: what was fed may be in it, and its owner may go on writing into that.
    handle = tensors_of(ctx.state).put(ctx.op.name, np.array(value, T.np_dtype))
    return np.array(handle.encode(), object)


def get_session_tensor_kernel(ctx: Any, handle: Any, *, dtype: dtypes.DType) -> Any:
    value = tensors_of(ctx.state).get(_text(handle))
    if value.dtype != dtype.np_dtype:
        raise InternalError(
            None,
            None,
            f"Output 0 of type {proto_name(dtypes.as_dtype(value.dtype))} does not match declared "
            f"output type {proto_name(dtype)} for node {ctx.op.name}",
        )
    return value


def delete_session_tensor_kernel(ctx: Any, handle: Any) -> tuple[()]:
    tensors_of(ctx.state).delete(_text(handle))
    return ()


def _text(handle: Any) -> str:
    return np.asarray(handle, object).item().decode()


GET_SESSION_HANDLE = register(
    OpSpec(
        name="GetSessionHandle", inputs=("value: T",), outputs=("handle: string",),
        attrs=("T: type",), stateful=True, host=True,
        shape=lambda value: (), kernel=get_session_handle_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip

GET_SESSION_TENSOR = register(
    OpSpec(
        name="GetSessionTensor", inputs=("handle: string",), outputs=("value: dtype",),
        attrs=("dtype: type",), stateful=True, host=True,
        shape=lambda handle: None, kernel=get_session_tensor_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip

DELETE_SESSION_TENSOR = register(
    OpSpec(
        name="DeleteSessionTensor", inputs=("handle: string",), outputs=(),
        stateful=True, host=True,
        shape=lambda handle: [], kernel=delete_session_tensor_kernel, gradient=NOT_DIFFERENTIABLE,
    )
)  # fmt: skip


@export("get_session_handle")
def get_session_handle(data: Tensor, name: str | None = None) -> Tensor:
    """An op that stores a tensor in the session, where it stays between runs.

    Args:
        data: the tensor, of any type and shape.
        name: a name for the operation.

    Returns:
        A scalar Tensor of type string. Fetching it gives a `TensorHandle`: it can be fed for a
        tensor, its `eval()` gives the value, and the stored tensor is deleted after it is gone.

    Raises:
        TypeError: `data` is no Tensor.

    Example:
        >>> handle = sess.run(tf.get_session_handle(a * b))
        >>> sess.run(c, feed_dict={x: handle})
    """
    if not isinstance(data, Tensor):
        raise TypeError("`data` must be of type Tensor.")
    with colocate_with(data):
        return GET_SESSION_HANDLE(data, name=name)


@export("get_session_tensor")
def get_session_tensor(handle: Any, dtype: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """A tensor whose value is one that the session has stored.

    Args:
        handle: the text of a handle; only its device matters here.
        dtype: the type of the stored tensor.
        name: a name for the operation.

    Returns:
        (placeholder, tensor): a string placeholder, for which the text of a handle is to be fed,
        and the tensor of that type, whose shape is not known.

    Raises:
        ValueError: `handle` does not end in a device's name.

    Example:
        >>> holder, a = tf.get_session_tensor(handle.handle, tf.float32)
        >>> sess.run(a + 1.0, feed_dict={holder: handle.handle})
    """
    with device(_device_in(handle)):
        holder = placeholder(dtypes.string)
        return holder, GET_SESSION_TENSOR(holder, dtype=dtype, name=name)


@export("delete_session_tensor")
def delete_session_tensor(handle: Any, name: str | None = None) -> tuple[Tensor, Operation]:
    """An op that deletes a tensor that the session has stored.

    Args:
        handle: the text of a handle; only its device matters here.
        name: a name for the operation.

    Returns:
        (placeholder, operation): a string placeholder, for which the text of a handle is to be
        fed, and the operation.

    Raises:
        ValueError: `handle` does not end in a device's name.

    Example:
        >>> holder, delete = tf.delete_session_tensor(handle.handle)
        >>> sess.run(delete, feed_dict={holder: handle.get_raw_handle()})
    """
    with device(_device_in(handle)):
        holder = placeholder(dtypes.string)
        return holder, DELETE_SESSION_TENSOR(holder, name=name)


def _device_in(handle: Any) -> str:
    return DeviceSpec.from_string(str(handle).split(";")[-1]).to_string()
