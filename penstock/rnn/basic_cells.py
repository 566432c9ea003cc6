"""The cells that compute something: plain, gated and long short-term memory."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes, nest
from penstock.graph.export import api, export
from penstock.graph.log import LOG
from penstock.graph.operation import Tensor
from penstock.layers.activations import activation_of
from penstock.layers.base import last_size
from penstock.layers.input_spec import InputSpec
from penstock.rnn.cell import LayerRNNCell, LSTMStateTuple, check_floating

KERNEL, BIAS = "kernel", "bias"


def _check_types(tensors: Any) -> None:
    for tensor in nest.flatten(tensors):
        check_floating(tensor.dtype)


def _linear(inputs: list[Any], kernel: Any, bias: Any) -> Tensor:
    """The inputs side by side, times the kernel, plus the bias."""
    return api.nn.bias_add(api.matmul(api.concat(inputs, 1), kernel), bias)


class _UnitsCell(LayerRNNCell):
    """A cell of a number of units, with an activation."""

    def __init__(
        self,
        num_units: int,
        activation: Any,
        reuse: Any,
        name: str | None,
        dtype: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        self.input_spec = InputSpec(ndim=2)
        self._num_units = num_units
        self._activation = activation_of(activation) if activation else api.tanh

    def _input_size(self, input_shape: Any) -> int:
        size = last_size(input_shape)
        check_floating(self.dtype)
        return size

    @property
    def state_size(self) -> Any:
        """The number of units."""
        return self._num_units

    @property
    def output_size(self) -> Any:
        """The number of units."""
        return self._num_units


@export("nn.rnn_cell.BasicRNNCell", "contrib.rnn.BasicRNNCell")
class BasicRNNCell(_UnitsCell):
    """The plain cell: output = new state = activation(W [input, state] + b).

    Args:
        num_units: the number of units.
        activation: a function or its name; tanh where None.
        reuse: whether to find its variables, as for `tf.variable_scope`.
        name: a name, for its variables' scope too.
        dtype: the type of its variables; that of its first input where None.

    Example:
        >>> outputs, state = tf.nn.dynamic_rnn(
        ...     tf.nn.rnn_cell.BasicRNNCell(32), x, dtype=tf.float32)
    """

    def __init__(
        self,
        num_units: int,
        activation: Any = None,
        reuse: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_units, activation, reuse, name, dtype, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Makes `kernel` and `bias`."""
        rows = self._input_size(input_shape) + self._num_units
        self._kernel = self.add_weight(KERNEL, [rows, self._num_units])
        zeros = api.zeros_initializer()
        self._bias = self.add_weight(BIAS, [self._num_units], initializer=zeros)
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        _check_types([inputs, state])
        output = self._activation(_linear([inputs, state], self._kernel, self._bias))
        return output, output


@export("nn.rnn_cell.GRUCell", "contrib.rnn.GRUCell")
class GRUCell(_UnitsCell):
    """The gated recurrent unit (Cho and others, 2014, http://arxiv.org/abs/1406.1078).

    With [r, u] = sigmoid(W [input, state] + b) and c = activation(V [input, r state] + d), output
    and new state are u state + (1 - u) c.

    Args:
        num_units: the number of units.
        activation: a function or its name; tanh where None.
        reuse: whether to find its variables, as for `tf.variable_scope`.
        kernel_initializer: for both kernels.
        bias_initializer: for both biases; ones for the gates and zeros for the candidate where
            None.
        name: a name, for its variables' scope too.
        dtype: the type of its variables; that of its first input where None.

    Example:
        >>> cell = tf.nn.rnn_cell.GRUCell(32)
    """

    def __init__(
        self,
        num_units: int,
        activation: Any = None,
        reuse: Any = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_units, activation, reuse, name, dtype, **kwargs)
        self._kernel_initializer = kernel_initializer
        self._bias_initializer = bias_initializer

    def build(self, input_shape: Any) -> None:
        """Makes `gates/kernel`, `gates/bias`, `candidate/kernel` and `candidate/bias`."""
        units = self._num_units
        rows = self._input_size(input_shape) + units
        ones, zeros = self._bias_initializer, self._bias_initializer
        if self._bias_initializer is None:
            ones = api.constant_initializer(1.0)
            zeros = api.zeros_initializer()
        of_kernel = self._kernel_initializer
        self._gate_kernel = self.add_weight(
            "gates/kernel", [rows, 2 * units], initializer=of_kernel
        )
        self._gate_bias = self.add_weight("gates/bias", [2 * units], initializer=ones)
        self._candidate_kernel = self.add_weight(
            "candidate/kernel", [rows, units], initializer=of_kernel
        )
        self._candidate_bias = self.add_weight("candidate/bias", [units], initializer=zeros)
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        _check_types([inputs, state])
        gates = api.sigmoid(_linear([inputs, state], self._gate_kernel, self._gate_bias))
        reset, update = api.split(value=gates, num_or_size_splits=2, axis=1)
        kept = reset * state
        candidate = self._activation(
            _linear([inputs, kept], self._candidate_kernel, self._candidate_bias)
        )
        new = update * state + (1 - update) * candidate
        return new, new


