"""`TensorHandle`: a tensor that stays in its session, as a run hands it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.graph import dtypes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.operation import Tensor
from penstock.ops.constant import proto_name
from penstock.ops.session_ops import SessionTensors, tensors_of
from penstock.runtime.results import own
from penstock.runtime.state import SessionState

if TYPE_CHECKING:
    from penstock.session.fetches import Fetches, Rebuild


class TensorHandle:
    """A tensor that a session has stored; what fetching `tf.get_session_handle` gives.

    It can be fed for a tensor. The stored tensor is deleted some time after the last use of the
    object, unless `get_raw_handle` was called.

    Args:
        handle: its text.
        dtype: the tensor's type.
        state: the state of its session.

    Example:
        >>> handle = sess.run(tf.get_session_handle(tf.constant(2.0)))
        >>> handle.eval()
        np.float32(2.0)
    """

    def __init__(self, handle: str, dtype: dtypes.DType, state: SessionState) -> None:
        self._handle = handle
        self._dtype = dtype
        self._state = state
        self._kept_by_us = True

    @property
    def handle(self) -> str:
        """Its text, to be fed for the placeholder of `tf.get_session_tensor`."""
        return self._handle

    def eval(self) -> Any:
        """The tensor's value: a NumPy array or scalar.

        Raises:
            RuntimeError: the session is closed.
            TypeError: the tensor may be deleted: `delete` or `get_raw_handle` was called.
            InvalidArgumentError: it is deleted.
        """
        return own(self._stored().get(self._handle))

    def delete(self) -> None:
        """Deletes the tensor.

        Raises:
            RuntimeError: the session is closed.
            TypeError: `delete` or `get_raw_handle` was called before.
            InvalidArgumentError: an op has deleted it.
        """
        stored = self._stored()
        self._kept_by_us = False
        stored.delete(self._handle)

    def get_raw_handle(self) -> str:
        """Its text; the tensor is not deleted with this object from now on."""
        self._kept_by_us = False
        return self._handle

    def to_numpy_array(self) -> np.ndarray[Any, Any]:
        """The bytes of a ResourceHandleProto that names the tensor, as a structured array."""
        from tensorboard.compat.proto.resource_handle_pb2 import ResourceHandleProto

        _, _, device = self._handle.rpartition(";")
        proto = ResourceHandleProto(device=device, container="TensorHandle", name=self._handle)
        octets = bytearray(proto.SerializeToString())
        return np.frombuffer(octets, np.dtype([("resource", np.uint8)]))

    def fed_value(self, tensor: Tensor) -> Any:
        """The value to feed for `tensor`.

        Raises:
            RuntimeError: the session is closed.
            InvalidArgumentError: the stored tensor is deleted, or has another type.
        """
        value = self._open_store().get(self._handle)
        wanted = tensor.dtype.base_dtype
        if value.dtype != wanted.np_dtype:
            stored = dtypes.as_dtype(value.dtype)
            raise InvalidArgumentError(
                None,
                None,
                f"Expects {tensor.name} to be {proto_name(wanted)} but {proto_name(stored)} is "
                "provided",
            )
        return value

    def _stored(self) -> SessionTensors:
        store = self._open_store()
        if not self._kept_by_us:
            raise TypeError(f"Persistent tensor {self._handle} may have already been deleted.")
        return store

    def _open_store(self) -> SessionTensors:
        if self._state.cancelled:
            raise RuntimeError("Attempted to use a closed Session.")
        return tensors_of(self._state)

    def __str__(self) -> str:
        return self._handle

    def __del__(self) -> None:
        if getattr(self, "_kept_by_us", False):
            stored = self._state.resources.get(SessionTensors)
            if stored is not None:  # the session is open
                stored.bury(self._handle)


def with_handles(fetches: Fetches, state: SessionState) -> Rebuild:
    """`fetches.rebuild`, where the text of a handle becomes a `TensorHandle`."""
    types = {
        place: element.op._inputs[0].dtype.base_dtype
        for place, element in enumerate(fetches.elements)
        if isinstance(element, Tensor) and element.op.type == "GetSessionHandle"
    }
    rebuild = fetches.rebuild
    if not types:
        return rebuild

    def rebuild_with_handles(values: Sequence[Any]) -> Any:
        listed = list(values)
        for place, dtype in types.items():
            listed[place] = _handle_object(listed[place].decode(), dtype, state)
        return rebuild(listed)

    return rebuild_with_handles


def _handle_object(text: str, dtype: dtypes.DType, state: SessionState) -> TensorHandle:
    """The one object of a handle: stages of a run that fetch it share it."""
    handles = tensors_of(state).handles
    found = handles.get(text)
    if found is None:
        found = handles[text] = TensorHandle(text, dtype, state)
    return found
