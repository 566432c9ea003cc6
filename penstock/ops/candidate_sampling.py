"""Candidates: a few of very many classes, drawn to train with; as in word2vec and its kin."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from penstock.formats.os_errors import translated
from penstock.graph import shapes
from penstock.graph.errors import InvalidArgumentError
from penstock.graph.export import export
from penstock.graph.operation import Tensor
from penstock.graph.opspec import NOT_DIFFERENTIABLE, OpSpec, raw, register
from penstock.graph.public import get_seed
from penstock.ops import candidate_samplers as samplers
from penstock.ops.philox_stream import Stream
from penstock.ops.random_ops import SEED_ATTRS, Rng

_ALL_ATTRS = ("num_true: int >= 1", "num_sampled: int >= 1", "unique: bool")
_ATTRS = (*_ALL_ATTRS, "range_max: int >= 1")
_WORDS_RESERVED = 2048  # for each candidate
_LEAST_WEIGHT = float(np.finfo(np.float32).min)


_OUTPUTS = ("sampled_candidates", "true_expected_count", "sampled_expected_count")
# What samplers give: tuples with names, whose class has that of the op, as in TensorFlow.
_RESULTS: dict[str, Any] = {
    name: namedtuple(name, _OUTPUTS)
    for name in (
        "UniformCandidateSampler", "LogUniformCandidateSampler", "LearnedUnigramCandidateSampler",
        "FixedUnigramCandidateSampler", "AllCandidateSampler",
    )
}  # fmt: skip


class ComputeAccidentalHits(NamedTuple):
    """Where a candidate is a true class.

    Attributes:
        indices: the row of `true_classes`, int32 [hits].
        ids: the place among the candidates, int64 [hits].
        weights: the least float32, [hits].
    """

    indices: Tensor
    ids: Tensor
    weights: Tensor


# Ops


def candidates_shape(
    true_classes: shapes.Shape, *, num_true: int, num_sampled: int
) -> list[shapes.Shape]:
    batch, _ = shapes.with_rank(true_classes, 2)
    return [(num_sampled,), (batch, num_true), (num_sampled,)]


def check_true_classes(true_classes: Any, num_true: int) -> None:
    """Raises InvalidArgumentError unless `true_classes` has `num_true` columns."""
    if true_classes.ndim != 2:
        raise InvalidArgumentError(None, None, "true_classes must be a matrix")
    if true_classes.shape[1] != num_true:
        raise InvalidArgumentError(
            None, None,
            "true_classes must have num_true columns, "
            f"expected: {true_classes.shape[1]} was: {num_true}",
        )  # fmt: skip


def _drawn(ctx: Any, rng: Rng, true_classes: Any, make: Callable[[], Any]) -> Any:
    """Draws with the op's sampler, which the session makes at its first use."""
    attrs = ctx.op._attrs
    check_true_classes(true_classes, attrs["num_true"])
    if attrs["unique"] and attrs["num_sampled"] > attrs["range_max"]:
        raise InvalidArgumentError(None, None, "Sampler's range is too small.")
    key = ("candidate sampler", ctx.op)
    with ctx.state.lock:
        sampler = ctx.state.resources.get(key)
        if sampler is None:
            sampler = ctx.state.resources[key] = make()
        found = samplers.sample(
            sampler, Stream(*rng), attrs["num_sampled"], attrs["unique"], true_classes
        )
        if isinstance(sampler, samplers.LearnedSampler):
            sampler.learn(true_classes)
        return found


def uniform_kernel(ctx: Any, rng: Rng, true_classes: Any, *, range_max: int) -> Any:
    return _drawn(ctx, rng, true_classes, lambda: samplers.UniformSampler(range_max))


def log_uniform_kernel(ctx: Any, rng: Rng, true_classes: Any, *, range_max: int) -> Any:
    return _drawn(ctx, rng, true_classes, lambda: samplers.LogUniformSampler(range_max))


