"""What the sparse cross entropy makes of labels that are no class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as tf
from tests.ops.suite import tier_config

LOGITS = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], np.float32)


def loss_and_gradient(labels: list[int], tier: str) -> Any:
    """Runs both in one tier."""
    with tf.Graph().as_default():
        logits, fed = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [None])
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=fed, logits=logits)
        fetches = [loss, tf.gradients(loss, logits)[0]]
        with tf.Session(config=tier_config(tier)) as sess:
            return sess.run(fetches, {logits: LOGITS, fed: labels})


@pytest.mark.parametrize("label", [3, -1])
def test_interpreted_code_raises(label: int) -> None:
    """As TensorFlow does on a CPU."""
    text = rf"Received a label value of {label} which is outside the valid range of \[0, 3\)"
    with pytest.raises(tf.errors.InvalidArgumentError, match=text):
        loss_and_gradient([0, label], "interpreted")


@pytest.mark.parametrize("label", [3, -1])
def test_compiled_code_gives_nan(label: int) -> None:
    """As TensorFlow does on a GPU: NaN for that row, and the right numbers for the others."""
    loss, gradient = loss_and_gradient([0, label], "compiled")
    expected_loss, expected_gradient = loss_and_gradient([0, 0], "interpreted")
    np.testing.assert_allclose(loss[0], expected_loss[0], rtol=1e-6)
    np.testing.assert_allclose(gradient[0], expected_gradient[0], rtol=1e-6)
    assert np.isnan(loss[1])
    assert np.isnan(gradient[1]).all()
