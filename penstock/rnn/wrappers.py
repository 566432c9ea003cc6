"""Cells around cells: dropout, residual connections, devices."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

from penstock.graph import nest, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.nest_shallow import get_traverse_shallow_structure, map_structure_up_to
from penstock.graph.operation import Tensor
from penstock.graph.public import device, name_scope
from penstock.graph.static_value import constant_value
from penstock.ops.tensor_array import TensorArray
from penstock.rnn.cell import LSTMStateTuple, RNNCell, check_cell


class CellWrapper(RNNCell):
    """A cell that does something around the step of another one.

    Its variables are those of the cell inside, in the scopes that this has without it.

    Args:
        cell: the cell inside.
    """

    def __init__(self, cell: Any) -> None:
        super().__init__()
        check_cell("cell", cell)
        self.cell = cell

    @property
    def wrapped_cell(self) -> Any:
        """The cell inside."""
        return self.cell

    @property
    def state_size(self) -> Any:
        """The size of the state of the cell inside."""
        return self.cell.state_size

    @property
    def output_size(self) -> Any:
        """The size of the output of the cell inside."""
        return self.cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros for the state of the cell inside."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            return self.cell.zero_state(batch_size, dtype)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """One step; see `RNNCell`."""
        return self._step(
            inputs, state, lambda inputs, state: self.cell(inputs, state, scope=scope)
        )

    def _step(self, inputs: Any, state: Any, step: Callable[[Any, Any], Any]) -> Any:
        raise NotImplementedError


def _drops(keep_prob: Any) -> bool:
    return not isinstance(keep_prob, float) or keep_prob < 1


def _keeps_memory(substate: Any) -> Any:
    """What is dropped of a state, unless the user says something else: not an LSTM's memory."""
    if isinstance(substate, LSTMStateTuple):
        return LSTMStateTuple(c=False, h=True)
    return not isinstance(substate, TensorArray)


def _with_batch_of_one(size: Any) -> Tensor:
    return api.concat(([1], shapes.TensorShape(size).as_list()), 0)


