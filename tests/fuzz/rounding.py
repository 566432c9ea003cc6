"""How far floats may differ: found by running the graph again with every rounding error changed.

Two ways to run a graph give the same integers, booleans, shapes and effects. Floats may differ by
rounding: XLA adds up in another order, keeps the product of a multiply-add unrounded, and has other
approximations of exp or tanh. How far that may carry depends on the graph: 1 / (a - b) makes much
of little. So the evaluator runs the graph a few times more, each op that rounds disturbed by about
the error that a good library may make. How far these runs go apart, times `_MARGIN`, is the
tolerance. Where an op gives what is exactly representable in any order of additions, it is not
disturbed, and the values must be equal to `_LEAST_ULPS`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.graph.operation import Operation
from tests.fuzz.evaluator import Kernel, call_kernel

_MARGIN = 16.0  # the disturbances are random, the true errors may all go one way
_LEAST_ULPS = 4.0
_ULPS_OF_ARITHMETIC = 1.0
_ULPS_OF_FUNCTIONS = 4.0  # of exp, tanh and the like, in NumPy and XLA together

# Ops that only move numbers, choose among them, or count: they do not round.
_EXACT = frozenset(
    """
    Const Identity IdentityN StopGradient PreventGradient Reshape Transpose ExpandDims Squeeze
    Tile Pad PadV2 MirrorPad Slice StridedSlice StridedSliceGrad ConcatV2 Pack Unpack Split
    SplitV GatherV2 GatherNd ResourceGather Gather ReverseV2 Roll Fill ZerosLike OnesLike Select
    BroadcastTo OneHot Shape Size Rank Range Neg Abs Sign Floor Ceil Rint Round Relu Relu6
    Maximum Minimum Max Min ReluGrad Relu6Grad MatrixDiag MatrixDiagPart MatrixBandPart
    MatrixSetDiag Diag DiagPart Assign AssignVariableOp ReadVariableOp ScatterUpdate
    ScatterNdUpdate ResourceScatterUpdate ResourceScatterNdUpdate DynamicStitch DynamicPartition
    TopKV2 TopK RandomShuffle RandomUniform RandomUniformInt PyFunc PyFuncStateless
    CheckNumerics PlaceholderWithDefault ScatterMax ScatterMin ResourceScatterMax
    ResourceScatterMin Where ReverseSequence InvertPermutation Print
    ClipByValue SegmentMax SegmentMin UnsortedSegmentMax UnsortedSegmentMin Cast
    StridedSliceAssign ResourceStridedSliceAssign DepthToSpace SpaceToDepth EnsureShape Snapshot
    """.split()
)
_SUMS = frozenset(
    """
    Add AddV2 Sub AddN AccumulateNV2 Sum BiasAdd BiasAddGrad Cumsum SegmentSum
    UnsortedSegmentSum ScatterNd AssignAdd AssignSub AssignAddVariableOp AssignSubVariableOp
    ScatterAdd ScatterSub ResourceScatterAdd ResourceScatterSub ScatterNdAdd ScatterNdSub
    ResourceScatterNdAdd TensorScatterAdd SparseSegmentSum
    """.split()
)
_PRODUCTS = frozenset("Mul MatMul BatchMatMul BatchMatMulV2 Square Prod Cumprod".split())
_OF_TERMS = _SUMS | _PRODUCTS | frozenset(("Mean",))  # that may cancel
_ARITHMETIC = _OF_TERMS | frozenset("RealDiv Div Reciprocal Sqrt SquaredDifference L2Loss".split())
# Logarithms of sums near one, and what is left of e^x less one: an error in the last bit of one is
# as large however small they are.
_NEAR_ONE = frozenset(
    """
    LogSoftmax SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits Elu Selu
    """.split()
)
_SUBTRACTED = frozenset(
    "Sub AssignSub AssignSubVariableOp ScatterSub ResourceScatterSub ScatterNdSub".split()
)


def ulp(dtype: np.dtype[Any]) -> float:
    """The relative distance of two neighbouring floats."""
    if dtype.name == "bfloat16":
        return 2.0**-7
    return float(np.finfo(dtype).eps)


def is_float(value: Any) -> bool:
    """True of arrays of floats, bfloat16 too."""
    dtype = getattr(value, "dtype", None)
    return dtype is not None and (dtype.kind == "f" or dtype.name == "bfloat16")


class Disturbed:
    """Calls kernels, and changes the roundings of what they give.

    Args:
        seed: of the changes.
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.RandomState(seed)

    def __call__(self, op: Operation, kernel: Kernel, arguments: list[Any]) -> list[Any]:
        results = call_kernel(op, kernel, arguments)
        if op.type in _EXACT and not _narrows(op, arguments, results):
            return results
        if not any([is_float(value) for value in results]):
            return results
        if _is_representable(op, kernel, arguments, results):
            return results
        if op.type in _OF_TERMS or op.type not in _ARITHMETIC:
            # What is summed may cancel: then the order of the additions matters.
            results = call_kernel(op, kernel, [self._around(a, 1.0) for a in arguments])
        ulps = _ULPS_OF_ARITHMETIC if op.type in _ARITHMETIC else _ULPS_OF_FUNCTIONS
        if op.type in _NEAR_ONE:
            results = [value + self._around(np.ones_like(value), ulps) - 1 for value in results]
        return [self._around(value, ulps) for value in results]

    def _around(self, value: Any, ulps: float) -> Any:
        if isinstance(value, list):
            return [self._around(item, ulps) for item in value]
        if not is_float(value):
            return value
        array = np.asarray(value)
        noise = self._random.uniform(-ulps, ulps, array.shape) * ulp(array.dtype)
        wide = array.astype(np.float64)
        with np.errstate(all="ignore"):
            tiny = float(np.finfo(np.float32).tiny) if array.dtype.itemsize <= 4 else 1e-300
            return (wide * (1 + noise) + np.sign(noise) * tiny * (wide != 0)).astype(array.dtype)


