"""Cells of `tf.contrib.rnn` that `tf.nn.rnn_cell` does not have."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes
from penstock.graph.export import api, export
from penstock.graph.operation import Tensor
from penstock.layers.base import last_size
from penstock.layers.input_spec import InputSpec
from penstock.ops.lstm_block import lstm_block_cell
from penstock.ops.variable_scope import get_variable, variable_scope
from penstock.rnn.basic_cells import BIAS, KERNEL
from penstock.rnn.cell import LayerRNNCell, LSTMStateTuple, RNNCell


@export("contrib.rnn.LSTMBlockCell")
class LSTMBlockCell(LayerRNNCell):
    """Long short-term memory whose step is one op.

    Its variables are those of `tf.nn.rnn_cell.BasicLSTMCell`, and also of `LSTMCell` without a
    projection.

    Args:
        num_units: the number of units.
        forget_bias: added to the forget gates.
        cell_clip: a bound for the memory's absolute values; none where None.
        use_peephole: let the gates see the memory.
        dtype: the type of its variables; that of its first input where None.
        reuse: whether to find its variables, as for `tf.variable_scope`.
        name: a name, for its variables' scope too.

    Example:
        >>> cell = tf.contrib.rnn.LSTMBlockCell(32)
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        cell_clip: float | None = None,
        use_peephole: bool = False,
        dtype: Any = None,
        reuse: Any = None,
        name: str = "lstm_cell",
    ) -> None:
        super().__init__(_reuse=reuse, dtype=dtype, name=name)
        self._num_units = num_units
        self._forget_bias = forget_bias
        self._cell_clip = -1.0 if cell_clip is None else cell_clip
        self._use_peephole = use_peephole
        self.input_spec = InputSpec(ndim=2)

    @property
    def state_size(self) -> Any:
        """The sizes of c and h."""
        return LSTMStateTuple(self._num_units, self._num_units)

    @property
    def output_size(self) -> Any:
        """The number of units."""
        return self._num_units

    def build(self, input_shape: Any) -> None:
        """Makes `kernel`, `bias` and the peepholes."""
        units = self._num_units
        self._kernel = self.add_weight(KERNEL, [last_size(input_shape) + units, 4 * units])
        zeros = api.constant_initializer(0.0)
        self._bias = self.add_weight(BIAS, [4 * units], initializer=zeros)
        if self._use_peephole:
            self._peepholes = [self.add_weight(f"w_{gate}_diag", [units]) for gate in "ifo"]
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        if len(state) != 2:
            raise ValueError("Expecting state to be a tuple with length 2.")
        peepholes = self._peepholes if self._use_peephole else self._no_peepholes()
        c, h = lstm_block_cell(
            inputs, state[0], state[1], self._kernel, self._bias, peepholes, self._forget_bias,
            self._cell_clip, self._use_peephole,
        )  # fmt: skip
        return h, LSTMStateTuple(c, h)

    def _no_peepholes(self) -> list[Any]:
        zeros = api.zeros([self._num_units], dtype=self.dtype or dtypes.float32)
        return [zeros] * 3


