"""`tf.nn.dynamic_rnn` and `tf.nn.bidirectional_dynamic_rnn`: a cell in a loop over time."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes, nest, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.public import control_dependencies, name_scope
from penstock.ops.tensor_array import TensorArray
from penstock.ops.variable_scope import variable_scope
from penstock.ops.while_loop import while_loop
from penstock.rnn.cell import check_cell
from penstock.rnn.cell import initial_state as initial_state_of
from penstock.rnn.sizes import joined_shape, joined_static_shape, known_shape
from penstock.rnn.steps import (
    StepOfSequences,
    best_effort_input_batch_size,
    rnn_scope,
    state_type,
    transpose_batch_time,
)

PARALLEL_ITERATIONS = 32


@export("nn.dynamic_rnn")
def dynamic_rnn(
    cell: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> Any:
    """Runs a cell over the time steps of sequences.

    Args:
        cell: an RNNCell.
        inputs: the sequences, of shape [batch, time, ...], or a nested structure of such.
        sequence_length: an int vector of the sequences' lengths: past its end, a sequence's outputs
            are zeros and its state stays as it is.
        initial_state: the state at the start, in the structure of `cell.state_size`.
        dtype: the type of the initial state and of outputs, needed where no initial state is given.
        parallel_iterations: has no effect.
        swap_memory: has no effect.
        time_major: inputs and outputs have the shape [time, batch, ...], which saves transposing.
        scope: a variable scope or its name; "rnn" where None.

    Returns:
        The outputs, in the structure of `cell.output_size`, of shape [batch, time, size]; and the
        state at the end of each sequence.

    Raises:
        TypeError: `cell` is no cell.
        ValueError: neither an initial state nor a type is given, or the shapes are not known or do
            not fit.

    Example:
        >>> cell = tf.nn.rnn_cell.BasicLSTMCell(32)
        >>> outputs, state = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    """
    check_cell("cell", cell)
    with rnn_scope(scope):
        flat_input = nest.flatten(inputs)
        if not time_major:
            flat_input = [convert_to_tensor(one) for one in flat_input]
            flat_input = [transpose_batch_time(one) for one in flat_input]
        lengths = None if sequence_length is None else _lengths(sequence_length)
        batch_size = best_effort_input_batch_size(flat_input)
        state = initial_state
        if state is None:
            if not dtype:
                raise ValueError("If there is no initial_state, you must give a dtype.")
            state = initial_state_of(cell, batch_size, dtype)
        if lengths is not None:
            lengths = _checked_lengths(lengths, batch_size)
        loop = _Loop(cell, inputs, flat_input, lengths, state, dtype)
        outputs, final_state = loop.run(
            parallel_iterations=parallel_iterations or PARALLEL_ITERATIONS, swap_memory=swap_memory
        )
        if not time_major:
            outputs = nest.map_structure(transpose_batch_time, outputs)
        return outputs, final_state


def _lengths(sequence_length: Any) -> Tensor:
    lengths = api.cast(sequence_length, dtypes.int32)
    if lengths._rank() not in (None, 1):
        raise ValueError(
            "sequence_length must be a vector of length batch_size, but saw shape: "
            f"{lengths.get_shape()}"
        )
    return api.identity(lengths, name="sequence_length")


def _checked_lengths(lengths: Tensor, batch_size: Any) -> Tensor:
    """The lengths, which when run have to be as many as there are sequences."""
    seen = api.shape(lengths)
    wanted = api.stack([batch_size])
    told = [
        f"Expected shape for Tensor {lengths.name} is ", wanted, " but saw shape: ", seen,
    ]  # fmt: skip
    with control_dependencies([api.Assert(api.reduce_all(api.equal(seen, wanted)), told)]):
        return api.identity(lengths, name="CheckSeqLen")


class _Loop:
    """The loop over time. Inputs and outputs have the shape [time, batch, ...] here."""

    def __init__(
        self,
        cell: Any,
        structure: Any,
        flat_input: list[Any],
        lengths: Tensor | None,
        state: Any,
        dtype: Any,
    ) -> None:
        self._cell = cell
        self._structure = structure
        self._flat_input = flat_input
        self._lengths = lengths
        self._state = state
        self._dtype = dtype

    def run(self, **options: Any) -> Any:
        """Makes the loop; returns the outputs and the final state."""
        flat_input, sizes = self._flat_input, nest.flatten(self._cell.output_size)
        time_steps = api.shape(flat_input[0])[0]
        batch_size = best_effort_input_batch_size(flat_input)
        self._shapes = [_with_sizes(tensor) for tensor in flat_input]
        known_time, known_batch = self._common_sizes()
        self._zero_output = nest.pack_sequence_as(
            self._cell.output_size,
            [
                api.zeros(joined_shape(batch_size, size), state_type(self._dtype, self._state))
                for size in sizes
            ],
        )
        if self._lengths is not None:
            api.reduce_min(self._lengths)  # TensorFlow's graph has it, for which nothing asks
            longest = api.reduce_max(self._lengths)
        else:
            longest = time_steps
        time = api.constant(0, dtype=dtypes.int32, name="time")
        with name_scope("dynamic_rnn") as base:
            pass  # the scope names the arrays
        written = [
            TensorArray(
                state_type(self._dtype, self._state), size=time_steps,
                element_shape=(known_batch, *known_shape(size)),
                tensor_array_name=f"{base}output_{number}",
            )
            for number, size in enumerate(sizes)
        ]  # fmt: skip
        read = [
            TensorArray(
                tensor.dtype, size=time_steps, element_shape=tensor.get_shape()[1:],
                tensor_array_name=f"{base}input_{number}",
            )
            for number, tensor in enumerate(flat_input)
        ]  # fmt: skip
        pairs = zip(read, flat_input, strict=True)
        self._read = [array.unstack(tensor) for array, tensor in pairs]
        # One step at least, so that the arrays learn the shapes that are known in the run only.
        bound = api.minimum(time_steps, api.maximum(1, longest))
        _, written, final_state = while_loop(
            lambda time, *_: time < bound, self._body, (time, tuple(written), self._state),
            maximum_iterations=time_steps, **options,
        )  # fmt: skip
        outputs = [array.stack() for array in written]
        for output, size in zip(outputs, sizes, strict=True):
            output.set_shape(joined_static_shape([known_time, known_batch], size))
        return nest.pack_sequence_as(self._cell.output_size, outputs), final_state

    def _body(self, time: Tensor, written: Any, state: Any) -> Any:
        read = [array.read(time) for array in self._read]
        for tensor, shape in zip(read, self._shapes, strict=True):
            tensor.set_shape(shape[1:])
        inputs = nest.pack_sequence_as(self._structure, read)

        def step() -> Any:
            return self._cell(inputs, state)

        if self._lengths is None:
            output, new_state = step()
        else:
            output, new_state = StepOfSequences(
                time, self._lengths, self._zero_output, state, step
            ).run()
        pairs = zip(written, nest.flatten(output), strict=True)
        written = tuple([array.write(time, one) for array, one in pairs])
        return time + 1, written, new_state

    def _common_sizes(self) -> tuple[int | None, int | None]:
        """The numbers of time steps and of sequences, as far as they are known."""
        time, batch = self._shapes[0][:2]
        for shape in self._shapes:
            if not shapes.is_known(shape[2:]):
                raise ValueError(
                    "Input size (depth of inputs) must be accessible via shape inference, but saw "
                    "value None."
                )
            if shape[0] != time:
                raise ValueError(
                    "Time steps is not the same for all the elements in the input in a batch."
                )
            if shape[1] != batch:
                raise ValueError("Batch_size is not the same for all the elements in the input.")
        return time, batch


def _with_sizes(tensor: Any) -> tuple[int | None, ...]:
    """The static shape of an input.

    Raises:
        ValueError: it has less than three axes.
    """
    shape = tensor.get_shape().with_rank_at_least(3)
    if shape.ndims is None:
        raise ValueError("as_list() is not defined on an unknown TensorShape.")
    return tuple(shape.as_list())


@export("nn.bidirectional_dynamic_rnn")
def bidirectional_dynamic_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> Any:
    """Runs one cell forwards and another backwards over the time steps of sequences.

    Args:
        cell_fw, cell_bw: the cells, RNNCells.
        inputs, sequence_length, dtype, parallel_iterations, swap_memory, time_major: as for
            `tf.nn.dynamic_rnn`.
        initial_state_fw, initial_state_bw: the states at the start.
        scope: a variable scope or its name; "bidirectional_rnn" where None.

    Returns:
        ((outputs forwards, outputs backwards), (final state forwards, final state backwards)); the
        outputs backwards are in the order of the inputs.

    Raises:
        TypeError, ValueError: as for `tf.nn.dynamic_rnn`.

    Example:
        >>> cells = [tf.nn.rnn_cell.GRUCell(16) for _ in range(2)]
        >>> outputs, states = tf.nn.bidirectional_dynamic_rnn(*cells, x, dtype=tf.float32)
    """
    check_cell("cell_fw", cell_fw)
    check_cell("cell_bw", cell_bw)
    time_axis, batch_axis = (0, 1) if time_major else (1, 0)
    options: dict[str, Any] = {
        "sequence_length": sequence_length, "dtype": dtype, "time_major": time_major,
        "parallel_iterations": parallel_iterations, "swap_memory": swap_memory,
    }  # fmt: skip

    def reversed_in_time(one: Any) -> Any:
        if sequence_length is None:
            return api.reverse(one, axis=[time_axis])
        return api.reverse_sequence(
            input=one, seq_lengths=sequence_length, seq_axis=time_axis, batch_axis=batch_axis
        )

    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as forwards:
            outputs, state = dynamic_rnn(
                cell_fw, inputs, initial_state=initial_state_fw, scope=forwards, **options
            )
        with variable_scope("bw") as backwards:
            back, state_bw = dynamic_rnn(
                cell_bw, nest.map_structure(reversed_in_time, inputs),
                initial_state=initial_state_bw, scope=backwards, **options,
            )  # fmt: skip
    outputs_bw = nest.map_structure(reversed_in_time, back)
    return (outputs, outputs_bw), (state, state_bw)
