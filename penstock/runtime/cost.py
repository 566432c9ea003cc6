"""What interpreting and compiling cost, by a model.

Never by the clock, so that a program always takes the same way. The figures were fitted once, on a
2-core x86 machine; they decide about speed only.
"""

from __future__ import annotations

from typing import Any

from penstock.plan.plan import Step

_SECONDS_PER_OP = 1.2e-6  # a NumPy call on a small array
_BYTES_PER_SECOND = 5e9  # what one core reads and writes, op by op
_FLOPS_PER_SECOND = 40e9  # dense products
_XLA_CALL_SECONDS = 25e-6
_XLA_BYTES_PER_SECOND = 15e9  # fused, and on all cores
_COMPILE_SECONDS = 0.06
_COMPILE_SECONDS_PER_OP = 2.5e-3
_OPS_AT_FULL_PRICE = 150  # past that, ops are mostly more of the same
_COMPILE_SECONDS_PER_FURTHER_OP = 0.3e-3

_PRODUCTS = {"MatMul", "BatchMatMul", "BatchMatMulV2"}
# For each convolution where, among its images and filters, the filter stands, and the result of
# the forward pass or its gradient.
_CONVOLUTIONS = {
    "Conv2D": (1, 2),
    "Conv2DBackpropInput": (0, 1),
    "Conv2DBackpropFilter": (2, 1),
    "DepthwiseConv2dNative": (1, 2),
}


class PlanCost:
    """Sums up what the steps of one run cost.

    Attributes:
        ops: how many steps there are.
        interpreted: seconds that interpreting them takes, by the model.
        compiled: seconds that the compiled program takes.
        nbytes: bytes that the steps read and write.
        flops: multiplications and additions of their products and convolutions.
    """

    def __init__(self) -> None:
        self.ops = 0
        self.interpreted = 0.0
        self.compiled = _XLA_CALL_SECONDS
        self.nbytes = 0
        self.flops = 0.0

    def observe(self, step: Step, operands: list[Any], outputs: list[Any]) -> None:
        """Adds a step that ran on these operands."""
        if step.writes_in_place():  # what it takes beside the variables tells how much it changes
            nbytes = 3 * _nbytes(operands[len(step.writes) :])
        else:
            nbytes = _nbytes(operands) + _nbytes(outputs)
        flops = _flops(step.op.spec.name, operands, outputs)
        self.ops += 1
        self.nbytes += nbytes
        self.flops += flops
        self.interpreted += _SECONDS_PER_OP + nbytes / _BYTES_PER_SECOND + flops / _FLOPS_PER_SECOND
        self.compiled += nbytes / _XLA_BYTES_PER_SECOND / 3 + flops / _FLOPS_PER_SECOND
        if step.op.spec.name in _CONVOLUTIONS:  # NumPy's way there is several times XLA's
            self.interpreted += 2 * flops / _FLOPS_PER_SECOND

    @property
    def saving(self) -> float:
        """Seconds that each compiled run saves."""
        return self.interpreted - self.compiled

    @property
    def compile_seconds(self) -> float:
        """Seconds that compiling takes."""
        first = min(self.ops, _OPS_AT_FULL_PRICE)
        return (
            _COMPILE_SECONDS
            + first * _COMPILE_SECONDS_PER_OP
            + (self.ops - first) * _COMPILE_SECONDS_PER_FURTHER_OP
        )


def _nbytes(values: list[Any]) -> int:
    total = 0
    for value in values:
        if type(value) is list:
            total += _nbytes(value)
        else:
            total += getattr(value, "nbytes", 8)
    return total


def _flops(name: str, operands: list[Any], outputs: list[Any]) -> float:
    """Multiplications and additions of a dense product; other ops count by their bytes."""
    if name in _PRODUCTS:
        return (
            2.0 * outputs[0].size * operands[0].size / max(1, _kept_size(operands[0], outputs[0]))
        )
    if name in _CONVOLUTIONS:
        arrays = [v for v in [*operands, *outputs] if getattr(v, "ndim", 0) == 4]
        kernel, image = [arrays[place] for place in _CONVOLUTIONS[name]]
        channels = kernel.shape[3] * (kernel.shape[2] if name.startswith("Depthwise") else 1)
        return 2.0 * image.size * kernel.size / max(1, channels)
    return 0.0


def _kept_size(left: Any, product: Any) -> int:
    """How many rows, in all batches, the left operand gives to the product."""
    return int(product.size // max(1, product.shape[-1]))