@export("contrib.rnn.NASCell")
class NASCell(LayerRNNCell):
    """The cell that a search over architectures found (Zoph and Le, 2016,
    https://arxiv.org/abs/1611.01578).

    Args:
        num_units: the number of units.
        num_proj: the size of the output, to which the units are projected.
        use_bias: add a bias.
        reuse: whether to find its variables, as for `tf.variable_scope`.

    Example:
        >>> cell = tf.contrib.rnn.NASCell(32)
    """

    def __init__(
        self,
        num_units: int,
        num_proj: int | None = None,
        use_bias: bool = False,
        reuse: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(_reuse=reuse, **kwargs)
        self._num_units = num_units
        self._num_proj = num_proj
        self._use_bias = use_bias
        self.input_spec = InputSpec(ndim=2)

    @property
    def state_size(self) -> Any:
        """The sizes of c and h."""
        return LSTMStateTuple(self._num_units, self.output_size)

    @property
    def output_size(self) -> Any:
        """The size of the projection, or the number of units."""
        return self._num_units if self._num_proj is None else self._num_proj

    def build(self, input_shape: Any) -> None:
        """Makes `recurrent_kernel`, `kernel`, `bias` and `projection_weights`."""
        size = last_size(input_shape)
        gates = 8 * self._num_units
        self._recurrent = self.add_weight("recurrent_kernel", [self.output_size, gates])
        self._kernel = self.add_weight(KERNEL, [size, gates])
        if self._use_bias:
            self._bias = self.add_weight(BIAS, [gates], initializer=api.zeros_initializer())
        if self._num_proj is not None:
            self._projection = self.add_weight(
                "projection_weights", [self._num_units, self._num_proj]
            )
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        c, h = state
        inputs = api.matmul(inputs, self._kernel)
        memory = api.matmul(h, self._recurrent)
        if self._use_bias:
            memory = api.nn.bias_add(memory, self._bias)
        m = api.split(axis=1, num_or_size_splits=8, value=memory)
        x = api.split(axis=1, num_or_size_splits=8, value=inputs)
        sigmoid, relu, tanh = api.sigmoid, api.nn.relu, api.tanh
        first = [
            sigmoid(x[0] + m[0]), relu(x[1] + m[1]), sigmoid(x[2] + m[2]), relu(x[3] * m[3]),
            tanh(x[4] + m[4]), sigmoid(x[5] + m[5]), tanh(x[6] + m[6]), sigmoid(x[7] + m[7]),
        ]  # fmt: skip
        second = [
            tanh(first[0] * first[1]), tanh(first[2] + first[3]), tanh(first[4] * first[5]),
            sigmoid(first[6] + first[7]),
        ]  # fmt: skip
        new_c = tanh(second[0] + c) * second[1]
        new_h = tanh(new_c * tanh(second[2] + second[3]))
        if self._num_proj is not None:
            new_h = api.matmul(new_h, self._projection)
        return new_h, LSTMStateTuple(new_c, new_h)


@export("contrib.rnn.LayerNormBasicLSTMCell")
class LayerNormBasicLSTMCell(RNNCell):
    """Long short-term memory with layer normalization (Ba and others, 2016,
    https://arxiv.org/abs/1607.06450) and recurrent dropout (Semeniuta and others, 2016).

    Args:
        num_units: the number of units.
        forget_bias: added to the forget gates.
        input_size: has no effect.
        activation: a function.
        layer_norm: False leaves normalization out.
        norm_gain, norm_shift: the first values of scale and offset.
        dropout_keep_prob: the probability that an element of the candidate is kept, a number or a
            scalar tensor.
        dropout_prob_seed: a seed for dropout.
        reuse: whether to find its variables, as for `tf.variable_scope`.

    Example:
        >>> cell = tf.contrib.rnn.LayerNormBasicLSTMCell(32, dropout_keep_prob=0.9)
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        input_size: Any = None,
        activation: Any = None,
        layer_norm: bool = True,
        norm_gain: float = 1.0,
        norm_shift: float = 0.0,
        dropout_keep_prob: Any = 1.0,
        dropout_prob_seed: int | None = None,
        reuse: Any = None,
    ) -> None:
        super().__init__(_reuse=reuse)
        self._num_units = num_units
        self._forget_bias = forget_bias
        self._activation = activation or api.tanh
        self._layer_norm = layer_norm
        self._norm_gain = norm_gain
        self._norm_shift = norm_shift
        self._keep_prob = dropout_keep_prob
        self._seed = dropout_prob_seed

    @property
    def state_size(self) -> Any:
        """The sizes of c and h."""
        return LSTMStateTuple(self._num_units, self._num_units)

    @property
    def output_size(self) -> Any:
        """The number of units."""
        return self._num_units

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        c, h = state
        gates = self._linear(api.concat([inputs, h], 1))
        i, j, f, o = api.split(value=gates, num_or_size_splits=4, axis=1)
        if self._layer_norm:
            i, j, f, o = [
                self._normalized(gate, scope)
                for gate, scope in ((i, "input"), (j, "transform"), (f, "forget"), (o, "output"))
            ]
        candidate = self._activation(j)
        if not isinstance(self._keep_prob, float) or self._keep_prob < 1:
            candidate = api.nn.dropout(candidate, self._keep_prob, seed=self._seed)
        new_c = c * api.sigmoid(f + self._forget_bias) + api.sigmoid(i) * candidate
        if self._layer_norm:
            new_c = self._normalized(new_c, "state")
        new_h = self._activation(new_c) * api.sigmoid(o)
        return new_h, LSTMStateTuple(new_c, new_h)

    def _linear(self, inputs: Tensor) -> Tensor:
        columns = 4 * self._num_units
        dtype = inputs.dtype
        weights = get_variable(KERNEL, [inputs.get_shape()[-1], columns], dtype=dtype)
        out = api.matmul(inputs, weights)
        if self._layer_norm:
            return out
        return api.nn.bias_add(out, get_variable(BIAS, [columns], dtype=dtype))

    def _normalized(self, gate: Tensor, scope: str) -> Tensor:
        """The gate with mean `beta` and deviation `gamma` in each element of the batch."""
        size, dtype = gate.get_shape()[-1:], gate.dtype
        with variable_scope(scope):
            gamma = get_variable("gamma", size, dtype, api.constant_initializer(self._norm_gain))
            beta = get_variable("beta", size, dtype, api.constant_initializer(self._norm_shift))
        with variable_scope(scope, reuse=True):
            mean, variance = api.nn.moments(gate, [1], keep_dims=True)
            epsilon = 1e-3 if dtype is dtypes.float16 else 1e-12
            normal = api.nn.batch_normalization(gate, mean, variance, beta, gamma, epsilon)
        normal.set_shape(gate.get_shape())
        return normal
