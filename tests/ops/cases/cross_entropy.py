"""Cross entropies, and L2 loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import case, fails, floats

# The gradient takes each row of labels to sum to 1, which those that are drawn, and those of
# numeric differentiation, do not: it is compared with TensorFlow's alone.
LABELS = np.array([0, 2, 1], np.int32)


def softmax_v2(tf: Any, labels: Any, logits: Any) -> Any:
    """The loss and its gradient by the logits, of which the second derivative is taken."""
    loss = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
    return [loss, tf.gradients(loss, logits)[0]]


CASES = [
    case("nn.softmax_cross_entropy_with_logits_v2", floats(3, 4), floats(3, 4)).but(numeric=False),
    case("nn.softmax_cross_entropy_with_logits_v2", floats(4), floats(4)).but(numeric=False),
    case("nn.softmax_cross_entropy_with_logits_v2", floats(2, 3, 4), floats(2, 3, 4)).but(
        numeric=False
    ),
    case("nn.softmax_cross_entropy_with_logits_v2", floats(2, 3, 4), floats(2, 3, 4), axis=1).but(
        numeric=False
    ),
    case("nn.softmax_cross_entropy_with_logits_v2", floats(2, 3), floats(2, 3), name="loss").but(
        numeric=False
    ),
    case("nn.softmax_cross_entropy_with_logits", labels=floats(3, 4), logits=floats(3, 4)).but(
        numeric=False
    ),
    case(
        "nn.softmax_cross_entropy_with_logits",
        labels=[[1, 0], [0, 1]],
        logits=floats(2, 2),
        name="loss",
    ).but(numeric=False),
    case(softmax_v2, floats(3, 4), floats(3, 4)).but(numeric=False),
    case("nn.sparse_softmax_cross_entropy_with_logits", labels=LABELS, logits=floats(3, 4)).but(
        nodes=True
    ),
    case(
        "nn.sparse_softmax_cross_entropy_with_logits",
        labels=np.array([[0, 1], [2, 2]], np.int64),
        logits=floats(2, 2, 3),
        name="loss",
    ),
    case(
        "nn.sparse_softmax_cross_entropy_with_logits",
        labels=LABELS,
        logits=floats(3, 4, dtype="float64"),
    ),
    case("nn.sparse_softmax_cross_entropy_with_logits", labels=[1, 0], logits=floats(2, 4)),
    case("nn.l2_loss", floats(3, 4)),
    case("nn.l2_loss", floats(3, 4, dtype="float64"), name="loss"),
    case("nn.l2_loss", floats(0)),
    case("nn.sigmoid_cross_entropy_with_logits", labels=floats(3, 4), logits=floats(3, 4)),
    case(
        "nn.sigmoid_cross_entropy_with_logits",
        labels=floats(3),
        logits=np.array([-90, 0.5, 90], np.float32),
        name="loss",
    ),
    case("nn.weighted_cross_entropy_with_logits", floats(3, 4), floats(3, 4), 2.0),
    case("nn.weighted_cross_entropy_with_logits", floats(3), floats(3), floats(3), name="w"),
    case("nn.log_poisson_loss", floats(3), floats(3)),
    case("nn.log_poisson_loss", floats(5, low=0.0, high=9.0), floats(5), True).but(
        numeric=False  # TensorFlow gives the first argument's kink no gradient
    ),
    fails("nn.softmax_cross_entropy_with_logits_v2", floats(2, 3), floats(2, 4)).but(
        says="Dimensions must be equal"
    ),
    fails("nn.softmax_cross_entropy_with_logits_v2", floats(2, 3), floats(2, 4)).but(
        shapes="unknown", says="logits and labels must be broadcastable"
    ),
    fails("nn.softmax_cross_entropy_with_logits", floats(2, 3), floats(2, 3)).but(
        says="with named arguments"
    ),
    fails("nn.sparse_softmax_cross_entropy_with_logits", labels=LABELS, logits=floats(2, 4)).but(
        says="Shape mismatch"
    ),
    fails("nn.sparse_softmax_cross_entropy_with_logits", labels=LABELS, logits=floats(3)).but(
        says="Rank mismatch"
    ),
    fails("nn.sigmoid_cross_entropy_with_logits", labels=floats(2), logits=floats(3)).but(
        says="logits and labels must have the same shape"
    ),
]
