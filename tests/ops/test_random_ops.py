"""Checks the random ops against TensorFlow 1.15, and how their numbers go on from run to run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import penstock as tf
from penstock.graph.opspec import lookup, registered
from penstock.ops import philox
from tests.ops.suite import TIERS, OpSuite, tier_config


class TestRandom(OpSuite):
    subject = "random"


LOGITS = np.log([[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]])
FLOATS = ("float16", "bfloat16", "float32", "float64")
WHOLE = ("int32", "int64")
SIZE = [1003]  # more than a few of them round differently where something rounds differently

Make = Callable[[], Any]  # makes the op in the default graph


def call(op: str, *inputs: Any, **attrs: Any) -> Make:
    """A raw op; its inputs are converted when it is made."""
    return lambda: lookup(op)(*[make() if callable(make) else make for make in inputs], **attrs)


def bounds(dtype: str) -> list[Make]:
    return [lambda n=n: tf.constant(n, dtype) for n in (-7, 2**31 - 1)]  # type: ignore[misc]


def logits(dtype: str) -> Make:
    return lambda: tf.cast(tf.placeholder_with_default(LOGITS, [2, 3]), dtype)


def parameters(dtype: str) -> Make:
    return lambda: tf.constant([0.05, 0.5, 1.0, 3.0, 9.0, 44.0], dtype)


def candidates(op: str, **attrs: Any) -> Make:
    """Of a sampler the candidates."""
    true = np.array([[1], [2]])
    given = {"num_true": 1, "num_sampled": 50, "unique": False, "range_max": 99, **SEEDS, **attrs}
    return lambda: lookup(op)(true, **given)[0]


SEEDS = {"seed": 5, "seed2": 6}


def pair() -> Any:
    """A seed for stateless ops that is not known before the run."""
    return tf.placeholder_with_default(np.array([5, 2**40 + 6]), [2])


# Of each random op a sample for each of its types.
SAMPLES: dict[str, dict[str, Make]] = {
    **{op: {t: call(op, SIZE, dtype=t, **SEEDS) for t in FLOATS}
       for op in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal")},
    "RandomUniformInt": {t: call("RandomUniformInt", SIZE, *bounds(t), **SEEDS) for t in WHOLE},
    "RandomShuffle": {"int32": call("RandomShuffle", np.arange(1003, dtype=np.int32), **SEEDS)},
    "Multinomial": {t: call("Multinomial", logits(t), 1003, **SEEDS) for t in FLOATS},
    "RandomGamma": {t: call("RandomGamma", SIZE, parameters(t), **SEEDS)
                    for t in FLOATS if t != "bfloat16"},
    "RandomPoissonV2": {t: call("RandomPoissonV2", SIZE, parameters("float32"), dtype=t, **SEEDS)
                        for t in ("float16", "float32", "float64", *WHOLE)},
    **{op: {"int64": candidates(op)}
       for op in ("UniformCandidateSampler", "LogUniformCandidateSampler",
                  "LearnedUnigramCandidateSampler", "ThreadUnsafeUnigramCandidateSampler")},
    "FixedUnigramCandidateSampler": {
        "int64": candidates("FixedUnigramCandidateSampler", unigrams=list(range(99)))},
    **{op: {t: call(op, SIZE, pair, dtype=t) for t in FLOATS}
       for op in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal")},
    "StatelessRandomUniformInt": {
        t: call("StatelessRandomUniformInt", SIZE, pair, *bounds(t)) for t in WHOLE},
    "StatelessMultinomial": {
        t: call("StatelessMultinomial", logits(t), 1003, pair) for t in FLOATS},
}  # fmt: skip


def three_runs(tier: str, make: Callable[[], Any]) -> list[Any]:
    """The numbers of three runs of one session."""
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        numbers = make()
        return [session.run(numbers) for _ in range(3)]


def test_there_is_a_sample_of_every_random_op() -> None:
    random = {name for name, spec in registered().items() if spec.wants_rng}
    stateless = {name for name in registered() if name.startswith("Stateless") and "If" not in name}
    assert random | (stateless - {"StatelessWhile"}) == set(SAMPLES)


@pytest.mark.parametrize(("op", "dtype"), [(op, t) for op in SAMPLES for t in SAMPLES[op]])
def test_both_tiers_draw_the_same_bits(op: str, dtype: str) -> None:
    interpreted, compiled = [three_runs(tier, SAMPLES[op][dtype]) for tier in TIERS]
    assert (interpreted[0].tobytes() == interpreted[1].tobytes()) == op.startswith("Stateless")
    for one, other in zip(interpreted, compiled, strict=True):
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()


def test_normal_numbers_have_the_same_bits_for_every_uniform_number() -> None:
    """float32 ones are made of 23 bits each way, and so can be compared for all of them."""
    bits = np.arange(2**23, dtype=np.uint64)
    pairs = (bits | (bits << np.uint64(32))).reshape(-1, 2)
    interpreted = philox.normals(np, pairs, np.dtype(np.float32))
    with jax.enable_x64(True):
        compiled = jax.jit(lambda pairs: philox.normals(jax.numpy, pairs, np.dtype(np.float32)))
        assert np.asarray(compiled(pairs)).tobytes() == interpreted.tobytes()


@pytest.mark.parametrize("tier", TIERS)
def test_a_session_starts_anew(tier: str) -> None:
    with tf.Graph().as_default():
        numbers = tf.random_uniform([4], seed=3)
        with tf.Session(config=tier_config(tier)) as session:
            first, second = session.run(numbers), session.run(numbers)
        with tf.Session(config=tier_config(tier)) as session:
            np.testing.assert_array_equal(session.run(numbers), first)
            np.testing.assert_array_equal(session.run(numbers), second)


@pytest.mark.parametrize("tier", TIERS)
def test_each_op_counts_its_own_runs(tier: str) -> None:
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        one, twin = tf.random_uniform([4], seed=3), tf.random_uniform([4], seed=3)
        first, second = session.run(one), session.run(one)
        np.testing.assert_array_equal(session.run(twin), first)
        np.testing.assert_array_equal(session.run([one, twin])[1], second)


@pytest.mark.parametrize("tier", TIERS)
def test_equal_ops_without_a_seed_differ(tier: str) -> None:
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        one, twin = tf.random_uniform([4]), tf.random_uniform([4])
        drawn = [*session.run([one, twin]), *session.run([one, twin])]
        with tf.Session(config=tier_config(tier)) as other:
            drawn.append(other.run(one))
        assert len({array.tobytes() for array in drawn}) == len(drawn)


@pytest.mark.parametrize("tier", TIERS)
def test_an_op_draws_once_a_run(tier: str) -> None:
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        x = tf.random_normal([5], seed=3)
        np.testing.assert_array_equal(session.run(x - x), np.zeros(5))


@pytest.mark.parametrize("tier", TIERS)
def test_an_op_that_must_run_draws_though_nothing_uses_it(tier: str) -> None:
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        x = tf.random_uniform([2], seed=3)
        with tf.control_dependencies([x]):
            other = tf.constant(1.0) + 1.0
        expected = three_runs("interpreted", lambda: tf.random_uniform([2], seed=3))
        session.run(other)
        session.run(x.op)
        np.testing.assert_array_equal(session.run(x), expected[2])


@pytest.mark.parametrize("tier", TIERS)
def test_a_fed_number_is_not_drawn(tier: str) -> None:
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        x = tf.random_uniform([2], seed=3, name="x")
        doubled = x * 2
        np.testing.assert_array_equal(session.run(doubled, {x: [1, 2]}), [2, 4])
        expected = three_runs("interpreted", lambda: tf.random_uniform([2], seed=3))
        np.testing.assert_array_equal(session.run(x), expected[0])


@pytest.mark.parametrize("tier", TIERS)
def test_stateless_numbers_follow_the_seed_alone(tier: str) -> None:
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        seed = tf.placeholder(tf.int32, [2])
        numbers = tf.random.stateless_uniform([4], seed)
        fixed = tf.random.stateless_uniform([4], [7, 9])
        runs = [session.run(numbers, {seed: value}) for value in ([7, 9], [9, 7], [7, 9])]
        np.testing.assert_array_equal(runs[0], runs[2])
        assert not np.array_equal(runs[0], runs[1])
        np.testing.assert_array_equal(session.run(fixed), runs[0])


@pytest.mark.parametrize("tier", TIERS)
def test_a_fed_shape_and_fed_bounds(tier: str) -> None:
    with tf.Graph().as_default(), tf.Session(config=tier_config(tier)) as session:
        shape, high = tf.placeholder(tf.int32, [1]), tf.placeholder(tf.int32, [])
        numbers = tf.random_uniform(shape, 0, high, tf.int32, seed=3)
        for size in range(1, 12):
            drawn = session.run(numbers, {shape: [size], high: size})
            assert drawn.shape == (size,)
            assert 0 <= drawn.min() <= drawn.max() < size


def test_threads_never_draw_the_same() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        numbers = tf.random_uniform([2], seed=3)
        drawn: list[bytes] = []

        def draw() -> None:
            for _ in range(50):
                drawn.append(session.run(numbers).tobytes())

        threads = [threading.Thread(target=draw) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(drawn)) == len(drawn) == 200


@pytest.mark.parametrize(
    "sample", [tf.random_shuffle, lambda x: tf.random_poisson(x, [2])], ids=["shuffle", "poisson"]
)
def test_ops_without_a_gradient_say_so(sample: Callable[[Any], Any]) -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [3])
        with pytest.raises(LookupError, match="No gradient defined for operation"):
            tf.gradients(sample(x), x)


def test_random_numbers_are_known_in_no_graph() -> None:
    with tf.Graph().as_default():
        assert tf.get_static_value(tf.random_uniform([2], seed=3)) is None


@pytest.mark.parametrize(
    ("graph_seed", "op_seed", "expected"),
    [
        (None, None, (None, None)),
        (None, 7, (87654321, 7)),
        (None, -3, (87654321, 2**31 - 4)),
        (5, None, (5, 1)),
        (0, 0, (0, 2**31 - 1)),
        (2**31 - 1, 0, (0, 2**31 - 1)),
        (2**40 + 5, 2**31, (517, 1)),
    ],
)
def test_seeds(graph_seed: Any, op_seed: Any, expected: Any) -> None:
    with tf.Graph().as_default():
        if graph_seed is not None:
            tf.set_random_seed(graph_seed)
        tf.no_op()
        assert tf.get_seed(op_seed) == expected
