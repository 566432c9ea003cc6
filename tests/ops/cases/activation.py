"""Activation functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.case import case, distinct, fails, floats, ints

AWAY = distinct(3, 4, low=-1.9)  # no number is 0, where slopes change
EDGES = np.array([-90, -20, -1, -1e-6, 0, 1e-6, 1, 5.9, 6.1, 20, 90], np.float32)


def second(name: str) -> Any:
    """A function that returns an activation and its gradient: both are then differentiated."""

    def with_gradient(tf: Any, x: Any) -> Any:
        y = getattr(tf.nn, name)(x)
        return [y, tf.gradients(y, x)[0]]

    with_gradient.__name__ = name + "_with_gradient"
    return with_gradient


def softplus_grad(tf: Any, gradients: Any, features: Any) -> Any:
    """The op that graphs of other versions hold for the gradient of softplus."""
    return tf.raw_ops.SoftplusGrad(gradients=gradients, features=features)


CASES = [
    case(softplus_grad, floats(3, 4), floats(3, 4)),
    case("nn.relu", AWAY),
    case("nn.relu", EDGES).but(numeric=False),
    case("nn.relu", ints(2, 5)),
    case("nn.relu", [[-1.0, 2.0]]),
    case("nn.relu6", distinct(3, 4, low=-2.9, high=9.0)),
    case("nn.relu6", EDGES).but(numeric=False),
    case("nn.relu6", ints(6, low=-3, high=10)),
    case("nn.leaky_relu", AWAY),
    case("nn.leaky_relu", distinct(5, low=-1.9), alpha=0.3, name="slope"),
    case("nn.leaky_relu", ints(5)),
    case("nn.elu", AWAY),
    case("nn.elu", EDGES).but(numeric=False),
    case("nn.selu", AWAY),
    case("nn.selu", EDGES).but(numeric=False),
    case("nn.softplus", floats(3, 4)),
    case("nn.softplus", EDGES),
    case("nn.softplus", floats(4, dtype="float64")),
    case("nn.softsign", floats(3, 4)),
    case("nn.softsign", EDGES).but(numeric=False),  # |x| is kinked at 0
    case("nn.softmax", floats(3, 4)),
    case("nn.softmax", floats(5)),
    case("nn.softmax", floats(2, 3, 4)),
    case("nn.softmax", floats(2, 3, 4), axis=1),
    case("nn.softmax", floats(2, 3, 4), axis=-2, name="middle"),
    case("nn.softmax", floats(2, 3), dim=0),
    case("nn.softmax", np.array([[1000, 1, 2], [-1000, 0, 0]], np.float32)),
    case("nn.softmax", floats(3, 4, dtype="float64")),
    case("nn.softmax", floats(0, 3)),
    case("nn.log_softmax", floats(3, 4)),
    case("nn.log_softmax", floats(2, 3, 4), axis=0),
    case("nn.log_softmax", np.array([[1000, 1, 2]], np.float32)),
    case("nn.crelu", distinct(2, 3, low=-1.9)),
    case("nn.crelu", distinct(2, 3, low=-1.9), axis=0, name="both"),
    case(second("relu"), AWAY),
    case(second("relu6"), AWAY),
    case(second("leaky_relu"), AWAY),
    case(second("elu"), AWAY),
    case(second("selu"), AWAY),
    case(second("softplus"), floats(3, 4)),
    case(second("softmax"), floats(3, 4)),
    case(second("log_softmax"), floats(3, 4)),
    fails("nn.softmax", floats(2, 3), axis=2).but(says="must be in the range [-2, 2)"),
    fails("nn.softmax", np.array(1.0, np.float32)).but(
        says="Shape must be at least rank 1 but is rank 0"
    ),
    fails("nn.softmax", ints(3)).but(says="not in list of allowed values"),
]
