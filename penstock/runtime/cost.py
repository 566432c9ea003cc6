"""What interpreting and compiling cost, by a model.

Never by the clock, so that a program always takes the same way. The figures were fitted once, on a
2-core x86 machine; they decide about speed only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.plan.clusters import ClusterPlan
from penstock.plan.plan import Operand, Step

_SECONDS_PER_OP = 1.2e-6  # a NumPy call on a small array
_FLOPS_PER_SECOND = 40e9  # dense products
_XLA_FLOPS_PER_SECOND = 55e9  # its threads sleep where those of OpenBLAS spin
_XLA_CALL_SECONDS = 25e-6
# What NumPy reads and writes with one core, and XLA with all. An array up to 4 MB stays in a core's
# cache, and in memory that the process has already; a larger one comes page by page anew.
_CACHED_BYTES = 4 << 20
_CACHED_BYTES_PER_SECOND = 20e9
_BYTES_PER_SECOND = 5e9
_XLA_CACHED_BYTES_PER_SECOND = 30e9
_XLA_BYTES_PER_SECOND = 15e9
_XLA_FUSES = 3  # ops whose intermediate arrays are never written
_XLA_SECONDS_PER_OP_IN_LOOP = 0.5e-6  # in each iteration of a compiled loop
_COMPILE_SECONDS = 0.04
_COMPILE_SECONDS_PER_OP = 0.2e-3
_COMPILE_SECONDS_PER_KERNEL = 5.5e-3  # one serves for a group of elementwise ops
_COMPILE_SECONDS_OF = {
    "RandomUniform": 0.08,
    "RandomUniformInt": 0.08,
    "RandomStandardNormal": 0.15,
    "TruncatedNormal": 0.3,
}

_PRODUCTS = {"MatMul", "BatchMatMul", "BatchMatMulV2"}
# For each convolution where, among its images and filters, the filter stands, and the result of
# the forward pass or its gradient.
_CONVOLUTIONS = {
    "Conv2D": (1, 2),
    "Conv2DBackpropInput": (0, 1),
    "Conv2DBackpropFilter": (2, 1),
    "DepthwiseConv2dNative": (1, 2),
}
# Ops whose elements cost more than to be read and written: (NumPy, XLA), in nanoseconds an element.
# The best of 60 runs on 131,072 elements between 0.05 and 0.95, less what adding two arrays takes.
# NumPy has vector code for most of them in single precision; XLA's sines are long polynomials.
_SINGLE = {
    "Exp Expm1 Sinh Cosh Tanh Sigmoid Elu Selu Softmax LogSoftmax": (0.4, 0.4),
    "Log Log1p Softplus Asinh Acosh Atanh": (0.5, 1),
    "Sin Cos": (0.5, 4),
    "Tan Asin Acos Atan Atan2": (0.5, 6),
    "Pow": (0.7, 4),
    "Erf Erfc": (4, 0.4),
    "Lgamma Digamma": (11, 14),
    "RandomUniform RandomUniformInt": (13, 5),
    "RandomStandardNormal TruncatedNormal": (80, 40),
}
_DOUBLE = {
    "Exp Expm1 Sinh Cosh Tanh Sigmoid Elu Selu Softmax LogSoftmax": (1.2, 1.5),
    "Log Log1p Softplus Asinh Acosh Atanh": (1.5, 6),
    "Sin Cos": (5, 6),
    "Tan Asin Acos Atan Atan2": (1.4, 8),
    "Pow": (2, 10),
    "Erf Erfc": (3, 4),
    "Lgamma Digamma": (10, 14),
    "RandomUniform RandomUniformInt": (34, 4),
    "RandomStandardNormal TruncatedNormal": (100, 40),
}
# How many small NumPy calls their kernels make; all others are taken for one.
_CALLS = {
    "RandomUniform": 16,
    "RandomUniformInt": 20,
    "RandomStandardNormal": 26,
    "TruncatedNormal": 50,
    "ApplyAdam": 17,
    "ApplyAdadelta": 15,
    "ApplyAdagrad": 5,
    "ApplyCenteredRMSProp": 16,
    "ApplyFtrl": 18,
    "ApplyFtrlV2": 21,
    "ApplyGradientDescent": 2,
    "ApplyMomentum": 4,
    "ApplyRMSProp": 11,
    "BroadcastGradientArgs": 3,
    "FusedBatchNormV3": 12,
    "FusedBatchNormGradV3": 20,
    "SoftmaxCrossEntropyWithLogits": 10,
    "SparseSoftmaxCrossEntropyWithLogits": 12,
}


def _by_op(families: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Seconds an element, for each op."""
    return {
        name: (numpy * 1e-9, xla * 1e-9)
        for names, (numpy, xla) in families.items()
        for name in names.split()
    }


