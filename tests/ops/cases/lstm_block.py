"""Cases for a step of long short-term memory as one op."""

from __future__ import annotations

from typing import Any

from tests.ops.case import Case, case, fails, floats


def stepped(tf: Any, *tensors: Any, **attrs: Any) -> Any:
    """All outputs of the op."""
    assert tf.contrib.rnn.LSTMBlockCell  # TensorFlow registers the gradient when this is imported
    names = ("x", "cs_prev", "h_prev", "w", "wci", "wcf", "wco", "b")
    return list(tf.raw_ops.LSTMBlockCell(**dict(zip(names, tensors)), **attrs))  # noqa: B905


def memory_and_output(tf: Any, *tensors: Any, **attrs: Any) -> Any:
    """Those outputs that pass a gradient on."""
    outputs = stepped(tf, *tensors, **attrs)
    return [outputs[1], outputs[6]]


def inputs(batch: int, size: int, units: int, **kwargs: Any) -> tuple[Any, ...]:
    """The op's inputs."""
    shapes = [(batch, size), (batch, units), (batch, units), (size + units, 4 * units)]
    shapes += [(units,)] * 3 + [(4 * units,)]
    return tuple([floats(*shape, low=-1.0, high=1.0, **kwargs) for shape in shapes])


STEP = inputs(2, 3, 2)
CASES: list[Case] = [
    case(stepped, *STEP).but(gradient=False),
    case(stepped, *inputs(2, 3, 2, dtype="float16")).but(gradient=False),
    case(memory_and_output, *STEP),
    case(memory_and_output, *STEP, use_peephole=True),
    case(memory_and_output, *STEP, forget_bias=0.5, cell_clip=0.2, use_peephole=True),
    case(memory_and_output, *STEP, cell_clip=-1.0),
    case(memory_and_output, *inputs(0, 3, 2)),
    fails(stepped, STEP[0], floats(2), *STEP[2:]).but(says="Shape must be rank 2 but is rank 1"),
]
# There is no float64 form to compare differences with.
CASES = [one.but(numeric=False) for one in CASES]