@export("nn.rnn_cell.DropoutWrapper", "contrib.rnn.DropoutWrapper")
class DropoutWrapper(CellWrapper):
    """Dropout of the input, the output and the state of a cell.

    Args:
        cell: the cell.
        input_keep_prob, output_keep_prob, state_keep_prob: the probability that an element is kept,
            a number or a scalar tensor; of an LSTM's state, c is kept always.
        variational_recurrent: use one mask for all steps of a run and all elements of the batch
            (Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287).
        input_size: the size of the input, a structure of sizes; needed for one mask of the input.
        dtype: the type of the masks; needed for one mask.
        seed: an int, from which each mask gets a seed of its own.
        dropout_state_filter_visitor: a function from a part of the state to whether it is dropped:
            True, False, or a structure of these.

    Raises:
        TypeError: `cell` is no cell, or the function is no function.
        ValueError: a probability is not between 0 and 1, or what one mask needs is missing.

    Example:
        >>> cell = tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=0.5)
    """

    def __init__(
        self,
        cell: Any,
        input_keep_prob: Any = 1.0,
        output_keep_prob: Any = 1.0,
        state_keep_prob: Any = 1.0,
        variational_recurrent: bool = False,
        input_size: Any = None,
        dtype: Any = None,
        seed: int | None = None,
        dropout_state_filter_visitor: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(cell)
        if dropout_state_filter_visitor is not None and not callable(dropout_state_filter_visitor):
            raise TypeError("dropout_state_filter_visitor must be callable")
        self._drops_of_state = dropout_state_filter_visitor or _keeps_memory
        with name_scope("DropoutWrapperInit"):
            self._input_keep_prob = _probability("input_keep_prob", input_keep_prob)
            self._state_keep_prob = _probability("state_keep_prob", state_keep_prob)
            self._output_keep_prob = _probability("output_keep_prob", output_keep_prob)
        self._seed = seed
        self._noise: dict[str, Any] | None = None
        if variational_recurrent:
            self._noise = self._make_noise(input_keep_prob, input_size, dtype)

    def _make_noise(self, input_keep_prob: Any, input_size: Any, dtype: Any) -> dict[str, Any]:
        if dtype is None:
            raise ValueError("When variational_recurrent=True, dtype must be provided")
        sizes = {"state": self.cell.state_size, "output": self.cell.output_size}
        if not isinstance(input_keep_prob, numbers.Real) or float(input_keep_prob) < 1.0:
            if input_size is None:
                raise ValueError(
                    "When variational_recurrent=True and input_keep_prob < 1.0 or is unknown, "
                    "input_size must be provided"
                )
            sizes = {"input": input_size, **sizes}
        return {
            what: _numbered_map(
                lambda number, size, what=what: api.random_uniform(
                    _with_batch_of_one(size), seed=self._seed_of(what, number), dtype=dtype
                ),
                size,
                size,
            )
            for what, size in sizes.items()
        }

    def _seed_of(self, what: str, number: int) -> int | None:
        """The seed of a mask, by TensorFlow's rule."""
        if self._seed is None:
            return None
        import hashlib  # slow to import

        text = f"{self._seed}{what}_{number}"
        return int(hashlib.md5(text.encode()).hexdigest()[:8], 16) & 0x7FFFFFFF

    def _step(self, inputs: Any, state: Any, step: Callable[[Any, Any], Any]) -> Any:
        if _drops(self._input_keep_prob):
            inputs = self._dropout("input", inputs, self._input_keep_prob, inputs)
        output, new_state = step(inputs, state)
        if _drops(self._state_keep_prob):
            wanted = get_traverse_shallow_structure(self._drops_of_state, new_state)
            new_state = self._dropout("state", new_state, self._state_keep_prob, wanted)
        if _drops(self._output_keep_prob):
            output = self._dropout("output", output, self._output_keep_prob, output)
        return output, new_state

    def _dropout(self, what: str, values: Any, keep_prob: Any, wanted: Any) -> Any:
        """The values with elements dropped where `wanted` has anything but False."""

        def fresh(number: int, wanted: Any, value: Any) -> Any:
            if isinstance(wanted, bool) and not wanted:
                return value
            return api.nn.dropout(value, rate=1.0 - keep_prob, seed=self._seed_of(what, number))

        def masked(number: int, wanted: Any, value: Any, noise: Any) -> Any:
            if isinstance(wanted, bool) and not wanted:
                return value
            return _masked(value, noise, keep_prob)

        if self._noise is None:
            return _numbered_map(fresh, wanted, wanted, values)
        return _numbered_map(masked, wanted, wanted, values, self._noise[what])


def _masked(value: Any, noise: Tensor, keep_prob: Any) -> Tensor:
    """The value divided by `keep_prob` where the noise, uniform in [0, 1), is 1 - keep_prob or
    more; zero elsewhere.
    """
    kept = api.floor(keep_prob + noise)
    masked = api.divide(value, keep_prob) * kept
    masked.set_shape(value.get_shape())
    return masked


def _probability(name: str, value: Any) -> Any:
    """A probability as a float where it is known, else a tensor."""
    tensor = convert_to_tensor(value)
    known = constant_value(tensor)
    if known is None:
        return tensor
    if not 0 <= known <= 1:
        raise ValueError(f"Parameter {name} must be between 0 and 1: {int(known)}")
    return float(known)


def _numbered_map(function: Callable[..., Any], like: Any, *structures: Any) -> Any:
    """`function(number, ...)` of the parts of structures that stand at the leaves of `like`."""
    numbers_used = iter(range(len(nest.flatten(like))))
    return map_structure_up_to(
        like, lambda *parts: function(next(numbers_used), *parts), *structures
    )


@export("nn.rnn_cell.ResidualWrapper", "contrib.rnn.ResidualWrapper")
class ResidualWrapper(CellWrapper):
    """A cell whose input is added to its output.

    Args:
        cell: the cell.
        residual_fn: `f(inputs, outputs)` that gives the outputs; their sum where None.

    Example:
        >>> cell = tf.nn.rnn_cell.ResidualWrapper(tf.nn.rnn_cell.GRUCell(32))
    """

    def __init__(self, cell: Any, residual_fn: Callable[[Any, Any], Any] | None = None) -> None:
        super().__init__(cell)
        self._residual_fn = residual_fn or _sum_of_structures

    def _step(self, inputs: Any, state: Any, step: Callable[[Any, Any], Any]) -> Any:
        outputs, new_state = step(inputs, state)
        return self._residual_fn(inputs, outputs), new_state


def _sum_of_structures(inputs: Any, outputs: Any) -> Any:
    nest.assert_same_structure(inputs, outputs)
    for one, other in zip(nest.flatten(inputs), nest.flatten(outputs), strict=True):
        one.get_shape().assert_is_compatible_with(other.get_shape())
    return nest.map_structure(lambda one, other: one + other, inputs, outputs)


@export("nn.rnn_cell.DeviceWrapper", "contrib.rnn.DeviceWrapper")
class DeviceWrapper(CellWrapper):
    """A cell on a device.

    Args:
        cell: the cell.
        device: the device, as for `tf.device`.

    Example:
        >>> cell = tf.nn.rnn_cell.DeviceWrapper(tf.nn.rnn_cell.GRUCell(32), "/gpu:0")
    """

    def __init__(self, cell: Any, device: Any) -> None:
        super().__init__(cell)
        self._device = device

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros for the state of the cell inside, on the device."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            with device(self._device):
                return self.cell.zero_state(batch_size, dtype)

    def _step(self, inputs: Any, state: Any, step: Callable[[Any, Any], Any]) -> Any:
        with device(self._device):
            return step(inputs, state)
