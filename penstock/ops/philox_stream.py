"""Random numbers one after the other, where how many are needed depends on what they are.

Source of the weighted choice: Vose, "A linear algorithm for generating random numbers with a given
distribution", 1991.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.ops import philox

_WORDS_AT_FIRST = 256


class Stream:
    """The words of the blocks from a counter on, in the order in which TF's kernels take them.

    Args:
        key: uint32 [2].
        counter: uint32 [4].

    Example:
        >>> Stream(*philox.op_state(7, 9)).word()
        2462361331
    """

    def __init__(self, key: Any, counter: Any) -> None:
        self._key, self._counter = key, counter
        self._words: list[int] = []
        self._taken = 0

    def word(self) -> int:
        """An integer of 32 random bits."""
        if self._taken == len(self._words):
            n_blocks = max(_WORDS_AT_FIRST, len(self._words)) // 4
            blocks = philox.philox_blocks(np, self._key, self._counter, n_blocks)
            self._words += blocks.ravel().tolist()
            self._counter = philox.advance(np, self._counter, n_blocks)
        self._taken += 1
        return self._words[self._taken - 1]

    def pair(self) -> int:
        """An integer of 64 random bits, of which the lower come first."""
        low = self.word()
        return low | (self.word() << 32)

    def single(self) -> float:
        """A float32 in [0, 1)."""
        return (self.word() & 0x7FFFFF) * 2.0**-23

    def double(self) -> float:
        """A float64 in [0, 1), whose upper bits come first."""
        high = self.word() & 0xFFFFF
        return ((high << 32) | self.word()) * 2.0**-52

    def below(self, size: int) -> int:
        """An integer in [0, size), of 32 random bits or more."""
        return _below(self.word, 2**32, size)

    def below_long(self, size: int) -> int:
        """The same, of 64 random bits."""
        return _below(self.pair, 2**64, size)


def _below(draw: Any, limit: int, size: int) -> int:
    """What `draw` gives, modulo `size`; the lowest few would favour some, and are drawn again."""
    least = limit % size
    found = draw()
    while found < least:
        found = draw()
    return int(found % size)


class WeightedChoice:
    """Draws indices in proportion to fixed weights, by a table of pairs that share a place.

    Args:
        weights: numbers of 0 or more, not all 0.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        count, total = len(weights), sum(weights)
        shares = [weight * count / total for weight in weights]
        low = [i for i, share in enumerate(shares) if share < 1.0]
        high = [i for i, share in enumerate(shares) if share >= 1.0]
        others = list(range(count))
        while low and high:
            small, large = low.pop(), high.pop()
            others[small] = large
            shares[large] -= 1.0 - shares[small]
            (low if shares[large] < 1.0 else high).append(large)
        for rest in (*low, *high):  # rounding left them near 1
            shares[rest], others[rest] = 1.0, rest
        self._shares, self._others = np.array(shares, np.float32).tolist(), others

    def draw(self, stream: Stream) -> int:
        """An index."""
        place = stream.single()
        index = stream.below(len(self._shares))
        return index if place < self._shares[index] else self._others[index]