def learned_unigram_kernel(ctx: Any, rng: Rng, true_classes: Any, *, range_max: int) -> Any:
    return _drawn(ctx, rng, true_classes, lambda: samplers.LearnedSampler(range_max))


def fixed_unigram_kernel(ctx: Any, rng: Rng, true_classes: Any) -> Any:
    return _drawn(ctx, rng, true_classes, lambda: _fixed_sampler(ctx.op._attrs))


def _fixed_sampler(attrs: dict[str, Any]) -> samplers.FixedSampler:
    path, unigrams = attrs["vocab_file"], attrs["unigrams"]
    path = path.decode() if isinstance(path, bytes) else path
    if not path and not unigrams:
        raise InvalidArgumentError(None, None, "Must provide either vocab_file or unigrams.")
    if path and unigrams:
        raise InvalidArgumentError(None, None, "Must only provide one of vocab_file and unigrams.")
    weights = samplers.weights_of_classes(
        _weights_in_file(path) if path else unigrams,
        attrs["distortion"], attrs["num_reserved_ids"], attrs["num_shards"], attrs["shard"],
    )  # fmt: skip
    if len(weights) != attrs["range_max"]:
        raise InvalidArgumentError(
            None,
            None,
            f"range_max is {attrs['range_max']}, but {len(weights)} classes have weights",
        )
    return samplers.FixedSampler(weights)


def _weights_in_file(path: str) -> list[float]:
    """The last column of each line of a file of comma-separated values."""
    weights = []
    with translated(path), open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for line in lines:
        if not line:
            continue
        try:
            weights.append(float(line.rpartition(",")[2]))
        except ValueError:
            raise InvalidArgumentError(
                None, None, f"Wrong vocabulary format at line: {line}"
            ) from None
    return weights


def all_kernel(true_classes: Any, *, num_true: int, num_sampled: int) -> Any:
    check_true_classes(true_classes, num_true)
    ones = np.ones(num_sampled, np.float32)
    return np.arange(num_sampled), np.ones(true_classes.shape, np.float32), ones


def _register(name: str, kernel: Any, attrs: tuple[str, ...] = ()) -> None:
    register(
        OpSpec(
            name=f"{name}CandidateSampler",
            inputs=("true_classes: int64",),
            outputs=(
                "sampled_candidates: int64", "true_expected_count: float",
                "sampled_expected_count: float",
            ),
            attrs=(*_ATTRS, *attrs, *SEED_ATTRS),
            shape=candidates_shape, kernel=kernel, gradient=NOT_DIFFERENTIABLE,
            reserve=lambda true_classes, *, num_sampled: num_sampled * _WORDS_RESERVED // 4,
            stateful=True, host=True,
        )
    )  # fmt: skip


_register("Uniform", uniform_kernel)
_register("LogUniform", log_uniform_kernel)
_register("LearnedUnigram", learned_unigram_kernel)
_register("ThreadUnsafeUnigram", learned_unigram_kernel)
_register(
    "FixedUnigram", fixed_unigram_kernel,
    (
        "vocab_file: string = ''", "distortion: float = 1.0", "num_reserved_ids: int = 0",
        "num_shards: int >= 1 = 1", "shard: int >= 0 = 0", "unigrams: list(float) = []",
    ),
)  # fmt: skip

register(
    OpSpec(
        name="AllCandidateSampler", inputs=("true_classes: int64",),
        outputs=(
            "sampled_candidates: int64", "true_expected_count: float",
            "sampled_expected_count: float",
        ),
        attrs=(*_ALL_ATTRS, *SEED_ATTRS),
        shape=candidates_shape, kernel=all_kernel, gradient=NOT_DIFFERENTIABLE,
        stateful=True, host=True,
    )
)  # fmt: skip


