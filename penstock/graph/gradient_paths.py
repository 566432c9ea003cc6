"""Which results of branches and loops depend on which of their inputs, as gradients flow.

A gradient that is zero because no way leads to a tensor is None to the user, as in TensorFlow. Of
an op with regions only its regions can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.graph import dtypes
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import NotDifferentiable
from penstock.graph.region import Region, demand

Sources = frozenset[Tensor]

_NONE: Sources = frozenset()


def carries_gradient(tensor: Tensor) -> bool:
    """True of a type that has derivatives, and of what stands for values of such."""
    dtype = tensor.dtype.base_dtype
    return dtype.is_floating or dtype.is_complex or dtype in (dtypes.resource, dtypes.variant)


def sources_of(region: Region, tensors: Iterable[Tensor]) -> dict[Tensor, Sources]:
    """For each of some tensors, on which loop variables and outer tensors it depends."""
    wanted = list(tensors)
    needs = demand(region, wanted)
    found: dict[Tensor, Sources] = {
        tensor: frozenset([tensor]) for tensor in [*region.args, *needs.tensors]
    }
    for op in sorted(needs.ops, key=lambda op: op._id):
        for output, sources in _of_outputs(op, found).items():
            found.setdefault(output, sources)
    return {tensor: found.get(tensor, _NONE) for tensor in wanted}


def _of_outputs(op: Operation, known: Mapping[Tensor, Sources]) -> dict[Tensor, Sources]:
    """The sources of an op's outputs, from those of its inputs."""
    if op.regions:
        inner = inputs_of_results(op)
        everything = _union([known.get(tensor, _NONE) for tensor in op._inputs])
        return {
            output: _union([known.get(op._inputs[i], _NONE) for i in inner[place]])
            if place < len(inner)
            else everything
            for place, output in enumerate(op.outputs)
        }
    if isinstance(op.spec.gradient, NotDifferentiable) and "_gradient_op_type" not in op._attrs:
        return {}
    sources = _union([known.get(tensor, _NONE) for tensor in op._inputs])
    return {output: sources if carries_gradient(output) else _NONE for output in op.outputs}


def _union(parts: Iterable[Sources]) -> Sources:
    return frozenset().union(*parts)


def inputs_of_results(op: Operation) -> list[set[int]]:
    """For each result of an op with regions, the inputs (by place) that gradients flow to."""
    return _of_loop(op) if op.spec.loops else _of_branches(op)


def _of_branches(op: Operation) -> list[set[int]]:
    place_of = {tensor: place for place, tensor in enumerate(op._inputs) if place}
    results: list[set[int]] = [set() for _ in op.regions[0].results]
    for region in op.regions:
        found = sources_of(region, region.results)
        for places, result in zip(results, region.results, strict=True):
            places.update([place_of[tensor] for tensor in found[result] if tensor in place_of])
    return results


def _of_loop(op: Operation) -> list[set[int]]:
    body = op.regions[1]
    count = len(body.results)
    place_of: dict[Tensor, int] = {t: k + count for k, t in enumerate(op._inputs[count:])}
    place_of.update({arg: k for k, arg in enumerate(body.args)})
    found = sources_of(body, body.results)
    direct = [
        {place_of[tensor] for tensor in found[result] if tensor in place_of}
        for result in body.results
    ]
    return [{k, *reachable(direct, [k])} for k in range(count)]


def reachable(direct: list[set[int]], start: Iterable[int]) -> set[int]:
    """All loop variables and captures (by place) that some loop variables depend on, in the end."""
    seen: set[int] = set()
    pending = list(start)
    while pending:
        place = pending.pop()
        for other in direct[place] if place < len(direct) else ():
            if other not in seen:
                seen.add(other)
                pending.append(other)
    return seen
