"""`RNNCell`: a step of a recurrent network, from an input and a state to an output and a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from penstock.graph import dtypes
from penstock.graph.convert import convert_to_tensor
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.graph.public import name_scope
from penstock.graph.static_value import constant_value
from penstock.layers.base import Layer
from penstock.ops.variable_scope import get_variable_scope, variable_scope
from penstock.rnn.sizes import zeros_of


@export("nn.rnn_cell.RNNCell", "contrib.rnn.RNNCell")
class RNNCell(Layer):
    """A step of a recurrent network.

    A subclass has `state_size` and `output_size`, and computes in `call(inputs, state)`, which may
    make its variables with `tf.get_variable`, or in a `__call__(inputs, state, scope=None)` of its
    own.

    Args:
        trainable, name, dtype: as for a layer.

    Example:
        >>> class Sum(tf.nn.rnn_cell.RNNCell):
        ...     state_size = output_size = 3
        ...     def call(self, inputs, state):
        ...         return inputs + state, inputs + state
    """

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """One step.

        Args:
            inputs: of shape [batch, size], or a structure of such.
            state: a structure like `state_size`, each of shape [batch, size].
            scope: the variable scope for its variables, at the first call; made of the name of its
                class where None.

        Returns:
            The output, in the structure of `output_size`, and the next state.
        """
        if scope is not None:
            with variable_scope(scope, custom_getter=self._note_variable) as opened:
                return super().__call__(inputs, state, scope=opened)
        around = self.__dict__.get("_first_scope")
        if around is None:
            around = self.__dict__["_first_scope"] = get_variable_scope()
        with variable_scope(around, custom_getter=self._note_variable):
            return super().__call__(inputs, state)

    def _note_variable(self, getter: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A custom getter: what `call` gets with tf.get_variable is a variable of the cell."""
        variable = getter(*args, **kwargs)
        trainable = any([variable is other for other in api.trainable_variables()])
        own = self._own_trainable if trainable else self._own_non_trainable
        if all([variable is not other for other in own]):
            own.append(variable)
        return variable

    @property
    def state_size(self) -> Any:
        """The size of the state: an int or TensorShape, or a structure of such."""
        raise NotImplementedError("Abstract method")

    @property
    def output_size(self) -> Any:
        """The size of the output: an int or TensorShape, or a structure of such."""
        raise NotImplementedError("Abstract method")

    def build(self, input_shape: Any) -> None:
        """Makes nothing: `call` may make variables."""

    def get_initial_state(
        self, inputs: Any = None, batch_size: Any = None, dtype: Any = None
    ) -> Any:
        """Zeros for the state.

        Args:
            inputs: an input, whose batch size and type are taken; or None.
            batch_size: an int or a scalar tensor, where there are no inputs.
            dtype: the type, where there are no inputs.

        Raises:
            ValueError: batch size or type are not given, or contradict the inputs.
        """
        if inputs is not None:
            batch_size, dtype = _batch_and_type(inputs, batch_size, dtype)
        if batch_size is None or dtype is None:
            raise ValueError(
                "batch_size and dtype cannot be None while constructing initial state: "
                f"batch_size={batch_size}, dtype={dtype}"
            )
        return self.zero_state(batch_size, dtype)

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros for the state.

        Args:
            batch_size: an int or a scalar tensor.
            dtype: the type.

        Returns:
            A structure like `state_size` of tensors of shape [batch_size, size].
        """
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            return zeros_of(self.state_size, batch_size, dtype)


def _batch_and_type(inputs: Any, batch_size: Any, dtype: Any) -> tuple[Any, Any]:
    inputs = convert_to_tensor(inputs, name="inputs")
    (first, *_) = inputs._shape or (None,)
    if batch_size is not None:
        known = constant_value(batch_size) if isinstance(batch_size, Tensor) else batch_size
        if first != known:
            raise ValueError(
                "batch size from input tensor is different from the input param. Input tensor "
                f"batch: {first}, batch_size: {batch_size}"
            )
    if dtype is not None and inputs.dtype != dtype:
        raise ValueError(
            "dtype from input tensor is different from the input param. Input tensor dtype: "
            f"{inputs.dtype}, dtype: {dtype}"
        )
    return first or api.shape(inputs)[0], inputs.dtype


@export("contrib.rnn.LayerRNNCell")
class LayerRNNCell(RNNCell):
    """A cell that makes its variables in `build`, as a layer does."""

    def __call__(self, inputs: Any, state: Any, scope: Any = None, *args: Any, **kw: Any) -> Any:
        """One step; see `RNNCell`."""
        return Layer.__call__(self, inputs, state, *args, scope=scope, **kw)


@export("nn.rnn_cell.LSTMStateTuple", "contrib.rnn.LSTMStateTuple")
class LSTMStateTuple(NamedTuple("LSTMStateTuple", [("c", Any), ("h", Any)])):
    """The state of an LSTM cell: its memory `c`, and its output `h`."""

    __slots__ = ()

    @property
    def dtype(self) -> Any:
        """The type of both.

        Raises:
            TypeError: they have different types.
        """
        if self.c.dtype != self.h.dtype:
            raise TypeError(f"Inconsistent internal state: {self.c.dtype} vs {self.h.dtype}")
        return self.c.dtype


def check_cell(name: str, cell: Any) -> None:
    """Raises TypeError where an argument is no cell.

    Args:
        name: of the argument.
        cell: its value.
    """
    lacking = [
        text
        for text, holds in (
            ("'output_size' property is missing", hasattr(cell, "output_size")),
            ("'state_size' property is missing", hasattr(cell, "state_size")),
            (
                "either 'zero_state' or 'get_initial_state' method is required",
                hasattr(cell, "zero_state") or hasattr(cell, "get_initial_state"),
            ),
            ("is not callable", callable(cell)),
        )
        if not holds
    ]
    if lacking:
        raise TypeError(f"The argument {name!r} ({cell}) is not an RNNCell: {', '.join(lacking)}.")


def initial_state(cell: Any, batch_size: Any, dtype: Any) -> Any:
    """What a cell starts with, where nothing else is given."""
    if getattr(cell, "get_initial_state", None) is not None:
        return cell.get_initial_state(inputs=None, batch_size=batch_size, dtype=dtype)
    return cell.zero_state(batch_size, dtype)


def check_floating(dtype: Any) -> None:
    """Raises ValueError where a type is not floating or complex."""
    kind = None if dtype is None else dtypes.as_dtype(dtype)
    if kind is not None and not (kind.is_floating or kind.is_complex):
        raise ValueError(f"RNN cell only supports floating point inputs, but saw dtype: {kind}")
