"""Record TensorFlow 1.15's random numbers into random.npz.

Run under TensorFlow 1.15 (Python 3.7): python tests/golden/record_random.py

One op instance is run several times in one session, with another size each time, so that the
numbers of a later run also prove how far the earlier ones moved the op's counter. Each array, keyed
by op/dtype/seed,seed2, holds all runs, flattened, one after the other.
"""

import os

import numpy as np
import tensorflow as tf
from tensorflow.python.ops import gen_random_ops as ops
from tensorflow.python.ops import gen_stateless_random_ops as stateless

RUN_SIZES = (1, 3, 4, 5, 300, 7)
SEEDS = ((7, 9), (0, 2**31 - 1), (-5, 2**40 + 3))
FLOATS = (tf.float16, tf.bfloat16, tf.float32, tf.float64)
INT_RANGES = {tf.int32: (-100, 2**31 - 1), tf.int64: (-(2**62), 2**62 + 12345)}
ALPHAS = (0.1, 0.9, 1.0, 1.5, 40.0)
RATES = (0.0, 0.5, 9.5, 10.0, 33.0, 2000.0)
LOGITS = ((0.0, 1.0, 2.0, -1.0), (0.0, 0.0, float("-inf"), 0.0), (3.0, -3.0, 0.5, 0.5))
SHUFFLE_ROWS = (1, 2, 5, 6, 100, 3)
MULTINOMIAL_SIZES = (1, 3, 4, 5, 60, 7)
DRAWS = (1, 3, 60, 2)
# TF draws many numbers in several threads. Of these one in a thousand or so is kept.
LARGE, KEPT = 1000003, 9973
LARGE_DRAWS, KEPT_DRAWS = 20001, 331


def stored(values):
    """`values` flattened; bfloat16 as its bits, which npz has no type for."""
    values = np.asarray(values).ravel()
    return values.view(np.uint16) if values.dtype.name == "bfloat16" else values