def hits_shape(
    true_classes: shapes.Shape, sampled_candidates: shapes.Shape, *, num_true: int
) -> list[shapes.Shape]:
    _, columns = shapes.with_rank(true_classes, 2)
    if columns not in (None, num_true):
        raise ValueError(f"Dimension must be {num_true} but is {columns}")
    shapes.with_rank(sampled_candidates, 1)
    return [(None,), (None,), (None,)]


def hits_kernel(true_classes: Any, sampled_candidates: Any, *, num_true: int) -> Any:
    check_true_classes(true_classes, num_true)
    if sampled_candidates.ndim != 1:
        raise InvalidArgumentError(None, None, "sampled_candidates must be a vector")
    places: dict[int, int] = {}
    for place, candidate in enumerate(sampled_candidates.tolist()):
        places[candidate] = place
    hits = [
        (row, places[number])
        for row, numbers in enumerate(true_classes.tolist())
        for number in numbers
        if number in places
    ]
    rows, ids = np.array(hits, np.int64).reshape(-1, 2).T
    return rows.astype(np.int32), ids.copy(), np.full(len(hits), _LEAST_WEIGHT, np.float32)


register(
    OpSpec(
        name="ComputeAccidentalHits",
        inputs=("true_classes: int64", "sampled_candidates: int64"),
        outputs=("indices: int32", "ids: int64", "weights: float"),
        attrs=("num_true: int", *SEED_ATTRS),
        shape=hits_shape, kernel=hits_kernel, gradient=NOT_DIFFERENTIABLE, host=True,
    )
)  # fmt: skip


# Public functions


def _seeds(seed: int | None) -> dict[str, Any]:
    seed1, seed2 = get_seed(seed)
    return {"seed": seed1, "seed2": seed2}


def _candidates(
    op: str, true_classes: Any, seed: int | None, name: str | None, **attrs: Any
) -> Any:
    outputs = getattr(raw, op)(true_classes, name=name, **attrs, **_seeds(seed))
    return _RESULTS[op](*outputs)


@export("nn.uniform_candidate_sampler", "random.uniform_candidate_sampler")
def uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int,
    seed: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Draws candidates from all classes alike.

    Args:
        true_classes: the true classes, int64 [batch, num_true].
        num_true: how many there are for each example.
        num_sampled: how many candidates to draw, for all examples together.
        unique: draw none twice.
        range_max: the number of classes.
        seed: an int that makes the draws repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        (sampled_candidates, true_expected_count, sampled_expected_count).

    Raises:
        ValueError: `true_classes` is no matrix; running it raises InvalidArgumentError where more
            candidates are wanted, all different, than there are classes.

    Example:
        >>> tf.nn.uniform_candidate_sampler(labels, 1, 64, True, 10000)
    """
    return _candidates(
        "UniformCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
    )


@export("nn.log_uniform_candidate_sampler", "random.log_uniform_candidate_sampler")
def log_uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int,
    seed: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Draws candidates from classes in the order of their frequency, as Zipf's law has it.

    A class c has the probability (log(c + 2) - log(c + 1)) / log(range_max + 1).

    Args:
        true_classes: the true classes, int64 [batch, num_true].
        num_true: how many there are for each example.
        num_sampled: how many candidates to draw, for all examples together.
        unique: draw none twice.
        range_max: the number of classes.
        seed: an int that makes the draws repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        (sampled_candidates, true_expected_count, sampled_expected_count).

    Raises:
        ValueError: `true_classes` is no matrix; running it raises InvalidArgumentError where more
            candidates are wanted, all different, than there are classes.

    Example:
        >>> tf.nn.log_uniform_candidate_sampler(labels, 1, 64, True, 10000)
    """
    return _candidates(
        "LogUniformCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
    )