class _MemoryCell(_UnitsCell):
    """What the two LSTM cells share."""

    def __init__(
        self,
        num_units: int,
        forget_bias: float,
        state_is_tuple: bool,
        activation: Any,
        reuse: Any,
        name: str | None,
        dtype: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_units, activation, reuse, name, dtype, **kwargs)
        if not state_is_tuple:
            LOG.warning(
                "%s: Using a concatenated state is slower and will soon be deprecated.  "
                "Use state_is_tuple=True.",
                self,
            )
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple


@export("nn.rnn_cell.BasicLSTMCell", "contrib.rnn.BasicLSTMCell")
class BasicLSTMCell(_MemoryCell):
    """Long short-term memory without peepholes (Zaremba and others, 2014,
    http://arxiv.org/abs/1409.2329).

    With [i, j, f, o] = W [input, h] + b, the new memory is
    c sigmoid(f + forget_bias) + sigmoid(i) activation(j), and output and new h are
    activation(c) sigmoid(o).

    Args:
        num_units: the number of units.
        forget_bias: added to the forget gates, so that the cell forgets little at the start.
        state_is_tuple: False joins c and h into one tensor, as old programs want it.
        activation: a function or its name; tanh where None.
        reuse: whether to find its variables, as for `tf.variable_scope`.
        name: a name, for its variables' scope too.
        dtype: the type of its variables; that of its first input where None.

    Example:
        >>> cell = tf.nn.rnn_cell.BasicLSTMCell(32)
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Any = None,
        reuse: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_units, forget_bias, state_is_tuple, activation, reuse, name, dtype, **kwargs
        )

    @property
    def state_size(self) -> Any:
        """The sizes of c and h, or of both together."""
        units = self._num_units
        return LSTMStateTuple(units, units) if self._state_is_tuple else 2 * units

    def build(self, input_shape: Any) -> None:
        """Makes `kernel` and `bias`."""
        units = self._num_units
        rows = self._input_size(input_shape) + units
        self._kernel = self.add_weight(KERNEL, [rows, 4 * units])
        zeros = api.zeros_initializer()
        self._bias = self.add_weight(BIAS, [4 * units], initializer=zeros)
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        _check_types([inputs, state])
        axis = api.constant(1, dtype=dtypes.int32)
        if self._state_is_tuple:
            c, h = state
        else:
            c, h = api.split(value=state, num_or_size_splits=2, axis=axis)
        gates = _linear([inputs, h], self._kernel, self._bias)
        i, j, f, o = api.split(value=gates, num_or_size_splits=4, axis=axis)
        bias = api.constant(self._forget_bias, dtype=f.dtype)
        kept = api.multiply(c, api.sigmoid(api.add(f, bias)))
        new_c = api.add(kept, api.multiply(api.sigmoid(i), self._activation(j)))
        new_h = api.multiply(self._activation(new_c), api.sigmoid(o))
        if self._state_is_tuple:
            return new_h, LSTMStateTuple(new_c, new_h)
        return new_h, api.concat([new_c, new_h], 1)


@export("nn.rnn_cell.LSTMCell", "contrib.rnn.LSTMCell")
class LSTMCell(_MemoryCell):
    """Long short-term memory with peepholes and a projection, if wanted (Sak and others, 2014).

    Args:
        num_units: the number of units.
        use_peepholes: let the gates see the memory.
        cell_clip: a bound for the memory's absolute values.
        initializer: for kernels and peepholes.
        num_proj: the size of the output, to which the units are projected.
        proj_clip: a bound for the projection's absolute values.
        num_unit_shards: into how many parts the kernel is cut.
        num_proj_shards: into how many parts the projection's kernel is cut.
        forget_bias: added to the forget gates.
        state_is_tuple: False joins c and h into one tensor.
        activation: a function or its name; tanh where None.
        reuse: whether to find its variables, as for `tf.variable_scope`.
        name: a name, for its variables' scope too.
        dtype: the type of its variables; that of its first input where None.

    Example:
        >>> cell = tf.nn.rnn_cell.LSTMCell(32, use_peepholes=True, num_proj=16)
    """

    def __init__(
        self,
        num_units: int,
        use_peepholes: bool = False,
        cell_clip: float | None = None,
        initializer: Any = None,
        num_proj: int | None = None,
        proj_clip: float | None = None,
        num_unit_shards: int | None = None,
        num_proj_shards: int | None = None,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Any = None,
        reuse: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_units, forget_bias, state_is_tuple, activation, reuse, name, dtype, **kwargs
        )
        if num_unit_shards is not None or num_proj_shards is not None:
            LOG.warning(
                "%s: The num_unit_shards and proj_unit_shards parameters are deprecated and will "
                "be removed in Jan 2017.  Use a variable scope with a partitioner instead.",
                self,
            )
        self._use_peepholes = use_peepholes
        self._cell_clip = cell_clip
        self._initializer = initializer
        self._num_proj = num_proj
        self._proj_clip = proj_clip
        self._num_unit_shards = num_unit_shards
        self._num_proj_shards = num_proj_shards

    @property
    def state_size(self) -> Any:
        """The sizes of c and h, or of both together."""
        sizes = LSTMStateTuple(self._num_units, self.output_size)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> Any:
        """The size of the projection, or the number of units."""
        return self._num_units if self._num_proj is None else self._num_proj

    def build(self, input_shape: Any) -> None:
        """Makes `kernel` and `bias`, the peepholes and the projection's kernel."""
        units = self._num_units
        rows = self._input_size(input_shape) + self.output_size
        self._kernel = self.add_weight(
            KERNEL, [rows, 4 * units], initializer=self._initializer,
            partitioner=_cut_into(self._num_unit_shards),
        )  # fmt: skip
        zeros = api.zeros_initializer()
        self._bias = self.add_weight(BIAS, [4 * units], initializer=zeros)
        if self._use_peepholes:
            self._w_f_diag, self._w_i_diag, self._w_o_diag = [
                self.add_weight(f"w_{gate}_diag", [units], initializer=self._initializer)
                for gate in "fio"
            ]
        if self._num_proj is not None:
            self._proj_kernel = self.add_weight(
                f"projection/{KERNEL}", [units, self._num_proj], initializer=self._initializer,
                partitioner=_cut_into(self._num_proj_shards),
            )  # fmt: skip
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        _check_types([inputs, state])
        c, h = state if self._state_is_tuple else self._parts_of(state)
        if inputs.get_shape().with_rank(2)[1].value is None:
            raise ValueError("Could not infer input size from inputs.get_shape()[-1]")
        gates = _linear([inputs, h], self._kernel, self._bias)
        i, j, f, o = api.split(value=gates, num_or_size_splits=4, axis=1)
        new_c = self._memory(c, i, j, f)
        if self._cell_clip is not None:
            new_c = api.clip_by_value(new_c, -self._cell_clip, self._cell_clip)
        if self._use_peepholes:
            o = o + self._w_o_diag * new_c
        new_h = api.sigmoid(o) * self._activation(new_c)
        if self._num_proj is not None:
            new_h = api.matmul(new_h, self._proj_kernel)
            if self._proj_clip is not None:
                new_h = api.clip_by_value(new_h, -self._proj_clip, self._proj_clip)
        if self._state_is_tuple:
            return new_h, LSTMStateTuple(new_c, new_h)
        return new_h, api.concat([new_c, new_h], 1)

    def _parts_of(self, state: Any) -> list[Tensor]:
        units = self._num_units
        return [
            api.slice(state, [0, 0], [-1, units]),
            api.slice(state, [0, units], [-1, self.output_size]),
        ]

    def _memory(self, c: Any, i: Tensor, j: Tensor, f: Tensor) -> Tensor:
        f = f + self._forget_bias
        if self._use_peepholes:
            forget = api.sigmoid(f + self._w_f_diag * c)
            return forget * c + api.sigmoid(i + self._w_i_diag * c) * self._activation(j)
        return api.sigmoid(f) * c + api.sigmoid(i) * self._activation(j)


def _cut_into(parts: int | None) -> Any:
    return None if parts is None else api.fixed_size_partitioner(parts)
