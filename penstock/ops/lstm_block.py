"""LSTMBlockCell: a step of long short-term memory as one op, and its gradient as another."""

from __future__ import annotations

from typing import Any

from penstock.graph import shapes
from penstock.graph.export import api
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import OpSpec, raw, register

_T = "T: {half, float}"
_GATES = ("wci: T", "wcf: T", "wco: T")  # peepholes: how the gates see the memory


def _sigmoid(xp: Any, x: Any) -> Any:
    return xp.reciprocal(xp.exp(-x) + 1)


def block_shape(
    x: shapes.Shape, cs_prev: shapes.Shape, *others: shapes.Shape
) -> list[shapes.Shape]:
    batch, _ = shapes.with_rank(x, 2)
    _, units = shapes.with_rank(cs_prev, 2)
    return [(batch, units)] * 7


def block_kernel(
    xp: Any, x: Any, cs_prev: Any, h_prev: Any, w: Any, wci: Any, wcf: Any, wco: Any, b: Any,
    *, forget_bias: float, cell_clip: float, use_peephole: bool,
) -> list[Any]:  # fmt: skip
    gates = xp.dot(xp.concatenate([x, h_prev], 1), w) + b
    units = cs_prev.shape[1]
    i, ci, f, o = [gates[:, k * units : (k + 1) * units] for k in range(4)]
    f = f + xp.asarray(forget_bias, f.dtype)
    if use_peephole:
        i, f = i + cs_prev * wci, f + cs_prev * wcf
    i, f, ci = _sigmoid(xp, i), _sigmoid(xp, f), xp.tanh(ci)
    cs = ci * i + cs_prev * f
    if cell_clip > 0:
        cs = xp.clip(cs, xp.asarray(-cell_clip, cs.dtype), xp.asarray(cell_clip, cs.dtype))
    o = _sigmoid(xp, o + cs * wco if use_peephole else o)
    co = xp.tanh(cs)
    return [i, cs, f, o, ci, co, co * o]


def block_gradient(op: Operation, *grads: Any, use_peephole: bool) -> list[Any]:
    """From the gradients of the memory and of the output; of the others none is taken."""
    x, cs_prev, h_prev, w = op._inputs[:4]
    i, cs, f, o, ci, co, _ = op.outputs
    cs_grad, h_grad = grads[1], grads[6]
    cs_grad = api.zeros_like(cs) if cs_grad is None else cs_grad
    h_grad = api.zeros_like(cs) if h_grad is None else h_grad
    cs_prev_grad, gates_grad, *peepholes = raw.LSTMBlockCellGrad(
        *op._inputs, i, cs, f, o, ci, co, cs_grad, h_grad, use_peephole=use_peephole
    )
    both = api.matmul(gates_grad, w, transpose_b=True)
    batch, inputs, units = _size(x, 0), _size(x, 1), _size(cs_prev, 1)
    x_grad = api.slice(both, (0, 0), (batch, inputs))
    x_grad.set_shape(x._shape)
    h_prev_grad = api.slice(both, (0, inputs), (batch, units))
    h_prev_grad.set_shape(h_prev._shape)
    w_grad = api.matmul(api.concat([x, h_prev], 1), gates_grad, transpose_a=True)
    w_grad.set_shape(w._shape)
    b_grad = raw.BiasAddGrad(gates_grad)
    return [x_grad, cs_prev_grad, h_prev_grad, w_grad, *peepholes, b_grad]


def _size(tensor: Tensor, axis: int) -> Any:
    """A size as a number where it is known, else as a tensor."""
    known = shapes.with_rank(tensor._shape, 2)[axis]
    return api.shape(tensor)[axis] if known is None else known


LSTM_BLOCK_CELL = register(
    OpSpec(
        name="LSTMBlockCell",
        inputs=("x: T", "cs_prev: T", "h_prev: T", "w: T", *_GATES, "b: T"),
        outputs=("i: T", "cs: T", "f: T", "o: T", "ci: T", "co: T", "h: T"),
        attrs=("forget_bias: float = 1", "cell_clip: float = 3", "use_peephole: bool = false", _T),
        shape=block_shape, kernel=block_kernel, gradient=block_gradient,
    )
)  # fmt: skip


def block_grad_shape(
    x: shapes.Shape, cs_prev: shapes.Shape, h_prev: shapes.Shape, w: shapes.Shape,
    wci: shapes.Shape, wcf: shapes.Shape, wco: shapes.Shape, *others: shapes.Shape,
) -> list[shapes.Shape]:  # fmt: skip
    batch, _ = shapes.with_rank(x, 2)
    _, units = shapes.with_rank(cs_prev, 2)
    gates = None if units is None else 4 * units
    return [(batch, units), (batch, gates), wci, wcf, wco]


def block_grad_kernel(
    xp: Any, x: Any, cs_prev: Any, h_prev: Any, w: Any, wci: Any, wcf: Any, wco: Any, b: Any,
    i: Any, cs: Any, f: Any, o: Any, ci: Any, co: Any, cs_grad: Any, h_grad: Any,
    *, use_peephole: bool,
) -> list[Any]:  # fmt: skip
    output = o * (1 - o) * h_grad * co
    memory = (1 - co * co) * h_grad * o + cs_grad
    if use_peephole:
        memory = memory + output * wco
    candidate = (1 - ci * ci) * memory * i
    forget = f * (1 - f) * memory * cs_prev
    enter = i * (1 - i) * memory * ci
    before = memory * f
    peepholes = [xp.zeros_like(weights) for weights in (wci, wcf, wco)]
    if use_peephole:
        before = before + enter * wci + forget * wcf
        pairs = ((enter, cs_prev), (forget, cs_prev), (output, cs))
        peepholes = [(one * other).sum(axis=0, dtype=one.dtype) for one, other in pairs]
    return [before, xp.concatenate([enter, candidate, forget, output], 1), *peepholes]


register(
    OpSpec(
        name="LSTMBlockCellGrad",
        inputs=(
            "x: T", "cs_prev: T", "h_prev: T", "w: T", *_GATES, "b: T", "i: T", "cs: T", "f: T",
            "o: T", "ci: T", "co: T", "cs_grad: T", "h_grad: T",
        ),
        outputs=("cs_prev_grad: T", "dicfo: T", "wci_grad: T", "wcf_grad: T", "wco_grad: T"),
        attrs=("use_peephole: bool", _T), shape=block_grad_shape, kernel=block_grad_kernel,
        gradient=None,
    )
)  # fmt: skip


def lstm_block_cell(
    x: Any, cs_prev: Any, h_prev: Any, w: Any, b: Any, peepholes: Any, forget_bias: float,
    cell_clip: float, use_peephole: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Memory and output after one step.

    Args:
        x: the input, [batch, size].
        cs_prev, h_prev: memory and output before, [batch, units].
        w: the kernel, [size + units, 4 units], for input gate, candidate, forget and output gate.
        b: the bias, [4 units].
        peepholes: the weights by which input, forget and output gate see the memory, [units] each.
        forget_bias: added to the forget gate.
        cell_clip: a bound for the memory's absolute values; none where it is not positive.
        use_peephole: whether the gates see the memory.
    """
    wci, wcf, wco = peepholes
    outputs = LSTM_BLOCK_CELL(
        x, cs_prev, h_prev, w, wci, wcf, wco, b, forget_bias=forget_bias, cell_clip=cell_clip,
        use_peephole=use_peephole,
    )  # fmt: skip
    return outputs[1], outputs[6]
