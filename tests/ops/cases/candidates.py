"""Cases of the candidate samplers: numbers, expected counts, names and errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import case, fails

TRUE = np.array([[1, 3], [2, 9]])
ONE = np.array([[1], [2], [0]])
WEIGHTS = [1.0, 2.0, 3.0, 4.0, 0.0, 5.0, 6.0, 7.0, 8.0, 9.0]
UNIFORM, LOG_UNIFORM = "nn.uniform_candidate_sampler", "nn.log_uniform_candidate_sampler"
LEARNED, FIXED = "nn.learned_unigram_candidate_sampler", "nn.fixed_unigram_candidate_sampler"


def several(tf: Any, true: Any) -> Any:
    """Seeds follow from the graph; the names from TensorFlow's ops."""
    first = tf.random.uniform_candidate_sampler(true, 1, 4, False, 10)
    second = tf.random.log_uniform_candidate_sampler(true, 1, 4, False, 10)
    third = tf.random.all_candidate_sampler(true, 1, 3, True)
    return [*first, *second, *third]


def in_one_thread(tf: Any, true: Any) -> Any:
    """The op that is another name of the learned sampler."""
    sampler = tf.raw_ops.ThreadUnsafeUnigramCandidateSampler
    attrs = {"num_true": 1, "num_sampled": 4, "unique": True, "range_max": 10}
    return list(sampler(true_classes=true, seed=1, seed2=2, **attrs))


CASES = [
    case(in_one_thread, ONE).but(gradient=False),
    *[
        case(sampler, TRUE, 2, 7, unique, size, seed=5).but(gradient=False)
        for sampler in (UNIFORM, LOG_UNIFORM)
        for size in (10, 16, 1000000, 2**40)
        for unique in (True, False)
    ],
    *[
        case(LEARNED, TRUE, 2, 7, unique, size, seed=5).but(gradient=False)
        for size in (10, 16, 1000)
        for unique in (True, False)
    ],
    *[
        case(FIXED, TRUE, 2, 7, unique, 10, unigrams=WEIGHTS, distortion=power, seed=5).but(
            gradient=False
        )
        for power in (1.0, 0.5, 0.0)
        for unique in (True, False)
    ],
    case(FIXED, ONE, 1, 5, False, 4, num_reserved_ids=2, num_shards=2, shard=1,
         unigrams=[1.0, 2.0, 4.0, 8.0, 16.0], seed=5).but(gradient=False),
    case(FIXED, ONE, 1, 5, False, 3, num_reserved_ids=4, num_shards=3, shard=2,
         unigrams=[1.0, 2.0, 4.0, 8.0, 16.0], seed=5).but(gradient=False),
    case(UNIFORM, TRUE, 2, 300, True, 301, seed=5).but(gradient=False),
    case(UNIFORM, np.array([[100], [-1]]), 1, 3, False, 10, seed=5).but(gradient=False),
    case(LOG_UNIFORM, np.array([[100], [3]]), 1, 3, False, 10, seed=5, name="named").but(
        gradient=False
    ),
    case(several, ONE).but(graph_seed=3, gradient=False),
    case("nn.all_candidate_sampler", TRUE, 2, 5, True, seed=1).but(gradient=False),
    case("nn.compute_accidental_hits", TRUE, np.array([9, 1, 1, 4]), 2).but(gradient=False),
    case("nn.compute_accidental_hits", TRUE, np.array([7, 8]), 2, name="hits").but(gradient=False),
    fails(UNIFORM, TRUE, 2, 7, True, 5).but(says="Sampler's range is too small."),
    fails(UNIFORM, TRUE, 3, 7, True, 10).but(says="true_classes must have num_true columns"),
    fails(UNIFORM, np.array([1]), 1, 7, True, 10).but(says="Shape must be rank 2 but is rank 1"),
    fails(UNIFORM, np.array([1]), 1, 7, True, 10).but(shapes="unknown", says="must be a matrix"),
    fails(UNIFORM, np.array([[1]], np.int32), 1, 7, True, 10).but(says="type int32 that does not"),
    fails(UNIFORM, ONE, 1, 7, True, 0).but(says="passed 0 less than minimum 1"),
    fails(LOG_UNIFORM, ONE, 1, 0, True, 5).but(says="passed 0 less than minimum 1"),
    fails(FIXED, ONE, 1, 2, False, 3).but(says="Must provide either vocab_file or unigrams."),
    fails(FIXED, ONE, 1, 2, False, 3, vocab_file="a", unigrams=[1.0]).but(
        says="Must only provide one of vocab_file and unigrams."
    ),
    fails("nn.compute_accidental_hits", TRUE, np.array([9]), 1).but(says="Dimension must be 1 but"),
    fails("nn.compute_accidental_hits", np.array([1]), np.array([9]), 1).but(says="must be rank 2"),
]  # fmt: skip
