"""What the handle of a `tf.TensorArray` stands for while a run goes on: the array itself.

`ArrayValue` is what the interpreter has, a list that the ops of the array change; the order of
these is that of the flow, which each of them takes and gives. `TracedArray` is what it is while XLA
compiles: one array with an axis more, whose every change is a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError, UnimplementedError

_NEVER = object()  # was written
_READ = object()  # and cleared

_TYPE_NAMES = {"float32": "float", "float64": "double", "float16": "half", "object": "string"}


def _check_type(expected: Any, value: Any) -> None:
    if value.dtype != expected:
        names = [_TYPE_NAMES.get(str(t), str(t)) for t in (np.dtype(expected), value.dtype)]
        raise InvalidArgumentError(
            None, None,
            f"TensorArray dtype is {names[0]} but Op is trying to write dtype {names[1]}.",
        )  # fmt: skip


def _check_count(indices: Any, value: Any) -> None:
    if len(indices) != len(value):
        raise InvalidArgumentError(
            None, None,
            f"Expected len(indices) == values.shape[0], but saw: {len(indices)} vs. {len(value)}",
        )  # fmt: skip


def _check_places(indices: Any, size: int) -> None:
    if indices.size and indices.max() >= size:
        raise InvalidArgumentError(
            None, None, f"Max scatter index must be < array size ({indices.max()} vs. {size})"
        )


def _check_alike(values: list[Any], start: int) -> None:
    """All elements must have one shape, from axis `start` on."""
    first = values[0].shape[start:]
    except_first = " (excepting dimension 0)" if start else ""
    for place, value in enumerate(values):
        if value.shape[start:] != first:
            raise InvalidArgumentError(
                None, None,
                f"TensorArray has inconsistent shapes.  Index 0 has{except_first} shape: "
                f"{shapes.bracket_text(first)} but index {place} has{except_first} shape: "
                f"{shapes.bracket_text(value.shape[start:])}",
            )  # fmt: skip


class ArrayValue:
    """A TensorArray in one run.

    Args:
        name: for messages.
        size: the number of elements.
        dtype: the NumPy type of the elements.
        element_shape: what is known of their shape.
        dynamic: it grows when it is written past its end.
        clear_after_read: an element is let go when it has been read.
        identical: all elements have the same shape.
        adds: a second write of an element adds to it: it holds gradients.
    """

    def __init__(
        self,
        name: str,
        size: int,
        dtype: Any,
        element_shape: shapes.Shape,
        dynamic: bool,
        clear_after_read: bool,
        identical: bool,
        adds: bool = False,
    ) -> None:
        if size < 0:
            raise InvalidArgumentError(None, None, "Size should be >= 0.")
        self._name = name
        self._dtype = dtype
        self._element_shape = element_shape
        self._dynamic = dynamic
        self._clear_after_read = clear_after_read
        self._identical = identical
        self._adds = adds
        self._closed = False
        self._items: list[Any] = [_NEVER] * size
        self._shapes: list[Any] = [None] * size
        self._gradients: dict[str, ArrayValue] = {}

    def _refuse(self, text: str) -> InvalidArgumentError:
        return InvalidArgumentError(None, None, f"TensorArray {self._name}: {text}")

    def _check_open(self) -> None:
        if self._closed:
            raise InvalidArgumentError(
                None, None, f"TensorArray {self._name} has already been closed."
            )

    def write(self, index: Any, value: Any) -> None:
        """Sets an element."""
        place = int(index)
        items = self._items  # of a closed array there are none
        if 0 <= place < len(items) and items[place] is _NEVER and self._fits(value):
            items[place] = value
            self._shapes[place] = value.shape
            return
        self._write_with_checks(place, value)

    def _fits(self, value: Any) -> bool:
        """True of a value of just the type and shape that elements have, which is seen at once."""
        return (
            type(value) is np.ndarray
            and value.dtype is self._dtype
            and value.shape == self._element_shape
        )

    def _write_with_checks(self, place: int, value: Any) -> None:
        self._check_open()
        if type(value) is bytes:
            value = np.array(value, object)  # an element of an array of strings
        _check_type(self._dtype, value)
        if place < 0 or (place >= len(self._items) and not self._dynamic):
            size = len(self._items)
            raise self._refuse(
                f"Tried to write to index {place} but array is not resizeable and size is: {size}"
            )
        missing = place + 1 - len(self._items)
        if missing > 0:
            self._items += [_NEVER] * missing
            self._shapes += [None] * missing
        self._check_shape(place, value)
        old = self._items[place]
        if old is _NEVER:
            self._items[place] = value
            self._shapes[place] = value.shape
        elif self._adds and old is not _READ:
            self._items[place] = old + value
        else:
            why = "read" if old is _READ else "written to"
            raise self._refuse(
                f"Could not write to TensorArray index {place} because it has already been {why}."
            )

    def _check_shape(self, place: int, value: Any) -> None:
        if not shapes.compatible(self._element_shape, value.shape):
            raise self._refuse(
                f"Could not write to TensorArray index {place} because the value shape is "
                f"{shapes.bracket_text(value.shape)} which is incompatible with the TensorArray's "
                f"inferred element shape: {shapes.bracket_text(self._element_shape or ())} "
                "(consider setting infer_shape=False)."
            )
        if self._identical:
            self._element_shape = value.shape

    def read(self, index: Any) -> Any:
        """An element."""
        place = int(index)
        items = self._items  # of a closed array there are none
        if 0 <= place < len(items):
            value = items[place]
            if value is not _NEVER and value is not _READ:
                if self._clear_after_read:
                    items[place] = _READ
                return value
        self._check_open()
        if not 0 <= place < len(self._items):
            raise InvalidArgumentError(
                None, None,
                f"Tried to read from index {place} but array size is: {len(self._items)}",
            )  # fmt: skip
        if items[place] is _READ:
            raise self._refuse(
                f"Could not read index {place} twice because it was cleared after a previous read "
                "(perhaps try setting clear_after_read = false?)."
            )
        return np.zeros(self._shape_of(place), self._dtype)

    def _shape_of(self, place: int) -> Any:
        shape = self._element_shape if self._shapes[place] is None else self._shapes[place]
        if not shapes.is_known(shape):
            seen = "<unknown>" if shape is None else shapes.bracket_text(shape)
            raise self._refuse(
                f"Could not read from TensorArray index {place}.  Furthermore, the element shape "
                f"is not fully defined: {seen}.  It is possible that no gradient was written to a "
                "resizeable TensorArray. If you set the full element_shape property on the forward "
                "TensorArray, the proper all-zeros tensor will be returned instead of this error."
            )
        return shape

    def gather(self, indices: Any, element_shape: shapes.Shape) -> Any:
        """Some elements, stacked."""
        places = np.asarray(indices)
        if places.size == 0:
            return np.zeros((0, *self._known_shape(element_shape)), self._dtype)
        if shapes.compatible(self._element_shape, element_shape):  # that of what was never written
            self._element_shape = shapes.merge(self._element_shape, element_shape)
        values = [self.read(place) for place in places]
        _check_alike(values, 0)
        return np.stack(values)

    def _known_shape(self, element_shape: shapes.Shape) -> Any:
        shape = shapes.merge(self._element_shape, element_shape)
        if shape is None or not shapes.is_known(shape):
            raise UnimplementedError(
                None, None,
                "TensorArray has size zero, but element shape "
                f"{'<unknown>' if shape is None else shapes.bracket_text(shape)} is not fully "
                "defined. Currently only static shapes are supported when packing zero-size "
                "TensorArrays.",
            )  # fmt: skip
        return shape

    def scatter(self, indices: Any, value: Any) -> None:
        """Sets some elements to the slices of `value`."""
        self._check_open()
        places = np.asarray(indices)
        _check_count(places, value)
        if not self._dynamic:
            _check_places(places, len(self._items))
        # A slice of strings would be one string, and no array.
        parts = [value[k, ...] for k in range(len(value))] if value.dtype.kind == "O" else value
        for place, part in zip(places, parts, strict=True):
            self.write(place, part)

    def concat(self, element_shape: shapes.Shape) -> tuple[Any, Any]:
        """All elements one after the other, and their lengths."""
        values = [self.read(place) for place in range(len(self._items))]
        if not values:
            rest = element_shape if shapes.is_known(element_shape) else None
            rest = rest if rest is not None else self._known_shape(None)[1:]
            return np.zeros((0, *rest), self._dtype), np.zeros(0, np.int64)
        for place, value in enumerate(values):
            if value.ndim == 0:
                raise InvalidArgumentError(
                    None, None,
                    f"Concat saw a scalar shape at index {place} but requires at least vectors.  "
                    "Did you mean to call pack?",
                )  # fmt: skip
        _check_alike(values, 1)
        return np.concatenate(values), np.array([len(value) for value in values], np.int64)

    def split(self, value: Any, lengths: Any) -> None:
        """Sets the elements to parts of `value` of the given lengths."""
        self._check_open()
        if value.ndim == 0:
            raise InvalidArgumentError(
                None, None, "Expected value to be at least a vector, but received shape: []"
            )
        ends = np.cumsum(lengths)
        total = int(ends[-1]) if len(ends) else 0
        if total != len(value):
            raise InvalidArgumentError(
                None, None,
                "Expected sum of lengths to be equal to values.shape[0], but sum of lengths is "
                f"{total} and value's shape is: {shapes.bracket_text(value.shape)}",
            )  # fmt: skip
        if len(lengths) != len(self._items) and not self._dynamic:
            raise InvalidArgumentError(
                None, None,
                f"TensorArray's size is not equal to the size of lengths ({len(self._items)} vs. "
                f"{len(lengths)}), and the TensorArray is not marked as dynamically resizeable",
            )  # fmt: skip
        for place, part in enumerate(np.split(value, ends[:-1]) if len(ends) else []):
            self.write(place, part)

    def size(self) -> Any:
        """The number of elements."""
        self._check_open()
        return np.int32(len(self._items))

    def close(self) -> None:
        """Lets all elements go; nothing can be done with it any more."""
        self._closed = True
        self._items = []
        self._gradients.clear()

    def gradient(self, source: str) -> ArrayValue:
        """The array of the elements' gradients in one walk backwards."""
        found = self._gradients.get(source)
        if found is None:
            found = ArrayValue(
                f"{self._name}@{source}", len(self._items), self._dtype,
                self._element_shape, False, False, self._identical, adds=True,
            )  # fmt: skip
            found._shapes = list(self._shapes)
            self._gradients[source] = found
        return found