_ELEMENT_SECONDS = {4: _by_op(_SINGLE), 8: _by_op(_DOUBLE)}  # by the bytes of an element


@dataclass(frozen=True)
class _Sums:
    """What a run had cost when a loop began."""

    totals: tuple[float, float, int, float]
    saved_by: Mapping[ClusterPlan, float]


class PlanCost:
    """Sums up what the steps of one run cost.

    Args:
        on_host: steps that stay on the host where the others are compiled.
        cluster_of: for those of them that are part of a loop's or branch's body the cluster in
            which they can be compiled.

    Attributes:
        bodies: the clusters of bodies that are worth it; `weigh_bodies` finds them.
        interpreted: seconds that interpreting them takes, by the model.
        compiled: seconds that the compiled program takes.
        nbytes: bytes that the steps read and write.
        flops: multiplications and additions of their products and convolutions.
        compile_seconds: seconds that compiling takes.
    """

    def __init__(
        self,
        on_host: Collection[Step] = (),
        cluster_of: Mapping[Step, ClusterPlan] | None = None,
    ) -> None:
        self._on_host = on_host
        self._cluster_of = cluster_of or {}
        self._saved_by: dict[ClusterPlan, float] = {}
        self.bodies: set[ClusterPlan] = set()
        self._seen: set[Step] = set()
        self._fused: set[Operand] = set()
        self.interpreted = 0.0
        self.compiled = _XLA_CALL_SECONDS
        self.nbytes = 0
        self.flops = 0.0
        self.compile_seconds = _COMPILE_SECONDS

    def observe(self, step: Step, operands: list[Any], outputs: list[Any]) -> None:
        """Adds a step that ran on these operands; one in a loop, at each iteration."""
        before = step in self._seen
        self._seen.add(step)
        if step.bodies:
            return  # its steps are observed themselves
        name = step.op.spec.name
        if not before:
            self._add_compilation(step, operands, outputs)
        moved = [*operands, *outputs]
        if step.writes_in_place():  # what it takes beside the variables tells how much it changes
            moved = 3 * operands[len(step.writes) :]
        cached, streamed = _nbytes(moved)
        flops = _flops(name, operands, outputs)
        numpy, xla = _element_seconds(name, operands, outputs)
        self.nbytes += cached + streamed
        self.flops += flops
        interpreted = _SECONDS_PER_OP * _CALLS.get(name.removeprefix("Resource"), 1) + numpy
        interpreted += cached / _CACHED_BYTES_PER_SECOND + streamed / _BYTES_PER_SECOND
        interpreted += flops / _FLOPS_PER_SECOND
        if name in _CONVOLUTIONS:  # NumPy's way there is several times XLA's
            interpreted += 2 * flops / _FLOPS_PER_SECOND
        self.interpreted += interpreted
        xla_bytes = cached / _XLA_CACHED_BYTES_PER_SECOND + streamed / _XLA_BYTES_PER_SECOND
        compiled = xla_bytes / _XLA_FUSES + flops / _XLA_FLOPS_PER_SECOND + xla
        if step not in self._on_host:
            self.compiled += compiled + (_XLA_SECONDS_PER_OP_IN_LOOP if before else 0)
            return
        self.compiled += interpreted
        cluster = self._cluster_of.get(step)
        if cluster is not None:
            call = _XLA_CALL_SECONDS if step is cluster.steps[0] else 0
            saved = self._saved_by.get(cluster, 0.0)
            self._saved_by[cluster] = saved + interpreted - compiled - call

    def sums(self) -> _Sums:
        """What a run costs so far."""
        totals = (self.interpreted, self.compiled, self.nbytes, self.flops)
        return _Sums(totals, dict(self._saved_by))

    def extrapolate(self, before: _Sums, factor: float) -> None:
        """Counts what was added since `before` that many times: of a loop some rounds were seen."""

        def whole(now: float, then: float) -> float:
            return then + (now - then) * factor

        interpreted, compiled, nbytes, flops = before.totals
        self.interpreted = whole(self.interpreted, interpreted)
        self.compiled = whole(self.compiled, compiled)
        self.nbytes = round(whole(self.nbytes, nbytes))
        self.flops = whole(self.flops, flops)
        for cluster, saved in self._saved_by.items():
            self._saved_by[cluster] = whole(saved, before.saved_by.get(cluster, 0.0))

    def weigh_bodies(self) -> None:
        """Chooses the clusters in bodies which save more than calling them takes."""
        for cluster, saved in self._saved_by.items():
            if saved > 0:
                self.bodies.add(cluster)
                self.compiled -= saved

    @property
    def ops(self) -> int:
        """How many steps there are; those of a loop's body count once."""
        return len(self._seen)

    @property
    def saving(self) -> float:
        """Seconds that each compiled run saves."""
        return self.interpreted - self.compiled

    def _add_compilation(self, step: Step, operands: list[Any], outputs: list[Any]) -> None:
        self.compile_seconds += _COMPILE_SECONDS_PER_OP
        if step.op.spec.view or not outputs or _kind(outputs[0]) in "iu":
            return  # XLA moves nothing, or it is about shapes
        fuses = _is_elementwise(step, operands, outputs)
        if not (fuses and any([operand in self._fused for operand in step.flat_operands()])):
            price = _COMPILE_SECONDS_OF.get(step.op.spec.name, _COMPILE_SECONDS_PER_KERNEL)
            self.compile_seconds += price
        if fuses:
            self._fused.update(step.outputs)