def runs(make, sizes=RUN_SIZES):
    """All runs, in one session, of the op that `make` builds from a placeholder, fed each size."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        size = tf.compat.v1.placeholder(tf.int32, [])
        out = make(size)
        return np.concatenate([stored(session.run(out, {size: n})) for n in sizes])


def record_simple(golden, seed, seed2):
    """The four distributions whose every output costs the same."""
    floats = {
        "RandomUniform": ops.random_uniform,
        "RandomStandardNormal": ops.random_standard_normal,
        "TruncatedNormal": ops.truncated_normal,
    }
    for name, op in floats.items():
        for dtype in FLOATS:
            golden[f"{name}/{dtype.name}/{seed},{seed2}"] = runs(
                lambda n, op=op, dtype=dtype: op([n], dtype, seed=seed, seed2=seed2)
            )
    for dtype, limits in INT_RANGES.items():
        golden[f"RandomUniformInt/{dtype.name}/{seed},{seed2}"] = runs(
            lambda n, dtype=dtype, limits=limits: ops.random_uniform_int(
                [n], *(tf.constant(limit, dtype) for limit in limits), seed=seed, seed2=seed2
            )
        )


def record_sampled(golden):
    """Shuffles, categorical draws, gamma and Poisson."""
    seeds = {"seed": 7, "seed2": 9}
    golden["RandomShuffle/int32/7,9"] = runs(
        lambda n: ops.random_shuffle(tf.range(n), **seeds), SHUFFLE_ROWS
    )
    golden["RandomShuffle/rows/7,9"] = runs(
        lambda n: ops.random_shuffle(tf.reshape(tf.range(n * 2), [n, 2]), **seeds), SHUFFLE_ROWS
    )
    for dtype in (tf.float32, tf.float64):
        golden[f"Multinomial/{dtype.name}/7,9"] = runs(
            lambda n, dtype=dtype: ops.multinomial(tf.constant(LOGITS, dtype), n, **seeds),
            MULTINOMIAL_SIZES,
        )
    for dtype in (tf.float16, tf.float32, tf.float64):
        golden[f"RandomGamma/{dtype.name}/7,9"] = runs(
            lambda n, dtype=dtype: ops.random_gamma([n], tf.constant(ALPHAS, dtype), **seeds),
            DRAWS,
        )
    for dtype in (tf.float16, tf.float32, tf.float64, tf.int64):
        golden[f"RandomPoissonV2/{dtype.name}/7,9"] = runs(
            lambda n, dtype=dtype: ops.random_poisson_v2(
                [n], tf.constant(RATES), dtype=dtype, **seeds
            ),
            DRAWS,
        )


def record_large(golden):
    """Of every distribution many numbers: a few of them, from a second run."""
    floats = {
        "RandomUniform": ops.random_uniform,
        "RandomStandardNormal": ops.random_standard_normal,
        "TruncatedNormal": ops.truncated_normal,
    }
    makes = {}
    for name, op in floats.items():
        for dtype in FLOATS:
            makes[f"{name}/{dtype.name}"] = lambda op=op, dtype=dtype: op([LARGE], dtype, 7, 9)
    for dtype, limits in INT_RANGES.items():
        makes[f"RandomUniformInt/{dtype.name}"] = lambda dtype=dtype, limits=limits: (
            ops.random_uniform_int([LARGE], *(tf.constant(n, dtype) for n in limits), 7, 9)
        )
    makes["RandomShuffle/int32"] = lambda: ops.random_shuffle(tf.range(LARGE), 7, 9)
    for name, make in makes.items():
        golden[f"large/{name}"] = second_run(make, KEPT)
    for dtype in (tf.float32, tf.float64):
        golden[f"large/RandomGamma/{dtype.name}"] = second_run(
            lambda dtype=dtype: ops.random_gamma([LARGE_DRAWS], tf.constant(ALPHAS, dtype), 7, 9),
            KEPT_DRAWS,
        )
    golden["large/RandomPoissonV2/int64"] = second_run(
        lambda: ops.random_poisson_v2([LARGE_DRAWS], tf.constant(RATES), 7, 9, dtype=tf.int64),
        KEPT_DRAWS,
    )
    golden["large/StatelessRandomUniform/float32"] = second_run(
        lambda: stateless.stateless_random_uniform([LARGE], tf.constant([7, 9])), KEPT
    )


def second_run(make, kept):
    """Every so many-th number that the second run of an op gives."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        out = make()
        session.run(out)
        return stored(session.run(out))[::kept].copy()


def record_stateless(golden, pair):
    """The ops whose seed is an input and which keep no counter."""

    def seed():
        return tf.constant(pair, tf.int64)

    makes = {
        "RandomUniform/float32": lambda n: stateless.stateless_random_uniform([n], seed()),
        "RandomNormal/float32": lambda n: stateless.stateless_random_normal([n], seed()),
        "TruncatedNormal/float32": lambda n: stateless.stateless_truncated_normal([n], seed()),
        "RandomUniformInt/int32": lambda n: stateless.stateless_random_uniform_int(
            [n], seed(), *INT_RANGES[tf.int32]
        ),
        "Multinomial/float32": lambda n: stateless.stateless_multinomial(
            tf.constant(LOGITS), n, seed()
        ),
    }
    for name, make in makes.items():
        golden[f"Stateless{name}/{pair[0]},{pair[1]}"] = runs(make, (33,))


def main():
    golden = {}
    for seed, seed2 in SEEDS:
        record_simple(golden, seed, seed2)
        record_stateless(golden, (seed, seed2))
    record_sampled(golden)
    record_large(golden)
    record_stateless(golden, (0, 0))
    target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "random.npz")
    np.savez_compressed(target, **golden)
    for name, values in sorted(golden.items()):
        print(name, values.dtype, values.size)  # noqa: T201


if __name__ == "__main__":
    main()
