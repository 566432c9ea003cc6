"""Checks special functions, counts and cross products against TensorFlow 1.15."""

import numpy as np
import pytest
import scipy.special

import penstock as tf
from tests.ops.suite import OpSuite


class TestSpecialFunctions(OpSuite):
    subject = "special_functions"


@pytest.mark.parametrize("level", [-1, 1])
@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_single_precision_is_that_of_the_function(name: str, level: int) -> None:
    """In both tiers: near its zeros, too, where XLA's own approximations have few digits."""
    values = np.linspace(0.05, 6, 20_000).astype(np.float32)
    exact = {"lgamma": scipy.special.gammaln, "digamma": scipy.special.digamma}[name]
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = level
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        x = tf.placeholder(tf.float32, [None])
        found = session.run(getattr(tf, name)(x), {x: values})
    np.testing.assert_allclose(found, exact(values.astype(np.float64)), rtol=1e-6)
