"""What all ways of running a cell over a sequence share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from penstock.graph import nest
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.public import colocate_with
from penstock.graph.region import in_loop
from penstock.graph.stacks import default_graph
from penstock.ops.tensor_array import TensorArray
from penstock.ops.variable_scope import VariableScope, variable_scope


@contextmanager
def rnn_scope(scope: Any) -> Iterator[VariableScope]:
    """The variable scope that a network runs in, "rnn" where none is given.

    Variables that the cell makes in it are read on the device of the op that does so; not inside
    loops, which would read them only once.
    """
    with variable_scope(scope or "rnn") as opened:
        region = default_graph()._scopes.region
        if opened.caching_device is None and (region is None or not in_loop(region)):
            opened.set_caching_device(lambda op: op.device)
        yield opened


@export("contrib.rnn.transpose_batch_time")
def transpose_batch_time(x: Any) -> Tensor:
    """Exchanges the first two axes of a tensor; one of a lower rank is given back as it is.

    Args:
        x: a tensor.

    Returns:
        A Tensor.

    Raises:
        TypeError: the rank is not known.

    Example:
        >>> tf.contrib.rnn.transpose_batch_time(tf.zeros([2, 3, 4]))  # of shape [3, 2, 4]
    """
    shape = x._shape
    if shape is None:
        raise TypeError(f"the rank of {x.name} must be known to exchange batch and time")
    if len(shape) < 2:
        return x
    axes = api.concat(([1, 0], api.range(2, api.rank(x))), axis=0)
    swapped = api.transpose(x, axes)
    swapped.set_shape((shape[1], shape[0], *shape[2:]))
    return swapped


@export("contrib.rnn.best_effort_input_batch_size")
def best_effort_input_batch_size(flat_input: Sequence[Any]) -> Any:
    """The batch size of inputs of shape [time, batch, ...]: an int where one of them tells it.

    Args:
        flat_input: a list of tensors.

    Returns:
        An int, or an int32 scalar tensor.

    Raises:
        ValueError: an input of known rank has less than two axes.

    Example:
        >>> tf.contrib.rnn.best_effort_input_batch_size([tf.zeros([5, 3, 2])])
        3
    """
    for tensor in flat_input:
        shape = tensor._shape
        if shape is None:
            continue
        if len(shape) < 2:
            raise ValueError(f"Expected input tensor {tensor} to have rank at least 2")
        if shape[1] is not None:
            return shape[1]
    return api.shape(flat_input[0])[1]


def state_type(dtype: Any, state: Any) -> Any:
    """The type of zeros beside a state: the one given, or the state's own.

    Raises:
        ValueError: the state is empty, or has several types.
    """
    if dtype is not None:
        return dtype
    if not nest.is_nested(state):
        return state.dtype
    types = [part.dtype for part in nest.flatten(state)]
    if not types:
        raise ValueError("Unable to infer dtype from empty state.")
    if any([kind != types[0] for kind in types]):
        raise ValueError(
            "State has tensors of different inferred_dtypes. Unable to infer a single "
            "representative dtype."
        )
    return types[0]


def copied_through(done: Tensor, old: Any, new: Any) -> Any:
    """The old value for those elements of the batch that are done, the new one for others.

    What has no batch, a scalar or a TensorArray, is the new one always.
    """
    if isinstance(old, TensorArray) or old._rank() == 0:
        return new
    with colocate_with(new):
        return api.where(done, old, new)


class StepOfSequences:
    """A step over sequences of different lengths: past its end, one gives zeros and keeps its
    state.

    Args:
        time: the number of the step, an int or an int32 scalar.
        sequence_length: the lengths, an int32 vector.
        zero_output: zeros like an output.
        state: the state before.
        step: gives output and state after.
    """

    def __init__(
        self,
        time: Any,
        sequence_length: Tensor,
        zero_output: Any,
        state: Any,
        step: Callable[[], Any],
    ) -> None:
        self._time = time
        self._zero_output = zero_output
        self._state = state
        self._step = step
        self._before = [*nest.flatten(zero_output), *nest.flatten(state)]
        self._done = time >= sequence_length

    def run(self) -> Any:
        """Output and state, computed for all and taken for those that go on."""
        return self._packed(self._selected(self._computed()))

    def run_where_needed(self, shortest: Tensor, longest: Tensor) -> Any:
        """The same, computed only where a sequence goes on.

        Args:
            shortest, longest: the least and the greatest of the lengths.
        """

        def some() -> list[Any]:
            new = self._computed()
            return api.cond(self._time < shortest, lambda: new, lambda: self._selected(new))

        return self._packed(api.cond(self._time >= longest, lambda: self._before, some))

    def _computed(self) -> list[Any]:
        output, state = self._step()
        nest.assert_same_structure(self._zero_output, output)
        nest.assert_same_structure(self._state, state)
        return [*nest.flatten(output), *nest.flatten(state)]

    def _selected(self, new: list[Any]) -> list[Any]:
        pairs = zip(self._before, new, strict=True)
        return [copied_through(self._done, old, candidate) for old, candidate in pairs]

    def _packed(self, values: list[Any]) -> Any:
        for value, before in zip(values, self._before, strict=True):
            if not isinstance(value, TensorArray):
                value.set_shape(before.get_shape())
        count = len(nest.flatten(self._zero_output))
        return (
            nest.pack_sequence_as(self._zero_output, values[:count]),
            nest.pack_sequence_as(self._state, values[count:]),
        )
