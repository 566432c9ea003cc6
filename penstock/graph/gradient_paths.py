"""Which results of branches and loops depend on which of their inputs, as gradients flow.

A gradient that is zero because no way leads to a tensor is None to the user, as in TensorFlow. Of
an op with regions only its regions can tell.

A set of sources is an integer, with the bit of the place of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from penstock.graph import dtypes
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NotDifferentiable
from penstock.graph.region import Region, demand


def carries_gradient(tensor: Tensor) -> bool:
    """True of a type that has derivatives, and of what stands for values of such."""
    dtype = tensor.dtype.base_dtype
    return dtype.is_floating or dtype.is_complex or dtype in (dtypes.resource, dtypes.variant)


def sources_of(
    region: Region, tensors: Iterable[Tensor], sources: Sequence[Tensor]
) -> dict[Tensor, int]:
    """For each of some tensors of a region the sources that it depends on.

    Args:
        region: the region.
        tensors: of the region, or from outside.
        sources: loop variables of the region, and tensors from outside.
    """
    wanted = list(tensors)
    found = {tensor: 1 << place for place, tensor in enumerate(sources)}
    for op in sorted(demand(region, wanted).ops, key=lambda op: op._id):
        for output, own in _of_outputs(op, found):
            found.setdefault(output, own)
    return {tensor: found.get(tensor, 0) for tensor in wanted}


def _of_outputs(op: Operation, known: Mapping[Tensor, int]) -> Iterator[tuple[Tensor, int]]:
    """An op's outputs, each with its sources, from those of the inputs."""
    inputs = [known.get(tensor, 0) for tensor in op._inputs]
    everything = _union(inputs)
    if op.regions:
        inner = inputs_of_results(op)
        for place, output in enumerate(op.outputs):
            if place < len(inner):
                yield output, _union([inputs[i] for i in places(inner[place])])
            else:
                yield output, everything
        return
    if isinstance(op.spec.gradient, NotDifferentiable) and "_gradient_op_type" not in op._attrs:
        return
    yield from [(output, everything) for output in op.outputs if carries_gradient(output)]


def _union(parts: Iterable[int]) -> int:
    union = 0
    for part in parts:
        union |= part
    return union


def places(sources: int) -> Iterator[int]:
    """The places of the sources in a set, in order."""
    while sources:
        lowest = sources & -sources
        yield lowest.bit_length() - 1
        sources ^= lowest


def inputs_of_results(op: Operation) -> list[int]:
    """For each result of an op with regions, the inputs that gradients flow to."""
    return _of_loop(op) if op.spec.loops else _of_branches(op)


def _of_branches(op: Operation) -> list[int]:
    results = [0] * len(op.regions[0].results)
    for region in op.regions:
        found = sources_of(region, region.results, op._inputs)
        results = [
            known | found[result] for known, result in zip(results, region.results, strict=True)
        ]
    return [result & ~1 for result in results]  # no gradient flows to the predicate


def _of_loop(op: Operation) -> list[int]:
    body = op.regions[1]
    count = len(body.results)
    found = sources_of(body, body.results, [*body.args, *op._inputs[count:]])
    direct = [found[result] for result in body.results]
    return [1 << k | reachable(direct, 1 << k) for k in range(count)]


def reachable(direct: Sequence[int], start: int) -> int:
    """All that some loop variables depend on, in the end.

    Args:
        direct: for each loop variable the variables, and other sources after them, that its next
            value depends on.
        start: the loop variables.
    """
    seen, left = 0, start
    while left:
        new = _union([direct[place] for place in places(left) if place < len(direct)])
        left = new & ~seen
        seen |= new
    return seen
