"""`tf.TensorArray`: elements that are written and read one by one, in loops above all."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.log import LOG
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import raw
from penstock.graph.public import colocate_with, control_dependencies, device, name_scope
from penstock.graph.static_value import constant_value


@export("TensorArray")
class TensorArray:
    """An array of tensors that are written once each and read, in loops above all.

    A method that writes returns a new TensorArray, which is to be used from then on.

    Args:
        dtype: the type of the elements.
        size: an int32 scalar: their number.
        dynamic_size: it grows when it is written past its end.
        clear_after_read: True (the default) where each element is read once only.
        tensor_array_name: a name for messages.
        handle, flow: of an array that is there already.
        infer_shape: elements have one shape, which is found out from what is written.
        element_shape: the shape of the elements, as far as it is known.
        colocate_with_first_write_call: put it on the device of the first value.
        name: a name for the operation.

    Raises:
        ValueError: both `handle` and `size` are given, or neither; a shape does not fit.

    Example:
        >>> ta = tf.TensorArray(tf.float32, size=2).unstack([[1.0], [2.0]])
        >>> ta.read(0)
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Tensor | None = None,
        flow: Tensor | None = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:
        _check_arguments(size, dynamic_size, clear_after_read, tensor_array_name, handle)
        self._dtype = dtypes.as_dtype(dtype).base_dtype
        self._dynamic_size = bool(dynamic_size)
        # Shared by all that the methods return, so that what is learned in a loop holds outside.
        self._element_shape: list[shapes.Shape] = []
        self._colocated: list[Operation] | None = [] if colocate_with_first_write_call else None
        self._infer_shape = infer_shape
        if element_shape is not None:
            self._infer_shape = True
            self._element_shape.append(shapes.as_tuple(element_shape))
        if handle is not None:
            with name_scope(name, "TensorArray", [handle, flow] if flow is not None else [handle]):
                self._handle = handle
                self._flow: Tensor = api.constant(0, dtypes.float32) if flow is None else flow
            return
        with name_scope(name, "TensorArray", [size]) as scope, device(None):
            with colocate_with(None, ignore_existing=True):
                self._handle, self._flow = raw.TensorArrayV3(
                    size, dtype=self._dtype, element_shape=self.element_shape,
                    dynamic_size=self._dynamic_size,
                    clear_after_read=clear_after_read is None or clear_after_read,
                    identical_element_shapes=infer_shape,
                    tensor_array_name=tensor_array_name or "", name=scope,
                )  # fmt: skip

    def _components(self) -> list[Any]:
        return [self._flow]

    def _component_shapes(self, shape: Any) -> list[Any]:
        return [()]

    def _with_components(self, components: list[Any]) -> TensorArray:
        return self._with_flow(components[0])

    def _with_flow(self, flow: Tensor) -> TensorArray:
        array = TensorArray.__new__(TensorArray)
        array.__dict__.update(self.__dict__)
        array._flow = flow
        return array

    @property
    def flow(self) -> Tensor:
        """The tensor, a float32 scalar, that orders what is done with the array."""
        return self._flow

    @property
    def handle(self) -> Tensor:
        """The reference to the array."""
        return self._handle

    @property
    def dtype(self) -> dtypes.DType:
        """The type of the elements."""
        return self._dtype

    @property
    def dynamic_size(self) -> bool:
        """True where it grows when it is written past its end."""
        return self._dynamic_size

    @property
    def element_shape(self) -> shapes.TensorShape:
        """What is known of the elements' shape."""
        return shapes.TensorShape(self._element_shape[0] if self._element_shape else None)

    @property
    def _known_shape(self) -> shapes.Shape:
        return self._element_shape[0] if self._element_shape else None

    def _learn_shape(self, shape: shapes.Shape) -> None:
        """Adds what a value says of the elements' shape.

        Raises:
            ValueError: it is another shape than those of before.
        """
        if not self._element_shape:
            self._element_shape.append(shape)
            return
        known = self._element_shape[0]
        if not shapes.compatible(known, shape):
            raise ValueError(
                f"Inconsistent shapes: saw {shapes.shape_text(shape)} but expected "
                f"{shapes.shape_text(known)} "
            )
        self._element_shape[0] = shapes.merge(known, shape)

    def _beside(self, value: Tensor) -> Any:
        """The scope that puts a write on the device of the first value."""
        if self._colocated is None:
            return device(lambda op: op.device)
        if not self._colocated:
            self._colocated.append(value.op)
        return colocate_with(self._colocated[0])

    def identity(self) -> TensorArray:
        """A TensorArray with the same elements, and a flow of its own."""
        return self._with_flow(api.identity(self._flow))

    def grad(self, source: str, flow: Tensor | None = None, name: str | None = None) -> TensorArray:
        """The TensorArray of the elements' gradients.

        Args:
            source: names the walk backwards: each has gradients of its own.
            flow: orders it after what has been done; the array's own where None.
            name: a name for the operation.
        """
        if flow is None:
            flow = self._flow
        with name_scope(name, "TensorArrayGrad", [self._handle]):
            with colocate_with(self._handle):
                handle, _ = raw.TensorArrayGradV3(self._handle, flow, source=source)
                with control_dependencies([handle]):
                    flow = api.identity(flow, name="gradient_flow")
            array = TensorArray(
                self._dtype, handle=handle, flow=flow, infer_shape=self._infer_shape,
                colocate_with_first_write_call=False,
            )  # fmt: skip
            array._element_shape = self._element_shape
            return array

    def read(self, index: Any, name: str | None = None) -> Tensor:
        """The element at `index`, an int32 scalar.

        Args:
            index: the place.
            name: a name for the operation.

        Raises:
            InvalidArgumentError: when run, there is no such place, or its element was read before
                and `clear_after_read` holds.
        """
        value = raw.TensorArrayReadV3(self._handle, index, self._flow, dtype=self._dtype, name=name)
        if self._element_shape:
            value.set_shape(self._element_shape[0])
        return value

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """Writes `value` at `index`.

        Args:
            index: an int32 scalar.
            value: the element.
            name: a name for the operation.

        Returns:
            The TensorArray to be used from then on.

        Raises:
            ValueError: the value has another shape than other elements.
            InvalidArgumentError: when run, there is no such place, or it was written before, or the
                value has another type than the array.
        """
        with name_scope(name, "TensorArrayWrite", [self._handle, index, value]):
            tensor = convert_to_tensor(value, preferred_dtype=self._dtype, name="value")
            self._note_type(tensor)
            if self._infer_shape:
                self._learn_shape(tensor._shape)
            with self._beside(tensor):
                flow = raw.TensorArrayWriteV3(self._handle, index, tensor, self._flow, name=name)
        return self._with_flow(flow)

    def _note_type(self, tensor: Tensor) -> None:
        """Logs that a value has the wrong type; the run is what fails then."""
        if tensor.dtype.base_dtype is not self._dtype:
            LOG.error(
                "Error: Input value %s has dtype %s, but expected dtype %s.  This leads to "
                "undefined behavior and will be an error in future versions of TensorFlow.",
                tensor, tensor.dtype, self._dtype,
            )  # fmt: skip

    def stack(self, name: str | None = None) -> Tensor:
        """All elements as one tensor, of shape [size, ...].

        Args:
            name: a name for the operation.
        """
        with colocate_with(self._handle):
            with name_scope(name, "TensorArrayStack", [self._handle]):
                return self.gather(api.range(0, self.size()), name=name)

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """The elements at `indices`, stacked.

        Args:
            indices: an int32 vector.
            name: a name for the operation.
        """
        value = raw.TensorArrayGatherV3(
            self._handle, indices, self._flow, dtype=self._dtype, element_shape=self.element_shape,
            name=name,
        )  # fmt: skip
        if self._element_shape and self._element_shape[0] is not None:
            value.set_shape((None, *self._element_shape[0]))
        return value

    def concat(self, name: str | None = None) -> Tensor:
        """All elements one after the other, along their first axis.

        Args:
            name: a name for the operation.
        """
        known = self._known_shape
        value, _ = raw.TensorArrayConcatV3(
            self._handle, self._flow, dtype=self._dtype,
            element_shape_except0=shapes.TensorShape(None if known is None else known[1:]),
            name=name,
        )  # fmt: skip
        return value

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """Writes the slices of `value` along its first axis.

        Args:
            value: of shape [size, ...].
            name: a name for the operation.

        Returns:
            The TensorArray to be used from then on.
        """
        with name_scope(name, "TensorArrayUnstack", [self._handle, value]):
            count = api.shape(value)[0]
            return self.scatter(api.range(0, count), value, name=name)

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """Writes the slices of `value` at `indices`.

        Args:
            indices: an int32 vector.
            value: of shape [len(indices), ...].
            name: a name for the operation.

        Returns:
            The TensorArray to be used from then on.
        """
        with name_scope(name, "TensorArrayScatter", [self._handle, value, indices]):
            tensor = convert_to_tensor(value, preferred_dtype=self._dtype, name="value")
            self._note_type(tensor)
            if self._infer_shape:
                self._learn_shape(None if tensor._shape is None else tensor._shape[1:])
            with self._beside(tensor):
                flow = raw.TensorArrayScatterV3(
                    self._handle, indices, tensor, self._flow, name=name
                )
        return self._with_flow(flow)

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """Writes parts of `value` along its first axis.

        Args:
            value: the elements one after the other.
            lengths: an integer vector: the length of each part.
            name: a name for the operation.

        Returns:
            The TensorArray to be used from then on.
        """
        with name_scope(name, "TensorArraySplit", [self._handle, value, lengths]):
            tensor = convert_to_tensor(value, dtype=self._dtype, name="value")
            with self._beside(tensor):
                lengths_64 = api.cast(lengths, dtypes.int64)
                flow = raw.TensorArraySplitV3(
                    self._handle, tensor, lengths_64, self._flow, name=name
                )
            if self._infer_shape:
                self._learn_shape(_shape_of_parts(tensor._shape, constant_value(lengths_64)))
        return self._with_flow(flow)

    def size(self, name: str | None = None) -> Tensor:
        """The number of elements, an int32 scalar.

        Args:
            name: a name for the operation.
        """
        return raw.TensorArraySizeV3(self._handle, self._flow, name=name)

    def close(self, name: str | None = None) -> Operation:
        """An operation that lets all elements go.

        Args:
            name: a name for the operation.
        """
        return raw.TensorArrayCloseV3(self._handle, name=name)


def _check_arguments(
    size: Any, dynamic_size: Any, clear_after_read: Any, tensor_array_name: Any, handle: Any
) -> None:
    given = {
        "size": size,
        "dynamic_size": dynamic_size,
        "clear_after_read": clear_after_read,
    }
    if handle is None:
        if size is None:
            raise ValueError("Size must be provided if handle is not provided")
        return
    if tensor_array_name:
        raise ValueError("Cannot construct with both handle and tensor_array_name")
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"Cannot provide both a handle and {name} at the same time")


def _shape_of_parts(shape: shapes.Shape, lengths: Any) -> shapes.Shape:
    """The shape that all parts have, where they have the same."""
    if shape is None or lengths is None or len({*lengths.tolist()}) != 1:
        return None
    return (int(lengths[0]), *shape[1:])
