"""`MultiRNNCell`: cells on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.graph import nest
from penstock.graph.export import api, export
from penstock.graph.log import warn_once
from penstock.graph.public import name_scope
from penstock.layers.base import Layer
from penstock.ops.variable_scope import variable_scope
from penstock.rnn.cell import RNNCell


@export("nn.rnn_cell.MultiRNNCell", "contrib.rnn.MultiRNNCell")
class MultiRNNCell(RNNCell):
    """Cells on top of each other: the output of each is the input of the next.

    Args:
        cells: the cells, from the input up.
        state_is_tuple: False joins the states into one tensor, as old programs want it.

    Raises:
        ValueError: there is no cell, or states are structures though `state_is_tuple` is False.
        TypeError: `cells` is no list or tuple.

    Example:
        >>> cell = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.GRUCell(32) for _ in range(2)])
    """

    def __init__(self, cells: Any, state_is_tuple: bool = True) -> None:
        super().__init__()
        if not cells:
            raise ValueError("Must specify at least one cell for MultiRNNCell.")
        if not nest.is_nested(cells):
            raise TypeError(f"cells must be a list or tuple, but saw: {cells}.")
        if len({id(cell) for cell in cells}) < len(cells):
            warn_once(
                "At least two cells provided to MultiRNNCell are the same object and will share "
                "weights."
            )
        self._cells: Sequence[Any] = cells
        self._state_is_tuple = state_is_tuple
        if not state_is_tuple and any([nest.is_nested(cell.state_size) for cell in cells]):
            raise ValueError(
                "Some cells return tuples of states, but the flag state_is_tuple is not set.  "
                f"State sizes are: {[cell.state_size for cell in cells]}"
            )

    @property
    def state_size(self) -> Any:
        """The sizes of the cells' states, a tuple; or their sum."""
        sizes = tuple([cell.state_size for cell in self._cells])
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        return self._cells[-1].output_size

    @property
    def trainable_weights(self) -> list[Any]:
        """The trainable variables of all cells."""
        if not self.trainable:
            return []
        return [v for cell in self._layers() for v in cell.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The variables of all cells that are not trainable."""
        fixed = [v for cell in self._layers() for v in cell.non_trainable_weights]
        if self.trainable:
            return fixed
        return [v for cell in self._layers() for v in cell.trainable_weights] + fixed

    def _layers(self) -> list[Layer]:
        return [cell for cell in self._cells if isinstance(cell, Layer)]

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros for the states of all cells."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            if self._state_is_tuple:
                return tuple([cell.zero_state(batch_size, dtype) for cell in self._cells])
            return super().zero_state(batch_size, dtype)

    def call(self, inputs: Any, state: Any) -> Any:
        """One step of each cell."""
        start = 0
        states = []
        for number, cell in enumerate(self._cells):
            with variable_scope(f"cell_{number}"):
                if not self._state_is_tuple:
                    own = api.slice(state, [0, start], [-1, cell.state_size])
                    start += cell.state_size
                elif not nest.is_nested(state):
                    raise ValueError(
                        f"Expected state to be a tuple of length {len(self.state_size)}, but "
                        f"received: {state}"
                    )
                else:
                    own = state[number]
                inputs, new = cell(inputs, own)
                states.append(new)
        return inputs, tuple(states) if self._state_is_tuple else api.concat(states, 1)
