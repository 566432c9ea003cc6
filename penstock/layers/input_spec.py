"""What a layer demands of its inputs."""

from __future__ import annotations

from typing import Any

from penstock.graph import dtypes, nest
from penstock.graph.operation import Tensor


class InputSpec:
    """The type, rank and sizes that an input of a layer must have.

    Args:
        dtype: the type of its elements, or None.
        shape: its whole shape, with None for any size; it says the rank, too.
        ndim: its rank.
        max_ndim, min_ndim: bounds of its rank.
        axes: a dictionary from axes to the sizes that they must have.
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
    ) -> None:
        self.dtype = None if dtype is None else dtypes.as_dtype(dtype).name
        self.shape = shape
        self.ndim = ndim if shape is None else len(shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = dict(axes or {})

    def __repr__(self) -> str:
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        told = [f"{name}={getattr(self, name)}" for name in names if getattr(self, name)]
        return f"InputSpec({', '.join(told)})"

    def check(self, place: int, tensor: Tensor, layer: str) -> None:
        """Raises ValueError where a tensor does not fit.

        Args:
            place: which input it is, for the error.
            tensor: the input.
            layer: the layer's name, for the error.
        """
        rank = tensor._rank()
        if rank is None:
            if (self.ndim, self.min_ndim, self.max_ndim, self.shape) == (None,) * 4:
                return
            raise self._error(
                place, layer, "its rank is undefined, but the layer requires a defined rank."
            )
        seen = list(tensor._shape or ())
        if self.ndim is not None and rank != self.ndim:
            raise self._error(
                place, layer,
                f"expected ndim={self.ndim}, found ndim={rank}. Full shape received: {seen}",
            )  # fmt: skip
        if self.max_ndim is not None and rank > self.max_ndim:
            raise self._error(place, layer, f"expected max_ndim={self.max_ndim}, found ndim={rank}")
        if self.min_ndim is not None and rank < self.min_ndim:
            raise self._error(
                place, layer,
                f": expected min_ndim={self.min_ndim}, found ndim={rank}. Full shape received: "
                f"{seen}",
            )  # fmt: skip
        self._check_type(place, tensor, layer)
        self._check_sizes(place, seen, layer)

    def _check_type(self, place: int, tensor: Tensor, layer: str) -> None:
        if self.dtype is not None and tensor.dtype.base_dtype.name != self.dtype:
            raise self._error(
                place, layer, f"expected dtype={self.dtype}, found dtype={tensor.dtype.name}"
            )

    def _check_sizes(self, place: int, seen: list[int | None], layer: str) -> None:
        for axis, size in self.axes.items():
            if size is not None and seen[axis] not in (size, None):
                raise self._error(
                    place, layer,
                    f"expected axis {axis} of input shape to have value {size} but received input "
                    f"with shape {seen}",
                )  # fmt: skip
        for size, other in zip(self.shape or (), seen, strict=False):
            if size is not None and other not in (size, None):
                raise self._error(
                    place, layer, f"expected shape={tuple(self.shape)}, found shape={seen}"
                )

    @staticmethod
    def _error(place: int, layer: str, text: str) -> ValueError:
        return ValueError(f"Input {place} of layer {layer} is incompatible with the layer: {text}")


def check_inputs(specs: Any, inputs: Any, layer: str) -> None:
    """Raises ValueError where the inputs of a layer are not what it demands.

    Args:
        specs: an InputSpec, a structure of such, or None.
        inputs: the inputs, a structure of tensors.
        layer: the layer's name.
    """
    if not specs:
        return
    flat_specs, flat_inputs = nest.flatten(specs), nest.flatten(inputs)
    if len(flat_specs) != len(flat_inputs):
        raise ValueError(
            f"Layer {layer} expects {len(flat_specs)} inputs, but it received {len(flat_inputs)} "
            f"input tensors. Inputs received: {inputs}"
        )
    for place, (spec, tensor) in enumerate(zip(flat_specs, flat_inputs, strict=True)):
        spec.check(place, tensor, layer)