class TracedArray:
    """A TensorArray while XLA compiles.

    What would be an error is refused with UnimplementedError: the run is interpreted then, which
    tells of it. Inside branches and loops it cannot be seen which elements are there.

    Args:
        size: the number of elements.
        dtype: the NumPy type of the elements.
        element_shape: what is known of their shape.
        clear_after_read: an element may be read once only.
        identical: all elements have the same shape.
        adds: a second write of an element adds to it: it holds gradients.

    Attributes:
        data: the elements, of shape [size, ...]; None until their shape is known.
        gradients: the arrays of gradients, by source.
    """

    def __init__(
        self,
        size: int,
        dtype: Any,
        element_shape: shapes.Shape,
        clear_after_read: bool,
        identical: bool,
        adds: bool = False,
    ) -> None:
        import jax.numpy as jnp  # imported where it is used first

        _demand(size >= 0, "a TensorArray has no negative size")
        self._jnp = jnp
        self._clear_after_read = clear_after_read
        self._identical = identical
        self._adds = adds
        self._closed = False
        # What was done with each element; None where that is not known.
        self._written: set[int] | None = set()
        self._read: set[int] = set()
        self.length = size
        self.dtype = dtype
        self.element_shape = element_shape
        self.data: Any = None
        self.gradients: dict[str, TracedArray] = {}
        if shapes.is_known(element_shape):
            self.allocate(element_shape)

    def allocate(self, element_shape: Any) -> None:
        """Makes room for elements of a shape, where there is none yet."""
        if self.data is None:
            self.data = self._jnp.zeros((self.length, *element_shape), self.dtype)

    def forget(self) -> None:
        """Lets go of what was done with each element: from now on that cannot be seen."""
        self._written = None

    def _elements(self) -> Any:
        _demand(self.data is not None, "XLA needs the shape of a TensorArray's elements")
        return self.data

    def _note_written(self, places: Any, shape: Any) -> None:
        _demand(not self._closed, "the TensorArray is closed")
        _demand(shapes.compatible(self.element_shape, shape), "elements of another shape")
        self.allocate(shape)
        _demand(self._elements().shape[1:] == shape, "XLA needs elements of one shape")
        known = self._known_places(places)
        if known is None or self._written is None:
            self._written = None
            return
        again = len(set(known)) < len(known) or not self._written.isdisjoint(known)
        _demand(self._adds or not again, "an element is written twice")
        self._written.update(known)

    def _note_read(self, places: Any) -> None:
        _demand(not self._closed, "the TensorArray is closed")
        known = self._known_places(places)
        if known is None or self._written is None:
            self._written = None
            return
        if not self._identical and not shapes.is_known(self.element_shape):
            _demand(self._written.issuperset(known), "an element is read that nobody has written")
        again = len(set(known)) < len(known) or not self._read.isdisjoint(known)
        _demand(not (self._clear_after_read and again), "an element is read twice")
        self._read.update(known)

    def _known_places(self, places: Any) -> list[int] | None:
        if not isinstance(places, (np.ndarray, np.generic)):
            return None
        known = places.reshape(-1).tolist()
        _demand(all([0 <= place < self.length for place in known]), "there is no such element")
        return known

    def write(self, index: Any, value: Any) -> None:
        from jax import lax  # slices at places that are traced: much faster than a scatter

        _check_type(self.dtype, value)
        self._note_written(index, value.shape)
        value = self._jnp.asarray(value, self.dtype)
        if self._adds:
            value = value + lax.dynamic_index_in_dim(self._elements(), index, keepdims=False)
        self.data = lax.dynamic_update_index_in_dim(self._elements(), value, index, 0)

    def read(self, index: Any) -> Any:
        from jax.lax import dynamic_index_in_dim  # an index that is traced

        self._note_read(index)
        return dynamic_index_in_dim(self._elements(), index, keepdims=False)

    def gather(self, indices: Any, element_shape: shapes.Shape) -> Any:
        if self.data is None and shapes.is_known(element_shape):
            self.allocate(element_shape)
        self._note_read(indices)
        data = self._elements()
        known = isinstance(indices, np.ndarray)
        if known and np.array_equal(indices, np.arange(self.length)):
            return data
        return data[indices]

    def scatter(self, indices: Any, value: Any) -> None:
        _check_type(self.dtype, value)
        _demand(len(indices) == len(value), "as many places as elements are needed")
        self._note_written(indices, value.shape[1:])
        data = self._elements()
        if not self._adds and value.shape == data.shape and _counts_up(indices):
            self.data = self._jnp.asarray(value)
            return
        place = data.at[indices]
        self.data = place.add(value) if self._adds else place.set(value)

    def concat(self, element_shape: shapes.Shape) -> tuple[Any, Any]:
        self._note_read(np.arange(self.length))
        data = self._elements()
        _demand(data.ndim > 1, "scalars cannot be put one after the other")
        lengths = np.full(self.length, data.shape[1], np.int64)
        return data.reshape((-1, *data.shape[2:])), lengths

    def split(self, value: Any, lengths: Any) -> None:
        known = isinstance(lengths, np.ndarray) and len(set(lengths.tolist())) <= 1
        _demand(known, "XLA needs parts of one length that is known")
        _demand(value.ndim > 0 and lengths.sum() == len(value), "the lengths are no value's")
        _demand(len(lengths) == self.length, "as many parts as elements are needed")
        parts = value.reshape((self.length, -1, *value.shape[1:]))
        self.scatter(np.arange(self.length), parts)

    def size(self) -> Any:
        _demand(not self._closed, "the TensorArray is closed")
        return np.int32(self.length)

    def close(self) -> None:
        self._closed = True

    def gradient(self, source: str) -> TracedArray:
        found = self.gradients.get(source)
        if found is None:
            known = self.element_shape if self.data is None else self.data.shape[1:]
            found = self.gradients[source] = TracedArray(
                self.length, self.dtype, known, False, self._identical, adds=True
            )
        return found


def _demand(holds: bool, text: str) -> None:
    if not holds:
        raise UnimplementedError(None, None, text)


def _counts_up(indices: Sequence[Any]) -> bool:
    return isinstance(indices, np.ndarray) and np.array_equal(indices, np.arange(len(indices)))