def _kind(value: Any) -> str:
    return value.dtype.kind if hasattr(value, "dtype") else "O"


def _is_elementwise(step: Step, operands: list[Any], outputs: list[Any]) -> bool:
    """True of an op that gives a number for each of its largest operand."""
    name = step.op.spec.name
    if not step.op.spec.pure or name in _PRODUCTS or name in _CONVOLUTIONS or name in _CALLS:
        return False
    sizes = [operand.size for operand in _flat(operands) if hasattr(operand, "size")]
    return bool(sizes) and max(sizes) == getattr(outputs[0], "size", None)


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if type(value) is list:
            yield from value
        else:
            yield value


def _nbytes(values: list[Any]) -> tuple[int, int]:
    """The bytes of the arrays that a cache holds, and of the larger ones."""
    cached = streamed = 0
    for value in values:
        if type(value) is list:
            inner = _nbytes(value)
            cached, streamed = cached + inner[0], streamed + inner[1]
            continue
        size = getattr(value, "nbytes", 8)
        if size <= _CACHED_BYTES:
            cached += size
        else:
            streamed += size
    return cached, streamed


def _element_seconds(name: str, operands: list[Any], outputs: list[Any]) -> tuple[float, float]:
    """What the elements of an op take beyond being read and written, in NumPy and in XLA."""
    if name not in _ELEMENT_SECONDS[8]:
        return 0.0, 0.0
    if name == "Pow" and operands[1].size == 1:  # squares, roots and the like are cheap
        return 0.0, 0.0
    size = outputs[0].size
    wide = outputs[0].nbytes >= 8 * size
    numpy, xla = _ELEMENT_SECONDS[8 if wide else 4][name]
    return size * numpy, size * xla


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
