"""How candidates are drawn, to train with a few of very many classes: TensorFlow 1.15's numbers.

A sampler draws classes from a stream of random numbers, and knows how probable each class is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from penstock.graph.errors import InvalidArgumentError
from penstock.ops.philox_stream import Stream, WeightedChoice

Array = np.ndarray
Counts = Callable[[Array], Array]


class Sampler(Protocol):
    """What draws classes."""

    def draw(self, stream: Stream) -> int:
        """A class."""

    def probability(self, classes: Array) -> Array:
        """The probability of each of some classes, float32."""


class UniformSampler:
    """Draws all classes below `range_max` alike."""

    def __init__(self, range_max: int) -> None:
        self._range = range_max

    def draw(self, stream: Stream) -> int:
        """A class."""
        return stream.below_long(self._range)

    def probability(self, classes: Array) -> Array:
        """The probability of each of some classes, float32."""
        return np.full(classes.shape, 1.0 / self._range, np.float32)


class LogUniformSampler:
    """Draws a class c in proportion to log((c + 2) / (c + 1)), as words are ranked by frequency."""

    def __init__(self, range_max: int) -> None:
        self._range, self._log_range = range_max, math.log(range_max + 1)

    def draw(self, stream: Stream) -> int:
        """A class."""
        found = int(math.exp(stream.double() * self._log_range)) - 1
        return found % self._range  # rounding may give the range itself

    def probability(self, classes: Array) -> Array:
        """The probability of each of some classes, float32."""
        with np.errstate(all="ignore"):
            ratio = (classes + 2.0) / (classes + 1.0)
            return (np.log(ratio) / self._log_range).astype(np.float32)


class FixedSampler:
    """Draws classes by weights that are given."""

    def __init__(self, weights: Sequence[float]) -> None:
        self._weights = np.array(weights, np.float32)
        self._total = float(np.sum(self._weights, dtype=np.float64))
        self._choice = WeightedChoice(self._weights.tolist())

    def draw(self, stream: Stream) -> int:
        """A class."""
        return self._choice.draw(stream)

    def probability(self, classes: Array) -> Array:
        """The probability of each of some classes, float32."""
        inside = (classes >= 0) & (classes < self._weights.size)
        weights = self._weights[np.where(inside, classes, 0)]
        return np.where(inside, weights / self._total, 0.0).astype(np.float32)


class LearnedSampler:
    """Draws classes in proportion to 1 plus how often they have been true so far."""

    def __init__(self, range_max: int) -> None:
        self._weights = np.ones(range_max, np.int64)
        self._ends = np.cumsum(self._weights)

    def draw(self, stream: Stream) -> int:
        """A class."""
        place = stream.below(int(self._ends[-1]))
        return int(np.searchsorted(self._ends, place, side="right"))

    def probability(self, classes: Array) -> Array:
        """The probability of each of some classes, float32."""
        self._check(classes)
        return (self._weights[classes] / np.float32(self._ends[-1])).astype(np.float32)

    def learn(self, classes: Array) -> None:
        """Counts true classes."""
        self._check(classes)
        np.add.at(self._weights, classes.ravel(), 1)
        self._ends = np.cumsum(self._weights)

    def _check(self, classes: Array) -> None:
        if classes.size and not 0 <= classes.min() <= classes.max() < self._weights.size:
            raise InvalidArgumentError(
                None, None,
                f"true_classes must lie in [0, {self._weights.size}), got {classes.tolist()}",
            )  # fmt: skip


def sample(
    sampler: Sampler, stream: Stream, count: int, unique: bool, true_classes: Array
) -> tuple[Array, Array, Array]:
    """Candidates, and how often each class is expected among them.

    Args:
        sampler: draws the candidates.
        stream: the random numbers.
        count: how many candidates.
        unique: draw none twice.
        true_classes: int64, of any shape.

    Returns:
        The candidates, int64 [count]; the expected counts of `true_classes` and of the candidates,
        float32 of their shapes.
    """
    if unique:
        seen: dict[int, None] = {}
        tries = 0
        while len(seen) < count:
            seen[sampler.draw(stream)] = None
            tries += 1
        candidates = np.array(list(seen), np.int64)
        expected = _expected_once(sampler, tries) if tries != count else _expected(sampler, count)
    else:
        candidates = np.array([sampler.draw(stream) for _ in range(count)], np.int64)
        expected = _expected(sampler, count)
    return candidates, expected(true_classes), expected(candidates)


def _expected(sampler: Sampler, tries: int) -> Counts:
    return lambda classes: sampler.probability(classes) * np.float32(tries)


def _expected_once(sampler: Sampler, tries: int) -> Counts:
    """The probability that a class is among so many draws: 1 - (1 - p) ** tries."""

    def expected(classes: Array) -> Array:
        with np.errstate(all="ignore"):
            missed = np.float32(tries) * np.log1p(-sampler.probability(classes))
            return -np.expm1(missed)

    return expected


def weights_of_classes(
    given: Any, distortion: float, reserved: int, shards: int, shard: int
) -> Any:
    """The weights of the classes of one shard, of those of all; reserved classes have weight 0.

    Args:
        given: the weights of the classes after the reserved ones.
        distortion: the power that weights are raised to.
        reserved: how many classes come first, and are never drawn.
        shards, shard: every `shards`-th class is taken, from number `shard` on.
    """
    weights = np.array(given, np.float32).astype(np.float64) ** distortion
    before = [0.0] * len(range(shard, reserved, shards))
    numbers = len(before) + np.arange(weights.size)  # TF counts on from the shard's own
    return before + weights[numbers % shards == shard].tolist()
