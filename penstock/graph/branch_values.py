"""What the outputs of ops with regions give: results, and values that are saved for gradients."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.graph import dtypes
from penstock.graph.errors import UnimplementedError
from penstock.graph.list_export import element_of, empty_list
from penstock.graph.node_places import Place
from penstock.graph.operation import Operation, Tensor
from penstock.graph.region import Region


def saved_in_order(region: Region) -> list[Tensor]:
    """The tensors of a region that are saved, in the order of the outputs that give them."""
    return sorted(region.saved, key=lambda inner: region.saved[inner].value_index)


def branch_values(op: Operation, region: Region, outputs: Sequence[Tensor]) -> list[Tensor | None]:
    """For each output the tensor of a branch that gives it; None where only the other has one."""
    saved: dict[Tensor, Tensor] = {output: inner for inner, output in region.saved.items()}
    results = region.results
    return [*results, *[saved.get(output) for output in outputs[len(results) :]]]


def missing_value(place: Place, op: Operation, output: Tensor) -> str:
    """Writes a value that nobody takes, for an output of which a branch that is taken has none."""
    dtype = output.dtype.base_dtype
    hint = f"{op.name}/none"
    if dtype is dtypes.variant:
        return empty_list(place, hint, element_of(output))
    if dtype is dtypes.resource:
        return _missing_array(place, op, output, hint)
    zero = b"" if dtype is dtypes.string else 0
    sizes = [0] if output._shape is None else [size or 0 for size in output._shape]
    if not sizes:
        return place.constant(hint, zero, dtype)
    dims = place.constant(f"{hint}/dims", sizes)
    value = place.constant(f"{hint}/value", zero, dtype)
    return place.add(hint, "Fill", [dims, value], {"T": dtype, "index_type": dtypes.int32})


def _missing_array(place: Place, op: Operation, output: Tensor, hint: str) -> str:
    inner = next(i for region in op.regions for i, o in region.saved.items() if o is output)
    if not inner.op.type.startswith("TensorArray"):
        raise UnimplementedError(
            None, inner.op,
            f"{inner.name} in a branch of {op.name!r} stands for a resource, which a gradient "
            "takes: TensorFlow's If nodes cannot give it out. The graph cannot be exported.",
        )  # fmt: skip
    size = place.constant(f"{hint}/size", 0)
    attrs = {"dtype": inner.op._attrs.get("dtype", dtypes.float32)}
    return place.add(hint, "TensorArrayV3", [size], attrs)
