"""`tf.nn.raw_rnn`: a cell in a loop whose inputs, outputs and end a function decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph import dtypes, nest, shapes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.ops.tensor_array import TensorArray
from penstock.ops.while_loop import while_loop
from penstock.rnn.cell import check_cell
from penstock.rnn.dynamic import PARALLEL_ITERATIONS
from penstock.rnn.sizes import joined_shape, known_shape
from penstock.rnn.steps import copied_through, rnn_scope


@export("nn.raw_rnn")
def raw_rnn(
    cell: Any,
    loop_fn: Callable[..., Any],
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    scope: Any = None,
) -> Any:
    """Runs a cell in a loop of which `loop_fn` says what goes in, what comes out, and the end.

    Args:
        cell: an RNNCell.
        loop_fn: `loop_fn(time, cell_output, cell_state, loop_state)` returns (finished, next_input,
            next_cell_state, emit_output, next_loop_state): a bool vector that says which elements
            of the batch end here, the input and state of the next step, what to write down, and
            anything to be carried along. It is called before the first step with None for all but
            the time: then it says the initial state, and by emit_output, without the batch, the
            shapes and types of what will be written; None: like `cell.output_size`.
        parallel_iterations: has no effect.
        swap_memory: has no effect.
        scope: a variable scope or its name; "rnn" where None.

    Returns:
        The TensorArrays that were written, the final state and the final loop state.

    Raises:
        TypeError: `cell` is no cell, or `loop_fn` no function.
        ValueError: what `loop_fn` returns has another structure than before.

    Example:
        >>> arrays, state, _ = tf.nn.raw_rnn(cell, loop_fn)
        >>> outputs = arrays.stack()
    """
    check_cell("cell", cell)
    if not callable(loop_fn):
        raise TypeError("loop_fn must be a callable")
    with rnn_scope(scope):
        loop = _RawLoop(cell, loop_fn)
        return loop.run(
            parallel_iterations=parallel_iterations or PARALLEL_ITERATIONS, swap_memory=swap_memory
        )


class _RawLoop:
    """A `raw_rnn` in the making."""

    def __init__(self, cell: Any, loop_fn: Callable[..., Any]) -> None:
        self._cell = cell
        self._loop_fn = loop_fn

    def run(self, **options: Any) -> Any:
        """Makes the loop; returns arrays, final state and final loop state."""
        time = api.constant(0, dtype=dtypes.int32)
        finished, inputs, state, emitted, first_loop_state = self._loop_fn(time, None, None, None)
        loop_state = first_loop_state
        if loop_state is None:
            loop_state = api.constant(0, dtype=dtypes.int32)  # stands for none in the loop
        flat_input = nest.flatten(inputs)
        known_batch = _common_batch(flat_input)
        batch_size = api.shape(flat_input[0])[0] if known_batch is None else known_batch
        nest.assert_same_structure(state, self._cell.state_size)
        state = nest.map_structure(convert_to_tensor, state)
        arrays = self._arrays(state, emitted, known_batch, batch_size)
        returned = while_loop(
            lambda time, finished, *_: api.logical_not(api.reduce_all(finished)), self._body,
            [time, finished, inputs, arrays, state, loop_state], **options,
        )  # fmt: skip
        arrays, state, loop_state = returned[-3:]
        return arrays, state, None if first_loop_state is None else loop_state

    def _arrays(self, state: Any, emitted: Any, known_batch: int | None, batch_size: Any) -> Any:
        """The arrays for what is written down; notes the zeros for elements that have ended."""
        if emitted is None:
            emitted = self._cell.output_size
            sizes = nest.flatten(emitted)
            types = [nest.flatten(state)[0].dtype] * len(sizes)
        else:
            flat = nest.flatten(emitted)
            sizes = [
                one.get_shape() if shapes.is_known(one._shape) else api.shape(one) for one in flat
            ]
            types = [one.dtype for one in flat]
        pairs = list(zip(sizes, types, strict=True))
        arrays = [
            TensorArray(
                dtype, size=0, dynamic_size=True,
                element_shape=(known_batch, *known_shape(size)), name=f"rnn_output_{number}",
            )
            for number, (size, dtype) in enumerate(pairs)
        ]  # fmt: skip
        zeros = [api.zeros(joined_shape(batch_size, size), dtype) for size, dtype in pairs]
        self._zeros = nest.pack_sequence_as(emitted, zeros)
        return nest.pack_sequence_as(emitted, arrays)

    def _body(
        self, time: Tensor, finished: Tensor, inputs: Any, arrays: Any, state: Any, loop_state: Any
    ) -> Any:
        output, cell_state = self._cell(inputs, state)
        nest.assert_same_structure(state, cell_state)
        nest.assert_same_structure(self._cell.output_size, output)
        next_time = time + 1
        ends, next_inputs, next_state, emitted, next_loop_state = self._loop_fn(
            next_time, output, cell_state, loop_state
        )
        nest.assert_same_structure(state, next_state)
        nest.assert_same_structure(inputs, next_inputs)
        nest.assert_same_structure(arrays, emitted)
        if next_loop_state is None:
            next_loop_state = loop_state

        def for_those_that_go_on(old: Any, new: Any) -> Any:
            return nest.map_structure(
                lambda one, other: copied_through(finished, one, other), old, new
            )

        emitted = for_those_that_go_on(self._zeros, emitted)
        next_state = for_those_that_go_on(state, next_state)
        arrays = nest.map_structure(lambda array, one: array.write(time, one), arrays, emitted)
        finished = api.logical_or(finished, ends)
        return next_time, finished, next_inputs, arrays, next_state, next_loop_state


def _common_batch(flat_input: list[Any]) -> int | None:
    batch = shapes.Dimension(None)
    for tensor in flat_input:
        shape = tensor.get_shape()
        batch = batch.merge_with(shapes.Dimension(None) if shape.ndims is None else shape[0])
    return batch.value
