"""`tf.nn.static_rnn` and its kin: a cell applied to each of a list of inputs."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes, nest, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.public import control_dependencies
from penstock.ops.variable_scope import variable_scope
from penstock.rnn.cell import check_cell
from penstock.rnn.cell import initial_state as initial_state_of
from penstock.rnn.sizes import joined_shape, joined_static_shape
from penstock.rnn.steps import StepOfSequences, rnn_scope, state_type


@export("nn.static_rnn", "contrib.rnn.static_rnn")
def static_rnn(
    cell: Any,
    inputs: Any,
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> Any:
    """Applies a cell to each of a list of inputs in turn, without a loop in the graph.

    Args:
        cell: an RNNCell.
        inputs: a list with the input of each time step, of shape [batch, size], or a nested
            structure of such.
        initial_state: the state at the start, in the structure of `cell.state_size`.
        dtype: the type of the initial state, needed where none is given.
        sequence_length: an int vector of the sequences' lengths: past its end, a sequence's outputs
            are zeros and its state stays as it is.
        scope: a variable scope or its name; "rnn" where None.

    Returns:
        The list of outputs, and the final state.

    Raises:
        TypeError: `cell` is no cell, or `inputs` no list.
        ValueError: there is no input, a size is not known, or a type is missing.

    Example:
        >>> outputs, state = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32)
    """
    check_cell("cell", cell)
    _check_inputs(inputs)
    with rnn_scope(scope) as variables:
        known_batch, batch_size = _batch_of(inputs)
        state = initial_state
        if state is None:
            if not dtype:
                raise ValueError("If no initial_state is provided, dtype must be specified")
            state = initial_state_of(cell, batch_size, dtype)
        sequences = None
        if sequence_length is not None:
            sequences = _Sequences(cell, sequence_length, known_batch, batch_size, state, dtype)
        outputs = []
        for time, one in enumerate(inputs):
            if time > 0:
                variables.reuse_variables()
            if sequences is None:
                output, state = cell(one, state)
            else:
                output, state = sequences.step(time, one, state)
            outputs.append(output)
        return outputs, state


def _check_inputs(inputs: Any) -> None:
    if not nest.is_nested(inputs):
        raise TypeError("inputs must be a sequence")
    if not inputs:
        raise ValueError("inputs must not be empty")


def _batch_of(inputs: Any) -> tuple[int | None, Any]:
    """The batch size as far as it is known, and as an int or tensor.

    Raises:
        ValueError: the inputs have different ones, or another of their sizes is not known.
    """
    leaves = nest.flatten(inputs)
    first = leaves[0]
    if first._rank() == 1:
        known = first._shape[0]
        return known, known or api.shape(first)[0]
    batch = first.get_shape().with_rank_at_least(2).dims
    size = shapes.Dimension(None) if batch is None else batch[0]
    for leaf in leaves:
        dims = leaf.get_shape().with_rank_at_least(2).dims
        if dims is None:
            raise TypeError(f"the rank of the input {leaf.name} must be known")
        size.merge_with(dims[0])
        for axis, dim in enumerate(dims[1:]):
            if dim.value is None:
                raise ValueError(
                    f"Input size (dimension {axis} of inputs) must be accessible via shape "
                    "inference, but saw value None."
                )
    return size.value, size.value or api.shape(first)[0]


class _Sequences:
    """What `static_rnn` needs for sequences of different lengths."""

    def __init__(
        self, cell: Any, lengths: Any, known_batch: Any, batch_size: Any, state: Any, dtype: Any
    ) -> None:
        self._cell = cell
        lengths = convert_to_tensor(lengths, name="sequence_length")
        if lengths._rank() not in (None, 1):
            raise ValueError("sequence_length must be a vector of length batch_size")

        def zeros(size: Any) -> Tensor:
            found = api.zeros(joined_shape(batch_size, size), state_type(dtype, state))
            found.set_shape(joined_static_shape(known_batch, size))
            return found

        self._zero_output = nest.map_structure(zeros, cell.output_size)
        self._lengths = api.cast(lengths, dtypes.int32)
        self._shortest = api.reduce_min(self._lengths)
        self._longest = api.reduce_max(self._lengths)

    def step(self, time: int, inputs: Any, state: Any) -> Any:
        """Output and state of one step."""
        return StepOfSequences(
            time, self._lengths, self._zero_output, state, lambda: self._cell(inputs, state)
        ).run_where_needed(self._shortest, self._longest)


@export("nn.static_state_saving_rnn", "contrib.rnn.static_state_saving_rnn")
def static_state_saving_rnn(
    cell: Any,
    inputs: Any,
    state_saver: Any,
    state_name: Any,
    sequence_length: Any = None,
    scope: Any = None,
) -> Any:
    """`tf.nn.static_rnn` that starts with a saved state and saves the final one.

    Args:
        cell: an RNNCell.
        inputs: a list with the input of each time step.
        state_saver: an object with the methods `state(name)` and `save_state(name, value)`.
        state_name: the name of the state, or a tuple of names like `cell.state_size`.
        sequence_length, scope: as for `tf.nn.static_rnn`.

    Returns:
        The list of outputs, and the final state; the last output comes after saving.

    Raises:
        TypeError, ValueError: as for `tf.nn.static_rnn`, or `state_name` is not like the state.

    Example:
        >>> outputs, state = tf.nn.static_state_saving_rnn(cell, inputs, saver, ("c", "h"))
    """
    sizes = cell.state_size
    if nest.is_nested(sizes) != nest.is_nested(state_name):
        raise ValueError(
            "state_name should be the same type as cell.state_size.  "
            f"state_name: {state_name}, cell.state_size: {sizes}"
        )
    names = nest.flatten(state_name)
    if len(names) != len(nest.flatten(sizes)):
        raise ValueError(
            f"#elems(state_name) != #elems(state_size): {len(names)} vs. {len(nest.flatten(sizes))}"
        )
    start = nest.pack_sequence_as(sizes, [state_saver.state(name) for name in names])
    outputs, state = static_rnn(cell, inputs, start, None, sequence_length, scope)
    parts = zip(names, nest.flatten(state), strict=True)
    saved = [state_saver.save_state(name, part) for name, part in parts]
    with control_dependencies(saved):
        outputs[-1] = nest.map_structure(api.identity, outputs[-1])
        state = nest.map_structure(api.identity, state)
    return outputs, state


@export("nn.static_bidirectional_rnn", "contrib.rnn.static_bidirectional_rnn")
def static_bidirectional_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Any,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> Any:
    """Applies one cell to a list of inputs from the first on, and another from the last on.

    Args:
        cell_fw, cell_bw: the cells, RNNCells.
        inputs, dtype, sequence_length: as for `tf.nn.static_rnn`.
        initial_state_fw, initial_state_bw: the states at the start.
        scope: a variable scope or its name; "bidirectional_rnn" where None.

    Returns:
        The list of outputs, those of both cells side by side; and the two final states.

    Raises:
        TypeError, ValueError: as for `tf.nn.static_rnn`.

    Example:
        >>> cells = [tf.nn.rnn_cell.GRUCell(16) for _ in range(2)]
        >>> outputs, state_fw, state_bw = tf.nn.static_bidirectional_rnn(
        ...     *cells, tf.unstack(x, axis=1), dtype=tf.float32)
    """
    check_cell("cell_fw", cell_fw)
    check_cell("cell_bw", cell_bw)
    _check_inputs(inputs)
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as forwards:
            outputs_fw, state_fw = static_rnn(
                cell_fw, inputs, initial_state_fw, dtype, sequence_length, scope=forwards
            )
        with variable_scope("bw") as backwards:
            turned = _reversed(inputs, sequence_length)
            back, state_bw = static_rnn(
                cell_bw, turned, initial_state_bw, dtype, sequence_length, scope=backwards
            )
    outputs_bw = _reversed(back, sequence_length)
    pairs = zip(nest.flatten(outputs_fw), nest.flatten(outputs_bw), strict=True)
    joined = [api.concat([one, other], 1) for one, other in pairs]
    return nest.pack_sequence_as(outputs_fw, joined), state_fw, state_bw


def _reversed(inputs: Any, lengths: Any) -> list[Any]:
    """A list turned around, each sequence up to its length."""
    if lengths is None:
        return list(reversed(inputs))
    turned: list[list[Tensor]] = [[] for _ in inputs]
    for sequence in zip(*[nest.flatten(one) for one in inputs], strict=True):
        shape = shapes.unknown_shape(sequence[0]._rank())
        for tensor in sequence:
            shape = shape.merge_with(tensor.get_shape())
            tensor.set_shape(shape)
        back = api.reverse_sequence(api.stack(sequence), lengths, 0, 1)
        for tensor, place in zip(api.unstack(back), turned, strict=True):
            tensor.set_shape(shape)
            place.append(tensor)
    pairs = zip(inputs, turned, strict=True)
    return [nest.pack_sequence_as(one, tensors) for one, tensors in pairs]