@export("nn.learned_unigram_candidate_sampler", "random.learned_unigram_candidate_sampler")
def learned_unigram_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int,
    seed: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Draws candidates in proportion to how often each class was true in earlier runs, plus 1.

    Args:
        true_classes: the true classes, int64 [batch, num_true].
        num_true: how many there are for each example.
        num_sampled: how many candidates to draw, for all examples together.
        unique: draw none twice.
        range_max: the number of classes.
        seed: an int that makes the draws repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        (sampled_candidates, true_expected_count, sampled_expected_count).

    Raises:
        ValueError: `true_classes` is no matrix; running it raises InvalidArgumentError where more
            candidates are wanted, all different, than there are classes, or a true class is none.

    Example:
        >>> tf.nn.learned_unigram_candidate_sampler(labels, 1, 64, True, 10000)
    """
    return _candidates(
        "LearnedUnigramCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
    )


@export("nn.fixed_unigram_candidate_sampler", "random.fixed_unigram_candidate_sampler")
def fixed_unigram_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int,
    vocab_file: str = "", distortion: float = 1.0, num_reserved_ids: int = 0, num_shards: int = 1,
    shard: int = 0, unigrams: Any = (), seed: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Draws candidates by weights that are given, such as the frequencies of words.

    Args:
        true_classes: the true classes, int64 [batch, num_true].
        num_true: how many there are for each example.
        num_sampled: how many candidates to draw, for all examples together.
        unique: draw none twice.
        range_max: the number of classes.
        vocab_file: a file whose lines end in a weight, after a comma where something precedes it.
        distortion: the power that weights are raised to; 0 makes them alike.
        num_reserved_ids: how many classes come before these, and are never drawn.
        num_shards, shard: take every `num_shards`-th class, from number `shard` on.
        unigrams: the weights, instead of a file.
        seed: an int that makes the draws repeatable; see `tf.set_random_seed`.
        name: a name for the operation.

    Returns:
        (sampled_candidates, true_expected_count, sampled_expected_count).

    Raises:
        ValueError: `true_classes` is no matrix; running it raises InvalidArgumentError where more
            candidates are wanted, all different, than there are classes, or weights are missing.

    Example:
        >>> tf.nn.fixed_unigram_candidate_sampler(labels, 1, 2, False, 3, unigrams=[5.0, 3.0, 1.0])
    """
    return _candidates(
        "FixedUnigramCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
        vocab_file=vocab_file,
        distortion=distortion,
        num_reserved_ids=num_reserved_ids,
        num_shards=num_shards,
        shard=shard,
        unigrams=list(unigrams),
    )


@export("nn.all_candidate_sampler", "random.all_candidate_sampler")
def all_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool,
    seed: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Gives all classes as candidates, for tests.

    Args:
        true_classes: the true classes, int64 [batch, num_true].
        num_true: how many there are for each example.
        num_sampled: the number of classes.
        unique: makes no difference.
        seed: makes no difference.
        name: a name for the operation.

    Returns:
        (sampled_candidates, true_expected_count, sampled_expected_count); the counts are 1.

    Raises:
        ValueError: `true_classes` is no matrix.

    Example:
        >>> tf.nn.all_candidate_sampler(labels, 1, 10, True)
    """
    return _candidates(
        "AllCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
    )


@export("nn.compute_accidental_hits")
def compute_accidental_hits(
    true_classes: Any,
    sampled_candidates: Any,
    num_true: int,
    seed: int | None = None,
    name: str | None = None,
) -> ComputeAccidentalHits:
    """Finds the candidates that are true classes, so that their logits can be lowered.

    Args:
        true_classes: the true classes, int64 [batch, num_true].
        sampled_candidates: int64 [num_sampled].
        num_true: how many true classes there are for each example.
        seed: makes no difference.
        name: a name for the operation.

    Returns:
        (indices, ids, weights): the example, the place among the candidates, and the least float32
        of each hit.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> rows, places, weights = tf.nn.compute_accidental_hits(labels, candidates, 1)
    """
    hits = raw.ComputeAccidentalHits(
        true_classes, sampled_candidates, num_true=num_true, name=name, **_seeds(seed)
    )
    return ComputeAccidentalHits(*hits)
