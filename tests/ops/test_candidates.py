"""Checks the candidate samplers against TensorFlow 1.15, and how they go on from run to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as tf
from penstock.ops import philox
from penstock.ops.philox_stream import Stream, WeightedChoice
from tests.ops.suite import OpSuite


class TestCandidates(OpSuite):
    subject = "candidates"


def runs(sampler: Any, count: int) -> list[Any]:
    """The results of some runs in one session."""
    with tf.Session() as session:
        return [session.run(sampler) for _ in range(count)]


def test_a_sampler_learns_from_run_to_run() -> None:
    """TensorFlow 1.15's numbers of three runs; true classes become likelier with each."""
    with tf.Graph().as_default():
        true = tf.constant([[1, 3], [2, 9]], tf.int64)
        sampler = tf.nn.learned_unigram_candidate_sampler(true, 2, 7, False, 10, seed=5)
        found = runs(sampler, 3)
        anew = runs(sampler, 1)[0]
    numbers = [one.sampled_candidates.tolist() for one in found]
    assert numbers[:2] == [[1, 9, 4, 9, 2, 4, 9], [8, 3, 3, 8, 1, 2, 6]]
    expected = [7 * weight / total for weight, total in ((1, 10), (2, 14), (3, 18))]
    for one, count in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.true_expected_count, np.full([2, 2], count), rtol=1e-6)
    assert anew.sampled_candidates.tolist() == numbers[0]
    assert len({tuple(row) for row in numbers}) == 3


def test_a_class_that_is_none_cannot_be_learned() -> None:
    """It is an error, and counts nothing."""
    with tf.Graph().as_default(), tf.Session() as session:
        true = tf.placeholder(tf.int64, [1, 1])
        sampler = tf.nn.learned_unigram_candidate_sampler(true, 1, 3, False, 5)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"must lie in \[0, 5\)"):
            session.run(sampler, {true: [[5]]})
        counts = session.run(sampler, {true: [[4]]}).true_expected_count
        np.testing.assert_allclose(counts, [[3 / 5]], rtol=1e-6)


def test_weights_from_a_file(tmp_path: Path) -> None:
    """The last column counts; TensorFlow 1.15's expected counts."""
    path = tmp_path / "words"
    path.write_text('a,1\nb,2.5\n"c",x,3\n')

    def sampler(file: Path, size: int) -> Any:
        return tf.nn.fixed_unigram_candidate_sampler(
            [[1], [2]], 1, 5, False, size, vocab_file=str(file), seed=1
        )

    with tf.Graph().as_default():
        found = runs(sampler(path, 3), 1)[0]
        np.testing.assert_allclose(found.true_expected_count, [[1.9230769], [2.3076923]], rtol=1e-6)
        assert found.sampled_candidates.tolist() == [2, 1, 2, 2, 2]
        with pytest.raises(tf.errors.InvalidArgumentError, match="range_max is 4, but 3 classes"):
            runs(sampler(path, 4), 1)
        with pytest.raises(tf.errors.NotFoundError):
            runs(sampler(tmp_path / "none", 3), 1)
        path.write_text("a,1\nb,zz\n")
        with pytest.raises(tf.errors.InvalidArgumentError, match="Wrong vocabulary format at line"):
            runs(sampler(path, 2), 1)


def test_a_stream_takes_the_words_of_blocks_in_order() -> None:
    """However many, and of whatever size."""
    key, counter = philox.op_state(7, 9)
    words = philox.philox_blocks(np, key, counter, 1000).ravel().tolist()
    stream = Stream(key, counter)
    assert [stream.word() for _ in range(3999)] == words[:3999]
    stream = Stream(key, counter)
    assert stream.pair() == words[0] | words[1] << 32
    unit = philox.random_uniform(np, key, counter, [2], np.float64)
    assert stream.double() == unit[1]
    assert stream.single() == philox.random_uniform(np, key, counter, [5], np.float32)[4]


def test_what_is_drawn_below_a_bound_is_even() -> None:
    """Words that would favour the lowest numbers are passed over."""
    stream = Stream(*philox.op_state(7, 9))
    size = 3 * 2**30
    assert all(stream.below(size) < size for _ in range(1000))
    counts = np.bincount([stream.below(7) for _ in range(7000)], minlength=7)
    assert counts.min() > 850
    assert counts.max() < 1150


def test_weights_are_those_of_the_draws() -> None:
    """A weight of 0 is never drawn."""
    stream = Stream(*philox.op_state(7, 9))
    choice = WeightedChoice([0.0, 1.0, 2.0, 5.0])
    counts = np.bincount([choice.draw(stream) for _ in range(8000)], minlength=4)
    assert counts[0] == 0
    np.testing.assert_allclose(counts[1:], [1000, 2000, 5000], rtol=0.1)
