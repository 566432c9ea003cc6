"""Bidirectional layers on top of each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.graph.export import api, export
from penstock.ops.variable_scope import variable_scope
from penstock.rnn.dynamic import bidirectional_dynamic_rnn
from penstock.rnn.static import static_bidirectional_rnn

# Of the inputs, the layer's variable scope, and its arguments: the next inputs and both states.
RunLayer = Callable[[Any, Any, dict[str, Any]], tuple[Any, Any, Any]]


def _layers(fw: Any, bw: Any, states_fw: Any, states_bw: Any) -> list[dict[str, Any]]:
    """The arguments of each layer."""
    if fw is None:
        raise ValueError("Must specify at least one fw cell for BidirectionalRNN.")
    if bw is None:
        raise ValueError("Must specify at least one bw cell for BidirectionalRNN.")
    if not isinstance(fw, list):
        raise ValueError("cells_fw must be a list of RNNCells (one per layer).")
    if not isinstance(bw, list):
        raise ValueError("cells_bw must be a list of RNNCells (one per layer).")
    if len(fw) != len(bw):
        raise ValueError("Forward and Backward cells must have the same depth.")
    for name, states in (("fw", states_fw), ("bw", states_bw)):
        if states is not None and (not isinstance(states, list) or len(states) != len(fw)):
            raise ValueError(
                f"initial_states_{name} must be a list of state tensors (one per layer)."
            )
    return [
        {
            "cell_fw": cell_fw,
            "cell_bw": cell_bw,
            "initial_state_fw": states_fw[number] if states_fw else None,
            "initial_state_bw": states_bw[number] if states_bw else None,
        }
        for number, (cell_fw, cell_bw) in enumerate(zip(fw, bw, strict=True))
    ]


def _stack(layers: list[dict[str, Any]], inputs: Any, scope: Any, run: RunLayer) -> Any:
    """Runs each layer on what the one before it gave; returns the last results and all states."""
    states_fw, states_bw = [], []
    with variable_scope(scope or "stack_bidirectional_rnn"):
        for number, layer in enumerate(layers):
            with variable_scope(f"cell_{number}") as own:
                inputs, state_fw, state_bw = run(inputs, own, layer)
            states_fw.append(state_fw)
            states_bw.append(state_bw)
    return inputs, tuple(states_fw), tuple(states_bw)


@export("contrib.rnn.stack_bidirectional_dynamic_rnn")
def stack_bidirectional_dynamic_rnn(
    cells_fw: Any,
    cells_bw: Any,
    inputs: Any,
    initial_states_fw: Any = None,
    initial_states_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    parallel_iterations: int | None = None,
    time_major: bool = False,
    scope: Any = None,
    swap_memory: bool = False,
) -> Any:
    """Layers of `tf.nn.bidirectional_dynamic_rnn`: both outputs of each are the next one's input.

    Args:
        cells_fw, cells_bw: lists of cells, one for each layer.
        inputs, dtype, sequence_length, parallel_iterations, time_major, swap_memory: as for
            `tf.nn.dynamic_rnn`.
        initial_states_fw, initial_states_bw: lists of states, one for each layer.
        scope: a variable scope or its name; "stack_bidirectional_rnn" where None.

    Returns:
        The outputs of the last layer, and two tuples of the layers' final states.

    Raises:
        ValueError: the lists are none, or of different lengths.

    Example:
        >>> fw, bw = [[tf.nn.rnn_cell.GRUCell(8) for _ in range(2)] for _ in range(2)]
        >>> outputs, states_fw, states_bw = tf.contrib.rnn.stack_bidirectional_dynamic_rnn(
        ...     fw, bw, x, dtype=tf.float32)
    """

    def run(inputs: Any, own: Any, layer: dict[str, Any]) -> tuple[Any, Any, Any]:
        outputs, (state_fw, state_bw) = bidirectional_dynamic_rnn(
            inputs=inputs, sequence_length=sequence_length, dtype=dtype,
            parallel_iterations=parallel_iterations, time_major=time_major,
            swap_memory=swap_memory, **layer,
        )  # fmt: skip
        return api.concat(outputs, 2), state_fw, state_bw

    layers = _layers(cells_fw, cells_bw, initial_states_fw, initial_states_bw)
    return _stack(layers, inputs, scope, run)


@export("contrib.rnn.stack_bidirectional_rnn")
def stack_bidirectional_rnn(
    cells_fw: Any,
    cells_bw: Any,
    inputs: Any,
    initial_states_fw: Any = None,
    initial_states_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> Any:
    """Layers of `tf.nn.static_bidirectional_rnn`: the outputs of each are the next one's inputs.

    Args:
        cells_fw, cells_bw: lists of cells, one for each layer.
        inputs, dtype, sequence_length: as for `tf.nn.static_rnn`.
        initial_states_fw, initial_states_bw: lists of states, one for each layer.
        scope: a variable scope or its name; "stack_bidirectional_rnn" where None.

    Returns:
        The list of outputs of the last layer, and two tuples of the layers' final states.

    Raises:
        ValueError: the lists are none, or of different lengths.

    Example:
        >>> fw, bw = [[tf.nn.rnn_cell.GRUCell(8) for _ in range(2)] for _ in range(2)]
        >>> outputs, states_fw, states_bw = tf.contrib.rnn.stack_bidirectional_rnn(
        ...     fw, bw, tf.unstack(x, axis=1), dtype=tf.float32)
    """

    def run(inputs: Any, own: Any, layer: dict[str, Any]) -> tuple[Any, Any, Any]:
        return static_bidirectional_rnn(
            inputs=inputs, dtype=dtype, sequence_length=sequence_length, scope=own, **layer
        )

    layers = _layers(cells_fw, cells_bw, initial_states_fw, initial_states_bw)
    return _stack(layers, inputs, scope, run)
