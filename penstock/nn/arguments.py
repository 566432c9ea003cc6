"""Arguments that TensorFlow takes in short forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def per_axis(value: Any, spatial: int, channel_axis: int, what: str) -> list[Any]:
    """A number an axis, from one for all spatial axes, one for each of them, or the whole list.

    Args:
        value: an int, or a sequence of 1, `spatial` or `spatial + 2` of them; None is 1.
        spatial: how many spatial axes there are.
        channel_axis: the axis of the channels, which gets 1, as the batch does.
        what: the argument's name.

    Raises:
        ValueError: the sequence has another length.
    """
    numbers = [1] if value is None else list(value) if is_sequence(value) else [value]
    if len(numbers) == spatial + 2:
        return numbers
    if len(numbers) == 1:
        numbers = numbers * spatial
    elif len(numbers) != spatial:
        raise ValueError(
            f"{what} should be of length 1, {spatial} or {spatial + 2} but was {len(numbers)}"
        )
    return [1, 1, *numbers] if channel_axis == 1 else [1, *numbers, 1]


def is_sequence(value: Any) -> bool:
    """Whether the value is a list or the like, and no string."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def is_channels_first(data_format: str | None) -> bool:
    """Whether a data format such as "NCHW" puts the channels second."""
    return data_format is not None and data_format.startswith("NC")
