"""Patches of images as channels: extract_image_patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import api, export
from penstock.graph.operation import Operation, Tensor
from penstock.graph.opspec import Grads, OpSpec, raw, register
from penstock.ops.old_names import renamed
from penstock.ops.windows import axis_windows, static_count

Shape = shapes.Shape


def patches_shape(
    images: Shape, *, ksizes: list[int], strides: list[int], rates: list[int], padding: str
) -> Shape:
    n, h, w, c = shapes.with_rank(images, 4)
    rows = static_count(h, ksizes[1], strides[1], padding, rates[1])
    columns = static_count(w, ksizes[2], strides[2], padding, rates[2])
    return (n, rows, columns, None if c is None else c * ksizes[1] * ksizes[2])


def patches_kernel(
    xp: Any,
    images: Any,
    *,
    ksizes: list[int],
    strides: list[int],
    rates: list[int],
    padding: str,
) -> Any:
    """Stacks the image once for each place in a window, moved there."""
    if images.ndim != 4:
        text = f"input must be 4-dimensional, got shape {shapes.bracket_text(images.shape)}"
        raise InvalidArgumentError(None, None, text)
    axes = [axis_windows(images.shape[i], ksizes[i], strides[i], padding, rates[i]) for i in (1, 2)]
    rows, columns = axes
    padded = xp.pad(
        images,
        [(0, 0), (rows.before, rows.after), (columns.before, columns.after), (0, 0)],
    )
    parts = []
    for i in range(ksizes[1]):
        for j in range(ksizes[2]):
            top, left = i * rates[1], j * rates[2]
            down = slice(top, top + (rows.number - 1) * strides[1] + 1, strides[1])
            across = slice(left, left + (columns.number - 1) * strides[2] + 1, strides[2])
            parts.append(padded[:, down, across])
    return xp.concatenate(parts, 3)


def patches_gradient(
    op: Operation,
    grad: Tensor,
    *,
    ksizes: list[int],
    strides: list[int],
    rates: list[int],
    padding: str,
) -> Grads:
    """Sums, for each pixel, the gradients at all places that it was copied to.

    The patches of an image of pixel numbers tell where each element came from; 0 is the margin.
    """
    n, h, w, c = [api.shape(op._inputs[0])[i] for i in range(4)]
    pixels = h * w
    numbers = api.reshape(api.range(1, pixels + 1), [1, h, w, 1])
    source = raw.ExtractImagePatches(
        numbers, ksizes=ksizes, strides=strides, rates=rates, padding=padding
    )
    out = api.shape(op.outputs[0])
    per_pixel = api.reshape(grad, [n, out[1], out[2], ksizes[1] * ksizes[2], c])
    flat = api.reshape(api.transpose(per_pixel, [1, 2, 3, 0, 4]), [-1, n * c])
    summed = api.unsorted_segment_sum(flat, api.reshape(source, [-1]), pixels + 1)[1:]
    return [api.transpose(api.reshape(summed, [h, w, n, c]), [2, 0, 1, 3])]


EXTRACT_IMAGE_PATCHES = register(
    OpSpec(
        name="ExtractImagePatches",
        inputs=("images: T",),
        outputs=("patches: T",),
        attrs=(
            "ksizes: list(int) >= 4",
            "strides: list(int) >= 4",
            "rates: list(int) >= 4",
            "T: realnumbertype",
            "padding: {'SAME', 'VALID'}",
        ),
        shape=patches_shape,
        kernel=patches_kernel,
        gradient=patches_gradient,
    )
)


@export("extract_image_patches", "image.extract_image_patches")
def extract_image_patches(
    images: Any,
    ksizes: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    rates: Sequence[int] | None = None,
    padding: str | None = None,
    name: str | None = None,
    sizes: Sequence[int] | None = None,
) -> Tensor:
    """The patches of images, each as the channels of one pixel.

    Args:
        images: a tensor of real numbers, of shape [n, height, width, channels].
        ksizes: [1, rows, columns, 1]: the size of a patch.
        strides: [1, rows, columns, 1]: how far apart patches start.
        rates: [1, rows, columns, 1]: how far apart the pixels of a patch are.
        padding: "SAME" or "VALID".
        name: a name for the operation.
        sizes: another name of `ksizes`.

    Returns:
        A Tensor of shape [n, patch rows, patch columns, rows * columns * channels].

    Raises:
        ValueError: a patch is larger than the image, or the size is given by both names.

    Example:
        >>> tf.extract_image_patches(x, [1, 3, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
    """
    size = renamed("sizes", sizes, "ksizes", ksizes)
    return EXTRACT_IMAGE_PATCHES(
        images, ksizes=size, strides=strides, rates=rates, padding=padding, name=name
    )


@export("image.extract_patches")
def extract_patches(
    images: Any,
    sizes: Sequence[int],
    strides: Sequence[int],
    rates: Sequence[int],
    padding: str,
    name: str | None = None,
) -> Tensor:
    """`tf.extract_image_patches` by its newer name.

    Args:
        images: a tensor of real numbers, of shape [n, height, width, channels].
        sizes: [1, rows, columns, 1]: the size of a patch.
        strides: [1, rows, columns, 1]: how far apart patches start.
        rates: [1, rows, columns, 1]: how far apart the pixels of a patch are.
        padding: "SAME" or "VALID".
        name: a name for the operation.

    Returns:
        A Tensor of shape [n, patch rows, patch columns, rows * columns * channels].

    Example:
        >>> tf.image.extract_patches(x, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID")
    """
    return extract_image_patches(images, sizes, strides, rates, padding, name)