def _narrows(op: Operation, arguments: list[Any], results: list[Any]) -> bool:
    """True of a cast to a float type that does not hold all values of the other."""
    if op.type != "Cast" or not is_float(results[0]):
        return False
    with np.errstate(all="ignore"):
        return not np.array_equal(
            np.asarray(results[0]).astype(np.float64), np.asarray(arguments[0]).astype(np.float64)
        )


def _is_representable(
    op: Operation, kernel: Kernel, arguments: list[Any], results: list[Any]
) -> bool:
    """True where sums and products are exact, in whatever order they are made.

    All operands are multiples of a power of two, and the sum of what is added, without signs, is
    below the number of such multiples that the type can count.
    """
    if op.type not in _SUMS and op.type not in _PRODUCTS:
        return False
    flat = _flatten(arguments)
    floats = [np.asarray(value, np.float64) for value in flat if is_float(value)]
    if not all([np.all(np.isfinite(value)) for value in floats]):
        return False
    grids = [_grid(value) for value in floats]
    if op.type in ("Prod", "Cumprod"):
        grid = grids[0] ** max(1, floats[0].size)
    elif op.type == "Square":
        grid = grids[0] ** 2
    else:
        grid = float(np.prod(grids)) if op.type in _PRODUCTS else min(grids, default=1.0)
    sizes = [_without_sign(a) for a in arguments]
    if op.type in _SUBTRACTED:
        sizes[-1] = -sizes[-1]
    total = max([float(np.max(np.abs(r), initial=0.0)) for r in call_kernel(op, kernel, sizes)])
    return total <= grid / ulp(np.asarray(results[0]).dtype)


def _without_sign(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_sign(item) for item in value]
    return np.abs(np.asarray(value, np.float64)) if is_float(value) else value


def _flatten(arguments: list[Any]) -> list[Any]:
    flat: list[Any] = []
    for argument in arguments:
        flat.extend(argument if isinstance(argument, list) else [argument])
    return flat


def _grid(values: Any) -> float:
    """The largest power of two, up to 1, of which all values are multiples."""
    for bits in range(64):
        if np.all(np.ldexp(values, bits) % 1 == 0):
            return 2.0**-bits
    return 0.0


def tolerance(expected: Any, disturbed: list[Any]) -> Any:
    """How far a value may be from `expected`, item by item.

    Args:
        expected: the undisturbed value.
        disturbed: those of the disturbed runs.
    """
    wide = np.asarray(expected, np.float64)
    allowed = _LEAST_ULPS * ulp(np.asarray(expected).dtype) * np.abs(wide)
    for value in disturbed:
        with np.errstate(all="ignore"):
            distance = np.abs(np.asarray(value, np.float64) - wide)
        distance = np.where(np.isnan(distance), np.inf, distance)  # it is at the edge of a domain
        both = np.isnan(wide) & np.isnan(np.asarray(value, np.float64))
        same = wide == np.asarray(value, np.float64)
        allowed = np.maximum(allowed, np.where(both | same, 0.0, _MARGIN * distance))
    return allowed
